//! Everything that is ever written. Each kind is idempotent, because a write whose answer got lost is written
//! again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::json;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqlitePool};

use super::journal::{append as journal, append_each, entries_of, record_measuring};
use super::mutes::record_mute;
use super::{BeatRow, Transition, acknowledgements, fixes, outbox, returns};
use crate::incident::{Event, EventKind};
use crate::journal::body::{self, Muting, NoticeFate, Planned, PlannedNotice, Turn};
use crate::limits::ROWS_PER_STATEMENT;
use crate::notify::bounce::Returned;
use crate::notify::masked::anonymous;
use crate::notify::policy::mute::Mute;
use crate::notify::{Acknowledgement, Audience, Channel, Fix, Notice, NoticeKind, NoticeState, Outcome, Try};
use crate::observation::Failure;
use crate::time::At;

#[derive(Debug, Clone)]
pub(super) enum Write {
    Event {
        event: Arc<Event>,
        notices: Arc<[Notice]>,
        settled: Arc<[Settlement]>,
    },
    Settle(Arc<Settlement>),
    /// `at`: when the hub had them.
    Transitions {
        at: At,
        transitions: Arc<[Transition]>,
    },
    Measuring {
        at: At,
        turn: Turn,
    },
    Approve {
        incident: Arc<str>,
        by: Arc<str>,
        at: At,
    },
    Acknowledge(Arc<Acknowledgement>),
    Fix(Arc<Fix>),
    Return(Arc<Returned>),
    Beats {
        heard_until: At,
        beats: Arc<[BeatRow]>,
        all: bool,
    },
    Mute {
        at: At,
        mute: Arc<Mute>,
        turn: Arc<Muting>,
    },
}

/// What became of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub at: At,
    /// The notice's id.
    pub notice: String,
    pub incident: String,
    pub kind: NoticeKind,
    pub audience: Audience,
    /// How often it has been tried.
    pub attempts: u32,
    /// The last attempt, where this is of one.
    pub tried: Option<Try>,
    /// Without the recipient's address: it goes into the journal.
    pub outcome: Outcome,
}

impl Settlement {
    /// Of a notice that wasn't tried.
    pub fn untried(notice: &Notice, at: At, outcome: Outcome) -> Self {
        Self {
            at,
            notice: notice.id.clone(),
            incident: notice.incident.clone(),
            kind: notice.kind,
            audience: notice.audience.clone(),
            attempts: 0,
            tried: None,
            outcome,
        }
    }
}

pub(super) type Tx = PoolConnection<Sqlite>;

/// The one connection that writes, and whether the last transaction on it came to an end.
///
/// Transactions are begun and ended by hand. When a commit fails for want of space, SQLite rolls back by itself, and
/// sqlx's own transaction, which then fails to roll back, would refuse to begin another one for ever.
pub(super) struct Writer {
    pub pool: SqlitePool,
    unfinished: AtomicBool,
}

impl Writer {
    pub(super) const fn new(pool: SqlitePool) -> Self {
        Self { pool, unfinished: AtomicBool::new(false) }
    }

