//! That a letter claims what was measured, of its own reader, at its own time.

use std::time::Duration;

use super::grade::{GRADE_MAX, grade};
use super::*;
use crate::notify::policy::Hands;

fn at(time: &str) -> At {
    time.parse().expect("a time")
}

/// A fault of one practice's own.
fn alone(signature: Signature) -> Event {
    Event {
        cause: vec![Cause { kind: Cause::PRACTICE.to_owned(), id: "G82002".to_owned() }],
        network: None,
        practices: vec!["G82002".to_owned()],
        services: ["accurx", "smartcard", "eps", "emis"].map(str::to_owned).to_vec(),
        evidence: Evidence { behind: 1, failing: 1, fine: None, elsewhere: 174, elsewhere_failing: 0 },
        signature,
        ..firewall()
    }
}

fn text(kind: NoticeKind, audience: Audience, context: &Context<'_>) -> String {
    text_due(kind, audience, context.event.at, context)
}

fn text_due(kind: NoticeKind, audience: Audience, due: At, context: &Context<'_>) -> String {
    let notice = Notice { due, ..notice(kind, audience, context.event) };
    shown(&letter(&notice, context, &Texts::shipped()).expect("templates render"))
}

#[test]
fn a_letter_two_days_in_speaks_of_the_deadlines_that_are_ahead_of_itself() {
    let deadlines = [
        deadline("2023-03-16T10:00:00Z", "Payroll A", None),
        deadline("2023-03-18T23:00:00Z", "Payroll B", None),
        deadline("2023-03-20T08:30:00Z", "Payroll C", None),
    ];
    let (estate, event) = (estate(), firewall());
    let context = Context { deadlines: &deadlines, ..context(&estate, &event) };
    let update = text_due(NoticeKind::Update, manager(), at("2023-03-18T08:12:00Z"), &context);
    let said = "DEADLINES IN THE NEXT TWO DAYS\n- Payroll B: Saturday 18 March 2023, 23:00.\n\n";
    assert!(update.contains(said), "{update}");
    assert!(!update.contains("Payroll A"), "it has passed: {update}");
    assert!(!update.contains("Payroll C"), "it is later than that: {update}");
}

#[test]
fn who_is_hit_late_reads_since_when_it_is_theirs() {
    let estate = estate();
    let later = |at: &str, event: EventKind, practices: &[&str]| Event {
        at: self::at(at),
        event,
        practices: practices.iter().map(|id| (*id).to_owned()).collect(),
        ..firewall()
    };
    let first = Event { practices: vec!["G82003".to_owned()], ..firewall() };
    let joined = later("2023-03-17T05:11:00Z", EventKind::Changed, &["G82002", "G82003"]);
    let left = later("2023-03-17T05:51:00Z", EventKind::Changed, &["G82003"]);
    let with = |kind: NoticeKind, audience: Audience, earlier: &[Event], event: &Event| {
        text(kind, audience, &Context { earlier, ..context(&estate, event) })
    };
    let opening = with(NoticeKind::Opening, manager(), std::slice::from_ref(&first), &joined);
    assert!(opening.contains("It began at about 05:11."), "{opening}");
    assert!(opening.lines().next().is_some_and(|subject| subject.contains("since 05:11")), "{opening}");
    let end = with(NoticeKind::Back, manager(), &[first.clone(), joined.clone()], &left);
    assert!(end.contains("It began at about 05:11 and was over by 05:51: 40 minutes."), "{end}");
    let pcn = Audience::Pcn { id: "east".to_owned(), practices: vec!["G82002".to_owned()] };
    let network = with(NoticeKind::Back, pcn, &[first.clone(), joined.clone()], &left);
    assert!(network.contains("It lasted 40 minutes."), "{network}");
    // The other one was hit from the beginning on.
    let cedars = || Audience::Practices(vec!["G82003".to_owned()]);
    let update = with(NoticeKind::Update, cedars(), &[first, joined], &left);
    assert!(update.contains("It began at about 08:12 on 16 March"), "{update}");
}

