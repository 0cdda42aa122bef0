//! The page that the agent serves on the practice's own network: what answers and what doesn't, since when, and what to do
//! meanwhile, from the practice's own checks. It needs no internet, no hub and nothing else from elsewhere.
//!
//! | file | subject |
//! |---|---|
//! | [`board`] | what each check said last; pure |
//! | [`standing`] | what that means for networks and services; pure |
//! | [`page`] | the same in words |
//!
//! Whoever can reach the agent may read the page: it says nothing that the people in the building can't see by trying. It
//! changes nothing and takes no input but `hold`.

pub mod board;
pub mod page;
pub mod standing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use askama::Template as _;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tower_http::timeout::TimeoutLayer;

use self::board::Board;
use self::page::{Known, Page, Waiting};
use crate::agent::clock;
use crate::estate::{Estate, PracticeIx};
use crate::hub::headers::with_headers;
use crate::hub::pages;
use crate::limits::{HTTP_REQUEST_TIMEOUT, ONSITE_WORD_KEPT_EVERY};
use crate::observation::Observation;
use crate::time::At;
use crate::uplink::message::PathState;

/// What the hub said last of the faults that hit the practice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastWord {
    pub heard: At,
    /// One for each open incident; empty: it knew of none.
    pub sentences: Vec<String>,
}

/// What the page is made from, shared by those who tell it and those who read it.
#[derive(Debug)]
pub struct Site {
    inner: Mutex<Inner>,
    /// How often it was told something.
    told: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    practice_id: String,
    /// `None`: there is no configuration yet, so nothing is asked.
    asked: Option<Asked>,
    word: Option<LastWord>,
    /// The ways to the hub.
    paths: Vec<PathState>,
    /// The hub answers, and doesn't let this agent in.
    is_denied: bool,
    /// Results that the hub refused for good.
    refused: u64,
    /// When it was last to be kept.
    kept: At,
}

#[derive(Debug)]
struct Asked {
    estate: Arc<Estate>,
    practice: PracticeIx,
    board: Board,
}

impl Site {
    /// A page of a practice of which nothing is known yet.
    pub fn new(practice_id: &str) -> Self {
        let practice_id = practice_id.to_owned();
        let told = watch::channel(0).0;
        Self {
            told,
            inner: Mutex::new(Inner {
                practice_id,
                asked: None,
                word: None,
                paths: Vec::new(),
                is_denied: false,
                refused: 0,
                kept: At::default(),
            }),
        }
    }

    /// From now on the probes of this estate are asked. What was known of others is asked anew within an interval.
    pub fn asks(&self, estate: Arc<Estate>, practice: PracticeIx) {
        let board = Board::new(estate.probes.len());
        self.lock().asked = Some(Asked { estate, practice, board });
        self.was_told();
    }

    /// Takes a result of one of the practice's own checks; any other is left out.
    pub fn take(&self, seen: &Observation) {
        let mut inner = self.lock();
        let Some(asked) = &mut inner.asked else { return };
        if let Some(probe) = asked.estate.probe(&seen.probe) {
            asked.board.take(probe, seen);
        }
        drop(inner);
        self.was_told();
    }

    /// The hub has spoken. `true`: it is to be kept, since it is news or the last that was kept has grown old.
    pub fn heard(&self, word: LastWord) -> bool {
        let mut inner = self.lock();
        let is_news = inner.word.as_ref().is_none_or(|before| before.sentences != word.sentences);
        let keep = is_news || word.heard > inner.kept + ONSITE_WORD_KEPT_EVERY;
        if keep {
            inner.kept = word.heard;
        }
        inner.word = Some(word);
        drop(inner);
        self.was_told();
        keep
    }

    /// By which ways the hub is reached, and by which it isn't.
    pub fn reached(&self, paths: Vec<PathState>) {
        self.lock().paths = paths;
        self.was_told();
    }

    /// Whether the hub, where it is reached, takes nothing from this agent: its key was revoked, or isn't known.
    pub fn denied(&self, is_denied: bool) {
        let mut inner = self.lock();
        if inner.is_denied != is_denied {
            inner.is_denied = is_denied;
            drop(inner);
            self.was_told();
        }
    }

    /// So many of this computer's results the hub has refused for good.
    pub fn refused(&self, refused: u64) {
        let mut inner = self.lock();
        if inner.refused != refused {
            inner.refused = refused;
            drop(inner);
            self.was_told();
        }
    }

    /// Changes with everything that the page is told.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    fn was_told(&self) {
        self.told.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The page as it is at `now`.
    ///
    /// # Errors
    ///
    /// The template is compiled in and written into memory; askama's signature says that it might fail.
    pub fn page(&self, now: At, renews: bool) -> Result<String, askama::Error> {
        let inner = self.lock();
        let Some(Asked { estate, practice, board }) = &inner.asked else {
            return Waiting::new(&inner.practice_id).render();
        };
        let (word, paths) = (inner.word.as_ref(), inner.paths.as_slice());
        let (is_denied, refused) = (inner.is_denied, inner.refused);
        let practice = *practice;
        Page::new(&Known { estate, practice, board, word, paths, is_denied, refused, now, renews }).render()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What is behind it stays sound whatever happens: each change is one of one entry.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The page at `/` and its style sheet.
pub fn router(site: Arc<Site>) -> Router {
    let routes = Router::new()
        .route("/", get(page))
        .route("/style.css", get(pages::style))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here; the page is at /\n") })
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, HTTP_REQUEST_TIMEOUT));
    with_headers(routes).with_state(site)
}

async fn page(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Response {
    let holds = query.is_some_and(|query| query.starts_with("hold"));
    match site.page(clock::now(), !holds) {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written; see the log\n")
                .into_response()
        }
    }
}

#[cfg(test)]
mod tests;
