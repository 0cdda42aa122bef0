//! Figures → a page that can be printed, sent and kept: everything in it, no script, nothing fetched.
//!
//! | file | what lives there |
//! |---|---|
//! | `incident.rs` | the page of one incident |
//! | `period.rs` | the page of a period |
//! | `words.rs` | figures as people read them |

mod incident;
mod period;
mod words;

use askama::Template;

pub use incident::incident_html;
pub use period::period_html;

use super::Ground;
use super::fixes::FixFigures;
use super::names::local;
use super::told::{AcknowledgementFigures, NoticeTold};
use crate::journal::Checked;
use crate::limits::{FIX_WINDOW, REPORT_ROWS_MAX};

pub(super) const STYLE: &str = include_str!("../../../templates/report/style.css");

/// What every report says about itself.
struct Frame {
    style: &'static str,
    icb: String,
    timezone: String,
    made: String,
    version: &'static str,
    hours: String,
    entries: String,
    is_sound: bool,
    faults: Vec<String>,
    sha256: String,
    /// Entries that this version can't read, and changes of what the configuration no longer has.
    left_out: Option<String>,
}

/// A name and what it is.
struct Fact {
    name: &'static str,
    value: String,
}

struct Line {
    cells: Vec<String>,
}

impl Frame {
    fn new(ground: &Ground<'_>, record: &Checked) -> Self {
        let icb = &ground.estate.icb;
        let entries = match (record.first, record.last) {
            (Some((first, from)), Some((last, to))) => format!("entries {first} ({from}) to {last} ({to})"),
            _ => "no entry".to_owned(),
        };
        let (unread, unknown) = (ground.facts.unread, ground.facts.unknown_changes);
        let left_out = (unread + unknown > 0).then(|| {
            format!(
                "Left out: {unread} entries that can't be read, and {unknown} changes of checks or practices that the \
                 configuration no longer has."
            )
        });
        Self {
            style: STYLE,
            icb: format!("{} ({})", icb.name, icb.code),
            timezone: icb.timezone.iana_name().unwrap_or("local time").to_owned(),
            made: local(ground.now, &icb.timezone),
            version: env!("CARGO_PKG_VERSION"),
            hours: ground.hours.words(),
            entries,
            is_sound: record.is_sound(),
            faults: record
                .faults
                .iter()
                .map(|fault| format!("Entry {}: {}", fault.entry, fault.what))
                .collect(),
            sha256: record.sha256.clone(),
            left_out,
        }
    }
}

/// What was done, and what changed after it: a part of both pages.
#[derive(Template)]
#[template(path = "report/fixes.html")]
struct Fixes {
    rows: Vec<Line>,
    left_out: usize,
    /// The window, in minutes.
    window: u64,
    /// Of a period, in which several incidents have fixes.
    of_period: bool,
}

impl Fixes {
    fn new(zone: &jiff::tz::TimeZone, fixes: &[FixFigures], of_period: bool) -> Self {
        let fix = |(place, fix): (usize, &FixFigures)| Line {
            cells: vec![
                (place + 1).to_string(),
                local(fix.at.utc, zone),
                fix.at.utc.to_string(),
                fix.goes_on_as.clone(),
                fix.what.clone(),
                fix.by.clone(),
                local(fix.said.utc, zone),
                fix.effect.clone(),
            ],
        };
        Self {
            rows: fixes.iter().enumerate().take(REPORT_ROWS_MAX).map(fix).collect(),
            left_out: fixes.len().saturating_sub(REPORT_ROWS_MAX),
            window: FIX_WINDOW.as_secs() / 60,
            of_period,
        }
    }
}

/// Who was told, and who acknowledged: a part of both pages.
#[derive(Template)]
#[template(path = "report/told.html")]
struct Told {
    notices: Vec<Line>,
    notices_left_out: usize,
    acknowledgements: Vec<Line>,
    acknowledgements_left_out: usize,
}

impl Told {
    fn new(
        zone: &jiff::tz::TimeZone,
        notices: &[NoticeTold],
        acknowledgements: &[AcknowledgementFigures],
    ) -> Self {
        let notice = |line: &NoticeTold| Line {
            cells: vec![
                local(line.at, zone),
                if line.also.is_empty() { line.incident.clone() } else { words::some(&line.incidents()) },
                line.fate.notice.clone(),
                line.fate.whom.clone(),
                line.fate.channel.clone(),
                line.fate.outcome.clone(),
                line.fate.why.clone().unwrap_or_default(),
            ],
        };
        let acknowledgement = |line: &AcknowledgementFigures| Line {
            cells: vec![
                local(line.at.utc, zone),
                line.incident.clone(),
                line.said.by.clone(),
                line.said.whom.clone(),
                line.said.way.clone(),
                line.said.note.clone().unwrap_or_default(),
            ],
        };
        Self {
            notices: notices.iter().take(REPORT_ROWS_MAX).map(notice).collect(),
            notices_left_out: notices.len().saturating_sub(REPORT_ROWS_MAX),
            acknowledgements: acknowledgements.iter().take(REPORT_ROWS_MAX).map(acknowledgement).collect(),
            acknowledgements_left_out: acknowledgements.len().saturating_sub(REPORT_ROWS_MAX),
        }
    }
}
