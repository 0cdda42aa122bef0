//! From one moment to another: every incident, every practice, every supplier, every month.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Ground;
use super::facts::Planned;
use super::fixes::{Effects, FixFigures, by_incident};
use super::incident::{ServiceFigures, State, Stretch, service};
use super::measured::{Gaps, all_measured};
use super::names::{Moment, NamedCause};
use super::runs::RunFigures;
use super::story::{Cost, Index, Measure, Story};
use super::suppliers::{ComponentFigures, is_of, suppliers};
use super::told::{AcknowledgementFigures, NoticeTold, Told, concerns, is_told_with};
use super::trend::of_period;
use crate::estate::PracticeIx;
use crate::spans::Spans;
use crate::time::At;

/// What the report is about, besides the time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// One practice, by id.
    pub practice: Option<PracticeIx>,
    /// Components of this owner.
    pub supplier: Option<String>,
}

/// All lengths are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeriodFigures {
    pub from: Moment,
    /// What lies beyond now isn't counted.
    pub to: Moment,
    pub practice: Option<String>,
    pub supplier: Option<String>,
    pub length_ms: i64,
    pub core_ms: i64,
    /// When nobody measured; no figure counts these.
    pub not_measured_ms: i64,
    pub incidents: Vec<IncidentLine>,
    /// About those incidents, whenever they left; of one practice alone: its own, and those of nobody's practice in particular.
    #[serde(default)]
    pub notices: Vec<NoticeTold>,
    /// In the same way.
    #[serde(default)]
    pub acknowledgements: Vec<AcknowledgementFigures>,
    /// What people say that they did about those of them that count, whenever it was, and what changed after each: by the time at which
    /// it was done. Of one practice alone: what changed there.
    #[serde(default)]
    pub fixes: Vec<FixFigures>,
    pub practices: Vec<PracticeTotal>,
    /// Of one practice alone: from when to when, incident by incident, within the period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<OutageLine>,
    /// Practices at which nobody measured for longer than `not_measured_ms`, those with the most first.
    pub unmeasured: Vec<UnmeasuredLine>,
    pub suppliers: Vec<ComponentFigures>,
    pub months: Vec<MonthFigures>,
    /// Whole sentences.
    pub trend: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentLine {
    pub incident: String,
    pub state: State,
    pub cause: Vec<NamedCause>,
    pub signature: String,
    pub since: Moment,
    #[serde(default)]
    pub well_since: Option<Moment>,
    pub resolved: Option<Moment>,
    /// As in [`super::IncidentFigures`].
    #[serde(default)]
    pub runs: Vec<RunFigures>,
    pub length_ms: i64,
    pub practices: usize,
    pub patients: u64,
    /// Practices times time: while at least one service didn't answer, within the period.
    pub practice_no_answer_ms: i64,
    pub practice_no_answer_core_ms: i64,
}

/// One service at one practice, all incidents together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PracticeTotal {
    pub practice: String,
    pub name: String,
    pub patients: Option<u32>,
    pub service: String,
    pub service_name: String,
    pub incidents: usize,
    pub no_answer_ms: i64,
    pub no_answer_core_ms: i64,
    /// Of the time without an answer, how much fell within planned work.
    #[serde(default)]
    pub no_answer_planned_ms: i64,
    pub not_measured_ms: i64,
}

/// One service at the practice that the report is about, in one incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutageLine {
    pub incident: String,
    pub service: ServiceFigures,
}

pub(super) const NOT_MEASURED: &str = "not measured";

impl OutageLine {
    /// What each stretch is, in order of time.
    pub fn stretches(&self) -> impl Iterator<Item = (&'static str, &Stretch)> {
        let no_answer = self.service.no_answer.iter().map(|span| ("no answer", span));
        let unknown = self.service.not_measured.iter().map(|span| (NOT_MEASURED, span));
        let mut all: Vec<(&'static str, &Stretch)> = no_answer.chain(unknown).collect();
        all.sort_by_key(|(_, span)| span.from.utc);
        all.into_iter()
    }
}

/// One practice, and when nobody measured there: whether all was well then, nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmeasuredLine {
    pub practice: String,
    pub name: String,
    /// What the whole estate lacks among it.
    pub not_measured_ms: i64,
    pub not_measured_core_ms: i64,
    pub stretches: usize,
    pub longest_ms: i64,
}

/// A calendar month in local time, as far as it lies in the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthFigures {
    /// `2023-03`
    pub month: String,
    pub incidents: usize,
    pub practices: usize,
    pub practice_no_answer_ms: i64,
    pub practice_no_answer_core_ms: i64,
    pub not_measured_ms: i64,
}

