//! Which checks have been under way for much longer than they usually take. Pure: the time comes in.
//!
//! A check whose packets are dropped says nothing until its time is over, and a second one, asked only then, takes as long
//! again. So a check that is *late* is asked again beside itself, before it has failed. If one packet got lost, the second
//! asking answers, and the first one's failure, when it comes, is old news. If nothing answers any more, both fail at nearly
//! the same time, and what would have been one failure is two.
//!
//! The second asking has a short deadline, at which its silence is told if the first asking is silent, too. But it isn't over
//! then: it has all of its time, and how both end is told as well. For nothing tells what is dead from what is slow before the
//! time is over: a gateway that takes three seconds instead of twenty milliseconds is late in every check, and down in none.
//! So what is told at the short deadline is that nothing has come ([`crate::observation::Observation::late`]), which the
//! correlator takes as just that: it names what the late checks have in common, calls nobody down, and opens nothing before
//! some have failed. The first result of the check, whichever it is, takes its place.
//!
//! What is usual is learned from each check's own answers: the slowest of late, forgotten slowly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::reask::Key;
use crate::estate::Vantage;
use crate::limits::{LATE_AFTER_MIN, LATE_ANSWERS_MIN, LATE_FORGETS, LATE_SPARE, LATE_TIMES};
use crate::time::At;

/// The checks of one estate, as far as their lateness goes. Eight bytes each, and an entry for those under way.
#[derive(Debug)]
pub struct Overdue {
    probes: usize,
    practices: usize,
    usual: Vec<Usual>,
    /// When each of those under way will be late.
    waiting: BTreeSet<(At, Key)>,
    under_way: BTreeMap<Key, At>,
    /// Asked again while they were late, and still under way; `true`: the second asking has its answer.
    doubled: BTreeMap<Key, bool>,
}

/// How long one check takes.
#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    slowest_ms: f32,
    answers: u16,
}

impl Usual {
    fn learn(&mut self, ms: f64) {
        if !ms.is_finite() || ms < 0.0 {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds; precision doesn't matter here")]
        let ms = ms as f32;
        self.slowest_ms = ms.max(self.slowest_ms - (self.slowest_ms - ms) / LATE_FORGETS);
        self.answers = self.answers.saturating_add(1);
    }

    /// After which time the silence of a second asking is told: that by which the first was late. `None`: not known, or so near to
    /// the end of the first that its failure says the same.
    fn silent_after(self, timeout: Duration) -> Option<Duration> {
        self.late_after(timeout).filter(|late| *late * 2 + LATE_SPARE <= timeout)
    }

    /// From when on it is late; `None`: not known, or too near to its end to gain anything.
    fn late_after(self, timeout: Duration) -> Option<Duration> {
        if self.answers < LATE_ANSWERS_MIN {
            return None;
        }
        let usual = Duration::try_from_secs_f32(self.slowest_ms / 1_000.0).ok()?;
        let late = (usual * LATE_TIMES).max(LATE_AFTER_MIN);
        (late + LATE_SPARE <= timeout).then_some(late)
    }
}

impl Overdue {
    pub fn new(practices: usize, probes: usize) -> Self {
        Self {
            probes,
            practices,
            usual: vec![Usual::default(); (practices + 1) * probes],
            waiting: BTreeSet::new(),
            under_way: BTreeMap::new(),
            doubled: BTreeMap::new(),
        }
    }

    fn place(&self, (probe, from): Key) -> usize {
        let row = match from {
            Vantage::Practice(practice) => practice.at(),
            Vantage::Hub => self.practices,
        };
        row * self.probes + probe.at()
    }

    /// The schedule asks a check.
    pub fn begun(&mut self, key: Key, timeout: Duration, now: At) {
        self.drop_waiting(key);
        self.doubled.remove(&key);
        let usual = self.usual.get(self.place(key)).copied().unwrap_or_default();
        if let Some(after) = usual.late_after(timeout) {
            self.under_way.insert(key, now + after);
            self.waiting.insert((now + after, key));
        }
    }

