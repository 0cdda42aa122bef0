//! `/beat/<token>`: what work asks for when it is done. Bodies are ignored; the answers are a few words.
//!
//! The endings are those of healthchecks.io, which many programs know: `/start`, `/fail`, an exit status (`/0` is success).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;

use super::book::Said;
use super::{Beats, Taken};
use crate::agent::clock;
use crate::hub::server::{Peer, let_go};
use crate::hub::state::Hub;
use crate::limits::BEAT_BODY_BYTES_MAX;

/// For a router of whatever state.
pub fn routes<S>(beats: Arc<Beats>) -> Router<S> {
    Router::new()
        .route("/beat/{token}", get(beat).post(beat).head(only_looked))
        .route("/beat/{token}/{ending}", get(beat_with).post(beat_with).head(only_looked))
        .with_state(beats)
}

/// Whoever only looks whether an address is there, as scanners of mail do, hasn't done the work.
async fn only_looked() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

pub async fn list(State(hub): State<Arc<Hub>>) -> Response {
    Json(hub.beats.list(clock::now())).into_response()
}

async fn beat(
    State(beats): State<Arc<Beats>>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Response {
    let code =
        query.as_deref().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("code=")));
    let answer = answer(&beats, &token, code.map_or(Some(Said::Done), exit_status), peer);
    let_go(request.into_body().into_data_stream(), BEAT_BODY_BYTES_MAX).await;
    answer
}

async fn beat_with(
    State(beats): State<Arc<Beats>>,
    Path((token, ending)): Path<(String, String)>,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Response {
    let said = match ending.as_str() {
        "start" => Some(Said::Began),
        "fail" => Some(Said::Failed(None)),
        status => exit_status(status),
    };
    let answer = answer(&beats, &token, said, peer);
    let_go(request.into_body().into_data_stream(), BEAT_BODY_BYTES_MAX).await;
    answer
}

fn exit_status(text: &str) -> Option<Said> {
    match text.parse::<u8>().ok()? {
        0 => Some(Said::Done),
        status => Some(Said::Failed(Some(i32::from(status)))),
    }
}

fn answer(beats: &Beats, token: &str, said: Option<Said>, peer: Option<Extension<Peer>>) -> Response {
    let Some(said) = said else {
        // Whoever it is: that says nothing about the token.
        return (StatusCode::BAD_REQUEST, "say nothing, /start, /fail, or an exit status from /0 to /255\n")
            .into_response();
    };
    let from = peer.map(|Extension(Peer(address))| address.ip());
    match beats.take(token, said, from, clock::now()) {
        Taken::Noted => (StatusCode::OK, "noted\n").into_response(),
        Taken::Nobodys => (StatusCode::NOT_FOUND, "there is no such work\n").into_response(),
        Taken::TooMany => {
            (StatusCode::TOO_MANY_REQUESTS, "too many wrong addresses from there\n").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_status_is_a_byte() {
        assert_eq!(exit_status("0"), Some(Said::Done));
        assert_eq!(exit_status("3"), Some(Said::Failed(Some(3))));
        for none in ["256", "-1", "", "three"] {
            assert_eq!(exit_status(none), None, "{none}");
        }
    }
}
