//! `POST /api/v1/observations`: a batch of an agent's.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::BodyDataStream;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Json, Response};
use futures::StreamExt as _;

use super::correction::correct;
use super::refusal::{Refusal, judge};
use crate::agent::clock;
use crate::hub::credentials::book::Denied;
use crate::hub::credentials::live::ahead_ms;
use crate::hub::credentials::{CredentialError, Who};
use crate::hub::server::{Peer, let_go};
use crate::hub::state::Hub;
use crate::incident::Event;
use crate::limits::{
    BATCH_BYTES_MAX, BATCH_DROPPED_BYTES_MAX, BATCH_WITHIN, REFUSAL_TOLD_CHARS_MAX, SPOOL_ID_CHARS_MAX,
    STATE_BYTES_MAX,
};
use crate::observation::harmless;
use crate::uplink::batch;
use crate::uplink::key;
use crate::uplink::message::{BatchAnswer, ENCODING, SPOOL, STATE, State as AgentState};

pub async fn post(State(hub): State<Arc<Hub>>, peer: Option<Extension<Peer>>, request: Request) -> Response {
    let from = peer.map(|Extension(Peer(address))| address.ip());
    let (parts, body) = request.into_parts();
    let mut pieces = body.into_data_stream();
    match take(&hub, from, &parts.headers, &mut pieces).await {
        Ok(answer) => (StatusCode::OK, Json(answer)).into_response(),
        Err(refusal) => {
            hub.numbers.refused(refusal.reason(), refusal.refused().count());
            tell(&hub, from, &parts.headers, &refusal);
            // Nothing more is heard of whoever asks too often, or doesn't come to an end.
            if !matches!(refusal, Refusal::Flood | Refusal::Slow) {
                let_go(pieces, BATCH_DROPPED_BYTES_MAX).await;
            }
            refusal.into_response()
        }
    }
}

/// For whoever looks after the hub: whom it refuses, as the request says, and why.
fn tell(hub: &Hub, from: Option<IpAddr>, headers: &HeaderMap, refusal: &Refusal) {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| key::shown(value.to_str().ok()?));
    let agent = shown.as_ref().map(|(agent, _)| *agent);
    let source = from.map(tracing::field::display);
    let why: String = refusal.to_string().chars().map(harmless).take(REFUSAL_TOLD_CHARS_MAX).collect();
    let reason = refusal.reason();
    if hub.intake.told.tells(from, Instant::now()) {
        tracing::info!(agent, source, reason, "a batch was refused: {why}");
    } else {
        tracing::debug!(agent, source, reason, "a batch was refused: {why}");
    }
}

/// Who asks. Nothing of a body is read before.
pub async fn who(hub: &Hub, from: Option<IpAddr>, headers: &HeaderMap) -> Result<Who, Refusal> {
    if !hub.credentials.may_knock(from) {
        return Err(Refusal::Flood);
    }
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    Ok(hub.credentials.who(shown, from, clock::now()).await?)
}

async fn take(
    hub: &Arc<Hub>,
    from: Option<IpAddr>,
    headers: &HeaderMap,
    pieces: &mut BodyDataStream,
) -> Result<BatchAnswer, Refusal> {
    let now = clock::now();
    let who = who(hub, from, headers).await?;
    let spool = text(headers, SPOOL, SPOOL_ID_CHARS_MAX)?;
    if spool.is_empty() || !spool.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Refusal::Header(SPOOL));
    }
    let spool = spool.to_owned();
    let state = serde_json::from_str::<AgentState>(text(headers, STATE, STATE_BYTES_MAX)?);
    let mut state = state.map_err(|_| Refusal::Header(STATE))?;
    state.clean();
    let is_packed = match headers.get(header::CONTENT_ENCODING) {
        None => false,
        Some(encoding) if encoding == ENCODING => true,
        Some(_) => return Err(Refusal::Encoding),
    };
    let bytes = tokio::time::timeout(BATCH_WITHIN, body(headers, pieces)).await;
    let bytes = bytes.unwrap_or(Err(Refusal::Slow))?;
    // A body may take its time, and its agent may have been revoked meanwhile.
    if !hub.credentials.is_let_in(&who.agent) {
        return Err(CredentialError::Denied(Denied::Revoked).into());
    }
    let text = if is_packed { batch::unpack(&bytes)? } else { bytes };
    // Before anything may be refused: that it was heard, and how its clock stands, is worth knowing in any case.
    let view = hub.view();
    let network = state.uplink.as_deref().filter(|id| view.estate.network(id).is_some());
    hub.credentials.heard(&who, state.clone(), network, now);
    let mut records = batch::read(&text)?;
    correct(&mut records, ahead_ms(&state, now), now);
    judge(&records, &who.practice, now)?;
    let task = {
        let (hub, who, view) = (hub.clone(), who.clone(), view.clone());
        // A task of its own: when the sender goes away in the middle, it still comes to its end.
        tokio::spawn(async move {
            let is_let_in = |agent: &str| hub.credentials.is_let_in(agent);
            hub.intake.take((&who, &spool, &state), records, is_let_in, &view, clock::now()).await
        })
    };
    let taken = task.await.map_err(|_| Refusal::Busy)??;
    hub.numbers.took(&taken);
    if let Some(why) = &taken.trouble {
        tracing::debug!("a batch was taken and not kept: {why}");
    }
    let concerns = |event: &&Event| event.practices.contains(&who.practice);
    let word =
        hub.view().picture.incidents.iter().filter(concerns).map(|event| event.sentence.clone()).collect();
    Ok(BatchAnswer {
        acked: taken.acked,
        at: clock::now(),
        wait_ms: taken.wait_ms,
        config: hub.handout().tag(&view.estate, &who.practice),
        rotate: who.rotate,
        word,
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str, most: usize) -> Result<&'a str, Refusal> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.filter(|value| value.len() <= most).ok_or(Refusal::Header(name))
}

/// The body, up to its bound. One that says that it is longer isn't read at all.
async fn body(headers: &HeaderMap, pieces: &mut BodyDataStream) -> Result<Vec<u8>, Refusal> {
    let says = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if says.is_some_and(|says: usize| says > BATCH_BYTES_MAX) {
        return Err(Refusal::Huge);
    }
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Refusal::Cut)?;
        if bytes.len() + piece.len() > BATCH_BYTES_MAX {
            return Err(Refusal::Huge);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
