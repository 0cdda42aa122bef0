//! Bounds between agents and hub (`uplink`, `agent::uplink`, `hub::credentials`, `hub::intake`).

use std::time::Duration;

/// How long an enrolment code is good for. An engineer on the way to a practice needs hours; a code that lies about shouldn't
/// open anything the day after.
pub const CODE_VALID: Duration = Duration::from_hours(24);

/// Codes that are out at once: made, not used, and not too old. An estate is 6,200 practices, enrolled some hundreds a day.
pub const CODES_MAX: usize = 10_000;

/// Agents of one hub, those included that were revoked: 6,200 practices with two agents each, several times over.
pub const AGENTS_MAX: usize = 50_000;

/// How long a code and a revoked agent are remembered, so that `agents` can tell of them.
pub const CREDENTIALS_KEPT: Duration = Duration::from_hours(90 * 24);

/// Requests with a wrong key or code that one source may make, a second and at once; and all together. An agent whose key was
/// revoked asks once in its longest wait; a county's agents may share one address.
pub const WRONG_KEY_PER_SECOND: f64 = 5.0;
pub const WRONG_KEY_BURST: f64 = 50.0;
pub const WRONG_KEY_ALL_PER_SECOND: f64 = 200.0;

/// Wrong tokens of people that one source may show, a second and at once, before it is told that they are too many; and all together. The
/// right one opens all the same: it has 16 characters at least, and isn't guessed at any rate. A person who mistypes, or a Prometheus with
/// an old token that asks every 15 s, stays below.
pub const WRONG_TOKEN_PER_SECOND: f64 = 0.5;
pub const WRONG_TOKEN_BURST: f64 = 20.0;
pub const WRONG_TOKEN_ALL_PER_SECOND: f64 = 1_000.0;

/// Requests of agents that one source may make before anybody looks at their keys. 6,200 agents behind one address, each with
/// its heartbeat and its twelve checks every 30 s, make 2,700.
pub const KNOCK_PER_SECOND: f64 = 4_000.0;
pub const KNOCK_BURST: f64 = 8_000.0;
/// And all sources together.
pub const KNOCK_ALL_PER_SECOND: f64 = 8_000.0;

/// Requests that one agent may make, a second and at once. It makes one for each observation at most, and a few for its
/// configuration; a backlog goes at [`BACKLOG_EVERY`].
pub const AGENT_PER_SECOND: f64 = 10.0;
pub const AGENT_BURST: f64 = 40.0;

/// Connections to a hub of agents at once: 6,200 agents, each of which keeps one while it has something to report, and people. A
/// connection takes some 40 KiB.
pub const HUB_CONNECTIONS_MAX: usize = 8 * 1024;

/// The share of all connections that one source may hold. Whoever opens connections and says nothing leaves room for the others;
/// a county's agents behind one address fit.
pub const PEER_CONNECTIONS_SHARE: usize = 2;

/// A batch as it is sent, in bytes. 500 observations take 20 KiB.
pub const BATCH_BYTES_MAX: usize = 256 * 1024;

/// What of a refused batch is taken and dropped, in bytes, so that its sender hears why. Four times what fits: whoever sends more isn't
/// an agent that came to harm.
pub const BATCH_DROPPED_BYTES_MAX: usize = 4 * BATCH_BYTES_MAX;

/// How long the body of an agent's request may take to arrive, and of one who would be an agent. Less than a request may take in all
/// (`HTTP_REQUEST_TIMEOUT`), so that whoever sends a byte now and then is told, and counted.
pub const BODY_WITHIN: Duration = Duration::from_secs(8);

/// A batch when it is unpacked, in bytes: [`BATCH_LINES_MAX`] lines with long details and traced paths among them.
pub const BATCH_TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Observations of one batch. At twelve checks every 30 s this is forty minutes of arrears.
pub const BATCH_LINES_MAX: usize = 1_000;

