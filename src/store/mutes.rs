//! Mutes, and what is kept for later: what the policy's memory of routing is made from after a restart.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::journal::append;
use super::read::{event, notice, select_notices};
use super::write::Tx;
use super::{Store, StoreError};
use crate::incident::Event;
use crate::journal::body::{MUTE, MuteTurn, Muting};
use crate::limits::{NOTICES_HOUR, OUTBOX_LOADED_MAX};
use crate::notify::Notice;
use crate::notify::policy::Left;
use crate::notify::policy::mute::Mute;
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
            by: by.to_owned(),
            reason: mute.reason.clone(),
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
        self.read(async {
            let most = i64::try_from(OUTBOX_LOADED_MAX).unwrap_or(i64::MAX);
            let recent = sqlx::query(select_notices!("WHERE n.due > ? ORDER BY n.seq DESC LIMIT ?"))
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
            let mutes = sqlx::query(
                "SELECT number, muted, from_at, until_at, by, reason FROM mutes WHERE until_at > ? ORDER BY number",
            )
            .bind(now.as_millis())
            .fetch_all(&self.inner.readers)
            .await?;
            let with_event = |row: &SqliteRow| Ok::<(Notice, Event), sqlx::Error>((notice(row)?, event(row)?));
            Ok(Left {
                recent: recent.iter().rev().map(notice).collect::<Result<_, _>>()?,
                kept: kept.iter().map(with_event).collect::<Result<_, _>>()?,
                folded: folded.iter().map(with_event).collect::<Result<_, _>>()?,
                mutes: mutes.iter().map(mute).collect::<Result<_, _>>()?,
            })
        })
        .await
    }
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
