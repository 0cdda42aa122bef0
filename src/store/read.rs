//! What is ever asked of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::write::{Write, event_word};
use super::{Approval, BeatRow, Store, StoreError};
use crate::incident::Event;
use crate::limits;
use crate::notify::policy::{self, OpenIncident};
use crate::notify::{Acknowledgement, Audience, Keep, Notice, NoticeState};
use crate::time::At;

/// What a desk needs to go on where an earlier process stopped.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Oldest first.
    pub open: Vec<OpenIncident>,
    /// Notices of any incident that are queued or held, oldest first, up to [`limits::OUTBOX_LOADED_MAX`].
    pub unsent: Vec<Unsent>,
}

#[derive(Debug, Clone)]
pub struct Unsent {
    pub notice: Notice,
    /// The event that it tells of.
    pub event: Arc<Event>,
    pub attempts: u32,
}

/// The columns of a notice, for [`notice`].
macro_rules! select_notices {
    ($rest:literal) => {
        concat!(
            "SELECT n.id, n.incident, n.event_at, n.event_kind, n.kind, n.practices, n.audience, n.recipient, n.thread,
                    n.due, n.state, n.why, n.attempts, n.changed_at, j.body
             FROM notices n
             LEFT JOIN events e ON e.incident = n.incident AND e.at = n.event_at AND e.kind = n.event_kind
             LEFT JOIN journal j ON j.seq = e.seq ",
            $rest
        )
    };
}

impl Store {
    /// The last event of each open incident, oldest incident first.
    pub async fn open_incidents(&self) -> Result<Vec<Event>, StoreError> {
        self.read(async {
            let rows = sqlx::query(
                "SELECT body FROM incidents i
                 JOIN journal ON seq = (SELECT max(seq) FROM events e WHERE e.incident = i.id)
                 WHERE i.resolved_at IS NULL ORDER BY i.opened_at, length(i.id), i.id",
            )
            .fetch_all(&self.inner.readers)
            .await?;
            rows.iter().map(event).collect()
        })
        .await
    }

    /// The id of the incident that was opened last.
    pub async fn last_incident(&self) -> Result<Option<String>, StoreError> {
        self.read(async {
            sqlx::query_scalar(
                "SELECT id FROM incidents ORDER BY opened_at DESC, length(id) DESC, id DESC LIMIT 1",
            )
            .fetch_optional(&self.inner.readers)
            .await
        })
        .await
    }

    /// The last word of each piece of work, and until when beats were heard; `None`: they never were.
    pub async fn beats(&self) -> Result<(Vec<BeatRow>, Option<At>), StoreError> {
        self.read(async {
            let rows = sqlx::query(
                "SELECT practice, probe, counts_from, last_at, began_at, failed_at, failed_why FROM beats
                 ORDER BY practice, probe",
            )
            .fetch_all(&self.inner.readers)
            .await?;
            let until = sqlx::query_scalar("SELECT at FROM beats_heard_until")
                .fetch_optional(&self.inner.readers)
                .await?;
            let rows = rows.iter().map(beat).collect::<Result<_, _>>()?;
            Ok((rows, until.map(At::from_millis)))
        })
        .await
    }

    /// Every event of an incident, oldest first, those included that wait to be written. Empty when there is no
    /// such incident.
    pub async fn incident_history(&self, id: &str) -> Result<Vec<Event>, StoreError> {
        let mut history: Vec<Event> = self
            .read(async {
                let rows = sqlx::query(
                    "SELECT body FROM events e JOIN journal j ON j.seq = e.seq WHERE e.incident = ? ORDER BY e.seq",
                )
                .bind(id)
                .fetch_all(&self.inner.readers)
                .await?;
                rows.iter().map(event).collect()
            })
            .await?;
        self.arrears(|arrears| {
            for write in arrears.iter() {
                if let Write::Event { event, .. } = write
                    && event.incident == id
                    && !history.contains(event)
                {
                    history.push(Event::clone(event));
                }
            }
        });
        Ok(history)
    }

