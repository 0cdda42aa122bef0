//! People say what they did about an incident: `POST /api/v1/incidents/{id}/fixes`. What came of it is for the report to count.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};

use super::api::{problem, request_of};
use super::guard::Changer;
use super::state::Hub;
use crate::agent::clock;
use crate::limits::FIXES_PER_INCIDENT_MAX;
use crate::notify::acknowledgement::{UNNAMED, name_of};
use crate::notify::fix::{self, Fix};
use crate::notify::masked::anonymous;
use crate::store::StoreError;
use crate::time::At;

/// What `POST /api/v1/incidents/{id}/fixes` takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FixRequest {
    /// What was done.
    pub what: String,
    /// When; this, or `ago_seconds`, or neither: just now.
    #[serde(default)]
    pub at: Option<At>,
    #[serde(default)]
    pub ago_seconds: Option<u64>,
    /// Who did it, for the journal and for letters.
    #[serde(default)]
    pub by: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixAnswer {
    /// As what the incident goes on, when it was merged into another.
    pub incident: String,
    /// The same had been said before; `fix` is that.
    pub already: bool,
    pub fix: FixLine,
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixLine {
    /// Under which it was said: itself, or one that was merged into it.
    pub incident: String,
    /// When it was done.
    pub at: At,
    /// When they said so.
    pub said_at: At,
    pub by: String,
    pub what: String,
}

impl From<&Fix> for FixLine {
    fn from(fix: &Fix) -> Self {
        let Fix { incident, at, said_at, by, what } = fix.clone();
        Self { incident, at, said_at, by, what }
    }
}

/// What was done about an incident, by time; nothing while the store can't be read.
pub(super) async fn of_incident(hub: &Hub, incident: &str) -> Vec<Fix> {
    hub.store.fixes(incident).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "what was done about an incident could not be read");
        Vec::new()
    })
}

/// The last thing that was done about each open incident; nothing while the store can't be read.
pub(super) async fn last(hub: &Hub) -> BTreeMap<String, Fix> {
    hub.store.last_fixes().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "what was done about open incidents could not be read");
        BTreeMap::new()
    })
}

pub(super) async fn post(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    _: Changer,
    body: Bytes,
) -> Response {
    match take(&hub, &id, &body).await {
        Ok(answer) => Json(answer).into_response(),
        Err((status, why)) => problem(status, why),
    }
}

async fn take(hub: &Hub, id: &str, body: &[u8]) -> Result<FixAnswer, (StatusCode, String)> {
    let wrong = |why: String| (StatusCode::BAD_REQUEST, why);
    let request: FixRequest = request_of(body).map_err(wrong)?;
    let what = fix::what_of(&request.what).map_err(|unfit| wrong(unfit.to_string()))?;
    let by = name_of(request.by.as_deref().unwrap_or_default()).map_err(|long| wrong(long.to_string()))?;
    let by = by.unwrap_or_else(|| UNNAMED.to_owned());
    let now = clock::now();
    let said = match (request.at, request.ago_seconds) {
        (Some(_), Some(_)) => {
            return Err(wrong("say when it was done: `at` or `ago_seconds`, and not both".to_owned()));
        }
        (at, None) => at,
        (None, Some(seconds)) => Some(now - Duration::from_secs(seconds)),
    };
    let standing = hub.desk.standing(id).await.map_err(|error| match error {
        StoreError::UnknownIncident(_) => (StatusCode::NOT_FOUND, error.to_string()),
        error => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    })?;
    let incident = standing.incident;
    // When the store can't be read, the last event's estimate stands for all of them.
    let history = hub.store.incident_history(&incident).await.unwrap_or_default();
    let began = history.iter().map(|event| event.since).chain([standing.last.since]).min();
    let at = fix::when(said, began.unwrap_or(now), now).map_err(|unfit| wrong(unfit.to_string()))?;
    let fix = Fix { incident: incident.clone(), at, said_at: now, by, what };
    // One after another, so that the bound is one and nothing is told twice.
    let _turn = hub.fixing.lock().await;
    let known = of_incident(hub, &incident).await;
    if let Some(before) = known.iter().find(|known| known.is_again(&fix)) {
        return Ok(FixAnswer { incident, already: true, fix: before.into() });
    }
    if known.len() >= FIXES_PER_INCIDENT_MAX {
        let why = format!(
            "{FIXES_PER_INCIDENT_MAX} fixes of {incident} are on record already, and that is the most; tell several steps as one"
        );
        return Err((StatusCode::CONFLICT, why));
    }
    tracing::info!(incident, by = fix.by, what = anonymous(&fix.what), at = %fix.at, "a fix was recorded");
    let line = FixLine::from(&fix);
    // An error is the store's to report; it keeps what it couldn't write.
    drop(hub.store.record_fix(fix).await);
    Ok(FixAnswer { incident, already: false, fix: line })
}
