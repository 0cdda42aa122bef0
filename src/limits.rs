//! Every bound of linewatch that isn't the operator's to set, in one place, each with its reason.

mod again;
mod paths;
mod spool;
mod uplink;

use std::time::Duration;

pub use again::*;
pub use paths::*;
pub use spool::*;
pub use uplink::*;

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

/// Bytes of an HTTP answer's status line and headers, at most; beyond them the answer is `protocol`. Real
/// services send under 8 KiB; cookies and content policies of the worst reach 20.
pub const PROBE_HEAD_BYTES_MAX: usize = 64 * 1024;

/// Bytes of an HTTP body that a check reads; it hangs up after them. The text that a check looks for stands
/// in the first page of HTML, and 512 checks at once must not need more than 128 MiB.
pub const PROBE_BODY_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a body that are searched for the marks of block pages. Those pages are a few KiB, pictures included;
/// searching all of a service's own page for them would cost more than fetching it.
pub const PROBE_MARKS_BYTES_MAX: usize = 64 * 1024;

/// Issuers of certificates that weren't trusted, remembered to see whether they vouch for hosts of several
/// organisations. A county has one or two firewalls that decrypt; beyond this somebody makes issuers up, and all are
/// forgotten.
pub const PROBE_ISSUERS_MAX: usize = 64;

/// Addresses of one name that a check tries. The time left is shared among them, so each more makes the
/// patience with the first one shorter.
pub const PROBE_ADDRESSES_MAX: usize = 3;

/// Look-ups by the system's resolver under way at once. Each holds a thread that nothing can stop; when the
/// resolver hangs, further checks wait for a place (and time out in phase `dns`, which is the truth).
pub const PROBE_SYSTEM_LOOKUPS_MAX: usize = 64;

/// Sets of given roots (`trust_pem`) kept parsed. Estates have one or two; beyond this each check parses its own.
pub const PROBE_TRUST_SETS_MAX: usize = 64;

/// How long a verified chain isn't verified again: an hour's checks verify it six times, and a root that is taken away (which
/// counts after a restart anyway) or a verdict that is wrong doesn't stand for long.
pub const PROBE_VOUCHED_FOR: Duration = Duration::from_mins(10);

/// Verified chains that are remembered, of each set of roots. Estates have a dozen; a server that shows another chain each time
/// makes all be verified afresh, and takes 64 KiB.
pub const PROBE_VOUCHED_MAX: usize = 1_024;

/// Certificates of a chain that are described. Real chains have two to four.
pub const PROBE_CERTIFICATES_MAX: usize = 8;

/// Names of a certificate, answers of a name server and the like that are kept for a person to read.
pub const PROBE_LISTED_MAX: usize = 32;

/// Characters kept of a text that came from the network or describes a failure.
pub const PROBE_TEXT_CHARS_MAX: usize = 240;

/// Buffer for a DNS answer over UDP. Without EDNS an answer has at most 512 bytes; some servers send more
/// all the same. What doesn't fit is cut by the kernel and then reads as broken.
pub const PROBE_DNS_UDP_BYTES_MAX: usize = 4096;

/// Datagrams that aren't answers to the question, after which a DNS check gives up with `protocol` instead of
/// reading a flood until its deadline.
pub const PROBE_DNS_STRAYS_MAX: u32 = 1024;

/// Answers to something else, and provisional ones, that a check passes over before it gives up with `protocol` instead
/// of reading a flood until its deadline.
pub const PROBE_STRAYS_MAX: u32 = 64;

/// Bytes that a conversation (SMTP, SIP, LDAP, `tcp` with `expect`) keeps unread, and so the longest line, head or
/// message: SIP answers with many headers have four thousand, a mail server's lines 512.
pub const PROBE_TALK_BYTES_MAX: usize = 16 * 1024;

/// How much time a check of a name server must have left for a further question to be worth asking: an answer
/// across a slow line takes a tenth of a second, so that silence for less says nothing.
pub const PROBE_DNS_FURTHER_MIN: Duration = Duration::from_millis(250);

/// How long the further question is waited for, which is answered out of the name server's own head or not at all.
/// It must not make a check that has failed already much longer.
pub const PROBE_DNS_FURTHER_MAX: Duration = Duration::from_secs(1);

/// How much longer than the first name server the second may take. Its outage must not make the checks of the
/// first one slow.
pub const PROBE_DNS_SECOND_AFTER_MAX: Duration = Duration::from_millis(500);

