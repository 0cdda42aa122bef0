//! How far a check has got. A check is cut off at its deadline wherever it stands, so what it has learned by
//! then (the phase, the times, the facts) lies outside of it, here.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::answer::{Answer, Facts};
use super::fault::Fault;
use super::rule::Rule;
use crate::limits::PROBE_LAST_CALL_MAX;
use crate::observation::{Failure, Phase, PhaseTimes};

/// Where one check stands. Every method takes `&self`, because the phase also changes deep inside of a stream
/// (see `http::tap`); the lock is never contended.
#[derive(Debug)]
pub(super) struct Trail {
    begun: Instant,
    deadline: Instant,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<(Phase, Instant)>,
    /// The last phase entered; a failure between two phases belongs to it.
    last: Option<Phase>,
    phases_ms: PhaseTimes,
    loss: Option<f64>,
    facts: Facts,
    /// What is waited for, where the phase alone would say something false; and whose fault silence is.
    awaits: Option<(String, Option<Rule>)>,
    /// How TLS broke, for those who are told of it in a library's own words.
    broken: Option<Fault>,
}

impl Trail {
    /// The clock starts now, and the deadline with it.
    pub(super) fn begin(timeout: Duration) -> Self {
        let begun = Instant::now();
        Self { begun, deadline: begun + timeout, timeout, state: Mutex::default() }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Shortly before the deadline: when a check that waits for several answers stops to tell what it has.
    pub(super) fn last_call(&self) -> Instant {
        self.deadline - (self.timeout / 10).min(PROBE_LAST_CALL_MAX)
    }

    pub(super) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Ends the phase under way and begins this one. A phase entered again (after a redirect) adds to its time.
    pub(super) fn enter(&self, phase: Phase) {
        self.enter_at(phase, Instant::now());
    }

    fn enter_at(&self, phase: Phase, now: Instant) {
        let mut state = self.state();
        state.end_phase(now);
        state.current = Some((phase, now));
        state.last = Some(phase);
        state.awaits = None;
    }

    /// Says what is waited for until the next phase, for a deadline that comes before it: `EHLO was not answered`.
    pub(super) fn awaits(&self, what: impl Into<String>) {
        self.state().awaits = Some((what.into(), None));
    }

    /// The same where silence breaks a rule of its own.
    pub(super) fn awaits_by(&self, rule: Rule, what: impl Into<String>) {
        self.state().awaits = Some((what.into(), Some(rule)));
    }

    /// TLS broke under a library that keeps no more of an error than its words.
    pub(super) fn broke(&self, fault: Fault) {
        self.state().broken = Some(fault);
    }

    pub(super) fn broken(&self) -> Option<Fault> {
        self.state().broken.clone()
    }

    /// Whether it is known what is waited for.
    pub(super) fn knows_what_it_awaits(&self) -> bool {
        self.state().awaits.is_some()
    }

    /// Ends the phase under way.
    pub(super) fn rest(&self) {
        let mut state = self.state();
        state.end_phase(Instant::now());
        state.awaits = None;
    }

    /// The phase under way, if any.
    pub(super) fn phase(&self) -> Option<Phase> {
        self.state().current.map(|(phase, _)| phase)
    }

    /// The last phase entered.
    pub(super) fn last_phase(&self) -> Option<Phase> {
        self.state().last
    }

    /// Who answered, or was asked last.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.state().facts.peer
    }

    /// Writes a phase's time that was measured elsewhere.
    pub(super) fn measured(&self, phase: Phase, ms: f64) {
        self.state().phases_ms.set(phase, round(ms));
    }

    pub(super) fn lost(&self, share: f64) {
        self.state().loss = Some(share);
    }

    pub(super) fn note(&self, write: impl FnOnce(&mut Facts)) {
        write(&mut self.state().facts);
    }

    /// That the time is up, as the deadline itself says it: for who stops a moment earlier, to tell more.
    pub(super) fn too_late(&self) -> Fault {
        let state = self.state();
        let fault = state.too_late(self.timeout);
        match state.last {
            Some(phase) => fault.in_phase(phase),
            None => fault,
        }
    }

    /// The answer, once the check has ended. `None`: the deadline ended it.
    pub(super) fn end(self, outcome: Option<Result<(), Fault>>) -> Answer {
        self.end_at(outcome, Instant::now())
    }

