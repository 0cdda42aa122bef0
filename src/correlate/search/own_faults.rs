//! The rows that fail on their own, beside what has been chosen.

use super::super::model::Own;
use super::super::topology::{NodeIx, Row};
use super::candidates::Wanted;
use super::naming::log_total;
use super::{ALTERNATIVES_MAX, Candidate, Choice, DOWN_MIN, OwnFault, Search, UNNAMED_MAX};
use crate::time::At;

impl Search<'_> {
    /// The rows that fail on their own, given what has been chosen; `first`: the candidates given nothing.
    pub fn own_faults(&mut self, mut chosen: Vec<Candidate>, first: &[Candidate]) -> Vec<OwnFault> {
        // What took a few practices and has no name is told as their own.
        chosen.retain(|candidate| !self.is_unmapped(candidate.node));
        self.rebase(&chosen);
        let best = self.hot.iter().enumerate().map(|(position, dirty)| (position, dirty.best()));
        let down: Vec<(usize, (Own, At, f64))> =
            best.filter(|(_, (_, _, not_fine))| *not_fine >= DOWN_MIN).collect();
        if down.is_empty() {
            return Vec::new();
        }
        let again = if chosen.is_empty() {
            Vec::new()
        } else {
            self.candidates(&chosen, Wanted::All, Choice::Everything)
        };
        let shared = if chosen.is_empty() { first } else { &again };
        let total = log_total(shared);
        let mut found = Vec::new();
        for (position, (own, since, not_fine)) in down {
            let dirty = &self.hot[position];
            // What could be shared instead: candidates that carry this row's bad checks, and lost so far.
            let mut alternatives: Vec<(Vec<NodeIx>, f64)> = Vec::new();
            let mut elsewhere = 0.0;
            for candidate in shared.iter().filter(|candidate| !self.is_unmapped(candidate.node)) {
                let carries = self.topology.nodes[candidate.node].cover_of(dirty.row).is_some();
                if carries {
                    let probability = (candidate.score - total).exp();
                    elsewhere += probability;
                    match alternatives.iter_mut().find(|(nodes, _)| nodes[0] == candidate.node) {
                        Some(known) => known.1 += probability,
                        None => alternatives.push((vec![candidate.node], probability)),
                    }
                }
            }
            alternatives.retain(|(nodes, _)| !self.topology.nodes[nodes[0]].causes.is_empty());
            alternatives.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            alternatives.truncate(ALTERNATIVES_MAX);
            // While no shared cause can be named, what is known to be down is the practice.
            let probability = not_fine * (1.0 - elsewhere.min(UNNAMED_MAX));
            // The row's share of them, so that all together are at most certain.
            let sum: f64 = alternatives.iter().map(|(_, chance)| *chance).sum();
            let scale = ((1.0 - probability) / sum.max(1e-12)).min(1.0);
            for (_, chance) in &mut alternatives {
                *chance *= scale;
            }
            let same = self.same_as_own(dirty.row, own);
            found.push(OwnFault {
                row: dirty.row,
                own,
                since,
                probability,
                something: not_fine,
                same,
                alternatives,
            });
        }
        found
    }

    /// Components behind which nobody else is watched now and that carry just what this state takes.
    fn same_as_own(&self, row: Row, own: Own) -> Vec<NodeIx> {
        let topology = self.topology;
        let mut same: Vec<NodeIx> = topology.row_nodes[row as usize]
            .iter()
            .copied()
            .filter(|node| {
                let node_ref = &topology.nodes[*node];
                let Some(cover) = node_ref.cover_of(row) else { return false };
                let cover = &topology.covers[cover];
                let matches = match own {
                    Own::Dark | Own::Silent => cover.everything,
                    Own::Out(network) | Own::Lossy(network) | Own::Intercepted(network) => {
                        cover.probes.iter().all(|probe| topology.probes[*probe as usize].network == network)
                            && cover.probes.len()
                                == topology.probes.iter().filter(|facts| facts.network == network).count()
                    }
                    Own::Fine => false,
                };
                let alone = node_ref
                    .members(topology.rows)
                    .filter(|member| member.row != row)
                    .all(|member| !self.is_watched(member.row));
                let solid = node_ref.members(topology.rows).any(|member| member.row == row && !member.spared);
                matches && alone && solid
            })
            .collect();
        same.sort_unstable();
        same.dedup();
        same
    }

    /// It was heard, and didn't say goodbye: it may be silent now for the same reason.
    fn is_watched(&self, row: Row) -> bool {
        let hearing = &self.evidence.hearings[row as usize];
        hearing.ever() && !hearing.away
    }
}
