//! Every bound of linewatch that isn't the operator's to set, in one place, each with its reason.

use std::time::Duration;

/// Longest line of a recorded stream or an API body line, in bytes. An observation with every optional
/// field and a long `detail` is under 2 KiB; anything longer is not an observation.
pub const OBSERVATION_LINE_BYTES_MAX: usize = 64 * 1024;

/// Observations waiting between the workers and the correlator. At 6,200 practices × 12 checks a minute,
/// 1,240 arrive a second, so this is 13 s of arrears. When it is full the workers wait: the schedule runs
/// late, which shows in `linewatch_schedule_late_seconds`, and nothing is lost.
pub const OBSERVATION_QUEUE: usize = 16 * 1024;

/// Incident events waiting between the correlator and the store. A handful a minute is a bad day; a
/// thousand means that the store has hung, and then events are kept in memory instead.
pub const EVENT_QUEUE: usize = 1024;

/// How long a reader of the status page or API may take for one request. Pages are built from memory in
/// milliseconds; the rest is a slow line, or somebody holding the connection on purpose.
pub const HTTP_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest body that the API accepts, in bytes. Nothing in this version takes a body beyond a few words.
pub const HTTP_BODY_BYTES_MAX: usize = 64 * 1024;

// ---- schedule and hub ----

/// From one heartbeat of a practice's worker to the next: what the contract asks for at least.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(30);

// ---- the world in virtual time ----

/// Results that wait on the disks of all simulated agents together, at most: 48 bytes each, so 100 MB. A
/// practice has an even part of it; when that is full its oldest result goes, as on a real agent's disk.
pub const WORLD_SPOOL_ALL: usize = 2_000_000;

/// Results that wait on one simulated agent's disk, at most: 14 hours of twelve checks every 30 s.
pub const WORLD_SPOOL_PER_PRACTICE: usize = 20_000;

/// Old results that go out with one report that gets through. A practice reports 26 times a minute, so a
/// day's arrears are in after half an hour, and the hub never gets a flood.
pub const WORLD_BACKFILL_PER_REPORT: usize = 50;
/// Broken lines of a recording that `replay` shows one by one; the rest are counted. A file that isn't a
/// recording at all must not fill the terminal.
pub const REPLAY_BROKEN_LINES_SHOWN_MAX: u64 = 100;
