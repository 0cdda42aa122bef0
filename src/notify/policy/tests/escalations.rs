//! Who is told when nobody acknowledges, and who isn't.

use super::*;
use crate::notify::acknowledgement::AckWay;
use crate::notify::rehearsal::Rehearsal;

const DESK: &str = "desk@icb.example";
const BOSS: &str = "boss@icb.example";
const CHIEF: &str = "chief@icb.example";

fn step(minutes: u64, to: &[&str]) -> EscalationStep {
    EscalationStep {
        after: Duration::from_mins(minutes),
        to: to.iter().map(|address| (*address).to_owned()).collect(),
        roles: Vec::new(),
    }
}

/// After a quarter of an hour the boss, after half an hour the boss again and the chief.
fn story() -> Story {
    Story { escalation: vec![step(15, &[BOSS]), step(30, &["Boss@ICB.example", CHIEF])], ..Story::new() }
}

fn by(incident: &str, minutes: i64, who: &str) -> Acknowledgement {
    Acknowledgement {
        incident: incident.to_owned(),
        at: At::from_millis(minutes * MINUTE),
        person: format!("as {who}"),
        by: who.to_owned(),
        way: AckWay::Command,
        audience: Audience::Staff,
        note: None,
    }
}

/// Letters to whom, of which incident: those of one reminder. Managers' promises are another story.
fn escalated(story: &mut Story, minutes: i64) -> Vec<Notice> {
    let reminded = story.reminds(At::from_millis(minutes * MINUTE));
    let notices = reminded.into_iter().flat_map(|paced| paced.notices);
    notices.filter(|notice| notice.kind == NoticeKind::Escalation).collect()
}

fn to(notices: &[Notice]) -> Vec<&str> {
    notices.iter().map(|notice| notice.recipient.as_str()).collect()
}

fn restart(story: &mut Story, minutes: i64) {
    story.restart(At::from_millis(minutes * MINUTE));
}

#[test]
fn each_step_tells_its_people_once() {
    let mut story = story();
    story.tell(&event("1", 0, &["A"]));
    assert_eq!(story.ledger.next_reminder(&story.rules()), Some(At::from_millis(15 * MINUTE)));
    assert!(escalated(&mut story, 14).is_empty());
    let first = escalated(&mut story, 15);
    assert_eq!(to(&first), [BOSS]);
    assert_eq!((first[0].thread.as_ref(), &first[0].audience), (None, &Audience::Staff));
    assert!(escalated(&mut story, 29).is_empty(), "once");
    let second = escalated(&mut story, 30);
    assert_eq!(to(&second), ["Boss@ICB.example", CHIEF]);
    assert_eq!(second[0].thread, Some(first[0].id.clone()), "in the thread that the boss has");
    assert_eq!(second[1].thread, None);
    assert!(escalated(&mut story, 1000).is_empty());
    let hands = story.ledger.hands("1", At::from_millis(1000 * MINUTE), &story.rules()).expect("open");
    let told: Vec<(&str, i64, bool)> = hands
        .told
        .iter()
        .map(|told| (told.recipient.as_str(), told.at.as_millis() / MINUTE, told.escalated))
        .collect();
    assert_eq!(told, [(DESK, 0, false), (BOSS, 15, true), (CHIEF, 30, true)]);
    assert_eq!(hands.next, None);
}

#[test]
fn while_everything_answers_again_nobody_is_called_and_whoever_is_hit_again_calls_at_once() {
    let mut story = story();
    story.tell(&event("1", 0, &["A"]));
    story.tell(&changed("1", 10, &[]));
    assert!(escalated(&mut story, 20).is_empty());
    story.tell(&changed("1", 25, &["A"]));
    assert_eq!(to(&escalated(&mut story, 25)), [BOSS]);
}

