//! Bounds of the schedule, the clock and the pipeline (`agent`, `hub::pipeline`), and of what goes through them.

use std::time::Duration;

use super::{EGRESS_SOCKETS_MAX, PATHS_AT_ONCE, PROBE_ECHO_LATE_MAX};

/// Longest line of a recorded stream or an API body line, in bytes. An observation with every optional
/// field and a long `detail` is under 2 KiB; anything longer is not an observation.
pub const OBSERVATION_LINE_BYTES_MAX: usize = 64 * 1024;

/// Observations waiting between the workers and the correlator. At 6,200 practices × 12 checks a minute,
/// 1,240 arrive a second, so this is 13 s of arrears. When it is full the workers wait: the schedule runs
/// late, which shows in `linewatch_schedule_late_seconds`, and nothing is lost.
pub const OBSERVATION_QUEUE: usize = 16 * 1024;

/// From one heartbeat of a practice's worker to the next: what the contract asks for at least.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(30);

/// Broken lines of a recording that `replay` shows one by one; the rest are counted. A file that isn't a
/// recording at all must not fill the terminal.
pub const REPLAY_BROKEN_LINES_SHOWN_MAX: u64 = 100;

/// How far the wall clock and the monotonic clock may drift apart from one look to the next before it
/// counts as a jump. Time daemons slew by milliseconds; two seconds is somebody setting the clock, or sleep.
pub const CLOCK_STEP_MIN: Duration = Duration::from_secs(2);

/// What an agent is told of so soon after its clock was set may have ended before: results wait a tenth of a second for the disk, and a disk
/// that is busy takes seconds.
pub const CLOCK_SET_LATELY: Duration = Duration::from_secs(5);

/// How often the clocks are compared, so that a jump is noticed before it is taken for silence.
pub const CLOCK_LOOK_EVERY: Duration = Duration::from_secs(1);

/// A program that is to look at the clock every second, and didn't for this long, stood still. A loaded
/// machine is late by a second or two; ten is a stopped process or a paused virtual machine.
pub const STANDSTILL_MIN: Duration = Duration::from_secs(10);

/// How much longer than its timeout a check may take before the worker gives it up: the probe keeps its own
/// deadline, so this only ever runs out when the machine itself is short of breath.
pub const ASK_GRACE: Duration = Duration::from_secs(1);

/// Over how long `linewatch_schedule_late_seconds` remembers the worst: longer than the usual 15 s between
/// two scrapes, so that no lateness falls between them.
pub const LATENESS_WINDOW: Duration = Duration::from_secs(30);

/// Wishes of the correlator on their way to the workers of this process, as many as it has at once; they are taken within
/// milliseconds.
pub const WISHES_QUEUE: usize = 1_024;

/// Descriptors kept for the server's connections, the store, the mail relay and the terminal (384), for the many
/// sockets of `egress` checks ([`EGRESS_SOCKETS_MAX`]), for two dozen and more of each trace ([`PATHS_AT_ONCE`]), and for
/// echoes that come late ([`PROBE_ECHO_LATE_MAX`]).
pub const DESCRIPTORS_BESIDE_CHECKS: usize =
    384 + EGRESS_SOCKETS_MAX + 32 * PATHS_AT_ONCE + PROBE_ECHO_LATE_MAX;

/// How long a jump of the clock stands among the notes: long enough that whoever reads odd numbers that
/// morning also reads why.
pub const CLOCK_NOTE_STANDS: Duration = Duration::from_hours(1);

/// Reports taken from the queue at a time: the correlator's clock moves once a batch, and a batch of this
/// size costs it about a millisecond.
pub const REPORT_BATCH: usize = 512;

/// From one published picture to the next, while things change. People refresh every few seconds and
/// Prometheus every fifteen, so four a second is as fresh as anybody can see.
pub const PICTURE_EVERY: Duration = Duration::from_millis(250);

/// The same for an estate with more checks than [`PICTURE_LARGE_CHECKS`], where a picture costs milliseconds.
pub const PICTURE_EVERY_LARGE: Duration = Duration::from_secs(1);

/// From this many checks an estate is large: a picture of it is a megabyte or more.
pub const PICTURE_LARGE_CHECKS: usize = 20_000;

/// How long the pipeline may not have gone round before `/healthz` calls it hung: it goes round at least
/// once a second, and a loaded machine may owe it a few.
pub const PIPELINE_PULSE_MAX: Duration = Duration::from_secs(15);

/// Questions that wait for the pipeline: reloads and explanations, asked by people.
pub const COMMAND_QUEUE: usize = 16;

/// How far a subscriber to events or observations may fall behind before it misses the oldest. A terminal
/// that is redrawn ten times a second sees at most a few hundred observations in between.
pub const SUBSCRIBER_LAG: usize = 4096;

/// How long each step of stopping (the pipeline, the page, the store) may take before what hangs is left to
/// itself. With [`DESK_STOP_GRACE`](super::DESK_STOP_GRACE) all of them stay below half a minute; service managers allow 90 s.
pub const STOP_DEADLINE: Duration = Duration::from_secs(4);

/// From one time that what is learned of usual hours goes to the store to the next. A restart forgets at most as much, which is no
/// evening; 6,200 practices are 3 MB.
pub const HOURS_KEPT_EVERY: Duration = Duration::from_mins(10);

/// Learned hours that wait for the store: what is learned next takes up what found no room.
pub const HOURS_QUEUE: usize = 1;
