//! The fuzz target of traces: whatever ICMP messages say, and in whatever order they come, a trace ends within its bounds,
//! and nobody is told of who said nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use super::errors::Message;
use super::progress::{Progress, Said};
use super::trace::Way;
use super::{check, verdict};
use crate::estate::{Estate, PathAsk};
use crate::fuzzing::{choice, take};
use crate::limits::{PATH_HOPS_MAX, PATH_QUOTED_BYTES, PATH_TRIES};
use crate::probe::fuzzing::{end, trail};

/// Far more than the longest circle of the longest addresses takes, and no wall of text in a notice.
const SENTENCE_BYTES_MAX: usize = 4096;
const ECHO_ID: u16 = 0x1234;

/// The two ends of a way, and its kind.
struct Ends {
    target: IpAddr,
    here: Option<IpAddr>,
    way: Way,
}

/// The first byte chooses the ends and the kind. Then comes, of each packet that was sent, what was heard of it: an answer,
/// silence, or a message as the kernel tells of it.
pub(crate) fn path(bytes: &[u8]) {
    static ESTATE: OnceLock<Option<Estate>> = OnceLock::new();
    let estate = ESTATE.get_or_init(|| Some(crate::config::fuzzing::config("")?.estate));
    let Some(estate) = estate else { return };
    let (how, mut bytes) = choice(bytes);
    let (target, here): (IpAddr, IpAddr) = if how & 1 == 0 {
        (Ipv4Addr::new(10, 9, 0, 2).into(), Ipv4Addr::new(10, 1, 0, 2).into())
    } else {
        (Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 2).into(), Ipv6Addr::LOCALHOST.into())
    };
    let way = [Way::Tcp, Way::Udp, Way::Icmp, Way::Udp][usize::from(how >> 2 & 3)];
    let ends = Ends { target, here: (how & 2 != 0).then_some(here), way };
    // Two traces of one check: the second is told beside the first.
    let before = ends.trace(&mut bytes);
    let now = ends.trace(&mut bytes);
    for (trace, good) in [(&before, None), (&now, Some(&before))] {
        let seen = verdict::judge(trace, good, estate);
        assert!(seen.sentence.len() <= SENTENCE_BYTES_MAX && seen.sentence.ends_with('.'), "{seen:?}");
        assert!(!seen.sentence.chars().any(char::is_control), "{seen:?}");
        assert_eq!(seen.last, trace.hops.last().and_then(|hop| hop.address));
        let ask = PathAsk { host: target.to_string(), port: None, through: (how & 16 != 0).then_some(here) };
        let judged = check::judge(&ask, trace);
        assert!(judged.is_err() || trace.last().and_then(|hop| hop.address) == Some(target), "{trace:?}");
        end(trail(), judged);
    }
}

impl Ends {
    /// Sends packets and hears of them, up to the end of what is to be heard; after that, nothing is.
    fn trace(&self, bytes: &mut &[u8]) -> super::Trace {
        let mut progress = Progress::new(self.way, self.target);
        let (mut out, mut sent, mut heard_of) = (Vec::new(), 0_usize, vec![self.target]);
        while !progress.is_done() {
            let next = progress.next();
            let what = take(bytes).map(|[what]| what);
            if let Some(ttl) = next.filter(|_| out.is_empty() || what.is_some_and(|what| what & 1 == 0)) {
                progress.sent(ttl);
                out.push(ttl);
                sent += 1;
                assert!(sent <= usize::from(PATH_HOPS_MAX) * usize::from(PATH_TRIES), "it never ends");
            }
            // The longest out, or the one that was sent last.
            let Some(ttl) =
                (if what.is_some_and(|what| what & 2 != 0) { out.first() } else { out.last() }).copied()
            else {
                assert!(next.is_some(), "it waits for nothing");
                continue;
            };
            let said = match what.map(|what| what >> 2 & 3) {
                None | Some(0) => Said::Nothing,
                Some(1) => Said::Answered,
                Some(_) => self.message(bytes, &mut heard_of).unwrap_or(Said::Nothing),
            };
            out.retain(|other| *other != ttl);
            progress.heard(ttl, said, 1.0);
        }
        let trace = progress.into_trace();
        assert!(trace.hops.len() <= usize::from(PATH_HOPS_MAX));
        assert!(trace.hops.iter().zip(1..).all(|(hop, ttl)| hop.ttl == ttl), "{trace:?}");
        assert!(trace.hops.last().is_none_or(|hop| hop.address.is_some()), "{trace:?}");
        assert!(
            trace.hops.iter().filter_map(|hop| hop.address).all(|who| heard_of.contains(&who)),
            "{trace:?}"
        );
        trace
    }

    /// What the next message says. Who sent it is noted.
    fn message(&self, bytes: &mut &[u8], heard_of: &mut Vec<IpAddr>) -> Option<Said> {
        let [origin, kind, code, who] = take(bytes)?;
        let by = match who {
            0 => None,
            1 => Some(self.target),
            2 => self.here,
            3 => Some(IpAddr::from(take::<4>(bytes)?)),
            4 => Some(IpAddr::from(take::<16>(bytes)?)),
            router => Some(IpAddr::from([10, 20, 0, router])),
        };
        let quoted: [u8; PATH_QUOTED_BYTES] = take(bytes)?;
        let message = Message::new([origin, kind, code], by, quoted);
        if self.way == Way::Icmp && !message.is_about(ECHO_ID) {
            assert_ne!(quoted[4..6], ECHO_ID.to_be_bytes(), "ours was passed over");
            return None;
        }
        let said = message.said(self.target, self.here)?;
        let told_by = match said {
            Said::Expired(by) | Said::Prohibited(by) | Said::Unreachable(by) => Some(by),
            Said::Refused => Some(self.target),
            Said::NoRoute => None,
            Said::Answered | Said::Nothing => {
                assert_eq!(said, Said::NoRoute, "no message says so");
                None
            }
        };
        // From a router, and not from this machine, whatever it calls itself.
        assert!(
            told_by.is_none_or(|told| Some(told) == by && Some(told) != self.here),
            "{message:?}: {said:?}"
        );
        assert!(told_by.is_none() || matches!(origin, 2 | 3), "{message:?}: {said:?}");
        heard_of.extend(told_by);
        Some(said)
    }
}
