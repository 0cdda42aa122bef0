//! The words and shapes of the pages: what stands in a template, made from what is known.

use super::status::{CheckStatus, NoteLine};
use super::view::View;
use crate::correlate::Standing;
use crate::estate::Estate;
use crate::incident::{Alternative, Cause, Event, EventKind, Reason};
use crate::notify::policy::Hands;
use crate::notify::{Acknowledgement, Audience, Fix};
use crate::time::At;

/// What every page says about itself.
pub struct Frame {
    pub at_utc: String,
    pub at_local: String,
    pub timezone: String,
    pub version: &'static str,
}

/// A standing in three forms, so that none of them is needed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingMark {
    pub class: &'static str,
    pub shape: &'static str,
    pub word: &'static str,
}

pub const FINE: StandingMark = StandingMark { class: "ok", shape: "✓", word: "fine" };
pub const DOWN: StandingMark = StandingMark { class: "down", shape: "✕", word: "down" };
pub const SILENT: StandingMark = StandingMark { class: "silent", shape: "◌", word: "silent" };
pub const UNKNOWN: StandingMark = StandingMark { class: "unknown", shape: "?", word: "unknown" };
const FAILS: StandingMark = StandingMark { class: "down", shape: "✕", word: "fails" };
const NOT_ASKED: StandingMark = StandingMark { class: "unknown", shape: "?", word: "not asked yet" };

pub const fn standing_mark(standing: Standing) -> StandingMark {
    match standing {
        Standing::Ok => FINE,
        Standing::Down => DOWN,
        Standing::Silent => SILENT,
        Standing::Unknown => UNKNOWN,
    }
}

/// People that a card names who have an incident in hand.
const HANDS_NAMED_MAX: usize = 3;

pub struct IncidentCard {
    pub id: String,
    pub sentence: String,
    pub since: String,
    pub since_utc: String,
    pub cause: String,
    pub probability: String,
    pub practices: usize,
    pub services: Option<String>,
    /// Whether somebody has it in hand, where anybody was told.
    pub hands: Option<String>,
    /// The last thing that was done about it.
    pub fix: Option<String>,
}

pub struct OtherCause {
    pub cause: String,
    pub probability: String,
}

pub struct HistoryLine {
    pub at: String,
    pub at_utc: String,
    pub event: &'static str,
    pub practices: usize,
    pub sentence: String,
}

/// Somebody who has an incident in hand, or is at work on it.
pub struct AckRow {
    pub at: String,
    pub at_utc: String,
    pub by: String,
    pub note: Option<String>,
}

/// What somebody did.
pub struct FixRow {
    pub at: String,
    pub at_utc: String,
    pub what: String,
    pub by: String,
    /// When they said so, where that isn't when they did it.
    pub said: Option<String>,
}

pub struct NoteItem {
    pub text: String,
    /// Where packets stopped.
    pub path: Option<String>,
    pub since: String,
}

pub struct CheckLine {
    pub probe: String,
    pub network: String,
    pub service: String,
    pub standing: StandingMark,
    pub failure: Option<&'static str>,
    pub path: Option<String>,
    pub since: String,
    pub took: String,
}

