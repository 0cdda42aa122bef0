//! Who has it in hand, links, and what those read who are told because nobody does.

use super::grade::{GRADE_MAX, grade};
use super::*;
use crate::notify::acknowledgement::{AckWay, Acknowledgement};
use crate::notify::policy::Hands;
use crate::notify::policy::escalation::Told;
use crate::notify::words::texts::Texts;

const LINK: &str = "https://linewatch.example/ack/2023-03-16-1/0123456789abcdef/00ff?a=1&b=<2>";

fn at(clock: &str) -> At {
    format!("2023-03-16T{clock}:00Z").parse().expect("a time")
}

fn told(recipient: &str, clock: &str, escalated: bool) -> Told {
    Told { recipient: recipient.to_owned(), at: at(clock), escalated }
}

fn by(name: &str, clock: &str) -> Acknowledgement {
    Acknowledgement {
        incident: "2023-03-16-1".to_owned(),
        at: at(clock),
        person: format!("as {name}"),
        by: name.to_owned(),
        way: AckWay::Link,
        audience: Audience::Staff,
        note: None,
    }
}

/// Staff were told at 08:12, and Sam Poe at 08:27.
fn hands(taken_on: Vec<Acknowledgement>) -> Hands {
    let next = taken_on.is_empty().then(|| at("08:42"));
    Hands {
        incident: "2023-03-16-1".to_owned(),
        told_since: Some(at("08:12")),
        taken_on,
        at_work: Vec::new(),
        told: vec![
            told("service.desk@icb.example", "08:12", false),
            told("Sam Poe", "08:27", true),
            told("chief@icb.example", "08:30", true),
        ],
        next,
    }
}

fn write_with(
    kind: NoticeKind,
    audience: Audience,
    due: &str,
    hands: Option<&Hands>,
    link: Option<&str>,
) -> Letter {
    let (estate, event) = (estate(), firewall());
    let context = Context { hands, link, ..context(&estate, &event) };
    let notice = Notice { due: at(due), ..notice(kind, audience, &event) };
    letter(&notice, &context, &Texts::shipped()).expect("templates render")
}

/// Its part that isn't evidence.
fn prose(letter: &Letter) -> String {
    letter.text.split("\nVERDICT\n").next().unwrap_or_default().to_owned()
}

#[test]
fn an_escalation_is_as_plain_as_a_letter_to_a_manager() {
    let nobody_knew = Hands { told_since: None, next: None, ..hands(Vec::new()) };
    for hands in [hands(Vec::new()), hands(vec![by("Jo Bloggs", "08:20")]), nobody_knew] {
        for link in [None, Some(LINK)] {
            let letter = write_with(NoticeKind::Escalation, Audience::Staff, "08:30", Some(&hands), link);
            let text = prose(&letter);
            assert!(grade(&text) <= GRADE_MAX, "{:.1} years of school to read\n{text}", grade(&text));
        }
    }
}

#[test]
fn those_who_are_told_because_nobody_has_it_read_who_was_told_and_what_to_do() {
    let hands = hands(Vec::new());
    let letter = write_with(NoticeKind::Escalation, Audience::Staff, "08:30", Some(&hands), Some(LINK));
    insta::assert_snapshot!("escalation", shown(&letter));
    assert!(letter.html.contains("00ff?a=1&#38;b=&#60;2&#62;"), "escaped: {}", letter.html);
    assert!(!letter.text.contains("chief@icb.example"), "the reader knows of themselves: {}", letter.text);
    let without = write_with(NoticeKind::Escalation, Audience::Staff, "08:30", Some(&hands), None);
    assert!(without.text.contains("run: linewatch ack 2023-03-16-1"), "{}", without.text);
    // Somebody was quicker than the mail.
    let hands = self::hands(vec![by("Jo Bloggs", "08:29")]);
    let late = write_with(NoticeKind::Escalation, Audience::Staff, "08:30", Some(&hands), Some(LINK));
    assert!(late.text.contains("Jo Bloggs has taken this on, at 08:29."), "{}", late.text);
    assert!(late.text.contains("Nothing is asked of you."), "{}", late.text);
}

