//! The spool as a whole, on a disk that can be stopped at any operation.

mod clocks;
mod crashes;
mod damage;
mod days;
mod model;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::folder::fake::Fake;
use crate::segments::{What, names, samples};

const NOW: At = At::from_millis(1_773_644_400_000);

/// Small, so that a few dozen observations fill several segments.
const SMALL: Sizes = Sizes { all: 1 << 30, segment: 2048, ballast: 0, memory: 1 << 20 };

fn open(disk: &Fake, sizes: Sizes) -> (Spool, Opened) {
    Spool::over(Box::new(disk.clone()), sizes, NOW).expect("a spool")
}

/// Everything that is there, in batches of a few.
fn everything(spool: &mut Spool) -> Vec<Record> {
    let (mut all, mut after) = (Vec::<Record>::new(), 0);
    loop {
        let batch = spool.backlog(after, u64::MAX, 7, usize::MAX);
        let Some(last) = batch.last() else { return all };
        after = last.seq;
        all.extend(batch);
    }
}

fn numbers(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.seq).collect()
}

fn fill(spool: &mut Spool, from: u64, count: u64) -> Vec<u64> {
    (from..from + count).map(|n| spool.append(samples::routine(n))).collect()
}

#[test]
fn what_the_hub_will_never_take_is_counted_once_and_on_the_disk_with_what_says_that_it_went() {
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, SMALL);
    let given = fill(&mut spool, 0, 10);
    spool.sync(NOW);
    let refused: Vec<Record> = everything(&mut spool)
        .into_iter()
        .filter(|record| record.seq == given[3] || record.seq == given[7])
        .collect();
    spool.give_up(&refused);
    spool.give_up(&refused);
    let rest: Vec<u64> = given.iter().copied().filter(|seq| *seq != given[3] && *seq != given[7]).collect();
    assert_eq!((spool.status().refused, numbers(&everything(&mut spool))), (2, rest.clone()));
    spool.sync(NOW);
    drop(spool);
    let (mut again, _) = open(&disk, SMALL);
    assert_eq!((again.status().refused, numbers(&everything(&mut again))), (2, rest));
    assert_eq!(
        (again.status().lost, again.status().thinned),
        (0, 0),
        "nothing of it is anybody else's doing"
    );
}

#[test]
fn what_is_appended_is_handed_out_until_it_is_acknowledged() {
    let disk = Fake::default();
    let (mut spool, opened) = open(&disk, SMALL);
    assert!(opened.new && opened.remarks.is_empty());
    let given = fill(&mut spool, 0, 100);
    assert!(spool.is_dirty() && everything(&mut spool).is_empty(), "not durable yet");
    spool.sync(NOW);
    assert!(!spool.is_dirty() && spool.sendable() == given[99]);
    let all = everything(&mut spool);
    assert_eq!(numbers(&all), given);
    for (record, n) in all.iter().zip(0..) {
        let expected = Observation { seq: Some(record.seq), ..samples::routine(n) };
        assert_eq!(record.entry, Entry::Seen(expected));
    }
    // Live ones first, the backlog behind.
    assert_eq!(numbers(&spool.live(given[89], 3, usize::MAX)), given[90..93]);
    assert_eq!(numbers(&spool.backlog(0, given[89], 1000, usize::MAX)), given[..90]);
    assert_eq!(spool.live(0, 10, 1).len(), 1, "one at least");
    spool.acknowledge(given[90]..=given[99]);
    spool.acknowledge(given[10]..=given[19]);
    let left: Vec<u64> = given[..10].iter().chain(&given[20..90]).copied().collect();
    assert_eq!(numbers(&everything(&mut spool)), left);
    assert_eq!(spool.status().records, 80);
    let floor = spool.floor();
    assert!(floor < given[0]);
    spool.acknowledge(0..=given[89]);
    spool.sync(NOW);
    assert_eq!((spool.status().records, spool.segments.len()), (0, 1), "what the hub has is deleted");
    assert!(spool.floor() > floor && spool.floor() < spool.next);
    drop(spool);
    disk.world().killed();
    let (mut spool, opened) = open(&disk, SMALL);
    assert_eq!((opened.records, &opened.remarks), (0, &Vec::new()));
    let next = fill(&mut spool, 100, 1)[0];
    assert!(next > given[99]);
    spool.sync(NOW);
    assert_eq!(numbers(&everything(&mut spool)), [next]);
}

