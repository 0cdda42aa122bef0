//! People say that they have an incident in hand: by the link in a letter, or by the API.
//!
//! Looking at a link changes nothing, because scanners of mail open every link that they see; the page that it shows has a button. The
//! link is no log-in: it permits its one reader this one thing about one incident. These pages are served whatever name the hub is
//! called by, so that a proxy may show them and nothing else: whoever has no link gets nothing here.

mod page;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Extension, Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use page::{page, refused};

use super::api::{problem, request_of};
use super::guard::Changer;
use super::pages;
use super::server::Peer;
use super::state::Hub;
use super::status::AckLine;
use crate::agent::clock;
use crate::limits::{
    ACK_ALL_BURST, ACK_ALL_PER_SECOND, ACK_BURST, ACK_FORM_BYTES_MAX, ACK_LINK_AFTER_END, ACK_PER_SECOND,
    HTTP_REQUEST_TIMEOUT,
};
use crate::notify::acknowledgement::{TooLong, UNNAMED, name_of, note_of};
use crate::notify::policy::Addressee;
use crate::notify::{AckWay, Acknowledgement, LINK_PATH, Said, Standing};
use crate::reflector::limiter::{Limiter, Rate};
use crate::store::StoreError;
use crate::time::At;

/// What `POST /api/v1/incidents/{id}/acknowledge` takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AckRequest {
    /// Who has it, for the journal and for letters.
    #[serde(default)]
    pub by: Option<String>,
    #[serde(default)]
    pub note: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckAnswer {
    /// As what the incident goes on, when it was merged into another.
    pub incident: String,
    /// The same person had said so before; `acknowledgement` is that.
    pub already: bool,
    pub acknowledgement: AckLine,
    /// Letters to others that were called back before they left.
    pub recalled: usize,
    /// When it was over; `None`: it is open.
    #[serde(default)]
    pub ended: Option<At>,
    /// It was taken back: there was no such fault.
    #[serde(default)]
    pub withdrawn: bool,
}

/// What becomes of what people say, as the metric counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckOutcome {
    Taken,
    /// The same person again.
    Again,
    /// The link isn't one of ours.
    Wrong,
    /// It is over for too long, or nobody knows of it any more.
    Expired,
    /// The name or note is too long, or the form another.
    Form,
    /// More than are answered.
    Flood,
    /// The store or its key can't be read.
    Unavailable,
}

impl AckOutcome {
    pub const ALL: [Self; 7] =
        [Self::Taken, Self::Again, Self::Wrong, Self::Expired, Self::Form, Self::Flood, Self::Unavailable];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Again => "again",
            Self::Wrong => "wrong",
            Self::Expired => "expired",
            Self::Form => "form",
            Self::Flood => "flood",
            Self::Unavailable => "unavailable",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Taken | Self::Again => StatusCode::OK,
            Self::Wrong => StatusCode::FORBIDDEN,
            Self::Expired => StatusCode::GONE,
            Self::Form => StatusCode::BAD_REQUEST,
            Self::Flood => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// How often links are opened.
#[derive(Debug)]
pub struct Openings(Mutex<Limiter>);

impl Default for Openings {
    fn default() -> Self {
        let all = Rate { per_second: ACK_ALL_PER_SECOND, burst: ACK_ALL_BURST };
        let each = Rate { per_second: ACK_PER_SECOND, burst: ACK_BURST };
        Self(Mutex::new(Limiter::new(all, each, Instant::now())))
    }
}

impl Openings {
    fn allows(&self, from: IpAddr) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).allows(from, Instant::now())
    }
}

/// The pages of links, with bounds of their own.
pub fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route(&format!("/{LINK_PATH}/{{incident}}/{{person}}/{{tag}}"), get(look).post(take))
        .route(&format!("/{LINK_PATH}/style.css"), get(pages::style))
        .layer(DefaultBodyLimit::max(ACK_FORM_BYTES_MAX))
        .layer(RequestBodyLimitLayer::new(ACK_FORM_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, HTTP_REQUEST_TIMEOUT))
}

/// The parts of a link.
type Link = (String, String, String);

/// A link that is good: whose, and about what.
struct Case {
    reader: Addressee,
    standing: Standing,
    /// What was said of the incident, by anybody.
    said: Vec<Acknowledgement>,
    /// What this reader said.
    own: Option<Acknowledgement>,
}

/// What the page's form sends.
#[derive(Debug, Default, Deserialize)]
struct AckForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    note: String,
}

async fn look(
    State(hub): State<Arc<Hub>>,
    Path(link): Path<Link>,
    peer: Option<Extension<Peer>>,
) -> Response {
    match examine(&hub, &link, peer).await {
        Ok(case) => page(StatusCode::OK, &case.page(&hub, None, &AckForm::default())),
        Err(outcome) => refused(&hub, outcome),
    }
}

