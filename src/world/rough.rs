//! Noise as networks really have it: failures for no reason that are uneven and come in clumps, targets that
//! don't answer anybody for a moment, slow hours, reports that are lost or late, and clocks that are wrong.
//!
//! Everything is a function of what it is about (a check, its interval, an hour), never of what was asked
//! before.

use crate::estate::Estate;
use crate::time::{At, whole_millis};
use crate::world::dice::{mix, unit};

/// How rough. All off: [`Rough::NONE`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rough {
    /// Chance that an asking fails for no reason, on average over checks; each check has its own, drawn from a
    /// Beta distribution (its first parameter 1).
    pub leak_mean: f64,
    /// Share of the practices whose line is bad.
    pub bad_sites: f64,
    /// The same average for their checks.
    pub bad_leak_mean: f64,
    /// Share of the failures that come two, three or four intervals long.
    pub clumped: f64,
    /// How often a day one target or another answers nobody for half an interval to a whole one.
    pub blips_a_day: f64,
    /// Share of the reports that never arrive.
    pub lost: f64,
    /// How many times slower answers are at the busiest hour, on the most crowded line; 1: never slower.
    pub congestion: f64,
    /// Agents' clocks are wrong by up to this, either way.
    pub skew_ms_max: i64,
    /// Share of the agents whose clock is wrong by [`FAR_MS`].
    pub skewed_far: f64,
    /// How often a day an agent holds its reports back for a minute or so and then sends them all.
    pub held_a_day: f64,
}

/// What a clock without a time server is wrong by, sooner or later.
pub const FAR_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The longest clump, in intervals.
const CLUMP_MAX: u64 = 4;
/// An agent holds its reports back for between these.
const HELD_MS_MIN: f64 = 20_000.0;
const HELD_MS_MAX: f64 = 75_000.0;

impl Rough {
    pub const NONE: Self = Self {
        leak_mean: 0.0,
        bad_sites: 0.0,
        bad_leak_mean: 0.0,
        clumped: 0.0,
        blips_a_day: 0.0,
        lost: 0.0,
        congestion: 1.0,
        skew_ms_max: 0,
        skewed_far: 0.0,
        held_a_day: 0.0,
    };
}

/// What it does to each check of an estate.
#[derive(Debug, Clone)]
pub(super) struct RoughLuck {
    rough: Rough,
    seed: u64,
    probes: usize,
    /// Chance that a clump begins in an interval: by row (practices, then the hub), then by probe.
    begins: Vec<f64>,
    every_ms: Vec<i64>,
    /// By row: how much of the congestion it feels, 0 to 1.
    crowded: Vec<f64>,
    /// Chance that a target has a blip in an hour.
    blip: f64,
}

impl RoughLuck {
    pub(super) fn new(estate: &Estate, rough: Rough, seed: u64) -> Self {
        let seed = mix(seed, 0x3006);
        let probes = estate.probes.len();
        let rows = estate.practices.len() + 1;
        // A failure is this many intervals long on average; two to four long ones are three.
        let length = 1.0 + 2.0 * rough.clumped;
        let bad_seed = mix(seed, 1);
        let mut begins = Vec::with_capacity(rows * probes);
        for row in 0..rows {
            let is_bad = row + 1 < rows && unit(mix(bad_seed, row as u64)) < rough.bad_sites;
            let mean = if is_bad { rough.bad_leak_mean } else { rough.leak_mean };
            for probe in 0..probes {
                begins.push(beta(mean, unit(mix(mix(seed, 2), (row * probes + probe) as u64))) / length);
            }
        }
        Self {
            rough,
            seed,
            probes,
            begins,
            every_ms: estate.probes.iter().map(|probe| whole_millis(probe.every).max(1)).collect(),
            crowded: (0..rows).map(|row| unit(mix(mix(seed, 3), row as u64))).collect(),
            blip: rough.blips_a_day / 24.0 / probes.max(1) as f64,
        }
    }

    /// Whether an asking fails for no reason of its own.
    pub(super) fn fails(&self, row: usize, probe: usize, at_ms: i64) -> bool {
        self.is_in_clump(row, probe, at_ms) || self.is_in_blip(probe, at_ms)
    }

