//! What is legal in a configuration but probably not meant. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::names::Comparisons;
use super::{ChannelSettings, Config, PracticeNotices};
use crate::estate::columns::{Askers, Node, columns};
use crate::estate::splitter::list;
use crate::estate::{Ask, ComponentIx, Estate, Family, Practice, ServiceIx};
use crate::notify::Channel;

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
    let mut hints = mute_networks(estate);
    hints.extend(lone_anchors(estate));
    hints.extend(idle(estate));
    hints.extend(strange_roles(estate));
    hints.extend(sources(estate));
    hints.extend(families(estate));
    hints.extend(unreachable_people(config));
    hints.extend(acknowledgement(config));
    hints.extend(unheld_roles(config));
    hints
}

/// Networks that nothing is asked on.
fn mute_networks(estate: &Estate) -> Vec<Hint> {
    let asked: BTreeSet<usize> = estate
        .probes
        .iter()
        .filter(|probe| !probe.ask.is_passive())
        .map(|probe| probe.network.at())
        .collect();
    let mute = estate.networks.iter().enumerate().filter(|(ix, _)| !asked.contains(ix));
    mute.map(|(_, network)| Hint {
        about: vec![format!("network/{}", network.id)],
        text: format!("nothing is asked on {:?}: its state will never be known", network.id),
        help: "add at least two probes on it, for different targets".to_owned(),
    })
    .collect()
}

/// Networks on which the hub has one check alone. With several targets it can tell its own line from one of them.
fn lone_anchors(estate: &Estate) -> Vec<Hint> {
    let asked = |network: usize| {
        estate.probes.iter().filter(|probe| !probe.ask.is_passive() && probe.network.at() == network).count()
    };
    let lone = estate.networks.iter().enumerate().filter(|(ix, _)| asked(*ix) == 1);
    lone.map(|(_, network)| Hint {
        about: vec![format!("network/{}", network.id)],
        text: format!(
            "one probe alone is asked on {:?}, by the practices and by the hub: when it fails at the hub, nothing tells its far end from the \
             hub's own line",
            network.id
        ),
        help: "add a second probe on it, for another target".to_owned(),
    })
    .collect()
}

/// Components and services that no check crosses.
fn idle(estate: &Estate) -> Vec<Hint> {
    let used: BTreeSet<Node> =
        columns(estate, &Askers::everybody()).into_iter().map(|(node, _)| node).collect();
    let mut hints = Vec::new();
    let components: Vec<String> = (0..estate.components.len())
        .filter(|ix| !used.contains(&Node::Component(ComponentIx::new(*ix))))
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
        .filter(|ix| !used.contains(&Node::Service(ServiceIx::new(*ix))))
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

/// Probes of one family of addresses, at practices whose source is of the other.
fn families(estate: &Estate) -> Vec<Hint> {
    let asked = estate.probes.iter().filter_map(|probe| match &probe.ask {
        Ask::Http(ask) => ask.family.map(|family| (probe, family)),
        _ => None,
    });
    let mut hints = Vec::new();
    for (probe, family) in asked {
        let other = |practice: &Practice| practice.source.is_some_and(|source| Family::of(source) != family);
        let practices = without(estate, other);
        if !practices.is_empty() {
            hints.push(Hint {
                text: format!(
                    "{} asks over {} alone, and the `source` is of the other family at {}: {}",
                    probe.id,
                    family.as_str(),
                    counted(practices.len(), "practice"),
                    some(&practices)
                ),
                help: "there it will be `local`, which tells nothing: take `family` out, or give them a `source` of that family"
                    .to_owned(),
                about: vec![probe.id.clone()],
            });
        }
    }
    hints.truncate(LISTED_MAX);
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

/// Escalation that nobody can stop from a letter, and links that travel in the clear.
fn acknowledgement(config: &Config) -> Vec<Hint> {
    let settings = &config.acknowledgement;
    let mut hints = Vec::new();
    let is_desk = |channel: &ChannelSettings| channel.kind.channel() != Channel::Sms;
    if !settings.steps.is_empty() && config.mail.is_none() && !config.ways.channels.iter().any(is_desk) {
        hints.push(Hint {
            about: vec!["[[escalation]]".to_owned()],
            text: "nobody at the ICB is told of an incident first, so nobody is escalated to".to_owned(),
            help: "add [mail] with its `staff`, or a [[channel]] that they read".to_owned(),
        });
    }
    if !settings.steps.is_empty() && settings.link.is_none() {
        hints.push(Hint {
            about: vec!["[[escalation]]".to_owned()],
            text: "there is [[escalation]], and letters have no link: only `linewatch ack` stops it"
                .to_owned(),
            help: "add link = \"https://…/\", where people reach this hub, to [notices]".to_owned(),
        });
    }
    if let Some(link) = settings.link.as_ref().filter(|link| link.scheme() == "http") {
        let host = link.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host.parse::<std::net::IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
        if !is_here {
            hints.push(Hint {
                about: vec!["[notices]".to_owned()],
                text: "`link` is http: whoever sees it on its way can acknowledge in somebody's name"
                    .to_owned(),
                help: "let people reach the hub by https: `tls` in [hub], or a proxy in front of it"
                    .to_owned(),
            });
        }
    }
    hints
}

/// ICBs for which nobody holds a role that is held for others.
fn unheld_roles(config: &Config) -> Vec<Hint> {
    let own = std::iter::once((&config.estate.icb.code, &config.estate.icb.name));
    let icbs: Vec<_> = own.chain(config.ways.other_icbs.iter().map(|icb| (&icb.code, &icb.name))).collect();
    let mut hints = Vec::new();
    for role in &config.ways.roles {
        let holders = || config.ways.contacts.iter().filter(|contact| contact.roles.contains(&role.id));
        let is_held = |code: &String| holders().any(|it| it.icbs.is_empty() || it.icbs.contains(code));
        for (code, name) in icbs.iter().filter(|(code, _)| !is_held(code)) {
            hints.push(Hint {
                about: vec![role.id.clone(), (*code).clone()],
                text: format!(
                    "nobody holds the role {:?} for {code} ({name}): it is told nothing there",
                    role.id
                ),
                help: format!(
                    "add a [[contact]] with role = {:?} and icb = {code:?}, or with no `icb` at all",
                    role.id
                ),
            });
        }
    }
    hints
}

fn without(estate: &Estate, lacks: impl Fn(&Practice) -> bool) -> Vec<String> {
    estate.practices.iter().filter(|practice| lacks(practice)).map(|practice| practice.id.clone()).collect()
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn some(ids: &[String]) -> String {
    if ids.len() <= LISTED_MAX {
        return list(ids, "and");
    }
    format!("{} and {} more", ids[..LISTED_MAX].join(", "), ids.len() - LISTED_MAX)
}
