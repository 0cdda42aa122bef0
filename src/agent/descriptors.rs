//! As many sockets as the system lets us have: every check under way holds a descriptor or two.

use crate::limits::DESCRIPTORS_BESIDE_CHECKS;
use crate::platform;

/// Raises the soft limit on open files to the hard one. Returns how many checks can be under way at once with that many.
pub fn raise() -> usize {
    checks_within(platform::raise_descriptors())
}

/// A check holds at most two at a time: the TCP or TLS connection, and the lookup before it.
fn checks_within(descriptors: usize) -> usize {
    (descriptors.saturating_sub(DESCRIPTORS_BESIDE_CHECKS) / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tiny_limit_still_lets_one_check_through() {
        assert_eq!(checks_within(3), 1);
        assert_eq!(checks_within(1024 + DESCRIPTORS_BESIDE_CHECKS), 512);
    }
}
