//! What asking again does to a story, beside the same story without it.

use std::collections::{BTreeMap, BTreeSet};

use linewatch::correlate::{Correlator, PracticePicture, Standing};
use linewatch::incident::{Event, EventKind, Signature};
use linewatch::observation::{Failure, Observation};
use linewatch::time::At;
use linewatch::world::scenario::Scenario;
use linewatch::world::virtual_time::{VirtualTime, blank};

use super::{with, world};

/// A story as its agents report it, and what the correlator says of it.
#[derive(Default)]
struct Told {
    all: Vec<Observation>,
    events: Vec<Event>,
    /// What the correlator would have asked at once, of which practice, and when.
    wishes: Vec<(At, String)>,
}

/// `heed`: what the correlator wishes for is asked.
fn listened(scenario: &Scenario, reask: bool, heed: bool) -> Told {
    let world = world(scenario);
    let stream = VirtualTime::new(&world, scenario);
    let mut stream = if reask { stream.asking_again() } else { stream };
    let mut correlator = Correlator::new(world.estate().clone());
    let (mut seen, mut told) = (blank(), Told::default());
    while let Some(arrival) = stream.fill(&mut seen) {
        correlator.advance(arrival);
        correlator.observe(arrival, &seen);
        told.events.extend(std::iter::from_fn(|| correlator.poll_event()));
        told.all.push(seen.clone());
        while let Some(wish) = correlator.poll_wish().filter(|_| heed) {
            told.wishes.push((arrival, world.estate().practices[wish.practice.at()].id.clone()));
            stream.wish(wish);
        }
    }
    told
}

fn told(scenario: &Scenario, reask: bool) -> (Vec<Observation>, Vec<Event>) {
    let Told { all, events, .. } = listened(scenario, reask, false);
    (all, events)
}

fn wished(scenario: &Scenario) -> (Vec<(At, String)>, Vec<Event>) {
    let Told { wishes, events, .. } = listened(scenario, true, true);
    (wishes, events)
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

/// The internet firewall lets nothing through, half an hour after the start.
const FIREWALL: &str =
    "[[fault]]\ncomponent = \"fw-maidstone\"\nmode = \"total\"\nat = \"+30m\"\nuntil = \"+60m\"\n";

/// How a story is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Nothing is asked again.
    Plain,
    /// What is asked again is heard, and that something is late is not.
    WithoutLateness,
    Whole,
}

/// Plays a story up to `until`, and calls `look` after each observation that is heard.
fn play(
    scenario: &Scenario,
    heard: Heard,
    until: At,
    mut look: impl FnMut(&mut Correlator, At, &Observation),
) {
    let world = world(scenario);
    let stream = VirtualTime::new(&world, scenario);
    let mut stream = if heard == Heard::Plain { stream } else { stream.asking_again() };
    let mut correlator = Correlator::new(world.estate().clone());
    let mut seen = blank();
    while let Some(arrival) = stream.fill(&mut seen).filter(|arrival| *arrival <= until) {
        if seen.late && heard == Heard::WithoutLateness {
            continue;
        }
        correlator.advance(arrival);
        correlator.observe(arrival, &seen);
        look(&mut correlator, arrival, &seen);
    }
}

/// When people are told of the firewall, in milliseconds after it failed, and in which words.
fn named(heard: Heard) -> (i64, Signature) {
    let scenario = with(FIREWALL);
    let onset = scenario.start.plus_millis(30 * 60_000);
    let mut first = None;
    play(&scenario, heard, onset.plus_millis(60_000), |correlator, _, _| {
        while let Some(event) = correlator.poll_event() {
            assert_eq!(event.cause[0].id, "fw-maidstone", "{heard:?}");
            first.get_or_insert((event.at.millis_since(onset), event.signature));
        }
    });
    first.expect("it is named")
}

#[test]
fn a_firewall_that_fails_is_named_with_the_first_time_outs_and_not_when_they_have_added_up() {
    let (plain, _) = named(Heard::Plain);
    let (again, _) = named(Heard::WithoutLateness);
    let (early, signature) = named(Heard::Whole);
    // Its checks may take five seconds, and before that nobody knows that it isn't slow.
    assert!((5_000..5_500).contains(&early), "{early} ms");
    assert!(early + 500 <= again.min(plain), "{plain}, {again} and {early} ms");
    assert_eq!(signature, Signature::Dropped);
}

#[test]
fn a_firewall_that_fails_is_suspected_within_two_seconds_and_nobody_is_told_yet() {
    let scenario = with(FIREWALL);
    let onset = scenario.start.plus_millis(30 * 60_000);
    let suspected = |heard: Heard| {
        let (mut first, mut looked) = (None, onset);
        play(&scenario, heard, onset.plus_millis(8_000), |correlator, now, _| {
            if first.is_some() || now < looked {
                return;
            }
            looked = now.plus_millis(100);
            let suspects = correlator.picture().suspects;
            let firewall = suspects.iter().find(|suspect| suspect.cause.id == "fw-maidstone");
            if firewall.is_some_and(|suspect| suspect.probability >= 0.9) {
                first = Some(now.millis_since(onset));
                assert!(now.millis_since(onset) > 5_000 || correlator.poll_event().is_none());
            }
        });
        first.expect("it is suspected")
    };
    let (plain, early) = (suspected(Heard::Plain), suspected(Heard::Whole));
    assert!(plain > 5_000 && early < 2_000, "{plain} and {early} ms");
}

