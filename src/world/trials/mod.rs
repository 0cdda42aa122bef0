//! The benchmark's cases. A [`Trial`] is an estate as it is told, what really breaks in it, and the stream of
//! observations that its agents report; all of it is a function of family, tier and seed.
//!
//! | file | what lives there |
//! |---|---|
//! | [`family`] | the families of faults, and the tiers |
//! | `county` | the estates, and how their files come to be wrong |
//! | `tales`, `waves` | what breaks in the trials of each family |
//! | `story` | what they are told with: faults, targets, times |
//! | [`truth`] | what an incident must say, and what nobody can tell apart |
//! | `draw` | one throw after another, from one seed |
//!
//! Every trial begins with 8 to 20 minutes of health, so that leaks and usual times can be learned; most faults
//! last 5 to 30 minutes, and 8 to 10 minutes of recovery follow. The trials of `gateway-mornings`,
//! `firmware-rolling`, `chronic-line` and `quiet` take hours to days, in smaller estates.

mod county;
mod draw;
pub mod family;
mod story;
mod tales;
#[cfg(test)]
mod tests;
pub mod truth;
mod waves;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use county::{Shape, misdrawn};
use draw::Draw;
pub use family::{Family, Tier};
use story::{RECOVERY_MINS, Story, WARM_UP_MINS, fault};
use truth::Known;
pub use truth::{Kind, Truth};

use crate::correlate::Wish;
use crate::estate::Estate;
use crate::incident::Cause;
use crate::observation::Observation;
use crate::time::At;
use crate::world::dice::{mix, mix_text};
use crate::world::estates::Plan;
use crate::world::faults::World;
use crate::world::rough::Rough;
use crate::world::scenario::{Fault, Mode, Noise, Scenario, Spool, Target, Window};
use crate::world::timetable::Clock;
use crate::world::virtual_time::VirtualTime;

/// The noise of every trial.
pub const ROUGH: Rough = Rough {
    leak_mean: 0.005,
    bad_sites: 0.03,
    bad_leak_mean: 0.03,
    clumped: 0.15,
    blips_a_day: 3.0,
    lost: 0.01,
    congestion: 3.0,
    skew_ms_max: 2_000,
    skewed_far: 0.02,
    held_a_day: 0.5,
};

/// The Monday before which no trial begins, at midnight UTC, which is midnight in England until the end of
/// March.
const MONDAY_MS: i64 = 1_767_571_200_000;
/// Trials begin within so many weeks of that.
const WEEKS: usize = 8;
/// A trial in which a shared fault hits but one practice that reports is drawn again, so often at most. Fewer than
/// one in a hundred is, so the last one is as good as certain to be sound.
const DRAWN_MAX: u64 = 16;
const DAY_MS: i64 = 86_400_000;

/// One case of the benchmark: an estate as it is told, what really breaks in it, and the stream that its agents
/// report.
pub struct Trial {
    pub family: Family,
    pub tier: Tier,
    pub seed: u64,
    /// The estate as the operator describes it: what correlator and baselines are told. With a wrong map it
    /// differs from the real one, which only the stream knows.
    pub estate: Arc<Estate>,
    /// What really breaks, in order of onset. Empty for quiet families.
    pub truths: Vec<Truth>,
    /// Positions of practices whose agents never report, in order (the "known-missing list" of the baselines).
    pub missing: Vec<usize>,
    /// From one asking of a check to the next; the same for all probes.
    pub every: Duration,
    pub begin: At,
    pub end: At,
    world: World,
    scenario: Scenario,
    hub_asks: bool,
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("family", &self.family.name())
            .field("tier", &self.tier.name())
            .field("seed", &self.seed)
            .field("practices", &self.estate.practices.len())
            .field("probes", &self.estate.probes.len())
            .field("hub_asks", &self.hub_asks)
            .field("every", &self.every)
            .field("begin", &self.begin)
            .field("end", &self.end)
            .field("missing", &self.missing)
            .field("faults", &self.faults().map(ToString::to_string).collect::<Vec<_>>())
            .field("truths", &self.truths)
            .finish_non_exhaustive()
    }
}

impl Trial {
    /// The trial of this seed: the same each time.
    pub fn new(family: Family, tier: Tier, seed: u64) -> Self {
        let throws = mix_text(mix_text(seed, family.name()), tier.name());
        let mut trial = Self::drawn(family, tier, seed, throws);
        for again in 1..DRAWN_MAX {
            if trial.is_shared() {
                break;
            }
            trial = Self::drawn(family, tier, seed, mix(throws, again));
        }
        trial
    }

    /// Whether at least two practices could report each fault that is said to be a shared one.
    fn is_shared(&self) -> bool {
        let reporting =
            |truth: &Truth| truth.practices.iter().filter(|row| !self.missing.contains(row)).count();
        self.truths.iter().all(|truth| {
            truth.kind != Kind::Shared || truth.cause.kind == Cause::MONITOR || reporting(truth) > 1
        })
    }

