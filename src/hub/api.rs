//! The routes: JSON under `/api/v1/`, `/metrics`, `/healthz`, `/readyz`, and the pages.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::acknowledge;
use super::asks;
use super::beats;
use super::bounces;
use super::credentials;
use super::fixes::{self, FixLine};
use super::guard::{self, Changer, Refused};
use super::headers::with_headers;
use super::intake;
use super::metrics;
use super::mutes;
use super::outbox;
use super::pages;
use super::seats;
use super::server::{Encrypted, Peer, source};
use super::state::Hub;
use super::status::{AckLine, PracticeStatus, Status};
use crate::correlate::Explanation;
use crate::incident::{Alternative, Event};
use crate::limits::{FIXES_SHOWN, HTTP_BODY_BYTES_MAX, HTTP_REQUEST_TIMEOUT};
use crate::notify::Fix;
use crate::notify::acknowledgement::{UNNAMED, name_of};
use crate::store::StoreError;

/// `/api/v1/incidents/{id}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentHistory {
    pub incident: String,
    /// Oldest first.
    pub events: Vec<Event>,
    /// Who has it in hand, and which managers read of it; oldest first.
    #[serde(default)]
    pub acknowledgements: Vec<AckLine>,
    /// What people say that they did about it, by the time at which it was done.
    #[serde(default)]
    pub fixes: Vec<FixLine>,
}

/// `/api/v1/incidents/{id}/why`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    pub incident: String,
    pub event: Event,
    /// Natural logarithm of the odds against the runner-up.
    pub log_odds: f64,
    /// The same in words.
    #[serde(default)]
    pub odds: String,
    pub runner_up: Option<Alternative>,
    pub convicts: Vec<String>,
    pub acquits: Vec<String>,
    pub missing: Vec<String>,
    /// What to ask so that the cause is told from what looks like it.
    #[serde(default)]
    pub next_probe: Option<String>,
    /// That it comes at the same time day after day.
    #[serde(default)]
    pub again: Option<String>,
    /// What people say that they did about it, by the time at which it was done: the last [`FIXES_SHOWN`].
    #[serde(default)]
    pub fixes: Vec<FixLine>,
}

/// What `POST /api/v1/incidents/{id}/approve` takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ApproveRequest {
    /// Who approves, for the journal.
    #[serde(default)]
    pub by: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproveAnswer {
    pub incident: String,
    /// Notices that were held and now go out.
    pub released: usize,
    /// Of those, notices that are kept for now, since somebody muted what they tell of.
    #[serde(default)]
    pub kept: usize,
    /// Somebody had approved it before.
    pub already: bool,
}

/// Why a request wasn't answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub error: String,
}

/// All routes, with the bounds and headers that every answer has.
pub fn router(hub: Arc<Hub>) -> Router {
    let routes = Router::new()
        .route("/", get(pages::home))
        .route("/practices", get(pages::practices))
        .route("/practice/{*id}", get(pages::practice))
        .route("/incident/{id}", get(pages::incident))
        .route("/api/v1/status", get(status))
        .route("/api/v1/practices/{*id}", get(practice))
        .route("/api/v1/incidents/{id}", get(incident))
        .route("/api/v1/incidents/{id}/why", get(why))
        .route("/api/v1/incidents/{id}/approve", post(approve))
        .route("/api/v1/incidents/{id}/acknowledge", post(acknowledge::by_command))
        .route("/api/v1/incidents/{id}/fixes", post(fixes::post))
        .route("/api/v1/outbox", get(outbox::list))
        .route("/metrics", get(scrape))
        .route("/api/v1/beats", get(beats::routes::list))
        .merge(credentials::routes::of_people())
        .merge(mutes::routes())
        .route_layer(middleware::from_fn_with_state(hub.clone(), check_viewer))
        .route("/style.css", get(pages::style))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .merge(bounces::routes())
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "there is nothing here; the page is at /") })
        .layer(DefaultBodyLimit::max(HTTP_BODY_BYTES_MAX))
        .layer(RequestBodyLimitLayer::new(HTTP_BODY_BYTES_MAX))
        .layer(middleware::map_response(say_too_large))
        // After the limits of bodies: work that sends its whole log has been done all the same, and nobody keeps it.
        .merge(beats::routes::routes(hub.beats.clone()))
        // Which read no more than they need of their own accord, once they know who may ask.
        .merge(
            credentials::routes::of_agents()
                .route("/api/v1/observations", post(intake::routes::post))
                .route_layer(middleware::from_fn(check_encrypted)),
        )
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, HTTP_REQUEST_TIMEOUT))
        .merge(asks::routes::of_agents().route_layer(middleware::from_fn(check_encrypted)))
        .layer(middleware::from_fn_with_state(hub.clone(), check_host))
        .merge(acknowledge::routes());
    with_headers(routes).with_state(hub)
}

