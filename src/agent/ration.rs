//! How often checks may be asked beside the schedule: so many a second for each target, and so many for the whole
//! process. Pure: the time comes in.
//!
//! A place that isn't free yet can be had in advance; whoever doesn't use it gives it back.
//!
//! A target's limit is a token bucket, kept as the one moment at which it would be full again (the virtual scheduling of the
//! generic cell rate algorithm, ITU-T I.371). Such a bucket knows no gaps: a place far ahead takes all before it. For the whole process
//! that would be wrong, since one target that everybody waits for would keep everybody from all others. So its places are counted for
//! each second apart, in a calendar.

use std::collections::BTreeMap;
use std::time::Duration;

use super::load::target_rates;
use crate::config::ScheduleSettings;
use crate::estate::{Estate, ProbeIx};
use crate::limits::{
    REASK_COUNTED_BY, REASK_ESTATE_SHARE, REASK_PER_SECOND_MIN, REASK_PUT_OFF_MAX, REASK_TARGET_BURST,
    REASK_TARGET_SHARE,
};
use crate::time::{At, whole_millis};

/// What may be asked beside the schedule.
#[derive(Debug)]
pub struct Ration {
    estate: Calendar,
    targets: Vec<Bucket>,
    /// By probe: its target's position.
    target_of: Vec<usize>,
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
        Self { estate: Calendar::new(per_second), targets, target_of }
    }

    /// Checks a second, over all targets.
    pub const fn per_second(&self) -> f64 {
        self.estate.per_second
    }

    /// When one more may be asked of this probe's target, from `now` on; `None`: never, or not within `patience`, which is
    /// [`REASK_PUT_OFF_MAX`] at most. The place is taken.
    pub fn reserve(&mut self, probe: ProbeIx, now: At, patience: Duration) -> Option<At> {
        let target = self.target_of.get(probe.at()).and_then(|target| self.targets.get_mut(*target))?;
        let now_us = now.as_millis().saturating_mul(1_000);
        // Rounded up: a place is never used before it is free.
        let from = At::from_millis(target.free_from(now_us).saturating_add(999).div_euclid(1_000));
        let free = self.estate.free_from(now, from, now + patience.min(REASK_PUT_OFF_MAX))?;
        self.estate.take(free);
        target.take(free.as_millis().saturating_mul(1_000));
        Some(free)
    }

    /// A place that was reserved for `at` isn't used.
    pub fn give_back(&mut self, probe: ProbeIx, at: At) {
        if let Some(target) = self.target_of.get(probe.at()).and_then(|target| self.targets.get_mut(*target))
        {
            self.estate.give_back(at);
            target.give_back();
        }
    }

    /// The clock was set: nothing is owed.
    pub fn forget(&mut self) {
        self.estate.taken.clear();
        self.targets.iter_mut().for_each(|target| target.full_us = i64::MIN);
    }
}

/// The limit of the whole process.
#[derive(Debug)]
struct Calendar {
    per_second: f64,
    /// How many places are taken, by the stretch of [`REASK_COUNTED_BY`] that they are in; of the present one and what may be reserved
    /// ahead, those of which any is.
    taken: BTreeMap<i64, u32>,
}

impl Calendar {
    const fn new(per_second: f64) -> Self {
        Self { per_second, taken: BTreeMap::new() }
    }

    /// The first place from `from` on, and until `last`.
    fn free_from(&mut self, now: At, from: At, last: At) -> Option<At> {
        self.taken = self.taken.split_off(&stretch(now));
        let stretch_ms = whole_millis(REASK_COUNTED_BY);
        let mut at = from;
        while at <= last {
            let (taken, places) = (self.taken_in(at), self.places(stretch(at)));
            if taken < places {
                // Who had to wait for the next stretch doesn't begin it together with all others.
                let waited = if at > from { stretch_ms * i64::from(taken) / i64::from(places) } else { 0 };
                return Some(at.plus_millis(waited)).filter(|at| *at <= last);
            }
            at = At::from_millis((stretch(at) + 1) * stretch_ms);
        }
        None
    }

