//! One throw after another, from one seed: for drawing up a trial before its stream begins.

use std::time::Duration;

use crate::world::dice::{mix, unit};

/// Throws in a fixed order. The stream itself never uses it: what happens to one asking must not depend on
/// which others were asked.
#[derive(Debug)]
pub(super) struct Draw {
    seed: u64,
    thrown: u64,
}

impl Draw {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, thrown: 0 }
    }

    pub(super) const fn throw(&mut self) -> u64 {
        self.thrown += 1;
        mix(self.seed, self.thrown)
    }

    pub(super) fn chance(&mut self, of: f64) -> bool {
        unit(self.throw()) < of
    }

    /// Evenly from `low` to `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + unit(self.throw()) * (high - low)
    }

    /// Evenly, both ends included.
    pub(super) fn count(&mut self, low: usize, high: usize) -> usize {
        let span = high.saturating_sub(low) as u64 + 1;
        low + usize::try_from(self.throw() % span).unwrap_or(0)
    }

    /// Evenly, in whole milliseconds.
    pub(super) fn secs(&mut self, low: f64, high: f64) -> Duration {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a story")]
        let ms = (self.between(low, high) * 1000.0).round() as u64;
        Duration::from_millis(ms)
    }

    pub(super) fn mins(&mut self, low: f64, high: f64) -> Duration {
        self.secs(low * 60.0, high * 60.0)
    }

    /// One of a list; its first is what an empty list has in its stead.
    pub(super) fn pick<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        match self.count(0, others.len()) {
            0 => first,
            n => others.get(n - 1).copied().unwrap_or(first),
        }
    }

    /// A position, chosen as often as its weight says; `None` when nothing weighs anything.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> Option<usize> {
        let total: f64 = weights.iter().sum();
        let mut left = unit(self.throw()) * total;
        let last = weights.iter().rposition(|weight| *weight > 0.0)?;
        let at = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        Some(at.unwrap_or(last))
    }

    /// So many different ones of a list, in an order of chance.
    pub(super) fn some<T: Copy>(&mut self, of: &[T], many: usize) -> Vec<T> {
        let seed = self.throw();
        let mut order: Vec<usize> = (0..of.len()).collect();
        order.sort_by_key(|n| mix(seed, *n as u64));
        order.into_iter().take(many).filter_map(|n| of.get(n).copied()).collect()
    }
}
