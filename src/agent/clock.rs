//! Notices that the clock was set, that the machine slept, or that this program stood still. None of that
//! is an outage of anything else, but each looks like one: checks that ran meanwhile seem to have timed
//! out, and every practice seems to have been silent.
//!
//! Two clocks tell: the wall clock, and the monotonic one, which nobody sets and which on Linux does not
//! count sleep. [`ClockWatch`] compares how far each went from one look to the next.
//!
//! What was seen while the clock was wrong has the times of that clock, and may be reported when it has been set right. So an agent
//! compares the wall clock with a third one too, which nobody sets and which counts sleep: how far they are apart changes with nothing but
//! the clock's being set ([`SetWatch`]). That clock begins anew with the machine, so that what happened to the wall clock while the
//! agent didn't run isn't known.

use crate::limits::{CLOCK_SET_LATELY, CLOCK_STEP_MIN, STANDSTILL_MIN};
use crate::platform;
use crate::time::{At, whole_millis};

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

/// The wall clock beside the one that nobody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    pub wall: At,
    /// Milliseconds since the machine was started, sleep included.
    pub boot_ms: i64,
}

impl Clocks {
    pub fn read() -> Self {
        Self { wall: now(), boot_ms: platform::since_boot_ms() }
    }

    /// What the wall clock of this reading would say now, had nobody set it since.
    pub fn now(&self) -> At {
        self.wall.plus_millis(platform::since_boot_ms().saturating_sub(self.boot_ms))
    }
}

/// Notices that the wall clock was set, however long ago the last look was.
#[derive(Debug, Clone, Default)]
pub struct SetWatch {
    /// How far the clocks were apart; `None`: nobody has looked yet.
    apart_ms: Option<i64>,
    /// When it was last noticed, by the clock that nobody sets, and by how much.
    set: Option<(i64, i64)>,
}

impl SetWatch {
    /// By how many milliseconds the clock was set since the last look; negative: it was set back. What is less than [`CLOCK_STEP_MIN`] adds up
    /// until it isn't.
    pub fn look(&mut self, clocks: Clocks) -> Option<i64> {
        let apart_ms = clocks.wall.as_millis().saturating_sub(clocks.boot_ms);
        let by_ms = apart_ms.saturating_sub(*self.apart_ms.get_or_insert(apart_ms));
        if by_ms.saturating_abs() < whole_millis(CLOCK_STEP_MIN) {
            return None;
        }
        (self.apart_ms, self.set) = (Some(apart_ms), Some((clocks.boot_ms, by_ms)));
        Some(by_ms)
    }

    /// By how much the clock was set since something `ended`, of which it was told just now: 0, where that was before.
    pub fn set_since(&self, ended: At, clocks: Clocks) -> i64 {
        let Some((noticed_ms, by_ms)) = self.set else { return 0 };
        let is_late = clocks.boot_ms.saturating_sub(noticed_ms) > whole_millis(CLOCK_SET_LATELY);
        // By the clock that it has its time from, it is a moment ago.
        let ago = clocks.wall.millis_since(ended);
        let is_before = ago.saturating_sub(by_ms).saturating_abs() < ago.saturating_abs();
        if !is_late && is_before { by_ms } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_whenever_somebody_looks_and_sleep_is_not() {
        let mut watch = SetWatch::default();
        let at = |boot_ms: i64, set_ms: i64| Clocks { wall: START.plus_millis(boot_ms + set_ms), boot_ms };
        assert_eq!(watch.look(at(5_000, 0)), None);
        // It slept for a day, and the clocks drifted by no more than time daemons allow.
        assert_eq!(watch.look(at(86_400_000, 1_900)), None);
        assert_eq!(watch.look(at(86_401_000, 3_600_000)), Some(3_600_000));
        assert_eq!(watch.look(at(86_402_000, 3_600_000)), None, "it is told once");
        assert_eq!(watch.look(at(86_403_000, 0)), Some(-3_600_000));
        // A little at a time comes to as much.
        let little: Vec<_> = (1..=4).map(|n| watch.look(at(86_403_000 + n, n * 900))).collect();
        assert_eq!(little, [None, None, Some(2_700), None]);
    }

    #[test]
    fn what_ended_just_before_the_clock_was_set_is_told_from_what_ended_after() {
        for by_ms in [-3_600_000, -10_000, 10_000, 3_600_000] {
            let mut watch = SetWatch::default();
            let before = Clocks { wall: START, boot_ms: 0 };
            let after = Clocks { wall: START.plus_millis(by_ms + 500), boot_ms: 500 };
            assert_eq!((watch.look(before), watch.set_since(START, before)), (None, 0));
            assert_eq!(watch.look(after), Some(by_ms));
            assert_eq!(watch.set_since(START.plus_millis(200), after), by_ms);
            assert_eq!(watch.set_since(after.wall.plus_millis(-200), after), 0);
            let late = Clocks { wall: after.wall.plus_millis(20_000), boot_ms: 20_500 };
            assert_eq!(watch.set_since(START, late), 0, "a disk that hung says nothing of clocks");
        }
    }

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
