//! What ICB staff are told, and those whom they were escalated to ([`super::escalation`]), who hear of all that follows.

use super::book::Book;
use super::pace::REPLACED;
use super::record::{Record, Staff};
use super::{Plan, Rules, covered_until, key, notice};
use crate::incident::{Event, EventKind, Reason};
use crate::limits;
use crate::notify::notice::{Audience, NoticeKind};

/// Follows an incident from its opening to its end.
pub(super) fn follow(record: &mut Record, event: &Event, book: &Book, rules: &Rules<'_>, plan: &mut Plan) {
    if event.event == EventKind::Resolved {
        end(record, event, book, plan);
        return;
    }
    for address in rules.staff {
        match record.staff.remove(&key(address)) {
            None => open(record, event, address, rules, plan),
            // The opening still waits for planned work to end: it shall tell of the latest.
            Some(staff) if is_untold(&staff, event, book) => {
                plan.withdraws(book.recallable(&staff.opening, event.at), REPLACED);
                open(record, event, address, rules, plan);
            }
            Some(staff) => update(record, staff, event, address, book, plan),
        }
    }
    let is_staff = |recipient: &str| rules.staff.iter().any(|address| key(address) == key(recipient));
    let others: Vec<String> = record.escalated.keys().filter(|to| !is_staff(to)).cloned().collect();
    for key in others {
        if let Some(staff) = record.staff.remove(&key) {
            let address = staff.opening.recipient.clone();
            update(record, staff, event, &address, book, plan);
        }
    }
}

/// Whether the opening waits for planned work to end. An escalation never does: it is planned when it is due, by a clock that may be a
/// little ahead of the events'. Whose opening was refused is written to again, as seldom as they would hear of changes.
fn is_untold(staff: &Staff, event: &Event, book: &Book) -> bool {
    staff.opening.kind == NoticeKind::Opening
        && book.is_untold(&staff.opening, event.at)
        && !book.is_refused(&staff.opening)
}

fn open(record: &mut Record, event: &Event, address: &str, rules: &Rules<'_>, plan: &mut Plan) {
    if record.staff.contains_key(&key(address)) {
        return;
    }
    let mut opening = notice(event, NoticeKind::Opening, Audience::Staff, address);
    opening.due = covered_until(event, &event.practices, rules.maintenance);
    let staff = Staff { opening: opening.clone(), cause: event.cause.clone() };
    record.staff.insert(key(address), staff);
    plan.notices.push(opening);
}

fn update(record: &mut Record, staff: Staff, event: &Event, address: &str, book: &Book, plan: &mut Plan) {
    let mut update = notice(event, NoticeKind::Update, Audience::Staff, address);
    let mut waits = book.recallable(&staff.opening, event.at);
    waits.retain(|letter| letter.kind != NoticeKind::Escalation);
    update.due = match (waits.first(), book.last_written_to(&staff.opening)) {
        _ if staff.cause != event.cause && !book.is_refused(&staff.opening) => event.at,
        (Some(waiting), _) => waiting.due,
        (None, Some(last)) => event.at.max(last + limits::STAFF_UPDATE_EVERY),
        (None, None) => event.at,
    };
    plan.withdraws(waits, REPLACED);
    record.staff.insert(key(address), Staff { opening: staff.opening, cause: event.cause.clone() });
    plan.notices.push(update);
}

/// The end goes to everybody who was told, whoever is on the list now.
fn end(record: &mut Record, event: &Event, book: &Book, plan: &mut Plan) {
    let kind = match event.reason {
        Some(Reason::Withdrawn) => NoticeKind::Correction,
        Some(Reason::Merged) => NoticeKind::Update,
        Some(Reason::Recovered) | None => NoticeKind::Back,
    };
    for staff in std::mem::take(&mut record.staff).into_values() {
        let is_untold = is_untold(&staff, event, book);
        let why = if is_untold { "it was over before it was sent" } else { REPLACED };
        plan.withdraws(book.recallable(&staff.opening, event.at), why);
        if !is_untold {
            plan.notices.push(notice(event, kind, Audience::Staff, &staff.opening.recipient));
        }
    }
}
