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
/// Steps that are kept: those, the present one, and some for what arrives late.
const KEPT: usize = 192;

/// Counts by node, probe and step.
#[derive(Debug)]
pub struct Tallies {
    probes: usize,
    step_ms: i64,
    /// The latest step, counted from 1970.
    newest: i64,
    counts: Vec<u32>,
}

impl Tallies {
    pub fn new(topology: &Topology) -> Self {
        let probes = topology.probes.len();
        let window_ms = topology.probes.iter().map(ProbeFacts::lag_ms).max().unwrap_or(1);
        let steps = i64::try_from(STEPS).unwrap_or(1);
        Self {
            probes,
            step_ms: (window_ms / steps).max(1),
            newest: 0,
            counts: vec![0; topology.nodes.len() * probes * KEPT],
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
            let cell = (*node as usize * self.probes + probe) * KEPT + slot;
            let count = &mut self.counts[cell];
            *count = if more { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
    }

    /// Counts of one node and probe, from step `first` on, up to [`STEPS`] later. Call [`Self::advance`] before.
    pub fn read(&self, node: NodeIx, probe: usize, first: i64) -> impl Iterator<Item = u32> + '_ {
        let begin = (node * self.probes + probe) * KEPT;
        let (older, newer) = self.counts[begin..begin + KEPT].split_at(slot(first));
        newer.iter().chain(older).take(STEPS + 1).copied()
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
}

impl Grid {
    pub fn new(now: At, tallies: &Tallies) -> Self {
        let steps = i64::try_from(STEPS).unwrap_or(0);
        Self { first: tallies.step(now) - steps, step_ms: tallies.step_ms() }
    }

    pub fn place(&self, at: At) -> usize {
        let step = at.as_millis().div_euclid(self.step_ms) - self.first;
        usize::try_from(step.max(0)).unwrap_or(0).min(STEPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::estates::{Plan, build};

    const START_MS: i64 = 1_773_644_400_000;

    fn tallies() -> Tallies {
        Tallies::new(&Topology::new(&build(&Plan { practices: 3, ..Plan::default() })))
    }

    /// How many good answers it knows of node 0 and probe 0 at `now`.
    fn known(tallies: &Tallies, now: At) -> u32 {
        tallies.read(0, 0, Grid::new(now, tallies).first).sum()
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
