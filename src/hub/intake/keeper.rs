//! The one task that makes observations durable: agents' batches, and what this machine sees itself. As many as wait are one group, so
//! that the disk has to be sure once for all of them: first their records, in the archive, then what they changed, in the store. A group
//! counts when the store has it, with the archive's position in the same transaction.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::agent::clock;
use crate::archive::keeping::{LetGo, Settings, prune, seal};
use crate::archive::{Archive, Opened, Position, folder};
use crate::hub::background::Retention;
use crate::hub::notes::{About, OwnNotes};
use crate::limits::{ARCHIVE_PRUNE_EVERY, KEEPER_BATCHES_MAX, SEAL_QUEUE};
use crate::store::{BatchRow, Store};

/// Something to keep.
pub struct Job {
    /// Frames of records, for the archive.
    pub frames: Vec<u8>,
    /// What an agent's batch changes; none: this machine saw it.
    pub row: Option<BatchRow>,
    /// Told when it is on the disk, or why it isn't.
    pub done: Option<oneshot::Sender<Result<(), String>>>,
}

/// Who writes, and where.
pub struct Keeper {
    store: Store,
    /// A blocking thread has it while it writes.
    archive: Option<Archive>,
    /// Why there is none.
    lacks: String,
    full: mpsc::Sender<u64>,
    notes: Arc<OwnNotes>,
}

impl Keeper {
    /// Opens the archive of a data folder, and starts what seals its volumes and lets go of them.
    pub async fn start(
        store: Store,
        data: &Path,
        notes: Arc<OwnNotes>,
        retention: watch::Receiver<Retention>,
    ) -> Self {
        let dir = folder(data);
        let (full, to_seal) = mpsc::channel(SEAL_QUEUE);
        let opened = match store.archive_position().await {
            Ok(counts) => {
                let dir = dir.clone();
                let opening = tokio::task::spawn_blocking(move || Archive::open(&dir, counts));
                opening
                    .await
                    .map_err(|error| error.to_string())
                    .and_then(|done| done.map_err(|error| error.to_string()))
            }
            Err(error) => Err(error.to_string()),
        };
        let (archive, lacks) = match opened {
            Ok((archive, Opened { unsealed, remarks })) => {
                for remark in remarks {
                    tracing::warn!("the archive: {remark}");
                }
                tokio::spawn(tend(store.clone(), dir, unsealed, to_seal, retention));
                (Some(archive), String::new())
            }
            Err(why) => {
                tracing::error!("observations are not kept: {why}");
                (None, why)
            }
        };
        Self { store, archive, lacks, full, notes }
    }

    /// Writes until nobody can bring anything any more.
    pub async fn keep(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::new();
        while jobs.recv_many(&mut waiting, KEEPER_BATCHES_MAX).await > 0 {
            let (mut frames, mut rows, mut told) = (Vec::new(), Vec::new(), Vec::new());
            for job in waiting.drain(..) {
                frames.extend_from_slice(&job.frames);
                rows.extend(job.row);
                told.extend(job.done);
            }
            let done = self.group(frames, &rows).await;
            match &done {
                Ok(()) => self.notes.clear(About::Archive),
                Err(why) => self.notes.set(
                    About::Archive,
                    clock::now(),
                    format!(
                        "Observations are not being kept; agents keep theirs and send them again. {why}."
                    ),
                ),
            }
            for told in told {
                // Who asked may have gone away.
                drop(told.send(done.clone()));
            }
        }
    }

    async fn group(&mut self, frames: Vec<u8>, rows: &[BatchRow]) -> Result<(), String> {
        let position = self.append(frames).await?;
        self.store.record_batches(rows, position).await.map_err(|error| error.to_string())?;
        if let Some(full) = self.archive.as_mut().and_then(Archive::committed) {
            // One that finds no room is sealed after the next start.
            let _later = self.full.try_send(full);
        }
        Ok(())
    }

    /// The disk is waited for apart from the runtime.
    async fn append(&mut self, frames: Vec<u8>) -> Result<Position, String> {
        let mut archive = self.archive.take().ok_or_else(|| self.lacks.clone())?;
        let written = tokio::task::spawn_blocking(move || {
            let position = archive.append(&frames);
            (archive, position)
        });
        let (archive, position) = written.await.map_err(|error| error.to_string())?;
        self.archive = Some(archive);
        position.map_err(|error| format!("the archive cannot be written: {error}"))
    }
}

/// Seals what is closed, and lets go of what is too old or too much, until the keeper ends.
async fn tend(
    store: Store,
    dir: PathBuf,
    unsealed: Vec<u64>,
    mut full: mpsc::Receiver<u64>,
    retention: watch::Receiver<Retention>,
) {
    for id in unsealed {
        seal_one(&dir, id).await;
    }
    let mut tick = tokio::time::interval(ARCHIVE_PRUNE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            id = full.recv() => match id {
                Some(id) => seal_one(&dir, id).await,
                None => return,
            },
            _ = tick.tick() => {}
        }
        let settings = retention.borrow().archive;
        prune_and_say(&store, &dir, settings).await;
    }
}

async fn seal_one(dir: &Path, id: u64) {
    let dir = dir.to_owned();
    let sealed = tokio::task::spawn_blocking(move || seal(&dir, id)).await;
    match sealed.map_err(std::io::Error::other).flatten() {
        Ok(0) => {}
        Ok(damages) => tracing::error!("the archive: volume {id} was damaged in {damages} places"),
        // It is whole as it is, only larger; the next start tries again.
        Err(error) => tracing::warn!("the archive: volume {id} could not be sealed: {error}"),
    }
}

async fn prune_and_say(store: &Store, dir: &Path, settings: Settings) {
    let (dir, now) = (dir.to_owned(), clock::now());
    let pruned = tokio::task::spawn_blocking(move || prune(&dir, settings, now)).await;
    let gone = match pruned.map_err(std::io::Error::other).flatten() {
        Ok(gone) if gone.is_empty() => return,
        Ok(gone) => gone,
        Err(error) => {
            tracing::warn!("the archive: what is too old could not be let go of: {error}");
            return;
        }
    };
    let line = |gone: &LetGo| serde_json::json!({ "did": "let_go", "let_go": gone }).to_string();
    let lines: Vec<String> = gone.iter().map(line).collect();
    tracing::info!(volumes = gone.len(), "the archive let go of its oldest volumes");
    if let Err(error) = store.record_about_archive(now, &lines).await {
        tracing::warn!(%error, "what the archive let go of is not in the journal: {lines:?}");
    }
}
