//! When an agent measured at its practice, and when the journal must say that it didn't. Pure.
//!
//! What an agent saw comes in any order: what it sees now before the backlog. So a hole may be filled later, in pieces. The journal
//! hears of a hole as soon as there is one, and of what filled it when it is gone, or [`COVERAGE_TOLD_MS`] at a time: else a backlog of
//! days would be hundreds of entries for each practice.

use crate::journal::body::Coverage as Body;
use crate::limits::{COVERAGE_STRETCHES_MAX, COVERAGE_TOLD_MS};
use crate::spans::Spans;
use crate::time::At;

/// Until when an agent measured, as far as the hub has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredUntil {
    pub practice: String,
    /// Empty: all of the practice together, as an earlier version wrote it.
    pub agent: String,
    pub until: At,
}

/// One agent's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// What is before isn't changed any more: there were too many holes to remember them all.
    pub base: At,
    /// From the first to the last of observations that aren't too far apart.
    pub measured: Spans,
    /// When the journal says that it didn't measure; before the first observation that is from the beginning of time.
    pub told: Spans,
}

impl Coverage {
    /// With what was seen at these moments. `apart_ms`: as long as this without an observation, and it didn't measure. Also: what the
    /// journal must say, if anything.
    pub fn with(
        &self,
        (practice, agent): (&str, &str),
        seen: impl Iterator<Item = At>,
        apart_ms: i64,
    ) -> (Self, Option<Body>) {
        let moments = seen.filter(|at| *at >= self.base).map(|at| (at, at.plus_millis(1)));
        let seen = Spans::new(moments.collect());
        let mut next = Self { measured: self.measured.or(&seen).closed(apart_ms), ..self.clone() };
        let holes = next.holes();
        let missing = holes.minus(&self.told);
        let after_all = self.told.minus(&holes);
        let is_one_gone = self.told.iter().any(|(from, to)| !holes.touches(from, to));
        let is_told = !missing.is_empty() || is_one_gone || after_all.total_ms() >= COVERAGE_TOLD_MS;
        let body = is_told.then(|| {
            next.told = holes;
            Body {
                practice: practice.to_owned(),
                agent: Some(agent.to_owned()),
                missing: missing.iter().collect(),
                after_all: after_all.iter().collect(),
            }
        });
        next.forget();
        (next, body)
    }

    fn holes(&self) -> Spans {
        let end = self.measured.hull().map_or(self.base, |(_, to)| to);
        Spans::one(self.base, end).minus(&self.measured)
    }

    /// Lets go of the oldest holes beyond the bound: the journal keeps its last word on them.
    fn forget(&mut self) {
        let Some(surplus) = self.measured.len().checked_sub(COVERAGE_STRETCHES_MAX + 1) else { return };
        let Some((_, end)) = self.measured.iter().nth(surplus) else { return };
        self.base = end;
        let rest = |spans: &Spans| Spans::new(spans.iter().filter(|(_, to)| *to > end).collect());
        (self.measured, self.told) = (rest(&self.measured), rest(&self.told));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const APART_MS: i64 = 10;

    fn at(ms: i64) -> At {
        At::from_millis(ms)
    }

    fn pairs(all: &[(At, At)]) -> Vec<(i64, i64)> {
        all.iter().map(|(from, to)| (from.as_millis(), to.as_millis())).collect()
    }

    /// What is missing, and what is there after all.
    type Told = (Vec<(i64, i64)>, Vec<(i64, i64)>);

    fn told(coverage: &mut Coverage, seen: &[i64]) -> Option<Told> {
        let (next, body) = coverage.with(("G82002", "a"), seen.iter().map(|ms| at(*ms)), APART_MS);
        *coverage = next;
        body.map(|body| (pairs(&body.missing), pairs(&body.after_all)))
    }

    #[test]
    fn a_hole_is_told_at_once_and_what_fills_it_when_it_is_gone() {
        let mut coverage = Coverage::default();
        assert_eq!(told(&mut coverage, &[1_000, 1_005]), Some((vec![(0, 1_000)], vec![])));
        assert_eq!(told(&mut coverage, &[1_010, 1_020]), None);
        assert_eq!(told(&mut coverage, &[1_060]), Some((vec![(1_021, 1_060)], vec![])));
        // The backlog comes in two pieces.
        assert_eq!(told(&mut coverage, &[1_030, 1_040]), None);
        assert_eq!(told(&mut coverage, &[1_050]), Some((vec![], vec![(1_021, 1_060)])));
        // One moment of what was before the first: nothing that is gone, and too little to be told.
        assert_eq!(told(&mut coverage, &[500]), None);
    }

    #[test]
    fn a_long_backlog_is_told_in_pieces_and_many_holes_are_let_go_of() {
        const MINUTE_MS: i64 = 60_000;
        let mut coverage = Coverage::default();
        let told = |coverage: &mut Coverage, seen: &mut dyn Iterator<Item = i64>| {
            let (next, body) = coverage.with(("G82002", "a"), seen.map(at), MINUTE_MS);
            *coverage = next;
            body.is_some()
        };
        let minutes = 10 * COVERAGE_TOLD_MS / MINUTE_MS;
        told(&mut coverage, &mut [MINUTE_MS, minutes * MINUTE_MS].into_iter());
        // The backlog, in batches of an hour.
        let batches = (1..minutes).step_by(60).filter(|first| {
            let last = (first + 60).min(minutes);
            told(&mut coverage, &mut (*first..last).map(|minute| minute * MINUTE_MS))
        });
        let entries = batches.count();
        assert!((10..=11).contains(&entries), "{entries}");
        assert_eq!(coverage.told.len(), 1, "before the first");
        for n in 0..2 * i64::try_from(COVERAGE_STRETCHES_MAX).expect("few") {
            told(&mut coverage, &mut std::iter::once((minutes + 5 * n) * MINUTE_MS));
        }
        assert!(coverage.measured.len() <= COVERAGE_STRETCHES_MAX + 1);
        assert!(coverage.base > At::default());
    }

    proptest! {
        /// In whatever order it comes: what the journal says in the end is what wasn't seen, but for what waits to be told.
        #[test]
        fn the_journals_word_does_not_depend_on_the_order(
            mut moments in prop::collection::vec(0_i64..3_000, 1..60),
            pieces in 1_usize..9,
        ) {
            let mut coverage = Coverage::default();
            let mut said = Spans::default();
            for batch in moments.chunks(pieces) {
                let (next, body) = coverage.with(("G82002", "a"), batch.iter().map(|ms| at(*ms)), APART_MS);
                coverage = next;
                if let Some(body) = body {
                    said = said.or(&Spans::new(body.missing)).minus(&Spans::new(body.after_all));
                }
                prop_assert_eq!(&said, &coverage.told);
            }
            moments.sort_unstable();
            let mut expected = vec![(0, moments[0])];
            for pair in moments.windows(2) {
                if pair[1] - (pair[0] + 1) > APART_MS {
                    expected.push((pair[0] + 1, pair[1]));
                }
            }
            let unseen = Spans::new(expected.into_iter().map(|(from, to)| (at(from), at(to))).collect());
            // Never less than was missing.
            prop_assert!(unseen.minus(&said).is_empty(), "{unseen:?} {said:?}");
            prop_assert!(said.minus(&unseen).total_ms() < COVERAGE_TOLD_MS);
        }
    }
}
