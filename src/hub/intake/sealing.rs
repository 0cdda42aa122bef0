//! What goes on beside the writing of the archive: full volumes are sealed, and the oldest let go of.
//!
//! Sealing reads a volume twice, sorts and packs it, and costs a quarter of what a hub spends on what it takes in (benches/README.md). It can
//! wait, and nobody
//! waits for it; so it has a thread of its own, which lets everything else go first where there is no processor to spare.

use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::agent::clock;
use crate::archive::keeping::{LetGo, Settings, prune, seal};
use crate::hub::background::Retention;
use crate::limits::{ARCHIVE_PRUNE_EVERY, SEAL_BEHIND_MAX, SEAL_NICE};
use crate::platform;
use crate::store::Store;

/// Seals what is closed, and lets go of what is too old or too much, until nobody can close any more.
pub async fn tend(
    store: Store,
    dir: PathBuf,
    unsealed: Vec<u64>,
    mut full: mpsc::Receiver<u64>,
    retention: watch::Receiver<Retention>,
) {
    for id in unsealed {
        seal_one(&dir, id, SEAL_NICE).await;
    }
    let mut tick = tokio::time::interval(ARCHIVE_PRUNE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            id = full.recv() => match id {
                Some(id) => {
                    let nice = if full.len() > SEAL_BEHIND_MAX { 0 } else { SEAL_NICE };
                    seal_one(&dir, id, nice).await;
                }
                None => return,
            },
            _ = tick.tick() => {}
        }
        let settings = retention.borrow().archive;
        prune_and_say(&store, &dir, settings).await;
    }
}

async fn seal_one(dir: &Path, id: u64, nice: i32) {
    let dir = dir.to_owned();
    match apart(nice, move || seal(&dir, id)).await.flatten() {
        Ok(0) => {}
        Ok(damages) => tracing::error!("the archive: volume {id} was damaged in {damages} places"),
        // It is whole as it is, only larger; the next start tries again.
        Err(error) => tracing::warn!("the archive: volume {id} could not be sealed: {error}"),
    }
}

/// Does something on a thread of its own that is so nice to all others: 0, as they are, to 19.
async fn apart<T: Send + 'static>(nice: i32, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    std::thread::Builder::new().name("sealing".to_owned()).spawn(move || {
        // Where it can't be it is as all others.
        if let Err(error) = platform::be_nice(nice) {
            tracing::debug!(%error, "volumes are sealed with the priority of all else");
        }
        // Whoever waits for it is gone when the hub stops.
        let _gone = done.send(work());
    })?;
    result.await.map_err(io::Error::other)
}

async fn prune_and_say(store: &Store, dir: &Path, settings: Settings) {
    let (dir, now) = (dir.to_owned(), clock::now());
    let pruned = tokio::task::spawn_blocking(move || prune(&dir, settings, now)).await;
    let gone = match pruned.map_err(std::io::Error::other).flatten() {
        Ok(gone) if gone.is_empty() => return,
        Ok(gone) => gone,
        Err(error) => {
            tracing::warn!("the archive: what is too old could not be let go of: {error}");
            return;
        }
    };
    let line = |gone: &LetGo| serde_json::json!({ "did": "let_go", "let_go": gone }).to_string();
    let lines: Vec<String> = gone.iter().map(line).collect();
    tracing::info!(volumes = gone.len(), "the archive let go of its oldest volumes");
    if let Err(error) = store.record_about_archive(now, &lines).await {
        tracing::warn!(%error, "what the archive let go of is not in the journal: {lines:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_apart_is_nice_and_nobody_else_is() {
        let nice = || platform::be_nice(0);
        let before = nice().expect("it can be read");
        let there = apart(SEAL_NICE, nice).await.flatten().expect("a thread");
        assert_eq!((there, nice().expect("it can be read")), ((before + SEAL_NICE).min(19), before));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_no_panic_here() {
        assert!(apart(0, || panic!("on purpose")).await.is_err_and(|_: io::Error| true));
    }
}
