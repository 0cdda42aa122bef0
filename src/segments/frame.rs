//! Frames: bytes with a mark, a length and a checksum, so that a damaged one costs itself only.
//!
//! `D7 4C 57`, kind (1 byte), length of the payload (4, little-endian), CRC-32C of kind, length and payload (4), payload. A
//! reader that meets anything else looks for the next mark. No text that a record carries can hold one: `D7 4C` isn't
//! UTF-8.

use std::ops::Range;

use crc::{Crc, Table};

use crate::limits;

const MARK: [u8; 3] = [0xd7, b'L', b'W'];
/// Bytes before the payload.
pub const OVERHEAD: usize = 12;

static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_ISCSI);

/// Adds a frame to `out`.
pub fn put(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.extend(head(kind, payload));
    out.extend_from_slice(payload);
}

/// Adds a frame to `out` whose payload is written there, unless that is longer than `most` bytes: then false, and nothing is added.
pub fn put_at_most(most: usize, kind: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> bool {
    let begin = out.len();
    out.extend([0; OVERHEAD]);
    write(out);
    let Some((space, payload)) = out.get_mut(begin..).and_then(|frame| frame.split_at_mut_checked(OVERHEAD))
    else {
        return false;
    };
    let fits = payload.len() <= most;
    if fits {
        space.copy_from_slice(&head(kind, payload));
    } else {
        out.truncate(begin);
    }
    fits
}

/// What stands before a payload.
fn head(kind: u8, payload: &[u8]) -> [u8; OVERHEAD] {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let [m, a, r] = MARK;
    let [l0, l1, l2, l3] = length;
    let [c0, c1, c2, c3] = checksum(kind, length, payload).to_le_bytes();
    [m, a, r, kind, l0, l1, l2, l3, c0, c1, c2, c3]
}

fn checksum(kind: u8, length: [u8; 4], payload: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&[kind]);
    digest.update(&length);
    digest.update(payload);
    digest.finalize()
}

/// What stands at some place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    Frame {
        kind: u8,
        payload: &'a [u8],
        range: Range<usize>,
    },
    /// Bytes that are in no sound frame.
    Damage(Range<usize>),
}

/// All that is there, in order; nothing is left out and nothing is said twice.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The sound frame that begins exactly here.
    fn here(&self, at: usize) -> Option<(u8, Range<usize>)> {
        let head = self.bytes.get(at..at.checked_add(OVERHEAD)?)?;
        let (mark, rest) = head.split_first_chunk::<3>()?;
        let (kind, rest) = rest.split_first()?;
        let (length, crc) = rest.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if *mark != MARK || size > limits::SEGMENT_FRAME_BYTES_MAX {
            return None;
        }
        let range = at..at + OVERHEAD + size;
        let payload = self.bytes.get(at + OVERHEAD..range.end)?;
        (checksum(*kind, *length, payload).to_le_bytes() == crc).then_some((*kind, range))
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let from = self.at;
        while self.at < self.bytes.len() {
            if let Some((kind, range)) = self.here(self.at) {
                if self.at > from {
                    return Some(Found::Damage(from..self.at));
                }
                self.at = range.end;
                let payload = self.bytes.get(range.start + OVERHEAD..range.end).unwrap_or_default();
                return Some(Found::Frame { kind, payload, range });
            }
            let ahead = self.bytes.get(self.at + 1..).unwrap_or_default();
            let next = ahead.windows(MARK.len()).position(|window| window == MARK);
            self.at = next.map_or(self.bytes.len(), |by| self.at + 1 + by);
        }
        (self.at > from).then_some(Found::Damage(from..self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_costs_its_own_frame_only() {
        let mut bytes = Vec::new();
        for n in 0..5_u8 {
            put(n, &[n; 20], &mut bytes);
        }
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x41;
            let kinds: Vec<u8> = Frames::of(&bad)
                .filter_map(|found| match found {
                    Found::Frame { kind, .. } => Some(kind),
                    Found::Damage(range) => {
                        assert!(range.contains(&at));
                        None
                    }
                })
                .collect();
            assert_eq!(kinds.len(), 4, "byte {at}");
            assert!(!kinds.contains(&u8::try_from(at / 32).expect("few")));
        }
    }

    #[test]
    fn nothing_is_left_out_and_a_length_that_lies_reserves_nothing() {
        let mut bytes = vec![0; 7];
        put(1, b"one", &mut bytes);
        bytes.extend([0xd7, b'L', b'W', 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        put(2, b"two", &mut bytes);
        bytes.extend(MARK);
        let found: Vec<Found<'_>> = Frames::of(&bytes).collect();
        assert_eq!(found.len(), 5);
        let mut at = 0;
        for one in &found {
            let (Found::Frame { range, .. } | Found::Damage(range)) = one;
            assert_eq!(range.start, at);
            at = range.end;
        }
        assert_eq!(at, bytes.len());
    }
}
