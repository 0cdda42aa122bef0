//! From what each port showed to the contract's word, and a line for a person. Pure.

use std::time::Duration;

use super::super::answer::SizeFacts;
use super::super::fault::Fault;
use super::super::rule::Rule;
use super::knock::{Found, Heard};
use crate::limits::EGRESS_PORTS_MAX;
use crate::observation::{Failure, Phase};
use crate::reflector::frame::Saw;
use crate::reflector::ports::{Port, Transport};

/// Ports that a line names; the matrix has them all.
const NAMED_MAX: usize = 6;

/// What the policy says of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Must {
    Open,
    Blocked,
}

impl Must {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Blocked => "blocked",
        }
    }
}

/// One port: what must be, and what is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Knocked {
    pub(super) port: Port,
    pub(super) must: Must,
    pub(super) heard: Heard,
    /// The reflector doesn't listen there.
    pub(super) unserved: bool,
}

impl Knocked {
    pub(super) fn passes(&self) -> bool {
        matches!(self.heard.found, Found::Passes(_) | Found::Clock(_) | Found::Busy)
    }

    pub(super) fn seen(&self) -> Option<Saw> {
        match self.heard.found {
            Found::Passes(saw) => saw,
            _ => None,
        }
    }

    pub(super) fn as_it_must(&self) -> bool {
        !self.unserved && self.passes() == (self.must == Must::Open)
    }
}

/// What became of the silent connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    Kept,
    /// How it showed, and after how long a silence.
    Forgotten(Failure, Duration),
    /// It didn't come about, and the matrix says why.
    NotTried,
}

/// What hinders asking comes first, then what doesn't pass, then what does and mustn't, then the finer points.
pub(super) fn judge(knocked: &[Knocked], size: Option<SizeFacts>, idle: Option<Idle>) -> Result<(), Fault> {
    could_ask(knocked)?;
    must_pass(knocked)?;
    must_not_pass(knocked)?;
    is_there(knocked)?;
    if let Some(size) = size {
        sizes(size)?;
    }
    if let Some(Idle::Forgotten(failure, silent)) = idle {
        let how = if failure == Failure::Timeout { "is dropped" } else { "is cut" };
        return Err(Fault::new(
            failure,
            format!(
                "a connection that was silent for {} s {how}: the firewall forgets sessions too soon",
                silent.as_secs_f64()
            ),
        )
        .by(Rule::Idle)
        .in_phase(Phase::FirstByte));
    }
    let unserved: Vec<String> = named(knocked.iter().filter(|k| k.unserved), |k| k.port.to_string());
    if unserved.is_empty() {
        return Ok(());
    }
    Err(Fault::local(format!(
        "the reflector does not listen on {}, so nothing can be said about the firewall there; start it with them",
        unserved.join(", ")
    )))
}

fn could_ask(knocked: &[Knocked]) -> Result<(), Fault> {
    // Where it has signed an answer with this very secret, "another secret" is somebody else's word.
    let is_proven = knocked.iter().any(|knocked| knocked.seen().is_some());
    for knocked in knocked {
        match &knocked.heard.found {
            Found::Local(fault) => return Err(fault.clone()),
            Found::Clock(ahead) => {
                let than = if *ahead > 0 { "ahead of" } else { "behind" };
                return Err(Fault::local(format!(
                    "the reflector's clock is {} s {than} this machine's; set the one that is wrong",
                    ahead.unsigned_abs()
                )));
            }
            Found::Foreign if !is_proven => {
                return Err(Fault::local(
                    "the reflector says that it has another secret than this probe; give both the same",
                ));
            }
            Found::Busy | Found::Crowded => {
                return Err(Fault::local(
                    "the reflector has more questions than it answers; start it with a higher --max-per-second, or \
                     ask less often",
                ));
            }
            _ => {}
        }
    }
    let left_out = knocked.iter().filter(|knocked| knocked.heard.found == Found::NotAsked).count();
    if left_out == 0 {
        return Ok(());
    }
    Err(Fault::local(format!(
        "{left_out} of {} ports could not be asked in time, as this process asks too many at once; give the probe a \
         longer `every`, or fewer ports",
        knocked.len()
    )))
}

