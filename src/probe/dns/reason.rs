//! Why a name server answered as it did, where it says so (extended DNS errors, RFC 8914), and whose fault that is.
//! Pure. Servers say it only to those who ask with EDNS.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use crate::limits::PROBE_DNS_REASONS_MAX;
use crate::probe::fault::one_line;

/// The EDNS option of RFC 8914.
const OPTION: u16 = 15;

/// One reason, as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    code: u16,
    text: String,
}

/// What a reason says of where the fault lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// The server is well, and those that it asks are not.
    Upstream,
    /// The name is kept from us on purpose.
    Blocked,
    /// The name's signatures don't hold.
    Signatures,
    /// The server itself.
    Server,
    /// It doesn't say.
    Nobody,
}

/// The reasons in an answer, the first ones.
pub(super) fn all(message: &Message) -> Vec<Reason> {
    let Some(edns) = &message.edns else { return Vec::new() };
    let options = edns.options().get_all(EdnsCode::Unknown(OPTION));
    let reasons = options.into_iter().filter_map(|option| match option {
        EdnsOption::Unknown(_, bytes) => read(bytes),
        _ => None,
    });
    reasons.take(PROBE_DNS_REASONS_MAX).collect()
}

/// Two bytes of code, then text that may be left out. Less than a code is no reason.
fn read(bytes: &[u8]) -> Option<Reason> {
    let (code, text) = bytes.split_first_chunk::<2>()?;
    // Some servers end the text with a zero byte.
    let text = String::from_utf8_lossy(text);
    Some(Reason { code: u16::from_be_bytes(*code), text: one_line(text.trim_end_matches('\0').trim()) })
}

impl Reason {
    pub(super) const fn blame(&self) -> Blame {
        match self.code {
            3 | 19 | 22..=24 => Blame::Upstream,
            15..=17 => Blame::Blocked,
            1 | 2 | 5..=12 | 25..=27 => Blame::Signatures,
            14 | 18 | 20 | 21 | 28 => Blame::Server,
            _ => Blame::Nobody,
        }
    }

    /// The standard's word, its number, and what the server adds.
    pub(super) fn words(&self) -> String {
        let word = match self.code {
            0 => "other error",
            1 => "unsupported DNSKEY algorithm",
            2 => "unsupported DS digest",
            3 => "stale answer",
            4 => "forged answer",
            5 => "DNSSEC indeterminate",
            6 => "DNSSEC bogus",
            7 => "signature expired",
            8 => "signature not yet valid",
            9 => "DNSKEY missing",
            10 => "signatures missing",
            11 => "no zone key bit set",
            12 => "NSEC missing",
            13 => "cached error",
            14 => "not ready",
            15 => "blocked",
            16 => "censored",
            17 => "filtered",
            18 => "prohibited",
            19 => "stale NXDOMAIN",
            20 => "not authoritative",
            21 => "not supported",
            22 => "no reachable authority",
            23 => "network error",
            24 => "invalid data",
            _ => "no known reason",
        };
        let code = self.code;
        if self.text.is_empty() {
            format!("{word} ({code})")
        } else {
            format!("{word} ({code}): {}", self.text)
        }
    }
}

/// Whether the reasons say whose fault it is.
pub(super) fn explains(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| reason.blame() != Blame::Nobody)
}

/// What the reasons come to, for a detail; `None` when there are none. The conclusion stands first, since a long text
/// of the server's is cut.
pub(super) fn told(reasons: &[Reason]) -> Option<String> {
    let first = reasons.iter().find(|reason| reason.blame() != Blame::Nobody).or(reasons.first())?;
    let conclusion = match first.blame() {
        Blame::Upstream => "the name server is alive, and what it asks failed",
        Blame::Blocked => "the name server blocks the name on purpose",
        Blame::Signatures => "the name server doesn't trust the name's signatures",
        Blame::Server => "the name server itself won't",
        Blame::Nobody => "the name server gives a reason",
    };
    Some(format!("{conclusion}: {}", first.words()))
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Edns, OpCode};
    use proptest::prelude::*;

    use super::*;

    fn saying(reasons: &[&[u8]]) -> Message {
        let mut edns = Edns::new();
        for reason in reasons {
            edns.options_mut().insert(EdnsOption::Unknown(OPTION, reason.to_vec()));
        }
        let mut message = Message::response(1, OpCode::Query);
        message.set_edns(edns);
        Message::from_vec(&message.to_vec().expect("bytes")).expect("a message")
    }

    #[test]
    fn a_reason_tells_whose_fault_it_is() {
        for (bytes, says) in [
            (&b"\0\x16"[..], "alive, and what it asks failed: no reachable authority (22)"),
            (b"\0\x17192.0.2.1:53 timed out\0", "failed: network error (23): 192.0.2.1:53 timed out"),
            (b"\0\x11malware", "blocks the name on purpose: filtered (17): malware"),
            (b"\0\x06", "signatures: DNSSEC bogus (6)"),
            (b"\xff\xff", "gives a reason: no known reason (65535)"),
        ] {
            let told = told(&all(&saying(&[bytes]))).expect("a reason");
            assert!(told.ends_with(says), "{told}");
        }
        assert_eq!(told(&all(&saying(&[b"\0"]))), None, "half a code is none");
        assert_eq!(told(&all(&Message::response(1, OpCode::Query))), None);
    }

    #[test]
    fn of_several_the_one_that_says_something_is_told() {
        let told = told(&all(&saying(&[b"\0\0", b"\0\x0d", b"\0\x16"]))).expect("a reason");
        assert!(told.contains("no reachable authority"), "{told}");
        assert_eq!(all(&saying(&[&b"\0\0"[..]; 20])).len(), PROBE_DNS_REASONS_MAX);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let reasons = all(&saying(&[&bytes]));
            prop_assert_eq!(reasons.len(), usize::from(bytes.len() >= 2));
            let told = told(&reasons).unwrap_or_default();
            prop_assert!(!told.chars().any(char::is_control), "{told:?}");
        }
    }
}
