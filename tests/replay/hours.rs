//! Practices whose PC is switched off in the evening without a goodbye: no evening is an outage once their hours are known, and
//! what falls silent in working hours is one as before.

use std::fmt::Write as _;

use linewatch::correlate::{Away, Correlator, Standing, UsualHours};
use linewatch::observation::{ALIVE, Observation};
use linewatch::time::At;
use linewatch::world::virtual_time::blank;
use serde_json::Value;

use super::county::County;
use super::told::{brief, cause, names, of_kind, replay};

/// A Monday; the clocks go forward on Sunday the 29th.
const FIRST: &str = "2026-03-09";
/// A heartbeat and a check take turns, so that an agent is heard twice as often.
const ROUND_MS: i64 = 60_000;

fn day(number: i64) -> jiff::civil::Date {
    let first: jiff::civil::Date = FIRST.parse().expect("a date");
    first.checked_add(jiff::Span::new().days(number)).expect("this century")
}

/// A time of day of the so-manieth day, by the clock on the wall.
fn local(number: i64, time: &str) -> At {
    let text = format!("{}T{time}:00[Europe/London]", day(number));
    text.parse::<jiff::Zoned>().expect("a local time").timestamp().into()
}

fn works(number: i64) -> bool {
    !matches!(day(number).weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday)
}

/// What an agent reports from one moment to another: that it is there, and one check.
fn on(lines: &mut Vec<Observation>, ods: &str, from: At, until: At) {
    let own_ms = i64::from(super::stream::hash(ods, ALIVE) % 30_000);
    let mut at = from.plus_millis(own_ms);
    while at < until {
        for (after_ms, probe) in [(0, ALIVE), (30_000, "accurx-https")] {
            let mut seen = blank();
            (seen.at, seen.practice, seen.probe) =
                (at.plus_millis(after_ms), ods.to_owned(), probe.to_owned());
            seen.ms = if probe == ALIVE { 0.0 } else { 30.0 };
            lines.push(seen);
        }
        at = at.plus_millis(ROUND_MS);
    }
}

/// Weekdays from about eight until about half past six, a few minutes later or earlier each day.
fn office_day(lines: &mut Vec<Observation>, ods: &str, number: i64) {
    let shift_ms = i64::from(super::stream::hash(ods, &day(number).to_string()) % 20) * 60_000;
    on(
        lines,
        ods,
        local(number, "07:50").plus_millis(shift_ms),
        local(number, "18:20").plus_millis(shift_ms),
    );
}

fn recording(mut lines: Vec<Observation>, end: At) -> Vec<u8> {
    super::stream::sort(&mut lines);
    let mut text: String =
        lines.iter().map(|line| serde_json::to_string(line).expect("JSON") + "\n").collect();
    writeln!(text, "{{\"at\":\"{end}\",\"end\":true}}").expect("a string");
    text.into_bytes()
}

fn heard(county: &County, lines: Vec<Observation>, end: At) -> Vec<Value> {
    let output = replay(county, &recording(lines, end));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    super::told::parse(&output.stdout)
}

/// Who was told to have opened on which days, beginning with the first.
fn openings(events: &[Value], days: std::ops::Range<i64>) -> Vec<String> {
    let within = local(days.start, "00:00")..local(days.end, "00:00");
    let opened = of_kind(events, "opened").into_iter();
    opened.filter(|event| within.contains(&super::told::time(&event["at"]))).map(cause).collect()
}

/// Three practices: one that is never switched off, and two that are.
fn three_weeks() -> Vec<Observation> {
    let mut lines = Vec::new();
    on(&mut lines, "G82001", local(0, "00:00"), local(21, "00:00"));
    for ods in ["G82002", "G82003"] {
        (0..19).filter(|number| works(*number)).for_each(|number| office_day(&mut lines, ods, number));
    }
    lines
}

#[test]
fn no_evening_is_an_outage_from_the_first_on_not_over_a_weekend_nor_the_change_of_the_clock() {
    let mut lines = three_weeks();
    // The week after the clocks went forward.
    for ods in ["G82002", "G82003"] {
        (21..23).for_each(|number| office_day(&mut lines, ods, number));
    }
    on(&mut lines, "G82001", local(21, "00:00"), local(23, "07:00"));
    let events = heard(&County::of(3), lines, local(23, "07:00"));
    // On the first evenings nobody knows, and nobody is told before it would be late in the morning.
    assert_eq!(openings(&events, 0..24), Vec::<String>::new(), "{}", brief(&events));
}

