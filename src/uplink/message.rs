//! Requests and answers as JSON, and the headers beside them. Fields that one side doesn't know are ignored, so that agents and
//! hubs of neighbouring versions understand each other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::ranges::Ranges;
use crate::limits::{
    CLOCK_STEPS_MAX, ID_BYTES_MAX, PATH_HUB_CHARS_MAX, PATH_WHY_CHARS_MAX, PROCESS_ID_CHARS_MAX,
    STATE_BYTES_MAX, TROUBLE_CHARS_MAX, UPLINK_HUBS_MAX,
};
use crate::observation::harmless;
use crate::time::At;

/// The header that names the spool that sequence numbers belong to.
pub const SPOOL: &str = "x-linewatch-spool";
/// The header with an agent's [`State`], as JSON.
pub const STATE: &str = "x-linewatch-state";
/// How a batch is compressed.
pub const ENCODING: &str = "gzip";
/// The type of a batch: one observation a line.
pub const LINES: &str = "application/x-ndjson";

/// How an agent is, sent with each batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    pub version: String,
    /// By the agent's own clock, as the request leaves.
    pub at: At,
    /// How long the exchange before took, by which the hub judges how long this request was under way.
    #[serde(default)]
    pub round_trip_ms: u32,
    /// The network whose hub address is used, where the agent was told which that is.
    #[serde(default)]
    pub uplink: Option<String>,
    /// All numbers below have been acknowledged, or given up.
    #[serde(default)]
    pub floor: u64,
    /// Observations that the hub hasn't got yet.
    #[serde(default)]
    pub waiting: u64,
    /// Observations that the spool had to give up, since it was made; those that the hub refused are among them.
    #[serde(default)]
    pub lost: u64,
    /// What is the matter with the spool; `None`: nothing.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Places of the spool at which records were damaged, since it was made; what that cost is among `lost`.
    #[serde(default)]
    pub damages: u64,
    /// Observations that the hub refused for good, since the spool was made.
    #[serde(default, skip_serializing_if = "is_none")]
    pub refused: u64,
    /// The ways to the hub, in the order in which they are used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathState>,
    /// Not a report over the way that is used: a look whether this one works. `uplink` says which it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_look: bool,
    /// Which process of the agent says this, and in which order; `None`: an agent of before that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// When its clock was set, in order, as far as there is something from before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<ClockStep>,
}

/// An agent's clock was set. `[first, by_ms]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, i64)", into = "(u64, i64)")]
pub struct ClockStep {
    /// The first observation that may have its time from the clock as it was then: all with lower numbers have theirs from before.
    pub first: u64,
    /// How far it was set forward, in milliseconds; back when it is negative.
    pub by_ms: i64,
}

impl From<(u64, i64)> for ClockStep {
    fn from((first, by_ms): (u64, i64)) -> Self {
        Self { first, by_ms }
    }
}

impl From<ClockStep> for (u64, i64) {
    fn from(ClockStep { first, by_ms }: ClockStep) -> Self {
        (first, by_ms)
    }
}

/// One process of an agent, from its start to its end. Several requests may be under way at once, so the order in which they come isn't that
/// in which they were sent; and whoever copies an agent's folder has two that report as one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Process {
    /// Drawn at its start.
    pub id: String,
    /// How often it has said how it is, before this.
    pub said: u64,
}

