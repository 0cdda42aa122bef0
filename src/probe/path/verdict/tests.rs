//! The sentences, case by case; and what must hold of all of them.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::estate::{Icb, Prefix};
use crate::observation::Hop;
use crate::probe::path::Way;

const TARGET: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));

fn router(n: u8) -> IpAddr {
    IpAddr::from([10, 20, 0, n])
}

fn estate() -> Estate {
    let component = |kind: &str, name: &str, block: &str| Component {
        id: kind.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        owner: None,
        contact: None,
        target_percent: None,
        addresses: vec![block.parse::<Prefix>().expect("a block")],
    };
    Estate {
        icb: Icb { code: "QKS".into(), name: "Kent".into(), timezone: jiff::tz::TimeZone::UTC },
        components: vec![
            component("carrier", "BT", "10.20.0.1"),
            component("firewall", "ICB internet firewall, Maidstone", "10.20.0.2/31"),
        ],
        networks: Vec::new(),
        services: Vec::new(),
        probes: Vec::new(),
        practices: Vec::new(),
        hub_via: Vec::new(),
    }
}

/// Routers by their last number, 0: silent, 99: the target.
fn trace(hops: &[u8], end: End) -> Trace {
    let address = |n: u8| match n {
        0 => None,
        99 => Some(TARGET),
        n => Some(router(n)),
    };
    let hops =
        hops.iter().zip(1..).map(|(n, ttl)| Hop { ttl, address: address(*n), ms: address(*n).map(|_| 1.0) });
    Trace { way: Way::Tcp, target: TARGET, port_of_many: None, hops: hops.collect(), end }
}

fn good(hops: &[u8]) -> Trace {
    trace(hops, End::Reached)
}

#[test]
fn a_way_to_one_port_of_many_says_so() {
    let trace = Trace { port_of_many: Some(8443), ..trace(&[1, 99], End::Reached) };
    assert_eq!(
        says(&trace, None),
        "Reaches 10.9.0.2 over 2 hops. This is the way over TCP to port 8443; what goes to the other ports of this check may be \
         stopped elsewhere."
    );
}

fn says(now: &Trace, good: Option<&Trace>) -> String {
    judge(now, good, &estate()).sentence
}

#[test]
fn it_stops_after_the_last_that_answers_and_the_next_is_named() {
    let now = trace(&[1, 2], End::Silent);
    assert_eq!(
        says(&now, Some(&good(&[1, 2, 5, 99]))),
        "Stops after 10.20.0.2, which is the ICB internet firewall, Maidstone. Next was 10.20.0.5."
    );
    assert_eq!(
        says(&now, Some(&good(&[1, 2, 99]))),
        "Stops after 10.20.0.2, which is the ICB internet firewall, Maidstone. Next was 10.9.0.2, the target itself."
    );
    assert!(says(&now, None).ends_with("no path from when all was fine is known."), "{}", says(&now, None));
    let seen = judge(&now, None, &estate());
    assert_eq!((seen.stopped, seen.last, seen.hops.len()), (Stopped::Silent, Some(router(2)), 2));
}

#[test]
fn silence_that_is_usual_convicts_nobody() {
    let now = trace(&[1], End::Silent);
    assert_eq!(
        says(&now, Some(&good(&[1, 0, 0, 99]))),
        "Stops after 10.20.0.1, which is BT. Hops 2 and 3 didn't answer when all was fine either, so it is there, \
         or at 10.9.0.2, the target itself."
    );
    assert_eq!(
        says(&good(&[1, 0, 99]), None),
        "Reaches 10.9.0.2 over 3 hops. Hop 2 is silent by policy, which is no fault: what lies behind answers."
    );
}

#[test]
fn nothing_at_all_is_compared_with_what_answered() {
    let now = trace(&[], End::Silent);
    assert!(says(&now, None).contains("not even the first router"));
    assert!(says(&now, Some(&good(&[1, 99]))).contains("not even 10.20.0.1, which is BT, which does"));
    assert!(says(&now, Some(&good(&[0, 99]))).starts_with("10.9.0.2 doesn't answer; no router"));
}

