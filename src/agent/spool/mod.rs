//! Every observation of an agent, on disk until the hub has it durably.
//!
//! The calls block on the disk: from asynchronous code, behind a mutex and `spawn_blocking`. The order of a day:
//!
//! 1. [`Spool::append`] gives an observation its number, in memory.
//! 2. [`Spool::sync`], at most [`limits::SPOOL_SYNC_AFTER`] later, makes all that was appended durable.
//! 3. [`Spool::live`] and [`Spool::backlog`] hand out what is durable and not yet acknowledged.
//! 4. [`Spool::acknowledge`] takes it away, once the hub has it durably; [`Spool::give_up`], once it said that it never will. An acknowledgement that power loss took back only
//!    makes that something is sent twice: id and number let the hub see that.
//!
//! When the disk takes no more, all this goes on in a bounded memory, and [`Spool::status`] says so.
//!
//! | file | subject |
//! |---|---|
//! | `open.rs` | from the files of a folder to a spool, whatever was done to them |
//! | `write.rs` | making durable, deleting what the hub has; what a disk that is full or fails changes |
//! | `room.rs` | making room: sealing, thinning |
//! | `read.rs` | handing out |
//! | [`intervals`] | what was acknowledged; pure |
//! | [`thinning`] | what goes when there is no room; pure |
//! | `queue.rs` | what isn't on the disk yet |
//! | `shelf.rs` | a segment: where its records are |
//! | `state.rs` | id, reserved numbers, acknowledgements, as a file |
//!
//! # Numbers
//!
//! A segment is called by its id, which is a number like those of its records and below all of them. Between the two lie
//! [`thinning::NOTES`] numbers for what will have to be said when the segment is thinned, so that everything stays in order.
//! Numbers are reserved durably before they are given, and a restart passes over what was reserved.

mod error;
pub mod intervals;
mod open;
mod queue;
mod read;
mod room;
mod shelf;
mod state;
mod status;
pub mod thinning;
mod write;

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::path::Path;

use crate::agent::clock::{Clocks, SetWatch};
use crate::folder::{Files, Folder, FolderError, Nowhere};
use crate::limits;
use crate::observation::Observation;
use crate::segments::{Entry, Record, frame_bytes};
use crate::time::At;
use crate::uplink::message::ClockStep;

pub use error::SpoolError;
pub use status::{Disk, Opened, Status};

use intervals::Intervals;
use queue::Queue;
use shelf::Segment;

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

/// How large everything may become, in bytes. Tests have smaller ones.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    all: u64,
    segment: usize,
    ballast: usize,
    memory: usize,
}

impl From<Settings> for Sizes {
    fn from(settings: Settings) -> Self {
        Self {
            all: settings.bytes_max.max(limits::SPOOL_BYTES_MIN),
            segment: limits::SPOOL_SEGMENT_BYTES,
            ballast: limits::SPOOL_BALLAST_BYTES,
            memory: limits::SPOOL_MEMORY_BYTES,
        }
    }
}

/// The spool of one agent.
pub struct Spool {
    id: SpoolId,
    sizes: Sizes,
    files: Box<dyn Files>,
    /// The number that is given next, and the first that isn't reserved.
    next: u64,
    reserved: u64,
    /// In order of their ids; the last one may still grow.
    segments: Vec<Segment>,
    queue: Queue,
    /// Ids of the segments that records in the queue will begin.
    borders: VecDeque<u64>,
    /// What the segment will have that is being appended to, when the queue is written.
    planned: usize,
    acked: Intervals,
    /// Acknowledgements that aren't written down yet, and calls of `sync` since they last were.
    unsaved: bool,
    calls: u32,
    /// The state on disk doesn't say what it should.
    stale: bool,
    generation: u64,
    ballast: bool,
    no_ballast_before: At,
    thinned: u64,
    damages: u64,
    lost: u64,
    refused: u64,
    /// Whether the clock is set, and when it was.
    watch: SetWatch,
    steps: Vec<ClockStep>,
    disk: Disk,
    /// Until when the disk is left alone.
    rests: Option<At>,
    remarks: Vec<String>,
}

