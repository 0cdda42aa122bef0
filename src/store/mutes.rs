//! Mutes, and what is kept for later: what the policy's memory of routing is made from after a restart.

use std::sync::Arc;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::journal::append;
use super::read::{event, notice, select_notices};
use super::write::Tx;
use super::{Store, StoreError};
use crate::incident::Event;
use crate::journal::body::{MUTE, MuteTurn, Muting};
use crate::limits::{MERGERS_FOLLOWED_MAX, NOTICE_REMEMBERED, NOTICES_HOUR, OUTBOX_LOADED_MAX};
use crate::notify::masked::anonymous;
use crate::notify::policy::mute::{Mute, Muted};
use crate::notify::policy::{LET_GO, Left, Row};
use crate::time::At;

/// Records a mute as it is now: that it began, or that somebody ended it.
pub(super) async fn record_mute(tx: &mut Tx, at: At, mute: &Mute, turn: &Muting) -> Result<(), sqlx::Error> {
    let muted = serde_json::to_string(&mute.muted).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let changed = sqlx::query(
        "INSERT INTO mutes (number, muted, from_at, until_at, by, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (number) DO UPDATE SET until_at = ?4 WHERE until_at <> ?4",
    )
    .bind(mute.number)
    .bind(muted)
    .bind(mute.from.as_millis())
    .bind(mute.until.as_millis())
    .bind(&mute.by)
    .bind(&mute.reason)
    .execute(&mut **tx)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(());
    }
    let incident = mute.muted.incident().unwrap_or_default();
    let body = serde_json::to_string(turn).map_err(|error| sqlx::Error::Encode(error.into()))?;
    append(tx, at, MUTE, incident, &body).await.map(drop)
}

impl Store {
    /// Records that somebody muted something. An error means that it is kept in memory and written when the disk is back.
    pub async fn mute(&self, mute: &Mute) -> Result<(), StoreError> {
        self.record_mute(mute.from, mute, MuteTurn::Muted, &mute.by).await
    }

    /// Records that somebody ended a mute before its time, at its `until`.
    pub async fn end_mute(&self, mute: &Mute, by: &str) -> Result<(), StoreError> {
        self.record_mute(mute.until, mute, MuteTurn::Ended, by).await
    }

    async fn record_mute(&self, at: At, mute: &Mute, turn: MuteTurn, by: &str) -> Result<(), StoreError> {
        let turn = Muting {
            turn,
            number: mute.number,
            muted: mute.muted.to_string(),
            until: mute.until,
            by: anonymous(by),
            reason: mute.reason.as_deref().map(anonymous),
        };
        self.write(super::write::Write::Mute { at, mute: mute.clone().into(), turn: turn.into() }).await
    }

    /// The number that was given to a mute last; 0: none was.
    pub async fn last_mute(&self) -> Result<u32, StoreError> {
        self.read(async {
            sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM mutes")
                .fetch_one(&self.inner.readers)
                .await
        })
        .await
    }

    /// What the routing of notices goes on from at `now`.
    pub async fn routing_left(&self, now: At) -> Result<Left, StoreError> {
        let mut over = Vec::new();
        for event in self.ended_since(now - NOTICE_REMEMBERED).await? {
            over.push(self.planned_of(event).await?);
        }
        let mut left = self.notices_left(now).await?;
        for mute in &mut left.mutes {
            if let Muted::Incident { id } = &mut mute.muted {
                *id = self.goes_on_as(id).await?;
            }
        }
        Ok(Left { over, ..left })
    }

