//! The journal's chain in the store: what is appended, what an earlier version left and is taken up, what retention removes,
//! and the signed head of each day. How entries hang together is in [`crate::journal`].

use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::write::{Tx, Writer};
use super::{Store, StoreError, Transition};
use crate::journal::body::{self, Begun, Change, Checks, Measuring, Retention, Turn};
use crate::journal::{Base, Hash, Head, JournalKey, Tip, content, link};
use crate::limits::{CHECKS_PER_ENTRY, JOURNAL_PAGE, MEASURED_GAP, ROWS_PER_STATEMENT};
use crate::time::At;

impl Store {
    /// Records that linewatch is there and measures, began to, or ends in good order. When it wasn't there for longer than it
    /// should, that goes into the journal. An error means that it is kept in memory and written when the disk is back.
    pub async fn record_measuring(&self, at: At, turn: Turn) -> Result<(), StoreError> {
        self.write(super::write::Write::Measuring { at, turn }).await
    }

    /// The signed head of today, where there was none yet. `None`: there was, or the store is in memory, or nothing was
    /// written yet.
    pub async fn sign_head(&self, now: At) -> Result<Option<Head>, StoreError> {
        let Some(key) = &self.inner.key else { return Ok(None) };
        self.commit_now(async |tx| {
            let day = now.to_timestamp().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
            let Some(tip) = tip(tx).await? else { return Ok(None) };
            let head = Head::sign(key, tip.seq, tip.at, tip.hash);
            let added =
                sqlx::query("INSERT INTO journal_heads (day, line) VALUES (?, ?) ON CONFLICT DO NOTHING")
                    .bind(day)
                    .bind(head.to_string())
                    .execute(&mut **tx)
                    .await?;
            Ok((added.rows_affected() > 0).then_some(head))
        })
        .await
    }

    /// Checks of linewatch's own whose last change was to failing, as practice and probe. What agents find is recorded where it is taken in.
    pub async fn failing_checks(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.read(async {
            // Of the columns without a function SQLite takes those of the row with the maximum.
            let rows = sqlx::query(
                "SELECT practice, probe FROM (SELECT practice, probe, ok, max(at) FROM transitions WHERE agent = ''
                 GROUP BY practice, probe) WHERE ok = 0",
            )
            .fetch_all(&self.inner.readers)
            .await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
        })
        .await
    }
}

/// Appends an entry, and answers with its number.
pub(super) async fn append(
    tx: &mut Tx,
    at: At,
    subject: &str,
    incident: &str,
    text: &str,
) -> Result<i64, sqlx::Error> {
    let (before, seq) = match tip(tx).await? {
        Some(tip) => (tip.hash, tip.seq + 1),
        None => (Hash::NONE, 1),
    };
    let hash = link(before, seq, at, content(subject.as_bytes(), incident.as_bytes(), text.as_bytes()));
    sqlx::query("INSERT INTO journal (seq, at, subject, incident, body, hash) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(seq)
        .bind(at.as_millis())
        .bind(subject)
        .bind(incident)
        .bind(text)
        .bind(hash.bytes().as_slice())
        .execute(&mut **tx)
        .await?;
    set_tip(tx, Tip { seq, at, hash }).await?;
    Ok(seq)
}

/// The same with a body that is written as JSON, of no incident.
pub(super) async fn append_json(
    tx: &mut Tx,
    at: At,
    subject: &str,
    body: &impl Serialize,
) -> Result<i64, sqlx::Error> {
    let text = serde_json::to_string(body).map_err(|error| sqlx::Error::Encode(error.into()))?;
    append(tx, at, subject, "", &text).await
}

/// An entry of no incident that is to be appended.
pub(super) struct NewEntry {
    pub at: At,
    pub subject: &'static str,
    pub text: String,
}

/// Appends entries in order. The tip is read and written once for all of them: of a group of some hundred batches, what each
/// statement costs by itself would be most of it.
pub(super) async fn append_each(tx: &mut Tx, entries: &[NewEntry]) -> Result<(), sqlx::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut last = tip(tx).await?.unwrap_or(Tip { seq: 0, at: At::default(), hash: Hash::NONE });
    for some in entries.chunks(ROWS_PER_STATEMENT) {
        let mut insert =
            QueryBuilder::<Sqlite>::new("INSERT INTO journal (seq, at, subject, incident, body, hash) ");
        insert.push_values(some, |mut values, entry| {
            let (seq, at) = (last.seq + 1, entry.at);
            let content = content(entry.subject.as_bytes(), b"", entry.text.as_bytes());
            last = Tip { seq, at, hash: link(last.hash, seq, at, content) };
            values.push_bind(seq).push_bind(at.as_millis()).push_bind(entry.subject);
            values.push_bind("").push_bind(&entry.text).push_bind(last.hash.bytes().to_vec());
        });
        insert.build().persistent(false).execute(&mut **tx).await?;
    }
    set_tip(tx, last).await
}

