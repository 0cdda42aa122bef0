//! Which changes of an open incident are news, and when.

use std::collections::BTreeSet;

use crate::incident::{EventKind, Signature};
use crate::time::At;

use super::super::topology::Row;
use super::super::verdict::Scope;
use super::{CAUSE_STEADY_MS, FLAPPING_RELAPSES, Facts, LifeCycle, event, practice_ids, service_ids};

/// The contract: a change is said at most this often.
const CHANGE_EVERY_MS: i64 = 10_000;
/// A change of a partial fault's scope by less than one part in this many is minor, and is said this often.
const MINOR_SHARE: usize = 5;
const MINOR_CHANGE_EVERY_MS: i64 = 60_000;

impl LifeCycle {
    /// Says what has changed, unless nothing has or it is too soon.
    pub(super) fn say_change(&mut self, position: usize, facts: &Facts<'_>) {
        let incident = &mut self.incidents[position];
        let mut verdict = incident.verdict.clone();
        if incident.relapses >= FLAPPING_RELAPSES {
            verdict.signature = Signature::Flapping;
        }
        let now = facts.now;
        // What hits all alike takes its practices at once; a share of them must be seen to stay.
        let join_ms = if verdict.scope == Scope::SharedPartly { facts.round_ms } else { 0 };
        let over = incident.quiet_since.is_some() && verdict.rows.is_empty();
        let leave_ms = match verdict.scope {
            _ if over => 0,
            Scope::SharedPartly => facts.round_ms,
            _ => facts.round_ms / 2,
        };
        incident.practices.see(&verdict.rows, now, join_ms, leave_ms);
        let services_leave_ms = if over { 0 } else { facts.round_ms };
        incident.services.see(&verdict.services, now, join_ms, services_leave_ms);
        let settles = [
            incident.practices.next_due(join_ms, leave_ms),
            incident.services.next_due(join_ms, services_leave_ms),
        ];
        incident.news_due = settles.into_iter().flatten().min();
        let mut waits_until = |at: At| {
            incident.news_due = Some(incident.news_due.map_or(at, |due| due.min(at)));
        };
        verdict.rows.clone_from(&incident.practices.settled);
        verdict.services.clone_from(&incident.services.settled);
        let said = &incident.event;
        let blamed_ms = incident.blames.see(&verdict.causes, now);
        let doubtful = blamed_ms < CAUSE_STEADY_MS && verdict.causes != said.cause;
        // When nobody is affected any more, it keeps the looks that it had.
        let looked_ms = incident.looks.see(&verdict.signature, now);
        if doubtful {
            waits_until(now.plus_millis(CAUSE_STEADY_MS - blamed_ms));
            // Counts and odds are those of another cause than was said: nothing is told of either until it is steady.
            if !verdict.rows.is_empty() {
                return;
            }
            verdict.causes.clone_from(&said.cause);
        }
        let unsteady = looked_ms < facts.round_ms && said.cause == verdict.causes;
        if verdict.rows.is_empty() || unsteady {
            if !verdict.rows.is_empty() && verdict.signature != said.signature {
                waits_until(now.plus_millis(facts.round_ms - looked_ms));
            }
            verdict.signature = said.signature;
        }
        // That it is over makes it no less the cause.
        if verdict.rows.is_empty() && said.cause == verdict.causes {
            verdict.probability = said.probability;
            verdict.alternatives.clone_from(&said.alternatives);
        }
        let same_scope = said.practices == practice_ids(facts.estate, &verdict.rows)
            && said.services == service_ids(facts.estate, &verdict.services);
        if same_scope && said.signature == verdict.signature && said.cause == verdict.causes {
            return;
        }
        // Who is hit by a partial fault varies from asking to asking; a few more or fewer can wait.
        let said_rows: BTreeSet<Row> =
            said.practices.iter().filter_map(|id| facts.topology.row(id)).collect();
        let moved = incident.practices.settled.symmetric_difference(&said_rows).count();
        let minor = verdict.scope == Scope::SharedPartly
            && said.cause == verdict.causes
            && said.signature == verdict.signature
            && !verdict.rows.is_empty()
            && !said.practices.is_empty()
            && moved * MINOR_SHARE < said.practices.len();
        let wait_ms = if minor { MINOR_CHANGE_EVERY_MS } else { CHANGE_EVERY_MS };
        let sayable = incident.last_said.plus_millis(wait_ms);
        if now < sayable {
            waits_until(sayable);
            return;
        }
        let id = said.incident.clone();
        incident.last_said = facts.now;
        let mut event = event(facts, EventKind::Changed, id, &verdict);
        self.say_again(&mut event, None);
        self.incidents[position].event = event.clone();
        self.events.push_back(event);
    }
}