#[test]
fn what_falls_silent_at_eleven_is_told_within_minutes_and_who_is_not_back_in_the_morning_too() {
    let mut lines = three_weeks();
    let eleven = local(18, "11:00");
    lines.retain(|line| line.practice != "G82002" || line.at < eleven);
    on(&mut lines, "G82003", local(21, "08:00"), local(21, "12:00"));
    on(&mut lines, "G82001", local(21, "00:00"), local(21, "12:00"));
    // It is repaired on Friday afternoon, and broken again on Monday morning before anybody comes.
    on(&mut lines, "G82002", local(18, "14:00"), local(18, "18:25"));
    let events = heard(&County::of(3), lines, local(21, "12:00"));
    let told: Vec<&Value> = of_kind(&events, "opened")
        .into_iter()
        .filter(|event| super::told::time(&event["at"]) >= local(3, "00:00"))
        .collect();
    assert_eq!(told.len(), 2, "{}", brief(&events));
    for (event, since, by_ms) in [
        (told[0], eleven, 150_000),
        // An hour after the time by which it usually is on.
        (told[1], local(21, "09:10"), 10 * 60_000),
    ] {
        assert_eq!((cause(event).as_str(), &event["signature"]), ("practice G82002", &Value::from("silent")));
        let after_ms = super::told::time(&event["at"]).millis_since(since);
        assert!((-20 * 60_000..by_ms).contains(&after_ms), "{after_ms} ms\n{}", brief(&events));
    }
    assert!(super::told::time(&told[1]["since"]) < local(18, "18:26"), "since it was heard last");
}

/// A PC that was never seen to stay on, silent since seven in the evening: somebody went home, or the line is down. It is told an hour
/// into the next core hours, with since when; over a weekend that is Monday.
#[test]
fn what_falls_silent_on_a_first_evening_and_stays_so_is_told_in_the_morning() {
    for (first, morning) in [(0, 1), (4, 7)] {
        let mut lines = Vec::new();
        on(&mut lines, "G82001", local(first, "06:30"), local(morning, "12:00"));
        on(&mut lines, "G82002", local(first, "09:30"), local(first, "19:00"));
        let events = heard(&County::of(3), lines, local(morning, "12:00"));
        let opened = of_kind(&events, "opened");
        assert_eq!(opened.len(), 1, "{}", brief(&events));
        assert_eq!(
            (cause(opened[0]).as_str(), &opened[0]["signature"]),
            ("practice G82002", &Value::from("silent"))
        );
        let after_ms = super::told::time(&opened[0]["at"]).millis_since(local(morning, "09:00"));
        assert!((0..60_000).contains(&after_ms), "{after_ms} ms");
        let since_ms = local(first, "19:00").millis_since(super::told::time(&opened[0]["since"]));
        assert!((0..=60_000).contains(&since_ms), "{since_ms} ms");
    }
}

/// One that stayed on through its first night is no PC that is switched off: its second evening is told at once. So is a first
/// evening's fault that several have in common, and one that a check shows before the silence.
#[test]
fn what_is_no_going_home_is_told_at_once_on_the_first_evenings_too() {
    let mut lines = Vec::new();
    on(&mut lines, "G82001", local(0, "09:00"), local(1, "21:00"));
    on(&mut lines, "G82002", local(0, "09:00"), local(1, "20:00"));
    let events = heard(&County::of(3), lines, local(1, "21:00"));
    let opened = of_kind(&events, "opened");
    assert_eq!(opened.len(), 1, "{}", brief(&events));
    assert!(
        super::told::time(&opened[0]["at"]).millis_since(local(1, "20:00")) < 180_000,
        "{}",
        brief(&events)
    );

    let county = County::of(12);
    let virgin = county.ids(|site| site.carrier == "virgin");
    let mut lines = Vec::new();
    for ods in county.ids(|_| true) {
        let until = if virgin.contains(&ods) { local(0, "20:00") } else { local(0, "21:00") };
        on(&mut lines, &ods, local(0, "09:00"), until);
    }
    let events = heard(&county, lines, local(0, "21:00"));
    let opened: Vec<String> = of_kind(&events, "opened").into_iter().map(cause).collect();
    assert_eq!(opened, ["carrier virgin"], "{}", brief(&events));
    assert!(
        super::told::time(&of_kind(&events, "opened")[0]["at"]).millis_since(local(0, "20:00")) < 180_000
    );
}

