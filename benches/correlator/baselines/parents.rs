//! Parents and dependencies, as Icinga and Zabbix have them: a check is down *hard* after several failures in a row;
//! a practice, or a component as a business process over the checks behind it, is down when so many of its checks
//! are; and whatever is down behind something that is down counts as unreachable, and nobody is told.

use super::board::Board;
use super::teller::Firing;
use crate::facts::{Candidate, Level};

/// Of a child's checks that are down, this share must cross the parent, or the parent doesn't explain them.
const BEHIND_PARENT: f64 = 0.9;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parents {
    /// Failures in a row until a soft state is hard.
    pub attempts: u32,
    /// Of a shared component's checks.
    pub share: f64,
    /// Of a practice's checks.
    pub practice: f64,
    /// In intervals.
    pub keep: f64,
}

impl Parents {
    pub fn judge(&self, board: &Board) -> Vec<Firing> {
        let silent = |check: u32| (check as usize + 1).is_multiple_of(board.facts.slots);
        let hard = |check: &&u32| {
            board.failed[**check as usize] > 0 && (silent(**check) || board.run(**check) >= self.attempts)
        };
        let mut down: Vec<(u32, usize, Vec<u32>)> = Vec::new();
        for ix in board.touched.iter().copied() {
            let candidate = board.candidate(ix);
            let failed: Vec<u32> = candidate.checks.iter().filter(hard).copied().collect();
            let known = candidate.checks.iter().filter(|check| board.counted[**check as usize] > 0).count();
            let share = if candidate.level == Level::Practice { self.practice } else { self.share };
            if !failed.is_empty() && failed.len() as f64 >= share * known as f64 {
                down.push((ix, rank(candidate), failed));
            }
        }
        // By check: the highest rank that is down over it.
        let mut highest = vec![0_usize; board.failed.len()];
        for (_, rank, failed) in &down {
            for check in failed {
                let highest = &mut highest[*check as usize];
                *highest = (*highest).max(*rank);
            }
        }
        down.iter()
            .map(|(ix, rank, failed)| {
                let above = failed.iter().filter(|check| highest[**check as usize] > *rank).count();
                let muted = above as f64 >= BEHIND_PARENT * failed.len() as f64;
                Firing { candidate: *ix, muted, hold_ms: 0 }
            })
            .collect()
    }
}

/// The tree that an operator would draw, from the hub's side: hub, network, components inwards, services on them,
/// practices.
fn rank(candidate: &Candidate) -> usize {
    match candidate.level {
        Level::Practice => 1,
        Level::Service => 2,
        Level::Component => 3 + candidate.depth,
        Level::Network => 1_000,
        Level::Monitor => 1_001,
    }
}
