//! Bounds of the journal and of reports (`journal`, `store::journal`, `report`).

use std::time::Duration;

/// Faults of a journal that are told one by one. Whoever finds twenty needs no list of the rest.
pub const JOURNAL_FAULTS_MAX: usize = 20;

/// Changes of checks in one entry. When everything fails at once there are 75,000; an entry of 500 is some 40 KiB, which
/// no reader minds.
pub const CHECKS_PER_ENTRY: usize = 500;

/// Entries that are read, sealed or removed at a time: some megabytes in memory.
pub const JOURNAL_PAGE: u32 = 1_000;

/// From one note that linewatch is there to measure to the next. What a crash leaves unknown is as long as this.
pub const MEASURED_EVERY: Duration = Duration::from_secs(10);

/// Longer without such a note than this, and the time between counts as not measured: three were missed.
pub const MEASURED_GAP: Duration = Duration::from_secs(30);

/// Holes in what agents measured at a practice that may still be filled. A computer that is switched off each night makes 60 in two
/// months, as far back as a full spool reaches; of older ones the journal keeps its last word.
pub const COVERAGE_STRETCHES_MAX: usize = 64;

/// As much of a hole is filled before the journal hears of it again: a backlog of five days is twenty entries, and what it filled since
/// the last of them counts as not measured until the next.
pub const COVERAGE_TOLD_MS: i64 = 6 * 3_600_000;

/// Core hours are shaded in a chart of at most so many days: in a longer one a day is narrower than the line that a shade is drawn with.
pub const REPORT_SHADED_DAYS_MAX: i64 = 45;

/// Lines of one table in a report to be read. A county's incident has some hundreds; beyond, CSV and JSON have all.
pub const REPORT_ROWS_MAX: usize = 2_000;

/// Bars of one timeline: more than a printed page has room for can't be told apart.
pub const REPORT_BARS_MAX: usize = 60;