async fn check_host(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    // A foreign name that was made to point here has no certificate that this hub would show.
    if request.extensions().get::<Encrypted>().is_some() {
        return next.run(request).await;
    }
    match guard::host_is_ours(hub.listen, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

async fn check_viewer(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    match hub.access.may_see(peer, request.headers()) {
        Ok(()) => {
            // Where anybody may see, nobody has said who they are.
            if hub.access.asks_viewers() {
                seats::is_known(request.extensions());
            }
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

/// The limit of bodies says so in plain text; whoever asks an API reads the same as of any other refusal.
async fn say_too_large(answer: Response) -> Response {
    if answer.status() != StatusCode::PAYLOAD_TOO_LARGE {
        return answer;
    }
    let why = format!("the body is larger than {} KiB", HTTP_BODY_BYTES_MAX / 1024);
    problem(StatusCode::PAYLOAD_TOO_LARGE, why)
}

/// Keys travel over TLS, or on this machine alone.
async fn check_encrypted(request: Request, next: Next) -> Response {
    let is_here = source(request.extensions()).is_some_and(|from| from.to_canonical().is_loopback());
    if is_here || request.extensions().get::<Encrypted>().is_some() {
        return next.run(request).await;
    }
    problem(StatusCode::FORBIDDEN, "agents are heard over TLS alone: set `tls` in [hub]")
}

async fn status(State(hub): State<Arc<Hub>>) -> Response {
    let (hands, mutes) = (hub.desk.all_hands(), hub.desk.mutes());
    let bouncing = hub.desk.bouncing();
    let fixes = fixes::last(&hub).await;
    Json(Status::new(&hub.view(), &hub.own_notes(), &hands, mutes, bouncing).with_fixes(&fixes))
        .into_response()
}

async fn practice(State(hub): State<Arc<Hub>>, Path(id): Path<String>) -> Response {
    let view = hub.view();
    match view.estate.practice(&id) {
        Some(practice) => Json(PracticeStatus::new(&view, practice)).into_response(),
        None => problem(StatusCode::NOT_FOUND, "there is no such practice"),
    }
}

async fn incident(State(hub): State<Arc<Hub>>, Path(id): Path<String>) -> Response {
    match history(&hub, &id).await {
        Ok(events) => {
            let said = hub.desk.acknowledgements(&id).await;
            let acknowledgements = said.iter().map(AckLine::from).collect();
            let fixes = fixes::of_incident(&hub, &id).await.iter().map(FixLine::from).collect();
            Json(IncidentHistory { incident: id, events, acknowledgements, fixes }).into_response()
        }
        Err(answer) => answer,
    }
}

/// An incident's events, oldest first: from the store, or the last one from memory where the store has none.
pub async fn history(hub: &Hub, id: &str) -> Result<Vec<Event>, Response> {
    let events = match hub.store.incident_history(id).await {
        Ok(events) => events,
        Err(StoreError::UnknownIncident(_)) => Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "the history of an incident could not be read");
            Vec::new()
        }
    };
    if !events.is_empty() {
        return Ok(events);
    }
    let view = hub.view();
    let open: Vec<Event> = view.picture.incidents.iter().filter(|e| e.incident == id).cloned().collect();
    if open.is_empty() { Err(problem(StatusCode::NOT_FOUND, "there is no such incident")) } else { Ok(open) }
}

async fn why(State(hub): State<Arc<Hub>>, Path(id): Path<String>) -> Response {
    match hub.explain(&id).await {
        Some(explanation) => {
            let fixes = fixes::of_incident(&hub, &id).await;
            Json(Why::new(id, explanation, &fixes)).into_response()
        }
        None => problem(
            StatusCode::NOT_FOUND,
            "no such incident is open or was resolved within the last day, so there is nothing to explain",
        ),
    }
}

impl Why {
    fn new(incident: String, explanation: Explanation, fixes: &[Fix]) -> Self {
        let Explanation { event, log_odds, odds, runner_up, convicts, acquits, missing, next_probe, again } =
            explanation;
        // JSON has no infinity; beyond e^700 nobody counts.
        let log_odds = if log_odds.is_nan() { 0.0 } else { log_odds.clamp(-700.0, 700.0) };
        let earlier = fixes.len().saturating_sub(FIXES_SHOWN);
        let fixes = fixes.iter().skip(earlier).map(FixLine::from).collect();
        Self {
            incident,
            event,
            log_odds,
            odds,
            runner_up,
            convicts,
            acquits,
            missing,
            next_probe,
            again,
            fixes,
        }
    }
}

/// What a command says in its body; it may say nothing.
pub(super) fn request_of<T: Default + DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| format!("the body is not understood: {error}"))
}

async fn approve(State(hub): State<Arc<Hub>>, Path(id): Path<String>, _: Changer, body: Bytes) -> Response {
    let request: ApproveRequest = match request_of(&body) {
        Ok(request) => request,
        Err(why) => return problem(StatusCode::BAD_REQUEST, why),
    };
    let by = match name_of(request.by.as_deref().unwrap_or_default()) {
        Ok(by) => by,
        Err(long) => return problem(StatusCode::BAD_REQUEST, long.to_string()),
    };
    match hub.desk.approve(&id, by.as_deref().unwrap_or(UNNAMED)).await {
        Ok(approved) => Json(ApproveAnswer {
            incident: approved.incident,
            released: approved.released,
            kept: approved.kept,
            already: approved.already,
        })
        .into_response(),
        Err(error @ StoreError::UnknownIncident(_)) => problem(StatusCode::NOT_FOUND, error.to_string()),
        Err(error) => {
            tracing::error!(%error, incident = %id, "an approval could not be recorded");
            problem(StatusCode::SERVICE_UNAVAILABLE, format!("the approval could not be recorded: {error}"))
        }
    }
}

/// Lives: the pipeline goes round.
async fn healthz(State(hub): State<Arc<Hub>>) -> Response {
    if hub.is_alive() {
        (StatusCode::OK, "fine\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the correlator does not go round\n").into_response()
    }
}

/// Ready: the first picture has been taken.
async fn readyz(State(hub): State<Arc<Hub>>) -> Response {
    if !hub.is_alive() {
        (StatusCode::SERVICE_UNAVAILABLE, "the correlator does not go round\n").into_response()
    } else if hub.view().picture.practices.is_empty() {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response()
    } else {
        (StatusCode::OK, "ready\n").into_response()
    }
}

async fn scrape(State(hub): State<Arc<Hub>>) -> Response {
    let (view, scrape) = (hub.view(), hub.scrape());
    let head = metrics::head(&view, &hub.numbers, &hub.meters, &scrape);
    let pieces = futures::stream::once(async move { Bytes::from(head) })
        .chain(metrics::body(view, scrape.reach, scrape.now))
        .map(Ok::<_, std::convert::Infallible>);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], Body::from_stream(pieces))
        .into_response()
}

/// An error as JSON.
pub fn problem(status: StatusCode, error: impl Into<String>) -> Response {
    (status, Json(Problem { error: error.into() })).into_response()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut answer = problem(self.status, self.why);
        if self.status == StatusCode::UNAUTHORIZED {
            // So that a browser asks for it.
            let challenge = HeaderValue::from_static("Basic realm=\"linewatch\", charset=\"UTF-8\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}
