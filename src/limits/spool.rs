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

// Segments.

/// Largest payload of a frame, in bytes. A block holds up to [`SEGMENT_BLOCK_BYTES`] before its last record, which has up
/// to [`SEGMENT_RECORD_BYTES_MAX`]; a length beyond their sum is damage.
pub const SEGMENT_FRAME_BYTES_MAX: usize = 128 * 1024;

/// Largest record, encoded, in bytes: as long as a line of the observation's JSON may be. Of one that is longer, the
/// detail and the path are let go of.
pub const SEGMENT_RECORD_BYTES_MAX: usize = super::OBSERVATION_LINE_BYTES_MAX;

/// Records of a sealed block: what one damaged byte costs at most, 160 s of an agent's twelve checks. Twice as many would
/// save a tenth of the disk.
pub const SEGMENT_BLOCK_RECORDS: usize = 64;

/// A block is closed when it has this many bytes before compression. Sixty-four ordinary failures have a tenth of it.
pub const SEGMENT_BLOCK_BYTES: usize = 32 * 1024;

/// How hard blocks are compressed, 1 to 9. Beyond this, half the time more saves less than a hundredth.
pub const SEGMENT_DEFLATE_LEVEL: u32 = 6;

// The spool's files.

/// An active segment is sealed when it has this many bytes: nine hours of an agent's twelve checks, and a third of that once
/// it is sealed. It is read and written whole, so this bounds memory and how long a call takes.
pub const SPOOL_SEGMENT_BYTES: usize = 1024 * 1024;

/// A segment file that is larger isn't one of ours: an active one ends after one batch more, and sealing doesn't make
/// them longer.
pub const SPOOL_FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Notes that one step of thinning leaves in a segment, at most, one for each check. Those beyond share the last.
pub const SPOOL_NOTES_PER_STEP: u64 = 256;

/// Numbers that are reserved at once. A restart passes over what is left of them, so that nothing given is ever given again
/// even where the record of it was lost. At a thousand observations a second they last for four hours in which nothing can
/// be written, and 2^53 of them for 500 million restarts.
pub const SPOOL_RESERVED: u64 = 1 << 24;

/// Numbers passed over when it isn't certain which were reserved: more than one could reserve in years.
pub const SPOOL_LEAP: u64 = 1 << 32;

/// Acknowledgements are written down with every so manyth call of `sync`. What power loss takes of them is sent twice.
pub const SPOOL_ACKS_EVERY: u32 = 20;

/// Intervals of acknowledged numbers that are remembered. A hub that acknowledges in order needs two or three.
pub const SPOOL_ACKS_MAX: usize = 2048;

/// Segments that the state file has a line for, the newest. Those beyond aren't missed when they are missing.
pub const SPOOL_SEGMENTS_LISTED: usize = 4096;

/// Kept free on the disk, so that a full one still has room for thinning: a segment written anew, beside the old one.
pub const SPOOL_BALLAST_BYTES: usize = 512 * 1024;

/// What is kept in memory while the disk takes nothing, by the measure of `Record::size`: six hours of an agent's twelve
/// checks. At the bound the same is thinned first as on the disk.
pub const SPOOL_MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// How long a disk that failed or is full is left alone before it is tried again.
pub const SPOOL_REST: Duration = Duration::from_secs(5);

/// Segments that one call of `sync` thins, at most: some 100 ms of work each on a small computer.
pub const SPOOL_STEPS: usize = 4;

/// How long a spool waits before it takes its ballast again: what filled the disk shall be over by then.
pub const SPOOL_BALLAST_AGAIN: Duration = Duration::from_mins(10);
