//! Which distance is tried next, and when all is known. Pure: what was heard comes in, and what to send goes out.
//!
//! Distances are tried in order, some milliseconds apart, so that the target is hardly ever tried beyond its distance. A
//! silent one is tried twice: one lost packet is no silent router. Nothing is sent far beyond the last that answered.

use std::net::IpAddr;

use super::trace::{End, Trace, Way};
use crate::limits::{PATH_AGAIN_BEYOND, PATH_HOPS_MAX, PATH_SILENT_MAX, PATH_TRIES};
use crate::observation::Hop;

/// What came of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// A router: its time was over.
    Expired(IpAddr),
    /// The target answered.
    Answered,
    /// Refused in the target's name.
    Refused,
    Prohibited(IpAddr),
    Unreachable(IpAddr),
    /// This machine couldn't send it on.
    NoRoute,
    Nothing,
}

#[derive(Debug, Clone, Copy, Default)]
struct Step {
    tries: u8,
    is_out: bool,
    heard: Option<(IpAddr, f64)>,
}

/// One trace under way.
#[derive(Debug)]
pub(super) struct Progress {
    way: Way,
    target: IpAddr,
    /// By distance, from 1.
    steps: Vec<Step>,
    end: Option<(u8, End)>,
}

impl Progress {
    pub(super) fn new(way: Way, target: IpAddr) -> Self {
        Self { way, target, steps: vec![Step::default(); usize::from(PATH_HOPS_MAX)], end: None }
    }

    /// The distance to try now. `None`: none, as far as is known.
    pub(super) fn next(&self) -> Option<u8> {
        let (furthest, limit) = (self.furthest(), self.limit());
        let of = |ttl: &u8| self.step(*ttl);
        let first = (1..=limit.min(furthest.saturating_add(PATH_SILENT_MAX))).find(|ttl| of(ttl).tries == 0);
        let again = || {
            (1..=limit.min(furthest.saturating_add(PATH_AGAIN_BEYOND))).find(|ttl| {
                let step = of(ttl);
                step.heard.is_none() && !step.is_out && step.tries < PATH_TRIES
            })
        };
        first.or_else(again)
    }

    pub(super) fn sent(&mut self, ttl: u8) {
        if let Some(step) = self.step_mut(ttl) {
            step.tries += 1;
            step.is_out = true;
        }
    }

    pub(super) fn heard(&mut self, ttl: u8, said: Said, ms: f64) {
        let target = self.target;
        let (who, end) = match said {
            Said::Nothing => (None, None),
            Said::Expired(by) => (Some(by), None),
            Said::Answered => (Some(target), Some(End::Reached)),
            Said::Refused => (Some(target), Some(End::Refused)),
            Said::Prohibited(by) => (Some(by), Some(End::Prohibited)),
            Said::Unreachable(by) => (Some(by), Some(End::Unreachable)),
            Said::NoRoute => (None, Some(End::NoRoute)),
        };
        let Some(step) = self.step_mut(ttl) else { return };
        step.is_out = false;
        if let Some(who) = who {
            step.heard = Some((who, ms));
        }
        // Who reached the target has found a way, whatever a router says of other packets; of two ends of a kind the
        // nearer one is where it ends.
        let rank = |(ttl, end): (u8, End)| (!matches!(end, End::Reached | End::Refused), ttl);
        if let Some(end) = end
            && self.end.is_none_or(|before| rank((ttl, end)) < rank(before))
        {
            self.end = Some((ttl, end));
        }
    }

    /// Nothing more can be learned.
    pub(super) fn is_done(&self) -> bool {
        self.next().is_none() && (1..=self.limit()).all(|ttl| !self.step(ttl).is_out)
    }

