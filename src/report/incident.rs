//! One incident in figures.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::Ground;
use super::facts::{NoticeLine, OperatorLine, Planned};
use super::measured::measured;
use super::names::{Moment, NamedCause, ordinal};
use super::spans::Spans;
use crate::estate::{NetworkIx, PracticeIx, ProbeIx, ServiceIx};
use crate::incident::{Cause, Event, EventKind, Reason};
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
    /// `None`: it is open.
    pub resolved: Option<Moment>,
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
    pub notices: Vec<NoticeLine>,
    pub operators: Vec<OperatorLine>,
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

/// What a check speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Measure {
    Network(NetworkIx),
    Service(ServiceIx),
}

/// What one incident cost one practice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cost {
    pub named: Spans,
    pub no_answer: Spans,
    pub not_measured: Spans,
}

/// An incident as the period report needs it as well.
#[derive(Debug)]
pub(super) struct Story<'a> {
    pub events: &'a [Event],
    pub first: &'a Event,
    pub last: &'a Event,
    pub state: State,
    /// From the estimate of its beginning to its end, or to now.
    pub from: At,
    pub to: At,
    pub named: BTreeMap<PracticeIx, Spans>,
}

impl<'a> Story<'a> {
    /// `None`: there are no events.
    pub fn new(ground: &Ground<'a>, events: &'a [Event]) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let state = match (last.event, last.reason) {
            (EventKind::Resolved, Some(Reason::Withdrawn)) => State::Withdrawn,
            (EventKind::Resolved, Some(Reason::Merged)) => State::Merged,
            (EventKind::Resolved, _) => State::Recovered,
            _ => State::Open,
        };
        let from = events.iter().map(|event| event.since).min()?.min(first.at);
        let to = if state == State::Open { ground.now.max(last.at) } else { last.at };
        let known: HashMap<&str, PracticeIx> = ground
            .estate
            .practices
            .iter()
            .enumerate()
            .map(|(at, practice)| (practice.id.as_str(), PracticeIx::new(at)))
            .collect();
        let mut named: BTreeMap<PracticeIx, Vec<(At, At)>> = BTreeMap::new();
        for (place, event) in
            events.iter().enumerate().filter(|(_, event)| event.event != EventKind::Resolved)
        {
            let begins = if place == 0 { from } else { event.at };
            let ends = events.get(place + 1).map_or(to, |next| next.at);
            for practice in event.practices.iter().filter_map(|id| known.get(id.as_str())) {
                named.entry(*practice).or_default().push((begins, ends));
            }
        }
        let named = named.into_iter().map(|(practice, all)| (practice, Spans::new(all))).collect();
        Some(Self { events, first, last, state, from, to, named })
    }

    /// Whether its figures count: it was so, they aren't another's, and it isn't linewatch's own line.
    pub fn counts(&self) -> bool {
        !matches!(self.state, State::Withdrawn | State::Merged)
            && self.last.cause.iter().all(|cause| cause.kind != Cause::MONITOR)
    }

    /// What it cost a practice, by what was measured there.
    pub fn costs(&self, ground: &Ground<'_>, practice: PracticeIx) -> BTreeMap<Measure, Cost> {
        let Ground { estate, facts, .. } = ground;
        let mut costs: BTreeMap<Measure, Cost> = BTreeMap::new();
        let Some(named) = self.named.get(&practice) else { return costs };
        for (place, probe) in estate.probes.iter().enumerate() {
            let Some(measure) = self.is_about(ground, probe.network, probe.service) else { continue };
            let changes = facts.changes.get(&(practice, ProbeIx::new(place)));
            let changes = changes.map_or(&[][..], Vec::as_slice);
            let known = measured(changes, &facts.gaps, ground.now);
            // The estimate of the beginning may be late by an interval of the check.
            let of_incident = known.failing.clip(self.from - probe.rhythm().0, self.to);
            let touching = of_incident.iter().filter(|(from, to)| named.touches(*from, *to));
            let failing = Spans::new(touching.collect());
            let unknown = known.unknown.and(named);
            let cost = costs.entry(measure).or_default();
            cost.no_answer = cost.no_answer.or(&failing);
            cost.not_measured = cost.not_measured.or(&unknown);
        }
        for cost in costs.values_mut() {
            cost.named = named.clone();
            cost.not_measured = cost.not_measured.minus(&cost.no_answer);
        }
        costs.retain(|_, cost| !(cost.no_answer.is_empty() && cost.not_measured.is_empty()));
        costs
    }

    /// What a check on this network, of this service, speaks for; `None`: the incident isn't about it.
    fn is_about(
        &self,
        ground: &Ground<'_>,
        network: NetworkIx,
        service: Option<ServiceIx>,
    ) -> Option<Measure> {
        if let Some(service) = service {
            let id = &ground.estate.services[service.at()].id;
            let named = self.events.iter().any(|event| event.services.contains(id));
            return named.then_some(Measure::Service(service));
        }
        let id = &ground.estate.networks[network.at()].id;
        let hit = self.events.iter().any(|event| event.network.as_ref().is_none_or(|hit| hit == id));
        hit.then_some(Measure::Network(network))
    }

    pub fn causes(&self, ground: &Ground<'_>) -> Vec<NamedCause> {
        self.last.cause.iter().map(|cause| NamedCause::new(ground.estate, cause)).collect()
    }
}

