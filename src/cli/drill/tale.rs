//! What happened in a drill, as numbers: which cause was named, how long each step took, who was told. Pure:
//! happenings come in with their times, the summary goes out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::incident::{Cause, Event, EventKind};
use crate::observation::{Failure, Observation};
use crate::time::At;
use crate::world::faults::World;
use crate::world::loopback::servers::mail::AcceptedMail;
use crate::world::scenario::{Expected, Scenario};

/// The record of one drill.
pub struct Tale {
    demands: Vec<Demand>,
    silence: bool,
    /// When the first fault begins; `None`: the scenario plays none.
    fault: Option<At>,
    failure: Option<At>,
    named: Option<Event>,
    last: Option<Event>,
    openings: usize,
    open: BTreeSet<String>,
    /// Whether each named, at some time, what the scenario demands.
    incidents: BTreeMap<String, bool>,
    mails: Vec<Arc<AcceptedMail>>,
    resolved: Option<At>,
}

/// A cause that the scenario demands to be named.
struct Demand {
    cause: Vec<Cause>,
    met: bool,
}

/// What a drill comes to. In seconds; `None` where it didn't happen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What was named; of several incidents the first that the scenario demands, else the last.
    pub cause: Vec<Cause>,
    pub probability: Option<f64>,
    /// Whether everything that the scenario demands was named, and nothing where it demands silence.
    pub expected: bool,
    /// From the fault to the end of the first check that failed.
    pub fault_to_failure_s: Option<f64>,
    pub fault_to_cause_s: Option<f64>,
    /// To the first message that the mail server accepted.
    pub cause_to_mail_s: Option<f64>,
    /// To the last message of the first wave, in which every recipient of the opening is told.
    pub cause_to_last_mail_s: Option<f64>,
    /// Messages accepted, one a recipient.
    pub notices: usize,
    pub recipients: usize,
    /// Repeated Message-IDs to one recipient.
    pub duplicates: usize,
    pub incidents: usize,
    /// Of those, how many never named anything that the scenario demands.
    pub unexpected: usize,
    /// Incidents that were still open at the end.
    pub still_open: usize,
}

impl Tale {
    pub fn new(scenario: &Scenario, world: &World) -> Self {
        Self {
            demands: demands(scenario),
            silence: scenario.expected.contains(&Expected::Silence),
            fault: (0..scenario.faults.len())
                .filter_map(|position| world.fault_span(position))
                .map(|(begins, _)| begins)
                .min(),
            failure: None,
            named: None,
            last: None,
            openings: 0,
            open: BTreeSet::new(),
            incidents: BTreeMap::new(),
            mails: Vec::new(),
            resolved: None,
        }
    }

    /// Takes a result as it reached the hub; true for the first failure after the fault.
    pub fn observe(&mut self, seen: &Observation) -> bool {
        let since = self.fault.is_some_and(|fault| seen.ended() >= fault);
        // The agent's own fault is a failure of nothing else.
        let failed = !seen.ok && seen.failure != Some(Failure::Local);
        let first = failed && since && self.failure.is_none();
        if first {
            self.failure = Some(seen.ended());
        }
        first
    }

    /// Takes an incident event; true when it is the first to name what the scenario demands.
    pub fn event(&mut self, event: &Event) -> bool {
        match event.event {
            EventKind::Opened => {
                self.openings += 1;
                self.open.insert(event.incident.clone());
                self.incidents.entry(event.incident.clone()).or_default();
            }
            EventKind::Changed => {}
            EventKind::Resolved => {
                self.open.remove(&event.incident);
                self.resolved = Some(event.at);
            }
        }
        let mut named = false;
        if event.event != EventKind::Resolved {
            for demand in &mut self.demands {
                if demand.is_met_by(&event.cause) {
                    named |= !demand.met;
                    demand.met = true;
                    self.incidents.insert(event.incident.clone(), true);
                }
            }
            if named && self.named.is_none() {
                self.named = Some(event.clone());
            }
            self.last = Some(event.clone());
        }
        named
    }

    /// Takes a message that the mail server accepted.
    pub fn mail(&mut self, mail: Arc<AcceptedMail>) {
        self.mails.push(mail);
    }

