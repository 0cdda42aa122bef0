//! A power cut, or a kill, in the middle of every single operation on files.

use super::*;

/// Small enough that segments are sealed, thinned and deleted within the script.
const SIZES: Sizes = Sizes { all: 14 * 1024, segment: 1024, ballast: 512, memory: 1 << 20 };

/// What the script has done when the disk stopped.
#[derive(Default)]
struct Done {
    given: Vec<u64>,
    durable: BTreeSet<u64>,
    acked: BTreeSet<u64>,
}

/// Appends, makes durable, acknowledges, opens again; until the disk stops.
fn script(disk: &Fake, done: &mut Done) -> Option<()> {
    let mut n = 0;
    for round in 0..3 {
        let (mut spool, _) = Spool::over(Box::new(disk.clone()), SIZES, NOW).ok()?;
        for step in 0..12 {
            for _ in 0..6 {
                let seq = spool.append(if n % 50 < 40 { samples::routine(n) } else { samples::failing(n) });
                assert!(done.given.last().is_none_or(|last| *last < seq), "number {seq} was given before");
                done.given.push(seq);
                n += 1;
            }
            spool.sync(NOW);
            if spool.disk != Disk::Fine {
                return None;
            }
            done.durable.extend(&done.given);
            if (step + round) % 4 == 3 {
                for record in spool.backlog(0, u64::MAX, 9, usize::MAX) {
                    spool.acknowledge(record.seq..=record.seq);
                    done.acked.insert(record.seq);
                }
            }
        }
    }
    Some(())
}

#[test]
fn nothing_durable_is_lost_whichever_operation_is_the_last() {
    let disk = Fake::default();
    script(&disk, &mut Done::default()).expect("nothing stops it");
    let operations = disk.world().operations;
    assert!(operations > 200, "{operations}");
    for stop in 1..=operations {
        for seed in 0..3 {
            let disk = Fake::default();
            disk.world().stops_at = Some(stop);
            let mut done = Done::default();
            assert!(script(&disk, &mut done).is_none());
            if seed == 0 {
                disk.world().killed();
            } else {
                disk.world().power_cut(stop * 10 + seed);
            }
            let (mut spool, opened) = open(&disk, SIZES);
            let place = format!("operation {stop}, seed {seed}: {opened:?}");
            assert_eq!(opened.lost, 0, "{place}");
            let there = everything(&mut spool);
            assert!(there.windows(2).all(|two| two[0].seq < two[1].seq), "{place}");
            let there: BTreeMap<u64, Entry> = there.into_iter().map(|r| (r.seq, r.entry)).collect();
            let missing =
                done.durable.iter().filter(|seq| !there.contains_key(seq) && !done.acked.contains(seq));
            let explained = there.values().map(|entry| match entry {
                Entry::Thinned(note) => note.count,
                Entry::Seen(_) => 0,
            });
            // A note that was acknowledged explains as well.
            let acked_notes = done.acked.iter().any(|seq| !done.given.contains(seq));
            let (missing, explained) = (missing.count() as u64, explained.sum::<u64>());
            assert!(missing <= explained || acked_notes, "{place}: {missing} missing, {explained} explained");
            let next = spool.append(samples::routine(1));
            assert!(done.given.last().is_none_or(|last| next > *last), "{place}: number {next} again");
            spool.sync(NOW);
            assert_eq!(spool.disk, Disk::Fine, "{place}");
            assert!(everything(&mut spool).iter().any(|record| record.seq == next), "{place}");
            // What was out of order is in order now.
            spool.sync(NOW);
            drop(spool);
            let (_, again) = open(&disk, SIZES);
            assert_eq!((again.damages, &again.remarks), (0, &Vec::new()), "{place}");
        }
    }
}