/// What an agent puts into one batch. Under half of what the hub takes, so that a long `detail` doesn't make one too large.
pub const BATCH_ITEMS: usize = 500;
pub const BATCH_ITEMS_BYTES: usize = 512 * 1024;

/// A batch up to this many bytes is sent as it is: with its head it fits into one packet of 1,500 bytes, so that compressing it
/// shortens nothing. That is some five observations; an agent that reports each as it is made never compresses.
pub const BATCH_PLAIN_BYTES_MAX: usize = 1_000;

/// The header with an agent's state, in bytes.
pub const STATE_BYTES_MAX: usize = 4 * 1024;

/// The id of a spool, in characters.
pub const SPOOL_ID_CHARS_MAX: usize = 64;

/// Spools of one agent that are remembered. A new one is made when the old one can't be read any more, which is rare; what a
/// forgotten one sent again would count twice.
pub const SPOOLS_PER_AGENT_MAX: usize = 8;

/// Two observations with one number and the same result, of the same length to the microsecond, that began closer together than this, are one
/// that was sent twice: an agent whose clock is wrong has its times placed anew with each report, by seconds more or less.
pub const AGAIN_WITHIN: Duration = Duration::from_mins(1);

/// Observations of each spool that are remembered as they were, so that what comes again from a process that was started anew is recognised
/// without a look into the archive. An agent that is killed sends again what twenty answers of the hub acknowledged, a few in each. 6,200
/// agents take some ten megabytes.
pub const RECENT_PRINTS: usize = 64;

/// Looks into the archive at once for what comes again, each some 30 ms and two open volumes' memory. While others look, an agent
/// waits ([`INTAKE_ROOM_WAIT`]), or comes again later.
pub const DOUBTS_AT_ONCE: usize = 2;

/// Stretches of numbers without a gap that are remembered of one spool. What an agent reports now is one, the backlog behind it
/// another; what lies below the oldest that it still has counts as one, however many it thinned out.
pub const STRETCHES_MAX: usize = 1_024;

/// Frontiers of one spool at which the state of each check is remembered: what is reported now, the backlog, and two in reserve.
pub const FRONTIERS_MAX: usize = 4;

/// How far ahead of the hub's clock an observation may claim to be. A clock that is hours wrong is corrected and flagged; one
/// that is days ahead says nothing about when anything happened.
pub const AHEAD_MAX: Duration = Duration::from_hours(24);

/// How old an observation may be: what the store keeps of it would be removed at once.
pub const BEHIND_MAX: Duration = Duration::from_hours(400 * 24);

/// Observations that one line may say that an agent let go of. One that asks thirty checks a second has made fewer in all of
/// [`BEHIND_MAX`].
pub const THINNED_COUNT_MAX: u64 = 1_000_000_000;

/// Checks of a batch of which the journal says each by itself how much of it was let go of. An agent asks a dozen, and nothing leaves the
/// journal: without a bound a batch of 4 KiB, unpacked, would be megabytes of it.
pub const THINNED_TOLD_MAX: usize = 32;

/// Refused batches of one source that the log tells at its usual level, a second and at once, and of all together: who is refused, and
/// why, shows in the first few. All of them are counted, and told at level `debug`.
pub const REFUSALS_TOLD_PER_SECOND: f64 = 1.0 / 60.0;
pub const REFUSALS_TOLD_BURST: f64 = 3.0;
pub const REFUSALS_TOLD_ALL_PER_SECOND: f64 = 1.0;
pub const REFUSALS_TOLD_ALL_BURST: f64 = 20.0;

/// What the log says of one, in characters: it may cite what was sent.
pub const REFUSAL_TOLD_CHARS_MAX: usize = 240;

/// Times in turn that a process must be heard after another had taken its agent's place, until both are taken to run. One may be heard after
/// it has ended, as what it said last can be under way for a while, and then the one that runs is heard again: that is two.
pub const AGENT_TWIN_RETURNS: usize = 3;

