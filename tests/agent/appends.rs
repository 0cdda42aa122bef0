//! Tells when a process has changed its files for the n-th time, so that it can be killed there and not at a time of the clock.

use std::path::PathBuf;
use std::sync::Arc;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use tokio::sync::watch;

use crate::stage::DEADLINE;

/// Changes of files in some folders: each write, and each file that appears, goes or is renamed.
pub struct Appends {
    seen: watch::Receiver<u64>,
    inotify: Arc<Inotify>,
    folders: Vec<WatchDescriptor>,
}

impl Appends {
    /// From now on, to files directly in these folders.
    pub fn to(folders: &[PathBuf]) -> Self {
        let inotify = Arc::new(Inotify::init(InitFlags::IN_CLOEXEC).unwrap());
        let changes = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_TO;
        let folders = folders.iter().map(|folder| inotify.add_watch(folder, changes).unwrap()).collect();
        let (count, seen) = watch::channel(0);
        let reader = inotify.clone();
        std::thread::spawn(move || {
            while let Ok(events) = reader.read_events() {
                let news = events.iter().filter(|event| event.mask.intersects(changes)).count();
                count.send_modify(|count| *count += news as u64);
                if events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_IGNORED)) {
                    return;
                }
            }
        });
        Self { seen, inotify, folders }
    }

    /// Returns with the n-th. Two writes to one file, of which nobody has read yet, count as one.
    pub async fn nth(mut self, n: u64) {
        let all = self.seen.wait_for(|seen| *seen >= n);
        drop(tokio::time::timeout(DEADLINE, all).await.expect("its files change").unwrap());
    }
}

impl Drop for Appends {
    /// Which its reader hears.
    fn drop(&mut self) {
        for folder in &self.folders {
            self.inotify.rm_watch(*folder).unwrap_or_default();
        }
    }
}
