//! What holders of roles are told, and what they aren't.

use std::collections::BTreeSet;

use super::*;
use crate::notify::acknowledgement::{AckWay, Acknowledgement};
use crate::notify::policy::routing::Duty;
use crate::notify::policy::severity::Severity;
use crate::notify::rehearsal::{Rehearsal, gathered};

const DESK: &str = "desk@icb.example";
const NIGHT: &str = "night@icb.example";
const NEWS: &str = "news@icb.example";

fn duty(recipient: &str, role: &str, min_severity: Severity, causes: &[&str]) -> Duty {
    let causes = causes.iter().map(|kind| (*kind).to_owned()).collect();
    Duty {
        recipient: recipient.to_owned(),
        role: role.to_owned(),
        min_severity,
        causes: Some(causes).filter(|causes: &BTreeSet<String>| !causes.is_empty()),
        practices: None,
    }
}

/// The night desk hears of firewalls and carriers, communications of what is critical.
fn story() -> Story {
    let routing = Routing::default()
        .with_duty(duty(NIGHT, "on-call", Severity::Note, &["firewall", "carrier"]))
        .with_duty(duty(NEWS, "communications", Severity::Critical, &[]));
    Story { routing, ..Story::new() }
}

fn carrier(mut event: Event) -> Event {
    event.cause = vec![Cause { kind: "carrier".to_owned(), id: "bt".to_owned() }];
    event
}

fn service(mut event: Event) -> Event {
    event.cause = vec![Cause { kind: Cause::SERVICE.to_owned(), id: "emis".to_owned() }];
    event
}

fn told(story: &mut Story, event: &Event) -> Vec<String> {
    let of_icb = story.tell(event).notices.into_iter().filter(|notice| notice.audience.is_of_icb());
    of_icb.map(|n| format!("{} {} as {}", n.kind.as_str(), n.recipient, n.audience.label())).collect()
}

#[test]
fn a_role_is_told_of_its_causes_and_severities_and_the_list_of_staff_of_everything() {
    let mut story = story();
    assert_eq!(
        told(&mut story, &event("1", 0, &["A"])),
        ["opening desk@icb.example as staff", "opening night@icb.example as role on-call"]
    );
    assert_eq!(told(&mut story, &service(event("2", 0, &["A"]))), ["opening desk@icb.example as staff"]);
    let half = ["A", "B", "C"];
    assert_eq!(
        told(&mut story, &service(event("3", 0, &half))),
        ["opening desk@icb.example as staff", "opening news@icb.example as role communications"]
    );
}

#[test]
fn whoever_was_told_hears_how_it_goes_on_though_it_is_no_longer_their_roles() {
    let mut story = story();
    told(&mut story, &event("1", 0, &["A", "B", "C"]));
    // Fewer practices, and another cause: neither role would be told of that.
    let goes_on = service(changed("1", 20, &["A"]));
    assert_eq!(
        told(&mut story, &goes_on),
        [
            "update desk@icb.example as staff",
            "update news@icb.example as role communications",
            "update night@icb.example as role on-call"
        ]
    );
    let end = service(resolved("1", 40, Reason::Recovered));
    assert_eq!(told(&mut story, &end).len(), 3);
}

#[test]
fn what_becomes_the_roles_later_is_told_then_as_something_new() {
    let mut story = story();
    told(&mut story, &service(event("1", 0, &["A"])));
    assert_eq!(
        told(&mut story, &carrier(changed("1", 5, &["A"]))),
        ["update desk@icb.example as staff", "opening night@icb.example as role on-call"]
    );
}

#[test]
fn who_is_on_the_list_or_holds_several_roles_hears_once() {
    let mut story = story();
    story.routing = std::mem::take(&mut story.routing)
        .with_duty(duty("Night@ICB.example", "primary-care-it", Severity::Note, &[]))
        .with_duty(duty("DESK@icb.example", "on-call", Severity::Note, &[]));
    assert_eq!(
        told(&mut story, &event("1", 0, &["A"])),
        ["opening desk@icb.example as staff", "opening night@icb.example as role on-call"]
    );
    assert_eq!(told(&mut story, &changed("1", 20, &["B"])).len(), 2);
}

#[test]
fn who_holds_a_role_for_one_icb_hears_of_its_practices_and_of_what_may_hit_anybody() {
    let mut story = Story::new();
    let practices = Some(["C".to_owned()].into());
    let sussex = Duty { practices, ..duty(NIGHT, "on-call", Severity::Note, &[]) };
    story.routing = Routing::default().with_duty(sussex);
    assert_eq!(told(&mut story, &event("1", 0, &["A", "B"])).len(), 1);
    assert_eq!(told(&mut story, &event("2", 0, &["A", "C"])).len(), 2);
    let mut blind = event("3", 0, &[]);
    blind.cause = vec![Cause { kind: Cause::MONITOR.to_owned(), id: "hub".to_owned() }];
    assert_eq!(told(&mut story, &blind).len(), 2);
}

