//! A whole segment as bytes: its head, what is in it and where, what of it is damaged, and sealing.
//!
//! An active segment is a head frame and then a frame for each record, as they come; a head stands again where a spool went
//! on after a restart. A sealed one is a head frame, blocks, and a tail that says how many records there must be. Numbers
//! rise throughout.

use std::ops::Range;

use super::block::{self, Block};
use super::codec::{Context, decode, encode};
use super::frame::{self, Found, Frames, OVERHEAD};
use super::record::{Entry, Record};
use super::wire::{Reader, Unreadable, put_number};
use crate::limits;
use crate::observation::Observation;
use crate::time::At;

pub(super) const HEAD: u8 = 1;
pub(super) const RECORD: u8 = 2;
const BLOCK: u8 = 3;
const TAIL: u8 = 4;

/// The form that this version writes. One that is higher is left alone.
const VERSION: u8 = 1;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The id of the spool that it belongs to.
    pub spool: u128,
    /// Its own number, below all in it.
    pub id: u64,
    /// Numbers below this may have been given when it was written.
    pub reserved: u64,
    /// How far it has been thinned: 0 not at all.
    pub level: u8,
}

/// Some neighbouring records, and where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub offset: u32,
    pub length: u32,
    pub count: u32,
    pub first: u64,
    pub last: u64,
    /// When the first of them began.
    pub at: At,
}

/// Bytes that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub bytes: Range<usize>,
    /// Records that this has cost, at least.
    pub lost: u64,
}

/// What was found in a segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    pub head: Option<Head>,
    /// It is of a version that this one can't read.
    pub newer: bool,
    /// In order, with rising numbers that don't overlap.
    pub spans: Vec<Span>,
    pub damage: Vec<Damage>,
    /// Of a sealed segment: that its tail is there.
    pub ended: bool,
    /// Where the last sound frame ends. What is behind it is in `damage` too.
    pub end: usize,
    /// The highest `reserved` of any of its heads.
    pub reserved: u64,
}

impl Index {
    pub fn records(&self) -> u64 {
        self.spans.iter().map(|span| u64::from(span.count)).sum()
    }

    /// Its highest number.
    pub fn last(&self) -> Option<u64> {
        self.spans.last().map(|span| span.last)
    }
}

/// Reads where everything is. `from`: the number that its first record would have if nothing were missing.
pub fn index(bytes: &[u8], from: u64) -> Index {
    let mut index = Index::default();
    let mut next = from;
    let mut counted = 0;
    // Damage whose cost the next sound frame tells.
    let mut open: Option<Range<usize>> = None;
    let settle = |open: &mut Option<Range<usize>>, index: &mut Index, missing: u64| {
        if let Some(bytes) = open.take() {
            // Numbers also jump where a spool went on after a restart, so no more than there was room for.
            let room = (bytes.len() / (OVERHEAD + 10)) as u64;
            index.damage.push(Damage { lost: missing.min(room.max(1)), bytes });
        }
    };
    for found in Frames::of(bytes) {
        let (kind, payload, range) = match found {
            Found::Damage(range) => {
                open = Some(range);
                continue;
            }
            Found::Frame { kind, payload, range } => (kind, payload, range),
        };
        index.end = range.end;
        match kind {
            HEAD => match take_head(payload) {
                Ok(head) => {
                    settle(&mut open, &mut index, 0);
                    index.reserved = index.reserved.max(head.reserved);
                    index.head.get_or_insert(head);
                }
                Err(Unreadable::Newer) => index.newer = true,
                Err(_) => open = Some(range),
            },
            RECORD => match decode(payload, &mut Context::default()) {
                Ok(record) if record.seq >= next => {
                    let whole = open.is_none();
                    settle(&mut open, &mut index, record.seq - next);
                    next = record.seq.saturating_add(1);
                    add(&mut index.spans, &record, &range, whole);
                }
                Ok(_) | Err(Unreadable::Newer) => settle(&mut open, &mut index, 0),
                Err(_) => open = Some(range),
            },
            BLOCK => match block::head(payload) {
                Ok(head) if head.first >= next => {
                    if let Some(bytes) = open.take() {
                        let lost = head.before.saturating_sub(counted);
                        index.damage.push(Damage { bytes, lost });
                    }
                    counted = head.before.saturating_add(head.count);
                    next = head.last.saturating_add(1);
                    index.spans.push(Span {
                        offset: short(range.start),
                        length: short(range.len()),
                        count: u32::try_from(head.count).unwrap_or(u32::MAX),
                        first: head.first,
                        last: head.last,
                        at: head.at,
                    });
                }
                Ok(_) => {}
                Err(_) => open = Some(range),
            },
            TAIL => {
                let total = Reader(payload).number().unwrap_or_default();
                if let Some(bytes) = open.take() {
                    index.damage.push(Damage { bytes, lost: total.saturating_sub(counted) });
                }
                index.ended = true;
            }
            _ => {}
        }
    }
    settle(&mut open, &mut index, 0);
    index
}