/// Random bytes in a name that must not exist: nobody guesses 80 bits, and two characters a byte fit into a label.
pub const PROBE_DNS_RANDOM_BYTES: usize = 10;

/// Reasons (RFC 8914) of one DNS answer that are read. Servers give one or two.
pub const PROBE_DNS_REASONS_MAX: usize = 4;

/// Answers of one name server that are told in a detail: it is one line.
pub const PROBE_DNS_TOLD_MAX: usize = 3;

/// Characters of each of them: three answers of two servers have to fit into one detail.
pub const PROBE_DNS_TOLD_CHARS_MAX: usize = 40;

/// Buffer for a UDP check's answer; what an answer begins with is all that is compared.
pub const PROBE_UDP_BYTES_MAX: usize = 2048;

/// Longest time between two echoes of one ICMP check. A short burst of loss should not take all of them; and the
/// check's `ms` holds these pauses, so they stay short (`phases_ms.echo` is the round trip).
pub const PROBE_ECHO_SPACING_MAX: Duration = Duration::from_millis(100);

/// How long before its deadline a check that waits for several answers stops, so that those which came are counted.
pub const PROBE_LAST_CALL_MAX: Duration = Duration::from_millis(50);

/// Payload of an echo, in bytes: the 56 that everybody's `ping` sends.
pub const PROBE_ECHO_BYTES: usize = 56;

/// Buffer for what comes back to an echo: the header of IPv4 with all its options, that of ICMP, and the echo or as
/// much of it as a router quotes. What is longer is cut off, and no part that is read.
pub const PROBE_ECHO_HEARD_BYTES_MAX: usize = 256;

/// ICMP ids tried when another process on this machine has the first one.
pub const PROBE_ECHO_IDS_MAX: u16 = 16;
// --- rtp checks ---------------------------------------------------------------------------------------

/// Packets of a train, unless `packets` says otherwise: a second of a call. Fewer than ten say nothing about loss (one
/// of ten is 10 %), and more than five seconds' are a call, not a check; an answer has a bit for each.
pub const RTP_PACKETS: u16 = 50;
pub const RTP_PACKETS_MIN: usize = 10;
pub const RTP_PACKETS_MAX: usize = 250;

/// From one packet to the next, as telephones send them.
pub const RTP_SPACING: Duration = Duration::from_millis(20);

/// What `timeout` must be longer than the train by: time for a name to be looked up, and for the tallies at the end.
pub const RTP_MARGIN: Duration = Duration::from_secs(1);

/// How long after its last packet a train's answers are waited for before the reflector is asked for a tally, and from
/// one tally to the next. A call would take what is later than this for lost; answers that come later still count.
pub const RTP_TALLY_EVERY: Duration = Duration::from_millis(200);

/// Tallies of one train: as many as datagrams that make sure of silence ([`EGRESS_DATAGRAMS`]).
pub const RTP_TALLIES: u16 = 3;

/// A machine that sends a packet later than this after its time is too busy to judge differences of time on the line:
/// what it measured is its own doing.
pub const RTP_LATE_MAX: Duration = Duration::from_millis(100);

// --- egress checks, and the reflector on the other side -----------------------------------------------

/// Ports that one `egress` probe may name, open and blocked together. A policy has a dozen or two; and an answer has
/// 64 bits to say on which of them the reflector listens.
pub const EGRESS_PORTS_MAX: usize = 64;

/// Ports that one `egress` check asks at once. More would look like a port scan to the firewall that it judges.
pub const EGRESS_PORTS_AT_ONCE: usize = 8;

/// Sockets of all `egress` checks of this process together. In a fault that drops everything, 6,200 practices that
/// ask every five minutes hold some 250; who finds no free one says so, and convicts nobody.
pub const EGRESS_SOCKETS_MAX: usize = 256;

/// Longest that a check waits for one port. A dropped port takes all of it each time; longer only tells a firewall
/// that drops from a line on which three datagrams in a row take more than this, and there is none.
pub const EGRESS_PORT_PATIENCE_MAX: Duration = Duration::from_secs(4);

/// Datagrams sent to one port, or of one size, before silence counts as an answer: at 5 % loss each way, one in a
/// thousand is lost by chance.
pub const EGRESS_DATAGRAMS: u32 = 3;

