//! A PC that is switched off each evening, as its practice lives: weekdays, Thursdays, Saturdays, bank holidays, both changes of the clock.

use jiff::tz::TimeZone;

use super::*;

fn hours(rows: usize) -> Hours {
    Hours::new(WallClock::new(TimeZone::get("Europe/London").expect("a zone")), rows)
}

fn local(date: &str, time: &str) -> At {
    format!("{date}T{time}:00[Europe/London]")
        .parse::<jiff::Zoned>()
        .expect("a local time")
        .timestamp()
        .into()
}

fn date(first: &str, days: i64) -> String {
    let day = first.parse::<jiff::civil::Date>().expect("a date");
    day.checked_add(jiff::Span::new().days(days)).expect("this century").to_string()
}

/// A PC that is on from `from` until `until` on the weekdays of so many days.
fn weekdays(hours: &mut Hours, row: Row, first: &str, days: i64, (from, until): (&str, &str)) {
    for day in (0..days).map(|day| date(first, day)) {
        if !is_weekend(hours.clock.minutes(local(&day, from))) {
            hours.hear(row, local(&day, from));
            hours.hear(row, local(&day, until));
        }
    }
}

// 2 March 2026 is a Monday; the clocks go forward on Sunday the 29th.
const MONDAY: &str = "2026-03-02";

#[test]
fn the_fourth_evening_is_usual_and_no_midday_is() {
    let mut hours = hours(1);
    for day in 0..4 {
        let today = date(MONDAY, day);
        weekdays(&mut hours, 0, &today, 1, ("08:02", "18:31"));
        assert_eq!(hours.rest(0, local(&today, "18:31")), day == 3, "{today}");
        assert!(!hours.rest(0, local(&today, "11:00")));
        assert!(!hours.rest(0, local(&today, "17:30")), "an hour too early");
    }
    assert!(hours.rest(0, local(&date(MONDAY, 3), "18:05")), "a little earlier than usual");
    assert!(hours.rest(0, local(&date(MONDAY, 3), "21:40")), "somebody worked late");
}

#[test]
fn over_the_change_to_summer_time_the_hour_on_the_wall_counts() {
    let mut hours = hours(1);
    weekdays(&mut hours, 0, "2026-03-23", 8, ("08:02", "18:31"));
    assert!(hours.rest(0, local("2026-03-30", "18:31")), "17:31 in UTC");
    let due = hours.next_due().expect("tomorrow");
    assert_eq!(due, local("2026-03-31", "09:02"));
}

#[test]
fn one_who_is_off_each_thursday_at_noon_is_learned_in_three_weeks() {
    let mut hours = hours(1);
    for week in 0..4 {
        for day in 0..5 {
            let until = if day == 3 { "12:30" } else { "18:30" };
            let today = date(MONDAY, 7 * week + day);
            weekdays(&mut hours, 0, &today, 1, ("08:00", until));
            if day == 3 {
                assert_eq!(hours.rest(0, local(&today, "12:30")), week == 3, "week {week}");
            }
        }
        assert!(!hours.rest(0, local(&date(MONDAY, 7 * week + 4), "12:30")), "but on no Friday");
    }
}

#[test]
fn after_a_weekend_it_is_due_on_monday_and_nobody_waits_for_it_on_saturday() {
    let mut hours = hours(1);
    weekdays(&mut hours, 0, MONDAY, 12, ("08:10", "18:30"));
    assert!(hours.rest(0, local("2026-03-13", "18:30")));
    assert_eq!(hours.missing(local("2026-03-14", "15:00")), Vec::<Row>::new());
    assert_eq!(hours.missing(local("2026-03-16", "09:09")), Vec::<Row>::new());
    assert_eq!(hours.missing(local("2026-03-16", "09:10")), [0]);
    assert_eq!((hours.missing(local("2026-03-16", "09:11")), hours.rests(0)), (Vec::new(), false));
}

#[test]
fn who_works_on_saturdays_is_waited_for_on_saturdays() {
    let mut hours = hours(1);
    for day in 0..19 {
        let today = date(MONDAY, day);
        if day % 7 != 6 {
            hours.hear(0, local(&today, "08:10"));
            hours.hear(0, local(&today, if day % 7 == 5 { "12:00" } else { "18:30" }));
        }
    }
    assert!(hours.rest(0, local("2026-03-20", "18:30")), "a Friday");
    assert_eq!(hours.next_due(), Some(local("2026-03-21", "09:10")));
    let mut after = hours.clone();
    after.hear(0, local("2026-03-21", "08:10"));
    assert!(!after.rest(0, local("2026-03-21", "12:00")), "two Saturdays are too few");
}

#[test]
fn a_bank_holiday_is_seen_from_those_who_do_not_come() {
    let mut hours = hours(10);
    for row in 0..10 {
        weekdays(&mut hours, row, MONDAY, 12, ("08:10", "18:30"));
        assert!(hours.rest(row, local("2026-03-13", "18:30")));
    }
    hours.hear(9, local("2026-03-16", "08:05"));
    let due = local("2026-03-16", "09:10");
    assert_eq!(hours.missing(due), Vec::<Row>::new(), "nine of ten are missing");
    let day_off = hours.day_off(due).expect("a day off");
    assert_eq!((day_off.missing, day_off.here), (9, 1));
    assert_eq!(hours.next_due(), Some(local("2026-03-17", "09:10")), "they are waited for on the next day");
    assert_eq!(hours.day_off(local("2026-03-17", "00:01")), None);
    // On Tuesday all but two come.
    for row in 2..10 {
        hours.hear(row, local("2026-03-17", "08:10"));
    }
    assert_eq!(hours.missing(local("2026-03-17", "09:10")), [0, 1]);
}

#[test]
fn what_was_not_switched_off_teaches_nothing() {
    let mut hours = hours(1);
    for day in 0..5 {
        let today = date(MONDAY, day);
        hours.hear(0, local(&today, "08:00"));
        hours.hear(0, local(&today, "14:00"));
        hours.spoil(0);
    }
    assert!(!hours.rest(0, local(&date(MONDAY, 7), "14:00")));
}

#[test]
fn what_is_always_on_has_no_hours_and_what_was_started_anew_was_not_dark() {
    let mut hours = hours(2);
    for hour in 0..24 * 10 {
        let at = local(MONDAY, "00:00").plus_millis(hour * 3_600_000);
        hours.hear(0, at);
        // Two hours are missing every evening.
        if !(19..=20).contains(&(hour % 24)) {
            hours.hear(1, at);
        }
    }
    for row in 0..2 {
        assert!(!hours.rest(row, local(&date(MONDAY, 10), "18:59")));
    }
}

#[test]
fn memory_is_bounded_and_what_was_kept_says_the_same() {
    let mut known = hours(1);
    weekdays(&mut known, 0, "2025-01-06", 420, ("08:00", "18:30"));
    assert_eq!(known.all().map(<[DayHeard]>::len).collect::<Vec<_>>(), [DAYS_KEPT]);
    let kept = known.take_changed(|_| Some("G82002".to_owned()));
    assert!(known.take_changed(|_| Some("G82002".to_owned())).is_empty(), "nothing is new");
    let mut restored = hours(1);
    let mut days = kept[0].days.clone();
    days.extend_from_within(..3);
    restored.restore(0, days);
    assert_eq!(restored.all().next(), known.all().next());
    for at in [At::from_millis(i64::MIN), At::from_millis(i64::MAX), At::LATEST] {
        restored.hear(0, at);
        let _any = (restored.rest(0, at), restored.missing(at), restored.next_due());
    }
}
