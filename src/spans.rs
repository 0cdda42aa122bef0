//! Stretches of time: sorted, apart from one another, none of them empty; each from its beginning until before its end.

use serde::{Deserialize, Deserializer, Serialize};

use crate::time::At;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Spans(Vec<(At, At)>);

impl<'de> Deserialize<'de> for Spans {
    /// In any order, as they may have been written by hand.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::new)
    }
}

impl Spans {
    /// Of stretches in any order, which may overlap or touch.
    pub fn new(mut all: Vec<(At, At)>) -> Self {
        all.retain(|(from, to)| from < to);
        all.sort_unstable();
        let mut spans: Vec<(At, At)> = Vec::with_capacity(all.len());
        for (from, to) in all {
            match spans.last_mut() {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => spans.push((from, to)),
            }
        }
        Self(spans)
    }

    pub fn one(from: At, to: At) -> Self {
        Self::new(vec![(from, to)])
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (At, At)> + '_ {
        self.0.iter().copied()
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Milliseconds in all.
    pub fn total_ms(&self) -> i64 {
        self.iter().map(|(from, to)| to.millis_since(from)).sum()
    }

    /// The first beginning and the last end.
    pub fn hull(&self) -> Option<(At, At)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    pub fn or(&self, other: &Self) -> Self {
        Self::of_all([self, other])
    }

    /// What several have, together: sorted once.
    pub fn of_all<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = all.into_iter().filter(|spans| !spans.is_empty());
        let Some(first) = all.next() else { return Self::default() };
        let mut together: Option<Vec<(At, At)>> = None;
        for more in all {
            together.get_or_insert_with(|| first.0.clone()).extend(&more.0);
        }
        together.map_or_else(|| first.clone(), Self::new)
    }

    pub fn and(&self, other: &Self) -> Self {
        Self(self.common(other).collect())
    }

    /// Milliseconds that both have: [`Self::and`] without making it.
    pub fn common_ms(&self, other: &Self) -> i64 {
        self.common(other).map(|(from, to)| to.millis_since(from)).sum()
    }

    /// Where the stretches begin that end after a moment.
    fn after(&self, at: At) -> &[(At, At)] {
        self.0.get(self.0.partition_point(|(_, end)| *end <= at)..).unwrap_or_default()
    }

    /// Both are found by halving where the other begins: an hour out of a year costs no more than an hour.
    fn common<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (At, At)> + 'a {
        let begin = |spans: &Self| spans.0.first().map_or(At::default(), |(from, _)| *from);
        let (mut a, mut b) = (self.after(begin(other)), other.after(begin(self)));
        std::iter::from_fn(move || {
            while let (Some((from, to)), Some((other_from, other_to))) = (a.first(), b.first()) {
                let (begin, end) = (*from.max(other_from), *to.min(other_to));
                if to < other_to {
                    a = &a[1..];
                } else {
                    b = &b[1..];
                }
                if begin < end {
                    return Some((begin, end));
                }
            }
            None
        })
    }

    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut others = self.hull().map_or(&[][..], |(begins, _)| other.after(begins));
        for (mut from, to) in self.iter() {
            while others.first().is_some_and(|(_, end)| *end <= from) {
                others = &others[1..];
            }
            for (cut, end) in others.iter().take_while(|(cut, _)| *cut < to) {
                if from < *cut {
                    left.push((from, *cut));
                }
                from = from.max(*end);
            }
            if from < to {
                left.push((from, to));
            }
        }
        Self(left)
    }

    /// Without the holes that aren't longer than this.
    #[must_use]
    pub fn closed(&self, hole_ms: i64) -> Self {
        let mut spans: Vec<(At, At)> = Vec::with_capacity(self.0.len());
        for (from, to) in self.iter() {
            match spans.last_mut() {
                Some((_, end)) if from.millis_since(*end) <= hole_ms => *end = to,
                _ => spans.push((from, to)),
            }
        }
        Self(spans)
    }

    pub fn clip(&self, from: At, to: At) -> Self {
        self.and(&Self::one(from, to))
    }

    pub fn touches(&self, from: At, to: At) -> bool {
        self.first_in(from, to).is_some()
    }

    /// The first stretch that has a part of this one.
    pub fn first_in(&self, from: At, to: At) -> Option<(At, At)> {
        self.after(from).first().copied().filter(|(begin, _)| *begin < to)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans() -> impl Strategy<Value = Spans> {
        proptest::collection::vec((0_i64..60, 0_i64..20), 0..8).prop_map(|all| {
            let at = At::from_millis;
            Spans::new(all.into_iter().map(|(from, length)| (at(from), at(from + length))).collect())
        })
    }

    fn at(spans: &Spans, ms: i64) -> bool {
        spans.touches(At::from_millis(ms), At::from_millis(ms + 1))
    }

    proptest! {
        /// Against the plainest of models: each millisecond by itself.
        #[test]
        fn they_are_sets_of_milliseconds(a in spans(), b in spans()) {
            let (or, and, minus) = (a.or(&b), a.and(&b), a.minus(&b));
            for ms in -1..85 {
                let (in_a, in_b) = (at(&a, ms), at(&b, ms));
                prop_assert_eq!(at(&or, ms), in_a || in_b);
                prop_assert_eq!(at(&and, ms), in_a && in_b);
                prop_assert_eq!(at(&minus, ms), in_a && !in_b);
            }
            prop_assert_eq!(&Spans::of_all([&a, &b]), &or);
            prop_assert_eq!(a.common_ms(&b), and.total_ms());
            for made in [or, and, minus] {
                let within = (-1..85).filter(|ms| at(&made, *ms)).count();
                prop_assert_eq!(usize::try_from(made.total_ms()), Ok(within));
            }
        }
    }
}
