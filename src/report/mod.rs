//! Evidence: from what stands in the journal to figures that somebody can claim with. Nothing here guesses: what wasn't
//! measured is said to be so, and counts neither as an outage nor as none.
//!
//! | file | what lives there |
//! |---|---|
//! | `facts.rs` | the journal's entries → what is known |
//! | `several.rs` | several agents at one practice: what is the practice's, and when none of them measured |
//! | `measured.rs` | one check's changes → when it failed, and when nobody knows |
//! | `runs.rs` | an incident that was over and began anew, and what goes on as another |
//! | `story.rs` | one incident: from when to when, whom it named, what it cost each of them |
//! | `incident.rs` | one incident: who, what, from when to when, and what came back after which change |
//! | `period.rs` | from one day to another: incidents, practices, suppliers, months |
//! | `suppliers.rs` | what each supplier answers for, and how it did |
//! | `fixes.rs`, `fixes_words.rs` | what people say that they did, and what changed after it |
//! | `told.rs` | who was told of an incident and when, and who answered |
//! | `trend.rs` | which of its kind an incident was, in its year and in a period |
//! | `exercise.rs` | an exercise: who got what by which way, and who acknowledged |
//! | `names.rs` | what people call things, and times as they read them |
//! | `html/`, `chart.rs`, `csv/` | figures → something to print, or to go on reckoning with |
//!
//! All of it is pure. **What counts as no answer**: a service at a practice doesn't answer while at least one of its checks
//! there fails; the checks of a network that belong to no service speak for the network. A failure begins when the first check
//! that failed began, and ends when the first that was fine began: each end is known to one interval of the check. To an
//! incident belong the failures of services that it names at practices that it named while they lasted: what fails by
//! everyday bad luck elsewhere doesn't.

mod chart;
mod csv;
mod exercise;
mod facts;
mod fixes;
mod fixes_words;
mod html;
mod incident;
mod measured;
mod names;
mod period;
mod runs;
mod several;
mod story;
mod suppliers;
mod told;
mod trend;

pub use crate::calendar::is_bank_holiday;
pub use csv::{incident_csv, period_csv};
pub use exercise::{Exercise, ExerciseFigures, NoticeFigures, exercise_html, listed};
pub use facts::{
    AcknowledgementLine, Changes, Facts, FixLine, Gap, GapKind, NoticeLine, OperatorLine, Planned,
};
pub use fixes::{ChecksTurned, FixFigures, PracticesTurned, ServiceTurned, WindowEnd};
pub use html::{incident_html, period_html};
pub use incident::{IncidentFigures, PracticeFigures, ServiceFigures, State, Stretch};
pub use names::Moment;
pub use period::{Filter, MonthFigures, OutageLine, PeriodFigures, PracticeTotal, UnmeasuredLine};
pub use runs::RunFigures;
pub use suppliers::ComponentFigures;
pub use told::{AcknowledgementFigures, NoticeTold};

use crate::calendar::Hours;
use crate::estate::Estate;
use crate::time::At;

/// What every figure is made from.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub estate: &'a Estate,
    pub facts: &'a Facts,
    /// Core hours.
    pub hours: &'a Hours,
    /// Planned work that the configuration has.
    pub planned: &'a [Planned],
    /// What hasn't ended by then goes on.
    pub now: At,
}
