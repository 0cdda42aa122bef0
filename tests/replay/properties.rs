//! What holds for any county and any weather: the order in which practices stand in the file doesn't matter, and a
//! healthy answer does not make its own path more suspect. `storms` has what holds for any stream whatever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use linewatch::correlate::Correlator;
use linewatch::estate::{Estate, Hop, PracticeIx, ProbeIx, Vantage};
use linewatch::incident::Cause;
use linewatch::observation::{ALIVE, Failure, Observation, Phase};
use linewatch::world::virtual_time::blank;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::county::{County, QUESTIONS};
use super::stream::{Answer, Asked, TIMED_OUT, USUAL, at, hash, stream};
use super::told::{cause, names, told};

/// The same cases in every run.
pub fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[0x5E; 32]))
}

/// Something goes wrong between 300 s and 900 s.
#[derive(Debug, Clone)]
pub enum Fault {
    Firewall,
    Carrier,
    Network,
    Service(&'static str),
    Practice(usize),
    /// So many in a hundred of all checks fail, here and there.
    Rain(u32),
}

pub fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Firewall),
        Just(Fault::Carrier),
        Just(Fault::Network),
        prop_oneof![Just("accurx"), Just("emis"), Just("telephony")].prop_map(Fault::Service),
        (0..8_usize).prop_map(Fault::Practice),
        (1..40_u32).prop_map(Fault::Rain),
    ]
}

pub fn hits(faults: &[Fault], county: &County, asked: &Asked<'_>) -> Answer {
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

/// What was told, without what the order of the file decides: numbers of incidents and the order of lists.
fn gist(events: &[serde_json::Value]) -> Vec<String> {
    let mut gist: Vec<String> = events
        .iter()
        .map(|event| {
            let set = |field: &str| names(&event[field]).into_iter().collect::<BTreeSet<_>>();
            let mut others: Vec<String> = event["alternatives"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|other| {
                    format!("{} {:.4}", cause(other), other["probability"].as_f64().unwrap_or(f64::NAN))
                })
                .collect();
            others.sort();
            format!(
                "{} {} {} p={:.4} against {others:?} {} on {} since {} of {:?} and {:?}: {} {}",
                event["at"],
                event["event"],
                cause(event),
                event["probability"].as_f64().unwrap_or(f64::NAN),
                event["signature"],
                event["network"],
                event["since"],
                set("practices"),
                set("services"),
                event["evidence"],
                event["reason"],
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
            "{faults:?} {order:?}\n{:#?}\nagainst\n{:#?}",
            gist(&one),
            gist(&other)
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

/// How far a probability may rise. Not at all but for rounding, once the search weighs every explanation: one good
/// answer among bad ones makes a partial fault likelier than a total one, and a search that follows one of them
/// only may then find it elsewhere on the path.
const RISE_MAX: f64 = 0.02;

#[test]
fn a_healthy_answer_does_not_make_its_own_path_more_suspect() {
    let checks = QUESTIONS.len();
    let strategy = (2..7_usize, any::<u64>(), 5..70_u64, any::<prop::sample::Index>(), any_fault());
    let highest = std::cell::Cell::new(0.0_f64);
    let outcome = runner(256).run(&strategy, |(practices, salt, asked_percent, extra, fault)| {
        let county = County::of(practices);
        let estate = county.estate();
        // Something is down. Which checks were asked since is chance.
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
                let asked = Asked { s: 400.0, site: Some(site), question: Some(*question) };
                let fine = hits(std::slice::from_ref(&fault), &county, &asked) == Answer::Well;
                results.push((practice, probe, fine));
            }
        }
        let before = after_a_round(&estate, &results);
        results.push((extra_practice, extra_probe, true));
        let after = after_a_round(&estate, &results);
        for crossed in path(&estate, extra_practice, extra_probe) {
            let (was, is) = (before.get(&crossed).copied(), after.get(&crossed).copied());
            highest.set(highest.get().max(is.unwrap_or(0.0) - was.unwrap_or(0.0)));
            prop_assert!(
                is.unwrap_or(0.0) <= was.unwrap_or(0.0) + RISE_MAX,
                "{crossed}: {was:?} before {} answered at {}, {is:?} after; {fault:?}, {practices} practices, \
                 in order (practice, probe, ok): {results:?}",
                QUESTIONS[extra_probe].id,
                county.sites[extra_practice].ods
            );
        }
        Ok(())
    });
    println!("the highest rise: {:.6}", highest.get());
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