    /// The last event of an incident, those included that wait to be written. `None`: there is no such incident.
    pub async fn last_event(&self, id: &str) -> Result<Option<Event>, StoreError> {
        let waiting = self.arrears(|arrears| {
            let events = arrears.iter().filter_map(|write| match write {
                Write::Event { event, .. } if event.incident == id => Some(event),
                _ => None,
            });
            events.last().map(|last| Event::clone(last))
        });
        if waiting.is_some() {
            return Ok(waiting);
        }
        self.read(async {
            let row = sqlx::query(
                "SELECT body FROM journal WHERE seq = (SELECT max(seq) FROM events WHERE incident = ?)",
            )
            .bind(id)
            .fetch_optional(&self.inner.readers)
            .await?;
            row.as_ref().map(event).transpose()
        })
        .await
    }

    /// Whether somebody has approved the incident.
    pub async fn approved(&self, incident: &str) -> Result<bool, StoreError> {
        let waiting = self.arrears(|arrears| {
            arrears
                .iter()
                .any(|write| matches!(write, Write::Approve { incident: id, .. } if **id == *incident))
        });
        let approved = self
            .read(async {
                sqlx::query("SELECT 1 FROM incidents WHERE id = ? AND approved_at IS NOT NULL")
                    .bind(incident)
                    .fetch_optional(&self.inner.readers)
                    .await
            })
            .await?;
        Ok(waiting || approved.is_some())
    }

    /// What an approval would do now.
    pub(super) async fn would_approve(&self, incident: &str) -> Result<Approval, StoreError> {
        if self.incident_history(incident).await?.is_empty() {
            return Err(StoreError::UnknownIncident(incident.to_owned()));
        }
        let already = self.approved(incident).await?;
        let held: i64 = self
            .read(async {
                sqlx::query_scalar("SELECT count(*) FROM notices WHERE incident = ? AND state = 'held'")
                    .bind(incident)
                    .fetch_one(&self.inner.readers)
                    .await
            })
            .await?;
        Ok(Approval { released: if already { 0 } else { usize::try_from(held).unwrap_or(0) }, already })
    }

    /// What an earlier process left.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut open = Vec::new();
        for event in self.open_incidents().await? {
            open.push(self.planned_of(event).await?);
        }
        Ok(Snapshot { open, unsent: self.unsent().await? })
    }

    /// An incident as its planners know it, from its last event.
    pub(super) async fn planned_of(&self, event: Event) -> Result<OpenIncident, StoreError> {
        let approved = self.approved(&event.incident).await?;
        let mut taken_on = self.acknowledgements(&event.incident).await?;
        taken_on.retain(Acknowledgement::is_of_use);
        // A county's notices tell of a few events, so those are read by themselves.
        let history = self.incident_history(&event.incident).await?;
        let told: BTreeMap<(At, &str), Arc<Event>> =
            history.iter().map(|e| ((e.at, event_word(e.event)), Arc::new(e.clone()))).collect();
        let last = Arc::new(event.clone());
        let notices = self
            .read(async {
                let rows = sqlx::query(
                    "SELECT id, incident, event_at, event_kind, kind, practices, audience, recipient, thread, due, state,
                            why, changed_at
                     FROM notices WHERE incident = ? ORDER BY seq",
                )
                .bind(&event.incident)
                .fetch_all(&self.inner.readers)
                .await?;
                let row = |row: &SqliteRow| {
                    let notice = notice(row)?;
                    // What is inherited tells of the incident that it is inherited from.
                    let event = told.get(&(notice.event_at, event_word(notice.event))).unwrap_or(&last);
                    let changed = At::from_millis(row.try_get("changed_at")?);
                    Ok(policy::Row { notice, event: Arc::clone(event), changed })
                };
                rows.iter().map(row).collect()
            })
            .await?;
        Ok(OpenIncident { run: policy::Run::of(&history), event, approved, notices, taken_on })
    }

    /// Every notice of an incident, in the order in which they were planned.
    pub async fn notices_of(&self, incident: &str) -> Result<Vec<Notice>, StoreError> {
        self.read(async {
            let rows = sqlx::query(select_notices!("WHERE n.incident = ? ORDER BY n.seq"))
                .bind(incident)
                .fetch_all(&self.inner.readers)
                .await?;
            rows.iter().map(notice).collect()
        })
        .await
    }

    /// Notices that are queued or held, oldest first, with what they tell of.
    pub async fn unsent(&self) -> Result<Vec<Unsent>, StoreError> {
        self.read(async {
            let rows = sqlx::query(select_notices!(
                "WHERE n.state IN ('queued', 'held') AND j.body IS NOT NULL ORDER BY n.seq LIMIT ?"
            ))
            .bind(i64::try_from(limits::OUTBOX_LOADED_MAX).unwrap_or(i64::MAX))
            .fetch_all(&self.inner.readers)
            .await?;
            rows.iter().map(unsent).collect()
        })
        .await
    }

    pub(super) async fn read<T>(
        &self,
        ask: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(limits::STORE_READ_TIMEOUT, ask).await {
            Ok(answer) => answer.map_err(|error| StoreError::of(&self.inner.file, &error)),
            Err(_) => Err(StoreError::Slow {
                file: self.inner.file.clone(),
                waited_s: limits::STORE_READ_TIMEOUT.as_secs(),
            }),
        }
    }
}

