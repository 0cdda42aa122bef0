//! The faults that linewatch must name, on small estates of several sizes and paces: the cause, the network,
//! who is hit, and the all-clear. Each is told once through the program, and on every shape without it.

use std::cell::Cell;
use std::fmt::Write as _;

use linewatch::observation::{Failure, Phase};
use serde_json::Value;

use super::county::{County, Site};
use super::stream::{Answer, Asked, Habits, REFUSED, TIMED_OUT, USUAL, at, stream, text};
use super::told::{brief, cause, events, names, of_kind, time, told};

/// How a county is fed.
#[derive(Debug, Clone)]
struct Shape {
    practices: usize,
    every_s: u32,
    timeout_s: u32,
    habits: Habits,
}

/// Sizes and paces with all habits, and each habit left out in turn.
fn shapes() -> [Shape; 7] {
    let shape = |practices, every_s, timeout_s, habits| Shape { practices, every_s, timeout_s, habits };
    [
        shape(12, 30, 5, USUAL),
        shape(8, 5, 2, USUAL),
        shape(24, 60, 10, USUAL),
        shape(12, 30, 5, Habits { hub: false, ..USUAL }),
        shape(8, 30, 5, Habits { heartbeats: false, ..USUAL }),
        shape(12, 30, 5, Habits { spread: false, ..USUAL }),
        shape(24, 60, 10, Habits { spread: false, ..USUAL }),
    ]
}

/// What must be told: one incident, and nothing else.
struct Told<'a> {
    cause: &'a str,
    signatures: &'a [&'a str],
    network: Option<&'a str>,
    practices: Vec<String>,
    /// `None`: not looked at.
    services: Option<&'a [&'a str]>,
}

/// The fault comes after ten rounds and goes after thirty; the recording ends after seventy.
#[derive(Clone, Copy)]
struct Acts {
    breaks: f64,
    mended: f64,
    seconds: u32,
}

impl Acts {
    fn of(shape: &Shape) -> Self {
        let every = shape.every_s;
        // Between two slots, so that no asking is on the edge.
        Self {
            breaks: f64::from(every * 10) + 0.5,
            mended: f64::from(every * 30) + 0.5,
            seconds: every * 70 + 120,
        }
    }
}

/// The events are as they must be, or why not.
fn judge(events: &[Value], shape: &Shape, acts: Acts, want: &Told<'_>) -> Result<(), String> {
    let opened = of_kind(events, "opened");
    let [first] = opened.as_slice() else { return Err(format!("{} were opened", opened.len())) };
    let id = &first["incident"];
    // At first the data may not tell it from others; then it must say so, and find out.
    if !cause(first).split(" or ").any(|named| named == want.cause) {
        return Err(format!("named {}", cause(first)));
    }
    let signature = first["signature"].as_str().unwrap_or("?");
    if !want.signatures.contains(&signature) {
        return Err(format!("looks {signature}"));
    }
    let took_s = time(&first["at"]).millis_since(at(acts.breaks)) / 1000;
    let patience_s = i64::from(2 * shape.every_s + shape.timeout_s) + 90;
    if !(0..=patience_s).contains(&took_s) {
        return Err(format!("named {took_s} s after it broke"));
    }
    // Who is hit may take a round to be seen; afterwards it is exact.
    let last = events
        .iter()
        .rfind(|event| event["event"] != "resolved" && time(&event["at"]) <= at(acts.mended))
        .ok_or("nothing was said while it lasted")?;
    if cause(last) != want.cause {
        return Err(format!("went on to name {}", cause(last)));
    }
    if last["network"].as_str() != want.network {
        return Err(format!("network {}", last["network"]));
    }
    if names(&last["practices"]) != want.practices {
        return Err(format!("practices {:?}", names(&last["practices"])));
    }
    let mut services = names(&last["services"]);
    services.sort();
    if want.services.is_some_and(|want| services != want) {
        return Err(format!("services {services:?}"));
    }
    let since_off_s = time(&first["since"]).millis_since(at(acts.breaks)) / 1000;
    if since_off_s.unsigned_abs() > u64::from(shape.every_s + shape.timeout_s) + 30 {
        return Err(format!("since is off by {since_off_s} s"));
    }
    let resolved = of_kind(events, "resolved");
    let [end] = resolved.as_slice() else { return Err(format!("{} were resolved", resolved.len())) };
    if end["reason"] != "recovered" || &end["incident"] != id || time(&end["at"]) < at(acts.mended) {
        return Err("didn't end as recovered".to_owned());
    }
    Ok(())
}

