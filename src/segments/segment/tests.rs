//! Segments as bytes: whole, sealed, cut and scratched.

use proptest::prelude::*;

use super::*;
use crate::segments::{Entry, samples};

const SPOOL: Head = Head { spool: 7, id: 1, reserved: 1000, level: 0 };

fn record(seq: u64) -> Record {
    Record { seq, entry: Entry::Seen(samples::routine(seq)) }
}

fn active(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_head(&SPOOL, &mut bytes);
    for record in records {
        assert!(Framer::default().put(record, &mut bytes));
    }
    bytes
}

fn sealed(records: &[Record]) -> Vec<u8> {
    let mut sealer = Sealer::new(&SPOOL);
    for record in records {
        sealer.push(record);
    }
    sealer.finish().0
}

fn read(bytes: &[u8], index: &Index) -> Vec<Record> {
    let spans = index.spans.iter();
    spans
        .flat_map(|span| {
            let range = span.offset as usize..(span.offset + span.length) as usize;
            let (records, unread) = records(&bytes[range], span);
            assert_eq!(unread, 0);
            records
        })
        .collect()
}

proptest! {
    #[test]
    fn both_forms_say_the_same(records in samples::records(200)) {
        for bytes in [active(&records), sealed(&records)] {
            let index = index(&bytes, 0);
            prop_assert_eq!(index.head, Some(SPOOL));
            prop_assert_eq!(&index.damage, &[]);
            prop_assert_eq!(index.end, bytes.len());
            prop_assert_eq!(index.records(), records.len() as u64);
            prop_assert_eq!(&read(&bytes, &index), &records);
        }
    }
}

proptest! {
    /// Payloads that were changed and have a checksum that fits all the same: nothing panics, numbers rise, and what is
    /// read says the same when it is sealed again.
    #[test]
    fn what_passes_the_checksum_is_still_not_trusted(
        records in samples::records(20),
        is_sealed in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let bytes = if is_sealed { sealed(&records) } else { active(&records) };
        let mut input = vec![1];
        let mut places = Vec::new();
        for found in Frames::of(&bytes) {
            let Found::Frame { kind, payload, .. } = found else { continue };
            input.push(kind);
            input.extend(u16::try_from(payload.len()).expect("short").to_le_bytes());
            places.extend(input.len()..input.len() + payload.len());
            input.extend(payload);
        }
        for (index, byte) in changes {
            let place = *index.get(&places);
            input[place] = byte;
        }
        fuzz(&input);
    }
}

#[test]
fn a_flipped_byte_costs_one_record_of_an_active_segment() {
    let records: Vec<Record> = (1..=20).map(record).collect();
    let bytes = active(&records);
    for at in 0..bytes.len() {
        for bit in [0x01, 0x80] {
            let mut bad = bytes.clone();
            bad[at] ^= bit;
            let index = index(&bad, 1);
            assert_eq!(index.damage.len(), 1, "byte {at}");
            let kept = read(&bad, &index);
            assert!(kept.len() >= 19 && kept.iter().all(|record| records.contains(record)), "byte {at}");
            let lost = index.damage[0].lost;
            let is_last = index.damage[0].bytes.end == bad.len();
            assert!(lost == 20 - kept.len() as u64 || is_last, "byte {at}: {lost}");
        }
    }
}

#[test]
fn a_flipped_byte_costs_one_block_of_a_sealed_segment() {
    let records: Vec<Record> = (1..=300).map(record).collect();
    let bytes = sealed(&records);
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        let index = index(&bad, 1);
        assert_eq!(index.damage.len(), 1, "byte {at}");
        let kept = read(&bad, &index);
        assert!(kept.len() + limits::SEGMENT_BLOCK_RECORDS >= 300, "byte {at}: {} left", kept.len());
        assert!(index.damage[0].lost == 300 - kept.len() as u64 || !index.ended, "byte {at}");
    }
}

#[test]
fn what_was_cut_off_is_noticed_in_a_sealed_segment() {
    let bytes = sealed(&(1..=300).map(record).collect::<Vec<_>>());
    for end in 0..bytes.len() {
        let index = index(&bytes[..end], 1);
        assert!(!index.ended);
        let _readable = read(&bytes[..end], &index);
    }
}

#[test]
fn a_record_that_is_too_long_is_refused_and_the_rest_goes_on() {
    let mut seen = samples::routine(2);
    seen.detail = Some("x".repeat(limits::SEGMENT_RECORD_BYTES_MAX));
    let mut bytes = active(&[record(1)]);
    let before = bytes.len();
    assert!(!Framer::default().put(&Record { seq: 2, entry: Entry::Seen(seen) }, &mut bytes));
    assert_eq!(bytes.len(), before);
}

/// The figures of ARCHITECTURE.md: a routine success far below 40 bytes, a failure with all that it carries below 129.
#[test]
fn observations_are_small() {
    let size = |make: fn(u64) -> crate::observation::Observation| {
        let records: Vec<Record> =
            (0..4096).map(|n| Record { seq: n, entry: Entry::Seen(make(n)) }).collect();
        (active(&records).len() / 4096, sealed(&records).len() / 4096)
    };
    let (routine, failing) = (size(samples::routine), size(samples::failing));
    assert!(routine.0 < 100 && routine.1 < 30, "routine: {routine:?} bytes, active and sealed");
    assert!(failing.0 < 200 && failing.1 < 45, "failing: {failing:?} bytes, active and sealed");
}
