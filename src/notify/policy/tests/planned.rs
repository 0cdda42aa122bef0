//! Planned work that begins while something is open, and that is changed while letters wait for its end.

use super::pace::circles;
use super::*;

/// Ten in the morning of Friday, 2 January 1970; the day before was a bank holiday.
const TEN: i64 = 24 * 60 + 10 * 60;

fn at(minutes: i64) -> At {
    At::from_millis(minutes * MINUTE)
}

/// Who is told, as what, and when: minutes after ten.
fn told<'n>(notices: impl IntoIterator<Item = &'n Notice>) -> Vec<(String, &'static str, i64)> {
    let line = |notice: &Notice| {
        let due = notice.due.as_millis() / MINUTE - TEN;
        (notice.recipient.clone(), notice.kind.as_str(), due)
    };
    let mut told: Vec<_> = notices.into_iter().map(line).collect();
    told.sort();
    told
}

/// All that left, whatever it was.
fn left(story: &Story) -> Vec<&'static str> {
    let mut rows: Vec<&Row> =
        story.paper.rows.iter().filter(|row| row.notice.state == NoticeState::Accepted).collect();
    rows.sort_by_key(|row| row.changed);
    rows.iter().map(|row| row.notice.kind.as_str()).collect()
}

#[test]
fn updates_wait_for_work_that_began_after_the_opening_and_the_end_does_not() {
    let maintenance = vec![window(TEN + 30, TEN + 120, &["fw"])];
    let mut story = Story { maintenance, staff: vec!["desk@icb.example".to_owned()], ..circles() };
    story.tell(&event("1", TEN, &["A"]));
    let plan = story.tell(&changed("1", TEN + 40, &["A", "B"]));
    let desk = told(plan.notices.iter().filter(|notice| notice.audience == Audience::Staff));
    assert_eq!(desk, [("desk@icb.example".to_owned(), "update", 120)]);
    assert!(plan.notices.iter().all(|notice| notice.due == at(TEN + 120)), "{plan:?}");
    // The latest takes the place of what waits.
    let plan = story.tell(&changed("1", TEN + 60, &["A", "B", "C"]));
    assert!(plan.withdrawn.iter().any(|(notice, _)| notice.kind == NoticeKind::Update), "{plan:?}");
    // What has another cause by now is no planned work.
    let mut other = changed("1", TEN + 70, &["A", "B", "C"]);
    other.cause[0].id = "other".to_owned();
    let mut elsewhere = Story { maintenance: story.maintenance.clone(), ..Story::new() };
    elsewhere.tell(&event("1", TEN, &["A"]));
    let plan = elsewhere.tell(&other);
    assert!(plan.notices.iter().any(|n| n.kind == NoticeKind::Update && n.due == other.at), "{plan:?}");

    let plan = story.tell(&resolved("1", TEN + 90, Reason::Recovered));
    assert!(plan.notices.iter().all(|notice| notice.kind == NoticeKind::Back), "{plan:?}");
    assert!(plan.notices.iter().all(|notice| notice.due == at(TEN + 90)), "{plan:?}");
    story.ticks(at(TEN + 200));
    assert!(!left(&story).contains(&"update"), "{:?}", left(&story));
}

#[test]
fn a_letter_that_was_promised_comes_after_the_work_and_says_so_where_it_is_known() {
    let maintenance = vec![window(TEN + 50, TEN + 150, &[])];
    let mut story = Story { maintenance, ..Story::new() };
    let plan = story.tell(&event("1", TEN, &["A"]));
    let opening = plan.notices.iter().find(|notice| notice.audience != Audience::Staff).expect("a manager's");
    let promise = story.ledger.promise(opening, &event("1", TEN, &["A"]), &story.rules());
    assert_eq!(promise, Some(at(TEN + 150)));
    assert_eq!(story.remind(TEN + 149), []);
    assert_eq!(story.remind(TEN + 150), [("a@a.example".to_owned(), TEN + 150)]);
    // It ends in the evening: nobody is there to read before Monday.
    story.maintenance = vec![window(TEN + 180, TEN + 600, &[])];
    let monday = (TEN - 10 * 60) + 3 * 24 * 60 + 7 * 60 + 30;
    assert_eq!(story.remind(monday - 1), []);
    assert_eq!(story.remind(monday).len(), 1);
}

#[test]
fn what_waits_for_the_end_of_work_moves_with_it() {
    for restarts in [false, true] {
        let maintenance = vec![window(TEN - 10, TEN + 120, &[])];
        let mut story = Story { maintenance, ..Story::new() };
        story.replans(at(TEN - 1));
        story.tell(&event("1", TEN, &["A"]));
        assert!(story.replans(at(TEN + 1)).is_empty(), "nothing has changed");
        // The work takes longer.
        story.maintenance = vec![window(TEN - 10, TEN + 180, &[])];
        if restarts {
            story.restart(at(TEN + 20));
        }
        let moved = story.replans(at(TEN + 20));
        let due = told(moved.iter().flat_map(|paced| &paced.notices));
        assert_eq!(
            due,
            [("a@a.example".to_owned(), "opening", 180), ("desk@icb.example".to_owned(), "opening", 180)]
        );
        assert!(moved.iter().all(|paced| paced.settled.len() == 1), "each in its place: {moved:?}");
        story.tell(&changed("1", TEN + 130, &["A", "B"]));
        assert_eq!(left(&story), Vec::<&str>::new());
        // It is over early.
        story.maintenance = Vec::new();
        if restarts {
            story.restart(at(TEN + 140));
        }
        let moved = story.replans(at(TEN + 140));
        let due = told(moved.iter().flat_map(|paced| &paced.notices));
        let opening = |to: &str| (to.to_owned(), "opening", 140);
        assert_eq!(due, [opening("a@a.example"), opening("b@b.example"), opening("desk@icb.example")]);
        assert!(moved.iter().all(|paced| paced.event.practices == ["A", "B"]), "as things stand now");
        assert_eq!(left(&story), ["opening", "opening", "opening"]);
        story.tell(&resolved("1", TEN + 150, Reason::Recovered));
        assert_eq!(left(&story)[3..], ["back", "back", "back"], "restarts: {restarts}");
    }
}

#[test]
fn what_waits_for_its_turn_or_for_an_approval_is_not_hurried() {
    let mut story = Story { practices: PracticeNotices::AfterApproval, ..Story::new() };
    story.replans(at(TEN - 1));
    story.tell(&event("1", TEN, &["A"]));
    // The next update may leave ten minutes after the opening.
    story.tell(&changed("1", TEN + 2, &["A", "B"]));
    story.maintenance = vec![window(TEN + 300, TEN + 400, &[])];
    assert_eq!(story.replans(at(TEN + 3)), []);
    // Work begins at once: the update waits for its end, and the held openings too, once they are approved.
    story.maintenance = vec![window(TEN + 1, TEN + 60, &[])];
    let moved = story.replans(at(TEN + 4));
    let due = told(moved.iter().flat_map(|paced| &paced.notices));
    assert_eq!(due, [("desk@icb.example".to_owned(), "update", 60)]);
    // And at its early end when it would have been due.
    story.maintenance = Vec::new();
    let moved = story.replans(at(TEN + 5));
    assert!(moved.iter().flat_map(|paced| &paced.notices).all(|notice| notice.due >= at(TEN + 5)));
    assert_eq!(story.approve("1", at(TEN + 6)).expect("it is open").notices.len(), 2);
}
