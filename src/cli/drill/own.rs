//! The scenario that a drill plays when none is named, on an estate of one's own: what fails is that estate's firewall. Of several it is
//! the one that most practices are behind, and the network is the one that they reach through it.

use std::cmp::Reverse;
use std::sync::Arc;

use anyhow::bail;

use super::stage::SCENARIO_DEFAULT;
use crate::estate::{ComponentIx, Estate, NetworkIx, Practice};
use crate::incident::Cause;
use crate::time::At;
use crate::world::faults::World;
use crate::world::scenario::{Expected, Hit, Scenario, Target};
use crate::world::timetable::Clock;

/// The kind of component that the default scenario breaks.
const FIREWALL: &str = "firewall";

/// Moves the default scenario to this estate, where it names what the estate doesn't have.
pub fn at_home(scenario: &mut Scenario, estate: &Estate) -> anyhow::Result<()> {
    if World::new(Arc::new(estate.clone()), scenario, Clock::Drill { began: At::default() }).is_ok() {
        return Ok(());
    }
    let Some((firewall, network)) = firewall(estate) else {
        bail!(
            "the drill breaks a firewall unless it is told what to break, and no practice of this estate names a component of kind \
             \"{FIREWALL}\" that its traffic crosses: write a scenario after the pattern of scenarios/{SCENARIO_DEFAULT}.toml, with a \
             `component` of this estate, and name it with --scenario"
        )
    };
    let (firewall, network) = (&estate.components[firewall.at()], &estate.networks[network.at()]);
    for fault in &mut scenario.faults {
        fault.target = Target::Component(firewall.id.clone());
        fault.only_network = Some(network.id.clone());
    }
    for expected in &mut scenario.expected {
        if let Expected::Verdict(verdict) = expected {
            verdict.cause = vec![Cause { kind: firewall.kind.clone(), id: firewall.id.clone() }];
            verdict.network = Some(Hit::One(network.id.clone()));
        }
    }
    scenario.title = format!("{} fails, as a county's did in March 2023", firewall.name);
    "several fixes bring some practices back and lose them again".clone_into(&mut scenario.happened);
    Ok(())
}

/// The firewall that most practices are behind, and the network that they reach through it; of equals the first in the file, and that
/// which is called `internet`. `None`: nobody's traffic crosses one.
fn firewall(estate: &Estate) -> Option<(ComponentIx, NetworkIx)> {
    let firewalls = (0..estate.components.len())
        .map(ComponentIx::new)
        .filter(|firewall| estate.components[firewall.at()].kind == FIREWALL);
    let ways = firewalls.flat_map(|firewall| {
        (0..estate.networks.len()).map(NetworkIx::new).map(move |network| (firewall, network))
    });
    let behind = |(firewall, network): (ComponentIx, NetworkIx)| {
        let crosses =
            |practice: &Practice| estate.crossed(practice, network).any(|used| used.any == [firewall]);
        estate.practices.iter().filter(|practice| crosses(practice)).count()
    };
    let is_internet = |network: NetworkIx| estate.networks[network.at()].id == "internet";
    ways.map(|way| (behind(way), way))
        .filter(|(practices, _)| *practices > 0)
        .min_by_key(|(practices, (firewall, network))| {
            (Reverse(*practices), !is_internet(*network), *firewall)
        })
        .map(|(_, way)| way)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::drill::stage;

    /// The shipped estate under other names.
    fn renamed(from: &str, to: &str) -> Estate {
        let mut estate = stage::config(None).expect("it is compiled in").estate;
        for component in &mut estate.components {
            if component.id == from {
                (component.id, component.name) = (to.to_owned(), "The county's firewall".to_owned());
            }
        }
        estate
    }

    fn fits(scenario: &Scenario, estate: &Estate) -> bool {
        World::new(Arc::new(estate.clone()), scenario, Clock::Drill { began: At::default() }).is_ok()
    }

    #[test]
    fn the_estates_own_firewall_fails_that_most_are_behind() {
        let mut estate = renamed("fw-maidstone", "fw-of-ours");
        let mut scenario = stage::scenario(None).expect("it is compiled in");
        assert!(!fits(&scenario, &estate));
        let internet = estate.network("internet").expect("it has one");
        estate.networks[internet.at()].id = "world".to_owned();
        at_home(&mut scenario, &estate).expect("it has a firewall");
        assert!(fits(&scenario, &estate));
        let ours = Target::Component("fw-of-ours".to_owned());
        let world = Some("world".to_owned());
        assert!(scenario.faults.iter().all(|fault| fault.target == ours && fault.only_network == world));
        let Some(Expected::Verdict(verdict)) = scenario.expected.first() else {
            panic!("it demands a verdict")
        };
        assert_eq!(verdict.cause, [Cause { kind: FIREWALL.to_owned(), id: "fw-of-ours".to_owned() }]);
        assert_eq!(verdict.network, Some(Hit::One("world".to_owned())));
        assert_eq!(scenario.title, "The county's firewall fails, as a county's did in March 2023");

        // Most are behind another.
        let ours = estate.component("fw-of-ours").expect("renamed");
        let is_other = |at: &ComponentIx| *at != ours && estate.components[at.at()].kind == FIREWALL;
        let other = (0..estate.components.len()).map(ComponentIx::new).find(is_other).expect("it has two");
        let uses = estate.practices.iter_mut().flat_map(|practice| &mut practice.via);
        for used in uses.filter(|used| used.any == [ours]) {
            used.any = vec![other];
        }
        let mut scenario = stage::scenario(None).expect("it is compiled in");
        at_home(&mut scenario, &estate).expect("it has a firewall");
        let other = Target::Component(estate.components[other.at()].id.clone());
        assert!(scenario.faults.iter().all(|fault| fault.target == other));
    }

    #[test]
    fn what_fits_is_played_as_it_is_written() {
        let estate = stage::config(None).expect("it is compiled in").estate;
        let scenario = stage::scenario(None).expect("it is compiled in");
        let mut moved = scenario.clone();
        at_home(&mut moved, &estate).expect("it fits");
        assert_eq!(moved, scenario);
    }

    #[test]
    fn without_a_firewall_the_way_out_is_named() {
        let mut estate = renamed("fw-maidstone", "proxy");
        for component in &mut estate.components {
            component.kind = component.kind.replace(FIREWALL, "proxy");
        }
        let mut scenario = stage::scenario(None).expect("it is compiled in");
        let why = at_home(&mut scenario, &estate).expect_err("none").to_string();
        assert!(why.contains("of kind \"firewall\"") && why.contains("--scenario"), "{why}");
    }
}
