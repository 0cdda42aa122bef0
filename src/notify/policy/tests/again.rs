//! What comes and goes: whoever has had both letters hears nothing more, whoever they are.

use super::always::{beside, houses, letters, played, same_rows};
use super::pace::{MONDAY_TEN, circles, mute, working};
use super::*;
use crate::notify::policy::mute::Muted;
use crate::notify::policy::routing::Terms;

const BOSS: &str = "boss@icb.example";
const DESK: &str = "desk@icb.example";

fn at(minutes: i64) -> At {
    At::from_millis(minutes * MINUTE)
}

/// Managers, a network, an owner, staff, and a boss who is told after a quarter of an hour.
fn everybody() -> Story {
    let escalation =
        vec![EscalationStep { after: Duration::from_mins(15), to: vec![BOSS.to_owned()], roles: Vec::new() }];
    Story { escalation, staff: vec![DESK.to_owned()], ..circles() }
}

/// What left to each, as kinds in order.
fn kinds(story: &Story) -> BTreeMap<String, Vec<&'static str>> {
    let mut rows: Vec<&Row> =
        story.paper.rows.iter().filter(|row| row.notice.state == NoticeState::Accepted).collect();
    rows.sort_by_key(|row| row.changed);
    let mut kinds: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for row in rows {
        kinds.entry(key(&row.notice.recipient)).or_default().push(row.notice.kind.as_str());
    }
    kinds
}

#[test]
fn what_begins_anew_soon_is_told_again_to_staff_alone() {
    for restarts in [false, true] {
        let mut story = everybody();
        for from in [MONDAY_TEN, MONDAY_TEN + 60] {
            story.tell(&event("1", from, &["A"]));
            if restarts {
                story.restart(at(from + 1));
            }
            story.reminds(at(from + 15));
            story.tell(&resolved("1", from + 20, Reason::Recovered));
            if restarts {
                story.restart(at(from + 21));
            }
        }
        let kinds = kinds(&story);
        for both in ["a@a.example", "pcn@east.example", "team@icb.example"] {
            assert_eq!(kinds[both], ["opening", "back"], "{both}");
        }
        assert_eq!(kinds[BOSS], ["escalation", "back"]);
        assert_eq!(kinds[DESK], ["opening", "back", "opening", "back"]);
    }
}

#[test]
fn what_begins_anew_after_two_hours_is_news_to_everybody_also_after_a_restart() {
    for restarts in [false, true] {
        let mut story = everybody();
        let later = MONDAY_TEN + 20 + 120;
        story.tell(&event("1", MONDAY_TEN, &["A"]));
        story.reminds(at(MONDAY_TEN + 15));
        story.tell(&resolved("1", MONDAY_TEN + 20, Reason::Recovered));
        // Other practices first, and then those that had both letters.
        story.tell(&event("1", later, &["C"]));
        if restarts {
            story.restart(at(later + 1));
        }
        story.tell(&changed("1", later + 5, &["A", "C"]));
        story.reminds(at(later + 15));
        let kinds = kinds(&story);
        for anew in ["a@a.example", "pcn@east.example", "team@icb.example"] {
            assert_eq!(kinds[anew], ["opening", "back", "opening"], "{anew}, restarts: {restarts}");
        }
        assert_eq!(kinds[BOSS], ["escalation", "back", "escalation"]);
    }
}

/// Nobody believes for days that it is over when it isn't: while it is open, and after it was over.
#[test]
fn who_had_both_letters_is_told_when_it_hits_them_for_two_hours_on_end() {
    for (is_open, restarts) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut story = everybody();
        let tell = |story: &mut Story, event: &Event| {
            story.tell(event);
            if restarts {
                story.restart(event.at);
            }
        };
        tell(&mut story, &event("1", MONDAY_TEN, &["A"]));
        story.reminds(at(MONDAY_TEN + 15));
        for begun in [MONDAY_TEN + 60, MONDAY_TEN + 120] {
            let (over, again) = if is_open {
                // A is back while others aren't, and is hit again.
                (changed("1", begun - 40, &["D"]), changed("1", begun, &["A", "D"]))
            } else {
                (resolved("1", begun - 40, Reason::Recovered), event("1", begun, &["A"]))
            };
            tell(&mut story, &over);
            tell(&mut story, &again);
        }
        let begun = MONDAY_TEN + 120;
        story.reminds(at(begun + 119));
        assert_eq!(kinds(&story)["a@a.example"], ["opening", "back"]);
        story.reminds(at(begun + 121));
        story.tell(&resolved("1", begun + 300, Reason::Recovered));
        let kinds = kinds(&story);
        let told = |who: &str| {
            let not_update = kinds[who].iter().filter(|kind| **kind != "update").copied();
            not_update.collect::<Vec<_>>()
        };
        assert_eq!(told("a@a.example"), ["opening", "back", "opening", "back"], "{is_open} {restarts}");
        if !is_open {
            assert_eq!(told("pcn@east.example"), ["opening", "back", "opening", "back"]);
            assert_eq!(told("team@icb.example"), ["opening", "back", "opening", "back"]);
            assert_eq!(told(BOSS), ["escalation", "back", "escalation", "back"]);
        }
    }
}