/// Both networks slow down, to three seconds an answer; each check may take five.
const ALL_SLOW: &str = r#"
[[fault]]
network = "internet"
mode = "slow"
ms = 3000
at = "+30m"
until = "+60m"

[[fault]]
network = "hscn"
mode = "slow"
ms = 3000
at = "+30m"
until = "+60m"
"#;

#[test]
fn when_every_target_takes_three_seconds_no_outage_is_told_and_no_check_has_failed() {
    let scenario = with(ALL_SLOW);
    let mut late = 0;
    play(&scenario, Heard::Whole, scenario.start.plus_millis(90 * 60_000), |correlator, _, seen| {
        while let Some(event) = correlator.poll_event() {
            assert_eq!(event.signature, Signature::Slow, "{event:?}");
        }
        if !seen.late {
            return;
        }
        late += 1;
        if late > 50 {
            return;
        }
        let picture = correlator.picture();
        let failing = picture.practices.iter().flat_map(|practice| &practice.checks);
        let failing = failing.flatten().filter(|check| !check.ok).count();
        // Some fail by themselves.
        assert!(failing <= 8, "{failing} checks fail after {late} were late");
        let down = |practice: &PracticePicture| practice.networks.contains(&Standing::Down);
        assert!(!picture.practices.iter().any(down), "{late}");
    });
    assert!(late > 10, "{late}");
}

#[test]
fn each_check_that_is_late_has_its_end_told_as_well() {
    for lines in [FIREWALL, ALL_SLOW] {
        let (all, _) = told(&with(lines), true);
        let late: Vec<&Observation> = all.iter().filter(|seen| seen.late).collect();
        let ends: BTreeSet<(At, &str, &str)> = all
            .iter()
            .filter(|seen| !seen.late)
            .map(|seen| (seen.at, &*seen.practice, &*seen.probe))
            .collect();
        assert!(late.len() > 10, "{}", late.len());
        for seen in late {
            assert!(seen.reask && !seen.ok && seen.failure == Some(Failure::TooSlow), "{seen:?}");
            assert!(ends.contains(&(seen.at, &seen.practice, &seen.probe)), "{seen:?}");
        }
    }
}

#[test]
fn a_firewall_that_stands_still_for_three_seconds_is_no_outage() {
    let scenario = with(
        "[[fault]]\ncomponent = \"fw-maidstone\"\nmode = \"slow\"\nms = 3000\nat = \"+30m\"\nuntil = \"+1803s\"\n",
    );
    let (all, events) = told(&scenario, true);
    assert!(all.iter().filter(|seen| seen.late).count() > 5);
    assert!(events.is_empty(), "{events:?}");
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
    let scenario = with(FIREWALL);
    let (all, events) = told(&scenario, true);
    let onset = scenario.start.plus_millis(30 * 60_000);
    let within = |seen: &&Observation| (0..60_000).contains(&seen.at.millis_since(onset));
    let (again, turns): (Vec<&Observation>, Vec<&Observation>) = all
        .iter()
        .filter(within)
        .filter(|seen| !seen.probe.starts_with('@') && !seen.late)
        .partition(|seen| seen.reask);
    assert!(2 * again.len() <= turns.len() + 60, "{} beside {}", again.len(), turns.len());
    let opened: Vec<&Event> = events.iter().filter(|event| event.event == EventKind::Opened).collect();
    assert!(matches!(opened.as_slice(), [one] if one.cause[0].id == "fw-maidstone"), "{opened:?}");
}

#[test]
fn the_neighbours_are_asked_before_the_street_is_blamed() {
    let (wishes, events) = wished(&with(ONE_LINE));
    let [opened, .., resolved] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((opened.cause[0].id.as_str(), resolved.event), ("G82007", EventKind::Resolved));
    let before: Vec<&str> = wishes
        .iter()
        .filter(|(at, _)| *at >= opened.since && *at < opened.at)
        .map(|(_, id)| id.as_str())
        .collect();
    assert!(before.len() >= 3, "{before:?}");
    assert!(!before.contains(&"G82007"), "of what fails enough is known: {before:?}");
    // And then they are left in peace.
    let later = wishes.iter().filter(|(at, _)| *at > opened.at && *at < opened.at.plus_millis(15 * 60_000));
    assert!(later.count() <= 12, "{wishes:?}");
}

#[test]
fn when_a_shared_fault_ends_those_that_still_failed_are_asked_at_once() {
    let scenario = with(FIREWALL);
    let ends = scenario.start.plus_millis(60 * 60_000);
    let (wishes, _) = wished(&scenario);
    let after: BTreeSet<&str> = wishes
        .iter()
        .filter(|(at, _)| *at >= ends && *at < ends.plus_millis(60_000))
        .map(|(_, id)| id.as_str())
        .collect();
    assert!(after.len() >= 20, "{} practices", after.len());
}
