//! What linewatch said in a trial that it got wrong, beside the truth: for whoever improves the model.

use std::fmt::Write as _;

use linewatch::incident::{Cause, EventKind};
use linewatch::time::At;
use linewatch::world::trials::{Kind, Trial, Truth};

use crate::diagnoser::{Said, causes};
use crate::facts::Facts;
use crate::score::{Fault, Fit, Judge};

/// Practices of a truth that are listed by id at most.
const PRACTICES_LISTED: usize = 6;

/// The trial, its truths, why it is wrong, and all that was said, with times in intervals from the first onset.
pub fn story(trial: &Trial, facts: &Facts, judge: &Judge<'_>, said: &[Said], faults: &[Fault]) -> String {
    let mut out = String::new();
    let (family, tier, seed) = (trial.family.name(), trial.tier.name(), trial.seed);
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "== {family}, {tier}, seed {seed}: {} practices ({} missing), {} checks each every {} s, {} to {}",
        trial.estate.practices.len(),
        trial.missing.len(),
        trial.estate.probes.len(),
        trial.every.as_secs(),
        trial.begin,
        trial.end
    );
    let onset = trial.truths.first().map_or(trial.begin, |truth| truth.since);
    for (ix, truth) in trial.truths.iter().enumerate() {
        let _ = writeln!(out, "   truth {ix}: {}", truth_line(trial, facts, truth, onset));
    }
    for fault in faults {
        let line = match fault {
            Fault::Missed(ix) => format!("truth {ix} is not named at onset + 3 intervals"),
            Fault::FalseShared(n) => format!("incident {n} names a shared cause that is false"),
            Fault::Corrected(n) => format!("incident {n} names a false shared cause beside the true one"),
            Fault::Needless(n) => format!("incident {n} is a practice's that a shared fault explains"),
            Fault::FalsePractice(n) => format!("incident {n} is a practice's that has no fault"),
            Fault::Split(ix) => format!("truth {ix} has more than one incident"),
        };
        let _ = writeln!(out, "   WRONG: {line}");
    }
    for event in said {
        let fit = fit(trial, judge, event);
        let kind = match event.event {
            EventKind::Opened => "opened",
            EventKind::Changed => "changed",
            EventKind::Resolved => "resolved",
        };
        let _ = writeln!(
            out,
            "   {:>8.2} {fit:<5} #{} {kind:<8} {} p={:.4}  {}",
            intervals(trial, event.at, onset),
            event.incident,
            causes(&event.causes),
            event.probability,
            event.words
        );
    }
    out
}

fn truth_line(trial: &Trial, facts: &Facts, truth: &Truth, onset: At) -> String {
    let kind = match truth.kind {
        Kind::Shared => "shared",
        Kind::Practice => "practice",
        Kind::Unmapped => "unmapped",
        Kind::Slight => "slight",
    };
    let ids: Vec<&str> = truth
        .practices
        .iter()
        .take(PRACTICES_LISTED)
        .filter_map(|ix| trial.estate.practices.get(*ix).map(|practice| practice.id.as_str()))
        .collect();
    let more = if truth.practices.len() > ids.len() { ", …" } else { "" };
    let mut same: Vec<Cause> = truth.same.clone();
    same.extend(facts.twins(&truth.cause).iter().filter(|twin| **twin != truth.cause).cloned());
    same.sort_unstable();
    same.dedup();
    let same = if same.is_empty() { String::new() } else { format!(" (or {})", causes(&same)) };
    format!(
        "{kind} {}{same}, {:.2} to {:.2}, hits {} of {} behind it: {}{more}",
        truth.cause,
        intervals(trial, truth.since, onset),
        intervals(trial, truth.until, onset),
        truth.practices.len(),
        facts.behind(&truth.cause).len(),
        ids.join(", ")
    )
}

fn fit(trial: &Trial, judge: &Judge<'_>, event: &Said) -> &'static str {
    let best = (0..trial.truths.len()).map(|ix| judge.fit(&event.causes, ix)).max();
    match best {
        Some(Fit::Exact) => "exact",
        Some(Fit::Right) => "right",
        Some(Fit::Vague) => "vague",
        Some(Fit::Wrong) | None => "WRONG",
    }
}

fn intervals(trial: &Trial, at: At, onset: At) -> f64 {
    at.millis_since(onset) as f64 / (trial.every.as_millis().max(1) as f64)
}
