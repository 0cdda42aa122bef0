//! What ICB staff are told: those who hear of everything, those who hear of what their role is told of ([`super::routing::Duty`]), and
//! those whom they were escalated to ([`super::escalation`]). Whoever was told hears of all that follows, though it may no longer be
//! what their role is told of: who has heard of a beginning shall hear of the end, and of what it proved to be.

use std::collections::BTreeSet;

use super::book::Book;
use super::escalation::thread_of;
use super::pace::REPLACED;
use super::record::{Record, Staff};
use super::{Plan, Rules, covered_from, key, notice};
use crate::incident::{Event, EventKind, Reason};
use crate::limits;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};

/// Follows an incident from its opening to its end.
pub(super) fn follow(record: &mut Record, event: &Event, book: &Book, rules: &Rules<'_>, plan: &mut Plan) {
    if event.event == EventKind::Resolved {
        end(record, event, book, plan);
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
            Some(staff) if is_untold(&staff, event, book) => {
                plan.withdraws(book.recallable(&staff.opening, event.at), REPLACED);
                open(record, event, address, audience, rules, plan);
            }
            Some(staff) => update(record, staff, event, address, book, rules, plan),
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
        if is_untold(&staff, event, book) {
            plan.withdraws(book.recallable(&staff.opening, event.at), NOT_THEIRS);
            continue;
        }
        let address = staff.opening.recipient.clone();
        update(record, staff, event, &address, book, rules, plan);
    }
}

/// Whether the opening waits for planned work to end. An escalation never does: it is planned when it is due, by a clock that may be a
/// little ahead of the events'. Whose opening was refused is written to again, as seldom as they would hear of changes.
fn is_untold(staff: &Staff, event: &Event, book: &Book) -> bool {
    staff.is_first_told() && book.is_untold(&staff.opening, event.at) && !book.is_refused(&staff.opening)
}

const NOT_THEIRS: &str = "it is no longer what the recipient's role is told of";

fn open(
    record: &mut Record,
    event: &Event,
    address: &str,
    audience: Audience,
    rules: &Rules<'_>,
    plan: &mut Plan,
) {
    if record.staff.contains_key(&key(address)) {
        return;
    }
    let mut opening = notice(event, NoticeKind::Opening, audience, address);
    opening.due = covered_from(event, event.at, &event.practices, rules.maintenance);
    let staff = Staff { opening: opening.clone(), cause: event.cause.clone() };
    record.staff.insert(key(address), staff);
    plan.notices.push(opening);
}

fn update(
    record: &mut Record,
    staff: Staff,
    event: &Event,
    address: &str,
    book: &Book,
    rules: &Rules<'_>,
    plan: &mut Plan,
) {
    let mut update = notice(event, NoticeKind::Update, staff.opening.audience.clone(), address);
    let mut waits = book.recallable(&staff.opening, event.at);
    waits.retain(|letter| letter.kind != NoticeKind::Escalation);
    update.due = match (waits.first(), book.last_written_to(&staff.opening)) {
        _ if staff.cause != event.cause && !book.is_refused(&staff.opening) => event.at,
        (Some(waiting), _) => waiting.due,
        (None, Some(last)) => event.at.max(last + limits::STAFF_UPDATE_EVERY),
        (None, None) => event.at,
    };
    update.due = covered_from(event, update.due, &event.practices, rules.maintenance);
    plan.withdraws(waits, REPLACED);
    record.staff.insert(key(address), Staff { opening: staff.opening, cause: event.cause.clone() });
    plan.notices.push(update);
}

/// The incident goes on as another. Whoever is told of everything is told of that one as well; whoever heard of this one because of a
/// role, and not of that one, goes on hearing of it there.
pub(super) fn merge(record: &Record, survivor: &mut Record, event: &Event, book: &Book, plan: &mut Plan) {
    for (key, staff) in &record.staff {
        let is_role = matches!(staff.opening.audience, Audience::Role { .. });
        // What is kept from them is kept of the survivor then, and as such they are taken up: see `Ledger::plan`.
        if !is_role || survivor.staff.contains_key(key) || !book.is_heard(&staff.opening, event.at) {
            continue;
        }
        let audience = staff.opening.audience.clone();
        let inherited = inherited(staff, audience, survivor, event);
        let cause = survivor.event.cause.clone();
        survivor.staff.insert(key.clone(), Staff { opening: inherited.clone(), cause });
        plan.notices.push(inherited);
    }
}

/// What stands for the opening of the incident that goes on, to somebody who knows the one that is gone.
pub(super) fn inherited(staff: &Staff, audience: Audience, survivor: &Record, event: &Event) -> Notice {
    let mut inherited = notice(event, NoticeKind::Inherited, audience, &staff.opening.recipient);
    // The letter that says that the one incident is over has the same id otherwise.
    inherited.id.push_str(".i");
    inherited.incident.clone_from(&survivor.event.incident);
    inherited.thread = Some(thread_of(&staff.opening));
    inherited.state = NoticeState::Withheld { why: format!("incident {} said it already", event.incident) };
    inherited
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
            plan.notices.push(notice(event, kind, staff.opening.audience, &staff.opening.recipient));
        }
    }
}
