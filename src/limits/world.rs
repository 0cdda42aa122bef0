//! Bounds of the worlds that are played: in virtual time, on loopback (`world`), and in a drill (`cli::drill`).

use std::time::Duration;

/// Results that wait on the disks of all simulated agents together, at most: 48 bytes each, so 100 MB. A
/// practice has an even part of it; when that is full its oldest result goes, as on a real agent's disk.
pub const WORLD_SPOOL_ALL: usize = 2_000_000;

/// Results that wait on one simulated agent's disk, at most: 14 hours of twelve checks every 30 s.
pub const WORLD_SPOOL_PER_PRACTICE: usize = 20_000;

/// Old results that go out with one report that gets through. A practice reports 26 times a minute, so a
/// day's arrears are in after half an hour, and the hub never gets a flood.
pub const WORLD_BACKFILL_PER_REPORT: usize = 50;

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

/// How often a drill looks whether there is something to tell: often enough to read like live.
pub const DRILL_TELL_EVERY: Duration = Duration::from_millis(200);

/// How often a long story says how far it has gone: whoever waits for minutes wants to know that something happens, and how long it will be.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// How often a drill tells where practices stand, at most: forty practices lost at once are a line or two, not
/// forty.
pub const DRILL_LINES_EVERY: Duration = Duration::from_secs(1);

/// How long no e-mail must have been accepted before a drill tells of those that were: one wave, one line.
pub const DRILL_MAIL_QUIET: Duration = Duration::from_millis(400);

/// How long nothing must have happened, after the script's last turn, before a drill says that it is over.
/// The last e-mails follow the all-clear within a second.
pub const DRILL_CALM: Duration = Duration::from_secs(3);

/// How long a drill waits, beyond its scenario's length, for what the scenario demands and for the all-clear.
/// With the shipped lengths of 75 s this keeps it below two minutes.
pub const DRILL_OVERTIME: Duration = Duration::from_secs(28);

/// Reports of each practice before a drill silences one. The correlator believes the rhythm of an agent's reports
/// after 48 of them (`correlate::evidence`); before that, silence means something after 75 s only.
pub const DRILL_REPORTS_BEFORE_SILENCE: f64 = 52.0;

/// Longest wait for those reports, so that a drill of an estate with slow checks still ends. The longest shipped
/// one takes 22 s from the start.
pub const DRILL_LEAD_IN_MAX: Duration = Duration::from_secs(30);

/// How long an exercise waits, when its story is over, for notices that are due and not yet accepted: a relay that was refused is knocked at
/// again within half a minute, twice.
pub const EXERCISE_DELIVERY_WAIT: Duration = Duration::from_secs(90);

/// How much longer than the last escalation's delay an exercise's fault is held: until the county has noticed it, staff have been told, and
/// the desk, which looks every five seconds, has told the others.
pub const EXERCISE_ESCALATION_MARGIN: Duration = Duration::from_secs(45);

/// How long stopping the pipeline and the county may take. A check under way ends within its time-out, two
/// seconds in the shipped file.
pub const DRILL_STOP_TIMEOUT: Duration = Duration::from_secs(10);
