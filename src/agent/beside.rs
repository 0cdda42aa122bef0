//! What is asked beside the schedule, as the dispatcher and the checks under way share it: [`Reasks`] behind a lock that is
//! held for microseconds, and word for the dispatcher when something becomes due sooner than it knows.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::meters::Meters;
use super::reask::{Again, Counts, Ended, Fared, Reasks, Way};
use crate::estate::{ProbeIx, Vantage};
use crate::observation::Observation;
use crate::time::At;

/// The shared state.
#[derive(Debug)]
pub(super) struct Beside {
    reasks: Mutex<Reasks>,
    news: Notify,
}

impl Beside {
    pub fn new(reasks: Reasks, meters: &Meters) -> Self {
        meters.reasks_per_second_max.set(reasks.per_second_max());
        Self { reasks: Mutex::new(reasks), news: Notify::new() }
    }

    fn reasks(&self) -> MutexGuard<'_, Reasks> {
        self.reasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The schedule asks a check.
    pub fn begun(&self, from: Vantage, probe: ProbeIx, now: At) {
        self.reasks().begun(from, probe, now);
    }

    /// A result is there.
    pub fn seen(&self, from: Vantage, probe: ProbeIx, seen: &Observation, now: At) {
        let fared = Fared::of(seen.ok, seen.failure);
        self.change(|reasks| {
            reasks.ended(from, probe, Ended { fared, ms: seen.ms, reask: seen.reask }, now);
        });
    }

    /// The hub wishes to know how a check fares now.
    pub fn wished(&self, from: Vantage, probe: ProbeIx, now: At, meters: &Meters) {
        let is_due = self.change(|reasks| reasks.wished(from, probe, now));
        meters.reasked("wished", u64::from(is_due));
    }

    /// Tells the dispatcher when something is due sooner than before.
    fn change<T>(&self, change: impl FnOnce(&mut Reasks) -> T) -> T {
        let (changed, is_news) = {
            let mut reasks = self.reasks();
            let before = reasks.next_due();
            let changed = change(&mut reasks);
            (changed, reasks.next_due().is_some_and(|due| before.is_none_or(|before| due < before)))
        };
        if is_news {
            self.news.notify_one();
        }
        changed
    }

    /// What is to be asked again now.
    pub fn take(
        &self,
        now: At,
        meters: &Meters,
        way: impl FnMut(Vantage, ProbeIx, bool) -> Way,
    ) -> Option<Again> {
        let mut reasks = self.reasks();
        let before = reasks.counts();
        let taken = reasks.take(now, way);
        let Counts { put_off, given_up, early } = reasks.counts();
        drop(reasks);
        meters.reasked("put_off", put_off - before.put_off);
        meters.reasked("given_up", given_up - before.given_up);
        meters.reasked("early", early - before.early);
        meters.reasked("asked", u64::from(taken.is_some()));
        taken
    }

    /// It was asked again because it was late, and neither of its askings has ended.
    pub fn is_silent(&self, from: Vantage, probe: ProbeIx) -> bool {
        self.reasks().is_silent(from, probe)
    }

    pub fn next_due(&self) -> Option<At> {
        self.reasks().next_due()
    }

    /// The clock was set.
    pub fn forget(&self) {
        self.reasks().forget();
    }

    /// Waits until something is due sooner than [`Self::next_due`] said.
    pub async fn news(&self) {
        self.news.notified().await;
    }
}
