//! Good answers, counted as they arrive: by what they crossed, by probe and by time. A search that had to read every
//! answer of every row would cost as much as the estate is large; this way it costs as much as there is wrong.
//!
//! There is one for the rows in which nothing is the matter, and one for those that are *hot* (see
//! [`super::evidence`]), which are looked at one by one as well.

use crate::time::At;

use super::topology::{NodeIx, ProbeFacts, Topology};

/// Steps of the time that counts. The step is the resolution of an onset among good answers: a 128th of three or
/// four askings is less than a second where checks are asked every 30 s.
pub const STEPS: usize = 128;
/// Those, and the present one.
pub const SLOTS: usize = STEPS + 1;
/// Steps that are kept: those, the present one, and some for what arrives late.
const KEPT: usize = 192;

/// Counts by node, probe and step.
#[derive(Debug)]
pub struct Tallies {
    step_ms: i64,
    /// The latest step, counted from 1970.
    newest: i64,
    /// By node: where its counts begin; [`NONE`]: it is crossed by one row only, and a practice's own.
    begins: Vec<usize>,
    counts: Vec<u32>,
}

const NONE: usize = usize::MAX;

impl Tallies {
    pub fn new(topology: &Topology) -> Self {
        let probes = topology.probes.len();
        let window_ms = topology.probes.iter().map(ProbeFacts::lag_ms).max().unwrap_or(1);
        let mut cells = 0;
        let begins = topology
            .nodes
            .iter()
            .map(|node| {
                if node.is_private(topology.rows) {
                    return NONE;
                }
                cells += probes;
                (cells - probes) * KEPT
            })
            .collect();
        Self::of(window_ms, begins, cells)
    }

    fn of(window_ms: i64, begins: Vec<usize>, cells: usize) -> Self {
        Self {
            step_ms: (window_ms / i64::try_from(STEPS).unwrap_or(1)).max(1),
            newest: i64::MIN / 2,
            begins,
            counts: vec![0; cells * KEPT],
        }
    }

    pub const fn step_ms(&self) -> i64 {
        self.step_ms
    }

    /// The step of a moment, counted from 1970.
    pub const fn step(&self, at: At) -> i64 {
        at.as_millis().div_euclid(self.step_ms)
    }

    /// Time goes on: what is too old is forgotten.
    pub fn advance(&mut self, now: At) {
        let step = self.step(now);
        let kept = i64::try_from(KEPT).unwrap_or(1);
        if step - self.newest >= kept {
            self.counts.fill(0);
        } else {
            for old in self.newest + 1..=step {
                let slot = slot(old);
                for cell in self.counts.chunks_exact_mut(KEPT) {
                    cell[slot] = 0;
                }
            }
        }
        self.newest = self.newest.max(step);
    }

    /// Counts a good answer, or takes it back.
    pub fn count(&mut self, crossed: &[u32], probe: usize, at: At, more: bool) {
        let step = self.step(at);
        let kept = i64::try_from(KEPT).unwrap_or(1);
        if step > self.newest || self.newest - step >= kept {
            return;
        }
        let slot = slot(step);
        for node in crossed {
            let begin = self.begins[*node as usize];
            if begin == NONE {
                continue;
            }
            let count = &mut self.counts[begin + probe * KEPT + slot];
            *count = if more { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
    }

    /// Counts of one node and probe by step, from step `first` on, up to [`STEPS`] later: two stretches, the older
    /// first. Call [`Self::advance`] before.
    pub fn read(&self, node: NodeIx, probe: usize, first: i64) -> [&[u32]; 2] {
        let begin = self.begins[node].saturating_add(probe * KEPT);
        let cell = self.counts.get(begin..begin.saturating_add(KEPT)).unwrap_or_default();
        let (newer, older) = cell.split_at(slot(first).min(cell.len()));
        let older = &older[..older.len().min(SLOTS)];
        [older, &newer[..newer.len().min(SLOTS - older.len())]]
    }
}

fn slot(step: i64) -> usize {
    let kept = i64::try_from(KEPT).unwrap_or(1);
    usize::try_from(step.rem_euclid(kept)).unwrap_or(0)
}

/// The grid: [`STEPS`] steps and the present one.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// The first step, counted from 1970.
    pub first: i64,
    step_ms: i64,
    now: At,
}

/// What was asked this soon after an onset may have been asked before it: moments are as exact as clocks are.
pub const UNSURE_MS: i64 = 1_000;

impl Grid {
    pub fn new(now: At, tallies: &Tallies) -> Self {
        Self::of(now, tallies.step_ms())
    }

    pub fn of(now: At, step_ms: i64) -> Self {
        let steps = i64::try_from(STEPS).unwrap_or(0);
        Self { first: now.as_millis().div_euclid(step_ms) - steps, step_ms, now }
    }

    /// Which share of the good answers of a moment's step came after it by `unsure_ms` or more, if they are spread
    /// evenly.
    pub fn share_after(&self, at: At, unsure_ms: i64) -> f64 {
        let begin = At::from_millis(at.as_millis().div_euclid(self.step_ms).saturating_mul(self.step_ms));
        let end = begin.plus_millis(self.step_ms).min(self.now);
        let after_ms = end.millis_since(at).saturating_sub(unsure_ms).max(0);
        after_ms as f64 / end.millis_since(begin).max(1) as f64
    }

    pub fn place(&self, at: At) -> usize {
        let step = at.as_millis().div_euclid(self.step_ms) - self.first;
        usize::try_from(step.max(0)).unwrap_or(0).min(STEPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: i64 = 1_773_644_400_000;

    /// Of one node and one probe, asked every 30 s with a time-out of 5 s.
    fn tallies() -> Tallies {
        Tallies::of(95_000, vec![0], 1)
    }

    /// How many good answers it knows of node 0 and probe 0 at `now`.
    fn known(tallies: &Tallies, now: At) -> u32 {
        tallies.read(0, 0, Grid::new(now, tallies).first).iter().copied().flatten().sum()
    }

    #[test]
    fn what_is_counted_is_read_until_it_is_too_old() {
        let mut tallies = tallies();
        let begin = At::from_millis(START_MS);
        tallies.advance(begin);
        tallies.count(&[0], 0, begin, true);
        tallies.count(&[0], 0, begin, true);
        tallies.count(&[0], 0, begin, false);
        assert_eq!(known(&tallies, begin), 1);
        let window_ms = tallies.step_ms() * i64::try_from(STEPS).unwrap_or(0);
        let later = begin.plus_millis(window_ms);
        tallies.advance(later);
        assert_eq!(known(&tallies, later), 1, "it is as old as what counts");
        let too_late = begin.plus_millis(window_ms + tallies.step_ms());
        tallies.advance(too_late);
        assert_eq!(known(&tallies, too_late), 0);
    }

    #[test]
    fn a_gap_of_years_leaves_nothing_behind() {
        let mut tallies = tallies();
        let begin = At::from_millis(START_MS);
        tallies.advance(begin);
        tallies.count(&[0], 0, begin, true);
        let later = begin.plus_millis(5 * 365 * 86_400_000);
        tallies.advance(later);
        assert_eq!(known(&tallies, later), 0);
        tallies.count(&[0], 0, begin, true);
        assert_eq!(known(&tallies, later), 0, "what is older than what is kept isn't counted");
    }
}