fn must_pass(knocked: &[Knocked]) -> Result<(), Fault> {
    let open: Vec<&Knocked> = knocked.iter().filter(|k| k.must == Must::Open && !k.unserved).collect();
    let blocked: Vec<&Knocked> = open.iter().copied().filter(|k| !k.passes()).collect();
    let mut counts: Vec<(Failure, Phase, usize)> = Vec::with_capacity(EGRESS_PORTS_MAX);
    for knocked in &blocked {
        let (failure, phase) = contract(knocked);
        match counts.iter_mut().find(|(other, ..)| *other == failure) {
            Some((.., count)) => *count += 1,
            None => counts.push((failure, phase, 1)),
        }
    }
    // The first of those that are as frequent: the order of the configuration.
    let Some(&(failure, phase, _)) = counts.iter().rev().max_by_key(|(.., count)| *count) else {
        return Ok(());
    };
    let anything = knocked.iter().any(Knocked::passes);
    let list = named(blocked.iter().copied(), |k| format!("{} {}", k.port, word(&k.heard.found, anything)));
    let mut detail = format!("{} of {} ports do not pass: {}", blocked.len(), open.len(), list.join(", "));
    if !anything {
        let hung_up = blocked.iter().any(|k| k.heard.found == Found::HungUp);
        detail.push_str(if hung_up {
            "; nothing passes: what stands there may not be the reflector"
        } else {
            "; nothing passes at all: the reflector itself may be down"
        });
    }
    Err(Fault::new(failure, detail).by(Rule::PortsOpen).in_phase(phase))
}

fn must_not_pass(knocked: &[Knocked]) -> Result<(), Fault> {
    let blocked = knocked.iter().filter(|k| k.must == Must::Blocked);
    let open: Vec<&Knocked> = blocked.clone().filter(|k| k.passes()).collect();
    let Some(first) = open.first() else { return Ok(()) };
    let phase = if first.heard.answer_ms.is_some() { Phase::FirstByte } else { Phase::Connect };
    let list = named(open.iter().copied(), |k| k.port.to_string());
    let detail = format!(
        "{} of {} ports that must be blocked are open: {}",
        open.len(),
        blocked.count(),
        list.join(", ")
    );
    Err(Fault::new(Failure::Open, detail).in_phase(phase))
}

/// Ports that don't pass are blocked only by comparison with one that does.
fn is_there(knocked: &[Knocked]) -> Result<(), Fault> {
    let is_policy = knocked.iter().any(|k| k.must == Must::Blocked);
    if !is_policy || knocked.iter().any(Knocked::passes) {
        return Ok(());
    }
    Err(Fault::local(
        "nothing passes, so that nothing shows that the reflector is there, and ports that are blocked look the same; name a \
         port in `tcp_open` or `udp_open` that it listens on",
    ))
}

fn sizes(size: SizeFacts) -> Result<(), Fault> {
    if size.largest.is_some_and(|largest| largest >= size.wanted) {
        return Ok(());
    }
    let most = match size.largest {
        Some(largest) => format!("packets above {largest} bytes"),
        None => "packets that may not be cut up".to_owned(),
    };
    let wanted = size.wanted;
    let (failure, how) = match (size.told, size.way_back) {
        (true, _) => (Failure::Unreachable, "are too large for the way, which says so".to_owned()),
        (false, true) => {
            (Failure::Timeout, "get there, but answers of their size vanish on the way back".to_owned())
        }
        (false, false) => (Failure::Timeout, "vanish without a word: a black hole".to_owned()),
    };
    Err(Fault::new(failure, format!("{most} {how}; {wanted} must pass")).by(Rule::Mtu).in_phase(Phase::Echo))
}

