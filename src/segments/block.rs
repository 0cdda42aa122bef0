//! The blocks of a sealed segment: some dozens of records that are compressed together.
//!
//! Payload: records of the segment before this block, records in it, its first number, last number less the first, when
//! its first began (all as numbers of varying length), then the body.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::codec::{Context, decode, encode};
use super::record::Record;
use super::wire::{Reader, Unreadable, put_bytes, put_difference, put_number};
use crate::limits;
use crate::time::At;

/// What stands before the records of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHead {
    /// Records in the segment before this block: a block that is missing is counted by the next one.
    pub before: u64,
    pub count: u64,
    pub first: u64,
    pub last: u64,
    /// When the first record began.
    pub at: At,
}

/// Records that are compressed together: method (0 plain, 1 deflate), then each record with its length.
#[derive(Debug, Default)]
pub(super) struct Body {
    context: Context,
    plain: Vec<u8>,
    scratch: Vec<u8>,
    pub count: usize,
}

impl Body {
    pub fn push(&mut self, record: &Record) {
        self.count += 1;
        self.scratch.clear();
        encode(record, &mut self.context, &mut self.scratch);
        put_bytes(&mut self.plain, &self.scratch);
    }

    /// Whether it has so many records, or as many bytes as a body may have.
    pub const fn is_full(&self, records_max: usize) -> bool {
        self.count >= records_max || self.plain.len() >= limits::SEGMENT_BLOCK_BYTES
    }

    pub fn finish(&self, out: &mut Vec<u8>) {
        // One that doesn't become smaller stays as it is.
        let mut packed = Vec::with_capacity(self.plain.len());
        let done = Compress::new(Compression::new(limits::SEGMENT_DEFLATE_LEVEL), false).compress_vec(
            &self.plain,
            &mut packed,
            FlushCompress::Finish,
        );
        if matches!(done, Ok(Status::StreamEnd)) {
            out.push(1);
            out.extend(packed);
        } else {
            out.push(0);
            out.extend_from_slice(&self.plain);
        }
    }

    /// The records of a body, as far as they can be read: without those of a newer version, and up to something that isn't in
    /// this form.
    pub fn open(mut reader: Reader<'_>) -> Result<Vec<Record>, Unreadable> {
        let method = reader.byte()?;
        let inflated;
        let plain = match method {
            0 => reader.0,
            1 => {
                inflated = inflate(reader.0)?;
                &inflated
            }
            _ => return Err(Unreadable::Newer),
        };
        let mut plain = Reader(plain);
        let mut context = Context::default();
        let mut records = Vec::new();
        while !plain.0.is_empty() {
            let Ok(bytes) = plain.bytes() else { break };
            match decode(bytes, &mut context) {
                Ok(record) => records.push(record),
                Err(Unreadable::Newer) => {}
                Err(_) => break,
            }
        }
        Ok(records)
    }
}

/// The whole of what was compressed, if it is no longer than a body can be.
fn inflate(packed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    const MOST: usize = limits::SEGMENT_BLOCK_BYTES + limits::SEGMENT_RECORD_BYTES_MAX + 64;
    let mut plain = Vec::with_capacity(MOST);
    match Decompress::new(false).decompress_vec(packed, &mut plain, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => Ok(plain),
        Ok(Status::Ok | Status::BufError) | Err(_) => Err(Unreadable::Malformed),
    }
}

/// Gathers records of rising numbers into a block.
#[derive(Debug, Default)]
pub struct Block {
    body: Body,
    first: u64,
    last: u64,
    at: At,
}

impl Block {
    pub fn push(&mut self, record: &Record) {
        if self.is_empty() {
            self.first = record.seq;
            self.at = record.at();
        }
        self.last = record.seq;
        self.body.push(record);
    }

    pub const fn is_empty(&self) -> bool {
        self.body.count == 0
    }

    pub const fn is_full(&self) -> bool {
        self.body.is_full(limits::SEGMENT_BLOCK_RECORDS)
    }

    /// The payload of the block's frame, and how many records are in it. The block is empty afterwards.
    pub fn finish(&mut self, before: u64) -> (Vec<u8>, u64) {
        let count = self.body.count as u64;
        let mut out = Vec::new();
        put_number(&mut out, before);
        put_number(&mut out, count);
        put_number(&mut out, self.first);
        put_number(&mut out, self.last.saturating_sub(self.first));
        put_difference(&mut out, self.at.as_millis(), 0);
        self.body.finish(&mut out);
        *self = Self::default();
        (out, count)
    }
}

/// What a block's payload says of itself.
pub fn head(payload: &[u8]) -> Result<BlockHead, Unreadable> {
    take_head(&mut Reader(payload))
}

fn take_head(reader: &mut Reader<'_>) -> Result<BlockHead, Unreadable> {
    let before = reader.number()?;
    let count = reader.number()?;
    let first = reader.number()?;
    let last = first.checked_add(reader.number()?).ok_or(Unreadable::Malformed)?;
    let at = At::from_millis(reader.difference(0)?);
    Ok(BlockHead { before, count, first, last, at })
}

/// The records of a block, and how many of it can't be read: those of a newer version, and those behind something that
/// isn't in this form.
pub fn open(payload: &[u8]) -> Result<(Vec<Record>, u64), Unreadable> {
    let mut reader = Reader(payload);
    let head = take_head(&mut reader)?;
    let records = Body::open(reader)?;
    let unread = head.count.saturating_sub(records.len() as u64);
    Ok((records, unread))
}
