//! What happens to one asking follows the path that it takes.

use std::sync::Arc;

use linewatch::estate::{Estate, NetworkIx, PracticeIx, ProbeIx, RoleUse, Vantage};
use linewatch::time::At;
use linewatch::world::estates::build;
use linewatch::world::faults::{Fate, World};
use linewatch::world::scenario::{DnsAnswer, Scenario};
use linewatch::world::timetable::Clock;

use super::{scenario, with, world};

fn practices(estate: &Estate) -> impl Iterator<Item = PracticeIx> + use<> {
    (0..estate.practices.len()).map(PracticeIx::new)
}

fn is_behind(estate: &Estate, practice: PracticeIx, component: &str) -> bool {
    let ix = estate.component(component).expect("a component");
    estate.practices[practice.at()].via.iter().any(|used| used.any.contains(&ix))
}

fn fate(world: &World, practice: PracticeIx, probe: &str, at: At) -> Fate {
    let probe = world.estate().probe(probe).expect("a probe");
    world.fate(Vantage::Practice(practice), probe, at, 0)
}

fn hub_fate(world: &World, probe: &str, at: At) -> Fate {
    world.fate(Vantage::Hub, world.estate().probe(probe).expect("a probe"), at, 0)
}

fn network(world: &World, id: &str) -> Option<NetworkIx> {
    world.estate().network(id)
}

fn minutes(scenario: &Scenario, minutes: i64) -> At {
    scenario.start.plus_millis(minutes * 60_000)
}

#[test]
fn behind_the_other_firewall_the_internet_lives_and_the_nhs_network_lives_everywhere() {
    let kent = scenario("kent-2023");
    let world = world(&kent);
    let now = minutes(&kent, 30);
    for practice in practices(world.estate()) {
        let hit = is_behind(world.estate(), practice, "fw-maidstone");
        let expected = if hit { Fate::Drop } else { Fate::Pass };
        assert_eq!(fate(&world, practice, "accurx-https", now), expected);
        assert_eq!(fate(&world, practice, "eps-https", now), Fate::Pass);
        assert_eq!(world.report_arrives(practice, now), network(&world, "hscn"));
    }
    assert_eq!(hub_fate(&world, "accurx-https", now), Fate::Pass, "the hub isn't behind that firewall");
}

#[test]
fn fixes_bring_back_the_share_that_the_script_says_and_take_it_away_again() {
    let kent = scenario("kent-2023");
    let world = world(&kent);
    let down = |hours: i64| {
        let now = minutes(&kent, hours * 60 + 30);
        practices(world.estate()).filter(|p| fate(&world, *p, "accurx-https", now) == Fate::Drop).count()
    };
    assert_eq!([down(0), down(10), down(25), down(33), down(99), down(125)], [38, 27, 38, 19, 8, 0]);
    let before = minutes(&kent, -1);
    assert!(practices(world.estate()).all(|p| fate(&world, p, "accurx-https", before) == Fate::Pass));
}

#[test]
fn a_carrier_takes_both_networks_and_the_reports_with_it() {
    let scenario = scenario("carrier-down");
    let world = world(&scenario);
    let now = minutes(&scenario, 30);
    for practice in practices(world.estate()) {
        let hit = is_behind(world.estate(), practice, "virgin");
        assert_eq!(world.report_arrives(practice, now).is_none(), hit);
        assert_eq!(fate(&world, practice, "eps-https", now) == Fate::Drop, hit);
        assert_eq!(fate(&world, practice, "accurx-https", now) == Fate::Drop, hit);
    }
}

#[test]
fn without_the_nhs_network_reports_go_over_the_internet() {
    let scenario = scenario("hscn-core-down");
    let world = world(&scenario);
    let now = minutes(&scenario, 30);
    assert!(practices(world.estate()).all(|p| world.report_arrives(p, now) == network(&world, "internet")));
    assert_eq!(hub_fate(&world, "hscn-tcp", now), Fate::Drop, "the hub stands on the same network");
    assert_eq!(hub_fate(&world, "internet-https", now), Fate::Pass);
}

#[test]
fn a_hub_that_is_cut_off_hears_nobody_and_its_own_checks_fail_while_the_practices_are_well() {
    let scenario = scenario("own-goal");
    let world = world(&scenario);
    let now = minutes(&scenario, 10);
    for practice in practices(world.estate()) {
        assert_eq!(world.report_arrives(practice, now), None);
        assert_eq!(fate(&world, practice, "accurx-https", now), Fate::Pass);
    }
    assert_eq!(hub_fate(&world, "accurx-https", now), Fate::Drop);
    assert_eq!(hub_fate(&world, "hscn-tcp", now), Fate::Drop);
}

#[test]
fn lost_names_hit_only_what_asks_by_name() {
    let scenario =
        with("[[fault]]\nnetwork = \"internet\"\nmode = \"dns\"\nanswer = \"servfail\"\nat = \"0s\"\n");
    let world = world(&scenario);
    let now = minutes(&scenario, 1);
    let one = PracticeIx(0);
    assert_eq!(fate(&world, one, "internet-dns", now), Fate::Dns(DnsAnswer::Servfail));
    assert_eq!(fate(&world, one, "accurx-https", now), Fate::Dns(DnsAnswer::Servfail));
    assert_eq!(fate(&world, one, "internet-ping", now), Fate::Pass, "it asks an address");
    assert_eq!(fate(&world, one, "eps-https", now), Fate::Pass, "it asks on the other network");
}