#[test]
fn who_says_no_is_named() {
    let now = trace(&[1, 3], End::Prohibited);
    assert_eq!(
        says(&now, Some(&good(&[1, 3, 99]))),
        "Stops at 10.20.0.3, which is the ICB internet firewall, Maidstone, which says that it is prohibited. \
         It let it through when all was fine."
    );
    assert!(says(&trace(&[1], End::Unreachable), None).contains("no way on to 10.9.0.2"));
    let seen = judge(&trace(&[], End::NoRoute), None, &estate());
    assert_eq!((seen.stopped, seen.last), (Stopped::Unreachable, None));
    assert!(seen.sentence.contains("before the first router"), "{}", seen.sentence);
}

#[test]
fn who_refuses_from_nearer_than_the_target_is_not_the_target() {
    let now = trace(&[1, 99], End::Refused);
    assert_eq!(
        says(&now, Some(&good(&[1, 2, 99]))),
        "Somebody refuses in the name of 10.9.0.2, 2 hops away, where 10.9.0.2 itself was 3 hops away when all was \
         fine: that is behind 10.20.0.1, which is BT."
    );
    assert_eq!(says(&now, Some(&good(&[1, 99]))), "Reaches 10.9.0.2 over 2 hops, which refuses.");
}

#[test]
fn another_route_and_a_circle_are_told() {
    let changed = says(&trace(&[1, 7], End::Silent), Some(&good(&[1, 5, 99])));
    assert!(changed.ends_with("The route has changed: hop 2 was 10.20.0.5."), "{changed}");
    let circle = says(&trace(&[1, 7, 8, 7], End::Looping), None);
    assert_eq!(circle, "Goes round in a circle: 10.20.0.7, then 10.20.0.8, and from there again.");
}

#[test]
fn a_path_to_elsewhere_is_nothing_to_compare_with() {
    let now = trace(&[1], End::Silent);
    let mut other = good(&[1, 5, 99]);
    other.way = Way::Udp;
    assert_eq!(says(&now, Some(&other)), says(&now, None));
    assert_eq!(says(&now, Some(&trace(&[1, 5], End::Silent))), says(&now, None), "it was no good one");
}

#[test]
fn what_could_not_be_traced_is_no_outage() {
    let seen = unknown("this machine permits no ICMP sockets");
    assert_eq!((seen.stopped, seen.last), (Stopped::Unknown, None));
    assert!(seen.sentence.contains("says nothing about the line"), "{}", seen.sentence);
}

fn any_trace() -> impl Strategy<Value = Trace> {
    let end = prop_oneof![
        Just(End::Reached),
        Just(End::Refused),
        Just(End::Prohibited),
        Just(End::Unreachable),
        Just(End::NoRoute),
        Just(End::Looping),
        Just(End::Silent)
    ];
    (proptest::collection::vec(0_u8..8, 0..30), end).prop_map(|(mut hops, end)| {
        if matches!(end, End::Reached | End::Refused) {
            hops.push(99);
        }
        while hops.last() == Some(&0) {
            hops.pop();
        }
        trace(&hops, end)
    })
}

proptest! {
    #[test]
    fn what_is_said_is_whole_and_true(now in any_trace(), before in any_trace()) {
        let seen = judge(&now, Some(&before), &estate());
        prop_assert!(seen.sentence.ends_with('.') && !seen.sentence.contains("  "), "{}", seen.sentence);
        prop_assert_eq!(seen.last, now.last().and_then(|hop| hop.address));
        // Silence before an answer is never where it stops.
        let silent = now.hops.iter().filter(|hop| hop.address.is_none()).count();
        prop_assert_eq!(seen.sentence.contains("silent by policy"), silent > 0);
        // The same path twice has nothing to tell of a change.
        let same = judge(&now, Some(&now), &estate());
        prop_assert!(!same.sentence.contains("has changed"), "{}", same.sentence);
    }
}
