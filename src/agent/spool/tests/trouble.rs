//! Disks that are full, fail, and come back.

use super::*;

fn later(seconds: i64) -> At {
    NOW.plus_millis(seconds * 1000)
}

#[test]
fn a_full_disk_thins_goes_on_in_memory_and_recovers_by_itself() {
    let sizes = Sizes { ballast: 4096, ..SMALL };
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, sizes);
    let mut given = fill(&mut spool, 0, 100);
    for _ in 0..8 {
        spool.sync(NOW);
    }
    // Nothing more fits, not a byte.
    let used = disk.world().used();
    disk.world().room = Some(used);
    let before = spool.status();
    let mut thinned = 0;
    for n in 0..1000 {
        given.extend(fill(&mut spool, 100 + n, 1));
        spool.sync(later(10 * i64::try_from(n).expect("few")));
        assert!(disk.world().used() <= used);
        thinned = spool.status().thinned;
    }
    assert_eq!(before.thinned, 0);
    assert!(thinned > 0, "what can go makes room");
    assert!(matches!(spool.status().disk, Disk::Full { .. }), "{:?}", spool.status());
    assert!(spool.status().in_memory > 0);
    let words = spool.remarks().join("\n");
    assert!(words.contains("the disk takes no observations") && words.contains("thinned"), "{words}");
    // Live ones go out all the same.
    let last = given[given.len() - 1];
    assert_eq!(spool.sendable(), last);
    assert_eq!(numbers(&spool.live(last - 1, 10, usize::MAX)), [last]);
    disk.world().room = None;
    spool.sync(later(20_000));
    let status = spool.status();
    assert_eq!((status.disk.clone(), status.in_memory, status.lost), (Disk::Fine, 0, 0));
    assert!(spool.remarks().join("\n").contains("again"));
    drop(spool);
    disk.world().power_cut(1);
    let (mut spool, opened) = open(&disk, sizes);
    assert_eq!(opened.damages, 0, "{opened:?}");
    let there = everything(&mut spool);
    let explained: u64 = notes(&there).iter().map(|note| note.count).sum();
    let present = there.iter().filter(|record| given.contains(&record.seq)).count() as u64;
    assert_eq!(present + explained, given.len() as u64);
}

#[test]
fn without_a_disk_everything_goes_on_in_a_bounded_memory() {
    let sizes = Sizes { memory: 64 * 1024, ..SMALL };
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, sizes);
    let mut given = fill(&mut spool, 0, 10);
    spool.sync(NOW);
    disk.world().fails = true;
    for n in 0..3000 {
        given.extend(fill(&mut spool, 10 + n, 1));
        spool.sync(later(10 * i64::try_from(n).expect("few")));
        assert!(spool.queue.bytes <= sizes.memory);
    }
    assert!(matches!(spool.status().disk, Disk::Failing { .. }));
    let there = everything(&mut spool);
    let explained: u64 = notes(&there).iter().map(|note| note.count).sum();
    let present = there.iter().filter(|record| given.contains(&record.seq)).count() as u64;
    assert_eq!(present + explained, given.len() as u64, "what had to go is explained");
    let last = given[given.len() - 1];
    spool.acknowledge(last..=last);
    assert!(!numbers(&everything(&mut spool)).contains(&last));
    disk.world().fails = false;
    spool.sync(later(100_000));
    assert_eq!((spool.status().disk, spool.status().in_memory), (Disk::Fine, 0));
}

#[test]
fn a_disk_that_fails_is_left_alone_for_a_while() {
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, SMALL);
    disk.world().fails = true;
    fill(&mut spool, 0, 1);
    spool.sync(NOW);
    disk.world().fails = false;
    let operations = disk.world().operations;
    spool.sync(later(1));
    assert_eq!(disk.world().operations, operations);
    spool.sync(later(6));
    assert!(!spool.is_dirty());
    // Nor does a clock that is put back by an hour keep it away.
    disk.world().fails = true;
    fill(&mut spool, 1, 1);
    spool.sync(later(10));
    disk.world().fails = false;
    spool.sync(later(-3600));
    assert!(!spool.is_dirty());
}

#[test]
fn a_spool_in_memory_keeps_what_it_can() {
    let mut spool = Spool::in_memory(Settings::default(), NOW, "no folder");
    let given = fill(&mut spool, 0, 100);
    spool.sync(NOW);
    assert_eq!(numbers(&spool.live(0, 1000, usize::MAX)), given);
    assert_eq!((spool.sendable(), spool.status().in_memory), (given[99], 100));
    spool.acknowledge(0..=given[98]);
    assert_eq!(numbers(&everything(&mut spool)), [given[99]]);
    assert!(matches!(spool.status().disk, Disk::Failing { why, .. } if why == "no folder"));
}

#[test]
fn a_segment_that_cannot_be_read_does_not_hold_up_the_rest() {
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, SMALL);
    let given = fill(&mut spool, 0, 100);
    spool.sync(NOW);
    disk.world().unreadable = true;
    assert!(everything(&mut spool).is_empty());
    spool.sync(NOW);
    disk.world().unreadable = false;
    let more = fill(&mut spool, 100, 50);
    spool.sync(NOW);
    assert!(!spool.is_dirty() && spool.status().damages > 0);
    assert!(more.iter().rev().take(10).all(|seq| numbers(&everything(&mut spool)).contains(seq)));
    drop(spool);
    let (mut spool, _) = open(&disk, SMALL);
    let there = numbers(&everything(&mut spool));
    assert!(given.iter().all(|seq| there.contains(seq)), "it was only for a while");
}
