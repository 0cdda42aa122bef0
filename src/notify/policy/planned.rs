//! Until when planned work holds back what is new: `[[maintenance]]`.
//!
//! Work ends early, or takes longer than was planned. What waits for its end is moved then ([`Ledger::replan`]): it is told anew, of how
//! things stand, when the work that there is by now is over.

use std::sync::Arc;

use super::{Ledger, Paced, Rules};
use crate::config::MaintenanceWindow;
use crate::incident::Event;
use crate::limits;
use crate::notify::notice::Notice;
use crate::time::At;

/// Until when planned work covers the event from a time on, as far as these practices are concerned; that time, when none does.
pub(super) fn covered_from(
    event: &Event,
    from: At,
    practices: &[String],
    windows: &[MaintenanceWindow],
) -> At {
    let mut until = from;
    for _ in 0..limits::MAINTENANCE_CHAIN_MAX {
        let end = windows
            .iter()
            .filter(|window| window.from <= until && until < window.to && covers(window, event, practices))
            .map(|window| window.to)
            .max();
        match end {
            Some(end) => until = end,
            None => break,
        }
    }
    until
}

impl Ledger {
    /// Moves what waits, where planned work is another than it was planned by.
    pub fn replan(&mut self, now: At, rules: &Rules<'_>) -> Vec<Paced> {
        if self.work.as_deref() == Some(rules.maintenance) {
            return Vec::new();
        }
        self.work = Some(rules.maintenance.to_vec());
        let mut moved = Vec::new();
        for letter in self.pace.book.not_due(now) {
            let Some(record) = self.incidents.get(&letter.incident) else { continue };
            let event = Arc::clone(&record.event);
            let from = base(&letter, now);
            let due = covered_from(&event, from, letter.audience.practices_of(&event), rules.maintenance);
            if due != letter.due {
                moved.extend(self.pace.moved(&letter, &event, due, now, rules));
            }
        }
        for paced in &moved {
            self.adopt(&paced.notices, &paced.event);
        }
        moved
    }
}

/// When a letter would leave if there were no planned work. It is only so long after its event that it may wait for anything else.
fn base(letter: &Notice, now: At) -> At {
    let longest = limits::STAFF_UPDATE_EVERY.max(limits::MERGE_HOLD);
    if letter.due <= letter.event_at + longest { letter.due.max(now) } else { now }
}

/// What may be several things is covered when all of them are, as with mutes: else a fault of the others would be hushed up.
fn covers(window: &MaintenanceWindow, event: &Event, practices: &[String]) -> bool {
    let named = |id: &String| window.what.contains(id);
    window.what.is_empty()
        || (!event.cause.is_empty() && event.cause.iter().all(|cause| named(&cause.id)))
        || event.network.as_ref().is_some_and(named)
        || (!practices.is_empty() && practices.iter().all(named))
}
