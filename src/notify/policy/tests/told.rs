//! Who is really told when letters leave late, are refused, muted, approved or merged: as stories, over the real queue.

use super::pace::{MONDAY_TEN, mute, working};
use super::*;
use crate::notify::policy::mute::Muted;
use crate::notify::policy::routing::Terms;

fn at(minutes: i64) -> At {
    At::from_millis(minutes * MINUTE)
}

/// What left to a recipient, as `kind incident minute`.
fn left_to(story: &Story, recipient: &str) -> Vec<String> {
    let rows = story.paper.rows.iter().filter(|row| row.notice.state == NoticeState::Accepted);
    let mut rows: Vec<&Row> = rows.filter(|row| key(&row.notice.recipient) == recipient).collect();
    rows.sort_by_key(|row| row.changed);
    let words = |row: &&Row| {
        let Notice { kind, incident, .. } = &row.notice;
        format!("{} {incident} {}", kind.as_str(), row.changed.as_millis() / MINUTE)
    };
    rows.iter().map(words).collect()
}

fn to_managers() -> Story {
    Story { staff: Vec::new(), ..Story::new() }
}

#[test]
fn after_hours_without_a_mail_server_an_hour_brings_no_more_than_it_may() {
    let mut story = Story { routing: Routing::default().capped(4), ..to_managers() };
    story.maintenance = vec![window(0, 300, &["A"])];
    // Three are planned for the end of planned work, when the hour has room for them …
    for incident in ["1", "2", "3"] {
        story.tell(&event(incident, 10, &["A"]));
    }
    story.maintenance.clear();
    // … and three others wait because nothing leaves.
    story.paper.is_cut_off = true;
    for incident in ["4", "5", "6", "7"] {
        story.tell(&event(incident, 200, &["A"]));
    }
    story.ticks(at(299));
    story.paper.is_cut_off = false;
    story.ticks(at(300));
    let all = left_to(&story, "a@a.example");
    assert_eq!(all[..3], ["opening 4 300", "opening 5 300", "opening 6 300"], "those that were due first");
    assert!(all.len() == 4 && all[3].starts_with("digest "), "one place is the digest's: {all:?}");
    let said: usize = story.paper.digests.values().map(|digest| digest.lines.len()).sum();
    assert_eq!(said, 4, "all that the hour had no room for is in it");
    for minutes in (305..=360).step_by(5) {
        story.ticks(at(minutes));
    }
    assert_eq!(left_to(&story, "a@a.example"), all);
}

#[test]
fn what_somebody_approves_counts_when_it_leaves() {
    let approval = PracticeNotices::AfterApproval;
    let mut story = Story { practices: approval, routing: Routing::default().capped(3), ..to_managers() };
    let incidents = ["1", "2", "3", "4"];
    for (minutes, incident) in (0..).zip(incidents) {
        story.tell(&event(incident, minutes, &["A"]));
    }
    for incident in incidents {
        assert!(story.approve(incident, at(200)).is_some());
    }
    assert_eq!(left_to(&story, "a@a.example"), ["opening 1 200", "opening 2 200"]);
    story.ticks(at(210));
    assert_eq!(left_to(&story, "a@a.example").len(), 3, "and a digest of the others");
}

#[test]
fn what_is_approved_while_it_is_muted_is_told_when_the_mute_ends() {
    let mut story = Story { practices: PracticeNotices::AfterApproval, ..to_managers() };
    story.tell(&event("1", 0, &["A"]));
    mute(&mut story, Muted::Incident { id: "1".to_owned() }, 1, 60);
    assert!(story.approve("1", at(5)).is_some());
    story.ticks(at(59));
    assert_eq!(left_to(&story, "a@a.example"), [""; 0]);
    story.restart(at(59));
    story.ticks(at(60));
    assert_eq!(left_to(&story, "a@a.example"), ["opening 1 60"]);
    story.tell(&resolved("1", 70, Reason::Recovered));
    assert_eq!(left_to(&story, "a@a.example"), ["opening 1 60", "back 1 70"]);
}

