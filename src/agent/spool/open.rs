//! From the files of a folder to a spool, whatever was done to them.

use std::io;

use ring::rand::{SecureRandom, SystemRandom};

use super::shelf::Segment;
use super::state::{SLOTS, State};
use super::thinning::{Level, NOTES};
use super::write::BALLAST;
use super::{Opened, Sizes, Spool, SpoolId};
use crate::folder::{Files, LOCK};
use crate::limits;
use crate::segments::names::{Named, named, open_name, sealed_name};
use crate::segments::wire::Unreadable;
use crate::segments::{self, Index};
use crate::time::At;

/// An id that nobody else has.
pub(super) fn new_id() -> SpoolId {
    let mut bytes = [0; 16];
    // Without chance the time must do; it isn't a secret.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        bytes = jiff::Timestamp::now().as_nanosecond().to_le_bytes();
    }
    SpoolId(u128::from_le_bytes(bytes))
}

impl Opened {
    fn damaged(&mut self, lost: u64, line: String) {
        self.damages += 1;
        self.lost += lost;
        self.remark(line);
    }

    fn remark(&mut self, line: String) {
        if self.remarks.len() < limits::SPOOL_REMARKS_MAX {
            self.remarks.push(line);
        }
    }
}

/// A segment file as it was found.
struct Seen {
    id: u64,
    sealed: bool,
    length: u64,
    index: Index,
}

impl Spool {
    pub(super) fn over(mut files: Box<dyn Files>, sizes: Sizes, now: At) -> io::Result<(Self, Opened)> {
        let mut opened = Opened::default();
        let names = files.list()?;
        let (state, whole) = read_state(files.as_mut(), &names, &mut opened)?;
        let mut found = read_segments(files.as_mut(), &names, &mut opened)?;
        let id = match &state {
            Some(state) => SpoolId(state.spool),
            None => {
                found.iter().find_map(|seen| seen.index.head).map_or_else(new_id, |head| SpoolId(head.spool))
            }
        };
        found.retain(|seen| belongs(seen, id, &mut opened));
        let mut spool = Self::empty(files, sizes, id);
        let has_state = state.is_some();
        let state = state.unwrap_or_default();
        missing(&state, &found, &mut opened);
        opened.new = !has_state && found.is_empty();
        (spool.generation, spool.acked, spool.steps) = (state.generation, state.acked, state.steps);
        let highest = found.iter().map(|seen| {
            let after = seen.index.last().unwrap_or(seen.id).saturating_add(1);
            after.max(seen.index.reserved).max(seen.id.saturating_add(NOTES))
        });
        spool.next = highest.max().unwrap_or(1).max(state.reserved).max(1);
        if !whole && !opened.new {
            spool.next = spool.next.saturating_add(limits::SPOOL_LEAP);
        }
        spool.reserved = spool.next;
        for seen in found {
            spool.take(seen, &mut opened);
        }
        spool.continue_last();
        spool.thinned = state.thinned;
        spool.damages = state.damages + opened.damages;
        spool.lost = state.lost + opened.lost;
        spool.refused = state.refused;
        spool.ballast = names.iter().any(|(name, length)| name == BALLAST && *length > 0);
        spool.mark_done();
        spool.forget_acknowledgements();
        spool.begin(whole, now)?;
        opened.records = spool.segments.iter().map(|segment| segment.wanted(&spool.acked)).sum();
        Ok((spool, opened))
    }

    /// Reserves numbers, and writes both files of the state where one of them isn't sound.
    fn begin(&mut self, whole: bool, now: At) -> io::Result<()> {
        if self.save_state().is_err() {
            // Room that was kept for this.
            self.files.remove(BALLAST)?;
            self.ballast = false;
            self.save_state()?;
        }
        if !whole {
            self.save_state()?;
            self.files.sync_folder()?;
        }
        self.renew_ballast(now);
        Ok(())
    }

    /// Takes a segment over as it was found.
    fn take(&mut self, seen: Seen, opened: &mut Opened) {
        let mut segment = Segment::new(seen.id);
        let name = name_of(&seen);
        let end = seen.index.end as u64;
        segment.sealed = seen.sealed;
        segment.closed = true;
        segment.level = match seen.index.head {
            Some(head) => Level::of(head.level),
            // How far it was thinned isn't known, so its notes' numbers may have been given: only the last are certain.
            None if seen.sealed => Level::Edges,
            None => Level::Whole,
        };
        for damage in &seen.index.damage {
            let (from, to) = (damage.bytes.start, damage.bytes.end);
            let line = if !seen.sealed && to as u64 == seen.length {
                format!("{name}: the last {} bytes are half a write, and were cut off", to - from)
            } else {
                let lost = damage.lost;
                format!("{name}: bytes {from} to {to} are damaged and cost {lost} records at least")
            };
            opened.damaged(damage.lost, line);
        }
        let cut = seen.index.damage.iter().any(|damage| damage.bytes.end as u64 == seen.length);
        if seen.sealed && !seen.index.ended && !cut {
            opened.damaged(0, format!("{name}: its end is missing"));
        }
        let torn = !seen.sealed && end < seen.length;
        let inner = seen.index.damage.len() > usize::from(torn);
        segment.torn = torn;
        segment.scarred =
            if seen.sealed { !seen.index.damage.is_empty() || !seen.index.ended } else { inner };
        segment.bytes = if seen.sealed { seen.length } else { end };
        segment.hold(seen.index.spans);
        self.segments.push(segment);
    }