pub(super) use select_notices;

pub(super) fn event(row: &SqliteRow) -> Result<Event, sqlx::Error> {
    let body: &str = row.try_get("body")?;
    serde_json::from_str(body).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn unsent(row: &SqliteRow) -> Result<Unsent, sqlx::Error> {
    Ok(Unsent { notice: notice(row)?, event: Arc::new(event(row)?), attempts: row.try_get("attempts")? })
}

pub(super) fn notice(row: &SqliteRow) -> Result<Notice, sqlx::Error> {
    let audience = audience(row.try_get("audience")?, row.try_get("practices")?);
    let why = || row.try_get::<Option<String>, _>("why").map(Option::unwrap_or_default);
    let state: &str = row.try_get("state")?;
    let state = match state {
        "queued" => NoticeState::Queued,
        "held" => NoticeState::Held,
        "kept" => match Keep::of(&why()?) {
            Some(by) => NoticeState::Kept { by },
            None => return Err(sqlx::Error::Decode("a notice is kept for a reason that isn't known".into())),
        },
        "accepted" => NoticeState::Accepted,
        "rejected" => NoticeState::Rejected { why: why()? },
        "withheld" => NoticeState::Withheld { why: why()? },
        other => return Err(sqlx::Error::Decode(format!("a notice cannot be \"{other}\"").into())),
    };
    Ok(Notice {
        id: row.try_get("id")?,
        incident: row.try_get("incident")?,
        event_at: At::from_millis(row.try_get("event_at")?),
        event: word(row.try_get("event_kind")?)?,
        kind: word(row.try_get("kind")?)?,
        audience,
        recipient: row.try_get("recipient")?,
        thread: row.try_get("thread")?,
        due: At::from_millis(row.try_get("due")?),
        state,
    })
}

/// As whom somebody is spoken to, from the two columns that say it.
pub(super) fn audience(who: Option<&str>, practices: Option<&str>) -> Audience {
    let practices = practices.map(|ids| ids.split(',').map(str::to_owned).collect::<Vec<_>>());
    match who.and_then(|who| who.split_once(' ')) {
        Some(("pcn", id)) => Audience::Pcn { id: id.to_owned(), practices: practices.unwrap_or_default() },
        Some(("role", id)) => Audience::Role { id: id.to_owned() },
        Some(("owner", name)) => Audience::Owner { name: name.to_owned() },
        _ => practices.map_or(Audience::Staff, Audience::Practices),
    }
}

/// The words in the columns are those of the JSON forms.
pub(super) fn word<T: DeserializeOwned>(word: &str) -> Result<T, sqlx::Error> {
    serde_json::from_value(word.into()).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn beat(row: &SqliteRow) -> Result<BeatRow, sqlx::Error> {
    let at = |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(At::from_millis));
    Ok(BeatRow {
        practice: row.try_get("practice")?,
        probe: row.try_get("probe")?,
        counts_from: At::from_millis(row.try_get("counts_from")?),
        last: at("last_at")?,
        began: at("began_at")?,
        failed: at("failed_at")?.zip(row.try_get("failed_why")?),
    })
}