    /// When the next check will be late.
    pub fn next_due(&self) -> Option<At> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// A check that is late by now. Each is told once.
    pub fn take(&mut self, now: At) -> Option<Key> {
        let (_, key) = self.waiting.first().copied().filter(|(at, _)| *at <= now)?;
        self.drop_waiting(key);
        Some(key)
    }

    /// It is asked again beside itself. Returns after which time the silence of that asking is told, if it is.
    pub fn doubled(&mut self, key: Key, timeout: Duration) -> Option<Duration> {
        self.doubled.insert(key, false);
        self.usual.get(self.place(key)).and_then(|usual| usual.silent_after(timeout))
    }

    /// Whether it was asked beside itself, and neither asking has ended.
    pub fn is_silent(&self, key: Key) -> bool {
        self.doubled.get(&key) == Some(&false)
    }

    /// Whether it is late, was asked again, and is still under way.
    pub fn is_doubled(&self, key: Key) -> bool {
        self.doubled.contains_key(&key)
    }

    /// An asking has ended. `ms`: how long it took, when it was answered. False: the second asking, which began later, had its
    /// answer before, so this one says nothing new.
    pub fn ended(&mut self, key: Key, reask: bool, ms: Option<f64>) -> bool {
        let place = self.place(key);
        if let (Some(ms), Some(usual)) = (ms, self.usual.get_mut(place)) {
            usual.learn(ms);
        }
        if reask {
            if let Some(has_answer) = self.doubled.get_mut(&key) {
                *has_answer = true;
            }
            return true;
        }
        self.drop_waiting(key);
        self.doubled.remove(&key) != Some(true)
    }

    /// The clock was set: nothing is known of what is under way. How long checks take is still known.
    pub fn forget(&mut self) {
        self.waiting.clear();
        self.under_way.clear();
        self.doubled.clear();
    }