impl Measure {
    pub fn named(self, ground: &Ground<'_>) -> (&'static str, String, String) {
        match self {
            Self::Network(ix) => {
                let network = &ground.estate.networks[ix.at()];
                ("network", network.id.clone(), network.name.clone())
            }
            Self::Service(ix) => {
                let service = &ground.estate.services[ix.at()];
                ("service", service.id.clone(), service.name.clone())
            }
        }
    }
}

impl IncidentFigures {
    /// `None`: there is no such incident.
    pub fn new(ground: &Ground<'_>, incident: &str) -> Option<Self> {
        let (estate, facts) = (ground.estate, ground.facts);
        let story = Story::new(ground, facts.incidents.get(incident)?)?;
        let zone = &estate.icb.timezone;
        let moment = |at: At| Moment::new(at, zone);
        let core = ground.hours.between(zone, story.from, story.to);
        let whole = Spans::one(story.from, story.to);
        let practices: Vec<PracticeFigures> = story
            .named
            .iter()
            .map(|(practice, named)| {
                let costs = story.costs(ground, *practice);
                let practice = &estate.practices[practice.at()];
                let work = Spans::of_work(planned(ground, &story).iter().filter(|work| {
                    work.what.is_empty() || is_about_cause(work, &story) || work.what.contains(&practice.id)
                }));
                PracticeFigures {
                    id: practice.id.clone(),
                    name: practice.name.clone(),
                    patients: practice.list_size,
                    named_ms: named.total_ms(),
                    services: costs
                        .iter()
                        .map(|(of, cost)| service(ground, &story, *of, cost, &core, &work))
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
            resolved: (story.state != State::Open).then(|| moment(story.to)),
            length_ms: whole.total_ms(),
            core_ms: core.total_ms(),
            planned_ms: Spans::of_work(planned(ground, &story).iter()).and(&whole).total_ms(),
            unmeasured_ms: facts.not_measured(story.from, story.to).total_ms(),
            practices_affected: practices.len(),
            patients: practices.iter().filter_map(|p| p.patients).map(u64::from).sum(),
            practices_without_list_size: practices.iter().filter(|p| p.patients.is_none()).count(),
            practices,
            changes: changes(story.events, zone),
            notices: facts.notices.iter().filter(|line| of_incident(&line.incident)).cloned().collect(),
            operators: facts.operators.iter().filter(|line| of_incident(&line.incident)).cloned().collect(),
            planned: planned(ground, &story),
            trend: trend(ground, &story),
        })
    }
}

/// `work`: planned work that touches the practice.
fn service(
    ground: &Ground<'_>,
    story: &Story<'_>,
    of: Measure,
    cost: &Cost,
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
    let stretches = |spans: &Spans| -> Vec<Stretch> {
        spans
            .iter()
            .map(|(from, to)| Stretch {
                from: Moment::new(from, zone),
                to: Moment::new(to, zone),
                core_ms: core_of(&Spans::one(from, to)).total_ms(),
                planned_ms: work.clip(from, to).total_ms(),
            })
            .collect()
    };
    let hull = cost.no_answer.hull();
    let goes_on = story.state == State::Open && hull.is_some_and(|(_, to)| to >= story.to);
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
        no_answer: stretches(&cost.no_answer),
        not_measured: stretches(&cost.not_measured),
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

fn planned(ground: &Ground<'_>, story: &Story<'_>) -> Vec<Planned> {
    let touches = |work: &&Planned| {
        let of = &work.what;
        let is_about = of.is_empty()
            || is_about_cause(work, story)
            || story.named.keys().any(|practice| of.contains(&ground.estate.practices[practice.at()].id));
        is_about && work.from < story.to && story.from < work.to
    };
    ground.planned.iter().filter(touches).cloned().collect()
}

/// Whether it is work on the cause, or on the network that is hit: as the notices see it.
fn is_about_cause(work: &Planned, story: &Story<'_>) -> bool {
    let named = |id: &String| work.what.contains(id);
    story.last.cause.iter().any(|cause| named(&cause.id)) || story.last.network.as_ref().is_some_and(named)
}

/// How many of the kind, and of the very same cause, there have been in the calendar year.
fn trend(ground: &Ground<'_>, story: &Story<'_>) -> Vec<String> {
    let zone = &ground.estate.icb.timezone;
    let year = |at: At| at.to_timestamp().to_zoned(zone.clone()).year();
    let [cause] = story.last.cause.as_slice() else { return Vec::new() };
    if !story.counts() {
        return Vec::new();
    }
    let earlier =
        ground.facts.incidents.values().filter_map(|events| Story::new(ground, events)).filter(|other| {
            other.counts()
                && year(other.first.at) == year(story.first.at)
                && (other.first.at, &other.first.incident) <= (story.first.at, &story.first.incident)
        });
    let (mut kind, mut same) = (0, 0);
    for other in earlier {
        if let [one] = other.last.cause.as_slice() {
            kind += usize::from(one.kind == cause.kind);
            same += usize::from(one == cause);
        }
    }
    let name = NamedCause::new(ground.estate, cause).name;
    let year = year(story.first.at);
    vec![format!(
        "The {} {} incident of {year}, and the {} of {name}, as far as the journal goes back.",
        ordinal(kind),
        cause.kind,
        ordinal(same)
    )]
}
