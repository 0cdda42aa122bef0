//! How often checks may be asked beside the schedule: so many a second for each target, and so many for the whole
//! process. Pure: the time comes in.
//!
//! Each limit is a token bucket, kept as the one moment at which it would be full again (the virtual scheduling of the
//! generic cell rate algorithm, ITU-T I.371). A place that isn't free yet can be had in advance; whoever doesn't use it
//! gives it back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::load::target_rates;
use crate::config::ScheduleSettings;
use crate::estate::{Estate, ProbeIx};
use crate::limits::{
    REASK_BURST_SECONDS, REASK_ESTATE_SHARE, REASK_PER_SECOND_MIN, REASK_TARGET_BURST, REASK_TARGET_SHARE,
};
use crate::time::At;

/// What may be asked beside the schedule.
#[derive(Debug)]
pub struct Ration {
    estate: Bucket,
    targets: Vec<Bucket>,
    /// By probe: its target's position.
    target_of: Vec<usize>,
    per_second: f64,
}

impl Ration {
    pub fn new(estate: &Estate, settings: &ScheduleSettings) -> Self {
        let rates = target_rates(estate);
        let normal: f64 = rates.iter().map(|(_, per_second)| per_second).sum();
        let per_second = (normal * REASK_ESTATE_SHARE).max(REASK_PER_SECOND_MIN);
        let numbers: BTreeMap<&str, usize> =
            rates.iter().enumerate().map(|(number, (target, _))| (target.as_str(), number)).collect();
        let target_of = estate
            .probes
            .iter()
            .map(|probe| numbers.get(probe.ask.bothers().as_str()).copied().unwrap_or(usize::MAX))
            .collect();
        let targets = rates
            .iter()
            .map(|(_, normal)| {
                let wanted = normal * REASK_TARGET_SHARE;
                // What the schedule leaves of an operator's cap, which holds for everything.
                let left = settings.target_rate_max.map_or(wanted, |cap| cap - normal);
                Bucket::new(wanted.min(left), REASK_TARGET_BURST)
            })
            .collect();
        let estate = Bucket::new(per_second, per_second * REASK_BURST_SECONDS);
        Self { estate, targets, target_of, per_second }
    }

    /// Checks a second, over all targets.
    pub const fn per_second(&self) -> f64 {
        self.per_second
    }

    /// When one more may be asked of this probe's target, from `now` on; `None`: never, or not within `patience`. The
    /// place is taken.
    pub fn reserve(&mut self, probe: ProbeIx, now: At, patience: Duration) -> Option<At> {
        let target = self.target_of.get(probe.at()).and_then(|target| self.targets.get_mut(*target))?;
        let now_us = now.as_millis().saturating_mul(1_000);
        let free_us = self.estate.free_from(now_us).max(target.free_from(now_us));
        let patience_us = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
        if free_us.saturating_sub(now_us) > patience_us {
            return None;
        }
        self.estate.take(free_us);
        target.take(free_us);
        // Rounded up: a place is never used before it is free.
        Some(At::from_millis(free_us.saturating_add(999).div_euclid(1_000)))
    }

    /// A place that was reserved isn't used.
    pub fn give_back(&mut self, probe: ProbeIx) {
        if let Some(target) = self.target_of.get(probe.at()).and_then(|target| self.targets.get_mut(*target))
        {
            self.estate.give_back();
            target.give_back();
        }
    }

    /// The clock was set: nothing is owed.
    pub fn forget(&mut self) {
        self.estate.full_us = i64::MIN;
        self.targets.iter_mut().for_each(|target| target.full_us = i64::MIN);
    }
}

/// One limit.
#[expect(clippy::struct_field_names, reason = "it says the unit")]
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When all its places are free again, in microseconds.
    full_us: i64,
    /// From one place to the next; `None`: there is none, ever.
    gap_us: Option<i64>,
    /// By how much `full_us` may lie ahead.
    burst_us: i64,
}

impl Bucket {
    fn new(per_second: f64, burst: f64) -> Self {
        // Rarer than this is never, as far as asking again soon goes.
        let gap = (per_second > 1e-6).then(|| Duration::from_secs_f64(1.0 / per_second));
        let micros = |length: Duration| i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        let spare = |gap: Duration| micros(gap.mul_f64((burst - 1.0).max(0.0)));
        Self { full_us: i64::MIN, gap_us: gap.map(|gap| micros(gap).max(1)), burst_us: gap.map_or(0, spare) }
    }

    fn free_from(&self, now_us: i64) -> i64 {
        match self.gap_us {
            Some(_) => now_us.max(self.full_us.saturating_sub(self.burst_us)),
            None => i64::MAX,
        }
    }

    fn take(&mut self, at_us: i64) {
        self.full_us = self.full_us.max(at_us).saturating_add(self.gap_us.unwrap_or(0));
    }

    fn give_back(&mut self) {
        self.full_us = self.full_us.saturating_sub(self.gap_us.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::schedule::tests::estate;

    const NOW: At = At::from_millis(1_700_000_000_123);
    const PATIENCE: Duration = Duration::from_secs(10);

    fn settings(target_rate_max: Option<f64>) -> ScheduleSettings {
        ScheduleSettings { target_rate_max, ..ScheduleSettings::default() }
    }

    /// When each of so many places is free, all wanted at `NOW`.
    fn places(ration: &mut Ration, many: usize) -> Vec<i64> {
        let mut place = || ration.reserve(ProbeIx(0), NOW, PATIENCE).map(|at| at.millis_since(NOW));
        (0..many).map_while(|_| place()).collect()
    }

    #[test]
    fn a_burst_is_free_at_once_and_then_the_rate_holds() {
        // 300 askers every 10 s ask 30 a second; half of that is 15, and its burst is 15, more than the target's.
        let mut ration = Ration::new(&estate(299, &[10]), &settings(None));
        assert!((ration.per_second() - 15.0).abs() < 1e-9);
        let places = places(&mut ration, 1_000);
        assert_eq!(places.iter().filter(|ms| **ms == 0).count(), 8, "{places:?}");
        for second in 0..9 {
            let within = places.iter().filter(|ms| (second * 1_000..(second + 1) * 1_000).contains(*ms));
            assert!(within.count() <= 8 + 30, "second {second}: {places:?}");
        }
        assert!((100..=166).contains(&places.len()), "patience ends it: {}", places.len());
    }

    #[test]
    fn an_operators_cap_holds_for_both_together() {
        // 11 askers every 10 s: 1.1 a second of 1.6 leave 0.5.
        let mut ration = Ration::new(&estate(10, &[10]), &settings(Some(1.6)));
        let places = places(&mut ration, 100);
        assert!((12..=14).contains(&places.len()), "8 at once and 5 in 10 s: {places:?}");
        let mut full = Ration::new(&estate(10, &[10]), &settings(Some(1.1)));
        assert_eq!(full.reserve(ProbeIx(0), NOW, PATIENCE), None, "nothing is left of it");
    }

    #[test]
    fn what_is_given_back_can_be_had_again() {
        let mut ration = Ration::new(&estate(10, &[10]), &settings(None));
        let taken = places(&mut ration, 8);
        let next = ration.reserve(ProbeIx(0), NOW, PATIENCE);
        ration.give_back(ProbeIx(0));
        assert_eq!(ration.reserve(ProbeIx(0), NOW, PATIENCE), next);
        assert_eq!(taken.len(), 8);
        ration.forget();
        assert_eq!(ration.reserve(ProbeIx(0), NOW, PATIENCE), Some(NOW));
    }
}