    fn drop_waiting(&mut self, key: Key) {
        if let Some(at) = self.under_way.remove(&key) {
            self.waiting.remove(&(at, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::estate::{PracticeIx, ProbeIx};

    const NOW: At = At::from_millis(1_700_000_000_000);
    const KEY: Key = (ProbeIx(0), Vantage::Practice(PracticeIx(0)));
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// One that has been answered so often, each time within this.
    fn answered(times: u16, ms: f64) -> Overdue {
        let mut overdue = Overdue::new(1, 1);
        for _ in 0..times {
            overdue.ended(KEY, false, Some(ms));
        }
        overdue
    }

    #[test]
    fn it_is_late_after_several_times_the_usual_and_not_before_that_is_known() {
        let mut new = answered(LATE_ANSWERS_MIN - 1, 20.0);
        new.begun(KEY, TIMEOUT, NOW);
        assert_eq!(new.next_due(), None);
        for (usual, late) in [(20.0, 500), (300.0, 1_200)] {
            let mut overdue = answered(LATE_ANSWERS_MIN, usual);
            overdue.begun(KEY, TIMEOUT, NOW);
            assert_eq!(overdue.next_due().map(|at| at.millis_since(NOW)), Some(late), "{usual}");
            assert_eq!(overdue.take(NOW.plus_millis(late - 1)), None);
            assert_eq!(overdue.take(NOW.plus_millis(late)), Some(KEY));
            assert_eq!(overdue.take(NOW.plus_millis(late)), None, "it is told once");
        }
        let mut slow = answered(LATE_ANSWERS_MIN, 1_100.0);
        slow.begun(KEY, TIMEOUT, NOW);
        assert_eq!(slow.next_due(), None, "its time is over before it would help");
    }

    #[test]
    fn one_that_ends_in_its_time_is_never_late() {
        let mut overdue = answered(LATE_ANSWERS_MIN, 20.0);
        overdue.begun(KEY, TIMEOUT, NOW);
        assert!(overdue.ended(KEY, false, Some(30.0)));
        assert_eq!(overdue.take(NOW + TIMEOUT), None);
    }

    #[test]
    fn the_first_askings_end_is_old_news_when_the_second_has_its_answer() {
        let late = NOW.plus_millis(500);
        let mut overdue = answered(LATE_ANSWERS_MIN, 20.0);
        for second_first in [true, false] {
            overdue.begun(KEY, TIMEOUT, NOW);
            assert_eq!(overdue.take(late), Some(KEY));
            overdue.doubled(KEY, TIMEOUT);
            if second_first {
                assert!(overdue.ended(KEY, true, Some(20.0)));
                assert!(!overdue.ended(KEY, false, None));
            } else {
                assert!(overdue.ended(KEY, false, None));
                assert!(overdue.ended(KEY, true, None));
            }
            assert!(!overdue.is_doubled(KEY));
        }
    }

    #[test]
    fn it_is_silent_while_neither_asking_has_ended_and_only_where_that_is_known_in_good_time() {
        let late = NOW.plus_millis(500);
        for (ends_first, ms) in [(true, Some(20.0)), (false, Some(700.0)), (false, None)] {
            let mut overdue = answered(LATE_ANSWERS_MIN, 20.0);
            overdue.begun(KEY, TIMEOUT, NOW);
            assert_eq!(overdue.take(late), Some(KEY));
            assert!(!overdue.is_silent(KEY), "it isn't asked beside itself yet");
            assert_eq!(overdue.doubled(KEY, TIMEOUT), Some(Duration::from_millis(500)));
            assert!(overdue.is_silent(KEY));
            overdue.ended(KEY, ends_first, ms);
            assert!(!overdue.is_silent(KEY), "{ends_first} {ms:?}");
        }
        // Late after two seconds and silent after four of five; but of 4.5 s hardly any would be left.
        let mut slow = answered(LATE_ANSWERS_MIN, 500.0);
        assert_eq!(slow.doubled(KEY, TIMEOUT), Some(Duration::from_secs(2)));
        assert_eq!(slow.doubled(KEY, Duration::from_millis(4_500)), None);
    }

    #[test]
    fn a_turn_of_the_schedule_and_a_set_clock_begin_anew() {
        let mut overdue = answered(LATE_ANSWERS_MIN, 20.0);
        overdue.begun(KEY, TIMEOUT, NOW);
        overdue.doubled(KEY, TIMEOUT);
        overdue.ended(KEY, true, None);
        overdue.begun(KEY, TIMEOUT, NOW + TIMEOUT);
        assert!(overdue.ended(KEY, false, None), "it is another asking");
        overdue.begun(KEY, TIMEOUT, NOW);
        overdue.forget();
        assert_eq!(overdue.next_due(), None);
    }

    proptest! {
        /// A check is never late within its slowest answer of late, nor so near to its end that asking gains nothing; and one
        /// slow answer is forgotten.
        #[test]
        fn what_is_usual_bounds_what_is_late(answers in proptest::collection::vec(0.0_f64..4_000.0, 16..200)) {
            let mut usual = Usual::default();
            for ms in &answers {
                usual.learn(*ms);
            }
            let last = Duration::from_secs_f64(answers[answers.len() - 1] / 1_000.0);
            if let Some(late) = usual.late_after(TIMEOUT) {
                prop_assert!(late > last && late >= LATE_AFTER_MIN && late + LATE_SPARE <= TIMEOUT);
                if let Some(silent) = usual.silent_after(TIMEOUT) {
                    prop_assert!(silent == late && late + silent + LATE_SPARE <= TIMEOUT);
                }
            }
            for _ in 0..1_000 {
                usual.learn(20.0);
            }
            prop_assert_eq!(usual.late_after(TIMEOUT), Some(LATE_AFTER_MIN));
        }
    }
}