    fn end_at(self, outcome: Option<Result<(), Fault>>, now: Instant) -> Answer {
        let ms = millis(now.saturating_duration_since(self.begun));
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.end_phase(now);
        let fault = match outcome {
            Some(Ok(())) => None,
            Some(Err(fault)) => Some(fault),
            None => Some(state.too_late(self.timeout)),
        };
        let phase = fault.as_ref().and_then(|fault| fault.phase.or(state.last));
        Answer {
            ok: fault.is_none(),
            failure: fault.as_ref().map(|fault| fault.failure),
            phase,
            rule: fault.as_ref().map(|fault| fault.rule),
            ms,
            phases_ms: state.phases_ms,
            loss: state.loss,
            detail: fault.map(|fault| fault.detail),
            facts: state.facts,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held can't leave it half-written: every write is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn too_late(&self, timeout: Duration) -> Fault {
        let within = format!("within {} s", timeout.as_secs_f64());
        match &self.awaits {
            Some((what, rule)) => {
                let fault = Fault::new(Failure::Timeout, format!("{what} {within}"));
                rule.map_or(fault.clone(), |rule| fault.by(rule))
            }
            None => Fault::new(Failure::Timeout, format!("{} {within}", undone(self.last))),
        }
    }

    fn end_phase(&mut self, now: Instant) {
        if let Some((phase, since)) = self.current.take() {
            let so_far = self.phases_ms.get(phase).unwrap_or_default();
            self.phases_ms.set(phase, round(so_far + millis(now.saturating_duration_since(since))));
        }
    }
}

fn undone(phase: Option<Phase>) -> &'static str {
    match phase {
        None => "nothing was sent",
        Some(Phase::Dns) => "no answer to the name query",
        Some(Phase::Connect) => "the connection was not made",
        Some(Phase::Tls) => "the TLS handshake did not end",
        Some(Phase::Send) => "the request could not be sent",
        Some(Phase::FirstByte) => "no answer to the request",
        Some(Phase::Body) => "the answer did not end",
        Some(Phase::Echo) => "no echo came back",
    }
}

/// A length of time in milliseconds, to the microsecond.
pub(super) fn millis(length: Duration) -> f64 {
    round(length.as_secs_f64() * 1000.0)
}

/// The middle one of some times, or what is between the two in the middle. `sorted`: from the shortest to the longest.
pub(super) fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(sorted.get(middle.checked_sub(1)?)?.midpoint(upper))
}

fn round(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_deadline_leaves_the_phase_in_which_it_struck() {
        let trail = Trail::begin(ms(300));
        let begun = trail.begun;
        trail.enter_at(Phase::Connect, begun);
        trail.enter_at(Phase::Tls, begun + ms(100));
        let answer = trail.end_at(None, begun + ms(300));
        assert_eq!((answer.failure, answer.phase), (Some(Failure::Timeout), Some(Phase::Tls)));
        assert_eq!((answer.phases_ms.connect, answer.phases_ms.tls), (Some(100.0), Some(200.0)));
        assert_eq!(answer.detail.as_deref(), Some("the TLS handshake did not end within 0.3 s"));
        assert!((answer.ms - 300.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_waited_for_is_said_until_the_next_phase() {
        let trail = Trail::begin(ms(300));
        trail.enter(Phase::Connect);
        trail.awaits_by(Rule::Proxy, "the proxy did not answer");
        let fault = trail.too_late();
        assert_eq!(
            (fault.rule, fault.detail.as_str()),
            (Rule::Proxy, "the proxy did not answer within 0.3 s")
        );
        trail.enter(Phase::Tls);
        assert_eq!(trail.too_late().detail, "the TLS handshake did not end within 0.3 s");
    }

    #[test]
    fn a_phase_entered_twice_adds_up() {
        let trail = Trail::begin(ms(5000));
        let begun = trail.begun;
        trail.enter_at(Phase::Connect, begun);
        trail.enter_at(Phase::FirstByte, begun + ms(40));
        trail.enter_at(Phase::Connect, begun + ms(50));
        trail.enter_at(Phase::FirstByte, begun + ms(90));
        let answer = trail.end_at(Some(Ok(())), begun + ms(100));
        assert!(answer.ok && answer.phase.is_none());
        assert_eq!((answer.phases_ms.connect, answer.phases_ms.first_byte), (Some(80.0), Some(20.0)));
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
    }

    #[test]
    fn a_failure_between_two_phases_belongs_to_the_last() {
        let trail = Trail::begin(ms(5000));
        trail.enter(Phase::Dns);
        trail.rest();
        let answer = trail.end(Some(Err(Fault::new(Failure::NoAnswer, "no address"))));
        assert_eq!((answer.failure, answer.phase), (Some(Failure::NoAnswer), Some(Phase::Dns)));
    }
}