    /// Times slower than usual.
    pub(super) fn congestion(&self, row: usize, at_ms: i64) -> f64 {
        let share = self.crowded.get(row).copied().unwrap_or(0.0);
        1.0 + (self.rough.congestion - 1.0) * share * busy(at_ms)
    }

    fn is_in_clump(&self, row: usize, probe: usize, at_ms: i64) -> bool {
        let check = row * self.probes + probe;
        let (Some(begins), Some(every_ms)) = (self.begins.get(check), self.every_ms.get(probe)) else {
            return false;
        };
        let key = mix(mix(self.seed, 4), check as u64);
        let interval = at_ms.div_euclid(*every_ms).cast_unsigned();
        (0..CLUMP_MAX).any(|ago| {
            let throw = mix(key, interval.wrapping_sub(ago));
            unit(throw) < *begins && ago < self.clump_length(throw)
        })
    }

    fn clump_length(&self, throw: u64) -> u64 {
        let throw = mix(throw, 1);
        if unit(throw) < self.rough.clumped { 2 + mix(throw, 2) % (CLUMP_MAX - 1) } else { 1 }
    }

    fn is_in_blip(&self, probe: usize, at_ms: i64) -> bool {
        let hour = at_ms.div_euclid(HOUR_MS);
        let throw = mix(mix(self.seed ^ 5, probe as u64), hour.cast_unsigned());
        if unit(throw) >= self.blip {
            return false;
        }
        let every_ms = self.every_ms.get(probe).copied().unwrap_or(1) as f64;
        let from = unit(mix(throw, 1)) * (HOUR_MS as f64 - 2.0 * every_ms).max(0.0);
        let since = at_ms.rem_euclid(HOUR_MS) as f64 - from;
        since >= 0.0 && since < every_ms * (0.5 + 0.5 * unit(mix(throw, 2)))
    }
}

/// What it does to agents and their reports. The hub's own results (past the last practice) travel nowhere, and
/// its clock is the one that counts.
#[derive(Debug)]
pub(super) struct Mishaps {
    rough: Rough,
    seed: u64,
    /// By practice.
    skews_ms: Vec<i64>,
}

impl Mishaps {
    pub(super) fn new(estate: &Estate, rough: Rough, seed: u64) -> Self {
        let seed = mix(seed, 0x3007);
        let skew = |row: usize| {
            let throw = mix(mix(seed, 1), row as u64);
            let either_way = 2.0 * unit(mix(throw, 1)) - 1.0;
            if unit(throw) < rough.skewed_far {
                if either_way < 0.0 { -FAR_MS } else { FAR_MS }
            } else {
                #[expect(clippy::cast_possible_truncation, reason = "seconds")]
                let skew_ms = (either_way * rough.skew_ms_max as f64) as i64;
                skew_ms
            }
        };
        Self { rough, seed, skews_ms: (0..estate.practices.len()).map(skew).collect() }
    }

    /// What a practice's clock is ahead of the hub's.
    pub(super) fn skew_ms(&self, row: u32) -> i64 {
        self.skews_ms.get(row as usize).copied().unwrap_or(0)
    }

    /// Whether a report never arrives.
    pub(super) fn loses(&self, row: u32, probe: u32, at: At) -> bool {
        if self.rough.lost <= 0.0 || row as usize >= self.skews_ms.len() {
            return false;
        }
        let check = mix(self.seed ^ 2, u64::from(row) << 32 | u64::from(probe));
        unit(mix(check, at.as_millis().cast_unsigned())) < self.rough.lost
    }

    /// Whether a practice's agent holds its reports back at this moment.
    pub(super) fn holds(&self, row: u32, at: At) -> bool {
        if row as usize >= self.skews_ms.len() {
            return false;
        }
        let hour = at.as_millis().div_euclid(HOUR_MS).cast_unsigned();
        let throw = mix(mix(self.seed ^ 3, u64::from(row)), hour);
        if unit(throw) >= self.rough.held_a_day / 24.0 {
            return false;
        }
        let from = unit(mix(throw, 1)) * (HOUR_MS as f64 - HELD_MS_MAX);
        let since = at.as_millis().rem_euclid(HOUR_MS) as f64 - from;
        since >= 0.0 && since < HELD_MS_MIN + unit(mix(throw, 2)) * (HELD_MS_MAX - HELD_MS_MIN)
    }
}

