//! The scenario files: all of them sound, and what is wrong with an unsound one is said with its place.

use std::collections::BTreeSet;
use std::time::Duration;

use linewatch::world::faults::World;
use linewatch::world::scenario::{Expected, Mode, SHIPPED, Scenario, Target};
use linewatch::world::timetable::Clock;

use super::{scenario, world};

#[test]
fn every_file_of_the_folder_is_shipped_and_sound_and_names_what_its_estate_has() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().replace(".toml", ""))
        .collect();
    let shipped: BTreeSet<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, shipped);
    for name in files {
        let scenario = scenario(&name);
        let world = world(&scenario);
        assert!(!scenario.expected.is_empty(), "{name} expects nothing");
        for expected in &scenario.expected {
            let Expected::Verdict(verdict) = expected else { continue };
            for cause in &verdict.cause {
                let estate = world.estate();
                let found = match cause.kind.as_str() {
                    "practice" => estate.practice(&cause.id).is_some(),
                    "network" => estate.network(&cause.id).is_some(),
                    "service" => estate.service(&cause.id).is_some(),
                    "monitor" => cause.id == "hub",
                    kind => estate.components.iter().any(|c| c.id == cause.id && c.kind == kind),
                };
                assert!(found, "{name} expects {cause}, which its estate doesn't have");
            }
        }
    }
}

#[test]
fn every_day_of_the_design_has_its_scenario() {
    for day in [
        "kent-2021",
        "kent-2023",
        "kent-2026-jan",
        "kent-2026-apr",
        "staffs-n3",
        "emis-2023",
        "crowdstrike-2024",
        "allerton-2022",
        "london-ambulance-2022",
        "optus-2023",
        "facebook-dns-2021",
        "own-goal",
        "quiet-year",
    ] {
        assert!(SHIPPED.iter().any(|(name, _)| *name == day), "{day}");
    }
}

#[test]
fn a_drill_is_healthy_for_eight_seconds_and_over_within_75() {
    for (name, _) in SHIPPED {
        let scenario = scenario(name);
        assert!(scenario.drill_length <= Duration::from_secs(75), "{name}");
        for drill in scenario.faults.iter().filter_map(|fault| fault.drill) {
            assert!(drill.from >= Duration::from_secs(8), "{name}");
            assert!(drill.until.is_some_and(|until| until <= scenario.drill_length), "{name}");
        }
        assert!(scenario.can_be_drilled() || *name == "quiet-year", "{name}");
    }
}

#[test]
fn kent_2023_tells_of_five_days_behind_one_firewall() {
    let kent = scenario("kent-2023");
    assert_eq!(kent.faults[0].target, Target::Component("fw-maidstone".to_owned()));
    assert_eq!(kent.faults[0].mode, Mode::Total);
    assert_eq!(kent.faults[0].only_network.as_deref(), Some("internet"));
    assert!(kent.faults[0].when.until.expect("an end") > Duration::from_secs(5 * 86_400));
    assert!(kent.faults[0].recovery.iter().filter(|step| step.drill_at.is_some()).count() >= 2);
}

/// The drill plays it on the shipped estate, not on a made-up one.
#[test]
fn the_drills_scenarios_fit_the_shipped_estate() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/probes.toml");
    let estate = linewatch::config::load(std::path::Path::new(path)).expect("the shipped probes.toml").estate;
    let estate = std::sync::Arc::new(estate);
    for name in [
        "kent-2023",
        "carrier-down",
        "crowdstrike-2024",
        "emis-2023",
        "firewall-total",
        "hscn-core-down",
        "london-ambulance-2022",
        "one-practice-down",
        "one-service-down",
        "optus-2023",
        "own-goal",
        "staffs-n3",
    ] {
        let clock = Clock::Drill { began: "2026-11-23T12:00:00Z".parse().expect("a time") };
        if let Err(unknown) = World::new(std::sync::Arc::clone(&estate), &scenario(name), clock) {
            panic!("{unknown}");
        }
    }
}

fn troubles(text: &str) -> String {
    Scenario::parse("bad", text).expect_err("an unsound scenario").to_string()
}

const HEAD: &str =
    "title = \"t\"\nhappened = \"h\"\nseed = 5\nstart = 2026-03-02T09:00:00Z\nlength = \"2h\"\n";

#[test]
fn all_troubles_come_at_once_each_with_its_place() {
    let text = format!(
        "{HEAD}[[fault]]\ncomponent = \"a\"\nservice = \"b\"\nmode = \"totl\"\nat = \"soon\"\n\
         [[fault]]\nnetwork = \"hscn\"\nmode = \"total\"\nat = \"+1h\"\nuntil = \"+30m\"\nms = 5\n"
    );
    let all = troubles(&text);
    for part in [
        "bad.toml:6:1: this fault names 2 targets",
        "bad.toml:9:8: \"totl\" is no mode; write total, partial",
        "bad.toml:10:6: \"soon\" is not a length of time",
        "bad.toml:15:9: ends before it begins",
        "bad.toml:16:6: `ms` belongs to mode \"slow\"",
    ] {
        assert!(all.contains(part), "{part}\nis not in\n{all}");
    }
}

#[test]
fn an_unknown_key_is_a_trouble_with_its_place() {
    let all = troubles(&format!(
        "{HEAD}[[fault]]\nnetwork = \"hscn\"\nmode = \"total\"\nat = \"0s\"\nuntill = \"1h\"\n"
    ));
    assert!(all.starts_with("bad.toml:10:1: unknown field `untill`"), "{all}");
}

#[test]
fn a_start_without_a_zone_is_refused() {
    let all = troubles(&HEAD.replace("09:00:00Z", "09:00:00"));
    assert!(all.starts_with("bad.toml:4:9: needs date, time and zone"), "{all}");
}

#[test]
fn a_fault_on_something_that_the_estate_lacks_is_refused_with_the_nearest_name() {
    let scenario = super::with("[[fault]]\ncomponent = \"fw-maidstne\"\nmode = \"total\"\nat = \"0s\"\n");
    let estate = linewatch::world::estates::build(&scenario.plan);
    let clock = linewatch::world::timetable::Clock::Virtual;
    let error = linewatch::world::faults::World::new(estate.into(), &scenario, clock).expect_err("unknown");
    assert!(error.to_string().contains("component \"fw-maidstne\""), "{error}");
    assert!(error.to_string().contains("the nearest component is \"fw-maidstone\""), "{error}");
}
