//! As many sockets as the system lets us have: every check under way holds a descriptor or two.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::limits::DESCRIPTORS_BESIDE_CHECKS;

/// Raises the soft limit on open files to the hard one, as the system allows without asking anybody.
/// Returns how many checks can be under way at once with that many descriptors.
pub fn raise() -> usize {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok(hard)
    });
    match raised {
        Ok(hard) => checks_within(usize::try_from(hard).unwrap_or(usize::MAX)),
        Err(error) => {
            tracing::warn!(%error, "the limit on open files could not be raised");
            getrlimit(Resource::RLIMIT_NOFILE)
                .map_or(usize::MAX, |(soft, _)| checks_within(usize::try_from(soft).unwrap_or(usize::MAX)))
        }
    }
}

/// A check holds at most two at a time: the TCP or TLS connection, and the lookup before it.
fn checks_within(descriptors: usize) -> usize {
    (descriptors.saturating_sub(DESCRIPTORS_BESIDE_CHECKS) / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_reaches_the_hard_one() {
        let checks = raise();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("every Linux has this limit");
        assert_eq!(soft, hard);
        assert!(checks >= 1);
    }

    #[test]
    fn a_tiny_limit_still_lets_one_check_through() {
        assert_eq!(checks_within(3), 1);
        assert_eq!(checks_within(1024 + DESCRIPTORS_BESIDE_CHECKS), 512);
    }
}
