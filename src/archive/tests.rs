//! An archive on a disk that can be stopped at any operation, beside a store that commits or doesn't.

use std::collections::BTreeSet;
use std::time::Duration;

use super::keeping::{Settings, Why, prune_in, seal_in};
use super::reading::{Query, Reader};
use super::*;
use crate::folder::fake::Fake;
use crate::observation::Observation;
use crate::segments::{Entry, Framer, Record, samples};
use crate::time::At;

const NOW: At = At::from_millis(1_773_644_400_000);

/// The `n`th of an estate of nine practices, as it arrives.
fn record(n: u64) -> Record {
    let seen = samples::routine(n);
    let received = Some(seen.ended());
    let (practice, agent) = (format!("G{:03}", n % 9), Some(format!("agent-{}", n % 9)));
    Record {
        seq: n + 1,
        entry: Entry::Seen(Observation { received, practice, agent, seq: Some(n + 1), ..seen }),
    }
}

fn frames(numbers: std::ops::Range<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in numbers {
        Framer::default().put(&record(n), &mut bytes);
    }
    bytes
}

fn open(disk: &Fake, counts: Option<Position>) -> (Archive, Opened) {
    Archive::over(Box::new(disk.clone()), counts).expect("an archive")
}

fn reader(disk: &Fake, query: Query) -> Reader {
    Reader::over(Box::new(disk.clone()), query).expect("a folder")
}

fn numbers(disk: &Fake, query: Query) -> Vec<u64> {
    reader(disk, query).map(|record| record.expect("readable").seq).collect()
}

/// Closes the open volume as if it were full.
fn close(archive: &mut Archive) -> u64 {
    let full = archive.at.volume;
    archive.at = Position { volume: full + 1, bytes: 0 };
    full
}

#[test]
fn what_was_kept_is_read_in_order_of_arrival_by_practice_and_by_time() {
    let disk = Fake::default();
    let (mut archive, _) = open(&disk, None);
    for volume in 0..3 {
        for group in 0..10 {
            let from = volume * 100 + group * 10;
            archive.append(&frames(from..from + 10)).expect("room");
            archive.committed();
        }
        if volume < 2 {
            let full = close(&mut archive);
            assert_eq!(seal_in(&mut disk.clone(), full).expect("room"), 0);
        }
    }
    let all: Vec<Record> = reader(&disk, Query::default()).map(|record| record.expect("readable")).collect();
    assert!(all.is_sorted_by_key(Record::arrival));
    let mut sorted = all.clone();
    sorted.sort_by_key(|record| record.seq);
    assert_eq!(sorted, (0..300).map(record).collect::<Vec<_>>());
    let (from, to) = (record(40).at(), record(250).at());
    let query = Query { practice: Some("G004".to_owned()), from: Some(from), to: Some(to), probe: None };
    let expected: BTreeSet<u64> = (40..250).filter(|n| n % 9 == 4).map(|n| n + 1).collect();
    let found = numbers(&disk, query);
    assert_eq!((found.len(), found.into_iter().collect::<BTreeSet<_>>()), (expected.len(), expected));
}