#[test]
fn what_was_planned_before_a_mute_and_is_due_during_it_is_kept() {
    let mut story = Story { maintenance: vec![window(0, 30, &["A"])], ..to_managers() };
    story.tell(&event("1", 0, &["A"]));
    mute(&mut story, Muted::Practice { id: "A".to_owned() }, 10, 60);
    story.ticks(at(40));
    assert_eq!(left_to(&story, "a@a.example"), [""; 0]);
    story.tell(&resolved("1", 50, Reason::Recovered));
    story.ticks(at(60));
    assert_eq!(left_to(&story, "a@a.example"), [""; 0], "it was never told, so there is no end");
}

#[test]
fn planned_work_goes_on_after_a_mute() {
    let mut story = Story { maintenance: vec![window(0, 90, &["A"])], ..to_managers() };
    mute(&mut story, Muted::Practice { id: "A".to_owned() }, 0, 200);
    story.tell(&event("1", 0, &["A"]));
    assert!(story.ledger.end_mute(1, at(30)).is_some());
    story.ticks(at(30));
    story.ticks(at(89));
    assert_eq!(left_to(&story, "a@a.example"), [""; 0]);
    story.ticks(at(90));
    assert_eq!(left_to(&story, "a@a.example"), ["opening 1 90"]);
}

#[test]
fn a_mute_of_an_incident_goes_on_with_it() {
    for restarts in [false, true] {
        let mut story = to_managers();
        story.tell(&event("1", 0, &["A"]));
        mute(&mut story, Muted::Incident { id: "2".to_owned() }, 1, 100);
        story.tell(&event("2", 2, &["B"]));
        let merged = Event { into: Some("1".to_owned()), ..resolved("2", 5, Reason::Merged) };
        story.tell(&merged);
        if restarts {
            story.restart(at(6));
        }
        assert_eq!(story.ledger.mutes()[0].muted, Muted::Incident { id: "1".to_owned() }, "and is listed so");
        story.tell(&changed("1", 7, &["A", "B", "C"]));
        story.ticks(at(99));
        assert_eq!(left_to(&story, "b@b.example"), [""; 0]);
        assert_eq!(left_to(&story, "c@c.example"), [""; 0]);
        story.ticks(at(100));
        assert_eq!(left_to(&story, "c@c.example"), ["opening 1 100"]);
    }
}

#[test]
fn whoever_knows_the_one_incident_hears_the_end_though_the_other_was_kept_from_them() {
    let mut story = to_managers();
    story.tell(&event("1", 0, &["A"]));
    mute(&mut story, Muted::Incident { id: "2".to_owned() }, 1, 1000);
    story.tell(&event("2", 2, &["A"]));
    let merged = Event { into: Some("2".to_owned()), ..resolved("1", 5, Reason::Merged) };
    story.tell(&merged);
    story.tell(&resolved("2", 9, Reason::Recovered));
    assert_eq!(left_to(&story, "a@a.example"), ["opening 1 0", "back 2 9"]);
}

#[test]
fn whose_second_opening_is_refused_hears_no_end() {
    // The first was kept, and told later under another id.
    let mut story = to_managers();
    mute(&mut story, Muted::Practice { id: "A".to_owned() }, 0, 60);
    story.tell(&event("1", 1, &["A"]));
    story.paper.refuses.insert("a@a.example".to_owned());
    story.ticks(at(60));
    assert_eq!(story.ledger.refused("1"), ["A"]);
    story.restart(at(61));
    assert_eq!(story.ledger.refused("1"), ["A"], "also after a restart");
    story.paper.refuses.clear();
    story.tell(&resolved("1", 70, Reason::Recovered));
    assert_eq!(left_to(&story, "a@a.example"), [""; 0]);
}

#[test]
fn what_was_to_follow_a_refused_opening_is_called_back() {
    let mut story = to_managers();
    story.paper.is_cut_off = true;
    story.tell(&event("1", 0, &["A"]));
    story.tell(&resolved("1", 9, Reason::Recovered));
    story.paper.refuses.insert("a@a.example".to_owned());
    story.paper.is_cut_off = false;
    story.ticks(at(10));
    let states: Vec<&str> = story.paper.rows.iter().map(|row| row.notice.state.as_str()).collect();
    assert_eq!(states, ["rejected", "withheld"]);
}

