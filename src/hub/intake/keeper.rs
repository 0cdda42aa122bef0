//! The one task that writes batches: as many as wait go into one transaction, so that the disk has to be sure once for all of them.

use tokio::sync::{mpsc, oneshot};

use crate::limits::KEEPER_BATCHES_MAX;
use crate::store::{BatchRow, Store, StoreError};

/// A batch to write.
pub struct Job {
    pub row: BatchRow,
    /// Told when it is on the disk, or isn't.
    pub done: oneshot::Sender<Result<(), StoreError>>,
}

/// Writes until nobody can bring anything any more.
pub async fn keep(store: Store, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = Vec::new();
    while jobs.recv_many(&mut waiting, KEEPER_BATCHES_MAX).await > 0 {
        let (rows, told): (Vec<BatchRow>, Vec<_>) = waiting.drain(..).map(|job| (job.row, job.done)).unzip();
        let done = store.record_batches(&rows).await;
        for told in told {
            // Who asked may have gone away.
            drop(told.send(done.clone()));
        }
    }
}
