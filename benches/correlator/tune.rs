//! Chooses the baselines' constants, on seeds that are never reported: `cargo bench --bench correlator -- --tune`.
//!
//! For each tier and method, so many sets of constants are drawn from the lists below; each runs on the same
//! trials; that which is worth most is kept, and printed as `baselines/constants.rs` has it.
//!
//! What a trial is worth: of its truths, the share that is right at onset + 1 interval and the share at + 3, half
//! and half (1 where there is nothing to name); less a quarter for each false shared-cause incident and a tenth for
//! each needless or false practice incident, but at most a half. So naming counts for more than silence does.

use std::collections::BTreeMap;

use linewatch::observation::Observation;
use linewatch::time::At;
use linewatch::world::dice::{mix, unit};
use linewatch::world::trials::{Kind, Tier};

use crate::baselines::{Baselines, Flock, Method, Parents, Ratio, Rules, Score, Tuned, Votes};
use crate::blips::Blips;
use crate::diagnoser::{Place, Said};
use crate::marks::Marks;
use crate::options::{LONG, Options};
use crate::run::{self, Audience};
use crate::score::Judge;

/// Sets of constants tried for each method …
const SETS: u64 = 64;
/// … and for the one that linewatch must not fall behind in any family.
const SETS_FLOCK: u64 = 160;
/// What a false shared-cause incident, and a needless or false practice incident, take from a trial's worth.
const PENALTY_SHARED: f64 = 0.25;
const PENALTY_PRACTICE: f64 = 0.1;
/// A trial loses at most this by what is false.
const PENALTY_MAX: f64 = 0.5;

pub fn tune(options: &Options) {
    let all: Vec<Tuned> = (0..Method::NAMES.len())
        .filter(|ix| options.wants(Method::NAMES[*ix]))
        .flat_map(candidates)
        .collect();
    let mut families = options.families();
    // Too slow for so many sets of constants, unless asked for by name. All other trials have the same noise.
    families.retain(|family| options.family.contains(family) || !LONG.contains(family));
    for tier in options.tiers() {
        let jobs = run::jobs(&[tier], &families, options.first_seed(), |family| options.runs(family));
        let results = run::spread(
            &jobs,
            options.threads(),
            |_, trial, facts| {
                let mut panel =
                    Panel { baselines: Baselines::new(facts, &all), said: vec![Vec::new(); all.len()] };
                let mut blips = Blips::new(facts);
                run::play(trial, facts, &mut blips, &mut panel, false);
                panel.baselines.said(panel.said.iter_mut());
                let judge = Judge::new(trial, facts, &blips);
                let nothing = !trial.truths.iter().any(|it| matches!(it.kind, Kind::Shared | Kind::Practice));
                panel
                    .said
                    .iter()
                    .map(|said| {
                        let (marks, _) = judge.judge(said);
                        (worth(&marks, nothing), marks)
                    })
                    .collect::<Vec<_>>()
            },
            || true,
            |done| eprint!("\r{}: {done} of {} trials ", tier.name(), jobs.len()),
        );
        let results: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
        print(tier, &all, &results);
    }
}

/// All sets of constants at once.
struct Panel {
    baselines: Baselines,
    said: Vec<Vec<Said>>,
}

impl Audience for Panel {
    fn advance(&mut self, at: At) {
        self.baselines.advance(at);
    }

    fn observe(&mut self, at: At, seen: &Observation, place: Place) {
        self.baselines.observe(at, seen, place);
    }
}

fn worth(marks: &Marks, nothing_to_name: bool) -> f64 {
    let all = marks.all();
    let named = f64::from(all.right[0] + all.right[1]) / f64::from(2 * all.truths.max(1));
    let false_practice = f64::from(marks.needless_incidents() + marks.false_practice);
    let penalty =
        PENALTY_SHARED * f64::from(marks.false_shared + marks.corrected) + PENALTY_PRACTICE * false_practice;
    let gained = if nothing_to_name { 1.0 } else { named };
    gained - penalty.min(PENALTY_MAX)
}

