//! A volume of an archive: a segment with the records of many agents, each with the number of its own spool.
//!
//! An open volume is a head frame and then a frame for each record, in order of arrival. A sealed one is a head, a summary, and
//! sheets: some hundred records compressed together, sorted by practice, agent and number. So neighbours have most in common, which
//! makes them small, and what one practice saw stands in one place, which can be found without reading the rest.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::block::Body;
use super::codec::{Context, decode};
use super::frame::{self, Found, Frames};
use super::record::{Entry, Record};
#[cfg(any(fuzzing, test))]
use super::segment::{Framer, framed};
use super::segment::{Head, RECORD, put_head};
use super::wire::{Reader, Unreadable, put_bytes, put_difference, put_number};
use crate::limits;
use crate::time::At;

const SHEET: u8 = 5;
const SUMMARY: u8 = 6;

/// Bytes at the beginning of a sealed volume in which its summary is.
pub const SUMMARY_WITHIN: usize = 256;

/// What a sealed volume has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub records: u64,
    /// When the first and the last of its checks began.
    pub began: (At, At),
    /// When the first and the last of its observations reached the hub.
    pub arrived: (At, At),
}

/// A volume that was sealed.
#[derive(Debug)]
pub struct Sealed {
    pub bytes: Vec<u8>,
    /// Places of the open one that couldn't be read.
    pub damages: u64,
}

impl Record {
    /// The practice that it is of.
    pub fn practice(&self) -> &str {
        match &self.entry {
            Entry::Seen(seen) => &seen.practice,
            Entry::Thinned(thinned) => &thinned.practice,
        }
    }

    /// When the hub got it. Of what was let go of it isn't known: the latest that it tells of.
    pub fn arrival(&self) -> At {
        match &self.entry {
            Entry::Seen(seen) => seen.arrival(),
            Entry::Thinned(thinned) => thinned.to,
        }
    }

    fn agent(&self) -> &str {
        match &self.entry {
            Entry::Seen(seen) => seen.agent.as_deref().unwrap_or_default(),
            Entry::Thinned(_) => "",
        }
    }
}

/// Where a record stands in an open volume, and where it belongs in a sealed one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    practice: Rc<str>,
    agent: Rc<str>,
    seq: u64,
    at: At,
    offset: usize,
    length: usize,
}

/// Sorts and compresses an open volume. Memory: the bytes of both, and some 80 for each record.
pub fn seal(open: &[u8], id: u64) -> Sealed {
    let mut names: BTreeSet<Rc<str>> = BTreeSet::new();
    let mut known = |name: &str| {
        names.get(name).cloned().unwrap_or_else(|| {
            let name: Rc<str> = name.into();
            names.insert(name.clone());
            name
        })
    };
    let mut summary: Option<Summary> = None;
    let mut places = Vec::new();
    let mut damages = 0;
    let mut alone = Context::default();
    for found in Frames::of(open) {
        let Found::Frame { kind: RECORD, payload, range } = found else {
            damages += u64::from(matches!(found, Found::Damage(_)));
            continue;
        };
        alone.forget();
        let Ok(record) = decode(payload, &mut alone) else {
            damages += 1;
            continue;
        };
        let (at, arrival) = (record.at(), record.arrival());
        let so_far =
            summary.get_or_insert(Summary { records: 0, began: (at, at), arrived: (arrival, arrival) });
        so_far.records += 1;
        so_far.began = (so_far.began.0.min(at), so_far.began.1.max(at));
        so_far.arrived = (so_far.arrived.0.min(arrival), so_far.arrived.1.max(arrival));
        let (practice, agent) = (known(record.practice()), known(record.agent()));
        let offset = range.end - payload.len();
        places.push(Place { practice, agent, seq: record.seq, at, offset, length: payload.len() });
    }
    // What is alike in all of that stays in order of arrival: its place in the file decides.
    places.sort_unstable();
    let mut bytes = Vec::new();
    put_head(&Head { spool: 0, id, reserved: 0, level: 0 }, &mut bytes);
    if let Some(summary) = summary {
        put_summary(&summary, &mut bytes);
    }
    let mut sheet = Sheet::default();
    for place in &places {
        let payload = open.get(place.offset..place.offset + place.length).unwrap_or_default();
        alone.forget();
        let Ok(record) = decode(payload, &mut alone) else { continue };
        sheet.push(&record, &place.practice);
        if sheet.body.is_full(limits::VOLUME_SHEET_RECORDS) {
            sheet.put(&mut bytes);
        }
    }
    if sheet.body.count > 0 {
        sheet.put(&mut bytes);
    }
    Sealed { bytes, damages }
}

