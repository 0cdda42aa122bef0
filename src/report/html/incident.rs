//! The page of one incident.

use askama::Template;

use super::words::{causes, event_word, length, minutes, patients, some};
use super::{Fact, Fixes, Frame, Line, Told};
use crate::incident::EventKind;
use crate::journal::Checked;
use crate::limits::{FIX_WINDOW, REPORT_BARS_MAX, REPORT_ROWS_MAX};
use crate::notify::words::plain::thousands;
use crate::report::Ground;
use crate::report::chart::{Row, Scale, bars, steps};
use crate::report::incident::{ChangeLine, IncidentFigures, PracticeFigures, ServiceFigures, State, Stretch};
use crate::report::names::{Moment, local};
use crate::report::runs::RunFigures;
use crate::spans::Spans;
use crate::time::At;

#[derive(Template)]
#[template(path = "report/incident.html")]
struct IncidentPage {
    frame: Frame,
    id: String,
    headline: String,
    sentence: String,
    warning: Option<&'static str>,
    facts: Vec<Fact>,
    trend: Vec<String>,
    chart: String,
    timeline: String,
    timeline_left_out: usize,
    services: Vec<Line>,
    rows: Vec<Line>,
    rows_left_out: usize,
    changes: Vec<Line>,
    changes_left_out: usize,
    fixes: Fixes,
    told: Told,
    operators: Vec<String>,
    planned: Vec<String>,
    in_planned: String,
}

/// `record`: what a check of the journal found.
///
/// The template is compiled in and written into memory; askama's signature says that it might fail.
pub fn incident_html(
    ground: &Ground<'_>,
    figures: &IncidentFigures,
    record: &Checked,
) -> Result<String, askama::Error> {
    let zone = &ground.estate.icb.timezone;
    let (from, to) = (figures.since.utc, figures.resolved.as_ref().map_or(ground.now, |at| at.utc));
    let core = ground.hours.between(zone, from, to);
    // What was done a little before or after is in the picture; what was done weeks later would make it a dot.
    let near = |at: &At| *at < to + FIX_WINDOW;
    let fixes: Vec<At> = figures.fixes.iter().map(|fix| fix.at.utc).take_while(near).collect();
    let drawn_from = fixes.first().map_or(from, |first| from.min(*first));
    let drawn_to = fixes.last().map_or(to, |last| to.max(*last));
    let scale = Scale { from: drawn_from, to: drawn_to, zone, core: &core, marks: &fixes };
    let rows: Vec<Row> = figures
        .practices
        .iter()
        .map(row)
        .filter(|row| !row.no_answer.is_empty() || !row.not_measured.is_empty())
        .collect();
    let shown = rows.len().min(REPORT_BARS_MAX);
    let lines: Vec<Line> = figures
        .practices
        .iter()
        .flat_map(|practice| practice.services.iter().map(move |service| (practice, service)))
        .take(REPORT_ROWS_MAX)
        .map(|(practice, service)| service_line(zone, practice, service))
        .collect();
    let all_lines: usize = figures.practices.iter().map(|practice| practice.services.len()).sum();
    let changed = changes(zone, figures);
    IncidentPage {
        frame: Frame::new(ground, record),
        id: figures.incident.clone(),
        headline: headline(figures),
        sentence: figures.sentence.clone(),
        warning: warning(figures.state),
        facts: incident_facts(ground, figures),
        trend: figures.trend.clone(),
        chart: steps(&scale, &rows, &says(figures, &rows, &local(to, zone), fixes.len())),
        timeline: bars(
            &scale,
            "bars",
            "When each practice had no answer",
            &rows[..shown],
            "One bar a practice; the table below has the same times.",
        ),
        timeline_left_out: rows.len() - shown,
        services: by_service(figures),
        rows_left_out: all_lines - lines.len(),
        rows: lines,
        changes_left_out: changed.len().saturating_sub(REPORT_ROWS_MAX),
        changes: changed.into_iter().take(REPORT_ROWS_MAX).collect(),
        fixes: Fixes::new(zone, &figures.fixes, false),
        told: Told::new(zone, &figures.notices, &figures.acknowledgements),
        operators: figures
            .operators
            .iter()
            .map(|line| format!("{}: {} by {}", local(line.at, zone), line.what, line.by))
            .collect(),
        planned: figures
            .planned
            .iter()
            .map(|work| format!("{} to {}: {}", local(work.from, zone), local(work.to, zone), work.reason))
            .collect(),
        in_planned: in_planned(figures),
    }
    .render()
}