#[test]
fn staff_whose_mail_was_refused_are_written_to_again_and_the_clock_runs_on() {
    let mut story = Story::new();
    let after = Duration::from_mins(15);
    story.escalation =
        vec![EscalationStep { after, to: vec!["boss@icb.example".to_owned()], roles: Vec::new() }];
    story.paper.refuses.insert("desk@icb.example".to_owned());
    story.tell(&event("1", 0, &["A"]));
    story.reminds(at(15));
    assert_eq!(left_to(&story, "boss@icb.example"), ["escalation 1 15"], "nobody else has heard");
    story.paper.refuses.clear();
    story.tell(&changed("1", 20, &["A", "B"]));
    assert_eq!(left_to(&story, "desk@icb.example"), ["opening 1 20"]);
    story.tell(&resolved("1", 30, Reason::Recovered));
    assert_eq!(left_to(&story, "desk@icb.example"), ["opening 1 20", "back 1 30"]);
}

#[test]
fn a_letter_that_left_late_promises_from_when_it_left() {
    let mut story = to_managers();
    story.paper.is_cut_off = true;
    story.tell(&event("1", MONDAY_TEN, &["A"]));
    story.reminds(at(MONDAY_TEN + 61));
    story.reminds(at(MONDAY_TEN + 122));
    assert_eq!(story.paper.rows.len(), 1, "one that waits is enough");
    story.paper.is_cut_off = false;
    story.ticks(at(MONDAY_TEN + 130));
    for restarts in [false, true] {
        if restarts {
            story.restart(at(MONDAY_TEN + 131));
        }
        let (ledger, rules) = (&story.ledger, story.rules());
        assert_eq!(ledger.next_reminder(&rules), Some(at(MONDAY_TEN + 190)));
    }
}

#[test]
fn planned_work_at_one_of_several_suspects_hushes_up_nothing() {
    let either = |minutes| {
        let mut either = event("1", minutes, &["A"]);
        either.cause.push(Cause { kind: "carrier".to_owned(), id: "bt".to_owned() });
        either
    };
    let mut story = Story { maintenance: vec![window(-10, 30, &["fw"])], ..to_managers() };
    story.tell(&either(0));
    assert_eq!(left_to(&story, "a@a.example"), ["opening 1 0"], "it may be the carrier");
    let mut story = Story { maintenance: vec![window(-10, 30, &["fw", "bt"])], ..to_managers() };
    story.tell(&either(0));
    assert_eq!(left_to(&story, "a@a.example"), [""; 0]);
}

#[test]
fn a_digest_counts_what_it_does_not_name_also_after_a_restart() {
    let terms = Terms { hours: Some(working()), ..Terms::default() };
    for restarts in [false, true] {
        let mut story =
            Story { routing: Routing::default().with("a@a.example", terms.clone()), ..to_managers() };
        let night = MONDAY_TEN + 12 * 60;
        let many = i64::try_from(limits::DIGEST_KEPT_MAX).expect("few") + 7;
        for number in 0..many {
            let incident = number.to_string();
            story.tell(&event(&incident, night, &["A"]));
            story.tell(&resolved(&incident, night, Reason::Recovered));
        }
        if restarts {
            story.restart(at(night + 1));
        }
        story.paper.is_cut_off = true;
        story.ticks(at(night + 12 * 60));
        if restarts {
            story.restart(at(night + 12 * 60 + 1));
        }
        let digest = story.paper.digests.keys().next().expect("one");
        let said = story.ledger.digest(digest).expect("it waits");
        let named = i64::try_from(said.lines.len()).expect("few");
        assert_eq!((named + i64::from(said.unnamed), said.lines.len()), (many, limits::DIGEST_LINES_MAX));
    }
}

/// A cap of two, an incident that is known, and one that is over before anybody hears of it: a digest tells of both.
fn with_an_end_in_a_digest() -> (Story, String) {
    let mut story = Story { routing: Routing::default().capped(2), ..to_managers() };
    story.tell(&event("1", MONDAY_TEN, &["A"]));
    story.tell(&event("2", MONDAY_TEN + 1, &["A"]));
    story.tell(&resolved("1", MONDAY_TEN + 2, Reason::Recovered));
    story.tell(&resolved("2", MONDAY_TEN + 3, Reason::Recovered));
    story.paper.is_cut_off = true;
    story.ticks(at(MONDAY_TEN + 12));
    let digest = story.paper.digests.keys().next().expect("one").clone();
    story.paper.is_cut_off = false;
    (story, digest)
}