fn put_summary(summary: &Summary, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    put_number(&mut payload, summary.records);
    for (from, to) in [summary.began, summary.arrived] {
        put_difference(&mut payload, from.as_millis(), 0);
        put_difference(&mut payload, to.as_millis(), from.as_millis());
    }
    frame::put(SUMMARY, &payload, out);
}

/// The summary of a sealed volume, from its first [`SUMMARY_WITHIN`] bytes; none: it is damaged, or there is nothing in the volume.
pub fn summary(bytes: &[u8]) -> Option<Summary> {
    Frames::of(bytes).find_map(|found| match found {
        Found::Frame { kind: SUMMARY, payload, .. } => take_summary(payload).ok(),
        _ => None,
    })
}

fn take_summary(payload: &[u8]) -> Result<Summary, Unreadable> {
    let mut reader = Reader(payload);
    let records = reader.number()?;
    let mut both = [(At::default(), At::default()); 2];
    for (first, last) in &mut both {
        let from = reader.difference(0)?;
        (*first, *last) = (At::from_millis(from), At::from_millis(reader.difference(from)?));
    }
    Ok(Summary { records, began: both[0], arrived: both[1] })
}

/// Gathers records of neighbouring practices. Payload: records, first practice, last practice, body.
#[derive(Default)]
struct Sheet {
    first: Rc<str>,
    last: Rc<str>,
    body: Body,
}

impl Sheet {
    fn push(&mut self, record: &Record, practice: &Rc<str>) {
        if self.body.count == 0 {
            self.first = practice.clone();
        }
        self.last = practice.clone();
        self.body.push(record);
    }

    fn put(&mut self, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        put_number(&mut payload, self.body.count as u64);
        put_bytes(&mut payload, self.first.as_bytes());
        put_bytes(&mut payload, self.last.as_bytes());
        self.body.finish(&mut payload);
        frame::put(SHEET, &payload, out);
        *self = Self::default();
    }
}

/// What a sheet's payload says of itself, and its body.
struct SheetHead<'a> {
    count: u64,
    /// The first practice and the last.
    first: &'a [u8],
    last: &'a [u8],
    body: Reader<'a>,
}

fn take_sheet(payload: &[u8]) -> Result<SheetHead<'_>, Unreadable> {
    let mut body = Reader(payload);
    let (count, first, last) = (body.number()?, body.bytes()?, body.bytes()?);
    Ok(SheetHead { count, first, last, body })
}

/// Where the first whole sheet of these bytes begins, and the first practice on it.
pub fn first_sheet(bytes: &[u8]) -> Option<(usize, &[u8])> {
    Frames::of(bytes).find_map(|found| match found {
        Found::Frame { kind: SHEET, payload, range } => {
            take_sheet(payload).ok().map(|sheet| (range.start, sheet.first))
        }
        _ => None,
    })
}

/// The bytes of an open volume up to the end of its last sound frame: what is behind it is still being written.
pub fn written(bytes: &[u8]) -> &[u8] {
    let ends = Frames::of(bytes).filter_map(|found| match found {
        Found::Frame { range, .. } => Some(range.end),
        Found::Damage(_) => None,
    });
    bytes.get(..ends.last().unwrap_or(0)).unwrap_or_default()
}

/// What couldn't be read of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unread {
    /// Places with damage in them.
    pub damages: u64,
    /// Records that are known to have been lost with it.
    pub records: u64,
}

/// Hands out the records of a volume, open or sealed, or of a part of it that begins and ends with whole frames: all, or those of one
/// practice.
pub fn each(bytes: &[u8], practice: Option<&str>, mut take: impl FnMut(Record)) -> Unread {
    let wanted = |record: &Record| practice.is_none_or(|wanted| wanted == record.practice());
    let mut unread = Unread::default();
    for found in Frames::of(bytes) {
        match found {
            Found::Damage(_) => unread.damages += 1,
            Found::Frame { kind: RECORD, payload, .. } => match decode(payload, &mut Context::default()) {
                Ok(record) if wanted(&record) => take(record),
                Ok(_) => {}
                Err(_) => unread.lost(1),
            },
            Found::Frame { kind: SHEET, payload, .. } => {
                let Ok(SheetHead { count, first, last, body }) = take_sheet(payload) else {
                    unread.lost(0);
                    continue;
                };
                if practice.is_some_and(|wanted| wanted.as_bytes() < first || last < wanted.as_bytes()) {
                    continue;
                }
                let records = Body::open(body).unwrap_or_default();
                let missing = count.saturating_sub(records.len() as u64);
                if missing > 0 {
                    unread.lost(missing);
                }
                records.into_iter().filter(&wanted).for_each(&mut take);
            }
            Found::Frame { .. } => {}
        }
    }
    unread
}

