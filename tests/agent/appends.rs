//! Tells when a process has changed its files for the n-th time, so that it can be killed there and not at a time of the clock.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::path::PathBuf;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::unix::AsyncFd;

use crate::stage::DEADLINE;

/// Changes of files in some folders: each write, and each file that appears, goes or is renamed.
pub struct Appends(AsyncFd<Watched>);

struct Watched(Inotify);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Appends {
    /// From now on, to files directly in these folders.
    pub fn to(folders: &[PathBuf]) -> Self {
        let watched = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).unwrap();
        let changes = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_TO;
        for folder in folders {
            watched.add_watch(folder, changes).unwrap();
        }
        Self(AsyncFd::new(Watched(watched)).unwrap())
    }

    /// Returns with the n-th. Two writes to one file, of which nobody has read yet, count as one.
    pub async fn nth(&self, n: u64) {
        let all = async {
            let mut seen = 0;
            while seen < n {
                let mut ready = self.0.readable().await.unwrap();
                let read = |fd: &AsyncFd<Watched>| fd.get_ref().0.read_events().map_err(io::Error::from);
                if let Ok(events) = ready.try_io(read) {
                    seen += events.unwrap().len() as u64;
                }
            }
        };
        tokio::time::timeout(DEADLINE, all).await.expect("its files change");
    }
}