async fn take(
    State(hub): State<Arc<Hub>>,
    Path(link): Path<Link>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    form: Result<Form<AckForm>, FormRejection>,
) -> Response {
    let mut case = match examine(&hub, &link, peer).await {
        Ok(case) => case,
        Err(outcome) => return refused(&hub, outcome),
    };
    let form = match form {
        Ok(Form(form)) => form,
        // A program that has nothing to add says nothing.
        Err(_) if !headers.contains_key(header::CONTENT_TYPE) => AckForm::default(),
        Err(rejection) => {
            hub.numbers.acknowledged(AckWay::Link, AckOutcome::Form);
            let wrong = "What was sent is not this page’s form, or it is too long. Please try again.";
            return page(rejection.status(), &case.page(&hub, Some(wrong.to_owned()), &AckForm::default()));
        }
    };
    let (name, note) = match written(&form.name, &form.note) {
        Ok(written) => written,
        Err(error) => {
            hub.numbers.acknowledged(AckWay::Link, AckOutcome::Form);
            let wrong = format!("This was not sent: {error}.");
            return page(StatusCode::BAD_REQUEST, &case.page(&hub, Some(wrong), &form));
        }
    };
    let by = name.unwrap_or_else(|| hub.desk.name_of(&case.reader));
    let said = Said { by, note, way: AckWay::Link, reader: Some(case.reader.clone()) };
    match hub.desk.acknowledge(&case.standing.incident, said).await {
        Ok(taken) => {
            let outcome = if taken.already { AckOutcome::Again } else { AckOutcome::Taken };
            hub.numbers.acknowledged(AckWay::Link, outcome);
            if !taken.already {
                case.said.push(taken.acknowledgement.clone());
            }
            case.own = Some(taken.acknowledgement);
            page(StatusCode::OK, &case.page(&hub, None, &AckForm::default()))
        }
        Err(_) => refused(&hub, AckOutcome::Expired),
    }
}

/// Judges a link from the outside in: how often, whose, of what, and whether that is still of use.
async fn examine(
    hub: &Hub,
    (incident, person, tag): &Link,
    peer: Option<Extension<Peer>>,
) -> Result<Case, AckOutcome> {
    let from = peer.map(|Extension(Peer(address))| address.ip().to_canonical());
    if from.is_some_and(|from| !hub.openings.allows(from)) {
        return Err(AckOutcome::Flood);
    }
    let key = hub.store.link_key().ok_or(AckOutcome::Unavailable)?;
    if !key.is_ours(incident, person, tag) {
        return Err(AckOutcome::Wrong);
    }
    let reader = hub.desk.addressee(incident, person).await.map_err(|error| {
        tracing::warn!(%error, "a link could not be looked up");
        AckOutcome::Unavailable
    })?;
    let reader = reader.ok_or(AckOutcome::Expired)?;
    let standing = hub.desk.standing(incident).await.map_err(|_| AckOutcome::Expired)?;
    if is_too_late(&standing, clock::now()) {
        return Err(AckOutcome::Expired);
    }
    let said = hub.desk.acknowledgements(&standing.incident).await;
    let own = said.iter().find(|said| said.person == *person).cloned();
    Ok(Case { reader, standing, said, own })
}

fn is_too_late(standing: &Standing, now: At) -> bool {
    standing.ended.is_some_and(|ended| ended + ACK_LINK_AFTER_END < now)
}

fn written(name: &str, note: &str) -> Result<(Option<String>, Option<String>), TooLong> {
    Ok((name_of(name)?, note_of(note)?))
}

/// `POST /api/v1/incidents/{id}/acknowledge`: somebody who may change things says who has it.
pub async fn by_command(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    _: Changer,
    body: Bytes,
) -> Response {
    let (outcome, answer) = command(&hub, &id, &body).await;
    hub.numbers.acknowledged(AckWay::Command, outcome);
    answer
}

async fn command(hub: &Hub, id: &str, body: &[u8]) -> (AckOutcome, Response) {
    let wrong = |why: String| (AckOutcome::Form, problem(StatusCode::BAD_REQUEST, why));
    let request: AckRequest = match request_of(body) {
        Ok(request) => request,
        Err(why) => return wrong(why),
    };
    let texts = [request.by, request.note].map(Option::unwrap_or_default);
    let (by, note) = match written(&texts[0], &texts[1]) {
        Ok(written) => written,
        Err(error) => return wrong(error.to_string()),
    };
    let by = by.unwrap_or_else(|| UNNAMED.to_owned());
    let gone = |why: String| (AckOutcome::Expired, problem(StatusCode::GONE, why));
    let unknown = |error: StoreError| match error {
        StoreError::UnknownIncident(_) => problem(StatusCode::NOT_FOUND, error.to_string()),
        error => problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    };
    let standing = match hub.desk.standing(id).await {
        Ok(standing) if is_too_late(&standing, clock::now()) => {
            let ended = standing.ended.unwrap_or(standing.last.at);
            return gone(format!("incident {} has been over since {ended}", standing.incident));
        }
        Ok(standing) => standing,
        Err(error) => return (AckOutcome::Expired, unknown(error)),
    };
    match hub.desk.acknowledge(id, Said { by, note, way: AckWay::Command, reader: None }).await {
        Ok(taken) => {
            let outcome = if taken.already { AckOutcome::Again } else { AckOutcome::Taken };
            let answer = AckAnswer {
                incident: taken.acknowledgement.incident.clone(),
                already: taken.already,
                recalled: taken.recalled,
                acknowledgement: AckLine::from(&taken.acknowledgement),
                ended: standing.ended,
                withdrawn: standing.is_withdrawn(),
            };
            (outcome, Json(answer).into_response())
        }
        Err(error) => (AckOutcome::Expired, unknown(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_who_opens_links_all_day_is_answered_no_more_and_others_are() {
        let openings = Openings::default();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        // More than the burst, and more than come in while this is done.
        assert!((0..100_000).any(|_| !openings.allows(one)));
        assert!(openings.allows(other));
    }

    #[test]
    fn every_outcome_has_a_word_and_a_status_of_its_own() {
        let words: std::collections::BTreeSet<&str> = AckOutcome::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(words.len(), AckOutcome::ALL.len());
        let refused = AckOutcome::ALL.iter().filter(|it| it.status() != StatusCode::OK);
        assert_eq!(refused.clone().count(), 5);
        assert!(refused.into_iter().all(|it| it.status().is_client_error() || it.status().is_server_error()));
    }
}
