//! The ambiguity groups of a configuration, for `linewatch check`: what no check can tell apart, and what would.
//! Pure.
//!
//! A practice and its circuit look the same at every practice alike, so such groups are one line with a number,
//! not one for each practice.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::estate::ambiguity::{Group, groups, parted_by_hub};
use crate::estate::columns::{Askers, Family, Node};
use crate::estate::splitter::{about, called, capital, counted, list, sentence, splitter};
use crate::estate::{ComponentIx, Estate};

/// Groups that are spelt out; more are counted.
const GROUPS_MAX: usize = 20;
/// Groups that hang on the hub alone, spelt out.
const BY_HUB_MAX: usize = 5;
/// Ids listed with one group; more are counted.
const IDS_MAX: usize = 20;
/// Practices listed in a sentence.
const LISTED_MAX: usize = 6;

/// What looks the same in some kind of fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ambiguity {
    /// `kind/id` of each, at most twenty; for a practice and its own line, the practices of which it holds.
    pub about: Vec<String>,
    /// Practices of which it holds, where it holds of practices one by one; else 0.
    pub practices: usize,
    /// `down`, which holds for every kind of fault, or the kinds for which it holds.
    pub faults: Vec<&'static str>,
    /// Checks that cross all of them.
    pub checks: u64,
    /// What looks the same: a sentence.
    pub text: String,
    /// What would tell it apart: a sentence.
    pub splitter: String,
}

/// All that looks the same in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Ambiguities {
    /// The widest first.
    pub groups: Vec<Ambiguity>,
    /// More such groups.
    pub left_out: usize,
    /// What only the hub's own checks tell apart: while the hub can't ask, nothing does.
    pub parted_by_hub: Vec<Ambiguity>,
}

impl Ambiguities {
    pub fn of(estate: &Estate) -> Self {
        let found = groups(estate, &Askers::everybody());
        let alone = estate.practices.len() == 1;
        let (own, shared): (Vec<&Group>, Vec<&Group>) = found
            .iter()
            .partition(|group| !alone && group.nodes.iter().any(|node| matches!(node, Node::Practice(_))));
        let mut groups: Vec<Ambiguity> = shared.iter().map(|group| ambiguity(estate, group)).collect();
        groups.extend(owned(estate, &own));
        let left_out = groups.len().saturating_sub(GROUPS_MAX);
        groups.truncate(GROUPS_MAX);
        let by_hub = if alone { Vec::new() } else { parted_by_hub(estate, &found) };
        let parted_by_hub = by_hub.iter().take(BY_HUB_MAX).map(|group| by_hub_alone(estate, group)).collect();
        Self { groups, left_out, parted_by_hub }
    }
}

fn ids(estate: &Estate, nodes: &[Node]) -> Vec<String> {
    nodes.iter().take(IDS_MAX).map(|node| about(estate, node)).collect()
}

fn ambiguity(estate: &Estate, group: &Group) -> Ambiguity {
    Ambiguity {
        about: ids(estate, &group.nodes),
        practices: 0,
        faults: group.families.iter().map(|family| family.as_str()).collect(),
        checks: group.checks,
        text: sentence(estate, group),
        splitter: splitter(estate, &group.nodes, group.families[0]),
    }
}

fn by_hub_alone(estate: &Estate, group: &Group) -> Ambiguity {
    // Far ends beside their network are a group of their own, with or without the hub.
    let network = group.nodes.iter().any(|node| matches!(node, Node::Network(_)));
    let far = |node: &&Node| matches!(node, Node::Service(_) | Node::Target(_) | Node::Names(_));
    let near = group.nodes.iter().filter(|node| !(network && far(node)));
    let names: Vec<String> = near.map(|node| called(estate, node)).collect();
    Ambiguity {
        text: format!("Only the hub's own checks tell {} apart.", list(&names, "and")),
        splitter: "An anchor would too: a practice, or a probe asked at the practices, that crosses only one of them. Then the answer doesn't hang on this machine.".to_owned(),
        ..ambiguity(estate, group)
    }
}

/// Groups of a practice and what it alone is behind: one line for all that are made of the same kinds.
fn owned(estate: &Estate, groups: &[&Group]) -> Vec<Ambiguity> {
    let mut by_kinds: BTreeMap<Vec<String>, Vec<&Group>> = BTreeMap::new();
    for group in groups {
        by_kinds.entry(kinds(estate, group)).or_default().push(group);
    }
    by_kinds
        .into_iter()
        .map(|(kinds, groups)| {
            let practices: Vec<String> = groups.iter().filter_map(|group| practice(estate, group)).collect();
            let shown = match practices.len().checked_sub(LISTED_MAX) {
                Some(more) if more > 0 => format!("{} and {more} more", practices[..LISTED_MAX].join(", ")),
                _ => list(&practices, "and"),
            };
            Ambiguity {
                about: practices.iter().take(IDS_MAX).map(|id| format!("practice/{id}")).collect(),
                practices: practices.len(),
                faults: vec![Family::Down.as_str()],
                checks: groups.iter().map(|group| group.checks).sum(),
                text: capital(&format!(
                    "at {} the {} is the same as the practice itself, for no other is behind it: {shown}.",
                    counted(practices.len() as u64, "practice"),
                    list(&kinds, "and"),
                )),
                splitter: splitter(estate, &groups[0].nodes, Family::Down),
            }
        })
        .collect()
}

fn practice(estate: &Estate, group: &Group) -> Option<String> {
    group.nodes.iter().find_map(|node| match node {
        Node::Practice(ix) => Some(estate.practices[ix.at()].id.clone()),
        _ => None,
    })
}

fn kinds(estate: &Estate, group: &Group) -> Vec<String> {
    let kind = |ix: &ComponentIx| estate.components[ix.at()].kind.clone();
    let others = group.nodes.iter().filter_map(|node| match node {
        Node::Practice(_) => None,
        Node::Component(ix) => Some(kind(ix)),
        Node::Spares(several) => {
            Some(format!("pair of spare {}s", several.first().map(kind).unwrap_or_default()))
        }
        other => Some(about(estate, other)),
    });
    let mut kinds: Vec<String> = others.collect();
    kinds.sort();
    kinds
}
