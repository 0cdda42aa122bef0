//! Every family at every tier: builds, streams in order, the same bytes twice, and truths that exist and show.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;
use crate::incident::Cause;
use crate::observation::{ALIVE, HUB};
use crate::world::virtual_time::blank;

fn exists(estate: &Estate, cause: &Cause) -> bool {
    match cause.kind.as_str() {
        Cause::PRACTICE => estate.practice(&cause.id).is_some(),
        Cause::NETWORK => estate.network(&cause.id).is_some(),
        Cause::SERVICE => estate.service(&cause.id).is_some(),
        Cause::MONITOR => cause.id == "hub",
        kind => estate.component(&cause.id).is_some_and(|ix| estate.components[ix.at()].kind == kind),
    }
}

fn all() -> impl Iterator<Item = (Family, Tier)> {
    Family::ALL.iter().flat_map(|family| Tier::ALL.iter().map(|tier| (*family, *tier)))
}

/// The first of these seeds' trials for which this holds.
fn first(family: Family, tier: Tier, holds: impl Fn(&Trial) -> bool) -> Trial {
    let mut trials = (0..100).map(|seed| Trial::new(family, tier, seed));
    trials.find(holds).expect("one of a hundred seeds")
}

#[test]
fn names_are_found_again() {
    for family in Family::ALL {
        assert_eq!(Family::of(family.name()), Some(*family));
    }
    for tier in Tier::ALL {
        assert_eq!(Tier::of(tier.name()), Some(*tier));
    }
}

#[test]
fn truths_name_what_the_told_estate_has() {
    for (family, tier) in all() {
        for seed in 0..2 {
            let trial = Trial::new(family, tier, seed);
            assert_eq!(trial.truths.is_empty(), family == Family::Quiet, "{trial:?}");
            for truth in &trial.truths {
                assert!(exists(&trial.estate, &truth.cause), "{trial:?}");
                assert!(truth.same.iter().all(|other| exists(&trial.estate, other)), "{trial:?}");
                assert!(!truth.same.contains(&truth.cause), "{trial:?}");
                assert!(truth.since < truth.until && truth.until <= trial.end, "{trial:?}");
                assert!(truth.since >= trial.begin, "{trial:?}");
                assert_eq!(truth.practices.is_empty(), truth.cause.kind == Cause::MONITOR, "{trial:?}");
                assert!(trial.is_shared(), "{trial:?}");
                if truth.kind == Kind::Practice {
                    assert!(!trial.missing.contains(&truth.practices[0]), "{trial:?}");
                }
            }
            assert!(trial.truths.is_sorted_by_key(|truth| truth.since), "{trial:?}");
        }
    }
}