#[test]
fn what_waits_for_planned_work_is_called_back_when_it_is_no_longer_the_roles() {
    let mut story = story();
    story.maintenance = vec![window(0, 60, &[])];
    told(&mut story, &event("1", 10, &["A"]));
    let plan = story.tell(&service(changed("1", 20, &["A"])));
    let back: Vec<(&str, &str)> =
        plan.withdrawn.iter().map(|(notice, why)| (notice.recipient.as_str(), why.as_str())).collect();
    assert!(back.contains(&(NIGHT, "it is no longer what the recipient's role is told of")), "{back:?}");
    assert!(plan.notices.iter().all(|notice| notice.recipient != NIGHT));
    assert_eq!(told(&mut story, &service(resolved("1", 30, Reason::Recovered))), [""; 0]);
}

#[test]
fn after_a_merger_a_role_hears_the_end_of_the_incident_that_goes_on_once_though_it_was_not_told_of_that() {
    let mut story = story();
    told(&mut story, &service(event("1", 0, &["A"])));
    told(&mut story, &event("2", 1, &["B"]));
    let merged = Event { into: Some("1".to_owned()), ..resolved("2", 5, Reason::Merged) };
    let plan = story.tell(&merged);
    let night: Vec<_> = plan.notices.iter().filter(|notice| notice.recipient == NIGHT).collect();
    let kinds: Vec<(&str, &str)> =
        night.iter().map(|notice| (notice.incident.as_str(), notice.kind.as_str())).collect();
    assert_eq!(kinds, [("1", "inherited"), ("2", "update")]);
    assert_eq!(
        told(&mut story, &service(resolved("1", 40, Reason::Recovered))),
        ["back desk@icb.example as staff", "back night@icb.example as role on-call"]
    );
}

#[test]
fn a_role_takes_an_incident_on_like_staff_and_its_letter_starts_the_clock() {
    let mut story = story();
    story.staff.clear();
    story.escalation = vec![EscalationStep {
        after: Duration::from_mins(15),
        to: vec!["boss@icb.example".to_owned()],
        roles: Vec::new(),
    }];
    story.tell(&event("1", 0, &["A"]));
    let at = |minutes: i64| At::from_millis(minutes * MINUTE);
    assert_eq!(story.ledger.hands("1", at(1), &story.rules()).and_then(|it| it.next), Some(at(15)));
    let said = |audience: Audience, who: &str| Acknowledgement {
        incident: "1".to_owned(),
        at: at(2),
        person: who.to_owned(),
        by: who.to_owned(),
        way: AckWay::Link,
        audience,
        note: None,
    };
    // Neither whoever looks after it nor a network of practices relieves anybody.
    story.ledger.take_on(&said(Audience::Owner { name: "BT".to_owned() }, "BT's desk"));
    story.ledger.take_on(&said(Audience::Pcn { id: "east".to_owned(), practices: Vec::new() }, "East"));
    let hands = story.ledger.hands("1", at(3), &story.rules()).expect("it is open");
    assert_eq!((hands.taken_on.len(), hands.at_work.len(), hands.next), (0, 1, Some(at(15))));
    story.ledger.take_on(&said(Audience::Role { id: "on-call".to_owned() }, "Jo"));
    let hands = story.ledger.hands("1", at(3), &story.rules()).expect("it is open");
    assert_eq!((hands.taken_on.len(), hands.at_work.len(), hands.next), (1, 1, None));
}

#[test]
fn a_desk_that_starts_again_knows_who_was_told_by_which_role() {
    let mut story = story();
    let first = event("1", 0, &["A"]);
    let mut notices = story.tell(&first).notices;
    for notice in &mut notices {
        notice.state = NoticeState::Accepted;
    }
    let of = Arc::new(first.clone());
    let row = |notice| Row { notice, event: Arc::clone(&of), changed: first.at };
    let notices = notices.into_iter().map(row).collect();
    let run = Run::of([&first]);
    let open = OpenIncident { event: first, approved: false, run, notices, taken_on: Vec::new() };
    story.ledger = Ledger::restore(&[open], Left::default());
    assert_eq!(
        told(&mut story, &service(changed("1", 20, &["A"]))),
        ["update desk@icb.example as staff", "update night@icb.example as role on-call"]
    );
}

