//! What has become of each piece of work that is waited for: done, under way, failed, or silent past its time. Pure: time
//! comes in.
//!
//! Silence is counted from the last beat, or from when the work was first waited for, and it is a failure after `every`
//! and `timeout`. For as long as linewatch wasn't there to hear, nobody can be blamed for silence: such a time is added.
//!
//! What is told of a check is the same thing that a probe would tell if it looked: fine, while its last beat is young
//! enough; failed, when it isn't. Each check is told of once a minute, at a second of its own, and at once when that
//! changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::agent::schedule::phase;
use crate::limits::BEAT_AGAIN_MIN;
use crate::observation::Failure;
use crate::store::BeatRow;
use crate::time::At;

use super::token::Work;

/// What a piece of work says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Began,
    Done,
    /// With its exit status, where it gave one.
    Failed(Option<i32>),
}

/// How a piece of work stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stands {
    /// It has never been heard of, and isn't late yet.
    New,
    Fine,
    /// It said so.
    Failed {
        since: At,
        why: String,
    },
    /// It began, and didn't end in its time.
    Unended {
        began: At,
    },
    /// No beat in its time. `since`: the last one.
    Silent {
        since: Option<At>,
    },
}

/// How long work may take, and how often it is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub every: Duration,
    pub timeout: Duration,
    /// From one telling to the next.
    pub told_every: Duration,
}

/// What there is to tell of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Position among the works.
    pub work: usize,
    pub stands: Stands,
}

/// The book of one estate.
#[derive(Debug, Default)]
pub struct Book {
    entries: Vec<Entry>,
    /// When each is to be told of next, earliest first.
    wakes: BTreeSet<(At, usize)>,
    changed: BTreeSet<usize>,
}

#[derive(Debug)]
struct Entry {
    times: Times,
    phase: Duration,
    row: BeatRow,
    /// The latest beat of any sort, so that a loop costs nothing.
    latest: Option<(Said, At)>,
    wake: At,
}

impl Book {
    /// `kept`: what is known from before; `deaf`: for how long nobody listened since then. Each work comes with its times.
    pub fn new(works: &[(Work, Times)], kept: Vec<BeatRow>, deaf: Duration, now: At) -> Self {
        let mut kept: BTreeMap<(String, String), BeatRow> =
            kept.into_iter().map(|row| ((row.practice.clone(), row.probe.clone()), row)).collect();
        let mut book = Self::default();
        for (position, (work, times)) in works.iter().enumerate() {
            let key = (work.practice_id.clone(), work.probe_id.clone());
            let row = kept.remove(&key).unwrap_or_else(|| BeatRow {
                practice: key.0.clone(),
                probe: key.1.clone(),
                counts_from: now - deaf,
                last: None,
                began: None,
                failed: None,
            });
            let phase = phase(&key.0, &key.1, times.told_every);
            let mut entry = Entry { times: *times, phase, row, latest: None, wake: now };
            entry.shift(deaf, now);
            if entry.stands(now) == Stands::New {
                entry.wake = entry.due();
            }
            book.wakes.insert((entry.wake, position));
            book.entries.push(entry);
        }
        book
    }

    /// Notes what a work says. It is told of at the next [`Self::advance`].
    pub fn note(&mut self, work: usize, said: Said, now: At) {
        let Some(entry) = self.entries.get_mut(work) else { return };
        let again = entry.latest.is_some_and(|(last, at)| {
            last == said
                && (0..i64::try_from(BEAT_AGAIN_MIN.as_millis()).unwrap_or(0)).contains(&now.millis_since(at))
        });
        if again {
            return;
        }
        entry.latest = Some((said, now));
        entry.note(said, now);
        self.changed.insert(work);
        self.wake(work, now);
    }

