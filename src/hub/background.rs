//! The tasks beside the pipeline: they wait for the desk and the store, so that it never has to.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::state::Hub;
use crate::agent::clock;
use crate::archive::keeping::Settings as Keeping;
use crate::config::HubSettings;
use crate::correlate::UsualHours;
use crate::incident::Event;
use crate::journal::body::Turn;
use crate::limits::{MEASURED_EVERY, PRUNE_EVERY, WORDS_KEPT_EVERY};
use crate::store::{Store, StoreError, Transition};

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub keep: Duration,
    pub keep_addresses: Duration,
    /// Of observations.
    pub archive: Keeping,
}

impl From<&HubSettings> for Retention {
    fn from(settings: &HubSettings) -> Self {
        Self { keep: settings.keep, keep_addresses: settings.keep_addresses, archive: settings.observations }
    }
}

/// Tells the desk of each event, in order.
pub async fn tell(hub: Arc<Hub>, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        hub.desk.tell(&event).await;
    }
}

/// Keeps what agents say of themselves for the process after this one, until the hub stops: then all of it.
pub async fn keep_words(hub: Arc<Hub>, stop: CancellationToken) {
    let mut every = tokio::time::interval(WORDS_KEPT_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            _ = every.tick() => false,
        };
        // An error is the store's to report; it is tried again.
        drop(hub.credentials.keep_words(is_last).await);
        if is_last {
            return;
        }
    }
}

/// Records the changes of checks, what is learned of usual hours, and that somebody is there to measure; signs the journal's head each day, and now and then
/// removes what has been kept for long enough.
pub async fn record(
    store: Store,
    mut batches: mpsc::Receiver<Vec<Transition>>,
    mut hours: mpsc::Receiver<Vec<UsualHours>>,
    retention: watch::Receiver<Retention>,
    started: Turn,
) {
    let mut prune = tokio::time::interval(PRUNE_EVERY);
    prune.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut measured = tokio::time::interval(MEASURED_EVERY);
    measured.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut turn = started;
    let mut failing = false;
    loop {
        let done = tokio::select! {
            batch = batches.recv() => {
                let Some(batch) = batch else {
                    // An error is the store's to report.
                    if let Ok(learned) = hours.try_recv() {
                        drop(store.record_usual_hours(&learned).await);
                    }
                    drop(store.record_measuring(clock::now(), Turn::Stopped).await);
                    return;
                };
                store.record_transitions(clock::now(), &batch).await
            }
            Some(learned) = hours.recv() => store.record_usual_hours(&learned).await,
            _ = measured.tick() => {
                let turn = std::mem::replace(&mut turn, Turn::GoesOn);
                let noted = store.record_measuring(clock::now(), turn).await;
                noted.and(sign_head(&store).await)
            }
            _ = prune.tick() => {
                let Retention { keep, keep_addresses, .. } = *retention.borrow();
                store.prune(clock::now(), keep, keep_addresses).await.map(|pruned| {
                    tracing::debug!(?pruned, "removed what was kept for long enough");
                })
            }
        };
        match done {
            Ok(()) => failing = false,
            // Logged when it begins; the store's health is in the status and in a metric meanwhile.
            Err(error) if !failing => {
                tracing::error!(%error, "changes of checks are not recorded");
                failing = true;
            }
            Err(_) => {}
        }
    }
}

/// The first time each day. The line goes to the log as well, which often leaves the machine.
async fn sign_head(store: &Store) -> Result<(), StoreError> {
    if let Some(head) = store.sign_head(clock::now()).await? {
        tracing::info!("the journal's head of today: {head}");
    }
    Ok(())
}

/// Runs a task that must not end before it is told to. When it does, `ended` is said, so that the process
/// can be started again instead of going on as an empty shell.
pub fn supervise(
    what: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
    stop: CancellationToken,
    ended: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let task = tokio::spawn(task);
        let abort = AbortOnDrop(task.abort_handle());
        let result = task.await;
        drop(abort);
        if !stop.is_cancelled() {
            match result {
                Ok(()) => tracing::error!("{what} ended on its own"),
                Err(error) => tracing::error!(%error, "{what} ended on its own"),
            }
            ended.cancel();
        }
    })
}

/// An aborted supervisor takes its task with it.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
