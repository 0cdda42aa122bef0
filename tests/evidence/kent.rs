//! A report on kent-2023 has the minutes of the truth: the simulator knows which asking met the fault, and between two askings
//! nobody can know.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use linewatch::calendar::Hours;
use linewatch::correlate::Correlator;
use linewatch::estate::{Estate, Vantage};
use linewatch::journal::body::Turn;
use linewatch::notify::Fix;
use linewatch::observation::HUB;
use linewatch::report::{
    Facts, Filter, Ground, IncidentFigures, PeriodFigures, State, incident_csv, incident_html,
};
use linewatch::store::{JournalReader, Store, Transition};
use linewatch::time::At;
use linewatch::world::estates::build;
use linewatch::world::faults::{Fate, World};
use linewatch::world::scenario::{Scenario, shipped};
use linewatch::world::timetable::Clock;
use linewatch::world::virtual_time::{VirtualTime, blank};

/// By practice and probe: from which asking to which the fault was met.
type Truth = BTreeMap<(String, String), Vec<(At, At)>>;

struct Played {
    world: World,
    scenario: Scenario,
    truth: Truth,
    end: At,
}

/// Plays the scenario into a store, as a hub would record it.
async fn played(dir: &Path, change: impl FnOnce(&mut Scenario)) -> Played {
    let text = shipped("kent-2023").expect("a shipped scenario");
    let mut scenario = Scenario::parse("kent-2023", text).expect("a sound scenario");
    change(&mut scenario);
    let mut estate = build(&scenario.plan);
    for component in estate.components.iter_mut().filter(|component| component.kind == "firewall") {
        component.owner = Some("ICB network team".to_owned());
        component.target_percent = Some(99.9);
    }
    let world = World::new(Arc::new(estate), &scenario, Clock::Virtual).expect("names that the estate has");
    let mut correlator = Correlator::new(world.estate().clone());
    let mut stream = VirtualTime::new(&world, &scenario);
    let store = Store::open(dir).await.expect("a store");
    store.record_measuring(scenario.span().0, Turn::Started).await.expect("written");
    let mut seen = blank();
    let mut truth: BTreeMap<(String, String), Vec<(At, bool)>> = BTreeMap::new();
    let mut last: BTreeMap<(String, String), bool> = BTreeMap::new();
    let mut turned = Vec::new();
    let mut firewalls: Option<String> = None;
    let mut flushed = scenario.span().0;
    while let Some(arrival) = stream.fill(&mut seen) {
        correlator.advance(arrival);
        correlator.observe(arrival, &seen);
        if let Some(probe) = world.estate().probe(&seen.probe).filter(|_| seen.practice != HUB) {
            let practice = world.estate().practice(&seen.practice).expect("a practice");
            let fate = world.fate(Vantage::Practice(practice), probe, seen.at, 0);
            let key = (seen.practice.clone(), seen.probe.clone());
            let met = !matches!(fate, Fate::Pass | Fate::Slow { .. });
            let asked = truth.entry(key.clone()).or_default();
            if asked.last().is_none_or(|(_, before)| *before != met) {
                asked.push((seen.at, met));
            }
            if last.insert(key, seen.ok).unwrap_or(true) != seen.ok {
                turned.push(Transition::of(&seen));
            }
        }
        while let Some(event) = correlator.poll_event() {
            if event.cause.iter().any(|cause| cause.id == "fw-maidstone") {
                firewalls.get_or_insert_with(|| event.incident.clone());
            }
            store.record(&event, &[]).await.expect("written");
        }
        if arrival.millis_since(flushed) > 60_000 && !turned.is_empty() {
            store.record_transitions(arrival, &std::mem::take(&mut turned)).await.expect("written");
            flushed = arrival;
        }
    }
    let end = stream.end();
    for (number, at) in mended_at(&scenario).into_iter().enumerate() {
        let (said_at, by) = (at.plus_millis(600_000).min(end), "Jo Bloggs".to_owned());
        let (incident, what) = (firewalls.clone().expect("it was opened"), format!("fix {}", number + 1));
        store.record_fix(Fix { incident, at, said_at, by, what }).await.expect("written");
    }
    correlator.advance(end);
    while let Some(event) = correlator.poll_event() {
        store.record(&event, &[]).await.expect("written");
    }
    store.record_transitions(end, &turned).await.expect("written");
    store.record_measuring(end, Turn::Stopped).await.expect("written");
    store.close().await;
    let spans = |asked: Vec<(At, bool)>| {
        let ends: Vec<At> = asked.iter().skip(1).map(|(at, _)| *at).chain([end]).collect();
        asked.into_iter().zip(ends).filter(|((_, met), _)| *met).map(|((from, _), to)| (from, to)).collect()
    };
    let truth = truth.into_iter().map(|(key, asked)| (key, spans(asked))).collect();
    Played { world, scenario, truth, end }
}