impl Spool {
    /// Opens or makes the spool in `dir` (for its owner only), and keeps a second agent out of it. Reads every file once, to
    /// find what is damaged.
    ///
    /// # Errors
    ///
    /// [`SpoolError::InUse`]: another agent has it, and this one must not go on. All else: [`Spool::in_memory`] can
    /// stand in for it.
    pub fn open(dir: &Path, settings: Settings, now: At) -> Result<(Self, Opened), SpoolError> {
        let folder =
            |error: std::io::Error| SpoolError::Folder { dir: dir.to_owned(), why: error.to_string() };
        let files = Folder::open(dir).map_err(|error| match error {
            FolderError::InUse => SpoolError::InUse { dir: dir.to_owned() },
            FolderError::Disk(error) => folder(error),
        })?;
        Self::over(Box::new(files), settings.into(), now).map_err(folder)
    }

    /// A spool that lasts as long as the process, because of what `why` says. Its id is a new one.
    pub fn in_memory(settings: Settings, now: At, why: &str) -> Self {
        let mut spool = Self::empty(Box::new(Nowhere), settings.into(), open::new_id());
        spool.reserved = u64::MAX;
        spool.disk = Disk::Failing { since: now, why: why.to_owned() };
        spool.rests = Some(At::LATEST);
        spool
    }

    fn empty(files: Box<dyn Files>, sizes: Sizes, id: SpoolId) -> Self {
        Self {
            id,
            sizes,
            files,
            next: 1,
            reserved: 1,
            segments: Vec::new(),
            queue: Queue::default(),
            borders: VecDeque::new(),
            planned: usize::MAX,
            acked: Intervals::default(),
            unsaved: false,
            calls: 0,
            stale: false,
            generation: 0,
            ballast: false,
            no_ballast_before: At::default(),
            thinned: 0,
            damages: 0,
            lost: 0,
            refused: 0,
            watch: SetWatch::default(),
            steps: Vec::new(),
            disk: Disk::Fine,
            rests: None,
            remarks: Vec::new(),
        }
    }

    pub fn id(&self) -> SpoolId {
        self.id
    }

    /// Gives the observation its number, which also becomes its `seq`, and keeps it in memory until [`Spool::sync`]. Of one
    /// that is longer than a line of JSON may be, `detail` and `path` are let go of.
    ///
    /// 0: it isn't kept, and counted as lost. Only when millions have been appended while nothing could be written.
    pub fn append(&mut self, mut seen: Observation) -> u64 {
        let probable = self.next.saturating_add(thinning::NOTES);
        seen.seq = Some(probable);
        let mut bytes = frame_bytes(&Record { seq: probable, entry: Entry::Seen(seen.clone()) });
        if bytes.is_none() {
            (seen.detail, seen.path) = (None, None);
            bytes = frame_bytes(&Record { seq: probable, entry: Entry::Seen(seen.clone()) });
        }
        let Some(seq) = bytes.and_then(|bytes| self.number(bytes)) else {
            self.lost += 1;
            return 0;
        };
        seen.seq = Some(seq);
        self.queue.push(Record { seq, entry: Entry::Seen(seen) });
        self.shed();
        seq
    }

