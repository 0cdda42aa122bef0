//! From one moment to another: every incident, every practice, every supplier, every month.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Ground;
use super::incident::{Measure, State, Story};
use super::names::{Moment, NamedCause, component, ordinal};
use super::spans::Spans;
use crate::estate::{ComponentIx, Estate, PracticeIx, RoleUse};
use crate::incident::Cause;
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
    pub practices: Vec<PracticeTotal>,
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
    pub resolved: Option<Moment>,
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
    pub not_measured_ms: i64,
}

/// What a supplier answers for, and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentFigures {
    pub owner: Option<String>,
    pub kind: String,
    pub id: String,
    pub name: String,
    pub incidents: usize,
    pub practices_behind: usize,
    /// Practices times time while at least one service didn't answer because of it.
    pub practice_no_answer_ms: i64,
    pub practice_no_answer_core_ms: i64,
    /// Of the time that was measured, times the practices behind it, in hundredths; `None`: nothing was measured.
    pub availability_percent: Option<f64>,
    pub availability_core_percent: Option<f64>,
    pub target_percent: Option<f64>,
    /// Over all hours.
    pub is_met: Option<bool>,
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
struct Toll<'a> {
    story: Story<'a>,
    practices: BTreeMap<PracticeIx, Spans>,
}

impl PeriodFigures {
    pub fn new(ground: &Ground<'_>, from: At, to: At, filter: &Filter) -> Self {
        let (estate, facts) = (ground.estate, ground.facts);
        let zone = &estate.icb.timezone;
        let to = to.min(ground.now).max(from);
        let core = ground.hours.between(zone, from, to);
        let mut totals: BTreeMap<(PracticeIx, Measure), (Spans, Spans, usize)> = BTreeMap::new();
        let mut tolls = Vec::new();
        let mut others = Vec::new();
        let stories = facts.incidents.values().filter_map(|events| Story::new(ground, events));
        let mut stories: Vec<Story<'_>> = stories
            .filter(|story| story.from < to && from < story.to.max(story.from.plus_millis(1)))
            .collect();
        stories.sort_by(|a, b| (a.from, &a.first.incident).cmp(&(b.from, &b.first.incident)));
        for story in stories {
            let wanted = |practice: &&PracticeIx| filter.practice.is_none_or(|only| only == **practice);
            let is_there = filter.practice.is_none_or(|only| story.named.contains_key(&only));
            if !is_there || !is_of(ground, &story, filter.supplier.as_deref()) {
                continue;
            }
            if !story.counts() {
                others.push(story);
                continue;
            }
            let mut practices = BTreeMap::new();
            for practice in story.named.keys().filter(wanted) {
                let mut any = Spans::default();
                for (measure, cost) in story.costs(ground, *practice) {
                    let (no_answer, unknown) =
                        (cost.no_answer.clip(from, to), cost.not_measured.clip(from, to));
                    any = any.or(&no_answer);
                    if no_answer.is_empty() && unknown.is_empty() {
                        continue;
                    }
                    let total = totals.entry((*practice, measure)).or_default();
                    *total = (total.0.or(&no_answer), total.1.or(&unknown), total.2 + 1);
                }
                practices.insert(*practice, any);
            }
            tolls.push(Toll { story, practices });
        }
        let unmeasured = facts.not_measured(from, to);
        let mut incidents: Vec<IncidentLine> = tolls.iter().map(|toll| line(ground, toll, &core)).collect();
        incidents.extend(
            others.into_iter().map(|story| line(ground, &Toll { story, practices: BTreeMap::new() }, &core)),
        );
        incidents.sort_by(|a, b| (a.since.utc, &a.incident).cmp(&(b.since.utc, &b.incident)));
        Self {
            from: Moment::new(from, zone),
            to: Moment::new(to, zone),
            practice: filter.practice.map(|practice| estate.practices[practice.at()].id.clone()),
            supplier: filter.supplier.clone(),
            length_ms: to.millis_since(from),
            core_ms: core.total_ms(),
            not_measured_ms: unmeasured.total_ms(),
            incidents,
            practices: totals
                .into_iter()
                .map(|((practice, measure), total)| practice_total(ground, practice, measure, &total, &core))
                .collect(),
            suppliers: suppliers(
                ground,
                &tolls,
                &Window { from, to, core: &core, unmeasured: &unmeasured },
                filter,
            ),
            months: months(ground, &tolls, &Window { from, to, core: &core, unmeasured: &unmeasured }),
            trend: trend(ground, &tolls),
        }
    }
}

