//! The page of a period.

use std::collections::BTreeMap;

use askama::Template;

use super::words::{causes, length, minutes, patients, shortened};
use super::{Fact, Fixes, Frame, Line, Told};
use crate::journal::Checked;
use crate::limits::{REPORT_BARS_MAX, REPORT_ROWS_MAX, REPORT_SHADED_DAYS_MAX};
use crate::notify::words::plain::thousands;
use crate::report::Ground;
use crate::report::chart::{Row, Scale, bars};
use crate::report::incident::{State, Stretch};
use crate::report::names::local;
use crate::report::names::{met, percent};
use crate::report::period::{
    IncidentLine, MonthFigures, OutageLine, PeriodFigures, PracticeTotal, UnmeasuredLine,
};
use crate::report::runs::RunFigures;
use crate::report::suppliers::ComponentFigures;
use crate::spans::Spans;
use crate::time::At;

const DAY_MS: i64 = 86_400_000;

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
    is_of_practice: bool,
    outages: Vec<Line>,
    outages_left_out: usize,
    fixes: Fixes,
    told: Told,
    unmeasured: Vec<Line>,
    unmeasured_left_out: usize,
}

/// `record`: what a check of the journal found.
pub fn period_html(
    ground: &Ground<'_>,
    figures: &PeriodFigures,
    record: &Checked,
) -> Result<String, askama::Error> {
    let zone = &ground.estate.icb.timezone;
    let (from, to) = (figures.from.utc, figures.to.utc);
    let (timeline, timeline_left_out) = timeline(ground, figures);
    let totals: Vec<Line> = figures.practices.iter().take(REPORT_ROWS_MAX).map(total_line).collect();
    let outages: Vec<Line> = figures.outages.iter().flat_map(|outage| outage_lines(zone, outage)).collect();
    let practice = figures.practice.as_ref().map(|practice| format!("Practice {practice}, "));
    let supplier = figures.supplier.as_ref().map(|supplier| format!("{supplier}, "));
    let about = [practice, supplier].into_iter().flatten().collect::<String>();
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
            Fact { name: "Notices about them, accepted", value: accepted(figures) },
        ],
        trend: figures.trend.clone(),
        timeline,
        timeline_left_out,
        incidents: figures
            .incidents
            .iter()
            .take(REPORT_ROWS_MAX)
            .map(|line| incident_line(zone, line))
            .collect(),
        incidents_left_out: figures.incidents.len().saturating_sub(REPORT_ROWS_MAX),
        suppliers: figures.suppliers.iter().map(|line| supplier_line(line, figures.core_ms)).collect(),
        months: figures.months.iter().map(month_line).collect(),
        rows_left_out: figures.practices.len() - totals.len(),
        rows: totals,
        is_of_practice: figures.practice.is_some(),
        outages_left_out: outages.len().saturating_sub(REPORT_ROWS_MAX),
        outages: outages.into_iter().take(REPORT_ROWS_MAX).collect(),
        fixes: Fixes::new(zone, &figures.fixes, true),
        told: Told::new(zone, &figures.notices, &figures.acknowledgements),
        unmeasured: figures.unmeasured.iter().take(REPORT_ROWS_MAX).map(unmeasured_line).collect(),
        unmeasured_left_out: figures.unmeasured.len().saturating_sub(REPORT_ROWS_MAX),
    }
    .render()
}

/// A bar an incident; and how many there is no room for.
fn timeline(ground: &Ground<'_>, figures: &PeriodFigures) -> (String, usize) {
    let zone = &ground.estate.icb.timezone;
    let (from, to) = (figures.from.utc, figures.to.utc);
    let core = if to.millis_since(from) < REPORT_SHADED_DAYS_MAX * DAY_MS {
        ground.hours.between(zone, from, to)
    } else {
        Spans::default()
    };
    let scale = Scale { from, to, zone, core: &core, marks: &[] };
    let mut fixes: BTreeMap<&str, Vec<At>> = BTreeMap::new();
    for fix in figures.fixes.iter().filter(|fix| (from..to).contains(&fix.at.utc)) {
        fixes.entry(&fix.goes_on_as).or_default().push(fix.at.utc);
    }
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
        rows.push(Row {
            label: "not measured".to_owned(),
            no_answer: Spans::default(),
            not_measured,
            marks: Vec::new(),
        });
    }
    rows.extend(worst.iter().map(|line| Row {
        label: shortened(&line.cause),
        no_answer: open(line, to).clip(from, to),
        not_measured: Spans::default(),
        marks: fixes.remove(line.incident.as_str()).unwrap_or_default(),
    }));
    let says = "One bar an incident; the table below has the same times.";
    (bars(&scale, "bars", "Incidents, over time", &rows, says), timeline_left_out)
}

