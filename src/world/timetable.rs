//! When a fault hits which site: its window, its rhythm, and which sites are spared or come back early.

use std::time::Duration;

use crate::time::{At, whole_millis};
use crate::world::scenario::{Fault, Scenario, Window};

/// Which of a scenario's two sets of times counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The scenario's own: `start` and `at`.
    Virtual,
    /// `drill_at`, from this moment on. Rhythms are compressed like the window that they stand in.
    Drill { began: At },
}

/// Where a site stands among those that a fault hits. Ranks are evenly spaced, so that a share of the
/// sites is exactly that share, however few they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rank {
    /// 0 to 1: its turn when the fault rolls from site to site.
    pub turn: f64,
    /// 0 to 1: its turn when sites come back.
    pub back: f64,
}

impl Rank {
    /// The hub's, which is no site: first to be hit, and back with the middle one.
    pub const HUB: Self = Self { turn: 0.0, back: 0.5 };
}

/// One fault's times, in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Timetable {
    from: i64,
    until: i64,
    flapping: Option<(i64, i64)>,
    rolling: Option<(f64, i64)>,
    recovery: Vec<(i64, f64)>,
}

impl Timetable {
    /// `None`: this fault isn't played by that clock.
    pub fn new(scenario: &Scenario, fault: &Fault, clock: Clock) -> Option<Self> {
        let (origin, window) = match clock {
            Clock::Virtual => (scenario.start, fault.when),
            Clock::Drill { began } => (began, fault.drill?),
        };
        let lasts = |window: Window, all: Duration| {
            window.until.unwrap_or(all).saturating_sub(window.from).as_secs_f64()
        };
        let story = lasts(fault.when, scenario.length);
        let compressed = match clock {
            Clock::Drill { .. } if story > 0.0 => lasts(window, scenario.drill_length) / story,
            _ => 1.0,
        };
        let scaled = |length: Duration| whole_millis(length.mul_f64(compressed)).max(1);
        let from = (origin + window.from).as_millis();
        Some(Self {
            from,
            until: window.until.map_or(i64::MAX, |until| (origin + until).as_millis()),
            flapping: fault.flapping.map(|flapping| (scaled(flapping.period), scaled(flapping.down))),
            rolling: fault.rolling.map(|rolling| (scaled(rolling.over) as f64, scaled(rolling.lasts))),
            recovery: fault
                .recovery
                .iter()
                .filter_map(|step| {
                    let at = if clock == Clock::Virtual { Some(step.at) } else { step.drill_at };
                    Some(((origin + at?).as_millis(), step.sites))
                })
                .collect(),
        })
    }

    /// When it begins.
    pub const fn begins(&self) -> At {
        At::from_millis(self.from)
    }

    /// When the last site is back; `None`: it outlasts the scenario.
    pub fn ends(&self) -> Option<At> {
        let rolled = self.rolling.map(|(over, lasts)| {
            #[expect(clippy::cast_possible_truncation, reason = "a length within a scenario")]
            self.from.saturating_add(over as i64).saturating_add(lasts)
        });
        let end = self.until.min(rolled.unwrap_or(i64::MAX));
        (end < i64::MAX).then_some(At::from_millis(end))
    }

    /// From the first site's fall to the last one's rise, of sites of these ranks; no end: it outlasts the scenario.
    pub(super) fn reach(&self, ranks: impl Iterator<Item = Rank>) -> (At, Option<At>) {
        let Some((over, lasts)) = self.rolling else { return (self.begins(), self.ends()) };
        let (first, last) = ranks
            .fold((f64::MAX, 0.0_f64), |(first, last), rank| (first.min(rank.turn), last.max(rank.turn)));
        #[expect(clippy::cast_possible_truncation, reason = "a part of a length within a scenario")]
        let turn = |rank: f64| (rank.min(1.0) * over) as i64;
        let until = self.from.saturating_add(turn(last)).saturating_add(lasts).min(self.until);
        (self.begins().plus_millis(turn(first)), Some(At::from_millis(until)))
    }

