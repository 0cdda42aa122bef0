//! One model of router whose sites fail at different times: no moment shows it, a day or two do.
//!
//! Each fall of a practice on its own is remembered for two days. Of a component that no network lists (a firmware, a
//! landlord), the share of the practices that fell is set against that of all the others: if everybody fell as
//! often as the others did, how likely would so many be? Falls within minutes of each other count once: what takes
//! several at one moment is something else.

use std::collections::{BTreeSet, VecDeque};

use crate::time::At;

use super::topology::{NodeIx, Row};

/// Falls are remembered this long …
const REMEMBERED_MS: i64 = 48 * 3_600_000;
/// … and this many of them at most: an estate in which more fall in a day has other worries.
const FALLS_MAX: usize = 512;
/// Falls closer to each other than this are one event.
const APART_MS: i64 = 2 * 60_000;
/// A practice that fell less than this ago has not fallen again.
const SAME_FALL_MS: i64 = 30 * 60_000;
/// Fewer falls are no series.
const FALLS_MIN: usize = 3;
/// Share of practices whose own line fails in that time, where nothing is the matter.
const USUAL_SHARE: f64 = 0.01;
/// Beforehand: a model of device that fails so is seen once in some three hundred such times.
const PRIOR: f64 = 3e-3;
/// Alternatives that are told.
const ALTERNATIVES_MAX: usize = 3;
/// A series goes on for this many times the usual gap between two falls.
const GAPS: i64 = 3;

/// A practice fell on its own.
#[derive(Debug, Clone, Copy)]
struct Fall {
    row: Row,
    at: At,
}

/// The falls of the last days.
#[derive(Debug, Default)]
pub struct Series {
    falls: VecDeque<Fall>,
    /// The component that was named last.
    named: Option<NodeIx>,
}

/// The practices behind a component that no network lists.
#[derive(Debug, Clone)]
pub struct Group {
    pub node: NodeIx,
    pub members: BTreeSet<Row>,
}

/// Practices that share a component fall one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Rolling {
    pub node: NodeIx,
    pub probability: f64,
    pub alternatives: Vec<(Vec<NodeIx>, f64)>,
    /// The first fall.
    pub since: At,
    /// Practices that fell, whether or not they are back.
    pub fell: BTreeSet<Row>,
}

impl Series {
    /// This component is named.
    pub const fn take(&mut self, node: NodeIx) {
        self.named = Some(node);
    }

    /// Whether an incident is about the series itself.
    pub fn is_of(&self, nodes: &[NodeIx]) -> bool {
        self.named.is_some_and(|named| nodes == [named])
    }

    /// A practice fails on its own since `at`.
    pub fn note(&mut self, row: Row, at: At) {
        let known =
            self.falls.iter().any(|fall| fall.row == row && at.millis_since(fall.at).abs() < SAME_FALL_MS);
        if known {
            return;
        }
        if self.falls.len() == FALLS_MAX {
            self.falls.pop_front();
        }
        self.falls.push_back(Fall { row, at });
    }