/// Changes of checks as entries, as many to an entry as fit. `at`: when the hub had them.
pub(super) fn entries_of<'t>(
    at: At,
    changes: impl IntoIterator<Item = &'t Transition>,
    adopted: bool,
) -> Result<Vec<NewEntry>, sqlx::Error> {
    let changes: Vec<Change> = changes
        .into_iter()
        .map(|t| {
            let (practice, probe) = (t.practice.clone(), t.probe.clone());
            Change(t.at, practice, probe, t.ok, t.failure, t.path.clone(), t.agent.clone())
        })
        .collect();
    let entry = |some: &[Change]| {
        let text = serde_json::to_string(&Checks { adopted, checks: some.to_vec() });
        let text = text.map_err(|error| sqlx::Error::Encode(error.into()))?;
        Ok(NewEntry { at, subject: body::CHECKS, text })
    };
    changes.chunks(CHECKS_PER_ENTRY).map(entry).collect()
}

pub(super) async fn record_measuring(tx: &mut Tx, at: At, turn: Turn) -> Result<(), sqlx::Error> {
    let until: Option<i64> =
        sqlx::query_scalar("SELECT at FROM measured_until").fetch_optional(&mut **tx).await?;
    let until = until.map(At::from_millis);
    // A write whose answer got lost is written again.
    if until == Some(at) {
        return Ok(());
    }
    let gap = until.filter(|until| {
        at.millis_since(*until) > i64::try_from(MEASURED_GAP.as_millis()).unwrap_or(i64::MAX)
    });
    let nothing_since = if matches!(turn, Turn::Started | Turn::StartedForAgents) { until } else { gap };
    if turn != Turn::GoesOn || gap.is_some() {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let body = Measuring { measuring: turn, nothing_since, version };
        append_json(tx, at, body::MEASURING, &body).await?;
    }
    sqlx::query("INSERT OR REPLACE INTO measured_until (one, at) VALUES (1, ?)")
        .bind(at.as_millis())
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// Takes up what a version without a chain left, once: its entries as they are, and the changes of checks.
pub(super) async fn adopt(writer: &Writer, key: Option<&JournalKey>, now: At) -> Result<(), sqlx::Error> {
    let mut tx = writer.begin().await?;
    let done = match tip(&mut tx).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => begin_chain(&mut tx, key, now).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => writer.commit(tx).await,
        Err(error) => {
            writer.roll_back(tx).await;
            Err(error)
        }
    }
}

async fn begin_chain(tx: &mut Tx, key: Option<&JournalKey>, now: At) -> Result<(), sqlx::Error> {
    let (mut last, mut adopted) = (Tip { seq: 0, at: now, hash: Hash::NONE }, 0);
    loop {
        let rows = sqlx::query(
            "SELECT seq, at, subject, incident, body FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
        )
        .bind(last.seq)
        .bind(JOURNAL_PAGE)
        .fetch_all(&mut **tx)
        .await?;
        for row in &rows {
            let (seq, at) = (row.try_get("seq")?, At::from_millis(row.try_get("at")?));
            let hash = link(last.hash, seq, at, content_of(row)?);
            sqlx::query("UPDATE journal SET hash = ? WHERE seq = ?")
                .bind(hash.bytes().as_slice())
                .bind(seq)
                .execute(&mut **tx)
                .await?;
            last = Tip { seq, at, hash };
            adopted += 1;
        }
        if rows.is_empty() {
            break;
        }
    }
    if adopted == 0 {
        // Numbers that retention has taken away before are not given again.
        let given: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'journal'")
            .fetch_optional(&mut **tx)
            .await?;
        last.seq = given.unwrap_or(0);
    }
    let any: i64 =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM transitions)").fetch_one(&mut **tx).await?;
    if last.seq == 0 && any == 0 {
        // A new store: its chain begins with its first entry.
        return Ok(());
    }
    set_tip(tx, last).await?;
    let public_key = key.map(JournalKey::public);
    append_json(tx, now, body::JOURNAL, &Begun { adopted, public_key }).await?;
    adopt_changes(tx, now).await
}

async fn adopt_changes(tx: &mut Tx, now: At) -> Result<(), sqlx::Error> {
    let mut after = (String::new(), String::new(), i64::MIN, -1_i64, String::new());
    loop {
        let rows = sqlx::query(
            "SELECT practice, probe, at, ok, failure, path, agent FROM transitions
             WHERE (practice, probe, at, ok, agent) > (?, ?, ?, ?, ?) ORDER BY practice, probe, at, ok, agent LIMIT ?",
        )
        .bind(&after.0)
        .bind(&after.1)
        .bind(after.2)
        .bind(after.3)
        .bind(&after.4)
        .bind(JOURNAL_PAGE)
        .fetch_all(&mut **tx)
        .await?;
        let some = rows.iter().map(transition).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = some.last() else { return Ok(()) };
        let agent = last.agent.clone().unwrap_or_default();
        after = (last.practice.clone(), last.probe.clone(), last.at.as_millis(), i64::from(last.ok), agent);
        append_each(tx, &entries_of(now, &some, true)?).await?;
    }
}