    /// The moments at which sites come back before the end, with the share that is back from then on.
    pub fn recoveries(&self) -> impl Iterator<Item = (At, f64)> + '_ {
        self.recovery.iter().map(|(at, share)| (At::from_millis(*at), *share))
    }

    /// Whether it hits a site of this rank at this moment.
    pub fn hits(&self, at: At, rank: Rank) -> bool {
        let now = at.as_millis();
        if now < self.from || now >= self.until {
            return false;
        }
        let since = now - self.from;
        if let Some((period, down)) = self.flapping
            && since % period >= down
        {
            return false;
        }
        if let Some((over, lasts)) = self.rolling {
            #[expect(clippy::cast_possible_truncation, reason = "a part of a length within a scenario")]
            let turn = (rank.turn * over) as i64;
            if since < turn || since >= turn.saturating_add(lasts) {
                return false;
            }
        }
        let back = self.recovery.iter().rev().find(|(from, _)| now >= *from).map_or(0.0, |(_, share)| *share);
        rank.back >= back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timetable(fault: &str, clock: Clock) -> Timetable {
        let text = format!(
            "title = \"t\"\nhappened = \"h\"\nseed = 1\nstart = 2023-03-16T08:00:00Z\nlength = \"10h\"\n\
             [[fault]]\ncomponent = \"fw\"\nmode = \"total\"\n{fault}"
        );
        let scenario = Scenario::parse("test", &text).expect("a scenario");
        Timetable::new(&scenario, &scenario.faults[0], clock).expect("played")
    }

    fn at(text: &str) -> At {
        format!("2023-03-16T{text}Z").parse().expect("a time")
    }

    const FIRST: Rank = Rank { turn: 0.0, back: 0.1 };
    const LAST: Rank = Rank { turn: 0.9, back: 0.9 };

    #[test]
    fn hits_from_its_first_millisecond_until_before_its_end() {
        let fault = timetable("at = \"+1h\"\nuntil = \"+2h\"", Clock::Virtual);
        assert!(!fault.hits(at("08:59:59.999"), FIRST));
        assert!(fault.hits(at("09:00:00"), FIRST));
        assert!(fault.hits(at("09:59:59.999"), FIRST));
        assert!(!fault.hits(at("10:00:00"), FIRST));
        assert_eq!(fault.ends(), Some(at("10:00:00")));
    }

    #[test]
    fn flaps() {
        let fault = timetable("at = \"+0s\"\nflapping = { period = \"1h\", down = \"20m\" }", Clock::Virtual);
        for (time, down) in [("08:19:59", true), ("08:20:00", false), ("09:00:00", true), ("09:30:00", false)]
        {
            assert_eq!(fault.hits(at(time), FIRST), down, "{time}");
        }
    }

    #[test]
    fn brings_sites_back_in_stages_and_may_lose_them_again() {
        let steps = "at = \"+0s\"\nuntil = \"+5h\"\nrecovery = [{ at = \"+1h\", sites = 0.5 }, \
                     { at = \"+2h\", sites = 0.0 }, { at = \"+3h\", sites = 1.0 }]";
        let fault = timetable(steps, Clock::Virtual);
        for (time, first, last) in [
            ("08:30:00", true, true),
            ("09:30:00", false, true),
            ("10:30:00", true, true),
            ("11:30:00", false, false),
        ] {
            assert_eq!((fault.hits(at(time), FIRST), fault.hits(at(time), LAST)), (first, last), "{time}");
        }
    }

    #[test]
    fn rolls_from_site_to_site() {
        let fault = timetable("at = \"+0s\"\nrolling = { over = \"5h\", lasts = \"1h\" }", Clock::Virtual);
        assert!(fault.hits(at("08:30:00"), FIRST) && !fault.hits(at("08:30:00"), LAST));
        assert!(!fault.hits(at("12:45:00"), FIRST) && fault.hits(at("12:45:00"), LAST));
        assert_eq!(fault.ends(), Some(at("14:00:00")));
    }

    #[test]
    fn a_drill_has_times_of_its_own_and_compresses_rhythms() {
        let text = "at = \"+0s\"\nuntil = \"+10h\"\ndrill_at = 10\ndrill_until = 46\n\
                    flapping = { period = \"1h\", down = \"30m\" }";
        let fault = timetable(text, Clock::Drill { began: at("12:00:00") });
        assert!(!fault.hits(at("12:00:09.999"), FIRST));
        assert!(fault.hits(at("12:00:10"), FIRST));
        assert!(!fault.hits(at("12:00:12"), FIRST), "an hour of flapping takes 3.6 s of this drill");
        assert!(fault.hits(at("12:00:13.600"), FIRST));
        assert!(!fault.hits(at("12:00:46"), FIRST));
    }
}
