//! Time: `@bye`, late lines, skewed clocks, disorder, and the end of a recording.

use linewatch::correlate::Taken;
use linewatch::observation::Observation;

use super::county::County;
use super::stream::{Answer, Asked, Habits, TIMED_OUT, USUAL, at, bye, end, sort, stream, text};
use super::told::{brief, cause, events, names, of_kind, time, told};

fn well(_: &Asked<'_>) -> Answer {
    Answer::Well
}

#[test]
fn a_healthy_county_says_nothing() {
    let county = County::of(12);
    assert!(events(&county, &text(&stream(&county, USUAL, 1800, well), 1800)).is_empty());
}

#[test]
fn an_agent_that_said_goodbye_is_not_silent() {
    let county = County::of(12);
    let mut lines = stream(&county, USUAL, 1800, |asked| {
        if asked.at("G82004") && asked.s > 600.0 { Answer::Unheard } else { Answer::Well }
    });
    let silent = events(&county, &text(&lines, 1800));
    assert_eq!(cause(&silent[0]), "practice G82004", "without a goodbye it is silent");
    lines.push(bye("G82004", 605.0));
    sort(&mut lines);
    assert!(events(&county, &text(&lines, 1800)).is_empty());
}

#[test]
fn an_agent_that_comes_back_after_a_goodbye_can_fall_silent() {
    let county = County::of(12);
    let mut lines = stream(&county, USUAL, 2400, |asked| {
        let away = asked.at("G82004") && (asked.during(600.0, 900.0) || asked.s > 1500.0);
        if away { Answer::Unheard } else { Answer::Well }
    });
    lines.push(bye("G82004", 605.0));
    sort(&mut lines);
    let heard = events(&county, &text(&lines, 2400));
    assert_eq!(of_kind(&heard, "opened").len(), 1, "{}", brief(&heard));
    assert!(time(&heard[0]["at"]) > at(1500.0), "{}", brief(&heard));
}

#[test]
fn everybody_says_goodbye_and_nothing_is_wrong() {
    let county = County::of(8);
    let mut lines = stream(&county, USUAL, 600, well);
    for site in &county.sites {
        lines.push(bye(&site.ods, 601.0));
    }
    sort(&mut lines);
    // The hub itself goes on.
    let mut recording: String = text(&lines, 600);
    recording.push_str(&end(7200.0));
    let heard = events(&county, &recording);
    assert!(
        heard
            .iter()
            .all(|event| !cause(event).starts_with("practice") && !cause(event).starts_with("carrier")),
        "{}",
        brief(&heard)
    );
}

#[test]
fn a_practice_that_was_never_heard_from_is_unknown_and_not_silent() {
    let county = County::of(12);
    let lines =
        stream(&county, USUAL, 1800, |asked| if asked.at("G82007") { Answer::Unheard } else { Answer::Well });
    assert!(events(&county, &text(&lines, 1800)).is_empty());
}

#[test]
fn the_end_line_lets_time_go_on() {
    let county = County::of(12);
    let lines = stream(&county, USUAL, 600, |asked| {
        if asked.at("G82004") && asked.s > 590.0 { Answer::Unheard } else { Answer::Well }
    });
    let short = text(&lines, 600);
    assert!(events(&county, &short).is_empty(), "ten seconds are no silence");
    // Nobody reports after ten minutes, so nobody in particular is silent.
    let heard = events(&county, &(short + &end(900.0)));
    assert!(heard.iter().all(|event| time(&event["at"]) <= at(900.0)), "{}", brief(&heard));
    assert!(!heard.is_empty(), "fifteen minutes of nothing from anybody");
}

#[test]
fn events_of_a_timer_carry_the_timers_own_time() {
    let county = County::of(12);
    let quiet = |asked: &Asked<'_>| {
        if asked.at("G82004") && asked.s > 600.0 { Answer::Unheard } else { Answer::Well }
    };
    let all = told(&county.estate(), &stream(&county, USUAL, 1800, quiet), 1800);
    // The same, but the hub's line to everybody else stands still as well: the next line comes hours later.
    let opened = time(&all[0]["at"]);
    assert!(opened > at(600.0) && opened < at(720.0), "{}", brief(&all));
    let others_end = stream(&county, USUAL, 1800, |asked| {
        if asked.at("G82004") && asked.s > 600.0 || asked.s > 640.0 { Answer::Unheard } else { Answer::Well }
    });
    let mut recording = text(&others_end, 641);
    recording.push_str(&end(36_000.0));
    for event in events(&county, &recording) {
        assert!(time(&event["at"]) < at(1200.0), "said at the time of the next line: {event}");
    }
}

