//! Core hours: when a surgery is open by its contract, in local time.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;

use crate::calendar::{WORKING_DAYS, is_bank_holiday};
use crate::spans::Spans;
use crate::time::At;

/// `[report]`: which hours count as core hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreHours {
    /// Default 08:00 to 18:30.
    pub from: Time,
    pub to: Time,
    /// Default Monday to Friday.
    pub days: Vec<Weekday>,
    /// Days off besides the bank holidays of England and Wales.
    pub also_off: BTreeSet<Date>,
}

impl Default for CoreHours {
    fn default() -> Self {
        Self {
            from: time(8, 0, 0, 0),
            to: time(18, 30, 0, 0),
            days: WORKING_DAYS.to_vec(),
            also_off: BTreeSet::new(),
        }
    }
}

impl CoreHours {
    /// The core hours between two moments.
    pub fn between(&self, zone: &TimeZone, from: At, to: At) -> Spans {
        let day_of = |at: At| at.to_timestamp().to_zoned(zone.clone()).date();
        let (mut day, last) = (day_of(from), day_of(to));
        let mut spans = Vec::new();
        while day <= last {
            if self.is_open_on(day) {
                // In an hour that the clocks skip or repeat: the earlier reading.
                let at = |time: Time| {
                    let zoned = zone.to_ambiguous_zoned(day.to_datetime(time)).compatible();
                    zoned.map(|zoned| At::from(zoned.timestamp()))
                };
                spans.extend(at(self.from).and_then(|opens| Ok((opens, at(self.to)?))));
            }
            match day.checked_add(1.day()) {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        Spans::new(spans).clip(from, to)
    }

    fn is_open_on(&self, day: Date) -> bool {
        self.days.contains(&day.weekday()) && !is_bank_holiday(day) && !self.also_off.contains(&day)
    }

    /// `08:00–18:30 Monday to Friday, …`, for people.
    pub fn words(&self) -> String {
        let day = |day: &Weekday| match day {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        };
        let days: Vec<&str> = self.days.iter().map(day).collect();
        let days = if *self == (Self { also_off: self.also_off.clone(), ..Self::default() }) {
            "Monday to Friday".to_owned()
        } else {
            days.join(", ")
        };
        let also = match self.also_off.len() {
            0 => String::new(),
            1 => ", and 1 more day by configuration".to_owned(),
            n => format!(", and {n} more days by configuration"),
        };
        format!(
            "{}–{}, {days}, less the bank holidays of England and Good Friday{also}",
            self.from.strftime("%H:%M"),
            self.to.strftime("%H:%M")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").expect("a zone")
    }

    fn at(text: &str) -> At {
        text.parse().expect("a time")
    }

    fn minutes(from: &str, to: &str) -> i64 {
        CoreHours::default().between(&london(), at(from), at(to)).total_ms() / 60_000
    }

    #[test]
    fn a_working_day_has_ten_and_a_half_hours_on_either_side_of_the_clock_change() {
        assert_eq!(minutes("2026-03-27T00:00:00Z", "2026-03-28T00:00:00Z"), 630);
        assert_eq!(minutes("2026-03-29T23:00:00Z", "2026-03-30T23:00:00Z"), 630);
        // In summer the surgery opens at 07:00 UTC.
        assert_eq!(minutes("2026-03-30T06:00:00Z", "2026-03-30T07:30:00Z"), 30);
        assert_eq!(minutes("2026-10-26T07:00:00Z", "2026-10-26T08:30:00Z"), 30);
    }

    #[test]
    fn weekends_bank_holidays_and_what_the_operator_adds_count_for_nothing() {
        // Maundy Thursday to the Tuesday after Easter.
        assert_eq!(minutes("2026-04-02T00:00:00Z", "2026-04-08T00:00:00Z"), 2 * 630);
        assert_eq!(minutes("2026-04-03T00:00:00Z", "2026-04-07T00:00:00Z"), 0);
        let hours =
            CoreHours { also_off: BTreeSet::from([jiff::civil::date(2026, 4, 2)]), ..CoreHours::default() };
        assert!(hours.between(&london(), at("2026-04-02T00:00:00Z"), at("2026-04-03T00:00:00Z")).is_empty());
    }
}