#[test]
fn once_somebody_has_it_nobody_else_is_told() {
    let mut story = story();
    story.tell(&event("1", 0, &["A"]));
    let first = escalated(&mut story, 15);
    // Between two steps. The letter to the boss may not have left.
    assert_eq!(story.ledger.take_on(&by("1", 20, "Jo")), first);
    assert!(escalated(&mut story, 30).is_empty());
    let hands = story.ledger.hands("1", At::from_millis(40 * MINUTE), &story.rules()).expect("open");
    assert_eq!((hands.next, hands.taken_on.len()), (None, 1));
    assert_eq!(story.ledger.take_on(&by("2", 20, "Jo")), [], "of an incident that isn't open");

    let mut story = self::story();
    story.tell(&event("1", 0, &["A"]));
    assert_eq!(story.ledger.take_on(&by("1", 1, "Jo")), []);
    assert!(escalated(&mut story, 30).is_empty());
}

#[test]
fn whoever_was_escalated_to_hears_of_what_follows_and_of_the_end() {
    let mut story = story();
    story.tell(&event("1", 0, &["A"]));
    let letters = escalated(&mut story, 15);
    let thread = Some(letters[0].id.clone());
    let update = story.tell(&changed("1", 20, &["A", "B"]));
    let of_boss = |plan: &Plan| -> Vec<Notice> {
        plan.notices.iter().filter(|notice| notice.recipient == BOSS).cloned().collect()
    };
    let [update] = &of_boss(&update)[..] else { panic!("one update") };
    assert_eq!((update.kind, &update.thread), (NoticeKind::Update, &thread));
    story.ledger.take_on(&by("1", 21, "Jo"));
    let end = story.tell(&resolved("1", 40, Reason::Recovered));
    let [end] = &of_boss(&end)[..] else { panic!("one end") };
    assert_eq!((end.kind, &end.thread), (NoticeKind::Back, &thread));
    assert_ne!(end.id, letters[0].id, "an id of its own");
}

#[test]
fn a_letter_that_was_called_back_was_never_there() {
    let mut story = story();
    story.tell(&event("1", 0, &["A"]));
    let letters = escalated(&mut story, 15);
    for letter in story.ledger.take_on(&by("1", 15, "Jo")) {
        story.ledger.recalled(&letter);
    }
    let end = story.tell(&resolved("1", 40, Reason::Recovered));
    assert_eq!(said(&end, true), [format!("back {DESK}")], "no end without a beginning: {letters:?}");
}

#[test]
fn of_several_letters_those_that_have_not_left_are_called_back() {
    let mut story = story();
    story.tell(&event("1", 0, &["A"]));
    let sent = escalated(&mut story, 15);
    let late = escalated(&mut story, 30);
    let all = story.ledger.take_on(&by("1", 31, "Jo"));
    assert_eq!(all.iter().filter(|letter| letter.recipient.eq_ignore_ascii_case(BOSS)).count(), 2);
    for letter in &late {
        assert!(all.iter().any(|called| called.id == letter.id));
        story.ledger.recalled(letter);
    }
    let end = story.tell(&resolved("1", 40, Reason::Recovered));
    assert_eq!(said(&end, true), [format!("back {BOSS}"), format!("back {DESK}")], "the chief heard nothing");
    assert_eq!(
        end.notices.iter().find(|n| n.recipient == BOSS).expect("one").thread,
        Some(sent[0].id.clone())
    );
}

#[test]
fn what_is_over_first_is_escalated_to_nobody() {
    let mut story = story();
    story.tell(&event("1", 0, &["A"]));
    story.tell(&resolved("1", 14, Reason::Recovered));
    assert!(escalated(&mut story, 15).is_empty());
    assert_eq!(story.ledger.next_reminder(&story.rules()), None);
    // It begins anew under the same number: the clock begins anew as well, and nobody has that one in hand.
    story.tell(&event("1", 60, &["A"]));
    assert!(escalated(&mut story, 74).is_empty());
    assert_eq!(to(&escalated(&mut story, 75)), [BOSS]);
}

