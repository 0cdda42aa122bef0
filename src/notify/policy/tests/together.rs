//! Escalation beside mutes, hours and severity: who isn't told doesn't start a clock, and what is kept stays kept.

use super::*;
use crate::calendar::{Hours, WORKING_DAYS};
use crate::notify::acknowledgement::{AckWay, Acknowledgement};
use crate::notify::policy::mute::{Mute, Muted};
use crate::notify::policy::routing::{Routing, Terms};
use crate::notify::policy::severity::Severity;

const BOSS: &str = "boss@icb.example";
/// Monday 5 January 1970, midnight, in minutes.
const MONDAY: i64 = 4 * 24 * 60;

fn at(minutes: i64) -> At {
    At::from_millis(minutes * MINUTE)
}

fn story() -> Story {
    let after = Duration::from_mins(15);
    Story {
        escalation: vec![EscalationStep { after, to: vec![BOSS.to_owned()], roles: Vec::new() }],
        ..Story::new()
    }
}

/// What is planned at that time, as `kind recipient`, but for what is kept.
fn leaves(story: &mut Story, minutes: i64) -> Vec<String> {
    let mut planned = story.reminds(at(minutes));
    planned.extend(story.ticks(at(minutes)));
    let notices = planned.into_iter().flat_map(|paced| paced.notices);
    notices
        .filter(|notice| notice.state == NoticeState::Queued)
        .map(|notice| format!("{} {}", notice.kind.as_str(), notice.recipient))
        .collect()
}

fn to_staff(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).filter(|one| one.contains("icb.example")).collect()
}

fn mute(story: &mut Story, from: i64, until: i64, muted: Muted) {
    let (from, until) = (at(from), at(until));
    let mute = Mute { number: 1, muted, from, until, by: "Jo".to_owned(), reason: None };
    assert!(story.ledger.mute(mute).is_some(), "there is room");
}

#[test]
fn a_mute_put_on_an_open_incident_holds_escalations_until_it_ends() {
    let mut story = story();
    story.tell(&event("1", MONDAY + 600, &["A"]));
    mute(&mut story, MONDAY + 605, MONDAY + 660, Muted::Incident { id: "1".to_owned() });
    for minutes in [616, 625, 640, 659] {
        assert!(to_staff(&leaves(&mut story, MONDAY + minutes)).is_empty(), "{minutes}");
    }
    assert_eq!(to_staff(&leaves(&mut story, MONDAY + 660)), [format!("escalation {BOSS}")]);
}

#[test]
fn what_is_too_minor_for_staff_starts_no_clock() {
    let minor = Terms { min_severity: Severity::Critical, ..Terms::default() };
    let mut story = story();
    story.routing = Routing::default().with("desk@icb.example", minor);
    story.tell(&event("1", MONDAY + 600, &["A"]));
    assert!(Severity::of(&event("1", 0, &["A"]), &story.estate) < Severity::Critical);
    for minutes in [616, 700, 1000] {
        assert!(to_staff(&leaves(&mut story, MONDAY + minutes)).is_empty(), "{minutes}");
    }
    let hands = story.ledger.hands("1", at(MONDAY + 1000), &story.rules()).expect("open");
    assert_eq!((hands.told_since, hands.next, hands.told.len()), (None, None, 0));
}

#[test]
fn the_clock_begins_when_staff_are_told_in_the_morning() {
    let hours = Hours {
        days: WORKING_DAYS.to_vec(),
        from: jiff::civil::time(8, 0, 0, 0),
        until: jiff::civil::time(18, 0, 0, 0),
        on_holidays: true,
        also_off: std::collections::BTreeSet::new(),
    };
    let at_work = Terms { hours: Some(hours), quiet_unless: None, ..Terms::default() };
    let mut story = story();
    story.routing = Routing::default().with("desk@icb.example", at_work);
    // Three in the morning, in winter.
    story.tell(&event("1", MONDAY + 180, &["A"]));
    assert!(to_staff(&leaves(&mut story, MONDAY + 240)).is_empty(), "nobody was told");
    let morning = leaves(&mut story, MONDAY + 480);
    assert_eq!(to_staff(&morning), ["opening desk@icb.example"]);
    let hands = story.ledger.hands("1", at(MONDAY + 481), &story.rules()).expect("open");
    assert_eq!((hands.told_since, hands.next), (Some(at(MONDAY + 480)), Some(at(MONDAY + 495))));
    assert!(to_staff(&leaves(&mut story, MONDAY + 494)).is_empty());
    assert_eq!(to_staff(&leaves(&mut story, MONDAY + 495)), [format!("escalation {BOSS}")]);
}

#[test]
fn an_escalation_that_is_kept_is_called_back_by_whoever_takes_it_on() {
    let mut story = story();
    let never = Terms { min_severity: Severity::Critical, ..Terms::default() };
    story.routing = Routing::default().with(BOSS, never);
    story.tell(&event("1", MONDAY + 600, &["A"]));
    assert!(to_staff(&leaves(&mut story, MONDAY + 616)).is_empty());
    let letters = story.ledger.take_on(&Acknowledgement {
        incident: "1".to_owned(),
        at: at(MONDAY + 620),
        person: "jo".to_owned(),
        by: "Jo".to_owned(),
        way: AckWay::Command,
        audience: Audience::Staff,
        note: None,
    });
    let [letter] = letters.as_slice() else { panic!("one letter: {letters:?}") };
    assert!(story.ledger.keeps(letter));
    story.ledger.recalled(letter);
    assert!(!story.ledger.keeps(letter));
    story.routing = Routing::default();
    assert!(to_staff(&leaves(&mut story, MONDAY + 700)).is_empty(), "nothing is left of it");
}

#[test]
fn what_is_kept_is_counted_by_why() {
    let mut story = story();
    let minor = Terms { min_severity: Severity::Critical, ..Terms::default() };
    story.routing = Routing::default().with("desk@icb.example", minor);
    mute(&mut story, MONDAY, MONDAY + 660, Muted::Practice { id: "A".to_owned() });
    let by_why = |story: &Story| {
        let kept = story.ledger.kept();
        Keep::ALL.map(|keep| kept[&keep])
    };
    assert_eq!(by_why(&story), [0, 0, 0, 0]);
    story.tell(&event("1", MONDAY + 600, &["A", "B"]));
    // A's manager is muted, the desk hears of what is critical alone, and B's manager is told.
    assert_eq!(by_why(&story), [1, 1, 0, 0]);
    leaves(&mut story, MONDAY + 660);
    assert_eq!(by_why(&story), [0, 1, 0, 0], "the mute has ended");
}