/// When the script brings sites back: three times some of them, and in the end all.
fn mended_at(scenario: &Scenario) -> Vec<At> {
    let begin = scenario.start;
    let firewall = scenario
        .faults
        .iter()
        .find(|fault| fault.id.as_deref() == Some("firewall"))
        .expect("the scenario's first");
    let steps = firewall.recovery.iter().filter(|step| step.sites > 0.0).map(|step| step.at);
    steps.chain(firewall.when.until).map(|after| begin + after).collect()
}

/// How many practices each fix brought back, by the askings themselves: something met the fault when it was made, and nothing did when its
/// window ended.
fn effects_are_the_truth(played: &Played, figures: &IncidentFigures) {
    let estate = played.world.estate();
    let fixes = &figures.fixes;
    assert_eq!(fixes.iter().map(|fix| fix.at.utc).collect::<Vec<_>>(), mended_at(&played.scenario));
    let about = |probe: &str| {
        let service = estate.probe(probe).and_then(|ix| estate.probes[ix.at()].service);
        service.is_none_or(|ix| {
            figures.practices.iter().flat_map(|p| &p.services).any(|s| s.id == estate.services[ix.at()].id)
        })
    };
    let meets = |practice: &str, at: At| {
        let of_practice = played.truth.iter().filter(|((id, probe), _)| id == practice && about(probe));
        of_practice.flat_map(|(_, spans)| spans).any(|(from, to)| (*from..*to).contains(&at))
    };
    let mut all_back = 0;
    for fix in fixes {
        let end = fix.until.utc.plus_millis(-1);
        let count = |before: bool, after: bool| {
            let turned = |p: &&linewatch::report::PracticeFigures| {
                (meets(&p.id, fix.at.utc), meets(&p.id, end)) == (before, after)
            };
            figures.practices.iter().filter(turned).count()
        };
        let told = &fix.practices;
        assert_eq!(told.back, count(true, false), "{}", fix.effect);
        assert_eq!(told.newly_failing, count(false, true), "{}", fix.effect);
        assert_eq!(told.failing_before, told.back + count(true, true), "{}", fix.effect);
        assert_eq!(told.not_known, 0);
        all_back += told.back;
    }
    assert!(all_back > figures.practices.len() / 2, "the fixes brought most of them back: {all_back}");
}

async fn facts(dir: &Path, estate: &Estate, now: At) -> Facts {
    let mut journal = JournalReader::open(dir).await.expect("a journal");
    let mut gatherer = Facts::gatherer(estate);
    let until = journal.measured_until().await.expect("an answer");
    let record = journal.walk(None, |entry| gatherer.take(entry)).await.expect("read");
    assert!(record.is_sound(), "{record:?}");
    gatherer.end(until, now)
}

/// The script changes on these.
const PART_MS: i64 = 3_750;

/// Milliseconds in which a practice's way to a probe was down, by the script itself.
fn scripted_ms(played: &Played, practice: &str, probe: &str) -> i64 {
    let estate = played.world.estate();
    let (practice, probe) =
        (estate.practice(practice).expect("a practice"), estate.probe(probe).expect("a probe"));
    let (begin, end) = played.scenario.span();
    let parts = end.millis_since(begin) / PART_MS;
    let met = |part: i64| {
        let at = begin.plus_millis(part * PART_MS);
        played.world.fate(Vantage::Practice(practice), probe, at, 0) == Fate::Drop
    };
    PART_MS * i64::try_from((0..parts).filter(|part| met(*part)).count()).expect("a number")
}

fn every_ms(estate: &Estate) -> i64 {
    i64::try_from(estate.probes[0].every.as_millis()).expect("short")
}

