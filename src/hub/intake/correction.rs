//! Observations of an agent whose clock is wrong are placed by the hub's. Pure.
//!
//! How wrong it is, each request says: it carries the agent's time. What was noted before the clock was set is moved by how it
//! stands now, which is wrong if it was set in between; no more can be known here, and nothing is placed in the future.

use crate::hub::credentials::live::is_off;
use crate::segments::{Entry, Record};
use crate::time::At;

/// Moves the times of a batch back by as much as the clock that they are of is ahead, where that is much.
pub fn correct(batch: &mut [Record], ahead_ms: i64, now: At) {
    if !is_off(ahead_ms) {
        return;
    }
    for record in batch {
        if let Entry::Seen(seen) = &mut record.entry {
            seen.at = seen.at.plus_millis(ahead_ms.saturating_neg()).min(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::workers::blank;

    fn placed(at: At, ahead_ms: i64, now: At) -> At {
        let mut batch = [Record { seq: 1, entry: Entry::Seen(blank(at, "G82002", "web")) }];
        correct(&mut batch, ahead_ms, now);
        match &batch[0].entry {
            Entry::Seen(seen) => seen.at,
            Entry::Thinned(_) => panic!("it was seen"),
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_corrected_and_one_that_is_a_little_off_is_left() {
        let now = At::from_millis(1_773_644_400_000);
        let (hour, second) = (3_600_000, 1_000);
        assert_eq!(placed(now.plus_millis(hour - second), hour, now), now.plus_millis(-second));
        assert_eq!(placed(now.plus_millis(-hour - second), -hour, now), now.plus_millis(-second));
        assert_eq!(placed(now.plus_millis(2 * second), 2 * second, now), now.plus_millis(2 * second));
        // Noted by a clock that was behind and has been set ahead since.
        assert_eq!(placed(now, -hour, now), now, "nothing is placed in the future");
        assert_eq!(placed(At::LATEST, i64::MIN, now), now);
    }
}
