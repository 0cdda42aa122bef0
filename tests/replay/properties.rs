//! What holds for any county and any weather: neither the order in which practices stand in the file nor the
//! order of probes matters, a healthy answer does not make its own path more suspect, and no stream whatever makes
//! time run backwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use linewatch::correlate::Correlator;
use linewatch::estate::{Estate, Hop, PracticeIx, ProbeIx, Vantage};
use linewatch::incident::Cause;
use linewatch::observation::{ALIVE, BYE, Failure, HUB, Observation, Phase};
use linewatch::time::At;
use linewatch::world::virtual_time::blank;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::county::{County, QUESTIONS};
use super::stream::{Answer, Asked, TIMED_OUT, USUAL, at, hash, stream};
use super::told::{brief, cause, names, of_kind, told};

/// The same cases in every run.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[0x5E; 32]))
}

/// Something goes wrong between 300 s and 900 s.
#[derive(Debug, Clone)]
enum Fault {
    Firewall,
    Carrier,
    Network,
    Service(&'static str),
    Practice(usize),
    /// So many in a hundred of all checks fail, here and there.
    Rain(u32),
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Firewall),
        Just(Fault::Carrier),
        Just(Fault::Network),
        prop_oneof![Just("accurx"), Just("emis"), Just("telephony")].prop_map(Fault::Service),
        (0..8_usize).prop_map(Fault::Practice),
        (1..40_u32).prop_map(Fault::Rain),
    ]
}

fn hits(faults: &[Fault], county: &County, asked: &Asked<'_>) -> Answer {
    if !asked.during(300.5, 900.5) {
        return Answer::Well;
    }
    for fault in faults {
        let answer = match fault {
            Fault::Firewall => asked.behind("fw-maidstone") && asked.on("internet"),
            Fault::Carrier if asked.over("bt") => return Answer::Unheard,
            Fault::Carrier => false,
            Fault::Network => asked.on("hscn"),
            Fault::Service(service) => asked.of(service),
            Fault::Practice(n) => asked.at(&county.sites[n % county.sites.len()].ods),
            Fault::Rain(percent) => {
                let who = asked.site.map_or("@hub", |site| &site.ods);
                hash(
                    &format!("{who}{}", asked.question.map_or("", |question| question.id)),
                    &asked.s.to_string(),
                ) % 100
                    < *percent
            }
        };
        if answer && asked.question.is_some() {
            return TIMED_OUT;
        }
    }
    Answer::Well
}

/// What was told, without what may differ: lists as sets, by incident.
type Gist = Vec<(String, String, BTreeSet<String>, BTreeSet<String>, String)>;

fn gist(events: &[serde_json::Value]) -> Gist {
    let mut gist: Gist = events
        .iter()
        .map(|event| {
            (
                event["event"].to_string(),
                cause(event),
                names(&event["practices"]).into_iter().collect(),
                names(&event["services"]).into_iter().collect(),
                event["at"].to_string(),
            )
        })
        .collect();
    gist.sort();
    gist
}

