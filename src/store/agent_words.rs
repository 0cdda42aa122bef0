//! How each agent was when it was last heard, so that a restart doesn't forget which ways to the hub worked, and since when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Store, StoreError};
use crate::limits::ROWS_PER_STATEMENT;
use crate::time::At;
use crate::uplink::message::State;

/// An agent's last word of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentWord {
    pub agent: String,
    /// When it said so.
    pub at: At,
    pub word: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Word {
    pub state: State,
    /// When it was heard over each of the estate's networks.
    pub heard_on: BTreeMap<String, At>,
    pub clock_ahead_ms: Option<i64>,
}

impl Word {
    /// It was heard at `at`; over which of the estate's networks, where that is known.
    pub fn heard(&mut self, network: Option<&str>, at: At) {
        if let Some(network) = network {
            let last = self.heard_on.entry(network.to_owned()).or_insert(at);
            *last = (*last).max(at);
        }
    }
}

impl Store {
    /// What an earlier process knew, by agent. What can't be read is left out: the agent says it again.
    pub async fn agent_words(&self) -> Result<Vec<AgentWord>, StoreError> {
        self.read(async {
            let rows = sqlx::query("SELECT agent, at, word FROM agent_words ORDER BY agent")
                .fetch_all(&self.inner.readers)
                .await?;
            let mut words = Vec::with_capacity(rows.len());
            for row in &rows {
                if let Ok(word) = serde_json::from_str(row.try_get("word")?) {
                    let at = At::from_millis(row.try_get("at")?);
                    words.push(AgentWord { agent: row.try_get("agent")?, at, word });
                }
            }
            Ok(words)
        })
        .await
    }

    /// Takes the place of what was known of these agents. When the disk doesn't take it, it is said again later.
    pub async fn record_agent_words(&self, words: &[AgentWord]) -> Result<(), StoreError> {
        self.commit_now(async |tx| {
            for some in words.chunks(ROWS_PER_STATEMENT) {
                let json =
                    some.iter().map(|it| serde_json::to_string(&it.word)).collect::<Result<Vec<_>, _>>();
                let json = json.map_err(|error| sqlx::Error::Encode(error.into()))?;
                let mut insert =
                    QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO agent_words (agent, at, word) ");
                insert.push_values(some.iter().zip(json), |mut values, (it, json)| {
                    values.push_bind(&it.agent).push_bind(it.at.as_millis()).push_bind(json);
                });
                insert.build().persistent(false).execute(&mut **tx).await?;
            }
            Ok(())
        })
        .await
    }
}