/// Adds a record to the last span, or begins one: after damage, and when the last is full.
fn add(spans: &mut Vec<Span>, record: &Record, range: &Range<usize>, whole: bool) {
    if let Some(span) = spans.last_mut() {
        let full = span.count as usize >= limits::SEGMENT_BLOCK_RECORDS
            || span.length as usize >= limits::SEGMENT_BLOCK_BYTES
            // Something that isn't a record stands between.
            || (span.offset + span.length) as usize != range.start;
        if whole && !full {
            span.length += short(range.len());
            span.count += 1;
            span.last = record.seq;
            return;
        }
    }
    spans.push(Span {
        offset: short(range.start),
        length: short(range.len()),
        count: 1,
        first: record.seq,
        last: record.seq,
        at: record.at(),
    });
}

/// A place in a file that is read whole, so that it fits.
fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The records of the bytes of a span, in order, and how many of them can't be read.
pub fn records(bytes: &[u8], span: &Span) -> (Vec<Record>, u64) {
    let mut records: Vec<Record> = Vec::new();
    for found in Frames::of(bytes) {
        let Found::Frame { kind, payload, .. } = found else { continue };
        if kind == RECORD {
            records.extend(decode(payload, &mut Context::default()).ok());
        } else if kind == BLOCK {
            records.extend(block::open(payload).map(|(records, _)| records).unwrap_or_default());
        }
    }
    let mut next = span.first;
    records.retain(|record| {
        let fits = (next..=span.last).contains(&record.seq);
        next = if fits { record.seq.saturating_add(1) } else { next };
        fits
    });
    let unread = u64::from(span.count).saturating_sub(records.len() as u64);
    (records, unread)
}

/// Adds a head to the bytes of a segment.
pub fn put_head(head: &Head, out: &mut Vec<u8>) {
    let mut payload = vec![VERSION];
    payload.extend(head.spool.to_le_bytes());
    put_number(&mut payload, head.id);
    put_number(&mut payload, head.reserved);
    payload.push(head.level);
    frame::put(HEAD, &payload, out);
}

fn take_head(payload: &[u8]) -> Result<Head, Unreadable> {
    let mut reader = Reader(payload);
    if reader.byte()? > VERSION {
        return Err(Unreadable::Newer);
    }
    let spool = u128::from_le_bytes(reader.array()?);
    Ok(Head { spool, id: reader.number()?, reserved: reader.number()?, level: reader.byte()? })
}

/// Writes records to the bytes of an active segment, each alone in its frame.
#[derive(Debug, Default)]
pub struct Framer {
    context: Context,
}

impl Framer {
    /// Adds a record; false: it is larger than [`limits::SEGMENT_RECORD_BYTES_MAX`], and nothing was added.
    pub fn put(&mut self, record: &Record, out: &mut Vec<u8>) -> bool {
        let Self { context } = self;
        context.forget();
        frame::put_at_most(limits::SEGMENT_RECORD_BYTES_MAX, RECORD, out, |out| encode(record, context, out))
    }

