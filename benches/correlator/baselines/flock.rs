//! After Flock (Harsh and others, 2023): the set of failed components that is most likely given how many of each
//! check's recent askings failed, with one chance to fail across a broken component and one by noise, and a prior
//! for each component blamed. Greedy: what gains most is added, and what no longer pays is dropped again.
//!
//! Flock reads flows of a window and keeps all one-flip neighbours up to date; here the window is short enough to
//! begin anew each time, with the same result.

use super::board::Board;
use super::teller::Firing;

/// Faults at once at most; far more than there are in any trial.
const FAULTS_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flock {
    pub window: u32,
    /// That a check across something broken fails.
    pub broken: f64,
    /// That any other check fails.
    pub noise: f64,
    /// Nats that blaming one more thing costs.
    pub prior: f64,
    /// In intervals.
    pub hold: f64,
    pub keep: f64,
}

impl Flock {
    pub fn judge(&self, board: &Board, hold_ms: i64) -> Vec<Firing> {
        let convicts = (self.broken / self.noise).ln();
        let acquits = ((1.0 - self.broken) / (1.0 - self.noise)).ln();
        let ratio = |check: usize| {
            let failed = f64::from(board.failed[check]);
            failed * convicts + (f64::from(board.counted[check]) - failed) * acquits
        };
        let touched = &board.touched;
        // By check: how many of the chosen it crosses. One is enough to explain it.
        let mut chosen_on = vec![0_u16; board.failed.len()];
        let mut chosen: Vec<u32> = Vec::new();
        let sum_over = |ix: u32, chosen_on: &[u16], on: u16| -> f64 {
            let checks = board.candidate(ix).checks.iter().map(|check| *check as usize);
            checks.filter(|check| chosen_on[*check] == on).map(ratio).sum()
        };
        while chosen.len() < FAULTS_MAX {
            let best = touched
                .iter()
                .filter(|ix| !chosen.contains(ix))
                .map(|ix| (sum_over(*ix, &chosen_on, 0) - self.prior, *ix))
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            let Some((_, ix)) = best.filter(|(gain, _)| *gain > 0.0) else { break };
            chosen.push(ix);
            for check in &board.candidate(ix).checks {
                chosen_on[*check as usize] += 1;
            }
            // What the newcomer explains may leave another without merit.
            for other in chosen.clone() {
                if other != ix && sum_over(other, &chosen_on, 1) < self.prior {
                    chosen.retain(|it| *it != other);
                    for check in &board.candidate(other).checks {
                        chosen_on[*check as usize] -= 1;
                    }
                }
            }
        }
        chosen.into_iter().map(|candidate| Firing { candidate, muted: false, hold_ms }).collect()
    }
}