#[test]
fn nobody_is_escalated_to_before_staff_know() {
    let mut story = Story { maintenance: vec![window(0, 60, &[])], ..story() };
    story.tell(&event("1", 0, &["A"]));
    assert!(escalated(&mut story, 59).is_empty(), "planned work keeps the desk's letter until 60");
    assert_eq!(story.ledger.next_reminder(&story.rules()), Some(At::from_millis(75 * MINUTE)));
    assert_eq!(to(&escalated(&mut story, 75)), [BOSS]);

    let mut story = Story { staff: Vec::new(), ..self::story() };
    story.tell(&event("1", 0, &["A"]));
    assert!(escalated(&mut story, 100).is_empty(), "nobody was asked to acknowledge anything");
}

#[test]
fn planned_work_that_began_meanwhile_holds_it_back() {
    let mut story = Story { maintenance: vec![window(10, 45, &["fw"])], ..story() };
    story.tell(&event("1", 0, &["A"]));
    assert!(escalated(&mut story, 44).is_empty());
    assert_eq!(story.ledger.next_reminder(&story.rules()), Some(At::from_millis(45 * MINUTE)));
    // Two steps have passed: one letter to each.
    assert_eq!(to(&escalated(&mut story, 45)), [BOSS, CHIEF]);
    assert!(escalated(&mut story, 46).is_empty());
}

#[test]
fn a_restart_forgets_nobody_and_tells_nobody_twice() {
    let mut story = story();
    story.tell(&event("1", 0, &["A"]));
    let first = escalated(&mut story, 15);
    restart(&mut story, 16);
    assert!(escalated(&mut story, 29).is_empty());
    let second = escalated(&mut story, 30);
    assert_eq!(to(&second), ["Boss@ICB.example", CHIEF]);
    assert_eq!(second[0].thread, Some(first[0].id.clone()));
    restart(&mut story, 31);
    assert!(escalated(&mut story, 1000).is_empty());
    let end = story.tell(&resolved("1", 1001, Reason::Recovered));
    assert_eq!(said(&end, true).len(), 3, "the desk, the boss and the chief: {end:?}");

    let mut story = self::story();
    story.tell(&event("1", 0, &["A"]));
    story.ledger.take_on(&by("1", 5, "Jo"));
    restart(&mut story, 6);
    assert!(escalated(&mut story, 100).is_empty(), "Jo still has it");

    // Nobody was there to write for an hour, and it may be over.
    let mut story = self::story();
    story.tell(&event("1", 0, &["A"]));
    restart(&mut story, 1);
    story.ledger.rest_until(At::from_millis(62 * MINUTE));
    assert!(escalated(&mut story, 61).is_empty());
    assert_eq!(story.ledger.next_reminder(&story.rules()), Some(At::from_millis(62 * MINUTE)));
    assert_eq!(to(&escalated(&mut story, 62)), [BOSS, CHIEF], "one letter each for two steps");
}

fn merged(incident: &str, minutes: i64, into: &str) -> Event {
    Event { into: Some(into.to_owned()), ..resolved(incident, minutes, Reason::Merged) }
}

#[test]
fn whoever_has_one_incident_has_the_one_that_it_goes_on_as() {
    let mut story = story();
    story.tell(&event("1", 0, &["A"]));
    story.tell(&event("2", 5, &["B"]));
    story.ledger.take_on(&by("2", 6, "Jo"));
    story.tell(&merged("2", 10, "1"));
    assert!(escalated(&mut story, 100).is_empty());
    let hands = story.ledger.hands("1", At::from_millis(100 * MINUTE), &story.rules()).expect("open");
    assert_eq!(hands.taken_on[0].by, "Jo");
}

