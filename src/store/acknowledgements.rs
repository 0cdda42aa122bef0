//! Who said that they have an incident in hand, or that they read of it.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::journal::append as journal;
use super::read::{audience, word};
use super::write::{Tx, Write, audience_columns};
use super::{Store, StoreError};
use crate::journal::body::{self, Acknowledged};
use crate::notify::masked::anonymous;
use crate::notify::policy::Addressee;
use crate::notify::{Acknowledgement, Audience};
use crate::time::At;

impl Store {
    /// Records an acknowledgement. An error means that it is kept in memory and written when the disk is back.
    pub async fn acknowledge(&self, acknowledgement: Acknowledgement) -> Result<(), StoreError> {
        self.write(Write::Acknowledge(acknowledgement.into())).await
    }

    /// What was said of an incident since it was last opened, and of those that were merged into it; oldest first, those included
    /// that wait to be written.
    pub async fn acknowledgements(&self, incident: &str) -> Result<Vec<Acknowledgement>, StoreError> {
        let mut found: Vec<Acknowledgement> = self
            .read(async {
                let rows = sqlx::query(
                    "WITH RECURSIVE same (id) AS (
                         SELECT ?1 UNION SELECT i.id FROM incidents i JOIN same ON i.merged_into = same.id
                     )
                     SELECT incident, at, person, name, way, practices, audience, note FROM acknowledgements
                     WHERE incident IN (SELECT id FROM same) AND (incident <> ?1 OR at >= coalesce(
                         (SELECT max(e.at) FROM events e WHERE e.incident = ?1 AND e.kind = 'opened'),
                         -9223372036854775808))
                     ORDER BY at, person",
                )
                .bind(incident)
                .fetch_all(&self.inner.readers)
                .await?;
                rows.iter().map(acknowledgement).collect()
            })
            .await?;
        self.arrears(|arrears| {
            for write in arrears.iter() {
                if let Write::Acknowledge(waiting) = write
                    && waiting.incident == incident
                    && !found.contains(waiting)
                {
                    found.push(Acknowledgement::clone(waiting));
                }
            }
        });
        Ok(found)
    }

    /// Whose address stands behind a person who was told of an incident, for as long as addresses are kept.
    pub async fn addressee(&self, incident: &str, person: &str) -> Result<Option<Addressee>, StoreError> {
        self.read(async {
            let row = sqlx::query(
                "SELECT recipient, practices, audience FROM notices WHERE incident = ?1 AND instr(id, '.' || ?2) > 0
                 ORDER BY seq LIMIT 1",
            )
            .bind(incident)
            .bind(person)
            .fetch_optional(&self.inner.readers)
            .await?;
            row.map(|row| {
                Ok(Addressee {
                    recipient: row.try_get("recipient")?,
                    audience: audience(row.try_get("audience")?, row.try_get("practices")?),
                })
            })
            .transpose()
        })
        .await
    }
}

/// Doing it twice changes nothing.
pub(super) async fn acknowledge(tx: &mut Tx, said: &Acknowledgement) -> Result<(), sqlx::Error> {
    let practices = match &said.audience {
        Audience::Staff | Audience::Role { .. } | Audience::Owner { .. } => None,
        Audience::Practices(practices) | Audience::Pcn { practices, .. } => Some(practices.join(",")),
    };
    let added = sqlx::query(
        "INSERT INTO acknowledgements (incident, at, person, name, way, practices, audience, note)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&said.incident)
    .bind(said.at.as_millis())
    .bind(&said.person)
    .bind(&said.by)
    .bind(said.way.as_str())
    .bind(practices)
    .bind(audience_columns(&said.audience).0)
    .bind(&said.note)
    .execute(&mut **tx)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(());
    }
    let body = Acknowledged {
        by: anonymous(&said.by),
        way: said.way.as_str().to_owned(),
        whom: said.audience.label(),
        note: said.note.as_deref().map(anonymous),
    };
    let body = serde_json::to_string(&body).map_err(|error| sqlx::Error::Encode(error.into()))?;
    journal(tx, said.at, body::ACKNOWLEDGEMENT, &said.incident, &body).await.map(drop)
}

/// Removes what was said before then of incidents that are over. The journal's own time decides about its entries.
pub(super) async fn remove_before(tx: &mut Tx, before: At) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM acknowledgements WHERE at < ?
         AND incident NOT IN (SELECT id FROM incidents WHERE resolved_at IS NULL)",
    )
    .bind(before.as_millis())
    .execute(&mut **tx)
    .await
    .map(drop)
}

fn acknowledgement(row: &SqliteRow) -> Result<Acknowledgement, sqlx::Error> {
    Ok(Acknowledgement {
        incident: row.try_get("incident")?,
        at: At::from_millis(row.try_get("at")?),
        person: row.try_get("person")?,
        by: row.try_get("name")?,
        way: word(row.try_get("way")?)?,
        audience: audience(row.try_get("audience")?, row.try_get("practices")?),
        note: row.try_get("note")?,
    })
}