/// Each service at each practice, against each asking and against the script; how many were compared.
fn services_are_the_truth(played: &Played, figures: &IncidentFigures, slack: i64) -> usize {
    let estate = played.world.estate();
    let every_ms = every_ms(estate);
    let mut compared = 0;
    for practice in &figures.practices {
        for service in practice.services.iter().filter(|service| service.kind == "service") {
            let probe = estate
                .probes
                .iter()
                .find(|probe| probe.service.is_some_and(|ix| estate.services[ix.at()].id == service.id))
                .expect("one check a service");
            let truth = &played.truth[&(practice.id.clone(), probe.id.clone())];
            let true_ms: i64 = truth.iter().map(|(from, to)| to.millis_since(*from)).sum();
            let off = (service.no_answer_ms - true_ms).abs();
            assert!(
                off <= slack * every_ms,
                "{} {}: {} ms by the report, {true_ms} ms by the world",
                practice.id,
                service.id,
                service.no_answer_ms
            );
            if slack == 0 {
                let told: Vec<(At, At)> =
                    service.no_answer.iter().map(|span| (span.from.utc, span.to.utc)).collect();
                assert_eq!(&told, truth, "{} {}", practice.id, service.id);
            }
            let scripted_ms = scripted_ms(played, &practice.id, &probe.id);
            let ends = 2 * i64::try_from(truth.len()).expect("few");
            assert!(
                (service.no_answer_ms - scripted_ms).abs() <= (ends + slack) * every_ms,
                "{}",
                practice.id
            );
            assert_eq!(service.not_measured_ms, 0);
            compared += 1;
        }
    }
    compared
}

/// `slack`: intervals by which everyday bad luck may lengthen a stretch.
async fn minutes_are_the_truth(change: impl FnOnce(&mut Scenario), slack: i64) {
    let dir = tempfile::tempdir().expect("a folder");
    let played = played(dir.path(), change).await;
    let estate = played.world.estate();
    let mut facts = facts(dir.path(), estate, played.end).await;
    // A hub notes every ten seconds that it is there; here that would be fifty thousand rows more.
    facts.gaps.clear();
    let hours = Hours::core();
    let ground = Ground { estate, facts: &facts, hours: &hours, planned: &[], now: played.end };
    let ids: Vec<&String> = facts
        .incidents
        .iter()
        .filter(|(_, events)| {
            events.iter().any(|event| event.cause.iter().any(|cause| cause.id == "fw-maidstone"))
        })
        .map(|(id, _)| id)
        .collect();
    let [id] = ids.as_slice() else { panic!("one incident for five days, not {ids:?}") };
    let figures = IncidentFigures::new(&ground, id).expect("figures");
    assert_eq!(figures.state, State::Recovered);
    let behind = estate.component("fw-maidstone").expect("a firewall");
    let hit: Vec<_> =
        estate.practices.iter().filter(|p| p.via.iter().any(|used| used.any.contains(&behind))).collect();
    assert_eq!(figures.practices_affected, hit.len());
    assert_eq!(figures.patients, hit.iter().filter_map(|p| p.list_size).map(u64::from).sum::<u64>());
    let compared = services_are_the_truth(&played, &figures, slack);
    assert_eq!(compared, hit.len() * 4, "Accurx, NHSmail, Docman and telephony go over the internet");
    if played.scenario.length > Duration::from_hours(24) {
        // Who was down from the first minute to the last lost Thursday, Friday, Monday, and Tuesday until half past twelve.
        let worst = figures.practices.iter().flat_map(|p| &p.services).map(|s| s.no_answer_core_ms).max();
        let off = worst.expect("somebody") - (3 * 630 + 270) * 60_000;
        assert!(off.abs() <= 2 * every_ms(estate), "{off} ms");
    }
    // Each fix shows as who came back.
    let back: Vec<usize> =
        figures.changes.iter().map(|change| change.back.len()).filter(|count| *count > 3).collect();
    assert!(back.len() >= 3, "{back:?}");
    if slack == 0 {
        effects_are_the_truth(&played, &figures);
    }
    period_agrees(&ground, &played, &figures);
    let html = incident_html(&ground, &figures, &record(dir.path()).await).expect("a page");
    assert!(
        !html.contains("<script") && !html.contains("http://") && !html.contains("https://"),
        "all is in it"
    );
    let csv = String::from_utf8(incident_csv(&figures).expect("a table")).expect("text");
    let stretches: usize =
        figures.practices.iter().flat_map(|p| &p.services).map(|s| s.no_answer.len()).sum();
    assert_eq!(csv.lines().count(), 1 + stretches + figures.fixes.len());
    if let Some(folder) = std::env::var_os("LINEWATCH_KEEP_REPORT") {
        keep(Path::new(&folder), dir.path(), &ground, &played, &figures).await;
    }
}

