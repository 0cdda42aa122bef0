//! Planned work that begins while something is open, and that is changed while letters wait for its end.

use super::pace::{MONDAY_TEN, circles, mute, working};
use super::*;
use crate::notify::notice::Keep;
use crate::notify::policy::mute::Muted;
use crate::notify::policy::routing::Terms;

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

fn not_hurried(restarts: bool) {
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
    let to = |who: &str, kind: &'static str, due: i64| (who.to_owned(), kind, due);
    let held = [to("a@a.example", "opening", 60), to("b@b.example", "opening", 60)];
    assert_eq!(due, [&held[..], &[to("desk@icb.example", "update", 60)]].concat());
    // At its early end the update has its turn as if there had been no work, also for the next process.
    story.maintenance = Vec::new();
    if restarts {
        story.restart(at(TEN + 5));
    }
    let moved = story.replans(at(TEN + 5));
    let due = told(moved.iter().flat_map(|paced| &paced.notices));
    let held = [to("a@a.example", "opening", 5), to("b@b.example", "opening", 5)];
    assert_eq!(due, [&held[..], &[to("desk@icb.example", "update", 10)]].concat());
    assert_eq!(left(&story), ["opening"], "nobody has approved");
    assert_eq!(story.approve("1", at(TEN + 6)).expect("it is open").notices.len(), 2);
    story.ticks(at(TEN + 10));
    assert_eq!(left(&story), ["opening", "opening", "opening", "update"]);
}

#[test]
fn what_waits_for_its_turn_or_for_an_approval_is_not_hurried() {
    not_hurried(false);
    not_hurried(true);
}

/// A's manager, who reads in working hours.
fn at_work() -> Story {
    let terms = Terms { hours: Some(working()), quiet_unless: None, ..Terms::default() };
    let routing = Routing::default().with("a@a.example", terms);
    Story { routing, staff: Vec::new(), ..Story::new() }
}

/// As it leaves: minutes after ten on Monday, and what.
fn leaves(story: &mut Story, until: i64) -> Vec<(i64, &'static str)> {
    for minutes in (-120..=until).step_by(5) {
        story.replans(at(MONDAY_TEN + minutes));
        story.ticks(at(MONDAY_TEN + minutes));
    }
    let mut left: Vec<_> = story
        .paper
        .rows
        .iter()
        .filter(|row| row.notice.state == NoticeState::Accepted)
        .map(|row| (row.changed.as_millis() / MINUTE - MONDAY_TEN, row.notice.kind.as_str()))
        .collect();
    left.sort_unstable();
    left
}

#[test]
fn what_was_kept_for_somebodys_hours_waits_for_the_work_that_goes_on_when_they_begin() {
    let mut story = at_work();
    // On Monday at eight they begin.
    story.tell(&event("1", MONDAY_TEN - 240, &["A"]));
    assert!(story.ledger.pace.kept().all(|kept| kept.by == Keep::Quiet));
    story.maintenance = vec![window(MONDAY_TEN - 150, MONDAY_TEN + 30, &["fw"])];
    assert_eq!(leaves(&mut story, 60), [(30, "opening")]);
    // What isn't under work leaves when they begin, and what is comes after it.
    let mut story = at_work();
    let mut other = event("2", MONDAY_TEN - 235, &["A"]);
    other.cause[0].id = "other".to_owned();
    story.tell(&event("1", MONDAY_TEN - 240, &["A"]));
    story.tell(&other);
    story.maintenance = vec![window(MONDAY_TEN - 150, MONDAY_TEN + 30, &["fw"])];
    assert_eq!(leaves(&mut story, 60), [(-120, "opening"), (30, "opening")]);
    // The work ends when nobody reads.
    let mut story = at_work();
    story.tell(&event("1", MONDAY_TEN - 240, &["A"]));
    story.maintenance = vec![window(MONDAY_TEN - 150, MONDAY_TEN + 11 * 60, &["fw"])];
    assert_eq!(leaves(&mut story, 24 * 60), [(22 * 60, "opening")]);
    // It is over before the work is: nobody hears of it before that, and then that it came and went.
    let mut story = at_work();
    story.tell(&event("1", MONDAY_TEN - 240, &["A"]));
    story.maintenance = vec![window(MONDAY_TEN - 150, MONDAY_TEN + 30, &["fw"])];
    story.tell(&resolved("1", MONDAY_TEN - 145, Reason::Recovered));
    assert_eq!(leaves(&mut story, 60), [(30, "digest")]);
}

#[test]
fn a_digest_tells_of_ends_during_work_and_of_what_goes_on_after_it() {
    let routing = Routing::default().capped(2);
    let mut story = Story { routing, staff: Vec::new(), ..Story::new() };
    let start = MONDAY_TEN - 120;
    story.tell(&event("1", start, &["A"]));
    story.tell(&event("2", start + 1, &["A"]));
    story.tell(&resolved("1", start + 2, Reason::Recovered));
    story.maintenance = vec![window(start + 3, start + 200, &["fw"])];
    // The one that they knew of is over, and is told; the other goes on, and waits.
    assert_eq!(leaves(&mut story, 180), [(-120, "opening"), (-105, "back"), (80, "opening")]);
}

#[test]
fn what_a_mute_kept_waits_for_the_work_that_goes_on_at_its_end() {
    let mut story = Story { staff: Vec::new(), ..Story::new() };
    let start = MONDAY_TEN - 120;
    mute(&mut story, Muted::Incident { id: "1".to_owned() }, start - 1, start + 60);
    story.tell(&event("1", start, &["A"]));
    story.maintenance = vec![window(start + 30, start + 150, &[])];
    assert_eq!(leaves(&mut story, 180), [(30, "opening")]);
}

#[test]
fn what_no_mail_server_took_waits_for_the_work_that_has_begun_since_and_its_end_does_not() {
    let start = MONDAY_TEN - 120;
    let cut_off = || {
        let mut story = Story { staff: vec!["desk@icb.example".to_owned()], ..Story::new() };
        story.paper.is_cut_off = true;
        story.tell(&event("1", start, &["A"]));
        story.tell(&changed("1", start + 1, &["A", "B"]));
        story.maintenance = vec![window(start + 4, start + 60, &[])];
        story
    };
    // They haven't heard of it: one letter each, of how things stand.
    let mut story = cut_off();
    story.replans(at(start + 5));
    story.paper.is_cut_off = false;
    assert_eq!(leaves(&mut story, 0), [(-60, "opening"); 3]);
    // It is over before they heard of it.
    let mut story = cut_off();
    story.replans(at(start + 5));
    story.tell(&resolved("1", start + 10, Reason::Recovered));
    story.paper.is_cut_off = false;
    assert_eq!(leaves(&mut story, 0), []);
    // Staff know of it, and hear of its end though the update before it waits for the work.
    let mut story = cut_off();
    story.paper.is_cut_off = false;
    story.ticks(at(start + 3));
    story.paper.is_cut_off = true;
    let mut other = changed("1", start + 3, &["A", "B"]);
    other.cause[0].id = "other".to_owned();
    story.tell(&other);
    story.replans(at(start + 5));
    story.paper.is_cut_off = false;
    story.tell(&resolved("1", start + 10, Reason::Recovered));
    let mut left = left(&story);
    left.sort_unstable();
    assert_eq!(left, ["back", "back", "back", "opening", "opening", "opening"]);
}
