//! An incident as every report needs it: from when to when, whom it named, and what it cost each practice.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Ground;
use super::facts::Planned;
use super::incident::State;
use super::measured::{Gaps, Measured};
use super::names::NamedCause;
use super::runs::{Run, is_cancelling, that_count};
use crate::estate::{Estate, NetworkIx, PracticeIx, ServiceIx};
use crate::incident::{Cause, Event};
use crate::spans::Spans;
use crate::time::At;

/// What a check speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Measure {
    Network(NetworkIx),
    Service(ServiceIx),
}

/// What one incident cost one practice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cost {
    pub no_answer: Spans,
    pub not_measured: Spans,
}

impl Cost {
    pub fn clip(&self, from: At, to: At) -> Self {
        let clip = |spans: &Spans| spans.clip(from, to);
        Self { no_answer: clip(&self.no_answer), not_measured: clip(&self.not_measured) }
    }
}

/// One check of a practice that an incident is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfCheck {
    pub measure: Measure,
    /// Its failures that last into the time in which the incident named the practice, whenever they began or ended.
    pub failing: Spans,
    /// When nobody knows, besides the gaps.
    pub unknown: Spans,
}

/// An incident as the period report needs it as well.
#[derive(Debug)]
pub(super) struct Story<'a> {
    /// All that was told.
    pub events: &'a [Event],
    /// Those that count.
    pub runs: Vec<Run<'a>>,
    /// Of those.
    pub first: &'a Event,
    pub last: &'a Event,
    pub state: State,
    /// From the estimate of the first one's beginning to the last one's end, or to now.
    pub from: At,
    pub to: At,
    /// When it was open: it may have been over, and begun anew.
    pub open: Spans,
    /// How long it lasted: of each run until nobody was hit, and not what was waited for before it was said to be over.
    pub lasted: Spans,
    pub named: BTreeMap<PracticeIx, Spans>,
    /// By probe: what it speaks for; `None`: the incident isn't about it.
    about: Vec<Option<Measure>>,
}

/// Ids → places in the estate's lists, which are looked for by the million in a year of a country.
#[derive(Debug)]
pub(super) struct Index<'a> {
    practices: HashMap<&'a str, PracticeIx>,
}

impl<'a> Index<'a> {
    pub fn new(estate: &'a Estate) -> Self {
        let practices = estate.practices.iter().enumerate();
        Self {
            practices: practices.map(|(at, practice)| (practice.id.as_str(), PracticeIx::new(at))).collect(),
        }
    }
}

/// Whether an incident's figures count: it was so, they aren't another's, and it isn't linewatch's own line.
pub(super) fn counts(state: State, last: &Event) -> bool {
    !is_cancelling(state) && last.cause.iter().all(|cause| cause.kind != Cause::MONITOR)
}

impl<'a> Story<'a> {
    /// `None`: there are no events.
    pub fn new(ground: &Ground<'a>, index: &Index<'_>, events: &'a [Event]) -> Option<Self> {
        let runs = that_count(events);
        let (first, last) = (runs.first()?, runs.last()?);
        let state = last.state();
        let to = last.to.unwrap_or_else(|| ground.now.max(last.last.at));
        let mut named: BTreeMap<PracticeIx, Vec<(At, At)>> = BTreeMap::new();
        let mut open = Vec::new();
        for (event, begins, ends) in runs.iter().flat_map(|run| run.pieces(to)) {
            open.push((begins, ends));
            for practice in event.practices.iter().filter_map(|id| index.practices.get(id.as_str())) {
                named.entry(*practice).or_default().push((begins, ends));
            }
        }
        let lasted = runs.iter().map(|run| (run.from, run.well_since().or(run.to).unwrap_or(to)));
        let lasted = Spans::new(lasted.collect());
        let named = named.into_iter().map(|(practice, all)| (practice, Spans::new(all))).collect();
        let about = ground.estate.probes.iter();
        let about = about.map(|probe| is_about(ground, &runs, probe.network, probe.service)).collect();
        let (first, last, from) = (first.first, last.last, first.from);
        Some(Self {
            events,
            runs,
            first,
            last,
            state,
            from,
            to,
            open: Spans::new(open),
            lasted,
            named,
            about,
        })
    }

    /// Whether any of it lies between two moments; while it was over, none does.
    pub fn is_in(&self, from: At, to: At) -> bool {
        self.open.touches(from, to) || (self.open.is_empty() && (from..to).contains(&self.from))
    }

    /// Whether it was over at a moment, for good or until it began anew.
    pub fn was_over(&self, at: At) -> bool {
        let begun = self.open.iter().take_while(|(from, _)| *from <= at).last();
        match begun {
            Some((_, to)) => to <= at && (self.state != State::Open || to < self.to),
            None => self.open.is_empty() && self.to <= at,
        }
    }

    /// When the last of those that it hit was said to be well again, if nobody was hit since.
    pub fn well_since(&self) -> Option<At> {
        self.runs.last()?.well_since()
    }

    pub fn counts(&self) -> bool {
        counts(self.state, self.last)
    }

