//! The real field that `run`'s workers stand in: this machine's clock and sockets.

use std::net::IpAddr;

use crate::agent::clock;
use crate::agent::workers::Field;
use crate::estate::{Estate, ProbeIx, Vantage};
use crate::observation::Observation;
use crate::probe::path::Trace;
use crate::probe::{NoTrust, Prober};
use crate::time::At;

/// Asks over real sockets, each practice's checks bound to its own address where it has one.
#[derive(Debug, Clone)]
pub struct Sockets {
    prober: Prober,
}

impl Sockets {
    /// # Errors
    ///
    /// When no TLS check could ever be made.
    pub fn new() -> Result<Self, NoTrust> {
        Ok(Self { prober: Prober::new()? })
    }
}

impl Field for Sockets {
    fn now(&self) -> At {
        clock::now()
    }

    async fn ask(&self, estate: &Estate, from: Vantage, probe: ProbeIx, at: At) -> Observation {
        let probe = &estate.probes[probe.at()];
        let source = source_of(estate, from);
        self.prober.ask(probe, source).await.observation(at, estate.asker(from), &probe.id)
    }

    async fn trace(&self, estate: &Estate, from: Vantage, probe: ProbeIx) -> Option<Result<Trace, String>> {
        let source = source_of(estate, from);
        Some(self.prober.trace(&estate.probes[probe.at()], source).await)
    }
}

/// From which address it asks; `None`: this machine's own.
fn source_of(estate: &Estate, from: Vantage) -> Option<IpAddr> {
    match from {
        Vantage::Hub => None,
        Vantage::Practice(practice) => estate.practices[practice.at()].source,
    }
}
