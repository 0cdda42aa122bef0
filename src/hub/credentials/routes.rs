//! What people ask about agents (`/api/v1/agents…`), and what agents ask about themselves (`/api/v1/agent/…`).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::BodyDataStream;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};

use super::CredentialError;
use crate::agent::clock;
use crate::hub::api::problem;
use crate::hub::guard::{Changer, Refused};
use crate::hub::intake::body;
use crate::hub::intake::refusal::Refusal;
use crate::hub::intake::routes::who;
use crate::hub::numbers::AgentRequest;
use crate::hub::server::source;
use crate::hub::state::Hub;
use crate::limits::{AGENTS_PER_PRACTICE_MAX, HTTP_BODY_BYTES_MAX};
use crate::uplink::message::{AgentLine, ByRequest, CodeRequest, EnrolAnswer, EnrolRequest, KeyRequest};

/// For people.
pub fn of_people() -> Router<Arc<Hub>> {
    Router::new()
        .route("/api/v1/agents", get(list))
        .route("/api/v1/agents/enrol", post(make_code))
        .route("/api/v1/agents/{id}/revoke", post(revoke))
        .route("/api/v1/agents/{id}/rotate", post(rotate))
}

/// For agents.
pub fn of_agents() -> Router<Arc<Hub>> {
    Router::new()
        .route("/api/v1/agent/enrol", post(enrol))
        .route("/api/v1/agent/key", post(next_key))
        .route("/api/v1/agent/config", get(config))
}

async fn list(State(hub): State<Arc<Hub>>) -> Response {
    Json(hub.credentials.list()).into_response()
}

async fn make_code(
    State(hub): State<Arc<Hub>>,
    changer: Changer,
    Json(request): Json<CodeRequest>,
) -> Result<Response, No> {
    let by = changer.named(request.by.as_deref())?;
    if hub.view().estate.practice(&request.practice).is_none() {
        return Err(No(StatusCode::NOT_FOUND, "there is no such practice".to_owned()));
    }
    let made = hub.credentials.make_code(&request.practice, &by, clock::now()).await?;
    Ok(Json(made).into_response())
}

async fn revoke(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    changer: Changer,
    Json(request): Json<ByRequest>,
) -> Result<Response, No> {
    let by = changer.named(request.by.as_deref())?;
    hub.credentials.revoke(&id, &by, clock::now()).await?;
    let line = line_of(&hub, &id);
    if let Some(line) = &line {
        hub.asks.dismiss(&line.practice, &line.agent);
        part(&hub, &line.practice).await;
    }
    Ok(Json(line).into_response())
}

/// Where nobody is left who could report for a practice, its silence is no fault.
async fn part(hub: &Hub, practice: &str) {
    let mut of_practice = hub.credentials.list();
    of_practice.retain(|line| line.practice == practice);
    if of_practice.iter().any(|line| line.revoked.is_none()) {
        return;
    }
    // Of those that were never heard nobody waits to hear more.
    of_practice.retain(|line| line.last_heard.is_some());
    of_practice.sort_by_key(|line| std::cmp::Reverse(line.last_heard));
    of_practice.truncate(AGENTS_PER_PRACTICE_MAX);
    let agents: Vec<String> = of_practice.into_iter().map(|line| line.agent).collect();
    if hub.intake.part(practice, &agents, &hub.view(), clock::now()).await {
        tracing::info!(practice, "nobody is enrolled who reports for it: its silence is no incident");
    } else {
        tracing::warn!(
            practice,
            "nobody is enrolled who reports for it, and there was no room to say so: revoke the agent again, or it goes silent"
        );
    }
}

async fn rotate(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    changer: Changer,
    Json(request): Json<ByRequest>,
) -> Result<Response, No> {
    let by = changer.named(request.by.as_deref())?;
    hub.credentials.rotate(&id, &by, clock::now()).await?;
    Ok(Json(line_of(&hub, &id)).into_response())
}

fn line_of(hub: &Hub, id: &str) -> Option<AgentLine> {
    hub.credentials.list().into_iter().find(|line| line.agent == id)
}

/// What a person is told who may not, or asks for what isn't there.
struct No(StatusCode, String);

