//! What clears the other suspects of an incident: practices that cross them and not the cause, and answer; checks
//! behind the cause that still answer; the hub's own view.

use std::collections::{BTreeMap, BTreeSet};

use super::explain;
use super::explanation::{Behind, check, counts, heard};
use super::lifecycle::Incident;
use super::topology::{NodeIx, NodeKind, Row};
use super::verdict::{Scope, View};

/// Other suspects that are cleared by name.
const OTHERS_MAX: usize = 4;
/// Of a probe's checks behind the cause, this share must answer to be told as "still answers".
const STILL_ANSWERS: f64 = 0.8;

/// Lines of evidence that clear others: what is elsewhere, what still answers, each other suspect, each network. Bounded by those.
pub(super) fn acquits(view: &View<'_>, incident: &Incident, behind: &Behind) -> Vec<String> {
    let (event, estate) = (&incident.event, view.estate);
    let counts = counts(incident);
    let mut lines = Vec::new();
    if counts.elsewhere > 0 {
        lines.push(format!(
            "{} of the {} practices that are not behind it answer as usual.",
            counts.elsewhere.saturating_sub(counts.elsewhere_failing),
            counts.elsewhere
        ));
    }
    lines.extend(still_answers(view, behind));
    for node in others(view, incident, behind) {
        lines.extend(cleared(view, incident, node));
    }
    for (ix, network) in estate.networks.iter().enumerate() {
        let (bad, good) = view.tally(view.topology.hub(), ix);
        if good > bad {
            lines.push(format!(
                "The hub's own checks of {} answer ({good} of {}).",
                network.name,
                good + bad
            ));
        }
        if event.network.as_deref().is_some_and(|hit| hit != network.id)
            && let Some(kept) = incident.verdict.kept.get(ix).filter(|kept| **kept > 0)
        {
            lines.push(format!(
                "{kept} of the {} practices affected still have {}.",
                event.practices.len(),
                network.name
            ));
        }
    }
    lines
}

/// Kinds of checks that still answer behind the cause while others don't.
fn still_answers(view: &View<'_>, behind: &Behind) -> Option<String> {
    if behind.probes.iter().all(|tally| tally.failing == 0) {
        return None;
    }
    let mut kinds: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for (probe, tally) in view.estate.probes.iter().zip(&behind.probes) {
        let kind = kinds.entry(probe.kind()).or_default();
        kind.0 += tally.asked - tally.failing;
        kind.1 += tally.asked;
    }
    kinds.retain(|_, (good, asked)| *asked > 0 && f64::from(*good) >= STILL_ANSWERS * f64::from(*asked));
    let (good, asked) = kinds.values().fold((0, 0), |sum, kind| (sum.0 + kind.0, sum.1 + kind.1));
    let names: Vec<String> = kinds.keys().map(|kind| (*kind).to_owned()).collect();
    let names = crate::estate::splitter::list(&names, "and");
    (asked > 0).then(|| format!("Behind it, {names} checks still answer ({good} of {asked})."))
}

/// What else could be suspected: the alternatives first, then whatever most of the affected cross as well.
fn others(view: &View<'_>, incident: &Incident, behind: &Behind) -> Vec<NodeIx> {
    let verdict = &incident.verdict;
    let topology = view.topology;
    let mut others: Vec<NodeIx> = Vec::new();
    for cause in incident.event.alternatives.iter().flat_map(|other| &other.cause) {
        others.extend(topology.node_of(cause));
    }
    let mut crossed: BTreeMap<NodeIx, usize> = BTreeMap::new();
    for row in &behind.rows {
        for node in topology.row_nodes.get(*row as usize).into_iter().flatten() {
            *crossed.entry(*node).or_default() += 1;
        }
    }
    let mut shared: Vec<(NodeIx, usize)> =
        crossed.into_iter().filter(|(_, rows)| rows * 2 > behind.rows.len()).collect();
    shared.sort_by_key(|(node, rows)| (std::cmp::Reverse(*rows), *node));
    others.extend(shared.into_iter().map(|(node, _)| node));
    let network = topology
        .nodes
        .iter()
        .position(|node| matches!(node.kind, NodeKind::Network(network) if verdict.network == Some(network)));
    others.extend(network);
    let mut seen = BTreeSet::new();
    others.retain(|node| {
        let node_is_cause = verdict.nodes.contains(node)
            || topology.nodes[*node].causes.iter().all(|cause| incident.event.cause.contains(cause));
        topology.nodes[*node].causes.len() == 1 && !node_is_cause && seen.insert(*node)
    });
    others.truncate(OTHERS_MAX);
    others
}

/// What clears one other suspect: its practices that aren't behind the cause, or its checks that don't cross it.
fn cleared(view: &View<'_>, incident: &Incident, other: NodeIx) -> Option<String> {
    let topology = view.topology;
    let verdict = &incident.verdict;
    let own = matches!(verdict.scope, Scope::Practice | Scope::PracticeSilent);
    let crosses = |row: Row, probe: u32| {
        if own {
            return verdict.rows.contains(&row);
        }
        verdict.nodes.iter().any(|node| {
            let node = &topology.nodes[*node];
            node.cover_of(row).is_some_and(|cover| topology.covers[cover].probes.contains(&probe))
        })
    };
    let (mut rows, mut rows_fine) = (0_u32, 0_u32);
    let (mut carried, mut behind_both) = (0_u32, false);
    let (mut checks, mut checks_fine) = (0_u32, 0_u32);
    for member in topology.nodes[other].members(topology.rows) {
        if member.row == topology.hub() || !heard(view, member.row) {
            continue;
        }
        carried += 1;
        let (mut good, mut bad, mut shared) = (0_u32, 0_u32, false);
        for probe in &topology.covers[member.cover].probes {
            if crosses(member.row, *probe) {
                shared = true;
                continue;
            }
            let facts = &topology.probes[*probe as usize];
            let check = check(view, member.row, *probe as usize);
            if check.fresh(view.now, facts.stale_ms()) && check.last_at >= incident.event.since {
                if check.class.bad() { bad += 1 } else { good += 1 }
            }
        }
        behind_both |= shared;
        checks += good + bad;
        checks_fine += good;
        if !shared && good + bad > 0 {
            rows += 1;
            rows_fine += u32::from(good > bad);
        }
    }
    let name = explain::name(view.estate, &topology.nodes[other].causes[0]);
    let it = explain::names(view.estate, &incident.event.cause);
    // Fewer than most answering clears nobody.
    if rows > 0 && rows_fine * 2 > rows && behind_both {
        let name = explain::capital(&name);
        Some(format!("{name} carries {carried} practices; {rows_fine} of the {rows} not behind {it} answer."))
    } else if checks > 0 && checks_fine * 2 > checks {
        Some(format!("{checks_fine} of the {checks} checks that cross {name} and not {it} answer."))
    } else {
        None
    }
}