    pub(super) fn into_trace(self) -> Trace {
        let until = self.end.map_or(PATH_HOPS_MAX, |(ttl, _)| ttl);
        let mut hops: Vec<Hop> = (1..=until)
            .map(|ttl| {
                let heard = self.step(ttl).heard;
                Hop { ttl, address: heard.map(|(who, _)| who), ms: heard.map(|(_, ms)| ms) }
            })
            .collect();
        let mut end = self.end.map_or(End::Silent, |(_, end)| end);
        // The router that says no counts once: many say first that a packet's time is over, and no to the next.
        if matches!(end, End::Prohibited | End::Unreachable)
            && let [.., before, last] = hops.as_slice()
            && before.address == last.address
        {
            hops.pop();
        }
        if end == End::Silent
            && let Some(cut) = circle(&hops)
        {
            hops.truncate(cut);
            end = End::Looping;
        }
        while hops.last().is_some_and(|hop| hop.address.is_none()) {
            hops.pop();
        }
        Trace { way: self.way, target: self.target, port_of_many: None, hops, end }
    }

    /// How far packets are of use.
    fn limit(&self) -> u8 {
        self.end.map_or(PATH_HOPS_MAX, |(ttl, _)| ttl.saturating_sub(1))
    }

    fn furthest(&self) -> u8 {
        (1..=PATH_HOPS_MAX).rev().find(|ttl| self.step(*ttl).heard.is_some()).unwrap_or(0)
    }

    fn step(&self, ttl: u8) -> Step {
        self.steps.get(usize::from(ttl.wrapping_sub(1))).copied().unwrap_or_default()
    }

    fn step_mut(&mut self, ttl: u8) -> Option<&mut Step> {
        self.steps.get_mut(usize::from(ttl.wrapping_sub(1)))
    }
}