impl IntoResponse for No {
    fn into_response(self) -> Response {
        problem(self.0, self.1)
    }
}

impl From<Refused> for No {
    fn from(refused: Refused) -> Self {
        Self(refused.status, refused.why.to_owned())
    }
}

impl From<CredentialError> for No {
    fn from(error: CredentialError) -> Self {
        Self(error.status(), error.to_string())
    }
}

/// A refusal is counted, and told.
pub fn answer(
    hub: &Hub,
    request: AgentRequest,
    from: Option<IpAddr>,
    done: Result<Response, Refusal>,
) -> Response {
    done.unwrap_or_else(|refusal| {
        let reason = refusal.reason();
        hub.numbers.request_refused(request, reason);
        if request == AgentRequest::Enrol && refusal.status() != StatusCode::TOO_MANY_REQUESTS {
            tracing::info!(?from, reason, "an enrolment was refused: {refusal}");
        } else {
            tracing::debug!(?request, ?from, reason, "an agent was refused: {refusal}");
        }
        refusal.into_response()
    })
}

async fn enrol(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    let (asked, body) = request.into_parts();
    let mut pieces = body.into_data_stream();
    let done = let_in(&hub, &asked, &mut pieces).await;
    answer_with_body(&hub, AgentRequest::Enrol, &asked, pieces, done).await
}

async fn let_in(hub: &Hub, asked: &Parts, pieces: &mut BodyDataStream) -> Result<Response, Refusal> {
    let from = source(&asked.extensions);
    // Before anything of a body is read.
    if !hub.credentials.may_knock(from) {
        return Err(Refusal::Flood);
    }
    let body = body::read(&asked.headers, pieces, HTTP_BODY_BYTES_MAX).await?;
    // What isn't understood has no code in it that opens anything, and is a guess like any other.
    let asked = serde_json::from_slice::<EnrolRequest>(&body).ok();
    let (code, key_tag) = asked.map(|asked| (asked.code, asked.key_tag)).unwrap_or_default();
    let agent = hub.credentials.enrol(&code, &key_tag, from, clock::now()).await?;
    Ok(Json(EnrolAnswer { agent: agent.id, practice: agent.practice }).into_response())
}

async fn next_key(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    let (asked, body) = request.into_parts();
    let mut pieces = body.into_data_stream();
    let done = change_key(&hub, &asked, &mut pieces).await;
    answer_with_body(&hub, AgentRequest::Key, &asked, pieces, done).await
}

async fn change_key(hub: &Hub, asked: &Parts, pieces: &mut BodyDataStream) -> Result<Response, Refusal> {
    let who = who(hub, asked).await?;
    let body = body::read(&asked.headers, pieces, HTTP_BODY_BYTES_MAX).await?;
    let KeyRequest { key_tag } = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => {
            let why = format!("the body is not understood: {error}");
            return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, why));
        }
    };
    hub.credentials.next_key(&who, &key_tag, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The answer to a request whose body may not have been read to its end.
async fn answer_with_body(
    hub: &Hub,
    request: AgentRequest,
    asked: &Parts,
    pieces: BodyDataStream,
    done: Result<Response, Refusal>,
) -> Response {
    if let Err(refusal) = &done {
        body::drop_rest(refusal, pieces, HTTP_BODY_BYTES_MAX).await;
    }
    answer(hub, request, source(&asked.extensions), done)
}

async fn config(State(hub): State<Arc<Hub>>, asked: Parts) -> Response {
    answer(&hub, AgentRequest::Config, source(&asked.extensions), hand_out(&hub, &asked).await)
}

async fn hand_out(hub: &Hub, asked: &Parts) -> Result<Response, Refusal> {
    let who = who(hub, asked).await?;
    let (handout, view) = (hub.handout(), hub.view());
    let Some(tag) = handout.tag(&view.estate, &who.practice) else {
        return Ok(problem(
            StatusCode::NOT_FOUND,
            "this practice isn't in the hub's list, or there is nothing to ask",
        ));
    };
    let tag = format!("\"{tag}\"");
    if asked.headers.get(header::IF_NONE_MATCH).is_some_and(|has| has.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(([(header::ETAG, tag)], Json(handout.bundle(&view.estate, &who.practice))).into_response())
}