    /// All that is to be told by now, in order of time.
    pub fn advance(&mut self, now: At) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some((_, work)) = self.wakes.first().copied().filter(|(at, _)| *at <= now) {
            let Some(entry) = self.entries.get_mut(work) else { break };
            let stands = entry.stands(now);
            let due = entry.due();
            let next = entry.next_telling(now);
            // While all is well, the moment at which it would be late is one to wake for; new work waits for it alone.
            let wake = match stands {
                Stands::New => due,
                Stands::Fine => next.min(due),
                _ => next,
            };
            if stands != Stands::New {
                told.push(Told { work, stands });
            }
            // Never the same moment again, or this would not end.
            self.wake(work, wake.max(now.plus_millis(1)));
        }
        told
    }

    /// Nobody could be heard for so long, or the clock was set: what was waited for then is waited for that much longer.
    pub fn shift(&mut self, by_ms: i64, now: At) {
        for work in 0..self.entries.len() {
            if let Some(entry) = self.entries.get_mut(work) {
                entry.shift_ms(by_ms, now);
                self.wake(work, now);
                self.changed.insert(work);
            }
        }
    }

    /// What changed since this was last asked, to be kept.
    pub fn take_changed(&mut self) -> Vec<BeatRow> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|work| Some(self.entries.get(work)?.row.clone())).collect()
    }

    /// All that there is to keep.
    pub fn rows(&self) -> Vec<BeatRow> {
        self.entries.iter().map(|entry| entry.row.clone()).collect()
    }

    /// How each stands, and when it was last done.
    pub fn standing(&self, now: At) -> impl Iterator<Item = (Stands, Option<At>)> {
        self.entries.iter().map(move |entry| (entry.stands(now), entry.row.last))
    }

    fn wake(&mut self, work: usize, at: At) {
        if let Some(entry) = self.entries.get_mut(work) {
            self.wakes.remove(&(entry.wake, work));
            entry.wake = at;
            self.wakes.insert((at, work));
        }
    }
}

impl Entry {
    fn note(&mut self, said: Said, now: At) {
        match said {
            Said::Began => self.row.began = Some(now),
            Said::Done => {
                self.row.began = None;
                self.row.last = Some(now);
                self.row.counts_from = now;
                self.row.failed = None;
            }
            Said::Failed(code) => {
                let why = match code {
                    Some(code) => format!("the work says that it failed, with exit status {code}"),
                    None => "the work says that it failed".to_owned(),
                };
                self.row.began = None;
                // It is still the same failure, when it fails again.
                let since = self.row.failed.as_ref().map_or(now, |(since, _)| *since);
                self.row.failed = Some((since, why));
            }
        }
    }

    fn stands(&self, now: At) -> Stands {
        if let Some((since, why)) = &self.row.failed {
            return Stands::Failed { since: *since, why: why.clone() };
        }
        if now > self.silent_from() {
            return Stands::Silent { since: self.row.last };
        }
        match (self.row.began, self.row.last) {
            (Some(began), _) if now > began + self.times.timeout => Stands::Unended { began },
            (_, Some(_)) => Stands::Fine,
            (_, None) => Stands::New,
        }
    }

    fn silent_from(&self) -> At {
        self.row.counts_from + self.times.every + self.times.timeout
    }

    /// When it will be late, the first moment of it.
    fn due(&self) -> At {
        let silent = self.silent_from();
        self.row.began.map_or(silent, |began| silent.min(began + self.times.timeout)).plus_millis(1)
    }

    /// The next of its moments.
    fn next_telling(&self, now: At) -> At {
        let every_ms = i64::try_from(self.times.told_every.as_millis()).unwrap_or(i64::MAX).max(1);
        let phase_ms = i64::try_from(self.phase.as_millis()).unwrap_or(0);
        let since = (now.as_millis() - phase_ms).rem_euclid(every_ms);
        now.plus_millis(every_ms - since)
    }

    fn shift(&mut self, by: Duration, now: At) {
        self.shift_ms(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), now);
    }

    /// Nothing comes to lie in the future: that would be a longer patience than anybody asked for.
    fn shift_ms(&mut self, by_ms: i64, now: At) {
        for at in std::iter::once(&mut self.row.counts_from).chain(self.row.began.as_mut()) {
            *at = At::from_millis(at.as_millis().saturating_add(by_ms)).min(now);
        }
        self.row.last = self.row.last.map(|last| last.min(now));
    }
}