/// One incident's cost to each practice within the period, any service.
pub(super) struct Toll<'a> {
    pub story: Story<'a>,
    /// Work that touches it.
    planned: Vec<Planned>,
    pub practices: Vec<(PracticeIx, Spans)>,
    /// `None`: nobody said that they did anything about it.
    effects: Option<Effects<'a>>,
}

/// What one practice lost of one service in each of several incidents.
#[derive(Default)]
struct Losses {
    no_answer: Vec<Spans>,
    planned: Vec<Spans>,
    not_measured: Vec<Spans>,
}

impl<'a> Toll<'a> {
    fn new(ground: &Ground<'_>, story: Story<'a>) -> Self {
        let planned = story.planned(ground);
        Self { story, planned, practices: Vec::new(), effects: None }
    }
}

impl PeriodFigures {
    pub fn new(ground: &Ground<'_>, from: At, to: At, filter: &Filter) -> Self {
        let (estate, facts) = (ground.estate, ground.facts);
        let zone = &estate.icb.timezone;
        let to = to.min(ground.now).max(from);
        let core = ground.hours.between(zone, from, to);
        let index = Index::new(estate);
        let stories = facts.incidents.values().filter_map(|events| Story::new(ground, &index, events));
        let is_there = |story: &Story<'_>| filter.practice.is_none_or(|only| story.named.contains_key(&only));
        let mut stories: Vec<Story<'_>> = stories
            .filter(|story| story.is_in(from, to) && is_there(story))
            .filter(|story| is_of(ground, story, filter.supplier.as_deref()))
            .collect();
        stories.sort_by(|a, b| (a.from, &a.first.incident).cmp(&(b.from, &b.first.incident)));
        let (counted, others): (Vec<_>, Vec<_>) = stories.into_iter().partition(Story::counts);
        let unmeasured = facts.not_measured(from, to);
        let window = Window { from, to, core: &core, unmeasured: &unmeasured };
        let mut tolls: Vec<Toll<'_>> = counted.into_iter().map(|story| Toll::new(ground, story)).collect();
        let mut by_incident = by_incident(facts);
        for toll in &mut tolls {
            let said = by_incident.remove(toll.story.first.incident.as_str());
            toll.effects = said.map(|said| Effects::new(ground, &said));
        }
        let (practices, outages) = practice_by_practice(ground, &window, filter, &mut tolls);
        let mut fixes = Vec::new();
        for toll in &mut tolls {
            fixes
                .extend(toll.effects.take().into_iter().flat_map(|effects| effects.end(ground, &toll.story)));
        }
        // What counts with another incident stands there.
        fixes.retain(|fix: &FixFigures| fix.counts_with.is_none());
        fixes.sort_by_key(|fix| (fix.at.utc, fix.said.utc));
        let mut incidents: Vec<IncidentLine> = tolls.iter().map(|toll| line(ground, toll, &core)).collect();
        incidents.extend(others.into_iter().map(|story| line(ground, &Toll::new(ground, story), &core)));
        incidents.sort_by(|a, b| (a.since.utc, &a.incident).cmp(&(b.since.utc, &b.incident)));
        let (notices, acknowledgements) = told(ground, &incidents, filter);
        Self {
            from: Moment::new(from, zone),
            to: Moment::new(to, zone),
            practice: filter.practice.map(|practice| estate.practices[practice.at()].id.clone()),
            supplier: filter.supplier.clone(),
            length_ms: to.millis_since(from),
            core_ms: core.total_ms(),
            not_measured_ms: unmeasured.total_ms(),
            incidents,
            notices,
            acknowledgements,
            fixes,
            practices,
            outages,
            unmeasured: unmeasured_lines(ground, &window, filter),
            suppliers: suppliers(ground, &tolls, &window, filter),
            months: months(ground, &tolls, &window),
            trend: of_period(ground, &tolls, filter, (from, to)),
        }
    }
}

/// Who was told of these incidents, and who acknowledged them.
fn told(
    ground: &Ground<'_>,
    incidents: &[IncidentLine],
    filter: &Filter,
) -> (Vec<NoticeTold>, Vec<AcknowledgementFigures>) {
    let zone = &ground.estate.icb.timezone;
    let only = filter.practice.map(|practice| ground.estate.practices[practice.at()].id.as_str());
    let is_wanted = |whom: &str| only.is_none_or(|practice| concerns(whom, practice));
    let ids: BTreeSet<&str> = incidents.iter().map(|line| line.incident.as_str()).collect();
    let notices = Told::new(ground.facts).of(ids.iter().copied(), |fate| is_wanted(&fate.whom), zone);
    let of_those = ground.facts.acknowledgements.iter().filter(|line| is_wanted(&line.said.whom));
    let of_those = of_those.filter(|line| is_told_with(ground.facts, line, |id| ids.contains(id)));
    (notices, of_those.map(|line| AcknowledgementFigures::new(line, zone)).collect())
}

