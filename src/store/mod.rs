//! SQLite: incidents, outbox, state changes, journal; the only place with SQL

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::incident::Event;
use crate::notify::Notice;
use crate::observation::Failure;
use crate::time::At;

#[derive(Clone)]
pub struct Store;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no incident {0}: `linewatch status` lists those that are open")]
    UnknownIncident(String),
    #[error("{}", .0.display())]
    Open(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    Fine,
    /// Goes on from memory.
    Failing { since: At, why: String },
}

/// A check changed from fine to failing or back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub at: At,
    pub practice: String,
    pub probe: String,
    pub ok: bool,
    pub failure: Option<Failure>,
}

/// What an approval did in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Notices that were held and are now queued.
    pub released: usize,
    /// It had been approved before.
    pub already: bool,
}

/// What was removed because its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    pub incidents: u64,
    pub journal: u64,
    pub transitions: u64,
    /// Outbox rows, and with them the recipients' addresses.
    pub notices: u64,
}

impl Store {
    pub async fn open(dir: &Path) -> Result<Store, StoreError> {
        Err(StoreError::Open(dir.to_owned()))
    }
    pub async fn open_or_memory(_dir: &Path) -> (Store, Option<StoreError>) {
        (Store, None)
    }
    pub fn health(&self) -> StoreHealth {
        StoreHealth::Fine
    }
    pub async fn record(&self, _event: &Event, _notices: &[Notice]) -> Result<(), StoreError> {
        Ok(())
    }
    pub async fn record_transitions(&self, _transitions: &[Transition]) -> Result<(), StoreError> {
        Ok(())
    }
    pub async fn open_incidents(&self) -> Result<Vec<Event>, StoreError> {
        Ok(Vec::new())
    }
    pub async fn last_incident(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
    pub async fn incident_history(&self, _id: &str) -> Result<Vec<Event>, StoreError> {
        Ok(Vec::new())
    }
    pub async fn approve(&self, incident: &str, _by: &str, _at: At) -> Result<Approval, StoreError> {
        Err(StoreError::UnknownIncident(incident.to_owned()))
    }
    pub async fn approved(&self, _incident: &str) -> Result<bool, StoreError> {
        Ok(false)
    }
    pub async fn prune(
        &self,
        _now: At,
        _keep: Duration,
        _keep_addresses: Duration,
    ) -> Result<Pruned, StoreError> {
        Ok(Pruned::default())
    }
}
