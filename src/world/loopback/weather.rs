//! What the stand-in asks before it lets anything through: the fate of one asking, now.

use crate::estate::{ProbeIx, Vantage};

/// Decides, moment by moment, what happens to what crosses the stand-in. Time is the implementor's own
/// business; a drill plays a scenario, a test says what it wants.
pub trait Weather: Send + Sync + 'static {
    /// What happens to the asking `nonce` of `probe` from `from` if it crosses now. The same `nonce` at the
    /// same moment has the same fate, so that a fault that hits some askings can draw lots.
    fn fate(&self, from: Vantage, probe: ProbeIx, nonce: u64) -> Fate;
}

/// What the stand-in does with one asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Forwarded after this many milliseconds.
    Pass { ms: u32 },
    /// Black-holed.
    Drop,
    /// Turned away at once.
    Refuse,
    /// Accepted, then cut off.
    Reset,
    /// The name server answers with this code.
    Dns(DnsFailure),
    /// The TLS handshake breaks.
    Tls,
    /// Another certificate, or another page, than the real one.
    Intercept,
    /// The web server answers with this status.
    Status(u16),
}

/// The answers that a name server gives instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DnsFailure {
    ServFail,
    NxDomain,
    Refused,
}