struct Window<'a> {
    from: At,
    to: At,
    core: &'a Spans,
    unmeasured: &'a Spans,
}

/// Whether a supplier answers for one of the causes.
fn is_of(ground: &Ground<'_>, story: &Story<'_>, supplier: Option<&str>) -> bool {
    supplier
        .is_none_or(|owner| story.causes(ground).iter().any(|cause| cause.owner.as_deref() == Some(owner)))
}

fn line(ground: &Ground<'_>, toll: &Toll<'_>, core: &Spans) -> IncidentLine {
    let Toll { story, practices } = toll;
    let zone = &ground.estate.icb.timezone;
    let sizes = practices.keys().filter_map(|practice| ground.estate.practices[practice.at()].list_size);
    IncidentLine {
        incident: story.first.incident.clone(),
        state: story.state,
        cause: story.causes(ground),
        signature: story.last.signature.as_str().to_owned(),
        since: Moment::new(story.from, zone),
        resolved: (story.state != State::Open).then(|| Moment::new(story.to, zone)),
        length_ms: story.to.millis_since(story.from),
        practices: practices.len(),
        patients: sizes.map(u64::from).sum(),
        practice_no_answer_ms: practices.values().map(Spans::total_ms).sum(),
        practice_no_answer_core_ms: practices.values().map(|spans| spans.and(core).total_ms()).sum(),
    }
}

fn practice_total(
    ground: &Ground<'_>,
    practice: PracticeIx,
    measure: Measure,
    (no_answer, unknown, incidents): &(Spans, Spans, usize),
    core: &Spans,
) -> PracticeTotal {
    let practice = &ground.estate.practices[practice.at()];
    let (_, service, service_name) = measure.named(ground);
    PracticeTotal {
        practice: practice.id.clone(),
        name: practice.name.clone(),
        patients: practice.list_size,
        service,
        service_name,
        incidents: *incidents,
        no_answer_ms: no_answer.total_ms(),
        no_answer_core_ms: no_answer.and(core).total_ms(),
        not_measured_ms: unknown.minus(no_answer).total_ms(),
    }
}

