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

// --- probes -------------------------------------------------------------------------------------------

/// Bytes of an HTTP answer's status line and headers, at most; beyond them the answer is `protocol`. Real
/// services send under 8 KiB; cookies and content policies of the worst reach 20.
pub const PROBE_HEAD_BYTES_MAX: usize = 64 * 1024;

/// Bytes of an HTTP body that a check reads; it hangs up after them. The text that a check looks for stands
/// in the first page of HTML, and 512 checks at once must not need more than 128 MiB.
pub const PROBE_BODY_BYTES_MAX: usize = 256 * 1024;

/// Addresses of one name that a check tries. The time left is shared among them, so each more makes the
/// patience with the first one shorter.
pub const PROBE_ADDRESSES_MAX: usize = 3;

/// Look-ups by the system's resolver under way at once. Each holds a thread that nothing can stop; when the
/// resolver hangs, further checks wait for a place (and time out in phase `dns`, which is the truth).
pub const PROBE_SYSTEM_LOOKUPS_MAX: usize = 64;

/// Sets of given roots (`trust_pem`) kept parsed. Estates have one or two; beyond this each check parses its own.
pub const PROBE_TRUST_SETS_MAX: usize = 64;

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

/// Buffer for a UDP check's answer; what an answer begins with is all that is compared.
pub const PROBE_UDP_BYTES_MAX: usize = 2048;

/// Longest time between two echoes of one ICMP check. A short burst of loss should not take all of them.
pub const PROBE_ECHO_SPACING_MAX: Duration = Duration::from_millis(200);

/// How long before its deadline a check that waits for several answers stops, so that those which came are counted.
pub const PROBE_LAST_CALL_MAX: Duration = Duration::from_millis(50);

/// Payload of an echo, in bytes: the 56 that everybody's `ping` sends.
pub const PROBE_ECHO_BYTES: usize = 56;

/// ICMP ids tried when another process on this machine has the first one.
pub const PROBE_ECHO_IDS_MAX: u16 = 16;
