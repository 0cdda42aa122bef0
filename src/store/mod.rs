//! SQLite: incidents, outbox, state changes of checks, and the append-only journal; the only place with SQL.
//!
//! | file | what lives there |
//! |---|---|
//! | [`open`](self) | `open.rs`: folder, lock, file, migrations; or memory when the disk can't be used |
//! | `write.rs` | everything that is ever written, each kind idempotent |
//! | `agents.rs` | who may report, and what of each agent's spool was taken in |
//! | `agent_words.rs` | how each agent was when it was last heard |
//! | `archive.rs` | up to where the archive of observations counts |
//! | `arrears.rs` | what waits in memory while the disk doesn't take it |
//! | `hours.rs` | what was learned of usual hours |
//! | `journal.rs` | the chain: what is appended, taken up, removed, signed |
//! | `reading.rs` | the journal of a folder, read from outside |
//! | `read.rs` | what is ever asked |
//! | `acknowledgements.rs` | who has an incident in hand, or read of it |
//! | `fixes.rs` | what people say that they did about an incident |
//! | `mutes.rs` | mutes, and what the routing of notices goes on from |
//! | `outbox.rs` | what became of each notice, try by try |
//! | `returns.rs` | mails that were accepted and came back |
//! | `retention.rs` | what is removed when its time is over |
//! | `error.rs` | what can be wrong, and how to mend it |
//!
//! One connection writes, a few read; the log is write-ahead, and every commit is on the disk before it
//! counts (`synchronous = FULL`), because a notice that was planned must survive a power cut.
//!
//! **When the disk fails** the program goes on. A write that the disk doesn't take is kept in memory, in order, up
//! to [`limits::STORE_ARREARS_MAX`], and written when the disk is back; meanwhile [`Store::health`] says so. A store
//! that can't be opened at all is replaced by one in memory ([`Store::open_or_memory`]); the file is never
//! deleted or overwritten.

mod acknowledgements;
mod agent_words;
mod agents;
mod archive;
mod arrears;
mod error;
mod fixes;
mod hours;
mod journal;
mod mutes;
mod open;
mod outbox;
mod read;
mod reading;
mod retention;
mod returns;
mod write;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sqlx::SqlitePool;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::incident::Event;
use crate::journal::JournalKey;
use crate::limits;
use crate::notify::{LinkKey, Notice};
use crate::observation::{Failure, Observation, PathSeen};
use crate::time::At;

pub use agent_words::{AgentWord, Word as HeardWord};
pub use agents::{AgentRow, AgentRows, BatchRow, CodeRow, Credential, SpoolRow};
use arrears::Arrears;
pub use error::StoreError;
pub use outbox::{Fate, RefusalRow, TryRow};
pub use read::{Snapshot, Unsent};
pub use reading::JournalReader;
pub use retention::Pruned;
pub use returns::Sent;
pub use write::Settlement;
use write::{Write, Writer};

/// The store of one data folder. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// For messages; the store in memory keeps the name of the file that it stands in for.
    file: PathBuf,
    writer: Writer,
    readers: SqlitePool,
    /// Held by whoever writes, so that writes and arrears keep their order.
    turn: tokio::sync::Mutex<()>,
    arrears: Mutex<Arrears>,
    /// Why this store is in memory, when it is.
    memory: Option<StoreHealth>,
    /// What heads are signed with; not in memory, where there is nothing to vouch for.
    key: Option<JournalKey>,
    /// What the links in letters are signed with; not in memory, where it wouldn't outlive them.
    links: Option<LinkKey>,
    /// Keeps a second process out of the folder for as long as it lives.
    _lock: Option<open::FolderLock>,
}

/// Whether what happens is being kept on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    Fine,
    /// linewatch goes on from memory.
    Failing {
        since: At,
        why: String,
    },
}

/// A check changed from fine to failing or back.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    pub at: At,
    pub practice: String,
    pub probe: String,
    pub ok: bool,
    pub failure: Option<Failure>,
    /// Where its packets stopped, once that is known: then it may be no change, and only say so.
    pub path: Option<PathSeen>,
    /// The agent that found it; `None`: linewatch itself asked.
    pub agent: Option<String>,
}

impl Transition {
    pub fn of(seen: &Observation) -> Self {
        Self {
            at: seen.at,
            practice: seen.practice.clone(),
            probe: seen.probe.clone(),
            ok: seen.ok,
            failure: seen.failure,
            path: seen.path.clone(),
            agent: seen.agent.clone(),
        }
    }
}

/// The last word of one piece of work that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeatRow {
    pub practice: String,
    pub probe: String,
    /// Silence is counted from here.
    pub counts_from: At,
    /// The last time it was done.
    pub last: Option<At>,
    /// It has begun since, and hasn't ended.
    pub began: Option<At>,
    /// It said that it failed, and why; it hasn't been done since.
    pub failed: Option<(At, String)>,
}

/// What an approval did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Notices that were held and are now queued.
    pub released: usize,
    /// It had been approved before.
    pub already: bool,
}