impl Unread {
    const fn lost(&mut self, records: u64) {
        self.damages += 1;
        self.records = self.records.saturating_add(records);
    }
}

/// The fuzz target: whatever stands in a volume, sealed it has the same records, and each practice's are found where they are.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let mut there = Vec::new();
    each(&framed(bytes), None, |record| there.push(record));
    let mut open = Vec::new();
    for record in &there {
        Framer::default().put(record, &mut open);
    }
    let mut kept = Vec::new();
    assert_eq!(each(&open, None, |record| kept.push(format!("{record:?}"))), Unread::default());
    let sealed = seal(&open, 1);
    assert_eq!(sealed.damages, 0);
    assert_eq!(summary(&sealed.bytes).map_or(0, |summary| summary.records), kept.len() as u64);
    let mut again = Vec::new();
    assert_eq!(each(&sealed.bytes, None, |record| again.push(format!("{record:?}"))), Unread::default());
    kept.sort();
    again.sort();
    assert_eq!(again, kept);
    if let Some(practice) = there.first().map(|record| record.practice().to_owned()) {
        let mut own = 0;
        each(&sealed.bytes, Some(&practice), |record| own += usize::from(record.practice() == practice));
        let mut expected = 0;
        each(&open, Some(&practice), |_| expected += 1);
        assert_eq!(own, expected);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::segments::samples;

    fn open(records: &[Record]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_head(&Head { spool: 0, id: 3, reserved: 0, level: 0 }, &mut bytes);
        for record in records {
            Framer::default().put(record, &mut bytes);
        }
        bytes
    }

    fn estate(count: u64) -> Vec<Record> {
        let record = |n: u64| {
            let mut seen = samples::routine(n);
            (seen.practice, seen.agent) = (format!("G{:05}", n % 40), Some(format!("agent-{}", n % 40)));
            Record { seq: n / 40 + 1, entry: Entry::Seen(seen) }
        };
        (0..count).map(record).collect()
    }

    #[test]
    fn a_sealed_volume_is_sorted_by_practice_and_much_smaller() {
        let records = estate(20_000);
        let bytes = open(&records);
        let sealed = seal(&bytes, 3);
        assert_eq!(sealed.damages, 0);
        assert!(sealed.bytes.len() < bytes.len() / 3, "{} of {}", sealed.bytes.len(), bytes.len());
        let found = summary(&sealed.bytes[..SUMMARY_WITHIN]).expect("a summary");
        assert_eq!((found.records, found.began.0), (20_000, records[0].at()));
        let mut back = Vec::new();
        each(&sealed.bytes, None, |record| back.push(record));
        assert!(back.is_sorted_by_key(|record| (record.practice().to_owned(), record.seq)));
        let mut own = Vec::new();
        each(&sealed.bytes, Some("G00007"), |record| own.push(record));
        assert_eq!(own, records.iter().filter(|r| r.practice() == "G00007").cloned().collect::<Vec<_>>());
    }

    #[test]
    fn a_flipped_byte_costs_one_sheet_and_is_counted() {
        let sealed = seal(&open(&estate(2_000)), 3).bytes;
        for at in (0..sealed.len()).step_by(97) {
            let mut bad = sealed.clone();
            bad[at] ^= 0x20;
            let mut left = 0;
            let unread = each(&bad, None, |_| left += 1);
            assert_eq!(unread.damages, 1, "byte {at}");
            assert!(left >= 2_000 - limits::VOLUME_SHEET_RECORDS, "byte {at}: {left}");
        }
    }

    proptest! {
        #[test]
        fn sealing_loses_nothing(entries in prop::collection::vec(samples::entry(), 0..60)) {
            let records = entries.into_iter().zip(1..).map(|(entry, seq)| Record { seq, entry });
            fuzz(&[&[0][..], &open(&records.collect::<Vec<_>>())].concat());
        }
    }
}
