//! The policy's promises, as stories and as properties.

mod again;
mod always;
mod escalations;
mod pace;
mod paper;
mod planned;
mod promises;
mod roles;
mod together;
mod told;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::estate::{Icb, Practice};
use crate::incident::{Evidence, Signature};

const MINUTE: i64 = 60_000;
const HOURLY: Duration = Duration::from_hours(1);

/// An event of a firewall's failure, `minutes` after the start of time.
pub(crate) fn event(incident: &str, minutes: i64, practices: &[&str]) -> Event {
    Event {
        at: At::from_millis(minutes * MINUTE),
        event: EventKind::Opened,
        incident: incident.to_owned(),
        cause: vec![Cause { kind: "firewall".to_owned(), id: "fw".to_owned() }],
        probability: 0.99,
        alternatives: Vec::new(),
        signature: Signature::Dropped,
        network: Some("internet".to_owned()),
        since: At::default(),
        practices: practices.iter().map(|id| (*id).to_owned()).collect(),
        services: Vec::new(),
        evidence: Evidence::default(),
        reason: None,
        into: None,
        lost: Vec::new(),
        sentence: "The firewall has failed.".to_owned(),
    }
}

fn changed(incident: &str, minutes: i64, practices: &[&str]) -> Event {
    Event { event: EventKind::Changed, ..event(incident, minutes, practices) }
}

fn resolved(incident: &str, minutes: i64, reason: Reason) -> Event {
    Event { event: EventKind::Resolved, reason: Some(reason), ..event(incident, minutes, &[]) }
}

/// Practices A to F; E and F share an address, F has a second one, D has none.
pub(crate) fn estate() -> Estate {
    let practice = |id: &str, email: &[&str]| Practice {
        id: id.to_owned(),
        name: format!("Practice {id}"),
        postcode: None,
        list_size: None,
        email: email.iter().map(|address| (*address).to_owned()).collect(),
        source: None,
        via: Vec::new(),
        through: Vec::new(),
    };
    Estate {
        icb: Icb { code: "QKS".to_owned(), name: "NHS Kent".to_owned(), timezone: jiff::tz::TimeZone::UTC },
        components: Vec::new(),
        networks: Vec::new(),
        services: Vec::new(),
        probes: Vec::new(),
        practices: vec![
            practice("A", &["a@a.example"]),
            practice("B", &["b@b.example"]),
            practice("C", &["c@c.example"]),
            practice("D", &[]),
            practice("E", &["Shared@e.example"]),
            practice("F", &["shared@e.example", "f@f.example"]),
        ],
        hub_via: Vec::new(),
    }
}

/// A desk without sockets: it remembers who was told what.
#[derive(Debug)]
struct Story {
    estate: Estate,
    staff: Vec<String>,
    practices: PracticeNotices,
    maintenance: Vec<MaintenanceWindow>,
    mail: bool,
    escalation: Vec<EscalationStep>,
    routing: Routing,
    ledger: Ledger,
    paper: paper::Paper,
}

impl Story {
    fn new() -> Self {
        Self {
            estate: estate(),
            staff: vec!["desk@icb.example".to_owned()],
            practices: PracticeNotices::Auto,
            maintenance: Vec::new(),
            mail: true,
            escalation: Vec::new(),
            routing: Routing::default(),
            ledger: Ledger::default(),
            paper: paper::Paper::default(),
        }
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            estate: &self.estate,
            staff: &self.staff,
            practices: self.practices,
            maintenance: &self.maintenance,
            mail: self.mail,
            update_every: Some(HOURLY),
            escalation: &self.escalation,
            routing: &self.routing,
        }
    }

    /// Time goes on; what was promised by then is planned: recipients and when.
    fn remind(&mut self, minutes: i64) -> Vec<(String, i64)> {
        let reminded = self.reminds(At::from_millis(minutes * MINUTE));
        let notices = reminded.into_iter().flat_map(|paced| paced.notices);
        notices.map(|notice| (notice.recipient, notice.due.as_millis() / MINUTE)).collect()
    }

    /// What managers are told, as `kind recipient`.
    fn managers(&mut self, event: &Event) -> Vec<String> {
        said(&self.tell(event), false)
    }

    fn staff(&mut self, event: &Event) -> Vec<String> {
        said(&self.tell(event), true)
    }
}

fn said(plan: &Plan, staff: bool) -> Vec<String> {
    plan.notices
        .iter()
        .filter(|notice| (notice.audience == Audience::Staff) == staff)
        .map(|notice| format!("{} {}", notice.kind.as_str(), notice.recipient))
        .collect()
}

