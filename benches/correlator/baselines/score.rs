//! SCORE (Kompella and others, NSDI 2005): shared-risk groups. Of the groups whose *hit ratio* (failed over known) is
//! high enough, take the one that covers most failures not yet explained; again until none covers enough.

use super::board::Board;
use super::teller::Firing;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    pub window: u32,
    pub hit: f64,
    /// Failures that a group must explain.
    pub failures_min: usize,
    /// In intervals.
    pub hold: f64,
    pub keep: f64,
}

impl Score {
    pub fn judge(&self, board: &Board, hold_ms: i64) -> Vec<Firing> {
        let mut groups: Vec<u32> =
            board.touched.iter().copied().filter(|ix| board.tally(*ix).share() >= self.hit).collect();
        let mut open = vec![false; board.failed.len()];
        for check in &board.bad {
            open[*check as usize] = true;
        }
        let mut firing = Vec::new();
        loop {
            let covers =
                |ix: u32| board.candidate(ix).checks.iter().filter(|check| open[**check as usize]).count();
            // Ties go to the smaller group: it explains the same with less.
            let best = groups
                .iter()
                .map(|ix| (covers(*ix), *ix))
                .max_by_key(|(covers, ix)| (*covers, usize::MAX - board.candidate(*ix).checks.len()));
            let Some((_, ix)) = best.filter(|(covers, _)| *covers >= self.failures_min) else { break };
            for check in &board.candidate(ix).checks {
                open[*check as usize] = false;
            }
            groups.retain(|other| *other != ix);
            firing.push(Firing { candidate: ix, muted: false, hold_ms });
        }
        firing
    }
}
