//! What practice managers are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::record::{Manager, Record, unsent};
use super::{NO_MAIL, Plan, Rules, blind, covered_until, key, notice, promise};
use crate::config::PracticeNotices;
use crate::estate::Estate;
use crate::incident::{Event, EventKind};
use crate::limits;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// Follows an incident that is open: tells who is newly affected, and who no longer is.
pub(super) fn follow(record: &mut Record, event: &Event, rules: &Rules<'_>, plan: &mut Plan) {
    if blind(event) {
        withdraw_unsent(record, event, "linewatch itself may be what is cut off", plan);
        return;
    }
    let ids: BTreeSet<&str> = event.practices.iter().map(String::as_str).collect();
    let affected = by_address(rules.estate, &ids);
    release(record, event, &ids, &affected, plan);
    for (key, (address, practices)) in affected {
        match record.managers.get(&key) {
            Some(Manager::Opened { .. } | Manager::Over) => continue,
            Some(Manager::Unmailed) if !rules.mail => continue,
            Some(Manager::Unmailed) | None => {}
        }
        let opening = opening(record.approved, event, &address, practices, rules);
        let manager = if rules.mail { Manager::opened(opening.clone(), event) } else { Manager::Unmailed };
        record.managers.insert(key, manager);
        plan.notices.push(opening);
    }
}

/// Writes again to those who were promised it, though nothing has changed. Where the time was missed (nobody was there to write), once,
/// and the next promise counts from now.
pub(super) fn remind(record: &mut Record, now: At, rules: &Rules<'_>) -> Vec<Notice> {
    let Some(every) = rules.update_every.filter(|_| rules.mail) else { return Vec::new() };
    let zone = &rules.estate.icb.timezone;
    let event = Arc::clone(&record.event);
    let mut notices = Vec::new();
    for manager in record.managers.values_mut() {
        if manager.hears_next(every, zone).is_none_or(|promise| promise > now) {
            continue;
        }
        let Manager::Opened { opening, last, promised } = manager else { continue };
        (*last, *promised) = (now, promise::is_made(&event));
        // While the opening waits for an approval, or for planned work to end, nothing has been promised to anybody.
        if unsent(opening, now) {
            continue;
        }
        let mut update = notice(&event, NoticeKind::Update, opening.audience.clone(), &opening.recipient);
        update.id = format!("{}.u{}", update.id, now.as_millis());
        update.thread = Some(opening.thread.clone().unwrap_or_else(|| opening.id.clone()));
        update.due = now;
        notices.push(update);
    }
    notices
}

/// Ends an incident for everybody who was told of it.
pub(super) fn end(record: &mut Record, event: &Event, kind: NoticeKind, plan: &mut Plan) {
    for (key, manager) in std::mem::take(&mut record.managers) {
        record.managers.insert(key, ended(manager, event, kind, "it was over before it was sent", plan));
    }
}

/// The incident goes on as another: nobody hears anything, and the survivor knows who was told.
pub(super) fn merge(record: &mut Record, survivor: &mut Record, event: &Event, plan: &mut Plan) {
    for (key, manager) in std::mem::take(&mut record.managers) {
        let Manager::Opened { opening, .. } = manager else { continue };
        if unsent(&opening, event.at) {
            let why = format!("incident {} speaks for it", survivor.event.incident);
            plan.withdrawn.push((opening, why));
            continue;
        }
        match survivor.managers.get(&key) {
            Some(Manager::Opened { opening: other, .. }) if unsent(other, event.at) => {
                plan.withdrawn
                    .push((other.clone(), format!("incident {} said it already", record.event.incident)));
            }
            Some(Manager::Opened { .. } | Manager::Over) => continue,
            Some(Manager::Unmailed) | None => {}
        }
        let inherited = inherited(&opening, event, survivor);
        survivor.managers.insert(key, Manager::opened(inherited.clone(), &survivor.event));
        plan.notices.push(inherited);
    }
}

fn withdraw_unsent(record: &mut Record, event: &Event, why: &str, plan: &mut Plan) {
    record.managers.retain(|_, manager| match manager {
        Manager::Opened { opening, .. } if unsent(opening, event.at) => {
            plan.withdrawn.push((opening.clone(), why.to_owned()));
            false
        }
        _ => true,
    });
}

/// Tells those whose practices are no longer affected, while the incident goes on.
fn release(record: &mut Record, event: &Event, ids: &BTreeSet<&str>, affected: &Affected, plan: &mut Plan) {
    for (key, manager) in std::mem::take(&mut record.managers) {
        let Manager::Opened { opening, .. } = &manager else {
            record.managers.insert(key, manager);
            continue;
        };
        if affected.contains_key(&key) || still_affected(opening, ids) {
            record.managers.insert(key, manager);
        } else if unsent(opening, event.at) {
            // As if it had never been: should the practice be affected again, its manager may be told.
            plan.withdrawn.push((opening.clone(), "it was over before it was sent".to_owned()));
        } else {
            record.managers.insert(key, ended(manager, event, NoticeKind::Back, "", plan));
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

fn ended(manager: Manager, event: &Event, kind: NoticeKind, too_late: &str, plan: &mut Plan) -> Manager {
    let Manager::Opened { opening, .. } = manager else { return manager };
    if unsent(&opening, event.at) {
        plan.withdrawn.push((opening, too_late.to_owned()));
    } else {
        let mut end = notice(event, kind, opening.audience, &opening.recipient);
        end.thread = Some(opening.thread.unwrap_or(opening.id));
        plan.notices.push(end);
    }
    Manager::Over
}

fn opening(
    approved: bool,
    event: &Event,
    address: &str,
    practices: Vec<String>,
    rules: &Rules<'_>,
) -> Notice {
    let until = |practice: &String| covered_until(event, std::slice::from_ref(practice), rules.maintenance);
    let due = practices.iter().map(until).min().unwrap_or(event.at);
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
type Affected = BTreeMap<String, (String, Vec<String>)>;

fn by_address(estate: &Estate, affected: &BTreeSet<&str>) -> Affected {
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
