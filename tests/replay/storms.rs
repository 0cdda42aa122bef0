//! What holds for any stream whatever: late, twice, out of order, from the future or from nobody known. Time never
//! runs backwards, nothing that is said depends on what comes later, and each event keeps the contract (`told`
//! checks it: nothing opens below .9, probabilities add up, an incident opens, changes and is resolved in order).

use linewatch::correlate::Correlator;
use linewatch::incident::Event;
use linewatch::observation::{ALIVE, BYE, Failure, HUB, Observation, Phase};
use linewatch::time::At;
use linewatch::world::virtual_time::blank;
use proptest::prelude::*;

use super::county::{County, QUESTIONS};
use super::properties::{any_fault, hits, runner};
use super::stream::{Answer, Asked, USUAL, at, hash, stream};
use super::told::{of_kind, told};

const FAILURES: [Option<Failure>; 10] = [
    None,
    Some(Failure::Timeout),
    Some(Failure::Refused),
    Some(Failure::Nxdomain),
    Some(Failure::NoAnswer),
    Some(Failure::Intercepted),
    Some(Failure::Status),
    Some(Failure::TooSlow),
    Some(Failure::Open),
    Some(Failure::Local),
];

/// The years that RFC 3339 text can hold here: from -9999 to 9999.
fn written() -> (i64, i64) {
    (jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond())
}

/// Anything at all that has the type of an observation, with times up to these.
fn any_observation((first, last): (i64, i64)) -> impl Strategy<Value = Observation> {
    let now = at(0.0).as_millis();
    let times = prop_oneof![20 => now..now + 3_600_000, 1 => first..last, 1 => Just(first), 1 => Just(last)];
    let moment = times.prop_map(At::from_millis);
    let who = prop_oneof![
        6 => (1..7_usize).prop_map(|n| format!("G82{n:03}")),
        1 => Just(HUB.to_owned()),
        1 => ".{0,12}",
    ];
    let probe = prop_oneof![
        6 => (0..QUESTIONS.len()).prop_map(|n| QUESTIONS[n].id.to_owned()),
        1 => Just(ALIVE.to_owned()),
        1 => Just(BYE.to_owned()),
        1 => ".{0,12}",
    ];
    let ms = prop_oneof![
        4 => 0.0..10_000.0_f64,
        1 => any::<f64>(),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-5.0),
    ];
    let failure = (0..FAILURES.len()).prop_map(|n| FAILURES[n]);
    (moment.clone(), proptest::option::of(moment), who, probe, any::<bool>(), failure, ms, any::<bool>())
        .prop_map(|(at, received, practice, probe, ok, failure, ms, looked_up)| Observation {
            at,
            received,
            practice,
            probe,
            ok,
            failure,
            phase: looked_up.then_some(Phase::Dns),
            ms,
            ..blank()
        })
}

