//! Figures → a page that can be printed, sent and kept: everything in it, no script, nothing fetched.

use askama::Template;

use super::chart::{Row, Scale, bars, steps};
use super::incident::{IncidentFigures, PracticeFigures, ServiceFigures, State, Stretch};
use super::names::{NamedCause, local};
use super::period::{ComponentFigures, IncidentLine, PeriodFigures, UnmeasuredLine};
use super::{Ground, Moment};
use crate::incident::EventKind;
use crate::journal::Checked;
use crate::limits::{REPORT_BARS_MAX, REPORT_ROWS_MAX, REPORT_SHADED_DAYS_MAX};
use crate::notify::words::plain::{self, thousands};
use crate::spans::Spans;
use crate::time::At;

const DAY_MS: i64 = 86_400_000;

pub(super) const STYLE: &str = include_str!("../../templates/report/style.css");

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
    notices: Vec<Line>,
    notices_left_out: usize,
    operators: Vec<String>,
    acknowledgements: Vec<Line>,
    acknowledgements_left_out: usize,
    planned: Vec<String>,
    in_planned: String,
}

#[derive(Template)]
#[template(path = "report/period.html")]
struct PeriodPage {
    frame: Frame,
    title: String,
    facts: Vec<Fact>,
    trend: Vec<String>,
    timeline: String,
    timeline_left_out: usize,
    incidents: Vec<Line>,
    incidents_left_out: usize,
    suppliers: Vec<Line>,
    months: Vec<Line>,
    rows: Vec<Line>,
    rows_left_out: usize,
    unmeasured: Vec<Line>,
    unmeasured_left_out: usize,
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
    let scale = Scale { from, to, zone, core: &core };
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
    let changed: Vec<Line> = figures
        .changes
        .iter()
        .filter(|change| {
            change.event != EventKind::Changed || !(change.back.is_empty() && change.lost.is_empty())
        })
        .map(|change| Line {
            cells: vec![
                local(change.at.utc, zone),
                event_word(change.event).to_owned(),
                change.practices.to_string(),
                some(&change.back),
                some(&change.lost),
            ],
        })
        .collect();
    IncidentPage {
        frame: Frame::new(ground, record),
        id: figures.incident.clone(),
        headline: headline(figures),
        sentence: figures.sentence.clone(),
        warning: match figures.state {
            State::Withdrawn => Some("This incident was withdrawn: later evidence showed that it was never so. Its figures count for nothing."),
            State::Merged => Some("This incident proved to be the same fault as another, whose report has its figures."),
            State::Open => Some("This incident is open. Its figures go up to the moment at which this was made."),
            State::Recovered => None,
        },
        facts: incident_facts(ground, figures),
        trend: figures.trend.clone(),
        chart: steps(&scale, &rows, &format!("From {} to {}, of {} practices.", figures.since.local, local(to, zone), rows.len())),
        timeline: bars(&scale, "bars", "When each practice had no answer", &rows[..shown], "One bar a practice; the table below has the same times."),
        timeline_left_out: rows.len() - shown,
        services: by_service(figures),
        rows_left_out: all_lines - lines.len(),
        rows: lines,
        changes_left_out: changed.len().saturating_sub(REPORT_ROWS_MAX),
        changes: changed.into_iter().take(REPORT_ROWS_MAX).collect(),
        notices: figures
            .notices
            .iter()
            .take(REPORT_ROWS_MAX)
            .map(|line| Line {
                cells: vec![
                    local(line.at, zone),
                    line.fate.notice.clone(),
                    line.fate.whom.clone(),
                    line.fate.channel.clone(),
                    line.fate.outcome.clone(),
                    line.fate.why.clone().unwrap_or_default(),
                ],
            })
            .collect(),
        notices_left_out: figures.notices.len().saturating_sub(REPORT_ROWS_MAX),
        operators: figures
            .operators
            .iter()
            .map(|line| format!("{}: {} by {}", local(line.at, zone), line.what, line.by))
            .collect(),
        acknowledgements: figures
            .acknowledgements
            .iter()
            .take(REPORT_ROWS_MAX)
            .map(|line| Line {
                cells: vec![
                    local(line.at.utc, zone),
                    line.said.by.clone(),
                    line.said.whom.clone(),
                    line.said.way.clone(),
                    line.said.note.clone().unwrap_or_default(),
                ],
            })
            .collect(),
        acknowledgements_left_out: figures.acknowledgements.len().saturating_sub(REPORT_ROWS_MAX),
        planned: figures
            .planned
            .iter()
            .map(|work| format!("{} to {}: {}", local(work.from, zone), local(work.to, zone), work.reason))
            .collect(),
        in_planned: in_planned(figures),
    }
    .render()
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

/// `record`: what a check of the journal found.
pub fn period_html(
    ground: &Ground<'_>,
    figures: &PeriodFigures,
    record: &Checked,
) -> Result<String, askama::Error> {
    let zone = &ground.estate.icb.timezone;
    let (from, to) = (figures.from.utc, figures.to.utc);
    let core = if to.millis_since(from) < REPORT_SHADED_DAYS_MAX * DAY_MS {
        ground.hours.between(zone, from, to)
    } else {
        Spans::default()
    };
    let scale = Scale { from, to, zone, core: &core };
    // The ones that cost most; a year has thousands.
    let mut worst: Vec<&IncidentLine> =
        figures.incidents.iter().filter(|line| line.practice_no_answer_ms > 0).collect();
    worst.sort_by_key(|line| std::cmp::Reverse(line.practice_no_answer_ms));
    let timeline_left_out = worst.len().saturating_sub(REPORT_BARS_MAX);
    worst.truncate(REPORT_BARS_MAX);
    worst.sort_by_key(|line| line.since.utc);
    let not_measured = ground.facts.not_measured(from, to);
    let mut rows: Vec<Row> = Vec::new();
    if !not_measured.is_empty() {
        rows.push(Row { label: "not measured".to_owned(), no_answer: Spans::default(), not_measured });
    }
    rows.extend(worst.iter().map(|line| Row {
        label: shortened(&line.cause),
        no_answer: Spans::one(line.since.utc, line.resolved.as_ref().map_or(to, |at| at.utc)).clip(from, to),
        not_measured: Spans::default(),
    }));
    let totals: Vec<Line> = figures
        .practices
        .iter()
        .take(REPORT_ROWS_MAX)
        .map(|total| Line {
            cells: vec![
                total.practice.clone(),
                total.name.clone(),
                patients(total.patients),
                total.service_name.clone(),
                total.incidents.to_string(),
                minutes(total.no_answer_ms),
                minutes(total.no_answer_core_ms),
                minutes(total.not_measured_ms),
            ],
        })
        .collect();
    let about = match (&figures.practice, &figures.supplier) {
        (Some(practice), _) => format!("Practice {practice}, "),
        (None, Some(supplier)) => format!("{supplier}, "),
        (None, None) => String::new(),
    };
    PeriodPage {
        frame: Frame::new(ground, record),
        title: format!("{about}{} to {}", local(from, zone), local(to, zone)),
        facts: vec![
            Fact { name: "Minutes in all", value: minutes(figures.length_ms) },
            Fact { name: "Minutes in core hours", value: minutes(figures.core_ms) },
            Fact {
                name: "Minutes in which nobody measured anywhere",
                value: minutes(figures.not_measured_ms),
            },
            Fact { name: "Practices with more of them", value: figures.unmeasured.len().to_string() },
            Fact { name: "Incidents", value: figures.incidents.len().to_string() },
        ],
        trend: figures.trend.clone(),
        timeline: bars(
            &scale,
            "bars",
            "Incidents, over time",
            &rows,
            "One bar an incident; the table below has the same times.",
        ),
        timeline_left_out,
        incidents: figures
            .incidents
            .iter()
            .take(REPORT_ROWS_MAX)
            .map(|line| incident_line(zone, line))
            .collect(),
        incidents_left_out: figures.incidents.len().saturating_sub(REPORT_ROWS_MAX),
        suppliers: figures.suppliers.iter().map(supplier_line).collect(),
        months: figures
            .months
            .iter()
            .map(|month| Line {
                cells: vec![
                    month.month.clone(),
                    month.incidents.to_string(),
                    month.practices.to_string(),
                    minutes(month.practice_no_answer_ms),
                    minutes(month.practice_no_answer_core_ms),
                    minutes(month.not_measured_ms),
                ],
            })
            .collect(),
        rows_left_out: figures.practices.len() - totals.len(),
        rows: totals,
        unmeasured: figures.unmeasured.iter().take(REPORT_ROWS_MAX).map(unmeasured_line).collect(),
        unmeasured_left_out: figures.unmeasured.len().saturating_sub(REPORT_ROWS_MAX),
    }
    .render()
}

fn unmeasured_line(line: &UnmeasuredLine) -> Line {
    Line {
        cells: vec![
            line.practice.clone(),
            line.name.clone(),
            line.stretches.to_string(),
            length(line.longest_ms),
            minutes(line.not_measured_ms),
            minutes(line.not_measured_core_ms),
        ],
    }
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
    vec![
        Fact { name: "Cause", value: causes(&figures.cause) },
        Fact {
            name: "Probability when last said",
            value: format!("{:.1} %", (figures.probability * 1000.0).floor() / 10.0),
        },
        Fact { name: "Network", value: figures.network.clone().unwrap_or_else(|| "both".to_owned()) },
        Fact { name: "Began", value: both(&figures.since) },
        Fact { name: "Said by linewatch", value: both(&figures.opened) },
        Fact { name: "Over", value: figures.resolved.as_ref().map_or_else(|| "not yet".to_owned(), both) },
        Fact {
            name: "Length",
            value: format!("{} minutes ({})", minutes(figures.length_ms), length(figures.length_ms)),
        },
        Fact { name: "Of that in core hours", value: format!("{} minutes", minutes(figures.core_ms)) },
        Fact { name: "Of that not measured", value: format!("{} minutes", minutes(figures.unmeasured_ms)) },
        Fact { name: "Practices affected", value: figures.practices_affected.to_string() },
        Fact { name: "Registered patients there", value: patients },
    ]
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
    Row { label: practice.id.clone(), no_answer, not_measured }
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

fn incident_line(zone: &jiff::tz::TimeZone, line: &IncidentLine) -> Line {
    let state = match line.state {
        State::Open => "open",
        State::Recovered => "over",
        State::Withdrawn => "withdrawn: not counted",
        State::Merged => "merged: counted elsewhere",
    };
    Line {
        cells: vec![
            line.incident.clone(),
            causes(&line.cause),
            local(line.since.utc, zone),
            line.resolved.as_ref().map_or_else(|| "goes on".to_owned(), |at| local(at.utc, zone)),
            state.to_owned(),
            line.practices.to_string(),
            thousands(line.patients),
            minutes(line.practice_no_answer_ms),
            minutes(line.practice_no_answer_core_ms),
        ],
    }
}

fn supplier_line(figures: &ComponentFigures) -> Line {
    // Never rounded up: 99.9996 isn't 100.
    let percent = |part: Option<f64>| {
        part.map_or_else(
            || "not measured".to_owned(),
            |part| format!("{:.3} %", (part * 1000.0).floor() / 1000.0),
        )
    };
    Line {
        cells: vec![
            figures.owner.clone().unwrap_or_else(|| "nobody named".to_owned()),
            figures.name.clone(),
            figures.incidents.to_string(),
            figures.practices_behind.to_string(),
            minutes(figures.practice_no_answer_ms),
            minutes(figures.practice_no_answer_core_ms),
            percent(figures.availability_percent),
            percent(figures.availability_core_percent),
            figures.target_percent.map_or_else(|| "none given".to_owned(), |target| format!("{target} %")),
            match figures.is_met {
                Some(true) => "met",
                Some(false) => "NOT MET",
                None => "",
            }
            .to_owned(),
        ],
    }
}

fn causes(causes: &[NamedCause]) -> String {
    let name = |cause: &NamedCause| match &cause.owner {
        Some(owner) => format!("{} ({}, {owner})", cause.name, cause.kind),
        None => format!("{} ({})", cause.name, cause.kind),
    };
    match causes {
        [one] => name(one),
        several => format!(
            "one of these, which could not be told apart: {}",
            several.iter().map(name).collect::<Vec<_>>().join("; ")
        ),
    }
}

fn shortened(causes: &[NamedCause]) -> String {
    let name = causes.first().map(|cause| cause.name.as_str()).unwrap_or_default();
    crate::notify::words::plain::shortened(name, 24)
}

const fn event_word(event: EventKind) -> &'static str {
    match event {
        EventKind::Opened => "opened",
        EventKind::Changed => "changed",
        EventKind::Resolved => "resolved",
    }
}

/// The first few of a list.
fn some(ids: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = ids.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match ids.len() {
        0 => "none".to_owned(),
        n if n > SHOWN => format!("{n}: {shown} and {} more", n - SHOWN),
        n => format!("{n}: {shown}"),
    }
}

fn patients(patients: Option<u32>) -> String {
    patients.map_or_else(|| "not known".to_owned(), |patients| thousands(patients.into()))
}

/// `12,345.6`
fn minutes(ms: i64) -> String {
    let tenths = (ms.max(0) + 3_000) / 6_000;
    format!("{}.{}", thousands(u64::try_from(tenths / 10).unwrap_or(0)), tenths % 10)
}

fn length(ms: i64) -> String {
    plain::length(At::from_millis(0), At::from_millis(ms))
}
