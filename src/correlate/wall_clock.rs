//! Time of day as people have it: minutes on the wall clock since 1970. What is at the same time of day differs by whole days,
//! whatever summer time does.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::time::At;

pub const DAY_MIN: i64 = 24 * 60;
const MINUTE_MS: i64 = 60_000;
/// No zone changes its offset but at a whole quarter of an hour.
const QUARTER_MS: i64 = 15 * MINUTE_MS;

/// Minutes on the wall clock since 1970.
pub fn minutes(zone: &TimeZone, at: At) -> i64 {
    let local = at.to_timestamp().to_zoned(zone.clone()).datetime();
    let seconds = local
        .to_zoned(TimeZone::UTC)
        .map_or_else(|_| at.as_millis() / 1000, |as_if_utc| as_if_utc.timestamp().as_second());
    seconds.div_euclid(60)
}

/// The first of January 1970 was a Thursday.
pub const fn is_weekend(minutes: i64) -> bool {
    matches!(minutes.div_euclid(DAY_MIN).rem_euclid(7), 2 | 3)
}

/// A zone's wall clock that is looked at for every observation.
#[derive(Debug, Clone)]
pub struct WallClock {
    zone: TimeZone,
    /// The quarter of an hour that was looked at last, since 1970, and by how many minutes the wall clock is ahead of UTC in it.
    quarter: i64,
    ahead_min: i64,
}

impl WallClock {
    pub fn new(zone: TimeZone) -> Self {
        let mut clock = Self { zone, quarter: i64::MIN, ahead_min: 0 };
        clock.look(At::default());
        clock
    }

    /// Minutes on the wall clock since 1970.
    pub fn minutes(&mut self, at: At) -> i64 {
        self.look(at);
        at.as_millis().div_euclid(MINUTE_MS) + self.ahead_min
    }

    /// The same, looked up each time.
    pub fn shows(&self, at: At) -> i64 {
        minutes(&self.zone, at)
    }

    fn look(&mut self, at: At) {
        let quarter = at.as_millis().div_euclid(QUARTER_MS);
        if quarter != self.quarter {
            self.quarter = quarter;
            self.ahead_min = minutes(&self.zone, at) - at.as_millis().div_euclid(MINUTE_MS);
        }
    }

    /// When the wall clock shows so many minutes since 1970. Of an hour that is there twice, the first; of one that isn't there,
    /// as if the clock hadn't been changed.
    pub fn at(&self, minutes: i64) -> At {
        let as_if_utc = At::from_millis(minutes.saturating_mul(MINUTE_MS)).to_timestamp();
        let local: DateTime = as_if_utc.to_zoned(TimeZone::UTC).datetime();
        local.to_zoned(self.zone.clone()).map_or_else(|_| as_if_utc.into(), |zoned| zoned.timestamp().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> At {
        text.parse().expect("a time")
    }

    #[test]
    fn the_same_time_of_day_is_whole_days_apart_over_both_changes_of_the_clock() {
        let mut clock = WallClock::new(TimeZone::get("Europe/London").expect("a zone"));
        for (before, after) in [
            ("2026-03-28T18:30:00Z", "2026-03-29T17:30:00Z"),
            ("2026-10-24T17:30:00Z", "2026-10-25T18:30:00Z"),
        ] {
            let (before, after) = (at(before), at(after));
            assert_eq!(clock.minutes(after) - clock.minutes(before), DAY_MIN);
            assert_eq!(clock.shows(after), clock.minutes(after));
            let shown = clock.minutes(after);
            assert_eq!(clock.at(shown), after);
        }
        assert!(is_weekend(clock.minutes(at("2026-03-28T18:30:00Z"))));
        assert!(!is_weekend(clock.minutes(at("2026-03-27T18:30:00Z"))));
    }

    #[test]
    fn a_quarter_of_an_hour_is_looked_up_once_and_the_change_is_seen_at_its_second() {
        let mut clock = WallClock::new(TimeZone::get("Europe/London").expect("a zone"));
        let before = clock.minutes(at("2026-03-29T00:59:59Z"));
        assert_eq!(clock.minutes(at("2026-03-29T01:00:00Z")) - before, 61);
    }

    #[test]
    fn extreme_times_do_no_harm() {
        let mut clock = WallClock::new(TimeZone::get("Europe/London").expect("a zone"));
        for at in [At::from_millis(i64::MIN), At::from_millis(i64::MAX), At::LATEST] {
            let shown = clock.minutes(at);
            let _any = clock.at(shown);
        }
        let (_any, _other) = (clock.at(i64::MIN), clock.at(i64::MAX));
    }
}
