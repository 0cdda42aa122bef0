//! Agents: who may report, and what of each is on the disk.
//!
//! Unlike incidents and notices, nothing of this waits in memory for a disk that doesn't take it: a code or a key that a power
//! cut makes void again must not have been given out, and a batch that isn't on the disk is the agent's to send again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use tokio::time::timeout;

use super::archive::put_position;
use super::journal::{NewEntry, append, append_each, entries_of};
use super::write::{Tx, add_transitions};
use super::{Store, StoreError, StoreHealth, Transition};
use crate::archive::Position;
use crate::journal::body::{self, AGENT};
use crate::journal::coverage::Coverage;
use crate::limits;
use crate::spans::Spans;
use crate::time::At;
use crate::uplink::key::Tag;
use crate::uplink::ranges::Ranges;

/// A code that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRow {
    pub tag: Tag,
    pub practice: String,
    pub made_at: At,
    pub valid_until: At,
    /// When, and the agent that did.
    pub used: Option<(At, String)>,
}

/// An agent that enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRow {
    pub id: String,
    pub practice: String,
    pub key: Tag,
    /// Of the key that shall follow.
    pub next: Option<Tag>,
    /// A new key has been asked for.
    pub rotate: bool,
    pub enrolled_at: At,
    pub revoked_at: Option<At>,
}

/// What has been taken in of one spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolRow {
    pub agent: String,
    pub spool: String,
    pub taken: Ranges,
    /// The agent's process that reported last, and what of that it reported itself, from the spool's floor on.
    pub process: String,
    pub own: Ranges,
    pub last_heard: At,
    /// Places at which it was damaged, as far as the journal says so.
    pub damages: u64,
}

/// All that an earlier process left.
#[derive(Debug, Clone, Default)]
pub struct AgentRows {
    pub codes: Vec<CodeRow>,
    pub agents: Vec<AgentRow>,
    pub spools: Vec<SpoolRow>,
    /// By agent.
    pub coverage: BTreeMap<String, Coverage>,
}

/// One change of who may report; each replaces what was there.
#[derive(Debug, Clone)]
pub enum Credential {
    Code(CodeRow),
    Agent(AgentRow),
    /// One line of the journal: JSON, with no secret in it.
    Journal {
        at: At,
        body: String,
    },
}

/// What is kept of one batch.
#[derive(Debug, Clone)]
pub struct BatchRow {
    /// All that has been taken in of the spool, this batch included.
    pub spool: SpoolRow,
    /// Nothing of that spool was on the disk before, so that an older one may have to go.
    pub is_new: bool,
    pub transitions: Vec<Transition>,
    /// Observations that the agent had to let go of: lines of the journal, JSON.
    pub journal: Vec<String>,
    /// The practice; when its agent measured there, this batch included; and what the journal must say of that.
    pub coverage: (String, Coverage, Option<body::Coverage>),
}

impl Store {
    /// Codes, agents, and what of their spools was taken in.
    pub async fn agents(&self) -> Result<AgentRows, StoreError> {
        self.read(async {
            let readers = &self.inner.readers;
            let codes = sqlx::query(
                "SELECT tag, practice, made_at, valid_until, used_at, agent FROM enrolment_codes",
            )
            .fetch_all(readers)
            .await?;
            let agents = sqlx::query(
                "SELECT id, practice, key_tag, next_tag, rotate, enrolled_at, revoked_at FROM agents",
            )
            .fetch_all(readers)
            .await?;
            let spools = sqlx::query(
                "SELECT agent, spool, taken, process, own, last_heard, damages FROM agent_spools",
            )
            .fetch_all(readers)
            .await?;
            // What an earlier version wrote, of all agents of a practice, stands as it is.
            let coverage = sqlx::query("SELECT agent, base, measured, told FROM coverage WHERE agent <> ''");
            let coverage = coverage.fetch_all(readers).await?;
            Ok(AgentRows {
                coverage: coverage.iter().map(coverage_of).collect::<Result<_, _>>()?,
                codes: codes.iter().map(code).collect::<Result<_, _>>()?,
                agents: agents.iter().map(agent).collect::<Result<_, _>>()?,
                spools: spools.iter().map(spool).collect::<Result<_, _>>()?,
            })
        })
        .await
    }