/// One of an agent's ways to the hub.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PathState {
    /// The network, where the agent was told which it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// `hub.example:9460`
    pub hub: String,
    /// Whether it works; `None`: it hasn't been tried.
    pub works: Option<bool>,
    /// Since when, as far as the agent saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<At>,
    /// When it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<At>,
    /// Why it doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl PathState {
    /// For people: `internet (hub.example:9460)`, or what of it is known.
    pub fn name(&self) -> String {
        match &self.network {
            Some(network) if self.hub.is_empty() => network.clone(),
            Some(network) => format!("{network} ({})", self.hub),
            None => self.hub.clone(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// A network's name, in characters: an id of the configuration, or what stands before `=` in an agent's `--hub`.
const NETWORK_CHARS_MAX: usize = ID_BYTES_MAX;

impl State {
    /// The value of [`STATE`]: JSON in ASCII, as headers have it. What only explains is left out where it would be too long.
    pub fn header(&self) -> Result<String, serde_json::Error> {
        let whole = ascii(&serde_json::to_string(self)?);
        if whole.len() <= STATE_BYTES_MAX {
            return Ok(whole);
        }
        let paths = self.paths.iter().map(|path| PathState { why: None, ..path.clone() }).collect();
        let trouble = self.trouble.as_ref().map(|why| why.chars().filter(char::is_ascii).collect());
        Ok(ascii(&serde_json::to_string(&Self { trouble, paths, ..self.clone() })?))
    }

    /// Bounds what came from elsewhere, and takes out of its texts what could steer a terminal or mislead an eye.
    pub fn clean(&mut self) {
        let tidy = |text: &mut String, most: usize| {
            if text.chars().count() > most || text.chars().any(|c| harmless(c) != c) {
                *text = text.chars().take(most).map(harmless).collect();
            }
        };
        self.uplink.iter_mut().for_each(|network| tidy(network, NETWORK_CHARS_MAX));
        self.paths.truncate(UPLINK_HUBS_MAX);
        self.steps.truncate(CLOCK_STEPS_MAX);
        for path in &mut self.paths {
            path.network.iter_mut().for_each(|network| tidy(network, NETWORK_CHARS_MAX));
            tidy(&mut path.hub, PATH_HUB_CHARS_MAX);
            path.why.iter_mut().for_each(|why| tidy(why, PATH_WHY_CHARS_MAX));
        }
        self.trouble.iter_mut().for_each(|why| tidy(why, TROUBLE_CHARS_MAX));
        tidy(&mut self.version, PATH_HUB_CHARS_MAX);
        self.process.iter_mut().for_each(|process| tidy(&mut process.id, PROCESS_ID_CHARS_MAX));
    }
}

/// JSON with every character beyond ASCII as an escape.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string can't fail.
                let _infallible = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// The answer to a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchAnswer {
    /// Which of the batch's numbers the hub has durably; the others are to be sent again.
    pub acked: Ranges,
    /// The hub's clock.
    pub at: At,
    /// How long to wait before the next batch, at least.
    pub wait_ms: u64,
    /// Which configuration the agent should have.
    #[serde(default)]
    pub config: Option<String>,
    /// A new key is asked for.
    #[serde(default)]
    pub rotate: bool,
    /// What the hub knows of faults that hit this practice: a sentence for each, for the page in the practice.
    #[serde(default)]
    pub word: Vec<String>,
}

/// `GET /api/v1/agent/asks`, which is answered when there is something: checks to be asked now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AsksAnswer {
    /// Ids of probes. One that the agent doesn't know is passed over.
    pub probes: Vec<String>,
}

/// Why a batch was refused, and which numbers of it will never be taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchProblem {
    pub error: String,
    /// One word, as in the metric.
    #[serde(default)]
    pub reason: String,
    /// Give these up, and send the others again.
    #[serde(default)]
    pub refused: Ranges,
}

/// `POST /api/v1/agent/enrol`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRequest {
    pub code: String,
    /// The tag of the key that the agent has made, in hexadecimal digits.
    pub key_tag: String,
    #[serde(default)]
    pub version: String,
}

/// Its answer; the same for the same code and key, should it have got lost on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolAnswer {
    pub agent: String,
    pub practice: String,
}

/// `POST /api/v1/agent/key`: the tag of the key that shall follow. Its first use makes the one before void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRequest {
    pub key_tag: String,
}

/// `GET /api/v1/agent/config`: a configuration with one practice in it, and the files that it names.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bundle {
    pub practice: String,
    /// `probes.toml`
    pub text: String,
    /// By name; some hold secrets.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("practice", &self.practice).finish_non_exhaustive()
    }
}

/// `POST /api/v1/agents/enrol`, from the hub's own machine or an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRequest {
    pub practice: String,
    /// Who asks, for the journal.
    #[serde(default)]
    pub by: Option<String>,
}

/// Its answer, the only place that the code ever stands in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeAnswer {
    pub practice: String,
    pub code: String,
    pub valid_until: At,
}

/// What `POST /api/v1/agents/{id}/revoke` and `…/rotate` take.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ByRequest {
    #[serde(default)]
    pub by: Option<String>,
}