#[test]
fn an_agents_silence_is_told_as_silence() {
    let (estate, event) = (estate(), alone(Signature::Silent));
    let context = context(&estate, &event);
    let opening = text(NoticeKind::Opening, manager(), &context);
    let update = text(NoticeKind::Update, manager(), &context);
    let ended = over(event.clone(), Reason::Recovered);
    let before = [event.clone()];
    let end = text(NoticeKind::Back, manager(), &Context { earlier: &before, event: &ended, ..context });
    let taken_back = over(event.clone(), Reason::Withdrawn);
    let correction = Context { earlier: &before, event: &taken_back, ..context };
    let correction = text(NoticeKind::Correction, manager(), &correction);
    let pcn = || Audience::Pcn { id: "east".to_owned(), practices: vec!["G82002".to_owned()] };
    let network = text(NoticeKind::Opening, pcn(), &context);
    let staff = text(NoticeKind::Opening, Audience::Staff, &context);
    for letter in [&opening, &update, &end, &correction, &network, &staff] {
        for claim in [
            "not answer",
            "NOT ANSWER",
            "down at",
            "down since",
            "SERVICES AFFECTED",
            "1 of 1 practices fail\n",
        ] {
            assert!(!letter.contains(claim), "{claim:?} was not measured\n{letter}");
        }
    }
    for letter in [&opening, &update, &end, &correction] {
        assert!(grade(letter) <= GRADE_MAX, "{:.1} years of school\n{letter}", grade(letter));
    }
    assert!(opening.contains("If your screens work, only our computer is off."), "{opening}");
    assert!(!opening.contains("WHAT STILL ANSWERS"), "that is not known either: {opening}");
    insta::assert_snapshot!("silent_opening", opening);
    insta::assert_snapshot!("silent_end", end);
    insta::assert_snapshot!("silent_staff", staff);
    insta::assert_snapshot!("silent_pcn", network);
    // Several that share one carrier fell silent at once: that is why its line is taken for down, and staff read why.
    let shared = Event { signature: Signature::Silent, network: None, ..firewall() };
    let shared = self::context(&estate, &shared);
    let theirs = text(NoticeKind::Opening, manager(), &shared);
    assert!(
        theirs.contains("The internet and the NHS network do not answer at St James' Surgery"),
        "{theirs}"
    );
    let owner = Audience::Owner { name: "ICB network team".to_owned() };
    for audience in [Audience::Staff, owner] {
        let letter = text(NoticeKind::Opening, audience, &shared);
        assert!(!letter.contains(" down"), "{letter}");
        assert!(letter.contains("174 of 174 practices fail or are not heard from"), "{letter}");
    }
}

#[test]
fn who_has_lost_all_of_what_fails_in_part_reads_that_it_is_down() {
    let estate = estate();
    let hit = Event {
        signature: Signature::Partial,
        practices: ["G82002", "G82002/westfield", "G82003"].map(str::to_owned).to_vec(),
        lost: vec!["G82002".to_owned(), "G82003".to_owned()],
        ..firewall()
    };
    let context = context(&estate, &hit);
    let of = |practices: &[&str]| practices.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let managers = |practices: &[&str]| Audience::Practices(of(practices));
    let network = |practices: &[&str]| Audience::Pcn { id: "east".to_owned(), practices: of(practices) };
    let subject = |kind: NoticeKind, audience: Audience, context: &Context<'_>| {
        let text = text(kind, audience, context);
        text.lines().next().unwrap_or_default().to_owned()
    };
    for (theirs, down) in [
        (&["G82002"][..], true),
        (&["G82003", "G82002"], true),
        (&["G82002/westfield"], false),
        (&["G82002", "G82002/westfield"], false),
    ] {
        for audience in [managers(theirs), network(theirs)] {
            for kind in [NoticeKind::Opening, NoticeKind::Update] {
                let subject = subject(kind, audience.clone(), &context);
                assert_eq!(subject.contains("Internet down at"), down, "{subject}");
                assert_eq!(subject.contains("Internet works only in part at"), !down, "{subject}");
            }
        }
    }
    let opening = text(NoticeKind::Opening, managers(&["G82002"]), &context);
    assert!(opening.contains("WHAT DOES NOT ANSWER\n- The internet\n"), "{opening}");
    // And when they are back while others aren't, they read of what they had.
    let back = Event {
        at: hit.at + Duration::from_mins(40),
        event: EventKind::Changed,
        practices: of(&["G82003"]),
        lost: Vec::new(),
        ..hit.clone()
    };
    let before = [hit.clone()];
    let end =
        text(NoticeKind::Back, managers(&["G82002"]), &Context { earlier: &before, event: &back, ..context });
    assert!(end.contains("The internet answers again at St James' Surgery"), "{end}");
    // Staff read of the whole.
    let staff = subject(NoticeKind::Opening, Audience::Staff, &context);
    assert!(staff.contains("Internet works only in part"), "{staff}");
}