fn window(from: i64, to: i64, what: &[&str]) -> MaintenanceWindow {
    MaintenanceWindow {
        from: At::from_millis(from * MINUTE),
        to: At::from_millis(to * MINUTE),
        what: what.iter().map(|id| (*id).to_owned()).collect(),
        reason: "new firewall".to_owned(),
    }
}

#[test]
fn a_manager_hears_once_that_it_is_down_and_once_that_it_is_back() {
    let mut story = Story::new();
    assert_eq!(story.managers(&event("1", 0, &["A", "B"])), ["opening a@a.example", "opening b@b.example"]);
    assert_eq!(story.managers(&changed("1", 5, &["A", "B", "C"])), ["opening c@c.example"]);
    assert_eq!(story.managers(&changed("1", 9, &["B", "C"])), ["back a@a.example"]);
    // Under flapping, nothing more.
    assert_eq!(story.managers(&changed("1", 12, &["A", "B", "C"])), [""; 0]);
    assert_eq!(
        story.managers(&resolved("1", 20, Reason::Recovered)),
        ["back b@b.example", "back c@c.example"]
    );
}

#[test]
fn the_end_is_threaded_to_the_beginning() {
    let mut story = Story::new();
    let opening = story.tell(&event("1", 0, &["A"])).notices.remove(0);
    let back = story.tell(&resolved("1", 20, Reason::Recovered)).notices.remove(0);
    assert_eq!(opening.thread, None);
    assert_eq!(back.thread, Some(opening.id));
}

#[test]
fn practices_that_share_an_address_share_the_message() {
    let mut story = Story::new();
    let plan = story.tell(&event("1", 0, &["E", "F"]));
    assert_eq!(said(&plan, false), ["opening f@f.example", "opening Shared@e.example"]);
    assert_eq!(plan.notices[1].audience, Audience::Practices(vec!["E".to_owned(), "F".to_owned()]));
    assert_eq!(story.managers(&changed("1", 1, &["F"])), [""; 0], "one of the two is still affected");
    assert_eq!(
        story.managers(&changed("1", 2, &["A"])),
        ["back f@f.example", "back Shared@e.example", "opening a@a.example"]
    );
}

#[test]
fn when_linewatch_itself_is_cut_off_no_practice_is_told() {
    let mut story = Story::new();
    let mut blind = event("1", 0, &["A", "B"]);
    blind.cause = vec![Cause { kind: Cause::MONITOR.to_owned(), id: "hub".to_owned() }];
    let plan = story.tell(&blind);
    assert_eq!(said(&plan, false), [""; 0]);
    assert_eq!(said(&plan, true), ["opening desk@icb.example"]);
}

#[test]
fn a_withdrawn_incident_is_corrected_to_those_who_were_told() {
    let mut story = Story::new();
    story.tell(&event("1", 0, &["A", "B"]));
    story.tell(&changed("1", 5, &["B"]));
    assert_eq!(story.managers(&resolved("1", 9, Reason::Withdrawn)), ["correction b@b.example"]);
}

#[test]
fn after_a_merger_the_surviving_incident_says_the_end_once() {
    let mut story = Story::new();
    story.tell(&event("1", 0, &["A"]));
    story.tell(&event("2", 1, &["B"]));
    // The survivor grows first, and B's opening waits a moment …
    let grown = story.tell(&changed("1", 2, &["A", "B"]));
    assert_eq!(said(&grown, false), ["opening b@b.example"]);
    // … so that the merger can call it back.
    let merged = Event { into: Some("1".to_owned()), ..resolved("2", 2, Reason::Merged) };
    let plan = story.tell(&merged);
    assert_eq!(said(&plan, false), ["inherited b@b.example"]);
    assert_eq!(plan.withdrawn.len(), 1);
    assert_eq!(plan.withdrawn[0].0, grown.notices[0]);
    assert_eq!(said(&plan, true), ["update desk@icb.example"]);
    assert_eq!(
        story.managers(&resolved("1", 9, Reason::Recovered)),
        ["back a@a.example", "back b@b.example"]
    );
}

#[test]
fn staff_hear_of_changes_every_ten_minutes_and_of_a_new_cause_at_once() {
    let mut story = Story::new();
    assert_eq!(story.staff(&event("1", 0, &["A"])), ["opening desk@icb.example"]);
    let first = story.tell(&changed("1", 1, &["A", "B"]));
    assert_eq!(first.notices.last().map(|notice| notice.due), Some(At::from_millis(10 * MINUTE)));
    let second = story.tell(&changed("1", 2, &["A"]));
    let replaced: Vec<&str> = second.withdrawn.iter().map(|(notice, _)| notice.id.as_str()).collect();
    assert!(replaced.contains(&first.notices.last().expect("an update").id.as_str()));
    assert_eq!(second.notices.last().map(|notice| notice.due), Some(At::from_millis(10 * MINUTE)));
    let mut carrier = changed("1", 3, &["A"]);
    carrier.cause[0].id = "bt".to_owned();
    let third = story.tell(&carrier);
    assert_eq!(third.notices.last().map(|notice| notice.due), Some(carrier.at));
    let end = story.tell(&resolved("1", 4, Reason::Recovered));
    assert_eq!(said(&end, true), ["back desk@icb.example"]);
}

