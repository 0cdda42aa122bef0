//! What the people of each scenario get to read: how many letters, to whom, and in which words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::civil::time;
use linewatch::calendar::Hours;
use linewatch::config::{NoticeSettings, PracticeNotices};
use linewatch::incident::Event;
use linewatch::limits::{NOTICE_LASTS, NOTICES_PER_HOUR};
use linewatch::notify::cast::Cast;
use linewatch::notify::policy::Rules;
use linewatch::notify::policy::routing::{Routing, Terms};
use linewatch::notify::rehearsal::{Rehearsal, Written, gathered};
use linewatch::notify::{Audience, Notice, NoticeKind};
use linewatch::world::scenario::Scenario;

use self::grade::{GRADE_MAX, grade};
use super::world;

#[path = "../../src/notify/words/tests/grade.rs"]
mod grade;

/// Checks the letters that these events lead to, and shows them.
pub fn check(scenario: &Scenario, events: &[Event]) {
    managers_and_staff(scenario, events);
    let cast = Cast::of(world(scenario).estate(), events);
    others(scenario, events, &cast);
    digests(scenario, events, cast);
}

fn rehearsed(scenario: &Scenario, events: &[Event], rules: Rules<'_>) -> Vec<Written> {
    let mut rehearsal = Rehearsal::new(rules, &[]);
    for event in events {
        rehearsal.tell(event);
    }
    rehearsal.until(scenario.span().1);
    rehearsal.written().to_vec()
}

fn is_plain(name: &str, text: &str) {
    let grade = grade(text);
    assert!(grade <= GRADE_MAX, "{name}: {grade:.1} years of school to read\n{text}");
}

fn managers_and_staff(scenario: &Scenario, events: &[Event]) {
    let world = world(scenario);
    let staff = ["service.desk@icb.example".to_owned()];
    let routing = Routing::default().capped(NOTICES_PER_HOUR as usize);
    let rules = Rules {
        estate: world.estate(),
        staff: &staff,
        practices: PracticeNotices::Auto,
        maintenance: &[],
        mail: true,
        update_every: NoticeSettings::default().update_every,
        escalation: &[],
        routing: &routing,
    };
    let written = rehearsed(scenario, events, rules);
    let name = &scenario.name;
    let managers = |written: &&Written| written.notice.audience != Audience::Staff;
    let by_incident = by_recipient(&written, managers);
    two_letters(name, &by_incident, NoticeKind::Opening);
    if name == "staffs-n3" {
        assert!(
            !by_incident.values().any(|letters| has_update(letters)),
            "{name}: what comes and goes isn't written about again"
        );
    }
    if is_quiet(name) {
        assert!(by_incident.is_empty(), "{name}: no practice is to be told anything: {by_incident:?}");
    }
    for letter in written.iter().filter(managers) {
        is_plain(name, &letter.letter.text);
    }
    let mut shown = String::new();
    for mailing in gathered(&written) {
        let notice = &mailing.first.notice;
        let to = if notice.audience == Audience::Staff { "staff" } else { "managers" };
        let heading = format!("--- {} {:?} to {} {to}", notice.due, notice.kind, mailing.recipients);
        show(&mut shown, &heading, mailing.first);
    }
    snapshot(&format!("letters-{name}"), &shown);
}

/// One letter that it began and one that it is over to each, however often it comes and goes; between them only what has changed. Who is
/// hit again, for two hours on end, is told once more.
fn two_letters(name: &str, by_incident: &BTreeMap<(&str, &str), Vec<&Notice>>, first: NoticeKind) {
    for (who, letters) in by_incident {
        let kinds: Vec<NoticeKind> = letters.iter().map(|letter| letter.kind).collect();
        assert_eq!(kinds.first(), Some(&first), "{name}: {who:?} was told of an end alone");
        let mut ended: Option<&Notice> = None;
        let mut has_begun = false;
        for letter in letters.iter().filter(|letter| letter.kind != NoticeKind::Update) {
            let begins = letter.kind == first;
            assert_eq!(begins, !has_begun, "{name}: {who:?} got {kinds:?}");
            let lasts = ended.is_none_or(|ended| ended.event_at + NOTICE_LASTS <= letter.due);
            assert!(!begins || lasts, "{name}: {who:?} is told again of what comes and goes: {kinds:?}");
            (ended, has_begun) = (if begins { None } else { Some(*letter) }, begins);
        }
        if name == "staffs-n3" {
            let count = kinds.iter().filter(|kind| **kind != NoticeKind::Update).count();
            assert!(count <= 2, "{name}: {who:?} got {kinds:?} of what comes and goes");
        }
    }
}

/// No practice is to hear of these.
fn is_quiet(name: &str) -> bool {
    matches!(name, "own-goal" | "quiet-year")
}