#[test]
fn whoever_was_escalated_to_follows_a_merger_and_isnt_told_the_same_again() {
    for restarts in [false, true] {
        let mut story = Story { escalation: vec![step(15, &[BOSS]), step(60, &[BOSS])], ..Story::new() };
        story.tell(&event("1", 0, &["A"]));
        story.tell(&event("2", 1, &["B"]));
        // Somebody has the first; the second is escalated.
        story.ledger.take_on(&by("1", 2, "Jo"));
        let letter = escalated(&mut story, 16).remove(0);
        assert_eq!(letter.incident, "2");
        // One that nobody has swallows it.
        story.tell(&event("0", 17, &["C"]));
        let plan = story.tell(&merged("2", 20, "0"));
        let to_boss: Vec<&Notice> = plan.notices.iter().filter(|notice| notice.recipient == BOSS).collect();
        let kinds: Vec<NoticeKind> = to_boss.iter().map(|notice| notice.kind).collect();
        assert_eq!(
            kinds,
            [NoticeKind::Inherited, NoticeKind::Update],
            "one that says it, and one that is never sent"
        );
        assert_ne!(to_boss[0].id, to_boss[1].id);
        if restarts {
            restart(&mut story, 21);
        }
        // Its own clock goes on from 17: a step that comes after the merger is news.
        assert!(escalated(&mut story, 31).is_empty());
        assert_eq!(to(&escalated(&mut story, 32)), [BOSS]);
        let update = story.tell(&changed("0", 40, &["C", "D"]));
        let update = update.notices.iter().find(|notice| notice.recipient == BOSS).expect("an update");
        assert_eq!(update.thread, Some(letter.id.clone()), "in the thread that they know");
        let end = story.tell(&resolved("0", 50, Reason::Recovered));
        assert_eq!(end.notices.iter().filter(|notice| notice.recipient == BOSS).count(), 1);
    }
}

#[test]
fn an_escalation_that_was_kept_and_replaced_is_remembered_and_can_be_called_back() {
    use crate::notify::policy::routing::Terms;
    use crate::notify::policy::severity::Severity;
    let minor = Terms { min_severity: Severity::Critical, ..Terms::default() };
    for restarts in [false, true] {
        let mut story = Story { routing: Routing::default().with(BOSS, minor.clone()), ..self::story() };
        story.tell(&event("1", 0, &["A"]));
        assert_eq!(to(&escalated(&mut story, 15)), [BOSS], "it is kept: what fails is minor");
        let plan = story.tell(&changed("1", 20, &["A", "B"]));
        let kept: Vec<&Notice> = plan.notices.iter().filter(|notice| notice.recipient == BOSS).collect();
        let [kept] = kept[..] else { panic!("one that takes its place: {plan:?}") };
        assert_eq!(kept.kind, NoticeKind::Escalation, "whoever gets it must know why");
        if restarts {
            restart(&mut story, 21);
        }
        assert!(escalated(&mut story, 29).is_empty(), "the first step is done");
        let letters = story.ledger.take_on(&by("1", 29, "Jo"));
        let kept: Vec<&Notice> = letters.iter().filter(|letter| story.ledger.keeps(letter)).collect();
        assert_eq!(to(&kept.into_iter().cloned().collect::<Vec<_>>()), [BOSS]);
    }
}

