//! Every family at every tier: builds, streams in order, the same bytes twice, and truths that exist.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;
use crate::incident::Cause;
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
        for seed in 0..3 {
            let trial = Trial::new(family, tier, seed);
            let is_quiet = family == Family::Quiet;
            assert_eq!(trial.truths.is_empty(), is_quiet, "{trial:?}");
            for truth in &trial.truths {
                assert!(exists(&trial.estate, &truth.cause), "{trial:?}");
                assert!(truth.same.iter().all(|other| exists(&trial.estate, other)), "{trial:?}");
                assert!(!truth.same.contains(&truth.cause), "{trial:?}");
                assert!(truth.since < truth.until && truth.until <= trial.end, "{trial:?}");
                assert!(truth.since >= trial.begin, "{trial:?}");
                assert_eq!(truth.practices.is_empty(), truth.cause.kind == Cause::MONITOR, "{trial:?}");
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
        let first = fingerprint(&Trial::new(family, tier, 7), 3_000);
        assert_eq!(
            first,
            fingerprint(&Trial::new(family, tier, 7), 3_000),
            "{} {}",
            family.name(),
            tier.name()
        );
        assert_ne!(
            first,
            fingerprint(&Trial::new(family, tier, 8), 3_000),
            "{} {}",
            family.name(),
            tier.name()
        );
    }
}
