//! One segment as the spool knows it: where its records are, and which of them are still wanted.

use super::intervals::Intervals;
use super::thinning::Level;
use crate::limits;
use crate::segments::Span;
use crate::segments::names::{open_name, sealed_name};

/// A file of the spool.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that may be true of a file by itself")]
pub(super) struct Segment {
    /// Its own number, and its name.
    pub id: u64,
    pub level: Level,
    pub sealed: bool,
    /// Nothing is appended to it any more.
    pub closed: bool,
    /// There is damage in the file, and it shall be written anew without it.
    pub scarred: bool,
    /// The file couldn't be read: it is left alone, and goes when there is no other way to make room.
    pub broken: bool,
    /// A head shall stand before what is appended next.
    pub resumed: bool,
    /// A write failed: what is behind `bytes` must go before the next.
    pub torn: bool,
    /// What of the file holds.
    pub bytes: u64,
    pub places: Vec<Place>,
}

/// Some neighbouring records of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub span: Span,
    /// The hub has all of them.
    pub done: bool,
    /// They couldn't be read.
    pub bad: bool,
}

impl Segment {
    pub fn new(id: u64) -> Self {
        Self {
            id,
            level: Level::Whole,
            sealed: false,
            closed: false,
            scarred: false,
            broken: false,
            resumed: false,
            torn: false,
            bytes: 0,
            places: Vec::new(),
        }
    }

    pub fn name(&self) -> String {
        if self.sealed { sealed_name(self.id) } else { open_name(self.id) }
    }

    /// Its highest number so far.
    pub fn last(&self) -> u64 {
        self.places.last().map_or(self.id, |place| place.span.last)
    }

    /// The hub has all that is in it.
    pub fn is_done(&self) -> bool {
        !self.broken && self.places.iter().all(|place| place.done)
    }

    /// Takes over where the records are.
    pub fn hold(&mut self, spans: Vec<Span>) {
        self.places = spans.into_iter().map(|span| Place { span, done: false, bad: false }).collect();
    }

    /// More records, appended to the file.
    pub fn extend(&mut self, spans: Vec<Span>) {
        for span in spans {
            if let Some(Place { span: last, done: false, bad: false }) = self.places.last_mut() {
                let room = (last.count as usize) < limits::SEGMENT_BLOCK_RECORDS
                    && (last.length as usize) < limits::SEGMENT_BLOCK_BYTES;
                if room && last.offset + last.length == span.offset {
                    last.length += span.length;
                    last.count += span.count;
                    last.last = span.last;
                    continue;
                }
            }
            self.places.push(Place { span, done: false, bad: false });
        }
    }

    /// Records that the hub doesn't have; where some of a thinned place are acknowledged, about.
    pub fn wanted(&self, acked: &Intervals) -> u64 {
        let open = self.places.iter().filter(|place| !place.done && !place.bad);
        open.map(|place| place.wanted(acked)).sum()
    }
}

impl Place {
    pub fn wanted(&self, acked: &Intervals) -> u64 {
        let numbers = self.span.last - self.span.first + 1;
        let left = numbers - acked.count(self.span.first, self.span.last).min(numbers);
        left.min(u64::from(self.span.count))
    }
}
