//! What people say that they did about an incident.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::journal::append as journal;
use super::write::{Tx, Write};
use super::{Store, StoreError};
use crate::journal::body::{self, Fixed};
use crate::notify::Fix;
use crate::notify::masked::anonymous;
use crate::time::At;

/// Fixes by the incident that they are told with (`root`): the one that they were said of, and each that this goes on as. From the few fixes
/// upwards, since there are tens of thousands of incidents.
macro_rules! select_fixes {
    ($rest:literal) => {
        concat!(
            "WITH RECURSIVE up (said, id) AS (
                 SELECT DISTINCT incident, incident FROM fixes
                 UNION SELECT up.said, i.merged_into FROM up JOIN incidents i ON i.id = up.id WHERE i.merged_into IS NOT NULL
             )
             SELECT up.id AS root, f.incident, f.at, f.name, f.what, f.said_at FROM up JOIN fixes f ON f.incident = up.said ",
            $rest
        )
    };
}

impl Store {
    /// Records what was done. An error means that it is kept in memory and written when the disk is back.
    pub async fn record_fix(&self, fix: Fix) -> Result<(), StoreError> {
        self.write(Write::Fix(fix.into())).await
    }

    /// What was done about an incident, and said under those that were merged into it; by the time at which it was done, those
    /// included that wait to be written.
    pub async fn fixes(&self, incident: &str) -> Result<Vec<Fix>, StoreError> {
        let mut found: Vec<Fix> = self
            .read(async {
                let rows = sqlx::query(select_fixes!("WHERE up.id = ?1"))
                    .bind(incident)
                    .fetch_all(&self.inner.readers)
                    .await?;
                rows.iter().map(fix).collect()
            })
            .await?;
        self.waiting_fixes(|waiting| {
            if waiting.incident == incident && !found.contains(waiting) {
                found.push(waiting.clone());
            }
        });
        found.sort_by_key(|fix| (fix.at, fix.said_at));
        Ok(found)
    }

    /// By each incident that is open: the last thing that was done about it, those included that wait to be written.
    pub async fn last_fixes(&self) -> Result<BTreeMap<String, Fix>, StoreError> {
        let found: Vec<(String, Fix)> = self
            .read(async {
                let rows = sqlx::query(select_fixes!(
                    "JOIN incidents open ON open.id = up.id AND open.resolved_at IS NULL"
                ))
                .fetch_all(&self.inner.readers)
                .await?;
                rows.iter().map(|row| Ok((row.try_get("root")?, fix(row)?))).collect()
            })
            .await?;
        let mut last: BTreeMap<String, Fix> = BTreeMap::new();
        let mut take = |root: String, fix: &Fix| {
            let is_later = |known: &Fix| (known.at, known.said_at) < (fix.at, fix.said_at);
            if last.get(&root).is_none_or(is_later) {
                last.insert(root, fix.clone());
            }
        };
        for (root, fix) in &found {
            take(root.clone(), fix);
        }
        self.waiting_fixes(|waiting| take(waiting.incident.clone(), waiting));
        Ok(last)
    }

    /// Those that the disk hasn't taken yet.
    fn waiting_fixes(&self, mut each: impl FnMut(&Fix)) {
        self.arrears(|arrears| {
            for write in arrears.iter() {
                if let Write::Fix(waiting) = write {
                    each(waiting);
                }
            }
        });
    }
}

/// Doing it twice changes nothing.
pub(super) async fn record(tx: &mut Tx, fix: &Fix) -> Result<(), sqlx::Error> {
    let added = sqlx::query(
        "INSERT INTO fixes (incident, at, name, what, said_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&fix.incident)
    .bind(fix.at.as_millis())
    .bind(&fix.by)
    .bind(&fix.what)
    .bind(fix.said_at.as_millis())
    .execute(&mut **tx)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(());
    }
    let body = Fixed { at: fix.at, by: anonymous(&fix.by), what: anonymous(&fix.what) };
    let body = serde_json::to_string(&body).map_err(|error| sqlx::Error::Encode(error.into()))?;
    journal(tx, fix.said_at, body::FIX, &fix.incident, &body).await.map(drop)
}

/// Removes what was said before then of incidents that are over. The journal's own time decides about its entries.
pub(super) async fn remove_before(tx: &mut Tx, before: At) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM fixes WHERE said_at < ? AND incident NOT IN (SELECT id FROM incidents WHERE resolved_at IS NULL)",
    )
    .bind(before.as_millis())
    .execute(&mut **tx)
    .await
    .map(drop)
}

fn fix(row: &SqliteRow) -> Result<Fix, sqlx::Error> {
    Ok(Fix {
        incident: row.try_get("incident")?,
        at: At::from_millis(row.try_get("at")?),
        said_at: At::from_millis(row.try_get("said_at")?),
        by: row.try_get("name")?,
        what: row.try_get("what")?,
    })
}
