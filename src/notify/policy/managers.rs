//! What practice managers are told.

use std::collections::{BTreeMap, BTreeSet};

use super::book::Book;
use super::record::{Manager, Record};
use super::{NO_MAIL, Plan, Rules, blind, covered_from, key, notice, promise, timed};
use crate::config::PracticeNotices;
use crate::estate::Estate;
use crate::incident::{Event, EventKind};
use crate::limits;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// What [`Audience::who`] says of every manager.
pub(super) const MANAGER: &str = "practice";

/// Follows an incident that is open: tells who is newly affected, and who no longer is.
pub(super) fn follow(record: &mut Record, event: &Event, book: &Book, rules: &Rules<'_>, plan: &mut Plan) {
    if blind(event) {
        withdraw_untold(record, event, book, plan);
        return;
    }
    let ids: BTreeSet<&str> = event.practices.iter().map(String::as_str).collect();
    let affected = by_address(rules.estate, &ids);
    release(record, event, book, &ids, &affected, plan);
    for (key, (address, practices)) in affected {
        match record.managers.get(&key) {
            Some(Manager::Opened(_)) => continue,
            Some(Manager::Unmailed) if !rules.mail => continue,
            None if record.had_both.contains(MANAGER, &key) => continue,
            Some(Manager::Unmailed) | None => {}
        }
        let opening = opening(record.approved, event, event.at, &address, practices, rules);
        let manager = if rules.mail { Manager::Opened(opening.clone()) } else { Manager::Unmailed };
        record.managers.insert(key, manager);
        plan.notices.push(opening);
    }
}

/// When somebody hears next who was promised it; `None`: nobody was.
pub(super) fn next_promise(record: &Record, book: &Book, rules: &Rules<'_>) -> Option<At> {
    record.openings_to_managers().filter_map(|opening| promised(opening, &record.event, book, rules)).min()
}

fn promised(opening: &Notice, event: &Event, book: &Book, rules: &Rules<'_>) -> Option<At> {
    let last = book.last_word(opening).filter(|last| last.promises && rules.mail)?;
    promise::after_work(event, last.at, opening, rules)
}

/// Writes again to those who were promised it, though nothing has changed. Where the time was missed (nobody was there to write), once,
/// and the next promise counts from now.
pub(super) fn remind(record: &Record, now: At, book: &Book, rules: &Rules<'_>) -> Vec<Notice> {
    let event = &record.event;
    let is_due = |opening: &&Notice| {
        // What was said last hasn't left yet, and promises it anew when it does.
        let waits = || book.standing(opening).is_some_and(|standing| !standing.waiting.is_empty());
        promised(opening, event, book, rules).is_some_and(|promise| promise <= now) && !waits()
    };
    let due = record.openings_to_managers().filter(is_due).map(|opening| {
        let update = notice(event, NoticeKind::Update, opening.audience.clone(), &opening.recipient);
        timed(update, 'u', now)
    });
    due.collect()
}

/// Ends an incident for everybody who was told of it.
pub(super) fn end(record: &mut Record, event: &Event, kind: NoticeKind, book: &Book, plan: &mut Plan) {
    for (key, manager) in std::mem::take(&mut record.managers) {
        if let Some(manager) = ended(manager, event, kind, book, plan) {
            record.managers.insert(key, manager);
        }
    }
}

/// The incident goes on as another: nobody hears anything, and the survivor's manager who was told knows that one by its name. What
/// is kept from them is kept of the survivor then ([`super::pace`]).
pub(super) fn merge(record: &mut Record, survivor: &mut Record, event: &Event, book: &Book, plan: &mut Plan) {
    for (key, manager) in std::mem::take(&mut record.managers) {
        let Manager::Opened(opening) = manager else { continue };
        let other = match survivor.managers.get(&key) {
            Some(Manager::Opened(other)) => Some(other),
            Some(Manager::Unmailed) | None => None,
        };
        let merger = book.merger(&opening, other, event.at);
        plan.withdraws(merger.of_gone, &format!("incident {} speaks for it", survivor.event.incident));
        plan.withdraws(merger.of_survivor, &format!("incident {} said it already", record.event.incident));
        if !merger.inherits {
            continue;
        }
        let inherited = inherited(&opening, event, survivor);
        survivor.managers.insert(key, Manager::Opened(inherited.clone()));
        plan.notices.push(inherited);
    }
}

