//! What no check can tell apart: groups of things that exactly the same checks cross.
//!
//! Two things with equal columns over the checks in which a kind of fault shows look the same in every such
//! fault. No mathematics will part them, only another check will. `linewatch check` says so before the outage,
//! `linewatch why` during it, with the columns of those who report then. [`super::splitter`] has the words.

use std::collections::{BTreeMap, BTreeSet};

use super::Estate;
use super::columns::{Askers, Column, Family, Node, columns};

/// Things that exactly the same checks cross.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// In the order of [`Node`]; at least two.
    pub nodes: Vec<Node>,
    /// The kinds of fault for which it holds; with [`Family::Down`], it holds for all.
    pub families: Vec<Family>,
    /// Checks that cross all of them, in which the first of the families shows.
    pub checks: u64,
}

/// The groups of an estate as far as these askers see, the widest first.
pub fn groups(estate: &Estate, askers: &Askers<'_>) -> Vec<Group> {
    let columns = columns(estate, askers);
    let mut found: BTreeMap<Vec<Node>, (Vec<Family>, u64)> = BTreeMap::new();
    // Which group for plain failure a node is in: what is one group there is one in every family.
    let mut down = vec![0_usize; columns.len()];
    for family in Family::ALL {
        let mut order: Vec<(Column, usize)> = columns
            .iter()
            .enumerate()
            .filter(|(_, (node, columns))| {
                columns[family as usize].checks > 0 && (family == Family::Down || beyond_down(node))
            })
            .map(|(position, (_, columns))| (columns[family as usize], position))
            .collect();
        order.sort_unstable();
        for (number, run) in order.chunk_by(|a, b| a.0 == b.0).enumerate() {
            if family == Family::Down {
                for (_, position) in run {
                    down[*position] = number;
                }
            } else if run.iter().all(|(_, position)| down[*position] == down[run[0].1]) {
                continue;
            }
            let nodes: Vec<Node> = run.iter().map(|(_, position)| columns[*position].0.clone()).collect();
            let nodes = worth_naming(estate, nodes);
            if nodes.len() > 1 {
                found.entry(nodes).or_insert_with(|| (Vec::new(), run[0].0.checks)).0.push(family);
            }
        }
    }
    let mut groups: Vec<Group> =
        found.into_iter().map(|(nodes, (families, checks))| Group { nodes, families, checks }).collect();
    // Outages of everything first, and of those the widest: everybody will ask about them.
    groups.sort_by(|a, b| {
        let rank = |group: &Group| (group.families[0], std::cmp::Reverse(group.checks));
        rank(a).cmp(&rank(b)).then_with(|| a.nodes.cmp(&b.nodes))
    });
    groups
}

/// Groups that only the hub's own checks part: while the hub can't ask, these look the same too.
pub fn parted_by_hub(estate: &Estate, with_hub: &[Group]) -> Vec<Group> {
    let known: BTreeSet<&[Node]> = with_hub.iter().map(|group| group.nodes.as_slice()).collect();
    let mut without = groups(estate, &Askers::practices_only());
    without.retain(|group| {
        group.families[0] == Family::Down
            && !known.contains(group.nodes.as_slice())
            && !group.nodes.iter().any(|node| matches!(node, Node::Practice(_)))
    });
    without
}

/// The group that holds this node for this kind of fault; the node alone when nothing looks like it.
pub fn group_of(estate: &Estate, askers: &Askers<'_>, node: &Node, family: Family) -> Vec<Node> {
    let columns = columns(estate, askers);
    let of = |columns: &[Column; Family::ALL.len()]| columns[family as usize];
    let Some(own) = columns.iter().find(|(other, _)| other == node).map(|(_, columns)| of(columns)) else {
        return vec![node.clone()];
    };
    let alike = columns.into_iter().filter(|(_, columns)| own.checks > 0 && of(columns) == own);
    let mut nodes = worth_naming(estate, alike.map(|(node, _)| node).collect());
    if !nodes.contains(node) {
        nodes.push(node.clone());
    }
    nodes
}

/// Names aren't a thing apart when only faults of names are looked at, and a practice's own site isn't worth a
/// line for each kind of fault: it is listed once, for all.
const fn beyond_down(node: &Node) -> bool {
    !matches!(node, Node::Names(_) | Node::Practice(_))
}

/// Leaves out what another of the group stands for: the far end of a probe when its service is there, and a
/// network's names when their resolver is.
fn worth_naming(estate: &Estate, nodes: Vec<Node>) -> Vec<Node> {
    if nodes.len() < 2 {
        return nodes;
    }
    let told = |node: &Node| match node {
        Node::Target(probe) => {
            estate.probes[probe.at()].service.is_none_or(|service| !nodes.contains(&Node::Service(service)))
        }
        Node::Names(_) => !nodes.iter().any(|other| {
            matches!(other, Node::Component(component)
                if estate.probes.iter().any(|probe| probe.resolver == Some(*component)))
        }),
        _ => true,
    };
    // One probe that looks a name up: that its far end has failed says it already.
    let single = nodes.iter().any(|node| matches!(node, Node::Target(_)));
    nodes.iter().filter(|node| told(node) && !(single && matches!(node, Node::Names(_)))).cloned().collect()
}