/// What each recipient got of each incident, in order.
fn by_recipient<'w>(
    written: &'w [Written],
    wanted: impl Fn(&&'w Written) -> bool,
) -> BTreeMap<(&'w str, &'w str), Vec<&'w Notice>> {
    let mut letters: BTreeMap<(&str, &str), Vec<&Notice>> = BTreeMap::new();
    for letter in written.iter().filter(wanted) {
        let notice = &letter.notice;
        letters.entry((&notice.incident, &notice.recipient)).or_default().push(notice);
    }
    letters
}

fn has_update(letters: &[&Notice]) -> bool {
    letters.iter().any(|letter| letter.kind == NoticeKind::Update)
}

fn show(shown: &mut String, heading: &str, letter: &Written) {
    let (subject, text) = (&letter.letter.subject, &letter.letter.text);
    let _infallible = write!(shown, "{heading}\nSubject: {subject}\n\n{text}\n");
}

fn snapshot(name: &str, shown: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, shown);
    });
}

/// What primary care networks, those who look after what failed, and those who are told because nobody acknowledges get: all of it
/// counted, and the first letter of each kind.
fn others(scenario: &Scenario, events: &[Event], cast: &Cast) {
    let name = &scenario.name;
    let written = rehearsed(scenario, events, cast.rules());
    let pcn = |written: &&Written| matches!(written.notice.audience, Audience::Pcn { .. });
    let owner = |written: &&Written| matches!(written.notice.audience, Audience::Owner { .. });
    // Those of the steps hear how it goes on as staff do.
    let steps: BTreeSet<&String> = cast.escalation.iter().flat_map(|step| &step.to).collect();
    let escalated = |written: &&Written| steps.contains(&written.notice.recipient);

    let of_networks = by_recipient(&written, pcn);
    if is_quiet(name) {
        assert!(of_networks.is_empty(), "{name}: no network is to be told anything: {of_networks:?}");
    }
    let of_circles = by_recipient(&written, |written| pcn(written) || owner(written));
    two_letters(name, &of_circles, NoticeKind::Opening);
    two_letters(name, &by_recipient(&written, escalated), NoticeKind::Escalation);
    if name == "staffs-n3" {
        assert!(
            !of_circles.values().any(|letters| has_update(letters)),
            "{name}: what comes and goes isn't written about again"
        );
    }
    for letter in written.iter().filter(pcn) {
        is_plain(name, &letter.letter.text);
    }
    for letter in written.iter().filter(|letter| letter.notice.kind == NoticeKind::Escalation) {
        // What follows is evidence.
        is_plain(name, letter.letter.text.split("\nVERDICT\n").next().unwrap_or_default());
    }

    let mut groups: BTreeMap<(u8, &str, NoticeKind), Vec<&Written>> = BTreeMap::new();
    for letter in written.iter().filter(|letter| pcn(letter) || owner(letter) || escalated(letter)) {
        let (rank, who) = match letter.notice.audience {
            Audience::Pcn { .. } => (0, "a primary care network"),
            Audience::Owner { .. } => (1, "who looks after it"),
            _ => (2, "who is told when nobody acknowledges"),
        };
        groups.entry((rank, who, letter.notice.kind)).or_default().push(letter);
    }
    let mut shown = String::new();
    for ((_, who, kind), letters) in &groups {
        let recipients: BTreeSet<&String> = letters.iter().map(|letter| &letter.notice.recipient).collect();
        let incidents: BTreeSet<&String> = letters.iter().map(|letter| &letter.notice.incident).collect();
        let _infallible = writeln!(
            shown,
            "{kind:?} to {who}: {} to {} recipients, about {} incidents",
            letters.len(),
            recipients.len(),
            incidents.len()
        );
    }
    for ((_, who, kind), letters) in &groups {
        let heading = format!("\n--- {} {kind:?} to {who}", letters[0].notice.due);
        show(&mut shown, &heading, letters[0]);
    }
    snapshot(&format!("letters-to-others-{name}"), &shown);
}

/// Where nobody is written to outside an hour a day, what happened comes in digests, as plain as letters.
fn digests(scenario: &Scenario, events: &[Event], mut cast: Cast) {
    let hours =
        Hours { from: time(12, 0, 0, 0), until: time(13, 0, 0, 0), on_holidays: true, ..Hours::core() };
    let terms = Terms { hours: Some(hours), quiet_unless: None, ..Terms::default() };
    let managers = cast.estate.practices.iter().flat_map(|practice| &practice.email);
    let everybody: BTreeSet<&String> = managers.chain(&cast.staff).collect();
    let network = "first.pcn@practices.example".to_owned();
    let routing = everybody
        .into_iter()
        .chain([&network])
        .fold(cast.routing.clone(), |routing, address| routing.with(address, terms.clone()));
    cast.routing = routing;
    for letter in rehearsed(scenario, events, cast.rules()) {
        if letter.notice.kind == NoticeKind::Digest {
            is_plain(&scenario.name, &letter.letter.text);
        }
    }
}