#[test]
fn those_not_yet_asked_are_not_told_as_fine() {
    let estate = estate();
    let counts = |failing: u32, fine: Option<u32>, practices: usize| Event {
        evidence: Evidence { behind: 38, failing, fine, elsewhere: 40, elsewhere_failing: 0 },
        practices: (0..practices).map(|n| format!("G83{n:03}")).collect(),
        ..firewall()
    };
    let owner = || Audience::Owner { name: "ICB network team".to_owned() };
    for audience in [Audience::Staff, owner()] {
        let said = |event: &Event| text(NoticeKind::Opening, audience.clone(), &context(&estate, event));
        let early = said(&counts(10, Some(0), 38));
        let row =
            "Behind the cause: 10 of 38 practices have failed a check so far, none of those checked is fine";
        assert!(early.contains(row), "{early}");
        let whole = said(&counts(38, Some(0), 38));
        assert!(whole.contains("Behind the cause: 38 of 38 practices fail\n"), "{whole}");
        // Somebody who was checked is fine, or nobody knows.
        for fine in [Some(1), None] {
            let some = said(&counts(10, fine, 38));
            assert!(some.contains("10 of 38 practices have failed a check so far\n"), "{some}");
        }
        // Some of them do answer: they aren't affected.
        let some = said(&counts(10, Some(28), 10));
        assert!(some.contains("Behind the cause: 10 of 38 practices fail\n"), "{some}");
    }
}

#[test]
fn what_another_fault_has_hit_stands_under_a_heading_of_its_own() {
    let estate = estate();
    let slow = Event { signature: Signature::Slow, services: vec!["accurx".to_owned()], ..firewall() };
    let emis = Event {
        incident: "2023-03-16-2".to_owned(),
        cause: vec![Cause { kind: Cause::SERVICE.to_owned(), id: "emis".to_owned() }],
        network: Some("hscn".to_owned()),
        signature: Signature::Down,
        services: vec!["emis".to_owned()],
        ..firewall()
    };
    let open = [Arc::new(emis), Arc::new(slow.clone())];
    let context = Context { open: &open, ..context(&estate, &slow) };
    let letter = text(NoticeKind::Opening, manager(), &context);
    let lists = "WHAT IS SLOW\n- The internet\n- Accurx, used for texting patients\n\nWHAT ANOTHER FAULT HAS HIT\n- EMIS Web, used for patient records\n\n";
    assert!(letter.contains(lists), "{letter}");
    let answers = letter.split("WHAT STILL ANSWERS").nth(1).and_then(|rest| rest.split("\n\n").next());
    assert!(answers.is_some_and(|answers| !answers.contains("EMIS")), "{letter}");
    assert!(letter.contains("- EMIS Web: Use the printed appointment list."), "{letter}");
}

#[test]
fn who_is_blind_counts_nobody() {
    let estate = estate();
    let blind = Event {
        cause: vec![Cause { kind: Cause::MONITOR.to_owned(), id: "hub".to_owned() }],
        network: None,
        evidence: Evidence { behind: 0, failing: 0, fine: None, elsewhere: 40, elsewhere_failing: 0 },
        ..firewall()
    };
    let letter = text(NoticeKind::Opening, Audience::Staff, &context(&estate, &blind));
    assert!(!letter.contains("EVIDENCE") && !letter.contains("practices fail"), "{letter}");
}

#[test]
fn staff_too_read_whom_to_call_for_one_practices_line() {
    let (estate, event) = (estate(), alone(Signature::Down));
    let hands = Hands {
        incident: event.incident.clone(),
        told_since: Some(event.at),
        taken_on: Vec::new(),
        at_work: Vec::new(),
        told: Vec::new(),
        next: None,
    };
    let context = Context { hands: Some(&hands), ..context(&estate, &event) };
    let escalated =
        text_due(NoticeKind::Escalation, Audience::Staff, event.at + Duration::from_mins(15), &context);
    let said = "- For the line of St James' Surgery call ICB network team: 01622 000000.\n";
    assert!(escalated.contains(said), "{escalated}");
    let staff = text(NoticeKind::Opening, Audience::Staff, &context);
    assert!(
        staff.contains("For the line of St James' Surgery call ICB network team: 01622 000000."),
        "{staff}"
    );
    let shared = firewall();
    let shared = Context { event: &shared, ..context };
    let shared = text(NoticeKind::Opening, Audience::Staff, &shared);
    assert!(!shared.contains("For the line of"), "its owner is in the verdict: {shared}");
}
