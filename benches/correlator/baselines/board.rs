//! What a baseline sees of the estate: the last results of every check, and who was heard when.

use std::sync::Arc;

use linewatch::observation::{BYE, Failure, Observation};
use linewatch::time::At;

use crate::diagnoser::Place;
use crate::facts::{Candidate, Facts};

/// Results kept of each check: as many as a window may be long.
const WINDOW_MAX: u32 = 8;

#[derive(Debug)]
pub struct Board {
    pub facts: Arc<Facts>,
    /// Results of each check that count.
    window: u32,
    /// An agent that was heard and then isn't for so long is silent.
    silent_ms: i64,
    /// By check: its last results, newest in the lowest bit, 1 for failed; how many; when the newest was asked.
    results: Vec<u8>,
    known: Vec<u8>,
    asked: Vec<At>,
    /// By asker; `None`: never heard, or gone with a goodbye.
    heard: Vec<Option<At>>,
    /// By check, as of the last [`Self::look`]: failures and results within the window.
    pub failed: Vec<u8>,
    pub counted: Vec<u8>,
    /// Checks that failed within the window.
    pub bad: Vec<u32>,
    /// Candidates that some failed check crosses, in order.
    pub touched: Vec<u32>,
    /// By candidate; those that aren't touched are left as they were.
    tallies: Vec<Tally>,
}

/// Failures and results over all checks of a candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub failed: u32,
    pub counted: u32,
}

impl Tally {
    /// Of what is known; of nothing, nothing failed.
    pub fn share(self) -> f64 {
        f64::from(self.failed) / f64::from(self.counted.max(1))
    }
}

impl Board {
    pub fn new(facts: &Arc<Facts>, window: u32, silent_ms: i64) -> Self {
        let checks = facts.askers * facts.slots;
        let never = At::from_millis(i64::MIN);
        Self {
            facts: Arc::clone(facts),
            window: window.min(WINDOW_MAX),
            silent_ms,
            results: vec![0; checks],
            known: vec![0; checks],
            asked: vec![never; checks],
            heard: vec![None; facts.askers],
            failed: vec![0; checks],
            counted: vec![0; checks],
            bad: Vec::new(),
            touched: Vec::new(),
            tallies: vec![Tally::default(); facts.candidates.len()],
        }
    }

    pub fn take(&mut self, at: At, seen: &Observation, place: Place) {
        if at.millis_since(seen.ended()) > 2 * self.facts.every_ms + self.facts.timeout_ms {
            // Caught up from an agent's disk: it was alive, the result is history.
            self.heard[place.asker as usize] = Some(at);
            return;
        }
        self.heard[place.asker as usize] = (seen.probe != BYE).then_some(at);
        let Some(probe) = place.probe.filter(|_| seen.failure != Some(Failure::Local)) else { return };
        let check = place.asker as usize * self.facts.slots + probe as usize;
        let asked = seen.at.min(at);
        if asked >= self.asked[check] {
            self.asked[check] = asked;
            self.results[check] = self.results[check] << 1 | u8::from(!seen.ok);
            self.known[check] = (self.known[check] + 1).min(u8::try_from(WINDOW_MAX).unwrap_or(u8::MAX));
        }
    }

    /// Counts the failures among the last results of each check that isn't stale.
    pub fn look(&mut self, now: At) {
        self.bad.clear();
        let stale_ms = 2 * self.facts.every_ms + self.facts.timeout_ms;
        let probes = self.facts.slots - 1;
        for asker in 0..self.facts.askers {
            let first = asker * self.facts.slots;
            for check in first..first + probes {
                let fresh = now.millis_since(self.asked[check]) <= stale_ms;
                let counted = if fresh { u32::from(self.known[check]).min(self.window) } else { 0 };
                let mask = (1_u32 << counted.min(WINDOW_MAX)) - 1;
                self.count(check, (u32::from(self.results[check]) & mask).count_ones(), counted);
            }
            let heard = self.heard[asker].map(|at| now.millis_since(at) <= self.silent_ms);
            match heard {
                // The hub's own being heard says nothing.
                _ if asker + 1 == self.facts.askers => self.count(first + probes, 0, 0),
                None => self.count(first + probes, 0, 0),
                Some(heard) => self.count(first + probes, u32::from(!heard), 1),
            }
        }
        self.tally_up();
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most WINDOW_MAX")]
    fn count(&mut self, check: usize, failed: u32, counted: u32) {
        self.failed[check] = failed as u8;
        self.counted[check] = counted as u8;
        if failed > 0 && !self.facts.crossed[check].is_empty() {
            self.bad.push(crate::facts::position(check));
        }
    }

    fn tally_up(&mut self) {
        let mut touched = vec![false; self.facts.candidates.len()];
        for check in &self.bad {
            for candidate in &self.facts.crossed[*check as usize] {
                touched[*candidate as usize] = true;
            }
        }
        self.touched = (0..).zip(&touched).filter(|(_, touched)| **touched).map(|(ix, _)| ix).collect();
        for ix in &self.touched {
            let mut tally = Tally::default();
            for check in &self.facts.candidates[*ix as usize].checks {
                tally.failed += u32::from(self.failed[*check as usize]);
                tally.counted += u32::from(self.counted[*check as usize]);
            }
            self.tallies[*ix as usize] = tally;
        }
    }

    /// Of a candidate that is touched.
    pub fn tally(&self, ix: u32) -> Tally {
        self.tallies[ix as usize]
    }

    pub fn candidate(&self, ix: u32) -> &Candidate {
        &self.facts.candidates[ix as usize]
    }

    /// How many practices behind it have a failed check on it.
    pub fn practices_failing(&self, candidate: &Candidate) -> usize {
        let mut last = u32::MAX;
        let mut failing = 0;
        for check in candidate.checks.iter().filter(|check| self.failed[**check as usize] > 0) {
            let asker = *check / crate::facts::position(self.facts.slots);
            failing += usize::from(asker != last && (asker as usize) < self.facts.askers - 1);
            last = asker;
        }
        failing
    }

    /// Consecutive failures of a check, the newest result last.
    pub fn run(&self, check: u32) -> u32 {
        if self.counted[check as usize] == 0 { 0 } else { self.results[check as usize].trailing_ones() }
    }
}
