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

// The store.

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

/// Connections that read. The status page, the API and `why` ask a few rows each.
pub const STORE_READERS: u32 = 3;

/// A store larger than this isn't searched for damage at the start: that reads the whole file, and the hub
/// shall watch within seconds. Damage is then found where it is met.
pub const STORE_CHECKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Longest that a question to the store may take. Questions read a few hundred rows.
pub const STORE_READ_TIMEOUT: Duration = Duration::from_secs(4);

/// Notices that a desk takes over from an earlier process at once, or holds in memory, some 1 KiB each. Two of
/// each of 6,200 practices' notices are far below it; what is beyond stays on the disk until there is room.
pub const OUTBOX_LOADED_MAX: usize = 50_000;

// Notices.

/// Staff hear of changes of one incident this often at most, unless its cause changed: a fault that is being
/// worked on changes every few seconds, and a service desk needs to read.
pub const STAFF_UPDATE_EVERY: Duration = Duration::from_mins(10);

/// How long the opening to a practice that a *change* added waits before it may leave. When incidents are
/// merged, the survivor's change and the others' end come at the same moment in either order; this keeps a
/// manager who heard of the fault already from hearing of it twice.
pub const MERGE_HOLD: Duration = Duration::from_secs(2);

/// Planned work that follows on planned work is looked through this far. More windows in a row than this is a
/// mistake in the configuration, and then people are told sooner.
pub const MAINTENANCE_CHAIN_MAX: usize = 100;

// Delivery.

/// Mails under way at once. Four keep a mail server on the same continent busy (some 100 mails a second), and are
/// fewer than any relay's limit for one client.
pub const SMTP_CONNECTIONS: usize = 4;

/// Longest for connecting, TLS and signing in together. Longer than a slow greeting (some servers wait 5 s on
/// purpose), shorter than anybody wants to wait for the next attempt.
pub const SMTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest for handing one mail over. A server that scans mails before it answers may take a minute; cutting it
/// short would send the mail twice.
pub const SMTP_SEND_TIMEOUT: Duration = Duration::from_secs(90);

/// An idle connection is closed after this, before the server does it: a stale one costs a failed attempt.
pub const SMTP_IDLE: Duration = Duration::from_secs(5);

/// First and longest wait before a mail that was put off is tried again; each wait is twice the last. Mailboxes that
/// greylist open after one to five minutes.
pub const MAIL_RETRY_FIRST: Duration = Duration::from_secs(15);
pub const MAIL_RETRY_LONGEST: Duration = Duration::from_mins(10);

/// The same for the mail server as a whole. Shorter: one connection a minute disturbs nobody, and an outage that ends
/// is the moment at which people want to hear.
pub const RELAY_REST_FIRST: Duration = Duration::from_secs(1);
pub const RELAY_REST_LONGEST: Duration = Duration::from_mins(1);

/// A notice that couldn't be delivered for this long is given up: the longest outage in Kent lasted five days, and
/// its all-clear was still news.
pub const NOTICE_GIVEN_UP_AFTER: Duration = Duration::from_hours(7 * 24);

/// How often the desk looks after itself: writes that wait for the disk, notices to give up, notices left on disk.
pub const DESK_CHORES_EVERY: Duration = Duration::from_secs(5);

/// How long stopping waits for mails that are being handed over; then they are cut off, and sent again at the next
/// start.
pub const DESK_STOP_GRACE: Duration = Duration::from_secs(5);

/// Deliveries that a reader may be behind before it misses some. A storm of 1,000 mails shall not lose any.
pub const DELIVERY_NEWS: usize = 4096;
