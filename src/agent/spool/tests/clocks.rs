//! The clock is set while there is something from before.

use super::*;

const HOUR_MS: i64 = 3_600_000;

fn clocks(boot_ms: i64, ahead_ms: i64) -> Clocks {
    Clocks { wall: NOW.plus_millis(boot_ms + ahead_ms), boot_ms }
}

#[test]
fn that_the_clock_was_set_is_known_after_a_restart_and_until_nothing_is_left_from_before() {
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, SMALL);
    spool.look_at_clocks(clocks(0, HOUR_MS));
    let before = fill(&mut spool, 0, 3);
    spool.sync(NOW);
    spool.look_at_clocks(clocks(1_000, 0));
    let after = fill(&mut spool, 3, 30);
    spool.sync(NOW);
    let steps = spool.status().steps;
    assert_eq!(steps, [ClockStep { first: before[2] + 1, by_ms: -HOUR_MS }]);
    assert!(spool.remarks().iter().any(|line| line.contains("set by -3600 s")));
    drop(spool);
    disk.world().killed();
    // The machine was started again as well: nothing is known of its clock between.
    let (mut spool, _) = open(&disk, SMALL);
    spool.look_at_clocks(clocks(5, 2 * HOUR_MS));
    assert_eq!(spool.status().steps, steps);
    // Its segment goes with the last of what is from before.
    spool.acknowledge(0..=after[29]);
    spool.sync(NOW);
    assert_eq!((spool.status().records, spool.status().steps), (0, Vec::new()));
}

#[test]
fn of_many_times_that_the_clock_was_set_the_oldest_count_as_one() {
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, SMALL);
    spool.look_at_clocks(clocks(0, 0));
    let many = i64::try_from(limits::CLOCK_STEPS_MAX).expect("few") + 3;
    for n in 1..=many {
        fill(&mut spool, n.cast_unsigned(), 1);
        spool.look_at_clocks(clocks(n, n * 10_000));
    }
    let steps = spool.status().steps;
    assert_eq!(steps.len(), limits::CLOCK_STEPS_MAX);
    assert_eq!((steps[0].by_ms, steps[1].by_ms), (40_000, 10_000));
    assert_eq!(steps.iter().map(|step| step.by_ms).sum::<i64>(), many * 10_000);
}

#[test]
fn what_ended_just_before_the_clock_was_set_has_its_time_by_the_clock_as_it_is() {
    let disk = Fake::default();
    let (mut spool, _) = open(&disk, SMALL);
    spool.look_at_clocks(clocks(0, HOUR_MS));
    let set = clocks(1_000, 0);
    spool.look_at_clocks(set);
    let seen = |at: At| Observation { at, ms: 40.0, ..samples::routine(1) };
    let placed = |spool: &Spool, at: At| spool.by_this_clock(seen(at), set).at;
    let truly = NOW.plus_millis(900);
    assert_eq!(placed(&spool, truly.plus_millis(HOUR_MS)), truly);
    assert_eq!(placed(&spool, truly), truly);
}
