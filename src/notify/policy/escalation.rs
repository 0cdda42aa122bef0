//! Who is told when nobody says that they have an incident in hand.
//!
//! The clock runs from when staff were told, or would have been, had the mail server taken it: what is kept from all of them, because it is
//! minor, muted, or outside their hours, is told to nobody else in their stead. At each step of `[[escalation]]` its people are told, once; from then on they hear
//! of changes and of the end like staff, each on their own terms: hours, ways, and mutes are those of whoever is written to. A role stands
//! for whoever holds it when its time comes. As soon as somebody has taken the incident on, nobody else is told.
//!
//! Nothing but notices has to be remembered: what was said to whom, and when, is in the outbox, so a restart goes on where it
//! stopped. When nobody was there to write, somebody with several steps behind them gets one letter.
//!
//! An escalation is an opening to whoever gets it, so planned work that began in the meantime holds it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::again::ESCALATED;
use super::book::Book;
use super::record::{Record, Staff};
use super::routing::Routing;
use super::staff::inherited;
use super::{Plan, Rules, blind, covered_from, key, notice, timed};
use crate::config::EscalationStep;
use crate::incident::{Event, Signature};
use crate::notify::acknowledgement::Acknowledgement;
use crate::notify::notice::{Audience, Notice, NoticeKind};
use crate::time::At;

/// When somebody was told of an incident that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// An address, or a channel.
    pub recipient: String,
    pub at: At,
    /// Because nobody had acknowledged.
    pub escalated: bool,
}

/// Since when staff know: the clock of all steps. `None`: they haven't been told.
pub(super) fn told_since(record: &Record, book: &Book, now: At) -> Option<At> {
    // Who hadn't heard of its end when it began anew knows it since then.
    staff_heard(record, book).map(|(_, at)| at.max(record.run.began)).filter(|at| *at <= now).min()
}

/// From when staff would have been told whose messages an hour were used up.
fn beyond_the_hour(record: &Record, book: &Book) -> Option<At> {
    let openings = record.staff.values().filter(|staff| staff.is_first_told());
    openings.filter_map(|staff| book.kept_by_cap(&staff.opening)).min()
}

/// Those who were told as staff. Who hears first because nobody had acknowledged is among the others.
fn staff_heard<'r>(record: &'r Record, book: &'r Book) -> impl Iterator<Item = (&'r Notice, At)> {
    let openings = record.staff.values().filter(|staff| staff.is_first_told()).map(|staff| &staff.opening);
    openings.filter_map(|opening| Some((opening, book.told_at(opening)?)))
}

/// Staff and those who were escalated to, in the order in which they were told.
pub(super) fn told(record: &Record, book: &Book, now: At) -> Vec<Told> {
    // Whose mail was refused wasn't told.
    let knows = |notice: &Notice| book.is_heard(notice, now);
    let staff = staff_heard(record, book).filter(|(notice, _)| knows(notice));
    let staff = staff.map(|(notice, at)| (notice, at, false));
    let escalated = record.escalated.values().filter_map(|letters| {
        // Staff who are escalated to besides heard of it before, and again with the first letter that they have.
        let first = letters.first()?;
        Some((first, first.due.max(book.told_at(first)?), true))
    });
    let escalated = escalated.filter(|(notice, ..)| knows(notice));
    let mut told: Vec<Told> = staff
        .chain(escalated)
        .filter(|(_, at, _)| *at <= now)
        .map(|(notice, at, escalated)| Told { recipient: notice.recipient.clone(), at, escalated })
        .collect();
    told.sort_by(|a, b| (a.at, &a.recipient).cmp(&(b.at, &b.recipient)));
    told
}

/// When somebody is escalated to next, if nobody takes the incident on. Never before `rest_until`.
pub(super) fn next(record: &Record, book: &Book, rules: &Rules<'_>, rest_until: At) -> Option<At> {
    let open = steps(record, book, rules).map(|(at, _)| at).min()?;
    let at = open.max(rest_until);
    Some(covered_from(&record.event, at, &record.event.practices, rules.maintenance))
}

/// Tells those whose time has come.
pub(super) fn due(record: &mut Record, now: At, book: &Book, rules: &Rules<'_>) -> Vec<Notice> {
    let event = Arc::clone(&record.event);
    if covered_from(&event, now, &event.practices, rules.maintenance) > now {
        return Vec::new();
    }
    let mut late: BTreeMap<String, (String, Audience)> = BTreeMap::new();
    for (_, (address, audience)) in steps(record, book, rules).filter(|(at, _)| *at <= now) {
        late.entry(key(address)).or_insert_with(|| (address.to_owned(), audience));
    }
    let mut notices = Vec::new();
    for (key, (address, audience)) in late {
        let letter = timed(notice(&event, NoticeKind::Escalation, audience, &address), 'e', now);
        record.escalated.entry(key.clone()).or_default().push(letter.clone());
        record
            .staff
            .entry(key)
            .or_insert_with(|| Staff { opening: letter.clone(), cause: event.cause.clone() });
        notices.push(letter);
    }
    notices
}

