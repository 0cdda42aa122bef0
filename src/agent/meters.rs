//! Numbers about the asking itself: how late it runs, how much is under way, what was skipped.

use std::sync::{Mutex, PoisonError};

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::limits::LATENESS_WINDOW;
use crate::time::At;

/// In seconds. Finest around 20 ms: beyond that an agent on a quiet machine isn't late, it is too slow.
const DELAY_BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Counts that the workers keep and `/metrics` shows.
#[derive(Debug)]
pub struct Meters {
    pub in_flight: IntGauge,
    pub asked: IntCounter,
    pub skipped: IntCounter,
    /// Answers thrown away because the clock jumped while they were under way.
    pub discarded: IntCounter,
    /// How many checks a second may be asked again beside the schedule.
    pub reasks_per_second_max: Gauge,
    reasks: IntCounterVec,
    lateness: Mutex<Lateness>,
    /// Every lateness: the worst one alone says nothing of how often.
    delays: Histogram,
}

/// The worst lateness of this window and of the one before, so that the number neither flickers nor sticks.
#[derive(Debug, Default)]
struct Lateness {
    window: i64,
    now_ms: i64,
    before_ms: i64,
}

impl Meters {
    /// Fails only when the registry has a metric of the same name already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::with_opts(Opts::new(name, help))?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let in_flight = IntGauge::with_opts(Opts::new("linewatch_checks_in_flight", "Checks under way."))?;
        registry.register(Box::new(in_flight.clone()))?;
        let reasks = IntCounterVec::new(
            Opts::new(
                "linewatch_reasks_total",
                "Checks asked again beside the schedule (asked), of those the ones that were late and had not failed yet \
                 (early) and the ones of these that stayed silent, too, and were reported as late (late), those that the hub wished for \
                 (wished), and those made to wait for room (put_off) or left to the schedule for want of it (given_up).",
            ),
            &["outcome"],
        )?;
        registry.register(Box::new(reasks.clone()))?;
        for outcome in ["asked", "early", "late", "wished", "put_off", "given_up"] {
            reasks.with_label_values(&[outcome]);
        }
        let reasks_per_second_max = Gauge::with_opts(Opts::new(
            "linewatch_reasks_per_second_max",
            "How many checks a second may be asked again beside the schedule, over all targets; 0: switched off.",
        ))?;
        registry.register(Box::new(reasks_per_second_max.clone()))?;
        let delays = Histogram::with_opts(
            HistogramOpts::new(
                "linewatch_schedule_delay_seconds",
                "By how much checks were begun later than they were due.",
            )
            .buckets(DELAY_BUCKETS.to_vec()),
        )?;
        registry.register(Box::new(delays.clone()))?;
        Ok(Self {
            in_flight,
            reasks,
            reasks_per_second_max,
            asked: counter("linewatch_checks_total", "Checks asked, those asked again included.")?,
            skipped: counter(
                "linewatch_checks_skipped_total",
                "Slots of the schedule that were skipped because the check was late or still under way.",
            )?,
            discarded: counter(
                "linewatch_checks_discarded_total",
                "Answers that do not count because this machine's clock jumped while they were under way.",
            )?,
            lateness: Mutex::new(Lateness::default()),
            delays,
        })
    }

    /// So many more checks were asked again (`asked`, `early`), told as late (`late`), wished for (`wished`), put off (`put_off`) or given up (`given_up`).
    pub fn reasked(&self, outcome: &str, more: u64) {
        if more > 0 {
            self.reasks.with_label_values(&[outcome]).inc_by(more);
        }
    }

    /// So many were, so far.
    pub fn reasks(&self, outcome: &str) -> u64 {
        self.reasks.with_label_values(&[outcome]).get()
    }

    /// A check that was due at `slot` is begun `now`.
    pub fn begun(&self, slot: At, now: At) {
        let late_ms = now.millis_since(slot);
        self.delays.observe(late_ms.max(0) as f64 / 1000.0);
        let mut lateness = self.lateness.lock().unwrap_or_else(PoisonError::into_inner);
        lateness.turn(now);
        lateness.now_ms = lateness.now_ms.max(late_ms);
    }

    /// The worst lateness lately, in seconds.
    pub fn late_seconds(&self, now: At) -> f64 {
        let mut lateness = self.lateness.lock().unwrap_or_else(PoisonError::into_inner);
        lateness.turn(now);
        lateness.now_ms.max(lateness.before_ms).max(0) as f64 / 1000.0
    }
}

impl Lateness {
    fn turn(&mut self, now: At) {
        let window = now.as_millis() / i64::try_from(LATENESS_WINDOW.as_millis()).unwrap_or(i64::MAX);
        if window != self.window {
            self.before_ms = if window == self.window + 1 { self.now_ms } else { 0 };
            self.now_ms = 0;
            self.window = window;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_the_worst_of_the_last_two_windows_and_then_forgotten() {
        let meters = Meters::new(&Registry::new()).expect("a fresh registry");
        let start = At::from_millis(1_700_000_010_000);
        meters.begun(start, start.plus_millis(700));
        meters.begun(start, start.plus_millis(200));
        assert_eq!(meters.delays.get_sample_count(), 2);
        assert!((meters.delays.get_sample_sum() - 0.9).abs() < 1e-9);
        assert!((meters.late_seconds(start) - 0.7).abs() < 1e-9);
        assert!((meters.late_seconds(start + LATENESS_WINDOW) - 0.7).abs() < 1e-9);
        assert!(meters.late_seconds(start + LATENESS_WINDOW * 2).abs() < 1e-9);
    }
}