    /// What it cost a practice, by what was measured there. `named`: when it named the practice; `known`: that practice's
    /// checks; `gaps`: when nobody measured there.
    pub fn costs(
        &self,
        ground: &Ground<'_>,
        named: &Spans,
        known: &[Measured],
        gaps: &Gaps,
    ) -> BTreeMap<Measure, Cost> {
        let mut costs: BTreeMap<Measure, Vec<Cost>> = BTreeMap::new();
        let nobody = gaps.all.and(named);
        let checks = ground.estate.probes.iter().zip(&self.about).zip(known);
        for ((probe, measure), known) in checks {
            let Some(measure) = measure else { continue };
            // The estimate of a beginning may be late by an interval of the check.
            let early = |(from, to): (At, At)| (from - probe.rhythm().0, to);
            let of_incident = known.failing.and(&Spans::new(self.open.iter().map(early).collect()));
            let touching = of_incident.iter().filter(|(from, to)| named.touches(*from, *to));
            let no_answer = Spans::new(touching.collect());
            // What didn't answer when linewatch ended, in whatever words the incident was told just then.
            let broke_off = |from: At| no_answer.iter().any(|(_, to)| to == from);
            let broken_off = Spans::new(known.unknown.iter().filter(|(from, _)| broke_off(*from)).collect());
            let not_measured = known.unknown.and(named).or(&broken_off.and(&self.open));
            costs.entry(*measure).or_default().push(Cost { no_answer, not_measured });
        }
        let together = |all: &[Cost]| {
            let no_answer = Spans::of_all(all.iter().map(|cost| &cost.no_answer));
            let unknown = all.iter().map(|cost| &cost.not_measured);
            let not_measured = Spans::of_all(unknown.chain([&nobody])).minus(&no_answer);
            Cost { no_answer, not_measured }
        };
        let costs = costs.iter().map(|(measure, all)| (*measure, together(all)));
        costs.filter(|(_, cost)| !(cost.no_answer.is_empty() && cost.not_measured.is_empty())).collect()
    }

    /// The checks of a practice that the incident is about, as [`Self::costs`] counts them.
    pub fn checks(&self, named: &Spans, known: &[Measured]) -> Vec<OfCheck> {
        let checks = self.about.iter().zip(known);
        let of_check = |(measure, known): (&Option<Measure>, &Measured)| {
            let touching = known.failing.iter().filter(|(from, to)| named.touches(*from, *to));
            let (failing, unknown) = (Spans::new(touching.collect()), known.unknown.clone());
            measure.map(|measure| OfCheck { measure, failing, unknown })
        };
        checks.filter_map(of_check).collect()
    }

    /// How often the quickest of the checks that the incident is about is asked.
    pub fn asked_every(&self, ground: &Ground<'_>) -> Duration {
        let checks = ground.estate.probes.iter().zip(&self.about).filter(|(_, measure)| measure.is_some());
        checks.map(|(probe, _)| probe.rhythm().0).min().unwrap_or_default()
    }

    /// Planned work that touches it.
    pub fn planned(&self, ground: &Ground<'_>) -> Vec<Planned> {
        let at_the_time = |work: &&Planned| self.open.touches(work.from, work.to);
        let touches = |work: &&Planned| {
            let named = || self.named.keys().map(|practice| &ground.estate.practices[practice.at()].id);
            work.what.is_empty() || self.is_caused_by(work) || named().any(|id| work.what.contains(id))
        };
        ground.planned.iter().filter(at_the_time).filter(touches).cloned().collect()
    }

    /// When any of this work, which touches the incident, touches a practice too.
    pub fn work_at(&self, planned: &[Planned], practice: &String) -> Spans {
        of_work(
            planned.iter().filter(|work| {
                work.what.is_empty() || self.is_caused_by(work) || work.what.contains(practice)
            }),
        )
    }

    /// Whether it is work on the cause, or on the network that is hit: as the notices see it.
    fn is_caused_by(&self, work: &Planned) -> bool {
        let named = |id: &String| work.what.contains(id);
        self.last.cause.iter().any(|cause| named(&cause.id)) || self.last.network.as_ref().is_some_and(named)
    }

    pub fn causes(&self, ground: &Ground<'_>) -> Vec<NamedCause> {
        self.last.cause.iter().map(|cause| NamedCause::new(ground.estate, cause)).collect()
    }
}

/// When any of this work was planned for.
pub(super) fn of_work<'w>(work: impl IntoIterator<Item = &'w Planned>) -> Spans {
    Spans::new(work.into_iter().map(|work| (work.from, work.to)).collect())
}

/// What a check on this network, of this service, speaks for; `None`: the incident isn't about it.
fn is_about(
    ground: &Ground<'_>,
    runs: &[Run<'_>],
    network: NetworkIx,
    service: Option<ServiceIx>,
) -> Option<Measure> {
    let events = || runs.iter().flat_map(|run| run.events);
    if let Some(service) = service {
        let id = &ground.estate.services[service.at()].id;
        let named = events().any(|event| event.services.contains(id));
        return named.then_some(Measure::Service(service));
    }
    let id = &ground.estate.networks[network.at()].id;
    let hit = events().any(|event| event.network.as_ref().is_none_or(|hit| hit == id));
    hit.then_some(Measure::Network(network))
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
