//! What would be worth asking at once, instead of when its turn comes.
//!
//! While something is suspected and nobody has been told, the *neighbours* of what fails are asked: a few practices behind each
//! thing that the failing checks cross, of which nothing is known since the fault began. If they answer, the thing is acquitted,
//! and if they don't, it is convicted; either way before the street is blamed. When a shared fault ends, those that were still
//! failing when they were last asked are asked, so that nobody is told "still down" for want of asking.
//!
//! Nothing here changes what is known: whoever feeds the correlator may do as it wishes, or not.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::estate::{PracticeIx, ProbeIx};
use crate::time::At;

use super::lifecycle::{LifeCycle, alike};
use super::topology::{NodeIx, NodeKind, Row};
use super::verdict::{Scope, Verdict, View};

/// Below this nothing is suspected so much that anybody is bothered for it.
const SUSPECTED_MIN: f64 = 0.5;
/// Practices that are asked about each thing: one may be down for a reason of its own, three rarely are.
const NEIGHBOURS: usize = 3;
/// Practices of a suspected fault whose paths are looked at. They share what failed; more would share less.
const ROWS_LOOKED_AT: usize = 8;
/// A thing about which neighbours were asked isn't asked about again for this long: by then their schedule has asked them all.
const ASKED_FOR_MS: i64 = 30_000;
/// Wishes of one evaluation, at most. A county's practices with a few checks each that are to be asked again fit; of a country's
/// the first thousand tell enough, and the schedule asks the rest.
const WISHES_MAX: usize = 1_024;

/// A check that should be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    pub practice: PracticeIx,
    pub probe: ProbeIx,
}

/// Remembers what was asked about.
#[derive(Debug, Default)]
pub struct Asking {
    about: BTreeMap<NodeIx, At>,
    /// What to ask, until somebody takes it or the evidence is judged again.
    pub wishes: Vec<Wish>,
}

impl Asking {
    /// `verdicts`: what is the matter now. To be called before the life cycle takes them.
    pub fn suspect(&mut self, view: &View<'_>, verdicts: &[Verdict], life: &LifeCycle) {
        self.wishes.clear();
        self.about.retain(|_, asked| view.now.millis_since(*asked) < ASKED_FOR_MS);
        let is_news = |verdict: &&Verdict| {
            matches!(verdict.scope, Scope::Shared | Scope::SharedPartly | Scope::Practice)
                && verdict.something >= SUSPECTED_MIN
                && !life.open().any(|incident| alike(&incident.verdict, verdict))
        };
        for verdict in verdicts.iter().filter(is_news) {
            for (node, probe) in crossed(view, verdict) {
                if let Entry::Vacant(about) = self.about.entry(node) {
                    about.insert(view.now);
                    self.ask_neighbours(view, verdict, node, probe);
                }
            }
        }
    }

    /// A few practices that would fail as well if this thing had failed.
    fn ask_neighbours(&mut self, view: &View<'_>, verdict: &Verdict, node: NodeIx, probe: u32) {
        let topology = view.topology;
        let unknown = topology.nodes[node].members(topology.rows).filter_map(|member| {
            let check = &view.evidence.checks[topology.check(member.row, probe)];
            let is_of_use = member.row != topology.hub()
                && topology.covers[member.cover].carries(probe)
                && !verdict.rows.contains(&member.row)
                && check.heard()
                && !check.class.bad()
                && check.last_at < verdict.since
                && !view.evidence.hearings[member.row as usize].late;
            is_of_use.then_some((check.last_at, member.row))
        });
        let mut unknown: Vec<(At, Row)> = unknown.collect();
        // Those whose turn is the farthest away gain the most.
        unknown.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        unknown.truncate(NEIGHBOURS);
        for (_, row) in unknown {
            self.wish(row, probe);
        }
    }

    /// Shared faults of which nothing is seen any more since just now: what of theirs still failed when it was last asked.
    /// To be called after the life cycle's step.
    pub fn look_again(&mut self, view: &View<'_>, life: &LifeCycle) {
        let topology = view.topology;
        for incident in life.open().filter(|incident| incident.quiet_since == Some(view.now)) {
            if !matches!(incident.verdict.scope, Scope::Shared | Scope::SharedPartly) {
                continue;
            }
            for row in incident.ever.iter().filter(|row| **row != topology.hub()) {
                for (probe, facts) in (0..).zip(&topology.probes) {
                    let check = &view.evidence.checks[topology.check(*row, probe)];
                    if check.heard() && check.class.bad() && !facts.passive {
                        self.wish(*row, probe);
                    }
                }
            }
        }
    }

    fn wish(&mut self, row: Row, probe: u32) {
        if self.wishes.len() < WISHES_MAX {
            self.wishes.push(Wish { practice: PracticeIx(row), probe: ProbeIx(probe) });
        }
    }
}

/// What the failing checks cross that others cross as well, each with a probe that shows it.
fn crossed(view: &View<'_>, verdict: &Verdict) -> BTreeMap<NodeIx, u32> {
    let topology = view.topology;
    let mut found = BTreeMap::new();
    for row in verdict.rows.iter().filter(|row| **row != topology.hub()).take(ROWS_LOOKED_AT) {
        for (probe, facts) in (0..).zip(&topology.probes) {
            let check = &view.evidence.checks[topology.check(*row, probe)];
            let fails = check.heard() && check.class.bad() && check.last_at >= verdict.since;
            if !fails || facts.passive {
                continue;
            }
            for node in topology.crossed(*row, probe) {
                let node = *node as NodeIx;
                if !matches!(topology.nodes[node].kind, NodeKind::Monitor | NodeKind::Unmapped) {
                    found.entry(node).or_insert(probe);
                }
            }
        }
    }
    found
}
