//! Whether the incidents told are the ones that the scenario expects: the right cause in time, once, with
//! the right signature, over when the fault is over, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::correlate::Correlator;
use crate::incident::{Cause, Event, EventKind};
use crate::time::{At, whole_millis};
use crate::world::faults::World;
use crate::world::scenario::{Expected, Hit, Scenario, Target, Verdict};
use crate::world::virtual_time::{VirtualTime, blank};

/// One expectation, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub is_met: bool,
    /// What was expected.
    pub expected: String,
    /// What came instead, or how well it was met.
    pub found: String,
}

/// All that is said in the course of a scenario, of which nobody hears anything back.
pub fn told(scenario: &Scenario, world: &World) -> Vec<Event> {
    told_by(scenario, world, |_| {})
}

/// The same; `passes` hears how far the story has gone.
pub fn told_by(scenario: &Scenario, world: &World, mut passes: impl FnMut(At)) -> Vec<Event> {
    let mut correlator = Correlator::new(Arc::clone(world.estate()));
    let mut stream = VirtualTime::new(world, scenario);
    let (mut seen, mut events) = (blank(), Vec::new());
    while let Some(arrival) = stream.fill(&mut seen) {
        correlator.advance(arrival);
        correlator.observe(arrival, &seen);
        passes(arrival);
        events.extend(std::iter::from_fn(|| correlator.poll_event()));
    }
    correlator.advance(stream.end());
    events.extend(std::iter::from_fn(|| correlator.poll_event()));
    events
}

/// Judges all that was told from the scenario's beginning to its end.
pub fn judge(scenario: &Scenario, world: &World, told: &[Event]) -> Vec<Judged> {
    let mut incidents: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in told {
        incidents.entry(&event.incident).or_default().push(event);
    }
    let mut judged: Vec<Judged> = scenario
        .expected
        .iter()
        .filter_map(|expected| match expected {
            Expected::Silence => None,
            Expected::Verdict(verdict) => Some(judge_verdict(scenario, world, verdict, &incidents)),
        })
        .collect();
    let others: Vec<String> = incidents
        .iter()
        .filter(|(_, events)| !scenario.expected.iter().any(|expected| expected.is_about(events)))
        .filter(|(_, events)| !falls_first(scenario, world, events))
        .map(|(id, events)| {
            let last = events.last().map(|event| causes(&event.cause)).unwrap_or_default();
            format!("{id} ({last})")
        })
        .collect();
    let silence = scenario.expected.contains(&Expected::Silence);
    judged.push(Judged {
        is_met: others.is_empty(),
        expected: if silence { "silence" } else { "no other incident" }.to_owned(),
        found: match others.as_slice() {
            [] => "none".to_owned(),
            _ => format!("{}: {}", others.len(), first_few(&others)),
        },
    });
    judged
}

/// Of a fault that rolls from site to site, the first sites can't be told from sites that fail by themselves.
fn falls_first(scenario: &Scenario, world: &World, events: &[&Event]) -> bool {
    let estate = world.estate();
    let sites = |id: &str| {
        scenario.faults.iter().filter(|fault| fault.rolling.is_some()).any(|fault| {
            let Target::Component(component) = &fault.target else { return false };
            estate.practice(id).zip(estate.component(component)).is_some_and(|(practice, component)| {
                estate.practices[practice.at()].via.iter().any(|used| used.any.contains(&component))
            })
        })
    };
    events
        .iter()
        .all(|event| event.cause.iter().all(|cause| cause.kind == Cause::PRACTICE && sites(&cause.id)))
}

fn first_few(names: &[String]) -> String {
    let shown = names.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{shown}, …") } else { shown }
}

impl Expected {
    fn is_about(&self, events: &[&Event]) -> bool {
        match self {
            Self::Silence => false,
            Self::Verdict(verdict) => events.iter().any(|event| verdict.fits(&event.cause)),
        }
    }
}

impl Verdict {
    /// The true cause is in the group, and nothing that the data could have told from it.
    fn fits(&self, group: &[Cause]) -> bool {
        self.cause.first().is_some_and(|first| group.contains(first))
            && group.iter().all(|cause| self.cause.contains(cause))
    }
}