#[test]
fn what_arrives_late_opens_nothing() {
    let county = County::of(12);
    // Everybody's internet fails for ten minutes, and the hub learns of it an hour later, all at once.
    let outage = |asked: &Asked<'_>| asked.on("internet") && asked.during(600.0, 1200.0);
    let mut lines = stream(&county, USUAL, 7200, |asked| {
        if asked.during(600.0, 1200.0) && asked.site.is_some() { Answer::Unheard } else { Answer::Well }
    });
    lines.retain(|line| line.at < at(600.0) || line.at > at(1200.0));
    let mut late =
        stream(&county, USUAL, 7200, |asked| if outage(asked) { TIMED_OUT } else { Answer::Unheard });
    for line in &mut late {
        line.received = Some(at(4800.0));
    }
    assert!(late.len() > 500);
    let before = told(&county.estate(), &lines, 7200);
    lines.append(&mut late);
    sort(&mut lines);
    let after = events(&county, &text(&lines, 7200));
    assert_eq!(
        of_kind(&before, "opened").len(),
        of_kind(&after, "opened").len(),
        "before:\n{}after:\n{}",
        brief(&before),
        brief(&after)
    );
}

/// The edge of the contract: 2 × every + timeout after the check ended is still news, a millisecond more isn't.
#[test]
fn lateness_is_counted_from_the_end_of_the_check() {
    let county = County::of(4);
    let mut correlator = linewatch::correlate::Correlator::new(county.estate());
    let mut seen = stream(&county, USUAL, 60, well).remove(0);
    seen.probe = "accurx-https".to_owned();
    seen.practice = "G82001".to_owned();
    seen.received = Some(seen.ended().plus_millis(65_000));
    assert_eq!(correlator.take(&seen), Taken::Counted);
    seen.received = Some(seen.ended().plus_millis(65_001));
    assert_eq!(correlator.take(&seen), Taken::History);
}

#[test]
fn late_reports_move_the_beginning_of_what_is_open() {
    let county = County::of(12);
    // The carrier's practices are cut off at 600 s and report at 1800 s what they saw.
    let lines = stream(&county, USUAL, 3600, |asked| {
        let cut = asked.over("virgin") && asked.during(600.5, 1500.0);
        if cut { Answer::Kept(1800.0) } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 3600));
    assert_eq!(cause(&heard[0]), "carrier virgin", "{}", brief(&heard));
    assert_eq!(of_kind(&heard, "opened").len(), 1, "{}", brief(&heard));
}

/// Agents' clocks are wrong by up to a minute, both ways; the hub's stamps are right.
#[test]
fn skewed_clocks_change_neither_the_cause_nor_who_is_hit() {
    let county = County::of(12);
    let mut lines = stream(&county, USUAL, 3600, |asked| {
        let hit = asked.behind("fw-maidstone") && asked.on("internet") && asked.during(600.5, 1500.0);
        if hit { TIMED_OUT } else { Answer::Well }
    });
    for line in &mut lines {
        line.received = Some(line.arrival());
        let skew_ms = i64::from(super::stream::hash(&line.practice, "clock") % 120_000) - 60_000;
        line.at = line.at.plus_millis(skew_ms);
    }
    let heard = events(&county, &text(&lines, 3600));
    assert_eq!(cause(&heard[0]), "firewall fw-maidstone", "{}", brief(&heard));
    assert_eq!(of_kind(&heard, "opened").len(), 1, "{}", brief(&heard));
}

#[test]
fn every_line_twice_says_the_same() {
    let county = County::of(12);
    let lines = firewall(&county, USUAL);
    let once = events(&county, &text(&lines, 2400));
    let twice: Vec<Observation> = lines.iter().flat_map(|line| [line.clone(), line.clone()]).collect();
    assert_eq!(brief(&once), brief(&events(&county, &text(&twice, 2400))));
}

/// Lines within five seconds of each other change places, and carry no stamp of the hub's.
#[test]
fn a_little_disorder_changes_neither_the_cause_nor_who_is_hit() {
    let county = County::of(12);
    let mut lines = firewall(&county, USUAL);
    lines.sort_by_key(|line| {
        let jitter = i64::from(super::stream::hash(&line.practice, &line.at.to_string()) % 5_000);
        (line.arrival().plus_millis(jitter), line.at)
    });
    let heard = events(&county, &text(&lines, 2400));
    let opened = of_kind(&heard, "opened");
    assert_eq!(opened.len(), 1, "{}", brief(&heard));
    assert_eq!(cause(opened[0]), "firewall fw-maidstone", "{}", brief(&heard));
    assert_eq!(names(&opened[0]["services"]), ["accurx", "docman", "telephony"], "{}", brief(&heard));
}

/// One agent's clock stands in the year 2106, and nobody stamps its lines: whatever is made of it, time goes on
/// forward and the program ends well.
#[test]
fn a_clock_a_lifetime_ahead_breaks_nothing() {
    let county = County::of(6);
    let mut lines = stream(&county, USUAL, 300, well);
    let far = lines.len() / 2;
    lines[far].at = "2106-02-07T06:28:15.000Z".parse().expect("a time");
    events(&county, &text(&lines, 300));
}

fn firewall(county: &County, habits: Habits) -> Vec<Observation> {
    stream(county, habits, 2400, |asked| {
        let hit = asked.behind("fw-maidstone") && asked.on("internet") && asked.during(600.5, 1200.0);
        if hit { TIMED_OUT } else { Answer::Well }
    })
}
