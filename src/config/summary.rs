//! What an estate amounts to, in numbers: for `linewatch check`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Ambiguities, Config, EscalationStep, Hint, Unready, hints, unready};
use crate::estate::{Ask, Probe};

/// The numbers of an estate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub icb: String,
    pub name: String,
    pub practices: usize,
    pub networks: usize,
    pub services: usize,
    pub probes: usize,
    /// How many of each kind.
    pub components: BTreeMap<String, usize>,
    /// Who is told when nobody acknowledges, the soonest first.
    pub escalation: Vec<StepInWords>,
    /// Of all practices, and of the hub itself.
    pub checks_per_minute: f64,
    /// The steady rate at each target, highest first.
    pub targets: Vec<TargetRate>,
    /// `[schedule] target_rate`.
    pub target_rate_max: Option<f64>,
    /// Kinds that replay but that `run` can't ask yet.
    pub later_kinds: Vec<LaterKind>,
    /// Probes that lack something that `run` needs.
    pub unready: Vec<Unready>,
    /// What no check can tell apart.
    pub ambiguities: Ambiguities,
    pub hints: Vec<Hint>,
}

/// A step of escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepInWords {
    /// After staff were told.
    pub after_seconds: u64,
    pub to: Vec<String>,
    /// By role: the addresses of those who hold it.
    pub roles: BTreeMap<String, Vec<String>>,
}

/// What one shared target sees from the whole estate, the hub included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetRate {
    /// `host:port`, or the host for `icmp`.
    pub target: String,
    pub probes: Vec<String>,
    pub checks_per_second: f64,
    pub above_target_rate: bool,
}

/// A kind of probe that this version can't ask, and the probes of that kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaterKind {
    pub kind: String,
    pub probes: Vec<String>,
}

impl Summary {
    pub fn of(config: &Config) -> Self {
        let estate = &config.estate;
        let mut components = BTreeMap::new();
        for component in &estate.components {
            *components.entry(component.kind.clone()).or_default() += 1;
        }
        let rates = estate.probes.iter().map(|probe| per_second(estate.practices.len(), probe));
        let mut later: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for probe in &estate.probes {
            if let Ask::Later { kind, .. } = &probe.ask {
                later.entry(kind).or_default().push(probe.id.clone());
            }
        }
        Self {
            icb: estate.icb.code.clone(),
            name: estate.icb.name.clone(),
            practices: estate.practices.len(),
            networks: estate.networks.len(),
            services: estate.services.len(),
            probes: estate.probes.len(),
            components,
            escalation: config.acknowledgement.steps.iter().map(|step| in_words(step, config)).collect(),
            // To a hundredth: what is beyond comes from adding fractions.
            checks_per_minute: (rates.sum::<f64>() * 6000.0).round() / 100.0,
            targets: targets(config),
            target_rate_max: config.schedule.target_rate_max,
            later_kinds: later
                .into_iter()
                .map(|(kind, probes)| LaterKind { kind: kind.to_owned(), probes })
                .collect(),
            unready: unready(config),
            ambiguities: Ambiguities::of(estate),
            hints: hints(config),
        }
    }
}

fn in_words(step: &EscalationStep, config: &Config) -> StepInWords {
    let holders = |role: &String| {
        let theirs = config.ways.contacts.iter().filter(|contact| contact.roles.contains(role));
        theirs.map(|contact| contact.email.clone()).collect()
    };
    StepInWords {
        after_seconds: step.after.as_secs(),
        to: step.to.clone(),
        roles: step.roles.iter().map(|role| (role.clone(), holders(role))).collect(),
    }
}

/// Every practice asks once an interval, and so does the hub. A heartbeat is waited for.
fn per_second(practices: usize, probe: &Probe) -> f64 {
    if probe.ask.is_passive() {
        return 0.0;
    }
    (practices + 1) as f64 / probe.every.as_secs_f64()
}

fn targets(config: &Config) -> Vec<TargetRate> {
    let estate = &config.estate;
    let mut by_target: BTreeMap<String, (Vec<String>, f64)> = BTreeMap::new();
    for probe in estate.probes.iter().filter(|probe| !probe.ask.is_passive()) {
        let entry = by_target.entry(probe.ask.bothers()).or_default();
        entry.0.push(probe.id.clone());
        entry.1 += per_second(estate.practices.len(), probe);
    }
    let most = config.schedule.target_rate_max;
    let mut targets: Vec<TargetRate> = by_target
        .into_iter()
        .map(|(target, (probes, checks_per_second))| TargetRate {
            target,
            probes,
            checks_per_second,
            above_target_rate: most.is_some_and(|most| checks_per_second > most),
        })
        .collect();
    // A stable sort: targets of the same rate stay in the order of their names.
    targets.sort_by(|a, b| b.checks_per_second.total_cmp(&a.checks_per_second));
    targets
}
