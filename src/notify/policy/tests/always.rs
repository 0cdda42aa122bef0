//! Whatever happens, whoever was told is told of the end, once; nobody else is; no hour brings more than it may; and a restart changes
//! nothing. As properties, over the real queue: mail servers that are away, refusals, mutes, hours, caps, approvals and restarts.

use proptest::sample::subsequence;

use super::pace::{MONDAY_TEN, circles, mute, working};
use super::*;
use crate::notify::policy::mute::Muted;
use crate::notify::policy::routing::Terms;
use crate::notify::policy::severity::Severity;

fn at(minutes: i64) -> At {
    At::from_millis(minutes * MINUTE)
}

/// What became of each letter to somebody.
pub(super) fn letters(rows: &[Row], recipient: &str) -> Vec<String> {
    let theirs = rows.iter().filter(|row| key(&row.notice.recipient) == key(recipient));
    let words = |row: &Row| {
        let Notice { id, kind, state, due, .. } = &row.notice;
        format!("{id} {} due {due} is {state:?} since {}", kind.as_str(), row.changed)
    };
    theirs.map(words).collect()
}

/// What happens beside the events.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    /// No mail leaves until the next.
    cut_off: bool,
    /// Of the recipients, those whose mail is refused until the next.
    refused: Vec<&'static str>,
    /// What is muted, and for how many minutes.
    mute: Option<(u8, i64)>,
    approve: bool,
    restart: bool,
}

const MANAGERS: [&str; 3] = ["a@a.example", "shared@e.example", "pcn@east.example"];

pub(super) fn beside() -> impl Strategy<Value = Beside> {
    let mute = proptest::option::weighted(0.2, (0..4_u8, 1..300_i64));
    let refused = prop_oneof![4 => Just(Vec::new()), 1 => subsequence(MANAGERS.to_vec(), 1..=2)];
    let odds = (proptest::bool::weighted(0.2), proptest::bool::weighted(0.3), proptest::bool::weighted(0.3));
    (odds, refused, mute).prop_map(|((cut_off, approve, restart), refused, mute)| Beside {
        cut_off,
        refused,
        mute,
        approve,
        restart,
    })
}

pub(super) fn houses() -> impl Strategy<Value = Story> {
    let terms = || {
        (any::<bool>(), 0..4_usize, 0..5_usize).prop_map(|(quiet, least, unless)| Terms {
            hours: quiet.then(working),
            min_severity: Severity::ALL[least.min(2)],
            quiet_unless: Severity::ALL.get(unless).copied(),
        })
    };
    let cap = proptest::option::of(1..6_usize);
    (cap, terms(), terms(), terms(), any::<bool>(), 0..3_usize).prop_map(
        |(cap, a, shared, desk, approval, windows)| {
            let routing = circles().routing.with("a@a.example", a).with("shared@e.example", shared);
            let routing = routing.with("desk@icb.example", desk);
            let routing = cap.map_or(routing.clone(), |cap| routing.capped(cap));
            let after = Duration::from_mins(15);
            let practices = if approval { PracticeNotices::AfterApproval } else { PracticeNotices::Auto };
            let from = MONDAY_TEN;
            let windows = [window(from + 20, from + 260, &["A"]), window(from + 300, from + 430, &[])]
                .into_iter()
                .take(windows)
                .collect();
            let escalation =
                vec![EscalationStep { after, to: vec!["boss@icb.example".to_owned()], roles: Vec::new() }];
            Story { routing, practices, maintenance: windows, escalation, ..Story::new() }
        },
    )
}

