//! Requests and answers as JSON, and the headers beside them. Fields that one side doesn't know are ignored, so that agents and
//! hubs of neighbouring versions understand each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ranges::Ranges;
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
    /// Observations that the spool had to give up, since it was made.
    #[serde(default)]
    pub lost: u64,
    /// What is the matter with the spool; `None`: nothing.
    #[serde(default)]
    pub trouble: Option<String>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// By how much its clock is ahead, in milliseconds; behind when it is negative.
    pub clock_ahead_ms: Option<i64>,
    /// A new key has been asked for, and isn't used yet.
    pub rotating: bool,
}
