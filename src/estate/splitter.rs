//! Plain words for what looks the same, and for the check, the mapping or the practice that would tell it apart.
//!
//! What parts a group follows from what is in it: a carrier and a firewall need a practice with another carrier;
//! a network and the one thing that is asked on it need a second thing; a line and the machine at its end need
//! somebody who asks from outside.

use std::collections::BTreeMap;

use super::ambiguity::Group;
use super::columns::{Family, Node};
use super::{ComponentIx, Estate};

/// Names that stand in one sentence; more are counted.
const NAMES_MAX: usize = 6;

/// `kind/id`, as in incident events.
pub fn about(estate: &Estate, node: &Node) -> String {
    match node {
        Node::Practice(ix) => format!("practice/{}", estate.practices[ix.at()].id),
        Node::Component(ix) => {
            let component = &estate.components[ix.at()];
            format!("{}/{}", component.kind, component.id)
        }
        Node::Spares(several) => {
            several.iter().map(|ix| about(estate, &Node::Component(*ix))).collect::<Vec<_>>().join("|")
        }
        Node::Network(ix) => format!("network/{}", estate.networks[ix.at()].id),
        Node::Service(ix) => format!("service/{}", estate.services[ix.at()].id),
        Node::Target(ix) => format!("target/{}", estate.probes[ix.at()].id),
        Node::Names(ix) => format!("names/{}", estate.networks[ix.at()].id),
        Node::Monitor => "monitor/hub".to_owned(),
    }
}

/// As it stands in a sentence.
pub fn called(estate: &Estate, node: &Node) -> String {
    match node {
        Node::Spares(several) => {
            let ids: Vec<String> = several.iter().map(|ix| estate.components[ix.at()].id.clone()).collect();
            format!("the spares {} together", list(&ids, "and"))
        }
        Node::Target(ix) => format!("what {} asks", estate.probes[ix.at()].id),
        Node::Names(ix) => format!("the look-up of names on {}", estate.networks[ix.at()].id),
        Node::Monitor => "linewatch's own machine".to_owned(),
        other => format!("the {}", about(estate, other).replacen('/', " ", 1)),
    }
}

/// The sentence that says what looks the same.
pub fn sentence(estate: &Estate, group: &Group) -> String {
    let names: Vec<String> = group.nodes.iter().map(|node| called(estate, node)).collect();
    let who = capital(&list(&shortened(names), "and"));
    let checks = counted(group.checks, "check");
    if group.families.contains(&Family::Down) {
        return format!("{who} carry the same {checks}: no check can tell which failed.");
    }
    let faults: Vec<String> = group.families.iter().map(|family| fault(*family).to_owned()).collect();
    format!("{who} look the same in {}: only the same {checks} can show such.", list(&faults, "and"))
}

const fn fault(family: Family) -> &'static str {
    match family {
        Family::Down => "outages",
        Family::Dns => "DNS faults",
        Family::Tls => "TLS faults",
        Family::Stream => "refused connections",
        Family::Large => "lost large answers",
    }
}

