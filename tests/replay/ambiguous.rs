//! Where the data can't tell, it says so; where two things fail at once, it tells them apart.

use std::collections::BTreeSet;

use super::county::County;
use super::stream::{Answer, TIMED_OUT, USUAL, stream, text};
use super::told::{brief, cause, events, names, of_kind};

/// Everybody stands behind one firewall on one carrier. Losing the internet alone can't be the carrier's doing,
/// but the firewall and the internet itself look the same when the hub has no checks of its own.
#[test]
fn one_firewall_for_all_is_named_together_with_what_it_cannot_be_told_from() {
    let county = County::alike(12);
    let habits = super::stream::Habits { hub: false, ..USUAL };
    let lines = stream(&county, habits, 1800, |asked| {
        if asked.on("internet") && asked.during(600.5, 1200.0) { TIMED_OUT } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 1800));
    let first = &heard[0];
    assert_eq!(cause(first), "firewall fw-maidstone or network internet", "{}", brief(&heard));
    assert_eq!(names(&first["practices"]).len(), 12);
    assert_eq!(of_kind(&heard, "opened").len(), 1, "{}", brief(&heard));
}

/// The same, but the hub sees the internet, so it is the firewall.
#[test]
fn the_hubs_own_checks_tell_a_firewall_from_the_internet() {
    let county = County::alike(12);
    let lines = stream(&county, USUAL, 1800, |asked| {
        let hit = asked.site.is_some() && asked.on("internet");
        if hit && asked.during(600.5, 1200.0) { TIMED_OUT } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 1800));
    assert_eq!(cause(&heard[0]), "firewall fw-maidstone", "{}", brief(&heard));
}

/// Everybody has one carrier, too, which might have lost the NHS network alone, and the hub has no checks of its own. A
/// little is bad elsewhere, as always.
#[test]
fn the_nhs_network_is_named_though_one_carrier_carries_everybody() {
    let county = County::alike(12);
    let habits = super::stream::Habits { hub: false, ..USUAL };
    let lines = stream(&county, habits, 1800, |asked| {
        let nhs = asked.on("hscn") && asked.during(600.5, 1200.0);
        let luck = asked.at("G82003") && asked.of("emis") && asked.during(560.0, 640.0);
        if nhs || luck { TIMED_OUT } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 1800));
    assert_eq!(causes(&heard), set(&["network hscn"]), "{}", brief(&heard));
}

fn causes(events: &[serde_json::Value]) -> BTreeSet<String> {
    of_kind(events, "opened").into_iter().map(cause).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_service_and_a_practice_at_once_are_two_incidents() {
    let county = County::of(24);
    let lines = stream(&county, USUAL, 2400, |asked| {
        let service = asked.of("emis") && asked.during(600.5, 1200.0);
        let practice = asked.at("G82005") && asked.question.is_some() && asked.during(615.5, 1400.0);
        if service || practice { TIMED_OUT } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 2400));
    assert_eq!(causes(&heard), set(&["practice G82005", "service emis"]), "{}", brief(&heard));
    assert_eq!(of_kind(&heard, "resolved").len(), 2, "{}", brief(&heard));
}

#[test]
fn a_firewall_and_a_service_of_the_other_network_at_once_are_two_incidents() {
    let county = County::of(24);
    let lines = stream(&county, USUAL, 2400, |asked| {
        let firewall = asked.behind("fw-maidstone") && asked.on("internet");
        let hit = firewall || asked.of("eps");
        if hit && asked.during(600.5, 1200.0) { TIMED_OUT } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 2400));
    assert_eq!(causes(&heard), set(&["firewall fw-maidstone", "service eps"]), "{}", brief(&heard));
}

#[test]
fn two_practices_that_have_nothing_in_common_are_two_incidents() {
    let county = County::of(24);
    // Another carrier and another firewall each.
    let lines = stream(&county, USUAL, 2400, |asked| {
        let hit = asked.at("G82001") || asked.at("G82024");
        if hit && asked.question.is_some() && asked.during(600.5, 1200.0) { TIMED_OUT } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 2400));
    assert_eq!(causes(&heard), set(&["practice G82001", "practice G82024"]), "{}", brief(&heard));
}

#[test]
fn a_firewall_while_a_carrier_is_out_is_a_second_incident() {
    let county = County::of(24);
    let lines = stream(&county, USUAL, 3600, |asked| {
        if asked.over("virgin") && asked.during(600.5, 1800.0) {
            Answer::Unheard
        } else if asked.behind("fw-maidstone") && asked.on("internet") && asked.during(1000.5, 1600.0) {
            TIMED_OUT
        } else {
            Answer::Well
        }
    });
    let heard = events(&county, &text(&lines, 3600));
    assert_eq!(causes(&heard), set(&["carrier virgin", "firewall fw-maidstone"]), "{}", brief(&heard));
}
