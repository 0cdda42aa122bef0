//! Names made harmless, lists, local times, lengths of time.

use jiff::tz::TimeZone;

use crate::observation::harmless;
use crate::time::At;

/// A name on one line: no control characters, none that turn the direction of writing, single spaces, and not
/// longer than anybody would read.
pub(crate) fn name(name: &str) -> String {
    one_line(name, NAME_CHARS_MAX)
}

/// The same for sentences that an operator wrote.
pub(crate) fn sentences(text: &str) -> String {
    one_line(text, SENTENCES_CHARS_MAX)
}

fn one_line(text: &str, chars_max: usize) -> String {
    let harmless: String = text.chars().map(harmless).collect();
    shortened(&harmless.split_whitespace().collect::<Vec<_>>().join(" "), chars_max)
}

const SENTENCES_CHARS_MAX: usize = 1000;

const NAME_CHARS_MAX: usize = 120;

pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// `the internet` → `The internet`.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// `the internet` → `internet`, for subjects.
pub(super) fn without_article(text: &str) -> &str {
    text.strip_prefix("the ").or_else(|| text.strip_prefix("The ")).unwrap_or(text)
}

/// `A`, `A and B`, `A, B and C`.
pub(crate) fn and(items: &[String]) -> String {
    joined(items, "and")
}

/// `A`, `A or B`, `A, B or C`.
pub(super) fn or(items: &[String]) -> String {
    joined(items, "or")
}

fn joined(items: &[String], word: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [some @ .., last] => format!("{} {word} {last}", some.join(", ")),
    }
}

/// `08:12` on the day of `seen_from`, `08:12 on 16 March` on others.
pub(crate) fn clock(at: At, seen_from: At, zone: &TimeZone) -> String {
    let local = at.to_timestamp().to_zoned(zone.clone());
    if local.date() == seen_from.to_timestamp().to_zoned(zone.clone()).date() {
        local.strftime("%H:%M").to_string()
    } else {
        local.strftime("%H:%M on %-d %B").to_string()
    }
}

/// `Thursday 16 March 2023, 08:12`.
pub(crate) fn day_and_clock(at: At, zone: &TimeZone) -> String {
    at.to_timestamp().to_zoned(zone.clone()).strftime("%A %-d %B %Y, %H:%M").to_string()
}

/// `less than a minute`, `12 minutes`, `6 hours 18 minutes`, `5 days 2 hours`.
pub(crate) fn length(from: At, to: At) -> String {
    let minutes = to.millis_since(from).max(0) / 60_000;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let some = |n: i64, unit: &str| match n {
        0 => None,
        1 => Some(format!("1 {unit}")),
        n => Some(format!("{n} {unit}s")),
    };
    let parts = match (days, hours) {
        (0, 0) => [some(minutes, "minute"), None],
        (0, _) => [some(hours, "hour"), some(minutes, "minute")],
        _ => [some(days, "day"), some(hours, "hour")],
    };
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "less than a minute".to_owned() } else { parts.join(" ") }
}

/// `1,234,567`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_harmless_line() {
        assert_eq!(name("St James'\r\nBcc: all@b.example"), "St James' Bcc: all@b.example");
        assert_eq!(name("evil\u{202e}gpj.exe\u{0007}"), "evil gpj.exe");
        assert_eq!(name(&"long ".repeat(100)).chars().count(), NAME_CHARS_MAX);
    }

    #[test]
    fn lists_read_like_english() {
        let names = ["A", "B", "C"].map(str::to_owned);
        assert_eq!(and(&names), "A, B and C");
        assert_eq!(or(&names[..2]), "A or B");
        assert_eq!(and(&[]), "");
    }

    #[test]
    fn times_are_local_and_name_the_day_when_it_is_another() {
        let london = TimeZone::get("Europe/London").expect("bundled");
        let summer: At = "2026-07-01T07:12:00Z".parse().expect("a time");
        assert_eq!(clock(summer, summer, &london), "08:12");
        assert_eq!(clock(summer, summer.plus_millis(86_400_000), &london), "08:12 on 1 July");
        assert_eq!(day_and_clock(summer, &london), "Wednesday 1 July 2026, 08:12");
    }

    #[test]
    fn lengths_of_time_are_rounded_as_people_round_them() {
        let length = |minutes: i64| length(At::default(), At::from_millis(minutes * 60_000));
        assert_eq!(length(0), "less than a minute");
        assert_eq!(length(1), "1 minute");
        assert_eq!(length(378), "6 hours 18 minutes");
        assert_eq!(length(5 * 1440 + 121), "5 days 2 hours");
        assert_eq!(length(1440), "1 day");
    }
}
