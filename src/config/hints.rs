//! What a configuration can't tell apart, and other things that are legal but probably not meant. Pure.
//!
//! Two components that exactly the same checks cross look the same in every outage: no mathematics will
//! part them, only another check will. This finds such groups before the outage does.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::crossings::{Checks, crossings};
use super::names::Comparisons;
use super::{Config, PracticeNotices};
use crate::estate::{ComponentIx, Estate, Hop, Practice, ServiceIx};

/// Groups that are spelt out; more are counted.
const GROUPS_MAX: usize = 20;
/// Things that are listed by name in one hint.
const LISTED_MAX: usize = 6;

/// One thing to know about a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// What it is about: `kind/id`, or ids.
    pub about: Vec<String>,
    pub text: String,
    /// What would change it.
    pub help: String,
}

/// All hints of a configuration, in a fixed order.
pub fn hints(config: &Config) -> Vec<Hint> {
    let estate = &config.estate;
    let mut hints = ambiguities(estate);
    hints.extend(thin_networks(estate));
    hints.extend(idle(estate));
    hints.extend(strange_roles(estate));
    hints.extend(sources(estate));
    hints.extend(unreachable_people(config));
    hints
}

fn ambiguities(estate: &Estate) -> Vec<Hint> {
    let mut groups: BTreeMap<Checks, Vec<Hop>> = BTreeMap::new();
    for (hop, checks) in crossings(estate) {
        groups.entry(checks).or_default().push(hop);
    }
    let mut groups: Vec<(u64, Vec<Hop>)> = groups
        .into_iter()
        .filter(|(checks, hops)| checks.count > 0 && hops.len() > 1)
        .map(|(checks, hops)| (checks.count, hops))
        .collect();
    // The widest first: those are the outages that everybody will ask about.
    groups.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut own: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    let mut hints = Vec::new();
    for (count, hops) in &groups {
        let practice = hops.iter().find_map(|hop| match hop {
            Hop::Practice(ix) => Some(&estate.practices[ix.at()]),
            _ => None,
        });
        if let (Some(practice), true) = (practice, estate.practices.len() > 1) {
            let others = hops.iter().filter(|hop| !matches!(hop, Hop::Practice(_)));
            let kinds = others.map(|hop| about(estate, hop).split('/').next().unwrap_or("").to_owned());
            own.entry(kinds.collect()).or_default().push(practice.id.clone());
            continue;
        }
        hints.push(Hint {
            about: hops.iter().map(|hop| about(estate, hop)).collect(),
            text: format!(
                "{} look the same: the same {count} checks cross {}",
                list(&hops.iter().map(|hop| called(estate, hop)).collect::<Vec<_>>(), "and"),
                if hops.len() == 2 { "both" } else { "all of them" },
            ),
            help: anchor(estate, hops),
        });
    }
    let beyond = hints.len().saturating_sub(GROUPS_MAX);
    hints.truncate(GROUPS_MAX);
    if beyond > 0 {
        hints.push(Hint {
            about: Vec::new(),
            text: format!("and {beyond} more such groups"),
            help: "mend the widest first".to_owned(),
        });
    }
    hints.extend(own.into_iter().map(|(kinds, practices)| Hint {
        text: format!(
            "at {} the practice's own site and its {} look the same: {}",
            counted(practices.len(), "practice"),
            list(&kinds, "and"),
            some(&practices),
        ),
        help: "nothing in this file parts them, so an incident will name both; where the practice's router answers from outside, asking it would"
            .to_owned(),
        about: practices,
    }));
    hints
}

