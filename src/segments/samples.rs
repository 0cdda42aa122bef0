//! Observations for tests: any at all, and those of ordinary days and bad ones.

use std::net::IpAddr;

use proptest::option::of;
use proptest::prelude::*;

use super::{Entry, Record, Thinned, What};
use crate::observation::{Failure, Hop, Observation, PathSeen, Phase, PhaseTimes, Stopped};
use crate::time::At;

/// A word of the contract, by its place.
fn word<T: serde::de::DeserializeOwned + std::fmt::Debug>(
    words: &'static [&'static str],
) -> impl Strategy<Value = T> {
    proptest::sample::select(words).prop_map(|word| serde_json::from_value(word.into()).expect("a word"))
}

const FAILURES: &[&str] = &[
    "timeout",
    "refused",
    "reset",
    "unreachable",
    "nxdomain",
    "servfail",
    "dns_refused",
    "no_answer",
    "wrong_answer",
    "tls",
    "untrusted",
    "intercepted",
    "expired",
    "status",
    "body",
    "blocked_page",
    "too_slow",
    "loss",
    "open",
    "protocol",
    "local",
];
const STOPS: &[&str] = &["reached", "refused", "prohibited", "unreachable", "looping", "silent", "unknown"];

fn length() -> impl Strategy<Value = f64> {
    prop_oneof![
        (0_u32..10_000_000).prop_map(|micros| f64::from(micros) / 1000.0),
        // Any bits but those that are no number, which equal nothing.
        any::<u64>().prop_map(f64::from_bits).prop_filter("a number", |ms| !ms.is_nan()),
    ]
}

fn phases() -> impl Strategy<Value = PhaseTimes> {
    proptest::collection::vec(of(length()), 7).prop_map(|lengths| {
        let mut times = PhaseTimes::default();
        for (phase, ms) in Phase::ALL.into_iter().zip(lengths) {
            if let Some(ms) = ms {
                times.set(phase, ms);
            }
        }
        times
    })
}

fn path() -> impl Strategy<Value = PathSeen> {
    let hop = (any::<u8>(), of(any::<IpAddr>()), of(length())).prop_map(|(ttl, address, ms)| Hop {
        ttl,
        address,
        ms,
    });
    let hops = proptest::collection::vec(hop, 0..12);
    (hops, of(any::<IpAddr>()), word::<Stopped>(STOPS), ".{0,60}")
        .prop_map(|(hops, last, stopped, sentence)| PathSeen { hops, last, stopped, sentence })
}

/// Any observation whatever.
pub fn observation() -> impl Strategy<Value = Observation> {
    let when = (any::<i64>(), of(any::<i64>()));
    let who = ("[@A-Z0-9/a-z]{0,12}", "[a-z@-]{0,12}", of(any::<u64>()), of(".{0,8}"), of(".{0,8}"));
    let what = (any::<bool>(), of(word::<Failure>(FAILURES)), of(proptest::sample::select(&Phase::ALL[..])));
    let more = (length(), phases(), of(length()), of(".{0,80}"), any::<(bool, bool)>(), of(path()));
    (when, who, what, more).prop_map(|(when, who, what, more)| Observation {
        at: At::from_millis(when.0),
        received: when.1.map(At::from_millis),
        practice: who.0,
        probe: who.1,
        ok: what.0,
        failure: what.1,
        phase: what.2,
        ms: more.0,
        phases_ms: more.1,
        loss: more.2,
        detail: more.3,
        seq: who.2,
        agent: who.3,
        uplink: who.4,
        reask: more.4.0,
        late: more.4.1,
        path: more.5,
    })
}

/// Any entry whatever.
pub fn entry() -> impl Strategy<Value = Entry> {
    let what = proptest::sample::select(&[What::Successes, What::Failures, What::Everything][..]);
    let thinned = ("[A-Z0-9]{0,9}", "[a-z@]{0,9}", any::<i64>(), any::<i64>(), any::<u64>(), what).prop_map(
        |(practice, probe, from, to, count, what)| {
            let (from, to) = (At::from_millis(from), At::from_millis(to));
            Entry::Thinned(Thinned { practice, probe, from, to, count, what })
        },
    );
    prop_oneof![9 => observation().prop_map(Entry::Seen), 1 => thinned]
}

/// Records with rising numbers.
pub fn records(most: usize) -> impl Strategy<Value = Vec<Record>> {
    proptest::collection::vec((1_u64..1000, entry()), 0..most).prop_map(|entries| {
        let mut seq = 0;
        let rising = entries.into_iter().map(|(by, entry)| {
            seq += by;
            Record { seq, entry }
        });
        rising.collect()
    })
}

/// Scatters as measured lengths do, and is the same each time.
fn scatter(n: u64) -> f64 {
    let mixed = (n ^ 0x9e37_79b9).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb).wrapping_shr(40) as f64 / 1000.0 / 1000.0
}

/// The `n`th observation of an agent with twelve checks every 30 s: what an https check gives, in phases.
pub fn routine(n: u64) -> Observation {
    let mut phases_ms = PhaseTimes::default();
    let part = |k: u64, usual: f64| ((usual + 10.0 * scatter(7 * n + k)) * 1000.0).round() / 1000.0;
    phases_ms.set(Phase::Dns, part(1, 2.0));
    phases_ms.set(Phase::Connect, part(2, 9.0));
    phases_ms.set(Phase::Tls, part(3, 22.0));
    phases_ms.set(Phase::FirstByte, part(4, 31.0));
    Observation {
        at: At::from_millis(1_773_644_400_000 + i64::try_from(n).expect("few") * 2500),
        received: None,
        practice: "G82002".to_owned(),
        probe: format!("check-number-{}", n % 12),
        ok: true,
        failure: None,
        phase: None,
        ms: part(5, 66.0),
        phases_ms,
        loss: None,
        detail: None,
        seq: Some(n),
        agent: Some("reception-1".to_owned()),
        uplink: None,
        reask: false,
        late: false,
        path: None,
    }
}

/// The same on a day on which everything fails.
pub fn failing(n: u64) -> Observation {
    let mut seen = routine(n);
    (seen.ok, seen.failure, seen.phase) = (false, Some(Failure::Timeout), Some(Phase::Connect));
    seen.ms = 5000.0 + (scatter(n) * 3000.0).round() / 1000.0;
    (seen.phases_ms.tls, seen.phases_ms.first_byte) = (None, None);
    let host = n % 12;
    seen.detail = Some(format!(
        "no answer from 192.0.2.{host}:443 within 5 s; sent from 10.20.0.7:{}",
        32768 + n % 28_000
    ));
    // One failure in twenty comes with a trace.
    if n.is_multiple_of(20) {
        let address = |ttl: u8| Some(IpAddr::from([10, 20, ttl, 1]));
        let hops = (1..=8).map(|ttl| Hop {
            ttl,
            address: address(ttl),
            ms: Some((scatter(n + u64::from(ttl)) * 9000.0).round() / 1000.0),
        });
        seen.path = Some(PathSeen {
            hops: hops.collect(),
            last: address(8),
            stopped: Stopped::Silent,
            sentence: "Stops after 10.20.8.1, the eighth router, as far as before the firewall.".to_owned(),
        });
    }
    seen
}
