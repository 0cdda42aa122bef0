//! Bank holidays of England and Wales, Good Friday among them: worked out by rule, and by proclamation where the rule was
//! set aside. What is proclaimed after this was written goes into `[report] bank_holidays`.

use jiff::civil::{Date, Weekday, date};

/// Days that the rule doesn't know.
const ALSO: [Date; 5] = [
    date(2020, 5, 8),  // Early May, moved to the 75th anniversary of VE day
    date(2022, 6, 2),  // Spring, moved
    date(2022, 6, 3),  // Platinum Jubilee
    date(2022, 9, 19), // State funeral of Queen Elizabeth II
    date(2023, 5, 8),  // Coronation of King Charles III
];

/// Days that the rule would have, and that were moved.
const MOVED: [Date; 2] = [date(2020, 5, 4), date(2022, 5, 30)];

pub fn is_bank_holiday(day: Date) -> bool {
    if ALSO.contains(&day) {
        return true;
    }
    if MOVED.contains(&day) {
        return false;
    }
    let (month, of_month, weekday) = (day.month(), day.day(), day.weekday());
    let monday = weekday == Weekday::Monday;
    let tuesday = weekday == Weekday::Tuesday;
    let at_weekend = matches!(weekday, Weekday::Saturday | Weekday::Sunday);
    let fixed = match (month, of_month) {
        (1, 1) | (12, 25 | 26) => !at_weekend,
        // The substitute of New Year's Day.
        (1, 2 | 3) => monday,
        // Of Christmas Day and Boxing Day: the next weekdays that are neither.
        (12, 27 | 28) => monday || tuesday,
        _ => false,
    };
    let mondays = monday
        && match month {
            5 => of_month <= 7 || of_month > 24,
            8 => of_month > 24,
            _ => false,
        };
    let easter = easter(day.year());
    let near_easter = easter.is_some_and(|easter| {
        easter.yesterday().and_then(Date::yesterday).is_ok_and(|friday| friday == day)
            || easter.tomorrow().is_ok_and(|monday| monday == day)
    });
    fixed || mondays || near_easter
}

/// Easter Sunday in the Gregorian calendar: the "anonymous" rule (Nature, 1876).
#[expect(clippy::many_single_char_names, reason = "the letters are the rule's own")]
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(year, i8::try_from(n / 31).ok()?, i8::try_from(n % 31 + 1).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(year: i16) -> Vec<(i8, i8)> {
        date(year, 1, 1)
            .series(jiff::Span::new().days(1))
            .take_while(|day| day.year() == year)
            .filter(|day| is_bank_holiday(*day))
            .map(|day| (day.month(), day.day()))
            .collect()
    }

    /// As gov.uk/bank-holidays lists them for England and Wales.
    #[test]
    fn they_are_those_that_the_government_lists() {
        assert_eq!(days(2020), [(1, 1), (4, 10), (4, 13), (5, 8), (5, 25), (8, 31), (12, 25), (12, 28)]);
        assert_eq!(days(2021), [(1, 1), (4, 2), (4, 5), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28)]);
        assert_eq!(
            days(2022),
            [(1, 3), (4, 15), (4, 18), (5, 2), (6, 2), (6, 3), (8, 29), (9, 19), (12, 26), (12, 27)]
        );
        assert_eq!(
            days(2023),
            [(1, 2), (4, 7), (4, 10), (5, 1), (5, 8), (5, 29), (8, 28), (12, 25), (12, 26)]
        );
        assert_eq!(days(2024), [(1, 1), (3, 29), (4, 1), (5, 6), (5, 27), (8, 26), (12, 25), (12, 26)]);
        assert_eq!(days(2026), [(1, 1), (4, 3), (4, 6), (5, 4), (5, 25), (8, 31), (12, 25), (12, 28)]);
        assert_eq!(days(2027), [(1, 1), (3, 26), (3, 29), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28)]);
    }
}
