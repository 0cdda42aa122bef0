//! What asking again does to a story, beside the same story without it.

use std::collections::BTreeMap;

use linewatch::correlate::Correlator;
use linewatch::incident::{Event, EventKind, Signature};
use linewatch::observation::Observation;
use linewatch::time::At;
use linewatch::world::scenario::Scenario;
use linewatch::world::virtual_time::{VirtualTime, blank};

use super::{with, world};

/// A story as its agents report it, and what the correlator says of it.
fn told(scenario: &Scenario, reask: bool) -> (Vec<Observation>, Vec<Event>) {
    let world = world(scenario);
    let stream = VirtualTime::new(&world, scenario);
    let mut stream = if reask { stream.asking_again() } else { stream };
    let mut correlator = Correlator::new(world.estate().clone());
    let (mut seen, mut all, mut events) = (blank(), Vec::new(), Vec::new());
    while let Some(arrival) = stream.fill(&mut seen) {
        correlator.advance(arrival);
        correlator.observe(arrival, &seen);
        events.extend(std::iter::from_fn(|| correlator.poll_event()));
        all.push(seen.clone());
    }
    (all, events)
}

/// When each check at a practice had failed twice, counted from `onset`, in milliseconds.
fn failed_twice(all: &[Observation], practice: &str, onset: At) -> BTreeMap<String, i64> {
    let mut failures: BTreeMap<String, Vec<At>> = BTreeMap::new();
    for seen in all.iter().filter(|seen| !seen.ok && seen.practice == practice && seen.at >= onset) {
        failures.entry(seen.probe.clone()).or_default().push(seen.arrival());
    }
    let second = |mut times: Vec<At>| {
        times.sort();
        times.get(1).map(|at| at.millis_since(onset))
    };
    failures.into_iter().filter_map(|(probe, times)| Some((probe, second(times)?))).collect()
}

const ONE_LINE: &str = r#"
[[fault]]
practice = "G82007"
only_network = "internet"
mode = "total"
at = "+30m"
until = "+50m"
"#;

#[test]
fn a_dead_line_has_failed_twice_within_seconds_of_its_first_failure() {
    let scenario = with(ONE_LINE);
    let onset = scenario.start.plus_millis(30 * 60_000);
    let (plain, _) = told(&scenario, false);
    let (again, events) = told(&scenario, true);
    let asked = |seen: &&Observation| !seen.ok && seen.practice == "G82007" && seen.at >= onset;
    let first_asked =
        again.iter().filter(asked).map(|seen| seen.at.millis_since(onset)).min().expect("some fail");
    let (plain, again) = (failed_twice(&plain, "G82007", onset), failed_twice(&again, "G82007", onset));
    let first = |times: &BTreeMap<String, i64>| times.values().min().copied().expect("some fail");
    // Without, a check fails twice when its second turn is over: 30 s later.
    assert!(first(&plain) - first_asked > 30_000, "{plain:?}");
    // With it, the second asking began half a second after the first, and every check of the line was asked soon.
    assert!(first(&again) - first_asked < 6_500, "{again:?}");
    assert!(again.values().filter(|ms| **ms - first_asked < 15_000).count() >= 6, "{again:?}");
    let opened: Vec<&Event> = events.iter().filter(|event| event.event == EventKind::Opened).collect();
    assert!(matches!(opened.as_slice(), [one] if one.cause[0].id == "G82007"), "{opened:?}");
}

#[test]
fn what_is_asked_before_it_failed_says_so_and_begins_while_the_first_asking_is_under_way() {
    let scenario = with(ONE_LINE);
    let onset = scenario.start.plus_millis(30 * 60_000);
    let (all, _) = told(&scenario, true);
    let timeouts = || {
        let of_line = all.iter().filter(|seen| seen.practice == "G82007" && seen.at >= onset);
        of_line.filter(|seen| !seen.ok)
    };
    let early = timeouts().filter(|again| {
        let beside = |first: &&Observation| first.probe == again.probe && !first.reask && first.at < again.at;
        again.reask && timeouts().any(|first| beside(&first) && again.at < first.ended())
    });
    assert!(early.count() >= 1, "at least the first check that was late");
}

/// Everything behind the firewall takes two seconds longer, which no time-out minds.
#[test]
fn what_is_slow_and_alive_is_asked_again_and_never_called_down() {
    let slow = r#"
[[fault]]
component = "fw-maidstone"
mode = "slow"
ms = 1500
at = "+30m"
until = "+60m"
"#;
    let scenario = with(slow);
    let (all, events) = told(&scenario, true);
    let (begin, end) = (scenario.start.plus_millis(30 * 60_000), scenario.start.plus_millis(60 * 60_000));
    let reasked = all.iter().filter(|seen| seen.reask && (begin..end).contains(&seen.at)).count();
    assert!(reasked > 40, "what is late is asked again: {reasked}");
    for event in events {
        assert!(
            !matches!(event.signature, Signature::Down | Signature::Dropped | Signature::Partial),
            "{event:?}"
        );
    }
}

#[test]
fn asking_again_stays_within_its_share_whatever_breaks() {
    let scenario =
        with("[[fault]]\ncomponent = \"fw-maidstone\"\nmode = \"total\"\nat = \"+30m\"\nuntil = \"+60m\"\n");
    let (all, events) = told(&scenario, true);
    let onset = scenario.start.plus_millis(30 * 60_000);
    let within = |seen: &&Observation| (0..60_000).contains(&seen.at.millis_since(onset));
    let (again, turns): (Vec<&Observation>, Vec<&Observation>) =
        all.iter().filter(within).filter(|seen| !seen.probe.starts_with('@')).partition(|seen| seen.reask);
    assert!(2 * again.len() <= turns.len() + 60, "{} beside {}", again.len(), turns.len());
    let opened: Vec<&Event> = events.iter().filter(|event| event.event == EventKind::Opened).collect();
    assert!(matches!(opened.as_slice(), [one] if one.cause[0].id == "fw-maidstone"), "{opened:?}");
}
