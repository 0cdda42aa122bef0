//! Rows that fail with a component that they aren't behind, because the map has them behind another of its kind.
//!
//! Lists of who is behind what are kept by hand, and practices are moved. One that goes dark in the same second as
//! everybody behind another firewall than its own is likelier to be listed wrongly than to have failed by itself just
//! then, and its manager must not be sent to look for a fault in the practice.

use super::super::model::SILENT_BY_ITSELF;
use super::super::own::Dirty;
use super::super::tallies::UNSURE_MS;
use super::super::topology::{Member, NodeIx, Row, Topology};
use super::super::window::Span;
use super::candidates::HARD_ROW;
use super::gain::{WAYS_MAX, hit_price};
use super::{Candidate, Lens, Search};

/// log P(the map puts a practice behind another component of a kind): one line in fifty is wrong.
const MISPLACED: f64 = -3.9;

/// Hot rows behind a component for each one elsewhere that may be a stray of it. More strays than that have something
/// else in common.
const LISTED_PER_STRAY: usize = 5;

/// A row that the map puts elsewhere, and that failed with a candidate.
#[derive(Debug, Clone, Copy)]
pub struct Stray {
    pub member: Member,
    /// When it was hit.
    pub span: Span,
    /// What supposing that it is one adds.
    pub gain: f64,
}

/// How many strays there are at most of a node with so many hot rows behind it.
pub const fn strays_max(behind: usize) -> usize {
    behind / LISTED_PER_STRAY
}

/// What each hot row adds at most as a stray of something, given what has been chosen.
pub struct Strays {
    /// By position among the hot rows.
    gains: Vec<f64>,
    /// What the first, the first two and so on of them add, the greatest first; those that add nothing left out.
    sums: Vec<f64>,
}

impl Strays {
    pub fn new(gains: Vec<f64>) -> Self {
        let mut sums: Vec<f64> = gains.iter().copied().filter(|gain| *gain > 0.0).collect();
        sums.sort_unstable_by(|a, b| b.total_cmp(a));
        let mut sum = 0.0;
        for gain in &mut sums {
            sum += *gain;
            *gain = sum;
        }
        Self { gains, sums }
    }

    /// Rows that add anything.
    pub fn count(&self) -> usize {
        self.sums.len()
    }

    /// What so many of them add at most.
    pub fn most(&self, count: usize) -> f64 {
        count.checked_sub(1).and_then(|last| self.sums.get(last)).copied().unwrap_or(0.0)
    }
}

impl Dirty {
    /// What it adds at most as a stray. `luck`: what its bad results would need of bad luck, by network. A row that
    /// needs little of it is told of nothing anyway.
    pub fn gains_as_stray(&self, luck: &[f64]) -> f64 {
        let silent = self.late && !self.cut;
        if !silent && luck.iter().sum::<f64>() < HARD_ROW {
            return 0.0;
        }
        let silence = if silent { -SILENT_BY_ITSELF } else { 0.0 };
        (self.gain_at_most(luck) + WAYS_MAX + silence + MISPLACED).max(0.0)
    }

    /// It fails so much that it could be a stray, before anything is supposed.
    pub fn may_stray(&self, topology: &Topology) -> bool {
        let mut luck = vec![0.0; topology.networks];
        for piece in self.pieces.iter().filter(|piece| piece.class.bad()) {
            luck[topology.probes[piece.probe as usize].network] -= piece.luck;
        }
        self.row != topology.hub() && self.gains_as_stray(&luck) > 0.0
    }
}

impl Search<'_> {
    /// The rows that failed as if they were behind the candidate, though the map has them behind another of its
    /// kind. `behind`: how many hot rows are behind it.
    pub fn strays(&self, candidate: &Candidate, lens: &Lens, behind: usize) -> Vec<Stray> {
        let may = self.hot.iter().zip(&self.may_stray).filter(|(_, may)| **may);
        self.strays_among(candidate, lens, behind, may.map(|(dirty, _)| dirty))
    }

    /// What the strays of a candidate add to its gain.
    pub fn gain_of_strays(&self, candidate: &Candidate, lens: &Lens, behind: usize, most: &Strays) -> f64 {
        let may = self.hot.iter().zip(&most.gains).filter(|(_, gain)| **gain > 0.0);
        let strays = self.strays_among(candidate, lens, behind, may.map(|(dirty, _)| dirty));
        strays.iter().map(|stray| stray.gain).sum()
    }

    fn strays_among<'s>(
        &'s self,
        candidate: &Candidate,
        lens: &Lens,
        behind: usize,
        may: impl Iterator<Item = &'s Dirty>,
    ) -> Vec<Stray> {
        let most = strays_max(behind);
        if most == 0 || !self.may_have_strays(candidate.node) {
            return Vec::new();
        }
        let found = may.filter_map(|dirty| self.stray(candidate, lens, dirty));
        let strays: Vec<Stray> = found.take(most + 1).collect();
        if strays.len() > most { Vec::new() } else { strays }
    }

    /// It stands in a place that others of its kind fill for other rows.
    pub fn may_have_strays(&self, node: NodeIx) -> bool {
        let node = &self.topology.nodes[node];
        !node.spared && !node.resolver && node.kind.is_of_the_map()
    }

    fn stray(&self, candidate: &Candidate, lens: &Lens, dirty: &Dirty) -> Option<Stray> {
        let span = candidate.span;
        let failed = dirty.pieces.iter().take_while(|piece| piece.from >= span.since);
        let luck: f64 = failed.filter(|piece| piece.class.bad()).map(|piece| -piece.reason).sum();
        let silence = if dirty.late { -SILENT_BY_ITSELF } else { 0.0 };
        // Most rows fail at other times, which is seen at once.
        if luck + silence + MISPLACED <= 0.0 {
            return None;
        }
        let member = self.as_if_behind(candidate, dirty.row)?;
        // The onset was found without it, and is as exact as clocks are.
        let early_ms = candidate.span.since.millis_since(dirty.due);
        let unsure = dirty.late && early_ms > 0 && early_ms <= UNSURE_MS;
        let since = if unsure { dirty.due } else { candidate.span.since };
        let candidate = &Candidate { span: Span { since, ..candidate.span }, ..*candidate };
        // One that answered while the component was down is as listed, and fell later by itself.
        let spans = self.ways(candidate, lens, member, dirty);
        let (span, log) = spans
            .as_slice()
            .iter()
            .filter(|(span, _)| span.since == candidate.span.since)
            .map(|(span, price)| (*span, price + self.hit_gain(candidate, lens, member, dirty, *span)))
            .reduce(|a, b| if b.1 > a.1 { b } else { a })?;
        let gain = log + hit_price(candidate.mode) + MISPLACED;
        (gain > 0.0).then_some(Stray { member, span, gain })
    }

    /// What the candidate would carry of a row that the map puts behind another of its kind; `None`: the row has
    /// nothing of that kind, or is behind the candidate.
    fn as_if_behind(&self, candidate: &Candidate, row: Row) -> Option<Member> {
        let nodes = &self.topology.nodes;
        let node = &nodes[candidate.node];
        let kind = &node.causes.first()?.kind;
        let of_row = &self.topology.row_nodes[row as usize];
        if of_row.contains(&candidate.node) {
            return None;
        }
        of_row.iter().map(|other| &nodes[*other]).find_map(|other| {
            let same = other.kind.is_of_the_map()
                && !other.resolver
                && other.causes.first().is_some_and(|cause| cause.kind == *kind);
            other.member(row).filter(|member| same && !member.spared)
        })
    }
}
