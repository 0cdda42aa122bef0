//! What must last a while before it is news: a value that changes, a set whose members come and go.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::At;

/// A value, and since when it has been so.
#[derive(Debug, Clone)]
pub struct Steady<T> {
    pub value: T,
    since: At,
}

impl<T: PartialEq + Clone> Steady<T> {
    pub const fn new(value: T, since: At) -> Self {
        Self { value, since }
    }

    /// Takes the value as it is now; returns for how long it has been so, in milliseconds.
    pub fn see(&mut self, value: &T, now: At) -> i64 {
        if self.value != *value {
            *self = Self { value: value.clone(), since: now };
        }
        now.millis_since(self.since)
    }
}

/// A set of which members come and go; a move counts when it has lasted.
#[derive(Debug, Clone)]
pub struct Settling<T> {
    pub settled: BTreeSet<T>,
    /// Since when.
    moving: BTreeMap<T, At>,
}

impl<T: Ord + Copy> Settling<T> {
    pub const fn new(settled: BTreeSet<T>) -> Self {
        Self { settled, moving: BTreeMap::new() }
    }

    pub fn see(&mut self, seen: &BTreeSet<T>, now: At, join_ms: i64, leave_ms: i64) {
        let differs: BTreeSet<T> = self.settled.symmetric_difference(seen).copied().collect();
        self.moving.retain(|item, _| differs.contains(item));
        for item in differs {
            self.moving.entry(item).or_insert(now);
            if self.due(&item, join_ms, leave_ms).is_some_and(|due| now >= due) {
                self.moving.remove(&item);
                if !self.settled.remove(&item) {
                    self.settled.insert(item);
                }
            }
        }
    }

    /// When a move will have lasted.
    fn due(&self, item: &T, join_ms: i64, leave_ms: i64) -> Option<At> {
        let needed = if self.settled.contains(item) { leave_ms } else { join_ms };
        self.moving.get(item).map(|since| since.plus_millis(needed))
    }

    /// When the next of the moves will have lasted.
    pub fn next_due(&self, join_ms: i64, leave_ms: i64) -> Option<At> {
        self.moving.keys().filter_map(|item| self.due(item, join_ms, leave_ms)).min()
    }
}