#[test]
fn the_order_of_the_practices_in_the_file_does_not_matter() {
    let strategy = (any_fault(), proptest::option::of(any_fault()), 6..16_usize).prop_flat_map(
        |(first, second, practices)| {
            let order = Just((0..practices).collect::<Vec<_>>()).prop_shuffle();
            (Just(first), Just(second), order)
        },
    );
    let outcome = runner(12).run(&strategy, |(first, second, order)| {
        let county = County::of(order.len());
        let faults: Vec<Fault> = [Some(first), second].into_iter().flatten().collect();
        let lines = stream(&county, USUAL, 1500, |asked| hits(&faults, &county, asked));
        let mut turned = county.clone();
        turned.sites = order.iter().map(|n| county.sites[*n].clone()).collect();
        let one = told(&county.estate(), &lines, 1500);
        let other = told(&turned.estate(), &lines, 1500);
        prop_assert!(
            gist(&one) == gist(&other),
            "{faults:?} {order:?}\n{}\nagainst\n{}",
            brief(&one),
            brief(&other)
        );
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

fn suspects(correlator: &Correlator) -> BTreeMap<Cause, f64> {
    let picture = correlator.picture();
    picture.suspects.into_iter().map(|suspect| (suspect.cause, suspect.probability)).collect()
}

/// Everything that a check crosses, in the words of events; the practice itself isn't among the suspects.
fn path(estate: &Estate, practice: usize, probe: usize) -> Vec<Cause> {
    let named = |kind: &str, id: &str| Cause { kind: kind.to_owned(), id: id.to_owned() };
    estate
        .path(Vantage::Practice(PracticeIx::new(practice)), ProbeIx::new(probe))
        .into_iter()
        .filter_map(|hop| match hop {
            Hop::Component(ix) => {
                let component = &estate.components[ix.at()];
                Some(named(&component.kind, &component.id))
            }
            Hop::Network(ix) => Some(named(Cause::NETWORK, &estate.networks[ix.at()].id)),
            Hop::Service(ix) => Some(named(Cause::SERVICE, &estate.services[ix.at()].id)),
            Hop::Practice(_) | Hop::AnyOf(_) | Hop::Monitor => None,
        })
        .collect()
}

/// What is known after one round of answers, some of them failures, judged at its end.
fn after_a_round(estate: &Arc<Estate>, results: &[(usize, usize, bool)]) -> BTreeMap<Cause, f64> {
    let mut correlator = Correlator::new(Arc::clone(estate));
    // Practices are known to live before anything is asked.
    for practice in &estate.practices {
        let alive =
            Observation { at: at(0.0), practice: practice.id.clone(), probe: ALIVE.to_owned(), ..blank() };
        correlator.take(&alive);
    }
    let mut lines: Vec<Observation> = results
        .iter()
        .map(|(practice, probe, ok)| Observation {
            at: at(10.0),
            practice: estate.practices[*practice].id.clone(),
            probe: estate.probes[*probe].id.clone(),
            ok: *ok,
            failure: (!ok).then_some(Failure::Timeout),
            phase: (!ok).then_some(Phase::Connect),
            ms: 30.0,
            ..blank()
        })
        .collect();
    super::stream::sort(&mut lines);
    for line in &lines {
        correlator.take(line);
    }
    correlator.advance(at(12.0));
    suspects(&correlator)
}

/// How far a probability may rise. Not at all, if faults were all or nothing; but one good answer among bad ones
/// makes a partial fault likelier than a total one, and a partial fault may be of something else on the path.
const RISE_MAX: f64 = 0.02;

#[test]
fn a_healthy_answer_does_not_make_its_own_path_more_suspect() {
    let checks = QUESTIONS.len();
    let strategy = (2..7_usize, any::<u64>(), 5..70_u64, any::<prop::sample::Index>());
    let outcome = runner(256).run(&strategy, |(practices, salt, asked_percent, extra)| {
        let county = County::of(practices);
        let estate = county.estate();
        // A firewall is down. Which checks were asked since is chance.
        let draw = |practice: usize, probe: usize, what: &str| {
            u64::from(hash(&format!("{practice}/{probe}/{what}"), &salt.to_string())) % 100
        };
        let extra = extra.index(practices * checks);
        let (extra_practice, extra_probe) = (extra / checks, extra % checks);
        let mut results = Vec::new();
        for (practice, site) in county.sites.iter().enumerate() {
            for (probe, question) in QUESTIONS.iter().enumerate() {
                if (practice, probe) == (extra_practice, extra_probe)
                    || draw(practice, probe, "asked") >= asked_percent + 25
                {
                    continue;
                }
                let down = site.firewall == "fw-maidstone" && question.network == "internet";
                results.push((practice, probe, !down));
            }
        }
        let before = after_a_round(&estate, &results);
        results.push((extra_practice, extra_probe, true));
        let after = after_a_round(&estate, &results);
        for crossed in path(&estate, extra_practice, extra_probe) {
            let (was, is) = (before.get(&crossed).copied(), after.get(&crossed).copied());
            prop_assert!(
                is.unwrap_or(0.0) <= was.unwrap_or(0.0) + RISE_MAX,
                "{crossed}: {was:?} before {} answered at {}, {is:?} after; of {practices} practices, in order \
                 (practice, probe, ok): {results:?}",
                QUESTIONS[extra_probe].id,
                county.sites[extra_practice].ods
            );
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

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

/// Anything at all that has the type of an observation.
fn any_observation() -> impl Strategy<Value = Observation> {
    // The years that RFC 3339 text can hold here: from -9999 to 9999.
    let (first, last) = (jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
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
    let strategy = proptest::collection::vec(any_observation(), 0..400);
    let outcome = runner(60).run(&strategy, |lines| {
        told(&estate, &lines, 3600);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
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
    assert!(opened.get() > 12, "only {} incidents in all storms", opened.get());
}
