//! One check's changes → when it failed, and when nobody knows.

use super::facts::{Gap, GapKind};
use super::spans::Spans;
use crate::time::At;

/// What is known of one check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Measured {
    pub failing: Spans,
    pub unknown: Spans,
}

/// `changes`: results that were recorded, in order of time. `gaps`: when nobody measured, in order. Between two results the
/// check was as the first of them said.
///
/// While linewatch was cut off it went on asking, so that what it saw afterwards counts again from the end of the gap. While it
/// didn't run, it didn't: a check that failed before is unknown until its next result, which is always recorded.
pub(super) fn measured(changes: &[(At, bool)], gaps: &[Gap], until: At) -> Measured {
    let (mut failing, mut unknown) = (Vec::new(), Vec::new());
    for (place, (from, ok)) in changes.iter().enumerate() {
        let to = changes.get(place + 1).map_or(until, |(next, _)| *next).min(until);
        if *ok || *from >= to {
            continue;
        }
        let not_running =
            gaps.iter().find(|gap| gap.kind == GapKind::NotRunning && *from < gap.to && gap.from < to);
        let known_to = not_running.map_or(to, |gap| gap.from.max(*from));
        failing.push((*from, known_to));
        unknown.push((known_to, to));
    }
    let gaps = Spans::new(gaps.iter().map(|gap| (gap.from, gap.to.min(until))).collect());
    Measured { failing: Spans::new(failing).minus(&gaps), unknown: Spans::new(unknown).or(&gaps) }
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
        let measured = measured(&changes, &gaps, at(100));
        (measured.failing, measured.unknown)
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