impl Store {
    pub fn health(&self) -> StoreHealth {
        if let Some(memory) = &self.inner.memory {
            return memory.clone();
        }
        self.arrears(|arrears| arrears.health())
    }

    /// What the links in letters are signed with; `None`: there is none, and letters have no links.
    pub fn link_key(&self) -> Option<&LinkKey> {
        self.inner.links.as_ref()
    }

    /// Records an event with its notices: journal, incident and outbox in one transaction. Doing it twice
    /// changes nothing. An error means that both are kept in memory and written when the disk is back.
    pub async fn record(&self, event: &Event, notices: &[Notice]) -> Result<(), StoreError> {
        self.record_plan(event, notices, &[]).await
    }

    /// [`Self::record`], and in the same transaction what becomes of earlier notices because of it.
    pub async fn record_plan(
        &self,
        event: &Event,
        notices: &[Notice],
        settled: &[Settlement],
    ) -> Result<(), StoreError> {
        self.write(Write::Event {
            event: Arc::new(event.clone()),
            notices: notices.into(),
            settled: settled.into(),
        })
        .await
    }

    /// Records changes of checks. An error means that they are kept in memory and written when the disk is
    /// back; they are the first to be given up when memory has no room.
    /// `at`: now, which the journal sets beside the checks' own times.
    pub async fn record_transitions(&self, at: At, transitions: &[Transition]) -> Result<(), StoreError> {
        if transitions.is_empty() {
            return Ok(());
        }
        self.write(Write::Transitions { at, transitions: transitions.into() }).await
    }

    /// Records that the hub hears beats until now, and those that are new. `all`: these are all that there are, and others
    /// are forgotten. An error means that they are kept in memory and written when the disk is back.
    pub async fn record_beats(
        &self,
        heard_until: At,
        beats: Vec<BeatRow>,
        all: bool,
    ) -> Result<(), StoreError> {
        self.write(Write::Beats { heard_until, beats: beats.into(), all }).await
    }

    /// Records what became of a notice. An error means that it is kept in memory and written later.
    pub async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.write(Write::Settle(Arc::new(settlement))).await
    }

    /// Approves an incident: its held notices are queued.
    ///
    /// Besides [`StoreError::UnknownIncident`], an error means that the approval is kept in memory and written
    /// when the disk is back.
    pub async fn approve(&self, incident: &str, by: &str, at: At) -> Result<Approval, StoreError> {
        let approval = self.would_approve(incident).await?;
        if !approval.already {
            self.write(Write::Approve { incident: incident.into(), by: by.into(), at }).await?;
        }
        Ok(approval)
    }

    /// Writes what waits in memory, if the disk takes it. Cheap when nothing waits.
    pub async fn flush(&self) -> Result<(), StoreError> {
        if self.arrears(|arrears| arrears.is_empty()) {
            return Ok(());
        }
        self.drain().await
    }

    async fn write(&self, write: Write) -> Result<(), StoreError> {
        if let Some(error) = self.arrears(|arrears| {
            arrears.push(write);
            arrears.resting(Instant::now())
        }) {
            return Err(error);
        }
        self.drain().await
    }

    /// Everything that waits goes to the disk, in order. What waits stays where it is until the disk has it, so a
    /// caller that is dropped half-way loses nothing.
    async fn drain(&self) -> Result<(), StoreError> {
        while self.drain_some().await? {}
        Ok(())
    }

    /// One transaction's worth. False when nothing waits any more.
    async fn drain_some(&self) -> Result<bool, StoreError> {
        let done = timeout(limits::STORE_WRITE_TIMEOUT, async {
            let _turn = self.inner.turn.lock().await;
            let (waiting, up_to) = self.arrears(|arrears| arrears.waiting());
            if !waiting.is_empty() {
                write::apply(&self.inner.writer, &waiting).await?;
            }
            Ok(self.arrears(|arrears| arrears.written(up_to)))
        })
        .await;
        self.judge(done)
    }

    /// Notes whether the disk took a write.
    fn judge<T>(&self, done: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<T, StoreError> {
        let error = match done {
            Ok(Ok(answer)) => {
                if let Some(was) = self.arrears(Arrears::is_fine) {
                    tracing::warn!(file = %self.inner.file.display(), "the store takes writes again, after: {was}");
                }
                return Ok(answer);
            }
            Ok(Err(error)) => StoreError::of(&self.inner.file, &error),
            Err(_) => StoreError::Slow {
                file: self.inner.file.clone(),
                waited_s: limits::STORE_WRITE_TIMEOUT.as_secs(),
            },
        };
        let now = At::from(jiff::Timestamp::now());
        if self.arrears(|arrears| arrears.failed(now, Instant::now(), &error)) {
            tracing::error!("going on from memory: {error}");
        }
        Err(error)
    }

    fn arrears<T>(&self, with: impl FnOnce(&mut Arrears) -> T) -> T {
        with(&mut self.inner.arrears.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
