//! What each supplier answers for, and how it did, against its target.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Ground;
use super::period::{Filter, Toll, Window};
use super::story::Story;
use crate::estate::{ComponentIx, Estate, PracticeIx};
use crate::spans::Spans;

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

/// Whether a supplier answers for one of the causes.
pub(super) fn is_of(ground: &Ground<'_>, story: &Story<'_>, supplier: Option<&str>) -> bool {
    supplier
        .is_none_or(|owner| story.causes(ground).iter().any(|cause| cause.owner.as_deref() == Some(owner)))
}

/// Each component that somebody answers for, that has a target, or that failed. An incident whose cause is one of several
/// isn't held against any of them.
pub(super) fn suppliers(
    ground: &Ground<'_>,
    tolls: &[Toll<'_>],
    window: &Window<'_>,
    filter: &Filter,
) -> Vec<ComponentFigures> {
    let estate = ground.estate;
    let mut by_component: BTreeMap<ComponentIx, Vec<&Toll<'_>>> = BTreeMap::new();
    for toll in tolls {
        if let [one] = toll.story.last.cause.as_slice()
            && let Some(ix) = estate.component_of(one)
        {
            by_component.entry(ix).or_default().push(toll);
        }
    }
    let behind = Behind::new(estate);
    let everywhere = window.measured_ms(window.unmeasured);
    let measured_at: BTreeMap<PracticeIx, (i64, i64)> = ground
        .facts
        .practice_gaps
        .keys()
        .filter_map(|practice| {
            Some((*practice, window.measured_ms(&window.unmeasured_at(ground, *practice)?)))
        })
        .collect();
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
            let mut practices: BTreeMap<PracticeIx, Vec<&Spans>> = BTreeMap::new();
            for (practice, spans) in tolls.iter().flat_map(|toll| &toll.practices) {
                practices.entry(*practice).or_default().push(spans);
            }
            let mut behind: BTreeSet<PracticeIx> = behind.of(ix);
            behind.retain(|practice| filter.practice.is_none_or(|only| only == *practice));
            behind.extend(practices.keys());
            let (mut lost, mut lost_core) = (0, 0);
            for spans in practices.into_values().map(Spans::of_all) {
                lost += spans.total_ms();
                lost_core += spans.common_ms(window.core);
            }
            // Practices times the time that was measured at each.
            let measured = behind.iter().map(|practice| measured_at.get(practice).unwrap_or(&everywhere));
            let (all, all_core) = measured.fold((0.0, 0.0), |sum: (f64, f64), (ms, core_ms)| {
                (sum.0 + *ms as f64, sum.1 + *core_ms as f64)
            });
            let of = |lost: i64, all: f64| (all > 0.0).then(|| 100.0 * (1.0 - lost as f64 / all));
            let availability = of(lost, all);
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
                availability_core_percent: of(lost_core, all_core),
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
struct Behind {
    practices: usize,
    /// Components that a probe crosses wherever it is asked.
    by_all: BTreeSet<ComponentIx>,
    /// By component: the practices that name it.
    naming: BTreeMap<ComponentIx, BTreeSet<PracticeIx>>,
}

impl Behind {
    fn new(estate: &Estate) -> Self {
        let crossed = estate.probes.iter().flat_map(|probe| probe.also.iter().copied().chain(probe.resolver));
        let mut naming: BTreeMap<ComponentIx, BTreeSet<PracticeIx>> = BTreeMap::new();
        for (place, practice) in estate.practices.iter().enumerate() {
            for component in practice.via.iter().flat_map(|used| &used.any) {
                naming.entry(*component).or_default().insert(PracticeIx::new(place));
            }
        }
        Self { practices: estate.practices.len(), by_all: crossed.collect(), naming }
    }

    fn of(&self, component: ComponentIx) -> BTreeSet<PracticeIx> {
        if self.by_all.contains(&component) {
            return (0..self.practices).map(PracticeIx::new).collect();
        }
        self.naming.get(&component).cloned().unwrap_or_default()
    }
}