#[test]
fn what_waits_with_its_end_is_no_letter_that_tells_again() {
    let (estate, staff, routing) = (estate(), Vec::new(), Routing::default());
    let rules = Rules {
        estate: &estate,
        staff: &staff,
        practices: PracticeNotices::Auto,
        maintenance: &[],
        mail: true,
        update_every: None,
        escalation: &[],
        routing: &routing,
    };
    let mut ledger = Ledger::default();
    let plan = |ledger: &mut Ledger, event: &Event| ledger.plan(event, &rules).notices;
    // No mail server can be used, and both letters wait.
    let opening = plan(&mut ledger, &event("1", 0, &["A"])).remove(0);
    let end = plan(&mut ledger, &resolved("1", 20, Reason::Recovered)).remove(0);
    assert!(!ledger.is_told_again(&opening) && !ledger.is_told_again(&end));
    for letter in [&opening, &end] {
        assert_eq!(ledger.leaves(letter, &event("1", 0, &["A"]), at(20), &rules), MayLeave::Now);
        ledger.accepted(letter);
    }
    assert_eq!(plan(&mut ledger, &event("1", 60, &["A"])), []);
    let again = ledger.remind(at(60 + 121), &rules).remove(0).notices.remove(0);
    assert!(ledger.is_told_again(&again), "they had been told that it was over");
    let end = plan(&mut ledger, &resolved("1", 240, Reason::Recovered)).remove(0);
    assert!(ledger.is_told_again(&again) && ledger.is_told_again(&end), "though it is over once more");
}

#[test]
fn whoever_has_heard_nothing_yet_is_told_when_it_begins_anew() {
    let night = MONDAY_TEN + 12 * 60;
    for restarts in [false, true] {
        let terms = Terms { hours: Some(working()), ..Terms::default() };
        let routing = ["a@a.example", "pcn@east.example", "team@icb.example"]
            .into_iter()
            .fold(circles().routing, |routing, address| routing.with(address, terms.clone()));
        let mut story = Story { routing, ..everybody() };
        story.tell(&event("1", night, &["A"]));
        story.tell(&resolved("1", night + 30, Reason::Recovered));
        if restarts {
            story.restart(at(night + 31));
        }
        story.tell(&event("1", night + 60, &["A"]));
        story.ticks(at(MONDAY_TEN + 22 * 60));
        let kinds = kinds(&story);
        for told in ["a@a.example", "pcn@east.example", "team@icb.example"] {
            assert_eq!(kinds[told], ["opening"], "{told} hears in the morning that it goes on");
        }
    }
}

#[test]
fn what_is_muted_when_it_first_comes_and_goes_is_told_when_it_begins_anew() {
    let mut story = everybody();
    mute(&mut story, Muted::Incident { id: "1".to_owned() }, 0, MONDAY_TEN + 30);
    story.tell(&event("1", MONDAY_TEN, &["A"]));
    story.tell(&resolved("1", MONDAY_TEN + 20, Reason::Recovered));
    story.tell(&event("1", MONDAY_TEN + 40, &["A"]));
    let kinds = kinds(&story);
    for told in ["a@a.example", "pcn@east.example", "team@icb.example"] {
        assert_eq!(kinds[told], ["opening"], "{told}");
    }
}

#[test]
fn who_looks_after_it_hears_whose_it_is_in_between_and_of_one_end() {
    for restarts in [false, true] {
        let mut story = Story { escalation: Vec::new(), ..everybody() };
        let elsewhere = |minutes: i64| {
            let mut elsewhere = changed("1", minutes, &["A"]);
            elsewhere.cause[0].id = "other".to_owned();
            elsewhere
        };
        let kinds_after = |story: &mut Story, event: &Event| {
            story.tell(event);
            if restarts {
                story.restart(event.at);
            }
            kinds(story).remove("team@icb.example").unwrap_or_default()
        };
        assert_eq!(kinds_after(&mut story, &event("1", 0, &["A"])), ["opening"]);
        assert_eq!(kinds_after(&mut story, &elsewhere(20)), ["opening", "update"]);
        // What is somebody else's goes on without them.
        let mut slow = elsewhere(31);
        slow.signature = Signature::Slow;
        assert_eq!(kinds_after(&mut story, &slow).len(), 2);
        let again = kinds_after(&mut story, &changed("1", 42, &["A"]));
        assert_eq!(again, ["opening", "update", "update"], "a supplier must know that it is theirs again");
        story.tell(&elsewhere(60));
        let mut end = resolved("1", 70, Reason::Recovered);
        end.cause[0].id = "other".to_owned();
        let all = kinds_after(&mut story, &end);
        assert_eq!(all.last(), Some(&"correction"), "it wasn't theirs at last");
        assert_eq!(all.iter().filter(|kind| **kind != "update").count(), 2, "{all:?}");
    }
}