/// Works out what each incident cost each practice. A practice's checks are gone through once, however many incidents named
/// it, and let go of before the next practice's.
fn practice_by_practice(
    ground: &Ground<'_>,
    window: &Window<'_>,
    filter: &Filter,
    tolls: &mut [Toll<'_>],
) -> (Vec<PracticeTotal>, Vec<OutageLine>) {
    let facts = ground.facts;
    let whole_estate = Gaps::of(facts, ground.now);
    let mut naming: Vec<Vec<usize>> = vec![Vec::new(); ground.estate.practices.len()];
    for (place, toll) in tolls.iter().enumerate() {
        for practice in toll.story.named.keys() {
            naming[practice.at()].push(place);
        }
    }
    let named = naming.iter().enumerate().map(|(at, stories)| (PracticeIx::new(at), stories));
    let wanted = |practice: PracticeIx| filter.practice.is_none_or(|only| only == practice);
    let (mut totals, mut outages) = (Vec::new(), Vec::new());
    for (practice, stories) in named.filter(|(practice, all)| !all.is_empty() && wanted(*practice)) {
        let gaps = whole_estate.at(facts, practice);
        let known = all_measured(ground, practice, &gaps);
        let mut losses: BTreeMap<Measure, Losses> = BTreeMap::new();
        for toll in stories {
            let toll = &mut tolls[*toll];
            let Some(named) = toll.story.named.get(&practice) else { continue };
            let work = toll.story.work_at(&toll.planned, &ground.estate.practices[practice.at()].id);
            if let Some(effects) = &mut toll.effects {
                effects.take(
                    &ground.estate.practices[practice.at()].id,
                    &toll.story.checks(named, &known),
                    &gaps.all,
                );
            }
            let mut any = Vec::new();
            for (measure, cost) in toll.story.costs(ground, named, &known, &gaps) {
                let whole = cost;
                let cost = whole.clip(window.from, window.to);
                if cost.no_answer.is_empty() && cost.not_measured.is_empty() {
                    continue;
                }
                if filter.practice.is_some() {
                    let both = (&whole, &cost);
                    let service = service(ground, &toll.story, (practice, measure), both, window.core, &work);
                    outages.push(OutageLine { incident: toll.story.first.incident.clone(), service });
                }
                let Cost { no_answer, not_measured: unknown } = cost;
                any.push(no_answer.clone());
                let all = losses.entry(measure).or_default();
                if !work.is_empty() {
                    all.planned.push(no_answer.and(&work));
                }
                all.no_answer.push(no_answer);
                all.not_measured.push(unknown);
            }
            toll.practices.push((practice, Spans::of_all(&any)));
        }
        let total = |(measure, losses)| practice_total(ground, practice, measure, &losses, window.core);
        totals.extend(losses.into_iter().map(total));
    }
    (totals, outages)
}

pub(super) struct Window<'a> {
    from: At,
    to: At,
    pub core: &'a Spans,
    pub unmeasured: &'a Spans,
}

impl Window<'_> {
    /// When nobody measured at a practice; `None`: no longer than anywhere.
    pub fn unmeasured_at(&self, ground: &Ground<'_>, practice: PracticeIx) -> Option<Spans> {
        let own = ground.facts.practice_gaps.get(&practice)?.clip(self.from, self.to);
        (!own.is_empty()).then(|| own.or(self.unmeasured))
    }

    /// In all and in core hours, in milliseconds.
    pub fn measured_ms(&self, unmeasured: &Spans) -> (i64, i64) {
        let measured = Spans::one(self.from, self.to).minus(unmeasured);
        (measured.total_ms(), measured.common_ms(self.core))
    }
}