/// `told` checks every event: above all, that `at` never decreases.
#[test]
fn no_stream_of_observations_breaks_the_contract() {
    let estate = County::of(6).estate();
    let strategy = proptest::collection::vec(any_observation(written()), 0..400);
    let outcome = runner(60).run(&strategy, |lines| {
        told(&estate, &lines, 3600);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Times that no text can name, which only a program that uses the library can hand over. Each advance ends, each
/// timer that is left lies in the future, and time stands still rather than running back.
#[test]
fn the_ends_of_time_are_no_trouble() {
    let estate = County::of(4).estate();
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 500, i64::MAX - 1, i64::MAX];
    let wild = any_observation((i64::MIN, i64::MAX));
    let leaps = proptest::collection::vec((wild, proptest::option::of(0..ends.len())), 1..60);
    let outcome = runner(40).run(&leaps, |lines| {
        let mut correlator = Correlator::new(std::sync::Arc::clone(&estate));
        let mut latest = At::from_millis(i64::MIN);
        for (mut line, end) in lines {
            if let Some(end) = end {
                line.at = At::from_millis(ends[end]);
                line.received = line.received.map(|_| line.at);
            }
            correlator.take(&line);
            let now = correlator.picture().at;
            correlator.advance(now);
            prop_assert!(now >= latest, "time ran from {latest:?} back to {now:?}");
            latest = now;
            if let Some((due, reason)) = correlator.next_wake() {
                prop_assert!(due > now, "{reason:?} is due at {due:?}, which is past");
            }
        }
        let mut said = At::from_millis(i64::MIN);
        while let Some(event) = correlator.poll_event() {
            prop_assert!(event.at >= said && event.since <= event.at, "{event:?} after {said:?}");
            said = event.at;
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// The last moments that fit, with everything failing: once, timers there were due for ever.
#[test]
fn an_outage_at_the_end_of_time_ends() {
    let estate = County::of(4).estate();
    let mut correlator = Correlator::new(std::sync::Arc::clone(&estate));
    for back in [5_000, 2_000, 1, 0] {
        for practice in &estate.practices {
            for probe in &estate.probes {
                correlator.take(&Observation {
                    at: At::from_millis(i64::MAX - back),
                    practice: practice.id.clone(),
                    probe: probe.id.clone(),
                    ok: false,
                    failure: Some(Failure::Timeout),
                    ..blank()
                });
            }
        }
        correlator.advance(At::from_millis(i64::MAX));
    }
}

/// What was said after each line, with the number of the line.
fn said(estate: &std::sync::Arc<linewatch::estate::Estate>, lines: &[Observation]) -> Vec<(usize, Event)> {
    let mut correlator = Correlator::new(std::sync::Arc::clone(estate));
    let mut said = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        correlator.take(line);
        said.extend(std::iter::from_fn(|| correlator.poll_event()).map(|event| (number, event)));
    }
    said
}

/// A recording cut anywhere tells the beginning of the same story, and whatever follows changes nothing of it.
#[test]
fn nothing_that_is_said_depends_on_what_comes_later() {
    let county = County::of(6);
    let estate = county.estate();
    let strategy = (
        any_fault(),
        proptest::collection::vec(any_observation(written()), 1..40),
        proptest::collection::vec(any::<prop::sample::Index>(), 3),
    );
    let told = std::cell::Cell::new(0);
    let outcome = runner(5).run(&strategy, |(fault, others, cuts)| {
        let fault = [fault];
        let lines = stream(&county, USUAL, 1200, |asked| hits(&fault, &county, asked));
        let whole = said(&estate, &lines);
        told.set(told.get() + whole.len());
        for cut in cuts {
            let cut = cut.index(lines.len());
            let mut other = lines[..cut].to_vec();
            other.extend(others.iter().cloned());
            let (mut before, mut after) = (whole.clone(), said(&estate, &other));
            before.retain(|(number, _)| *number < cut);
            after.retain(|(number, _)| *number < cut);
            prop_assert!(before == after, "cut after line {cut}: {before:?}\nagainst\n{after:?}");
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(told.get() >= 5, "only {} events in all", told.get());
}

/// Storms that look real enough to open incidents: right ids and times, random results.
#[test]
fn no_storm_of_failures_breaks_the_contract() {
    let county = County::of(8);
    let estate = county.estate();
    let strategy = (any::<u32>(), proptest::collection::vec((0..3_000_u32, 30..900_u32, any_fault()), 1..5));
    let opened = std::cell::Cell::new(0);
    let outcome = runner(12).run(&strategy, |(salt, acts)| {
        let mut lines = stream(&county, USUAL, 4000, |asked| {
            for (from, lasts, fault) in &acts {
                let shifted = Asked { s: 301.0, ..*asked };
                if asked.during(f64::from(*from), f64::from(from + lasts)) {
                    let answer = hits(std::slice::from_ref(fault), &county, &shifted);
                    if answer != Answer::Well {
                        return answer;
                    }
                }
            }
            Answer::Well
        });
        // A tenth of them is late, twice, or out of order.
        for n in 0..lines.len() / 10 {
            let from = hash(&salt.to_string(), &n.to_string()) as usize % lines.len();
            let to = hash(&n.to_string(), &salt.to_string()) as usize % lines.len();
            if n % 3 == 0 { lines.swap(from, to) } else { lines[to] = lines[from].clone() }
        }
        opened.set(opened.get() + of_kind(&told(&estate, &lines, 4000), "opened").len());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    // Of silences behind a line of the hub's own none is told, so there are fewer than there are faults.
    assert!(opened.get() >= 10, "only {} incidents in all storms", opened.get());
}
