//! `[report]`, read: which hours count as core hours.

use jiff::civil::{Date, Time, Weekday};

use super::names::shorten;
use super::probes::one_of;
use super::reader::Reader;
use super::section::Section;
use super::values::{Refusal, refusal};
use crate::calendar::Hours;

pub(super) const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

pub(super) fn core_hours(reader: &mut Reader<'_>, root: &Section<'_>) -> Hours {
    let mut hours = Hours::core();
    let Some(section) = root.table(reader, "report") else { return hours };
    section.refuse_unknown(reader, &["core_hours", "core_days", "bank_holidays"]);
    if let Some(between) = section.value(reader, "core_hours", from_to) {
        (hours.from, hours.until) = between.value;
    }
    if let Some(days) = section.texts(reader, "core_days") {
        let words = DAYS.map(|(word, _)| word);
        let named: Vec<String> = days
            .into_iter()
            .filter_map(|day| reader.judge("core_days", day, |text| one_of(text, &words)))
            .map(|day| day.value)
            .collect();
        hours.days =
            DAYS.iter().filter(|(word, _)| named.iter().any(|n| n == word)).map(|(_, day)| *day).collect();
    }
    for day in section.texts(reader, "bank_holidays").unwrap_or_default() {
        hours.also_off.extend(reader.judge("bank_holidays", day, date).map(|day| day.value));
    }
    hours
}

/// `08:00-18:30`
fn from_to(text: &str) -> Result<(Time, Time), Refusal> {
    const HELP: &str = "write two times of one day: \"08:00-18:30\"";
    let times = text.split_once(['-', '–']).and_then(|(from, to)| time(from).zip(time(to)));
    match times {
        Some((from, to)) if from < to => Ok((from, to)),
        Some(_) => refusal(format!("{:?} ends before it begins", shorten(text)), HELP),
        None => refusal(format!("{:?} is not from one time to another", shorten(text)), HELP),
    }
}

fn time(text: &str) -> Option<Time> {
    Time::strptime("%H:%M", text.trim()).ok()
}

/// `08:00`
pub(super) fn clock_time(text: &str) -> Result<Time, Refusal> {
    match time(text) {
        Some(time) => Ok(time),
        None => refusal(format!("{:?} is not a time of the day", shorten(text)), "write it as \"08:00\""),
    }
}

fn date(text: &str) -> Result<Date, Refusal> {
    match text.parse() {
        Ok(day) if text.len() == "2026-12-24".len() => Ok(day),
        _ => refusal(format!("{:?} is not a day", shorten(text)), "write it as \"2026-12-24\""),
    }
}
