//! When the path of a check is traced, and what is known of it. Pure: results and times come in, and what to trace goes
//! out.
//!
//! A check that is fine is traced soon after the start and about hourly, and its last good path is kept. One that begins
//! to fail in a way that a path can explain is traced at once, and again now and then while it fails. What was found
//! goes out with the check's next failing result. Traces are few: so many at once, a second, and for each target; what has
//! no place now is tried with the check's next result, and nothing waits.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::limits::{
    PATH_AGAIN_AFTER, PATH_FIRST_WITHIN, PATH_GOOD_EVERY, PATH_TARGET_GAP, PATHS_AT_ONCE, PATHS_BURST,
    PATHS_GAP, PATHS_KEPT_MAX, PATHS_TARGETS_MAX,
};
use crate::observation::{Failure, PathSeen};
use crate::probe::path::Trace;
use crate::time::{At, whole_millis};

/// How a check fared, as far as paths go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fared {
    Fine,
    /// In a way that a path can explain.
    CutOff,
    /// Something answers, and it isn't as it should be; or this machine couldn't ask.
    Otherwise,
}

impl Fared {
    pub fn of(ok: bool, failure: Option<Failure>) -> Self {
        match failure {
            _ if ok => Self::Fine,
            Some(
                Failure::Timeout | Failure::Unreachable | Failure::Reset | Failure::Refused | Failure::Loss,
            ) => Self::CutOff,
            _ => Self::Otherwise,
        }
    }
}

/// What is known of the paths of many checks. `K` names a check, `T` a target; both in few bytes.
#[derive(Debug)]
pub struct Paths<K, T> {
    checks: BTreeMap<K, Check>,
    /// When each target may be traced next.
    targets: BTreeMap<T, At>,
    under_way: usize,
    /// When all places of the whole would be free again: a token bucket, kept as one moment.
    full_at: At,
}

#[derive(Debug, Default)]
struct Check {
    good: Option<Box<Trace>>,
    /// When the next trace is due: of a good path while it is fine, else of where it stops.
    due: At,
    fails: bool,
    is_traced: bool,
    found: Option<Box<PathSeen>>,
}

impl<K, T> Default for Paths<K, T> {
    fn default() -> Self {
        Self { checks: BTreeMap::new(), targets: BTreeMap::new(), under_way: 0, full_at: At::default() }
    }
}

impl<K: Ord, T: Ord> Paths<K, T> {
    /// A result of a check. True when its path is to be traced now: then [`Self::traced`] or [`Self::not_traced`] must
    /// follow. `spread` is a number of the check's own, by which traces of good paths are spread evenly.
    pub fn seen(&mut self, check: K, target: T, fared: Fared, spread: u64, now: At) -> bool {
        let has_room = self.checks.len() < PATHS_KEPT_MAX;
        let known = match self.checks.entry(check) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) if has_room => new
                .insert(Check { due: now.plus_millis(share(spread, PATH_FIRST_WITHIN)), ..Check::default() }),
            Entry::Vacant(_) => return false,
        };
        match fared {
            Fared::Fine if known.fails => {
                // What was found while it failed is old news.
                known.found = None;
                known.fails = false;
                known.due = now.plus_millis(share(spread, PATH_FIRST_WITHIN));
            }
            Fared::CutOff if !known.fails => {
                known.fails = true;
                known.due = now;
            }
            Fared::Fine | Fared::CutOff => {}
            Fared::Otherwise => return false,
        }
        if known.is_traced || now < known.due {
            return false;
        }
        // Good paths leave half of the places to what fails.
        let (at_once, burst) =
            if known.fails { (PATHS_AT_ONCE, PATHS_BURST) } else { (PATHS_AT_ONCE / 2, PATHS_BURST / 2) };
        let has_turn = self.targets.get(&target).is_none_or(|free| *free <= now);
        let gap_ms = whole_millis(PATHS_GAP);
        let ahead_ms = self.full_at.millis_since(now).max(0);
        let is_within = ahead_ms.saturating_add(gap_ms) <= gap_ms.saturating_mul(i64::from(burst));
        if self.under_way >= at_once || !has_turn || !is_within {
            return false;
        }
        known.is_traced = true;
        known.due = if known.fails {
            now + PATH_AGAIN_AFTER
        } else {
            now.plus_millis(whole_millis(PATH_GOOD_EVERY) + share(spread, PATH_FIRST_WITHIN))
        };
        self.under_way += 1;
        self.full_at = now.plus_millis(ahead_ms + gap_ms);
        if self.targets.len() >= PATHS_TARGETS_MAX {
            self.targets.retain(|_, free| *free > now);
        }
        self.targets.insert(target, now + PATH_TARGET_GAP);
        true
    }

    /// A trace has ended. `judge` says what is to be said of it beside the last good path.
    pub fn traced(
        &mut self,
        check: &K,
        trace: Trace,
        judge: impl FnOnce(&Trace, Option<&Trace>) -> PathSeen,
    ) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(known) = self.checks.get_mut(check) else { return };
        known.is_traced = false;
        if known.fails {
            known.found = Some(Box::new(judge(&trace, known.good.as_deref())));
        } else if trace.is_good() {
            known.good = Some(Box::new(trace));
        }
    }

    /// A trace couldn't be made. While the check fails that is told; a good path that isn't known now is tried later.
    pub fn not_traced(&mut self, check: &K, why: Option<PathSeen>) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(known) = self.checks.get_mut(check) else { return };
        known.is_traced = false;
        if known.fails {
            known.found = why.map(Box::new);
        }
    }

    /// What was found of a failing check, once.
    pub fn take(&mut self, check: &K) -> Option<PathSeen> {
        let known = self.checks.get_mut(check)?;
        known.found.take().map(|found| *found)
    }

    /// The clock was set: nothing is owed, and what was due then is due now.
    pub fn forget_times(&mut self, now: At) {
        self.targets.clear();
        self.full_at = now;
        for known in self.checks.values_mut() {
            known.due = known.due.min(now + PATH_GOOD_EVERY);
        }
    }
}

/// An even share of a length of time, in milliseconds.
fn share(spread: u64, of: std::time::Duration) -> i64 {
    i64::try_from(spread % u64::try_from(of.as_millis()).unwrap_or(u64::MAX).max(1)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
