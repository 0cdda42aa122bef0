//! Sets of sequence numbers, kept as the stretches without a gap that they consist of. An agent's numbers come in a few long
//! stretches: what it reports now, and the backlog behind it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of sequence numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Ranges(
    /// First and last of each stretch: in order, and with a gap before the next.
    Vec<(u64, u64)>,
);

/// Stretches in another order, that touch, or that end before they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these are no stretches of numbers in order")]
pub struct NotInOrder;

impl Ranges {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many stretches there are.
    pub fn stretches(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }

    /// The highest number.
    pub fn last(&self) -> Option<u64> {
        self.0.last().map(|(_, last)| *last)
    }

    /// First and last of each stretch, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Each number, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    pub fn contains(&self, number: u64) -> bool {
        self.stretch_of(number).is_some()
    }

    /// The stretch that a number is in.
    pub fn stretch_of(&self, number: u64) -> Option<(u64, u64)> {
        let after = self.0.partition_point(|(first, _)| *first <= number);
        self.0[..after].last().copied().filter(|(_, last)| number <= *last)
    }

    pub fn insert(&mut self, number: u64) {
        self.insert_stretch(number, number);
    }

    /// Adds all from `first` to `last`, both included; nothing when `last` is before `first`.
    pub fn insert_stretch(&mut self, first: u64, last: u64) {
        if last < first {
            return;
        }
        // All that overlap or touch become one.
        let from = self.0.partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = self.0.partition_point(|(begin, _)| *begin <= last.saturating_add(1));
        let touched = self.0.get(from..to).unwrap_or_default();
        let first = touched.first().map_or(first, |(begin, _)| first.min(*begin));
        let last = touched.last().map_or(last, |(_, end)| last.max(*end));
        self.0.splice(from..to.max(from), [(first, last)]);
    }

    /// Takes out all up to `last`, included.
    pub fn remove_up_to(&mut self, last: u64) {
        let gone = self.0.partition_point(|(_, end)| *end <= last);
        self.0.drain(..gone);
        if let Some((first, _)) = self.0.first_mut() {
            // What ends after it isn't the last number.
            *first = (*first).max(last.saturating_add(1));
        }
    }

    pub fn insert_all(&mut self, others: &Self) {
        for (first, last) in others.iter() {
            self.insert_stretch(first, last);
        }
    }
}

impl FromIterator<u64> for Ranges {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut ranges = Self::new();
        for number in numbers {
            ranges.insert(number);
        }
        ranges
    }
}

impl TryFrom<Vec<(u64, u64)>> for Ranges {
    type Error = NotInOrder;

    fn try_from(stretches: Vec<(u64, u64)>) -> Result<Self, NotInOrder> {
        let apart = stretches.windows(2).all(|pair| pair[0].1.saturating_add(1) < pair[1].0);
        let forward = stretches.iter().all(|(first, last)| first <= last);
        if apart && forward { Ok(Self(stretches)) } else { Err(NotInOrder) }
    }
}

impl From<Ranges> for Vec<(u64, u64)> {
    fn from(ranges: Ranges) -> Self {
        ranges.0
    }
}

/// `1-100,105-200`.
impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            write!(f, "{}{first}-{last}", if place == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Ranges {
    type Err = NotInOrder;

    fn from_str(text: &str) -> Result<Self, NotInOrder> {
        let parts = text.split(',').filter(|part| !part.is_empty());
        let stretches = parts.map(|part| {
            let (first, last) = part.split_once('-')?;
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        Self::try_from(stretches.collect::<Option<Vec<_>>>().ok_or(NotInOrder)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_touches_becomes_one_and_the_end_of_all_numbers_is_one_too() {
        let mut ranges: Ranges = [1, 2, 3, 7].into_iter().collect();
        assert_eq!(ranges.to_string(), "1-3,7-7");
        ranges.insert_stretch(4, 6);
        assert_eq!(ranges.to_string(), "1-7");
        ranges.insert_stretch(u64::MAX - 1, u64::MAX);
        ranges.insert(u64::MAX);
        ranges.insert(0);
        ranges.insert_stretch(9, 8);
        assert_eq!(ranges.stretches(), 2);
        assert_eq!((ranges.last(), Ranges::new().last()), (Some(u64::MAX), None));
        assert_eq!(ranges.stretch_of(5), Some((0, 7)));
        assert_eq!(ranges.count(), 10);
        let mut all = ranges.clone();
        all.remove_up_to(u64::MAX);
        assert!(all.is_empty());
        assert!("5-3".parse::<Ranges>().is_err() && "1-3,4-5".parse::<Ranges>().is_err());
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(
            pieces in prop::collection::vec((0_u64..200, 0_u64..12), 0..60),
            last in 0_u64..220,
        ) {
            let (mut ranges, mut plain) = (Ranges::new(), BTreeSet::new());
            for (first, more) in pieces {
                ranges.insert_stretch(first, first + more);
                plain.extend(first..=first + more);
            }
            prop_assert_eq!(ranges.numbers().collect::<Vec<_>>(), plain.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(ranges.count(), plain.len() as u64);
            prop_assert!((0..220).all(|n| ranges.contains(n) == plain.contains(&n)));
            prop_assert_eq!(ranges.to_string().parse::<Ranges>(), Ok(ranges.clone()));
            ranges.remove_up_to(last);
            prop_assert_eq!(ranges.numbers().collect::<Vec<_>>(), plain.range(last + 1..).copied().collect::<Vec<_>>());
        }
    }
}