/// The check that would part a group.
fn anchor(estate: &Estate, hops: &[Hop]) -> String {
    let of = |test: fn(&Hop) -> bool| hops.iter().find(|hop| test(hop)).map(|hop| called(estate, hop));
    let network = of(|hop| matches!(hop, Hop::Network(_)));
    let service = of(|hop| matches!(hop, Hop::Service(_)));
    let component = of(|hop| matches!(hop, Hop::Component(_) | Hop::AnyOf(_)));
    if hops.iter().any(|hop| matches!(hop, Hop::Practice(_))) {
        return "add a second practice: with one, what is shared can't be told from its own site".to_owned();
    }
    match (network, service, component) {
        (Some(network), Some(service), _) => {
            format!("add a probe on {network} that doesn't ask {service}")
        }
        (Some(network), None, Some(component)) => format!(
            "add a probe on {network} that avoids {component}, or leave it out of [hub] via where the hub's own checks don't cross it"
        ),
        (None, Some(service), Some(component)) => {
            format!("ask {service} once without {component}, or ask something else through it")
        }
        (None, None, Some(_)) => {
            let shown: Vec<String> = hops.iter().map(|hop| called(estate, hop)).collect();
            format!(
                "add an anchor between them: a probe on a network of its own whose `through` stops before the last of them, or a practice behind only one of {}",
                list(&shown, "and")
            )
        }
        _ => "add a probe that crosses one and not the other".to_owned(),
    }
}

fn thin_networks(estate: &Estate) -> Vec<Hint> {
    let mut hints = Vec::new();
    for (ix, network) in estate.networks.iter().enumerate() {
        let mut on_it = estate.probes.iter().filter(|probe| probe.network.at() == ix);
        let (first, second) = (on_it.next(), on_it.next());
        let about = vec![format!("network/{}", network.id)];
        match (first, second) {
            (None, _) => hints.push(Hint {
                about,
                text: format!("nothing is asked on {:?}: its state will never be known", network.id),
                help: "add at least two probes on it, for different targets".to_owned(),
            }),
            (Some(only), None) => hints.push(Hint {
                about,
                text: format!(
                    "each practice has one check on {:?} ({}): a fault of its target looks like a fault of the network",
                    network.id, only.id
                ),
                help: "add a second probe on this network, for another target".to_owned(),
            }),
            _ => {}
        }
    }
    hints
}

/// Components and services that no check crosses.
fn idle(estate: &Estate) -> Vec<Hint> {
    let mut used: BTreeSet<Hop> = BTreeSet::new();
    for (hop, checks) in crossings(estate) {
        if checks.count == 0 {
            continue;
        }
        if let Hop::AnyOf(several) = &hop {
            used.extend(several.iter().copied().map(Hop::Component));
        }
        used.insert(hop);
    }
    let mut hints = Vec::new();
    let components: Vec<String> = (0..estate.components.len())
        .filter(|ix| !used.contains(&Hop::Component(ComponentIx::new(*ix))))
        .map(|ix| estate.components[ix].id.clone())
        .collect();
    if !components.is_empty() {
        hints.push(Hint {
            text: format!("no check crosses {}", some(&components)),
            help: "name it in a practice's `via`, in a probe's `also` or `resolver`, or take it out"
                .to_owned(),
            about: components,
        });
    }
    let services: Vec<String> = (0..estate.services.len())
        .filter(|ix| !used.contains(&Hop::Service(ServiceIx::new(*ix))))
        .map(|ix| estate.services[ix].id.clone())
        .collect();
    if !services.is_empty() {
        hints.push(Hint {
            text: format!("nothing asks whether {} can be reached", some(&services)),
            help: "add a probe with this `service`".to_owned(),
            about: services,
        });
    }
    hints
}

/// Roles that practices name and that no network lists, though one like it is listed.
fn strange_roles(estate: &Estate) -> Vec<Hint> {
    let listed: BTreeSet<&str> =
        estate.networks.iter().flat_map(|network| &network.through).map(String::as_str).collect();
    let named: BTreeSet<&str> =
        estate.practices.iter().flat_map(|practice| &practice.via).map(|used| used.role.as_str()).collect();
    let mut comparisons = Comparisons::new();
    let strange = named.iter().filter(|role| !listed.contains(*role));
    strange
        .filter_map(|role| {
            let near = comparisons.nearest(role, listed.iter().copied())?;
            Some(Hint {
                about: vec![(*role).to_owned()],
                text: format!("the role {role:?} is listed by no network, but {near:?} is"),
                help: format!(
                    "write {near:?}, if that is meant; otherwise it counts as a risk on every network"
                ),
            })
        })
        .collect()
}