fn total_line(total: &PracticeTotal) -> Line {
    Line {
        cells: vec![
            total.practice.clone(),
            total.name.clone(),
            patients(total.patients),
            total.service_name.clone(),
            total.incidents.to_string(),
            minutes(total.no_answer_ms),
            minutes(total.no_answer_core_ms),
            minutes(total.no_answer_planned_ms),
            minutes(total.not_measured_ms),
        ],
    }
}

fn month_line(month: &MonthFigures) -> Line {
    Line {
        cells: vec![
            month.month.clone(),
            month.incidents.to_string(),
            month.practices.to_string(),
            minutes(month.practice_no_answer_ms),
            minutes(month.practice_no_answer_core_ms),
            minutes(month.not_measured_ms),
        ],
    }
}

/// A line for each stretch, in order of time.
fn outage_lines(zone: &jiff::tz::TimeZone, outage: &OutageLine) -> Vec<Line> {
    let line = |(what, span): (&str, &Stretch)| Line {
        cells: vec![
            local(span.from.utc, zone),
            span.from.utc.to_string(),
            local(span.to.utc, zone),
            span.to.utc.to_string(),
            outage.service.name.clone(),
            match span.cut_off() {
                cut if cut.is_empty() => what.to_owned(),
                cut => format!("{what} ({cut})"),
            },
            outage.incident.clone(),
            minutes(span.to.utc.millis_since(span.from.utc)),
            minutes(span.core_ms),
            minutes(span.planned_ms),
        ],
    };
    outage.stretches().map(line).collect()
}

/// When an incident was open.
fn open(line: &IncidentLine, now: At) -> Spans {
    let end = |run: &RunFigures| run.resolved.as_ref().map_or(now, |at| at.utc);
    Spans::new(line.runs.iter().map(|run| (run.since.utc, end(run))).collect())
}

/// How many of the notices somebody's server took.
fn accepted(figures: &PeriodFigures) -> String {
    let accepted = figures.notices.iter().filter(|line| line.fate.outcome == "accepted").count();
    format!("{accepted} of {}", figures.notices.len())
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
            line.runs
                .last()
                .and_then(RunFigures::ended)
                .map_or_else(|| "goes on".to_owned(), |at| local(at.utc, zone)),
            state.to_owned(),
            line.practices.to_string(),
            thousands(line.patients),
            minutes(line.practice_no_answer_ms),
            minutes(line.practice_no_answer_core_ms),
        ],
    }
}

/// `core_ms`: how much of the period is core hours.
fn supplier_line(figures: &ComponentFigures, core_ms: i64) -> Line {
    let percent = |part: Option<f64>| part.map_or_else(|| "not measured".to_owned(), percent);
    let in_core =
        if core_ms == 0 { "no core hours".to_owned() } else { percent(figures.availability_core_percent) };
    Line {
        cells: vec![
            figures.owner.clone().unwrap_or_else(|| "nobody named".to_owned()),
            figures.name.clone(),
            figures.incidents.to_string(),
            figures.practices_behind.to_string(),
            minutes(figures.practice_no_answer_ms),
            minutes(figures.practice_no_answer_core_ms),
            percent(figures.availability_percent),
            in_core,
            figures.target_percent.map_or_else(|| "none given".to_owned(), |target| format!("{target} %")),
            met(figures.is_met).to_owned(),
        ],
    }
}
