//! A cause over time: the events that the correlator emits and everything downstream reads, with their
//! JSON form, one object a line.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::At;

/// Something that people may be told. Every event carries every field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When the correlator said so, in stream time.
    pub at: At,
    pub event: EventKind,
    /// `2026-03-16-1`: the local day on which it was opened, and a number within the day; of an exercise `exercise-2026-03-16-1`.
    pub incident: String,
    /// One entry, or several when the data can't tell which of them it is.
    pub cause: Vec<Cause>,
    /// Posterior that this group holds the true cause.
    pub probability: f64,
    /// The next best explanations, most probable first; with `probability` they sum to at most 1.
    pub alternatives: Vec<Alternative>,
    pub signature: Signature,
    /// The network that is hit; `None` when both are.
    pub network: Option<String>,
    /// Best estimate of when the fault began.
    pub since: At,
    /// Ids of the practices affected now, in the estate's order.
    pub practices: Vec<String>,
    /// Ids of the services affected now, in the estate's order.
    pub services: Vec<String>,
    /// Of a fault that is partial as a whole: ids of the practices affected that have lost all of it, in the estate's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    pub evidence: Evidence,
    /// Why it was resolved; `None` unless it was.
    pub reason: Option<Reason>,
    /// The incident that goes on in its stead, when it was merged.
    pub into: Option<String>,
    /// The sentence for a person, with its denominator.
    pub sentence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Opened,
    Changed,
    Resolved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// What failed answers again.
    Recovered,
    /// It was never so: later evidence acquits the cause.
    Withdrawn,
    /// It proved to be the same fault as another incident.
    Merged,
}

/// What failed: `kind` is a component's kind, or `practice`, `network`, `service`, `monitor`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cause {
    pub kind: String,
    pub id: String,
}

/// With what the ids of an exercise's incidents begin: what really fails has none of these, so that nobody takes the one for the other.
pub const OF_EXERCISE: &str = "exercise-";

/// Of what was said of an incident, oldest first: when it was said first that nobody is hit, if that was never taken back. An incident is
/// resolved only when it has been so for a while, and that while is no part of the fault. `None`: somebody is hit, or nobody ever
/// was, as when linewatch itself is cut off.
pub fn nobody_hit_since<'e>(events: impl IntoIterator<Item = &'e Event>) -> Option<At> {
    let (mut was_hit, mut since) = (false, None);
    for event in events {
        was_hit |= !event.practices.is_empty();
        since = if event.practices.is_empty() { since.or(Some(event.at)) } else { None };
    }
    since.filter(|_| was_hit)
}

/// Whether an incident was made up for an exercise, by its id.
pub fn is_of_exercise(incident: &str) -> bool {
    incident.starts_with(OF_EXERCISE)
}

impl Event {
    /// Whether linewatch itself saw no practice: its own line was down on every network that it has. One that is slow, or that has
    /// lost one network, leaves it the others.
    pub fn is_cut_off(&self) -> bool {
        self.cause.iter().any(|cause| cause.kind == Cause::MONITOR)
            && self.network.is_none()
            && self.signature != Signature::Slow
    }
}

impl Cause {
    pub const PRACTICE: &'static str = "practice";
    pub const NETWORK: &'static str = "network";
    pub const SERVICE: &'static str = "service";
    pub const MONITOR: &'static str = "monitor";
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    pub cause: Vec<Cause>,
    pub probability: f64,
}

/// How the fault looks from the practices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    Down,
    Dropped,
    Refused,
    Dns,
    Tls,
    Intercepted,
    Partial,
    Slow,
    Flapping,
    Policy,
    Silent,
}

impl Signature {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Dropped => "dropped",
            Self::Refused => "refused",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Intercepted => "intercepted",
            Self::Partial => "partial",
            Self::Slow => "slow",
            Self::Flapping => "flapping",
            Self::Policy => "policy",
            Self::Silent => "silent",
        }
    }
}

/// The counts behind the verdict, in practices that reported lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Practices behind the cause.
    pub behind: u32,
    /// Of those, how many fail.
    pub failing: u32,
    /// Of those, how many have answered since it began, and don't fail; `None`: it isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine: Option<u32>,
    /// Practices not behind the cause.
    pub elsewhere: u32,
    /// Of those, how many fail.
    pub elsewhere_failing: u32,
}
