//! A head: where a journal stood at one moment, as one line that can be sent to somebody else, read out, or printed.
//!
//! `linewatch-journal-head 1 entry=4711 at=2026-03-16T23:59:58.120Z sha256=… key=ed25519:… signature=…`
//!
//! Whoever has such a line can have the journal verified against it later: entry 4711 must still be there, with this hash,
//! which no other past gives. The signature says whose journal it is; the text up to ` signature=` is what is signed.

use std::fmt;
use std::str::FromStr;

use super::chain::Hash;
use super::key::{JournalKey, is_signed};
use crate::time::At;

const BEGINS: &str = "linewatch-journal-head 1";

/// Where a journal stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The last entry's number, time and hash.
    pub seq: i64,
    pub at: At,
    pub hash: Hash,
    /// Of the journal's key: `ed25519:…`.
    pub public_key: String,
    signature: String,
}

/// The line can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    #[error(
        "it is no head: one is a line that begins with \"linewatch-journal-head 1 entry=\"; was it cut or wrapped?"
    )]
    NotOne,
    #[error("its signature is not of its text: somebody changed it, or a part was lost on the way")]
    Signature,
}

impl Head {
    pub fn sign(key: &JournalKey, seq: i64, at: At, hash: Hash) -> Self {
        let public_key = key.public();
        let signature = key.sign(&text(seq, at, hash, &public_key));
        Self { seq, at, hash, public_key, signature }
    }
}

fn text(seq: i64, at: At, hash: Hash, public_key: &str) -> String {
    format!("{BEGINS} entry={seq} at={at} sha256={hash} key={public_key}")
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = text(self.seq, self.at, self.hash, &self.public_key);
        write!(f, "{text} signature={}", self.signature)
    }
}

/// Reads a line and checks its signature.
impl FromStr for Head {
    type Err = BadHead;
    fn from_str(line: &str) -> Result<Self, BadHead> {
        let rest = line.trim().strip_prefix(BEGINS).ok_or(BadHead::NotOne)?;
        let mut words = rest.split_whitespace();
        let mut field = |name: &str| {
            words.next().and_then(|word| word.strip_prefix(name)?.strip_prefix('=')).ok_or(BadHead::NotOne)
        };
        let seq = field("entry")?.parse().map_err(|_| BadHead::NotOne)?;
        let at = field("at")?.parse().map_err(|_| BadHead::NotOne)?;
        let hash = field("sha256")?.parse().map_err(|_| BadHead::NotOne)?;
        let public_key = field("key")?.to_owned();
        let signature = field("signature")?.to_owned();
        if words.next().is_some() {
            return Err(BadHead::NotOne);
        }
        if !is_signed(&text(seq, at, hash, &public_key), &public_key, &signature) {
            return Err(BadHead::Signature);
        }
        Ok(Self { seq, at, hash, public_key, signature })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::journal::content;

    #[test]
    fn a_head_survives_the_post_and_no_change_of_a_single_character() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = JournalKey::read_or_make(dir.path()).expect("a key");
        let mode = std::fs::metadata(dir.path().join("journal.key")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = JournalKey::read_or_make(dir.path()).expect("the same key");
        assert_eq!(key.public(), again.public());
        let head = Head::sign(&key, 4711, At::from_millis(1_773_645_123_120), content(b"a", b"b", b"c"));
        let line = head.to_string();
        assert_eq!(format!("  {line}\r\n").parse(), Ok(head), "white space at its ends is the post's");
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(bytes).expect("text");
            // The last digit of base64 has bits that mean nothing: the reader refuses those as well.
            assert!(changed.parse::<Head>().is_err(), "{changed}");
        }
    }
}
