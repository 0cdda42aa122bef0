//! What the page of a link says: what the incident is, who has it, and a button; or why the link opens nothing.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::{AckForm, AckOutcome, Case};
use crate::hub::pages_words::{AckRow, local};
use crate::hub::state::Hub;
use crate::limits::{ACK_NAME_CHARS_MAX, ACK_NOTE_CHARS_MAX};
use crate::notify::words::plain::capital;
use crate::notify::{AckWay, Audience};
use crate::time::At;

#[derive(Template)]
#[template(path = "pages/acknowledge.html")]
pub(super) struct AckPage {
    title: String,
    /// `good`, `bad`, `wait`: with a shape and words beside it.
    tone: &'static str,
    shape: &'static str,
    headline: String,
    paragraphs: Vec<String>,
    incident: Option<AckIncident>,
    /// Those who have it in hand.
    taken_on: Vec<AckRow>,
    /// Managers who have read of it, for staff.
    receipts: Option<String>,
    form: Option<FormPage>,
    icb: String,
    version: &'static str,
}

struct AckIncident {
    id: String,
    sentence: String,
    since: String,
    since_utc: String,
}

struct FormPage {
    button: &'static str,
    /// What is wrong with what was sent.
    wrong: Option<String>,
    name: String,
    note: String,
    name_max: usize,
    note_max: usize,
}

/// What a reader may say: see [`crate::notify::acknowledgement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Staff,
    /// Whoever looks after what failed.
    Owner,
    /// A practice's manager, or a primary care network.
    Other,
}

impl Reader {
    const fn of(audience: &Audience) -> Self {
        match audience {
            Audience::Staff | Audience::Role { .. } => Self::Staff,
            Audience::Owner { .. } => Self::Owner,
            Audience::Practices(_) | Audience::Pcn { .. } => Self::Other,
        }
    }
}

impl Case {
    pub(super) fn page(&self, hub: &Hub, wrong: Option<String>, form: &AckForm) -> AckPage {
        let view = hub.view();
        let estate = &view.estate;
        let event = &self.standing.last;
        let reader = Reader::of(&self.reader.audience);
        let is_staff = reader == Reader::Staff;
        let (takers, receipts): (Vec<_>, Vec<_>) = self.said.iter().partition(|said| said.is_of_use());
        let (tone, shape, headline, mut paragraphs) =
            self.words(reader, &estate.icb.name, |at| local(estate, at));
        if let Some(ended) = self.ended() {
            // What else follows from an answer follows while it is open.
            paragraphs = vec![ended.to_owned()];
        }
        let receipts = (is_staff && !receipts.is_empty()).then(|| match receipts.len() {
            1 => "One practice manager, or primary care network, has read of it.".to_owned(),
            several => format!("{several} practice managers and primary care networks have read of it."),
        });
        AckPage {
            title: format!("Incident {}", self.standing.incident),
            tone,
            shape,
            headline,
            paragraphs,
            incident: Some(AckIncident {
                id: self.standing.incident.clone(),
                sentence: event.sentence.clone(),
                since: local(estate, event.since),
                since_utc: event.since.to_string(),
            }),
            taken_on: takers
                .into_iter()
                .map(|said| {
                    let row = AckRow::new(&view, said);
                    // Notes are what staff write to each other.
                    AckRow { note: row.note.filter(|_| is_staff), ..row }
                })
                .collect(),
            receipts,
            form: self.own.is_none().then(|| FormPage {
                button: match reader {
                    Reader::Staff => "I have it in hand",
                    Reader::Owner => "We have taken this on",
                    Reader::Other => "I have read this",
                },
                wrong,
                name: form.name.clone(),
                note: form.note.clone(),
                name_max: ACK_NAME_CHARS_MAX,
                note_max: ACK_NOTE_CHARS_MAX,
            }),
            icb: estate.icb.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// What became of the incident; `None`: it is open.
    fn ended(&self) -> Option<&'static str> {
        let ended = if self.standing.is_withdrawn() {
            "It was withdrawn: later checks show that there was no such fault. Nobody needs to do anything about it."
        } else {
            "It is over. Nobody needs to do anything about it any more."
        };
        self.standing.ended.map(|_| ended)
    }

    /// The one line that matters most, and what follows from it while the incident is open.
    fn words(
        &self,
        reader: Reader,
        icb: &str,
        local: impl Fn(At) -> String,
    ) -> (&'static str, &'static str, String, Vec<String>) {
        match (&self.own, reader) {
            (Some(own), Reader::Staff) => (
                "good",
                "✓",
                format!("{} has taken this on, since {}.", capital(&own.by), local(own.at)),
                vec!["Nobody else will be asked to. The next letters say who has it.".to_owned()],
            ),
            (Some(own), Reader::Owner) => (
                "good",
                "✓",
                format!("{} has taken this on, since {}.", capital(&own.by), local(own.at)),
                vec![format!("{icb} is told in its next letters. We will write when it is over.")],
            ),
            (Some(own), Reader::Other) => (
                "good",
                "✓",
                format!("Noted at {}: you have read this.", local(own.at)),
                vec!["You need not do anything more here. We will write when it is over.".to_owned()],
            ),
            (None, Reader::Owner) => (
                "wait",
                "◌",
                "Have you taken this on?".to_owned(),
                vec![format!("Press the button below to say so. {icb} is told, and so are those who wait for it.")],
            ),
            (None, Reader::Staff) => (
                "wait",
                "◌",
                "Do you have this incident in hand?".to_owned(),
                vec![
                    "Press the button below to say so. Then nobody else is asked to, and the next letters say who has it."
                        .to_owned(),
                ],
            ),
            (None, Reader::Other) => (
                "wait",
                "◌",
                "Have you read our letter?".to_owned(),
                vec!["Press the button below to tell us. You need not do anything more here.".to_owned()],
            ),
        }
    }
}

pub(super) fn refused(hub: &Hub, outcome: AckOutcome) -> Response {
    hub.numbers.acknowledged(AckWay::Link, outcome);
    let (headline, paragraph) = match outcome {
        AckOutcome::Wrong => (
            "This link is not one of ours.",
            "It may have been cut off or changed on its way. Open it from the letter itself, or copy the whole of it.",
        ),
        AckOutcome::Expired => (
            "This link is no longer of use.",
            "The incident that it is about has been over for more than a day. Nothing needs to be done.",
        ),
        AckOutcome::Flood => ("Too many ask just now.", "Please try again in a minute."),
        _ => (
            "This cannot be looked up just now.",
            "Please try again in a few minutes, or telephone whoever sent the letter.",
        ),
    };
    let answer = AckPage {
        title: headline.to_owned(),
        tone: "bad",
        shape: "✕",
        headline: headline.to_owned(),
        paragraphs: vec![paragraph.to_owned(), "Nothing has been acknowledged.".to_owned()],
        incident: None,
        taken_on: Vec::new(),
        receipts: None,
        form: None,
        icb: hub.view().estate.icb.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
    };
    page(outcome.status(), &answer)
}

/// The one page whose form may be sent, and to itself alone.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

pub(super) fn page(status: StatusCode, page: &AckPage) -> Response {
    let mut answer = match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written; see the log\n")
                .into_response()
        }
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    answer
}