/// The best set of each method, as a line of `baselines/constants.rs`.
fn print(tier: Tier, all: &[Tuned], results: &[Vec<(f64, Marks)>]) {
    let mut best: BTreeMap<usize, (f64, Tuned)> = BTreeMap::new();
    for (ix, tuned) in all.iter().enumerate() {
        let mean = results.iter().map(|trial| trial[ix].0).sum::<f64>() / results.len().max(1) as f64;
        let kind = kind(&tuned.method);
        if best.get(&kind).is_some_and(|(known, _)| mean <= *known) {
            continue;
        }
        let mut sum = Marks::default();
        for trial in results {
            sum.merge(&trial[ix].1);
        }
        let share = f64::from(sum.calibration.came_true()) / f64::from(sum.calibration.events().max(1));
        best.insert(kind, (mean, Tuned { probability: (share * 1_000.0).round() / 1_000.0, ..*tuned }));
    }
    println!("\n        Tier::{tier:?} => [");
    for (mean, Tuned { method, silent_s, probability }) in best.values() {
        println!(
            "            Tuned {{ method: Method::{method:?}, silent_s: {silent_s}, probability: {probability:?} }}, \
             // worth {mean:.3}"
        );
    }
    println!("        ],");
}

fn kind(method: &Method) -> usize {
    match method {
        Method::Ratio(_) => 0,
        Method::Rules(_) => 1,
        Method::Parents(_) => 2,
        Method::Score(_) => 3,
        Method::Votes(_) => 4,
        Method::Flock(_) => 5,
    }
}

/// Sets of constants of one method.
fn candidates(kind: usize) -> Vec<Tuned> {
    let mut all: Vec<Tuned> = Vec::new();
    let sets = if kind == 5 { SETS_FLOCK } else { SETS };
    for set in 0..sets {
        let mut pick = Pick { state: mix(mix(0x7153, kind as u64), set) };
        let method = match kind {
            0 => Method::Ratio(Ratio {
                window: pick.of(&[1, 2, 3]),
                share: pick.of(&[0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9]),
                practices_min: pick.of(&[2, 3, 4]),
                hold: pick.of(&[0.0, 0.1, 0.25, 0.5, 0.8]),
                keep: pick.of(&[1.0, 2.0, 6.0]),
            }),
            1 => Method::Rules(Rules {
                window: pick.of(&[1, 2, 3]),
                network: pick.of(&[0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 0.99]),
                component: pick.of(&[0.1, 0.15, 0.25, 0.4, 0.6, 0.8, 0.9]),
                service: pick.of(&[0.1, 0.2, 0.3, 0.5, 0.7, 0.9]),
                practice: pick.of(&[0.15, 0.25, 0.4, 0.5, 0.7]),
                hold: pick.of(&[0.0, 0.1, 0.25, 0.5, 1.0]),
                hold_practice: pick.of(&[0.25, 0.5, 1.0]),
                keep: pick.of(&[1.0, 2.0, 6.0]),
            }),
            2 => Method::Parents(Parents {
                attempts: pick.of(&[1, 2, 3]),
                share: pick.of(&[0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0]),
                practice: pick.of(&[0.15, 0.25, 0.4, 0.5, 0.7, 1.0]),
                keep: pick.of(&[1.0, 2.0, 6.0]),
            }),
            3 => Method::Score(Score {
                window: pick.of(&[1, 2, 3]),
                hit: pick.of(&[0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9]),
                failures_min: pick.of(&[2, 3, 4, 6]),
                hold: pick.of(&[0.0, 0.1, 0.25, 0.5, 0.8]),
                keep: pick.of(&[1.0, 2.0, 6.0]),
            }),
            4 => Method::Votes(Votes {
                window: pick.of(&[1, 2, 3]),
                share: pick.of(&[0.02, 0.05, 0.08, 0.12]),
                least: pick.of(&[0.3, 0.5, 0.8, 1.5, 3.0, 5.0]),
                tie: pick.of(&[0.6, 0.7, 0.8, 0.9, 0.97]),
                hold: pick.of(&[0.0, 0.1, 0.25, 0.5, 0.8]),
                keep: pick.of(&[1.0, 2.0, 6.0]),
            }),
            _ => Method::Flock(Flock {
                window: pick.of(&[1, 2, 3]),
                broken: pick.of(&[0.12, 0.2, 0.3, 0.5, 0.8]),
                noise: pick.of(&[0.003, 0.01, 0.03]),
                prior: pick.of(&[6.0, 9.0, 12.0, 16.0, 22.0, 30.0]),
                hold: pick.of(&[0.0, 0.1, 0.25, 0.5, 0.8]),
                keep: pick.of(&[1.0, 2.0, 6.0]),
            }),
        };
        let tuned = Tuned { method, silent_s: pick.of(&[75, 110]), probability: 1.0 };
        if !all.contains(&tuned) {
            all.push(tuned);
        }
    }
    all
}

/// Draws from lists; the same every time.
struct Pick {
    state: u64,
}

impl Pick {
    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        self.state = mix(self.state, 1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the list's length"
        )]
        let at = (unit(self.state) * list.len() as f64) as usize;
        list[at.min(list.len() - 1)]
    }
}
