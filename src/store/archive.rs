//! Up to where the archive of observations counts, and what it let go of.

use sqlx::Row;

use super::journal::append as journal;
use super::write::Tx;
use super::{Store, StoreError};
use crate::archive::Position;
use crate::time::At;

impl Store {
    /// Up to where the archive counts; `None`: nothing was ever committed.
    pub async fn archive_position(&self) -> Result<Option<Position>, StoreError> {
        self.read(async {
            let row =
                sqlx::query("SELECT volume, bytes FROM archive").fetch_optional(&self.inner.readers).await?;
            row.map(|row| {
                let number = |column| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
                Ok(Position { volume: number("volume")?, bytes: number("bytes")? })
            })
            .transpose()
        })
        .await
    }

    /// Writes lines about the archive into the journal: JSON.
    pub async fn record_about_archive(&self, at: At, lines: &[String]) -> Result<(), StoreError> {
        self.commit_now(async |tx| {
            for line in lines {
                // It belongs to no incident.
                journal(tx, at, "archive", "", line).await?;
            }
            Ok(())
        })
        .await
    }
}

pub(super) async fn put_position(tx: &mut Tx, at: Position) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO archive (one, volume, bytes) VALUES (1, ?, ?)")
        .bind(at.volume.cast_signed())
        .bind(at.bytes.cast_signed())
        .execute(&mut **tx)
        .await
        .map(drop)
}
