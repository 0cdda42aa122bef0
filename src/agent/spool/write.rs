//! Making durable what was appended and acknowledged; and what a disk that is full or fails changes.

use std::io;
use std::time::Duration;

use super::shelf::Segment;
use super::state::{SLOTS, State};
use super::thinning::Level;
use super::{Disk, Spool};
use crate::limits;
use crate::segments::names::open_name;
use crate::segments::{self, Framer, Head};
use crate::time::At;

/// A file that takes up room until the disk is full.
pub(super) const BALLAST: &str = "ballast";

impl Spool {
    /// Makes durable what was appended, keeps what was acknowledged, thins where there is no room. What the disk doesn't
    /// take stays in memory and is tried again with a later call; [`Spool::status`] says so, and it isn't an error of the
    /// caller's. Blocks for as long as the disk takes.
    pub fn sync(&mut self, now: At) {
        if self.rests.is_some_and(|until| soon(now, until, limits::SPOOL_REST) || until == At::LATEST) {
            return;
        }
        let mut outcome = self.save();
        if outcome.as_ref().is_err_and(is_full) {
            outcome = self.save_on_a_full_disk(now);
        }
        match outcome {
            Ok(()) => {
                self.rests = None;
                if self.disk != Disk::Fine {
                    self.disk = Disk::Fine;
                    self.remark("the disk takes observations again".to_owned());
                }
                self.renew_ballast(now);
            }
            Err(error) => self.went_wrong(now, &error),
        }
    }

    fn went_wrong(&mut self, now: At, error: &io::Error) {
        self.rests = Some(now + limits::SPOOL_REST);
        let why = error.to_string();
        let (was_full, since) = match &self.disk {
            Disk::Fine => (None, now),
            Disk::Full { since, .. } => (Some(true), *since),
            Disk::Failing { since, .. } => (Some(false), *since),
        };
        let full = is_full(error);
        if was_full != Some(full) {
            self.remark(format!("the disk takes no observations, they are kept in memory: {why}"));
        }
        self.disk = if full { Disk::Full { since, why } } else { Disk::Failing { since, why } };
    }

    /// Gives up the ballast, and thins with the room that it gives. Changes of state stay: it is somebody else who
    /// fills the disk, and they could fill what those leave as well.
    fn save_on_a_full_disk(&mut self, now: At) -> io::Result<()> {
        if self.ballast {
            self.files.remove(BALLAST)?;
            self.ballast = false;
            self.no_ballast_before = now + limits::SPOOL_BALLAST_AGAIN;
        }
        let mut outcome = Ok(());
        for _ in 0..limits::SPOOL_STEPS {
            let room = self.thin(Level::Edges)?;
            outcome = self.save();
            if !room || !outcome.as_ref().is_err_and(is_full) {
                break;
            }
        }
        outcome
    }

    fn save(&mut self) -> io::Result<()> {
        self.make_room()?;
        self.write_queue()?;
        if self.reserved.saturating_sub(self.next) < limits::SPOOL_RESERVED / 2 {
            self.save_state()?;
        }
        self.tidy()?;
        self.seal_next()
    }

    // Appending.

    fn write_queue(&mut self) -> io::Result<()> {
        while let Some(first) = self.queue.records.front() {
            let seq = first.seq;
            self.begin_segment(seq)?;
            let border = self.borders.front().copied().unwrap_or(u64::MAX);
            let (reserved, spool) = (self.reserved, self.id.0);
            let Some(segment) = self.segments.last_mut() else { break };
            let name = segment.name();
            if segment.torn {
                self.files.cut(&name, segment.bytes)?;
                segment.torn = false;
            }
            let mut bytes = Vec::new();
            if segment.resumed {
                let head = Head { spool, id: segment.id, reserved, level: segment.level.code() };
                segments::put_head(&head, &mut bytes);
            }
            let mut framer = Framer::default();
            let mut count = 0;
            for record in self.queue.records.iter().take_while(|record| record.seq < border) {
                if bytes.len() > self.sizes.segment {
                    break;
                }
                framer.put(record, &mut bytes);
                count += 1;
            }
            // Until it is known that all of it is there, none of it counts.
            segment.torn = true;
            self.files.write(&name, segment.bytes, &bytes)?;
            self.files.sync(&name)?;
            segment.torn = false;
            segment.resumed = false;
            let mut spans = segments::index(&bytes, 0).spans;
            for span in &mut spans {
                span.offset = span.offset.saturating_add(u32::try_from(segment.bytes).unwrap_or(u32::MAX));
            }
            segment.bytes += bytes.len() as u64;
            segment.extend(spans);
            self.queue.written(count);
        }
        Ok(())
    }

