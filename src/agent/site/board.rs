//! What a practice's own checks said last. Pure: the time comes in.
//!
//! One failure alone is no news: the check is asked again within a second or so, and until then it stands as it stood.

use crate::estate::{Probe, ProbeIx};
use crate::limits::{ONSITE_FAILS_AFTER, ONSITE_STALE_TURNS};
use crate::observation::{Failure, Observation, Phase};
use crate::time::At;

/// The last results of one practice's checks, an entry a probe.
#[derive(Debug, Default)]
pub struct Board {
    entries: Vec<Option<Entry>>,
    /// This machine's own trouble, as the last check that met it says.
    own: Option<(At, String)>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: At,
    /// When the present run of answers or of failures began.
    since: At,
    run: u32,
    failure: Option<(Failure, Option<Phase>)>,
    /// The run before was one of answers.
    answered_before: bool,
}

/// How one check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// Never asked, not for long, or asked once and failed.
    NotKnown,
    Answers,
    Fails {
        since: At,
        failure: Failure,
        phase: Option<Phase>,
    },
}

impl Board {
    pub fn new(probes: usize) -> Self {
        Self { entries: vec![None; probes], own: None }
    }

    /// Takes a result. What is older than the one before is left out, and so is what isn't the end of an asking; what is this machine's own fault says nothing about
    /// what was asked.
    pub fn take(&mut self, probe: ProbeIx, seen: &Observation) {
        if seen.late {
            return;
        }
        if seen.failure == Some(Failure::Local) {
            let why = seen.detail.clone().unwrap_or_else(|| "this computer could not ask".to_owned());
            self.own = Some((seen.at, why));
            return;
        }
        let Some(place) = self.entries.get_mut(probe.at()) else { return };
        if place.is_some_and(|entry| entry.at >= seen.at) {
            return;
        }
        if self.own.as_ref().is_some_and(|(at, _)| *at <= seen.at) {
            self.own = None;
        }
        // A port that is open and should be closed is for those who look after the firewall: the way out is there.
        let failure = seen.failure.filter(|failure| !seen.ok && *failure != Failure::Open);
        let failure = failure.map(|failure| (failure, seen.phase));
        let same = place.filter(|entry| entry.failure.is_some() == failure.is_some());
        *place = Some(same.map_or_else(
            || Entry {
                at: seen.at,
                since: seen.at,
                run: 1,
                failure,
                answered_before: place.is_some_and(|entry| entry.failure.is_none()),
            },
            |entry| Entry { at: seen.at, run: entry.run.saturating_add(1), failure, ..entry },
        ));
    }

    /// How a check stands at `now`.
    pub fn stands(&self, ix: ProbeIx, probe: &Probe, now: At) -> Stands {
        let Some(entry) = self.entries.get(ix.at()).copied().flatten() else { return Stands::NotKnown };
        let (every, timeout) = probe.rhythm();
        if now > entry.at + every * ONSITE_STALE_TURNS + timeout {
            return Stands::NotKnown;
        }
        match entry.failure {
            None => Stands::Answers,
            Some((failure, phase)) if entry.run >= ONSITE_FAILS_AFTER => {
                Stands::Fails { since: entry.since, failure, phase }
            }
            Some(_) if entry.answered_before => Stands::Answers,
            Some(_) => Stands::NotKnown,
        }
    }

    /// Why this machine itself can't ask, when nothing has been asked since.
    pub fn own_trouble(&self) -> Option<(At, &str)> {
        self.own.as_ref().map(|(at, why)| (*at, why.as_str()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::agent::schedule::tests::estate;
    use crate::agent::workers::blank;

    pub const START: At = At::from_millis(1_700_000_000_000);

    pub fn seen(after_s: i64, failure: Option<Failure>) -> Observation {
        let mut seen = blank(START.plus_millis(after_s * 1_000), "G82002", "p");
        seen.ok = failure.is_none();
        seen.failure = failure;
        seen
    }

    /// A board with one check, every 10 s, that was told this.
    fn told(story: &[(i64, Option<Failure>)]) -> Board {
        let mut board = Board::new(1);
        for (after_s, failure) in story {
            board.take(ProbeIx(0), &seen(*after_s, *failure));
        }
        board
    }

    fn stands(board: &Board, after_s: i64) -> Stands {
        let estate = estate(1, &[10]);
        board.stands(ProbeIx(0), &estate.probes[0], START.plus_millis(after_s * 1_000))
    }

    fn after(s: i64) -> At {
        START.plus_millis(s * 1_000)
    }

    #[test]
    fn one_failure_is_no_news_and_two_are() {
        let board = told(&[(0, None), (10, Some(Failure::Timeout))]);
        assert_eq!(stands(&board, 10), Stands::Answers);
        let board = told(&[(0, None), (10, Some(Failure::Timeout)), (11, Some(Failure::Refused))]);
        assert_eq!(
            stands(&board, 12),
            Stands::Fails { since: after(10), failure: Failure::Refused, phase: None },
            "since the first of them, in the words of the last"
        );
        assert_eq!(stands(&told(&[(0, Some(Failure::Timeout))]), 1), Stands::NotKnown, "one is all there is");
    }

    #[test]
    fn it_answers_again_at_once() {
        let down = [(0, Some(Failure::Timeout)), (10, Some(Failure::Timeout)), (20, None)];
        assert_eq!(stands(&told(&down), 20), Stands::Answers);
    }

    #[test]
    fn what_has_not_been_asked_for_long_is_not_known() {
        let board = told(&[(0, None)]);
        assert_eq!(stands(&board, 30), Stands::Answers);
        assert_eq!(stands(&board, 100), Stands::NotKnown);
        assert_eq!(stands(&Board::new(1), 0), Stands::NotKnown);
    }

    #[test]
    fn what_comes_late_changes_nothing() {
        let board = told(&[(10, None), (20, None), (5, Some(Failure::Timeout)), (6, Some(Failure::Timeout))]);
        assert_eq!(stands(&board, 20), Stands::Answers);
    }

    #[test]
    fn this_machines_own_trouble_is_no_failure_of_what_it_asks() {
        let mut board = told(&[(0, None)]);
        let mut local = seen(10, Some(Failure::Local));
        local.detail = Some("no route to 127.0.0.9: this machine is connected to nothing".to_owned());
        board.take(ProbeIx(0), &local);
        assert_eq!(stands(&board, 10), Stands::Answers);
        assert_eq!(board.own_trouble().map(|(at, _)| at), Some(after(10)));
        board.take(ProbeIx(0), &seen(20, Some(Failure::Timeout)));
        assert_eq!(board.own_trouble(), None, "it could ask again");
    }

    #[test]
    fn a_port_that_should_be_closed_keeps_nobody_from_working() {
        let open = [(0, Some(Failure::Open)), (10, Some(Failure::Open))];
        assert_eq!(stands(&told(&open), 10), Stands::Answers);
    }
}
