//! The hash of an entry: SHA-256 over the hash before it, its number, its time and its content.
//!
//! Each field is preceded by its length (64 bits, big end first), so that no two entries give the same bytes. The content is
//! hashed by itself first: when the time for which it is kept is over, its hash stays, and the chain holds.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256};

use crate::hex::{hex, unhex};
use crate::time::At;

/// 32 bytes; prints and parses as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

/// The text isn't 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits")]
pub struct NotAHash;

impl Hash {
    /// What the first entry hangs on.
    pub const NONE: Self = Self([0; 32]);

    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `None`: they aren't 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    fn of(what: &str, fields: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for field in std::iter::once(what.as_bytes()).chain(fields.iter().copied()) {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field);
        }
        // SHA-256 has 32 bytes, always.
        Self::from_bytes(context.finish().as_ref()).unwrap_or(Self::NONE)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = NotAHash;
    fn from_str(text: &str) -> Result<Self, NotAHash> {
        // One way to write it alone.
        let is_small = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        unhex(text).filter(|_| is_small).map(Self).ok_or(NotAHash)
    }
}

/// Of what an entry says.
pub fn content(subject: &[u8], incident: &[u8], body: &[u8]) -> Hash {
    Hash::of("linewatch journal content 1", &[subject, incident, body])
}

/// Of an entry in its place. `seq`: its number.
pub fn link(before: Hash, seq: i64, at: At, content: Hash) -> Hash {
    let (seq, at) = (seq.to_be_bytes(), at.as_millis().to_be_bytes());
    Hash::of("linewatch journal entry 1", &[&before.0, &seq, &at, &content.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever checks a journal with a program of their own must come to the same: the bytes are a contract.
    #[test]
    fn the_hash_of_an_entry_never_changes() {
        let content = content(b"approval", b"2026-03-16-1", br#"{"by":"desk"}"#);
        let hash = link(Hash::NONE, 1, At::from_millis(1_773_645_123_120), content);
        assert_eq!(content.to_string(), "5753e811c9b8dc876c6b894dfb3ab809c66dcb26f09fa6a908c4fbd3f8ba7a4b");
        assert_eq!(hash.to_string(), "02906cbc27090ee8a9506ec26751b1b2bec7afdd68c2cb08707bd64784d4a5be");
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }

    #[test]
    fn fields_cannot_run_into_each_other() {
        assert_ne!(content(b"a", b"bc", b""), content(b"ab", b"c", b""));
        assert_ne!(content(b"", b"", b"x"), content(b"x", b"", b""));
    }
}
