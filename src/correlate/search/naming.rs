//! From a choice to what it is called: the group that the data can't tell apart, its probability beside the others, and
//! whom it hits.

use std::collections::BTreeMap;

use super::super::model::{Mode, log_sum_exp};
use super::super::tallies::UNSURE_MS;
use super::super::topology::{Member, NodeIx, NodeKind, Row};
use super::{ALTERNATIVES_MAX, Candidate, Fault, GROUP_PRIOR_MAX, Known, Lens, SAME, Search};

impl Search<'_> {
    pub fn fault(&self, best: Candidate, slot: &[Candidate]) -> Fault {
        let named = |node: NodeIx| !self.topology.nodes[node].causes.is_empty();
        let mut group: Vec<NodeIx> = slot
            .iter()
            .filter(|other| {
                other.mode == best.mode
                    && other.facet == best.facet
                    && other.span.until.is_none()
                    && (other.gain - best.gain).abs() <= SAME * best.gain.abs().max(1.0)
                    && (named(other.node) || other.node == best.node)
                    && self.explain_the_same(other, &best)
            })
            .map(|other| other.node)
            .collect();
        if group.iter().any(|node| named(*node)) {
            group.retain(|node| named(*node));
        }
        let prior = |node: &NodeIx| self.prior(*node, best.facet, best.mode, best.span);
        // What hardly ever fails like that is an alternative, and not one of the group.
        let highest = group.iter().map(prior).fold(f64::NEG_INFINITY, f64::max);
        group.retain(|node| prior(node) >= highest - GROUP_PRIOR_MAX);
        // Of equals, the order is that of their names, whatever the order of the practices.
        let names = |node: &NodeIx| {
            let causes = &self.topology.nodes[*node].causes;
            causes.iter().map(|cause| (&cause.kind, &cause.id)).collect::<Vec<_>>()
        };
        group.sort_by(|a, b| {
            prior(b).total_cmp(&prior(a)).then_with(|| names(a).cmp(&names(b))).then(a.cmp(b))
        });
        group.dedup();
        let ranked = posteriors(slot, self.known, |candidate| {
            // A target is the far end of a service's check: what is said of it is said of the service. And all spares
            // are called what each of them is.
            if group.contains(&candidate.node)
                || self.is_target_of(candidate.node, &group)
                || self.is_called_like(candidate.node, &group)
            {
                group.clone()
            } else {
                vec![candidate.node]
            }
        });
        let probability =
            ranked.iter().find(|(nodes, _)| *nodes == group).map_or(0.0, |(_, probability)| *probability);
        let alternatives = ranked
            .into_iter()
            .filter(|(nodes, _)| *nodes != group && named(nodes[0]))
            .take(ALTERNATIVES_MAX)
            .collect();
        let total = log_total(slot);
        let something = 1.0 - (-total).exp();
        let of_group = |candidate: &&Candidate| {
            group.contains(&candidate.node) || self.is_target_of(candidate.node, &group)
        };
        let whole = slot.iter().filter(|candidate| candidate.mode.uniform()).filter(of_group);
        let whole = whole.map(|candidate| (candidate.score - total).exp()).sum();
        Fault { best, group, probability, something, whole, alternatives, rows: self.hit_rows(&best) }
    }

    /// They stand before the same bad results: equal gains alone could be those of two faults.
    fn explain_the_same(&self, a: &Candidate, b: &Candidate) -> bool {
        if a.node == b.node {
            return true;
        }
        let lens = self.lens(a.facet, a.mode);
        let slight = |of: &Candidate| self.behind[self.crossed_by(of.node, of.mode)].iter();
        let shown = |at: &&u32| lens.shows(self.slight[**at as usize].piece.probe);
        let before = |of: &Candidate| {
            let mut before: Vec<(Row, u32)> = Vec::new();
            for member in self.members(of) {
                let Some(dirty) = self.dirty_of(member.row) else { continue };
                let cover = &self.topology.covers[member.cover];
                let bad = dirty.pieces.iter().filter(|piece| piece.class.bad());
                let probes = bad.map(|piece| piece.probe).filter(|probe| lens.shows_through(cover, *probe));
                before.extend(probes.map(|probe| (member.row, probe)));
                if dirty.late && cover.everything {
                    before.push((member.row, u32::MAX));
                }
            }
            before
        };
        slight(a).filter(shown).eq(slight(b).filter(shown)) && before(a) == before(b)
    }

    fn is_called_like(&self, node: NodeIx, group: &[NodeIx]) -> bool {
        let nodes = &self.topology.nodes;
        let causes = &nodes[node].causes;
        !causes.is_empty()
            && causes.iter().all(|cause| group.iter().any(|other| nodes[*other].causes.contains(cause)))
    }

    /// A service's only probe and the service are one thing by two names.
    fn is_target_of(&self, node: NodeIx, group: &[NodeIx]) -> bool {
        let nodes = &self.topology.nodes;
        let NodeKind::Target(probe) = nodes[node].kind else { return false };
        group.iter().any(|other| match nodes[*other].kind {
            NodeKind::Service(service) => self.topology.probes[probe].service == Some(service),
            _ => false,
        })
    }

    /// The practices that are hit: for a fault that hits all alike, those behind it that were heard from and
    /// haven't answered since; otherwise those that show it.
    fn hit_rows(&self, best: &Candidate) -> Vec<Row> {
        if self.is_monitor(best.node) {
            return Vec::new();
        }
        let lens = self.lens(best.facet, best.mode);
        let mut rows = Vec::new();
        for member in self.members(best) {
            let hearing = &self.evidence.hearings[member.row as usize];
            if member.row == self.topology.hub() || !hearing.ever() || hearing.away {
                continue;
            }
            let (bad, good) = self.answers_since(best, &lens, member);
            let hit = match best.mode {
                Mode::Partial(..) | Mode::Streams | Mode::Brownout | Mode::Saturated => true,
                Mode::Sticky(..) => hearing.late || bad > good && self.is_hit(best, &lens, member),
                Mode::Slow => bad > 0,
                _ if member.spared => bad > good && self.is_hit(best, &lens, member),
                _ => (bad > 0 || good == 0) && self.is_hit(best, &lens, member),
            };
            if hit {
                rows.push(member.row);
            }
        }
        let hot = self.members(best).filter(|member| self.dirty_of(member.row).is_some()).count();
        let strays = self.strays(best, &lens, hot).into_iter();
        let down = strays.filter(|stray| stray.span.until.is_none()).map(|stray| stray.member.row);
        rows.extend(down.filter(|row| !self.evidence.hearings[*row as usize].away));
        rows.sort_unstable();
        rows
    }

    /// Fresh bad and good results of one row behind a candidate, asked since its onset; good ones surely since.
    fn answers_since(&self, best: &Candidate, lens: &Lens, member: Member) -> (u32, u32) {
        let cover = &self.topology.covers[member.cover];
        let (mut bad, mut good) = (0, 0);
        for probe in lens.probes(cover) {
            let check = &self.evidence.checks[self.topology.check(member.row, probe)];
            let facts = &self.topology.probes[probe as usize];
            let (failed, since) = (check.class.bad(), best.span.since);
            let surely = if failed { since } else { since.plus_millis(UNSURE_MS) };
            if check.fresh(self.now, facts.stale_ms()) && check.last_at >= surely {
                if failed { bad += 1 } else { good += 1 }
            }
        }
        (bad, good)
    }
}

/// log of the weight of all candidates together with "none of these".
pub fn log_total(candidates: &[Candidate]) -> f64 {
    let scores: Vec<f64> = candidates.iter().map(|candidate| candidate.score).chain([0.0]).collect();
    log_sum_exp(&scores)
}

/// Sums candidates by `name`, over all of them and "none of these"; those that are over weigh in, and are
/// not named, but for what people were told of: that it may just have ended makes it no less the cause.
pub fn posteriors(
    candidates: &[Candidate],
    known: &Known,
    name: impl Fn(&Candidate) -> Vec<NodeIx>,
) -> Vec<(Vec<NodeIx>, f64)> {
    let total = log_total(candidates);
    let mut sums: BTreeMap<Vec<NodeIx>, f64> = BTreeMap::new();
    let named = |candidate: &&Candidate| candidate.span.until.is_none() || known.has(candidate.node);
    for candidate in candidates.iter().filter(named) {
        *sums.entry(name(candidate)).or_default() += (candidate.score - total).exp();
    }
    let mut ranked: Vec<(Vec<NodeIx>, f64)> = sums.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranked
}