/// What whoever reads the figures must know first.
const fn warning(state: State) -> Option<&'static str> {
    match state {
        State::Withdrawn => Some(
            "This incident was withdrawn: later evidence showed that it was never so. Its figures count for nothing.",
        ),
        State::Merged => {
            Some("This incident proved to be the same fault as another, whose report has its figures.")
        }
        State::Open => Some("This incident is open. Its figures go up to the moment at which this was made."),
        State::Recovered => None,
    }
}

/// Changes by which somebody came back or was lost, beside beginnings and ends.
fn changes(zone: &jiff::tz::TimeZone, figures: &IncidentFigures) -> Vec<Line> {
    let told = figures.changes.iter().filter(|change| {
        change.event != EventKind::Changed || !(change.back.is_empty() && change.lost.is_empty())
    });
    let line = |change: &ChangeLine| Line {
        cells: vec![
            local(change.at.utc, zone),
            event_word(change.event).to_owned(),
            change.practices.to_string(),
            some(&change.back),
            some(&change.lost),
        ],
    };
    told.map(line).collect()
}

/// The chart in words. `to`: until when it goes; `marks`: fixes in it.
fn says(figures: &IncidentFigures, rows: &[Row], to: &str, marks: usize) -> String {
    let fixes = match marks {
        0 => String::new(),
        1 => " A dashed line marks the fix.".to_owned(),
        n => format!(" Dashed lines mark the {n} fixes, numbered as in the table below."),
    };
    format!("From {} to {to}, of {} practices.{fixes}", figures.since.local, rows.len())
}

/// What of the figures fell within planned work. It stays counted: who planned it doesn't give anybody their records back.
fn in_planned(figures: &IncidentFigures) -> String {
    let services = figures.practices.iter().flat_map(|practice| &practice.services);
    let no_answer: i64 = services.map(|service| service.no_answer_planned_ms).sum();
    format!(
        "Of the incident's length, {} minutes fell within it; of the minutes without an answer, all practices and services together, {}. They are counted in all figures on this page. What began within it was told only if it still went on when it ended.",
        minutes(figures.planned_ms),
        minutes(no_answer)
    )
}

fn incident_facts(ground: &Ground<'_>, figures: &IncidentFigures) -> Vec<Fact> {
    let zone = &ground.estate.icb.timezone;
    let both = |at: &Moment| format!("{} ({} UTC)", local(at.utc, zone), at.utc);
    let patients = match figures.practices_without_list_size {
        0 => thousands(figures.patients),
        without => format!(
            "{}, and those of {without} practices whose list size isn't known",
            thousands(figures.patients)
        ),
    };
    let mut facts = vec![
        Fact { name: "Cause", value: causes(&figures.cause) },
        Fact {
            name: "Probability when last said",
            value: format!("{:.1} %", (figures.probability * 1000.0).floor() / 10.0),
        },
        Fact { name: "Network", value: figures.network.clone().unwrap_or_else(|| "both".to_owned()) },
        Fact { name: "Began", value: both(&figures.since) },
        Fact { name: "Said by linewatch", value: both(&figures.opened) },
        Fact {
            name: "Well again",
            value: figures.well_since.as_ref().map_or_else(|| "not said".to_owned(), both),
        },
        Fact {
            name: "Said to be over",
            value: figures.resolved.as_ref().map_or_else(|| "not yet".to_owned(), both),
        },
        Fact {
            name: "Length",
            value: format!("{} minutes ({})", minutes(figures.length_ms), length(figures.length_ms)),
        },
        Fact { name: "Of that in core hours", value: format!("{} minutes", minutes(figures.core_ms)) },
        Fact { name: "Of that not measured", value: format!("{} minutes", minutes(figures.unmeasured_ms)) },
        Fact { name: "Practices affected", value: figures.practices_affected.to_string() },
        Fact { name: "Registered patients there", value: patients },
    ];
    if figures.runs.len() > 1 {
        let over = facts.iter().position(|fact| fact.name == "Well again").unwrap_or(facts.len());
        facts.insert(
            over,
            Fact { name: "Over in between, and begun anew", value: between(zone, &figures.runs) },
        );
    }
    facts
}