    /// Components whose practices fall one after the other, as far as the last days tell: the most probable one.
    pub fn rolling(
        &mut self,
        practices: usize,
        groups: impl FnOnce() -> Vec<Group>,
        now: At,
    ) -> Option<Rolling> {
        self.falls.retain(|fall| now.millis_since(fall.at) <= REMEMBERED_MS);
        if self.falls.len() < FALLS_MIN {
            return None;
        }
        let mut ranked: Vec<(Group, f64)> = groups()
            .into_iter()
            .map(|group| {
                let score = self.gain(practices, &group.members, now) + PRIOR.ln();
                (group, score)
            })
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.node.cmp(&b.0.node)));
        let (group, best) = ranked.first()?;
        let top = best.max(0.0);
        let sum: f64 = (-top).exp() + ranked.iter().map(|(_, score)| (score - top).exp()).sum::<f64>();
        let chance = |score: f64| (score - top).exp() / sum;
        let fell: Vec<Fall> = self.behind(&group.members).collect();
        Some(Rolling {
            node: group.node,
            probability: chance(*best),
            alternatives: ranked
                .iter()
                .skip(1)
                .take(ALTERNATIVES_MAX)
                .map(|(other, score)| (vec![other.node], chance(*score)))
                .collect(),
            since: fell.iter().map(|fall| fall.at).min()?,
            fell: fell.iter().map(|fall| fall.row).collect(),
        })
    }

    fn behind<'a>(&'a self, members: &'a BTreeSet<Row>) -> impl Iterator<Item = Fall> + 'a {
        self.falls.iter().copied().filter(|fall| members.contains(&fall.row))
    }

    /// Practices that fell at moments of their own.
    fn events(falls: impl Iterator<Item = Fall>) -> Vec<At> {
        let mut seen = BTreeSet::new();
        let mut times: Vec<At> = falls.filter(|fall| seen.insert(fall.row)).map(|fall| fall.at).collect();
        times.sort_unstable();
        times.dedup_by(|later, earlier| later.millis_since(*earlier) < APART_MS);
        times
    }

    /// How much better the falls are explained when this component's practices fall more often than others.
    fn gain(&self, practices: usize, members: &BTreeSet<Row>, now: At) -> f64 {
        let inside = Self::events(self.behind(members));
        let outside = Self::events(self.falls.iter().copied().filter(|fall| !members.contains(&fall.row)));
        let (fell, elsewhere) = (inside.len(), outside.len());
        let Some((last, first)) = inside.last().zip(inside.first()) else { return f64::NEG_INFINITY };
        let members = members.len();
        let others = practices.saturating_sub(members);
        if fell < FALLS_MIN || members <= fell.min(FALLS_MIN) {
            return f64::NEG_INFINITY;
        }
        // A series that has been quiet for several of its gaps is over.
        let gap = last.millis_since(*first) / i64::try_from(fell - 1).unwrap_or(1).max(1);
        if now.millis_since(*last) > GAPS * gap.max(APART_MS) {
            return f64::NEG_INFINITY;
        }
        let usual = ((elsewhere as f64 + 0.5) / (others as f64 + 1.0)).clamp(USUAL_SHARE, 0.9);
        let share = (fell as f64 / members as f64).min(0.98);
        if share <= usual {
            return f64::NEG_INFINITY;
        }
        let spared = members.saturating_sub(fell) as f64;
        fell as f64 * (share / usual).ln() + spared * ((1.0 - share) / (1.0 - usual)).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRACTICES: usize = 60;

    fn at(minute: i64) -> At {
        At::from_millis(1_776_322_800_000 + minute * 60_000)
    }

    /// Two models: the first is in 34 practices.
    fn groups() -> Vec<Group> {
        vec![Group { node: 7, members: (0..34).collect() }, Group { node: 8, members: (34..60).collect() }]
    }

    fn named(series: &mut Series, now: At) -> Option<NodeIx> {
        series
            .rolling(PRACTICES, groups, now)
            .filter(|found| found.probability >= 0.9)
            .map(|found| found.node)
    }

    #[test]
    fn sites_of_one_model_that_fall_through_a_day_are_a_series() {
        let mut series = Series::default();
        let mut first = None;
        for row in 0..12_u32 {
            let now = at(i64::from(row) * 100);
            series.note(row, now);
            first = first.or(named(&mut series, now).map(|node| (row, node)));
        }
        let (falls, node) = first.expect("a series");
        assert_eq!(node, 7);
        assert!((3..10).contains(&falls), "named after {falls}");
    }

    #[test]
    fn falls_all_over_the_estate_are_none() {
        let mut series = Series::default();
        for position in 0..8_u32 {
            let now = at(i64::from(position) * 100);
            series.note(if position % 2 == 0 { position } else { 34 + position }, now);
            assert_eq!(named(&mut series, now), None, "after {position}");
        }
    }

    #[test]
    fn what_falls_at_one_moment_is_one_event() {
        let mut series = Series::default();
        for row in 0..10 {
            series.note(row, at(0));
        }
        assert_eq!(named(&mut series, at(1)), None);
    }

    #[test]
    fn a_series_that_has_gone_quiet_is_over() {
        let mut series = Series::default();
        for row in 0..12_u32 {
            series.note(row, at(i64::from(row) * 10));
        }
        assert_eq!(named(&mut series, at(111)), Some(7));
        assert_eq!(named(&mut series, at(300)), None);
    }
}
