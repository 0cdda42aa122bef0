//! An exercise in figures: who was listed, what each of them got by which way and when, and who acknowledged.

use askama::Template;
use serde::{Deserialize, Serialize};

use super::Moment;
use super::names::local;
use crate::config::{Config, ExerciseSettings};
use crate::estate::Estate;
use crate::notify::channel::hook_recipient;
use crate::notify::exercise::{MARK, is_for};
use crate::store::Fate;
use crate::time::At;

/// All that is known when it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExerciseFigures {
    /// [`MARK`], so that nobody takes the file for anything else.
    pub mark: String,
    pub icb: String,
    /// The scenario's title.
    pub scenario: String,
    pub began: Moment,
    pub ended: Moment,
    /// Sentences about each incident that was made up, the last word on each.
    pub incidents: Vec<String>,
    /// Sentences about those who would have been told if nobody had acknowledged, later than the exercise waited.
    #[serde(default)]
    pub not_awaited: Vec<String>,
    /// One for each that is listed, in the order of the configuration.
    pub recipients: Vec<RecipientFigures>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientFigures {
    /// An address, or a channel: `teams:ops`.
    pub recipient: String,
    /// None: the scenario had nothing for them.
    pub notices: Vec<NoticeFigures>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeFigures {
    pub notice: String,
    pub incident: String,
    /// `opening`, `update`, …
    pub kind: String,
    /// `staff`, or the practices' ids with commas between.
    pub about: String,
    pub due: Moment,
    /// `accepted`, `rejected`, `queued` (it had not left when the exercise ended, and won't), `withheld`.
    pub state: String,
    pub why: Option<String>,
    /// Oldest first.
    pub tries: Vec<TryFigures>,
    /// `None`: nobody did.
    pub acknowledged: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TryFigures {
    pub at: Moment,
    /// `email`, `sms`, …
    pub channel: String,
    /// The relay or channel.
    pub via: String,
    pub outcome: String,
    pub answer: String,
}

/// What an exercise was.
#[derive(Debug, Clone, Copy)]
pub struct Exercise<'a> {
    pub estate: &'a Estate,
    pub scenario: &'a str,
    pub began: At,
    pub ended: At,
    pub incidents: &'a [String],
    pub not_awaited: &'a [String],
}

impl ExerciseFigures {
    /// `fates`: what became of every notice.
    pub fn new(exercise: &Exercise<'_>, listed: &[String], fates: &[Fate]) -> Self {
        let icb = &exercise.estate.icb;
        let moment = |at: At| Moment::new(at, &icb.timezone);
        let notice = |fate: &Fate| NoticeFigures {
            notice: fate.notice.id.clone(),
            incident: fate.notice.incident.clone(),
            kind: fate.notice.kind.as_str().to_owned(),
            about: fate.notice.audience.label(),
            due: moment(fate.notice.due),
            state: fate.notice.state.as_str().to_owned(),
            why: fate.notice.state.why().map(str::to_owned),
            tries: fate
                .tries
                .iter()
                .map(|tried| TryFigures {
                    at: moment(tried.at),
                    channel: tried.channel.clone(),
                    via: tried.via.clone(),
                    outcome: tried.outcome.clone(),
                    answer: tried.answer.clone(),
                })
                .collect(),
            acknowledged: fate.acknowledged.map(moment),
        };
        let recipients = listed.iter().map(|recipient| {
            let theirs = fates.iter().filter(|fate| fate.notice.recipient.eq_ignore_ascii_case(recipient));
            RecipientFigures { recipient: recipient.clone(), notices: theirs.map(notice).collect() }
        });
        Self {
            mark: MARK.to_owned(),
            icb: format!("{} ({})", icb.name, icb.code),
            scenario: exercise.scenario.to_owned(),
            began: moment(exercise.began),
            ended: moment(exercise.ended),
            incidents: exercise.incidents.to_vec(),
            not_awaited: exercise.not_awaited.to_vec(),
            recipients: recipients.collect(),
        }
    }

    /// How many notices were accepted, and how many were to be sent.
    pub fn accepted(&self) -> (usize, usize) {
        let all = self.recipients.iter().flat_map(|recipient| &recipient.notices);
        let all = all.filter(|notice| notice.state != "withheld");
        all.fold((0, 0), |(accepted, all), notice| {
            (accepted + usize::from(notice.state == "accepted"), all + 1)
        })
    }
}

/// Everybody who is listed, as recipients.
pub fn listed(config: &Config) -> Vec<String> {
    let ExerciseSettings { to, .. } = &config.ways.exercise;
    let hooks =
        config.ways.channels.iter().map(|channel| hook_recipient(channel.kind.channel(), &channel.id));
    to.iter().cloned().chain(hooks.filter(|hook| is_for(&config.ways.exercise, hook))).collect()
}

struct Row {
    cells: [String; 7],
}

#[derive(Template)]
#[template(path = "report/exercise.html")]
struct Page<'a> {
    style: &'static str,
    figures: &'a ExerciseFigures,
    began: String,
    ended: String,
    accepted: usize,
    all: usize,
    rows: Vec<Row>,
    version: &'static str,
}

/// The template is compiled in and written into memory; askama's signature says that it might fail.
pub fn exercise_html(estate: &Estate, figures: &ExerciseFigures) -> Result<String, askama::Error> {
    let zone = &estate.icb.timezone;
    let rows = figures.recipients.iter().flat_map(|recipient| {
        let none = recipient.notices.is_empty().then(|| {
            let nothing = "nothing: the scenario had nothing for them".to_owned();
            let empty = String::new;
            Row { cells: [recipient.recipient.clone(), nothing, empty(), empty(), empty(), empty(), empty()] }
        });
        let each = recipient.notices.iter().map(move |notice| row(zone, &recipient.recipient, notice));
        none.into_iter().chain(each)
    });
    let (accepted, all) = figures.accepted();
    Page {
        style: super::html::STYLE,
        figures,
        began: local(figures.began.utc, zone),
        ended: local(figures.ended.utc, zone),
        accepted,
        all,
        rows: rows.collect(),
        version: env!("CARGO_PKG_VERSION"),
    }
    .render()
}

fn row(zone: &jiff::tz::TimeZone, recipient: &str, notice: &NoticeFigures) -> Row {
    let tries = notice.tries.iter().map(|tried| {
        format!(
            "{} by {} through {}: {} ({})",
            local(tried.at.utc, zone),
            tried.channel,
            tried.via,
            tried.outcome,
            tried.answer
        )
    });
    let state = match (notice.state.as_str(), &notice.why) {
        ("queued", _) => "had not left when the exercise ended, and won't".to_owned(),
        (state, Some(why)) => format!("{state}: {why}"),
        (state, None) => state.to_owned(),
    };
    let acknowledged =
        notice.acknowledged.as_ref().map_or_else(|| "not acknowledged".to_owned(), |at| local(at.utc, zone));
    Row {
        cells: [
            recipient.to_owned(),
            format!("{} of {}", notice.kind, notice.incident),
            notice.about.clone(),
            local(notice.due.utc, zone),
            state,
            tries.collect::<Vec<_>>().join("; "),
            acknowledged,
        ],
    }
}
