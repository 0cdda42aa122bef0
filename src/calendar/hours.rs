//! Hours of the week in local time.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;

use super::is_bank_holiday;
use crate::limits::HOURS_LOOKED_AHEAD_DAYS;
use crate::spans::Spans;
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
    /// When a surgery is open by its contract: 08:00 to 18:30 from Monday to Friday, less the bank holidays of England and Wales.
    pub fn core() -> Self {
        Self {
            days: WORKING_DAYS.to_vec(),
            from: time(8, 0, 0, 0),
            until: time(18, 30, 0, 0),
            on_holidays: false,
            also_off: BTreeSet::new(),
        }
    }

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

    /// All of them between two moments.
    pub fn between(&self, zone: &TimeZone, from: At, to: At) -> Spans {
        let day_of = |at: At| at.to_timestamp().to_zoned(zone.clone()).date();
        let (first, last) = (day_of(from), day_of(to));
        // The night before may last until the first day.
        let mut day = first.yesterday().unwrap_or(first);
        let mut spans = Vec::new();
        while day <= last {
            spans.extend(self.on(day, zone));
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        Spans::new(spans).clip(from, to)
    }

    /// `08:00–18:30, Monday to Friday, less the bank holidays of England and Wales, Good Friday among them`, for people.
    pub fn words(&self) -> String {
        let days: Vec<&str> = self.days.iter().map(|day| day_word(*day)).collect();
        let days = if self.days == WORKING_DAYS { "Monday to Friday".to_owned() } else { days.join(", ") };
        let holidays = if self.on_holidays {
            ""
        } else {
            ", less the bank holidays of England and Wales, Good Friday among them"
        };
        let also = match self.also_off.len() {
            0 => String::new(),
            1 => ", and 1 more day by configuration".to_owned(),
            n => format!(", and {n} more days by configuration"),
        };
        let (from, until) = (self.from.strftime("%H:%M"), self.until.strftime("%H:%M"));
        format!("{from}–{until}, {days}{holidays}{also}")
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
        let last = if self.until > self.from { day } else { day.tomorrow().ok()? };
        moment(day, self.from).zip(moment(last, self.until))
    }
}

