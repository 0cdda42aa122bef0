//! Bounds of the segment files (`segments`) and of an agent's spool (`agent::spool`).

use std::time::Duration;

/// What a spool may take of the disk, unless the operator says otherwise. Sixty days of twelve checks every 30 s are
/// 2.07 million observations, so each may take 129 bytes; a routine success takes about a fifth of that once it is sealed.
pub const SPOOL_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The smallest spool that can be asked for: two segments, and room to write a third beside them.
pub const SPOOL_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// How long what was appended may wait for [`sync`](crate::agent::spool::Spool::sync): power loss costs this much and no
/// more. Only what is durable is sent, so it delays the news of a fault as well. An agent has an observation every 2.5 s,
/// so nearly each is made durable by itself: 35,000 small writes a day, which a memory card stands for years.
pub const SPOOL_SYNC_AFTER: Duration = Duration::from_millis(100);

/// Lines that a spool says about damage when it is opened. A disk that scatters bytes makes thousands of the same.
pub const SPOOL_REMARKS_MAX: usize = 100;