/// When an incident was over until it began anew.
fn between(zone: &jiff::tz::TimeZone, runs: &[RunFigures]) -> String {
    let pairs = runs.iter().zip(runs.iter().skip(1));
    let over = pairs.filter_map(|(run, next)| Some((run.ended()?.utc, next.since.utc)));
    let over: Vec<String> =
        over.map(|(from, to)| format!("{} to {}", local(from, zone), local(to, zone))).collect();
    over.join("; ")
}

fn headline(figures: &IncidentFigures) -> String {
    let word = match figures.state {
        State::Open => "Open",
        State::Recovered => "Over",
        State::Withdrawn => "Withdrawn",
        State::Merged => "Merged into another",
    };
    format!("{word}: {}", causes(&figures.cause))
}

/// A practice's services laid on one another.
fn row(practice: &PracticeFigures) -> Row {
    let all = |of: fn(&ServiceFigures) -> &[Stretch]| -> Spans {
        let stretches = practice.services.iter().flat_map(of);
        Spans::new(stretches.map(|span| (span.from.utc, span.to.utc)).collect())
    };
    let no_answer = all(|service| &service.no_answer);
    let not_measured = all(|service| &service.not_measured).minus(&no_answer);
    Row { label: practice.id.clone(), no_answer, not_measured, marks: Vec::new() }
}

/// Practices and minutes of each service.
fn by_service(figures: &IncidentFigures) -> Vec<Line> {
    let mut services: std::collections::BTreeMap<&str, (&str, usize, i64, i64, i64)> =
        std::collections::BTreeMap::new();
    for service in figures.practices.iter().flat_map(|practice| &practice.services) {
        let sum = services.entry(&service.id).or_insert((&service.name, 0, 0, 0, 0));
        sum.1 += usize::from(service.no_answer_ms > 0);
        sum.2 += service.no_answer_ms;
        sum.3 += service.no_answer_core_ms;
        sum.4 += service.not_measured_ms;
    }
    services
        .into_values()
        .map(|(name, practices, all, core, unknown)| Line {
            cells: vec![
                name.to_owned(),
                practices.to_string(),
                minutes(all),
                minutes(core),
                minutes(unknown),
            ],
        })
        .collect()
}

/// When the hub had the first and the last of what it had late.
fn received(zone: &jiff::tz::TimeZone, service: &ServiceFigures) -> String {
    let all = service.no_answer.iter().flat_map(|span| [&span.from_received, &span.to_received]);
    let late: Vec<At> = all.flatten().map(|at| at.utc).collect();
    match (late.iter().min(), late.iter().max()) {
        (Some(first), Some(last)) if first != last => {
            format!("Received later: {} to {}", local(*first, zone), local(*last, zone))
        }
        (Some(at), _) => format!("Received later: {}", local(*at, zone)),
        _ => String::new(),
    }
}

fn service_line(zone: &jiff::tz::TimeZone, practice: &PracticeFigures, service: &ServiceFigures) -> Line {
    let when = |at: Option<&Moment>, none: &str| at.map_or_else(|| none.to_owned(), |at| local(at.utc, zone));
    let utc = |at: Option<&Moment>| at.map(|at| at.utc.to_string()).unwrap_or_default();
    let never = service.no_answer.is_empty();
    Line {
        cells: vec![
            practice.id.clone(),
            practice.name.clone(),
            patients(practice.patients),
            service.name.clone(),
            when(service.from.as_ref(), "never"),
            utc(service.from.as_ref()),
            when(service.to.as_ref(), if never { "never" } else { "goes on" }),
            utc(service.to.as_ref()),
            received(zone, service),
            service.no_answer.len().to_string(),
            minutes(service.no_answer_ms),
            minutes(service.no_answer_core_ms),
            minutes(service.not_measured_ms),
        ],
    }
}