/// The contract's word for a port that should pass and doesn't, and where it stopped.
fn contract(knocked: &Knocked) -> (Failure, Phase) {
    let first = match knocked.port.transport {
        Transport::Tcp => Phase::Connect,
        Transport::Udp => Phase::FirstByte,
    };
    match &knocked.heard.found {
        Found::Refused => (Failure::Refused, first),
        Found::Prohibited(_) => (Failure::Unreachable, first),
        Found::Reset if knocked.heard.connect_ms.is_none() => (Failure::Reset, first),
        Found::Reset | Found::HungUp => (Failure::Reset, Phase::FirstByte),
        Found::Intercepted | Found::Foreign => (Failure::Intercepted, Phase::FirstByte),
        Found::Silent => (Failure::Timeout, Phase::FirstByte),
        Found::Dropped | Found::Passes(_) | Found::Clock(_) => (Failure::Timeout, first),
        Found::Local(_) | Found::NotAsked | Found::Busy | Found::Crowded => (Failure::Local, first),
    }
}

fn word(found: &Found, anything_passes: bool) -> String {
    let word = match found {
        Found::Silent => "silent after connecting",
        Found::HungUp => "hung up on",
        Found::Intercepted | Found::Foreign => "answered by somebody else",
        // The host is there, since other ports pass: so it is this port that somebody forbids.
        Found::Prohibited(_) if !anything_passes => "unreachable",
        found => found.as_str(),
    };
    match found.router() {
        Some(router) => format!("{word}, says {router}"),
        None => word.to_owned(),
    }
}

