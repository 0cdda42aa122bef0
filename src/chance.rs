//! Bytes that nobody outside can guess: for keys, for questions whose answers must be told from forgeries, and for waits that
//! thousands mustn't share.

use ring::rand::{SecureRandom as _, SystemRandom};

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this machine gives no random numbers")]
pub struct NoChance;

/// So many bytes from the system's generator.
pub fn random<const N: usize>() -> Result<[u8; N], NoChance> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoChance)?;
    Ok(bytes)
}

/// A number for a wait that thousands mustn't share. Without chance all of them wait as long: better than not at all.
pub fn draw() -> u64 {
    random::<8>().map_or(0, u64::from_le_bytes)
}