const fn day_word(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").expect("bundled")
    }

    fn next(hours: &Hours, at: &str) -> String {
        let at: At = at.parse().expect("a time");
        hours.next(at, &london()).expect("some day").to_string()
    }

    #[test]
    fn a_night_a_week_end_and_easter_are_waited_for() {
        assert_eq!(next(&Hours::core(), "2026-03-16T12:00:00Z"), "2026-03-16T12:00:00.000Z");
        assert_eq!(next(&Hours::core(), "2026-03-16T18:29:59.999Z"), "2026-03-16T18:29:59.999Z");
        assert_eq!(next(&Hours::core(), "2026-03-16T18:30:00Z"), "2026-03-17T08:00:00.000Z");
        assert_eq!(next(&Hours::core(), "2026-03-13T20:00:00Z"), "2026-03-16T08:00:00.000Z");
        // Maundy Thursday's evening to the Tuesday after Easter, in summer time.
        assert_eq!(next(&Hours::core(), "2026-04-02T18:00:00Z"), "2026-04-07T07:00:00.000Z");
        let all_year = Hours { on_holidays: true, ..Hours::core() };
        assert_eq!(next(&all_year, "2026-04-02T18:00:00Z"), "2026-04-03T07:00:00.000Z");
        let off = Hours { also_off: BTreeSet::from([date(2026, 4, 7)]), ..Hours::core() };
        assert_eq!(next(&off, "2026-04-02T18:00:00Z"), "2026-04-08T07:00:00.000Z");
    }

    #[test]
    fn days_of_23_and_of_25_hours_keep_their_local_times() {
        // The clocks go forward on 29 March 2026 at 01:00 UTC, and back on 25 October at 01:00 UTC.
        let every_day = Hours {
            days: [&WORKING_DAYS[..], &[Weekday::Saturday, Weekday::Sunday]].concat(),
            from: time(7, 0, 0, 0),
            until: time(22, 0, 0, 0),
            ..Hours::core()
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
        assert_eq!(Hours { days: Vec::new(), ..Hours::core() }.next(At::default(), &london()), None);
        assert_eq!(Hours::core().next(At::LATEST, &london()), None);
    }

    fn minutes(hours: &Hours, from: &str, to: &str) -> i64 {
        let at = |text: &str| text.parse::<At>().expect("a time");
        hours.between(&london(), at(from), at(to)).total_ms() / 60_000
    }

    #[test]
    fn a_working_day_has_ten_and_a_half_hours_on_either_side_of_the_clock_change() {
        let core = Hours::core();
        assert_eq!(minutes(&core, "2026-03-27T00:00:00Z", "2026-03-28T00:00:00Z"), 630);
        assert_eq!(minutes(&core, "2026-03-29T23:00:00Z", "2026-03-30T23:00:00Z"), 630);
        // In summer the surgery opens at 07:00 UTC.
        assert_eq!(minutes(&core, "2026-03-30T06:00:00Z", "2026-03-30T07:30:00Z"), 30);
        assert_eq!(minutes(&core, "2026-10-26T07:00:00Z", "2026-10-26T08:30:00Z"), 30);
    }

    #[test]
    fn weekends_bank_holidays_and_what_the_operator_adds_count_for_nothing() {
        // Maundy Thursday to the Tuesday after Easter.
        let core = Hours::core();
        assert_eq!(minutes(&core, "2026-04-02T00:00:00Z", "2026-04-08T00:00:00Z"), 2 * 630);
        assert_eq!(minutes(&core, "2026-04-03T00:00:00Z", "2026-04-07T00:00:00Z"), 0);
        let off = Hours { also_off: BTreeSet::from([date(2026, 4, 2)]), ..core };
        assert_eq!(minutes(&off, "2026-04-02T00:00:00Z", "2026-04-03T00:00:00Z"), 0);
    }

    #[test]
    fn a_night_that_began_the_day_before_counts_until_the_morning() {
        let night = Hours { from: time(21, 0, 0, 0), until: time(7, 0, 0, 0), ..Hours::core() };
        // The small hours of a Tuesday are Monday's, and those of a Monday are nobody's.
        assert_eq!(minutes(&night, "2026-03-17T00:00:00Z", "2026-03-17T12:00:00Z"), 7 * 60);
        assert_eq!(minutes(&night, "2026-03-16T00:00:00Z", "2026-03-16T12:00:00Z"), 0);
    }

    #[test]
    fn they_are_said_as_people_say_them() {
        let also_off = BTreeSet::from([date(2026, 12, 24)]);
        let hours = Hours { also_off, ..Hours::core() };
        assert_eq!(
            hours.words(),
            "08:00–18:30, Monday to Friday, less the bank holidays of England and Wales, Good Friday among them, and 1 more day by configuration"
        );
        let days = vec![Weekday::Saturday, Weekday::Sunday];
        let week_end = Hours { days, on_holidays: true, from: time(9, 0, 0, 0), ..Hours::core() };
        assert_eq!(week_end.words(), "09:00–18:30, Saturday, Sunday");
    }

    proptest! {
        #[test]
        fn between_two_moments_are_those_that_are_among_them(
            at in 0_i64..4_000_000_000_000, from in 0_i8..24, until in 0_i8..24, length in 0_i64..1_000_000_000, probe in 0_i64..1000
        ) {
            let hours = Hours { from: time(from, 0, 0, 0), until: time(until, 0, 0, 0), ..Hours::core() };
            let at = At::from_millis(at);
            let spans = hours.between(&london(), at, at.plus_millis(length + 1));
            let moment = at.plus_millis(length * probe / 1000);
            prop_assert_eq!(spans.first_in(moment, moment.plus_millis(1)).is_some(), hours.contain(moment, &london()));
        }

        #[test]
        fn the_next_moment_is_among_them_and_none_before_it_is(
            at in 0_i64..4_000_000_000_000, from in 0_i8..24, until in 0_i8..24, probe in 0_i64..1000
        ) {
            let hours = Hours { from: time(from, 0, 0, 0), until: time(until, 0, 0, 0), ..Hours::core() };
            let at = At::from_millis(at);
            let next = hours.next(at, &london()).expect("a working day comes");
            prop_assert!(next >= at && hours.contain(next, &london()));
            let between = at.plus_millis(next.millis_since(at) * probe / 1000);
            prop_assert!(between == next || !hours.contain(between, &london()));
        }
    }
}