impl Frame {
    pub fn new(view: &View) -> Self {
        let estate = &view.estate;
        Self {
            at_utc: view.picture.at.to_string(),
            at_local: local(estate, view.picture.at),
            timezone: estate.icb.timezone.iana_name().unwrap_or("local time").to_owned(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl IncidentCard {
    pub fn new(view: &View, event: &Event) -> Self {
        let service = |id: &String| {
            view.estate
                .service(id)
                .map_or_else(|| id.clone(), |service| view.estate.services[service.at()].name.clone())
        };
        let services: Vec<String> = event.services.iter().map(service).collect();
        Self {
            id: event.incident.clone(),
            sentence: event.sentence.clone(),
            since: local(&view.estate, event.since),
            since_utc: event.since.to_string(),
            cause: causes(&view.estate, &event.cause),
            probability: percent(event.probability),
            practices: event.practices.len(),
            services: (!services.is_empty()).then(|| services.join(", ")),
            hands: None,
            fix: None,
        }
    }

    /// The same with who has it in hand.
    pub fn with_hands(self, view: &View, all: &[Hands]) -> Self {
        let hands = all.iter().find(|hands| hands.incident == self.id).and_then(|hands| {
            let each = hands.taken_on.iter().take(HANDS_NAMED_MAX);
            let named: Vec<String> =
                each.map(|said| format!("{} ({})", said.by, local(&view.estate, said.at))).collect();
            let more = hands.taken_on.len() - named.len();
            match (named.is_empty(), more, hands.told_since) {
                (true, _, None) => None,
                (true, _, Some(since)) => {
                    Some(format!("nobody yet; staff were told {}", local(&view.estate, since)))
                }
                (false, 0, _) => Some(named.join(", ")),
                (false, more, _) => Some(format!("{} and {more} more", named.join(", "))),
            }
        });
        Self { hands, ..self }
    }

    pub fn with_fix(self, view: &View, last: Option<&Fix>) -> Self {
        let words = |fix: &Fix| format!("{} ({}, {})", fix.what, fix.by, local(&view.estate, fix.at));
        Self { fix: last.map(words), ..self }
    }
}

impl OtherCause {
    pub fn new(view: &View, other: &Alternative) -> Self {
        Self { cause: causes(&view.estate, &other.cause), probability: percent(other.probability) }
    }
}

impl HistoryLine {
    pub fn new(view: &View, event: &Event) -> Self {
        Self {
            at: local(&view.estate, event.at),
            at_utc: event.at.to_string(),
            event: match (event.event, event.reason) {
                (EventKind::Opened, _) => "opened",
                (EventKind::Changed, _) => "changed",
                (EventKind::Resolved, Some(Reason::Withdrawn)) => "withdrawn",
                (EventKind::Resolved, Some(Reason::Merged)) => "merged into another",
                (EventKind::Resolved, _) => "resolved",
            },
            practices: event.practices.len(),
            sentence: event.sentence.clone(),
        }
    }
}

impl FixRow {
    pub fn new(view: &View, fix: &Fix) -> Self {
        Self {
            at: local(&view.estate, fix.at),
            at_utc: fix.at.to_string(),
            what: fix.what.clone(),
            by: fix.by.clone(),
            said: (fix.said_at != fix.at).then(|| local(&view.estate, fix.said_at)),
        }
    }
}

impl AckRow {
    pub fn new(view: &View, said: &Acknowledgement) -> Self {
        Self {
            at: local(&view.estate, said.at),
            at_utc: said.at.to_string(),
            by: match &said.audience {
                Audience::Owner { name } if *name != said.by => format!("{}, for {name}", said.by),
                _ => said.by.clone(),
            },
            note: said.note.clone(),
        }
    }
}

impl NoteItem {
    pub fn new(view: &View, note: &NoteLine) -> Self {
        Self { text: note.text.clone(), path: note.path.clone(), since: local(&view.estate, note.since) }
    }
}

impl CheckLine {
    pub fn new(view: &View, check: &CheckStatus) -> Self {
        Self {
            probe: check.probe.clone(),
            network: check.network.clone(),
            service: check.service.clone().unwrap_or_default(),
            standing: match check.ok {
                Some(true) => FINE,
                Some(false) => FAILS,
                None => NOT_ASKED,
            },
            failure: check.failure.map(crate::observation::Failure::as_str),
            path: check.path.as_ref().map(|path| path.sentence.clone()),
            since: check.since.map(|since| local(&view.estate, since)).unwrap_or_default(),
            took: check.ms.map(|ms| format!("{ms:.0} ms")).unwrap_or_default(),
        }
    }
}

/// In the ICB's own time: `Mon 16 Mar 07:12:03`.
pub fn local(estate: &Estate, at: At) -> String {
    at.to_timestamp().to_zoned(estate.icb.timezone.clone()).strftime("%a %-d %b %H:%M:%S").to_string()
}

/// The causes by name: one, or several of which the data can't tell which.
fn causes(estate: &Estate, causes: &[Cause]) -> String {
    let names: Vec<String> = causes.iter().map(|cause| cause_name(estate, cause)).collect();
    match names.as_slice() {
        [one] => one.clone(),
        several => format!("one of these: {}", several.join("; ")),
    }
}

fn cause_name(estate: &Estate, cause: &Cause) -> String {
    let id = cause.id.as_str();
    let name = match cause.kind.as_str() {
        Cause::PRACTICE => estate.practice(id).map(|ix| &estate.practices[ix.at()].name),
        Cause::NETWORK => estate.network(id).map(|ix| &estate.networks[ix.at()].name),
        Cause::SERVICE => estate.service(id).map(|ix| &estate.services[ix.at()].name),
        Cause::MONITOR => return "linewatch's own line".to_owned(),
        _ => estate.component(id).map(|ix| &estate.components[ix.at()].name),
    };
    name.map_or_else(|| cause.to_string(), |name| format!("{name} ({cause})"))
}

/// `99.8 %`; never rounded up to certainty or down to impossibility.
fn percent(probability: f64) -> String {
    if probability >= 0.999 {
        "over 99.9 %".to_owned()
    } else if probability < 0.001 {
        "under 0.1 %".to_owned()
    } else {
        format!("{:.1} %", (probability * 1000.0).floor() / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_never_shown_as_certain_or_impossible() {
        assert_eq!(percent(1.0), "over 99.9 %");
        assert_eq!(percent(0.9989), "99.8 %");
        assert_eq!(percent(0.5), "50.0 %");
        assert_eq!(percent(0.0), "under 0.1 %");
    }
}
