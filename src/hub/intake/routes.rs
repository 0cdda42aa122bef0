//! `POST /api/v1/observations`: a batch of an agent's.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::BodyDataStream;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Json, Response};

use super::body;
use super::correction::correct;
use super::refusal::{Refusal, judge};
use crate::agent::clock;
use crate::hub::credentials::book::Denied;
use crate::hub::credentials::live::ahead_ms;
use crate::hub::credentials::{CredentialError, Who};
use crate::hub::seats;
use crate::hub::server::source;
use crate::hub::state::Hub;
use crate::incident::Event;
use crate::limits::{
    BATCH_BYTES_MAX, BATCH_DROPPED_BYTES_MAX, REFUSAL_TOLD_CHARS_MAX, SPOOL_ID_CHARS_MAX, STATE_BYTES_MAX,
};
use crate::observation::harmless;
use crate::uplink::batch;
use crate::uplink::key;
use crate::uplink::message::{BatchAnswer, ENCODING, SPOOL, STATE, State as AgentState};

pub async fn post(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut pieces = body.into_data_stream();
    match take(&hub, &parts, &mut pieces).await {
        Ok(answer) => (StatusCode::OK, Json(answer)).into_response(),
        Err(refusal) => {
            hub.numbers.refused(refusal.reason(), refusal.refused().count());
            tell(&hub, source(&parts.extensions), &parts.headers, &refusal);
            body::drop_rest(&refusal, pieces, BATCH_DROPPED_BYTES_MAX).await;
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
pub async fn who(hub: &Hub, asked: &Parts) -> Result<Who, Refusal> {
    let from = source(&asked.extensions);
    if !hub.credentials.may_knock(from) {
        return Err(Refusal::Flood);
    }
    let shown = asked.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let who = hub.credentials.who(shown, from, clock::now()).await?;
    seats::is_known(&asked.extensions);
    Ok(who)
}

async fn take(hub: &Arc<Hub>, asked: &Parts, pieces: &mut BodyDataStream) -> Result<BatchAnswer, Refusal> {
    let now = clock::now();
    let (who, headers) = (who(hub, asked).await?, &asked.headers);
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
    let bytes = body::read(headers, pieces, BATCH_BYTES_MAX).await?;
    // A body may take its time, and its agent may have been revoked meanwhile.
    if !hub.credentials.is_let_in(&who.agent) {
        return Err(CredentialError::Denied(Denied::Revoked).into());
    }
    let text = if is_packed { batch::unpack(&bytes)? } else { bytes };
    // Before anything may be refused: that it was heard, and how its clock stands, is worth knowing in any case.
    let view = hub.view();
    let network = state.uplink.as_deref().filter(|id| view.estate.network(id).is_some());
    hub.credentials.heard(&who, state.clone(), network, now)?;
    let mut records = batch::read(&text)?;
    correct(&mut records, ahead_ms(&state, now), &state.steps, now);
    judge(&records, &who.practice, now)?;
    let task = {
        let (hub, who, view) = (hub.clone(), who.clone(), view.clone());
        // A task of its own: when the sender goes away in the middle, it still comes to its end.
        tokio::spawn(async move {
            let good = (
                |agent: &str| hub.credentials.is_let_in(agent),
                |agent: &str| hub.credentials.passes_on(agent),
            );
            hub.intake.take((&who, &spool, &state), records, good, &view, clock::now()).await
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
