//! What ICB staff are told, and those whom they were escalated to ([`super::escalation`]), who hear of all that follows.

use super::escalation::thread_of;
use super::record::{Record, Staff, unsent};
use super::{Plan, Rules, covered_until, key, notice};
use crate::incident::{Event, EventKind, Reason};
use crate::limits;
use crate::notify::notice::{Audience, Notice, NoticeKind};
use crate::time::At;

/// Follows an incident from its opening to its end.
pub(super) fn follow(record: &mut Record, event: &Event, rules: &Rules<'_>, plan: &mut Plan) {
    if event.event == EventKind::Resolved {
        end(record, event, plan);
        return;
    }
    for address in rules.staff {
        match record.staff.remove(&key(address)) {
            None => open(record, event, address, rules, plan),
            // The opening still waits for planned work to end: it shall tell of the latest.
            Some(staff) if is_untold(&staff.opening, event.at) => {
                plan.withdrawn.push((staff.opening, REPLACED.to_owned()));
                open(record, event, address, rules, plan);
            }
            Some(staff) => update(record, staff, event, address, plan),
        }
    }
    let is_staff = |recipient: &str| rules.staff.iter().any(|address| key(address) == key(recipient));
    let others: Vec<String> = record.escalated.keys().filter(|to| !is_staff(to)).cloned().collect();
    for key in others {
        if let Some(staff) = record.staff.remove(&key) {
            let address = staff.opening.recipient.clone();
            update(record, staff, event, &address, plan);
        }
    }
}

/// Whether the opening waits for planned work to end. An escalation never does: it is planned when it is due, by a clock that may be a
/// little ahead of the events'.
fn is_untold(opening: &Notice, at: At) -> bool {
    opening.kind == NoticeKind::Opening && unsent(opening, at)
}

const REPLACED: &str = "a newer notice takes its place";

fn open(record: &mut Record, event: &Event, address: &str, rules: &Rules<'_>, plan: &mut Plan) {
    if record.staff.contains_key(&key(address)) {
        return;
    }
    let mut opening = notice(event, NoticeKind::Opening, Audience::Staff, address);
    opening.due = covered_until(event, &event.practices, rules.maintenance);
    let staff = Staff { opening: opening.clone(), latest: opening.clone(), cause: event.cause.clone() };
    record.staff.insert(key(address), staff);
    plan.notices.push(opening);
}

fn update(record: &mut Record, staff: Staff, event: &Event, address: &str, plan: &mut Plan) {
    let mut update = notice(event, NoticeKind::Update, Audience::Staff, address);
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
        let mut end = notice(event, kind, Audience::Staff, &staff.opening.recipient);
        end.thread = Some(thread_of(&staff.opening));
        if staff.latest.kind == NoticeKind::Update && unsent(&staff.latest, event.at) {
            plan.withdrawn.push((staff.latest, REPLACED.to_owned()));
        }
        plan.notices.push(end);
    }
}
