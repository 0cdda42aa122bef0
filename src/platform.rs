//! What each operating system does in its own way, as far as an agent needs it to run: how a service is told to end, files and folders
//! of their owner alone, positions in files, a lock that dies with its process, a clock that nobody sets, how many descriptors there are. This is Unix's; a Windows
//! service needs these few once more, and nothing else of the agent. What a check asks of the system beyond ordinary sockets (the errors
//! that packets come back with, whether an interface has a link) stands in the files of `probe` that `tests/architecture.rs` names.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

// The service.

/// That this process is asked to end: SIGTERM, as from systemd, or Ctrl-C.
#[derive(Debug)]
pub struct Endings {
    terminate: Signal,
    interrupt: Signal,
}

impl Endings {
    /// To be called before anything else, so that one that comes early isn't lost.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns when it is asked to, once for each time.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// That this process is asked to read its configuration again: SIGHUP.
#[derive(Debug)]
pub struct Reloads(Signal);

impl Reloads {
    pub fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    pub async fn next(&mut self) {
        self.0.recv().await;
    }
}

// Files.

/// Makes a folder for its owner alone, with those above it. Fine as well when it is there.
pub fn own_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a folder for its owner alone; an error when it is there.
pub fn new_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// How a file is opened that is for its owner alone, where it is made.
pub fn own_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Some of a file's bytes, from a position. Returns how many; 0: there are no more.
pub fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(bytes, offset)
}

pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// What was made or renamed in a folder is on the disk when this returns.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A file that one process holds; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held until it is dropped")] Flock<File>);

/// Why a lock isn't held.
#[derive(Debug, thiserror::Error)]
pub enum NoLock {
    #[error("another process is using it")]
    InUse,
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl Lock {
    /// Doesn't wait.
    pub fn take(path: &Path) -> Result<Self, NoLock> {
        let file = own_file().create(true).truncate(false).write(true).open(path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self(lock)),
            Err((_, Errno::EWOULDBLOCK)) => Err(NoLock::InUse),
            Err((_, other)) => Err(NoLock::Disk(other.into())),
        }
    }
}

// Threads.

/// Makes this thread so much nicer to all others: 0, as it is, to 19. On Linux a thread is nice, and not the process.
pub fn be_nice(by: i32) -> io::Result<i32> {
    Ok(rustix::process::nice(by)?)
}

// Time.

/// Milliseconds since the machine was started, in which it slept or not. Nobody sets this clock; it begins anew with the machine.
pub fn since_boot_ms() -> i64 {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    since.tv_sec.saturating_mul(1_000).saturating_add(since.tv_nsec / 1_000_000)
}

// Descriptors.

/// Raises the soft limit on open files to the hard one, as the system allows without asking anybody. Returns how many may be open.
pub fn raise_descriptors() -> usize {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok(hard)
    });
    let most = raised.unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit on open files could not be raised");
        getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft)
    });
    usize::try_from(most).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("a/b");
        own_folder(&folder).expect("made");
        own_folder(&folder).expect("it is there");
        assert!(new_folder(&folder).is_err());
        own_file().create(true).truncate(false).write(true).open(folder.join("key")).expect("made");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("key"))), (0o700, 0o600));
    }

    #[test]
    fn a_lock_keeps_a_second_one_out_until_it_is_let_go_of() {
        let dir = tempfile::tempdir().expect("a folder");
        let lock = Lock::take(&dir.path().join("lock")).expect("nobody has it");
        assert!(matches!(Lock::take(&dir.path().join("lock")), Err(NoLock::InUse)));
        drop(lock);
        Lock::take(&dir.path().join("lock")).expect("it was let go of");
        assert!(matches!(Lock::take(&dir.path().join("nowhere/lock")), Err(NoLock::Disk(_))));
    }

    #[test]
    fn the_clock_since_boot_goes_on() {
        let before = since_boot_ms();
        assert!(before > 0 && since_boot_ms() >= before);
    }

    #[test]
    fn the_soft_limit_reaches_the_hard_one() {
        let most = raise_descriptors();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("every Linux has this limit");
        assert_eq!((soft, usize::try_from(hard).unwrap_or(usize::MAX)), (hard, most));
    }
}
