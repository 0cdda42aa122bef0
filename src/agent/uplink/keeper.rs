//! From the checks to the spool: every result is on the disk before it is sent. The disk is waited for apart from everything else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::agent::clock::{self, Clocks};
use crate::agent::site::Site;
use crate::agent::spool::Spool;
use crate::agent::workers::Report;
use crate::limits::{REPORT_BATCH, SPOOL_SYNC_AFTER};

/// The spool, as those who fill and those who empty it share it. Whoever waits for it waits for the disk.
pub type SharedSpool = Arc<Mutex<Spool>>;

/// The spool, for as long as a call to it takes. For blocking threads.
pub fn lock(spool: &SharedSpool) -> MutexGuard<'_, Spool> {
    // A call that panicked half-way left at worst a record that is read again.
    spool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something done with the spool, beside the runtime. `None`: the runtime is being shut down.
pub async fn with<T: Send + 'static>(
    spool: &SharedSpool,
    work: impl FnOnce(&mut Spool) -> T + Send + 'static,
) -> Option<T> {
    let spool = spool.clone();
    tokio::task::spawn_blocking(move || work(&mut lock(&spool))).await.ok()
}

/// Keeps what is reported until nobody reports any more. `news`: the highest number that may be sent.
/// The page hears of it first: it must say what is so although the disk hangs.
pub async fn keep(
    mut reports: mpsc::Receiver<Report>,
    spool: SharedSpool,
    site: Arc<Site>,
    news: watch::Sender<u64>,
) {
    let mut batch = Vec::new();
    loop {
        let open = reports.recv_many(&mut batch, REPORT_BATCH).await > 0;
        // What comes within this time goes to the disk together.
        let until = tokio::time::Instant::now() + SPOOL_SYNC_AFTER;
        while open && batch.len() < REPORT_BATCH {
            match tokio::time::timeout_at(until, reports.recv()).await {
                Ok(Some(report)) => batch.push(report),
                Ok(None) | Err(_) => break,
            }
        }
        for report in &batch {
            site.take(&report.seen);
        }
        let reports = std::mem::take(&mut batch);
        let sendable = with(&spool, move |spool| {
            let clocks = Clocks::read();
            spool.look_at_clocks(clocks);
            for report in reports {
                let seen = spool.by_this_clock(report.seen, clocks);
                spool.append(seen);
            }
            spool.sync(clock::now());
            for remark in spool.remarks() {
                tracing::warn!("spool: {remark}");
            }
            spool.sendable()
        })
        .await;
        if let Some(sendable) = sendable {
            news.send_replace(sendable);
        }
        if !open {
            return;
        }
    }
}