    fn taken_in(&self, at: At) -> u32 {
        self.taken.get(&stretch(at)).copied().unwrap_or(0)
    }

    /// So many are in a stretch: of 4.5 a second, four and five by turns.
    fn places(&self, stretch: i64) -> u32 {
        let until =
            |stretch: i64| (stretch as f64 * REASK_COUNTED_BY.as_secs_f64() * self.per_second).floor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number of checks"
        )]
        let places = (until(stretch + 1) - until(stretch)) as u32;
        places
    }

    fn take(&mut self, at: At) {
        *self.taken.entry(stretch(at)).or_default() += 1;
    }

    fn give_back(&mut self, at: At) {
        if let Some(taken) = self.taken.get_mut(&stretch(at)) {
            *taken = taken.saturating_sub(1);
        }
    }
}

/// The number of the stretch that it is in.
fn stretch(at: At) -> i64 {
    at.as_millis().div_euclid(whole_millis(REASK_COUNTED_BY))
}

/// The limit of one target.
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
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;
    use crate::agent::schedule::tests::estate;
    use crate::estate::Ask;

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
    fn a_target_that_everybody_waits_for_keeps_nobody_from_another() {
        // Twice 300 askers every 10 s: 30 a second are asked again, of each target 30.
        let mut two = estate(299, &[10, 10]);
        let Ask::Tcp(other) = &mut two.probes[1].ask else { panic!("as it is made") };
        other.target.host = "127.0.0.2".into();
        let mut ration = Ration::new(&two, &settings(Some(36.0)));
        let waiting = places(&mut ration, 1_000);
        assert!(
            waiting.len() > 50 && waiting.iter().any(|ms| *ms > 9_000),
            "6 a second, 10 s ahead: {waiting:?}"
        );
        assert_eq!(ration.reserve(ProbeIx(1), NOW, PATIENCE), Some(NOW));
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(5), ..ProptestConfig::default() })]

        /// Whoever wants places of which target when, and gives some back: none is before it is wanted or after patience ends, and no
        /// second has more of them than two seconds' worth.
        #[test]
        fn the_rate_of_all_holds_whatever_is_wanted(
            wanted in prop::collection::vec((0_u32..3, 0_i64..400, 0_u64..12, any::<bool>()), 1..400)
        ) {
            let mut three = estate(60, &[10, 10, 10]);
            for (n, probe) in three.probes.iter_mut().enumerate() {
                let Ask::Tcp(ask) = &mut probe.ask else { panic!("as it is made") };
                ask.target.host = format!("127.0.0.{n}");
            }
            let mut ration = Ration::new(&three, &settings(None));
            let (mut now, mut kept) = (NOW, Vec::new());
            for (probe, later, patience, is_used) in wanted {
                now = now.plus_millis(later);
                let patience = Duration::from_secs(patience);
                let Some(at) = ration.reserve(ProbeIx(probe), now, patience) else { continue };
                prop_assert!(now <= at && at <= now + patience.min(REASK_PUT_OFF_MAX));
                if is_used { kept.push(at) } else { ration.give_back(ProbeIx(probe), at) }
            }
            kept.sort_unstable();
            for (n, first) in kept.iter().enumerate() {
                let within = kept[n..].iter().take_while(|at| at.millis_since(*first) < 1_000).count();
                prop_assert!(within as f64 <= 2.0 * ration.per_second() + 2.0, "{within} in a second");
            }
        }
    }

    #[test]
    fn what_is_given_back_can_be_had_again() {
        let mut ration = Ration::new(&estate(10, &[10]), &settings(None));
        let taken = places(&mut ration, 8);
        let next = ration.reserve(ProbeIx(0), NOW, PATIENCE);
        ration.give_back(ProbeIx(0), next.expect("within patience"));
        assert_eq!(ration.reserve(ProbeIx(0), NOW, PATIENCE), next);
        assert_eq!(taken.len(), 8);
        ration.forget();
        assert_eq!(ration.reserve(ProbeIx(0), NOW, PATIENCE), Some(NOW));
    }
}
