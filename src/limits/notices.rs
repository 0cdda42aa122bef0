//! Bounds of notices and their delivery (`notify`).

use std::time::Duration;

/// Incident events waiting between the correlator and the store. A handful a minute is a bad day; a
/// thousand means that the store has hung, and then events are kept in memory instead.
pub const EVENT_QUEUE: usize = 1024;

/// Notices that a desk takes over from an earlier process at once, or holds in memory, some 1 KiB each. Two of
/// each of 6,200 practices' notices are far below it; what is beyond stays on the disk until there is room.
pub const OUTBOX_LOADED_MAX: usize = 50_000;

/// Staff hear of changes of one incident this often at most, unless its cause changed: a fault that is being
/// worked on changes every few seconds, and a service desk needs to read.
pub const STAFF_UPDATE_EVERY: Duration = Duration::from_mins(10);

/// How long a manager is left without a word while a fault lasts, unless the operator says otherwise: half a working day, so that
/// every session begins with a letter that is fresh.
pub const NOTICE_UPDATE_EVERY: Duration = Duration::from_hours(4);

/// The least that may be configured: more often, nobody reads them.
pub const NOTICE_UPDATE_EVERY_MIN: Duration = Duration::from_mins(30);

/// How long it is remembered who had both letters about an incident that is over. What begins anew within this comes and goes, and
/// two letters about that are enough; what comes back later under the same number is news.
pub const NOTICE_REMEMBERED: Duration = Duration::from_hours(2);

/// When those who had both are hit once more, and for so long on end, it doesn't come and go any more: they are told that it began.
/// Nobody should believe for longer than this that something is over which isn't.
pub const NOTICE_LASTS: Duration = Duration::from_hours(2);

/// How long the opening to a practice that a *change* added waits before it may leave. When incidents are
/// merged, the survivor's change and the others' end come at the same moment in either order; this keeps a
/// manager who heard of the fault already from hearing of it twice.
pub const MERGE_HOLD: Duration = Duration::from_secs(2);

/// Planned work that follows on planned work is looked through this far. More windows in a row than this is a
/// mistake in the configuration, and then people are told sooner.
pub const MAINTENANCE_CHAIN_MAX: usize = 100;

/// Mails under way at once to one mail server. Four keep a mail server on the same continent busy (some 100 mails a second), and are
/// fewer than any relay's limit for one client.
pub const SMTP_CONNECTIONS: usize = 4;

/// Longest for connecting, TLS and signing in together. Longer than a slow greeting (some servers wait 5 s on
/// purpose), shorter than anybody wants to wait for the next attempt.
pub const SMTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest for each answer before the mail itself is handed over. A server that says nothing now hasn't got it, so the next
/// one may; with the longest connecting this stays under the half minute within which another server shall take it.
pub const SMTP_COMMAND_TIMEOUT: Duration = Duration::from_secs(8);

/// A message that is under way for so long makes the others leave by the next outlet. Longer than a server that scans mails
/// usually takes, and well under the half minute within which another one shall take over.
pub const OUTLET_STALLED_AFTER: Duration = Duration::from_secs(15);

/// Mail servers that mails may leave by. One for each network, and a spare for each.
pub const RELAYS_MAX: usize = 8;

/// Mails a minute and recipients a day that a mail server is given where nothing is configured: what Exchange Online, and
/// with it NHSmail, takes from one sender.
pub const RELAY_PER_MINUTE: u32 = 30;
pub const RELAY_PER_DAY: u32 = 10_000;

/// What may be configured instead; beyond it a rate means nothing.
pub const RELAY_RATE_MAX: i64 = 1_000_000;

/// Channels beside e-mail. Each costs a worker and a place in every plan of staff notices.
pub const CHANNELS_MAX: usize = 16;

/// Messages under way at once to one channel. They are few: staff notices, and texts to those who asked for them.
pub const CHANNEL_CONNECTIONS: usize = 2;

/// Longest for connecting to a channel, and for a whole request. Both together stay under the half minute after which nobody
/// believes that an answer will come.
pub const CHANNEL_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
pub const CHANNEL_TIMEOUT: Duration = Duration::from_secs(20);

/// What is read of a channel's answer: enough for its error in words.
pub const CHANNEL_ANSWER_BYTES_MAX: usize = 4 * 1024;

/// An alert ends by itself so long after it was last said, in case nobody is left to end it: the longest outage in Kent
/// lasted five days.
pub const ALERT_OPEN_FOR: Duration = Duration::from_hours(7 * 24);

/// Characters of a text message: two messages' worth, with room for the template's own words.
pub const SMS_CHARS_MAX: usize = 250;

/// Tries of one notice that are remembered, the latest. A notice is given up after a week of tries ten minutes apart, and
/// the first and the last hundred tell the same story.
pub const TRIES_KEPT: u32 = 100;

/// Notices in one answer of the outbox, the latest: twice as many as a county's worst minute plans.
pub const OUTBOX_LISTED_MAX: usize = 1_000;

/// Longest for handing one mail over, once the server has asked for it. A server that scans mails before it answers may take a minute; cutting it
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

/// Steps that writing one letter may take in its text: the longest shipped letter (250 practices named) takes some 5,000, and a text that
/// goes through all blocks within all blocks is a mistake.
pub const TEXT_FUEL: u64 = 100_000;

/// Of one part of a letter. The longest shipped one is 40 KB; a mail server takes some megabytes.
pub const LETTER_BYTES_MAX: usize = 512 * 1024;

/// How far ahead hours in which somebody may be written to are looked for. The longest row of days on which nobody works is
/// Christmas with a week-end on either side; a year of none is a slip in the configuration, and then people are told at once.
pub const HOURS_LOOKED_AHEAD_DAYS: usize = 366;

/// Messages an hour to anyone, unless the operator says otherwise: one every five minutes is as fast as anybody reads, acts, and
/// reads again. A fault alone makes seven at most for staff (an opening, and an update every [`STAFF_UPDATE_EVERY`]).
pub const NOTICES_PER_HOUR: u32 = 12;

/// Roles at the ICB. More kinds of people than this who hear of different things, and nobody knows any more who hears of what.
pub const ROLES_MAX: usize = 64;

/// What may be configured instead; beyond it a cap means nothing.
pub const NOTICES_PER_HOUR_MAX: i64 = 1_000;

/// What messages an hour are counted over, and the least time from one digest to the next.
pub const NOTICES_HOUR: Duration = Duration::from_hours(1);

/// How long what is beyond the cap is gathered before a digest tells of it: a storm of faults breaks within minutes, and a digest
/// of its first minute would be followed by none for an hour.
pub const DIGEST_GATHERED_FOR: Duration = Duration::from_mins(10);

/// Incidents that one digest tells of, each in a line. More than anybody reads; what goes on beyond them is in the next one.
pub const DIGEST_LINES_MAX: usize = 50;

/// Incidents that are kept for one person's digest. A bad week-end of a county has some tens; beyond this, those that came and
/// went first are let go of, and counted.
pub const DIGEST_KEPT_MAX: usize = 500;

/// Mutes that may stand at once: more than this, and nobody knows any more what is muted.
pub const MUTES_MAX: usize = 200;

/// The longest that something may be muted: a fault that is known and lasts longer than a month is worth being asked about again.
pub const MUTE_MAX: Duration = Duration::from_hours(31 * 24);

/// Characters of the reason of a mute, which stands on the status page and in the journal.
pub const MUTE_REASON_CHARS_MAX: usize = 200;

/// Bytes of what is muted: an id is shorter.
pub const MUTE_WHAT_BYTES_MAX: usize = 200;