    pub(super) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        let mut tx = self.pool.acquire().await?;
        if self.unfinished.swap(true, Ordering::Relaxed) {
            // Whoever began it failed, or was dropped half-way. An error means that SQLite has ended it already.
            drop(sqlx::query("ROLLBACK").execute(&mut *tx).await);
        }
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *tx).await?;
        Ok(tx)
    }

    /// Ends the transaction of somebody who failed.
    pub(super) async fn roll_back(&self, mut tx: Tx) {
        // An error means that SQLite has ended it already.
        drop(sqlx::query("ROLLBACK").execute(&mut *tx).await);
    }

    pub(super) async fn commit(&self, mut tx: Tx) -> Result<(), sqlx::Error> {
        sqlx::query("COMMIT").execute(&mut *tx).await?;
        self.unfinished.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// All of them, in order, or none.
pub(super) async fn apply(writer: &Writer, writes: &[Write]) -> Result<(), sqlx::Error> {
    let mut tx = writer.begin().await?;
    match apply_each(&mut tx, writes).await {
        Ok(()) => writer.commit(tx).await,
        Err(error) => {
            writer.roll_back(tx).await;
            Err(error)
        }
    }
}

async fn apply_each(tx: &mut Tx, writes: &[Write]) -> Result<(), sqlx::Error> {
    for write in writes {
        match write {
            Write::Event { event, notices, settled } => {
                record_event(tx, event).await?;
                let mut planned = Vec::new();
                for notice in notices.iter() {
                    if record_notice(tx, event.at, notice).await? && !notice.state.is_final() {
                        planned.push(planned_notice(notice));
                    }
                }
                if !planned.is_empty() {
                    let body = body_of(&Planned { planned })?;
                    journal(tx, event.at, body::NOTICES, &event.incident, &body).await?;
                }
                for settlement in settled.iter() {
                    settle(tx, settlement).await?;
                }
            }
            Write::Settle(settlement) => settle(tx, settlement).await?,
            Write::Transitions { at, transitions } => record_transitions(tx, *at, transitions).await?,
            Write::Measuring { at, turn } => record_measuring(tx, *at, *turn).await?,
            Write::Approve { incident, by, at } => approve(tx, incident, by, *at).await?,
            Write::Acknowledge(said) => acknowledgements::acknowledge(tx, said).await?,
            Write::Fix(fix) => fixes::record(tx, fix).await?,
            Write::Return(returned) => returns::record(tx, returned).await?,
            Write::Beats { heard_until, beats, all } => record_beats(tx, *heard_until, beats, *all).await?,
            Write::Mute { at, mute, turn } => record_mute(tx, *at, mute, turn).await?,
        }
    }
    Ok(())
}

async fn record_event(tx: &mut Tx, event: &Event) -> Result<(), sqlx::Error> {
    let kind = event_word(event.event);
    let known = sqlx::query("SELECT 1 FROM events WHERE incident = ? AND at = ? AND kind = ?")
        .bind(&event.incident)
        .bind(event.at.as_millis())
        .bind(kind)
        .fetch_optional(&mut **tx)
        .await?;
    if known.is_some() {
        return Ok(());
    }
    let body = body_of(event)?;
    let seq = journal(tx, event.at, body::EVENT, &event.incident, &body).await?;
    sqlx::query("INSERT INTO events (incident, at, kind, seq) VALUES (?, ?, ?, ?)")
        .bind(&event.incident)
        .bind(event.at.as_millis())
        .bind(kind)
        .bind(seq)
        .execute(&mut **tx)
        .await?;
    let resolved_at = (event.event == EventKind::Resolved).then_some(event.at.as_millis());
    sqlx::query(
        "INSERT INTO incidents (id, opened_at, last_at, resolved_at, merged_into) VALUES (?1, ?2, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET last_at = ?2, resolved_at = ?3, merged_into = ?4",
    )
    .bind(&event.incident)
    .bind(event.at.as_millis())
    .bind(resolved_at)
    .bind(&event.into)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn planned_notice(notice: &Notice) -> PlannedNotice {
    PlannedNotice {
        notice: notice.kind.as_str().to_owned(),
        whom: notice.audience.label(),
        state: notice.state.as_str().to_owned(),
        due: notice.due,
    }
}

/// As whom somebody is spoken to, and about which practices: the two columns that [`super::read::audience`] reads.
pub(super) fn audience_columns(audience: &Audience) -> (Option<String>, Option<String>) {
    match audience {
        Audience::Staff => (None, None),
        Audience::Role { .. } => (Some(audience.label()), None),
        Audience::Practices(practices) => (None, Some(practices.join(","))),
        Audience::Pcn { practices, .. } => (Some(audience.who()), Some(practices.join(","))),
        Audience::Owner { .. } => (Some(audience.who()), None),
    }
}

/// True when it wasn't there before.
async fn record_notice(tx: &mut Tx, at: At, notice: &Notice) -> Result<bool, sqlx::Error> {
    let (who, practices) = audience_columns(&notice.audience);
    let keep = match &notice.state {
        NoticeState::Kept { by } => Some(by.as_str().to_owned()),
        _ => None,
    };
    let why = match &notice.state {
        NoticeState::Rejected { why } | NoticeState::Withheld { why } => Some(why),
        NoticeState::Queued | NoticeState::Held | NoticeState::Accepted | NoticeState::Kept { .. } => {
            keep.as_ref()
        }
    };
    let added = sqlx::query(
        "INSERT INTO notices (id, incident, event_at, event_kind, kind, practices, audience, recipient, thread, due,
                              state, why, changed_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&notice.id)
    .bind(&notice.incident)
    .bind(notice.event_at.as_millis())
    .bind(event_word(notice.event))
    .bind(notice.kind.as_str())
    .bind(practices)
    .bind(who)
    .bind(&notice.recipient)
    .bind(&notice.thread)
    .bind(notice.due.as_millis())
    .bind(notice.state.as_str())
    .bind(why)
    .bind(at.as_millis())
    .execute(&mut **tx)
    .await?;
    let is_new = added.rows_affected() > 0;
    if is_new && notice.state.is_final() {
        let what = (notice.id.as_str(), notice.incident.as_str(), notice.kind);
        journal_notice(tx, at, what, &notice.audience, None, notice.state.as_str(), why).await?;
    }
    Ok(is_new)
}

async fn settle(tx: &mut Tx, settlement: &Settlement) -> Result<(), sqlx::Error> {
    let (state, why) = match &settlement.outcome {
        Outcome::Accepted => ("accepted", None),
        Outcome::Deferred { why } => ("queued", Some(why)),
        Outcome::Rejected { why } => ("rejected", Some(why)),
        Outcome::Withheld { why } => ("withheld", Some(why)),
    };
    // What is final stays as it is.
    let changed = sqlx::query(
        "UPDATE notices SET state = ?, why = ?, attempts = ?, changed_at = ?
         WHERE id = ? AND state IN ('queued', 'held', 'kept')",
    )
    .bind(state)
    .bind(why)
    .bind(settlement.attempts)
    .bind(settlement.at.as_millis())
    .bind(&settlement.notice)
    .execute(&mut **tx)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(());
    }
    if let Some(tried) = &settlement.tried {
        outbox::record_try(tx, settlement, tried).await?;
    }
    if state != "queued" {
        let tried = settlement.tried.as_ref();
        let what = (settlement.notice.as_str(), settlement.incident.as_str(), settlement.kind);
        journal_notice(tx, settlement.at, what, &settlement.audience, tried, state, why).await?;
    }
    Ok(())
}

/// Changes of checks, for whoever asks what one check was like, and those that are new into the journal as well. `at`: when the hub
/// had them.
async fn record_transitions(tx: &mut Tx, at: At, transitions: &[Transition]) -> Result<(), sqlx::Error> {
    let all: Vec<&Transition> = transitions.iter().collect();
    let new = add_transitions(tx, &all).await?;
    let new = all.into_iter().zip(new).filter_map(|(transition, is_new)| is_new.then_some(transition));
    append_each(tx, &entries_of(at, new, false)?).await
}

/// Practice, probe, time, whether it was fine, agent.
type Key = (String, String, i64, bool, String);

/// Of each whether it wasn't there before. Of two that are the same the first is new.
pub(super) async fn add_transitions(
    tx: &mut Tx,
    transitions: &[&Transition],
) -> Result<Vec<bool>, sqlx::Error> {
    let mut is_new = Vec::with_capacity(transitions.len());
    for some in transitions.chunks(ROWS_PER_STATEMENT) {
        let path = |transition: &&Transition| transition.path.as_ref().map(serde_json::to_string).transpose();
        let paths = some.iter().map(path).collect::<Result<Vec<_>, _>>();
        let paths = paths.map_err(|error| sqlx::Error::Encode(error.into()))?;
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO transitions (practice, probe, at, ok, agent, failure, path) ",
        );
        insert.push_values(some.iter().zip(paths), |mut values, (transition, path)| {
            values.push_bind(&transition.practice).push_bind(&transition.probe);
            values.push_bind(transition.at.as_millis()).push_bind(transition.ok);
            values.push_bind(transition.agent.as_deref().unwrap_or_default());
            values.push_bind(transition.failure.map(Failure::as_str)).push_bind(path);
        });
        insert.push(" ON CONFLICT DO NOTHING RETURNING practice, probe, at, ok, agent");
        let rows = insert.build().persistent(false).fetch_all(&mut **tx).await?;
        let key = |row: &SqliteRow| -> Result<Key, sqlx::Error> {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?))
        };
        let mut added = rows.iter().map(key).collect::<Result<BTreeSet<Key>, sqlx::Error>>()?;
        is_new.extend(some.iter().map(|transition| {
            let (practice, probe) = (transition.practice.clone(), transition.probe.clone());
            let agent = transition.agent.clone().unwrap_or_default();
            added.remove(&(practice, probe, transition.at.as_millis(), transition.ok, agent))
        }));
    }
    Ok(is_new)
}