    /// First and last acceptance of the messages by which each recipient first heard of the named cause, while
    /// its incident was open. Worked out at the end: a message may be seen before its event is.
    fn first_wave(&self) -> Option<(At, At)> {
        let named = self.named.as_ref()?;
        let over = self.resolved.unwrap_or(At::from_millis(i64::MAX));
        let mut told = BTreeSet::new();
        let mut wave = self
            .mails
            .iter()
            .filter(|mail| self.incident_of(&mail.message_id) == Some(&named.incident))
            // What went out before told of another cause.
            .filter(|mail| named.at <= mail.at && mail.at < over)
            .filter(|mail| told.insert(&mail.recipient))
            .map(|mail| mail.at);
        let first = wave.next()?;
        Some((first, wave.fold(first, Ord::max)))
    }

    /// The incident that a message is about, by its Message-ID.
    pub fn incident_of(&self, message_id: &str) -> Option<&String> {
        // `…-1` stands in `…-12` too, so the longest that fits is meant.
        self.incidents.keys().filter(|id| message_id.contains(id.as_str())).max_by_key(|id| id.len())
    }

    /// Whether all incidents are over.
    pub fn is_calm(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether what the scenario demands to be named has been.
    pub fn is_as_expected(&self) -> bool {
        if self.silence {
            return self.openings == 0;
        }
        self.demands.iter().all(|demand| demand.met) && (!self.demands.is_empty() || self.openings > 0)
    }

    /// The moments: fault, first failed check, cause named, first message accepted, last of that wave, all
    /// over.
    pub fn moments(&self) -> [Option<At>; 6] {
        let wave = self.first_wave();
        [
            self.fault,
            self.failure,
            self.named.as_ref().map(|event| event.at),
            wave.map(|(first, _)| first),
            wave.map(|(_, last)| last),
            self.resolved.filter(|_| self.open.is_empty()),
        ]
    }

    pub fn summary(&self) -> Summary {
        let told = self.named.as_ref().or(self.last.as_ref());
        let mut copies: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for mail in &self.mails {
            *copies.entry((&mail.recipient, &mail.message_id)).or_default() += 1;
        }
        let recipients: BTreeSet<&str> = copies.keys().map(|(recipient, _)| *recipient).collect();
        let [fault, failure, named, first_mail, last_mail, _] = self.moments();
        Summary {
            cause: told.map(|event| event.cause.clone()).unwrap_or_default(),
            probability: told.map(|event| event.probability),
            expected: self.is_as_expected(),
            fault_to_failure_s: seconds(fault, failure),
            fault_to_cause_s: seconds(fault, named),
            cause_to_mail_s: seconds(named, first_mail),
            cause_to_last_mail_s: seconds(named, last_mail),
            notices: self.mails.len(),
            recipients: recipients.len(),
            duplicates: copies.values().map(|copies| copies - 1).sum(),
            incidents: self.openings,
            unexpected: self.incidents.values().filter(|demanded| !**demanded).count(),
            still_open: self.open.len(),
        }
    }
}

/// What the scenario demands of those faults that a drill plays.
fn demands(scenario: &Scenario) -> Vec<Demand> {
    let played = |named: &Option<String>| match named {
        None => scenario.can_be_drilled(),
        Some(id) => {
            scenario.faults.iter().any(|fault| fault.drill.is_some() && fault.id.as_ref() == Some(id))
        }
    };
    let demand = |expected: &Expected| match expected {
        Expected::Verdict(verdict) if played(&verdict.fault) => {
            Some(Demand { cause: verdict.cause.clone(), met: false })
        }
        _ => None,
    };
    scenario.expected.iter().filter_map(demand).collect()
}

impl Demand {
    /// The cause holds the first of those demanded, and nothing that isn't among them.
    fn is_met_by(&self, cause: &[Cause]) -> bool {
        self.cause.first().is_some_and(|first| cause.contains(first))
            && cause.iter().all(|one| self.cause.contains(one))
    }
}

/// From one moment to the other, in seconds.
pub fn seconds(from: Option<At>, to: Option<At>) -> Option<f64> {
    Some(to?.millis_since(from?) as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KENT: &str = r#"
title = "a firewall"
happened = "in a test"
seed = 1
start = 2023-03-16T08:00:00Z
length = "1h"
[[fault]]
network = "internet"
mode = "total"
at = "+0s"
drill_at = 8
[[expect]]
cause = [{ kind = "network", id = "internet" }, { kind = "firewall", id = "fw" }]
"#;

    fn event(ms: i64, kind: EventKind, cause: &[(&str, &str)]) -> Event {
        let cause = cause.iter().map(|(kind, id)| serde_json::json!({"kind": kind, "id": id}));
        serde_json::from_value(serde_json::json!({
            "at": At::from_millis(ms), "event": kind, "incident": "1970-01-01-1",
            "cause": cause.collect::<Vec<_>>(), "probability": 0.99, "alternatives": [],
            "signature": "dropped", "network": "internet", "since": At::from_millis(8_000),
            "practices": [], "services": [], "reason": null, "into": null, "sentence": "",
            "evidence": {"behind": 1, "failing": 1, "elsewhere": 0, "elsewhere_failing": 0},
        }))
        .expect("an event")
    }

    fn mail(ms: i64, to: &str, id: &str) -> Arc<AcceptedMail> {
        Arc::new(AcceptedMail {
            at: At::from_millis(ms),
            sender: String::new(),
            recipient: to.to_owned(),
            message_id: format!("<{id}@linewatch>"),
            subject: String::new(),
            text: "".into(),
        })
    }

    fn tale() -> Tale {
        let scenario = Scenario::parse("kent", KENT).expect("a scenario");
        let mut tale = Tale {
            demands: Vec::new(),
            silence: false,
            fault: Some(At::from_millis(8_000)),
            failure: None,
            named: None,
            last: None,
            openings: 0,
            open: BTreeSet::new(),
            incidents: BTreeMap::new(),
            mails: Vec::new(),
            resolved: None,
        };
        tale.demands = demands(&scenario);
        tale
    }

    #[test]
    fn each_step_has_its_length() {
        let mut tale = tale();
        let failed = r#"{"at":"1970-01-01T00:00:08.200Z","practice":"a","probe":"b","ok":false,"ms":2000}"#;
        let early = r#"{"at":"1970-01-01T00:00:03Z","practice":"a","probe":"b","ok":false,"ms":2000}"#;
        assert!(!tale.observe(&serde_json::from_str(early).expect("one")), "noise before the fault");
        assert!(tale.observe(&serde_json::from_str(failed).expect("one")));
        assert!(!tale.observe(&serde_json::from_str(failed).expect("one")), "only the first counts");
        // The first message may be seen before the event that it is about.
        tale.mail(mail(10_600, "a@b", "1970-01-01-1.opening"));
        assert!(tale.event(&event(10_500, EventKind::Opened, &[("network", "internet")])));
        tale.mail(mail(10_900, "c@d", "1970-01-01-1.opening"));
        tale.mail(mail(20_000, "c@d", "1970-01-01-1.update"));
        tale.event(&event(60_000, EventKind::Resolved, &[("network", "internet")]));
        tale.mail(mail(60_100, "c@d", "1970-01-01-1.back"));
        tale.mail(mail(60_200, "c@d", "1970-01-01-1.back"));
        let summary = tale.summary();
        assert_eq!(summary.fault_to_failure_s, Some(2.2));
        assert_eq!(summary.fault_to_cause_s, Some(2.5));
        assert_eq!(summary.cause_to_mail_s, Some(0.1));
        assert_eq!(summary.cause_to_last_mail_s, Some(0.4));
        assert_eq!((summary.notices, summary.recipients, summary.duplicates), (5, 2, 1));
        assert_eq!((summary.incidents, summary.unexpected, summary.still_open), (1, 0, 0));
        assert!(summary.expected);
    }

    #[test]
    fn a_group_with_the_right_one_and_its_equals_is_right_and_any_other_is_wrong() {
        let opened = |cause: &[(&str, &str)]| tale().event(&event(9_000, EventKind::Opened, cause));
        assert!(opened(&[("firewall", "fw"), ("network", "internet")]));
        assert!(!opened(&[("firewall", "fw")]));
        assert!(!opened(&[("network", "internet"), ("carrier", "bt")]));
        assert!(!opened(&[]));
    }

    #[test]
    fn a_demand_for_silence_is_met_by_silence_only() {
        let mut tale = tale();
        (tale.silence, tale.demands) = (true, Vec::new());
        assert!(tale.is_as_expected());
        tale.event(&event(9_000, EventKind::Opened, &[("carrier", "bt")]));
        assert!(!tale.is_as_expected());
        assert_eq!(tale.summary().unexpected, 1);
    }
}
