//! Whether a scenario and an estate belong together: every name that the one uses, the other has.

use crate::estate::Estate;
use crate::world::scenario::{Scenario, Target};

/// A scenario names something that the estate doesn't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("scenario {scenario} names {}, which this estate doesn't have; {}", .names.join(" and "), .has)]
pub struct Unknown {
    pub scenario: String,
    /// Each with its kind: `component "fw-maidstne"`.
    pub names: Vec<String>,
    /// What it could have named.
    pub has: String,
}

pub(super) fn known(estate: &Estate, scenario: &Scenario) -> Result<(), Unknown> {
    let mut asked: Vec<(&str, &str)> = Vec::new();
    for fault in &scenario.faults {
        match &fault.target {
            Target::Component(id) => asked.push(("component", id)),
            Target::Service(id) => asked.push(("service", id)),
            Target::Network(id) => asked.push(("network", id)),
            Target::Practices(ids) => asked.extend(ids.iter().map(|id| ("practice", id.as_str()))),
            Target::Hub => {}
        }
        asked.extend(fault.only_network.iter().map(|id| ("network", id.as_str())));
        asked.extend(fault.only_probes.iter().map(|id| ("probe", id.as_str())));
    }
    asked.sort_unstable();
    asked.dedup();
    let mut names = Vec::new();
    let mut has = Vec::new();
    for (kind, id) in asked {
        let all = ids(estate, kind);
        if all.contains(&id) {
            continue;
        }
        names.push(format!("{kind} \"{id}\""));
        let nearest = all.into_iter().min_by_key(|other| strsim::damerau_levenshtein(id, other));
        has.extend(nearest.map(|other| format!("the nearest {kind} is \"{other}\"")));
    }
    if names.is_empty() {
        return Ok(());
    }
    if has.is_empty() {
        has.push("it has none of that kind".to_owned());
    }
    Err(Unknown { scenario: scenario.name.clone(), names, has: has.join(", ") })
}

fn ids<'a>(estate: &'a Estate, kind: &str) -> Vec<&'a str> {
    match kind {
        "component" => estate.components.iter().map(|component| component.id.as_str()).collect(),
        "service" => estate.services.iter().map(|service| service.id.as_str()).collect(),
        "network" => estate.networks.iter().map(|network| network.id.as_str()).collect(),
        "practice" => estate.practices.iter().map(|practice| practice.id.as_str()).collect(),
        _ => estate.probes.iter().map(|probe| probe.id.as_str()).collect(),
    }
}
