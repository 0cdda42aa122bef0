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

// The county on loopback (`world::loopback`).

/// Connections and datagrams under way at once at one server or stand-in of the county. 400 practices with
/// a dozen checks each, all black-holed for a two-second time-out, hold some 2,000. Beyond this, new ones are
/// closed or left unanswered, and the checks say so.
pub const COUNTY_CONVERSATIONS_MAX: usize = 4096;

/// Connections that wait to be accepted, at one listener of the county. The comb spreads checks evenly, so a
/// few wait at most; 1,024 covers a machine that stood still for some seconds.
pub const COUNTY_BACKLOG: i32 = 1024;

/// How long one conversation with the county may last. No check may take longer than its interval, and no
/// shipped interval is longer than a minute.
pub const COUNTY_CONVERSATION_TIMEOUT: Duration = Duration::from_mins(1);

/// How often the stand-in asks the weather which practices' connections are surely dropped. In between, a
/// connection is judged when it is accepted, so nothing passes for being early; only the phase in which it
/// hangs differs.
pub const COUNTY_FILTER_EVERY: Duration = Duration::from_millis(200);

/// Instructions of one socket filter at most. The kernel takes 4,096, and charges them against
/// `net.core.optmem_max`, which is 20 KiB on older kernels: 1,000 at 8 bytes fit in twice over, which
/// replacing a filter needs. Above this the stand-in accepts and stays silent instead.
pub const COUNTY_FILTER_INSTRUCTIONS_MAX: usize = 1000;

/// Longest line that the county's mail server reads, in bytes. RFC 5321 says 1,000 for text; senders of
/// unfolded headers go beyond it.
pub const COUNTY_MAIL_LINE_BYTES_MAX: usize = 8 * 1024;

/// Largest message that the county's mail server takes, in bytes. A notice with both its parts is under
/// 32 KiB.
pub const COUNTY_MAIL_BYTES_MAX: usize = 1024 * 1024;

/// Recipients of one message at most: the least that RFC 5321 lets a server promise.
pub const COUNTY_MAIL_RECIPIENTS_MAX: usize = 100;

/// Accepted messages waiting for the drill to print them. It only coalesces and counts, and a storm of
/// every practice and event is a few thousand; a reader that falls behind reads the list instead.
pub const COUNTY_MAIL_QUEUE: usize = 4096;

// ---- schedule and hub ----

/// From one heartbeat of a practice's worker to the next: what the contract asks for at least.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(30);