    /// Records changes of who may report, all or none.
    pub async fn record_credentials(&self, changes: &[Credential]) -> Result<(), StoreError> {
        self.commit_now(async |tx| {
            for change in changes {
                match change {
                    Credential::Code(row) => put_code(tx, row).await?,
                    Credential::Agent(row) => put_agent(tx, row).await?,
                    // It belongs to no incident.
                    Credential::Journal { at, body } => {
                        append(tx, *at, AGENT, "", body).await?;
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Records batches, each with what it changed, and up to where the archive counts now: all or none.
    pub async fn record_batches(&self, batches: &[BatchRow], archive: Position) -> Result<(), StoreError> {
        self.commit_now(async |tx| {
            put_position(tx, archive).await?;
            put_spools(tx, batches.iter().map(|batch| &batch.spool)).await?;
            put_coverage(tx, batches).await?;
            let new = batches.iter().filter(|batch| batch.is_new);
            forget_spools(tx, new.map(|batch| batch.spool.agent.as_str()).collect()).await?;
            let transitions: Vec<&Transition> = batches.iter().flat_map(|batch| &batch.transitions).collect();
            let mut is_new = add_transitions(tx, &transitions).await?.into_iter();
            let mut entries = Vec::new();
            for batch in batches {
                let at = batch.spool.last_heard;
                let new = batch.transitions.iter().zip(is_new.by_ref());
                let new = new.filter_map(|(transition, is_new)| is_new.then_some(transition));
                entries.extend(entries_of(at, new, false)?);
                let body = |text: &String| NewEntry { at, subject: AGENT, text: text.clone() };
                entries.extend(batch.journal.iter().map(body));
                if let (.., Some(told)) = &batch.coverage {
                    let text =
                        serde_json::to_string(told).map_err(|error| sqlx::Error::Encode(error.into()))?;
                    entries.push(NewEntry { at, subject: body::COVERAGE, text });
                }
            }
            append_each(tx, &entries).await
        })
        .await
    }

    /// Changes of one check from fine to failing and back, by the time of the check. What came late may stand between two
    /// that say the same.
    pub async fn transitions_of(&self, practice: &str, probe: &str) -> Result<Vec<(At, bool)>, StoreError> {
        self.read(async {
            let rows = sqlx::query(
                "SELECT at, ok FROM transitions WHERE practice = ? AND probe = ? ORDER BY at, ok",
            )
            .bind(practice)
            .bind(probe)
            .fetch_all(&self.inner.readers)
            .await?;
            rows.iter().map(|row| Ok((At::from_millis(row.try_get("at")?), row.try_get("ok")?))).collect()
        })
        .await
    }

    /// One transaction that is on the disk when this returns, or not at all.
    pub(super) async fn commit_now<T>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        if let Some(StoreHealth::Failing { why, .. }) = &self.inner.memory {
            return Err(StoreError::Other { file: self.inner.file.clone(), why: why.clone() });
        }
        if let Some(error) = self.arrears(|arrears| arrears.resting(Instant::now())) {
            return Err(error);
        }
        let done = timeout(limits::STORE_WRITE_TIMEOUT, async {
            let _turn = self.inner.turn.lock().await;
            let writer = &self.inner.writer;
            let mut tx = writer.begin().await?;
            match work(&mut tx).await {
                Ok(answer) => writer.commit(tx).await.map(|()| answer),
                Err(error) => {
                    writer.roll_back(tx).await;
                    Err(error)
                }
            }
        })
        .await;
        self.judge(done)
    }
}

async fn put_code(tx: &mut Tx, row: &CodeRow) -> Result<(), sqlx::Error> {
    let (used_at, agent) = row.used.as_ref().map(|(at, agent)| (at.as_millis(), agent)).unzip();
    sqlx::query(
        "INSERT OR REPLACE INTO enrolment_codes (tag, practice, made_at, valid_until, used_at, agent)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(row.tag.bytes().as_slice())
    .bind(&row.practice)
    .bind(row.made_at.as_millis())
    .bind(row.valid_until.as_millis())
    .bind(used_at)
    .bind(agent)
    .execute(&mut **tx)
    .await
    .map(drop)
}

async fn put_agent(tx: &mut Tx, row: &AgentRow) -> Result<(), sqlx::Error> {
    // Not replaced: what is known of its spools would go with it.
    sqlx::query(
        "INSERT INTO agents (id, practice, key_tag, next_tag, rotate, enrolled_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET key_tag = ?3, next_tag = ?4, rotate = ?5, revoked_at = ?7",
    )
    .bind(&row.id)
    .bind(&row.practice)
    .bind(row.key.bytes().as_slice())
    .bind(row.next.as_ref().map(|tag| tag.bytes().as_slice()))
    .bind(row.rotate)
    .bind(row.enrolled_at.as_millis())
    .bind(row.revoked_at.map(At::as_millis))
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// All in one statement: a hub with thousands of agents commits some hundred batches at once, and what each statement costs by itself
/// would be most of it. Of two of one spool the later has more in it.
async fn put_spools(tx: &mut Tx, rows: impl Iterator<Item = &SpoolRow>) -> Result<(), sqlx::Error> {
    let latest: BTreeMap<(&str, &str), &SpoolRow> =
        rows.map(|row| ((row.agent.as_str(), row.spool.as_str()), row)).collect();
    if latest.is_empty() {
        return Ok(());
    }
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT OR REPLACE INTO agent_spools (agent, spool, taken, process, own, last_heard, damages) ",
    );
    insert.push_values(latest.values(), |mut values, row| {
        values.push_bind(&row.agent).push_bind(&row.spool);
        values.push_bind(row.taken.to_string()).push_bind(&row.process).push_bind(row.own.to_string());
        values.push_bind(row.last_heard.as_millis()).push_bind(row.damages.cast_signed());
    });
    insert.build().persistent(false).execute(&mut **tx).await.map(drop)
}

/// Of each of these agents, the spools stay that were heard last.
async fn forget_spools(tx: &mut Tx, of: BTreeSet<&str>) -> Result<(), sqlx::Error> {
    if of.is_empty() {
        return Ok(());
    }
    let mut delete = QueryBuilder::<Sqlite>::new(
        "DELETE FROM agent_spools WHERE (agent, spool) IN (SELECT agent, spool FROM (SELECT agent, spool,
         row_number() OVER (PARTITION BY agent ORDER BY last_heard DESC) AS place FROM agent_spools WHERE agent IN (",
    );
    let mut agents = delete.separated(", ");
    for agent in of {
        agents.push_bind(agent);
    }
    delete.push(")) WHERE place > ");
    delete.push_bind(i64::try_from(limits::SPOOLS_PER_AGENT_MAX).unwrap_or(i64::MAX)).push(")");
    delete.build().persistent(false).execute(&mut **tx).await.map(drop)
}

/// Of two of one agent the later has more in it.
async fn put_coverage(tx: &mut Tx, batches: &[BatchRow]) -> Result<(), sqlx::Error> {
    let latest: BTreeMap<(&str, &str), &Coverage> = batches
        .iter()
        .map(|batch| ((batch.coverage.0.as_str(), batch.spool.agent.as_str()), &batch.coverage.1))
        .collect();
    let mut rows = Vec::with_capacity(latest.len());
    for (of, coverage) in latest {
        let json =
            |spans: &Spans| serde_json::to_string(spans).map_err(|error| sqlx::Error::Encode(error.into()));
        rows.push((of, coverage.base.as_millis(), json(&coverage.measured)?, json(&coverage.told)?));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT OR REPLACE INTO coverage (practice, agent, base, measured, told) ",
    );
    insert.push_values(&rows, |mut values, ((practice, agent), base, measured, told)| {
        values.push_bind(*practice).push_bind(*agent).push_bind(*base).push_bind(measured).push_bind(told);
    });
    insert.build().persistent(false).execute(&mut **tx).await.map(drop)
}

fn coverage_of(row: &SqliteRow) -> Result<(String, Coverage), sqlx::Error> {
    let spans = |column: &str| -> Result<Spans, sqlx::Error> {
        serde_json::from_str(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    let coverage = Coverage {
        base: At::from_millis(row.try_get("base")?),
        measured: spans("measured")?,
        told: spans("told")?,
    };
    Ok((row.try_get("agent")?, coverage))
}

fn tag(row: &SqliteRow, column: &str) -> Result<Option<Tag>, sqlx::Error> {
    let Some(bytes) = row.try_get::<Option<Vec<u8>>, _>(column)? else { return Ok(None) };
    let bytes = bytes.try_into().map_err(|_| sqlx::Error::Decode(format!("{column} is no tag").into()))?;
    Ok(Some(Tag::from_bytes(bytes)))
}

fn need_tag(row: &SqliteRow, column: &str) -> Result<Tag, sqlx::Error> {
    tag(row, column)?.ok_or_else(|| sqlx::Error::Decode(format!("{column} is missing").into()))
}

fn code(row: &SqliteRow) -> Result<CodeRow, sqlx::Error> {
    let used_at = row.try_get::<Option<i64>, _>("used_at")?.map(At::from_millis);
    Ok(CodeRow {
        tag: need_tag(row, "tag")?,
        practice: row.try_get("practice")?,
        made_at: At::from_millis(row.try_get("made_at")?),
        valid_until: At::from_millis(row.try_get("valid_until")?),
        used: used_at.zip(row.try_get("agent")?),
    })
}

fn agent(row: &SqliteRow) -> Result<AgentRow, sqlx::Error> {
    Ok(AgentRow {
        id: row.try_get("id")?,
        practice: row.try_get("practice")?,
        key: need_tag(row, "key_tag")?,
        next: tag(row, "next_tag")?,
        rotate: row.try_get("rotate")?,
        enrolled_at: At::from_millis(row.try_get("enrolled_at")?),
        revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(At::from_millis),
    })
}

fn spool(row: &SqliteRow) -> Result<SpoolRow, sqlx::Error> {
    let numbers = |column| -> Result<Ranges, sqlx::Error> {
        let text: String = row.try_get(column)?;
        text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
    };
    Ok(SpoolRow {
        agent: row.try_get("agent")?,
        spool: row.try_get("spool")?,
        taken: numbers("taken")?,
        process: row.try_get("process")?,
        own: numbers("own")?,
        last_heard: At::from_millis(row.try_get("last_heard")?),
        damages: row.try_get::<i64, _>("damages")?.cast_unsigned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_group_keeps_each_agents_latest_spools_and_the_archives_position() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("a store");
        let ids = ["0123456789ab", "ba9876543210"];
        let agent = |id: &str| {
            let (id, practice) = (id.to_owned(), "G82003".to_owned());
            let (key, enrolled_at) = (Tag::from_bytes([7; 32]), At::default());
            Credential::Agent(AgentRow {
                id,
                practice,
                key,
                next: None,
                rotate: false,
                enrolled_at,
                revoked_at: None,
            })
        };
        store.record_credentials(&ids.map(agent)).await.expect("a disk");
        let most = limits::SPOOLS_PER_AGENT_MAX;
        let rows = |from: usize| -> Vec<BatchRow> {
            let batch = |(id, n): (&str, usize)| {
                let at = At::from_millis(i64::try_from(n).expect("few"));
                let (agent, spool) = (id.to_owned(), format!("spool{n}"));
                let spool = SpoolRow {
                    agent,
                    spool,
                    taken: [n as u64].into_iter().collect(),
                    process: format!("process{n}"),
                    own: [n as u64 + 1].into_iter().collect(),
                    last_heard: at,
                    damages: n as u64,
                };
                BatchRow {
                    spool,
                    is_new: true,
                    transitions: Vec::new(),
                    journal: Vec::new(),
                    coverage: (id.to_owned(), Coverage::default(), None),
                }
            };
            ids.iter().flat_map(|id| (from..from + most).map(|n| (*id, n))).map(batch).collect()
        };
        for from in [0, 3] {
            let position = Position { volume: 1, bytes: from as u64 + 1 };
            store.record_batches(&rows(from), position).await.expect("a disk");
        }
        let kept = store.agents().await.expect("a disk").spools;
        assert_eq!(kept.len(), 2 * most);
        assert!(kept.iter().all(|row| row.last_heard >= At::from_millis(3)), "{kept:?}");
        assert!(kept.iter().all(|row| row.spool == format!("spool{}", row.last_heard.as_millis())));
        assert!(kept.iter().all(|row| row.spool == format!("spool{}", row.damages)));
        assert!(kept.iter().all(|row| row.process == format!("process{}", row.damages)));
        assert!(kept.iter().all(|row| row.own.last().is_some_and(|own| own == row.damages + 1)));
        assert_eq!(store.archive_position().await.expect("a disk"), Some(Position { volume: 1, bytes: 4 }));
        store.record_batches(&[], Position { volume: 2, bytes: 9 }).await.expect("a disk");
        assert_eq!(store.archive_position().await.expect("a disk"), Some(Position { volume: 2, bytes: 9 }));
    }
}
