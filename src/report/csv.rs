//! Figures for a spreadsheet: one line a stretch of time, or one a practice and service.

use csv::Writer;

use super::Moment;
use super::fixes::FixFigures;
use super::incident::{IncidentFigures, Stretch};
use super::names::{met, percent};
use super::period::{NOT_MEASURED, PeriodFigures};
use super::suppliers::ComponentFigures;
use super::told::{AcknowledgementFigures, NoticeTold};
use crate::journal::body::{NoticeFate, practices_in};
use crate::time::At;

/// One line for each stretch in which a service didn't answer at a practice, or in which nobody measured; and one of no length for each
/// notice, each acknowledgement and each fix. Where the hub had a result late because an agent had kept it, it says when.
pub fn incident_csv(figures: &IncidentFigures) -> Result<Vec<u8>, csv::Error> {
    let mut out = Writer::from_writer(Vec::new());
    out.write_record([
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
    ])?;
    for Happened { incident, whom, what, utc, local, received, detail } in
        happened(&figures.notices, &figures.acknowledgements, &figures.fixes)
    {
        let received = received.map(|at| at.to_string()).unwrap_or_default();
        let (utc, none) = (utc.to_string(), String::new());
        out.write_record([
            &incident,
            &whom,
            &none,
            &none,
            &none,
            &none,
            what,
            &utc,
            local,
            &utc,
            local,
            "no",
            &minutes(0),
            &minutes(0),
            &received,
            &none,
            &none,
            &detail,
        ])?;
    }
    for practice in &figures.practices {
        for service in &practice.services {
            let last = service.no_answer.len().checked_sub(1);
            let goes_on = |place: usize| service.to.is_none() && Some(place) == last;
            let no_answer =
                service.no_answer.iter().enumerate().map(|(at, span)| ("no answer", span, goes_on(at)));
            let unknown = service.not_measured.iter().map(|span| ("not measured", span, false));
            for (what, span, goes_on) in no_answer.chain(unknown) {
                let Stretch { from, to, core_ms, planned_ms, from_received, to_received } = span;
                let received =
                    |at: &Option<Moment>| at.as_ref().map(|at| at.utc.to_string()).unwrap_or_default();
                out.write_record([
                    &figures.incident,
                    &cell(&practice.id),
                    &cell(&practice.name),
                    &practice.patients.map(|patients| patients.to_string()).unwrap_or_default(),
                    &cell(&service.id),
                    &cell(&service.name),
                    &what.to_owned(),
                    &from.utc.to_string(),
                    &from.local,
                    &to.utc.to_string(),
                    &to.local,
                    &(if goes_on { "yes" } else { "no" }).to_owned(),
                    &minutes(to.utc.millis_since(from.utc)),
                    &minutes(*core_ms),
                    &received(from_received),
                    &received(to_received),
                    &minutes(*planned_ms),
                    &String::new(),
                ])?;
            }
        }
    }
    finish(out)
}

/// A notice, an acknowledgement or a fix, as a table has it.
struct Happened<'f> {
    /// Several with spaces between.
    incident: String,
    /// The practices that it was for, with commas between; empty: for others.
    whom: String,
    what: &'static str,
    utc: At,
    local: &'f str,
    /// When it was said, where that is another time.
    received: Option<At>,
    detail: String,
}

/// Notices, and then acknowledgements, and then fixes.
fn happened<'f>(
    notices: &'f [NoticeTold],
    acknowledgements: &'f [AcknowledgementFigures],
    fixes: &'f [FixFigures],
) -> impl Iterator<Item = Happened<'f>> {
    let notices = notices.iter().map(|line| {
        let NoticeFate { notice, channel, whom, outcome, why, .. } = &line.fate;
        let why = why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        Happened {
            incident: line.incidents().join(" "),
            whom: cell(practices_in(whom)),
            what: "notice",
            utc: line.at,
            local: &line.local,
            received: None,
            detail: cell(&format!("{notice} to {whom} by {channel}, {outcome}{why}")),
        }
    });
    let acknowledgements = acknowledgements.iter().map(|line| {
        let note = line.said.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
        Happened {
            incident: line.incident.clone(),
            whom: cell(line.said.practices()),
            what: "acknowledged",
            utc: line.at.utc,
            local: &line.at.local,
            received: None,
            detail: cell(&format!("{} by {}{note}", line.said.by, line.said.way)),
        }
    });
    let fixes = fixes.iter().map(|fix| Happened {
        incident: fix.incident.clone(),
        whom: String::new(),
        what: "fix",
        utc: fix.at.utc,
        local: &fix.at.local,
        received: (fix.said.utc != fix.at.utc).then_some(fix.said.utc),
        detail: cell(&format!("{}, by {}, said at {}. {}", fix.what, fix.by, fix.said.utc, fix.effect)),
    });
    notices.chain(acknowledgements).chain(fixes)
}

