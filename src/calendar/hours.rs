//! Hours of the week in local time.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::is_bank_holiday;
use crate::limits::HOURS_LOOKED_AHEAD_DAYS;
use crate::time::At;

pub const WORKING_DAYS: [Weekday; 5] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

/// From one time to another on some days of the week, in local time. Where `until` is not after `from`, it is a time of the day
/// after: a night shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// On which they begin.
    pub days: Vec<Weekday>,
    pub from: Time,
    pub until: Time,
    /// Whether bank holidays are days like others.
    pub on_holidays: bool,
    /// Days off besides bank holidays.
    pub also_off: BTreeSet<Date>,
}

impl Hours {
    /// Whether this moment is among them. Where the clocks skip or repeat an hour in which they begin or end, the earlier
    /// reading counts.
    pub fn contain(&self, at: At, zone: &TimeZone) -> bool {
        self.next(at, zone) == Some(at)
    }

    /// The first moment among them, this one or a later. `None`: there is none within [`HOURS_LOOKED_AHEAD_DAYS`].
    pub fn next(&self, at: At, zone: &TimeZone) -> Option<At> {
        let today = at.to_timestamp().to_zoned(zone.clone()).date();
        // Yesterday's may last until today.
        let mut day = today.yesterday().unwrap_or(today);
        for _ in 0..HOURS_LOOKED_AHEAD_DAYS {
            if let Some((opens, closes)) = self.on(day, zone)
                && closes > at
            {
                return Some(opens.max(at));
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// Those that begin on this day.
    fn on(&self, day: Date, zone: &TimeZone) -> Option<(At, At)> {
        let is_off = self.also_off.contains(&day) || (!self.on_holidays && is_bank_holiday(day));
        if is_off || !self.days.contains(&day.weekday()) {
            return None;
        }
        let moment = |day: Date, time: Time| {
            let zoned = zone.to_ambiguous_zoned(day.to_datetime(time)).compatible();
            zoned.ok().map(|zoned| At::from(zoned.timestamp()))
        };
        let last = if self.until > self.from { day } else { day.checked_add(1.day()).ok()? };
        moment(day, self.from).zip(moment(last, self.until))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};
    use proptest::prelude::*;

    use super::*;

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").expect("bundled")
    }

    fn working() -> Hours {
        Hours {
            days: WORKING_DAYS.to_vec(),
            from: time(8, 0, 0, 0),
            until: time(18, 30, 0, 0),
            on_holidays: false,
            also_off: BTreeSet::new(),
        }
    }

    fn next(hours: &Hours, at: &str) -> String {
        let at: At = at.parse().expect("a time");
        hours.next(at, &london()).expect("some day").to_string()
    }

    #[test]
    fn a_night_a_week_end_and_easter_are_waited_for() {
        assert_eq!(next(&working(), "2026-03-16T12:00:00Z"), "2026-03-16T12:00:00.000Z");
        assert_eq!(next(&working(), "2026-03-16T18:29:59.999Z"), "2026-03-16T18:29:59.999Z");
        assert_eq!(next(&working(), "2026-03-16T18:30:00Z"), "2026-03-17T08:00:00.000Z");
        assert_eq!(next(&working(), "2026-03-13T20:00:00Z"), "2026-03-16T08:00:00.000Z");
        // Maundy Thursday's evening to the Tuesday after Easter, in summer time.
        assert_eq!(next(&working(), "2026-04-02T18:00:00Z"), "2026-04-07T07:00:00.000Z");
        let all_year = Hours { on_holidays: true, ..working() };
        assert_eq!(next(&all_year, "2026-04-02T18:00:00Z"), "2026-04-03T07:00:00.000Z");
        let off = Hours { also_off: BTreeSet::from([date(2026, 4, 7)]), ..working() };
        assert_eq!(next(&off, "2026-04-02T18:00:00Z"), "2026-04-08T07:00:00.000Z");
    }

    #[test]
    fn days_of_23_and_of_25_hours_keep_their_local_times() {
        // The clocks go forward on 29 March 2026 at 01:00 UTC, and back on 25 October at 01:00 UTC.
        let every_day = Hours {
            days: [&WORKING_DAYS[..], &[Weekday::Saturday, Weekday::Sunday]].concat(),
            from: time(7, 0, 0, 0),
            until: time(22, 0, 0, 0),
            ..working()
        };
        assert_eq!(next(&every_day, "2026-03-28T22:00:00Z"), "2026-03-29T06:00:00.000Z");
        assert_eq!(next(&every_day, "2026-03-29T21:00:00Z"), "2026-03-30T06:00:00.000Z");
        assert_eq!(next(&every_day, "2026-10-24T21:00:00Z"), "2026-10-25T07:00:00.000Z");
        assert_eq!(next(&every_day, "2026-10-25T22:00:00Z"), "2026-10-26T07:00:00.000Z");
        // A night shift through them: nine hours and eleven, by a clock that nobody changes.
        let night = Hours { from: time(21, 0, 0, 0), until: time(7, 0, 0, 0), ..every_day };
        assert_eq!(next(&night, "2026-03-29T05:59:00Z"), "2026-03-29T05:59:00.000Z");
        assert_eq!(next(&night, "2026-03-29T06:00:00Z"), "2026-03-29T20:00:00.000Z");
        assert_eq!(next(&night, "2026-10-25T06:59:00Z"), "2026-10-25T06:59:00.000Z");
        assert_eq!(next(&night, "2026-10-25T07:00:00Z"), "2026-10-25T21:00:00.000Z");
        // An hour that is skipped begins where the clock goes on, and one that comes twice begins the first time.
        let small = Hours { from: time(1, 30, 0, 0), until: time(4, 0, 0, 0), ..night };
        assert_eq!(next(&small, "2026-03-29T00:30:00Z"), "2026-03-29T01:30:00.000Z");
        assert_eq!(next(&small, "2026-10-25T00:00:00Z"), "2026-10-25T00:30:00.000Z");
    }

    #[test]
    fn hours_that_never_come_are_not_looked_for_for_ever() {
        assert_eq!(Hours { days: Vec::new(), ..working() }.next(At::default(), &london()), None);
        assert_eq!(working().next(At::LATEST, &london()), None);
    }

    proptest! {
        #[test]
        fn the_next_moment_is_among_them_and_none_before_it_is(
            at in 0_i64..4_000_000_000_000, from in 0_i8..24, until in 0_i8..24, probe in 0_i64..1000
        ) {
            let hours = Hours { from: time(from, 0, 0, 0), until: time(until, 0, 0, 0), ..working() };
            let at = At::from_millis(at);
            let next = hours.next(at, &london()).expect("a working day comes");
            prop_assert!(next >= at && hours.contain(next, &london()));
            let between = at.plus_millis(next.millis_since(at) * probe / 1000);
            prop_assert!(between == next || !hours.contain(between, &london()));
        }
    }
}
