//! The next best question: which check, practice or mapping would tell an incident's cause from what looks like it.
//!
//! `linewatch check` says what a configuration can't tell apart when everybody reports. During an incident fewer
//! do, so the same columns are looked at again with those who report now.

use crate::estate::ambiguity::group_of;
use crate::estate::columns::{Askers, Family, Node};
use crate::estate::splitter::{called, list, splitter};
use crate::estate::{Estate, PracticeIx, ProbeIx};
use crate::incident::{Cause, Signature};

use super::lifecycle::Incident;
use super::topology::NodeKind;
use super::verdict::View;

/// An alternative less probable than this isn't worth a new check.
const RIVAL_MIN: f64 = 0.001;

/// A sentence, or nothing when every explanation worth naming is told apart.
pub(super) fn next_probe(view: &View<'_>, incident: &Incident) -> Option<String> {
    let estate = view.estate;
    let event = &incident.event;
    let family = family(event.signature);
    let nodes: Vec<Node> = event.cause.iter().filter_map(|cause| node(estate, cause)).collect();
    let first = nodes.first()?.clone();
    // Spares that failed together are named together; that is no doubt.
    let spares = incident
        .verdict
        .nodes
        .first()
        .and_then(|node| view.topology.nodes.get(*node))
        .is_some_and(|node| node.kind == NodeKind::AllSpares);
    let alike = if nodes.len() > 1 {
        if spares && incident.verdict.nodes.len() == 1 {
            return None;
        }
        nodes
    } else {
        group_now(view, &first, family)
    };
    if alike.len() > 1 {
        return Some(told_apart(estate, &alike, family));
    }
    if matches!(first, Node::Practice(_)) {
        return Some(format!(
            "What would tell its line from its power and its agent: {}",
            splitter(estate, &alike, family)
        ));
    }
    let rival = event.alternatives.first().filter(|other| other.probability >= RIVAL_MIN)?;
    let rivals: Vec<Node> = rival.cause.iter().filter_map(|cause| node(estate, cause)).collect();
    if rivals.is_empty() || rivals.iter().any(|node| matches!(node, Node::Practice(_))) {
        return None;
    }
    let mut both = alike;
    for rival in rivals {
        if !both.contains(&rival) {
            both.push(rival);
        }
    }
    (both.len() > 1).then(|| told_apart(estate, &both, family))
}

fn told_apart(estate: &Estate, nodes: &[Node], family: Family) -> String {
    let names: Vec<String> = nodes.iter().map(|node| called(estate, node)).collect();
    format!("What would tell {} apart: {}", list(&names, "and"), splitter(estate, nodes, family))
}

/// All that looks the same to those who report now.
fn group_now(view: &View<'_>, node: &Node, family: Family) -> Vec<Node> {
    let evidence = view.evidence;
    let practices =
        |ix: PracticeIx| evidence.hearings.get(ix.at()).is_some_and(super::hearing::Hearing::reports);
    let rows = view.topology.rows;
    let fresh = |row: usize, probe: usize| {
        let (row, at) = (PracticeIx::new(row).0, ProbeIx::new(probe).0);
        evidence.checks[view.topology.check(row, at)].fresh(view.now, view.topology.probes[probe].stale_ms())
    };
    let asked: Vec<bool> =
        (0..view.topology.probes.len()).map(|probe| (0..rows).any(|row| fresh(row, probe))).collect();
    let hub = (0..view.topology.probes.len()).any(|probe| fresh(rows - 1, probe));
    let probes = |ix: ProbeIx| asked.get(ix.at()).copied().unwrap_or(false);
    group_of(view.estate, &Askers { practices: &practices, probes: &probes, hub }, node, family)
}

const fn family(signature: Signature) -> Family {
    match signature {
        Signature::Dns => Family::Dns,
        Signature::Tls | Signature::Intercepted => Family::Tls,
        Signature::Refused => Family::Stream,
        Signature::Down
        | Signature::Dropped
        | Signature::Partial
        | Signature::Slow
        | Signature::Flapping
        | Signature::Policy
        | Signature::Silent => Family::Down,
    }
}

fn node(estate: &Estate, cause: &Cause) -> Option<Node> {
    match cause.kind.as_str() {
        Cause::PRACTICE => estate.practice(&cause.id).map(Node::Practice),
        Cause::NETWORK => estate.network(&cause.id).map(Node::Network),
        Cause::SERVICE => estate.service(&cause.id).map(Node::Service),
        Cause::MONITOR => Some(Node::Monitor),
        _ => estate.component(&cause.id).map(Node::Component),
    }
}