#[test]
fn held_openings_leave_after_approval_and_later_ones_at_once() {
    let mut story = Story { practices: PracticeNotices::AfterApproval, ..Story::new() };
    let plan = story.tell(&event("1", 0, &["A"]));
    assert_eq!(plan.notices[0].state, NoticeState::Held);
    assert_eq!(said(&plan, true), ["opening desk@icb.example"], "staff hear at once");
    assert!(story.ledger.awaits_approval("1"));
    let at = At::from_millis(MINUTE);
    let released = story.approve("1", at).expect("it is open");
    assert_eq!(released, Released { notices: vec![plan.notices[0].id.clone()], already: false });
    let later = story.tell(&changed("1", 5, &["A", "B"]));
    assert_eq!(later.notices[0].state, NoticeState::Queued);
    assert!(story.approve("1", at).expect("it is open").already);
    assert_eq!(story.approve("7", at), None);
}

#[test]
fn an_incident_that_ends_before_it_was_approved_is_never_mentioned() {
    let mut story = Story { practices: PracticeNotices::AfterApproval, ..Story::new() };
    let opening = story.tell(&event("1", 0, &["A"])).notices.remove(0);
    let plan = story.tell(&resolved("1", 9, Reason::Recovered));
    assert_eq!(said(&plan, false), [""; 0]);
    assert_eq!(plan.withdrawn[0].0, opening);
}

#[test]
fn planned_work_holds_openings_back_until_it_ends() {
    let mut story =
        Story { maintenance: vec![window(-10, 30, &["fw"]), window(30, 60, &[])], ..Story::new() };
    let plan = story.tell(&event("1", 0, &["A"]));
    assert!(plan.notices.iter().all(|notice| notice.due == At::from_millis(60 * MINUTE)), "{plan:?}");
    // It ends in time: nobody hears a word.
    let plan = story.tell(&resolved("1", 59, Reason::Recovered));
    assert_eq!(plan.notices, []);
    assert_eq!(plan.withdrawn.len(), 2);
}

#[test]
fn planned_work_at_one_practice_keeps_only_that_practice_quiet() {
    let mut story = Story { maintenance: vec![window(0, 30, &["A"])], ..Story::new() };
    let plan = story.tell(&event("1", 0, &["A", "B"]));
    let dues: Vec<i64> = plan.notices.iter().map(|notice| notice.due.as_millis() / MINUTE).collect();
    assert_eq!(said(&plan, false), ["opening a@a.example", "opening b@b.example"]);
    assert_eq!(dues, [30, 0, 0]);
}

#[test]
fn planned_work_never_suppresses_an_end() {
    let mut story = Story { maintenance: vec![window(5, 60, &[])], ..Story::new() };
    story.tell(&event("1", 0, &["A"]));
    assert_eq!(story.managers(&resolved("1", 9, Reason::Recovered)), ["back a@a.example"]);
}

#[test]
fn without_a_mail_server_notices_are_recorded_as_withheld_and_told_when_there_is_one() {
    let mut story = Story { mail: false, ..Story::new() };
    let plan = story.tell(&event("1", 0, &["A"]));
    assert_eq!(plan.notices[0].state, NoticeState::Withheld { why: NO_MAIL.to_owned() });
    assert_eq!(story.managers(&changed("1", 1, &["A"])), [""; 0]);
    story.mail = true;
    assert_eq!(story.managers(&changed("1", 2, &["A"])), ["opening a@a.example"]);
}

#[test]
fn whose_opening_was_refused_hears_no_end_and_staff_can_see_it() {
    let mut story = Story::new();
    story.paper.refuses.insert("a@a.example".to_owned());
    assert_eq!(story.managers(&event("1", 0, &["A"])), ["opening a@a.example"]);
    assert_eq!(story.ledger.refused("1"), ["A"]);
    assert_eq!(story.managers(&resolved("1", 9, Reason::Recovered)), [""; 0]);
}

#[test]
fn the_same_event_twice_leads_to_nothing_new() {
    let mut story = Story::new();
    let opened = event("1", 0, &["A"]);
    let plan = story.tell(&opened);
    assert_eq!(story.tell(&opened), Plan::default());
    // A desk that lost its memory plans the same notices under the same ids.
    assert_eq!(Story::new().tell(&opened), plan);
}

