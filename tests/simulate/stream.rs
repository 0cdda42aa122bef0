//! The observations themselves: the same bytes twice, in order of arrival, silent where they must be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linewatch::observation::{ALIVE, Failure, HUB, Observation};
use linewatch::time::At;
use linewatch::world::scenario::Scenario;
use linewatch::world::virtual_time::{VirtualTime, blank};

use super::{scenario, with, world};

fn observations(scenario: &Scenario) -> Vec<Observation> {
    VirtualTime::new(&world(scenario), scenario).collect()
}

fn lines(scenario: &Scenario) -> String {
    observations(scenario).iter().map(|seen| serde_json::to_string(seen).expect("JSON") + "\n").collect()
}

fn short(name: &str, minutes: u64) -> Scenario {
    Scenario { length: Duration::from_secs(minutes * 60), ..scenario(name) }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let kent = short("kent-2023", 20);
    assert_eq!(lines(&kent), lines(&kent));
    assert_ne!(lines(&kent), lines(&Scenario { seed: 2, ..kent.clone() }));
}

#[test]
fn cutting_a_scenario_short_changes_nothing_before_the_cut() {
    let long = lines(&short("kent-2023", 20));
    let cut = lines(&short("kent-2023", 10));
    assert!(long.starts_with(&cut));
}

#[test]
fn observations_come_in_order_of_arrival_as_their_own_lines_say() {
    for name in ["kent-2023", "carrier-down", "own-goal"] {
        let scenario = short(name, 90);
        let world = world(&scenario);
        let mut stream = VirtualTime::new(&world, &scenario);
        let mut seen = blank();
        let mut last = scenario.span().0;
        while let Some(arrival) = stream.fill(&mut seen) {
            assert_eq!(arrival, seen.arrival(), "{name}: {seen:?}");
            assert!(arrival >= last, "{name}: {seen:?} after {last}");
            last = arrival;
        }
        assert!(last <= scenario.span().1, "{name}");
    }
}

#[test]
fn a_recorded_stream_reads_back_as_it_was() {
    let scenario = short("london-ambulance-2022", 30);
    for seen in observations(&scenario) {
        let line = serde_json::to_string(&seen).expect("JSON");
        assert_eq!(serde_json::from_str::<Observation>(&line).expect("its own line"), seen);
    }
}

#[test]
fn every_check_is_asked_once_an_interval_and_spread_over_it() {
    let scenario = with("");
    let mut asked: BTreeMap<(String, String), Vec<At>> = BTreeMap::new();
    let mut by_second = [0_u32; 30];
    for seen in observations(&scenario) {
        by_second[usize::try_from(seen.at.as_millis() / 1000 % 30).expect("a second")] += 1;
        asked.entry((seen.practice, seen.probe)).or_default().push(seen.at);
    }
    assert_eq!(asked.len(), 41 * 12 + 40, "each probe at each practice and at the hub, and each heartbeat");
    for (check, times) in &asked {
        let mut times = times.clone();
        times.sort();
        assert!(times.windows(2).all(|pair| pair[1].millis_since(pair[0]) == 30_000), "{check:?}");
    }
    let (least, most) = (by_second.iter().min().expect("30"), by_second.iter().max().expect("30"));
    assert!(*most < least * 4, "asked by second of the half minute: {by_second:?}");
}

#[test]
fn under_kent_2023_just_the_internet_checks_behind_the_firewall_time_out() {
    let scenario = Scenario {
        noise: linewatch::world::scenario::Noise { leak: 0.0, ..scenario("kent-2023").noise },
        ..short("kent-2023", 30)
    };
    let world = world(&scenario);
    let estate = world.estate();
    let firewall = estate.component("fw-maidstone").expect("the firewall");
    let behind: BTreeSet<&str> = estate
        .practices
        .iter()
        .filter(|practice| practice.via.iter().any(|used| used.any == [firewall]))
        .map(|practice| practice.id.as_str())
        .collect();
    let internet: BTreeSet<&str> = estate
        .probes
        .iter()
        .filter(|probe| estate.networks[probe.network.at()].id == "internet")
        .map(|probe| probe.id.as_str())
        .collect();
    let mut failed = 0;
    for seen in VirtualTime::new(&world, &scenario) {
        let struck = seen.at >= scenario.start
            && behind.contains(seen.practice.as_str())
            && internet.contains(seen.probe.as_str());
        assert_eq!(seen.ok, !struck, "{seen:?}");
        if struck {
            assert_eq!(seen.failure, Some(Failure::Timeout));
            assert!((seen.ms - 5_000.0).abs() < f64::EPSILON);
            assert_eq!(seen.uplink.as_deref(), Some("hscn"));
            failed += 1;
        }
    }
    assert!(failed > 38 * internet.len() * 55, "{failed}");
}

#[test]
fn behind_a_dead_carrier_there_is_silence_and_afterwards_what_was_seen_meanwhile() {
    let scenario = scenario("carrier-down");
    let world = world(&scenario);
    let virgin = world.estate().component("virgin").expect("the carrier");
    let behind = |id: &str| {
        let practice = world.estate().practice(id).expect("a practice");
        world.estate().practices[practice.at()].via.iter().any(|used| used.any == [virgin])
    };
    let over = scenario.start.plus_millis(3_600_000);
    let mut late = 0;
    for seen in
        VirtualTime::new(&world, &scenario).filter(|seen| seen.practice != HUB && behind(&seen.practice))
    {
        let arrival = seen.arrival();
        assert!(arrival < scenario.start || arrival >= over, "heard in the silence: {seen:?}");
        if seen.received.is_some() {
            assert!(seen.at < over && arrival >= over, "{seen:?}");
            assert_ne!(seen.probe, ALIVE, "old heartbeats say nothing");
            late += 1;
        }
    }
    let practices = world.estate().practices.iter().filter(|practice| behind(&practice.id)).count();
    assert!(late > practices * 12 * 118, "an hour of checks comes in late, not {late}");
}

#[test]
fn agents_that_lose_what_they_cannot_report_send_nothing_late() {
    let mut scenario = scenario("carrier-down");
    scenario.noise.spool = linewatch::world::scenario::Spool::Lost;
    assert!(observations(&scenario).iter().all(|seen| seen.received.is_none()));
}

#[test]
fn an_agent_that_is_off_neither_asks_nor_reports_nor_spools() {
    let scenario =
        with("[[fault]]\npractice = \"G82003\"\nmode = \"off\"\nat = \"+10m\"\nuntil = \"+40m\"\n");
    let off = (scenario.start.plus_millis(600_000), scenario.start.plus_millis(2_400_000));
    let of_it: Vec<Observation> =
        observations(&scenario).into_iter().filter(|seen| seen.practice == "G82003").collect();
    assert!(of_it.iter().all(|seen| seen.at < off.0 || seen.at >= off.1));
    assert!(of_it.iter().any(|seen| seen.at >= off.1), "it is back");
}

#[test]
fn quiet_days_hold_no_more_bad_luck_than_the_scenario_says() {
    let scenario = short("quiet-year", 600);
    let all = observations(&scenario);
    let mut failures: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for seen in all.iter().filter(|seen| !seen.ok) {
        *failures.entry((&seen.practice, &seen.probe)).or_default() += 1;
    }
    let flaky = failures.values().filter(|count| **count > 1_220 / 25).count();
    assert_eq!(flaky, scenario.noise.flaky, "checks that fail more than four times in a hundred");
}