    /// The next number, for a record with so many bytes; and a new segment where the last one will be full.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        if self.planned >= self.sizes.segment {
            let after = self.next.checked_add(thinning::NOTES)?;
            if after >= self.reserved {
                return None;
            }
            self.borders.push_back(self.next);
            self.next = after;
            self.planned = 0;
        }
        if self.next >= self.reserved {
            return None;
        }
        self.planned += bytes;
        let seq = self.next;
        self.next += 1;
        Some(seq)
    }

    /// Keeps the queue within its bound.
    fn shed(&mut self) {
        if self.queue.bytes <= self.sizes.memory {
            return;
        }
        let shed = self.queue.shed(self.sizes.memory);
        self.thinned += shed.thinned;
        for note in shed.notes {
            let entry = Entry::Thinned(note);
            let bytes = frame_bytes(&Record { seq: self.next, entry: entry.clone() });
            if let Some(seq) = bytes.and_then(|bytes| self.number(bytes)) {
                self.queue.push(Record { seq, entry });
            }
        }
        self.remark(format!("no room in memory: {} observations let go of", shed.thinned));
    }

    /// Whether something was appended that isn't durable yet.
    pub fn is_dirty(&self) -> bool {
        !self.queue.records.is_empty()
    }

    /// The highest number that may be sent: what is durable, or kept in memory alone because the disk fails. After a cut
    /// this is where `live` begins and `backlog` ends.
    pub fn sendable(&self) -> u64 {
        let waits = self.queue.records.front().filter(|_| self.disk == Disk::Fine);
        waits.map_or(self.next, |first| first.seq).saturating_sub(1)
    }

    /// No number below this is ever handed out again: a hub may forget which of them it has seen, and takes what comes
    /// below it all the same for something that it has.
    pub fn floor(&self) -> u64 {
        let segment = self.segments.iter().find(|segment| !segment.closed || !segment.is_done());
        let waiting = self.queue.records.front().map(|first| first.seq);
        let first = [segment.map(|segment| segment.id), self.borders.front().copied(), waiting];
        first.into_iter().flatten().min().unwrap_or(self.next)
    }

    /// The hub has these durably. What couldn't have been sent yet isn't taken for acknowledged, whatever a hub says; other
    /// numbers that were never given don't matter.
    pub fn acknowledge(&mut self, range: RangeInclusive<u64>) {
        self.acked.insert(*range.start()..=(*range.end()).min(self.sendable()));
        self.let_go_of_acknowledged();
    }

    /// The hub will never take these, which were handed out: they aren't handed out again. The observations among them are counted, and the
    /// count is written down with the next [`Self::sync`], together with what says that they went.
    pub fn give_up(&mut self, refused: &[Record]) {
        for record in refused.iter().filter(|record| !self.acked.contains(record.seq)) {
            self.refused += u64::from(matches!(record.entry, Entry::Seen(_)));
        }
        for record in refused {
            self.acked.insert(record.seq..=record.seq);
        }
        self.let_go_of_acknowledged();
        self.stale = true;
    }

    fn let_go_of_acknowledged(&mut self) {
        self.acked.shorten(limits::SPOOL_ACKS_MAX);
        self.queue.acknowledged(&self.acked);
        self.unsaved = true;
    }

    /// To be called before anything is appended or handed out: has the spool know whether the clock was set since the last call.
    pub fn look_at_clocks(&mut self, clocks: Clocks) {
        let Some(by_ms) = self.watch.look(clocks) else { return };
        self.steps = self.steps_that_matter();
        self.steps.push(ClockStep { first: self.next, by_ms });
        if self.steps.len() > limits::CLOCK_STEPS_MAX {
            // What lies between the two is placed as what is before them.
            let oldest = self.steps.remove(0);
            if let Some(second) = self.steps.first_mut() {
                second.by_ms = second.by_ms.saturating_add(oldest.by_ms);
            }
        }
        self.stale = true;
        self.remark(format!(
            "the clock was set by {} s: what was seen before has its times from before",
            by_ms / 1_000
        ));
    }

    /// An observation of just now, by the clock as it is now: it may have ended just before that was set.
    pub fn by_this_clock(&self, seen: Observation, clocks: Clocks) -> Observation {
        let by_ms = self.watch.set_since(seen.ended(), clocks);
        Observation { at: seen.at.plus_millis(by_ms), ..seen }
    }

    /// Those of which there is something from before.
    fn steps_that_matter(&self) -> Vec<ClockStep> {
        let floor = self.floor();
        self.steps.iter().filter(|step| floor < step.first).copied().collect()
    }

    /// How it is now.
    pub fn status(&self) -> Status {
        let on_disk: u64 = self.segments.iter().map(|segment| segment.wanted(&self.acked)).sum();
        let places = self.segments.iter().flat_map(|segment| &segment.places);
        let oldest =
            places.filter(|place| !place.done && !place.bad).find(|place| place.wanted(&self.acked) > 0);
        let in_memory = self.queue.records.len() as u64;
        Status {
            records: on_disk + in_memory,
            bytes: self.bytes(),
            bytes_max: self.sizes.all,
            oldest: oldest.map(|place| place.span.at).or_else(|| self.queue.records.front().map(Record::at)),
            in_memory,
            thinned: self.thinned,
            damages: self.damages,
            lost: self.lost,
            refused: self.refused,
            steps: self.steps_that_matter(),
            disk: self.disk.clone(),
        }
    }

    /// What has happened since the last call that belongs into a log, a line each: damage, thinning, a disk that fails or
    /// is well again. At most [`limits::SPOOL_REMARKS_MAX`].
    pub fn remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    fn remark(&mut self, line: String) {
        if self.remarks.len() < limits::SPOOL_REMARKS_MAX {
            self.remarks.push(line);
        }
    }

    /// A place at which so many records, at least, can't be read.
    fn damaged(&mut self, lost: u64, line: String) {
        self.damages += 1;
        self.lost += lost;
        self.remark(line);
    }
}

#[cfg(test)]
mod tests;
