//! Slow decay: what many checks cross gets a little worse, for hours. Each hour by itself is bad luck; their row is not.
//!
//! This is a CUSUM (Page 1954) for each shared node, over stretches of time: it adds up by how much better the failures of
//! each stretch are explained when the node fails twice as often as it used to, and is never below nothing. Lorden (1971)
//! showed that no other rule notices sooner at the same rate of false alarms. It stands apart from the search, has an alarm
//! rate of its own, and what it says is a note: it opens no incident and tells nobody that anything is down.
//!
//! Three things keep bad luck out that comes in clumps. A check counts from a good answer to the next result, so that one
//! that stays dead counts once; one practice counts a few times a stretch at most; and no stretch, however bad, says more
//! than a few nats. What is usual is learnt by the hour of the day, as busy hours are worse.

use crate::time::At;

use super::topology::{NodeIx, NodeKind, Row, Topology};

/// A stretch. Long enough that a component of ten practices has some hundred results in it, short enough that what
/// begins at eight is said by ten.
const STRETCH_MS: i64 = 15 * 60_000;
/// With fewer results a stretch says nothing.
const ASKED_MIN: u32 = 20;
/// A practice's failures that count in one stretch.
const ROW_FALLS_MAX: u8 = 3;
/// Worse is this many times as often as usual, and by this much: below that nobody notices.
const TIMES_WORSE: f64 = 2.0;
const MARGIN: f64 = 0.004;
/// No stretch says more than this, in nats, one way or the other: somebody's bad quarter of an hour is no decay.
const SAYS_MAX: f64 = 3.0;
/// From this sum (nats) on it is noted. Mean time between false notes is at least e^15 stretches of one node: of fifty nodes, two
/// years (Lorden's bound on the rate; the clipping above makes it rarer).
const NOTED: f64 = 15.0;
/// From this sum on, what is seen teaches little of what is usual.
const SUSPECT: f64 = 5.0;
const SUSPECT_LEARNS: f64 = 0.2;
/// The sum grows no further, so that what gets better again is forgotten within the day.
const SUM_MAX: f64 = 20.0;
/// When one practice has more than this share of the failures, they are its own.
const ROW_SHARE_MAX: f64 = 0.5;
/// Practices with failures, at least, or half of those behind it where they are fewer.
const ROWS_MIN: usize = 3;
/// Practices that are told apart behind one node while it gets worse.
const ROWS_TOLD_APART: usize = 64;
/// Stretches from which on what is usual is known: six hours.
const LEARNT_MIN: u32 = 24;
/// Weight of one stretch in what is usual: the last week counts.
const LEARN_RATE: f64 = 1.0 / 672.0;
/// Weight of one stretch in what is usual at its hour: the last five days count.
const HOUR_RATE: f64 = 0.05;
/// What the hour says weighs as much as the whole day does when it has this many results.
const HOUR_WEIGHT: f64 = 2_000.0;
/// Nothing fails less often than this.
const USUAL_MIN: f64 = 5e-4;
/// Nodes whose explanations are closer than this (nats) can't be told apart.
const SAME: f64 = 3.0;
const NONE: u32 = u32::MAX;
const HOUR_MS: i64 = 3_600_000;
const HOURS: usize = 24;

/// A node that has become worse than it used to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Decayed {
    /// Nodes that explain it about as well, the best first.
    pub nodes: Vec<NodeIx>,
    pub since: At,
    /// Share of the results that fail since, and that used to.
    pub share: f64,
    pub usual: f64,
    /// Practices with failures since; [`ROWS_TOLD_APART`] of them at most are counted.
    pub practices: usize,
}

/// A node that seems to have become worse.
struct Found {
    decayed: Decayed,
    gain: f64,
    sure: bool,
}

/// One stretch after another.
#[derive(Debug)]
pub struct Decay {
    /// By node: its position in `trends`; [`NONE`]: it is one practice's own, or has no name that a note could use.
    trend_of: Vec<u32>,
    trends: Vec<Trend>,
    noted: Vec<Decayed>,
    /// By row: its failures in this stretch.
    falls: Vec<u8>,
    /// The present stretch, counted from 1970; before the first result: none.
    stretch: Option<i64>,
}

