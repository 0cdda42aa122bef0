//! The hub's own lines: what was heard over one that is down is unknown, and not down.

use linewatch::correlate::{Correlator, Standing};
use linewatch::observation::{HUB, Observation};
use serde_json::Value;

use super::county::County;
use super::stream::{Answer, TIMED_OUT, USUAL, at, stream};
use super::told::{brief, cause, of_kind, told};

/// Practices that report over the NHS network alone, and those that use the internet when they must.
fn reports_over_hscn_alone(ods: &str) -> bool {
    ods.ends_with(['1', '4', '7'])
}

/// The hub's line on the NHS network is down from 600 s to 1,800 s: its own checks there fail, what is reported over it doesn't come,
/// and whoever can reports over the internet. `spare`: whether a practice has another way.
fn cut(county: &County, spare: impl Fn(&str) -> bool, until: f64) -> Vec<Observation> {
    let mut lines = stream(county, USUAL, 3_000, |asked| match asked.site {
        None if asked.on("hscn") && asked.during(600.0, until) => TIMED_OUT,
        Some(site) if !spare(&site.ods) && asked.during(600.0, until) => Answer::Unheard,
        _ => Answer::Well,
    });
    for line in lines.iter_mut().filter(|line| line.practice != HUB) {
        let over_internet = spare(&line.practice) && (at(600.0)..at(until)).contains(&line.at);
        line.uplink = Some(if over_internet { "internet" } else { "hscn" }.to_owned());
    }
    lines
}

/// The correlator as it is at a second of the stream.
fn after(county: &County, lines: &[Observation], second: f64) -> Correlator {
    let mut correlator = Correlator::new(county.estate());
    lines.iter().take_while(|line| line.arrival() <= at(second)).for_each(|line| {
        correlator.take(line);
    });
    correlator.advance(at(second));
    correlator
}

fn assert_only_the_hub(events: &[Value]) {
    let opened = of_kind(events, "opened");
    assert_eq!(opened.len(), 1, "{}", brief(events));
    let event = opened[0];
    assert_eq!((cause(event).as_str(), &event["network"]), ("monitor hub", &Value::from("hscn")), "{event}");
    assert!(event["practices"].as_array().is_some_and(Vec::is_empty), "nobody is told: {event}");
    let sentence = event["sentence"].as_str().unwrap_or_default();
    assert!(sentence.contains("it has lost the NHS network"), "{sentence}");
    let resolved = of_kind(events, "resolved");
    assert_eq!(resolved.len(), 1, "{}", brief(events));
    assert_eq!(resolved[0]["reason"], "recovered");
}

#[test]
fn of_practices_heard_over_the_hubs_dead_line_nothing_is_known_and_the_others_are_judged_as_before() {
    let county = County::of(24);
    let lines = cut(&county, |ods| !reports_over_hscn_alone(ods), 1_800.0);
    assert_only_the_hub(&told(&county.estate(), &lines, 3_000));
    let during = after(&county, &lines, 1_200.0).picture();
    for (site, practice) in county.sites.iter().zip(&during.practices) {
        let standing = if reports_over_hscn_alone(&site.ods) { Standing::Unknown } else { Standing::Ok };
        assert!(practice.networks.iter().all(|network| *network == standing), "{}: {practice:?}", site.ods);
    }
    let unheard = county.ids(|site| reports_over_hscn_alone(&site.ods)).len();
    let note = during.notes.iter().find(|note| note.text.contains("linewatch's own line")).expect("a note");
    assert!(
        note.text.starts_with(&format!("{unheard} practices were heard over the NHS network last")),
        "{}",
        note.text
    );
    let later = after(&county, &lines, 2_900.0).picture();
    assert!(later.practices.iter().all(|practice| practice.networks.iter().all(|it| *it == Standing::Ok)));
    assert!(later.notes.is_empty(), "{:?}", later.notes);
}

/// However few report over it alone, and whoever they are: one, or all behind one firewall.
#[test]
fn nobody_is_called_silent_or_down_whoever_reports_over_that_line() {
    let county = County::of(24);
    assert_only_the_hub(&told(&county.estate(), &cut(&county, |ods| ods != "G82007", 1_800.0), 3_000));
    let canterbury = county.ids(|site| site.firewall == "fw-canterbury");
    let lines = cut(&county, |ods| !canterbury.iter().any(|id| id == ods), 1_800.0);
    assert_only_the_hub(&told(&county.estate(), &lines, 3_000));
    let everybody = cut(&county, |_| true, 1_800.0);
    assert_only_the_hub(&told(&county.estate(), &everybody, 3_000));
}

/// Agents that wait for a minute before they try again aren't blamed for that when the line is back.
#[test]
fn agents_have_time_to_come_back() {
    let county = County::of(24);
    let mut lines = cut(&county, |ods| !reports_over_hscn_alone(ods), 1_800.0);
    lines.retain(|line| {
        !reports_over_hscn_alone(&line.practice) || line.at < at(1_800.0) || line.at >= at(1_862.0)
    });
    assert_only_the_hub(&told(&county.estate(), &lines, 3_000));
}