/// Datagrams or frames that aren't the answer, after which a check listens to one port no longer.
pub const EGRESS_STRAYS_MAX: u32 = 64;

/// Sizes of packets tried at once when the largest doesn't pass: four rounds of eight find the last byte between 300
/// and 1,500, where halving takes eleven.
pub const EGRESS_SIZES_AT_ONCE: usize = 8;

/// Smallest and largest packet that `mtu` may name, in bytes. IPv4 promises 576; above 9,000 no network goes.
pub const EGRESS_MTU_MIN: u16 = 576;
pub const EGRESS_MTU_MAX: u16 = 9000;

/// Longest `idle`, for which a reflector keeps a silent connection. Firewalls forget after five minutes to an hour.
pub const EGRESS_IDLE_MAX: Duration = Duration::from_hours(1);

/// What `timeout` must be longer than `idle` by, so that there is time to ask before and after.
pub const EGRESS_IDLE_MARGIN: Duration = Duration::from_secs(1);

/// Shortest secret shared with a reflector, in characters: what can be guessed offline from one recorded frame must
/// not be a word. The longest is only there to have one.
pub const SECRET_CHARS_MIN: usize = 16;
pub const SECRET_CHARS_MAX: usize = 1024;

/// Largest frame of the reflector's format: what fits into the largest packet that `mtu` may name.
pub const REFLECTOR_FRAME_BYTES_MAX: usize = 9000;

/// How far an asker's clock may differ from the reflector's. Time daemons keep to milliseconds, and machines without
/// one drift by seconds a day; a recording older than this gets no answer.
pub const REFLECTOR_CLOCK_SKEW_MAX: Duration = Duration::from_mins(5);

/// Questions remembered so that none is answered twice: four minutes at the highest rate, and ten minutes (twice the
/// skew) at that of 6,200 practices. 40 bytes each, twice: 10 MiB.
pub const REFLECTOR_NONCES_MAX: usize = 128 * 1024;

/// Sources whose rates are kept; beyond them only the rate over all holds. A county leaves by a handful.
pub const REFLECTOR_SOURCES_MAX: usize = 4096;

/// Answers a second over all, unless `--max-per-second` says otherwise: 6,200 practices with 20 ports every five
/// minutes ask 413 times a second.
pub const REFLECTOR_PER_SECOND: u32 = 500;

/// Answers to one source: its share of those a second, and how many may come at once. Behind one exit stands a whole
/// county: half of all may be its.
pub const REFLECTOR_SOURCE_SHARE: f64 = 0.5;
pub const REFLECTOR_BURST_SECONDS: f64 = 2.0;

/// Trains of `rtp` checks that may begin a second, as a share of the answers a second: 50 of 500, each of which has
/// [`RTP_PACKETS`] packets usually, so 2,500 packets of 172 bytes (3.4 Mbit/s) each way. 175 practices that ask once a
/// minute begin 3 a second. Packets of a train that has begun are all answered: each place once, and
/// [`RTP_TALLIES`] tallies, so a train of 50 packets a second gets through by design and none can grow.
pub const REFLECTOR_TRAINS_SHARE: f64 = 0.1;

/// Trains remembered at once, 150 bytes each: at 50 a second, [`REFLECTOR_TRAIN_KEPT`] fills an eighth of them.
pub const REFLECTOR_TRAINS_MAX: usize = 4096;

/// How long a train is remembered: the longest (5 s), and its tallies across the slowest line.
pub const REFLECTOR_TRAIN_KEPT: Duration = Duration::from_secs(10);

/// Ports that a reflector listens on, TCP and UDP together; each is a descriptor.
pub const REFLECTOR_PORTS_MAX: usize = 512;

/// Connections that haven't asked anything yet. Each may take [`REFLECTOR_READ_TIMEOUT`]; newcomers beyond are closed.
pub const REFLECTOR_STRANGERS_MAX: usize = 2048;

/// Of those, how many may come from one source, so that one that is silent on purpose can't take all places. It must be
/// more than one linewatch opens at once, or checks would be hung up on and a firewall be convicted of it.
pub const REFLECTOR_STRANGERS_PER_SOURCE_MAX: usize = 2 * EGRESS_SOCKETS_MAX;

/// How long a connection may take to ask, and to take its answer.
pub const REFLECTOR_READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections whose asker knows the secret, most of them silent on purpose.
pub const REFLECTOR_SESSIONS_MAX: usize = 2048;

