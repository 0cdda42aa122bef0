//! Which of the hub's addresses is used, and how long to wait when none works. Pure: time and chance come in.
//!
//! The first address is the best. When the one in use fails, the others are tried at once, in order; when all have failed, after a
//! wait that is drawn between nothing and twice the last one's limit (full jitter: thousands of agents that lost the hub in one
//! moment must not come back in one). While a worse one is used, a better one is looked at now and then, beside the reports:
//! `addresses.rs` says when.

use std::time::Duration;

use crate::limits::{UPLINK_WAIT_FIRST, UPLINK_WAIT_LONGEST};

#[derive(Debug, Clone)]
pub struct Link {
    addresses: usize,
    current: usize,
    /// Addresses that have failed since the last one that answered.
    tried: usize,
    /// Rounds in which all failed.
    rounds: u32,
}

impl Link {
    /// `addresses`: how many there are; at least one.
    pub fn new(addresses: usize) -> Self {
        Self { addresses: addresses.max(1), current: 0, tried: 0, rounds: 0 }
    }

    /// The place of the address to ask.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Whether nobody has answered lately.
    pub fn is_cut(&self) -> bool {
        self.rounds > 0
    }

    /// The one in use answered. `true`: that ends a cut.
    pub fn answered(&mut self) -> bool {
        let was_cut = self.is_cut();
        (self.tried, self.rounds) = (0, 0);
        was_cut
    }

    /// The one in use didn't. `Some`: all have failed, and this long is to be waited; else the next one is to be tried at once.
    pub fn failed(&mut self, chance: u64) -> Option<Duration> {
        self.tried += 1;
        self.current = (self.current + 1) % self.addresses;
        if self.tried < self.addresses {
            return None;
        }
        // The next round begins with the best.
        (self.tried, self.current) = (0, 0);
        self.rounds = self.rounds.saturating_add(1);
        Some(jitter(self.rounds, chance))
    }

    /// A better one answers.
    pub fn move_back(&mut self, to: usize) {
        if to < self.current {
            (self.current, self.tried) = (to, 0);
        }
    }
}

/// Between nothing and the limit of this round.
pub fn jitter(round: u32, chance: u64) -> Duration {
    let doubled = UPLINK_WAIT_FIRST.saturating_mul(1_u32.checked_shl(round).unwrap_or(u32::MAX));
    share(doubled.min(UPLINK_WAIT_LONGEST), chance)
}

/// A part of a length, drawn evenly.
pub fn share(most: Duration, chance: u64) -> Duration {
    let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(chance % most_ms.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_address_is_tried_at_once_and_all_wait_together() {
        let mut link = Link::new(2);
        assert_eq!(link.failed(7), None);
        assert_eq!(link.current(), 1);
        assert!(!link.answered(), "the other one answered, so there was no cut");
        assert_eq!(link.failed(u64::MAX), None);
        assert!(link.failed(999).is_some_and(|wait| wait <= UPLINK_WAIT_FIRST * 2));
        assert_eq!(link.current(), 0);
        assert!(link.is_cut() && link.answered() && !link.is_cut());
    }

    #[test]
    fn a_better_address_is_moved_back_to_and_a_worse_one_is_not() {
        let mut link = Link::new(3);
        assert!(link.failed(0).is_none() && link.failed(0).is_none());
        link.answered();
        link.move_back(1);
        assert_eq!(link.current(), 1);
        link.move_back(2);
        assert_eq!(link.current(), 1, "that would be worse");
        link.move_back(0);
        assert_eq!(link.current(), 0);
    }

    #[test]
    fn waits_are_spread_evenly_up_to_a_limit_that_grows_and_ends() {
        let mut link = Link::new(1);
        let mut limits = Vec::new();
        for _ in 0..40 {
            link.failed(0);
            limits.push((0..2_000).map(|n| jitter(link.rounds, n * 61)).max().expect("some"));
        }
        assert!(limits.windows(2).all(|pair| pair[0] <= pair[1] + Duration::from_secs(1)), "{limits:?}");
        assert!(limits[39] <= UPLINK_WAIT_LONGEST && limits[39] > UPLINK_WAIT_LONGEST / 2);
    }
}