#[test]
fn nobody_is_told_to_ask_a_hub_about_an_incident_that_it_never_had() {
    let real = firewall();
    let played = Event { incident: format!("exercise-{}", real.incident), ..real.clone() };
    let refused: Vec<String> = (0..60).map(|n| format!("practice {n}")).collect();
    let many = Hands {
        told: (0..30).map(|_| told("chief@icb.example", "08:11", true)).collect(),
        ..hands(Vec::new())
    };
    let mut commands = 0;
    for event in [&real, &played] {
        let estate = estate();
        let context = Context { hands: Some(&many), refused: &refused, ..context(&estate, event) };
        for kind in [NoticeKind::Opening, NoticeKind::Update, NoticeKind::Escalation, NoticeKind::Back] {
            let notice = Notice { due: at("08:30"), ..notice(kind, Audience::Staff, event) };
            let text = letter(&notice, &context, &Texts::shipped()).expect("templates render").text;
            let is_asked = text.contains("Say that you have it") || text.contains("If you have it in hand");
            if event.incident == played.incident {
                let is_still_asked = is_asked || text.contains(": linewatch ") || text.contains(": see ");
                assert!(!is_still_asked, "{kind:?}\n{text}");
                let is_told_so = text.contains("This exercise has no link by which to say");
                assert!(is_told_so || kind == NoticeKind::Back, "{kind:?}\n{text}");
            } else {
                commands += text.matches(": linewatch ").count() + text.matches(": see ").count();
            }
        }
    }
    assert!(commands > 8, "where it is real there are some: {commands}");
}

#[test]
fn staff_read_whether_somebody_has_it_and_how_to_say_so() {
    let nobody = hands(Vec::new());
    let opening = write_with(NoticeKind::Opening, Audience::Staff, "08:12", Some(&nobody), Some(LINK));
    assert!(opening.text.contains("If nobody takes it on, others are told at 08:42.\n\nIf you have it in hand, say so here:\nhttps://linewatch.example/ack/"), "{}", opening.text);
    let update = write_with(NoticeKind::Update, Audience::Staff, "08:20", Some(&nobody), Some(LINK));
    assert!(
        update.text.contains("Nobody has taken this on yet. If nobody takes it on, others"),
        "{}",
        update.text
    );

    let two = hands(vec![by("Jo Bloggs", "08:20"), by("somebody at NHS Kent and Medway", "08:21")]);
    let update = write_with(NoticeKind::Update, Audience::Staff, "08:30", Some(&two), Some(LINK));
    assert!(
        update
            .text
            .contains("Jo Bloggs (08:20) and somebody at NHS Kent and Medway (08:21) have taken this on."),
        "{}",
        update.text
    );
    assert!(update.text.contains("If you have it in hand as well, say so here:"), "{}", update.text);
    let five = hands(["A", "B", "C", "D", "E"].map(|name| by(name, "08:20")).to_vec());
    let update = write_with(NoticeKind::Update, Audience::Staff, "08:30", Some(&five), None);
    assert!(
        update.text.contains("A (08:20), B (08:20), C (08:20) and 2 more have taken this on."),
        "{}",
        update.text
    );

    // Where neither links nor escalation are configured, letters say nothing of either.
    let plain =
        Hands { told: vec![told("desk@icb.example", "08:12", false)], next: None, ..hands(Vec::new()) };
    let with = write_with(NoticeKind::Update, Audience::Staff, "08:20", Some(&plain), None);
    assert_eq!(with, write_with(NoticeKind::Update, Audience::Staff, "08:20", None, None));
}

