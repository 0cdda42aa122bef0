//! What a check had for an answer: the verdict that goes to the correlator, and the facts that a person asks for.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::rule::Rule;
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
    /// The rule that it broke, when not ok.
    pub rule: Option<Rule>,
    /// The whole check, in milliseconds.
    pub ms: f64,
    pub phases_ms: PhaseTimes,
    /// Share of the echoes or packets that didn't come back, 0 to 1; only `icmp` and `rtp` have it.
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
            late: false,
            path: None,
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub over_tcp: bool,
    /// The flags of the DNS answer: `aa`, `ra`, `ad`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<&'static str>,
    /// The fewest seconds that one of the DNS answers has to live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// What the name server said to EDNS, where it was asked with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edns: Option<Edns>,
    /// Why the name server answered as it did, in its own words (RFC 8914).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The random name that must not exist, and what the name server says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random_name: Option<String>,
    /// What the second name server said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondAnswer>,
    /// `TLSv1.3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// As the server sent them, its own first; kept when they were not trusted, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    /// Who issued the server's own certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Issuer>,
    /// The proxy that the connection went through, or was to go through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The version of HTTP spoken: `1.1` or `2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_version: Option<&'static str>,
    /// Where redirects led, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<String>,
    /// The HTTP or SIP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes read of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echoes: Option<Echoes>,
    /// What the other side says of itself: a mail server's greeting, a telephony server's name, what `tcp` expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// A mail server's extensions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<String>,
    /// Where the far side saw the question come from, behind whatever translates addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_as: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockSeen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<EgressFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtp: Option<RtpFacts>,
}

/// A name server's answer to EDNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Edns {
    /// Bytes that it takes over UDP; `None`: it showed no EDNS.
    pub size: Option<u16>,
}

/// What a second name server said to the same question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecondAnswer {
    /// As it stands in the estate file.
    pub server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcode: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// Why it has none. Its outage is not the first one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
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
    /// SHA-256 of its public key with its kind, in hexadecimal digits: what `issuer = "sha256:…"` pins.
    pub key_sha256: String,
}

/// Who issued a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issuer {
    /// Its common name and organisation.
    pub name: String,
    /// Whether it is, or was itself issued by, one that the probe pins; `None`: it pins none.
    pub is_pinned: Option<bool>,
    /// The maker of a product that decrypts TLS and that has a name like it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
}

/// A time server's clock beside this machine's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockSeen {
    /// By how many milliseconds the server is ahead.
    pub offset_ms: f64,
    /// The way there and back, the server's own time left out.
    pub delay_ms: f64,
    /// Steps from a reference clock: 1 has one of its own.
    pub stratum: u8,
    /// The reference's name at stratum 1 (and the reason, where the server won't tell), else the address of the
    /// server's own server.
    pub reference: String,
}

/// Round trips of an ICMP check, in milliseconds. The three times are absent when nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Echoes {
    pub sent: u16,
    pub received: u16,
    /// Answers to echoes that had been answered: two ways to the host, or a loop.
    pub duplicates: u16,
    /// Answers to echoes of the check before, on the same way, that came after it had ended. They are in none of the times.
    pub late: u16,
    pub min_ms: Option<f64>,
    pub median_ms: Option<f64>,
    pub max_ms: Option<f64>,
    /// Mean difference between one round trip and the next; absent with fewer than two.
    pub jitter_ms: Option<f64>,
}

/// What became of a train of packets like a telephone call's. *Up* is there, *down* is back. Times are in milliseconds, and
/// absent when too little came back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RtpFacts {
    pub sent: u16,
    pub received: u16,
    pub lost_up: u16,
    pub lost_down: u16,
    /// Lost where the reflector's last word can't tell.
    pub lost_somewhere: u16,
    pub reordered_up: u16,
    pub reordered_down: u16,
    pub duplicates_up: u16,
    pub duplicates_down: u16,
    /// Round trips.
    pub min_ms: Option<f64>,
    pub median_ms: Option<f64>,
    pub max_ms: Option<f64>,
    /// Interarrival jitter (RFC 3550).
    pub jitter_up_ms: Option<f64>,
    pub jitter_down_ms: Option<f64>,
    /// From mouth to ear, estimated: half of the round trip, a packet, and the jitter buffer.
    pub delay_ms: Option<f64>,
    /// Mean opinion scores, 1 to 4.5, estimated: of the line, not of a call.
    pub mos_up: Option<f64>,
    pub mos_down: Option<f64>,
    /// How long after its time this machine sent the latest packet.
    pub late_ms: f64,
}

impl RtpFacts {
    /// The score of the worse direction.
    pub fn mos(&self) -> Option<f64> {
        self.mos_up.zip(self.mos_down).map(|(up, down)| up.min(down))
    }
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
    /// `prohibited` (an ICMP message says that there is no way), `intercepted`, `clock`, `busy`, `other_secret` (the reflector's),
    /// `not_asked`.
    pub found: &'static str,
    /// Whether this is what must be.
    pub as_it_must: bool,
    /// The reflector doesn't listen there, so nothing can be said about the firewall.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unserved: bool,
    /// The router that says that it is prohibited, or that there is no way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<IpAddr>,
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
