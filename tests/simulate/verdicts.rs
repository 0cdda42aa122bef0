//! Every scenario through the correlator, against the verdict that it demands: one test each, so that they
//! run side by side and each failure has its own name.

use std::time::Duration;

use linewatch::incident::{Event, EventKind};
use linewatch::world::scenario::{SHIPPED, Scenario};
use linewatch::world::verdicts::{self, judge};

use super::{letters, scenario, with, world};

/// What was told, and which expectations weren't met.
fn told(scenario: &Scenario) -> (Vec<Event>, Vec<String>) {
    let world = world(scenario);
    let events = verdicts::told(scenario, &world);
    let unmet = judge(scenario, &world, &events)
        .into_iter()
        .filter(|judged| !judged.is_met)
        .map(|judged| format!("{}: {}", judged.expected, judged.found))
        .collect();
    (events, unmet)
}

/// Makes a test of each scenario, which must meet every expectation. Days of most of them take minutes unless they are optimised.
macro_rules! scenarios {
    ($($test:ident: $name:literal,)*) => {
        const TESTED: &[&str] = &[$($name,)*];

        $(
            #[test]
            #[cfg_attr(debug_assertions, ignore = "takes minutes unless it is optimised: cargo test --release")]
            fn $test() {
                let scenario = scenario($name);
                let (events, unmet) = told(&scenario);
                met(&events, &unmet, $name);
                letters::check(&scenario, &events);
            }
        )*
    };
}

fn met(events: &[Event], unmet: &[String], what: &str) {
    let lines: Vec<String> = events
        .iter()
        .take(12)
        .map(|event| format!("  {} {:?} {} {:?}", event.at, event.event, event.incident, event.cause))
        .collect();
    assert!(unmet.is_empty(), "{what}: {}\ntold:\n{}", unmet.join("; "), lines.join("\n"));
}

scenarios! {
    allerton_2022: "allerton-2022",
    carrier_down: "carrier-down",
    crowdstrike_2024: "crowdstrike-2024",
    emis_2023: "emis-2023",
    facebook_dns_2021: "facebook-dns-2021",
    firewall_total: "firewall-total",
    hscn_core_down: "hscn-core-down",
    kent_2021: "kent-2021",
    kent_2023: "kent-2023",
    kent_2026_apr: "kent-2026-apr",
    kent_2026_jan: "kent-2026-jan",
    london_ambulance_2022: "london-ambulance-2022",
    one_practice_down: "one-practice-down",
    one_service_down: "one-service-down",
    optus_2023: "optus-2023",
    own_goal: "own-goal",
    quiet_year: "quiet-year",
    staffs_n3: "staffs-n3",
}

#[test]
fn no_shipped_scenario_goes_untested() {
    for (name, _) in SHIPPED {
        assert!(TESTED.contains(name), "{name}");
    }
}

#[test]
fn the_same_scenario_is_told_in_the_same_words_twice() {
    let scenario = scenario("carrier-down");
    assert_eq!(told(&scenario).0, told(&scenario).0);
}

#[test]
fn practices_that_come_back_slowly_are_back_and_none_of_them_is_told_alone() {
    let scenario = with(
        r#"
warm_up = "10m"

[estate]
practices = 40
firewalls = 2

[[fault]]
id = "firewall"
component = "fw-maidstone"
only_network = "internet"
mode = "total"
at = "+5m"
until = "+30m"
recovery = [{ at = "+12m", sites = 0.3 }]

[[fault]]
component = "fw-maidstone"
only_network = "internet"
mode = "slow"
ms = 400
at = "+12m"
until = "+30m"

[[expect]]
cause = [{ kind = "firewall", id = "fw-maidstone" }]
fault = "firewall"
named_within = "35s"
resolved_within = "15m"
incidents_max = 1
"#,
    );
    let (events, unmet) = told(&scenario);
    met(&events, &unmet, "slowly back");
    let all_clear = scenario.start.plus_millis(30 * 60_000);
    let before = || events.iter().filter(|event| event.at < all_clear);
    let opened = before().filter(|event| event.event == EventKind::Opened).count();
    assert_eq!(opened, 1);
    let back = before().find(|event| event.practices.len() == 27).expect("three in ten of 38 are back");
    let after = back.at.millis_since(scenario.start.plus_millis(12 * 60_000));
    assert!(
        after <= 60_000,
        "told {after} ms after the fix: each was asked by everything within half a minute"
    );
}

/// The first nine hours of kent-2023, and the ten minutes after the first fix: those that are back wait for everything.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes unless it is optimised: cargo test --release")]
fn kent_2023_on_its_first_day() {
    let mut scenario = scenario("kent-2023");
    scenario.length = Duration::from_secs(9 * 3_600 + 600);
    let (events, _) = told(&scenario);
    let opened = events.iter().filter(|event| event.event == EventKind::Opened).count();
    let left = events.last().map(|event| event.practices.len());
    assert_eq!((opened, left), (1, Some(27)), "one incident, and three in ten of 38 are back: {events:?}");
    let back = events.iter().find(|event| event.practices.len() == 27).expect("told as the last");
    let after = back.at.millis_since(scenario.start.plus_millis(9 * 3_600_000));
    assert!(
        after <= 60_000,
        "told {after} ms after the fix: each was asked by everything within half a minute"
    );
}
