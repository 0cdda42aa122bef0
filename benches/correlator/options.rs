//! What was asked for on the command line: `cargo bench --bench correlator -- [OPTIONS]`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use linewatch::world::trials::{Family, Tier};

/// Seeds that are reported begin here (those from 1,000,000 were, until one of them was looked into) …
pub const REPORTED_FROM: u64 = 2_000_000;
/// … those on which the correlator was developed here …
pub const DEVELOPED_FROM: u64 = 500_000;
/// … and those on which the baselines were tuned here. The three sets never meet: see [`RUNS_MAX`].
pub const TUNED_FROM: u64 = 1;
/// Families whose trials last hours or days.
pub const LONG: [Family; 4] =
    [Family::Quiet, Family::ChronicLine, Family::GatewayMornings, Family::FirmwareRolling];
/// Runs of one family in one tier at most, so that the sets of seeds stay apart.
pub const RUNS_MAX: usize = 100_000;
/// Runs of a family in a tier: of the quick mode, …
const RUNS_QUICK: usize = 2;
/// … of it, where trials last hours or days, …
const RUNS_QUICK_LONG: usize = 1;
/// … of the full mode, …
const RUNS_FULL: usize = 200;
/// … and while the baselines are tuned.
const RUNS_TUNED: usize = 4;

/// Scores linewatch's correlator and six baselines on simulated faults.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Parser)]
#[command(name = "correlator")]
pub struct Options {
    /// 200 runs a family and tier; takes hours.
    #[arg(long)]
    pub full: bool,
    /// Search the baselines' constants on the tuning seeds, and print them.
    #[arg(long, conflicts_with_all = ["full", "dev", "show", "record"])]
    pub tune: bool,
    /// Print how soon an oracle could name what loses a share of the askings, and nothing else.
    #[arg(long)]
    pub bound: bool,
    /// Use the seeds for development instead of those that are reported.
    #[arg(long)]
    pub dev: bool,
    /// Only this family; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = family)]
    pub family: Vec<Family>,
    /// Only this tier; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = tier)]
    pub tier: Vec<Tier>,
    /// Runs of each family in each tier.
    #[arg(long, value_name = "N")]
    pub runs: Option<usize>,
    /// The first seed.
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Only these diagnosers (linewatch, ratio, rules, parents, score, 007, flock); may be given several times.
    /// With `--show`, the first of them is shown.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Print the truth and linewatch's events of each trial that it got wrong.
    #[arg(long)]
    pub show: bool,
    /// With `--show`: of every trial.
    #[arg(long, requires = "show")]
    pub all: bool,
    /// Write the observations of the first trial to this file, one JSON object a line, and stop.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Let the agents ask again what has changed, as `run` does. The published figures are of agents that don't.
    #[arg(long)]
    pub reask: bool,
    /// Keep what each trial came to in this file, and don't run those again that stand there: what takes hours can be stopped
    /// at any time and goes on with the same command. The table is of all that is done.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tune", "record", "show"])]
    pub save: Option<PathBuf>,
    /// Begin no trial after so many minutes.
    #[arg(long, value_name = "N", requires = "save")]
    pub minutes: Option<u64>,
    /// Threads; the results don't depend on it.
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// `cargo bench` says so; without it, and without anything else, one trial is run to see that it runs.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    pub fn families(&self) -> Vec<Family> {
        if self.family.is_empty() { Family::ALL.to_vec() } else { self.family.clone() }
    }

    pub fn tiers(&self) -> Vec<Tier> {
        if self.tier.is_empty() { Tier::ALL.to_vec() } else { self.tier.clone() }
    }

    /// Runs of a family in each tier. `cargo test` calls without any option: one is enough then.
    pub fn runs(&self, family: Family) -> usize {
        let quick = if LONG.contains(&family) { RUNS_QUICK_LONG } else { RUNS_QUICK };
        let by_mode = match (self.full, self.tune, self.bench) {
            (true, ..) => RUNS_FULL,
            (_, true, _) => RUNS_TUNED,
            (.., true) => quick,
            (false, false, false) => 1,
        };
        self.runs.unwrap_or(by_mode).clamp(1, RUNS_MAX)
    }

    pub fn first_seed(&self) -> u64 {
        self.seed.unwrap_or(match (self.tune, self.dev) {
            (true, _) => TUNED_FROM,
            (_, true) => DEVELOPED_FROM,
            (false, false) => REPORTED_FROM,
        })
    }

    pub fn threads(&self) -> usize {
        let here = std::thread::available_parallelism();
        self.threads.or(here.ok()).map_or(1, NonZeroUsize::get)
    }

    pub fn wants(&self, diagnoser: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == diagnoser)
    }

    /// `cargo test` runs benches too, without `--bench`: then the least that shows that everything runs.
    pub fn is_smoke_test() -> bool {
        std::env::args().len() == 1
    }
}

fn family(name: &str) -> Result<Family, String> {
    Family::of(name).ok_or_else(|| {
        let known: Vec<&str> = Family::ALL.iter().map(|family| family.name()).collect();
        format!("no such family; there are {}", known.join(", "))
    })
}

fn tier(name: &str) -> Result<Tier, String> {
    Tier::ALL.iter().copied().find(|tier| tier.name() == name).ok_or_else(|| {
        let known: Vec<&str> = Tier::ALL.iter().map(|tier| tier.name()).collect();
        format!("no such tier; there are {}", known.join(", "))
    })
}
