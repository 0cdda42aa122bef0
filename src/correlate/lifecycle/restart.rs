//! What becomes of open incidents when the process starts again, or the estate is another.

use std::collections::BTreeSet;

use crate::incident::{Cause, Event, Reason};

use super::super::topology::Row;
use super::super::verdict::{Scope, Verdict};
use super::{Facts, Incident, LifeCycle};

impl LifeCycle {
    /// Takes over what was open when the process stopped.
    pub fn restore(&mut self, open: Vec<Event>, last_incident: Option<&str>, facts: &Facts<'_>) {
        let ids = open.iter().map(|event| event.incident.as_str()).chain(last_incident);
        for id in ids {
            if let Some((day, number)) = id.rsplit_once('-')
                && let Ok(number) = number.parse::<u32>()
            {
                let known = self.numbers.entry(day.to_owned()).or_default();
                *known = number.max(*known);
            }
        }
        for event in open {
            let rows: BTreeSet<Row> =
                event.practices.iter().filter_map(|id| facts.topology.row(id)).collect();
            let services = event
                .services
                .iter()
                .filter_map(|id| facts.estate.service(id))
                .map(crate::estate::ServiceIx::at)
                .collect();
            let practice = event.cause.iter().any(|cause| cause.kind == Cause::PRACTICE);
            let monitor = event.cause.iter().any(|cause| cause.kind == Cause::MONITOR);
            let verdict = Verdict {
                nodes: event.cause.iter().filter_map(|cause| facts.topology.node_of(cause)).collect(),
                causes: event.cause.clone(),
                probability: event.probability,
                something: event.probability,
                alternatives: event.alternatives.clone(),
                signature: event.signature,
                network: event
                    .network
                    .as_deref()
                    .and_then(|id| facts.estate.network(id))
                    .map(crate::estate::NetworkIx::at),
                since: event.since,
                services,
                counts: event.evidence,
                scope: if practice {
                    Scope::Practice
                } else if monitor {
                    Scope::Monitor
                } else {
                    Scope::Shared
                },
                kept: vec![0; facts.topology.networks],
                lost: event.lost.iter().filter_map(|id| facts.topology.row(id)).collect(),
                lasts_ms_min: 0,
                is_early: false,
                rows,
            };
            self.incidents.push(Incident::new(event, verdict));
        }
    }

    /// Withdraws the incidents whose cause is gone from the estate.
    pub fn forget_unknown(&mut self, facts: &Facts<'_>) {
        for position in 0..self.incidents.len() {
            let incident = &self.incidents[position];
            let gone = incident.closed.is_none()
                && incident.verdict.causes.iter().all(|cause| {
                    facts.topology.node_of(cause).is_none() && facts.topology.row(&cause.id).is_none()
                });
            if gone {
                self.close(position, Reason::Withdrawn, None, facts);
            }
        }
        self.pending.clear();
    }
}
