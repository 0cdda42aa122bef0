//! Asks: one file a kind of check; the sockets live here.
//!
//! A [`Prober`] asks a probe once and always has an [`Answer`], within the probe's time: what goes wrong is the answer.
//! A check keeps its account in a trail (`trail.rs`), outside of itself, so that when it is cut off at its deadline the
//! phase in which it stood and what it had learned are still known.
//!
//! # Invariants
//!
//! - The deadline is over everything, look-ups and redirects included; and every buffer has a bound.
//! - What is this machine's own doing (no permission, no descriptors, an address that isn't ours, no route, a cable that is
//!   out) is `local`, and never an outage of anything else. `fault.rs` says so of errors, `way_out.rs` of the way out.
//! - Texts from the network are made one plain line before anybody sees them.
//!
//! # Choices
//!
//! - HTTP is hyper's client connection over tokio-rustls, and not reqwest (which the uplinks use): reqwest can't say how
//!   long each phase took, and drops a chain that it doesn't trust. HTTP/2 is h2 alone, see `http/second.rs`.
//! - A chain of certificates that was verified is trusted for ten minutes (`vouched.rs`); the handshake itself is verified
//!   each time.
//! - DNS messages are hickory-proto's: hickory is what the trust-dns project is called now. The sockets are our own, as
//!   a resolver would retry, cache, and hide what is to be measured.

mod address;
mod answer;
mod certificate;
mod dns;
mod echo;
mod egress;
mod fault;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod heard;
mod http;
mod icmp;
mod interception;
mod ldap;
mod lookup;
mod name_servers;
mod nonce;
mod ntp;
pub mod path;
mod resolver;
mod rtp;
mod rule;
mod sip;
mod smtp;
mod socket;
mod stragglers;
mod strays;
mod talk;
mod tcp;
mod tls;
mod trail;
mod trust;
mod udp;
mod vouched;
mod way_out;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;

pub use answer::{
    Answer, Certificate, ClockSeen, Echoes, Edns, EgressFacts, Facts, IdleFacts, Issuer, PortFacts, RtpFacts,
    SecondAnswer, SizeFacts,
};
pub use rule::Rule;
pub use trust::NoTrust;

use crate::estate::{Ask, Probe};
use egress::Egress;
use fault::Fault;
use icmp::Pings;
use interception::Issuers;
use lookup::Lookup;
use path::Trace;
use talk::Tools;
use trail::Trail;
use trust::Trust;

/// Whether this version can ask this kind of question.
pub fn is_built(ask: &Ask) -> bool {
    !matches!(ask, Ask::Later { .. })
}

/// Asks probes. Cheap to clone; one serves a whole process.
#[derive(Clone)]
pub struct Prober {
    lookup: Lookup,
    trust: Arc<Trust>,
    issuers: Arc<Issuers>,
    pings: Pings,
    egress: Egress,
}

impl Prober {
    /// Reads the machine's root certificates. A machine that permits no ICMP has a prober all the same; its `icmp`
    /// checks are `local`.
    ///
    /// # Errors
    ///
    /// When no TLS check could ever be made.
    pub fn new() -> Result<Self, NoTrust> {
        Ok(Self {
            lookup: Lookup::new(),
            trust: Arc::new(Trust::new()?),
            issuers: Arc::default(),
            pings: Pings::new(),
            egress: Egress::new(),
        })
    }

    /// Asks once, within the probe's `timeout`, bound to `source` where one is given.
    pub async fn ask(&self, probe: &Probe, source: Option<IpAddr>) -> Answer {
        let trail = Trail::begin(probe.timeout);
        let asking = self.put(&probe.ask, source, &trail);
        let outcome = tokio::time::timeout_at(trail.deadline(), asking).await;
        let outcome = outcome.unwrap_or_else(|_| Err(trail.too_late()));
        let (peer, phase) = (trail.peer(), trail.last_phase());
        trail.end(Some(outcome.map_err(|fault| way_out::judge(fault, peer, phase, source))))
    }

    /// Traces the way of a probe's packets, bound to `source` where one is given. Takes three or four seconds at most,
    /// whatever the probe's `timeout`.
    ///
    /// # Errors
    ///
    /// Why this machine couldn't, for a person. That says nothing about the line.
    pub async fn trace(&self, probe: &Probe, source: Option<IpAddr>) -> Result<Trace, String> {
        let tracing = Box::pin(path::trace(&probe.ask, source, &self.lookup, &self.pings));
        tracing.await.map_err(|fault| fault.detail)
    }

    async fn put(&self, ask: &Ask, source: Option<IpAddr>, trail: &Trail) -> Result<(), Fault> {
        match ask {
            // The largest of these futures by far; boxed, they don't make the others as large.
            Ask::Dns(ask) => Box::pin(dns::ask(ask, source, &self.tools(), trail)).await,
            Ask::Http(ask) => Box::pin(http::ask(ask, source, &self.tools(), trail)).await,
            Ask::Smtp(ask) => Box::pin(smtp::ask(ask, source, &self.tools(), trail)).await,
            Ask::Sip(ask) => Box::pin(sip::ask(ask, source, &self.tools(), trail)).await,
            Ask::Ldap(ask) => Box::pin(ldap::ask(ask, source, &self.tools(), trail)).await,
            Ask::Tcp(ask) => tcp::ask(ask, source, &self.tools(), trail).await,
            Ask::Ntp(ask) => ntp::ask(ask, source, &self.lookup, trail).await,
            Ask::Udp(ask) => udp::ask(ask, source, &self.lookup, trail).await,
            Ask::Icmp(ask) => self.pings.ask(ask, source, &self.lookup, trail).await,
            Ask::Egress(ask) => Box::pin(self.egress.ask(ask, source, &self.lookup, trail)).await,
            Ask::Rtp(ask) => Box::pin(rtp::ask(ask, source, &self.lookup, trail)).await,
            Ask::Heartbeat(work) => Err(Fault::local(format!(
                "nobody is asked about {}: the hub waits for its beats",
                work.target
            ))),
            Ask::Path(ask) => Box::pin(path::ask(ask, source, &self.lookup, &self.pings, trail)).await,
            Ask::Later { kind, .. } => {
                Err(Fault::local(format!("this version can't ask `{kind}` probes yet")))
            }
        }
    }

    fn tools(&self) -> Tools<'_> {
        Tools { lookup: &self.lookup, trust: &self.trust, issuers: &self.issuers }
    }
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prober").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_can_be_moved_to_another_thread() {
        fn moves<T: Send>(_: &T) {}
        fn goes<'a>(prober: &'a Prober, probe: &'a Probe) {
            moves(&prober.ask(probe, None));
        }
        let _: fn(&Prober, &Probe) = |prober, probe| goes(prober, probe);
    }
}
