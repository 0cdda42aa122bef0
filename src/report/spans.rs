//! Stretches of time: sorted, apart from one another, none of them empty; each from its beginning until before its end.

use super::facts::Planned;
use crate::time::At;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spans(Vec<(At, At)>);

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

    /// When any of this work was planned for.
    pub fn of_work<'a>(work: impl Iterator<Item = &'a Planned>) -> Self {
        Self::new(work.map(|work| (work.from, work.to)).collect())
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
        Self::new(self.iter().chain(other.iter()).collect())
    }

    pub fn and(&self, other: &Self) -> Self {
        let (mut a, mut b) = (0, 0);
        let mut both = Vec::new();
        while let (Some((from, to)), Some((other_from, other_to))) = (self.0.get(a), other.0.get(b)) {
            let (begin, end) = (*from.max(other_from), *to.min(other_to));
            if begin < end {
                both.push((begin, end));
            }
            if to < other_to { a += 1 } else { b += 1 }
        }
        Self(both)
    }

    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut next = 0;
        for (mut from, to) in self.iter() {
            while other.0.get(next).is_some_and(|(_, end)| *end <= from) {
                next += 1;
            }
            for (cut, end) in other.0[next..].iter().take_while(|(cut, _)| *cut < to) {
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

    pub fn clip(&self, from: At, to: At) -> Self {
        self.and(&Self::one(from, to))
    }

    pub fn touches(&self, from: At, to: At) -> bool {
        let next = self.0.partition_point(|(_, end)| *end <= from);
        self.0.get(next).is_some_and(|(begin, _)| *begin < to)
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
            for made in [or, and, minus] {
                let within = (-1..85).filter(|ms| at(&made, *ms)).count();
                prop_assert_eq!(usize::try_from(made.total_ms()), Ok(within));
            }
        }
    }
}
