//! Figures for a spreadsheet: one line a stretch of time, or one a practice and service.
//!
//! | file | what lives there |
//! |---|---|
//! | `incident.rs` | the table of one incident |
//! | `period.rs` | the table of a period |

mod incident;
mod period;

use csv::Writer;
pub use incident::incident_csv;
pub use period::period_csv;

use super::fixes::FixFigures;
use super::told::{AcknowledgementFigures, NoticeTold};
use crate::journal::body::{NoticeFate, practices_in};
use crate::time::At;

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
    use crate::report::Moment;

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
