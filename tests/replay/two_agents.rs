//! Two agents at one practice that ask the same checks.

use linewatch::correlate::{Correlator, Standing};
use linewatch::observation::{BYE, HUB, Observation};
use serde_json::Value;

use super::county::County;
use super::stream::{Answer, Asked, TIMED_OUT, USUAL, at, bye, sort, stream};
use super::told::{brief, cause, of_kind, told};

const BOTH: &str = "G82003";

/// Every practice has an agent, and one has a second. `weather`: what the first of those two finds, and the second.
fn company(county: &County, seconds: u32, weather: impl Fn(&Asked<'_>, &str) -> Answer) -> Vec<Observation> {
    let of = |agent: &str| {
        let mut lines = stream(county, USUAL, seconds, |asked| weather(asked, agent));
        for line in lines.iter_mut().filter(|line| line.practice != HUB) {
            line.agent = Some(if line.practice == BOTH { agent.to_owned() } else { line.practice.clone() });
        }
        lines
    };
    let mut lines = of("desk");
    lines.extend(of("cupboard").into_iter().filter(|line| line.practice == BOTH));
    sort(&mut lines);
    lines
}

fn is_there(asked: &Asked<'_>) -> bool {
    asked.site.is_some_and(|site| site.ods == BOTH)
}

fn picture(county: &County, lines: &[Observation], second: f64) -> linewatch::correlate::Picture {
    let mut correlator = Correlator::new(county.estate());
    lines.iter().take_while(|line| line.arrival() <= at(second)).for_each(|line| {
        correlator.take(line);
    });
    correlator.advance(at(second));
    correlator.picture()
}

#[test]
fn one_computer_that_fails_everything_is_not_the_practice() {
    let county = County::of(8);
    let lines = company(&county, 2_400, |asked, agent| {
        let fails =
            agent == "desk" && is_there(asked) && asked.question.is_some() && asked.during(600.0, 1_800.0);
        if fails { TIMED_OUT } else { Answer::Well }
    });
    let events = told(&county.estate(), &lines, 2_400);
    assert!(events.is_empty(), "{}", brief(&events));
    let during = picture(&county, &lines, 1_200.0);
    assert!(during.practices[2].networks.iter().all(|it| *it == Standing::Ok), "{:?}", during.practices[2]);
    let note = during.notes.iter().find(|note| note.practice.as_deref() == Some(BOTH)).expect("it is noted");
    assert!(note.text.starts_with("Agent desk at Surgery G82003 (G82003) fails 9 checks"), "{}", note.text);
    assert!(picture(&county, &lines, 2_300.0).notes.is_empty());
}

#[test]
fn what_both_find_is_the_practices_as_soon_as_one_alone_would_say_so() {
    let county = County::of(8);
    let out = |asked: &Asked<'_>| is_there(asked) && asked.on("internet") && asked.during(600.0, 1_800.0);
    let both = company(&county, 2_400, |asked, _| if out(asked) { TIMED_OUT } else { Answer::Well });
    let alone: Vec<Observation> =
        both.iter().filter(|line| line.agent.as_deref() != Some("cupboard")).cloned().collect();
    let opened = |lines: &[Observation]| {
        let events = told(&county.estate(), lines, 2_400);
        let opened = of_kind(&events, "opened");
        assert_eq!(opened.len(), 1, "{}", brief(&events));
        assert_eq!(
            (cause(opened[0]).as_str(), &opened[0]["network"]),
            ("practice G82003", &Value::from("internet"))
        );
        assert_eq!(of_kind(&events, "resolved").len(), 1, "{}", brief(&events));
        (super::told::time(&opened[0]["at"]), super::told::time(&opened[0]["since"]))
    };
    let ((told_of_both, since_of_both), (told_of_one, since_of_one)) = (opened(&both), opened(&alone));
    assert!(told_of_both.millis_since(told_of_one).abs() <= 5_000, "{told_of_both} and {told_of_one}");
    assert_eq!(since_of_both, since_of_one);
}

#[test]
fn one_that_is_switched_off_or_falls_silent_is_not_the_silence_of_the_practice() {
    let county = County::of(8);
    for goodbye in [false, true] {
        let mut lines = company(&county, 3_600, |asked, agent| {
            let gone = agent == "desk" && is_there(asked) && asked.during(600.0, 3_600.0);
            if gone { Answer::Unheard } else { Answer::Well }
        });
        if goodbye {
            lines.push(Observation { agent: Some("desk".to_owned()), ..bye(BOTH, 600.0) });
            sort(&mut lines);
        }
        let events = told(&county.estate(), &lines, 3_600);
        assert!(events.is_empty(), "goodbye: {goodbye}\n{}", brief(&events));
        let later = picture(&county, &lines, 3_500.0);
        assert!(later.practices[2].networks.iter().all(|it| *it == Standing::Ok));
        let noted = later
            .notes
            .iter()
            .any(|note| note.text.starts_with("Agent desk at Surgery G82003 (G82003) is not heard"));
        assert_eq!(noted, !goodbye, "{:?}", later.notes);
    }
}

#[test]
fn when_the_last_one_falls_silent_the_practice_is_and_a_goodbye_of_the_other_excuses_nothing() {
    let county = County::of(8);
    let mut lines = company(&county, 3_600, |asked, agent| {
        let from = if agent == "desk" { 600.0 } else { 1_200.0 };
        if is_there(asked) && asked.during(from, 3_600.0) { Answer::Unheard } else { Answer::Well }
    });
    lines.push(Observation { agent: Some("desk".to_owned()), ..bye(BOTH, 600.0) });
    sort(&mut lines);
    assert_eq!(lines.iter().filter(|line| line.probe == BYE).count(), 1);
    let events = told(&county.estate(), &lines, 3_600);
    let opened = of_kind(&events, "opened");
    assert_eq!(opened.len(), 1, "{}", brief(&events));
    assert_eq!(
        (cause(opened[0]).as_str(), &opened[0]["signature"]),
        ("practice G82003", &Value::from("silent"))
    );
    assert!(super::told::time(&opened[0]["at"]) > at(1_200.0));
}