impl Stands {
    /// The contract's word; `None`: it is fine.
    pub const fn failure(&self) -> Option<Failure> {
        match self {
            Self::New | Self::Fine => None,
            Self::Failed { .. } => Some(Failure::Status),
            Self::Unended { .. } | Self::Silent { .. } => Some(Failure::Timeout),
        }
    }

    /// As the API says it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Fine => "fine",
            Self::Failed { .. } => "failed",
            Self::Unended { .. } => "unended",
            Self::Silent { .. } => "silent",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::estate::{ProbeIx, Vantage};

    const HOUR: Duration = Duration::from_hours(1);
    const MINUTE: Duration = Duration::from_mins(1);
    const START: At = At::from_millis(1_700_000_000_000);

    fn work(practice: &str) -> (Work, Times) {
        let work = Work {
            from: Vantage::Hub,
            probe: ProbeIx(0),
            practice_id: practice.to_owned(),
            probe_id: "letters".to_owned(),
        };
        (work, Times { every: 24 * HOUR, timeout: HOUR, told_every: MINUTE })
    }

    fn book() -> Book {
        Book::new(&[work("G82002")], Vec::new(), Duration::ZERO, START)
    }

    fn stands(book: &Book, now: At) -> Stands {
        book.standing(now).next().expect("one").0
    }

    /// All that is told until then, with the moment of each.
    fn play(book: &mut Book, until: At) -> Vec<(At, Stands)> {
        let mut told = Vec::new();
        while let Some((at, _)) = book.wakes.first().copied().filter(|(at, _)| *at <= until) {
            told.extend(book.advance(at).into_iter().map(|each| (at, each.stands)));
        }
        told
    }

    #[test]
    fn work_that_was_never_heard_of_is_new_and_then_silent() {
        let mut book = book();
        let told = play(&mut book, START + 26 * HOUR);
        let (first, how) = told.first().expect("it is told in the end");
        assert_eq!(
            (*first, how),
            (START + 25 * HOUR + Duration::from_millis(1), &Stands::Silent { since: None })
        );
        assert!((59..=62).contains(&told.len()), "and once a minute from then on: {}", told.len());
    }

    #[test]
    fn a_beat_is_told_at_once_and_then_once_a_minute_while_it_is_young() {
        let mut book = book();
        book.note(0, Said::Done, START + HOUR);
        let told = play(&mut book, START + HOUR + 10 * MINUTE);
        assert_eq!(told[0], (START + HOUR, Stands::Fine));
        assert_eq!(told.len(), 11);
        assert!(told.iter().all(|(_, stands)| *stands == Stands::Fine));
        assert_eq!(told[2].0.millis_since(told[1].0), 60_000);
    }

    #[test]
    fn silence_past_its_time_is_told_at_that_moment_and_ends_with_a_beat() {
        let mut book = book();
        let beat = START + HOUR;
        book.note(0, Said::Done, beat);
        let told = play(&mut book, beat + 25 * HOUR);
        assert!(told.iter().all(|(_, stands)| *stands == Stands::Fine), "an hour of grace is not silence");
        let late = beat + 25 * HOUR + Duration::from_millis(1);
        assert_eq!(play(&mut book, late), [(late, Stands::Silent { since: Some(beat) })]);
        book.note(0, Said::Done, late + MINUTE);
        assert_eq!(play(&mut book, late + MINUTE).last(), Some(&(late + MINUTE, Stands::Fine)));
    }

    #[test]
    fn work_that_says_that_it_failed_has_failed_until_it_is_done() {
        let mut book = book();
        book.note(0, Said::Done, START);
        book.note(0, Said::Failed(Some(3)), START + HOUR);
        book.note(0, Said::Failed(None), START + 2 * HOUR);
        let Stands::Failed { since, why } = stands(&book, START + 3 * HOUR) else { panic!("it has failed") };
        assert_eq!((since, why.as_str()), (START + HOUR, "the work says that it failed"));
        book.note(0, Said::Began, START + 3 * HOUR);
        assert!(
            matches!(stands(&book, START + 3 * HOUR), Stands::Failed { .. }),
            "trying again mends nothing"
        );
        book.note(0, Said::Done, START + 4 * HOUR);
        assert_eq!(stands(&book, START + 4 * HOUR), Stands::Fine);
    }

