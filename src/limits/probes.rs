//! Bounds of single checks (`probe`); those that ask a reflector have a file of their own.

use std::time::Duration;

/// Bytes of an HTTP answer's status line and headers, at most; beyond them the answer is `protocol`. Real
/// services send under 8 KiB; cookies and content policies of the worst reach 20.
pub const PROBE_HEAD_BYTES_MAX: usize = 64 * 1024;

/// Bytes that a check of a web server reads of one answer in all: head, body, and whatever stands between and around them
/// (provisional answers, the ends of chunks, frames of HTTP/2). Beyond them the answer is `protocol`: without it, an endless
/// "100 Continue" is read at the speed of the line until the deadline. A body read to its bound in chunks of one byte has 1.5 MiB.
pub const PROBE_HTTP_BYTES_MAX: usize = 2 * 1024 * 1024;

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

/// Names that the system's resolver is asked about at once: one look-up each, shared by all checks that want the name. Each holds
/// a thread that nothing can stop, for ten seconds and more while the name's own servers hang. An estate has some dozens
/// of names; a check that gets no place before its time is up is `local`.
pub const PROBE_SYSTEM_LOOKUPS_MAX: usize = 64;

/// The same of names that redirects led to. A server can lead each check to another, which hangs; a county's services lead to a
/// few hosts.
pub const PROBE_LED_LOOKUPS_MAX: usize = 8;

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

/// Bytes of one connection, TLS's own included: twice what one answer may have. Tickets and padding cost a server nothing.
pub const PROBE_RAW_BYTES_MAX: usize = 2 * PROBE_HTTP_BYTES_MAX;

/// Bytes that wait for the request with the end of a TLS handshake: a client's last flight is a hundred bytes, or a few thousand
/// with its own certificates. What is more goes out before.
pub const PROBE_HELD_BYTES_MAX: usize = 16 * 1024;

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

/// Aliases of aliases that are followed from a name to its records. Unbound and BIND stop after 11 themselves, older
/// ones of BIND after 16, so an honest answer has no more; a made up one of 64 KiB has thousands.
pub const PROBE_DNS_ALIASES_MAX: usize = 16;

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

/// Checks that ended with echoes out, whose sockets are kept for answers that come late: a descriptor each. A county's failed
/// firewall leaves thousands of them, and what a few of those hear is enough.
pub const PROBE_ECHO_LATE_MAX: usize = 128;

/// How long such a socket is kept at most: some askings of the usual probe. Later than that, an answer is nobody's.
pub const PROBE_ECHO_LATE_FOR: Duration = Duration::from_mins(2);
