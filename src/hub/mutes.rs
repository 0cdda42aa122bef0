//! `/api/v1/mutes`: what is muted, muting something, and ending a mute.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::api::problem;
use super::guard::Changer;
use super::state::Hub;
use crate::agent::clock;
use crate::limits::{MUTE_MAX, MUTE_REASON_CHARS_MAX, MUTE_WHAT_BYTES_MAX, MUTES_MAX};
use crate::notify::policy::mute::{Mute, Muted};
use crate::time::At;
use crate::uplink::message::ByRequest;

/// What `GET /api/v1/mutes` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuteList {
    /// Those that stand, in the order in which they began.
    pub mutes: Vec<Mute>,
}

/// What `POST /api/v1/mutes` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuteRequest {
    #[serde(flatten)]
    pub muted: Muted,
    /// When it ends; this or `for_seconds`.
    #[serde(default)]
    pub until: Option<At>,
    #[serde(default)]
    pub for_seconds: Option<u64>,
    #[serde(default)]
    pub reason: Option<String>,
    /// Who mutes, for the journal.
    #[serde(default)]
    pub by: Option<String>,
}

pub fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/mutes", get(list).post(begin)).route("/api/v1/mutes/{number}/end", post(end))
}

async fn list(State(hub): State<Arc<Hub>>) -> Response {
    Json(MuteList { mutes: hub.desk.mutes() }).into_response()
}

async fn begin(State(hub): State<Arc<Hub>>, changer: Changer, Json(request): Json<MuteRequest>) -> Response {
    let by = match changer.named(request.by.as_deref()) {
        Ok(by) => by,
        Err(refused) => return refused.into_response(),
    };
    let until = match end_of(&request, clock::now()) {
        Ok(until) => until,
        Err(why) => return problem(StatusCode::BAD_REQUEST, why),
    };
    if let Err(why) = is_there(&hub, &request.muted) {
        return problem(StatusCode::NOT_FOUND, why);
    }
    let reason = request.reason.as_deref().map(one_line).filter(|reason| !reason.is_empty());
    match hub.desk.mute(request.muted, until, &by, reason.as_deref()).await {
        Ok(Some(mute)) => Json(mute).into_response(),
        Ok(None) => problem(
            StatusCode::CONFLICT,
            format!(
                "{MUTES_MAX} mutes stand already, and that is the most; `linewatch mute list` shows them, `linewatch mute end NUMBER` ends one"
            ),
        ),
        Err(error) => {
            tracing::error!(%error, "nothing could be muted");
            problem(StatusCode::SERVICE_UNAVAILABLE, format!("nothing could be muted: {error}"))
        }
    }
}

async fn end(
    State(hub): State<Arc<Hub>>,
    Path(number): Path<u32>,
    changer: Changer,
    Json(request): Json<ByRequest>,
) -> Response {
    let by = match changer.named(request.by.as_deref()) {
        Ok(by) => by,
        Err(refused) => return refused.into_response(),
    };
    match hub.desk.end_mute(number, &by).await {
        Some(mute) => Json(mute).into_response(),
        None => problem(
            StatusCode::NOT_FOUND,
            format!("no mute of number {number} stands; `linewatch mute list` shows those that do"),
        ),
    }
}

/// When a mute ends that begins now; or what is wrong with the question.
fn end_of(request: &MuteRequest, now: At) -> Result<At, String> {
    let until = match (request.until, request.for_seconds) {
        (Some(until), None) => until,
        (None, Some(seconds)) => now + Duration::from_secs(seconds.min(MUTE_MAX.as_secs() + 1)),
        _ => return Err("say when the mute ends: `until` or `for_seconds`, and not both".to_owned()),
    };
    if until <= now {
        return Err(format!("{until} is past, so nothing would be muted"));
    }
    if until > now + MUTE_MAX {
        let days = MUTE_MAX.as_secs() / 86_400;
        return Err(format!("{days} days are the longest mute; mute it again when they are over"));
    }
    Ok(until)
}

/// Nothing is muted that isn't there: a slip of the pen would be found out when the message comes that was to be muted.
fn is_there(hub: &Hub, muted: &Muted) -> Result<(), String> {
    let view = hub.view();
    let estate = &view.estate;
    let too_long = |id: &str| id.len() > MUTE_WHAT_BYTES_MAX;
    match muted {
        Muted::Incident { id } => {
            if too_long(id) || !view.picture.incidents.iter().any(|event| event.incident == *id) {
                return Err("no such incident is open; `linewatch status` lists those that are".to_owned());
            }
        }
        Muted::Practice { id } => {
            if too_long(id) || estate.practice(id).is_none() {
                return Err("there is no such practice".to_owned());
            }
        }
        Muted::Component { kind, id } => {
            let known = match kind.as_str() {
                "network" => estate.network(id).is_some(),
                "service" => estate.service(id).is_some(),
                "practice" => {
                    return Err(format!("to mute a practice, say: linewatch mute practice {}", one_line(id)));
                }
                _ => estate.components.iter().any(|component| component.kind == *kind && component.id == *id),
            };
            if too_long(id) || !known {
                return Err(
                    "there is no such component, network or service; write its kind and its id, such as firewall/fw-a"
                        .to_owned(),
                );
            }
        }
    }
    Ok(())
}

fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MUTE_REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(until: Option<i64>, for_seconds: Option<u64>) -> MuteRequest {
        let muted = Muted::Practice { id: "G82002".to_owned() };
        MuteRequest { muted, until: until.map(At::from_millis), for_seconds, reason: None, by: None }
    }

    #[test]
    fn a_mute_has_one_end_and_not_too_far_away() {
        let now = At::from_millis(1_000);
        let end = |until, seconds| end_of(&request(until, seconds), now);
        assert_eq!(end(None, Some(60)), Ok(At::from_millis(61_000)));
        assert_eq!(end(Some(5_000), None), Ok(At::from_millis(5_000)));
        for (until, seconds) in [
            (None, None),
            (Some(5_000), Some(60)),
            (Some(1_000), None),
            (None, Some(0)),
            (None, Some(u64::MAX)),
            (Some(i64::MAX), None),
        ] {
            assert!(end(until, seconds).is_err(), "{until:?} {seconds:?}");
        }
        assert!(end(None, Some(MUTE_MAX.as_secs())).is_ok());
        assert!(end(None, Some(MUTE_MAX.as_secs() + 1)).is_err());
    }

    #[test]
    fn a_request_is_what_it_looks_like() {
        let text =
            r#"{"what":"component","kind":"firewall","id":"fw-a","for_seconds":7200,"reason":"known"}"#;
        let request: MuteRequest = serde_json::from_str(text).expect("a request");
        assert_eq!(request.muted, Muted::Component { kind: "firewall".to_owned(), id: "fw-a".to_owned() });
        assert_eq!((request.for_seconds, request.until), (Some(7200), None));
    }
}
