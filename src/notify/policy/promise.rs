//! When a manager hears next though nothing has changed: at the time that the last letter promised.
//!
//! Nobody is in the surgery to read at night, at the week-end and on bank holidays, so a promise is for the working day.

use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use crate::calendar::is_bank_holiday;
use crate::incident::{Event, Signature};
use crate::time::At;

/// When surgeries begin to read, and when they stop.
const FROM: Time = Time::constant(7, 30, 0, 0);
const TO: Time = Time::constant(18, 30, 0, 0);

/// When the letter after one that tells of this event at `at` comes, if nothing happens before. `None`: none is promised.
pub fn next(event: &Event, at: At, every: Option<Duration>, zone: &TimeZone) -> Option<At> {
    every.filter(|_| is_made(event)).map(|every| after(at, every, zone))
}

/// Whether a letter that tells of this event promises another. What comes and goes is not written about again and again: two
/// letters are enough, and the second is that it is over.
pub(super) fn is_made(event: &Event) -> bool {
    event.signature != Signature::Flapping && !super::blind(event)
}

/// When a letter that was promised at `at` comes.
pub(super) fn after(at: At, every: Duration, zone: &TimeZone) -> At {
    let wanted = (at + every).to_timestamp().to_zoned(zone.clone());
    working(&wanted).map_or(at + every, |zoned| At::from(zoned.timestamp()))
}

/// That time, or when the next working day begins. `None`: beyond the calendar.
fn working(wanted: &Zoned) -> Option<Zoned> {
    let is_open =
        |date: Date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_bank_holiday(date);
    if is_open(wanted.date()) && (FROM..=TO).contains(&wanted.time()) {
        return Some(wanted.clone());
    }
    let mut date = wanted.date();
    if wanted.time() > TO || !is_open(date) {
        date = date.checked_add(1.day()).ok()?;
    }
    while !is_open(date) {
        date = date.checked_add(1.day()).ok()?;
    }
    date.to_datetime(FROM).to_zoned(wanted.time_zone().clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::policy::tests::event;

    fn next_after(at: &str) -> String {
        let zone = TimeZone::get("Europe/London").expect("bundled");
        let at: At = at.parse().expect("a time");
        let next = next(&event("2023-03-16-1", 0, &["A"]), at, Some(Duration::from_hours(4)), &zone)
            .expect("a promise");
        next.to_timestamp().to_zoned(zone).strftime("%a %H:%M").to_string()
    }

    #[test]
    fn a_promise_is_for_the_working_day() {
        // A Thursday in winter; then Friday; then the week-end.
        assert_eq!(next_after("2023-03-16T08:12:00Z"), "Thu 12:12");
        assert_eq!(next_after("2023-03-16T14:30:00Z"), "Thu 18:30");
        assert_eq!(next_after("2023-03-16T14:31:00Z"), "Fri 07:30");
        assert_eq!(next_after("2023-03-16T02:00:00Z"), "Thu 07:30");
        assert_eq!(next_after("2023-03-17T16:00:00Z"), "Mon 07:30");
        assert_eq!(next_after("2023-03-18T09:00:00Z"), "Mon 07:30");
        // Maundy Thursday, and nobody is there before Tuesday.
        assert_eq!(next_after("2023-04-06T16:00:00Z"), "Tue 07:30");
        // The night in which the clocks change.
        assert_eq!(next_after("2023-03-24T20:00:00Z"), "Mon 07:30");
    }

    #[test]
    fn what_comes_and_goes_is_promised_nothing() {
        let zone = TimeZone::UTC;
        let every = Some(Duration::from_hours(4));
        let firewall = event("2023-03-16-1", 0, &["A"]);
        let flaps = Event { signature: Signature::Flapping, ..firewall.clone() };
        assert_eq!(next(&flaps, flaps.at, every, &zone), None);
        assert_eq!(next(&firewall, flaps.at, None, &zone), None);
    }
}
