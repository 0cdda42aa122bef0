//! Notices that the clock was set, that the machine slept, or that this program stood still. None of that
//! is an outage of anything else, but each looks like one: checks that ran meanwhile seem to have timed
//! out, and every practice seems to have been silent.
//!
//! Two clocks tell: the wall clock, and the monotonic one, which nobody sets and which on Linux does not
//! count sleep. [`ClockWatch`] compares how far each went from one look to the next.

use crate::limits::{CLOCK_STEP_MIN, STANDSTILL_MIN};
use crate::time::At;

/// The wall clock.
pub fn now() -> At {
    At::from(jiff::Timestamp::now())
}

/// What happened to time since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Steady,
    /// The wall clock was set, or the machine slept: it went this many milliseconds further than the
    /// monotonic clock. Negative when it was set back.
    Jumped {
        by_ms: i64,
    },
    /// Nobody looked for this many milliseconds, although somebody was to look every second: the program
    /// was stopped, or the machine is overloaded.
    StoodStill {
        for_ms: i64,
    },
}

/// Compares the clocks from look to look.
#[derive(Debug)]
pub struct ClockWatch {
    wall: At,
    monotonic_ms: i64,
}

impl ClockWatch {
    /// `monotonic_ms`: milliseconds since any fixed point.
    pub const fn new(wall: At, monotonic_ms: i64) -> Self {
        Self { wall, monotonic_ms }
    }

    /// Call it at least every second.
    pub fn look(&mut self, wall: At, monotonic_ms: i64) -> Step {
        let wall_ms = wall.millis_since(self.wall);
        let gone_ms = monotonic_ms.saturating_sub(self.monotonic_ms);
        self.wall = wall;
        self.monotonic_ms = monotonic_ms;
        let by_ms = wall_ms.saturating_sub(gone_ms);
        if by_ms.unsigned_abs() >= CLOCK_STEP_MIN.as_millis().try_into().unwrap_or(u64::MAX) {
            Step::Jumped { by_ms }
        } else if gone_ms >= i64::try_from(STANDSTILL_MIN.as_millis()).unwrap_or(i64::MAX) {
            Step::StoodStill { for_ms: gone_ms }
        } else {
            Step::Steady
        }
    }
}

impl Step {
    /// One sentence for a person, or none when time went on as it should.
    pub fn sentence(self) -> Option<String> {
        match self {
            Self::Steady => None,
            Self::Jumped { by_ms } if by_ms < 0 => Some(format!(
                "This machine's clock was set back by {} s. What was under way then does not count.",
                -by_ms / 1000
            )),
            Self::Jumped { by_ms } => Some(format!(
                "This machine slept, or its clock was set forward, by {} s. What was under way then does \
                 not count.",
                by_ms / 1000
            )),
            Self::StoodStill { for_ms } => Some(format!(
                "This program stood still for {} s. What was under way then does not count.",
                for_ms / 1000
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: At = At::from_millis(1_700_000_000_000);

    #[test]
    fn a_second_like_any_other_is_steady() {
        let mut watch = ClockWatch::new(START, 0);
        assert_eq!(watch.look(START.plus_millis(1_003), 1_000), Step::Steady);
        assert_eq!(watch.look(START.plus_millis(2_003), 2_000), Step::Steady);
    }

    #[test]
    fn sleep_moves_only_the_wall_clock() {
        let mut watch = ClockWatch::new(START, 0);
        assert_eq!(watch.look(START.plus_millis(3_601_000), 1_000), Step::Jumped { by_ms: 3_600_000 });
        assert_eq!(watch.look(START.plus_millis(3_602_000), 2_000), Step::Steady, "it is told once");
    }

    #[test]
    fn a_clock_that_is_set_back_is_told_apart_from_sleep() {
        let mut watch = ClockWatch::new(START, 0);
        let step = watch.look(START.plus_millis(-59_000), 1_000);
        assert_eq!(step, Step::Jumped { by_ms: -60_000 });
        assert!(step.sentence().expect("a sentence").contains("set back by 60 s"));
    }

    #[test]
    fn a_program_that_was_stopped_stood_still() {
        let mut watch = ClockWatch::new(START, 0);
        assert_eq!(watch.look(START.plus_millis(30_000), 30_000), Step::StoodStill { for_ms: 30_000 });
    }
}
