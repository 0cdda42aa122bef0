//! What is removed when its time is over.
//!
//! | what | kept |
//! |---|---|
//! | journal (how its chain bears that: `journal.rs`), resolved incidents, acknowledgements, fixes, changes of checks | `[hub] keep`, 400 days unless told otherwise |
//! | outbox rows and refusals, the only places with addresses | `[hub] keep_addresses`, 90 days after the notice was settled |
//! | enrolment codes, revoked agents and what was taken of their spools | 90 days after they were of any use |
//! | everything about an open incident, and notices not yet sent | until it is over |

use std::time::Duration;

use super::journal::remove_before;
use super::write::Tx;
use super::{Store, StoreError, acknowledgements, fixes};
use crate::limits::CREDENTIALS_KEPT;
use crate::time::At;

/// What was removed because its time was over, in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    pub incidents: u64,
    pub journal: u64,
    pub transitions: u64,
    /// Outbox rows, and with them the recipients' addresses.
    pub notices: u64,
}

impl Store {
    /// Removes what is older than `keep`, and outbox rows (with their addresses) that were settled longer than
    /// `keep_addresses` ago. To be called once a day.
    pub async fn prune(
        &self,
        now: At,
        keep: Duration,
        keep_addresses: Duration,
    ) -> Result<Pruned, StoreError> {
        self.remove(now, now - keep, now - keep_addresses, now - CREDENTIALS_KEPT)
            .await
            .map_err(|error| StoreError::of(&self.inner.file, &error))
    }

    async fn remove(
        &self,
        now: At,
        before: At,
        addresses_before: At,
        credentials_before: At,
    ) -> Result<Pruned, sqlx::Error> {
        let _turn = self.inner.turn.lock().await;
        let writer = &self.inner.writer;
        let mut tx = writer.begin().await?;
        let removed = remove_rows(&mut tx, now, before, addresses_before).await;
        let removed = match removed {
            Ok(pruned) => remove_credentials(&mut tx, credentials_before).await.map(|()| pruned),
            Err(error) => Err(error),
        };
        let pruned = match removed {
            Ok(pruned) => pruned,
            Err(error) => {
                writer.roll_back(tx).await;
                return Err(error);
            }
        };
        writer.commit(tx).await?;
        // The log still holds what was removed until it is folded into the file.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&writer.pool).await?;
        sqlx::query("PRAGMA incremental_vacuum").execute(&writer.pool).await?;
        Ok(pruned)
    }
}

/// Codes and agents that have been of no use since before then.
async fn remove_credentials(tx: &mut Tx, before: At) -> Result<(), sqlx::Error> {
    for old in
        ["DELETE FROM enrolment_codes WHERE valid_until < ?", "DELETE FROM agents WHERE revoked_at < ?"]
    {
        sqlx::query(old).bind(before.as_millis()).execute(&mut **tx).await?;
    }
    Ok(())
}

async fn remove_rows(tx: &mut Tx, now: At, before: At, addresses_before: At) -> Result<Pruned, sqlx::Error> {
    // Outbox rows are all that an address is in, and never outlive their incident's own record.
    let notices = sqlx::query(
        "DELETE FROM notices WHERE changed_at < ? AND state NOT IN ('queued', 'held', 'kept')
         AND incident NOT IN (SELECT id FROM incidents WHERE resolved_at IS NULL)",
    )
    .bind(addresses_before.max(before).as_millis())
    .execute(&mut **tx)
    .await?
    .rows_affected();
    sqlx::query("DELETE FROM refusals WHERE last_at < ?")
        .bind(addresses_before.max(before).as_millis())
        .execute(&mut **tx)
        .await?;
    // The last stays, so that its number isn't given twice.
    sqlx::query("DELETE FROM mutes WHERE until_at < ? AND number < (SELECT max(number) FROM mutes)")
        .bind(before.as_millis())
        .execute(&mut **tx)
        .await?;
    sqlx::query("UPDATE retention SET journal_before = max(journal_before, ?)")
        .bind(before.as_millis())
        .execute(&mut **tx)
        .await?;
    let journal = remove_before(tx, now, before).await?;
    acknowledgements::remove_before(tx, before).await?;
    fixes::remove_before(tx, before).await?;
    let incidents = sqlx::query(
        "DELETE FROM incidents WHERE resolved_at < ? AND id NOT IN (SELECT incident FROM journal)",
    )
    .bind(before.as_millis())
    .execute(&mut **tx)
    .await?
    .rows_affected();
    let transitions = sqlx::query("DELETE FROM transitions WHERE at < ?")
        .bind(before.as_millis())
        .execute(&mut **tx)
        .await?
        .rows_affected();
    Ok(Pruned { incidents, journal, transitions, notices })
}
