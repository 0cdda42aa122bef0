//! The status page: plain HTML, no script, light and dark, words beside every colour. A page is made from
//! one view, in a millisecond or two.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::api::history;
use super::fixes;
use super::pages_words::{
    AckRow, CheckLine, FINE, FixRow, Frame, HistoryLine, IncidentCard, NoteItem, OtherCause, StandingMark,
    local, standing_mark,
};
use super::state::Hub;
use super::status::{NoteLine, PracticeStatus, Status, Totals};
use super::view::View;
use crate::correlate::Standing;
use crate::estate::{NetworkIx, PracticeIx};
use crate::incident::{Event, EventKind, is_of_exercise};
use crate::limits::{PAGE_CELLS_MAX, PAGE_GRID_ALL_MAX, PAGE_HISTORY_MAX, PAGE_NOTES_MAX};
use crate::notify::policy::mute::Mute;

const STYLE: &str = include_str!("../../templates/pages/style.css");

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Home {
    frame: Frame,
    icb: String,
    tone: &'static str,
    shape: &'static str,
    headline: String,
    incidents: Vec<IncidentCard>,
    networks: Vec<NetworkGrid>,
    notes: Vec<NoteItem>,
    muted: Vec<MutedLine>,
    notes_left_out: usize,
}

/// One network's practices. A large estate draws only those that are not fine.
struct NetworkGrid {
    title: String,
    counts: Vec<Count>,
    cells: Vec<GridCell>,
    left_out: usize,
    fine_left_out: usize,
}

struct Count {
    standing: StandingMark,
    number: usize,
}

struct GridCell {
    id: String,
    name: String,
    standing: StandingMark,
}

/// What nobody is written to about for now.
struct MutedLine {
    what: String,
    until: String,
    by: String,
    reason: Option<String>,
}

