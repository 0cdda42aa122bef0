//! What stays, what goes, and that each gap is explained.

use super::*;
use crate::observation::Observation;
use crate::segments::samples;

/// A check a letter: `.` a success, `t` a time-out, `r` a refusal, `b` a goodbye.
fn run(check: &str, results: &str) -> Vec<Observation> {
    let one = |(n, result): (usize, char)| {
        let mut seen = samples::routine(n as u64);
        seen.probe = if result == 'b' { BYE.to_owned() } else { check.to_owned() };
        seen.ok = matches!(result, '.' | 'b');
        seen.failure = match result {
            't' => Some(Failure::Timeout),
            'r' => Some(Failure::Refused),
            _ => None,
        };
        seen
    };
    results.chars().enumerate().map(one).collect()
}

fn records(seen: Vec<Observation>) -> Vec<Record> {
    seen.into_iter().zip(1000..).map(|(seen, seq)| Record { seq, entry: Entry::Seen(seen) }).collect()
}

fn plan(level: Level, records: &[Record], acked: &Intervals) -> Plan {
    let mut planner = Planner::after(level).expect("a step");
    for record in records {
        planner.push(record, acked);
    }
    planner.finish(1, records.iter().cloned())
}

fn stays(level: Level, results: &str) -> String {
    let plan = plan(level, &records(run("a", results)), &Intervals::default());
    plan.stays.iter().map(|stays| if *stays { 'x' } else { '-' }).collect()
}

#[test]
fn edges_stay_sharp() {
    assert_eq!(stays(Level::Whole, "....tttt...rrtt....b..."), "x--xxxxxx-xxxxxx---x--x");
    assert_eq!(stays(Level::Changes, ".tttttrrrr."), "xx---xx--xx");
    assert_eq!(stays(Level::Edges, "..tt"), "----");
    assert!(Planner::after(Level::Emptied).is_none());
}

#[test]
fn the_oldest_of_the_least_thinned_goes_next() {
    use Level::{Changes, Edges, Emptied, Whole};
    assert_eq!(choose(&[Changes, Whole, Whole]), Some(1));
    assert_eq!(choose(&[Changes, Changes, Changes]), Some(0));
    assert_eq!(choose(&[Emptied, Edges, Edges]), Some(1));
    assert_eq!(choose(&[Emptied, Emptied]), None);
    assert_eq!(choose(&[]), None);
}

#[test]
fn each_gap_is_explained_by_a_note_of_its_check() {
    let mut all = run("a", "......");
    all.extend(run("b", ".t.t.t"));
    let records = records(all);
    let mut acked = Intervals::default();
    acked.insert(1001..=1001);
    let plan = plan(Level::Whole, &records, &acked);
    // The hub has 1001: it goes too, and isn't counted.
    assert_eq!(plan.thinned, 3);
    let [Record { seq: 1, entry: Entry::Thinned(note) }] = plan.notes.as_slice() else {
        panic!("{:?}", plan.notes);
    };
    assert_eq!((note.probe.as_str(), note.count, note.what), ("a", 3, What::Successes));
    assert_eq!((note.from, note.to), (samples::routine(2).at, samples::routine(4).at));
    assert_eq!(plan.stays.iter().filter(|stays| **stays).count(), 8);
}

#[test]
fn notes_of_more_checks_than_there_are_numbers_share_the_last() {
    let all = (0..300).flat_map(|n| run(&format!("check-{n}"), "...")).collect();
    let plan = plan(Level::Whole, &records(all), &Intervals::default());
    assert_eq!(plan.notes.len() as u64, limits::SPOOL_NOTES_PER_STEP);
    let counted = plan.notes.iter().map(|note| match &note.entry {
        Entry::Thinned(note) => note.count,
        Entry::Seen(_) => 0,
    });
    assert_eq!(counted.sum::<u64>(), 300);
    assert!(plan.notes.iter().all(|note| note.seq < 1 + NOTES));
}

proptest::proptest! {
    #[test]
    fn changes_of_state_never_go_before_the_last_step(results in "[.tr]{0,40}", twice in "[.tr]{0,20}") {
        let mut all = run("a", &results);
        all.extend(run("b", &twice));
        let records = records(all);
        for level in [Level::Whole, Level::Changes] {
            let plan = plan(level, &records, &Intervals::default());
            let changes = |check: &str, stays: &[bool]| -> Vec<bool> {
                let kept = records.iter().zip(stays).filter_map(|(record, stays)| match &record.entry {
                    Entry::Seen(seen) if *stays && seen.probe == check => Some((seen.ok, seen.failure)),
                    _ => None,
                });
                let mut kept: Vec<_> = kept.collect();
                kept.dedup();
                kept.into_iter().map(|(ok, _)| ok).collect()
            };
            let everything = vec![true; records.len()];
            for check in ["a", "b"] {
                proptest::prop_assert_eq!(changes(check, &plan.stays), changes(check, &everything));
            }
            let gone = plan.stays.iter().filter(|stays| !**stays).count() as u64;
            proptest::prop_assert_eq!(gone, plan.thinned);
        }
    }
}