#[test]
fn managers_read_who_has_it_and_may_say_that_they_read_it() {
    let hands = hands(vec![by("Jo Bloggs", "08:20")]);
    let letter = write_with(NoticeKind::Update, manager(), "08:30", Some(&hands), Some(LINK));
    assert!(
        letter.text.contains("Jo Bloggs at NHS Kent and Medway has taken this on, at 08:20.\n"),
        "{}",
        letter.text
    );
    assert!(
        letter.text.contains(
            "If you have read this, please tell NHS Kent and Medway:\nhttps://linewatch.example/ack/"
        ),
        "{}",
        letter.text
    );
    let nameless = self::hands(vec![by("somebody at NHS Kent and Medway", "08:20")]);
    let letter = write_with(NoticeKind::Opening, manager(), "08:30", Some(&nameless), None);
    assert!(
        letter.text.contains("Somebody at NHS Kent and Medway has taken this on, at 08:20.\n"),
        "{}",
        letter.text
    );
    assert!(!letter.text.contains("please tell"), "{}", letter.text);
}

fn supplier(name: &str, clock: &str) -> Acknowledgement {
    Acknowledgement { audience: Audience::Owner { name: "ICB network team".to_owned() }, ..by(name, clock) }
}

#[test]
fn a_suppliers_word_is_said_and_relieves_nobody() {
    let nobody = Hands { at_work: vec![supplier("Al", "08:20")], ..hands(Vec::new()) };
    let letter = write_with(NoticeKind::Update, Audience::Staff, "08:30", Some(&nobody), Some(LINK));
    for says in [
        "Al for ICB network team has taken this on, at 08:20.",
        "Nobody at NHS Kent and Medway has yet. If nobody takes it on, others are told at 08:42.",
        "If you have it in hand, say so here:",
    ] {
        assert!(letter.text.contains(says), "{says}: {}", letter.text);
        assert!(letter.html.contains(says), "{says}: {}", letter.html);
    }
    let letter = write_with(NoticeKind::Escalation, Audience::Staff, "08:30", Some(&nobody), Some(LINK));
    assert!(
        letter.text.contains("Nobody at NHS Kent and Medway has said that they have this in hand."),
        "{}",
        letter.text
    );
    assert!(letter.text.contains("Al for ICB network team has taken this on, at 08:20."), "{}", letter.text);

    let both = Hands { at_work: nobody.at_work, ..hands(vec![by("Jo", "08:21")]) };
    let letter = write_with(NoticeKind::Update, Audience::Staff, "08:30", Some(&both), Some(LINK));
    assert!(letter.text.contains("Jo has taken this on, at 08:21."), "{}", letter.text);
    assert!(!letter.text.contains("Nobody"), "{}", letter.text);
    // And to managers, who don't know either of them.
    let manager = Audience::Practices(vec!["G82002".to_owned()]);
    let letter = write_with(NoticeKind::Opening, manager, "08:30", Some(&both), Some(LINK));
    for says in ["Jo at NHS Kent and Medway has taken this on", "Al for ICB network team has taken this on"] {
        assert!(
            letter.text.split_whitespace().collect::<Vec<_>>().join(" ").contains(says),
            "{}",
            letter.text
        );
    }
}

#[test]
fn who_looks_after_it_and_a_primary_care_network_are_asked_in_their_own_words() {
    let owner = Audience::Owner { name: "ICB network team".to_owned() };
    let nobody = Hands { at_work: vec![supplier("ICB network team", "08:20")], ..hands(Vec::new()) };
    let letter = write_with(NoticeKind::Update, owner.clone(), "08:30", Some(&nobody), Some(LINK));
    assert!(letter.text.contains("ICB network team has taken this on, at 08:20."), "{}", letter.text);
    assert!(letter.text.contains("When you have taken this on, please say so here:"), "{}", letter.text);
    assert!(letter.html.contains("We have taken this on"), "{}", letter.html);
    let letter = write_with(NoticeKind::Opening, owner, "08:30", Some(&nobody), None);
    assert!(!letter.text.contains("say so here"), "{}", letter.text);
    let pcn = Audience::Pcn { id: "east".to_owned(), practices: vec!["G82002".to_owned()] };
    let letter = write_with(NoticeKind::Opening, pcn, "08:30", Some(&nobody), Some(LINK));
    assert!(
        letter.text.contains("If you have read this, please tell NHS Kent and Medway:"),
        "{}",
        letter.text
    );
    assert!(letter.html.contains("I have read this"), "{}", letter.html);
}
