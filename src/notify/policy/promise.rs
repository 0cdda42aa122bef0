//! When a manager hears next though nothing has changed: at the time that the last letter promised.
//!
//! Nobody is in the surgery to read at night, at the week-end and on bank holidays, so a promise is for the working day. Where
//! somebody's own hours are known it is for those as well, and where they never meet a working day, for those alone: outside them a
//! letter is kept, and a promise isn't.

use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use super::planned::covered_from;
use super::routing::Terms;
use super::{Rules, key};
use crate::calendar::is_bank_holiday;
use crate::incident::{Event, Signature};
use crate::limits::MAINTENANCE_CHAIN_MAX;
use crate::notify::notice::Notice;
use crate::time::At;

/// When surgeries begin to read, and when they stop.
const FROM: Time = Time::constant(7, 30, 0, 0);
const TO: Time = Time::constant(18, 30, 0, 0);

/// When the letter after one that tells somebody of this event at `at` comes, if nothing happens before. `None`: none is promised.
pub fn next(event: &Event, at: At, letter: &Notice, rules: &Rules<'_>) -> Option<At> {
    if is_made(event) { after_work(event, at, letter, rules) } else { None }
}

/// When the letter after one that left at `at` comes: not during planned work that is known of, and then when they read again.
pub(super) fn after_work(event: &Event, at: At, letter: &Notice, rules: &Rules<'_>) -> Option<At> {
    let every = rules.update_every?;
    let terms = rules.routing.terms(&key(&letter.recipient));
    let practices = letter.audience.practices_of(event);
    let mut next = after(at, every, terms, &rules.estate.icb.timezone);
    for _ in 0..MAINTENANCE_CHAIN_MAX {
        let over = covered_from(event, next, practices, rules.maintenance);
        if over <= next {
            break;
        }
        next = after(over - every, every, terms, &rules.estate.icb.timezone);
    }
    Some(next)
}

/// Whether a letter that tells of this event promises another. What comes and goes is not written about again and again: two
/// letters are enough, and the second is that it is over.
pub(super) fn is_made(event: &Event) -> bool {
    event.signature != Signature::Flapping && !super::blind(event)
}

/// When a letter that was promised at `at` to somebody who is written to on these terms comes.
pub(super) fn after(at: At, every: Duration, terms: Option<&Terms>, zone: &TimeZone) -> At {
    let working = |wanted: At| {
        let zoned = wanted.to_timestamp().to_zoned(zone.clone());
        working(&zoned).map_or(wanted, |zoned| At::from(zoned.timestamp()))
    };
    let own = |wanted: At| terms.map_or(wanted, |terms| terms.opens(wanted, zone));
    // The working day that begins may begin before their hours do, and those end in its middle.
    let day = own(working(at + every));
    let next_day = own(working(day));
    if working(next_day) == next_day { next_day } else { own(at + every) }
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
    use jiff::civil::time;

    use super::*;
    use crate::calendar::{Hours, WORKING_DAYS};
    use crate::notify::policy::severity::Severity;
    use crate::notify::policy::tests::event;

    fn next_to(terms: Option<&Terms>, at: &str) -> String {
        let zone = TimeZone::get("Europe/London").expect("bundled");
        let at: At = at.parse().expect("a time");
        let next = after(at, Duration::from_hours(4), terms, &zone);
        if let Some(terms) = terms {
            assert_eq!(terms.opens(next, &zone), next, "it would be kept then");
        }
        next.to_timestamp().to_zoned(zone).strftime("%a %H:%M").to_string()
    }

    fn next_after(at: &str) -> String {
        next_to(None, at)
    }

    #[test]
    fn nobody_is_promised_a_letter_for_an_hour_at_which_they_are_not_written_to() {
        let hours = |days: &[Weekday], from: i8, until: i8| Terms {
            hours: Some(Hours {
                days: days.to_vec(),
                from: time(from, 0, 0, 0),
                until: time(until, 0, 0, 0),
                on_holidays: false,
                also_off: std::collections::BTreeSet::new(),
            }),
            // What is so bad is told at any hour; whether it still is by then, nobody knows.
            quiet_unless: Some(Severity::Note),
            ..Terms::default()
        };
        let mornings = hours(&WORKING_DAYS, 9, 13);
        assert_eq!(next_to(Some(&mornings), "2023-03-16T08:12:00Z"), "Thu 12:12");
        assert_eq!(next_to(Some(&mornings), "2023-03-16T09:12:00Z"), "Fri 09:00");
        assert_eq!(next_to(Some(&mornings), "2023-03-17T09:12:00Z"), "Mon 09:00");
        let mondays = hours(&[Weekday::Monday], 7, 12);
        assert_eq!(next_to(Some(&mondays), "2023-03-16T09:12:00Z"), "Mon 07:30");
        // Whoever reads at the week-end alone is written to then.
        let sundays = hours(&[Weekday::Sunday], 9, 12);
        assert_eq!(next_to(Some(&sundays), "2023-03-16T09:12:00Z"), "Sun 09:00");
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
        let firewall = event("2023-03-16-1", 0, &["A"]);
        assert!(is_made(&firewall));
        assert!(!is_made(&Event { signature: Signature::Flapping, ..firewall }));
    }
}