/// Of two processes with one identity, the first is waited for as long as this: four times as long as an agent may be silent. Then it has
/// ended, and the other takes its place.
pub const AGENT_TWIN_HOLDS_FOR: Duration = Duration::from_mins(2);

/// As long as this after the other was heard last, two are taken to run. One that is refused tries again sooner.
pub const AGENT_TWIN_SHOWN_FOR: Duration = Duration::from_mins(10);

/// Processes whose place was taken that are remembered of an agent: copies of one disk that run at once.
pub const AGENT_PROCESSES_REMEMBERED: usize = 4;

/// The id of a process, in characters.
pub const PROCESS_ID_CHARS_MAX: usize = 32;

/// Times that an agent's clock was set, as far as observations wait from before: as many as it remembers and tells the hub. A machine sets its
/// clock once after its start. Of more, the two oldest count as one.
pub const CLOCK_STEPS_MAX: usize = 8;

/// An agent's clock that is off by this is flagged.
pub const CLOCK_FLAGGED: Duration = Duration::from_secs(5);

/// Batches that wait to be written. Each is answered when it is on the disk, so this many agents are waiting; more are told to
/// come later. 6,200 agents that report each check by itself send 2,500 a second: this is most of a second's worth, so that whoever
/// isn't told to come later is answered within one where the disk keeps up at all. Of the usual few observations each they take
/// megabytes; of the largest, which few send at once, 40 KiB.
pub const KEEPER_QUEUE: usize = 2_048;

/// Batches that go into one transaction: as many as wait. What a group costs by itself, two waits for the disk and a dozen between
/// threads, is tens of milliseconds on a busy machine, and what each of its batches adds is some hundredths of one.
pub const KEEPER_BATCHES_MAX: usize = KEEPER_QUEUE;

/// How long a batch waits for room in the correlator's queue before its agent is told to come later.
pub const INTAKE_ROOM_WAIT: Duration = Duration::from_secs(2);

/// How long an agent is asked to wait when the correlator's queue or the disk's is half full, and when the disk takes nothing. What it
/// sees meanwhile comes in one batch.
pub const SLOWER: Duration = Duration::from_secs(5);
pub const SLOWER_DISK: Duration = Duration::from_secs(15);

/// Checks that the hub has asked out of schedule, a second and at once: over all agents, and by one. A county's 175 practices are
/// asked about a shared fault's end in one go; an agent asks each of its dozen twice.
pub const ASKS_PER_SECOND: f64 = 200.0;
pub const ASKS_BURST: f64 = 1_000.0;
pub const ASKS_AGENT_PER_SECOND: f64 = 1.0;
pub const ASKS_AGENT_BURST: f64 = 24.0;

/// Wishes that wait for one agent. It has a dozen checks.
pub const ASKS_PER_AGENT_MAX: usize = 64;

/// A wish that waited for longer is forgotten: the schedule has asked, or soon will, and the suspicion is old.
pub const ASKS_GOOD_FOR: Duration = Duration::from_secs(5);

/// How long the hub keeps an agent waiting before it says that there is nothing. Firewalls forget connections on which nothing is
/// said for a minute.
pub const ASKS_HELD_FOR: Duration = Duration::from_secs(25);

/// An agent that was answered and hasn't asked again within this has gone.
pub const ASKS_LISTENS_FOR: Duration = Duration::from_secs(45);

// The agent's side.

/// Wishes on their way from the hub's answer to the workers. More is more than one agent is ever told.
pub const ASKS_QUEUE: usize = 64;

/// How long an agent waits after it couldn't ask what to ask, half of it drawn by chance. Its reports go on meanwhile, and whether
/// the hub is there is seen by them first.
pub const ASKS_WAIT: Duration = Duration::from_secs(20);

/// How long an agent collects before it sends. A shared fault is seen at many practices in the first second; this mustn't be a
/// large part of it.
pub const UPLINK_LINGER: Duration = Duration::from_millis(200);

