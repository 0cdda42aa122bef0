//! One result of one check: the type, and its JSON form, one object a line.

mod clean;
mod path;

use serde::{Deserialize, Serialize};

pub use clean::harmless;
pub use path::{Hop, PathSeen, Stopped};

use crate::time::At;

/// The practice id under which the hub reports its own checks.
pub const HUB: &str = "@hub";
/// The probe id of a heartbeat: the agent lives.
pub const ALIVE: &str = "@alive";
/// The probe id of a goodbye: the agent was switched off in good order.
pub const BYE: &str = "@bye";

/// What one check, asked once, had for an answer. Unknown fields of the JSON form are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When the check began.
    pub at: At,
    /// When the hub got it; absent means `at` + `ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<At>,
    /// The practice's id, or [`HUB`].
    pub practice: String,
    /// The probe's id, or [`ALIVE`] or [`BYE`].
    pub probe: String,
    #[serde(default = "yes")]
    pub ok: bool,
    /// Why not, when not ok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How far it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The whole check, in milliseconds.
    #[serde(default)]
    pub ms: f64,
    #[serde(default, skip_serializing_if = "PhaseTimes::is_empty")]
    pub phases_ms: PhaseTimes,
    /// Share of the packets lost, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// One line for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The network that it was reported over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<String>,
    /// Asked again out of schedule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reask: bool,
    /// Not the end of an asking: it has been silent for `ms`, several times as long as this check takes at its slowest, and so is
    /// the one that it was asked beside. What becomes of both follows. Until then nothing has failed, so `failure` is
    /// [`Failure::TooSlow`], and a reader who doesn't know this field takes it for no more than that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Where packets of this check's kind stopped, traced while it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathSeen>,
}

fn yes() -> bool {
    true
}

impl Observation {
    /// When the hub got it: `received`, or `at` + `ms` where the line doesn't say.
    pub fn arrival(&self) -> At {
        self.received.unwrap_or_else(|| self.ended())
    }

    /// When the check ended: `at` + `ms`. A length that isn't a sensible number counts as none.
    pub fn ended(&self) -> At {
        let ms = if self.ms.is_finite() { self.ms.clamp(0.0, 1e12) } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "clamped to 1e12 above")]
        self.at.plus_millis(ms.round() as i64)
    }
}

/// Why a check failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    Timeout,
    Refused,
    Reset,
    Unreachable,
    Nxdomain,
    Servfail,
    DnsRefused,
    NoAnswer,
    WrongAnswer,
    Tls,
    Untrusted,
    Intercepted,
    Expired,
    Status,
    Body,
    BlockedPage,
    TooSlow,
    Loss,
    /// A port that must be blocked is open.
    Open,
    Protocol,
    /// The agent's own fault: no permission, no descriptors. Never an outage of anything else.
    Local,
}

impl Failure {
    /// The word of the contract, as in the JSON form and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Nxdomain => "nxdomain",
            Self::Servfail => "servfail",
            Self::DnsRefused => "dns_refused",
            Self::NoAnswer => "no_answer",
            Self::WrongAnswer => "wrong_answer",
            Self::Tls => "tls",
            Self::Untrusted => "untrusted",
            Self::Intercepted => "intercepted",
            Self::Expired => "expired",
            Self::Status => "status",
            Self::Body => "body",
            Self::BlockedPage => "blocked_page",
            Self::TooSlow => "too_slow",
            Self::Loss => "loss",
            Self::Open => "open",
            Self::Protocol => "protocol",
            Self::Local => "local",
        }
    }
}

/// The part of a check in which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Dns,
    Connect,
    Tls,
    Send,
    FirstByte,
    Body,
    Echo,
}

impl Phase {
    pub const ALL: [Self; 7] =
        [Self::Dns, Self::Connect, Self::Tls, Self::Send, Self::FirstByte, Self::Body, Self::Echo];

    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::FirstByte => "first_byte",
            Self::Body => "body",
            Self::Echo => "echo",
        }
    }
}

/// How long each phase took, in milliseconds; a phase that wasn't reached is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PhaseTimes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<f64>,
}

impl PhaseTimes {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub const fn get(&self, phase: Phase) -> Option<f64> {
        match phase {
            Phase::Dns => self.dns,
            Phase::Connect => self.connect,
            Phase::Tls => self.tls,
            Phase::Send => self.send,
            Phase::FirstByte => self.first_byte,
            Phase::Body => self.body,
            Phase::Echo => self.echo,
        }
    }

    pub const fn set(&mut self, phase: Phase, ms: f64) {
        let slot = match phase {
            Phase::Dns => &mut self.dns,
            Phase::Connect => &mut self.connect,
            Phase::Tls => &mut self.tls,
            Phase::Send => &mut self.send,
            Phase::FirstByte => &mut self.first_byte,
            Phase::Body => &mut self.body,
            Phase::Echo => &mut self.echo,
        };
        *slot = Some(ms);
    }
}

/// The fuzz target: a line that is read says the same when it is written and read again.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(seen) = serde_json::from_slice::<Observation>(bytes) else { return };
    let written = serde_json::to_string(&seen).unwrap_or_default();
    assert!(!written.contains('\n'), "one line: {written}");
    let again = serde_json::from_str::<Observation>(&written).ok();
    assert_eq!(again.as_ref(), Some(&seen), "{written}");
    let _: (At, At) = (seen.arrival(), seen.ended());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_line_of_the_contract_and_ignores_fields_it_does_not_know() {
        let line = r#"{"at":"2026-03-16T07:12:03.120Z","practice":"G82002","probe":"accurx-https","ok":false,
            "failure":"timeout","phase":"connect","ms":5000.0,"colour":"blue"}"#;
        let seen: Observation = serde_json::from_str(line).expect("the contract's own example");
        assert_eq!(seen.failure, Some(Failure::Timeout));
        assert_eq!(seen.phase, Some(Phase::Connect));
        assert_eq!(seen.arrival(), "2026-03-16T07:12:08.120Z".parse().expect("a time"));
    }

    #[test]
    fn writes_no_field_that_it_does_not_need() {
        let line =
            r#"{"at":"2026-03-16T07:12:03.120Z","practice":"@hub","probe":"@alive","ok":true,"ms":0.0}"#;
        let seen: Observation = serde_json::from_str(line).expect("a heartbeat");
        assert_eq!(serde_json::to_string(&seen).expect("JSON"), line);
    }

    #[test]
    fn a_length_that_is_no_number_counts_as_none() {
        let mut seen: Observation =
            serde_json::from_str(r#"{"at":"2026-03-16T07:12:03Z","practice":"a","probe":"b","ok":true}"#)
                .expect("the shortest line");
        seen.ms = f64::NAN;
        assert_eq!(seen.ended(), seen.at);
    }
}
