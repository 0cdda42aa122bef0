//! Bounds of a hub's archive (`archive`).

use std::time::Duration;

/// What an archive may take of the disk, unless the operator says otherwise, in bytes. a routine observation takes some nineteen once
/// its volume is sealed: 175 practices with twelve checks every 30 s fill 115 MB a day, and 6,200 of them 4.1 GB.
pub const ARCHIVE_BYTES_MAX: u64 = 32 * 1024 * 1024 * 1024;

/// The smallest that can be asked for: some volumes, so that letting go of the oldest doesn't take all.
pub const ARCHIVE_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// An open volume is closed, and sealed beside the next, when it has this many bytes: some 300,000 observations, two minutes of 6,200
/// practices. It is read whole to be sealed and to be exported in order of arrival, which takes twice as much memory for a moment.
pub const VOLUME_BYTES: u64 = 32 * 1024 * 1024;

/// A volume that is larger isn't one of ours: one group of batches goes into it after it has nearly its size.
pub const VOLUME_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Records of a sheet, which is what one damaged byte costs at most. Twice as many would save a thirtieth of the disk.
pub const VOLUME_SHEET_RECORDS: usize = 256;

/// What is read of a sealed volume to see which practices stand there: a dozen ordinary sheets.
pub const VOLUME_LOOK_BYTES: usize = 64 * 1024;

/// Observations are written in another order than that in which the hub got them by no more than this: a batch waits for room in the
/// correlator's queue and for the disk. Whoever reads in order of arrival holds back so much.
pub const ARCHIVE_DISORDER: Duration = Duration::from_secs(30);

/// Volumes that wait to be sealed: as many as fill [`ARCHIVE_BYTES_MAX`]. Sealing takes less than a core while a hub takes in hundreds of
/// thousands of observations a second (benches/README.md), and 6,200 practices report 2,500; if more wait all the same, a restart finds them.
pub const SEAL_QUEUE: usize = 1_024;

/// How nice the thread is that seals, as nice as can be: where there is no processor to spare it gets a sixtieth of what each other thread gets.
/// At 10, a tenth, what a hub took in was .45 of a bare handler's rate, and .54 so (benches/README.md).
pub const SEAL_NICE: i32 = 19;

/// When more volumes than this wait, some five million observations, the disk fills faster than it should, and sealing isn't nice any more.
pub const SEAL_BEHIND_MAX: usize = 16;

/// From one look at what is too old, or too much, to the next; besides, there is one after each volume.
pub const ARCHIVE_PRUNE_EVERY: Duration = Duration::from_hours(1);

/// This machine's own observations on their way to the archive: batches of a quarter of a second each. When the disk hangs for longer
/// they are let go of, and counted.
pub const OWN_JOBS_MAX: usize = 256;

/// How long a hub waits before it tries again to open an archive that couldn't be opened: agents send again every
/// [`SLOWER_DISK`](super::SLOWER_DISK), and a disk that is mounted late is there within a minute.
pub const ARCHIVE_AGAIN_AFTER: Duration = Duration::from_secs(10);