/// A carrier's failure takes those who never go, after the others have gone: it is that carrier's.
#[test]
fn a_fault_of_the_evening_is_seen_at_those_who_are_on() {
    let mut lines = Vec::new();
    let county = County::of(12);
    let fell = local(10, "19:30");
    let hit = county.ids(|site| site.carrier == "virgin");
    for ods in county.ids(|_| true) {
        if hit.contains(&ods) {
            on(&mut lines, &ods, local(0, "00:00"), fell);
        } else if ["G82001", "G82002", "G82010"].contains(&ods.as_str()) {
            on(&mut lines, &ods, local(0, "00:00"), local(10, "20:00"));
        } else {
            (0..11).filter(|number| works(*number)).for_each(|number| office_day(&mut lines, &ods, number));
        }
    }
    let events = heard(&county, lines, local(10, "20:00"));
    let told: Vec<&Value> = of_kind(&events, "opened")
        .into_iter()
        .filter(|event| super::told::time(&event["at"]) >= local(3, "00:00"))
        .collect();
    assert_eq!(
        told.iter().map(|event| cause(event)).collect::<Vec<_>>(),
        ["carrier virgin"],
        "{}",
        brief(&events)
    );
    assert_eq!(names(&told[0]["practices"]), hit);
    assert!(super::told::time(&told[0]["at"]).millis_since(fell) < 180_000);
}

#[test]
fn the_same_bytes_come_of_the_same_lines() {
    let recording = recording(three_weeks(), local(21, "00:00"));
    let county = County::of(3);
    assert_eq!(replay(&county, &recording).stdout, replay(&county, &recording).stdout);
}

/// What was learned is taken over by the next process, and by the next configuration.
#[test]
fn a_restart_and_a_reload_keep_what_was_learned() {
    let county = County::of(3);
    let estate = county.estate();
    let mut before = Correlator::new(estate.clone());
    let mut lines = three_weeks();
    super::stream::sort(&mut lines);
    for line in lines.iter().filter(|line| line.at < local(17, "00:00")) {
        before.take(line);
    }
    let kept: Vec<UsualHours> = before.take_changed_hours();
    assert_eq!((kept.len(), before.take_changed_hours().len()), (3, 0));
    let mut after = Correlator::new(estate.clone());
    after.restore_hours(kept);
    let rest: Vec<&Observation> = lines.iter().filter(|line| line.at >= local(17, "09:00")).collect();
    for line in rest.iter().filter(|line| line.at < local(18, "12:00")) {
        after.take(line);
        if line.at > local(17, "12:00") && line.at < local(17, "12:01") {
            after.reload(county.estate(), line.at);
        }
    }
    after.advance(local(17, "23:00"));
    assert!(after.poll_event().is_none());
    let mut evening = Correlator::new(estate);
    evening.restore_hours(after.all_hours());
    for line in rest.iter().filter(|line| line.at < local(17, "20:00")) {
        evening.take(line);
    }
    let picture = evening.picture();
    let stands = |n: usize| (picture.practices[n].away, picture.practices[n].networks[0]);
    assert_eq!(stands(0), (None, Standing::Ok));
    assert_eq!(stands(1), (Some(Away::UsualHours), Standing::Unknown));
}

/// On a bank holiday hardly anybody comes: that is a note, and no outage of anybody.
#[test]
fn a_day_on_which_hardly_anybody_comes_is_a_day_off() {
    let county = County::of(12);
    let mut lines = Vec::new();
    for ods in county.ids(|_| true) {
        (0..12).filter(|number| works(*number)).for_each(|number| office_day(&mut lines, &ods, number));
    }
    // Monday is a holiday; one practice is open.
    office_day(&mut lines, "G82012", 14);
    county.ids(|_| true).iter().for_each(|ods| office_day(&mut lines, ods, 15));
    super::stream::sort(&mut lines);
    let mut correlator = Correlator::new(county.estate());
    for line in lines.iter().filter(|line| line.at < local(14, "12:00")) {
        correlator.take(line);
    }
    correlator.advance(local(14, "12:00"));
    let notes: Vec<String> = correlator.picture().notes.into_iter().map(|note| note.text).collect();
    assert_eq!(
        notes,
        [
            "Of 12 agents that are usually switched on by now, 11 are not heard: taken as a day off, and not as an outage"
        ]
    );
    for line in lines.iter().filter(|line| line.at >= local(14, "12:00")) {
        correlator.take(line);
    }
    correlator.advance(local(15, "23:00"));
    assert!(correlator.picture().notes.is_empty());
    // By then the first evenings were over.
    let late = std::iter::from_fn(|| correlator.poll_event())
        .find(|event| event.at >= local(3, "12:00") && event.event == linewatch::incident::EventKind::Opened);
    assert!(late.is_none(), "{late:?}");
}