#[test]
fn an_intercepting_firewall_is_seen_by_tls_alone() {
    let scenario = with("[[fault]]\ncomponent = \"fw-maidstone\"\nmode = \"intercepted\"\nat = \"0s\"\n");
    let world = world(&scenario);
    let behind =
        practices(world.estate()).find(|p| is_behind(world.estate(), *p, "fw-maidstone")).expect("one");
    let now = minutes(&scenario, 1);
    assert_eq!(fate(&world, behind, "accurx-https", now), Fate::Intercept);
    assert_eq!(fate(&world, behind, "telephony-udp", now), Fate::Pass);
}

#[test]
fn a_partial_fault_hits_its_share_of_askings_and_each_asking_anew() {
    let scenario = with("[[fault]]\nservice = \"emis\"\nmode = \"partial\"\nrate = 0.3\nat = \"0s\"\n");
    let world = world(&scenario);
    let emis = world.estate().probe("emis-https").expect("a probe");
    let hit = (0..10_000)
        .filter(|n| {
            world.fate(Vantage::Practice(PracticeIx(n % 40)), emis, minutes(&scenario, 1), u64::from(*n))
                == Fate::Drop
        })
        .count();
    assert!((2_800..3_200).contains(&hit), "{hit} of 10,000");
}

#[test]
fn a_sticky_fault_hits_the_same_half_of_the_sites_every_time() {
    let scenario =
        with("[[fault]]\ncomponent = \"fw-maidstone\"\nmode = \"total\"\nsites = 0.5\nat = \"0s\"\n");
    let world = world(&scenario);
    let hit = |minute: i64| -> Vec<PracticeIx> {
        let now = minutes(&scenario, minute);
        practices(world.estate()).filter(|p| fate(&world, *p, "accurx-https", now) == Fate::Drop).collect()
    };
    assert_eq!(hit(1).len(), 19);
    assert_eq!(hit(1), hit(77));
}

#[test]
fn a_firmware_takes_site_after_site_once_each() {
    let scenario = with(
        "[estate]\nfirmwares = 1\n[[fault]]\ncomponent = \"mx-18.107\"\nmode = \"total\"\nat = \"0s\"\n\
         rolling = { over = \"100m\", lasts = \"5m\" }\n",
    );
    let world = world(&scenario);
    let mut times_down = vec![0; world.estate().practices.len()];
    for minute in 0..110 {
        let down: Vec<PracticeIx> = practices(world.estate())
            .filter(|p| fate(&world, *p, "eps-https", minutes(&scenario, minute)) == Fate::Drop)
            .collect();
        assert!(down.len() <= 3, "{} at once in minute {minute}", down.len());
        for practice in down {
            times_down[practice.at()] += 1;
        }
    }
    assert!(times_down.iter().all(|minutes| (4..=5).contains(minutes)), "{times_down:?}");
}

/// The usual estate, with the big firewall doubled.
fn with_spares() -> Estate {
    let mut estate = build(&with("").plan);
    let pair =
        [estate.component("fw-maidstone"), estate.component("fw-canterbury")].map(|ix| ix.expect("one"));
    for practice in &mut estate.practices {
        practice.via.retain(|used| used.role != "firewall");
        practice.via.push(RoleUse { role: "firewall".to_owned(), any: pair.to_vec() });
    }
    estate
}

#[test]
fn spares_fail_when_all_of_them_fail() {
    let one = "[[fault]]\ncomponent = \"fw-maidstone\"\nmode = \"total\"\nat = \"0s\"\n";
    let both = format!("{one}[[fault]]\ncomponent = \"fw-canterbury\"\nmode = \"total\"\nat = \"+1h\"\n");
    let scenario = with(&both);
    let world = World::new(Arc::new(with_spares()), &scenario, Clock::Virtual).expect("a world");
    for practice in practices(world.estate()) {
        assert_eq!(fate(&world, practice, "accurx-https", minutes(&scenario, 30)), Fate::Pass);
        assert_eq!(fate(&world, practice, "accurx-https", minutes(&scenario, 90)), Fate::Drop);
    }
}

#[test]
fn where_nothing_fails_over_one_dead_spare_is_a_fault_of_some_sites() {
    let scenario =
        with("[[fault]]\ncomponent = \"fw-maidstone\"\nmode = \"total\"\nfailover = false\nat = \"0s\"\n");
    let world = World::new(Arc::new(with_spares()), &scenario, Clock::Virtual).expect("a world");
    let now = minutes(&scenario, 30);
    let hit =
        practices(world.estate()).filter(|p| fate(&world, *p, "accurx-https", now) == Fate::Drop).count();
    assert!((10..=30).contains(&hit), "{hit} of 40");
}

#[test]
fn a_million_fates_are_a_matter_of_seconds_and_the_same_each_time() {
    let kent = scenario("kent-2023");
    let world = world(&kent);
    let sum = || {
        (0..1_000_000_u32)
            .filter(|n| {
                let at = minutes(&kent, 0).plus_millis(i64::from(*n) * 400);
                world.fate(Vantage::Practice(PracticeIx(n % 40)), ProbeIx(n % 12), at, 0) == Fate::Drop
            })
            .count()
    };
    assert_eq!(sum(), sum());
}
