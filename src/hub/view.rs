//! What pages, API and metrics read: the correlator's picture together with the estate that its places
//! belong to. It is replaced as a whole, so a reader never sees one estate's practices with another's
//! results.

use std::sync::Arc;

use super::ledger::Ledger;
use crate::correlate::{Picture, Standing};
use crate::estate::{Estate, NetworkIx, PracticeIx};

#[derive(Debug, Clone)]
pub struct View {
    pub estate: Arc<Estate>,
    pub picture: Arc<Picture>,
    pub ledger: Arc<Ledger>,
    /// Which configuration the estate is of.
    pub generation: u64,
    watched: Arc<[NetworkIx]>,
}

impl View {
    pub fn new(estate: Arc<Estate>, picture: Arc<Picture>, ledger: Arc<Ledger>, generation: u64) -> Self {
        let watched = (0..estate.networks.len())
            .map(NetworkIx::new)
            .filter(|network| estate.probes.iter().any(|probe| probe.network == *network))
            .collect();
        Self { estate, picture, ledger, generation, watched }
    }

    /// The same estate with a newer picture.
    pub fn with(&self, picture: Arc<Picture>) -> Self {
        Self { picture, ..self.clone() }
    }

    /// Networks that some probe checks, in the estate's order.
    pub fn watched(&self) -> impl Iterator<Item = NetworkIx> + '_ {
        self.watched.iter().copied()
    }

    /// Where a practice stands on a network; unknown before the first picture.
    pub fn standing(&self, practice: PracticeIx, network: NetworkIx) -> Standing {
        self.picture
            .practices
            .get(practice.at())
            .and_then(|picture| picture.networks.get(network.at()).copied())
            .unwrap_or(Standing::Unknown)
    }

    /// The hub itself is, as far as it can tell, what is cut off.
    pub fn is_blind(&self) -> bool {
        use crate::incident::{Cause, Signature};
        let is_monitor = |cause: &Cause| cause.kind == Cause::MONITOR;
        let mut own =
            self.picture.incidents.iter().filter(|event| event.cause.iter().any(is_monitor)).peekable();
        if own.peek().is_some() {
            // One of its lines, or that they are slow, leaves the rest to be seen.
            return own.any(|event| event.network.is_none() && event.signature != Signature::Slow);
        }
        let suspects = &mut self.picture.suspects.iter();
        suspects.any(|suspect| is_monitor(&suspect.cause) && suspect.probability >= 0.9)
    }
}
