//! What a check had for an answer: the verdict that goes to the correlator, and the facts that a person asks for.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::observation::{Failure, Observation, Phase, PhaseTimes};
use crate::reflector::ports::Port;
use crate::time::At;

/// One asking of one probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    pub ok: bool,
    /// Why not, when not ok.
    pub failure: Option<Failure>,
    /// Where it failed, when not ok; `None` when it failed before anything was sent.
    pub phase: Option<Phase>,
    /// The whole check, in milliseconds.
    pub ms: f64,
    pub phases_ms: PhaseTimes,
    /// Share of the echoes lost, 0 to 1; only `icmp` has it.
    pub loss: Option<f64>,
    /// One line for a person: no control characters, of bounded length.
    pub detail: Option<String>,
    pub facts: Facts,
}

impl Answer {
    /// The form in which it goes to the hub: the verdict without the facts.
    pub fn observation(&self, at: At, practice: &str, probe: &str) -> Observation {
        Observation {
            at,
            received: None,
            practice: practice.to_owned(),
            probe: probe.to_owned(),
            ok: self.ok,
            failure: self.failure,
            phase: self.phase,
            ms: self.ms,
            phases_ms: self.phases_ms,
            loss: self.loss,
            detail: self.detail.clone(),
            seq: None,
            agent: None,
            uplink: None,
            reask: false,
        }
    }
}

/// What was learned on the way, whether the check went well or not. All texts that came from the network are
/// without control characters and of bounded length; all lists are bounded.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Facts {
    /// What the target's name stands for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Who answered, or was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// `noerror`, `nxdomain`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcode: Option<String>,
    /// DNS records, as zone files write them: type, then data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// The DNS answer over UDP was cut short, so that TCP was used.
    #[serde(skip_serializing_if = "is_false")]
    pub over_tcp: bool,
    /// `TLSv1.3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// As the server sent them, its own first; kept when they were not trusted, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    /// Where redirects led, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<String>,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes read of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echoes: Option<Echoes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<EgressFacts>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    pub not_before: At,
    pub not_after: At,
    /// The DNS names and addresses that it is for.
    pub names: Vec<String>,
}

/// Round trips of an ICMP check, in milliseconds. The three times are absent when nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Echoes {
    pub sent: u16,
    pub received: u16,
    pub min_ms: Option<f64>,
    pub median_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

/// What a firewall let through, port by port.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct EgressFacts {
    /// In the order of the configuration: TCP and UDP ports that must be open, then those that must be blocked.
    pub ports: Vec<PortFacts>,
    /// The addresses that the reflector saw: more than one is more than one exit.
    pub seen: Vec<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<SizeFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdleFacts>,
}

/// One port of a firewall's policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PortFacts {
    pub port: Port,
    /// `open` or `blocked`.
    pub must: &'static str,
    /// `passes`, `dropped`, `silent` (it connects, and nothing comes back), `refused`, `reset`, `hung_up`,
    /// `prohibited` (an ICMP message says that there is no way), `intercepted`, `clock`, `busy`, `not_asked`.
    pub found: &'static str,
    /// Whether this is what must be.
    pub as_it_must: bool,
    /// The reflector doesn't listen there, so nothing can be said about the firewall.
    #[serde(skip_serializing_if = "is_false")]
    pub unserved: bool,
    /// Until the answer, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
    /// The source that the reflector saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<SocketAddr>,
}

/// Sizes of packets that pass, in bytes with their headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SizeFacts {
    pub wanted: u16,
    /// The largest that came back; `None`: none did.
    pub largest: Option<u16>,
    /// Somebody said that larger ones are too large, so that senders can adapt. If not, they vanish: a black hole.
    pub told: bool,
    /// The large ones arrive at the reflector; it is their like that don't come back.
    pub way_back: bool,
}

/// What became of a silent connection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IdleFacts {
    pub seconds: f64,
    pub kept: bool,
}
