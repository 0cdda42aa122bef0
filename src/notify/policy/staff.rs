//! What ICB staff are told: those who hear of everything, those who hear of what their role is told of ([`super::routing::Duty`]), and
//! those whom they were escalated to ([`super::escalation`]). Whoever was told hears of all that follows, though it may no longer be
//! what their role is told of: who has heard of a beginning shall hear of the end, and of what it proved to be.

use std::collections::BTreeSet;

use super::escalation::thread_of;
use super::record::{Record, Staff, unsent};
use super::{Plan, Rules, covered_until, key, notice};
use crate::incident::{Event, EventKind, Reason};
use crate::limits;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// Follows an incident from its opening to its end.
pub(super) fn follow(record: &mut Record, event: &Event, rules: &Rules<'_>, plan: &mut Plan) {
    if event.event == EventKind::Resolved {
        end(record, event, plan);
        return;
    }
    let all = rules.staff.iter().map(|address| (address.as_str(), Audience::Staff));
    let mut heard = BTreeSet::new();
    for (address, audience) in all.chain(rules.routing.on_duty(event, rules.estate)) {
        // Who is on the list, or holds another role that is told, is told already.
        if !heard.insert(key(address)) {
            continue;
        }
        match record.staff.remove(&key(address)) {
            None => open(record, event, address, audience, rules, plan),
            // The opening still waits for planned work to end: it shall tell of the latest.
            Some(staff) if is_untold(&staff.opening, event.at) => {
                plan.withdrawn.push((staff.opening, REPLACED.to_owned()));
                open(record, event, address, audience, rules, plan);
            }
            Some(staff) => update(record, staff, event, address, plan),
        }
    }
    let is_role = |staff: &Staff| matches!(staff.opening.audience, Audience::Role { .. });
    let others: Vec<String> = record
        .staff
        .iter()
        .filter(|(to, staff)| record.escalated.contains_key(*to) || is_role(staff))
        .map(|(to, _)| to.clone())
        .filter(|to| !heard.contains(to))
        .collect();
    for key in others {
        let Some(staff) = record.staff.remove(&key) else { continue };
        if is_untold(&staff.opening, event.at) {
            plan.withdrawn.push((staff.opening, NOT_THEIRS.to_owned()));
            continue;
        }
        let address = staff.opening.recipient.clone();
        update(record, staff, event, &address, plan);
    }
}

/// Whether the opening waits for planned work to end. An escalation never does: it is planned when it is due, by a clock that may be a
/// little ahead of the events'.
fn is_untold(opening: &Notice, at: At) -> bool {
    opening.kind == NoticeKind::Opening && unsent(opening, at)
}

const REPLACED: &str = "a newer notice takes its place";
const NOT_THEIRS: &str = "it is no longer what the recipient's role is told of";

fn open(
    record: &mut Record,
    event: &Event,
    address: &str,
    audience: Audience,
    rules: &Rules<'_>,
    plan: &mut Plan,
) {
    let mut opening = notice(event, NoticeKind::Opening, audience, address);
    opening.due = covered_until(event, &event.practices, rules.maintenance);
    let staff = Staff { opening: opening.clone(), latest: opening.clone(), cause: event.cause.clone() };
    record.staff.insert(key(address), staff);
    plan.notices.push(opening);
}

fn update(record: &mut Record, staff: Staff, event: &Event, address: &str, plan: &mut Plan) {
    let mut update = notice(event, NoticeKind::Update, staff.opening.audience.clone(), address);
    update.thread = Some(thread_of(&staff.opening));
    let waits = staff.latest.kind == NoticeKind::Update && unsent(&staff.latest, event.at);
    update.due = if staff.cause != event.cause {
        event.at
    } else if waits {
        staff.latest.due
    } else {
        event.at.max(staff.latest.due + limits::STAFF_UPDATE_EVERY)
    };
    if waits {
        plan.withdrawn.push((staff.latest, REPLACED.to_owned()));
    }
    let staff = Staff { opening: staff.opening, latest: update.clone(), cause: event.cause.clone() };
    record.staff.insert(key(address), staff);
    plan.notices.push(update);
}

/// The incident goes on as another. Whoever is told of everything is told of that one as well; whoever heard of this one because of a
/// role, and not of that one, goes on hearing of it there.
pub(super) fn merge(record: &Record, survivor: &mut Record, event: &Event, plan: &mut Plan) {
    for (key, staff) in &record.staff {
        let is_role = matches!(staff.opening.audience, Audience::Role { .. });
        if !is_role || is_untold(&staff.opening, event.at) || survivor.staff.contains_key(key) {
            continue;
        }
        let mut inherited =
            notice(event, NoticeKind::Inherited, staff.opening.audience.clone(), &staff.opening.recipient);
        // The letter that says that the one incident is over has the same id otherwise.
        inherited.id.push_str(".i");
        inherited.incident.clone_from(&survivor.event.incident);
        inherited.thread = Some(thread_of(&staff.opening));
        inherited.state =
            NoticeState::Withheld { why: format!("incident {} said it already", event.incident) };
        survivor.heard.entry(key.clone()).or_insert(event.at);
        let (opening, latest, cause) = (inherited.clone(), inherited.clone(), survivor.event.cause.clone());
        survivor.staff.insert(key.clone(), Staff { opening, latest, cause });
        plan.notices.push(inherited);
    }
}

/// The end goes to everybody who was told, whoever is on the list now.
fn end(record: &mut Record, event: &Event, plan: &mut Plan) {
    let kind = match event.reason {
        Some(Reason::Withdrawn) => NoticeKind::Correction,
        Some(Reason::Merged) => NoticeKind::Update,
        Some(Reason::Recovered) | None => NoticeKind::Back,
    };
    for staff in std::mem::take(&mut record.staff).into_values() {
        if is_untold(&staff.opening, event.at) {
            plan.withdrawn.push((staff.opening, "it was over before it was sent".to_owned()));
            continue;
        }
        let mut end = notice(event, kind, staff.opening.audience.clone(), &staff.opening.recipient);
        end.thread = Some(thread_of(&staff.opening));
        if staff.latest.kind == NoticeKind::Update && unsent(&staff.latest, event.at) {
            plan.withdrawn.push((staff.latest, REPLACED.to_owned()));
        }
        plan.notices.push(end);
    }
}
