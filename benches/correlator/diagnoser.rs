//! Whoever names faults, seen from outside: it is told the estate and which agents are known to be missing, is
//! fed observations in order of arrival, and says what it holds to be broken. linewatch is one of them.

use std::collections::HashMap;
use std::sync::Arc;

use linewatch::correlate::{Correlator, Wish};
use linewatch::estate::Estate;
use linewatch::incident::{Cause, EventKind};
use linewatch::observation::Observation;
use linewatch::time::At;

/// One thing said about one incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub at: At,
    pub event: EventKind,
    /// Counted from 0 within one diagnoser and trial.
    pub incident: u32,
    /// One of these.
    pub causes: Vec<Cause>,
    /// How sure it is that one of them failed.
    pub probability: f64,
    /// What it would tell a person, for `--show`; empty where it has no words.
    pub words: String,
}

/// Where an observation belongs, looked up once for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Position of the practice, or behind the last one for the hub.
    pub asker: u32,
    /// `None` for heartbeats.
    pub probe: Option<u32>,
}

pub trait Diagnoser {
    /// Time goes on: whatever is due by then happens.
    fn advance(&mut self, at: At);
    /// One observation, which arrived at `at`. `advance` was called with the same time before.
    fn observe(&mut self, at: At, seen: &Observation, place: Place);
    /// Hands over what it said since it was last asked.
    fn said(&mut self, into: &mut Vec<Said>);
    /// A check that it would have asked at once.
    fn wish(&mut self) -> Option<Wish> {
        None
    }
}

/// linewatch's own correlator. It takes agents that were never heard for unknown by itself, so it needs no list of
/// missing ones.
pub struct Linewatch {
    correlator: Correlator,
    numbers: HashMap<String, u32>,
}

impl Linewatch {
    pub fn new(estate: &Arc<Estate>) -> Self {
        Self { correlator: Correlator::new(Arc::clone(estate)), numbers: HashMap::new() }
    }
}

impl Diagnoser for Linewatch {
    fn wish(&mut self) -> Option<Wish> {
        self.correlator.poll_wish()
    }

    fn advance(&mut self, at: At) {
        self.correlator.advance(at);
    }

    fn observe(&mut self, at: At, seen: &Observation, _place: Place) {
        self.correlator.observe(at, seen);
    }

    fn said(&mut self, into: &mut Vec<Said>) {
        while let Some(event) = self.correlator.poll_event() {
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            let incident = *self.numbers.entry(event.incident).or_insert(next);
            let ending = match (event.reason, event.into) {
                (Some(reason), Some(into)) => {
                    format!("{reason:?} into {:?}: ", self.numbers.get(&into)).to_lowercase()
                }
                (Some(reason), None) => format!("{reason:?}: ").to_lowercase(),
                (None, _) => String::new(),
            };
            let alternatives: Vec<String> = event
                .alternatives
                .iter()
                .take(3)
                .map(|other| format!("{} {:.4}", causes(&other.cause), other.probability))
                .collect();
            into.push(Said {
                at: event.at,
                event: event.event,
                incident,
                causes: event.cause,
                probability: event.probability,
                words: format!(
                    "{ending}{} ({}; {} practices; else {})",
                    event.sentence,
                    event.signature.as_str(),
                    event.practices.len(),
                    if alternatives.is_empty() { "nothing".to_owned() } else { alternatives.join(", ") }
                ),
            });
        }
    }
}

/// `firewall fw-a or carrier bt`.
pub fn causes(causes: &[Cause]) -> String {
    causes.iter().map(Cause::to_string).collect::<Vec<_>>().join(" or ")
}