/// A practice among so many that a volume isn't read whole for it.
#[test]
fn one_practice_is_found_in_a_large_volume_without_reading_it() {
    let disk = Fake::default();
    let (mut archive, _) = open(&disk, None);
    let mut bytes = Vec::new();
    for n in 0..30_000 {
        let mut one = record(n);
        if let Entry::Seen(seen) = &mut one.entry {
            seen.practice = format!("G{:05}", n * 7919 % 3_000);
            seen.detail = Some(format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
        Framer::default().put(&one, &mut bytes);
    }
    archive.append(&bytes).expect("room");
    archive.committed();
    let full = close(&mut archive);
    seal_in(&mut disk.clone(), full).expect("room");
    let length = disk.world().file(&sealed_name(full)).len();
    assert!(length > 8 * limits::VOLUME_LOOK_BYTES, "{length}");
    for practice in [0_u64, 1, 1_499, 2_998, 2_999] {
        let query = Query { practice: Some(format!("G{practice:05}")), ..Query::default() };
        let expected: Vec<u64> =
            (0..30_000).filter(|n| n * 7919 % 3_000 == practice).map(|n| n + 1).collect();
        let mut found = numbers(&disk, query);
        found.sort_unstable();
        assert_eq!(found, expected, "{practice}");
    }
    assert!(numbers(&disk, Query { practice: Some("H".to_owned()), ..Query::default() }).is_empty());
}

/// What was committed is there once, and nothing else, whichever operation is the last one: a kill and a power cut.
#[test]
fn what_counts_is_there_once_whichever_operation_is_the_last() {
    /// Appends groups, commits each to what stands for the store, closes and seals now and then; until the disk stops.
    fn script(disk: &Fake, counts: &mut Option<Position>, next: &mut u64) -> io::Result<()> {
        for round in 0..4 {
            let (mut archive, opened) = Archive::over(Box::new(disk.clone()), *counts)?;
            assert!(opened.remarks.is_empty(), "{:?}", opened.remarks);
            for id in opened.unsealed {
                seal_in(&mut disk.clone(), id)?;
            }
            for group in 0..4 {
                // A group that the store didn't take comes again.
                archive.append(&frames(*next..*next + 3))?;
                if group == 1 {
                    continue;
                }
                *counts = Some(archive.append(&frames(*next..*next + 5))?);
                *next += 5;
                archive.committed();
                if (round + group) % 3 == 0 {
                    let full = close(&mut archive);
                    seal_in(&mut disk.clone(), full)?;
                }
            }
        }
        Ok(())
    }
    let disk = Fake::default();
    script(&disk, &mut None, &mut 0).expect("nothing stops it");
    let operations = disk.world().operations;
    assert!(operations > 60, "{operations}");
    for stop in 1..=operations {
        for seed in 0..3 {
            let disk = Fake::default();
            disk.world().stops_at = Some(stop);
            let (mut counts, mut next) = (None, 0);
            script(&disk, &mut counts, &mut next).expect_err("it stops");
            if seed == 0 {
                disk.world().killed();
            } else {
                disk.world().power_cut(stop * 10 + seed);
            }
            // Without a position nothing is known to be void, and what nobody was told of may be there too.
            let Some(position) = counts else { continue };
            let (mut archive, opened) = open(&disk, Some(position));
            let place = format!("operation {stop}, seed {seed}: {opened:?}");
            assert!(opened.remarks.is_empty(), "{place}");
            archive.append(&frames(next..next + 1)).expect("room");
            archive.committed();
            for id in opened.unsealed {
                assert_eq!(seal_in(&mut disk.clone(), id).expect("room"), 0, "{place}");
            }
            let mut found = numbers(&disk, Query::default());
            found.sort_unstable();
            assert_eq!(found, (1..=next + 1).collect::<Vec<_>>(), "{place}");
        }
    }
}

#[test]
fn a_position_of_another_time_throws_nothing_away() {
    let disk = Fake::default();
    let (mut archive, _) = open(&disk, None);
    let mut positions = Vec::new();
    for n in 0..4 {
        positions.push(archive.append(&frames(n * 5..n * 5 + 5)).expect("room"));
        archive.committed();
        close(&mut archive);
    }
    let (mut archive, opened) = open(&disk, Some(positions[1]));
    assert_eq!((opened.remarks.len(), opened.unsealed.len()), (1, 4), "{opened:?}");
    archive.append(&frames(20..21)).expect("room");
    archive.committed();
    assert_eq!(numbers(&disk, Query::default()).len(), 21);
}

#[test]
fn damage_costs_itself_and_is_counted() {
    let disk = Fake::default();
    let (mut archive, _) = open(&disk, None);
    archive.append(&frames(0..500)).expect("room");
    archive.committed();
    let full = close(&mut archive);
    seal_in(&mut disk.clone(), full).expect("room");
    archive.append(&frames(500..510)).expect("room");
    archive.committed();
    for (name, most) in [(sealed_name(full), limits::VOLUME_SHEET_RECORDS), (open_name(full + 1), 1)] {
        let length = disk.world().file(&name).len();
        for at in (0..length).step_by(61) {
            let disk = disk.copy();
            disk.world().file(&name)[at] ^= 0x10;
            let mut reader = reader(&disk, Query::default());
            let found = reader.by_ref().flatten().count();
            assert!(found >= 510 - most, "{name}, byte {at}: {found}");
            // Damage of the last record of the open one can't be told from half a write.
            let is_end = name == open_name(full + 1) && found == 509 && reader.unread().damages == 0;
            assert!(is_end || reader.unread().damages == 1, "{name}, byte {at}");
        }
    }
}

#[test]
fn the_oldest_volumes_go_by_age_and_by_size_and_say_what_they_were() {
    let disk = Fake::default();
    let (mut archive, _) = open(&disk, None);
    for n in 0..6 {
        archive.append(&frames(n * 100..n * 100 + 100)).expect("room");
        archive.committed();
        let full = close(&mut archive);
        seal_in(&mut disk.clone(), full).expect("room");
    }
    let generous = Settings { keep: Duration::from_hours(24), bytes_max: u64::MAX };
    let last = record(99).arrival();
    assert!(prune_in(&mut disk.clone(), generous, last).expect("a disk").is_empty());
    let aged =
        prune_in(&mut disk.clone(), generous, last + Duration::from_hours(24) + Duration::from_millis(1));
    let aged = aged.expect("a disk");
    assert_eq!((aged.len(), aged[0].why, aged[0].observations), (1, Why::Age, Some(100)));
    assert_eq!(aged[0].to, Some(last));
    let used = disk.world().used();
    let tight = Settings { bytes_max: used / 2, ..generous };
    let gone = prune_in(&mut disk.clone(), tight, NOW).expect("a disk");
    assert!(gone.iter().all(|gone| gone.why == Why::Size) && disk.world().used() <= used / 2, "{gone:?}");
    let left = numbers(&disk, Query::default());
    assert_eq!(left.last(), Some(&600), "the youngest stay");
    assert_eq!(left.len() as u64 + gone.iter().filter_map(|gone| gone.observations).sum::<u64>() + 100, 600);
}
