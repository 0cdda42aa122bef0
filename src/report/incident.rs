//! One incident in figures.

use serde::{Deserialize, Serialize};

use super::Ground;
use super::facts::{OperatorLine, Planned};
use super::fixes::{Effects, FixFigures, by_incident};
use super::measured::{Gaps, all_measured};
use super::names::{Moment, NamedCause};
use super::runs::RunFigures;
use super::story::{Cost, Index, Measure, Story, of_work};
use super::told::{AcknowledgementFigures, NoticeTold, Told, is_told_with};
use super::trend::of_incident_in_year;
use crate::estate::PracticeIx;
use crate::incident::{Event, EventKind};
use crate::spans::Spans;
use crate::time::At;

/// All lengths are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentFigures {
    pub incident: String,
    pub state: State,
    /// The incident that went on in its stead.
    pub into: Option<String>,
    /// One, or several when the data couldn't tell which of them it was.
    pub cause: Vec<NamedCause>,
    pub probability: f64,
    pub signature: String,
    pub network: Option<String>,
    /// The last sentence about it.
    pub sentence: String,
    /// When the fault began, by the correlator's best estimate, and when it said so.
    pub since: Moment,
    pub opened: Moment,
    /// When the last of those that it hit was said to be well again; `None`: that wasn't said.
    #[serde(default)]
    pub well_since: Option<Moment>,
    /// When that had lasted for long enough to say that it is over; `None`: it is open.
    pub resolved: Option<Moment>,
    /// It may have been over, and begun anew: from each beginning to its end.
    #[serde(default)]
    pub runs: Vec<RunFigures>,
    /// Of those together, each until nobody was hit.
    pub length_ms: i64,
    pub core_ms: i64,
    /// Of that, when nobody measured.
    pub unmeasured_ms: i64,
    /// Of the length, how much fell within planned work.
    pub planned_ms: i64,
    /// Practices that were ever affected, their registered patients, and how many of the practices have no list size.
    pub practices_affected: usize,
    pub patients: u64,
    pub practices_without_list_size: usize,
    pub practices: Vec<PracticeFigures>,
    pub changes: Vec<ChangeLine>,
    /// Digests that told of it among others included.
    pub notices: Vec<NoticeTold>,
    pub operators: Vec<OperatorLine>,
    #[serde(default)]
    pub acknowledgements: Vec<AcknowledgementFigures>,
    /// What people say that they did about it, and what changed after each: by the time at which it was done.
    #[serde(default)]
    pub fixes: Vec<FixFigures>,
    pub planned: Vec<Planned>,
    /// Whole sentences: the third of its kind this year.
    pub trend: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Open,
    Recovered,
    /// It was never so; its figures count for nothing.
    Withdrawn,
    /// It goes on as another, which has its figures.
    Merged,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PracticeFigures {
    pub id: String,
    pub name: String,
    /// Registered patients.
    pub patients: Option<u32>,
    /// How long the incident named it as affected.
    pub named_ms: i64,
    pub services: Vec<ServiceFigures>,
}

/// One service at one practice, or the network itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceFigures {
    pub id: String,
    pub name: String,
    /// `service`, `network`
    pub kind: String,
    pub from: Option<Moment>,
    /// `None`: it goes on, or never began.
    pub to: Option<Moment>,
    pub no_answer_ms: i64,
    pub no_answer_core_ms: i64,
    /// Of the time without an answer, how much fell within planned work.
    pub no_answer_planned_ms: i64,
    /// Within the incident, when nobody knows.
    pub not_measured_ms: i64,
    pub no_answer: Vec<Stretch>,
    pub not_measured: Vec<Stretch>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    pub from: Moment,
    pub to: Moment,
    pub core_ms: i64,
    /// Of it, within planned work.
    pub planned_ms: i64,
    /// When the hub had the results that it begins and ends with, where that was later than it should have been: an agent had kept them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_received: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_received: Option<Moment>,
    /// It is cut off where the report's time begins, or ends: it began before, or goes on after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub began_before: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub goes_on: bool,
}

impl Stretch {
    /// `began before, goes on`: what the report's time cuts off.
    pub fn cut_off(&self) -> String {
        let both = [(self.began_before, "began before"), (self.goes_on, "goes on")];
        both.into_iter().filter(|(is_so, _)| *is_so).map(|(_, says)| says).collect::<Vec<_>>().join(", ")
    }
}

/// What changed, and who came back or was lost with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeLine {
    pub at: Moment,
    pub event: EventKind,
    pub practices: usize,
    pub back: Vec<String>,
    pub lost: Vec<String>,
    pub sentence: String,
}

