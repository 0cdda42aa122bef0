//! From "this is failing now" to incidents: a condition must hold for a while before anybody is told, and must be
//! gone for a while before it is over. The same for all baselines; how long is tuned for each.

use std::collections::BTreeMap;

use linewatch::incident::EventKind;
use linewatch::time::At;

use crate::diagnoser::Said;
use crate::facts::Facts;

/// A candidate that a method holds to have failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Firing {
    pub candidate: u32,
    /// Nobody is told while something else explains it; it counts as failing all the same.
    pub muted: bool,
    /// For so long, in milliseconds, before anybody is told.
    pub hold_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    since: At,
    last: At,
    incident: Option<u32>,
}

#[derive(Debug, Default)]
pub struct Teller {
    held: BTreeMap<u32, Held>,
    incidents: u32,
    said: Vec<Said>,
}

impl Teller {
    /// What fires at `now`; the rest is over once it has been gone for `keep_ms`.
    pub fn tell(&mut self, now: At, firing: &[Firing], keep_ms: i64, probability: f64, facts: &Facts) {
        let said = |event: EventKind, incident: u32, candidate: u32| Said {
            at: now,
            event,
            incident,
            causes: facts.candidates[candidate as usize].causes.clone(),
            probability,
            words: String::new(),
        };
        for fires in firing {
            let held =
                self.held.entry(fires.candidate).or_insert(Held { since: now, last: now, incident: None });
            held.last = now;
            let long_enough = now.millis_since(held.since) >= fires.hold_ms;
            if held.incident.is_none() && !fires.muted && long_enough {
                held.incident = Some(self.incidents);
                self.said.push(said(EventKind::Opened, self.incidents, fires.candidate));
                self.incidents += 1;
            }
        }
        let all = &mut self.said;
        self.held.retain(|candidate, held| {
            // What nobody was told of is over at once: a `for:` begins anew.
            let over = match held.incident {
                Some(_) => now.millis_since(held.last) > keep_ms,
                None => held.last < now,
            };
            if let Some(incident) = held.incident.filter(|_| over) {
                all.push(said(EventKind::Resolved, incident, *candidate));
            }
            !over
        });
    }

    pub fn drain(&mut self, into: &mut Vec<Said>) {
        into.append(&mut self.said);
    }

    pub fn is_idle(&self) -> bool {
        self.held.is_empty()
    }
}
