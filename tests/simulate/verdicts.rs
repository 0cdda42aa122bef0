//! Every scenario through the correlator, against the verdict that it demands: one test each, so that they
//! run side by side and each failure has its own name.

use linewatch::correlate::Correlator;
use linewatch::incident::Event;
use linewatch::world::scenario::{SHIPPED, Scenario};
use linewatch::world::verdicts::judge;
use linewatch::world::virtual_time::{VirtualTime, blank};

use super::{scenario, world};

/// What was told, and which expectations weren't met.
fn told(scenario: &Scenario) -> (Vec<Event>, Vec<String>) {
    let world = world(scenario);
    let mut correlator = Correlator::new(world.estate().clone());
    let mut stream = VirtualTime::new(&world, scenario);
    let mut seen = blank();
    let mut events = Vec::new();
    while let Some(arrival) = stream.fill(&mut seen) {
        correlator.advance(arrival);
        correlator.observe(arrival, &seen);
        events.extend(std::iter::from_fn(|| correlator.poll_event()));
    }
    correlator.advance(stream.end());
    events.extend(std::iter::from_fn(|| correlator.poll_event()));
    let unmet = judge(scenario, &world, &events)
        .into_iter()
        .filter(|judged| !judged.is_met)
        .map(|judged| format!("{}: {}", judged.expected, judged.found))
        .collect();
    (events, unmet)
}

/// Makes a test of each scenario. `met` must meet every expectation; `not_yet` must not, and has a reason:
/// when a scenario comes to be met, its line fails until it says so.
macro_rules! scenarios {
    ($($test:ident: $name:literal $how:ident $(($reason:literal))?,)*) => {
        const TESTED: &[&str] = &[$($name),*];

        $(
            #[test]
            fn $test() {
                let (events, unmet) = told(&scenario($name));
                $how(&events, &unmet, concat!($name $(, " (", $reason, ")")?));
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

fn not_yet(_: &[Event], unmet: &[String], what: &str) {
    assert!(!unmet.is_empty(), "{what} is met now: its line should say `met`");
}

scenarios! {
    quiet_year: "quiet-year" met,
    allerton_2022: "allerton-2022" not_yet("no model yet"),
    carrier_down: "carrier-down" not_yet("no model yet"),
    crowdstrike_2024: "crowdstrike-2024" not_yet("no model yet"),
    emis_2023: "emis-2023" not_yet("no model yet"),
    facebook_dns_2021: "facebook-dns-2021" not_yet("no model yet"),
    firewall_total: "firewall-total" not_yet("no model yet"),
    hscn_core_down: "hscn-core-down" not_yet("no model yet"),
    kent_2021: "kent-2021" not_yet("no model yet"),
    kent_2023: "kent-2023" not_yet("no model yet"),
    kent_2026_apr: "kent-2026-apr" not_yet("no model yet"),
    kent_2026_jan: "kent-2026-jan" not_yet("no model yet"),
    london_ambulance_2022: "london-ambulance-2022" not_yet("no model yet"),
    one_practice_down: "one-practice-down" not_yet("no model yet"),
    one_service_down: "one-service-down" not_yet("no model yet"),
    optus_2023: "optus-2023" not_yet("no model yet"),
    own_goal: "own-goal" not_yet("no model yet"),
    staffs_n3: "staffs-n3" not_yet("no model yet"),
}

#[test]
fn no_shipped_scenario_goes_untested() {
    for (name, _) in SHIPPED {
        assert!(TESTED.contains(name), "{name}");
    }
}

#[test]
fn the_same_scenario_is_told_in_the_same_words_twice() {
    let scenario = scenario("firewall-total");
    assert_eq!(told(&scenario).0, told(&scenario).0);
}