/// The value of Beta(1, b) with this mean that a share `throw` of all values lie below: its distribution
/// function 1 - (1 - x)^b, turned round.
fn beta(mean: f64, throw: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    let b = 1.0 / mean.min(1.0) - 1.0;
    if b <= 0.0 { 1.0 } else { 1.0 - (1.0 - throw).powf(1.0 / b) }
}

/// 0 to 1: how busy the lines are at this hour (UTC): surgeries of the morning and of the afternoon, Monday to
/// Friday.
fn busy(at_ms: i64) -> f64 {
    // The epoch was a Thursday.
    let weekday = at_ms.div_euclid(DAY_MS).rem_euclid(7);
    if weekday == 2 || weekday == 3 {
        return 0.0;
    }
    let hour = at_ms.rem_euclid(DAY_MS) as f64 / HOUR_MS as f64;
    let hump = |top: f64, half_width: f64| (1.0 - ((hour - top) / half_width).powi(2)).max(0.0);
    hump(9.5, 2.5).max(0.8 * hump(15.0, 3.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::estates::{Plan, build};

    fn luck(rough: Rough) -> RoughLuck {
        RoughLuck::new(&build(&Plan::default()), rough, 7)
    }

    /// Share of the askings of ordinary practices that fail, over half a day.
    fn failing(luck: &RoughLuck) -> f64 {
        let failed = (0..40)
            .flat_map(|row| (0..12).map(move |probe| (row, probe)))
            .map(|(row, probe)| (0..1_440).filter(|n| luck.fails(row, probe, n * 30_000)).count())
            .sum::<usize>();
        failed as f64 / (40.0 * 12.0 * 1_440.0)
    }

    #[test]
    fn the_leak_is_as_high_as_it_says_clumped_or_not() {
        for clumped in [0.0, 0.15] {
            let share = failing(&luck(Rough { leak_mean: 0.005, clumped, ..Rough::NONE }));
            assert!((0.0045..0.0055).contains(&share), "{share} with clumps {clumped}");
        }
    }

    #[test]
    fn checks_leak_unevenly_and_bad_sites_more() {
        let luck = luck(Rough { leak_mean: 0.005, bad_sites: 0.1, bad_leak_mean: 0.05, ..Rough::NONE });
        let mut means: Vec<f64> = luck.begins.chunks(12).map(|row| row.iter().sum::<f64>() / 12.0).collect();
        means.sort_by(f64::total_cmp);
        assert!(means[0] < 0.006 && means[means.len() - 1] > 0.02, "{means:?}");
    }

    #[test]
    fn a_blip_hits_every_practice_for_half_an_interval_to_one() {
        let luck = luck(Rough { blips_a_day: 240.0, ..Rough::NONE });
        let down: Vec<i64> = (0..86_400).filter(|s| luck.fails(0, 3, s * 1000)).collect();
        let blips = 1 + down.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
        assert!((8..35).contains(&blips), "{blips} blips of one target of twelve");
        assert!((15..=30).contains(&(down.len() / blips)), "{} s each", down.len() / blips);
        assert!(down.iter().all(|s| luck.fails(17, 3, s * 1000)));
    }

    #[test]
    fn lines_are_slowest_on_a_weekday_morning() {
        let at = |text: &str| text.parse::<At>().expect("a time").as_millis();
        assert!(busy(at("2026-01-14T09:30:00Z")) > 0.99);
        assert!(busy(at("2026-01-14T03:00:00Z")) < 0.01);
        assert!(busy(at("2026-01-17T09:30:00Z")) < 0.01, "a Saturday");
    }

    #[test]
    fn an_agent_holds_its_reports_back_as_often_as_it_says() {
        let estate = build(&Plan::default());
        let mishaps = Mishaps::new(&estate, Rough { held_a_day: 2.4, ..Rough::NONE }, 7);
        let stretches: usize = (0..40)
            .map(|row| {
                let held: Vec<bool> =
                    (0..86_400).map(|s| mishaps.holds(row, At::from_millis(s * 1000))).collect();
                held.windows(2).filter(|pair| !pair[0] && pair[1]).count()
            })
            .sum();
        assert!((70..125).contains(&stretches), "{stretches} for 96");
    }
}
