//! The shape of a scenario file, as TOML sees it. Values that are checked further keep their place in the
//! text. No `flatten`, no `untagged`: both would cost the places and the plain words of the errors.

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::incident::{Cause, Signature};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub title: String,
    pub happened: String,
    pub seed: u64,
    pub start: Spanned<Datetime>,
    pub length: Spanned<String>,
    pub warm_up: Option<Spanned<String>>,
    pub drill_length: Option<Spanned<String>>,
    #[serde(default)]
    pub estate: RawPlan,
    #[serde(default)]
    pub noise: RawNoise,
    #[serde(default)]
    pub fault: Vec<Spanned<RawFault>>,
    #[serde(default)]
    pub expect: Vec<Spanned<RawExpect>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    pub practices: Option<Spanned<usize>>,
    pub branches: Option<Spanned<usize>>,
    pub carriers: Option<Spanned<usize>>,
    pub firewalls: Option<Spanned<usize>>,
    pub gateways: Option<Spanned<usize>>,
    pub firmwares: Option<Spanned<usize>>,
    pub services: Option<Spanned<usize>>,
    #[serde(default)]
    pub datacentre: bool,
    pub every: Option<Spanned<String>>,
    pub timeout: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNoise {
    pub leak: Option<Spanned<f64>>,
    pub flaky: Option<usize>,
    pub spool: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFault {
    pub id: Option<String>,
    pub component: Option<String>,
    pub service: Option<String>,
    pub network: Option<String>,
    pub practice: Option<String>,
    pub practices: Option<Vec<String>>,
    pub hub: Option<bool>,
    pub at: Spanned<String>,
    pub until: Option<Spanned<String>>,
    pub drill_at: Option<Spanned<f64>>,
    pub drill_until: Option<Spanned<f64>>,
    pub mode: Spanned<String>,
    pub rate: Option<Spanned<f64>>,
    pub sites: Option<Spanned<f64>>,
    pub ms: Option<Spanned<f64>>,
    pub answer: Option<Spanned<String>>,
    pub status: Option<Spanned<u16>>,
    pub only_network: Option<String>,
    #[serde(default)]
    pub only_probes: Vec<String>,
    pub flapping: Option<RawFlapping>,
    pub rolling: Option<RawRolling>,
    #[serde(default)]
    pub recovery: Vec<RawRecovery>,
    pub failover: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFlapping {
    pub period: Spanned<String>,
    pub down: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRolling {
    pub over: Spanned<String>,
    pub lasts: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecovery {
    pub at: Spanned<String>,
    pub drill_at: Option<Spanned<f64>>,
    pub sites: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpect {
    pub silence: Option<bool>,
    #[serde(default)]
    pub cause: Vec<Cause>,
    #[serde(default)]
    pub signature: Vec<Signature>,
    pub network: Option<String>,
    pub fault: Option<Spanned<String>>,
    pub named_within: Option<Spanned<String>>,
    pub resolved_within: Option<Spanned<String>>,
    pub incidents_max: Option<usize>,
    pub changes_min: Option<usize>,
}
