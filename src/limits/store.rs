//! Bounds of the store (`store`).

use std::time::Duration;

/// Longest that one transaction may take before the disk counts as failing. A commit takes milliseconds on a
/// sound disk, and the largest (6,200 notices) under a second; whoever tells the desk of an event waits this
/// long at most, once.
pub const STORE_WRITE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a disk that failed is left alone before it is tried again. Shorter only repeats the error; longer
/// keeps notices out of the outbox on disk for longer than need be.
pub const STORE_REST: Duration = Duration::from_secs(2);

/// Writes kept in memory while the disk takes none. One event with 40 notices is about 30 KiB, so this is
/// 300 MiB at the very worst, and weeks of ordinary incidents. At the bound, changes of single checks are
/// given up first.
pub const STORE_ARREARS_MAX: usize = 10_000;

/// Waiting writes that go into one transaction. Enough that a backlog drains quickly, few enough that one
/// transaction stays far below [`STORE_WRITE_TIMEOUT`].
pub const STORE_BATCH: usize = 50;

/// Rows that one statement adds at most. SQLite takes 32,766 values at once, and the widest row has six; a thousand rows make what
/// a statement costs by itself small beside them.
pub const ROWS_PER_STATEMENT: usize = 1_000;

/// Connections that read. The status page, the API and `why` ask a few rows each.
pub const STORE_READERS: u32 = 3;

/// A store larger than this isn't searched for damage at the start: that reads the whole file, and the hub
/// shall watch within seconds. Damage is then found where it is met.
pub const STORE_CHECKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Longest that a question to the store may take. Questions read a few hundred rows.
pub const STORE_READ_TIMEOUT: Duration = Duration::from_secs(4);

/// Batches of changes of checks that wait for the store. One a second, so that a store may hang for a
/// minute; after that the history of single checks is let go of, and counted.
pub const TRANSITION_QUEUE: usize = 64;

/// From one removal of what has been kept for long enough to the next.
pub const PRUNE_EVERY: Duration = Duration::from_hours(1);