    /// Appends go on in the last segment, when nothing is the matter with it.
    fn continue_last(&mut self) {
        let Some(last) = self.segments.last_mut() else { return };
        if last.sealed || last.scarred || last.bytes >= self.sizes.segment as u64 {
            return;
        }
        last.closed = false;
        last.resumed = true;
        self.planned = usize::try_from(last.bytes).unwrap_or(usize::MAX);
    }
}

fn name_of(seen: &Seen) -> String {
    if seen.sealed { sealed_name(seen.id) } else { open_name(seen.id) }
}

/// The newer of the two states, and whether both are sound.
fn read_state(
    files: &mut dyn Files,
    names: &[(String, u64)],
    opened: &mut Opened,
) -> io::Result<(Option<State>, bool)> {
    let mut newest: Option<State> = None;
    let mut sound = 0;
    let mut bad: Vec<(&str, String)> = Vec::new();
    for slot in SLOTS {
        if !names.iter().any(|(name, _)| name == slot) {
            continue;
        }
        let read = files.read(slot, 0, limits::SPOOL_FILE_BYTES_MAX);
        match read.as_deref().map(State::from_bytes) {
            Ok(Ok(state)) => {
                sound += 1;
                if newest.as_ref().is_none_or(|other| other.generation < state.generation) {
                    newest = Some(state);
                }
            }
            Ok(Err(Unreadable::Newer)) => {
                return Err(io::Error::other("it was written by a newer linewatch: start that one"));
            }
            Ok(Err(_)) => bad.push((slot, "damaged".to_owned())),
            Err(error) => bad.push((slot, format!("cannot be read ({error})"))),
        }
    }
    let instead = if sound > 0 {
        "the other of the two is used"
    } else {
        "neither of the two can be used, so numbers go on far above those that may have been given, and what the hub has is sent again"
    };
    for (slot, what) in bad {
        opened.damaged(0, format!("{slot}: {what}; {instead}"));
    }
    Ok((newest, sound == SLOTS.len()))
}

/// Every segment that can be read, in order. Remains of what was interrupted are removed, and what isn't ours is left alone.
fn read_segments(
    files: &mut dyn Files,
    names: &[(String, u64)],
    opened: &mut Opened,
) -> io::Result<Vec<Seen>> {
    let mut found: Vec<Seen> = Vec::new();
    let mut sorted: Vec<&(String, u64)> = names.iter().collect();
    sorted.sort();
    for (name, length) in sorted {
        let (id, sealed) = match named(name) {
            Named::Open(id) => (id, false),
            Named::Sealed(id) => (id, true),
            Named::New => {
                files.remove(name)?;
                continue;
            }
            Named::Foreign => {
                if name != LOCK && name != BALLAST && !SLOTS.contains(&name.as_str()) {
                    opened.remark(format!("{name}: not a file of the spool's; it is left alone"));
                }
                continue;
            }
        };
        if *length > limits::SPOOL_FILE_BYTES_MAX as u64 {
            opened.damaged(0, format!("{name}: too long for a segment; it is left alone"));
            continue;
        }
        let bytes = match files.read(name, 0, limits::SPOOL_FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) => {
                opened.damaged(0, format!("{name}: cannot be read ({error}); it is left alone"));
                continue;
            }
        };
        let from = if sealed { id } else { id.saturating_add(NOTES) };
        let index = segments::index(&bytes, from);
        let nothing = index.spans.is_empty() && index.head.is_none() && !index.newer;
        if nothing {
            // A file that was only just made has nothing in it, or half a head.
            if sealed || bytes.len() > 64 {
                opened.damaged(0, format!("{name}: nothing of it can be read; it was removed"));
            }
            files.remove(name)?;
            continue;
        }
        let seen = Seen { id, sealed, length: bytes.len() as u64, index };
        match found.pop_if(|other| other.id == id) {
            // Sealing was interrupted after the new file had its name: of the two, the one with more in it. What was
            // acknowledged isn't in the sealed one.
            Some(open) => {
                let keeps_open = !(seen.index.ended && seen.index.damage.is_empty())
                    && open.index.records() > seen.index.records();
                let (kept, other) = if keeps_open { (open, seen) } else { (seen, open) };
                files.remove(&name_of(&other))?;
                found.push(kept);
            }
            None => found.push(seen),
        }
    }
    Ok(found)
}

/// Whether a segment is of this spool, and of a version that can be read.
fn belongs(seen: &Seen, id: SpoolId, opened: &mut Opened) -> bool {
    let name = name_of(seen);
    if seen.index.newer {
        opened.damaged(0, format!("{name}: written by a newer linewatch; it is left alone"));
        return false;
    }
    match seen.index.head {
        Some(head) if head.spool != id.0 => {
            opened.remark(format!("{name}: of another spool; it is left alone"));
            false
        }
        Some(head) if head.id != seen.id => {
            opened.remark(format!("{name}: a copy of segment {} by another name; it is left alone", head.id));
            false
        }
        _ => true,
    }
}

/// Says which segments should be there and aren't.
fn missing(state: &State, found: &[Seen], opened: &mut Opened) {
    for (id, last, records) in &state.segments {
        let gone = !found.iter().any(|seen| seen.id == *id);
        if gone && *records > 0 && !state.acked.covers(*id, *last) {
            opened.damaged(*records, format!("{}: missing, with {records} records", open_name(*id)));
        }
    }
}
