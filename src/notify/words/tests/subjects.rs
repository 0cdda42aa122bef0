//! Subjects, titles and the phrases for faults as an operator wants them: they sort, have the incident's number, and say what is the matter.

use std::collections::BTreeMap;

use super::*;
use crate::notify::policy::Digest;

fn own(sentences: &str) -> Texts {
    Texts::read(&BTreeMap::from([("sentences.toml", sentences.to_owned())])).expect("sound")
}

/// The message of the only flaw.
fn refused(sentences: &str) -> String {
    let flaws =
        Texts::read(&BTreeMap::from([("sentences.toml", sentences.to_owned())])).expect_err("a mistake");
    let [flaw] = flaws.as_slice() else { panic!("one: {flaws:?}") };
    assert!(!flaw.help.is_empty() && !flaw.span.is_empty());
    flaw.message.clone()
}

fn pcn() -> Audience {
    Audience::Pcn { id: "east".to_owned(), practices: vec!["G82002".to_owned(), "G82003".to_owned()] }
}

fn owner() -> Audience {
    Audience::Owner { name: "ICB network team".to_owned() }
}

/// A letter of each kind to everybody.
fn every_letter(texts: &Texts, event: &Event) -> Vec<Letter> {
    let estate = estate();
    let kinds = [
        NoticeKind::Opening,
        NoticeKind::Update,
        NoticeKind::Back,
        NoticeKind::Correction,
        NoticeKind::Escalation,
    ];
    let audiences = [manager(), Audience::Staff, Audience::Role { id: "on-call".to_owned() }, pcn(), owner()];
    let to_each = audiences.iter().flat_map(|audience| kinds.map(|kind| (audience.clone(), kind)));
    to_each
        .map(|(audience, kind)| {
            letter(&notice(kind, audience, event), &context(&estate, event), texts).expect("templates render")
        })
        .collect()
}

fn a_digest(texts: &Texts) -> Letter {
    let told = Digest { lines: Vec::new(), ends: Vec::new(), unnamed: 3 };
    let notice = notice(NoticeKind::Digest, Audience::Staff, &firewall());
    let (estate, earlier) = (estate(), Histories::new());
    let beside = Beside { estate: &estate, link: |_: &Line| None, earlier: &earlier };
    digest(&notice, &told, &beside, texts).expect("templates render")
}

const OWN: &str = r#"
[subject]
of_incident = "[Kent IT] {{ subject }}, our reference {{ incident }}"
of_digest = "[Kent IT] {{ subject }}"
[manager]
subject = "{{ place }}: {{ what }} (since {{ since }})"
title = "{{ fault }}."
[staff]
subject = "{{ cause }}: {{ word }}, {{ what }} since {{ since }}"
[owner]
subject = "{{ component }} {{ how }} since {{ since }}, {{ word }}"
title = "Ticket about {{ component }} ({{ word }})"
[word]
opened = "NEW"
[fault]
down_short = "off"
down_one = "is off"
down_heading = "What is off"
[where]
looked_after_by = "{{ component }}, which {{ who }} looks after"
[digest]
subject = "{{ count }} kept for you{% if go_on > 0 %}, {{ go_on }} going on{% endif %}"
"#;

#[test]
fn subjects_titles_and_phrases_are_an_operators_to_replace() {
    let texts = own(OWN);
    let estate = estate();
    let to = |audience| {
        let event = firewall();
        letter(&notice(NoticeKind::Opening, audience, &event), &context(&estate, &event), &texts)
            .expect("a letter")
    };
    let letter = to(manager());
    assert_eq!(
        letter.subject,
        "[Kent IT] St James' Surgery: Internet off (since 08:12), our reference 2023-03-16-1"
    );
    assert!(letter.text.starts_with("The internet is off.\n"), "{}", letter.text);
    assert!(
        letter.text.contains("WHAT IS OFF\n") && letter.html.contains("<title>The internet is off.</title>")
    );
    assert!(
        letter.text.contains("ICB internet firewall, Maidstone, which ICB network team looks after."),
        "{}",
        letter.text
    );
    assert_eq!(
        to(Audience::Staff).subject,
        "[Kent IT] ICB internet firewall, Maidstone: NEW, Internet off since 08:12, our reference 2023-03-16-1"
    );
    let letter = to(owner());
    assert_eq!(
        letter.subject,
        "[Kent IT] ICB internet firewall, Maidstone off since 08:12, Fault, our reference 2023-03-16-1"
    );
    assert!(
        letter.text.starts_with("Ticket about ICB internet firewall, Maidstone (Fault)\n"),
        "{}",
        letter.text
    );
    assert!(letter.text.contains("Symptom: off (dropped)\n"), "the contract's word stays: {}", letter.text);
    assert_eq!(a_digest(&texts).subject, "[Kent IT] 3 kept for you");
}

#[test]
fn all_subjects_begin_alike_and_have_the_incidents_number_however_long_names_are() {
    let mut long = firewall();
    long.cause = vec![Cause { kind: "firewall".to_owned(), id: format!("fw-{}", "x".repeat(400)) }; 3];
    for (texts, begins) in [(Texts::shipped(), "[linewatch] "), (own(OWN), "[Kent IT] ")] {
        for event in [firewall(), long.clone(), over(firewall(), Reason::Recovered)] {
            for letter in every_letter(&texts, &event) {
                let subject = &letter.subject;
                assert!(subject.starts_with(begins) && subject.contains("2023-03-16-1"), "{subject}");
                assert!(subject.chars().count() <= SUBJECT_CHARS_MAX, "{subject}");
            }
        }
        assert!(a_digest(&texts).subject.starts_with(begins));
    }
}

#[test]
fn a_subject_that_would_not_sort_or_not_be_found_is_refused() {
    let message = refused("[subject]\nof_incident = \"[linewatch] {{ subject }}\"\n");
    assert_eq!(message, "`subject.of_incident` leaves out {{ incident }}");
    let message = refused("[subject]\nof_incident = \"[Kent] {{ subject }} ({{ incident }})\"\n");
    assert_eq!(
        message,
        "subjects of incidents begin with \"[Kent] \", and those of digests with \"[linewatch] \""
    );
    let both = "[subject]\nof_incident = \"{{ subject }} ({{ incident }})\"\nof_digest = \"{{ subject }}\"\n";
    assert_eq!(refused(both), "subjects of incidents begin with \"\", and those of digests with \"\"");
    assert_eq!(
        refused("[manager]\nsubject = \"{{ what }} since {{ since }}\"\n"),
        "`manager.subject` leaves out {{ place }}"
    );
    assert_eq!(refused("[word]\nopened = \" \"\n"), "`word.opened` says nothing");
    assert_eq!(
        refused("[fault]\nslow_one = \"{{ place }} is slow\"\n"),
        "`fault.slow_one` has nothing by this name"
    );
    // A title needn't say the place again, which the subject says.
    own("[manager]\ntitle = \"{{ fault }}\"\n");
}