fn named<'k>(knocked: impl Iterator<Item = &'k Knocked>, say: impl Fn(&Knocked) -> String) -> Vec<String> {
    let mut said: Vec<String> = knocked.map(say).collect();
    if let Some(more) = said.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        said.truncate(NAMED_MAX);
        said.push(format!("{more} more"));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(port: Port, found: Found) -> Knocked {
        Knocked { port, must: Must::Open, heard: found.into(), unserved: false }
    }

    fn blocked(port: Port, found: Found) -> Knocked {
        Knocked { must: Must::Blocked, ..open(port, found) }
    }

    fn fault(knocked: &[Knocked]) -> Fault {
        judge(knocked, None, None).expect_err("a fault")
    }

    #[test]
    fn the_most_frequent_way_to_fail_is_the_failure() {
        let fault = fault(&[
            open(Port::tcp(443), Found::Passes(None)),
            open(Port::tcp(587), Found::Refused),
            open(Port::udp(3478), Found::Dropped),
            open(Port::tcp(5060), Found::Prohibited(Some([10, 20, 0, 2].into()))),
            open(Port::udp(53), Found::Dropped),
            blocked(Port::tcp(25), Found::Passes(None)),
        ]);
        assert_eq!((fault.failure, fault.phase), (Failure::Timeout, Some(Phase::FirstByte)));
        assert_eq!(
            fault.detail,
            "4 of 5 ports do not pass: tcp/587 refused, udp/3478 dropped, tcp/5060 prohibited, says 10.20.0.2, udp/53 dropped"
        );
    }

    #[test]
    fn of_equally_frequent_ones_the_first_counts() {
        let knocked = [
            open(Port::tcp(443), Found::Passes(None)),
            open(Port::tcp(587), Found::Refused),
            open(Port::udp(3478), Found::Dropped),
        ];
        assert_eq!(fault(&knocked).failure, Failure::Refused);
    }

    #[test]
    fn a_port_that_must_be_blocked_and_is_not_is_open() {
        let found = fault(&[
            open(Port::tcp(443), Found::Passes(None)),
            blocked(Port::tcp(25), Found::Passes(None)),
            blocked(Port::tcp(23), Found::Intercepted),
        ]);
        assert_eq!((found.failure, found.phase), (Failure::Open, Some(Phase::Connect)));
        assert_eq!(found.detail, "1 of 2 ports that must be blocked are open: tcp/25");
    }

    #[test]
    fn a_port_that_the_reflector_does_not_have_convicts_nobody() {
        let mut silent = blocked(Port::tcp(25), Found::Refused);
        silent.unserved = true;
        assert!(!silent.as_it_must());
        let found = fault(&[open(Port::tcp(443), Found::Passes(None)), silent]);
        assert_eq!(found.failure, Failure::Local);
        assert!(found.detail.contains("does not listen on tcp/25"), "{}", found.detail);
    }

    #[test]
    fn where_nothing_passes_nothing_is_known_to_be_blocked() {
        let silent = [blocked(Port::tcp(25), Found::Dropped), blocked(Port::udp(53), Found::Intercepted)];
        let found = fault(&silent);
        assert_eq!(found.failure, Failure::Local);
        assert!(found.detail.contains("`tcp_open`"), "{}", found.detail);
        let proven = [open(Port::tcp(443), Found::Passes(None)), blocked(Port::tcp(25), Found::Dropped)];
        assert_eq!(judge(&proven, None, None), Ok(()));
    }

    #[test]
    fn another_secret_convicts_nobody_unless_the_same_one_was_proven() {
        let saw = crate::reflector::frame::Saw::of_test();
        let foreign = || open(Port::tcp(587), Found::Foreign);
        let found = fault(&[open(Port::tcp(443), Found::Dropped), foreign()]);
        assert_eq!(found.failure, Failure::Local);
        assert!(found.detail.contains("another secret"), "{}", found.detail);
        let found = fault(&[open(Port::tcp(443), Found::Passes(Some(saw))), foreign()]);
        assert_eq!(found.failure, Failure::Intercepted);
    }

    #[test]
    fn clocks_that_differ_are_nobodys_outage() {
        let found = fault(&[open(Port::tcp(443), Found::Clock(-900)), open(Port::udp(53), Found::Dropped)]);
        assert_eq!(found.failure, Failure::Local);
        assert!(found.detail.contains("900 s behind"), "{}", found.detail);
    }

    #[test]
    fn what_could_not_be_asked_comes_before_any_verdict() {
        let local = Fault::local("no descriptors");
        for found in [Found::NotAsked, Found::Busy, Found::Crowded, Found::Local(local)] {
            let found = fault(&[open(Port::tcp(443), Found::Dropped), open(Port::udp(53), found)]);
            assert_eq!(found.failure, Failure::Local);
        }
    }

    #[test]
    fn a_forgotten_connection_counts_when_all_else_is_well() {
        let forgotten = Some(Idle::Forgotten(Failure::Reset, Duration::from_mins(5)));
        let passes = [open(Port::tcp(443), Found::Passes(None))];
        let found = judge(&passes, None, forgotten).expect_err("a fault");
        assert_eq!((found.failure, found.phase), (Failure::Reset, Some(Phase::FirstByte)));
        assert!(found.detail.contains("300 s is cut"), "{}", found.detail);
        assert_eq!(judge(&passes, None, Some(Idle::Kept)), Ok(()));
    }

    #[test]
    fn when_nothing_passes_the_reflector_is_a_suspect_too() {
        let found = fault(&[
            open(Port::tcp(443), Found::Prohibited(None)),
            open(Port::udp(53), Found::Prohibited(None)),
        ]);
        assert_eq!(found.failure, Failure::Unreachable);
        assert!(
            found.detail.contains("unreachable") && found.detail.contains("may be down"),
            "{}",
            found.detail
        );
    }

    #[test]
    fn black_holes_and_narrow_ways_are_told_apart() {
        let size = SizeFacts { wanted: 1500, largest: Some(1420), told: false, way_back: false };
        let judged = |size| judge(&[], Some(size), None).map_err(|fault| (fault.failure, fault.phase));
        assert_eq!(judged(size), Err((Failure::Timeout, Some(Phase::Echo))));
        assert_eq!(judged(SizeFacts { told: true, ..size }), Err((Failure::Unreachable, Some(Phase::Echo))));
        assert_eq!(judged(SizeFacts { largest: Some(1500), ..size }), Ok(()));
    }

    #[test]
    fn a_long_list_is_cut_short() {
        let knocked: Vec<Knocked> = (1..=20).map(|port| open(Port::tcp(port), Found::Dropped)).collect();
        let detail = fault(&knocked).detail;
        assert!(detail.contains("tcp/6 dropped, 14 more") && !detail.contains("tcp/7"), "{detail}");
    }
}