/// For whoever wants to look at them.
async fn keep(folder: &Path, dir: &Path, ground: &Ground<'_>, played: &Played, figures: &IncidentFigures) {
    let record = record(dir).await;
    let html = incident_html(ground, figures, &record).expect("a page");
    std::fs::write(folder.join("kent-2023.html"), html).expect("written");
    std::fs::write(folder.join("kent-2023.csv"), incident_csv(figures).expect("a table")).expect("written");
    let period = PeriodFigures::new(ground, played.scenario.span().0, played.end, &Filter::default());
    let html = linewatch::report::period_html(ground, &period, &record).expect("a page");
    std::fs::write(folder.join("period.html"), html).expect("written");
}

async fn record(dir: &Path) -> linewatch::journal::Checked {
    super::verified(dir, None).await
}

fn period_agrees(ground: &Ground<'_>, played: &Played, figures: &IncidentFigures) {
    let (from, to) = (played.scenario.span().0, played.end);
    let period = PeriodFigures::new(ground, from, to, &Filter::default());
    let supplier = Filter { supplier: Some("ICB network team".to_owned()), ..Filter::default() };
    let supplier = PeriodFigures::new(ground, from, to, &supplier);
    assert_eq!(supplier.incidents.len(), 1);
    let firewall = supplier.suppliers.iter().find(|line| line.id == "fw-maidstone").expect("it has an owner");
    assert_eq!((firewall.practices_behind, firewall.is_met), (figures.practices.len(), Some(false)));
    let lost = firewall.practice_no_answer_ms as f64;
    let all = period.length_ms as f64 * firewall.practices_behind as f64;
    let availability = firewall.availability_percent.expect("measured");
    assert!((availability - 100.0 * (1.0 - lost / all)).abs() < 1e-9);
    let other = supplier.suppliers.iter().find(|line| line.id == "fw-canterbury").expect("it has an owner");
    assert_eq!((other.availability_percent, other.is_met), (Some(100.0), Some(true)));
    assert_eq!(period.not_measured_ms, 0);
    assert_eq!(period.months.len(), 1);
    let first = &figures.practices[0];
    let only = Filter { practice: ground.estate.practice(&first.id), ..Filter::default() };
    let only = PeriodFigures::new(ground, from, to, &only);
    assert!(only.practices.iter().all(|total| total.practice == first.id));
    let outages = only.outages.iter().filter(|outage| outage.incident == figures.incident);
    let services: Vec<_> = outages.map(|outage| outage.service.clone()).collect();
    assert_eq!(services, first.services, "the same stretches in both reports");
    for service in first.services.iter().filter(|service| service.kind == "service") {
        let total =
            only.practices.iter().find(|total| total.service == service.id).expect("the same service");
        assert!(total.no_answer_ms >= service.no_answer_ms, "other incidents may add to it");
    }
}

/// The same story told in an hour and a half, so that a build that isn't optimised can play it.
fn short(scenario: &mut Scenario) {
    let shorter = |length: &mut Duration| *length /= 96;
    scenario.noise.leak = 0.0;
    scenario.plan.practices = 20;
    shorter(&mut scenario.length);
    // An all-clear takes as long as ever.
    scenario.length += Duration::from_mins(20);
    for fault in &mut scenario.faults {
        shorter(&mut fault.when.from);
        fault.when.until.iter_mut().for_each(shorter);
        fault.recovery.iter_mut().for_each(|step| shorter(&mut step.at));
    }
}

#[tokio::test]
async fn the_minutes_are_those_of_the_truth_to_the_millisecond_of_the_askings() {
    minutes_are_the_truth(short, 0).await;
}

#[tokio::test]
#[ignore = "takes minutes: cargo test --test evidence -- --ignored"]
async fn the_same_at_the_scenarios_own_pace() {
    minutes_are_the_truth(|scenario| scenario.noise.leak = 0.0, 0).await;
}

/// As shipped: two askings in a thousand fail for no reason at all.
#[tokio::test]
#[ignore = "takes minutes: cargo test --test evidence -- --ignored"]
async fn everyday_bad_luck_adds_an_interval_here_and_there_and_no_more() {
    minutes_are_the_truth(|_| {}, 4).await;
}
