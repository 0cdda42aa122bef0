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

/// How far the wall clock and the monotonic clock may drift apart from one look to the next before it
/// counts as a jump. Time daemons slew by milliseconds; two seconds is somebody setting the clock, or sleep.
pub const CLOCK_STEP_MIN: Duration = Duration::from_secs(2);

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

/// Descriptors kept for the server's connections, the store, the mail relay and the terminal.
pub const DESCRIPTORS_BESIDE_CHECKS: usize = 384;
