//! Observations in, incident events out. Pure: no socket, no clock, no randomness, no database; time
//! comes in with the data, and a wake-up is asked for, never slept for.
//!
//! The caller's loop, for a live stream and for a recording alike:
//!
//! 1. before it hands over an observation, it calls [`Correlator::advance`] with the arrival time, which
//!    fires the timers that are due by then, in order;
//! 2. it hands the observation over with [`Correlator::observe`];
//! 3. it takes the events with [`Correlator::poll_event`] until there are none;
//! 4. it sleeps until [`Correlator::next_wake`], or until the next observation.

use std::sync::Arc;

use crate::estate::Estate;
use crate::incident::{Alternative, Event};
use crate::observation::Observation;
use crate::time::At;

/// The whole correlator: evidence, model and incidents of one estate.
#[derive(Debug)]
pub struct Correlator {
    estate: Arc<Estate>,
}

/// What became of one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It counts as evidence.
    Counted,
    /// It came too late to open anything; it may move `since` and evidence.
    History,
    /// The estate has no such practice.
    UnknownPractice,
    /// The estate has no such probe.
    UnknownProbe,
}

/// Why the correlator wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeReason {
    /// Something changed: judge it.
    Evaluate,
    /// An agent will be overdue.
    Silence,
    /// An incident may be said to have changed, or to be over.
    LifeCycle,
}

/// Where a practice stands on a network, or as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Ok,
    Down,
    /// Its agent was heard before, and isn't now.
    Silent,
    /// Never heard from, switched off in good order, or not known because the monitor itself is cut off.
    Unknown,
}

impl Standing {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Down => "down",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }
}

/// What the correlator knows now, for status, pages and metrics.
#[derive(Debug, Clone)]
pub struct Picture {
    pub at: At,
    /// In the estate's order.
    pub practices: Vec<PracticePicture>,
    /// The last event of each open incident, oldest first.
    pub incidents: Vec<Event>,
    /// Standing notes: single checks that fail, chronic bad lines. Plain sentences.
    pub notes: Vec<Note>,
    /// Probability that each declared component, network, service, and the monitor has failed.
    pub suspects: Vec<Suspect>,
}

#[derive(Debug, Clone)]
pub struct PracticePicture {
    /// By network, in the estate's order.
    pub networks: Vec<Standing>,
    pub last_heard: Option<At>,
    /// By probe, in the estate's order; `None`: never asked.
    pub checks: Vec<Option<CheckPicture>>,
}

/// The last result of one check.
#[derive(Debug, Clone, Copy)]
pub struct CheckPicture {
    pub at: At,
    pub ok: bool,
    pub failure: Option<crate::observation::Failure>,
    /// When the present run of the same result began.
    pub since: At,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub practice: Option<String>,
    pub probe: Option<String>,
    pub since: At,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    pub cause: crate::incident::Cause,
    pub probability: f64,
}

/// Why an incident is what it is, for `linewatch why`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub event: Event,
    /// Natural logarithm of the odds against the runner-up.
    pub log_odds: f64,
    pub runner_up: Option<Alternative>,
    /// Lines of evidence for the cause.
    pub convicts: Vec<String>,
    /// Lines of evidence that clear others.
    pub acquits: Vec<String>,
    /// What isn't known.
    pub missing: Vec<String>,
}

impl Correlator {
    pub fn new(estate: Arc<Estate>) -> Self {
        Self { estate }
    }

    pub fn estate(&self) -> &Arc<Estate> {
        &self.estate
    }

    /// Takes over the incidents that were open, and the number of the last incident of each day, when the
    /// process starts again.
    pub fn restore(&mut self, _open: Vec<Event>, _last_incident: Option<String>) {}

    /// Goes on with another estate: what both have keeps its state, what is gone is forgotten and its
    /// incidents are withdrawn.
    pub fn reload(&mut self, estate: Arc<Estate>, _now: At) {
        self.estate = estate;
    }

    /// Fires the timers that are due by `now`, in order. Time never runs backwards: an earlier `now` is
    /// taken as the latest one seen.
    pub fn advance(&mut self, _now: At) {}

    /// Takes one observation that arrived at `arrival`. Call [`Self::advance`] with the same time first.
    pub fn observe(&mut self, _arrival: At, _seen: &Observation) -> Taken {
        Taken::Counted
    }

    /// When it wants to be woken next, and why.
    pub fn next_wake(&self) -> Option<(At, WakeReason)> {
        None
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    pub fn picture(&self) -> Picture {
        Picture {
            at: At::default(),
            practices: Vec::new(),
            incidents: Vec::new(),
            notes: Vec::new(),
            suspects: Vec::new(),
        }
    }

    /// Explains an incident that is open, or was resolved within the last day.
    pub fn why(&self, _incident: &str) -> Option<Explanation> {
        None
    }
}