/// And one that doesn't come back is silent as any other, since it was heard last.
#[test]
fn who_is_not_heard_after_all_is_told_as_silent() {
    let county = County::of(24);
    let mut lines = cut(&county, |ods| !reports_over_hscn_alone(ods), 1_800.0);
    lines.retain(|line| line.practice != "G82004" || line.at < at(600.0));
    let events = told(&county.estate(), &lines, 3_000);
    let opened = of_kind(&events, "opened");
    assert_eq!(opened.len(), 2, "{}", brief(&events));
    assert_eq!(
        (cause(opened[1]).as_str(), &opened[1]["signature"]),
        ("practice G82004", &Value::from("silent"))
    );
    assert!(super::told::time(&opened[1]["at"]) >= at(1_800.0), "{}", brief(&events));
    assert!(super::told::time(&opened[1]["since"]) < at(601.0), "{}", brief(&events));
}

/// A practice that loses its line while the hub's own is down, and reports that over the other network, is told.
#[test]
fn a_fault_beside_it_is_seen_over_the_other_network() {
    let county = County::of(24);
    let mut lines = stream(&county, USUAL, 3_000, |asked| match asked.site {
        None if asked.on("hscn") && asked.during(600.0, 2_400.0) => TIMED_OUT,
        Some(site) if site.ods == "G82002" && asked.on("hscn") && asked.during(1_000.0, 2_000.0) => TIMED_OUT,
        _ => Answer::Well,
    });
    lines
        .iter_mut()
        .filter(|line| line.practice != HUB)
        .for_each(|line| line.uplink = Some("internet".into()));
    let events = told(&county.estate(), &lines, 3_000);
    let opened: Vec<String> = of_kind(&events, "opened").into_iter().map(cause).collect();
    assert_eq!(opened, ["monitor hub", "practice G82002"], "{}", brief(&events));
}

/// The NHS network itself fails: the hub and every practice say so, and it isn't taken for the hub's line.
#[test]
fn a_network_that_fails_for_everybody_is_not_the_hubs_line() {
    let county = County::of(24);
    let mut lines = stream(&county, USUAL, 1_500, |asked| {
        if asked.question.is_some() && asked.on("hscn") && asked.during(600.0, 1_200.0) {
            TIMED_OUT
        } else {
            Answer::Well
        }
    });
    for line in lines.iter_mut().filter(|line| line.practice != HUB) {
        let over = if (at(600.0)..at(1_200.0)).contains(&line.at) { "internet" } else { "hscn" };
        line.uplink = Some(over.to_owned());
    }
    let events = told(&county.estate(), &lines, 1_500);
    let opened: Vec<String> = of_kind(&events, "opened").into_iter().map(cause).collect();
    assert_eq!(opened, ["network hscn"], "{}", brief(&events));
}

/// What the hub asks comes late, all of it: its own line is slow. It is told as that, and the practices are seen as before.
#[test]
fn a_hub_whose_own_checks_are_slow_is_slow_and_not_blind() {
    let county = County::of(24);
    let mut lines = stream(&county, USUAL, 2_400, |_| Answer::Well);
    for line in &mut lines {
        if line.practice == HUB && (at(1_200.0)..at(1_800.0)).contains(&line.at) {
            line.ms += 2_500.0;
        }
    }
    super::stream::sort(&mut lines);
    let events = told(&county.estate(), &lines, 2_400);
    for event in &events {
        assert_eq!(
            (cause(event).as_str(), &event["signature"]),
            ("monitor hub", &Value::from("slow")),
            "{}",
            brief(&events)
        );
        assert!(!event["sentence"].as_str().unwrap_or_default().contains("cannot see"), "{event}");
    }
    assert_eq!(of_kind(&events, "opened").len(), 1, "{}", brief(&events));
    let during = after(&county, &lines, 1_600.0).picture();
    assert!(during.practices.iter().all(|practice| practice.networks.iter().all(|it| *it == Standing::Ok)));
}

/// The hub's own checks fail for a minute on these networks, and all practices are heard as before.
fn own_checks_failing(county: &County, networks: &[&str]) -> Vec<Observation> {
    stream(county, USUAL, 2_400, |asked| {
        let fails = networks.iter().any(|network| asked.on(network)) && asked.during(1_200.0, 1_260.0);
        if asked.site.is_none() && fails { TIMED_OUT } else { Answer::Well }
    })
}

/// It isn't blind, whatever else it is.
#[test]
fn a_hub_that_hears_everybody_is_not_cut_off_though_its_own_checks_fail() {
    let county = County::of(24);
    let mut lines = own_checks_failing(&county, &["hscn", "internet"]);
    for event in told(&county.estate(), &lines, 2_400) {
        assert!(event["network"].is_string(), "it is one of its lines at most: {event}");
    }
    for line in lines.iter_mut().filter(|line| line.practice != HUB) {
        let network = if reports_over_hscn_alone(&line.practice) { "hscn" } else { "internet" };
        line.uplink = Some(network.to_owned());
    }
    let events = told(&county.estate(), &lines, 2_400);
    assert!(events.is_empty(), "{}", brief(&events));
}

/// Nor is its line on a network dead over which everybody is heard.
#[test]
fn a_line_over_which_practices_are_heard_is_not_down_though_the_hubs_own_checks_fail_there() {
    let county = County::of(24);
    let mut lines = own_checks_failing(&county, &["hscn"]);
    let agents = lines.iter_mut().filter(|line| line.practice != HUB);
    agents.for_each(|line| line.uplink = Some("hscn".into()));
    let events = told(&county.estate(), &lines, 2_400);
    assert!(events.is_empty(), "{}", brief(&events));
}
