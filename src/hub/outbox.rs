//! `/api/v1/outbox`: what became of every notice, by what it left, and who could not be reached.
//!
//! Addresses are masked here: whoever may see where the estate stands needn't learn whom to write to.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};

use super::api::problem;
use super::state::Hub;
use crate::agent::clock;
use crate::notify::channel::hook_of;
use crate::notify::masked::masked;
use crate::notify::{NoticeKind, NoticeState, OutletStats, RelayHealth};
use crate::store::{Fate, RefusalRow, TryRow};
use crate::time::At;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Asked {
    /// Of this incident alone.
    #[serde(default)]
    pub incident: Option<String>,
    /// Only what hasn't left.
    #[serde(default)]
    pub unsent: bool,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    pub at: At,
    /// How long the oldest notice has been due that isn't accepted; 0: there is none.
    pub oldest_seconds: f64,
    /// In the order in which they are used.
    pub outlets: Vec<OutletLine>,
    /// Oldest first; the latest [`crate::limits::OUTBOX_LISTED_MAX`].
    pub notices: Vec<NoticeLine>,
    /// Recipients whose last try was refused, or whose mails come back.
    pub refused: Vec<RefusedLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutletLine {
    pub channel: String,
    /// `mail.example:587`
    pub name: String,
    pub network: Option<String>,
    pub ok: bool,
    pub since: Option<At>,
    pub why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeLine {
    pub notice: String,
    pub incident: String,
    pub kind: NoticeKind,
    /// `staff`, or the practices' ids with commas between.
    pub about: String,
    /// Masked: `m***@g82002.example`.
    pub to: String,
    pub due: At,
    pub state: String,
    /// When it was last tried or settled, or else planned.
    pub changed: At,
    pub why: Option<String>,
    /// When its recipient acknowledged the incident, having had this.
    #[serde(default)]
    pub acknowledged: Option<At>,
    /// Oldest first; the latest [`crate::limits::TRIES_KEPT`].
    pub tries: Vec<TryLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TryLine {
    pub at: At,
    pub channel: String,
    /// The outlet: `mail.example:587`.
    pub via: String,
    /// `accepted`, `deferred`, `refused`, `unknown` (it was handed over, and no answer came), `unsendable`; and what a mail server wrote
    /// about a mail that had been accepted: `bounced`, `delayed`, `beyond` (bounced at an address that ours was passed on to).
    pub outcome: String,
    /// What the other side said.
    pub answer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedLine {
    /// Masked.
    pub to: String,
    pub channel: String,
    pub since: At,
    pub last: At,
    /// How often since.
    pub refused: u32,
    pub answer: String,
    /// Their mails are accepted, and come back.
    #[serde(default)]
    pub bounced: bool,
    /// As whom they were written to, where that is known: `G82002`, `staff`.
    #[serde(default)]
    pub about: Option<String>,
}

pub async fn list(State(hub): State<Arc<Hub>>, Query(asked): Query<Asked>) -> Response {
    let read = async {
        let fates = hub.store.fates(asked.incident.as_deref(), !asked.unsent).await?;
        Ok::<_, crate::store::StoreError>((fates, hub.store.refusals(clock::now()).await?))
    };
    match read.await {
        Ok((fates, refusals)) => {
            let (now, desk) = (clock::now(), hub.desk.stats());
            let oldest = desk.oldest.map_or(0, |oldest| now.millis_since(oldest).max(0));
            Json(Outbox {
                at: now,
                oldest_seconds: std::time::Duration::from_millis(oldest.unsigned_abs()).as_secs_f64(),
                outlets: desk.outlets.into_iter().map(OutletLine::of).collect(),
                notices: fates.into_iter().map(NoticeLine::of).collect(),
                refused: refusals.into_iter().map(RefusedLine::of).collect(),
            })
            .into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "the outbox could not be read");
            problem(StatusCode::SERVICE_UNAVAILABLE, format!("the outbox could not be read: {error}"))
        }
    }
}

impl OutletLine {
    fn of(outlet: OutletStats) -> Self {
        let (ok, since, why) = match outlet.health {
            RelayHealth::None | RelayHealth::Fine => (true, None, None),
            RelayHealth::Unusable { why } => (false, None, Some(why)),
            RelayHealth::Failing { since, why } => (false, Some(since), Some(why)),
        };
        let channel = outlet.channel.to_owned();
        Self { channel, name: outlet.name, network: outlet.network, ok, since, why }
    }
}

impl NoticeLine {
    fn of(Fate { notice, changed_at, tries, acknowledged }: Fate) -> Self {
        let state = notice.state.as_str().to_owned();
        let why = match notice.state {
            NoticeState::Rejected { why } | NoticeState::Withheld { why } => Some(why),
            NoticeState::Kept { by } => Some(by.words().to_owned()),
            NoticeState::Queued | NoticeState::Held | NoticeState::Accepted => None,
        };
        Self {
            notice: notice.id,
            incident: notice.incident,
            kind: notice.kind,
            about: notice.audience.label(),
            to: shown(&notice.recipient),
            due: notice.due,
            state,
            changed: changed_at,
            why,
            acknowledged,
            tries: tries.into_iter().map(TryLine::of).collect(),
        }
    }
}

impl TryLine {
    fn of(TryRow { at, channel, via, outcome, answer }: TryRow) -> Self {
        Self { at, channel, via, outcome, answer }
    }
}

impl RefusedLine {
    fn of(row: RefusalRow) -> Self {
        let RefusalRow { recipient, channel, since, last_at, refused, answer, bounced, about } = row;
        Self { to: shown(&recipient), channel, since, last: last_at, refused, answer, bounced, about }
    }
}

/// A channel by its name, a person's address masked.
pub(super) fn shown(recipient: &str) -> String {
    if hook_of(recipient).is_some() { recipient.to_owned() } else { masked(recipient) }
}