/// From one batch of the backlog to the next: 500 observations a second are twenty minutes' worth, so that five days' are in
/// within ten minutes.
pub const BACKLOG_EVERY: Duration = Duration::from_secs(1);

/// First and longest wait after an exchange that failed, before jitter. 6,200 agents that come back within a minute are a
/// hundred a second.
pub const UPLINK_WAIT_FIRST: Duration = Duration::from_millis(500);
pub const UPLINK_WAIT_LONGEST: Duration = Duration::from_mins(1);

/// The same after the hub said no to the agent itself: nobody mends that within seconds.
pub const UPLINK_REFUSED_WAIT: Duration = Duration::from_mins(5);

/// The longest wait that a hub may ask for.
pub const UPLINK_HUB_WAIT_MAX: Duration = Duration::from_mins(5);

/// How long one exchange may take. The hub answers within ten seconds or not at all.
pub const UPLINK_EXCHANGE_TIMEOUT: Duration = Duration::from_secs(12);
/// Connecting takes a fraction of a second, even over a VPN; what takes longer leaves time for the other address.
pub const UPLINK_CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How often a hub is asked over a quiet HTTP/2 connection whether it is there, and how soon it must answer. Together less than an
/// exchange may take, so that the next one goes over a fresh connection.
pub const UPLINK_ALIVE_EVERY: Duration = Duration::from_secs(7);
pub const UPLINK_ALIVE_WITHIN: Duration = Duration::from_secs(4);

/// An idle connection is let go after this, so that a hub of 6,200 agents doesn't hold one for each. A fresh one costs a
/// handshake.
pub const UPLINK_IDLE: Duration = Duration::from_secs(20);

/// How often a better address that failed is looked at again, at the most; half of the time is drawn by chance. Longer than a look may
/// take ([`UPLINK_EXCHANGE_TIMEOUT`]), so that one is over before the next begins.
pub const UPLINK_BETTER_EVERY: Duration = Duration::from_secs(30);

/// The same of an address that nobody waits for. 6,200 agents with one each make some 140 more requests a second of a hub that takes
/// thousands.
pub const UPLINK_OTHER_EVERY: Duration = Duration::from_mins(1);

/// How long what an agent said of its ways is told in metrics after it was last heard: three looks at the slowest.
pub const PATH_STATE_STANDS: Duration = Duration::from_mins(3);

/// Why an address doesn't answer, in characters, as the hub and the page are told: of the eight that there may be, all fit into
/// [`STATE_BYTES_MAX`].
pub const PATH_WHY_CHARS_MAX: usize = 160;
/// The same of an address's host and port, and of what is the matter with a spool.
pub const PATH_HUB_CHARS_MAX: usize = 100;
pub const TROUBLE_CHARS_MAX: usize = 400;

/// Addresses of hubs. HSCN, internet, and spares.
pub const UPLINK_HUBS_MAX: usize = 8;

/// Observations on their way from the checks to the spool. A disk that hangs for a while makes the schedule run late and then
/// stops it, which the hub sees as silence.
pub const UPLINK_SPOOL_QUEUE: usize = 4_096;

/// How often the hub is asked for the configuration, besides when it says that there is another.
pub const UPLINK_CONFIG_EVERY: Duration = Duration::from_mins(10);

/// An answer of the hub, in bytes: a configuration of thousands of probes with their certificates.
pub const UPLINK_ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long an agent that is stopped takes to say goodbye. Service managers wait for 90 s.
pub const UPLINK_FAREWELL: Duration = Duration::from_secs(5);

/// How long an agent waits at its very first start for the hub to enrol it, from one try to the next at the longest.
pub const ENROL_WAIT_LONGEST: Duration = Duration::from_secs(30);

/// How often what agents last said of themselves is looked through for news to be kept over a restart; and after how long what is no
/// news is kept all the same, so that its age is about right. 6,200 agents are ten rows a second.
pub const WORDS_KEPT_EVERY: Duration = Duration::from_mins(1);
pub const WORD_KEPT_FOR: Duration = Duration::from_mins(10);
