//! How an agent was when it was last heard, and how often it may ask.

use std::time::Instant;

use super::processes::{Processes, Worth};
use crate::limits::{AGENT_BURST, AGENT_PER_SECOND, CLOCK_FLAGGED, WORD_KEPT_FOR};
use crate::reflector::limiter::{Bucket, Rate};
use crate::store::{AgentRow, HeardWord as Word};
use crate::time::At;
use crate::uplink::message::{AgentLine, State};

const RATE: Rate = Rate { per_second: AGENT_PER_SECOND, burst: AGENT_BURST };

#[derive(Debug, Clone)]
pub struct Live {
    pub heard: Option<At>,
    /// What it said last, and when: this hub, or the process before it.
    said: Option<(At, Word)>,
    /// It said so to this process.
    is_ours: bool,
    /// Of that, what is on the disk.
    kept: Option<(At, News)>,
    processes: Processes,
    budget: Bucket,
}

impl Live {
    pub fn new(heard: Option<At>, instant: Instant) -> Self {
        let budget = Bucket::full(RATE, instant);
        Self { heard, said: None, is_ours: false, kept: None, processes: Processes::default(), budget }
    }

    /// What the process before this one kept of it.
    pub fn recall(&mut self, at: At, word: Word) {
        self.heard = self.heard.max(Some(at));
        self.kept = Some((at, News::of(&word.state)));
        self.processes = word.state.process.as_ref().map(|it| Processes::recall(it, at)).unwrap_or_default();
        self.said = Some((at, word));
    }

    /// What is to be kept of it now. `all`: whether it is news or not.
    pub fn unkept(&self, all: bool) -> Option<(At, &Word)> {
        let (at, word) = self.said.as_ref().filter(|_| self.is_ours)?;
        let is_due = self.kept.as_ref().is_none_or(|(kept, news)| {
            kept < at && (all || *kept + WORD_KEPT_FOR <= *at || *news != News::of(&word.state))
        });
        is_due.then_some((*at, word))
    }

    /// That is on the disk.
    pub fn keep(&mut self, at: At, word: &Word) {
        self.kept = Some((at, News::of(&word.state)));
    }

    /// When another process with its identity was last refused, if two of them run.
    pub fn twin(&self) -> Option<At> {
        self.processes.twin()
    }

    /// Takes one of the requests that it may make.
    pub fn may_ask(&mut self, instant: Instant) -> bool {
        self.budget.take(RATE, instant)
    }

    /// It was heard. `network`: over which of the estate's networks, where that is known. Of another process that has its identity nothing is
    /// taken down.
    pub fn hear(&mut self, mut state: State, network: Option<&str>, now: At) -> Worth {
        let process = state.process.as_ref();
        let worth = process.map_or(Worth::New, |process| self.processes.hear(process, now));
        if worth == Worth::Twin {
            return worth;
        }
        self.heard = self.heard.max(Some(now));
        if worth == Worth::Late
            && let Some((at, before)) = &mut self.said
        {
            // What was said after it stands; the way that it came works nevertheless.
            *at = (*at).max(now);
            before.heard(network, now);
            return worth;
        }
        let ahead_ms = ahead_ms(&state, now);
        if is_off(ahead_ms) {
            for at in state.paths.iter_mut().flat_map(|path| path.since.iter_mut().chain(&mut path.tried)) {
                *at = at.plus_millis(-ahead_ms);
            }
        }
        let (_, before) = self.said.take().unwrap_or_default();
        if state.is_look && self.is_ours {
            // Reports go on over another.
            state.uplink.clone_from(&before.state.uplink);
        }
        let mut word = Word { state, heard_on: before.heard_on, clock_ahead_ms: Some(ahead_ms) };
        word.heard(network, now);
        (self.said, self.is_ours) = (Some((now, word)), true);
        worth
    }
}

/// What is worth being kept at once, when it changes: the rest is counts, and times that go on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct News {
    version: String,
    uplink: Option<String>,
    trouble: Option<String>,
    damages: u64,
    paths: Vec<(String, Option<bool>)>,
}