/// How long such a one may be silent: the longest `idle`, and some more.
pub const REFLECTOR_SESSION_IDLE_MAX: Duration = Duration::from_mins(62);

/// Questions on one connection: one, and one after it was idle; the rest is room.
pub const REFLECTOR_QUESTIONS_MAX: u32 = 8;

// Configuration: bounds on what a file may ask of the loader, far above any estate that exists.

/// Largest `probes.toml` or `practices.csv`, in bytes. All 6,200 practices of England as TOML are under
/// 3 MiB; beyond this it is the wrong file.
pub const CONFIG_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Largest certificate or password file that a configuration names, in bytes. A whole platform's root
/// store is about 250 KiB.
pub const CONFIG_SIDE_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Errors kept of one reading; more are counted only. Nobody mends a thousand by hand: it is one mistake
/// made a thousand times.
pub const CONFIG_ERRORS_MAX: usize = 1000;

/// Practices of one estate: thirty times England.
pub const PRACTICES_MAX: usize = 200_000;

/// Components of one estate: a circuit for each practice, and fifty thousand besides.
pub const COMPONENTS_MAX: usize = 250_000;

/// Networks of one estate. There are two; the rest is room for trials.
pub const NETWORKS_MAX: usize = 16;

/// Services, and also probes, of one estate: more than a GP practice has programs.
pub const SERVICES_AND_PROBES_MAX: usize = 1000;

/// Checks of one estate (practices × probes). Each holds some hundred bytes for ever, so this is under
/// 1 GiB; the whole of England with 12 probes is 75,000.
pub const CHECKS_MAX: usize = 4_000_000;

/// Longest id of anything, in bytes: ids become metric labels and e-mail headers.
pub const ID_BYTES_MAX: usize = 64;

/// Longest name or other single line of the configuration, in characters.
pub const CONFIG_LINE_CHARS_MAX: usize = 200;

/// Longest paragraph of the configuration (`instead`), in characters: it goes into every e-mail.
pub const CONFIG_PARAGRAPH_CHARS_MAX: usize = 2000;

/// Entries of one list in the configuration (`also`, `staff`, `needs`, spares of a role, addresses of one
/// practice, …).
pub const CONFIG_LIST_MAX: usize = 1000;

/// Comparisons of names that the loader spends on "did you mean", over a whole reading. Each costs under a
/// microsecond, so a hostile file can't buy more than a quarter of a second.
pub const CONFIG_SUGGESTION_COMPARISONS_MAX: usize = 200_000;

/// Longest `every`: a check asked less often than daily says nothing about an outage.
pub const PROBE_EVERY_MAX: Duration = Duration::from_hours(24);

/// Longest `every` of a heartbeat: work that is done once a month.
pub const BEAT_EVERY_MAX: Duration = Duration::from_hours(32 * 24);

/// How often the hub says of each heartbeat whether it is overdue, where its `every` isn't shorter. What is judged
/// together is what was said within three times the slowest rhythm, so a daily one must not have a rhythm of a day.
pub const BEAT_TOLD_EVERY: Duration = Duration::from_mins(1);

/// How long that takes: nothing is asked.
pub const BEAT_TOLD_WITHIN: Duration = Duration::from_secs(1);

/// Beats of one check within this time count as one: whoever knocks faster is in a loop, and costs nothing.
pub const BEAT_AGAIN_MIN: Duration = Duration::from_secs(1);

/// How often beats are looked through, and those that are new are written down. A power cut loses that much.
pub const BEAT_LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it is written down that the hub lives, so that one that starts again knows for how long nobody could beat.
pub const BEAT_ALIVE_EVERY: Duration = Duration::from_mins(1);

/// What a sender may send along with a beat, in bytes: programs post their logs. It is read a piece at a time and dropped.
pub const BEAT_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Wrong tokens that one source may try, a second and at once; and all together. Real senders have none.
pub const BEAT_WRONG_PER_SECOND: f64 = 1.0;
pub const BEAT_WRONG_BURST: f64 = 20.0;
pub const BEAT_WRONG_ALL_PER_SECOND: f64 = 100.0;

/// Most checks under way at once that `[schedule] concurrency` may ask for: each takes a socket, and a
/// process may seldom have more than this many.
pub const SCHEDULE_CONCURRENCY_MAX: i64 = 60_000;