/// How one node has been doing.
#[derive(Debug, Clone)]
struct Trend {
    /// In this stretch: results after a good one, and how many of them failed.
    now: Count,
    /// Since it began to be worse: the same, and how many failures would have been usual.
    since: At,
    worse: Count,
    expected: f64,
    /// Failures since, by practice.
    by_row: Vec<(Row, u32)>,
    /// How sure it is, in nats.
    sum: f64,
    /// Share that fails.
    usual: f64,
    learnt: u32,
    hours: Box<[Hour; HOURS]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    asked: u32,
    fell: u32,
}

/// An hour of the day: results and failures of one stretch, averaged over days.
#[derive(Debug, Clone, Copy, Default)]
struct Hour {
    asked: f32,
    fell: f32,
}

impl Trend {
    fn new() -> Self {
        Self {
            now: Count::default(),
            since: At::from_millis(i64::MIN),
            worse: Count::default(),
            expected: 0.0,
            by_row: Vec::new(),
            sum: 0.0,
            usual: USUAL_MIN,
            learnt: 0,
            hours: Box::default(),
        }
    }

    fn fell(&mut self, row: Row) {
        self.now.fell += 1;
        if let Some((_, falls)) = self.by_row.iter_mut().find(|(known, _)| *known == row) {
            *falls += 1;
        } else if self.by_row.len() < ROWS_TOLD_APART {
            self.by_row.push((row, 1));
        }
    }

    /// Share that fails at this hour when nothing is the matter: what the hour says, as far as it has seen much.
    fn usual_at(&self, hour: usize) -> f64 {
        let Hour { asked, fell } = self.hours[hour];
        // An average over days stands for as many results as have gone into it.
        let seen = f64::from(asked) / HOUR_RATE;
        let fell = f64::from(fell) / HOUR_RATE;
        ((fell + self.usual * HOUR_WEIGHT) / (seen + HOUR_WEIGHT)).clamp(USUAL_MIN, 0.5)
    }

    /// A stretch that began at `began` is over.
    fn close(&mut self, began: At) {
        let Count { asked, fell } = std::mem::take(&mut self.now);
        if asked < ASKED_MIN {
            self.rest_if_calm();
            return;
        }
        let hour = hour_of(began);
        let usual = self.usual_at(hour);
        let (asked_f, fell_f) = (f64::from(asked), f64::from(fell));
        if self.learnt >= LEARNT_MIN {
            let worse = (usual * TIMES_WORSE).max(usual + MARGIN);
            let says = fell_f * (worse / usual).ln() - asked_f * (worse - usual);
            if self.sum <= 0.0 {
                self.since = began;
            }
            self.sum = (self.sum + says.clamp(-SAYS_MAX, SAYS_MAX)).clamp(0.0, SUM_MAX);
            self.worse.asked = self.worse.asked.saturating_add(asked);
            self.worse.fell = self.worse.fell.saturating_add(fell);
            self.expected += asked_f * usual;
        }
        self.rest_if_calm();
        // One bad stretch teaches as much as a stretch may say.
        let believed = fell_f.min((asked_f * usual).mul_add(2.0, 3.0));
        let weight = LEARN_RATE.max(1.0 / (f64::from(self.learnt) + 1.0));
        let weight = if self.sum >= SUSPECT { weight * SUSPECT_LEARNS } else { weight };
        self.usual += (believed / asked_f - self.usual) * weight;
        self.usual = self.usual.clamp(USUAL_MIN, 0.5);
        self.learnt = self.learnt.saturating_add(1);
        let Hour { asked, fell } = &mut self.hours[hour];
        #[expect(clippy::cast_possible_truncation, reason = "counts of a quarter of an hour")]
        for (average, seen) in [(asked, asked_f as f32), (fell, believed as f32)] {
            #[expect(clippy::cast_possible_truncation, reason = "a constant")]
            let rate = HOUR_RATE as f32;
            *average += (seen - *average) * rate;
        }
    }

    fn rest_if_calm(&mut self) {
        if self.sum <= 0.0 {
            self.worse = Count::default();
            self.expected = 0.0;
            self.by_row.clear();
        }
    }

    /// How much better (nats) its failures are explained by its having become as bad as it is than by its being as it was.
    fn gain(&self) -> f64 {
        let fell = f64::from(self.worse.fell);
        if fell <= self.expected {
            return 0.0;
        }
        fell * (fell / self.expected.max(f64::MIN_POSITIVE)).ln() - (fell - self.expected)
    }