/// Plays a fault on every shape, and once through the program.
fn always(
    weather: impl Fn(&Asked<'_>, Acts) -> Answer,
    want: impl Fn(&County) -> Told<'static>,
    fits: impl Fn(&Shape) -> bool,
) {
    let mut wrong = String::new();
    let mut through_program = false;
    for shape in shapes().into_iter().filter(fits) {
        let county = County::of(shape.practices).every(shape.every_s, shape.timeout_s);
        let acts = Acts::of(&shape);
        let lines = stream(&county, shape.habits, acts.seconds, |asked| weather(asked, acts));
        let heard = told(&county.estate(), &lines, acts.seconds);
        if let Err(why) = judge(&heard, &shape, acts, &want(&county)) {
            let _ = writeln!(wrong, "{shape:?}: {why}\n{}", brief(&heard));
        }
        if !through_program {
            through_program = true;
            let printed = events(&county, &text(&lines, acts.seconds));
            assert!(printed == heard, "the program says\n{}and not\n{}", brief(&printed), brief(&heard));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn failing(is_hit: bool, answer: Answer) -> Answer {
    if is_hit { answer } else { Answer::Well }
}

const INTERNET_SERVICES: &[&str] = &["accurx", "docman", "telephony"];
const HSCN_SERVICES: &[&str] = &["emis", "eps"];
const ALL_SERVICES: &[&str] = &["accurx", "docman", "emis", "eps", "telephony"];

fn behind_maidstone(county: &County) -> Vec<String> {
    county.ids(|site| site.firewall == "fw-maidstone")
}

fn everybody(county: &County) -> Vec<String> {
    county.ids(|_: &Site| true)
}

#[test]
fn a_firewall_takes_the_internet_and_leaves_the_nhs_network() {
    always(
        |asked, acts| {
            let hit = asked.behind("fw-maidstone") && asked.on("internet");
            failing(hit && asked.during(acts.breaks, acts.mended), TIMED_OUT)
        },
        |county| Told {
            cause: "firewall fw-maidstone",
            signatures: &["dropped"],
            network: Some("internet"),
            practices: behind_maidstone(county),
            services: Some(INTERNET_SERVICES),
        },
        |_| true,
    );
}

/// No clock is exact to the second: who got one more answer then is hit like the others, and told with them.
#[test]
fn who_was_answered_just_after_the_onset_is_told_with_the_others() {
    let county = County::of(24).every(30, 5);
    let behind = behind_maidstone(&county);
    let (first, last) = behind.split_at(behind.len() / 2);
    let answered = Cell::new(false);
    let lines = stream(&county, USUAL, 400, |asked| {
        let of = |sites: &[String]| sites.iter().any(|site| asked.at(site));
        let internet = asked.on("internet");
        let hit = of(first) && asked.during(300.0, 500.0) || of(last) && asked.during(300.9, 500.0);
        answered.set(answered.get() || of(last) && internet && asked.during(300.2, 300.9));
        failing(internet && hit, TIMED_OUT)
    });
    assert!(answered.get(), "somebody must have had an answer");
    let heard = told(&county.estate(), &lines, 400);
    let opened = of_kind(&heard, "opened");
    assert_eq!(opened.len(), 1, "{}", brief(&heard));
    assert_eq!(cause(opened[0]), "firewall fw-maidstone");
    assert_eq!(names(&opened[0]["practices"]), behind, "{}", brief(&heard));
}

#[test]
fn a_firewall_that_refuses_is_told_from_one_that_drops() {
    always(
        |asked, acts| {
            let hit = asked.behind("fw-maidstone") && asked.on("internet");
            failing(hit && asked.during(acts.breaks, acts.mended), REFUSED)
        },
        |county| Told {
            cause: "firewall fw-maidstone",
            signatures: &["refused"],
            network: Some("internet"),
            practices: behind_maidstone(county),
            // A refusal shows in what opens a connection; whether the rest counts as hit is left open.
            services: None,
        },
        |shape| shape.practices <= 12,
    );
}

#[test]
fn a_carrier_takes_both_networks_and_its_practices_fall_silent() {
    always(
        |asked, acts| failing(asked.over("bt") && asked.during(acts.breaks, acts.mended), Answer::Unheard),
        |county| Told {
            cause: "carrier bt",
            signatures: &["silent", "down", "dropped"],
            network: None,
            practices: county.ids(|site| site.carrier == "bt"),
            services: Some(ALL_SERVICES),
        },
        |_| true,
    );
}

#[test]
fn a_carrier_is_named_from_failed_checks_when_one_machine_asks_for_everybody() {
    always(
        |asked, acts| {
            let hit = asked.over("bt") && asked.question.is_some();
            failing(hit && asked.during(acts.breaks, acts.mended), TIMED_OUT)
        },
        |county| Told {
            cause: "carrier bt",
            signatures: &["down", "dropped"],
            network: None,
            practices: county.ids(|site| site.carrier == "bt"),
            services: Some(ALL_SERVICES),
        },
        |_| true,
    );
}

#[test]
fn the_nhs_network_fails_for_all_and_the_internet_works() {
    always(
        |asked, acts| failing(asked.on("hscn") && asked.during(acts.breaks, acts.mended), TIMED_OUT),
        |county| Told {
            cause: "network hscn",
            signatures: &["down", "dropped"],
            network: Some("hscn"),
            practices: everybody(county),
            services: Some(HSCN_SERVICES),
        },
        |_| true,
    );
}

#[test]
fn a_service_fails_for_all_and_its_network_works() {
    always(
        |asked, acts| failing(asked.of("accurx") && asked.during(acts.breaks, acts.mended), TIMED_OUT),
        |county| Told {
            cause: "service accurx",
            signatures: &["down", "dropped"],
            network: Some("internet"),
            practices: everybody(county),
            services: Some(&["accurx"]),
        },
        |_| true,
    );
}

#[test]
fn a_service_that_answers_errors_is_a_service_fault() {
    let error = Answer::Failed(Failure::Status, Phase::FirstByte, Some(80.0));
    always(
        |asked, acts| failing(asked.of("emis") && asked.during(acts.breaks, acts.mended), error),
        |county| Told {
            cause: "service emis",
            signatures: &["down", "partial"],
            network: Some("hscn"),
            practices: everybody(county),
            services: Some(&["emis"]),
        },
        |_| true,
    );
}

#[test]
fn one_practice_loses_both_networks_while_its_agent_is_still_heard() {
    always(
        |asked, acts| {
            let hit = asked.at("G82003") && asked.question.is_some();
            failing(hit && asked.during(acts.breaks, acts.mended), TIMED_OUT)
        },
        |_| Told {
            cause: "practice G82003",
            signatures: &["down", "dropped"],
            network: None,
            practices: vec!["G82003".to_owned()],
            services: Some(ALL_SERVICES),
        },
        |_| true,
    );
}

#[test]
fn one_practice_falls_silent() {
    always(
        |asked, acts| failing(asked.at("G82002") && asked.during(acts.breaks, acts.mended), Answer::Unheard),
        |_| Told {
            cause: "practice G82002",
            signatures: &["silent"],
            network: None,
            practices: vec!["G82002".to_owned()],
            services: Some(ALL_SERVICES),
        },
        |_| true,
    );
}

#[test]
fn one_practice_falls_silent_and_reports_afterwards_what_it_saw() {
    always(
        |asked, acts| {
            let hit = asked.at("G82002") && asked.during(acts.breaks, acts.mended);
            failing(hit, Answer::Kept(acts.mended + 1.0))
        },
        |_| Told {
            cause: "practice G82002",
            signatures: &["silent"],
            network: None,
            practices: vec!["G82002".to_owned()],
            services: Some(ALL_SERVICES),
        },
        |_| true,
    );
}

#[test]
fn one_practice_loses_the_internet_alone() {
    always(
        |asked, acts| {
            let hit = asked.at("G82002") && asked.on("internet");
            failing(hit && asked.during(acts.breaks, acts.mended), TIMED_OUT)
        },
        |_| Told {
            cause: "practice G82002",
            signatures: &["down", "dropped"],
            network: Some("internet"),
            practices: vec!["G82002".to_owned()],
            services: Some(INTERNET_SERVICES),
        },
        |_| true,
    );
}

/// The hub's uplink is unplugged: its own checks fail, and nothing arrives.
#[test]
fn the_hub_is_cut_off_and_no_practice_is_blamed() {
    always(
        |asked, acts| {
            let answer = if asked.site.is_some() { Answer::Unheard } else { TIMED_OUT };
            failing(asked.during(acts.breaks, acts.mended), answer)
        },
        |_| Told {
            cause: "monitor hub",
            signatures: &["down", "dropped", "silent"],
            network: None,
            practices: vec![],
            services: Some(&[]),
        },
        // Asked once a minute, its own checks of one network may all come before those of the other.
        |shape| shape.habits.hub && shape.every_s < 60,
    );
}

/// The same, where no checks of its own say so: silence of everybody at once is still the monitor's.
#[test]
fn everybody_falls_silent_at_once_and_the_hub_has_no_checks_of_its_own() {
    let mut wrong = String::new();
    for shape in shapes().into_iter().filter(|shape| !shape.habits.hub) {
        let county = County::of(shape.practices).every(shape.every_s, shape.timeout_s);
        let acts = Acts::of(&shape);
        let lines = stream(&county, shape.habits, acts.seconds, |asked| {
            failing(asked.during(acts.breaks, acts.mended), Answer::Unheard)
        });
        let heard = told(&county.estate(), &lines, acts.seconds);
        if of_kind(&heard, "opened").iter().any(|event| cause(event).starts_with("practice")) {
            let _ = writeln!(wrong, "{shape:?}\n{}", brief(&heard));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn names_of_a_service_that_no_longer_resolve_are_that_services_fault() {
    let lost = Answer::Failed(Failure::Nxdomain, Phase::Dns, Some(15.0));
    always(
        |asked, acts| failing(asked.of("docman") && asked.during(acts.breaks, acts.mended), lost),
        |county| Told {
            cause: "service docman",
            // All asked within one second, and judged in the middle of it: some practices aren't hit yet.
            signatures: &["dns", "partial"],
            network: Some("internet"),
            practices: everybody(county),
            services: Some(&["docman"]),
        },
        |_| true,
    );
}
