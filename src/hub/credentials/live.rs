//! How an agent was when it was last heard, and how often it may ask.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::limits::{AGENT_BURST, AGENT_PER_SECOND, CLOCK_FLAGGED};
use crate::reflector::limiter::{Bucket, Rate};
use crate::store::AgentRow;
use crate::time::At;
use crate::uplink::message::{AgentLine, State};

const RATE: Rate = Rate { per_second: AGENT_PER_SECOND, burst: AGENT_BURST };

#[derive(Debug, Clone)]
pub struct Live {
    pub heard: Option<At>,
    /// `None`: not since this hub was started.
    state: Option<State>,
    /// When it was heard over each of the estate's networks.
    heard_on: BTreeMap<String, At>,
    clock_ahead_ms: Option<i64>,
    budget: Bucket,
}

impl Live {
    pub fn new(heard: Option<At>, instant: Instant) -> Self {
        Self {
            heard,
            state: None,
            heard_on: BTreeMap::new(),
            clock_ahead_ms: None,
            budget: Bucket::full(RATE, instant),
        }
    }

    /// Takes one of the requests that it may make.
    pub fn may_ask(&mut self, instant: Instant) -> bool {
        self.budget.take(RATE, instant)
    }

    /// It was heard. `network`: over which of the estate's networks, where that is known.
    pub fn hear(&mut self, mut state: State, network: Option<&str>, now: At) {
        let ahead_ms = ahead_ms(&state, now);
        self.clock_ahead_ms = Some(ahead_ms);
        if let Some(network) = network {
            self.heard_on.insert(network.to_owned(), now);
        }
        if is_off(ahead_ms) {
            for at in state.paths.iter_mut().flat_map(|path| path.since.iter_mut().chain(&mut path.tried)) {
                *at = at.plus_millis(-ahead_ms);
            }
        }
        if let Some(before) = self.state.as_ref().filter(|_| state.is_look) {
            // Reports go on over another.
            state.uplink.clone_from(&before.uplink);
        }
        (self.heard, self.state) = (Some(now), Some(state));
    }
}

/// By how much an agent's clock is ahead. Its request is taken to have been under way for half of the last exchange: so much may
/// this be wrong.
pub fn ahead_ms(state: &State, now: At) -> i64 {
    state.at.plus_millis(i64::from(state.round_trip_ms) / 2).millis_since(now)
}

/// Whether a clock that is so much ahead, or behind, is so far off that people should know, and that times are corrected.
pub fn is_off(ahead_ms: i64) -> bool {
    ahead_ms.unsigned_abs() > u64::try_from(CLOCK_FLAGGED.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a clock is so far off that people should know.
pub fn is_flagged(line: &AgentLine) -> bool {
    line.revoked.is_none() && line.clock_ahead_ms.is_some_and(is_off)
}

/// One agent for people.
pub fn line(row: &AgentRow, live: Option<&Live>) -> AgentLine {
    let state = live.and_then(|live| live.state.as_ref());
    let heard = live.and_then(|live| live.heard);
    let standing = match (row.revoked_at, heard) {
        (Some(_), _) => "revoked",
        (None, Some(_)) => "heard",
        (None, None) => "enrolled",
    };
    AgentLine {
        practice: row.practice.clone(),
        agent: row.id.clone(),
        standing: standing.to_owned(),
        enrolled: row.enrolled_at,
        revoked: row.revoked_at,
        version: state.map(|state| state.version.clone()),
        last_heard: heard,
        uplink: state.and_then(|state| state.uplink.clone()),
        waiting: state.map(|state| state.waiting),
        lost: state.map(|state| state.lost),
        trouble: state.and_then(|state| state.trouble.clone()),
        paths: state.map(|state| state.paths.clone()).unwrap_or_default(),
        heard_on: live.map(|live| live.heard_on.clone()).unwrap_or_default(),
        damages: state.map_or(0, |state| state.damages),
        clock_ahead_ms: live.and_then(|live| live.clock_ahead_ms),
        rotating: row.rotate || row.next.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::message::PathState;

    #[test]
    fn a_clock_is_judged_by_half_of_the_way_there_and_back() {
        let instant = Instant::now();
        let now = At::from_millis(1_773_644_400_000);
        let mut live = Live::new(None, instant);
        // An hour ahead, and 100 ms on the way.
        live.hear(
            State { at: now.plus_millis(3_600_000 - 100), round_trip_ms: 200, ..State::default() },
            None,
            now,
        );
        assert_eq!(live.clock_ahead_ms, Some(3_600_000));
        let asked = (0..1_000).filter(|_| live.may_ask(instant)).count();
        assert!((asked as f64 - AGENT_BURST).abs() < 0.5, "{asked}");
        assert!(live.may_ask(instant + std::time::Duration::from_secs(1)));
    }

    #[test]
    fn a_look_over_another_way_shows_that_it_works_and_not_that_it_is_used() {
        let now = At::from_millis(1_773_644_400_000);
        let path = PathState { since: Some(now.plus_millis(3_600_000)), ..PathState::default() };
        let state = |uplink: &str, is_look: bool| State {
            at: now.plus_millis(3_600_000),
            uplink: Some(uplink.to_owned()),
            paths: vec![path.clone()],
            is_look,
            ..State::default()
        };
        let mut live = Live::new(None, Instant::now());
        live.hear(state("hscn", false), Some("hscn"), now);
        let later = now.plus_millis(1_000);
        live.hear(State { at: later, paths: Vec::new(), ..state("internet", true) }, Some("internet"), later);
        let state = live.state.as_ref().expect("heard");
        assert_eq!(state.uplink.as_deref(), Some("hscn"));
        let heard: Vec<_> = live.heard_on.iter().map(|(network, at)| (network.as_str(), *at)).collect();
        assert_eq!(heard, [("hscn", now), ("internet", later)]);
        live.hear(
            State { paths: vec![path.clone()], at: later.plus_millis(3_600_000), ..State::default() },
            None,
            later,
        );
        let since = live.state.as_ref().and_then(|state| state.paths[0].since);
        assert_eq!(since, Some(now), "its clock is an hour ahead");
    }
}
