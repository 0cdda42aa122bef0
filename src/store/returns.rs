//! Mails that were accepted and came back.

use std::sync::Arc;

use serde_json::to_string;
use sqlx::Row;

use super::journal::append as journal;
use super::read::{event, notice, select_notices};
use super::write::{Tx, Write};
use super::{Store, StoreError};
use crate::incident::Event;
use crate::journal::body::{self, NoticeFate};
use crate::limits::{BOUNCE_COUNTS_FOR, TRIES_KEPT};
use crate::notify::bounce::{ReturnOutcome, Returned};
use crate::notify::policy::person;
use crate::notify::{Channel, Notice};
use crate::time::At;

/// A notice that may have left, and what is to be known when it comes back.
#[derive(Debug, Clone)]
pub struct Sent {
    pub notice: Notice,
    /// The event that it tells of; `None`: it isn't kept any more.
    pub event: Option<Arc<Event>>,
    /// The number of its last try.
    pub attempts: u32,
    /// Nothing was planned for the same person about the same incident since.
    pub is_latest: bool,
    /// Channels beside e-mail that it was tried by and can't leave by, or has left by.
    pub tried_by: Vec<String>,
}

/// Whether the same was said of the mail before, since it was last accepted.
macro_rules! said_before {
    () => {
        "EXISTS (SELECT 1 FROM tries WHERE notice = ?1 AND outcome = ?2 AND via = ?3 AND answer = ?4
                 AND number > (SELECT coalesce(max(number), 0) FROM tries
                               WHERE notice = ?1 AND channel = 'email' AND outcome = 'accepted'))"
    };
}

/// The number of a notice's last try; that of what it says of itself, where the tries are gone.
macro_rules! last_try {
    () => {
        "max(n.attempts, coalesce((SELECT max(t.number) FROM tries t WHERE t.notice = n.id), 0))"
    };
}

impl Store {
    /// A notice by its id. `None`: there is none, or its address is no longer kept.
    pub async fn sent(&self, id: &str) -> Result<Option<Sent>, StoreError> {
        self.read(async {
            let row = sqlx::query(select_notices!("WHERE n.id = ?"))
                .bind(id)
                .fetch_optional(&self.inner.readers)
                .await?;
            let Some(row) = row else { return Ok(None) };
            let notice = notice(&row)?;
            let event = row.try_get::<Option<&str>, _>("body")?.map(|_| event(&row)).transpose()?;
            let attempts =
                sqlx::query_scalar(concat!("SELECT ", last_try!(), " FROM notices n WHERE n.id = ?"))
                    .bind(id)
                    .fetch_one(&self.inner.readers)
                    .await?;
            let later: i64 = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM notices n JOIN notices own ON own.id = ?1
                     WHERE n.incident = own.incident AND n.seq > own.seq AND n.state <> 'withheld'
                     AND instr(n.id, '.' || ?2) > 0)",
            )
            .bind(id)
            .bind(person(&notice.audience, &notice.recipient))
            .fetch_one(&self.inner.readers)
            .await?;
            let tried_by = sqlx::query_scalar(
                "SELECT DISTINCT channel FROM tries WHERE notice = ? AND channel <> 'email'
                 AND outcome IN ('accepted', 'refused', 'unsendable') ORDER BY channel",
            )
            .bind(id)
            .fetch_all(&self.inner.readers)
            .await?;
            let is_latest = later == 0;
            Ok(Some(Sent { notice, event: event.map(Arc::new), attempts, is_latest, tried_by }))
        })
        .await
    }

    /// Whether the same was recorded of the mail before.
    pub async fn was_returned(&self, returned: &Returned) -> Result<bool, StoreError> {
        self.read(async {
            let known: i64 = sqlx::query_scalar(concat!("SELECT ", said_before!()))
                .bind(&returned.notice)
                .bind(returned.outcome.as_str())
                .bind(&returned.via)
                .bind(&returned.answer)
                .fetch_one(&self.inner.readers)
                .await?;
            Ok(known != 0)
        })
        .await
    }

    /// Records that a mail came back. An error means that it is kept in memory and written when the disk is back.
    pub async fn returned(&self, returned: Returned) -> Result<(), StoreError> {
        self.write(Write::Return(returned.into())).await
    }
}

/// Doing it twice changes nothing.
pub(super) async fn record(tx: &mut Tx, returned: &Returned) -> Result<(), sqlx::Error> {
    let number: Option<u32> =
        sqlx::query_scalar(concat!("SELECT ", last_try!(), " + 1 FROM notices n WHERE n.id = ?"))
            .bind(&returned.notice)
            .fetch_optional(&mut **tx)
            .await?;
    let Some(number) = number else { return Ok(()) };
    let added = sqlx::query(concat!(
        "INSERT INTO tries (notice, outcome, via, answer, number, at, channel)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, 'email' WHERE NOT ",
        said_before!()
    ))
    .bind(&returned.notice)
    .bind(returned.outcome.as_str())
    .bind(&returned.via)
    .bind(&returned.answer)
    .bind(number)
    .bind(returned.at.as_millis())
    .execute(&mut **tx)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query("DELETE FROM tries WHERE notice = ? AND number <= ?")
        .bind(&returned.notice)
        .bind(i64::from(number) - i64::from(TRIES_KEPT))
        .execute(&mut **tx)
        .await?;
    sqlx::query("UPDATE notices SET attempts = ?, changed_at = ? WHERE id = ?")
        .bind(number)
        .bind(returned.at.as_millis())
        .bind(&returned.notice)
        .execute(&mut **tx)
        .await?;
    if returned.outcome == ReturnOutcome::Bounced {
        let state = if returned.leaves_again { "queued" } else { "rejected" };
        sqlx::query("UPDATE notices SET state = ?, why = ? WHERE id = ? AND state = 'accepted'")
            .bind(state)
            .bind(&returned.why)
            .bind(&returned.notice)
            .execute(&mut **tx)
            .await?;
    }
    if returned.is_permanent {
        comes_back(tx, returned).await?;
    }
    let body = NoticeFate {
        id: Some(returned.notice.clone()),
        notice: returned.kind.as_str().to_owned(),
        channel: Channel::Email.as_str().to_owned(),
        whom: returned.audience.label(),
        outcome: returned.outcome.as_str().to_owned(),
        why: Some(returned.why.clone()),
        via: Some(returned.via.clone()),
        answer: Some(returned.answer.clone()),
    };
    let body = to_string(&body).map_err(|error| sqlx::Error::Encode(error.into()))?;
    journal(tx, returned.at, body::NOTICE, &returned.incident, &body).await.map(drop)
}

/// The recipient's mails come back. What they did long ago is another story.
async fn comes_back(tx: &mut Tx, returned: &Returned) -> Result<(), sqlx::Error> {
    let since: At = returned.at - BOUNCE_COUNTS_FOR;
    sqlx::query(
        "INSERT INTO refusals (recipient, channel, since, last_at, refused, answer, bounced, about)
         SELECT lower(recipient), 'email', ?2, ?2, 1, ?3, 1, ?4 FROM notices WHERE id = ?1
         ON CONFLICT DO UPDATE SET since = CASE WHEN last_at < ?5 THEN ?2 ELSE since END,
             refused = CASE WHEN last_at < ?5 THEN 1 ELSE refused + 1 END,
             last_at = ?2, answer = ?3, bounced = 1, about = ?4",
    )
    .bind(&returned.notice)
    .bind(returned.at.as_millis())
    .bind(&returned.why)
    .bind(returned.audience.label())
    .bind(since.as_millis())
    .execute(&mut **tx)
    .await
    .map(drop)
}