/// What would part these: a sentence. `family` is the kind of fault in which they look the same.
pub fn splitter(estate: &Estate, nodes: &[Node], family: Family) -> String {
    let first = |test: fn(&Node) -> bool| nodes.iter().find(|node| test(node));
    let name = |node: &Node| called(estate, node);
    let practice = first(|node| matches!(node, Node::Practice(_)));
    let network = first(|node| matches!(node, Node::Network(_)));
    let far = first(|node| matches!(node, Node::Service(_) | Node::Target(_)));
    let names = first(|node| matches!(node, Node::Names(_)));
    let components: Vec<&Node> =
        nodes.iter().filter(|node| matches!(node, Node::Component(_) | Node::Spares(_))).collect();
    if practice.is_some() {
        return with_practice(estate, &components);
    }
    if nodes.contains(&Node::Monitor) {
        return "A practice that reports over another line than linewatch's own machine, or an address on that machine's side of the line to ask, would.".to_owned();
    }
    if let Some(far) = far
        && (network.is_some() || !components.is_empty())
    {
        let beyond = network.or(components.first().copied()).map_or_else(String::new, name);
        let way = if network.is_some() { "on" } else { "through" };
        return match family {
            Family::Large => format!(
                "A second check with a large answer {way} {beyond}, of something else than {}, would.",
                name(far)
            ),
            Family::Tls => {
                format!("A second https check {way} {beyond}, of something else than {}, would.", name(far))
            }
            Family::Dns => {
                format!("A second check {way} {beyond} that looks a name up somewhere else would.")
            }
            Family::Stream => format!(
                "A second check {way} {beyond} that opens a connection to something else than {}, would.",
                name(far)
            ),
            Family::Down if network.is_none() => format!(
                "A check of something else through {beyond}, or one of {} that avoids it, would.",
                name(far)
            ),
            Family::Down => format!("A second probe {way} {beyond}, for another target, would."),
        };
    }
    if let (Some(network), Some(_)) = (network.or(components.first().copied()), names) {
        return format!(
            "A check by address on {} (`icmp`, or `tcp` to an address) would.",
            name(network).trim_start_matches("the network ")
        );
    }
    if let (Some(network), Some(component)) = (network, components.first()) {
        return format!(
            "The hub's own checks of {} would, where they don't cross {} (leave it out of [hub] via), and so would an anchor: a practice or a probe that reaches {} another way.",
            name(network),
            name(component),
            name(network),
        );
    }
    if let [a, b, ..] = components.as_slice() {
        return parted_components(estate, a, b, family);
    }
    "A check that crosses one of them and not the others would.".to_owned()
}

fn with_practice(estate: &Estate, components: &[&Node]) -> String {
    if estate.practices.len() == 1 {
        return "Add a second practice: with one, what is shared can't be told from its own site.".to_owned();
    }
    let natural = components.iter().all(|node| match node {
        Node::Component(ix) => one_each(estate, *ix),
        _ => false,
    });
    if natural {
        "A check from outside would tell the line from power and from the agent: where the practice's router answers, let the hub ask it.".to_owned()
    } else {
        let names: Vec<String> = components.iter().map(|node| called(estate, node)).collect();
        format!("A second practice behind {} would, or a check from outside.", list(&names, "and"))
    }
}

/// Components of this kind belong to one practice each, as circuits do: a second practice behind one is no way out.
fn one_each(estate: &Estate, component: ComponentIx) -> bool {
    let kind = &estate.components[component.at()].kind;
    let mut behind: BTreeMap<ComponentIx, u32> = BTreeMap::new();
    for used in estate.practices.iter().flat_map(|practice| &practice.via) {
        for ix in used.any.iter().filter(|ix| estate.components[ix.at()].kind == *kind) {
            *behind.entry(*ix).or_default() += 1;
        }
    }
    behind.len() > 1 && behind.values().all(|count| *count == 1)
}

fn parted_components(estate: &Estate, a: &Node, b: &Node, family: Family) -> String {
    let (one, other) = (called(estate, a), called(estate, b));
    let shows = match family {
        Family::Down => None,
        Family::Dns => Some("that looks a name up and"),
        Family::Tls => Some("that speaks TLS and"),
        Family::Stream => Some("that opens a connection and"),
        Family::Large => Some("with a large answer that"),
    };
    if let Some(shows) = shows {
        return format!("A check {shows} crosses only one of {one} and {other} would.");
    }
    if let (Node::Component(x), Node::Component(y)) = (a, b)
        && estate
            .practices
            .iter()
            .flat_map(|practice| &practice.via)
            .any(|used| used.any.len() > 1 && used.any.contains(x) && used.any.contains(y))
    {
        return format!(
            "They are spares of each other: a check through only one of them (`also = [\"{}\"]`) would.",
            estate.components[x.at()].id
        );
    }
    let kind = match a {
        Node::Component(ix) => format!("another {}", estate.components[ix.at()].kind),
        _ => format!("something else than {one}"),
    };
    format!(
        "A practice behind {other} with {kind}, or a check that crosses only one of them (`also = …`, or from the hub), would."
    )
}

/// "a, b and c".
pub fn list(words: &[String], and: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} {and} {last}", before.join(", ")),
    }
}

fn shortened(mut names: Vec<String>) -> Vec<String> {
    if names.len() > NAMES_MAX {
        let more = names.len() - NAMES_MAX;
        names.truncate(NAMES_MAX);
        names.push(format!("{more} more"));
    }
    names
}

/// "1 check", "2 checks".
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// With a capital letter at its beginning.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