impl IncidentFigures {
    /// `None`: there is no such incident.
    pub fn new(ground: &Ground<'_>, incident: &str) -> Option<Self> {
        let (estate, facts) = (ground.estate, ground.facts);
        let index = Index::new(estate);
        let story = Story::new(ground, &index, facts.incidents.get(incident)?)?;
        let gaps = Gaps::of(facts, ground.now);
        let zone = &estate.icb.timezone;
        let moment = |at: At| Moment::new(at, zone);
        let core = ground.hours.between(zone, story.from, story.to);
        let planned = story.planned(ground);
        let mut effects = Effects::new(ground, &by_incident(facts).remove(incident).unwrap_or_default());
        let practices: Vec<PracticeFigures> = story
            .named
            .iter()
            .map(|(practice, named)| {
                let ix = *practice;
                let gaps = gaps.at(facts, ix);
                let known = all_measured(ground, ix, &gaps);
                let costs = story.costs(ground, named, &known, &gaps);
                let practice = &estate.practices[ix.at()];
                if !effects.is_empty() {
                    effects.take(&practice.id, &story.checks(named, &known), &gaps.all);
                }
                let work = story.work_at(&planned, &practice.id);
                PracticeFigures {
                    id: practice.id.clone(),
                    name: practice.name.clone(),
                    patients: practice.list_size,
                    named_ms: named.total_ms(),
                    services: costs
                        .iter()
                        .map(|(of, cost)| service(ground, &story, (ix, *of), (cost, cost), &core, &work))
                        .collect(),
                }
            })
            .collect();
        let of_incident = |id: &str| id == incident;
        Some(Self {
            incident: incident.to_owned(),
            state: story.state,
            into: story.last.into.clone(),
            cause: story.causes(ground),
            probability: story.last.probability,
            signature: story.last.signature.as_str().to_owned(),
            network: story.last.network.clone(),
            sentence: story.last.sentence.clone(),
            since: moment(story.from),
            opened: moment(story.first.at),
            well_since: story.well_since().map(moment),
            resolved: (story.state != State::Open).then(|| moment(story.to)),
            runs: story.runs.iter().map(|run| RunFigures::new(run, zone)).collect(),
            length_ms: story.lasted.total_ms(),
            core_ms: story.lasted.common_ms(&core),
            planned_ms: of_work(&planned).and(&story.lasted).total_ms(),
            unmeasured_ms: facts.not_measured(story.from, story.to).common_ms(&story.lasted),
            practices_affected: practices.len(),
            patients: practices.iter().filter_map(|p| p.patients).map(u64::from).sum(),
            practices_without_list_size: practices.iter().filter(|p| p.patients.is_none()).count(),
            practices,
            changes: changes(story.events, zone),
            notices: Told::new(facts).of([incident], |_| true, zone),
            operators: facts.operators.iter().filter(|line| of_incident(&line.incident)).cloned().collect(),
            acknowledgements: facts
                .acknowledgements
                .iter()
                .filter(|line| is_told_with(facts, line, of_incident))
                .map(|line| AcknowledgementFigures::new(line, zone))
                .collect(),
            fixes: effects.end(ground, &story),
            planned,
            trend: of_incident_in_year(ground, &story),
        })
    }
}

/// `whole`, `cost`: what it comes to, in all and in the report's time. `work`: planned work that touches the practice.
pub(super) fn service(
    ground: &Ground<'_>,
    story: &Story<'_>,
    (practice, of): (PracticeIx, Measure),
    (whole, cost): (&Cost, &Cost),
    core: &Spans,
    work: &Spans,
) -> ServiceFigures {
    let zone = &ground.estate.icb.timezone;
    let (kind, id, name) = of.named(ground);
    // A failure may have begun before the estimate of the incident's beginning.
    let core_of = |spans: &Spans| match spans.hull() {
        Some((from, _)) if from < story.from => {
            ground.hours.between(zone, from, story.from).or(core).and(spans)
        }
        _ => core.and(spans),
    };
    let received = |at: At| {
        let received = ground.facts.received.get(&(practice, at));
        received.map(|received| Moment::new(*received, zone))
    };
    let stretches = |spans: &Spans, whole: &Spans| -> Vec<Stretch> {
        let is_in = |at: At| !whole.clip(at, at.plus_millis(1)).is_empty();
        spans
            .iter()
            .map(|(from, to)| Stretch {
                began_before: is_in(from.plus_millis(-1)),
                goes_on: is_in(to) || story.state == State::Open && to >= story.to,
                from: Moment::new(from, zone),
                to: Moment::new(to, zone),
                core_ms: core_of(&Spans::one(from, to)).total_ms(),
                planned_ms: work.clip(from, to).total_ms(),
                from_received: received(from),
                to_received: received(to),
            })
            .collect()
    };
    let hull = cost.no_answer.hull();
    let no_answer = stretches(&cost.no_answer, &whole.no_answer);
    let goes_on = no_answer.last().is_some_and(|last| last.goes_on);
    ServiceFigures {
        id,
        name,
        kind: kind.to_owned(),
        from: hull.map(|(from, _)| Moment::new(from, zone)),
        to: hull.filter(|_| !goes_on).map(|(_, to)| Moment::new(to, zone)),
        no_answer_ms: cost.no_answer.total_ms(),
        no_answer_core_ms: core_of(&cost.no_answer).total_ms(),
        no_answer_planned_ms: cost.no_answer.and(work).total_ms(),
        not_measured_ms: cost.not_measured.total_ms(),
        no_answer,
        not_measured: stretches(&cost.not_measured, &whole.not_measured),
    }
}

fn changes(events: &[Event], zone: &jiff::tz::TimeZone) -> Vec<ChangeLine> {
    let mut before: &[String] = &[];
    let mut lines = Vec::with_capacity(events.len());
    for event in events {
        // When it is over, nobody is affected, whatever the last list says.
        let now: &[String] = if event.event == EventKind::Resolved { &[] } else { &event.practices };
        let (was, is): (std::collections::BTreeSet<&String>, std::collections::BTreeSet<&String>) =
            (before.iter().collect(), now.iter().collect());
        lines.push(ChangeLine {
            at: Moment::new(event.at, zone),
            event: event.event,
            practices: now.len(),
            back: was.difference(&is).map(|id| (*id).clone()).collect(),
            lost: is.difference(&was).map(|id| (*id).clone()).collect(),
            sentence: event.sentence.clone(),
        });
        before = now;
    }
    lines
}