/// Every step that is still to come for somebody, or that came while nobody was there to write.
fn steps<'r>(
    record: &'r Record,
    book: &'r Book,
    rules: &Rules<'r>,
) -> impl Iterator<Item = (At, (&'r str, Audience))> {
    // Whether staff have been told by the time of a step is certain: it comes after.
    // Where the hour was full, staff would know since then: the clock runs on.
    let since = told_since(record, book, At::from_millis(i64::MAX)).or_else(|| beyond_the_hour(record, book));
    // Once nobody is hit any more nobody has to come. Whoever is hit again has the steps that came meanwhile before them at once.
    let is_felt = blind(&record.event) || !record.event.practices.is_empty();
    let since = since.filter(|_| record.taken_on.is_empty() && is_felt);
    let (steps, routing) = (rules.escalation, rules.routing);
    // Where staff are written to anew, since their mail was refused, the clock doesn't begin anew: nobody is told twice for one step.
    let since = since.map(|since| begun_by(record, steps, routing).fold(since, At::min));
    since.into_iter().flat_map(move |since| {
        let at = move |step: &'r EscalationStep| {
            people(step, Some(&record.event), routing).map(move |(to, audience)| {
                let from = record.had_both.told_again_from(ESCALATED, &key(to), record.run.began);
                ((since + step.after).max(from), (to, audience))
            })
        };
        let each = steps.iter().flat_map(at);
        let comes_and_goes = record.event.signature == Signature::Flapping;
        let hears_no_more = move |to: &str| comes_and_goes && record.had_both.contains(ESCALATED, &key(to));
        each.filter(move |(_, (to, _))| !hears_no_more(to)).filter(|(at, (to, _))| {
            let last = record.escalated.get(&key(to)).and_then(|letters| letters.last());
            last.is_none_or(|last| last.due < *at)
        })
    })
}

/// Whom a step names, and as what: addresses, and those who hold a role for a practice that the event hits, or for any.
fn people<'r>(
    step: &'r EscalationStep,
    event: Option<&'r Event>,
    routing: &'r Routing,
) -> impl Iterator<Item = (&'r str, Audience)> {
    let addresses = step.to.iter().map(|address| (address.as_str(), Audience::Staff));
    let holders = step.roles.iter().flat_map(move |role| {
        routing.holders(role, event).map(|address| (address, Audience::Role { id: role.clone() }))
    });
    addresses.chain(holders)
}

/// By when the clock had begun, by each who was told because of it.
fn begun_by<'r>(
    record: &'r Record,
    steps: &'r [EscalationStep],
    routing: &'r Routing,
) -> impl Iterator<Item = At> + 'r {
    record.escalated.iter().filter_map(move |(recipient, letters)| {
        let escalations = letters.iter().filter(|letter| letter.kind == NoticeKind::Escalation);
        let is_theirs =
            |step: &&EscalationStep| people(step, None, routing).any(|(to, _)| key(to) == *recipient);
        let after = steps.iter().filter(is_theirs).map(|step| step.after).min()?;
        Some(escalations.map(|letter| letter.due).min()? - after)
    })
}

/// Somebody has it, or is at work on it. Answers with what was written to others meanwhile, which may not have left yet.
pub(super) fn taken_on(record: &mut Record, acknowledgement: &Acknowledgement) -> Vec<Notice> {
    record.hear(acknowledgement);
    if !acknowledgement.takes_on() {
        return Vec::new();
    }
    let letters = record.escalated.values().flatten();
    letters.filter(|letter| letter.kind == NoticeKind::Escalation).cloned().collect()
}

/// A letter was called back before it left: as if it had never been.
pub(super) fn recalled(record: &mut Record, letter: &Notice) {
    let key = key(&letter.recipient);
    if let Some(letters) = record.escalated.get_mut(&key) {
        letters.retain(|other| other.id != letter.id);
        if letters.is_empty() {
            record.escalated.remove(&key);
        }
    }
    // A lane's letters leave in order: what began the thread isn't called back without all that came after it.
    if record.staff.get(&key).is_some_and(|staff| staff.opening.id == letter.id) {
        record.staff.remove(&key);
    }
}

/// The incident goes on as another: whoever has the one has the other, and whoever was escalated to hears how it goes on.
pub(super) fn merge(record: &Record, survivor: &mut Record, event: &Event, book: &Book, plan: &mut Plan) {
    for acknowledgement in record.taken_on.iter().chain(&record.at_work) {
        survivor.hear(acknowledgement);
    }
    for key in record.escalated.keys() {
        let Some(staff) = record.staff.get(key).filter(|_| !survivor.staff.contains_key(key)) else {
            continue;
        };
        // What is kept from them is kept of the survivor then, and as such they are taken up: see `Ledger::plan`.
        if !book.is_heard(&staff.opening, event.at) {
            continue;
        }
        let inherited = inherited(staff, Audience::Staff, survivor, event);
        survivor.escalated.insert(key.clone(), vec![inherited.clone()]);
        let cause = survivor.event.cause.clone();
        survivor.staff.insert(key.clone(), Staff { opening: inherited.clone(), cause });
        plan.notices.push(inherited);
    }
}

/// The notice with which a recipient's thread began.
pub(super) fn thread_of(opening: &Notice) -> String {
    opening.thread.clone().unwrap_or_else(|| opening.id.clone())
}