    async fn notices_left(&self, now: At) -> Result<Left, StoreError> {
        self.read(async {
            let most = i64::try_from(OUTBOX_LOADED_MAX).unwrap_or(i64::MAX);
            let recent = sqlx::query(select_notices!(
                "WHERE j.body IS NOT NULL AND (n.state IN ('queued', 'held') OR (n.state = 'accepted' AND n.changed_at > ?))
                 ORDER BY n.seq DESC LIMIT ?"
            ))
            .bind((now - NOTICES_HOUR).as_millis())
            .bind(most)
            .fetch_all(&self.inner.readers)
            .await?;
            let kept = sqlx::query(select_notices!(
                "WHERE n.state = 'kept' AND j.body IS NOT NULL ORDER BY n.seq LIMIT ?"
            ))
            .bind(most)
            .fetch_all(&self.inner.readers)
            .await?;
            let folded = sqlx::query(select_notices!(
                "WHERE n.state = 'withheld' AND j.body IS NOT NULL AND n.why IN
                     (SELECT 'told in ' || d.id FROM notices d WHERE d.state = 'queued' AND d.kind = 'digest')
                 ORDER BY n.seq LIMIT ?"
            ))
            .bind(most)
            .fetch_all(&self.inner.readers)
            .await?;
            let let_go = sqlx::query(select_notices!(
                "WHERE n.state = 'withheld' AND j.body IS NOT NULL AND n.why = ? AND NOT EXISTS
                     (SELECT 1 FROM notices d WHERE d.kind = 'digest' AND d.state <> 'queued' AND d.due >= n.changed_at
                      AND lower(d.recipient) = lower(n.recipient))
                 ORDER BY n.seq LIMIT ?"
            ))
            .bind(LET_GO)
            .bind(most)
            .fetch_all(&self.inner.readers)
            .await?;
            let refused: Vec<String> =
                sqlx::query_scalar(
                    "SELECT id FROM notices WHERE state = 'rejected'
                     AND (kind = 'digest' OR id IN (SELECT thread FROM notices WHERE kind = 'inherited' OR state = 'kept'))",
                )
                .fetch_all(&self.inner.readers)
                .await?;
            let digests = sqlx::query(
                "SELECT id, changed_at FROM notices WHERE kind = 'digest' AND state = 'accepted'",
            )
            .fetch_all(&self.inner.readers)
            .await?;
            let left_at = |row: &SqliteRow| {
                Ok::<_, sqlx::Error>((row.try_get("id")?, At::from_millis(row.try_get("changed_at")?)))
            };
            let mutes = sqlx::query(
                "SELECT number, muted, from_at, until_at, by, reason FROM mutes WHERE until_at > ? ORDER BY number",
            )
            .bind(now.as_millis())
            .fetch_all(&self.inner.readers)
            .await?;
            let rows = |rows: &[SqliteRow]| rows.iter().map(row).collect::<Result<Vec<_>, _>>();
            let mut recent = rows(&recent)?;
            recent.reverse();
            Ok(Left {
                over: Vec::new(),
                recent,
                kept: rows(&kept)?,
                folded: rows(&folded)?,
                let_go: rows(&let_go)?,
                refused: refused.into_iter().collect(),
                digests: digests.iter().map(left_at).collect::<Result<_, _>>()?,
                mutes: mutes.iter().map(mute).collect::<Result<_, _>>()?,
            })
        })
        .await
    }

    /// The notices that were told in a digest, in the order in which they were planned, with what they tell of.
    pub async fn told_in(&self, digest: &str) -> Result<Vec<Row>, StoreError> {
        self.read(async {
            let rows = sqlx::query(select_notices!(
                "WHERE n.state = 'withheld' AND j.body IS NOT NULL AND n.why = 'told in ' || ? ORDER BY n.seq LIMIT ?"
            ))
            .bind(digest)
            .bind(i64::try_from(OUTBOX_LOADED_MAX).unwrap_or(i64::MAX))
            .fetch_all(&self.inner.readers)
            .await?;
            rows.iter().map(row).collect()
        })
        .await
    }

    /// The last event of each incident that ended since then and goes on as no other.
    async fn ended_since(&self, since: At) -> Result<Vec<Event>, StoreError> {
        self.read(async {
            let rows = sqlx::query(
                "SELECT body FROM incidents i
                 JOIN journal ON seq = (SELECT max(seq) FROM events e WHERE e.incident = i.id)
                 WHERE i.resolved_at > ? ORDER BY i.resolved_at",
            )
            .bind(since.as_millis())
            .fetch_all(&self.inner.readers)
            .await?;
            rows.iter().map(event).collect()
        })
        .await
    }

    /// As what an incident goes on: itself, where it wasn't merged into another.
    async fn goes_on_as(&self, incident: &str) -> Result<String, StoreError> {
        let mut incident = incident.to_owned();
        for _ in 0..MERGERS_FOLLOWED_MAX {
            let into: Option<Option<String>> = self
                .read(async {
                    sqlx::query_scalar("SELECT merged_into FROM incidents WHERE id = ?")
                        .bind(&incident)
                        .fetch_optional(&self.inner.readers)
                        .await
                })
                .await?;
            match into.flatten() {
                Some(into) => incident = into,
                None => break,
            }
        }
        Ok(incident)
    }
}

fn row(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let changed = At::from_millis(row.try_get("changed_at")?);
    Ok(Row { notice: notice(row)?, event: Arc::new(event(row)?), changed })
}

fn mute(row: &SqliteRow) -> Result<Mute, sqlx::Error> {
    let muted: &str = row.try_get("muted")?;
    Ok(Mute {
        number: row.try_get("number")?,
        muted: serde_json::from_str(muted).map_err(|error| sqlx::Error::Decode(error.into()))?,
        from: At::from_millis(row.try_get("from_at")?),
        until: At::from_millis(row.try_get("until_at")?),
        by: row.try_get("by")?,
        reason: row.try_get("reason")?,
    })
}