    #[test]
    fn work_that_began_must_end_within_its_grace() {
        let mut book = book();
        book.note(0, Said::Done, START);
        book.note(0, Said::Began, START + HOUR);
        assert_eq!(stands(&book, START + 2 * HOUR), Stands::Fine);
        let late = START + 2 * HOUR + Duration::from_millis(1);
        assert_eq!(play(&mut book, late).last(), Some(&(late, Stands::Unended { began: START + HOUR })));
        book.note(0, Said::Done, late + MINUTE);
        assert_eq!(play(&mut book, late + MINUTE).last(), Some(&(late + MINUTE, Stands::Fine)));
    }

    #[test]
    fn what_is_kept_goes_on_and_nobody_is_blamed_for_the_time_in_which_nobody_listened() {
        let mut before = book();
        before.note(0, Said::Done, START);
        let kept = before.take_changed();
        assert_eq!(kept.len(), 1);
        assert!(before.take_changed().is_empty(), "once is enough");
        // Away from the 23rd hour to the 27th.
        let back = START + 27 * HOUR;
        let mut after = Book::new(&[work("G82002")], kept.clone(), 4 * HOUR, back);
        assert_eq!(stands(&after, back), Stands::Fine);
        let late = START + 29 * HOUR + Duration::from_millis(1);
        assert_eq!(play(&mut after, late).last(), Some(&(late, Stands::Silent { since: Some(START) })));
        // One that was there all the time cries at once.
        let strict = Book::new(&[work("G82002")], kept, Duration::ZERO, back);
        assert_eq!(stands(&strict, back), Stands::Silent { since: Some(START) });
    }

    #[test]
    fn a_clock_that_is_set_back_gives_no_patience_and_one_that_is_set_on_takes_none() {
        for (by, now) in [(-5 * 3_600_000, START - 4 * HOUR), (5 * 3_600_000, START + 6 * HOUR)] {
            let mut book = book();
            book.note(0, Said::Done, START);
            book.shift(by, now);
            let left = book.rows()[0].counts_from;
            assert_eq!(now.millis_since(left), 3_600_000, "an hour had gone by, and has still");
        }
    }

    #[test]
    fn a_loop_that_beats_all_the_time_costs_one_beat_a_second() {
        let mut book = book();
        book.note(0, Said::Done, START);
        book.take_changed();
        for ms in 1..1000 {
            book.note(0, Said::Done, START.plus_millis(ms));
        }
        assert!(book.take_changed().is_empty());
        book.note(0, Said::Failed(None), START.plus_millis(1000));
        assert_eq!(book.take_changed().len(), 1, "another word is news");
    }

    #[test]
    fn nobody_elses_work_is_kept_for_it() {
        let mut before = book();
        before.note(0, Said::Done, START);
        let other = Book::new(&[work("G82003")], before.rows(), Duration::ZERO, START + HOUR);
        assert_eq!(stands(&other, START + HOUR), Stands::New);
        assert_eq!(other.rows()[0].counts_from, START + HOUR);
    }

    proptest! {
        /// Whatever is said when: it ends, tells nothing before its time, and silence is never fine.
        #[test]
        fn any_story_is_told_in_good_order(
            story in proptest::collection::vec((0_i64..200_000_000, 0..4_u8), 0..40),
        ) {
            let mut book = book();
            let mut now = START;
            for (after_ms, what) in story {
                now = now.plus_millis(after_ms);
                for told in book.advance(now) {
                    prop_assert_ne!(told.stands, Stands::New);
                }
                match what {
                    0 => book.note(0, Said::Began, now),
                    1 => book.note(0, Said::Done, now),
                    2 => book.note(0, Said::Failed(None), now),
                    _ => {}
                }
                let (stands, last) = book.standing(now).next().expect("one");
                if let Some(last) = last {
                    prop_assert!(last <= now);
                    let is_late = now.millis_since(last) > 25 * 3_600_000;
                    prop_assert!(!(is_late && stands == Stands::Fine));
                }
            }
        }
    }
}
