//! `POST /api/v1/bounces`: what mail servers say became of mails that they had accepted; `linewatch bounce` brings it.
//!
//! Whoever brings it needn't be believed: it counts for a mail of ours that it names by an id that can't be guessed
//! ([`crate::notify::bounce`]). The token keeps strangers from trying.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};

use super::api::problem;
use super::outbox::shown;
use super::server::Peer;
use super::state::Hub;
use crate::notify::Came;
use crate::notify::bounce::{BouncingAddress, Report, Returned};
use crate::time::At;

/// What it answers: of each recipient in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BounceAnswer {
    pub results: Vec<BounceLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BounceLine {
    /// `bounced`, `delayed`, `beyond` (bounced at an address that ours was passed on to): recorded. `again`: it was recorded before.
    /// `fine`: nothing is wrong. `forgotten`: the mail's notice is no longer kept. `not_ours`: it names no mail of ours.
    pub outcome: String,
    #[serde(default)]
    pub notice: Option<String>,
    #[serde(default)]
    pub incident: Option<String>,
    /// `staff`, or the practices' ids with commas between.
    #[serde(default)]
    pub about: Option<String>,
    /// `bounced: 5.1.1 no such user, said by mx.example`
    #[serde(default)]
    pub why: Option<String>,
    /// The notice leaves by the recipient's other way.
    #[serde(default)]
    pub leaves_again: bool,
}

/// A recipient whose mails come back, in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BouncingLine {
    /// Masked.
    pub to: String,
    /// As whom they were written to: `G82002`, `staff`.
    pub about: String,
    pub since: At,
    pub last: At,
    /// The last report in words.
    pub why: String,
}

impl From<BouncingAddress> for BouncingLine {
    fn from(standing: BouncingAddress) -> Self {
        let BouncingAddress { address, about, since, last, why } = standing;
        Self { to: shown(&address), about, since, last, why }
    }
}

impl BounceLine {
    fn of(came: Came) -> Self {
        let outcome = came.as_str().to_owned();
        match came {
            Came::Recorded(returned) | Came::Again(returned) => {
                let Returned { notice, incident, audience, why, leaves_again, .. } = returned;
                let about = Some(audience.label());
                let (notice, incident, why) = (Some(notice), Some(incident), Some(why));
                Self { outcome, notice, incident, about, why, leaves_again }
            }
            Came::Fine | Came::Forgotten | Came::Early | Came::NotOurs => {
                Self { outcome, notice: None, incident: None, about: None, why: None, leaves_again: false }
            }
        }
    }
}

pub fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/bounces", post(take))
}

async fn take(
    State(hub): State<Arc<Hub>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = hub.access.may_bring_bounces(peer.map(|Extension(peer)| peer), &headers) {
        return refused.into_response();
    }
    let report: Report = match serde_json::from_slice(&body) {
        Ok(report) => report,
        Err(error) => {
            return problem(StatusCode::BAD_REQUEST, format!("the body is not understood: {error}"));
        }
    };
    let Some(report) = report.bounded() else {
        return problem(
            StatusCode::BAD_REQUEST,
            "`message_ids` and `recipients` need one entry each, at least",
        );
    };
    if hub.store.link_key().is_none() {
        let why = "the hub goes on from memory and can't tell which mails are its own; see its log, and say it again later";
        return problem(StatusCode::SERVICE_UNAVAILABLE, why);
    }
    match hub.desk.came_back(&report).await {
        Ok(came) => {
            for came in &came {
                hub.numbers.came_back(came);
            }
            if came.contains(&Came::Early) {
                let why = "the mail is only just being handed over; say it again in a minute";
                return problem(StatusCode::SERVICE_UNAVAILABLE, why);
            }
            Json(BounceAnswer { results: came.into_iter().map(BounceLine::of).collect() }).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "what a mail server said of a mail could not be looked up");
            problem(StatusCode::SERVICE_UNAVAILABLE, format!("nothing could be looked up: {error}"))
        }
    }
}