fn sources(estate: &Estate) -> Vec<Hint> {
    let without: Vec<String> = without(estate, |practice| practice.source.is_none());
    if without.len() == estate.practices.len() {
        return vec![Hint {
            about: Vec::new(),
            text:
                "no practice has a `source`: from one machine, `run` shows this machine's lines, not theirs"
                    .to_owned(),
            help: "give each practice a `source` address that this machine owns".to_owned(),
        }];
    }
    let mut hints = Vec::new();
    if !without.is_empty() {
        hints.push(Hint {
            text: format!("{} without a `source`: {}", counted(without.len(), "practice"), some(&without)),
            help: "their checks leave from whichever address the system picks".to_owned(),
            about: without,
        });
    }
    let mut owners: BTreeMap<std::net::IpAddr, Vec<String>> = BTreeMap::new();
    for practice in &estate.practices {
        if let Some(source) = practice.source {
            owners.entry(source).or_default().push(practice.id.clone());
        }
    }
    for (source, practices) in
        owners.into_iter().filter(|(_, practices)| practices.len() > 1).take(LISTED_MAX)
    {
        hints.push(Hint {
            text: format!(
                "{} share the source {source}: {}",
                counted(practices.len(), "practice"),
                some(&practices)
            ),
            help: "give each its own, or their checks show the same line".to_owned(),
            about: practices,
        });
    }
    hints
}

fn unreachable_people(config: &Config) -> Vec<Hint> {
    if config.mail.is_none() {
        return vec![Hint {
            about: vec!["[mail]".to_owned()],
            text: "there is no [mail]: nobody is told anything".to_owned(),
            help: "add [mail] with relay, from and staff".to_owned(),
        }];
    }
    let without = without(&config.estate, |practice| practice.email.is_empty());
    if without.is_empty() {
        return Vec::new();
    }
    let whose = match config.notices.practices {
        PracticeNotices::Auto => "they get no notice",
        PracticeNotices::AfterApproval => "they get no notice, approved or not",
    };
    vec![Hint {
        text: format!("{} without an e-mail address: {}", counted(without.len(), "practice"), some(&without)),
        help: format!("{whose}; add `email`"),
        about: without,
    }]
}

fn without(estate: &Estate, lacks: impl Fn(&Practice) -> bool) -> Vec<String> {
    estate.practices.iter().filter(|practice| lacks(practice)).map(|practice| practice.id.clone()).collect()
}

/// `kind/id`, as in incident events.
fn about(estate: &Estate, hop: &Hop) -> String {
    match hop {
        Hop::Practice(ix) => format!("practice/{}", estate.practices[ix.at()].id),
        Hop::Component(ix) => {
            let component = &estate.components[ix.at()];
            format!("{}/{}", component.kind, component.id)
        }
        Hop::AnyOf(several) => {
            several.iter().map(|ix| about(estate, &Hop::Component(*ix))).collect::<Vec<_>>().join("|")
        }
        Hop::Network(ix) => format!("network/{}", estate.networks[ix.at()].id),
        Hop::Service(ix) => format!("service/{}", estate.services[ix.at()].id),
        Hop::Monitor => "monitor/hub".to_owned(),
    }
}

/// As it stands in a sentence.
fn called(estate: &Estate, hop: &Hop) -> String {
    match hop {
        Hop::AnyOf(several) => {
            let ids: Vec<String> = several.iter().map(|ix| estate.components[ix.at()].id.clone()).collect();
            format!("the spares {}", list(&ids, "and"))
        }
        Hop::Monitor => "linewatch's own machine".to_owned(),
        other => format!("the {}", about(estate, other).replacen('/', " ", 1)),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn list(words: &[String], and: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} {and} {last}", before.join(", ")),
    }
}

fn some(ids: &[String]) -> String {
    if ids.len() <= LISTED_MAX {
        return list(ids, "and");
    }
    format!("{} and {} more", ids[..LISTED_MAX].join(", "), ids.len() - LISTED_MAX)
}