impl News {
    fn of(state: &State) -> Self {
        Self {
            version: state.version.clone(),
            uplink: state.uplink.clone(),
            trouble: state.trouble.clone(),
            damages: state.damages,
            paths: state.paths.iter().map(|path| (path.name(), path.works)).collect(),
        }
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

/// Whether a clock is so far off that people should know. What it said to the process before this one is no news: it may have been set.
pub fn is_flagged(line: &AgentLine) -> bool {
    line.revoked.is_none() && line.is_since_start && line.clock_ahead_ms.is_some_and(is_off)
}

/// One agent for people.
pub fn line(row: &AgentRow, live: Option<&Live>) -> AgentLine {
    let said = live.and_then(|live| live.said.as_ref());
    let state = said.map(|(_, word)| &word.state);
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
        heard_on: said.map(|(_, word)| word.heard_on.clone()).unwrap_or_default(),
        as_of: said.map(|(at, _)| *at),
        is_since_start: live.is_some_and(|live| live.is_ours),
        damages: state.map_or(0, |state| state.damages),
        refused: state.map_or(0, |state| state.refused),
        clock_ahead_ms: said.and_then(|(_, word)| word.clock_ahead_ms),
        twin: live.and_then(Live::twin),
        rotating: row.rotate || row.next.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::message::{PathState, Process};

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
        assert_eq!(live.said.as_ref().and_then(|(_, word)| word.clock_ahead_ms), Some(3_600_000));
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
        let (_, word) = live.said.as_ref().expect("heard");
        assert_eq!(word.state.uplink.as_deref(), Some("hscn"));
        let heard: Vec<_> = word.heard_on.iter().map(|(network, at)| (network.as_str(), *at)).collect();
        assert_eq!(heard, [("hscn", now), ("internet", later)]);
        live.hear(
            State { paths: vec![path.clone()], at: later.plus_millis(3_600_000), ..State::default() },
            None,
            later,
        );
        let since = live.said.as_ref().and_then(|(_, word)| word.state.paths[0].since);
        assert_eq!(since, Some(now), "its clock is an hour ahead");
    }

    #[test]
    fn a_look_that_was_overtaken_shows_its_way_and_takes_nothing_back() {
        let now = At::from_millis(1_773_644_400_000);
        let says = |said: u64, works: bool, is_look: bool| State {
            at: now,
            paths: vec![PathState { works: Some(works), ..PathState::default() }],
            process: Some(Process { id: "a".to_owned(), said }),
            is_look,
            ..State::default()
        };
        let mut live = Live::new(None, Instant::now());
        live.hear(says(0, true, false), Some("hscn"), now);
        // The look left as the second, and came after what left as the third: by then the way failed.
        live.hear(says(2, false, false), Some("internet"), now.plus_millis(500));
        assert_eq!(live.hear(says(1, true, true), Some("spare"), now.plus_millis(600)), Worth::Late);
        let (at, word) = live.said.as_ref().expect("heard");
        assert_eq!((*at, word.state.paths[0].works), (now.plus_millis(600), Some(false)));
        assert_eq!(word.heard_on.len(), 3);
        assert_eq!(live.heard, Some(now.plus_millis(600)));
    }

    #[test]
    fn what_is_kept_is_news_or_ten_minutes_old_and_what_was_recalled_is_nobodys_word_of_now() {
        let now = At::from_millis(1_773_644_400_000);
        let path = |works: bool| PathState { works: Some(works), ..PathState::default() };
        let says = |live: &mut Live, s: i64, works: bool| {
            let at = now.plus_millis(s * 1_000);
            live.hear(State { at, paths: vec![path(works)], ..State::default() }, Some("hscn"), at);
        };
        let keep = |live: &mut Live, all: bool| {
            let due = live.unkept(all).map(|(at, word)| (at, word.clone()));
            due.inspect(|(at, word)| live.keep(*at, word))
        };
        let mut live = Live::new(None, Instant::now());
        assert!(keep(&mut live, true).is_none(), "never heard");
        says(&mut live, 0, true);
        assert!(keep(&mut live, false).is_some(), "the first word");
        says(&mut live, 30, true);
        assert!(keep(&mut live, false).is_none(), "the same again");
        says(&mut live, 60, false);
        assert!(keep(&mut live, false).is_some(), "a way fails");
        says(&mut live, 60 + 599, false);
        assert!(keep(&mut live, false).is_none());
        says(&mut live, 60 + 600, false);
        assert!(keep(&mut live, false).is_some(), "its age shall be about right");
        says(&mut live, 700, false);
        let (at, word) = keep(&mut live, true).expect("at the end all of it");
        assert!(keep(&mut live, true).is_none());

        let mut next = Live::new(None, Instant::now());
        next.recall(at, word.clone());
        assert!(keep(&mut next, true).is_none(), "it is there already");
        let row = crate::store::AgentRow {
            id: "0123456789ab".to_owned(),
            practice: "G82002".to_owned(),
            key: crate::uplink::key::Tag::from_bytes([0; 32]),
            next: None,
            rotate: false,
            enrolled_at: now,
            revoked_at: None,
        };
        let shown = line(&row, Some(&next));
        assert_eq!((shown.as_of, shown.is_since_start, shown.paths.len()), (Some(at), false, 1));
        assert_eq!((shown.last_heard, shown.heard_on), (Some(at), word.heard_on));
        // A look over another way doesn't say that reports go over what was used before the restart.
        let look = State { at, is_look: true, uplink: Some("internet".to_owned()), ..State::default() };
        next.hear(look, Some("internet"), at.plus_millis(1));
        let shown = line(&row, Some(&next));
        assert!(shown.is_since_start && shown.heard_on.len() == 2, "{shown:?}");
    }
}