/// `GET /api/v1/agents`: one agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AgentLine {
    pub practice: String,
    pub agent: String,
    /// `enrolled` (never heard), `heard`, `revoked`.
    pub standing: String,
    pub enrolled: At,
    pub revoked: Option<At>,
    pub version: Option<String>,
    pub last_heard: Option<At>,
    /// Over which network.
    pub uplink: Option<String>,
    /// Observations that wait at the agent, when it was last heard.
    pub waiting: Option<u64>,
    /// Observations that its spool had to give up.
    pub lost: Option<u64>,
    pub trouble: Option<String>,
    /// Its ways to this hub, as it said when it was last heard; times are by the hub's clock.
    #[serde(default)]
    pub paths: Vec<PathState>,
    /// When it was last heard over each network of the estate.
    #[serde(default)]
    pub heard_on: BTreeMap<String, At>,
    /// When it said what stands here of its version, ways, spool and clock.
    #[serde(default)]
    pub as_of: Option<At>,
    /// It was heard since this hub was started. Otherwise all of that is what the process before knew.
    #[serde(default)]
    pub is_since_start: bool,
    /// Places of its spools that were damaged, since they were made.
    #[serde(default)]
    pub damages: u64,
    /// Of `lost`, those that this hub refused for good.
    #[serde(default)]
    pub refused: u64,
    /// By how much its clock is ahead, in milliseconds; behind when it is negative.
    pub clock_ahead_ms: Option<i64>,
    /// When another process that has its identity was last refused, if two of them run: somebody copied its folder.
    #[serde(default)]
    pub twin: Option<At>,
    /// A new key has been asked for, and isn't used yet.
    pub rotating: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_with_every_text_at_its_bound_fits_its_header_and_says_the_same() {
        let path = |letter: &str| PathState {
            network: Some("internet".to_owned()),
            hub: "h".repeat(PATH_HUB_CHARS_MAX),
            works: Some(false),
            since: Some(At::default()),
            tried: Some(At::default()),
            why: Some(letter.repeat(PATH_WHY_CHARS_MAX)),
        };
        let state = |letter: &str| State {
            trouble: Some(letter.repeat(TROUBLE_CHARS_MAX)),
            paths: vec![path(letter); UPLINK_HUBS_MAX],
            steps: vec![ClockStep { first: u64::MAX / 2, by_ms: -3_600_000 }; CLOCK_STEPS_MAX],
            ..State::default()
        };
        let header = state("x").header().expect("JSON");
        assert!(header.len() <= STATE_BYTES_MAX, "{}", header.len());
        assert_eq!(serde_json::from_str::<State>(&header).expect("itself"), state("x"));
        // Each of these takes six bytes; what explains goes first, the states stay.
        let header = state("é").header().expect("JSON");
        assert!(header.len() <= STATE_BYTES_MAX && header.is_ascii(), "{}", header.len());
        let read: State = serde_json::from_str(&header).expect("JSON");
        assert_eq!(read.paths.len(), UPLINK_HUBS_MAX);
        assert!(read.paths.iter().all(|path| path.works == Some(false) && path.why.is_none()));
        let one = State { trouble: Some("é𝄞".to_owned()), ..State::default() };
        assert_eq!(serde_json::from_str::<State>(&one.header().expect("JSON")).expect("itself"), one);
    }

    #[test]
    fn what_comes_from_elsewhere_is_bounded_and_harmless() {
        let long = "\u{1b}x".repeat(5_000);
        let path = PathState {
            network: Some(long.clone()),
            hub: long.clone(),
            why: Some(long.clone()),
            ..PathState::default()
        };
        let mut state = State {
            uplink: Some(long.clone()),
            trouble: Some(long),
            paths: vec![path; 100],
            steps: vec![ClockStep { first: 7, by_ms: i64::MIN }; 100],
            ..State::default()
        };
        state.clean();
        assert_eq!(state.steps, vec![ClockStep { first: 7, by_ms: i64::MIN }; CLOCK_STEPS_MAX]);
        for network in [&state.uplink, &state.paths[0].network, &state.paths[UPLINK_HUBS_MAX - 1].network] {
            let network = network.as_deref().expect("one");
            assert!(network.starts_with(" x x") && network.len() == NETWORK_CHARS_MAX, "{network}");
        }
        assert_eq!(state.paths.len(), UPLINK_HUBS_MAX);
        let why = state.paths[0].why.clone().expect("one");
        assert!(why.starts_with(" x x") && why.len() == PATH_WHY_CHARS_MAX);
        assert_eq!(state.trouble.map(|why| why.len()), Some(TROUBLE_CHARS_MAX));
    }

    #[test]
    fn an_agent_of_an_earlier_version_is_understood() {
        let state: State =
            serde_json::from_str(r#"{"version":"0.1.0","at":"2026-03-16T07:12:03Z"}"#).expect("a state");
        assert!(state.paths.is_empty() && !state.is_look && state.damages == 0 && state.refused == 0);
        assert!(state.steps.is_empty() && !state.header().expect("JSON").contains("steps"));
    }
}
