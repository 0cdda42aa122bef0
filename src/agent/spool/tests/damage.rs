//! What hands and disks do to files: flipped bytes, zeros, cuts, missing and foreign files.

use super::*;

/// A spool with sealed segments and an active one, and what is in it.
fn some() -> (Fake, Vec<u64>) {
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, SMALL);
    let given = fill(&mut spool, 0, 70);
    for _ in 0..5 {
        spool.sync(NOW);
    }
    assert!(spool.segments.iter().filter(|segment| segment.sealed).count() >= 2);
    drop(spool);
    disk.world().killed();
    (disk, given)
}

/// Opens, and returns what is missing.
fn missing(disk: &Fake, given: &[u64], place: &str) -> (Vec<u64>, Opened) {
    let (mut spool, opened) = open(disk, SMALL);
    let there = everything(&mut spool);
    assert!(there.windows(2).all(|two| two[0].seq < two[1].seq), "{place}");
    let there = numbers(&there);
    assert!(there.iter().all(|seq| given.contains(seq)), "{place}");
    let next = spool.append(samples::routine(1000));
    assert!(next > given[given.len() - 1], "{place}: {next} was given before");
    for _ in 0..6 {
        spool.sync(NOW);
    }
    assert_eq!(spool.disk, Disk::Fine, "{place}");
    drop(spool);
    let (mut spool, again) = open(disk, SMALL);
    assert_eq!((again.damages, again.lost), (0, 0), "{place}: said twice: {again:?}");
    let mut expected = there.clone();
    expected.push(next);
    assert_eq!(numbers(&everything(&mut spool)), expected, "{place}: nothing more is lost");
    (given.iter().filter(|seq| !there.contains(seq)).copied().collect(), opened)
}

#[test]
fn a_flipped_byte_anywhere_costs_one_record_or_one_block() {
    let (disk, given) = some();
    let names: Vec<String> = disk.world().names.keys().cloned().collect();
    for name in names {
        let length = disk.world().file(&name).len();
        // What follows on the frame in the files of the state is filling.
        let state = name.starts_with("state");
        let length = if state { 12 + usize::from(disk.world().file(&name)[4]) } else { length };
        for at in 0..length {
            let disk = disk.copy();
            disk.world().file(&name)[at] ^= 0x20;
            let place = format!("{name}, byte {at}");
            let (missing, opened) = missing(&disk, &given, &place);
            let most = match names::named(&name) {
                names::Named::Open(_) => 1,
                names::Named::Sealed(_) => limits::SEGMENT_BLOCK_RECORDS,
                _ => 0,
            };
            assert!(missing.len() <= most, "{place}: {} missing", missing.len());
            assert_eq!((opened.damages, opened.remarks.len()), (1, 1), "{place}: {opened:?}");
            assert!(opened.lost <= missing.len() as u64, "{place}: {opened:?}, {missing:?}");
        }
    }
}

#[test]
fn a_file_that_is_cut_or_zeroed_or_gone_costs_itself_only() {
    let (disk, given) = some();
    let names: Vec<String> =
        disk.world().names.keys().filter(|name| !name.starts_with("state")).cloned().collect();
    for name in &names {
        let mine: Vec<u64> = {
            let (mut spool, _) = open(&disk.copy(), SMALL);
            let place = spool.segments.iter().position(|segment| segment.name() == *name).expect("a segment");
            let places = spool.segments[place].places.len();
            (0..places).flat_map(|n| numbers(&spool.records_of(place, n))).collect()
        };
        let check = |what: &str, disk: &Fake| {
            let place = format!("{name} {what}");
            let (missing, opened) = missing(disk, &given, &place);
            assert!(missing.iter().all(|seq| mine.contains(seq)), "{place}");
            assert!(opened.damages > 0 && !opened.remarks.is_empty(), "{place}: {opened:?}");
            missing.len()
        };
        for part in [1, 20, 100, 400] {
            let disk = disk.copy();
            let length = disk.world().file(name).len();
            disk.world().file(name).truncate(length.saturating_sub(part).max(70));
            check(&format!("cut by {part}"), &disk);
        }
        let zeroed = disk.copy();
        zeroed.world().file(name).fill(0);
        assert_eq!(check("zeroed", &zeroed), mine.len());
        let gone = disk.copy();
        gone.world().names.remove(name);
        assert_eq!(check("gone", &gone), mine.len());
        let long = disk.copy();
        long.world().file(name).extend([7; 3000]);
        assert_eq!(check("with rubbish behind it", &long), 0);
    }
}

#[test]
fn without_its_state_a_spool_keeps_its_id_and_gives_no_number_twice() {
    let (disk, given) = some();
    let id = open(&disk.copy(), SMALL).0.id();
    for gone in [&["state-a"][..], &["state-b"], &["state-a", "state-b"]] {
        let disk = disk.copy();
        for name in gone {
            disk.world().names.remove(*name);
        }
        assert_eq!(open(&disk.copy(), SMALL).0.id(), id);
        let (missing, opened) = missing(&disk, &given, "no state");
        assert!(missing.is_empty() && !opened.new);
    }
}

#[test]
fn what_is_not_its_own_is_left_alone() {
    let (disk, given) = some();
    let (other, _) = some();
    let name = other
        .world()
        .names
        .keys()
        .find(|name| matches!(names::named(name), names::Named::Sealed(_)))
        .expect("a segment")
        .clone();
    let foreign = other.world().file(&name).clone();
    let copied = disk.world().file(&name).clone();
    let mut world = disk.world();
    world.put("00000000000000000777.sealed", foreign);
    world.put("00000000000000000778.sealed", copied);
    world.put("notes.txt", b"do not delete".to_vec());
    world.put("00000000000000000779.new", b"half a segment".to_vec());
    let before = world.names.len();
    drop(world);
    let (missing, opened) = missing(&disk, &given, "foreign files");
    assert!(missing.is_empty());
    assert_eq!((opened.damages, opened.remarks.len()), (0, 3), "{opened:?}");
    assert_eq!(disk.world().names.len(), before - 1, "only what a crash left behind is removed");
}

#[test]
fn damage_while_it_is_open_is_said_once_and_passed_over() {
    let (disk, given) = some();
    let (mut spool, opened) = open(&disk, SMALL);
    assert_eq!(opened.damages, 0);
    let name = spool.segments[0].name();
    let middle = disk.world().file(&name).len() / 2;
    disk.world().file(&name)[middle] ^= 1;
    let left = numbers(&everything(&mut spool));
    assert!(left.len() + limits::SEGMENT_BLOCK_RECORDS >= given.len() && left.len() < given.len());
    assert_eq!(numbers(&everything(&mut spool)), left);
    assert_eq!((spool.status().damages, spool.remarks().len()), (1, 1));
    spool.sync(NOW);
    drop(spool);
    assert_eq!(open(&disk, SMALL).1.damages, 0, "it was written anew without it");
}

#[test]
fn of_two_damaged_states_neither_is_said_to_be_used() {
    let (disk, given) = some();
    for name in ["state-a", "state-b"] {
        disk.world().file(name)[20] ^= 0x20;
    }
    let (missing, opened) = missing(&disk, &given, "both");
    assert!(missing.is_empty(), "the records aren't in them: {missing:?}");
    assert_eq!((opened.damages, opened.lost, opened.remarks.len()), (2, 0, 2), "{opened:?}");
    for (remark, name) in opened.remarks.iter().zip(["state-a", "state-b"]) {
        assert!(remark.starts_with(name) && remark.contains("neither of the two can be used"), "{remark}");
    }
}