fn judge_verdict(
    scenario: &Scenario,
    world: &World,
    verdict: &Verdict,
    incidents: &BTreeMap<&str, Vec<&Event>>,
) -> Judged {
    let expected = describe(verdict);
    let failed = |found: String| Judged { is_met: false, expected: expected.clone(), found };
    let about: Vec<&Vec<&Event>> =
        incidents.values().filter(|events| events.iter().any(|event| verdict.fits(&event.cause))).collect();
    let mut naming: Vec<&Event> = about
        .iter()
        .flat_map(|events| events.iter().copied())
        .filter(|event| verdict.fits(&event.cause))
        .collect();
    naming.sort_by_key(|event| event.at);
    let Some(first) = naming.first() else { return failed("never named".to_owned()) };
    let (begin, end) = span(scenario, world, verdict);
    let delay_ms = first.at.millis_since(begin);
    if delay_ms < 0 {
        return failed(format!("named {} before the fault began", length(-delay_ms)));
    }
    let mut notes = vec![format!("named after {}", length(delay_ms))];
    if let Some(within) = verdict.named_within
        && delay_ms > whole_millis(within)
    {
        return failed(format!("named after {}, too late", length(delay_ms)));
    }
    if !naming.iter().any(|event| verdict.describes(event)) {
        return failed(format!(
            "signature {}, network {}",
            first.signature.as_str(),
            first.network.as_deref().unwrap_or("both")
        ));
    }
    if about.len() > verdict.incidents_max {
        return failed(format!("{} incidents", about.len()));
    }
    let changes = about
        .iter()
        .flat_map(|events| events.iter())
        .filter(|event| event.event == EventKind::Changed)
        .count();
    if changes < verdict.changes_min {
        return failed(format!("{changes} changes told"));
    }
    if let (Some(within), Some(end)) = (verdict.resolved_within, end) {
        let mut last = None;
        for events in &about {
            match events.last().filter(|event| event.event == EventKind::Resolved) {
                Some(resolved) => last = last.max(Some(resolved.at)),
                None => return failed("never resolved".to_owned()),
            }
        }
        let after_ms = last.map_or(0, |at| at.millis_since(end));
        if after_ms > whole_millis(within) {
            return failed(format!("resolved {} after the fault ended, too late", length(after_ms)));
        }
        if after_ms < 0 {
            return failed(format!("resolved {} before the fault ended", length(-after_ms)));
        }
        notes.push(format!("resolved after {}", length(after_ms)));
    }
    Judged { is_met: true, expected, found: notes.join(", ") }
}

impl Verdict {
    fn describes(&self, event: &Event) -> bool {
        let network = match &self.network {
            None => true,
            Some(Hit::Both) => event.network.is_none(),
            Some(Hit::One(id)) => event.network.as_deref() == Some(id),
        };
        network && (self.signature.is_empty() || self.signature.contains(&event.signature))
    }
}

/// From the first beginning to the last end of the faults that the verdict is about.
fn span(scenario: &Scenario, world: &World, verdict: &Verdict) -> (At, Option<At>) {
    let about = |position: &usize| {
        let fault = &scenario.faults[*position];
        match &verdict.fault {
            Some(id) => fault.id.as_ref() == Some(id),
            None => verdict.cause.iter().any(|cause| targets(&fault.target, &cause.id)),
        }
    };
    let all: Vec<usize> = (0..scenario.faults.len()).collect();
    let mut chosen: Vec<usize> = all.iter().copied().filter(about).collect();
    if chosen.is_empty() {
        chosen = all;
    }
    let spans: Vec<(At, Option<At>)> = chosen.into_iter().filter_map(|n| world.fault_span(n)).collect();
    let begin = spans.iter().map(|(begin, _)| *begin).min().unwrap_or(scenario.start);
    let end = spans
        .iter()
        .map(|(_, end)| *end)
        .collect::<Option<Vec<At>>>()
        .and_then(|ends| ends.into_iter().max());
    (begin, end)
}

fn targets(target: &Target, id: &str) -> bool {
    match target {
        Target::Component(other) | Target::Service(other) | Target::Network(other) => other == id,
        Target::Practices(ids) => ids.iter().any(|other| other == id),
        Target::Hub => id == "hub",
    }
}

fn describe(verdict: &Verdict) -> String {
    let within = verdict.named_within.map(|within| format!(" within {}", length(whole_millis(within))));
    let several =
        (verdict.incidents_max != 1).then(|| format!(", at most {} incidents", verdict.incidents_max));
    format!("{}{}{}", causes(&verdict.cause), within.unwrap_or_default(), several.unwrap_or_default())
}

