//! Making room: segments are sealed, thinned and let go of.

use std::io;

use super::Spool;
use super::shelf::Segment;
use super::thinning::{Level, NOTES, Plan, Planner, choose};
use super::write::{BALLAST, soon};
use crate::limits;
use crate::segments::names::{new_name, open_name, sealed_name};
use crate::segments::{self, Head, Record, Sealer};
use crate::time::At;

impl Spool {
    /// What the spool takes of the disk.
    pub(super) fn bytes(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        // The two files of the state have a page each, nearly always.
        segments + 8192 + if self.ballast { self.sizes.ballast as u64 } else { 0 }
    }

    /// Thins until what is written next fits, with a segment that is written anew beside it.
    pub(super) fn make_room(&mut self) -> io::Result<()> {
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
    pub(super) fn thin(&mut self, most: Level) -> io::Result<bool> {
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
    pub(super) fn seal_next(&mut self) -> io::Result<()> {
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
        if self.ballast
            || self.sizes.ballast == 0
            || soon(now, self.no_ballast_before, limits::SPOOL_BALLAST_AGAIN)
        {
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