/// No manager hears of it who hasn't yet: linewatch itself may be what is cut off.
fn withdraw_untold(record: &mut Record, event: &Event, book: &Book, plan: &mut Plan) {
    record.managers.retain(|_, manager| match manager {
        Manager::Opened(opening) if book.is_untold(opening, event.at) && !book.is_refused(opening) => {
            plan.withdraws(book.recallable(opening, event.at), "linewatch itself may be what is cut off");
            false
        }
        _ => true,
    });
}

/// Tells those whose practices are no longer affected, while the incident goes on.
fn release(
    record: &mut Record,
    event: &Event,
    book: &Book,
    ids: &BTreeSet<&str>,
    affected: &Affected,
    plan: &mut Plan,
) {
    for (key, manager) in std::mem::take(&mut record.managers) {
        let stays = match &manager {
            Manager::Opened(opening) => affected.contains_key(&key) || still_affected(opening, ids),
            Manager::Unmailed => true,
        };
        // Who wasn't told may be told, should the practice be affected again: as if nothing had ever been planned.
        let manager = if stays { Some(manager) } else { ended(manager, event, NoticeKind::Back, book, plan) };
        if let Some(manager) = manager {
            record.managers.insert(key, manager);
        }
    }
}

/// Also when the address has been taken from the practice in the meantime.
fn still_affected(opening: &Notice, affected: &BTreeSet<&str>) -> bool {
    match &opening.audience {
        Audience::Practices(practices) => practices.iter().any(|id| affected.contains(id.as_str())),
        Audience::Staff | Audience::Role { .. } | Audience::Pcn { .. } | Audience::Owner { .. } => false,
    }
}

/// `None`: nothing more is to be said to them.
fn ended(manager: Manager, event: &Event, kind: NoticeKind, book: &Book, plan: &mut Plan) -> Option<Manager> {
    let Manager::Opened(opening) = manager else { return Some(manager) };
    if book.is_refused(&opening) {
        return Some(Manager::Opened(opening));
    }
    if book.is_untold(&opening, event.at) {
        plan.withdraws(book.recallable(&opening, event.at), "it was over before it was sent");
        return None;
    }
    plan.notices.push(notice(event, kind, opening.audience, &opening.recipient));
    None
}

/// What tells somebody of an event, at `from` or when planned work is over that covers it then.
pub(super) fn opening(
    approved: bool,
    event: &Event,
    from: At,
    address: &str,
    practices: Vec<String>,
    rules: &Rules<'_>,
) -> Notice {
    let until =
        |practice: &String| covered_from(event, from, std::slice::from_ref(practice), rules.maintenance);
    let due = practices.iter().map(until).min().unwrap_or(from);
    // Those that are spoken of are those for which it is time.
    let spoken_of = practices.into_iter().filter(|practice| until(practice) <= due).collect();
    let mut opening = notice(event, NoticeKind::Opening, Audience::Practices(spoken_of), address);
    let hold = if event.event == EventKind::Changed { limits::MERGE_HOLD } else { std::time::Duration::ZERO };
    opening.due = due.max(event.at + hold);
    if !rules.mail {
        opening.state = NoticeState::Withheld { why: NO_MAIL.to_owned() };
    } else if rules.practices == PracticeNotices::AfterApproval && !approved {
        opening.state = NoticeState::Held;
    }
    opening
}

fn inherited(opening: &Notice, event: &Event, survivor: &Record) -> Notice {
    let mut inherited = notice(event, NoticeKind::Inherited, opening.audience.clone(), &opening.recipient);
    inherited.incident.clone_from(&survivor.event.incident);
    inherited.thread = Some(opening.thread.clone().unwrap_or_else(|| opening.id.clone()));
    inherited.state = NoticeState::Withheld { why: format!("incident {} said it already", event.incident) };
    inherited
}

/// By the key of an address: the address as written, and the affected practices that have it.
pub(super) type Affected = BTreeMap<String, (String, Vec<String>)>;

pub(super) fn by_address(estate: &Estate, affected: &BTreeSet<&str>) -> Affected {
    let mut by_address = Affected::new();
    for practice in estate.practices.iter().filter(|practice| affected.contains(practice.id.as_str())) {
        for address in &practice.email {
            let (_, ids) =
                by_address.entry(key(address)).or_insert_with(|| (address.trim().to_owned(), Vec::new()));
            if !ids.contains(&practice.id) {
                ids.push(practice.id.clone());
            }
        }
    }
    by_address
}
