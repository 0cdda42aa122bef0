//! The table of one incident.

use csv::Writer;

use super::{Happened, cell, finish, happened, minutes};
use crate::report::incident::{IncidentFigures, Stretch};
use crate::report::names::Moment;

/// A line of the table, by column; a column that a line has nothing for is empty.
#[derive(Default)]
struct Row<'a> {
    practice: String,
    name: String,
    registered_patients: String,
    service: String,
    service_name: String,
    what: &'a str,
    from: (String, &'a str),
    to: (String, &'a str),
    goes_on: bool,
    minutes: String,
    core_minutes: String,
    from_received: String,
    to_received: String,
    planned_minutes: String,
    detail: String,
}

const COLUMNS: [&str; 18] = [
    "incident",
    "practice",
    "name",
    "registered_patients",
    "service",
    "service_name",
    "what",
    "from_utc",
    "from_local",
    "to_utc",
    "to_local",
    "goes_on",
    "minutes",
    "core_minutes",
    "from_received_utc",
    "to_received_utc",
    "planned_minutes",
    "detail",
];

impl Row<'_> {
    fn write(self, out: &mut Writer<Vec<u8>>, incident: &str) -> Result<(), csv::Error> {
        out.write_record([
            incident,
            &self.practice,
            &self.name,
            &self.registered_patients,
            &self.service,
            &self.service_name,
            self.what,
            &self.from.0,
            self.from.1,
            &self.to.0,
            self.to.1,
            if self.goes_on { "yes" } else { "no" },
            &self.minutes,
            &self.core_minutes,
            &self.from_received,
            &self.to_received,
            &self.planned_minutes,
            &self.detail,
        ])
    }
}

/// One line for each stretch in which a service didn't answer at a practice, or in which nobody measured; and one of no length for each
/// notice, each acknowledgement and each fix. Where the hub had a result late because an agent had kept it, it says when.
pub fn incident_csv(figures: &IncidentFigures) -> Result<Vec<u8>, csv::Error> {
    let mut out = Writer::from_writer(Vec::new());
    out.write_record(COLUMNS)?;
    for Happened { incident, whom, what, utc, local, received, detail } in
        happened(&figures.notices, &figures.acknowledgements, &figures.fixes)
    {
        let row = Row {
            practice: whom,
            what,
            from: (utc.to_string(), local),
            to: (utc.to_string(), local),
            minutes: minutes(0),
            core_minutes: minutes(0),
            from_received: received.map(|at| at.to_string()).unwrap_or_default(),
            detail,
            ..Row::default()
        };
        row.write(&mut out, &incident)?;
    }
    for practice in &figures.practices {
        for service in &practice.services {
            let no_answer = service.no_answer.iter().map(|span| ("no answer", span, span.goes_on));
            let unknown = service.not_measured.iter().map(|span| ("not measured", span, false));
            for (what, span, goes_on) in no_answer.chain(unknown) {
                let Stretch { from, to, core_ms, planned_ms, from_received, to_received, .. } = span;
                let row = Row {
                    practice: cell(&practice.id),
                    name: cell(&practice.name),
                    registered_patients: practice.patients.map(|n| n.to_string()).unwrap_or_default(),
                    service: cell(&service.id),
                    service_name: cell(&service.name),
                    what,
                    from: (from.utc.to_string(), &from.local),
                    to: (to.utc.to_string(), &to.local),
                    goes_on,
                    minutes: minutes(to.utc.millis_since(from.utc)),
                    core_minutes: minutes(*core_ms),
                    from_received: received(from_received.as_ref()),
                    to_received: received(to_received.as_ref()),
                    planned_minutes: minutes(*planned_ms),
                    detail: String::new(),
                };
                row.write(&mut out, &figures.incident)?;
            }
        }
    }
    finish(out)
}

fn received(at: Option<&Moment>) -> String {
    at.map(|at| at.utc.to_string()).unwrap_or_default()
}
