//! Observations of an agent whose clock is wrong are placed by the hub's. Pure.
//!
//! How wrong it is, each request says: it carries the agent's time. What was noted before the clock was set is moved by how it
//! stands now, which is wrong if it was set in between; no more can be known here. Nothing is placed in the future, however right the
//! clock is by now: what claims to be from there happened before it came, and is placed at the moment that it came.

use crate::hub::credentials::live::is_off;
use crate::limits::AHEAD_MAX;
use crate::segments::{Entry, Record};
use crate::time::At;

/// Moves the times of a batch back by as much as the clock that they are of is ahead, where that is much; and to `now` what would be
/// after it. By a clock that is right what is further ahead than [`AHEAD_MAX`] can't be, and is left as it is: it will be refused.
pub fn correct(batch: &mut [Record], ahead_ms: i64, now: At) {
    let is_off = is_off(ahead_ms);
    let place = |at: &mut At| {
        if is_off {
            *at = at.plus_millis(ahead_ms.saturating_neg()).min(now);
        } else if *at < now + AHEAD_MAX {
            *at = (*at).min(now);
        }
    };
    for record in batch {
        match &mut record.entry {
            Entry::Seen(seen) => place(&mut seen.at),
            Entry::Thinned(thinned) => {
                place(&mut thinned.from);
                place(&mut thinned.to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::workers::blank;
    use crate::segments::{Thinned, What};

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
        let ago = now.plus_millis(-2 * second);
        assert_eq!(placed(ago, 2 * second, now), ago, "a little off");
        assert_eq!(placed(now.plus_millis(2 * second), 2 * second, now), now);
        // Noted by a clock that was ahead and has been set right since.
        assert_eq!(placed(now.plus_millis(hour), 0, now), now);
        assert_eq!(placed(now + AHEAD_MAX, 0, now), now + AHEAD_MAX, "to be refused");
        // Noted by a clock that was behind and has been set ahead since.
        assert_eq!(placed(now, -hour, now), now, "nothing is placed in the future");
        assert_eq!(placed(At::LATEST, i64::MIN, now), now);
    }

    #[test]
    fn what_was_let_go_of_is_placed_as_what_was_seen_is() {
        let now = At::from_millis(1_773_644_400_000);
        let hour = 3_600_000;
        let thinned = Thinned {
            practice: "G82002".to_owned(),
            probe: "web".to_owned(),
            from: now.plus_millis(-2 * hour),
            to: now.plus_millis(hour),
            count: 9,
            what: What::Successes,
        };
        let placed = |ahead_ms: i64| {
            let mut batch = [Record { seq: 1, entry: Entry::Thinned(thinned.clone()) }];
            correct(&mut batch, ahead_ms, now);
            let note = batch[0].note().expect("it still is one");
            (note.from.millis_since(now), note.to.millis_since(now))
        };
        assert_eq!(placed(0), (-2 * hour, 0));
        assert_eq!(placed(hour), (-3 * hour, 0));
        assert_eq!(placed(2 * hour), (-4 * hour, -hour));
    }
}