/// Any story of two incidents over the six practices.
fn stories() -> impl Strategy<Value = Vec<Event>> {
    let step = (0..2_usize, 0..5_u8, proptest::collection::vec(0..6_usize, 0..5), 1..15_i64, 0..2_u8);
    proptest::collection::vec(step, 1..40).prop_map(|steps| {
        let names = ["A", "B", "C", "D", "E", "F"];
        let mut clock = 0;
        let mut open = [None::<usize>; 2];
        let mut number = 0;
        let mut events = Vec::new();
        for (slot, what, practices, minutes, cause) in steps {
            clock += minutes;
            let practices: Vec<&str> = practices.iter().map(|ix| names[*ix]).collect();
            let mut happens = match (open[slot], what) {
                (None, _) => {
                    number += 1;
                    open[slot] = Some(number);
                    event(&number.to_string(), clock, &practices)
                }
                (Some(id), 0) => {
                    open[slot] = None;
                    resolved(&id.to_string(), clock, Reason::Recovered)
                }
                (Some(id), 1) => {
                    open[slot] = None;
                    match open[1 - slot] {
                        Some(other) => Event {
                            into: Some(other.to_string()),
                            ..resolved(&id.to_string(), clock, Reason::Merged)
                        },
                        None => resolved(&id.to_string(), clock, Reason::Withdrawn),
                    }
                }
                (Some(id), _) => changed(&id.to_string(), clock, &practices),
            };
            happens.cause[0].id = format!("fw-{cause}");
            events.push(happens);
        }
        events
    })
}

fn rules_of_the_house() -> impl Strategy<Value = Story> {
    (any::<bool>(), 0..3_usize).prop_map(|(approval, windows)| Story {
        practices: if approval { PracticeNotices::AfterApproval } else { PracticeNotices::Auto },
        maintenance: [window(20, 60, &["A"]), window(100, 130, &[])].into_iter().take(windows).collect(),
        ..Story::new()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Never two openings for one recipient and incident; an end only to those who were told, and once.
    #[test]
    fn nobody_hears_twice_or_hears_an_end_without_a_beginning(
        mut story in rules_of_the_house(),
        events in stories(),
        approvals in proptest::collection::vec(any::<bool>(), 40),
    ) {
        // By incident and recipient: openings that stand, and ends.
        let mut told: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
        let key = |notice: &Notice| {
            let who = if notice.audience == Audience::Staff { "staff" } else { "manager" };
            (notice.incident.clone(), format!("{who} {}", notice.recipient.to_lowercase()))
        };
        for (event, approve) in events.iter().zip(approvals) {
            let plan = story.tell(event);
            for (notice, _) in &plan.withdrawn {
                prop_assert!(notice.state == NoticeState::Held || notice.due > event.at, "it may have left");
                if notice.kind == NoticeKind::Opening {
                    told.entry(key(notice)).or_default().0 -= 1;
                }
            }
            for notice in &plan.notices {
                let (openings, ends) = told.entry(key(notice)).or_default();
                match notice.kind {
                    NoticeKind::Opening => *openings += 1,
                    // They heard of it under another incident, perhaps after both letters about this one.
                    NoticeKind::Inherited => *openings = *ends + 1,
                    NoticeKind::Back | NoticeKind::Correction => {
                        *ends += 1;
                        prop_assert_eq!(*openings, *ends, "an end without a beginning: {:?}", notice);
                    }
                    NoticeKind::Update | NoticeKind::Escalation => {
                        prop_assert_eq!(&notice.audience, &Audience::Staff);
                    }
                    NoticeKind::Digest => prop_assert!(false, "nothing was to be held back"),
                }
                prop_assert!(*openings <= *ends + 1, "{:?} hears too much", key(notice));
                prop_assert!(notice.due >= event.at);
            }
            if approve {
                story.approve(&event.incident, event.at);
            }
        }
    }
}

#[test]
fn thousands_of_practices_are_told_and_told_again() {
    let mut story = Story::new();
    let ids: Vec<String> = (0..6200).map(|n| format!("P{n}")).collect();
    story.estate.practices = ids
        .iter()
        .map(|id| Practice {
            id: id.clone(),
            email: vec![format!("m@{id}.example")],
            ..estate().practices[0].clone()
        })
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(story.tell(&event("1", 0, &ids)).notices.len(), 6201);
    assert_eq!(story.tell(&changed("1", 1, &ids[1..])).notices.len(), 2);
    assert_eq!(story.tell(&resolved("1", 2, Reason::Recovered)).notices.len(), 6200);
}