/// How many hops there are until the first router comes round again. A circle is a router at three distances: two in a
/// row are one that answers for its neighbour, or a route that changed meanwhile.
fn circle(hops: &[Hop]) -> Option<usize> {
    let times = |who: IpAddr| hops.iter().filter(|hop| hop.address == Some(who)).count();
    let first = hops.iter().position(|hop| hop.address.is_some_and(|who| times(who) >= 3))?;
    let again = hops.iter().skip(first + 1).position(|hop| hop.address == hops[first].address)?;
    Some(first + 1 + again + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 2));

    fn router(n: u8) -> IpAddr {
        IpAddr::from([10, 20, 0, n])
    }

    /// Runs a trace in which each packet is answered before the next is sent; what was sent, and what was found.
    fn run(says: impl Fn(u8, u8) -> Said) -> (Vec<u8>, Trace) {
        let mut progress = Progress::new(Way::Tcp, TARGET);
        let mut sent = Vec::new();
        while let Some(ttl) = progress.next() {
            progress.sent(ttl);
            sent.push(ttl);
            let nth = progress.step(ttl).tries;
            progress.heard(ttl, says(ttl, nth), 1.0);
        }
        assert!(progress.is_done());
        (sent, progress.into_trace())
    }

    fn addresses(trace: &Trace) -> Vec<Option<IpAddr>> {
        trace.hops.iter().map(|hop| hop.address).collect()
    }

    #[test]
    fn a_way_is_followed_to_the_target_and_no_further() {
        let (sent, trace) = run(|ttl, _| if ttl < 3 { Said::Expired(router(ttl)) } else { Said::Answered });
        assert_eq!(sent, [1, 2, 3]);
        assert_eq!(addresses(&trace), [Some(router(1)), Some(router(2)), Some(TARGET)]);
        assert_eq!(trace.end, End::Reached);
    }

    #[test]
    fn one_lost_packet_is_no_silent_router() {
        let lossy = |ttl, nth| match (ttl, nth) {
            (1, 1) => Said::Nothing,
            (3, _) => Said::Answered,
            _ => Said::Expired(router(ttl)),
        };
        let (sent, trace) = run(lossy);
        assert_eq!(sent, [1, 2, 3, 1]);
        assert_eq!(addresses(&trace), [Some(router(1)), Some(router(2)), Some(TARGET)]);
    }

    #[test]
    fn nothing_is_sent_far_into_silence() {
        let (sent, trace) = run(|ttl, _| if ttl == 1 { Said::Expired(router(1)) } else { Said::Nothing });
        let most = usize::from(1 + PATH_SILENT_MAX + PATH_AGAIN_BEYOND * (PATH_TRIES - 1));
        assert_eq!(sent.len(), most, "{sent:?}");
        assert_eq!((addresses(&trace), trace.end), (vec![Some(router(1))], End::Silent));
    }

    #[test]
    fn a_firewall_that_says_no_is_counted_once() {
        let (_, trace) = run(|ttl, _| match ttl {
            1 => Said::Expired(router(1)),
            2 => Said::Expired(router(2)),
            _ => Said::Prohibited(router(2)),
        });
        assert_eq!((addresses(&trace), trace.end), (vec![Some(router(1)), Some(router(2))], End::Prohibited));
    }

    #[test]
    fn two_routers_that_send_packets_to_each_other_are_a_circle() {
        let (_, trace) = run(|ttl, _| Said::Expired(router(if ttl == 1 { 1 } else { 2 + ttl % 2 })));
        assert_eq!(trace.end, End::Looping);
        assert_eq!(addresses(&trace), [1, 2, 3, 2].map(|n| Some(router(n))));
    }

    #[test]
    fn a_way_to_the_target_counts_for_more_than_a_router_that_says_no() {
        let mut progress = Progress::new(Way::Udp, TARGET);
        for ttl in 1..=4 {
            progress.sent(ttl);
        }
        progress.heard(2, Said::Unreachable(router(2)), 1.0);
        progress.heard(4, Said::Answered, 1.0);
        assert!(!progress.is_done(), "1 and 3 are still out");
        progress.heard(1, Said::Expired(router(1)), 1.0);
        progress.heard(3, Said::Expired(router(3)), 1.0);
        assert!(progress.is_done());
        assert_eq!(progress.into_trace().end, End::Reached);
    }

    fn said() -> impl Strategy<Value = Said> {
        prop_oneof![
            4 => Just(Said::Nothing),
            6 => (0_u8..6).prop_map(|n| Said::Expired(router(n))),
            1 => Just(Said::Answered),
            1 => Just(Said::Refused),
            1 => (0_u8..6).prop_map(|n| Said::Prohibited(router(n))),
            1 => (0_u8..6).prop_map(|n| Said::Unreachable(router(n))),
            1 => Just(Said::NoRoute),
        ]
    }

    proptest! {
        #[test]
        fn every_trace_ends_within_its_bounds(
            words in proptest::collection::vec(said(), 64),
            order in proptest::collection::vec(any::<proptest::sample::Index>(), 200),
        ) {
            let mut progress = Progress::new(Way::Icmp, TARGET);
            let (mut out, mut sent): (Vec<u8>, usize) = (Vec::new(), 0);
            let mut order = order.into_iter();
            // Packets are sent and answered in any order.
            while !progress.is_done() {
                let next = progress.next();
                let sends = next.is_some() && (out.is_empty() || order.next().is_some_and(|i| i.index(2) == 0));
                if let (Some(ttl), true) = (next, sends) {
                    progress.sent(ttl);
                    out.push(ttl);
                    sent += 1;
                } else {
                    prop_assert!(!out.is_empty(), "it waits for nothing");
                    let ttl = out.swap_remove(order.next().map_or(0, |i| i.index(out.len())));
                    progress.heard(ttl, words[(usize::from(ttl) * 7 + sent) % words.len()], 1.0);
                }
                prop_assert!(sent <= usize::from(PATH_HOPS_MAX) * usize::from(PATH_TRIES));
            }
            let trace = progress.into_trace();
            prop_assert!(trace.hops.len() <= usize::from(PATH_HOPS_MAX));
            prop_assert!(trace.hops.iter().zip(1..).all(|(hop, ttl)| hop.ttl == ttl));
            prop_assert!(trace.hops.last().is_none_or(|hop| hop.address.is_some()));
            if trace.is_good() {
                prop_assert_eq!(trace.last().and_then(|hop| hop.address), Some(TARGET));
            }
        }
    }
}
