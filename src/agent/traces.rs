//! Traces beside the schedule: [`Paths`] behind a lock that is held for microseconds, and a task for each trace under way.
//! A check never waits for one.

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::paths::{Fared, Paths};
use super::workers::Field;
use crate::estate::{Estate, ProbeIx, Vantage};
use crate::observation::Observation;
use crate::probe::path;
use crate::time::At;

/// What one process knows of its checks' paths. It outlives a reload: checks are known by their ids.
#[derive(Debug, Clone, Default)]
pub struct Traces(Arc<Mutex<Paths<u64, u64>>>);

impl Traces {
    /// A result is there: what was found of its path goes with it, and where a trace is due it begins.
    pub fn seen<F: Field>(
        &self,
        field: &Arc<F>,
        estate: &Arc<Estate>,
        (from, probe): (Vantage, ProbeIx),
        seen: &mut Observation,
    ) {
        let check = hash(&(&seen.practice, &seen.probe));
        let target = hash(&estate.probes[probe.at()].ask.bothers());
        let fared = Fared::of(seen.ok, seen.failure);
        let is_due = {
            let mut paths = self.paths();
            let due = paths.seen(check, target, fared, check, field.now());
            if fared == Fared::CutOff {
                seen.path = paths.take(&check);
            }
            due
        };
        if is_due {
            let (traces, field, estate) = (self.clone(), field.clone(), estate.clone());
            // Bounded in number by the book, in time by the trace itself.
            tokio::spawn(async move {
                let mut place = Place { traces: &traces, check, is_settled: false };
                match field.trace(&estate, from, probe).await {
                    Some(Ok(trace)) => {
                        place.is_settled = true;
                        let judge = |trace: &path::Trace, good: Option<&path::Trace>| {
                            path::judge(trace, good, &estate)
                        };
                        traces.paths().traced(&check, trace, judge);
                    }
                    Some(Err(why)) => {
                        place.is_settled = true;
                        traces.paths().not_traced(&check, Some(path::unknown(&why)));
                    }
                    None => {}
                }
            });
        }
    }

    /// The clock was set.
    pub fn forget_times(&self, now: At) {
        self.paths().forget_times(now);
    }

    fn paths(&self) -> MutexGuard<'_, Paths<u64, u64>> {
        // A panic while it was held can't leave it half-written in a way that matters: at worst a place is lost.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A trace's place; given back however the trace ends.
struct Place<'a> {
    traces: &'a Traces,
    check: u64,
    is_settled: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.traces.paths().not_traced(&self.check, None);
        }
    }
}

/// The same for the same text in one process. Two checks of one hash would share a path: one chance in a million
/// million.
fn hash(of: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
