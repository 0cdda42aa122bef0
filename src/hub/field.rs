//! The real field that `run`'s workers stand in: this machine's clock and sockets.

use std::path::Path;

use crate::agent::workers::{Field, blank};
use crate::config::Config;
use crate::estate::{Ask, Estate, ProbeIx, Vantage};
use crate::observation::{Failure, Observation};
use crate::time::At;

/// Seams until the neighbours' branches land.
pub fn is_built(ask: &Ask) -> bool {
    !matches!(ask, Ask::Later { .. })
}

pub fn load(path: &Path) -> anyhow::Result<Config> {
    anyhow::bail!("{}: the loader lands with its own branch", path.display())
}

pub struct Sockets;

impl Sockets {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self)
    }
}

impl Field for Sockets {
    fn now(&self) -> At {
        crate::agent::clock::now()
    }

    async fn ask(&self, estate: &Estate, _from: Vantage, probe: ProbeIx, at: At) -> Observation {
        Observation {
            ok: false,
            failure: Some(Failure::Local),
            ..blank(at, "", &estate.probes[probe.at()].id)
        }
    }
}
