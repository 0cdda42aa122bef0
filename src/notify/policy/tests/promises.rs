//! When managers hear though nothing has changed, and when they don't hear a third time.

use super::*;

/// Ten in the morning of Friday, 2 January 1970; the day before was a bank holiday.
const TEN: i64 = 24 * 60 + 10 * 60;

#[test]
fn managers_hear_at_the_promised_time_though_nothing_has_changed() {
    let mut story = Story::new();
    story.tell(&event("1", TEN, &["A", "B"]));
    assert!(story.remind(TEN + 59).is_empty());
    let both = |at: i64| vec![("a@a.example".to_owned(), at), ("b@b.example".to_owned(), at)];
    assert_eq!(story.remind(TEN + 60), both(TEN + 60));
    assert!(story.remind(TEN + 61).is_empty(), "once");
    // B is back, and hears of it; A goes on hearing.
    story.tell(&changed("1", TEN + 90, &["A"]));
    // Two hours in which nobody was there to write are made up for by one letter.
    assert_eq!(story.remind(TEN + 250), vec![("a@a.example".to_owned(), TEN + 250)]);
    assert!(story.remind(TEN + 251).is_empty());
    story.tell(&resolved("1", TEN + 260, Reason::Recovered));
    assert!(story.remind(TEN + 600).is_empty());
}

#[test]
fn what_comes_and_goes_is_not_written_about_again_and_again() {
    let mut story = Story::new();
    story.tell(&event("1", TEN, &["A"]));
    story.tell(&Event { signature: Signature::Flapping, ..changed("1", TEN + 10, &["A"]) });
    assert_eq!(story.remind(TEN + 60).len(), 1, "it was promised");
    assert!(story.remind(TEN + 600).is_empty(), "and that letter promised nothing more");
}

#[test]
fn nobody_is_reminded_of_what_they_were_never_told() {
    let mut story = Story { practices: PracticeNotices::AfterApproval, ..Story::new() };
    story.tell(&event("1", TEN, &["A"]));
    assert!(story.remind(TEN + 61).is_empty());
    assert!(story.approve("1", At::from_millis((TEN + 61) * MINUTE)).is_some());
    assert!(story.remind(TEN + 120).is_empty());
    assert_eq!(story.remind(TEN + 121).len(), 1);
}

#[test]
fn promises_outlive_a_restart() {
    let mut story = Story::new();
    story.tell(&event("1", TEN, &["A"]));
    story.restart(At::from_millis((TEN + 30) * MINUTE));
    assert!(story.remind(TEN + 59).is_empty());
    assert_eq!(story.remind(TEN + 61), vec![("a@a.example".to_owned(), TEN + 61)]);
}

#[test]
fn whoever_had_both_letters_gets_no_third_of_what_comes_and_goes() {
    let mut story = Story::new();
    story.tell(&event("1", TEN, &["A"]));
    story.tell(&resolved("1", TEN + 30, Reason::Recovered));
    let again = event("1", TEN + 90, &["A", "B"]);
    let plan = story.tell(&again);
    let told: Vec<(&str, NoticeKind)> =
        plan.notices.iter().map(|notice| (notice.recipient.as_str(), notice.kind)).collect();
    // B hears of it for the first time, and the service desk hears of everything.
    assert_eq!(told, [("b@b.example", NoticeKind::Opening), ("desk@icb.example", NoticeKind::Opening)]);
    // What stays away for half a day and comes back is told.
    let mut story = Story::new();
    story.tell(&event("1", TEN, &["A"]));
    story.tell(&resolved("1", TEN + 30, Reason::Recovered));
    assert_eq!(story.tell(&event("1", TEN + 300, &["A"])).notices.len(), 2);
}
