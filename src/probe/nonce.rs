//! Numbers that nobody outside can guess, for questions whose answers must be told from forgeries.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::Fault;
use crate::chance;
use crate::reflector::frame::Nonce;

/// 64 bits. The standard library keys its hashes from the system's generator, and SipHash doesn't let its key be
/// worked out from what it hashes.
pub(super) fn nonce() -> u64 {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    RandomState::new().hash_one(ASKED.fetch_add(1, Ordering::Relaxed))
}

/// So many bytes from the system's generator. The fault is `local`: it gives none.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    chance::random().map_err(|none| Fault::local(none.to_string()))
}

/// A name for a question to a reflector.
pub(super) fn question_nonce() -> Result<Nonce, Fault> {
    random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let many: std::collections::BTreeSet<u64> = (0..1000).map(|_| nonce()).collect();
        assert_eq!(many.len(), 1000);
    }
}