async fn approve(tx: &mut Tx, incident: &str, by: &str, at: At) -> Result<(), sqlx::Error> {
    let approved = sqlx::query(
        "UPDATE incidents SET approved_at = ?, approved_by = ? WHERE id = ? AND approved_at IS NULL",
    )
    .bind(at.as_millis())
    .bind(by)
    .bind(incident)
    .execute(&mut **tx)
    .await?;
    if approved.rows_affected() == 0 {
        return Ok(());
    }
    let released = sqlx::query(
        "UPDATE notices SET state = 'queued', changed_at = ? WHERE incident = ? AND state = 'held'",
    )
    .bind(at.as_millis())
    .bind(incident)
    .execute(&mut **tx)
    .await?;
    let body = json!({ "by": anonymous(by), "released": released.rows_affected() }).to_string();
    journal(tx, at, body::APPROVAL, incident, &body).await.map(drop)
}

async fn record_beats(tx: &mut Tx, heard_until: At, beats: &[BeatRow], all: bool) -> Result<(), sqlx::Error> {
    if all {
        sqlx::query("DELETE FROM beats").execute(&mut **tx).await?;
    }
    for beat in beats {
        let (failed_at, failed_why) = beat.failed.as_ref().map(|(at, why)| (at.as_millis(), why)).unzip();
        sqlx::query(
            "INSERT OR REPLACE INTO beats (practice, probe, counts_from, last_at, began_at, failed_at, failed_why)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&beat.practice)
        .bind(&beat.probe)
        .bind(beat.counts_from.as_millis())
        .bind(beat.last.map(At::as_millis))
        .bind(beat.began.map(At::as_millis))
        .bind(failed_at)
        .bind(failed_why)
        .execute(&mut **tx)
        .await?;
    }
    sqlx::query("INSERT OR REPLACE INTO beats_heard_until (one, at) VALUES (1, ?)")
        .bind(heard_until.as_millis())
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// The notice by its id, its incident and its kind.
async fn journal_notice(
    tx: &mut Tx,
    at: At,
    (id, incident, kind): (&str, &str, NoticeKind),
    audience: &Audience,
    tried: Option<&Try>,
    outcome: &str,
    why: Option<&String>,
) -> Result<(), sqlx::Error> {
    // What was never tried was meant as e-mail, or is a channel's own and says so in its tries.
    let channel = tried.map_or(Channel::Email, |tried| tried.channel);
    let body = body_of(&NoticeFate {
        id: Some(id.to_owned()),
        notice: kind.as_str().to_owned(),
        channel: channel.as_str().to_owned(),
        whom: audience.label(),
        outcome: outcome.to_owned(),
        why: why.cloned(),
        via: tried.map(|tried| tried.via.clone()),
        answer: tried.map(|tried| tried.answer.clone()),
    })?;
    journal(tx, at, body::NOTICE, incident, &body).await.map(drop)
}

fn body_of(body: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(body).map_err(|error| sqlx::Error::Encode(error.into()))
}

pub(super) const fn event_word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Opened => "opened",
        EventKind::Changed => "changed",
        EventKind::Resolved => "resolved",
    }
}
