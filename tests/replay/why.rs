//! `why`: the checks that convict, those that acquit, what is missing, the odds, and the next best question.

use linewatch::correlate::{Correlator, Explanation};
use linewatch::observation::Failure;
use linewatch::observation::Phase;

use super::county::County;
use super::stream::{Answer, Asked, Habits, TIMED_OUT, USUAL, at, stream};

/// Runs the weather, and explains the first incident as it stands then.
fn explained(
    county: &County,
    habits: Habits,
    seconds: u32,
    weather: impl Fn(&Asked<'_>) -> Answer,
) -> Explanation {
    let mut correlator = Correlator::new(county.estate());
    for line in stream(county, habits, seconds, weather) {
        correlator.take(&line);
    }
    correlator.advance(at(f64::from(seconds)));
    let first = correlator.poll_event().expect("an incident");
    correlator.why(&first.incident).expect("an explanation")
}

fn all(why: &Explanation) -> String {
    format!("{why:#?}")
}

fn says(lines: &[String], words: &[&str]) -> bool {
    lines.iter().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
fn a_firewall_is_convicted_by_named_checks_and_the_carrier_cleared_by_its_others() {
    let county = County::of(24);
    let why = explained(&county, USUAL, 900, |asked| {
        let hit = asked.behind("fw-maidstone") && asked.on("internet") && asked.during(600.5, 1200.0);
        if hit { TIMED_OUT } else { Answer::Well }
    });
    assert!(
        says(&why.convicts, &["18 of the 18 practices behind ICB internet firewall, Maidstone"]),
        "{}",
        all(&why)
    );
    assert!(
        says(&why.convicts, &["accurx-https fails at 18 of 18 practices behind it (timeout at connect)"]),
        "{}",
        all(&why)
    );
    assert!(says(&why.convicts, &["So do telephony-sip."]), "{}", all(&why));
    assert!(
        says(&why.acquits, &["BT carries 16 practices", "of the 4 not behind", "answer"]),
        "{}",
        all(&why)
    );
    assert!(
        says(&why.acquits, &["18 of the 18 practices affected still have the NHS network"]),
        "{}",
        all(&why)
    );
    assert!(says(&why.acquits, &["hub's own checks of the internet answer"]), "{}", all(&why));
    assert!(why.odds.contains(" to 1 against "), "{}", all(&why));
    assert_eq!(why.again, None);
}

/// Connections starve, datagrams pass: the ones that pass are named with their number.
#[test]
fn what_still_answers_behind_it_is_named_by_kind() {
    let county = County::of(24);
    let why = explained(&county, USUAL, 900, |asked| {
        let connects = ["accurx-https", "docman-https", "internet-egress"].iter().any(|id| asked.is(id));
        let hit = asked.behind("fw-maidstone") && connects && asked.during(600.5, 1200.0);
        if hit { Answer::Failed(Failure::Reset, Phase::Connect, Some(4.0)) } else { Answer::Well }
    });
    assert!(says(&why.convicts, &["accurx-https fails at 18 of 18", "(reset at connect)"]), "{}", all(&why));
    assert!(says(&why.acquits, &["Behind it, dns and sip checks still answer (36 of 36)"]), "{}", all(&why));
}

/// One firewall, and the hub asks nothing: what would tell it from the internet is said.
#[test]
fn what_cannot_be_told_apart_names_the_question_that_would() {
    let county = County::alike(12);
    let why = explained(&county, Habits { hub: false, ..USUAL }, 900, |asked| {
        if asked.on("internet") && asked.during(600.5, 1200.0) { TIMED_OUT } else { Answer::Well }
    });
    assert_eq!(why.event.cause.len(), 2, "{}", all(&why));
    let next = why.next_probe.clone().unwrap_or_else(|| panic!("no next question: {}", all(&why)));
    assert!(next.contains("the firewall fw-maidstone") && next.contains("the network internet"), "{next}");
    assert!(next.contains("hub's own checks") && next.contains("anchor"), "{next}");
    assert!(says(&why.missing, &["The hub has no checks of its own of the internet"]), "{}", all(&why));
    assert!(says(&why.missing, &["No check tells"]), "{}", all(&why));
}

#[test]
fn a_practice_is_explained_by_its_own_checks_and_asked_from_outside_next() {
    let county = County::of(24);
    let why = explained(&county, USUAL, 900, |asked| {
        let hit = asked.at("G82005") && asked.question.is_some() && asked.during(600.5, 1200.0);
        if hit { TIMED_OUT } else { Answer::Well }
    });
    assert!(says(&why.convicts, &["9 of its 9 checks fail"]), "{}", all(&why));
    assert!(says(&why.convicts, &["fails there (timeout at"]), "{}", all(&why));
    assert!(
        says(&why.acquits, &["23 of the 23 practices that are not behind it answer as usual"]),
        "{}",
        all(&why)
    );
    assert!(says(&why.acquits, &["BT carries 16 practices; 15 of the 15 not behind"]), "{}", all(&why));
    assert!(why.next_probe.as_deref().is_some_and(|next| next.contains("outside")), "{}", all(&why));
}

/// However many practices and probes: every list is short.
#[test]
fn lists_are_bounded() {
    let county = County::of(200);
    let why = explained(&county, USUAL, 700, |asked| {
        if asked.on("internet") && asked.site.is_some() && asked.during(600.5, 1200.0) {
            TIMED_OUT
        } else {
            Answer::Well
        }
    });
    for lines in [&why.convicts, &why.acquits, &why.missing] {
        assert!(lines.len() <= 16 && lines.iter().all(|line| line.len() < 400), "{}", all(&why));
    }
    assert!(says(&why.convicts, &["and 192 more"]), "{}", all(&why));
}
