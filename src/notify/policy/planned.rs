//! Until when planned work holds back what is new: `[[maintenance]]`.
//!
//! What waits knows when it would leave without any work ([`Notice::wanted`]). Work begins while it waits, is planned anew, ends early, or
//! takes longer; what waits moves with it then ([`Ledger::replan`]), and is told anew, of how things stand. What is kept for a digest or
//! until a mute ends asks here as well when its time has come ([`super::pace`]).

use std::sync::Arc;

use super::pace::{REPLACED, anew, kind_for};
use super::{Ledger, Paced, Rules};
use crate::config::MaintenanceWindow;
use crate::incident::Event;
use crate::limits;
use crate::notify::notice::{Audience, Notice};
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

/// When this audience may be told of the event, from a time on: then, or when planned work is over. Whose practices are several is told
/// as soon as it is time for one of them.
pub(super) fn free_from(event: &Event, from: At, audience: &Audience, windows: &[MaintenanceWindow]) -> At {
    match audience {
        Audience::Practices(practices) => {
            let one = |id| covered_from(event, from, std::slice::from_ref(id), windows);
            practices.iter().map(one).min().unwrap_or(from)
        }
        _ => covered_from(event, from, audience.practices_of(event), windows),
    }
}

/// A letter that would leave at `from` leaves then, or when planned work is over.
pub(super) fn wait(letter: &mut Notice, from: At, event: &Event, rules: &Rules<'_>) {
    letter.wanted = from;
    letter.due = free_from(event, from, &letter.audience, rules.maintenance);
}

impl Ledger {
    /// Moves what waits to when it may leave, as work is planned now. Of what follows it to the same recipient nothing is left to say.
    pub fn replan(&mut self, now: At, rules: &Rules<'_>) -> Vec<Paced> {
        let mut all = Vec::new();
        for letters in self.pace.book.waiting() {
            let Some(record) = letters.first().and_then(|first| self.incidents.get(&first.incident)) else {
                continue;
            };
            let event = Arc::clone(&record.event);
            let free = |letter: &Notice| {
                free_from(&event, letter.wanted.max(now), &letter.audience, rules.maintenance)
            };
            // What is due leaves as soon as it can, unless there is work now.
            let first = letters.iter().position(|letter| free(letter) != letter.due.max(now));
            if let Some((first, due)) = first.map(|at| (at, free(&letters[at]))) {
                all.extend(self.pace.moved(&letters[first..], &event, due, now, rules));
            }
        }
        for paced in &all {
            self.adopt(&paced.notices, &paced.event);
        }
        all
    }
}

impl super::pace::Pace {
    /// Letters that wait, and follow one another to one recipient about one incident, leave at another time as one, which tells of this
    /// event.
    fn moved(
        &mut self,
        letters: &[Notice],
        event: &Arc<Event>,
        due: At,
        now: At,
        rules: &Rules<'_>,
    ) -> Option<Paced> {
        let (first, last) = letters.first().zip(letters.last())?;
        for letter in letters {
            self.book.withdraw(letter);
        }
        let mut again = anew(last, event, 'w', now);
        let is_told = self.book.standing(last).is_some_and(|standing| standing.told.is_some());
        again.kind = kind_for(last.kind, is_told, letters);
        (again.wanted, again.due, again.state) = (first.wanted.max(now), due, last.state.clone());
        let mut settled = Vec::new();
        let again = self.rule(again, event, None, None, rules, &mut settled)?;
        settled.extend(letters.iter().map(|letter| (letter.clone(), REPLACED.to_owned())));
        Some(Paced { event: Arc::clone(event), notices: vec![again], settled })
    }
}

/// What may be several things is covered when all of them are, as with mutes: else a fault of the others would be hushed up.
fn covers(window: &MaintenanceWindow, event: &Event, practices: &[String]) -> bool {
    let named = |id: &String| window.what.contains(id);
    window.what.is_empty()
        || (!event.cause.is_empty() && event.cause.iter().all(|cause| named(&cause.id)))
        || event.network.as_ref().is_some_and(named)
        || (!practices.is_empty() && practices.iter().all(named))
}
