//! Observations of an agent whose clock is wrong are placed by the hub's. Pure.
//!
//! How wrong it is, each request says: it carries the agent's time, and when the clock was set while the agent ran, and by how much. What was
//! noted before is placed by how the clock stood then. That it was set while the agent or its machine didn't run nobody noticed: then what was
//! noted before is placed by how the clock stands now. Nothing is placed in the future, however right the
//! clock is by now: what claims to be from there happened before it came, and is placed at the moment that it came.

use crate::hub::credentials::live::is_off;
use crate::limits::AHEAD_MAX;
use crate::segments::{Entry, Record};
use crate::time::At;
use crate::uplink::message::ClockStep;

/// Moves the times of a batch back by as much as the clock that they are of was ahead, where that is much; and to `now` what would be
/// after it. `ahead_ms`: how the clock stands now; `steps`: when it was set before. By a clock that is right what is further ahead than [`AHEAD_MAX`] can't be, and is left as it is: it will be refused.
pub fn correct(batch: &mut [Record], ahead_ms: i64, steps: &[ClockStep], now: At) {
    let place = |at: &mut At, ahead_ms: i64| {
        if is_off(ahead_ms) {
            *at = at.plus_millis(ahead_ms.saturating_neg()).min(now);
        } else if *at < now + AHEAD_MAX {
            *at = (*at).min(now);
        }
    };
    for record in batch {
        let since = steps.iter().filter(|step| record.seq < step.first);
        let ahead_ms = since.fold(ahead_ms, |ahead, step| ahead.saturating_sub(step.by_ms));
        match &mut record.entry {
            Entry::Seen(seen) => place(&mut seen.at, ahead_ms),
            Entry::Thinned(thinned) => {
                place(&mut thinned.from, ahead_ms);
                place(&mut thinned.to, ahead_ms);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::agent::clock::Clocks;
    use crate::agent::spool::{Settings, Spool};
    use crate::agent::workers::blank;
    use crate::limits::{CLOCK_FLAGGED, CLOCK_STEP_MIN, CLOCK_STEPS_MAX};
    use crate::segments::{Thinned, What};
    use crate::time::whole_millis;

    fn placed(at: At, ahead_ms: i64, now: At) -> At {
        let mut batch = [Record { seq: 1, entry: Entry::Seen(blank(at, "G82002", "web")) }];
        correct(&mut batch, ahead_ms, &[], now);
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
            correct(&mut batch, ahead_ms, &[], now);
            let note = batch[0].note().expect("it still is one");
            (note.from.millis_since(now), note.to.millis_since(now))
        };
        assert_eq!(placed(0), (-2 * hour, 0));
        assert_eq!(placed(hour), (-3 * hour, 0));
        assert_eq!(placed(2 * hour), (-4 * hour, -hour));
    }

    #[test]
    fn steps_that_no_clock_can_make_leave_times_within_their_bounds() {
        let now = At::from_millis(1_773_644_400_000);
        for by_ms in [i64::MIN, i64::MAX] {
            let steps = [ClockStep { first: 2, by_ms }; 8];
            for ahead_ms in [i64::MIN, 0, i64::MAX] {
                let mut batch = [Record { seq: 1, entry: Entry::Seen(blank(now, "G82002", "web")) }];
                correct(&mut batch, ahead_ms, &steps, now);
                assert!(batch[0].at() <= now, "{batch:?}");
            }
        }
    }

    /// What happens at an agent.
    #[derive(Debug, Clone)]
    enum Deed {
        /// So much time goes by.
        Wait(i64),
        /// Somebody sets its clock, to be so much ahead.
        Set(i64),
        /// It sees so much.
        See(usize),
        /// It reports some of it, and hears the answer or not.
        Report(usize, bool),
    }

    fn deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            (100_i64..600_000).prop_map(Deed::Wait),
            prop_oneof![-7_200_000_i64..7_200_000, -4_000_i64..4_000].prop_map(Deed::Set),
            (1_usize..4).prop_map(Deed::See),
            (1_usize..9, any::<bool>()).prop_map(|(many, heard)| Deed::Report(many, heard)),
        ]
    }

    proptest! {
        /// However often a clock is set, and whatever is reported when and again: each observation is placed when it truly was, as near as a
        /// clock may be off that isn't corrected at all, and be set then and now without being noticed.
        #[test]
        fn each_is_placed_by_the_clock_of_its_own_time(deeds in prop::collection::vec(deed(), 1..80)) {
            let start = At::from_millis(1_773_644_400_000);
            let mut spool = Spool::in_memory(Settings::default(), start, "a test");
            let mut truth: BTreeMap<u64, At> = BTreeMap::new();
            let (mut now, mut ahead_ms, mut sets) = (start, 0, 0);
            for deed in deeds {
                let clocks =
                    |now: At, ahead_ms: i64| Clocks { wall: now.plus_millis(ahead_ms), boot_ms: now.millis_since(start) };
                match deed {
                    Deed::Wait(ms) => now = now.plus_millis(ms),
                    // As many as are remembered, where all stays at the agent.
                    Deed::Set(to) if sets < CLOCK_STEPS_MAX => (ahead_ms, sets) = (to, sets + 1),
                    Deed::Set(_) => {}
                    Deed::See(many) => for _ in 0..many {
                        now = now.plus_millis(1);
                        spool.look_at_clocks(clocks(now, ahead_ms));
                        let seen = blank(now.plus_millis(ahead_ms), "G82002", "web");
                        truth.insert(spool.append(seen), now);
                    },
                    Deed::Report(many, heard) => {
                        spool.look_at_clocks(clocks(now, ahead_ms));
                        let mut batch = spool.backlog(0, u64::MAX, many, usize::MAX);
                        let steps = spool.status().steps;
                        correct(&mut batch, ahead_ms, &steps, now);
                        for record in batch {
                            let off_ms = record.at().millis_since(truth[&record.seq]);
                            let most = CLOCK_FLAGGED + 2 * CLOCK_STEP_MIN;
                            prop_assert!(off_ms.abs() <= whole_millis(most), "{} is off by {off_ms} ms", record.seq);
                            if heard {
                                spool.acknowledge(record.seq..=record.seq);
                            }
                        }
                    }
                }
            }
        }
    }
}
