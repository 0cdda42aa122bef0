//! Reads the journal of a data folder, whether a linewatch runs on it or not, and without a lock: evidence must be readable when
//! the hub is dead, and whoever checks it needn't trust a process to tell the truth about its own file.

use std::path::{Path, PathBuf};

use futures::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::StoreError;
use super::journal::{base_of, tip_of};
use crate::journal::coverage::MeasuredUntil;
use crate::journal::{Checked, Head, JournalKey, Kept, Removed, Tip, Verifier};
use crate::limits::STORE_WRITE_TIMEOUT;
use crate::spans::Spans;
use crate::time::At;

/// The journal of one data folder, at one moment: what is written meanwhile isn't seen.
pub struct JournalReader {
    file: PathBuf,
    connection: SqliteConnection,
    public_key: Option<String>,
}

impl JournalReader {
    /// Opens the file for reading. Nothing is made, changed or locked.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        let file = dir.join("linewatch.db");
        if !file.exists() {
            return Err(StoreError::Folder {
                dir: dir.to_owned(),
                why: "there is no linewatch.db in it".to_owned(),
            });
        }
        let of = |error: &sqlx::Error| StoreError::of(&file, error);
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .read_only(true)
            .busy_timeout(STORE_WRITE_TIMEOUT)
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|error| of(&error))?;
        sqlx::query("BEGIN").execute(&mut connection).await.map_err(|error| of(&error))?;
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info('journal')")
            .fetch_all(&mut connection)
            .await
            .map_err(|error| of(&error))?;
        if columns.is_empty() {
            return Err(StoreError::Corrupt { file, why: "there is no journal in it".to_owned() });
        }
        if !columns.iter().any(|name| name == "hash") {
            return Err(StoreError::Older { file });
        }
        let public_key = JournalKey::read(dir).ok().map(|key| key.public());
        Ok(Self { file, connection, public_key })
    }

    /// Hands each entry that is kept to `take`, in order, and verifies the chain on the way. `given`: a head that left the
    /// folder.
    pub async fn walk(
        &mut self,
        given: Option<Head>,
        mut take: impl FnMut(Kept<'_>),
    ) -> Result<Checked, StoreError> {
        let base = self.one("SELECT seq, hash FROM journal_base").await?;
        let base = base.as_ref().map(base_of).transpose().map_err(|error| self.error(&error))?;
        let tip = self.tip().await?;
        let removed = self.all("SELECT seq, at, content, hash FROM journal_removed ORDER BY seq").await?;
        let heads = self.heads().await?.iter().filter_map(|(_, line)| line.parse().ok()).collect();
        let mut verifier = Verifier::new(base, heads, given);
        let mut removed = removed.iter().peekable();
        let mut hand_removed = |verifier: &mut Verifier, before: i64| -> Result<(), sqlx::Error> {
            while let Some(row) = removed.peek() {
                let seq: i64 = row.try_get("seq")?;
                if seq >= before {
                    break;
                }
                let at = At::from_millis(row.try_get("at")?);
                verifier.removed(Removed {
                    seq,
                    at,
                    content: row.try_get("content")?,
                    hash: row.try_get("hash")?,
                });
                removed.next();
            }
            Ok(())
        };
        // As bytes, whatever the file says that they are: what was tampered with needn't be text any more.
        let mut rows = sqlx::query(
            "SELECT seq, CAST(at AS INTEGER) AS at, CAST(subject AS BLOB) AS subject, CAST(incident AS BLOB) AS incident,
                    CAST(body AS BLOB) AS body, CAST(coalesce(hash, '') AS BLOB) AS hash
             FROM journal ORDER BY seq",
        )
        .fetch(&mut self.connection);
        loop {
            let row = match rows.try_next().await {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => {
                    verifier.broke_off(&error.to_string());
                    break;
                }
            };
            let handed = kept(&row).and_then(|entry| {
                hand_removed(&mut verifier, entry.seq)?;
                Ok(entry)
            });
            match handed {
                Ok(entry) => {
                    verifier.kept(entry);
                    take(entry);
                }
                Err(error) => verifier.broke_off(&error.to_string()),
            }
        }
        drop(rows);
        hand_removed(&mut verifier, i64::MAX).map_err(|error| StoreError::of(&self.file, &error))?;
        Ok(verifier.end(tip, self.public_key.as_deref()))
    }

    /// Each day's signed line, oldest first.
    pub async fn heads(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.all("SELECT day, line FROM journal_heads ORDER BY day").await?;
        let lines: Result<Vec<_>, sqlx::Error> =
            rows.iter().map(|row| Ok((row.try_get("day")?, row.try_get("line")?))).collect();
        lines.map_err(|error| self.error(&error))
    }

    /// The last entry.
    pub async fn tip(&mut self) -> Result<Option<Tip>, StoreError> {
        let row = self.one("SELECT seq, at, hash FROM journal_tip").await?;
        row.as_ref().map(tip_of).transpose().map_err(|error| self.error(&error))
    }

    /// Until when linewatch was there to measure, as far as is known.
    pub async fn measured_until(&mut self) -> Result<Option<At>, StoreError> {
        let row = self.one("SELECT at FROM measured_until").await?;
        let at = row.map(|row| row.try_get(0).map(At::from_millis)).transpose();
        at.map_err(|error| self.error(&error))
    }

    /// Until when each agent measured, as far as the hub has it.
    pub async fn agents_measured_until(&mut self) -> Result<Vec<MeasuredUntil>, StoreError> {
        // A folder of a version that didn't know yet, which nobody has opened since.
        let columns = self.all("SELECT name FROM pragma_table_info('coverage')").await?;
        let has =
            |name: &str| columns.iter().any(|row| row.try_get::<&str, _>(0).is_ok_and(|own| own == name));
        let rows = match (has("measured"), has("agent")) {
            (false, _) => return Ok(Vec::new()),
            (true, false) => "SELECT practice, '' AS agent, measured FROM coverage ORDER BY practice",
            (true, true) => "SELECT practice, agent, measured FROM coverage ORDER BY practice, agent",
        };
        let rows = self.all(rows).await?;
        let of = |row: &SqliteRow| -> Result<Option<MeasuredUntil>, sqlx::Error> {
            let measured: Spans = serde_json::from_str(row.try_get("measured")?)
                .map_err(|error| sqlx::Error::Decode(error.into()))?;
            let (practice, agent) = (row.try_get("practice")?, row.try_get("agent")?);
            Ok(measured.hull().map(|(_, until)| MeasuredUntil { practice, agent, until }))
        };
        let rows: Result<Vec<_>, _> = rows.iter().map(of).collect();
        Ok(rows.map_err(|error| self.error(&error))?.into_iter().flatten().collect())
    }

    async fn one(&mut self, query: &'static str) -> Result<Option<SqliteRow>, StoreError> {
        let row = sqlx::query(query).fetch_optional(&mut self.connection).await;
        row.map_err(|error| self.error(&error))
    }

    async fn all(&mut self, query: &'static str) -> Result<Vec<SqliteRow>, StoreError> {
        let rows = sqlx::query(query).fetch_all(&mut self.connection).await;
        rows.map_err(|error| self.error(&error))
    }

    fn error(&self, error: &sqlx::Error) -> StoreError {
        StoreError::of(&self.file, error)
    }

    pub async fn close(self) {
        // Only what was read is let go of.
        drop(self.connection.close().await);
    }
}

fn kept(row: &SqliteRow) -> Result<Kept<'_>, sqlx::Error> {
    Ok(Kept {
        seq: row.try_get("seq")?,
        at: At::from_millis(row.try_get("at")?),
        subject: row.try_get("subject")?,
        incident: row.try_get("incident")?,
        body: row.try_get("body")?,
        hash: row.try_get("hash")?,
    })
}