/// One line for each service at each practice that was affected, of one practice alone also one for each stretch, one for each supplier's
/// component, and one for each notice, each acknowledgement and each fix of the period's incidents; `what` says which.
pub fn period_csv(figures: &PeriodFigures) -> Result<Vec<u8>, csv::Error> {
    let mut out = Writer::from_writer(Vec::new());
    out.write_record([
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
    ])?;
    let (from, to) = (figures.from.utc.to_string(), figures.to.utc.to_string());
    let none = "";
    for total in &figures.practices {
        out.write_record([
            &from,
            &to,
            &cell(&total.practice),
            &cell(&total.name),
            &total.patients.map(|patients| patients.to_string()).unwrap_or_default(),
            &cell(&total.service),
            &cell(&total.service_name),
            &total.incidents.to_string(),
            &minutes(total.no_answer_ms),
            &minutes(total.no_answer_core_ms),
            &minutes(total.not_measured_ms),
            &minutes(total.no_answer_planned_ms),
            "no answer",
            none,
            none,
            none,
            none,
            none,
            none,
        ])?;
    }
    outages(&mut out, figures, (&from, &to))?;
    for line in &figures.suppliers {
        out.write_record([
            &from,
            &to,
            none,
            none,
            none,
            &cell(&line.id),
            &cell(&line.name),
            &line.incidents.to_string(),
            &minutes(line.practice_no_answer_ms),
            &minutes(line.practice_no_answer_core_ms),
            none,
            none,
            "availability",
            none,
            none,
            none,
            &cell(&availability(line, figures.core_ms)),
            none,
            none,
        ])?;
    }
    for Happened { incident, whom, what, utc, local, detail, .. } in
        happened(&figures.notices, &figures.acknowledgements, &figures.fixes)
    {
        out.write_record([
            &from,
            &to,
            &whom,
            none,
            none,
            none,
            none,
            none,
            none,
            none,
            none,
            none,
            what,
            &incident,
            &utc.to_string(),
            local,
            &detail,
            none,
            none,
        ])?;
    }
    finish(out)
}

/// Of one practice alone: from when to when.
fn outages(
    out: &mut Writer<Vec<u8>>,
    figures: &PeriodFigures,
    (from, to): (&str, &str),
) -> Result<(), csv::Error> {
    let practice = figures.practice.as_deref().unwrap_or_default();
    for outage in &figures.outages {
        for (what, span) in outage.stretches() {
            let is_unknown = what == NOT_MEASURED;
            let what = if is_unknown { "stretch not measured" } else { "stretch without an answer" };
            let length = minutes(span.to.utc.millis_since(span.from.utc));
            let (lost, unknown) = if is_unknown { ("", length.as_str()) } else { (length.as_str(), "") };
            let in_core = if is_unknown { String::new() } else { minutes(span.core_ms) };
            out.write_record([
                from,
                to,
                &cell(practice),
                "",
                "",
                &cell(&outage.service.id),
                &cell(&outage.service.name),
                "",
                lost,
                &in_core,
                unknown,
                &minutes(span.planned_ms),
                what,
                &outage.incident,
                &span.from.utc.to_string(),
                &span.from.local,
                "",
                &span.to.utc.to_string(),
                &span.to.local,
            ])?;
        }
    }
    Ok(())
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

fn finish(out: Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    out.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// To the thousandth: the milliseconds that were measured, no more.
fn minutes(ms: i64) -> String {
    format!("{:.3}", ms as f64 / 60_000.0)
}

/// A spreadsheet takes what begins with one of these for a formula.
fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_and_an_acknowledgement_name_the_same_practices() {
        let at = At::from_millis(0);
        for (whom, practices) in [
            ("G82002,G82003", "G82002,G82003"),
            ("pcn east: G82002,G82003", "G82002,G82003"),
            ("staff", ""),
            ("role on-call", ""),
            ("owner ICB network team", ""),
        ] {
            let fate = NoticeFate {
                id: None,
                notice: "opening".to_owned(),
                channel: "email".to_owned(),
                whom: whom.to_owned(),
                outcome: "accepted".to_owned(),
                why: None,
                via: None,
                answer: None,
            };
            let incident = "1".to_owned();
            let told =
                NoticeTold { at, local: String::new(), incident: incident.clone(), also: Vec::new(), fate };
            let said = crate::journal::body::Acknowledged {
                by: "somebody".to_owned(),
                way: "link".to_owned(),
                whom: whom.to_owned(),
                note: None,
            };
            let moment = Moment { utc: at, local: String::new() };
            let acknowledged = AcknowledgementFigures { at: moment, incident, said };
            let (notices, acknowledgements) = ([told], [acknowledged]);
            let named: Vec<String> =
                happened(&notices, &acknowledgements, &[]).map(|line| line.whom).collect();
            assert_eq!(named, [practices, practices], "{whom}");
        }
    }
}