    /// Several practices behind it see it, and none of them alone makes up for much of it.
    fn is_shared(&self, practices: usize) -> bool {
        let all: u32 = self.by_row.iter().map(|(_, falls)| falls).sum();
        let most = self.by_row.iter().map(|(_, falls)| *falls).max().unwrap_or(0);
        let needed = ROWS_MIN.min(practices.div_ceil(2)).max(2);
        self.by_row.len() >= needed && f64::from(most) <= ROW_SHARE_MAX * f64::from(all)
    }
}

impl Decay {
    pub fn new(topology: &Topology) -> Self {
        let mut trends = 0;
        let trend_of = topology.nodes.iter().map(|node| {
            let nameless = matches!(node.kind, NodeKind::Unmapped | NodeKind::Monitor);
            if nameless || node.is_private(topology.rows) {
                return NONE;
            }
            trends += 1;
            trends - 1
        });
        let trend_of: Vec<u32> = trend_of.collect();
        Self {
            trend_of,
            trends: vec![Trend::new(); trends as usize],
            noted: Vec::new(),
            falls: vec![0; topology.rows],
            stretch: None,
        }
    }

    fn trend(&self, node: NodeIx) -> Option<&Trend> {
        self.trends.get(self.trend_of[node] as usize)
    }

    /// A check was asked after a good answer. `crossed`: what it crosses.
    pub fn count(&mut self, row: Row, crossed: &[u32], failed: bool) {
        if failed {
            let falls = &mut self.falls[row as usize];
            if *falls >= ROW_FALLS_MAX {
                return;
            }
            *falls += 1;
        }
        for node in crossed {
            let Some(trend) = self.trends.get_mut(self.trend_of[*node as usize] as usize) else { continue };
            trend.now.asked += 1;
            if failed {
                trend.fell(row);
            }
        }
    }

    /// Time goes on; what was counted until now is of the stretch that is over.
    pub fn advance(&mut self, topology: &Topology, now: At) {
        let stretch = now.as_millis().div_euclid(STRETCH_MS);
        let present = *self.stretch.get_or_insert(stretch);
        if present >= stretch {
            return;
        }
        let began = At::from_millis(present.saturating_mul(STRETCH_MS));
        self.trends.iter_mut().for_each(|trend| trend.close(began));
        self.falls.fill(0);
        self.stretch = Some(stretch);
        self.noted = self.find(topology);
    }

    /// What has become worse, the plainest first.
    pub fn noted(&self) -> &[Decayed] {
        &self.noted
    }

    /// What shares a practice's check with something plainer isn't noted: its failures are that one's, which is noted
    /// instead, as soon as one of them is sure.
    fn find(&self, topology: &Topology) -> Vec<Decayed> {
        let worse = (0..topology.nodes.len()).filter_map(|node| {
            let trend = self.trend(node)?;
            let practices = topology.nodes[node].member_count(topology.rows);
            let suspect = trend.sum >= SUSPECT && trend.is_shared(practices);
            suspect.then(|| (node, trend, trend.gain()))
        });
        let mut worse: Vec<(NodeIx, &Trend, f64)> = worse.collect();
        worse.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
        let mut found: Vec<Found> = Vec::new();
        for (node, trend, gain) in worse {
            let sure = trend.sum >= NOTED;
            let plainer = found.iter_mut().find(|one| overlap(topology, one.decayed.nodes[0], node));
            if let Some(plainer) = plainer {
                plainer.sure |= sure;
                if plainer.gain - gain < SAME {
                    plainer.decayed.nodes.push(node);
                }
                continue;
            }
            let asked = f64::from(trend.worse.asked).max(1.0);
            let decayed = Decayed {
                nodes: vec![node],
                since: trend.since,
                share: f64::from(trend.worse.fell) / asked,
                usual: trend.expected / asked,
                practices: trend.by_row.len(),
            };
            found.push(Found { decayed, gain, sure });
        }
        found.into_iter().filter(|one| one.sure).map(|one| one.decayed).collect()
    }

    /// Goes on as a node of another estate was. Its practices may have other numbers now.
    pub fn take_over(&mut self, node: NodeIx, old: &Self, old_node: NodeIx) {
        let Some(was) = old.trend(old_node) else { return };
        if let Some(trend) = self.trends.get_mut(self.trend_of[node] as usize) {
            *trend = Trend { by_row: Vec::new(), now: Count::default(), ..was.clone() };
        }
        self.stretch = old.stretch;
    }
}