#[test]
fn a_preview_shows_them_with_links_that_open_nothing() {
    let story = story();
    let mut rehearsal = Rehearsal::new(story.rules(), &[]).with_link(Some("https://linewatch.example/"));
    rehearsal.tell(&event("1", 0, &["A"]));
    rehearsal.until(At::from_millis(45 * MINUTE));
    rehearsal.tell(&resolved("1", 50, Reason::Recovered));
    rehearsal.until(At::from_millis(60 * MINUTE));
    let written = rehearsal.written();
    let of = |kind: NoticeKind| -> Vec<(&str, i64)> {
        let of_kind = written.iter().map(|written| &written.notice).filter(|notice| notice.kind == kind);
        of_kind.map(|notice| (notice.recipient.as_str(), notice.due.as_millis() / MINUTE)).collect()
    };
    assert_eq!(of(NoticeKind::Escalation), [(BOSS, 15), ("Boss@ICB.example", 30), (CHIEF, 30)]);
    assert_eq!(of(NoticeKind::Back), [("a@a.example", 50), (BOSS, 50), (CHIEF, 50), (DESK, 50)]);
    for written in written {
        let has_link = written.letter.text.contains("https://linewatch.example/ack/1/");
        assert_eq!(has_link, written.notice.kind != NoticeKind::Back, "{}", written.letter.text);
    }
    let last = written
        .iter()
        .rfind(|written| written.notice.recipient == CHIEF && written.notice.due.as_millis() == 30 * MINUTE);
    let text = &last.expect("the chief's letter").letter.text;
    assert!(
        text.contains("- desk@icb.example, at 00:00\n- boss@icb.example, at 00:15, because nobody"),
        "{text}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever happens, whoever restarts, and whoever says that they have it when: as many letters as there are steps at most, none while
    /// somebody has it, and the end to everybody who was told.
    #[test]
    fn nobody_is_escalated_to_twice_for_one_step_or_in_vain(
        events in stories(),
        acknowledged in proptest::collection::vec((0..40_usize, 0..3_u8), 0..6),
        restarts in proptest::collection::vec(0..40_usize, 0..4),
    ) {
        let mut story = story();
        let mut sent: Vec<Notice> = Vec::new();
        // By incident and key: letters since it opened.
        let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            let minutes = event.at.as_millis() / MINUTE;
            for notice in escalated(&mut story, minutes) {
                let hands = story.ledger.hands(&notice.incident, notice.due, &story.rules()).expect("open");
                prop_assert!(hands.taken_on.is_empty(), "somebody has it: {notice:?}");
                let letters = told.entry((notice.incident.clone(), key(&notice.recipient))).or_default();
                *letters += 1;
                prop_assert!(*letters <= if key(&notice.recipient) == BOSS { 2 } else { 1 }, "{notice:?}");
                sent.push(notice);
            }
            let plan = story.tell(event);
            for (withdrawn, _) in &plan.withdrawn {
                prop_assert!(withdrawn.kind != NoticeKind::Escalation, "it was due when it was planned");
            }
            if event.event == EventKind::Resolved {
                let ended: Vec<String> =
                    plan.notices.iter().filter(|n| n.incident == event.incident).map(|n| key(&n.recipient)).collect();
                told.retain(|(incident, who), _| {
                    let is_over = *incident == event.incident;
                    assert!(!is_over || ended.contains(who), "{who} wasn't told of the end of {incident}");
                    !is_over
                });
            }
            for inherited in plan.notices.iter().filter(|n| n.kind == NoticeKind::Inherited && n.audience == Audience::Staff) {
                told.entry((inherited.incident.clone(), key(&inherited.recipient))).or_default();
            }
            sent.extend(plan.notices);
            let mut ids: Vec<&str> = sent.iter().map(|notice| notice.id.as_str()).collect();
            ids.sort_unstable();
            let all = ids.len();
            ids.dedup();
            prop_assert_eq!(ids.len(), all, "two notices with one id");
            for (_, who) in acknowledged.iter().filter(|(when, _)| *when == place) {
                story.ledger.take_on(&by(&event.incident, minutes, &who.to_string()));
            }
            if restarts.contains(&place) {
                story.restart(event.at);
            }
        }
    }
}

/// A storm is when it matters most: that staff's hour is full delays what they read, and not who else is told.
#[test]
fn when_the_hour_of_staff_is_full_others_are_told_all_the_same() {
    let minutes = |minutes: i64| At::from_millis(minutes * MINUTE);
    let mut story = Story { escalation: vec![step(15, &[BOSS])], ..Story::new() };
    story.routing = story.routing.capped(3);
    story.tell(&event("1", 0, &["A"]));
    story.tell(&resolved("1", 2, Reason::Recovered));
    story.tell(&event("2", 3, &["B"]));
    let to = |story: &Story, recipient: &str| {
        let about = |row: &&Row| row.notice.incident == "2" && row.notice.recipient == recipient;
        story.paper.rows.iter().filter(about).map(|row| row.notice.state.clone()).collect::<Vec<_>>()
    };
    assert_eq!(to(&story, DESK), [NoticeState::Kept { by: Keep::Cap }]);
    story.reminds(minutes(17));
    assert!(to(&story, BOSS).is_empty());
    story.reminds(minutes(18));
    assert_eq!(to(&story, BOSS).len(), 1);
}