#[test]
fn while_it_flaps_neither_a_network_nor_an_owner_hears_of_changes() {
    let mut story = everybody();
    let flapping = |minutes: i64, practices: &[&str]| Event {
        signature: Signature::Flapping,
        ..changed("1", minutes, practices)
    };
    story.tell(&event("1", 0, &["A"]));
    story.tell(&flapping(20, &["A"]));
    story.tell(&flapping(40, &["A", "B"]));
    story.tell(&resolved("1", 60, Reason::Recovered));
    let kinds = kinds(&story);
    assert_eq!(kinds["pcn@east.example"], ["opening", "back"]);
    assert_eq!(kinds["team@icb.example"], ["opening", "back"]);
    assert!(kinds[DESK].contains(&"update"), "staff want to know");
}

/// One incident that begins and ends again and again, never over for two hours (what is a minute here lasts seven).
fn flapping() -> impl Strategy<Value = Vec<Event>> {
    let step = (0..3_u8, proptest::collection::vec(0..6_usize, 0..5), 1..15_i64, 0..4_u8, any::<bool>());
    proptest::collection::vec(step, 1..40).prop_map(|steps| {
        let names = ["A", "B", "C", "D", "E", "F"];
        let (mut clock, mut is_open) = (0, false);
        let happens = |(what, practices, minutes, cause, withdrawn)| {
            clock += minutes;
            let practices: Vec<usize> = practices;
            let practices: Vec<&str> = practices.iter().map(|ix| names[*ix]).collect();
            let reason = if withdrawn { Reason::Withdrawn } else { Reason::Recovered };
            let mut happens = match (is_open, what) {
                (false, _) => event("1", clock, &practices),
                (true, 0 | 1) => resolved("1", clock, reason),
                (true, _) => changed("1", clock, &practices),
            };
            is_open = happens.event != EventKind::Resolved;
            if cause == 0 {
                happens.cause[0].id = "other".to_owned();
            }
            happens
        };
        steps.into_iter().map(happens).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Whatever comes and goes, with restarts, refusals, mutes, hours, caps and mail servers that are away: one beginning and one end to
    /// each, and once more where it lasted.
    #[test]
    fn under_flapping_nobody_but_staff_has_more_than_one_beginning_and_one_end(
        mut story in houses(), events in flapping(), beside in proptest::collection::vec(beside(), 1..12),
    ) {
        played(&mut story, &events, &beside, true);
        let mut rows: Vec<&Row> =
            story.paper.rows.iter().filter(|row| row.notice.state == NoticeState::Accepted).collect();
        rows.sort_by_key(|row| row.changed);
        // By when somebody had heard of a beginning or an end: the next beginning is at least two hours after both.
        let mut heard: BTreeMap<(String, String), At> = BTreeMap::new();
        for Row { notice, .. } in rows.into_iter().filter(|row| key(&row.notice.recipient) != DESK) {
            let recipient = key(&notice.recipient);
            let before = heard.get(&(notice.audience.who(), recipient.clone())).copied();
            match notice.kind {
                NoticeKind::Opening | NoticeKind::Escalation => {
                    let lasts = before.is_none_or(|before| before + limits::NOTICE_LASTS <= notice.due);
                    let said = || letters(&story.paper.rows, &recipient);
                    prop_assert!(lasts, "{} began too often: {:#?}", notice.id, said());
                }
                NoticeKind::Back | NoticeKind::Correction => {}
                NoticeKind::Update | NoticeKind::Digest | NoticeKind::Inherited => continue,
            }
            heard.insert((notice.audience.who(), recipient), notice.event_at);
        }
    }

    #[test]
    fn under_flapping_a_restart_changes_nothing(
        story in houses(), events in flapping(), beside in proptest::collection::vec(beside(), 1..12),
    ) {
        same_rows(&story, &events, &beside)?;
    }
}
