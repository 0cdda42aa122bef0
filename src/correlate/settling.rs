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
    pub moving: BTreeMap<T, At>,
}

impl<T: Ord + Copy> Settling<T> {
    pub const fn new(settled: BTreeSet<T>) -> Self {
        Self { settled, moving: BTreeMap::new() }
    }

    pub fn see(&mut self, seen: &BTreeSet<T>, now: At, join_ms: i64, leave_ms: i64) {
        let differs: BTreeSet<T> = self.settled.symmetric_difference(seen).copied().collect();
        self.moving.retain(|item, _| differs.contains(item));
        for item in differs {
            let since = *self.moving.entry(item).or_insert(now);
            let needed = if seen.contains(&item) { join_ms } else { leave_ms };
            if now.millis_since(since) >= needed {
                self.moving.remove(&item);
                if !self.settled.remove(&item) {
                    self.settled.insert(item);
                }
            }
        }
    }
}
