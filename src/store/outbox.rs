//! The fate of notices: what became of each attempt, and what is asked of the outbox by people.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::read::notice;
use super::write::{self, Tx};
use super::{Settlement, Store, StoreError};
use crate::limits;
use crate::notify::policy::TOLD_IN;
use crate::notify::{Notice, Try, TryOutcome};
use crate::time::At;

/// A notice, and everything that became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    pub notice: Notice,
    /// When it was last changed: planned, tried, or settled.
    pub changed_at: At,
    /// Oldest first; the latest [`limits::TRIES_KEPT`].
    pub tries: Vec<TryRow>,
    /// When the recipient acknowledged the incident, having had this.
    pub acknowledged: Option<At>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryRow {
    pub at: At,
    pub channel: String,
    pub via: String,
    pub outcome: String,
    pub answer: String,
}

/// A recipient whose last try was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalRow {
    pub recipient: String,
    pub channel: String,
    pub since: At,
    pub last_at: At,
    /// How often since.
    pub refused: u32,
    pub answer: String,
    /// Their mails were accepted, and came back for good.
    pub bounced: bool,
    /// As whom they were written to when that happened last.
    pub about: Option<String>,
}

pub(super) async fn record_try(tx: &mut Tx, settlement: &Settlement, tried: &Try) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO tries (notice, number, at, channel, via, outcome, answer)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&settlement.notice)
    .bind(settlement.attempts)
    .bind(settlement.at.as_millis())
    .bind(tried.channel.as_str())
    .bind(&tried.via)
    .bind(tried.outcome.as_str())
    .bind(&tried.answer)
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM tries WHERE notice = ? AND number <= ?")
        .bind(&settlement.notice)
        .bind(i64::from(settlement.attempts) - i64::from(limits::TRIES_KEPT))
        .execute(&mut **tx)
        .await?;
    match tried.outcome {
        TryOutcome::Refused => refused(tx, settlement, tried).await,
        TryOutcome::Accepted => sqlx::query(
            "DELETE FROM refusals WHERE channel = ? AND bounced = 0
                 AND recipient = (SELECT lower(recipient) FROM notices WHERE id = ?)",
        )
        .bind(tried.channel.as_str())
        .bind(&settlement.notice)
        .execute(&mut **tx)
        .await
        .map(drop),
        TryOutcome::Deferred | TryOutcome::Unknown | TryOutcome::Unsendable => Ok(()),
    }
}

async fn refused(tx: &mut Tx, settlement: &Settlement, tried: &Try) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO refusals (recipient, channel, since, last_at, refused, answer)
         SELECT lower(recipient), ?2, ?3, ?3, 1, ?4 FROM notices WHERE id = ?1
         ON CONFLICT DO UPDATE SET last_at = ?3, refused = refused + 1, answer = ?4 WHERE last_at < ?3",
    )
    .bind(&settlement.notice)
    .bind(tried.channel.as_str())
    .bind(settlement.at.as_millis())
    .bind(&tried.answer)
    .execute(&mut **tx)
    .await
    .map(drop)
}

impl Store {
    /// How many notices each outlet has taken since then.
    pub async fn accepted_since(&self, since: At) -> Result<BTreeMap<String, u32>, StoreError> {
        self.read(async {
            let rows = sqlx::query(
                "SELECT via, count(*) AS sent FROM tries WHERE outcome = 'accepted' AND at > ? GROUP BY via",
            )
            .bind(since.as_millis())
            .fetch_all(&self.inner.readers)
            .await?;
            rows.iter().map(|row| Ok((row.try_get("via")?, row.try_get("sent")?))).collect()
        })
        .await
    }

    /// When what this notice's reader got before it about its incident, by itself or in a digest, was said: the time of that event.
    /// `None`: they got nothing.
    pub async fn last_told(&self, notice: &Notice) -> Result<Option<At>, StoreError> {
        let (who, practices) = write::audience_columns(&notice.audience);
        self.read(async {
            let row = sqlx::query(
                "SELECT max(n.event_at) AS last FROM notices n
                 WHERE n.incident = ?1 AND n.id <> ?2 AND lower(n.recipient) = lower(?3)
                     AND n.audience IS ?4 AND (n.practices IS NULL) = ?5
                     AND (n.state = 'accepted' OR (n.state = 'withheld' AND EXISTS (
                         SELECT 1 FROM notices d WHERE d.id = substr(n.why, ?6) AND d.state = 'accepted'
                     ) AND n.why = ?7 || substr(n.why, ?6)))",
            )
            .bind(&notice.incident)
            .bind(&notice.id)
            .bind(&notice.recipient)
            .bind(who)
            .bind(practices.is_none())
            .bind(i64::try_from(TOLD_IN.len() + 1).unwrap_or(i64::MAX))
            .bind(TOLD_IN)
            .fetch_one(&self.inner.readers)
            .await?;
            Ok(row.try_get::<Option<i64>, _>("last")?.map(At::from_millis))
        })
        .await
    }

