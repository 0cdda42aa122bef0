//! What the people of each scenario get to read: how many letters, to whom, and in which words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use linewatch::config::{NoticeSettings, PracticeNotices};
use linewatch::incident::Event;
use linewatch::limits::NOTICES_PER_HOUR;
use linewatch::notify::policy::Rules;
use linewatch::notify::policy::routing::Routing;
use linewatch::notify::rehearsal::{Rehearsal, Written, gathered};
use linewatch::notify::{Audience, NoticeKind};
use linewatch::world::scenario::Scenario;

use super::world;

/// A year of school is as hard as this many of the formula's grades; letters for managers are for readers of eleven to fourteen.
const GRADE_MAX: f64 = 8.0;

/// Checks the letters that these events lead to, and shows them.
pub fn check(scenario: &Scenario, events: &[Event]) {
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
    let mut rehearsal = Rehearsal::new(rules, &[]);
    for event in events {
        rehearsal.tell(event);
    }
    rehearsal.until(scenario.span().1);
    let written = rehearsal.written();
    let name = &scenario.name;

    let managers = |written: &&Written| written.notice.audience != Audience::Staff;
    let mut by_incident: BTreeMap<(&str, &str), Vec<NoticeKind>> = BTreeMap::new();
    for letter in written.iter().filter(managers) {
        let notice = &letter.notice;
        by_incident.entry((&notice.incident, &notice.recipient)).or_default().push(notice.kind);
    }
    for (who, kinds) in &by_incident {
        assert_eq!(kinds.first(), Some(&NoticeKind::Opening), "{name}: {who:?} was told of an end alone");
        let updates = kinds.iter().filter(|kind| **kind == NoticeKind::Update).count();
        assert!(kinds.len() - updates <= 2, "{name}: {who:?} got {kinds:?}");
        if name == "staffs-n3" {
            assert_eq!(updates, 0, "{name}: what comes and goes is not written about again and again");
        }
    }
    if matches!(name.as_str(), "own-goal" | "quiet-year") {
        assert!(by_incident.is_empty(), "{name}: no practice is to be told anything: {by_incident:?}");
    }
    for letter in written.iter().filter(managers) {
        let grade = grade(&letter.letter.text);
        assert!(grade <= GRADE_MAX, "{name}: {grade:.1} years of school to read\n{}", letter.letter.text);
    }
    let mut shown = String::new();
    for mailing in gathered(written) {
        let notice = &mailing.first.notice;
        let to = if notice.audience == Audience::Staff { "staff" } else { "managers" };
        let _infallible = write!(
            shown,
            "--- {} {:?} to {} {to}\nSubject: {}\n\n{}\n",
            notice.due,
            notice.kind,
            mailing.recipients,
            mailing.first.letter.subject,
            mailing.first.letter.text
        );
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("letters-{name}"), shown);
    });
}

/// Flesch and Kincaid's grade (1975) of a letter's sentences: years of school in the United States. Headings, signatures and
/// subjects aren't sentences; a list's item is one.
fn grade(text: &str) -> f64 {
    let body = text.split("\n-- \n").next().unwrap_or_default();
    let lines = body.lines().filter(|line| line.to_uppercase() != **line);
    let (mut sentences, mut words, mut syllables) = (0_usize, 0_usize, 0_usize);
    for line in lines {
        for sentence in line.split_inclusive(['.', ':', '?', ';']) {
            let of: Vec<&str> =
                sentence.split_whitespace().filter(|w| w.chars().any(char::is_alphabetic)).collect();
            if of.is_empty() {
                continue;
            }
            sentences += 1;
            words += of.len();
            syllables += of.iter().map(|word| syllables_of(word)).sum::<usize>();
        }
    }
    let (sentences, words) = (sentences.max(1) as f64, words.max(1) as f64);
    0.39 * words / sentences + 11.8 * syllables as f64 / words - 15.59
}

/// Groups of vowels, a silent e at the end left out.
fn syllables_of(word: &str) -> usize {
    let word: String = word.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
    let is_vowel = |c: char| "aeiouy".contains(c);
    let mut groups = 0;
    let mut before = false;
    for c in word.chars() {
        groups += usize::from(is_vowel(c) && !before);
        before = is_vowel(c);
    }
    let is_silent = word.ends_with('e') && !word.ends_with("le") && groups > 1;
    (groups - usize::from(is_silent)).max(1)
}

#[test]
fn the_formula_tells_a_hard_text_from_a_plain_one() {
    assert!(grade("The line is down. Use the phone. We will write when it is back.") < 2.0);
    let hard = "Notwithstanding the aforementioned considerations regarding interoperability, organisational \
                representatives should endeavour to facilitate appropriate communication methodologies.";
    assert!(grade(hard) > 15.0);
}
