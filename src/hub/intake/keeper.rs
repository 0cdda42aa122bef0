//! The one task that makes observations durable: agents' batches, and what this machine sees itself. As many as wait are one group, so
//! that the disk has to be sure once for all of them: first their records, in the archive, then what they changed, in the store. A group
//! counts when the store has it, with the archive's position in the same transaction.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::sealing::tend;
use crate::agent::clock;
use crate::archive::{Archive, Opened, Position, folder};
use crate::hub::background::Retention;
use crate::hub::notes::{About, OwnNotes};
use crate::limits::{ARCHIVE_AGAIN_AFTER, KEEPER_BATCHES_MAX, SEAL_QUEUE};
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
    /// Full volumes, to be sealed; there is somebody who does while there is an archive.
    full: Option<mpsc::Sender<u64>>,
    dir: PathBuf,
    retention: watch::Receiver<Retention>,
    /// When one that can't be opened is tried again.
    again_at: Instant,
    again_after: Duration,
    notes: Arc<OwnNotes>,
}

impl Keeper {
    /// Opens the archive of a data folder, and starts what seals its volumes and lets go of them. One that can't be opened is tried
    /// again from time to time: until then nothing is acknowledged, so that agents keep what they have.
    pub async fn start(
        store: Store,
        data: &Path,
        notes: Arc<OwnNotes>,
        retention: watch::Receiver<Retention>,
    ) -> Self {
        let mut keeper = Self {
            store,
            archive: None,
            lacks: String::new(),
            full: None,
            dir: folder(data),
            retention,
            again_at: Instant::now(),
            again_after: ARCHIVE_AGAIN_AFTER,
            notes,
        };
        keeper.open().await;
        if keeper.archive.is_none() {
            tracing::error!("observations are not kept until this is mended: {}", keeper.lacks);
            // Said before anything is reported, which may take a while.
            keeper.note(&Err(keeper.lacks.clone()));
        }
        keeper
    }

    async fn open(&mut self) {
        self.again_at = Instant::now() + self.again_after;
        let opened = match self.store.archive_position().await {
            Ok(counts) => {
                let dir = self.dir.clone();
                let opening = tokio::task::spawn_blocking(move || Archive::open(&dir, counts));
                opening
                    .await
                    .map_err(|error| error.to_string())
                    .and_then(|done| done.map_err(|error| error.to_string()))
            }
            Err(error) => Err(error.to_string()),
        };
        match opened {
            Ok((archive, Opened { unsealed, remarks })) => {
                for remark in remarks {
                    tracing::warn!("the archive: {remark}");
                }
                let (full, to_seal) = mpsc::channel(SEAL_QUEUE);
                let (store, dir, retention) = (self.store.clone(), self.dir.clone(), self.retention.clone());
                tokio::spawn(tend(store, dir, unsealed, to_seal, retention));
                (self.archive, self.full) = (Some(archive), Some(full));
                if !std::mem::take(&mut self.lacks).is_empty() {
                    tracing::info!("the archive could be opened: observations are kept again");
                }
            }
            Err(why) => self.lacks = why,
        }
    }

    fn note(&self, done: &Result<(), String>) {
        match done {
            Ok(()) => self.notes.clear(About::Archive),
            Err(why) => self.notes.set(
                About::Archive,
                clock::now(),
                format!("Observations are not being kept; agents keep theirs and send them again. {why}."),
            ),
        }
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
            self.note(&done);
            for told in told {
                // Who asked may have gone away.
                drop(told.send(done.clone()));
            }
        }
    }

    async fn group(&mut self, frames: Vec<u8>, rows: &[BatchRow]) -> Result<(), String> {
        let position = self.append(frames).await?;
        self.store.record_batches(rows, position).await.map_err(|error| error.to_string())?;
        if let (Some(full), Some(to_seal)) = (self.archive.as_mut().and_then(Archive::committed), &self.full)
        {
            // One that finds no room is sealed after the next start.
            let _later = to_seal.try_send(full);
        }
        Ok(())
    }

    /// The disk is waited for apart from the runtime.
    async fn append(&mut self, frames: Vec<u8>) -> Result<Position, String> {
        if self.archive.is_none() && Instant::now() >= self.again_at {
            // Who looked after the one before ends with its sender.
            self.full = None;
            self.open().await;
        }
        let mut archive = self.archive.take().ok_or_else(|| self.lacks.clone())?;
        let written = tokio::task::spawn_blocking(move || {
            let position = archive.append(&frames);
            (archive, position)
        });
        // When writing came to grief the archive is gone with it, and is opened again.
        let (archive, position) = written.await.map_err(|error| {
            self.lacks = format!("writing the archive failed: {error}");
            self.lacks.clone()
        })?;
        self.archive = Some(archive);
        position.map_err(|error| format!("the archive cannot be written: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HubSettings;

    #[tokio::test]
    async fn an_archive_that_cannot_be_opened_is_tried_again_and_nothing_is_acknowledged_before() {
        let data = tempfile::tempdir().expect("a folder");
        let dir = folder(data.path());
        // Somebody put a file where the folder should be.
        std::fs::write(&dir, "").expect("room");
        let store = Store::open(data.path()).await.expect("a store");
        let notes = Arc::new(OwnNotes::default());
        let retention = Retention {
            keep: Duration::from_hours(24),
            keep_addresses: Duration::from_hours(24),
            archive: HubSettings::OBSERVATIONS,
        };
        let (_retention, retained) = watch::channel(retention);
        let mut keeper = Keeper::start(store, data.path(), notes.clone(), retained).await;
        let noted = || notes.list(clock::now()).into_iter().map(|note| note.text).collect::<String>();
        assert!(
            noted().contains("Observations are not being kept") && noted().contains("make it a folder"),
            "{}",
            noted()
        );
        keeper.again_after = Duration::ZERO;
        let (jobs, queued) = mpsc::channel(4);
        let keeping = tokio::spawn(keeper.keep(queued));
        let write = async || {
            let (done, told) = oneshot::channel();
            jobs.send(Job { frames: Vec::new(), row: None, done: Some(done) }).await.expect("it runs");
            told.await.expect("it answers")
        };
        // Before its time it isn't tried.
        std::fs::remove_file(&dir).expect("it is there");
        assert!(write().await.is_err() && noted().contains("not being kept"));
        assert!(!dir.exists());
        drop(jobs);
        keeping.await.expect("it ends");

        // A file again, and this time it is tried with each group.
        std::fs::write(&dir, "").expect("room");
        let store = Store::open(data.path()).await.expect("a store");
        let (_retention, retained) = watch::channel(retention);
        let mut keeper = Keeper::start(store, data.path(), notes.clone(), retained).await;
        (keeper.again_after, keeper.again_at) = (Duration::ZERO, Instant::now());
        let (jobs, queued) = mpsc::channel(4);
        tokio::spawn(keeper.keep(queued));
        let write = async || {
            let (done, told) = oneshot::channel();
            jobs.send(Job { frames: Vec::new(), row: None, done: Some(done) }).await.expect("it runs");
            told.await.expect("it answers")
        };
        assert!(write().await.is_err());
        std::fs::remove_file(&dir).expect("it is there");
        assert_eq!(write().await, Ok(()));
        assert!(dir.is_dir() && noted().is_empty(), "{}", noted());
    }
}