    /// Notices with what became of them, oldest first: those of an incident, or of all; the latest
    /// [`limits::OUTBOX_LISTED_MAX`], those included that are settled only when `settled`.
    pub async fn fates(&self, incident: Option<&str>, settled: bool) -> Result<Vec<Fate>, StoreError> {
        self.read(async {
                let rows = sqlx::query(
                    "SELECT n.id, n.incident, n.event_at, n.event_kind, n.kind, n.practices, n.audience, n.recipient,
                            n.thread, n.due, n.state, n.why, n.changed_at,
                            CASE n.state WHEN 'accepted' THEN (
                                SELECT min(a.at) FROM acknowledgements a
                                WHERE a.incident IN
                                    (n.incident, (SELECT i.merged_into FROM incidents i WHERE i.id = n.incident))
                                AND instr(n.id, '.' || a.person) > 0 AND a.at >= n.due
                            ) END AS acknowledged_at
                     FROM notices n
                     WHERE (?1 IS NULL OR n.incident = ?1) AND (?2 OR n.state IN ('queued', 'held', 'kept'))
                     ORDER BY n.seq DESC LIMIT ?3",
                )
                .bind(incident)
                .bind(settled)
                .bind(i64::try_from(limits::OUTBOX_LISTED_MAX).unwrap_or(i64::MAX))
                .fetch_all(&self.inner.readers)
                .await?;
                let mut fates = Vec::with_capacity(rows.len());
                for row in rows.iter().rev() {
                    let notice = notice(row)?;
                    let tries = sqlx::query(
                        "SELECT at, channel, via, outcome, answer FROM tries WHERE notice = ? ORDER BY number",
                    )
                    .bind(&notice.id)
                    .fetch_all(&self.inner.readers)
                    .await?;
                    let tries = tries.iter().map(try_row).collect::<Result<_, _>>()?;
                    let changed_at = At::from_millis(row.try_get("changed_at")?);
                    let acknowledged = row.try_get::<Option<i64>, _>("acknowledged_at")?.map(At::from_millis);
                    fates.push(Fate { notice, changed_at, tries, acknowledged });
                }
                Ok(fates)
            })
        .await
    }

    /// Recipients whose last try was refused, or whose mails come back, by address. One whose mail was accepted afterwards, and hasn't
    /// come back for [`limits::BOUNCE_PROVEN_AFTER`], is well again.
    pub async fn refusals(&self, now: At) -> Result<Vec<RefusalRow>, StoreError> {
        self.read(async {
            let rows = sqlx::query(
                "SELECT recipient, channel, since, last_at, refused, answer, bounced, about FROM refusals r
                 WHERE bounced = 0 OR NOT EXISTS (
                     SELECT 1 FROM tries t CROSS JOIN notices n ON n.id = t.notice
                     WHERE lower(n.recipient) = r.recipient AND n.state = 'accepted'
                     AND t.channel = r.channel AND t.outcome = 'accepted' AND t.at > r.last_at AND t.at < ?)
                 ORDER BY recipient, channel LIMIT ?",
            )
            .bind((now - limits::BOUNCE_PROVEN_AFTER).as_millis())
            .bind(i64::try_from(limits::OUTBOX_LISTED_MAX).unwrap_or(i64::MAX))
            .fetch_all(&self.inner.readers)
            .await?;
            rows.iter().map(refusal_row).collect()
        })
        .await
    }
}

fn try_row(row: &SqliteRow) -> Result<TryRow, sqlx::Error> {
    Ok(TryRow {
        at: At::from_millis(row.try_get("at")?),
        channel: row.try_get("channel")?,
        via: row.try_get("via")?,
        outcome: row.try_get("outcome")?,
        answer: row.try_get("answer")?,
    })
}

fn refusal_row(row: &SqliteRow) -> Result<RefusalRow, sqlx::Error> {
    Ok(RefusalRow {
        recipient: row.try_get("recipient")?,
        channel: row.try_get("channel")?,
        since: At::from_millis(row.try_get("since")?),
        last_at: At::from_millis(row.try_get("last_at")?),
        refused: row.try_get("refused")?,
        answer: row.try_get("answer")?,
        bounced: row.try_get("bounced")?,
        about: row.try_get("about")?,
    })
}