/// From five minutes to five minutes, as the desk goes on; then all that is open ends, and four days pass.
pub(super) fn played(story: &mut Story, events: &[Event], beside: &[Beside], restarts: bool) {
    let mut now = MONDAY_TEN;
    let mut go_on = |story: &mut Story, until: i64| {
        while now + 5 <= until {
            now += 5;
            story.reminds(at(now));
            story.ticks(at(now));
        }
    };
    let mut last = MONDAY_TEN;
    for (event, beside) in events.iter().zip(beside.iter().cycle()) {
        last = MONDAY_TEN + event.at.as_millis() / MINUTE * 7;
        go_on(story, last);
        let event = Event { at: at(last), ..event.clone() };
        story.tell(&event);
        if beside.approve {
            story.approve(&event.incident, event.at);
        }
        if let Some((what, minutes)) = beside.mute {
            let is_open = event.event != EventKind::Resolved;
            let muted = match what {
                0 if is_open => Muted::Incident { id: event.incident.clone() },
                1 => Muted::Component { kind: "firewall".to_owned(), id: "fw-0".to_owned() },
                2 => Muted::Practice { id: "A".to_owned() },
                _ => Muted::Practice { id: "E".to_owned() },
            };
            mute(story, muted, last, last + minutes);
        }
        if beside.restart && restarts {
            story.restart(event.at);
        }
        story.paper.is_cut_off = beside.cut_off;
        story.paper.refuses = beside.refused.iter().map(|address| (*address).to_owned()).collect();
    }
    story.paper.is_cut_off = false;
    story.paper.refuses.clear();
    last += 3;
    go_on(story, last);
    for id in story.paper.open.keys().cloned().collect::<Vec<_>>() {
        story.tell(&resolved(&id, last, Reason::Recovered));
    }
    go_on(story, last + 4 * 24 * 60);
}

/// When, in which order, and what.
type Heard = (At, usize, char);

/// By recipient and as whom they are spoken to: what reached them of each fault, in order. `+` a beginning, `-` an end. Incidents that
/// became one are one fault, but for staff, who hear of each.
fn heard(story: &Story, events: &[Event]) -> BTreeMap<(String, String, String), String> {
    let mut into: BTreeMap<&str, &str> = BTreeMap::new();
    for event in events {
        if let Some(other) = &event.into {
            into.insert(&event.incident, other);
        }
    }
    let fault_of = |incident: &str| {
        let mut fault = incident.to_owned();
        while let Some(other) = into.get(fault.as_str()) {
            (*other).clone_into(&mut fault);
        }
        fault
    };
    let rows = &story.paper.rows;
    let by_id: BTreeMap<&str, &Row> = rows.iter().map(|row| (row.notice.id.as_str(), row)).collect();
    let mut heard: BTreeMap<(String, String, String), Vec<Heard>> = BTreeMap::new();
    for (order, row) in rows.iter().enumerate() {
        let notice = &row.notice;
        let is_staff = notice.audience == Audience::Staff;
        if is_staff && notice.kind == NoticeKind::Inherited {
            let key = (notice.incident.clone(), notice.audience.who(), key(&notice.recipient));
            heard.entry(key).or_default().push((notice.due, order, '+'));
            continue;
        }
        let message = match &notice.state {
            NoticeState::Accepted => row,
            NoticeState::Withheld { why } => match digest_of(why).and_then(|digest| by_id.get(digest)) {
                // A letter in the digest's stead speaks for itself.
                Some(digest) if digest.notice.kind == NoticeKind::Digest => digest,
                _ => continue,
            },
            _ => continue,
        };
        if message.notice.state != NoticeState::Accepted {
            continue;
        }
        // That it came and went is all that whoever refused the beginning hears.
        let thread = notice.thread.as_ref().and_then(|thread| by_id.get(thread.as_str()));
        let is_refused = |row: &Row| matches!(row.notice.state, NoticeState::Rejected { .. });
        if message.notice.id != notice.id && thread.is_some_and(|row| is_refused(row)) {
            continue;
        }
        let is_last = notice.event == EventKind::Resolved;
        let sign = match notice.kind {
            NoticeKind::Back | NoticeKind::Correction => '-',
            NoticeKind::Update if is_last => '-',
            NoticeKind::Opening => '+',
            NoticeKind::Escalation if notice.thread.is_none() => '+',
            _ => continue,
        };
        let fault = if is_staff { notice.incident.clone() } else { fault_of(&notice.incident) };
        let key = (fault, notice.audience.who(), key(&notice.recipient));
        heard.entry(key).or_default().push((message.changed, order, sign));
    }
    let in_order = |mut signs: Vec<Heard>| {
        signs.sort_unstable();
        signs.into_iter().map(|(_, _, sign)| sign).collect()
    };
    heard.into_iter().map(|(key, signs)| (key, in_order(signs))).collect()
}