    /// The same; of an observation that is too large, `detail` and `path` are let go of.
    pub fn put_cut(&mut self, record: &Record, out: &mut Vec<u8>) {
        if self.put(record, out) {
            return;
        }
        if let Entry::Seen(seen) = &record.entry {
            let seen = Observation { detail: None, path: None, ..seen.clone() };
            self.put(&Record { seq: record.seq, entry: Entry::Seen(seen) }, out);
        }
    }
}

/// Bytes of the frame of a record in an active segment; none: it is too large for one.
pub fn frame_bytes(record: &Record) -> Option<usize> {
    let mut out = Vec::new();
    Framer::default().put(record, &mut out).then_some(out.len())
}

/// Writes a sealed segment, record by record.
pub struct Sealer {
    out: Vec<u8>,
    block: Block,
    total: u64,
}

impl Sealer {
    pub fn new(head: &Head) -> Self {
        let mut out = Vec::new();
        put_head(head, &mut out);
        Self { out, block: Block::default(), total: 0 }
    }

    /// Numbers must rise.
    pub fn push(&mut self, record: &Record) {
        self.block.push(record);
        if self.block.is_full() {
            self.close();
        }
    }

    fn close(&mut self) {
        let (payload, count) = self.block.finish(self.total);
        frame::put(BLOCK, &payload, &mut self.out);
        self.total += count;
    }

    /// The whole file, and how many records are in it.
    pub fn finish(mut self) -> (Vec<u8>, u64) {
        if !self.block.is_empty() {
            self.close();
        }
        let mut total = Vec::new();
        put_number(&mut total, self.total);
        frame::put(TAIL, &total, &mut self.out);
        (self.out, self.total)
    }
}

/// What a fuzzer's input stands for. An odd first byte: payloads (kind, length in two bytes) that get the checksums which no fuzzer
/// would guess.
#[cfg(any(fuzzing, test))]
pub(super) fn framed(bytes: &[u8]) -> Vec<u8> {
    let (choice, mut bytes) = crate::fuzzing::choice(bytes);
    if choice.is_multiple_of(2) {
        return bytes.to_vec();
    }
    let mut framed = Vec::new();
    while let Some([kind, low, high]) = crate::fuzzing::take::<3>(&mut bytes) {
        let length = usize::from(u16::from_le_bytes([low, high])).min(bytes.len());
        let (payload, rest) = bytes.split_at(length);
        frame::put(kind % 8, payload, &mut framed);
        bytes = rest;
    }
    framed
}

/// The fuzz target: whatever stands in a segment, what is read of it has rising numbers, and sealed again it says the
/// same.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let bytes = framed(bytes);
    let bytes = bytes.as_slice();
    let index = index(bytes, 0);
    let mut all = Vec::new();
    for span in &index.spans {
        let range = span.offset as usize..(span.offset + span.length) as usize;
        all.extend(records(bytes.get(range).unwrap_or_default(), span).0);
    }
    assert!(all.windows(2).all(|two| two[0].seq < two[1].seq), "numbers rise");
    let mut sealer = Sealer::new(&Head { spool: 1, id: 1, reserved: 2, level: 0 });
    for record in &all {
        sealer.push(record);
    }
    let (sealed, total) = sealer.finish();
    let again = self::index(&sealed, 0);
    assert!(again.damage.is_empty() && again.ended && total == all.len() as u64);
    let back = again.spans.iter().flat_map(|span| {
        let range = span.offset as usize..(span.offset + span.length) as usize;
        records(sealed.get(range).unwrap_or_default(), span).0
    });
    // As texts, because a length that is no number equals nothing.
    assert!(back.map(|r| format!("{r:?}")).eq(all.iter().map(|r| format!("{r:?}"))), "lossless");
}

#[cfg(test)]
mod tests;