    fn drawn(family: Family, tier: Tier, seed: u64, throws: u64) -> Self {
        let mut draw = Draw::new(throws);
        let shape = Shape::draw(family, tier, &mut draw);
        let real = Arc::new(shape.build(&mut draw));
        let estate =
            if tier == Tier::WrongMap { Arc::new(misdrawn(&real, &mut draw)) } else { Arc::clone(&real) };
        let missing = if tier == Tier::Missing || family == Family::AgentsMissing {
            missing(real.practices.len(), &mut draw)
        } else {
            Vec::new()
        };
        let (begin, onset) = beginning(family, &mut draw);
        let luck = draw.throw();
        let recovery = draw.mins(RECOVERY_MINS.0, RECOVERY_MINS.1);
        let mut reports = vec![true; real.practices.len()];
        for row in &missing {
            reports[*row] = false;
        }
        let mut story = Story {
            real: &real,
            tier,
            reports,
            draw,
            onset,
            over: onset,
            faults: Vec::new(),
            plots: Vec::new(),
        };
        tales::tell(&mut story, family);
        let Story { reports, over, mut faults, plots, .. } = story;
        let length = over + recovery;
        faults.extend(silent(&real, &missing));
        let scenario = scenario(family, luck, begin, length, faults);
        let world = World::of_known(Arc::clone(&real), &scenario, Clock::Virtual);
        let known = Known { told: &estate, reports: &reports, hub: shape.hub };
        let end = begin + length;
        let mut truths: Vec<Truth> =
            plots.iter().filter_map(|plot| known.truth(plot, &scenario.faults, &world, end)).collect();
        truths.sort_by_key(|truth| truth.since);
        Self {
            family,
            tier,
            seed,
            estate,
            truths,
            missing,
            every: shape.every,
            begin,
            end,
            world,
            scenario,
            hub_asks: shape.hub,
        }
    }

    /// Observations in order of arrival.
    pub fn stream(&self) -> Stream<'_> {
        let inner = if self.hub_asks {
            VirtualTime::new(&self.world, &self.scenario)
        } else {
            VirtualTime::without_hub(&self.world, &self.scenario)
        };
        Stream { inner }
    }

    /// The same, of agents that ask again what has changed. Not what the published figures are of.
    pub fn stream_asking_again(&self) -> Stream<'_> {
        let Stream { inner } = self.stream();
        Stream { inner: inner.asking_again() }
    }

    /// Whether the hub asks the probes too.
    pub const fn hub_asks(&self) -> bool {
        self.hub_asks
    }

    /// What is broken, in the words of a scenario; agents that never report left out.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        let silent = usize::from(!self.missing.is_empty());
        self.scenario.faults.iter().take(self.scenario.faults.len() - silent)
    }
}

/// What the agents of a trial report, and what its hub asks itself.
#[derive(Debug)]
pub struct Stream<'t> {
    inner: VirtualTime<'t>,
}

impl Stream<'_> {
    /// Puts the next observation into `into` (such as a
    /// [`blank`](crate::world::virtual_time::blank) one) and returns its arrival, which is never before the last
    /// one's; `None`: the trial is over.
    pub fn fill(&mut self, into: &mut Observation) -> Option<At> {
        self.inner.fill(into)
    }

    /// The hub asks an agent to ask a check now.
    pub fn wish(&mut self, wish: Wish) {
        self.inner.wish(wish);
    }
}

impl Iterator for Stream<'_> {
    type Item = Observation;

    fn next(&mut self) -> Option<Observation> {
        self.inner.next()
    }
}

/// 10 to 40 % of so many practices, in order.
fn missing(practices: usize, draw: &mut Draw) -> Vec<usize> {
    let share = draw.between(0.1, 0.4);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the practices")]
    let many = ((practices as f64 * share) as usize).max(1);
    let all: Vec<usize> = (0..practices).collect();
    let mut missing = draw.some(&all, many);
    missing.sort_unstable();
    missing
}

/// Their agents are off all along.
fn silent(real: &Estate, missing: &[usize]) -> Option<Fault> {
    let ids: Vec<String> = missing.iter().map(|row| real.practices[*row].id.clone()).collect();
    let all_along = Window { from: Duration::ZERO, until: None };
    (!ids.is_empty()).then(|| fault(&Target::Practices(ids), Mode::Off, all_along))
}

/// When a trial begins, and how long after that its first fault does: at any hour of any weekday, but for
/// saturated mornings before the first of them, on a Monday.
fn beginning(family: Family, draw: &mut Draw) -> (At, Duration) {
    let week_ms = 7 * DAY_MS * i64::try_from(draw.count(0, WEEKS - 1)).unwrap_or(0);
    let warm_up = draw.mins(WARM_UP_MINS.0, WARM_UP_MINS.1);
    let monday = At::from_millis(MONDAY_MS + week_ms);
    if family == Family::GatewayMornings {
        let onset = monday + Duration::from_mins(8 * 60 + 6);
        return (onset - warm_up, warm_up);
    }
    let day_ms = DAY_MS * i64::try_from(draw.count(0, 6)).unwrap_or(0);
    (monday.plus_millis(day_ms) + draw.mins(0.0, 24.0 * 60.0), warm_up)
}

fn scenario(family: Family, seed: u64, start: At, length: Duration, faults: Vec<Fault>) -> Scenario {
    Scenario {
        name: family.name().to_owned(),
        title: family.name().to_owned(),
        happened: "It is made up.".to_owned(),
        seed,
        start,
        length,
        // The story's own beginning is healthy.
        warm_up: Duration::ZERO,
        drill_length: Duration::ZERO,
        plan: Plan::default(),
        noise: Noise { leak: 0.0, flaky: 0, spool: Spool::Kept, rough: Some(ROUGH) },
        faults,
        expected: Vec::new(),
    }
}
