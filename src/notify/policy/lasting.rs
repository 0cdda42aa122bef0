//! What doesn't come and go any more: whoever has had both letters about an incident ([`super::again`]) and is hit once more, for
//! [`NOTICE_LASTS`] on end, is told as if for the first time. Nobody is to believe for days that something is over which isn't.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::book::Book;
use super::circles::{self, CircleKey};
use super::managers::{self, MANAGER};
use super::record::{Manager, Record};
use super::routing::Circle;
use super::{Rules, blind, key, timed};
use crate::incident::Signature;
use crate::limits::NOTICE_LASTS;
use crate::notify::notice::{Audience, Notice};
use crate::time::At;

/// In the id of a letter that is planned here.
const LASTS: char = 'l';

/// Somebody who had both, and is hit.
enum Hit<'r> {
    Manager { address: String, practices: Vec<String> },
    Circle { id: CircleKey, circle: &'r Circle, audience: Audience },
}

/// When somebody is told next if it lasts; `None`: nobody who had both is hit.
pub(super) fn next(record: &Record, book: &Book, rules: &Rules<'_>) -> Option<At> {
    hit(record, book, rules).into_iter().map(|(at, _)| at).min()
}

/// Tells those for whom it has lasted long enough.
pub(super) fn due(record: &mut Record, now: At, book: &Book, rules: &Rules<'_>) -> Vec<Notice> {
    let event = Arc::clone(&record.event);
    let mut openings = Vec::new();
    for (_, hit) in hit(record, book, rules).into_iter().filter(|(at, _)| *at <= now) {
        match hit {
            Hit::Manager { address, practices } => {
                let opening = managers::opening(record.approved, &event, now, &address, practices, rules);
                let opening = timed(opening, LASTS, now);
                record.managers.insert(key(&address), Manager::Opened(opening.clone()));
                openings.push(opening);
            }
            Hit::Circle { id, circle, audience } => {
                let opening = circles::opening(record.approved, &event, now, circle, audience, rules);
                let opening = timed(opening, LASTS, now);
                openings.push(opening.clone());
                record.circles.insert(id, circles::Told::opened(opening, &event));
            }
        }
    }
    openings
}

/// Who had both, is hit, and waits for nothing: since when, and who. Where letters still wait to leave, or are kept, those speak first.
fn hit<'r>(record: &Record, book: &Book, rules: &Rules<'r>) -> Vec<(At, Hit<'r>)> {
    let event = &record.event;
    // What is known to come and go goes on for hours, and hits nobody on end.
    let comes_and_goes = event.signature == Signature::Flapping;
    if record.had_both.is_empty() || blind(event) || comes_and_goes || !rules.mail {
        return Vec::new();
    }
    let since =
        |practices: &[String]| practices.iter().filter_map(|id| record.run.hit.get(id)).min().copied();
    let mut all = Vec::new();
    let ids: BTreeSet<&str> = event.practices.iter().map(String::as_str).collect();
    for (key, (address, practices)) in managers::by_address(rules.estate, &ids) {
        let is_theirs = record.had_both.contains(MANAGER, &key) && !record.managers.contains_key(&key);
        if is_theirs && book.has_settled(&key, &event.incident, MANAGER) {
            let at = since(&practices).unwrap_or(record.run.began) + NOTICE_LASTS;
            all.push((at, Hit::Manager { address, practices }));
        }
    }
    for circle in &rules.routing.circles {
        let id = circles::id_of(circle);
        let is_theirs = record.had_both.contains(&id.0, &id.1) && !record.circles.contains_key(&id);
        let is_theirs = is_theirs && book.has_settled(&id.1, &event.incident, &id.0);
        if let Some(audience) = circle.concerned(event).filter(|_| is_theirs) {
            // Whose component it is, is hit as long as the incident goes on.
            let hit = if circle.is_owner() { None } else { since(audience.practices_of(event)) };
            let at = hit.unwrap_or(record.run.began) + NOTICE_LASTS;
            all.push((at, Hit::Circle { id, circle, audience }));
        }
    }
    all
}