/// Whether a check of some row crosses both.
fn overlap(topology: &Topology, a: NodeIx, b: NodeIx) -> bool {
    let (a, b) = (&topology.nodes[a], &topology.nodes[b]);
    a.members(topology.rows).any(|member| {
        b.member(member.row).is_some_and(|other| {
            let carried = &topology.covers[other.cover];
            topology.covers[member.cover].probes.iter().any(|probe| carried.carries(*probe))
        })
    })
}

fn hour_of(at: At) -> usize {
    let hour = at.as_millis().div_euclid(HOUR_MS).rem_euclid(24);
    usize::try_from(hour).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten practices with nine checks every 30 s.
    const ASKED: u32 = 2_700;

    fn at(stretch: i64) -> At {
        At::from_millis(1_773_619_200_000 + stretch * STRETCH_MS)
    }

    /// After so many stretches: the first in which it is noted.
    fn first_noted(stretches: i64, fell: impl Fn(i64) -> u32) -> Option<i64> {
        let mut trend = Trend::new();
        (0..stretches).find(|stretch| {
            trend.now = Count { asked: ASKED, fell: fell(*stretch) };
            trend.close(at(*stretch));
            trend.sum >= NOTED
        })
    }

    /// Failures that are spread as luck spreads them, about so many: the same in each run.
    fn about(mean: f64, stretch: i64) -> u32 {
        let mut hash = stretch.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
        hash = hash.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let uniform = (hash >> 11) as f64 / (1_u64 << 53) as f64;
        // The inverse of a normal distribution, roughly: mean and variance are a count's.
        let spread = ((uniform / (1.0 - uniform)).ln() / 1.702) * mean.sqrt();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
        let count = (mean + spread).round().max(0.0) as u32;
        count
    }

    #[test]
    fn half_a_per_cent_more_is_noted_within_hours() {
        let week = 7 * 96;
        let noted = first_noted(week + 96, |n| about(if n < week { 13.5 } else { 30.0 }, n));
        let hours = (noted.expect("it is noted") - week) / 4;
        assert!((0..6).contains(&hours), "after {hours} hours");
    }

    #[test]
    fn a_year_of_luck_is_no_decay() {
        assert_eq!(first_noted(365 * 96, |n| about(13.5, n)), None);
    }

    #[test]
    fn one_terrible_quarter_of_an_hour_is_no_decay() {
        assert_eq!(first_noted(30 * 96, |n| if n % 37 == 0 { 900 } else { about(13.5, n) }), None);
    }

    /// Three times as bad from nine to noon on every day, from the first on.
    #[test]
    fn what_is_worse_at_the_same_hours_every_day_is_usual_there() {
        let busy = |n: i64| (36..48).contains(&(n % 96));
        let fell = |n: i64| about(if busy(n) { 24.0 } else { 12.0 }, n);
        let from = 10 * 96;
        let noted = first_noted(60 * 96, |n| if n < from { 12 } else { fell(n) });
        assert!(noted.is_none_or(|noted| noted < from + 5 * 96), "still new in its second week: {noted:?}");
    }

    #[test]
    fn what_gets_better_is_forgotten_within_the_day() {
        let mut trend = Trend::new();
        for stretch in 0..600 {
            trend.now = Count { asked: ASKED, fell: if stretch < 500 { 13 } else { 60 } };
            trend.close(at(stretch));
        }
        assert!(trend.sum >= NOTED && trend.gain() > NOTED);
        let better = (600..700).find(|stretch| {
            trend.now = Count { asked: ASKED, fell: 13 };
            trend.close(at(*stretch));
            trend.sum < NOTED
        });
        assert!(better.is_some_and(|stretch| stretch < 620), "{better:?}");
        (700..800).for_each(|stretch| {
            trend.now = Count { asked: ASKED, fell: 13 };
            trend.close(at(stretch));
        });
        assert_eq!((trend.sum, trend.worse.asked), (0.0, 0));
    }

    #[test]
    fn one_practice_alone_is_not_what_it_shares() {
        let mut trend = Trend::new();
        (0..10).for_each(|_| trend.fell(3));
        trend.fell(4);
        trend.fell(5);
        assert!(!trend.is_shared(20));
        (0..3).for_each(|row| (0..4).for_each(|_| trend.fell(row)));
        assert!(trend.is_shared(20));
        (0..1_000).for_each(|row| trend.fell(row));
        assert_eq!(trend.by_row.len(), ROWS_TOLD_APART);
    }
}
