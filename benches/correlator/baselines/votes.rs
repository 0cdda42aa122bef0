//! 007 (Arzani and others, NSDI 2018): every failed check gives each thing on its path one vote over the length of
//! the path; the thing with most votes is to blame, its checks are taken away, and so on while the votes are many
//! enough. Checks that succeed have no say, so what is larger always has at least as many votes; of those with
//! nearly as many as the most, the smallest is named.

use super::board::Board;
use super::teller::Firing;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Votes {
    pub window: u32,
    /// Of all votes, what the first must have.
    pub share: f64,
    /// Votes that it must have.
    pub least: f64,
    /// What has this share of the most votes counts as equal to it.
    pub tie: f64,
    /// In intervals.
    pub hold: f64,
    pub keep: f64,
}

impl Votes {
    pub fn judge(&self, board: &Board, hold_ms: i64) -> Vec<Firing> {
        let crossed = &board.facts.crossed;
        let mut votes = vec![0.0_f64; board.facts.candidates.len()];
        let vote = |check: usize| f64::from(board.failed[check]) / crossed[check].len().max(1) as f64;
        for check in &board.bad {
            for candidate in &crossed[*check as usize] {
                votes[*candidate as usize] += vote(*check as usize);
            }
        }
        let all: f64 = board.bad.iter().map(|check| f64::from(board.failed[*check as usize])).sum();
        let mut open = vec![false; board.failed.len()];
        for check in &board.bad {
            open[*check as usize] = true;
        }
        let touched = &board.touched;
        let mut firing: Vec<Firing> = Vec::new();
        loop {
            let most = touched.iter().map(|ix| votes[*ix as usize]).fold(0.0, f64::max);
            if most <= 0.0 || most < self.least || most < self.share * all {
                break;
            }
            let equal = touched.iter().filter(|ix| votes[**ix as usize] >= self.tie * most);
            let Some(ix) = equal.min_by_key(|ix| board.candidate(**ix).checks.len()).copied() else { break };
            for check in &board.candidate(ix).checks {
                let check = *check as usize;
                if std::mem::take(&mut open[check]) {
                    for other in &crossed[check] {
                        votes[*other as usize] -= vote(check);
                    }
                }
            }
            votes[ix as usize] = 0.0;
            firing.push(Firing { candidate: ix, muted: false, hold_ms });
        }
        firing
    }
}
