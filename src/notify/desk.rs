//! The thing that the hub talks to.

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::notice::{Delivery, NoticeKind, Audience, Outcome};
use crate::config::Config;
use crate::incident::Event;
use crate::store::{Store, StoreError};
use crate::time::At;

/// Plans notices, records them, and delivers them.
pub struct Desk {
    deliveries: broadcast::Sender<Delivery>,
}

/// What an approval did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    pub incident: String,
    /// Practice notices that were held and now go out.
    pub released: usize,
    /// Somebody had approved it before.
    pub already: bool,
}

/// The desk in numbers, for status and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeskStats {
    /// Notices that are due and not yet accepted.
    pub queued: usize,
    /// Notices that wait for their time: the end of planned work, or the next staff update.
    pub waiting: usize,
    /// Notices that wait for an approval.
    pub held: usize,
    /// When the oldest of the queued ones became due.
    pub oldest: Option<At>,
    /// Since the start.
    pub accepted: u64,
    pub deferred: u64,
    pub rejected: u64,
    pub withheld: u64,
    pub relay: RelayHealth,
}

/// Whether the mail server can be spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RelayHealth {
    /// No `[mail]` section.
    #[default]
    None,
    Fine,
    Failing { since: At, why: String },
}

impl Desk {
    /// Takes up what an earlier process left in the store, and starts delivering.
    pub async fn start(_config: &Config, _store: Store, _cancel: CancellationToken) -> Desk {
        Self { deliveries: broadcast::channel(1024).0 }
    }

    /// Plans the notices of an event, records both, and wakes the delivery. Never waits for the mail server.
    pub async fn tell(&self, _event: &Event) {}

    /// Releases the practice notices of an incident that wait for approval.
    pub async fn approve(&self, incident: &str, _by: &str) -> Result<Approved, StoreError> {
        Err(StoreError::UnknownIncident(incident.to_owned()))
    }

    /// What becomes of each notice, as it happens. A reader that is more than 1,024 behind misses some.
    pub fn deliveries(&self) -> broadcast::Receiver<Delivery> {
        self.deliveries.subscribe()
    }

    pub fn stats(&self) -> DeskStats {
        DeskStats::default()
    }

    /// Goes on with another configuration. What is planned stays planned.
    pub fn reload(&self, _config: &Config) {}

    /// Stops in good order. Nothing is drained: what is queued is in the store.
    pub async fn stop(self) {}
}