fn causes(group: &[Cause]) -> String {
    group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// A length for people: `12.4 s`, `3 min 20 s`, `2 h 5 min`, `5 d 4 h`.
pub fn length(ms: i64) -> String {
    let secs = ms / 1000;
    let two = |big: i64, big_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{big} {big_unit}")
        } else {
            format!("{big} {big_unit} {small} {small_unit}")
        }
    };
    match secs {
        ..60 => format!("{:.1} s", ms as f64 / 1000.0),
        60..3_600 => two(secs / 60, "min", secs % 60, "s"),
        3_600..86_400 => two(secs / 3_600, "h", secs % 3_600 / 60, "min"),
        _ => two(secs / 86_400, "d", secs % 86_400 / 3_600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::incident::{Evidence, Reason, Signature};
    use crate::world::estates::build;
    use crate::world::timetable::Clock;

    const TEXT: &str = r#"
        title = "t"
        happened = "h"
        seed = 1
        start = 2023-03-16T08:00:00Z
        length = "3h"
        [[fault]]
        component = "fw-maidstone"
        mode = "total"
        at = "+0s"
        until = "+2h"
        [[expect]]
        cause = [{ kind = "firewall", id = "fw-maidstone" }, { kind = "gateway", id = "gw-1" }]
        signature = ["dropped"]
        network = "internet"
        named_within = "30s"
        resolved_within = "5m"
    "#;

    fn event(kind: EventKind, incident: &str, cause: &[(&str, &str)], time: &str) -> Event {
        let at = format!("2023-03-16T{time}Z").parse().expect("a time");
        Event {
            at,
            event: kind,
            incident: incident.to_owned(),
            cause: cause.iter().map(|(kind, id)| Cause { kind: (*kind).into(), id: (*id).into() }).collect(),
            probability: 0.99,
            alternatives: Vec::new(),
            signature: Signature::Dropped,
            network: Some("internet".to_owned()),
            since: at,
            practices: Vec::new(),
            services: Vec::new(),
            evidence: Evidence::default(),
            reason: (kind == EventKind::Resolved).then_some(Reason::Recovered),
            into: None,
            lost: Vec::new(),
            sentence: String::new(),
        }
    }

    fn judged(told: &[Event]) -> Vec<(bool, String)> {
        let scenario = Scenario::parse("test", TEXT).expect("a scenario");
        let world = World::new(Arc::new(build(&scenario.plan)), &scenario, Clock::Virtual).expect("a world");
        judge(&scenario, &world, told).into_iter().map(|judged| (judged.is_met, judged.found)).collect()
    }

    const FIREWALL: &[(&str, &str)] = &[("firewall", "fw-maidstone")];

    #[test]
    fn the_right_cause_in_time_and_over_in_time_is_met() {
        let told = [
            event(EventKind::Opened, "1", FIREWALL, "08:00:12"),
            event(EventKind::Resolved, "1", FIREWALL, "10:01:00"),
        ];
        assert_eq!(
            judged(&told),
            [(true, "named after 12.0 s, resolved after 1 min".to_owned()), (true, "none".to_owned()),]
        );
    }

    #[test]
    fn silence_guesses_lateness_and_repeats_are_not() {
        let opened = |incident: &str, cause: &[(&str, &str)], time: &str| {
            event(EventKind::Opened, incident, cause, time)
        };
        assert_eq!(judged(&[])[0], (false, "never named".to_owned()));
        let guess = [("firewall", "fw-maidstone"), ("carrier", "bt")];
        assert_eq!(judged(&[opened("1", &guess, "08:00:12")])[0].1, "never named");
        assert_eq!(judged(&[opened("1", FIREWALL, "08:00:40")])[0].1, "named after 40.0 s, too late");
        assert_eq!(judged(&[opened("1", FIREWALL, "07:59:50")])[0].1, "named 10.0 s before the fault began");
        assert_eq!(judged(&[opened("1", FIREWALL, "08:00:12")])[0].1, "never resolved");
        let twice = [opened("1", FIREWALL, "08:00:12"), opened("2", FIREWALL, "08:05:00")];
        assert_eq!(judged(&twice)[0].1, "2 incidents");
    }

    #[test]
    fn an_incident_that_nobody_expects_is_a_failure_of_its_own() {
        let told = [
            event(EventKind::Opened, "1", FIREWALL, "08:00:12"),
            event(EventKind::Opened, "2", &[("practice", "G82001")], "08:00:13"),
            event(EventKind::Resolved, "1", FIREWALL, "10:01:00"),
        ];
        assert_eq!(judged(&told)[1], (false, "1: 2 (practice G82001)".to_owned()));
    }

    #[test]
    fn a_group_that_the_scenario_allows_will_do() {
        let told = [
            event(EventKind::Opened, "1", &[("gateway", "gw-1"), ("firewall", "fw-maidstone")], "08:00:12"),
            event(EventKind::Resolved, "1", FIREWALL, "10:01:00"),
        ];
        assert!(judged(&told)[0].0);
    }
}
