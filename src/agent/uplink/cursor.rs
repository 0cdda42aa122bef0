//! What is sent next: what is new first, and the backlog behind it. Pure.

use crate::limits::BATCH_ITEMS;

/// After a cut so many of the newest are sent as new, so that the hub sees at once how things stand; the others are backlog.
const NEWEST: u64 = 100;

/// How far a spool has been handed out.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// The last number that was sent as new.
    live: u64,
    /// The last number of the backlog that was sent, in this pass over it.
    back: u64,
    /// The most that goes into one batch: less while the hub finds batches too large.
    items_max: usize,
}

impl Cursor {
    /// At a start all that is there is backlog. `sendable`: its last number.
    pub fn new(sendable: u64) -> Self {
        Self { live: sendable, back: 0, items_max: BATCH_ITEMS }
    }

    /// Where what is new begins.
    pub fn live(&self) -> u64 {
        self.live
    }

    /// After which number the backlog goes on, and with which it ends.
    pub fn back(&self) -> (u64, u64) {
        (self.back, self.live)
    }

    pub fn items_max(&self) -> usize {
        self.items_max
    }

    /// The hub answered to what was new, up to this number. What it doesn't have for sure yet is backlog now.
    pub fn sent_live(&mut self, last: u64) {
        self.live = self.live.max(last);
        self.items_max = (self.items_max * 2).min(BATCH_ITEMS);
    }

    /// The hub answered to a part of the backlog. `None`: there was nothing more, and the next pass begins with the oldest.
    pub fn sent_back(&mut self, last: Option<u64>) {
        self.back = last.unwrap_or(0);
        self.items_max = (self.items_max * 2).min(BATCH_ITEMS);
    }

    /// A cut is over: all but the newest is backlog.
    pub fn resume(&mut self, sendable: u64) {
        self.live = self.live.max(sendable.saturating_sub(NEWEST));
        self.back = 0;
    }

    /// The hub found a batch too large. `false`: it was one record, which nothing makes smaller.
    pub fn too_large(&mut self) -> bool {
        let one = self.items_max <= 1;
        self.items_max = (self.items_max / 2).max(1);
        !one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_comes_first_and_after_a_cut_the_newest() {
        let mut cursor = Cursor::new(500);
        assert_eq!((cursor.live(), cursor.back()), (500, (0, 500)));
        cursor.sent_live(510);
        cursor.sent_back(Some(250));
        assert_eq!(cursor.back(), (250, 510));
        cursor.sent_back(None);
        assert_eq!(cursor.back(), (0, 510));
        cursor.resume(20_000);
        assert_eq!((cursor.live(), cursor.back()), (19_900, (0, 19_900)));
        cursor.resume(19_950);
        assert_eq!(cursor.live(), 19_900, "it never goes back");
    }

    #[test]
    fn a_batch_that_is_too_large_is_halved_until_it_is_one() {
        let mut cursor = Cursor::new(0);
        let halved = std::iter::from_fn(|| cursor.too_large().then_some(())).count();
        assert_eq!((halved, cursor.items_max()), (8, 1), "500, 250, 125, …");
        cursor.sent_live(1);
        assert_eq!(cursor.items_max(), 2);
    }
}