/// Each component that somebody answers for, that has a target, or that failed. An incident whose cause is one of several
/// isn't held against any of them.
fn suppliers(
    ground: &Ground<'_>,
    tolls: &[Toll<'_>],
    window: &Window<'_>,
    filter: &Filter,
) -> Vec<ComponentFigures> {
    let estate = ground.estate;
    let mut by_component: BTreeMap<ComponentIx, Vec<&Toll<'_>>> = BTreeMap::new();
    for toll in tolls {
        if let [one] = toll.story.last.cause.as_slice()
            && let Some(ix) = component(estate, one)
        {
            by_component.entry(ix).or_default().push(toll);
        }
    }
    let behind = Behind::new(estate);
    let mut figures: Vec<ComponentFigures> = estate
        .components
        .iter()
        .enumerate()
        .map(|(place, component)| (ComponentIx::new(place), component))
        .filter(|(ix, component)| {
            let is_wanted = component.owner.is_some()
                || component.target_percent.is_some()
                || by_component.contains_key(ix);
            is_wanted && filter.supplier.as_ref().is_none_or(|owner| component.owner.as_ref() == Some(owner))
        })
        .map(|(ix, component)| {
            let tolls = by_component.get(&ix).map_or(&[][..], Vec::as_slice);
            let mut practices: BTreeMap<PracticeIx, Spans> = BTreeMap::new();
            for (practice, spans) in tolls.iter().flat_map(|toll| &toll.practices) {
                let all = practices.entry(*practice).or_default();
                *all = all.or(spans);
            }
            let mut behind: BTreeSet<PracticeIx> = behind.of(ix);
            behind.retain(|practice| filter.practice.is_none_or(|only| only == *practice));
            behind.extend(practices.keys());
            let lost: i64 = practices.values().map(Spans::total_ms).sum();
            let lost_core: i64 = practices.values().map(|spans| spans.and(window.core).total_ms()).sum();
            let measured = Spans::one(window.from, window.to).minus(window.unmeasured);
            let of = |lost: i64, measured: &Spans| {
                let all = measured.total_ms() as f64 * behind.len() as f64;
                (all > 0.0).then(|| 100.0 * (1.0 - lost as f64 / all))
            };
            let availability = of(lost, &measured);
            ComponentFigures {
                owner: component.owner.clone(),
                kind: component.kind.clone(),
                id: component.id.clone(),
                name: component.name.clone(),
                incidents: tolls.len(),
                practices_behind: behind.len(),
                practice_no_answer_ms: lost,
                practice_no_answer_core_ms: lost_core,
                availability_percent: availability,
                availability_core_percent: of(lost_core, &measured.and(window.core)),
                target_percent: component.target_percent,
                is_met: availability.zip(component.target_percent).map(|(is, target)| is >= target),
            }
        })
        .collect();
    figures.sort_by(|a, b| {
        (a.owner.is_none(), &a.owner, &a.kind, &a.id).cmp(&(b.owner.is_none(), &b.owner, &b.kind, &b.id))
    });
    figures
}

/// Which practices' checks cross a component.
struct Behind<'e> {
    estate: &'e Estate,
    /// Components that a probe crosses wherever it is asked.
    by_all: BTreeSet<ComponentIx>,
}

impl<'e> Behind<'e> {
    fn new(estate: &'e Estate) -> Self {
        let crossed = estate.probes.iter().flat_map(|probe| probe.also.iter().copied().chain(probe.resolver));
        Self { estate, by_all: crossed.collect() }
    }

    fn of(&self, component: ComponentIx) -> BTreeSet<PracticeIx> {
        let uses = |used: &RoleUse| used.any.contains(&component);
        let all = self.by_all.contains(&component);
        let practices = self.estate.practices.iter().enumerate();
        practices
            .filter(|(_, practice)| all || practice.via.iter().any(uses))
            .map(|(place, _)| PracticeIx::new(place))
            .collect()
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
            let here = clipped(spans);
            if !here.is_empty() {
                practices.insert(*practice);
                lost += here.total_ms();
                lost_core += here.and(&core).total_ms();
            }
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

/// What came more than once.
fn trend(ground: &Ground<'_>, tolls: &[Toll<'_>]) -> Vec<String> {
    let mut same: BTreeMap<&Cause, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for toll in tolls {
        if let [one] = toll.story.last.cause.as_slice() {
            *same.entry(one).or_default() += 1;
            *kinds.entry(one.kind.as_str()).or_default() += 1;
        }
    }
    let mut several: Vec<(&Cause, usize)> =
        same.into_iter().filter(|(cause, count)| *count > 1 && cause.kind != Cause::PRACTICE).collect();
    several.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut lines: Vec<String> = kinds
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(kind, count)| format!("{count} incidents had a {kind} as their cause."))
        .collect();
    lines.extend(several.into_iter().take(TREND_LINES_MAX).map(|(cause, count)| {
        format!(
            "{}: the {} incident in this period.",
            NamedCause::new(ground.estate, cause).name,
            ordinal(count)
        )
    }));
    lines
}

/// Whoever reads a summary reads no more.
const TREND_LINES_MAX: usize = 10;