// ---- schedule, hub, and the commands that ask it ----

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

/// Descriptors kept for the server's connections, the store, the mail relay and the terminal (384), for the many
/// sockets of `egress` checks ([`EGRESS_SOCKETS_MAX`]), and for two dozen and more of each trace ([`PATHS_AT_ONCE`]).
pub const DESCRIPTORS_BESIDE_CHECKS: usize = 384 + EGRESS_SOCKETS_MAX + 32 * PATHS_AT_ONCE;

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

/// Batches of changes of checks that wait for the store. One a second, so that a store may hang for a
/// minute; after that the history of single checks is let go of, and counted.
pub const TRANSITION_QUEUE: usize = 64;

/// Practices written at a time into `/metrics`: with a dozen checks of half a dozen phases each, a piece is
/// about half a megabyte, and writing it holds a worker thread for a millisecond.
pub const METRICS_PIECE_PRACTICES: usize = 64;

/// Connections to the status page and API at once. A county's service desk is dozens; each costs a few
/// kilobytes and a descriptor. More wait in the system's queue.
pub const HTTP_CONNECTIONS_MAX: usize = 256;

/// Header lines of one request, and bytes of all of them: browsers send about twenty lines and 2 KiB.
pub const HTTP_HEADERS_MAX: usize = 64;
pub const HTTP_HEADER_BYTES_MAX: usize = 16 * 1024;

/// No connection lasts longer, so that one that is read a byte at a time is let go in the end.
pub const HTTP_CONNECTION_AGE_MAX: Duration = Duration::from_mins(5);

/// How long a busy connection may take to end once it was asked to.
pub const HTTP_FAREWELL: Duration = Duration::from_secs(2);

/// After a connection couldn't be taken: long enough not to spin, short enough for nobody to notice.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Longest name that `linewatch approve --by` may give, in bytes. It is written into the journal.
pub const APPROVER_BYTES_MAX: usize = 200;

/// How long the pipeline may not have gone round before `/healthz` calls it hung: it goes round at least
/// once a second, and a loaded machine may owe it a few.
pub const PIPELINE_PULSE_MAX: Duration = Duration::from_secs(15);

/// How long the API waits for the pipeline to explain an incident.
pub const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Up to this many practices, the overview draws each of them; a larger estate's healthy ones are only
/// counted, so that what is wrong isn't lost among six thousand cells.
pub const PAGE_GRID_ALL_MAX: usize = 400;

/// Cells drawn for one network at most: more than anybody reads, and a page of a hundred kilobytes.
pub const PAGE_CELLS_MAX: usize = 500;

/// Notes on the overview, and events in an incident's history, that are drawn at most.
pub const PAGE_NOTES_MAX: usize = 100;
pub const PAGE_HISTORY_MAX: usize = 200;

/// Questions that wait for the pipeline: reloads and explanations, asked by people.
pub const COMMAND_QUEUE: usize = 16;

/// How far a subscriber to events or observations may fall behind before it misses the oldest. A terminal
/// that is redrawn ten times a second sees at most a few hundred observations in between.
pub const SUBSCRIBER_LAG: usize = 4096;

/// How long each step of stopping (the pipeline, the page, the store) may take before what hangs is left to
/// itself. With [`DESK_STOP_GRACE`] all of them stay below half a minute; service managers allow 90 s.
pub const STOP_DEADLINE: Duration = Duration::from_secs(4);

/// From one removal of what has been kept for long enough to the next.
pub const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// How long a command waits for a running linewatch: its own server gives up after
/// [`HTTP_REQUEST_TIMEOUT`], so a little longer.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(12);

/// Longest answer that a command takes, in bytes: a status with two hundred open incidents of six thousand
/// practices each is about twenty million.
pub const CLIENT_ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Notes that `linewatch status` prints at most, so that the incidents above them stay on the screen.
pub const STATUS_NOTES_SHOWN: usize = 20;

// ---- the county on loopback (`world::loopback`) ----

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

// ---- the drill (`cli::drill`) ----

/// How often a drill looks whether there is something to tell: often enough to read like live.
pub const DRILL_TELL_EVERY: Duration = Duration::from_millis(200);

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

/// How long stopping the pipeline and the county may take. A check under way ends within its time-out, two
/// seconds in the shipped file.
pub const DRILL_STOP_TIMEOUT: Duration = Duration::from_secs(10);
