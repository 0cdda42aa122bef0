//! What is told now and what is kept for later, as stories and as properties.

use std::collections::BTreeSet;

use jiff::civil::time;

use super::*;
use crate::calendar::{Hours, WORKING_DAYS};
use crate::notify::notice::Keep;
use crate::notify::policy::mute::Muted;
use crate::notify::policy::routing::{Circle, Of, Terms};
use crate::notify::policy::severity::Severity;

/// The first of January 1970 was a Thursday, and a bank holiday; the fifth was a Monday. This is its ten in the morning.
pub(super) const MONDAY_TEN: i64 = 4 * 24 * 60 + 10 * 60;
const HOUR: i64 = 60;

pub(super) fn working() -> Hours {
    Hours {
        days: WORKING_DAYS.to_vec(),
        from: time(8, 0, 0, 0),
        until: time(18, 30, 0, 0),
        on_holidays: false,
        also_off: BTreeSet::new(),
    }
}

fn at_work() -> Terms {
    Terms { hours: Some(working()), quiet_unless: Some(Severity::Critical), ..Terms::default() }
}

fn only(min_severity: Severity) -> Terms {
    Terms { min_severity, ..Terms::default() }
}

/// What the passing of time leads to, as `kind recipient`.
fn ticks(story: &mut Story, minutes: i64) -> Vec<Paced> {
    story.ticks(At::from_millis(minutes * MINUTE))
}

fn told(paced: &[Paced]) -> Vec<String> {
    let leaves = |notice: &&Notice| notice.state == NoticeState::Queued;
    paced
        .iter()
        .flat_map(|paced| &paced.notices)
        .filter(leaves)
        .map(|notice| format!("{} {}", notice.kind.as_str(), notice.recipient))
        .collect()
}

/// What leaves of a plan, to A's manager.
fn to_a(plan: &Plan) -> Vec<&'static str> {
    plan.notices
        .iter()
        .filter(|notice| notice.recipient == "a@a.example" && notice.state == NoticeState::Queued)
        .map(|notice| notice.kind.as_str())
        .collect()
}

/// A story in which only A's manager is told, on these terms.
fn with(terms: Terms) -> Story {
    Story { routing: Routing::default().with("A@a.example", terms), staff: Vec::new(), ..Story::new() }
}

pub(super) fn mute(story: &mut Story, muted: Muted, from: i64, until: i64) -> u32 {
    let number = u32::try_from(story.ledger.mutes().len()).expect("few") + 1;
    let (from, until) = (At::from_millis(from * MINUTE), At::from_millis(until * MINUTE));
    let (by, reason) = ("somebody".to_owned(), None);
    let mute = Mute { number, muted, from, until, by, reason };
    assert!(story.ledger.mute(mute).is_some(), "there is room");
    number
}

#[test]
fn what_goes_on_is_told_as_a_letter_when_the_hours_begin() {
    let mut story = with(at_work());
    let night = MONDAY_TEN + 12 * HOUR;
    let plan = story.tell(&event("1", night, &["A"]));
    assert_eq!(plan.notices[0].state, NoticeState::Kept { by: Keep::Quiet });
    let tuesday_eight = MONDAY_TEN + 22 * HOUR;
    assert!(ticks(&mut story, tuesday_eight - 1).is_empty());
    let paced = ticks(&mut story, tuesday_eight);
    assert_eq!(told(&paced), ["opening a@a.example"], "one incident is a letter, which says what to do");
    assert_eq!(paced[0].settled.len(), 1);
    assert!(ticks(&mut story, tuesday_eight + 1).is_empty());
    assert_eq!(to_a(&story.tell(&resolved("1", tuesday_eight + 9, Reason::Recovered))), ["back"]);
}

#[test]
fn a_night_is_told_in_one_digest() {
    let mut story = with(at_work());
    let night = MONDAY_TEN + 12 * HOUR;
    for (incident, opens, ends) in [("1", 0, Some(30)), ("2", 60, None), ("3", 120, Some(200))] {
        assert!(to_a(&story.tell(&event(incident, night + opens, &["A"]))).is_empty());
        if let Some(ends) = ends {
            assert!(to_a(&story.tell(&resolved(incident, night + ends, Reason::Recovered))).is_empty());
        }
    }
    let paced = ticks(&mut story, MONDAY_TEN + 22 * HOUR);
    assert_eq!(told(&paced), ["digest a@a.example"]);
    let digest = &paced[0].notices[0];
    let said = &story.paper.digests[&digest.id];
    let lines: Vec<(&str, Became)> =
        said.lines.iter().map(|line| (line.event.incident.as_str(), line.what)).collect();
    assert_eq!(lines, [("2", Became::New), ("1", Became::CameAndWent), ("3", Became::CameAndWent)]);
    assert_eq!(paced[0].settled.len(), 5, "two openings with their ends, and one that goes on");
    let plan = story.tell(&resolved("2", MONDAY_TEN + 23 * HOUR, Reason::Recovered));
    assert_eq!(to_a(&plan), ["back"]);
    assert_eq!(plan.notices[0].thread.as_ref(), Some(&digest.id), "they heard of it in the digest");
}