#[test]
fn a_spool_goes_on_in_its_last_segment_after_a_restart() {
    let disk = Fake::default();
    let mut given = Vec::new();
    let mut id = None;
    for round in 0..10 {
        let (mut spool, opened) = open(&disk, SMALL);
        assert_eq!((opened.damages, &opened.remarks), (0, &Vec::new()));
        assert_eq!(*id.get_or_insert(spool.id()), spool.id());
        given.extend(fill(&mut spool, round, 1));
        spool.sync(NOW);
        assert_eq!(numbers(&everything(&mut spool)), given);
        disk.world().killed();
    }
    assert_eq!(disk.world().names.len(), 3, "two files of the state and one segment");
}

/// At the bound: routine successes first, then repeated failures, then the oldest; and every gap is explained.
#[test]
fn the_least_worth_goes_first_and_is_explained() {
    let sizes = Sizes { all: 48 * 1024, segment: 8192, ..SMALL };
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, sizes);
    let mut given = BTreeSet::new();
    let mut seen_first: Vec<What> = Vec::new();
    let mut n = 0_u64;
    while seen_first.len() < 3 {
        // Twelve checks; some of them fail for a while now and then.
        let fails = (n / 12) % 80 >= 50 && n % 12 < 3;
        given.insert(spool.append(if fails { samples::failing(n) } else { samples::routine(n) }));
        n += 1;
        if n.is_multiple_of(20) {
            spool.sync(NOW);
            assert!(disk.world().used() <= sizes.all, "{} bytes", disk.world().used());
        }
        if n.is_multiple_of(500) {
            let there = everything(&mut spool);
            let whats: BTreeSet<What> = notes(&there).iter().map(|note| note.what).collect();
            seen_first
                .extend(whats.into_iter().filter(|what| !seen_first.contains(what)).collect::<Vec<_>>());
        }
        assert!(n < 200_000, "only {seen_first:?}");
    }
    assert_eq!(seen_first, [What::Successes, What::Failures, What::Everything]);
    spool.sync(NOW);
    let there = everything(&mut spool);
    assert!(there.windows(2).all(|two| two[0].seq < two[1].seq));
    let present = there.iter().filter(|record| given.contains(&record.seq)).count() as u64;
    let explained: u64 = notes(&there).iter().map(|note| note.count).sum();
    assert_eq!(present + explained, n);
    let status = spool.status();
    assert_eq!((status.thinned, status.lost, status.damages), (explained, 0, 0));
}

fn notes(records: &[Record]) -> Vec<crate::segments::Thinned> {
    records.iter().filter_map(Record::note).cloned().collect()
}

#[test]
fn acknowledging_one_by_one_what_was_thinned_deletes_it_too() {
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, Sizes { all: 12 * 1024, ..SMALL });
    for n in 0..600 {
        spool.append(samples::routine(n));
        spool.sync(NOW);
    }
    for record in everything(&mut spool) {
        spool.acknowledge(record.seq..=record.seq);
    }
    spool.sync(NOW);
    assert_eq!((spool.status().records, spool.segments.len()), (0, 1));
    assert!(spool.acked.len() <= 2, "{:?}", spool.acked);
}

#[test]
fn what_was_not_sent_yet_cannot_be_acknowledged() {
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, SMALL);
    fill(&mut spool, 0, 10);
    spool.sync(NOW);
    let waits = fill(&mut spool, 10, 10);
    spool.acknowledge(0..=u64::MAX);
    spool.sync(NOW);
    let later = fill(&mut spool, 20, 10);
    spool.sync(NOW);
    assert_eq!(numbers(&everything(&mut spool)), [waits, later].concat());
}

#[test]
fn an_observation_that_is_too_long_loses_its_detail_and_nothing_else() {
    let (mut spool, _) = open(&Fake::default(), SMALL);
    let mut seen = samples::routine(1);
    seen.detail = Some("x".repeat(100_000));
    let seq = spool.append(seen);
    spool.sync(NOW);
    let expected = Observation { seq: Some(seq), ..samples::routine(1) };
    assert_eq!(everything(&mut spool)[0].entry, Entry::Seen(expected));
}

#[test]
fn two_agents_do_not_share_a_spool() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = Spool::open(dir.path(), Settings::default(), NOW).expect("a spool");
    let second = Spool::open(dir.path(), Settings::default(), NOW);
    assert!(matches!(second, Err(SpoolError::InUse { .. })));
    drop(first);
    assert!(Spool::open(dir.path(), Settings::default(), NOW).is_ok());
}