/// Restarts at any points change no letter, and nothing else in the outbox. Only when a letter waits for room in its hour does the next
/// process ask about it anew, and may find it muted a moment sooner: so there is either a cap or there are mutes.
pub(super) fn same_rows(story: &Story, events: &[Event], beside: &[Beside]) -> Result<(), TestCaseError> {
    let mut beside = beside.to_vec();
    if story.routing.per_hour.is_some() {
        for beside in &mut beside {
            beside.mute = None;
        }
    }
    let play = |restarts: bool| {
        let mut story = Story {
            routing: story.routing.clone(),
            practices: story.practices,
            maintenance: story.maintenance.clone(),
            escalation: story.escalation.clone(),
            ..Story::new()
        };
        played(&mut story, events, &beside, restarts);
        (story.paper.rows, story.paper.digests)
    };
    let (one, other) = (play(false), play(true));
    for (row, again) in one.0.iter().zip(&other.0) {
        let who = [&row.notice.recipient, &again.notice.recipient];
        let all = |rows: &[Row]| who.map(|who| letters(rows, who));
        prop_assert!(row == again, "{row:?} {again:?} {:#?} {:#?}", all(&one.0), all(&other.0));
    }
    prop_assert_eq!(one.0.len(), other.0.len());
    prop_assert_eq!(one.1, other.1);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Whoever heard of a beginning hears of the end, once; nobody hears of an end who didn't; nothing is left lying.
    #[test]
    fn whoever_was_told_is_told_of_the_end_and_nobody_else(
        mut story in houses(), events in stories(), beside in proptest::collection::vec(beside(), 1..12),
    ) {
        played(&mut story, &events, &beside, true);
        let refused = |who: &str| {
            story.paper.rows.iter().any(|row| {
                key(&row.notice.recipient) == *who && matches!(row.notice.state, NoticeState::Rejected { .. })
            })
        };
        for ((fault, who, recipient), signs) in heard(&story, &events) {
            // Of two incidents that became one, somebody may have heard of both.
            let is_merged = who != "staff" && events.iter().any(|event| event.into.is_some());
            let mut balance = 0;
            let is_in_order = signs.chars().all(|sign| {
                balance += if sign == '+' { 1 } else { -1 };
                // Who refused the end itself can't have heard it, and hears again what lasts.
                balance >= 0 && (is_merged || refused(&recipient) || balance <= 1)
            });
            let is_sound = is_in_order && (signs.ends_with('-') || refused(&recipient));
            prop_assert!(is_sound, "{who} {recipient} hears {signs} of {fault}: {:#?}", letters(&story.paper.rows, &recipient));
        }
        let lying = story.paper.rows.iter().find(|row| !row.notice.state.is_final());
        prop_assert!(lying.is_none(), "neither told nor let go of: {lying:?}");
    }

    /// Never more than the cap in any hour, by when they really left, and one digest at most.
    #[test]
    fn nobody_gets_more_in_an_hour_than_an_hour_may_bring(
        mut story in houses(), events in stories(), beside in proptest::collection::vec(beside(), 1..12),
    ) {
        played(&mut story, &events, &beside, true);
        let mut left: BTreeMap<String, Vec<(At, bool)>> = BTreeMap::new();
        for row in story.paper.rows.iter().filter(|row| row.notice.state == NoticeState::Accepted) {
            let of = left.entry(key(&row.notice.recipient)).or_default();
            of.push((row.changed, row.notice.kind == NoticeKind::Digest));
        }
        for (who, mut times) in left {
            times.sort_unstable();
            for (from, _) in &times {
                let hour = times.iter().filter(|(at, _)| at >= from && *at < *from + limits::NOTICES_HOUR);
                let digests = hour.clone().filter(|(_, is_digest)| *is_digest).count();
                prop_assert!(digests <= 1, "{who} gets {digests} digests in an hour");
                if let Some(cap) = story.routing.per_hour {
                    prop_assert!(hour.count() <= cap, "{who} gets more than {cap}: {times:?}");
                }
            }
        }
    }

    #[test]
    fn a_restart_changes_nothing(
        story in houses(), events in stories(), beside in proptest::collection::vec(beside(), 1..12),
    ) {
        same_rows(&story, &events, &beside)?;
    }
}