#[test]
fn who_was_told_in_working_hours_hears_of_the_end_at_night() {
    let mut story = with(at_work());
    assert_eq!(to_a(&story.tell(&event("1", MONDAY_TEN, &["A"]))), ["opening"]);
    assert_eq!(to_a(&story.tell(&resolved("1", MONDAY_TEN + 13 * HOUR, Reason::Recovered))), ["back"]);
}

#[test]
fn what_is_urgent_breaks_the_quiet() {
    let night = MONDAY_TEN + 12 * HOUR;
    let critical = event("1", night, &["A", "B", "C", "D"]);
    assert_eq!(to_a(&with(at_work()).tell(&critical)), ["opening"]);
    let never = Terms { quiet_unless: None, ..at_work() };
    assert!(to_a(&with(never).tell(&critical)).is_empty());
}

#[test]
fn bank_holidays_are_quiet_unless_they_are_not() {
    // New Year's Day 1970, a Thursday.
    assert!(to_a(&with(at_work()).tell(&event("1", 10 * HOUR, &["A"]))).is_empty());
    let also = Terms { hours: Some(Hours { on_holidays: true, ..working() }), ..at_work() };
    assert_eq!(to_a(&with(also).tell(&event("1", 10 * HOUR, &["A"]))), ["opening"]);
}

#[test]
fn what_is_minor_is_never_mentioned_unless_it_gets_worse() {
    let mut story = with(only(Severity::Major));
    let mut estate = super::estate();
    let one = estate.practices[1].clone();
    estate.practices.extend((0..44).map(|n| Practice { id: format!("P{n}"), ..one.clone() }));
    story.estate = estate;
    assert!(to_a(&story.tell(&event("1", 0, &["A"]))).is_empty());
    let plan = story.tell(&resolved("1", 9, Reason::Recovered));
    assert!(to_a(&plan).is_empty());
    assert_eq!(plan.withdrawn.len(), 1);
    assert!(ticks(&mut story, 10_000).is_empty());
    // It gets worse: they hear then. It gets better again: they still hear of the end.
    assert!(to_a(&story.tell(&event("2", 20, &["A"]))).is_empty());
    assert_eq!(to_a(&story.tell(&changed("2", 25, &["A", "B", "C", "D", "E"]))), ["opening"]);
    story.tell(&changed("2", 30, &["A"]));
    assert_eq!(to_a(&story.tell(&resolved("2", 40, Reason::Recovered))), ["back"]);
    // What begins anew after it was never mentioned is news when it is worse.
    story.tell(&event("3", 50, &["A"]));
    story.tell(&resolved("3", 60, Reason::Recovered));
    assert_eq!(to_a(&story.tell(&event("3", 70, &["A", "B", "C", "D", "E"]))), ["opening"]);
}

#[test]
fn beyond_the_cap_a_digest_says_what_was_held_back() {
    let mut story = Story { routing: Routing::default().capped(4), staff: Vec::new(), ..Story::new() };
    let numbers: Vec<String> = (1..=9).map(|n| n.to_string()).collect();
    for (minute, number) in (0..).zip(&numbers) {
        let plan = story.tell(&event(number, minute, &["A"]));
        assert_eq!(to_a(&plan).len(), usize::from(minute < 3), "the fourth place is the digest's");
    }
    // An end of what they know of waits for the digest, and is first in it.
    let plan = story.tell(&resolved("2", 9, Reason::Recovered));
    assert_eq!(plan.notices[0].state, NoticeState::Kept { by: Keep::Cap });
    assert!(ticks(&mut story, 12).is_empty(), "it gathers for ten minutes");
    let paced = ticks(&mut story, 13);
    assert_eq!(told(&paced), ["digest a@a.example"]);
    let said = &story.paper.digests[&paced[0].notices[0].id];
    assert_eq!((said.lines[0].event.incident.as_str(), said.lines[0].what), ("2", Became::Over));
    assert_eq!(said.lines.len(), 7);
    // The hour goes on, and there is one digest in it.
    for number in ["1", "4", "9"] {
        assert!(to_a(&story.tell(&resolved(number, 20, Reason::Recovered))).is_empty());
    }
    assert!(ticks(&mut story, 59).is_empty());
    assert!(ticks(&mut story, 72).is_empty());
    let paced = ticks(&mut story, 73);
    let said = &story.paper.digests[&paced[0].notices[0].id];
    assert!(said.lines.iter().all(|line| line.what == Became::Over) && said.lines.len() == 3);
}

