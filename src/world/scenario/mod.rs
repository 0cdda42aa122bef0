//! A scripted fault in a simulated estate: what goes wrong, when, and what linewatch must say about it.
//!
//! Scenarios are data (`scenarios/*.toml`); [`Scenario::parse`] reads one. Every offset counts from the
//! scenario's `start`. `simulate` plays it in its own time; `drill` plays the same faults at their
//! `drill_at` and `drill_until`, so that five days fit into a minute.

mod file;
mod lengths;
mod raw;
mod shipped;
mod words;

use std::time::Duration;

pub use file::{Trouble, Troubles};
pub use lengths::{NotALength, parse as parse_length};
pub use shipped::{SHIPPED, shipped};

use crate::incident::{Cause, Signature};
use crate::time::At;
use crate::world::estates::Plan;
use crate::world::rough::Rough;

/// One scripted day.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The file's name without its ending: `kent-2023`.
    pub name: String,
    /// A heading for people.
    pub title: String,
    /// What really happened, in one line.
    pub happened: String,
    /// All chance in the scenario comes from this number.
    pub seed: u64,
    /// Offset zero of every fault.
    pub start: At,
    /// How long the story goes on after `start`.
    pub length: Duration,
    /// How long the estate is watched in good health before `start`.
    pub warm_up: Duration,
    /// How long a drill takes, from its first second to its last.
    pub drill_length: Duration,
    /// The estate to make up when no configuration is given.
    pub plan: Plan,
    pub noise: Noise,
    /// In the order of the file.
    pub faults: Vec<Fault>,
    pub expected: Vec<Expected>,
}

impl Scenario {
    /// When virtual time begins and ends: `start` less the warm-up, and `start` plus the length.
    pub fn span(&self) -> (At, At) {
        (self.start - self.warm_up, self.start + self.length)
    }

    /// Whether any of its faults can be played in a drill.
    pub fn can_be_drilled(&self) -> bool {
        self.faults.iter().any(|fault| fault.drill.is_some())
    }

    /// A drill of it takes so much longer: what breaks first stays broken meanwhile, and all that comes after comes later.
    pub fn hold_drill(&mut self, longer: Duration) {
        let first = self.faults.iter().filter_map(|fault| fault.drill).map(|window| window.from).min();
        let Some(first) = first else { return };
        let later = |at: Duration| if at > first { at.saturating_add(longer) } else { at };
        for fault in &mut self.faults {
            if let Some(window) = &mut fault.drill {
                window.from = later(window.from);
                window.until = window.until.map(later);
            }
            for step in &mut fault.recovery {
                step.drill_at = step.drill_at.map(later);
            }
        }
        self.drill_length = self.drill_length.saturating_add(longer);
    }
}

/// The everyday bad luck of networks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Chance that any one asking fails for no reason at all.
    pub leak: f64,
    /// How many checks (one probe at one practice) fail 5 to 20 times in a hundred, always.
    pub flaky: usize,
    /// What an agent does with results that it can't report.
    pub spool: Spool,
    /// The rougher luck of the benchmark's trials, in place of `leak`; scenario files have none of it.
    pub rough: Option<Rough>,
}

impl Default for Noise {
    fn default() -> Self {
        Self { leak: 0.002, flaky: 0, spool: Spool::Kept, rough: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spool {
    /// Written to disk and sent when the hub can be reached again.
    Kept,
    /// Gone.
    Lost,
}

/// One thing that breaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Its name within the scenario, for `[[expect]] fault = "…"`.
    pub id: Option<String>,
    pub target: Target,
    pub mode: Mode,
    /// Share of the askings that it hits: 1 is all of them.
    pub rate: f64,
    /// Share of the sites behind it that it hits, always the same ones: 1 is all of them.
    pub sites: f64,
    /// Offsets from `start`; no end means that it lasts as long as the scenario.
    pub when: Window,
    /// Offsets from the beginning of a drill; `None`: not played in a drill.
    pub drill: Option<Window>,
    /// Hits traffic of this network only.
    pub only_network: Option<String>,
    /// Hits these probes only; empty: all.
    pub only_probes: Vec<String>,
    /// Comes and goes.
    pub flapping: Option<Flapping>,
    /// Hits site after site instead of all at once.
    pub rolling: Option<Rolling>,
    /// Sites that come back before the end, in order of time.
    pub recovery: Vec<Recovery>,
    /// Of spares: whether a site whose usual one broke goes over another. If not, it stays dead.
    pub failover: bool,
}

/// From when until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Duration,
    pub until: Option<Duration>,
}

/// What breaks, by the estate's ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Component(String),
    Service(String),
    Network(String),
    Practices(Vec<String>),
    /// The monitor's own machine and its lines.
    Hub,
}

/// What an asking meets there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// No answer at all: `total`, and with a rate below 1 `partial`.
    Total,
    /// The connection is refused at once.
    Refused,
    /// TCP connections are reset; datagrams live.
    Reset,
    /// The router says that there is no way.
    Unreachable,
    /// Answers come this much later.
    Slow { ms: f64 },
    /// Names don't resolve; what is asked by address lives.
    Dns(DnsAnswer),
    /// The TLS handshake breaks off.
    Tls,
    /// Somebody else's certificate.
    Intercepted,
    /// A certificate that nobody vouches for.
    Untrusted,
    /// Web answers stall once the connection stands: packets above some size are lost (MTU). All else lives.
    Large,
    /// HTTP answers with this status.
    Status(u16),
    /// The practice's agent is switched off: nothing is asked, nothing reported, nothing spooled.
    Off,
}

/// How a broken name server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DnsAnswer {
    Servfail,
    Nxdomain,
    Refused,
    /// Not at all.
    Timeout,
}

/// Down for the first `down` of every `period`, from the fault's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flapping {
    pub period: Duration,
    pub down: Duration,
}

/// Each site fails once, at a moment of its own within the first `over`, and stays down for `lasts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rolling {
    pub over: Duration,
    pub lasts: Duration,
}

/// From `at` on, this share of the sites that were hit is back. Later steps may also take sites away again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recovery {
    /// Offset from `start`.
    pub at: Duration,
    /// Offset from the beginning of a drill.
    pub drill_at: Option<Duration>,
    /// 0 to 1.
    pub sites: f64,
}

/// A verdict that the scenario demands.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// No incident at all.
    Silence,
    Verdict(Verdict),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The incident's cause must hold the first of these, and nothing that isn't among them: the others are
    /// those that the data can't tell from it.
    pub cause: Vec<Cause>,
    /// Any of these; empty: whichever.
    pub signature: Vec<Signature>,
    /// The network that must be named; `None`: whichever.
    pub network: Option<Hit>,
    /// The faults that it is about; `None`: those whose target is the cause.
    pub fault: Option<String>,
    /// From the fault's beginning to the event that names the cause.
    pub named_within: Option<Duration>,
    /// From the fault's end to the event that resolves the last incident.
    pub resolved_within: Option<Duration>,
    /// Incidents about this cause, at most.
    pub incidents_max: usize,
    /// `changed` events about this cause, at least: who is back after each fix.
    pub changes_min: usize,
}

/// The networks that a verdict names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    One(String),
    Both,
}
