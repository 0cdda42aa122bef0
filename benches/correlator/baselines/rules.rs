//! Recording rules and alerts as an operator writes them for Prometheus and Alertmanager: the share of failed
//! checks by network, by component, by service and by practice, each with a threshold and a `for:`; and inhibition:
//! while a higher level fires, lower ones that share checks with it are muted.

use super::board::Board;
use super::teller::Firing;
use crate::facts::Level;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Results of each check that are averaged.
    pub window: u32,
    pub network: f64,
    pub component: f64,
    pub service: f64,
    pub practice: f64,
    /// `for:` of what is shared, in intervals …
    pub hold: f64,
    /// … and of a practice's own.
    pub hold_practice: f64,
    /// `keep_firing_for:`, in intervals.
    pub keep: f64,
}

impl Rules {
    pub fn judge(&self, board: &Board, every_ms: f64) -> Vec<Firing> {
        let mut over: Vec<(Level, u32)> = Vec::new();
        for ix in board.touched.iter().copied() {
            let candidate = board.candidate(ix);
            let threshold = match candidate.level {
                Level::Practice => self.practice,
                Level::Service => self.service,
                // The hub's own checks count as a component's.
                Level::Component | Level::Monitor => self.component,
                Level::Network => self.network,
            };
            if board.tally(ix).share() >= threshold {
                over.push((candidate.level, ix));
            }
        }
        over.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        // By check: the highest level that fires on it.
        let mut highest: Vec<Option<Level>> = vec![None; board.failed.len()];
        let mut firing = Vec::with_capacity(over.len());
        for (level, ix) in over {
            let mut muted = false;
            for check in &board.candidate(ix).checks {
                let highest = &mut highest[*check as usize];
                muted |= highest.is_some_and(|above| above > level);
                *highest = (*highest).max(Some(level));
            }
            let hold = if level == Level::Practice { self.hold_practice } else { self.hold };
            #[expect(clippy::cast_possible_truncation, reason = "a few intervals")]
            firing.push(Firing { candidate: ix, muted, hold_ms: (hold * every_ms) as i64 });
        }
        firing
    }
}