#[test]
fn a_program_is_told_everything() {
    let staff = vec!["webhook:servicenow".to_owned(), "teams:desk".to_owned()];
    let mut story = Story { routing: Routing::default().capped(2), staff, ..Story::new() };
    let left: usize = (0..9)
        .map(|n| {
            let plan = story.tell(&event(&format!("{n}"), n, &["D"]));
            plan.notices.iter().filter(|notice| notice.state == NoticeState::Queued).count()
        })
        .sum();
    assert_eq!(left, 9 + 1);
}

#[test]
fn what_is_muted_is_told_at_the_end_of_the_mute_if_it_goes_on() {
    let mut story = with(Terms::default());
    let firewall = Muted::Component { kind: "firewall".to_owned(), id: "fw".to_owned() };
    mute(&mut story, firewall, 0, 120);
    story.tell(&event("1", 5, &["A"]));
    story.tell(&event("2", 6, &["A"]));
    assert!(to_a(&story.tell(&resolved("2", 30, Reason::Recovered))).is_empty());
    assert!(ticks(&mut story, 119).is_empty());
    assert_eq!(told(&ticks(&mut story, 120)), ["opening a@a.example"]);
    assert_eq!(to_a(&story.tell(&resolved("1", 130, Reason::Recovered))), ["back"]);
}

#[test]
fn who_was_told_before_the_mute_hears_of_the_end_during_it() {
    let mut story = with(Terms::default());
    assert_eq!(to_a(&story.tell(&event("1", 0, &["A"]))), ["opening"]);
    mute(&mut story, Muted::Incident { id: "1".to_owned() }, 1, 120);
    assert_eq!(to_a(&story.tell(&resolved("1", 9, Reason::Recovered))), ["back"]);
}

#[test]
fn a_mute_that_is_ended_early_tells_at_once() {
    let mut story = with(Terms::default());
    let number = mute(&mut story, Muted::Practice { id: "A".to_owned() }, 0, 1000);
    assert!(to_a(&story.tell(&event("1", 5, &["A"]))).is_empty());
    assert_eq!(story.ledger.end_mute(7, At::from_millis(9 * MINUTE)), None);
    assert!(story.ledger.end_mute(number, At::from_millis(10 * MINUTE)).is_some());
    assert_eq!(told(&ticks(&mut story, 10)), ["opening a@a.example"]);
    assert_eq!(story.ledger.end_mute(number, At::from_millis(11 * MINUTE)), None, "once");
}

#[test]
fn what_was_muted_until_the_evening_waits_for_the_morning() {
    let mut story = with(at_work());
    mute(&mut story, Muted::Incident { id: "1".to_owned() }, MONDAY_TEN, MONDAY_TEN + 10 * HOUR);
    assert!(to_a(&story.tell(&event("1", MONDAY_TEN + 1, &["A"]))).is_empty());
    let paced = ticks(&mut story, MONDAY_TEN + 10 * HOUR);
    assert!(told(&paced).is_empty());
    assert_eq!(paced[0].notices[0].state, NoticeState::Kept { by: Keep::Quiet });
    assert_eq!(told(&ticks(&mut story, MONDAY_TEN + 22 * HOUR)), ["opening a@a.example"]);
}

#[test]
fn an_incident_that_goes_on_as_another_takes_what_was_kept_along() {
    let mut story = with(at_work());
    let night = MONDAY_TEN + 12 * HOUR;
    story.tell(&event("1", night, &["A"]));
    story.tell(&event("2", night + 1, &["B"]));
    story.tell(&changed("2", night + 2, &["A", "B"]));
    let merged = Event { into: Some("2".to_owned()), ..resolved("1", night + 2, Reason::Merged) };
    assert!(to_a(&story.tell(&merged)).is_empty());
    let paced = ticks(&mut story, MONDAY_TEN + 22 * HOUR);
    assert_eq!(told(&paced), ["opening a@a.example"]);
    assert_eq!(paced[0].notices[0].incident, "2");
    assert_eq!(to_a(&story.tell(&resolved("2", MONDAY_TEN + 23 * HOUR, Reason::Recovered))), ["back"]);
}

pub(super) fn circles() -> Story {
    let pcn = Of::Pcn { id: "east".to_owned(), practices: ["A", "B"].map(str::to_owned).into() };
    let firewalls = [("firewall".to_owned(), "fw".to_owned())].into();
    let owner = Of::Owner { name: "ICB network team".to_owned(), components: firewalls };
    let routing = Routing::default()
        .and_tells(Circle { recipient: "pcn@east.example".to_owned(), of: pcn })
        .and_tells(Circle { recipient: "team@icb.example".to_owned(), of: owner });
    Story { routing, staff: Vec::new(), ..Story::new() }
}

