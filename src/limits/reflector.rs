//! Bounds of `rtp` and `egress` checks, and of the reflector on the other side (`reflector`).

use std::time::Duration;

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

/// Ports that one `egress` probe may name, open and blocked together. A policy has a dozen or two; and an answer has
/// 64 bits to say on which of them the reflector listens.
pub const EGRESS_PORTS_MAX: usize = 64;

/// Ports that one `egress` check asks at once. More would look like a port scan to the firewall that it judges.
pub const EGRESS_PORTS_AT_ONCE: usize = 8;

/// Sockets of all `egress` checks of this process together; each has a second descriptor while it connects. In a fault that drops everything, 6,200 practices that
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