fn unmeasured_lines(ground: &Ground<'_>, window: &Window<'_>, filter: &Filter) -> Vec<UnmeasuredLine> {
    let all = ground.facts.practice_gaps.keys().copied();
    let wanted = all.filter(|practice| filter.practice.is_none_or(|only| only == *practice));
    let of = |ix: PracticeIx| {
        let unmeasured = window.unmeasured_at(ground, ix)?;
        let practice = &ground.estate.practices[ix.at()];
        Some(UnmeasuredLine {
            practice: practice.id.clone(),
            name: practice.name.clone(),
            not_measured_ms: unmeasured.total_ms(),
            not_measured_core_ms: unmeasured.common_ms(window.core),
            stretches: unmeasured.len(),
            longest_ms: unmeasured.iter().map(|(from, to)| to.millis_since(from)).max().unwrap_or(0),
        })
    };
    let mut lines: Vec<UnmeasuredLine> = wanted.filter_map(of).collect();
    lines.sort_by(|a, b| (b.not_measured_ms, &a.practice).cmp(&(a.not_measured_ms, &b.practice)));
    lines
}

fn line(ground: &Ground<'_>, toll: &Toll<'_>, core: &Spans) -> IncidentLine {
    let Toll { story, practices, .. } = toll;
    let zone = &ground.estate.icb.timezone;
    let sizes = practices.iter().filter_map(|(practice, _)| ground.estate.practices[practice.at()].list_size);
    IncidentLine {
        incident: story.first.incident.clone(),
        state: story.state,
        cause: story.causes(ground),
        signature: story.last.signature.as_str().to_owned(),
        since: Moment::new(story.from, zone),
        well_since: story.well_since().map(|at| Moment::new(at, zone)),
        resolved: (story.state != State::Open).then(|| Moment::new(story.to, zone)),
        runs: story.runs.iter().map(|run| RunFigures::new(run, zone)).collect(),
        length_ms: story.lasted.total_ms(),
        practices: practices.len(),
        patients: sizes.map(u64::from).sum(),
        practice_no_answer_ms: practices.iter().map(|(_, spans)| spans.total_ms()).sum(),
        practice_no_answer_core_ms: practices.iter().map(|(_, spans)| spans.common_ms(core)).sum(),
    }
}

fn practice_total(
    ground: &Ground<'_>,
    practice: PracticeIx,
    measure: Measure,
    losses: &Losses,
    core: &Spans,
) -> PracticeTotal {
    let (no_answer, unknown) = (Spans::of_all(&losses.no_answer), Spans::of_all(&losses.not_measured));
    let practice = &ground.estate.practices[practice.at()];
    let (_, service, service_name) = measure.named(ground);
    PracticeTotal {
        practice: practice.id.clone(),
        name: practice.name.clone(),
        patients: practice.list_size,
        service,
        service_name,
        incidents: losses.no_answer.len(),
        no_answer_ms: no_answer.total_ms(),
        no_answer_core_ms: no_answer.common_ms(core),
        no_answer_planned_ms: Spans::of_all(&losses.planned).total_ms(),
        not_measured_ms: unknown.minus(&no_answer).total_ms(),
    }
}

fn months(ground: &Ground<'_>, tolls: &[Toll<'_>], window: &Window<'_>) -> Vec<MonthFigures> {
    let zone = &ground.estate.icb.timezone;
    let day_of = |at: At| at.to_timestamp().to_zoned(zone.clone()).date();
    let mut months = Vec::new();
    let mut first = day_of(window.from).first_of_month();
    loop {
        let Ok(next) = first.last_of_month().tomorrow() else { break };
        let midnight =
            |day: jiff::civil::Date| day.to_zoned(zone.clone()).map(|zoned| At::from(zoned.timestamp()));
        let (Ok(begins), Ok(ends)) = (midnight(first), midnight(next)) else { break };
        let (begins, ends) = (begins.max(window.from), ends.min(window.to));
        if begins >= ends {
            break;
        }
        let clipped = |spans: &Spans| spans.clip(begins, ends);
        let core = clipped(window.core);
        let mut practices = BTreeSet::new();
        let (mut lost, mut lost_core) = (0, 0);
        for (practice, spans) in tolls.iter().flat_map(|toll| &toll.practices) {
            if !spans.touches(begins, ends) {
                continue;
            }
            let here = clipped(spans);
            practices.insert(*practice);
            lost += here.total_ms();
            lost_core += here.common_ms(&core);
        }
        months.push(MonthFigures {
            month: first.strftime("%Y-%m").to_string(),
            incidents: tolls
                .iter()
                .filter(|toll| (begins..ends).contains(&toll.story.from.max(window.from)))
                .count(),
            practices: practices.len(),
            practice_no_answer_ms: lost,
            practice_no_answer_core_ms: lost_core,
            not_measured_ms: clipped(window.unmeasured).total_ms(),
        });
        first = next;
    }
    months
}
