//! One check's changes → when it failed, and when nobody knows.

use std::borrow::Cow;

use super::Ground;
use super::facts::{Facts, Gap, GapKind};
use crate::estate::{PracticeIx, ProbeIx};
use crate::spans::Spans;
use crate::time::At;

/// What is known of one check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Measured {
    pub failing: Spans,
    /// When nobody knows, besides the gaps.
    pub unknown: Spans,
}

/// When nobody measured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Gaps {
    pub all: Spans,
    /// Of those, when nobody asked.
    not_running: Spans,
}

impl Gaps {
    pub fn of(facts: &Facts, until: At) -> Self {
        Self::new(&facts.gaps, until)
    }

    fn new(gaps: &[Gap], until: At) -> Self {
        let spans = |wanted: fn(&Gap) -> bool| {
            let gaps = gaps.iter().filter(|gap| wanted(gap));
            Spans::new(gaps.map(|gap| (gap.from, gap.to.min(until))).collect())
        };
        Self { all: spans(|_| true), not_running: spans(|gap| gap.kind == GapKind::NotRunning) }
    }

    /// Those of one practice among them.
    pub fn at(&self, facts: &Facts, practice: PracticeIx) -> Cow<'_, Self> {
        let Some(own) = facts.practice_gaps.get(&practice) else { return Cow::Borrowed(self) };
        Cow::Owned(Self { all: self.all.or(own), not_running: self.not_running.or(own) })
    }
}

/// Each check of a practice, by probe.
pub(super) fn all_measured(ground: &Ground<'_>, practice: PracticeIx, gaps: &Gaps) -> Vec<Measured> {
    let changes = |probe: usize| ground.facts.changes.of(practice, ProbeIx::new(probe));
    (0..ground.estate.probes.len()).map(|probe| measured(changes(probe), gaps, ground.now)).collect()
}

/// `changes`: results that were recorded, in order of time. Between two results the check was as the first of them said.
///
/// While linewatch was cut off it went on asking, so that what it saw afterwards counts again from the end of the gap. While it
/// didn't run, or no agent reported, nobody asked: a check that failed before is unknown until its next result, which is always recorded.
fn measured(changes: &[(At, bool)], gaps: &Gaps, until: At) -> Measured {
    let (mut failing, mut unknown) = (Vec::new(), Vec::new());
    for (place, (from, ok)) in changes.iter().enumerate() {
        let to = changes.get(place + 1).map_or(until, |(next, _)| *next).min(until);
        if *ok || *from >= to {
            continue;
        }
        let not_running = gaps.not_running.first_in(*from, to);
        let known_to = not_running.map_or(to, |(begins, _)| begins.max(*from));
        failing.push((*from, known_to));
        unknown.push((known_to, to));
    }
    Measured { failing: Spans::new(failing).minus(&gaps.all), unknown: Spans::new(unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> At {
        At::from_millis(ms)
    }

    fn spans(all: &[(i64, i64)]) -> Spans {
        Spans::new(all.iter().map(|(from, to)| (at(*from), at(*to))).collect())
    }

    fn seen(changes: &[(i64, bool)], gaps: &[(i64, i64, GapKind)]) -> (Spans, Spans) {
        let changes: Vec<(At, bool)> = changes.iter().map(|(ms, ok)| (at(*ms), *ok)).collect();
        let gaps: Vec<Gap> =
            gaps.iter().map(|(from, to, kind)| Gap { from: at(*from), to: at(*to), kind: *kind }).collect();
        let gaps = Gaps::new(&gaps, at(100));
        let measured = measured(&changes, &gaps, at(100));
        (measured.failing, measured.unknown.or(&gaps.all))
    }

    const DOWN: bool = false;
    const UP: bool = true;

    #[test]
    fn it_fails_from_the_first_failure_to_the_first_success_and_to_now_when_there_is_none() {
        assert_eq!(seen(&[(10, DOWN), (20, UP)], &[]), (spans(&[(10, 20)]), spans(&[])));
        assert_eq!(
            seen(&[(10, DOWN), (15, DOWN), (20, UP), (90, DOWN)], &[]).0,
            spans(&[(10, 20), (90, 100)])
        );
    }

    #[test]
    fn what_failed_when_linewatch_stopped_is_unknown_until_the_next_result() {
        let gap = [(30, 50, GapKind::NotRunning)];
        let fails_on = seen(&[(10, DOWN), (55, DOWN), (60, UP)], &gap);
        assert_eq!(fails_on, (spans(&[(10, 30), (55, 60)]), spans(&[(30, 55)])));
        let came_back = seen(&[(10, DOWN), (55, UP)], &gap);
        assert_eq!(came_back, (spans(&[(10, 30)]), spans(&[(30, 55)])));
        let fine_before = seen(&[(10, DOWN), (20, UP), (52, DOWN)], &gap);
        assert_eq!(fine_before, (spans(&[(10, 20), (52, 100)]), spans(&[(30, 50)])));
    }

    #[test]
    fn what_linewatch_saw_while_it_was_cut_off_itself_says_nothing() {
        let gap = [(30, 50, GapKind::CutOff)];
        assert_eq!(seen(&[(32, DOWN), (48, UP)], &gap), (spans(&[]), spans(&[(30, 50)])));
        assert_eq!(seen(&[(10, DOWN), (60, UP)], &gap), (spans(&[(10, 30), (50, 60)]), spans(&[(30, 50)])));
    }
}