#[test]
fn an_end_in_a_digest_that_was_refused_is_told_in_the_next_and_only_once_more() {
    for restarts in [false, true] {
        let (mut story, _) = with_an_end_in_a_digest();
        story.paper.refuses.insert("a@a.example".to_owned());
        story.ticks(at(MONDAY_TEN + 13));
        assert_eq!(left_to(&story, "a@a.example"), [format!("opening 1 {MONDAY_TEN}")]);
        if restarts {
            story.restart(at(MONDAY_TEN + 14));
        }
        story.paper.refuses.clear();
        for minutes in (15..180).step_by(5) {
            story.ticks(at(MONDAY_TEN + minutes));
        }
        let all = left_to(&story, "a@a.example");
        assert!(all.len() == 2 && all[1].starts_with("back 1 "), "by itself, as it is one: {all:?}");
        let lying = story.paper.rows.iter().find(|row| !row.notice.state.is_final());
        assert!(lying.is_none(), "{lying:?}");

        // Where the second is refused as well, that is the end of it.
        let (mut story, _) = with_an_end_in_a_digest();
        story.paper.refuses.insert("a@a.example".to_owned());
        for minutes in (13..400).step_by(5) {
            story.ticks(at(MONDAY_TEN + minutes));
            if restarts {
                story.restart(at(MONDAY_TEN + minutes));
            }
        }
        let ends = story
            .paper
            .rows
            .iter()
            .filter(|row| row.notice.kind == NoticeKind::Back && row.notice.incident == "1");
        assert!(
            ends.clone().count() <= 3 && ends.clone().all(|row| row.notice.state.is_final()),
            "{:?}",
            ends.collect::<Vec<_>>()
        );
    }
}

#[test]
fn whose_digest_was_refused_is_named_to_staff_and_hears_no_end_of_what_they_never_heard_of() {
    for restarts in [false, true] {
        let mut story = Story { routing: Routing::default().capped(1), ..to_managers() };
        for incident in ["1", "2"] {
            story.tell(&event(incident, MONDAY_TEN, &["A"]));
        }
        story.paper.refuses.insert("a@a.example".to_owned());
        story.ticks(at(MONDAY_TEN + 11));
        if restarts {
            story.restart(at(MONDAY_TEN + 12));
        }
        assert_eq!(
            (story.ledger.refused("1"), story.ledger.refused("2")),
            (vec!["A".to_owned()], vec!["A".to_owned()])
        );
        story.paper.refuses.clear();
        story.tell(&resolved("1", MONDAY_TEN + 100, Reason::Recovered));
        assert_eq!(left_to(&story, "a@a.example"), [""; 0]);
    }
}

#[test]
fn a_digest_that_came_back_says_what_still_holds() {
    let (mut story, digest) = with_an_end_in_a_digest();
    story.ticks(at(MONDAY_TEN + 13));
    assert_eq!(story.ledger.digest(&digest), None, "it was taken");
    let row = |story: &Story| {
        story.paper.rows.iter().find(|row| row.notice.id == digest).expect("it").notice.clone()
    };
    let told = |story: &Story| -> Vec<Row> {
        let is_in = |row: &&Row| row.notice.state.why().and_then(digest_of) == Some(&*digest);
        story.paper.rows.iter().filter(is_in).cloned().collect()
    };
    let (notice, rows) = (row(&story), told(&story));
    assert!(story.ledger.take_back(&notice, rows.clone()));
    let said = story.ledger.digest(&digest).expect("it is known again");
    let lines: Vec<(&str, Became)> =
        said.lines.iter().map(|line| (line.event.incident.as_str(), line.what)).collect();
    assert_eq!(lines, [("1", Became::Over), ("2", Became::CameAndWent)]);
    assert_eq!(said.ends.len(), 1);
    // It began anew, and they know: that it was over is no news.
    story.tell(&event("1", MONDAY_TEN + 300, &["A"]));
    assert!(story.ledger.take_back(&notice, rows));
    let said = story.ledger.digest(&digest).expect("it is known again");
    assert_eq!(said.lines.len(), 1, "{said:?}");
}
