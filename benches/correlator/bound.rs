//! How soon could anybody know? An oracle that is told the component, when it began to fail and at which rate has only to
//! convince itself that it fails at all. What it learns from each asking on average is the Kullback-Leibler divergence of the
//! asking's chance to fail with the fault from that without it; Wald showed that no test needs less on average, and Lorden that
//! none which isn't told the onset does better. Where even the oracle has less than it needs, no correlator names the
//! component in time but by luck.

use linewatch::estate::{Estate, Hop, PracticeIx, ProbeIx, Vantage};
use linewatch::incident::Cause;
use linewatch::world::trials::{Family, Tier, Trial};
use linewatch::world::virtual_time::blank;

use crate::options::Options;

/// How often a check fails by itself in these worlds, on average.
const LEAK: f64 = 0.005;
/// Nats that it takes to be nine times as sure of one component as that nothing has failed: log 9, and what a component that
/// fails partly within a few minutes costs beforehand (`src/correlate/search/prior.rs`: 1e-5, and .06 for the way).
const NEEDED: f64 = 2.2 + 14.3;
/// Trials of a family in a tier.
const RUNS: usize = 40;

/// Prints which share of the trials an oracle could name in time, for the families in which a share of the askings is lost.
pub fn print(options: &Options) {
    println!("| family, tier | trials | an oracle could name it at onset + 1 / + 3 |\n|---|---|---|");
    let lossy =
        [Family::CarrierPartial, Family::FirewallPartial, Family::ServicePartial, Family::OddSlowStart];
    for family in lossy {
        for tier in [Tier::Easy, Tier::Hard] {
            let trials = (options.first_seed()..).take(options.runs.unwrap_or(RUNS));
            let learned: Vec<[f64; 2]> =
                trials.map(|seed| learned(&Trial::new(family, tier, seed))).collect();
            let share = |at: usize| {
                let named = learned.iter().filter(|nats| nats[at] >= NEEDED).count();
                100.0 * named as f64 / learned.len().max(1) as f64
            };
            println!(
                "| {}, {} | {} | {:.0} / {:.0} % |",
                family.name(),
                tier.name(),
                learned.len(),
                share(0),
                share(1)
            );
        }
    }
}

/// What the oracle knows at onset + 1 and + 3 intervals, in nats.
fn learned(trial: &Trial) -> [f64; 2] {
    let mut nats = [0.0; 2];
    let Some(truth) = trial.truths.first() else { return nats };
    let every = trial.every.as_secs_f64();
    let mut stream = trial.stream();
    let mut seen = blank();
    while stream.fill(&mut seen).is_some() {
        let asked = seen.at.millis_since(truth.since) as f64 / 1000.0;
        if asked > 4.0 * every {
            break;
        }
        let place = trial.estate.practice(&seen.practice).zip(trial.estate.probe(&seen.probe));
        let Some((practice, probe)) = place.filter(|_| asked >= 0.0) else { continue };
        if !crosses(&trial.estate, practice, probe, &truth.cause) {
            continue;
        }
        let lost = rate(trial, seen.at.millis_since(trial.begin) as f64 / 1000.0);
        let fails = lost + LEAK * (1.0 - lost);
        let nats_each = if lost > 0.0 {
            fails * (fails / LEAK).ln() + (1.0 - fails) * ((1.0 - fails) / (1.0 - LEAK)).ln()
        } else {
            0.0
        };
        // A lost answer is known to be lost when its time-out is over.
        let known = asked + trial.estate.probes[probe.at()].timeout.as_secs_f64();
        for (sum, intervals) in nats.iter_mut().zip([1.0, 3.0]) {
            if known <= intervals * every {
                *sum += nats_each;
            }
        }
    }
    nats
}

/// Share of the askings that the trial's faults take, so many seconds after it began.
fn rate(trial: &Trial, s: f64) -> f64 {
    let at_work = trial.faults().filter(|fault| {
        let until = fault.when.until.map_or(f64::INFINITY, |until| until.as_secs_f64());
        (fault.when.from.as_secs_f64()..until).contains(&s)
    });
    at_work.map(|fault| fault.rate).fold(0.0, f64::max)
}

fn crosses(estate: &Estate, practice: PracticeIx, probe: ProbeIx, cause: &Cause) -> bool {
    estate.path(Vantage::Practice(practice), probe).iter().any(|hop| match hop {
        Hop::Component(ix) => estate.components[ix.at()].id == cause.id,
        Hop::Network(ix) => cause.kind == Cause::NETWORK && estate.networks[ix.at()].id == cause.id,
        Hop::Service(ix) => cause.kind == Cause::SERVICE && estate.services[ix.at()].id == cause.id,
        _ => false,
    })
}
