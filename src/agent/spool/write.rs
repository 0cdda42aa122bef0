//! Making durable, sealing, thinning, deleting; and what a disk that is full or fails changes.

use std::io;

use super::shelf::{Segment, new_name, open_name, sealed_name};
use super::state::{SLOTS, State};
use super::thinning::{Level, NOTES, Plan, Planner, choose};
use super::{Disk, Spool};
use crate::limits;
use crate::segments::{self, Head, Record, Sealer};
use crate::time::At;

/// A file that takes up room until the disk is full.
pub(super) const BALLAST: &str = "ballast";

impl Spool {
    /// Makes durable what was appended, keeps what was acknowledged, thins where there is no room. What the disk doesn't
    /// take stays in memory and is tried again with a later call; [`Spool::status`] says so, and it isn't an error of the
    /// caller's. Blocks for as long as the disk takes.
    pub fn sync(&mut self, now: At) {
        if self.rests.is_some_and(|until| now < until) {
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
            let mut count = 0;
            for record in self.queue.records.iter().take_while(|record| record.seq < border) {
                if bytes.len() > self.sizes.segment {
                    break;
                }
                segments::put_record(record, &mut bytes);
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

    // Making room.

    /// What the spool takes of the disk.
    pub(super) fn bytes(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        // The two files of the state have a page each, nearly always.
        segments + 8192 + if self.ballast { self.sizes.ballast as u64 } else { 0 }
    }

    /// Thins until what is written next fits, with a segment that is written anew beside it.
    fn make_room(&mut self) -> io::Result<()> {
        // On the disk a record has a third of what it has in memory, or less.
        let coming = (self.queue.bytes / 3 + self.sizes.segment / 2) as u64;
        let most = self.sizes.all.saturating_sub(coming);
        let mut steps = 0;
        while self.bytes() > most && steps < limits::SPOOL_STEPS {
            if !self.thin(Level::Emptied)? && !self.drop_oldest()? {
                break;
            }
            steps += 1;
        }
        Ok(())
    }

    /// One step of thinning, but not further than to `most`. False: there is nothing left to thin.
    fn thin(&mut self, most: Level) -> io::Result<bool> {
        let may = |segment: &Segment| segment.closed && !segment.broken;
        let levels: Vec<Level> =
            self.segments.iter().map(|s| if may(s) { s.level } else { Level::Emptied }).collect();
        let Some(place) = choose(&levels) else { return Ok(false) };
        let Some((id, level)) = self.segments.get(place).map(|segment| (segment.id, segment.level)) else {
            return Ok(false);
        };
        let Some(mut planner) = Planner::after(level) else { return Ok(false) };
        if planner.level() > most {
            return Ok(false);
        }
        let Some(bytes) = self.read_whole(place) else { return Ok(true) };
        let spans = segments::index(&bytes, id).spans;
        for record in all(&bytes, &spans) {
            planner.push(&record, &self.acked);
        }
        let plan = planner.finish(id, all(&bytes, &spans));
        let thinned = plan.thinned;
        self.rewrite(place, &bytes, plan)?;
        self.thinned += thinned;
        if thinned > 0 {
            self.remark(format!("thinned segment {id} to make room: {thinned} observations let go of"));
        }
        Ok(true)
    }

    /// The last way out, when everything has been thinned: the oldest file goes as a whole. False: there is none.
    fn drop_oldest(&mut self) -> io::Result<bool> {
        let Some(place) = self.segments.iter().position(|segment| segment.closed) else { return Ok(false) };
        let Some(segment) = self.segments.get(place) else { return Ok(false) };
        let (name, wanted) = (segment.name(), segment.wanted(&self.acked));
        self.files.remove(&name)?;
        self.segments.remove(place);
        self.stale = true;
        self.damaged(
            wanted,
            format!("{name}: let go of, with {wanted} entries, since there was no other way to make room"),
        );
        Ok(true)
    }

    /// Seals the oldest segment that is waiting for it, or writes one anew that is damaged.
    fn seal_next(&mut self) -> io::Result<()> {
        let waits = |s: &Segment| s.closed && !s.broken && (!s.sealed || s.scarred);
        let Some(place) = self.segments.iter().position(waits) else { return Ok(()) };
        let Some(bytes) = self.read_whole(place) else { return Ok(()) };
        let Some(segment) = self.segments.get(place) else { return Ok(()) };
        let plan = Plan { level: segment.level, stays: Vec::new(), notes: Vec::new(), thinned: 0 };
        self.rewrite(place, &bytes, plan)
    }

    /// The bytes of a segment; none: it can't be read, which is said, and it is left alone from now on.
    fn read_whole(&mut self, place: usize) -> Option<Vec<u8>> {
        let segment = self.segments.get(place)?;
        let (name, length) = (segment.name(), segment.bytes);
        match self.files.read(&name, 0, usize::try_from(length).unwrap_or(usize::MAX)) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let wanted = segment.wanted(&self.acked);
                if let Some(segment) = self.segments.get_mut(place) {
                    segment.broken = true;
                }
                self.damaged(wanted, format!("{name}: cannot be read ({error}); it is left as it is"));
                None
            }
        }
    }

    /// Writes a segment anew and sealed, without what was acknowledged, what doesn't stay and what is damaged. The new
    /// file takes the place of the old one in one step.
    fn rewrite(&mut self, place: usize, bytes: &[u8], plan: Plan) -> io::Result<()> {
        let Some(segment) = self.segments.get(place) else { return Ok(()) };
        let (id, was_open, known) = (segment.id, !segment.sealed, segment.scarred);
        let from = if was_open { id.saturating_add(NOTES) } else { id };
        let found = segments::index(bytes, from);
        let head = Head { spool: self.id.0, id, reserved: self.reserved, level: plan.level.code() };
        let mut sealer = Sealer::new(&head);
        let mut notes = plan.notes.into_iter().peekable();
        let mut stays = plan.stays.into_iter();
        for record in all(bytes, &found.spans) {
            while let Some(note) = notes.next_if(|note| note.seq < record.seq) {
                sealer.push(&note);
            }
            if stays.next().unwrap_or(true) && !self.acked.contains(record.seq) {
                sealer.push(&record);
            }
        }
        notes.for_each(|note| sealer.push(&note));
        let (sealed, _) = sealer.finish();
        let new = new_name(id);
        self.files.remove(&new)?;
        let written = self.files.write(&new, 0, &sealed).and_then(|()| self.files.sync(&new));
        if let Err(error) = written {
            let _as_good_as_gone = self.files.remove(&new);
            return Err(error);
        }
        self.files.rename(&new, &sealed_name(id))?;
        if let Some(segment) = self.segments.get_mut(place) {
            segment.hold(segments::index(&sealed, id).spans);
            (segment.sealed, segment.scarred, segment.level) = (true, false, plan.level);
            segment.bytes = sealed.len() as u64;
        }
        if !known {
            for damage in &found.damage {
                let line = format!(
                    "{}: damaged at byte {} since it was opened",
                    sealed_name(id),
                    damage.bytes.start
                );
                self.damaged(damage.lost, line);
            }
        }
        self.files.sync_folder()?;
        if was_open {
            self.files.remove(&open_name(id))?;
        }
        self.mark_done();
        self.unsaved = true;
        Ok(())
    }

    /// Takes room for bad days, if it can be had.
    pub(super) fn renew_ballast(&mut self, now: At) {
        if self.ballast || self.sizes.ballast == 0 || now < self.no_ballast_before {
            return;
        }
        // Not zeros, which some file systems don't store.
        let bytes = vec![0xa5; self.sizes.ballast];
        let taken = self.files.write(BALLAST, 0, &bytes).and_then(|()| self.files.sync(BALLAST));
        self.ballast = taken.is_ok();
        self.no_ballast_before = now + limits::SPOOL_BALLAST_AGAIN;
        if taken.is_err() {
            let _as_good_as_gone = self.files.remove(BALLAST);
        }
    }
}

/// The records of a segment's bytes, in order, a span at a time.
fn all<'a>(bytes: &'a [u8], spans: &'a [segments::Span]) -> impl Iterator<Item = Record> + 'a {
    spans.iter().flat_map(|span| {
        let from = span.offset as usize;
        let part = bytes.get(from..from + span.length as usize).unwrap_or_default();
        segments::records(part, span).0
    })
}

/// No room, on the disk or for this user.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