fn transition(row: &SqliteRow) -> Result<Transition, sqlx::Error> {
    let path: Option<&str> = row.try_get("path")?;
    let path =
        path.map(serde_json::from_str).transpose().map_err(|error| sqlx::Error::Decode(error.into()))?;
    let failure: Option<&str> = row.try_get("failure")?;
    let agent: String = row.try_get("agent")?;
    Ok(Transition {
        at: At::from_millis(row.try_get("at")?),
        practice: row.try_get("practice")?,
        probe: row.try_get("probe")?,
        ok: row.try_get("ok")?,
        failure: failure.map(super::read::word).transpose()?,
        path,
        agent: Some(agent).filter(|agent| !agent.is_empty()),
    })
}

/// Removes entries whose time is over. Of those between others that are kept, the hashes stay; of those before all that are
/// kept, the last hash.
pub(super) async fn remove_before(tx: &mut Tx, now: At, before: At) -> Result<u64, sqlx::Error> {
    let mut removed = 0;
    loop {
        let rows = sqlx::query(
            "SELECT seq, at, subject, incident, body, hash FROM journal WHERE at < ?
             AND incident NOT IN (SELECT id FROM incidents WHERE resolved_at IS NULL)
             AND incident NOT IN (SELECT incident FROM notices WHERE state IN ('queued', 'held'))
             ORDER BY seq LIMIT ?",
        )
        .bind(before.as_millis())
        .bind(JOURNAL_PAGE)
        .fetch_all(&mut **tx)
        .await?;
        for row in &rows {
            let seq: i64 = row.try_get("seq")?;
            sqlx::query("INSERT INTO journal_removed (seq, at, content, hash) VALUES (?, ?, ?, ?)")
                .bind(seq)
                .bind(row.try_get::<i64, _>("at")?)
                .bind(content_of(row)?.bytes().as_slice())
                .bind(row.try_get::<Vec<u8>, _>("hash")?)
                .execute(&mut **tx)
                .await?;
            sqlx::query("DELETE FROM journal WHERE seq = ?").bind(seq).execute(&mut **tx).await?;
            removed += 1;
        }
        if rows.is_empty() {
            break;
        }
    }
    if removed > 0 {
        let begins_after = forget_beginning(tx).await?;
        append_json(tx, now, body::RETENTION, &Retention { before, removed, begins_after }).await?;
    }
    Ok(removed)
}

/// Lets go of what is left of the entries before all that are kept, but for the last hash. Answers with the number up to
/// which nothing is left.
async fn forget_beginning(tx: &mut Tx) -> Result<i64, sqlx::Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO journal_base (one, seq, hash)
         SELECT 1, seq, hash FROM journal_removed
         WHERE seq < coalesce((SELECT min(seq) FROM journal), 9223372036854775807) ORDER BY seq DESC LIMIT 1",
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM journal_removed WHERE seq <= (SELECT seq FROM journal_base)")
        .execute(&mut **tx)
        .await?;
    let base: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM journal_base").fetch_optional(&mut **tx).await?;
    Ok(base.unwrap_or(0))
}

fn content_of(row: &SqliteRow) -> Result<Hash, sqlx::Error> {
    let field = |name: &str| row.try_get::<&str, _>(name).map(str::as_bytes);
    Ok(content(field("subject")?, field("incident")?, field("body")?))
}

async fn tip(tx: &mut Tx) -> Result<Option<Tip>, sqlx::Error> {
    let row = sqlx::query("SELECT seq, at, hash FROM journal_tip").fetch_optional(&mut **tx).await?;
    row.as_ref().map(tip_of).transpose()
}

pub(super) fn tip_of(row: &SqliteRow) -> Result<Tip, sqlx::Error> {
    let (seq, at) = (row.try_get("seq")?, At::from_millis(row.try_get("at")?));
    Ok(Tip { seq, at, hash: hash_of(row)? })
}

pub(super) fn base_of(row: &SqliteRow) -> Result<Base, sqlx::Error> {
    Ok(Base { seq: row.try_get("seq")?, hash: hash_of(row)? })
}

fn hash_of(row: &SqliteRow) -> Result<Hash, sqlx::Error> {
    let hash = Hash::from_bytes(row.try_get::<&[u8], _>("hash")?);
    hash.ok_or_else(|| sqlx::Error::Decode("a hash has 32 bytes".into()))
}

async fn set_tip(tx: &mut Tx, tip: Tip) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO journal_tip (one, seq, at, hash) VALUES (1, ?, ?, ?)")
        .bind(tip.seq)
        .bind(tip.at.as_millis())
        .bind(tip.hash.bytes().as_slice())
        .execute(&mut **tx)
        .await
        .map(drop)
}
