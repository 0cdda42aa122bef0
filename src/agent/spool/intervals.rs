//! A set of numbers as a few intervals: what the hub has acknowledged. Pure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Numbers that mostly stand next to each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intervals {
    /// First number → last number; apart from each other by at least one number.
    runs: BTreeMap<u64, u64>,
}

impl Intervals {
    pub fn insert(&mut self, range: RangeInclusive<u64>) {
        let (mut first, mut last) = range.into_inner();
        if first > last {
            return;
        }
        // What overlaps or touches becomes part of it. The last run that begins before its end comes first.
        while let Some((&from, &to)) = self.runs.range(..=last.saturating_add(1)).next_back() {
            if to.saturating_add(1) < first {
                break;
            }
            self.runs.remove(&from);
            (first, last) = (first.min(from), last.max(to));
        }
        self.runs.insert(first, last);
    }

    /// Takes numbers out again.
    pub fn remove(&mut self, range: RangeInclusive<u64>) {
        let (first, last) = range.into_inner();
        if first > last {
            return;
        }
        while let Some((&from, &to)) = self.runs.range(..=last).next_back() {
            if to < first {
                break;
            }
            self.runs.remove(&from);
            if to > last {
                self.runs.insert(last + 1, to);
            }
            if from < first {
                self.runs.insert(from, first - 1);
            }
        }
    }

    pub fn contains(&self, number: u64) -> bool {
        self.covers(number, number)
    }

    /// Whether all from `first` to `last` are in it.
    pub fn covers(&self, first: u64, last: u64) -> bool {
        self.runs.range(..=first).next_back().is_some_and(|(_, to)| *to >= last)
    }

    /// How many from `first` to `last` are in it.
    pub fn count(&self, first: u64, last: u64) -> u64 {
        let before = self.runs.range(..first).next_back();
        let within = self.runs.range(first..=last.max(first));
        before
            .into_iter()
            .chain(within)
            .filter(|(from, to)| **from <= last && **to >= first)
            .map(|(from, to)| (*to).min(last) - (*from).max(first) + 1)
            .sum()
    }

    /// Lets go of the highest intervals beyond this many: what is no longer known to be acknowledged is sent again.
    pub fn shorten(&mut self, most: usize) {
        while self.runs.len() > most {
            self.runs.pop_last();
        }
    }

    /// First and last number of each interval, rising.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, u64)> + '_ {
        self.runs.iter().map(|(first, last)| (*first, *last))
    }

    pub fn len(&self) -> usize {
        self.runs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a set that has each number by itself.
        #[test]
        fn says_what_a_set_says(steps in proptest::collection::vec((any::<bool>(), 0_u64..60, 0_u64..12), 0..40)) {
            let (mut intervals, mut set) = (Intervals::default(), BTreeSet::new());
            for (add, first, by) in steps {
                let range = first..=first + by;
                if add {
                    intervals.insert(range.clone());
                    set.extend(range);
                } else {
                    intervals.remove(range.clone());
                    set.retain(|number| !range.contains(number));
                }
                let said: BTreeSet<u64> = intervals.iter().flat_map(|(first, last)| first..=last).collect();
                prop_assert_eq!(&said, &set);
                let runs: Vec<(u64, u64)> = intervals.iter().collect();
                prop_assert!(runs.windows(2).all(|two| two[0].1 + 1 < two[1].0), "apart");
            }
            for first in 0..70 {
                prop_assert_eq!(intervals.contains(first), set.contains(&first));
                for last in first..70 {
                    prop_assert_eq!(intervals.covers(first, last), (first..=last).all(|n| set.contains(&n)));
                    prop_assert_eq!(intervals.count(first, last), set.range(first..=last).count() as u64);
                }
            }
        }
    }

    #[test]
    fn the_ends_of_all_numbers_do_not_overflow() {
        let mut all = Intervals::default();
        all.insert(0..=u64::MAX);
        all.insert(u64::MAX..=u64::MAX);
        assert!(all.covers(0, u64::MAX) && all.len() == 1);
        all.remove(u64::MAX..=u64::MAX);
        assert!(!all.contains(u64::MAX) && all.contains(u64::MAX - 1));
    }
}