/// What leaves to those who hear because of what they look after.
fn to_circles(plan: &Plan) -> Vec<String> {
    plan.notices
        .iter()
        .filter(|notice| matches!(notice.audience, Audience::Pcn { .. } | Audience::Owner { .. }))
        .filter(|notice| notice.kind != NoticeKind::Inherited)
        .map(|notice| format!("{} {}", notice.kind.as_str(), notice.audience.label()))
        .collect()
}

#[test]
fn a_pcn_hears_of_its_own_practices_and_an_owner_of_its_own_components() {
    let mut story = circles();
    let plan = story.tell(&event("1", 0, &["A", "C"]));
    assert_eq!(to_circles(&plan), ["opening pcn east: A", "opening owner ICB network team"]);
    // Another practice of theirs is hit.
    assert_eq!(to_circles(&story.tell(&changed("1", 5, &["A", "B", "C"]))), ["update pcn east: A,B"]);
    // None is any more, and later evidence says that it is somebody else's.
    let mut elsewhere = changed("1", 20, &["C"]);
    elsewhere.cause[0].id = "other".to_owned();
    assert_eq!(to_circles(&story.tell(&elsewhere)), ["back pcn east: A,B", "update owner ICB network team"]);
    // Theirs again: a supplier must know; a network of practices has had both letters.
    let plan = story.tell(&changed("1", 30, &["A", "C"]));
    assert_eq!(to_circles(&plan), ["update owner ICB network team"]);
    let plan = story.tell(&resolved("1", 40, Reason::Recovered));
    assert_eq!(to_circles(&plan), ["back owner ICB network team"]);
}

#[test]
fn whoever_it_is_not_about_hears_nothing() {
    let mut story = circles();
    let mut other = event("1", 0, &["C"]);
    other.cause[0].id = "other".to_owned();
    assert_eq!(to_circles(&story.tell(&other)), [""; 0]);
    let mut blind = event("2", 0, &["A"]);
    blind.cause = vec![Cause { kind: Cause::MONITOR.to_owned(), id: "hub".to_owned() }];
    assert_eq!(to_circles(&story.tell(&blind)), [""; 0]);
}

#[test]
fn an_owner_who_may_be_meant_is_told_and_a_merger_keeps_the_thread() {
    let mut story = circles();
    let mut either = event("1", 0, &["C"]);
    either.cause.push(Cause { kind: "carrier".to_owned(), id: "bt".to_owned() });
    assert_eq!(to_circles(&story.tell(&either)), ["opening owner ICB network team"]);
    story.tell(&event("2", 1, &["A"]));
    let merged = Event { into: Some("2".to_owned()), ..resolved("1", 2, Reason::Merged) };
    assert_eq!(to_circles(&story.tell(&merged)), [""; 0], "the other speaks for it");
    let ends = to_circles(&story.tell(&resolved("2", 3, Reason::Recovered)));
    assert_eq!(ends, ["back owner ICB network team", "back pcn east: A"]);
}

#[test]
fn a_pcn_waits_for_the_approval_that_its_practices_wait_for() {
    let mut story = Story { practices: PracticeNotices::AfterApproval, ..circles() };
    let plan = story.tell(&event("1", 0, &["A"]));
    let held: Vec<&str> = plan
        .notices
        .iter()
        .filter(|notice| notice.state == NoticeState::Held)
        .map(|notice| notice.recipient.as_str())
        .collect();
    assert_eq!(held, ["a@a.example", "pcn@east.example"]);
    assert_eq!(story.approve("1", At::from_millis(1)).expect("it is open").notices.len(), 2);
}

#[test]
fn a_digest_asks_everybody_who_is_asked_in_letters() {
    let duty = crate::notify::policy::routing::Duty {
        recipient: "night@icb.example".to_owned(),
        role: "on-call".to_owned(),
        min_severity: Severity::Note,
        causes: None,
        practices: None,
    };
    let mut story = Story { staff: vec!["desk@icb.example".to_owned()], ..circles() };
    story.routing = story.routing.with_duty(duty).capped(1);
    for (incident, minutes) in [("1", 0), ("2", 1), ("3", 2)] {
        story.tell(&event(incident, minutes, &["A"]));
    }
    ticks(&mut story, 70);
    let lines: Vec<(String, String)> = story
        .paper
        .rows
        .iter()
        .filter(|row| row.notice.kind == NoticeKind::Digest)
        .map(|row| {
            let line = &story.paper.digests[&row.notice.id].lines[0];
            (row.notice.audience.kind().to_owned(), line.person.clone())
        })
        .collect();
    for audience in ["practices", "staff", "role", "pcn", "owner"] {
        let (_, who) = lines.iter().find(|(kind, _)| kind == audience).expect("each has a digest");
        assert!(story.ledger.addressee("2", who).is_some(), "{audience}: their link opens something");
    }
}
