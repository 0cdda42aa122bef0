//! A threshold on the share of failed checks, a component at a time: what most dashboards do. Where several that
//! overlap are over it, the one with the highest share is named, and the others only if they explain more than
//! half of their failures anew.

use super::board::Board;
use super::teller::Firing;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Results of each check that count.
    pub window: u32,
    pub share: f64,
    /// Practices that must fail before something shared is blamed.
    pub practices_min: usize,
    /// In intervals.
    pub hold: f64,
    pub keep: f64,
}

impl Ratio {
    pub fn judge(&self, board: &Board, hold_ms: i64) -> Vec<Firing> {
        let mut over: Vec<(f64, usize, u32)> = Vec::new();
        for ix in board.touched.iter().copied() {
            let candidate = board.candidate(ix);
            let share = board.tally(ix).share();
            let shared = candidate.practices.len() > 1;
            if share >= self.share && (!shared || board.practices_failing(candidate) >= self.practices_min) {
                over.push((share, candidate.checks.len(), ix));
            }
        }
        over.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)));
        let mut explained = vec![false; board.failed.len()];
        let mut firing = Vec::new();
        for (_, _, ix) in over {
            let failed =
                || board.candidate(ix).checks.iter().map(|c| *c as usize).filter(|c| board.failed[*c] > 0);
            let anew = failed().filter(|check| !explained[*check]).count();
            if anew * 2 > failed().count() {
                failed().for_each(|check| explained[check] = true);
                firing.push(Firing { candidate: ix, muted: false, hold_ms });
            }
        }
        firing
    }
}
