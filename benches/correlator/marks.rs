//! Sums of what `score` counts, over any number of trials, and what is worked out of them: shares with Wilson's
//! interval, quantiles with misses as infinite, Brier score and calibration.

use serde::{Deserialize, Deserializer, Serialize};

/// Edges of the bins in which probabilities are compared with what came true. Nothing opens below .9, so the bins
/// are narrow there.
const BIN_EDGES: [f64; 7] = [0.5, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999];
/// Of the normal distribution, for a two-sided interval of 95 %.
const Z_95: f64 = 1.959_964;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Marks {
    pub trials: u32,
    /// Truths that are a shared fault, where 25 or more agents report …
    pub shared_many: Named,
    /// … and where fewer do.
    pub shared_few: Named,
    /// Truths that are a practice's own.
    pub own: Named,
    /// At moments with one truth, and with more.
    pub sets: [Set; 2],
    pub truths: u32,
    pub incidents: u32,
    pub false_shared: u32,
    /// Of the false ones: a service whose target was away for a moment.
    pub blips: u32,
    pub corrected: u32,
    /// Before, during and after the shared fault.
    pub needless: [u32; 3],
    pub false_practice: u32,
    pub notices: u32,
    /// Pairs of a truth and a practice that it hits.
    pub recipients: u32,
    pub calibration: Calibration,
    pub quiet: Quiet,
}

/// How many truths were named, and when.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Named {
    pub truths: u32,
    /// The true cause alone, at onset + 1 and + 3 intervals.
    pub raw: [u32; 2],
    /// Up to ambiguity.
    pub right: [u32; 2],
    /// The same, or a group that holds the true cause beside others that the data could tell from it.
    pub held: [u32; 2],
    /// From onset to the first naming, in intervals; in JSON, `null` where it never came.
    #[serde(deserialize_with = "null_as_infinite")]
    pub intervals: Vec<f64>,
}

fn null_as_infinite<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let intervals = Vec::<Option<f64>>::deserialize(from)?;
    Ok(intervals.into_iter().map(|interval| interval.unwrap_or(f64::INFINITY)).collect())
}

/// The set of faults, at the moments at which it is judged.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Set {
    pub open: u32,
    pub open_right: u32,
    pub due: u32,
    pub due_found: u32,
}

/// Trials in which nothing happens that deserves an incident.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Quiet {
    pub years: f64,
    pub practice_years: f64,
    pub false_shared: u32,
    pub blips: u32,
    pub false_practice: u32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Calibration {
    events: u32,
    squares: f64,
    /// By bin: events, sum of probabilities, how many came true.
    bins: [(u32, f64, u32); BIN_EDGES.len() + 1],
}

impl Marks {
    pub fn merge(&mut self, other: &Self) {
        self.trials += other.trials;
        self.shared_many.merge(other.shared_many.clone());
        self.shared_few.merge(other.shared_few.clone());
        self.own.merge(other.own.clone());
        for (set, more) in self.sets.iter_mut().zip(&other.sets) {
            set.open += more.open;
            set.open_right += more.open_right;
            set.due += more.due;
            set.due_found += more.due_found;
        }
        self.truths += other.truths;
        self.incidents += other.incidents;
        self.false_shared += other.false_shared;
        self.blips += other.blips;
        self.corrected += other.corrected;
        for (phase, more) in self.needless.iter_mut().zip(other.needless) {
            *phase += more;
        }
        self.false_practice += other.false_practice;
        self.notices += other.notices;
        self.recipients += other.recipients;
        self.calibration.merge(&other.calibration);
        self.quiet.years += other.quiet.years;
        self.quiet.practice_years += other.quiet.practice_years;
        self.quiet.false_shared += other.quiet.false_shared;
        self.quiet.blips += other.quiet.blips;
        self.quiet.false_practice += other.quiet.false_practice;
    }

    pub fn shared(&self) -> Named {
        let mut both = self.shared_many.clone();
        both.merge(self.shared_few.clone());
        both
    }

    /// All truths that an incident must name.
    pub fn all(&self) -> Named {
        let mut all = self.shared();
        all.merge(self.own.clone());
        all
    }

    /// What counts against a diagnoser beside what it misses.
    pub fn needless_incidents(&self) -> u32 {
        self.needless.iter().sum()
    }
}

impl Named {
    pub fn merge(&mut self, other: Self) {
        self.truths += other.truths;
        for n in 0..2 {
            self.raw[n] += other.raw[n];
            self.right[n] += other.right[n];
            self.held[n] += other.held[n];
        }
        self.intervals.extend(other.intervals);
    }

    /// In intervals; infinite when so many were never named.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.intervals.clone();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to the number of truths"
        )]
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }
}

impl Calibration {
    pub fn add(&mut self, probability: f64, right: bool) {
        let bin = BIN_EDGES.iter().take_while(|edge| probability >= **edge).count();
        let (events, sum, came_true) = &mut self.bins[bin];
        *events += 1;
        *sum += probability;
        *came_true += u32::from(right);
        self.events += 1;
        self.squares += (probability - f64::from(u8::from(right))).powi(2);
    }

    fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.squares += other.squares;
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.0 += more.0;
            bin.1 += more.1;
            bin.2 += more.2;
        }
    }

    pub fn events(&self) -> u32 {
        self.events
    }

    /// How many of the events held the true cause.
    pub fn came_true(&self) -> u32 {
        self.bins.iter().map(|bin| bin.2).sum()
    }

    pub fn brier(&self) -> Option<f64> {
        (self.events > 0).then(|| self.squares / f64::from(self.events))
    }

    /// Expected calibration error: how far the probabilities of a bin lie from what came true, on average.
    pub fn error(&self) -> Option<f64> {
        let off: f64 = self.bins.iter().map(|(_, sum, came_true)| (sum - f64::from(*came_true)).abs()).sum();
        (self.events > 0).then(|| off / f64::from(self.events))
    }

    /// From, events, mean probability, share that came true; bins without events left out.
    pub fn bins(&self) -> impl Iterator<Item = (f64, u32, f64, f64)> {
        let from = std::iter::once(0.0).chain(BIN_EDGES);
        from.zip(self.bins).filter(|(_, (events, ..))| *events > 0).map(|(from, (events, sum, came_true))| {
            (from, events, sum / f64::from(events), f64::from(came_true) / f64::from(events))
        })
    }
}

/// A share, `None` of nothing.
pub fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

/// Wilson's interval of a share, at 95 %.
pub fn wilson(part: u32, whole: u32) -> Option<(f64, f64)> {
    let n = f64::from(whole);
    let p = share(part, whole)?;
    let z2 = Z_95 * Z_95;
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

/// The most events a year that so few in so many years leave likely: the upper end of the one-sided interval of
/// 95 % of a Poisson rate (Garwood).
pub fn rate_at_most(events: u32, years: f64) -> Option<f64> {
    if years <= 0.0 {
        return None;
    }
    // The mean at which so few events or fewer have a chance of 5 %, by bisection.
    let chance = |mean: f64| {
        let mut term = (-mean).exp();
        let mut sum = term;
        for k in 1..=events {
            term *= mean / f64::from(k);
            sum += term;
        }
        sum
    };
    let (mut low, mut high) = (0.0, 4.0 * f64::from(events) + 20.0);
    for _ in 0..80 {
        let mean = f64::midpoint(low, high);
        if chance(mean) > 0.05 { low = mean } else { high = mean }
    }
    Some(high / years)
}