#[test]
fn a_rehearsal_shows_each_roles_letter_and_says_in_it_why_it_comes() {
    let story = story();
    let mut rehearsal = Rehearsal::new(story.rules(), &[]);
    rehearsal.tell(&event("1", 0, &["A", "B", "C"]));
    rehearsal.until(At::from_millis(MINUTE));
    let mailings = gathered(rehearsal.written());
    let labels: Vec<String> = mailings.iter().map(|it| it.first.notice.audience.label()).collect();
    assert_eq!(labels.iter().filter(|label| label.starts_with("role ")).count(), 2, "{labels:?}");
    for mailing in mailings.iter().filter(|it| it.first.notice.audience.kind() == "role") {
        let role = mailing.first.notice.audience.label().replace("role ", "the role ");
        let why = format!("You are told because you hold {role}.");
        assert!(mailing.first.letter.text.contains(&why), "{}", mailing.first.letter.text);
        assert!(mailing.first.letter.html.contains(&why));
    }
    assert!(!mailings.iter().any(|it| it.first.notice.recipient == DESK && it.first.letter.text.contains("you hold the role")));
}

/// Whoever holds the role is told after a quarter of an hour, whatever the role is told of otherwise.
fn escalated_to_the_role() -> Story {
    let after = Duration::from_mins(15);
    let step =
        EscalationStep { after, to: vec!["boss@icb.example".to_owned()], roles: vec!["boss".to_owned()] };
    let holds = |recipient: &str, practices: Option<&[&str]>| Duty {
        recipient: recipient.to_owned(),
        role: "boss".to_owned(),
        min_severity: Severity::Critical,
        causes: Some(BTreeSet::from(["carrier".to_owned()])),
        practices: practices.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()),
    };
    let routing = Routing::default()
        .with_duty(holds("boss@icb.example", None))
        .with_duty(holds("sam@icb.example", Some(&["A", "B"])))
        .with_duty(holds("far@other.example", Some(&["C"])));
    Story { escalation: vec![step], routing, ..Story::new() }
}

fn reminded(story: &mut Story, minutes: i64) -> Vec<Notice> {
    let paced = story.reminds(At::from_millis(minutes * MINUTE)).into_iter();
    let notices = paced.flat_map(|paced| paced.notices);
    notices.filter(|notice| notice.kind == NoticeKind::Escalation).collect()
}

#[test]
fn a_step_tells_whoever_holds_its_role_where_it_is_held_and_each_once() {
    for restarts in [false, true] {
        let mut story = escalated_to_the_role();
        assert_eq!(told(&mut story, &event("1", 0, &["A"])), ["opening desk@icb.example as staff"]);
        let letters = reminded(&mut story, 15);
        let to: Vec<(&str, String)> =
            letters.iter().map(|letter| (letter.recipient.as_str(), letter.audience.label())).collect();
        // The boss is named by address as well.
        assert_eq!(
            to,
            [("boss@icb.example", "staff".to_owned()), ("sam@icb.example", "role boss".to_owned())]
        );
        if restarts {
            story.restart(At::from_millis(16 * MINUTE));
        }
        assert!(reminded(&mut story, 100).is_empty(), "once");
        let back = told(&mut story, &resolved("1", 101, Reason::Recovered));
        assert_eq!(
            back,
            [
                "back boss@icb.example as staff",
                "back desk@icb.example as staff",
                "back sam@icb.example as role boss"
            ]
        );
    }
}

#[test]
fn whoever_is_told_by_a_role_keeps_their_own_hours_and_takes_it_on_from_their_letter() {
    let hours = crate::calendar::Hours { on_holidays: true, ..crate::calendar::Hours::core() };
    let terms = crate::notify::policy::routing::Terms { hours: Some(hours), ..Default::default() };
    let mut story = escalated_to_the_role();
    story.routing = story.routing.with("sam@icb.example", terms);
    // Thursday, midnight.
    story.tell(&event("1", 0, &["A"]));
    let letters = reminded(&mut story, 15);
    let states: Vec<&NoticeState> = letters.iter().map(|letter| &letter.state).collect();
    assert_eq!(states, [&NoticeState::Queued, &NoticeState::Kept { by: crate::notify::Keep::Quiet }]);
    let sam = person(&letters[1].audience, &letters[1].recipient);
    let addressee = story.ledger.addressee("1", &sam).expect("they were told");
    assert_eq!(addressee.audience, Audience::Role { id: "boss".to_owned() });
    story.ticks(At::from_millis(8 * 60 * MINUTE));
    let left = story.paper.rows.iter().rfind(|row| row.notice.recipient == "sam@icb.example").expect("one");
    assert_eq!((left.notice.kind, &left.notice.state), (NoticeKind::Escalation, &NoticeState::Accepted));
}
