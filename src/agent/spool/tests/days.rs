//! Sixty days of twelve checks every 30 s, five of them with everything failing, in what a spool may take by default. A part
//! of each day is written, and the rest reckoned; `cargo bench --bench spool` writes all of them.

use super::*;

const DAY: u64 = 12 * 2 * 60 * 24;

#[test]
fn sixty_days_fit() {
    // An eighth of a day of each kind, with segments as large as they really are.
    let bytes_a_day = |make: fn(u64) -> Observation| {
        let disk = Fake::default();
        let (mut spool, _) = open(&disk, Sizes { ballast: 0, ..Sizes::from(Settings::default()) });
        for n in 0..DAY / 8 {
            spool.append(make(n));
            if n.is_multiple_of(40) {
                spool.sync(NOW);
            }
        }
        // What isn't sealed yet as if it were.
        if let Some(last) = spool.segments.last_mut() {
            last.closed = true;
        }
        (0..8).for_each(|_| spool.sync(NOW));
        assert_eq!((spool.status().thinned, spool.status().records), (0, DAY / 8));
        assert!(spool.segments.iter().all(|segment| segment.sealed));
        spool.segments.iter().map(|segment| segment.bytes).sum::<u64>() * 8
    };
    let all = 55 * bytes_a_day(samples::routine) + 5 * bytes_a_day(samples::failing);
    assert!(all < limits::SPOOL_BYTES_MAX / 3, "{all} bytes");
}