/// A fingerprint of the first so many observations; checks on the way that they arrive in order.
fn fingerprint(trial: &Trial, most: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut stream = trial.stream();
    let mut seen = blank();
    let mut last = trial.begin;
    let mut count = 0;
    while count < most
        && let Some(arrival) = stream.fill(&mut seen)
    {
        assert!(arrival >= last && arrival <= trial.end, "{trial:?}: {arrival} after {last}");
        assert_eq!(seen.arrival(), arrival, "{trial:?}: {seen:?}");
        last = arrival;
        count += 1;
        (seen.at, &seen.practice, &seen.probe, seen.failure, seen.ms.to_bits()).hash(&mut hasher);
    }
    assert!(count > 0, "{trial:?}");
    count.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn every_family_streams_in_order_of_arrival_and_the_same_twice() {
    for (family, tier) in all() {
        let what = format!("{} {}", family.name(), tier.name());
        let once = fingerprint(&Trial::new(family, tier, 7), 800);
        assert_eq!(once, fingerprint(&Trial::new(family, tier, 7), 800), "{what}");
        assert_ne!(once, fingerprint(&Trial::new(family, tier, 8), 800), "{what}");
    }
}

#[test]
fn a_whole_trial_streams_in_order_of_arrival() {
    for family in [Family::CarrierTotal, Family::HubUplink, Family::Flapping] {
        let small = first(family, Tier::Hard, |trial| trial.estate.practices.len() < 10);
        assert_eq!(fingerprint(&small, usize::MAX), fingerprint(&small, usize::MAX));
    }
}

/// Of the askings of the practices that the first truth hits, on one network, while it lasts: how many fail.
/// The first and last minutes are left out, where clocks that are wrong would blur it.
fn failing(trial: &Trial, network: &str) -> f64 {
    let truth = &trial.truths[0];
    let (since, until) = (truth.since + Duration::from_mins(2), truth.until - Duration::from_mins(2));
    let ids: Vec<&str> = truth.practices.iter().map(|row| trial.estate.practices[*row].id.as_str()).collect();
    let (mut asked, mut failed) = (0_u32, 0_u32);
    for seen in trial.stream().filter(|seen| seen.at >= since && seen.at < until) {
        let Some(probe) = trial.estate.probe(&seen.probe) else { continue };
        let probe = &trial.estate.probes[probe.at()];
        if trial.estate.networks[probe.network.at()].id == network && ids.contains(&seen.practice.as_str()) {
            asked += 1;
            failed += u32::from(!seen.ok);
        }
    }
    assert!(asked > 0, "{trial:?}");
    f64::from(failed) / f64::from(asked)
}

#[test]
fn a_fault_shows_where_its_truth_says_and_nowhere_else() {
    let dead = Trial::new(Family::FirewallTotal, Tier::Hard, 1);
    assert!(failing(&dead, "internet") > 0.999, "{dead:?}");
    assert!(failing(&dead, "hscn") < 0.05, "{dead:?}");
    let sticky = Trial::new(Family::FirewallSticky, Tier::Hard, 1);
    assert!(failing(&sticky, "internet") > 0.999, "{sticky:?}");
    let partial = Trial::new(Family::FirewallPartial, Tier::Hard, 1);
    assert!((0.08..0.4).contains(&failing(&partial, "internet")), "{partial:?}");
}

#[test]
fn the_only_firewall_and_the_internet_are_told_apart_by_the_hub_alone() {
    let firewalls =
        |trial: &Trial| trial.estate.components.iter().filter(|other| other.kind == "firewall").count();
    let internet = Cause { kind: Cause::NETWORK.to_owned(), id: "internet".to_owned() };
    let alone = first(Family::FirewallTotal, Tier::Easy, |trial| firewalls(trial) == 1 && !trial.hub_asks());
    assert!(alone.truths[0].same.contains(&internet), "{alone:?}");
    let seen = first(Family::FirewallTotal, Tier::Easy, |trial| firewalls(trial) == 1 && trial.hub_asks());
    assert!(seen.truths[0].same.is_empty(), "{seen:?}");
}

#[test]
fn spares_of_a_pair_cannot_be_told_apart() {
    let pair = first(Family::FirewallSticky, Tier::Easy, |trial| {
        trial.truths[0].cause.id == "fw-a1" && trial.hub_asks()
    });
    let other = Cause { kind: "firewall".to_owned(), id: "fw-a2".to_owned() };
    assert_eq!(pair.truths[0].same, [other]);
    let hit = pair.truths[0].practices.len() as f64 / pair.estate.practices.len() as f64;
    assert!((0.2..0.7).contains(&hit), "{hit} of the practices are stuck to the dead one");
}

#[test]
fn what_is_missing_never_reports() {
    let trial = Trial::new(Family::ServiceDown, Tier::Missing, 3);
    let share = trial.missing.len() as f64 / trial.estate.practices.len() as f64;
    assert!((0.05..=0.4).contains(&share), "{trial:?}");
    let ids: Vec<&str> = trial.missing.iter().map(|row| trial.estate.practices[*row].id.as_str()).collect();
    assert!(trial.stream().all(|seen| !ids.contains(&seen.practice.as_str())), "{trial:?}");
}

#[test]
fn a_wrong_map_is_wrong_about_one_practice_in_twenty() {
    for seed in 0..10 {
        let trial = Trial::new(Family::FirewallTotal, Tier::WrongMap, seed);
        let real = trial.world.estate();
        let wrong =
            trial.estate.practices.iter().zip(&real.practices).filter(|(told, real)| told.via != real.via);
        assert_eq!(wrong.count(), (real.practices.len() / 20).max(1), "{trial:?}");
    }
}

#[test]
fn a_quiet_day_leaks_as_much_as_it_says_and_its_hub_asks_or_does_not() {
    let trial = first(Family::Quiet, Tier::Hard, Trial::hub_asks);
    let (mut asked, mut failed) = (0_u32, 0_u32);
    for seen in trial.stream().take(100_000).filter(|seen| seen.probe != ALIVE) {
        asked += 1;
        failed += u32::from(!seen.ok);
    }
    let leak = f64::from(failed) / f64::from(asked);
    // One check's own leak is as likely to be three times the mean as not to be there at all.
    assert!((0.003..0.010).contains(&leak), "{leak} of {asked}: {trial:?}");
    let hubless = first(Family::Quiet, Tier::Hard, |trial| !trial.hub_asks());
    assert!(hubless.stream().take(3_000).all(|seen| seen.practice != HUB));
}

#[test]
fn what_happens_to_one_asking_does_not_depend_on_whether_others_are_asked() {
    let trial =
        first(Family::TwoFaults, Tier::Hard, |trial| trial.hub_asks() && trial.estate.practices.len() < 9);
    let practices_alone = VirtualTime::without_hub(&trial.world, &trial.scenario);
    assert!(trial.stream().filter(|seen| seen.practice != HUB).eq(practices_alone), "{trial:?}");
}

#[test]
fn clocks_are_wrong_and_some_reports_are_lost() {
    let trial = Trial::new(Family::Quiet, Tier::Easy, 1);
    let probes = trial.estate.probes.len() as f64;
    let rounds = 60.0;
    let until = trial.begin + trial.every * 60;
    let mut early = 0_u32;
    let mut count = 0_u32;
    for seen in trial.stream().take_while(|seen| seen.arrival() < until) {
        count += u32::from(seen.practice != HUB && seen.probe != ALIVE);
        early += u32::from(seen.ended() > seen.arrival());
    }
    assert!(early > 0, "some agents' clocks are fast");
    let share = f64::from(count) / (probes * rounds * trial.estate.practices.len() as f64);
    assert!((0.97..0.995).contains(&share), "{share} of the askings are reported");
}