    /// Makes the file of the segment that number `seq` belongs to, if it is a new one.
    fn begin_segment(&mut self, seq: u64) -> io::Result<()> {
        let Some(id) = self.borders.iter().copied().take_while(|border| *border < seq).last() else {
            return Ok(());
        };
        let name = open_name(id);
        let mut bytes = Vec::new();
        let head = Head { spool: self.id.0, id, reserved: self.reserved, level: 0 };
        segments::put_head(&head, &mut bytes);
        self.files.write(&name, 0, &bytes)?;
        self.files.cut(&name, bytes.len() as u64)?;
        self.files.sync(&name)?;
        self.files.sync_folder()?;
        if let Some(last) = self.segments.last_mut() {
            last.closed = true;
        }
        self.segments.push(Segment { bytes: bytes.len() as u64, ..Segment::new(id) });
        self.borders.retain(|border| *border > id);
        self.stale = true;
        Ok(())
    }

    // The state.

    /// Writes the state over the older of the two files.
    pub(super) fn save_state(&mut self) -> io::Result<()> {
        let reserved = if self.reserved.saturating_sub(self.next) < limits::SPOOL_RESERVED / 2 {
            self.next.saturating_add(limits::SPOOL_RESERVED)
        } else {
            self.reserved
        };
        let wanted = self.segments.iter().filter(|segment| !segment.is_done());
        let state = State {
            spool: self.id.0,
            generation: self.generation + 1,
            reserved,
            thinned: self.thinned,
            damages: self.damages,
            lost: self.lost,
            refused: self.refused,
            steps: self.steps_that_matter(),
            segments: wanted
                .map(|segment| (segment.id, segment.last(), segment.wanted(&self.acked)))
                .collect(),
            acked: self.acked.clone(),
        };
        let slot = SLOTS.get(usize::from(state.generation % 2 == 1)).copied().unwrap_or_default();
        self.files.write(slot, 0, &state.to_bytes())?;
        self.files.sync(slot)?;
        self.generation = state.generation;
        self.reserved = reserved;
        (self.unsaved, self.stale, self.calls) = (false, false, 0);
        Ok(())
    }

    /// Keeps acknowledgements, and deletes what the hub has.
    fn tidy(&mut self) -> io::Result<()> {
        if self.unsaved {
            self.calls += 1;
            self.mark_done();
        }
        let gone = |segment: &Segment| segment.closed && segment.is_done();
        let deletes = self.segments.iter().any(gone);
        if deletes || self.stale || self.calls >= limits::SPOOL_ACKS_EVERY {
            self.save_state()?;
        }
        if !deletes {
            return Ok(());
        }
        while let Some(place) = self.segments.iter().position(gone) {
            let Some(segment) = self.segments.get(place) else { break };
            let (name, id, last) = (segment.name(), segment.id, segment.last());
            self.files.remove(&name)?;
            self.segments.remove(place);
            self.acked.insert(id..=last);
        }
        self.files.sync_folder()?;
        self.forget_acknowledgements();
        Ok(())
    }

    /// What is in no segment needs no acknowledgement: its number is never given again.
    pub(super) fn forget_acknowledgements(&mut self) {
        let mut free = 0;
        let kept: Vec<(u64, u64)> =
            self.segments.iter().map(|segment| (segment.id, segment.last())).collect();
        for (id, last) in kept {
            if free < id {
                self.acked.remove(free..=id - 1);
            }
            free = last.saturating_add(1);
        }
        let waiting = self.queue.records.front().map_or(self.next, |first| first.seq);
        if free < waiting && self.queue.records.is_empty() {
            self.acked.remove(free..=waiting - 1);
        }
    }

    /// Notices which places the hub has wholly.
    pub(super) fn mark_done(&mut self) {
        for segment in 0..self.segments.len() {
            let places = self.segments.get(segment).map_or(0, |segment| segment.places.len());
            for place in 0..places {
                let there = self.segments.get(segment).and_then(|segment| segment.places.get(place));
                let Some(there) = there.filter(|place| !place.done && !place.bad).copied() else { continue };
                let span = there.span;
                let acked = self.acked.count(span.first, span.last);
                let numbers = span.last - span.first + 1;
                // Thinned places have fewer records than numbers: those between were never handed out.
                let done = acked >= numbers
                    || (acked >= u64::from(span.count)
                        && numbers > u64::from(span.count)
                        && self
                            .records_of(segment, place)
                            .iter()
                            .all(|record| self.acked.contains(record.seq)));
                if done {
                    self.acked.insert(span.first..=span.last);
                    let place =
                        self.segments.get_mut(segment).and_then(|segment| segment.places.get_mut(place));
                    if let Some(place) = place {
                        place.done = true;
                    }
                }
            }
        }
    }
}

/// Whether `until` is still to come, and not further away than it can be: a clock that was put back must not keep the
/// spool off its disk.
pub(super) fn soon(now: At, until: At, within: Duration) -> bool {
    now < until && until <= now + within
}

/// No room, on the disk or for this user.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
