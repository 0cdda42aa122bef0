//! The table of a period.

use csv::Writer;

use super::{Happened, cell, finish, happened, minutes};
use crate::report::incident::Stretch;
use crate::report::names::{met, percent};
use crate::report::period::{NOT_MEASURED, OutageLine, PeriodFigures, PracticeTotal};
use crate::report::suppliers::ComponentFigures;

/// A line of the table, by column; a column that a line has nothing for is empty.
#[derive(Default)]
struct Row<'a> {
    practice: String,
    name: String,
    registered_patients: String,
    service: String,
    service_name: String,
    incidents: String,
    minutes: String,
    core_minutes: String,
    not_measured_minutes: String,
    planned_minutes: String,
    what: &'a str,
    incident: String,
    at: (String, &'a str),
    detail: String,
    until: (String, &'a str),
}

const COLUMNS: [&str; 19] = [
    "from_utc",
    "to_utc",
    "practice",
    "name",
    "registered_patients",
    "service",
    "service_name",
    "incidents",
    "minutes",
    "core_minutes",
    "not_measured_minutes",
    "planned_minutes",
    "what",
    "incident",
    "at_utc",
    "at_local",
    "detail",
    "until_utc",
    "until_local",
];

impl<'a> Row<'a> {
    fn total(total: &PracticeTotal) -> Self {
        Self {
            practice: cell(&total.practice),
            name: cell(&total.name),
            registered_patients: total.patients.map(|patients| patients.to_string()).unwrap_or_default(),
            service: cell(&total.service),
            service_name: cell(&total.service_name),
            incidents: total.incidents.to_string(),
            minutes: minutes(total.no_answer_ms),
            core_minutes: minutes(total.no_answer_core_ms),
            not_measured_minutes: minutes(total.not_measured_ms),
            planned_minutes: minutes(total.no_answer_planned_ms),
            what: "no answer",
            ..Self::default()
        }
    }

    /// Of one practice alone: from when to when.
    fn stretch(practice: &str, outage: &OutageLine, (what, span): (&str, &'a Stretch)) -> Self {
        let length = minutes(span.to.utc.millis_since(span.from.utc));
        let row = Self {
            practice: cell(practice),
            service: cell(&outage.service.id),
            service_name: cell(&outage.service.name),
            planned_minutes: minutes(span.planned_ms),
            incident: outage.incident.clone(),
            at: (span.from.utc.to_string(), &span.from.local),
            until: (span.to.utc.to_string(), &span.to.local),
            detail: cell(&span.cut_off()),
            ..Self::default()
        };
        if what == NOT_MEASURED {
            Self { what: "stretch not measured", not_measured_minutes: length, ..row }
        } else {
            let core_minutes = minutes(span.core_ms);
            Self { what: "stretch without an answer", minutes: length, core_minutes, ..row }
        }
    }

    /// `core_ms`: how much of the period is core hours.
    fn supplier(line: &ComponentFigures, core_ms: i64) -> Self {
        Self {
            service: cell(&line.id),
            service_name: cell(&line.name),
            incidents: line.incidents.to_string(),
            minutes: minutes(line.practice_no_answer_ms),
            core_minutes: minutes(line.practice_no_answer_core_ms),
            what: "availability",
            detail: cell(&availability(line, core_ms)),
            ..Self::default()
        }
    }

    fn happened(line: Happened<'a>) -> Self {
        let Happened { incident, whom, what, utc, local, received: _, detail } = line;
        Self { practice: whom, what, incident, at: (utc.to_string(), local), detail, ..Self::default() }
    }

    fn write(self, out: &mut Writer<Vec<u8>>, (from, to): (&str, &str)) -> Result<(), csv::Error> {
        out.write_record([
            from,
            to,
            &self.practice,
            &self.name,
            &self.registered_patients,
            &self.service,
            &self.service_name,
            &self.incidents,
            &self.minutes,
            &self.core_minutes,
            &self.not_measured_minutes,
            &self.planned_minutes,
            self.what,
            &self.incident,
            &self.at.0,
            self.at.1,
            &self.detail,
            &self.until.0,
            self.until.1,
        ])
    }
}

/// One line for each service at each practice that was affected, of one practice alone also one for each stretch, one for each supplier's
/// component, and one for each notice, each acknowledgement and each fix of the period's incidents; `what` says which.
pub fn period_csv(figures: &PeriodFigures) -> Result<Vec<u8>, csv::Error> {
    let mut out = Writer::from_writer(Vec::new());
    out.write_record(COLUMNS)?;
    let (from, to) = (figures.from.utc.to_string(), figures.to.utc.to_string());
    let practice = figures.practice.as_deref().unwrap_or_default();
    let totals = figures.practices.iter().map(Row::total);
    let outages = figures
        .outages
        .iter()
        .flat_map(|outage| outage.stretches().map(move |stretch| Row::stretch(practice, outage, stretch)));
    let suppliers = figures.suppliers.iter().map(|line| Row::supplier(line, figures.core_ms));
    let happened = happened(&figures.notices, &figures.acknowledgements, &figures.fixes).map(Row::happened);
    for row in totals.chain(outages).chain(suppliers).chain(happened) {
        row.write(&mut out, (&from, &to))?;
    }
    finish(out)
}

/// `BT: 99.987 % of the time that was measured, 99.990 % in core hours; target 99.9 %, met`
fn availability(line: &ComponentFigures, core_ms: i64) -> String {
    let of = |part: Option<f64>, what: &str| {
        part.map_or_else(|| format!("{what} not measured"), |part| format!("{} {what}", percent(part)))
    };
    let owner = line.owner.as_deref().unwrap_or("nobody named");
    let all = of(line.availability_percent, "of the time that was measured");
    let core = match core_ms {
        0 => "no core hours".to_owned(),
        _ => of(line.availability_core_percent, "in core hours"),
    };
    let target = line.target_percent.map_or_else(String::new, |target| format!("; target {target} %"));
    let is_met = line.is_met.map_or_else(String::new, |_| format!(", {}", met(line.is_met)));
    format!("{owner}: {all}, {core}{target}{is_met}")
}
