//! Bounds of tracing the path of a check (`probe::path`, `agent::traces`).

use std::time::Duration;

/// Longest way that is followed, in routers. Paths across the NHS network and the internet have five to twenty.
pub const PATH_HOPS_MAX: u8 = 30;

/// Distances tried beyond the last router that answered. Carriers hide four or five routers in a row; each more is one
/// more packet into nothing, for each trace of a line that is down.
pub const PATH_SILENT_MAX: u8 = 12;

/// Distances beyond the last router that answered which are tried again: that is where the way stops, and one lost packet
/// must not move it.
pub const PATH_AGAIN_BEYOND: u8 = 3;

/// Packets to one distance before it counts as silent. At 5 % loss each way one router in a hundred reads as silent
/// by chance.
pub const PATH_TRIES: u8 = 2;

/// From one packet of a trace to the next. Answers of near targets come within that time, so that hardly a packet goes
/// further than it must; thirty packets take a third of a trace's time.
pub const PATH_PACE: Duration = Duration::from_millis(20);

/// How long an answer to one packet is waited for. Less than the second after which TCP sends a packet of its own
/// again, which would be taken for a slow router.
pub const PATH_PATIENCE: Duration = Duration::from_millis(900);

/// Longest that a trace takes; what is known by then is the path. Enough for two tries with their patience.
pub const PATH_TIME_MAX: Duration = Duration::from_millis(2_600);

/// How long a trace waits for the address of its target's name. When names don't resolve, that is the fault, and there
/// is nothing to trace.
pub const PATH_LOOKUP_MAX: Duration = Duration::from_secs(1);

/// Bytes kept of the packet that an ICMP error quotes: the head of ICMP, with its id.
pub const PATH_QUOTED_BYTES: usize = 8;

/// Buffer for an answer to a packet of a trace. That it came is all that counts, and the head of an echo.
pub const PATH_HEARD_BYTES_MAX: usize = 256;

/// ICMP messages read from one socket of a trace before it gives up: a raw socket hears those of all others.
pub const PATH_STRAYS_MAX: u32 = 4096;

/// Traces under way at once in a process. Each holds a dozen or two of sockets for one to three seconds.
pub const PATHS_AT_ONCE: usize = 8;

/// From one trace to the next, over the whole process, when it is busy: five a second, some hundred small packets. When
/// a firewall drops everything for 6,200 practices, the first few traces say where; the rest are evidence.
pub const PATHS_GAP: Duration = Duration::from_millis(200);

/// Traces that may begin in one moment.
pub const PATHS_BURST: u32 = 8;

/// From one trace to the same target to the next. A trace puts two or three packets on the target itself.
pub const PATH_TARGET_GAP: Duration = Duration::from_millis(500);

/// Targets whose last trace is remembered; beyond this those that may be traced again are forgotten.
pub const PATHS_TARGETS_MAX: usize = 4096;

/// Within this time after its first good result a check's good path is traced for the first time.
pub const PATH_FIRST_WITHIN: Duration = Duration::from_mins(2);

/// From one trace of a check's good path to the next, at least. Routes change a few times a day.
pub const PATH_GOOD_EVERY: Duration = Duration::from_hours(1);

/// A check that still fails is traced again after this: each attempt at a repair may move where it stops.
pub const PATH_AGAIN_AFTER: Duration = Duration::from_mins(10);

/// Checks whose paths are kept, some 400 bytes each. Those beyond have none: their neighbours' will do.
pub const PATHS_KEPT_MAX: usize = 100_000;
