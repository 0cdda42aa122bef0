//! Trials of the benchmark that were told badly once, and must stay mended.

use std::sync::Arc;

use linewatch::correlate::Correlator;
use linewatch::incident::{Cause, Event, EventKind};
use linewatch::world::trials::{Family, Tier, Trial};
use linewatch::world::virtual_time::blank;

/// What is told of a trial.
fn told(trial: &Trial) -> Vec<Event> {
    let mut correlator = Correlator::new(Arc::clone(&trial.estate));
    let mut stream = trial.stream();
    let mut seen = blank();
    let mut events = Vec::new();
    while let Some(arrival) = stream.fill(&mut seen) {
        correlator.advance(arrival);
        correlator.observe(arrival, &seen);
        events.extend(std::iter::from_fn(|| correlator.poll_event()));
    }
    events
}

/// The resolvers of both networks, one after the other, were for a moment one thing that no map shows: then 93 of the
/// 97 practices were told that each had failed on its own.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unless it is optimised: cargo test --release")]
fn both_resolvers_are_no_fault_of_each_practice() {
    let events = told(&Trial::new(Family::TwoFaults, Tier::Easy, 1_000_002));
    let opened = events.iter().filter(|event| event.event == EventKind::Opened);
    let kinds: Vec<&str> = opened.flat_map(|event| &event.cause).map(|cause| cause.kind.as_str()).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(!kinds.contains(&Cause::PRACTICE), "{kinds:?}");
}