impl MutedLine {
    fn new(view: &View, mute: &Mute) -> Self {
        Self {
            what: sentence_case(&mute.muted.to_string()),
            until: local(&view.estate, mute.until),
            by: mute.by.clone(),
            reason: mute.reason.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/practices.html")]
struct Practices {
    frame: Frame,
    icb: String,
    networks: Vec<String>,
    rows: Vec<PracticeRow>,
}

struct PracticeRow {
    id: String,
    name: String,
    standings: Vec<StandingMark>,
}

#[derive(Template)]
#[template(path = "pages/practice.html")]
struct PracticePage {
    frame: Frame,
    id: String,
    name: String,
    networks: Vec<NetworkLine>,
    last_heard: Option<String>,
    away: Option<&'static str>,
    incidents: Vec<IncidentCard>,
    checks: Vec<CheckLine>,
    notes: Vec<NoteItem>,
}

struct NetworkLine {
    title: String,
    standing: StandingMark,
}

#[derive(Template)]
#[template(path = "pages/incident.html")]
struct IncidentPage {
    frame: Frame,
    open: bool,
    last: IncidentCard,
    behind: u32,
    failing: u32,
    elsewhere: u32,
    elsewhere_failing: u32,
    alternatives: Vec<OtherCause>,
    practices: Vec<String>,
    practices_left_out: usize,
    history: Vec<HistoryLine>,
    history_left_out: usize,
    acknowledgements: Vec<AckRow>,
    fixes: Vec<FixRow>,
    /// What an exercise's commands have behind them, since no other hub knows its incidents; `None`: it is none.
    exercise: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/missing.html")]
struct Missing {
    frame: Frame,
    what: &'static str,
}

pub async fn home(State(hub): State<Arc<Hub>>) -> Response {
    let view = hub.view();
    let hands = hub.desk.all_hands();
    let status = Status::new(&view, &hub.own_notes(), &hands, hub.desk.mutes(), hub.desk.bouncing());
    let last = fixes::last(&hub).await;
    let card = |event: &Event| {
        IncidentCard::new(&view, event).with_hands(&view, &hands).with_fix(&view, last.get(&event.incident))
    };
    let (tone, shape, headline) = headline(&status, view.is_blind());
    page(&Home {
        frame: Frame::new(&view),
        icb: status.icb_name,
        tone,
        shape,
        headline,
        incidents: status.incidents.iter().map(card).collect(),
        networks: view.watched().map(|network| NetworkGrid::new(&view, network)).collect(),
        muted: status.mutes.iter().map(|mute| MutedLine::new(&view, mute)).collect(),
        notes_left_out: status.notes.len().saturating_sub(PAGE_NOTES_MAX),
        notes: note_items(&view, &status.notes),
    })
}

pub async fn practices(State(hub): State<Arc<Hub>>) -> Response {
    let view = hub.view();
    let rows = view.estate.practices.iter().enumerate().map(|(position, practice)| PracticeRow {
        id: practice.id.clone(),
        name: practice.name.clone(),
        standings: view
            .watched()
            .map(|network| standing_mark(view.standing(PracticeIx::new(position), network)))
            .collect(),
    });
    page(&Practices {
        frame: Frame::new(&view),
        icb: view.estate.icb.name.clone(),
        networks: view.watched().map(|n| sentence_case(&view.estate.networks[n.at()].name)).collect(),
        rows: rows.collect(),
    })
}

pub async fn practice(State(hub): State<Arc<Hub>>, Path(id): Path<String>) -> Response {
    let view = hub.view();
    let Some(ix) = view.estate.practice(&id) else {
        return missing(&view, "There is no such practice.");
    };
    let status = PracticeStatus::new(&view, ix);
    let networks = view.watched().map(|network| NetworkLine {
        title: sentence_case(&view.estate.networks[network.at()].name),
        standing: standing_mark(view.standing(ix, network)),
    });
    page(&PracticePage {
        frame: Frame::new(&view),
        networks: networks.collect(),
        last_heard: status.last_heard.map(|heard| local(&view.estate, heard)),
        // Its last agent's goodbye is one that the hub has said for it.
        away: if hub.credentials.is_left(&status.id) {
            Some("nobody is enrolled who reports for it any more, so its silence is no incident")
        } else {
            status.away_words()
        },
        incidents: status.incidents.iter().map(|event| IncidentCard::new(&view, event)).collect(),
        checks: status.checks.iter().map(|check| CheckLine::new(&view, check)).collect(),
        notes: note_items(&view, &status.notes),
        id: status.id,
        name: status.name,
    })
}

pub async fn incident(State(hub): State<Arc<Hub>>, Path(id): Path<String>) -> Response {
    let view = hub.view();
    let Ok(events) = history(&hub, &id).await else {
        return missing(&view, "There is no such incident.");
    };
    let Some(last) = events.last() else {
        return missing(&view, "There is no such incident.");
    };
    // The first event and the latest ones: a fault of five days has thousands.
    let left_out = events.len().saturating_sub(PAGE_HISTORY_MAX);
    let shown = events.iter().enumerate().filter(|(position, _)| *position == 0 || *position > left_out);
    page(&IncidentPage {
        frame: Frame::new(&view),
        exercise: is_of_exercise(&id).then(|| format!(" --url http://{}", hub.listen)),
        open: last.event != EventKind::Resolved,
        last: IncidentCard::new(&view, last).with_hands(&view, &hub.desk.all_hands()),
        acknowledgements: hub
            .desk
            .acknowledgements(&id)
            .await
            .iter()
            .filter(|said| said.is_of_use())
            .take(PAGE_HISTORY_MAX)
            .map(|said| AckRow::new(&view, said))
            .collect(),
        fixes: fixes::of_incident(&hub, &id)
            .await
            .iter()
            .rev()
            .take(PAGE_HISTORY_MAX)
            .map(|fix| FixRow::new(&view, fix))
            .collect(),
        behind: last.evidence.behind,
        failing: last.evidence.failing,
        elsewhere: last.evidence.elsewhere,
        elsewhere_failing: last.evidence.elsewhere_failing,
        alternatives: last.alternatives.iter().map(|other| OtherCause::new(&view, other)).collect(),
        practices: last.practices.iter().take(PAGE_CELLS_MAX).cloned().collect(),
        practices_left_out: last.practices.len().saturating_sub(PAGE_CELLS_MAX),
        history: shown.map(|(_, event)| HistoryLine::new(&view, event)).collect(),
        history_left_out: left_out,
    })
}

pub async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=300")], STYLE)
        .into_response()
}

impl NetworkGrid {
    fn new(view: &View, network: NetworkIx) -> Self {
        let practices = &view.estate.practices;
        let draw_all = practices.len() <= PAGE_GRID_ALL_MAX;
        let order = [Standing::Down, Standing::Silent, Standing::Unknown, Standing::Ok];
        let mut numbers = [0_usize; 4];
        let (mut cells, mut left_out, mut fine_left_out) = (Vec::new(), 0, 0);
        for (position, practice) in practices.iter().enumerate() {
            let standing = view.standing(PracticeIx::new(position), network);
            if let Some(place) = order.iter().position(|other| *other == standing) {
                numbers[place] += 1;
            }
            if !draw_all && standing == Standing::Ok {
                fine_left_out += 1;
            } else if cells.len() >= PAGE_CELLS_MAX {
                left_out += 1;
            } else {
                cells.push(GridCell {
                    id: practice.id.clone(),
                    name: practice.name.clone(),
                    standing: standing_mark(standing),
                });
            }
        }
        let counts = order
            .into_iter()
            .zip(numbers)
            .filter(|(standing, number)| *number > 0 || *standing == Standing::Ok)
            .map(|(standing, number)| Count { standing: standing_mark(standing), number });
        Self {
            title: sentence_case(&view.estate.networks[network.at()].name),
            counts: counts.collect(),
            cells,
            left_out,
            fine_left_out,
        }
    }
}

/// The one line that matters most: its tone, its shape, its words.
fn headline(status: &Status, blind: bool) -> (&'static str, &'static str, String) {
    let Totals { total, ok, unknown, .. } = &status.practices;
    let open = status.incidents.len();
    if blind {
        let words = "linewatch itself seems to be cut off. What it says about the practices is not known to be \
                     so.";
        return ("wait", "◌", words.to_owned());
    }
    match open {
        0 if ok == total => ("good", FINE.shape, format!("All {total} practices are fine.")),
        0 if unknown == total => ("wait", "?", format!("Nothing is known yet about the {total} practices.")),
        0 => ("wait", "◌", format!("No open incident. {ok} of {total} practices are fine.")),
        1 => ("bad", "✕", format!("1 open incident. {ok} of {total} practices are fine.")),
        open => ("bad", "✕", format!("{open} open incidents. {ok} of {total} practices are fine.")),
    }
}

fn note_items(view: &View, notes: &[NoteLine]) -> Vec<NoteItem> {
    notes.iter().take(PAGE_NOTES_MAX).map(|note| NoteItem::new(view, note)).collect()
}

fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn missing(view: &View, what: &'static str) -> Response {
    let mut answer = page(&Missing { frame: Frame::new(view), what });
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written; see the log\n")
                .into_response()
        }
    }
}
