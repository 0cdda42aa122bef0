//! What happened behind a node over the time that counts, and from when until when a failure of it would
//! explain that best.
//!
//! Good answers are counted on a grid of time, bad ones are kept one by one. The onset is the beginning of the
//! stretch in which the bad outweigh the good most (the maximum-sum segment, Kadane 1984): once among the
//! stretches that reach to now, for a fault that goes on, and once among all, for one that is over.

use std::rc::Rc;

use super::super::model::LogShares;
use super::super::tallies::{Grid, STEPS};
use super::super::window::{Piece, Span};
use crate::time::At;

/// A fault is over when the good answers after it speak this plainly (nats).
const OVER_MIN: f64 = 2.0;
/// What one overdue report says at most for a fault that would hold it back (nats).
const OVERDUE: f64 = 8.0;

/// Good answers by step: all but the youngest, and the youngest, of whose kin the lost aren't known yet.
#[derive(Debug, Clone)]
pub struct Counts {
    ripe: [f64; STEPS + 1],
    early: [f64; STEPS + 1],
}

impl Counts {
    pub const NONE: Self = Self { ripe: [0.0; STEPS + 1], early: [0.0; STEPS + 1] };

    pub fn add(&mut self, slot: usize, count: f64, early: bool) {
        let counts = if early { &mut self.early } else { &mut self.ripe };
        counts[slot] += count;
    }

    /// Sums over a span; of the first step of one that goes on only what came surely after it began. One that is over
    /// has all of its steps, or else there would be one for every handful of failures that fall into one step.
    fn sum(grid: &Grid, span: Span, of: impl Fn(usize) -> f64) -> f64 {
        let begin = grid.place(span.since);
        let (end, share) = match span.until {
            Some(until) => (grid.place(until), 1.0),
            None => (STEPS, grid.share_after(span.since)),
        };
        if begin > end {
            return 0.0;
        }
        let rest: f64 = (begin + 1..=end).map(&of).sum();
        rest + of(begin) * share
    }

    /// How many lie within a span, the youngest included.
    pub fn within(&self, grid: &Grid, span: Span) -> f64 {
        Self::sum(grid, span, |slot| self.ripe[slot] + self.early[slot])
    }

    /// What those of one step say about a mode.
    fn weight(&self, slot: usize, shares: &LogShares) -> f64 {
        self.ripe[slot] * shares.ok() + self.early[slot] * shares.early_ok()
    }

    /// What those within a span say about a mode.
    pub fn log(&self, grid: &Grid, span: Span, shares: &LogShares) -> f64 {
        Self::sum(grid, span, |slot| self.weight(slot, shares))
    }
}

/// A bad piece behind the node.
#[derive(Debug, Clone, Copy)]
struct Bad {
    piece: Piece,
    /// Its row looks dead since.
    hard: bool,
}

/// Everything behind a node.
#[derive(Debug, Clone)]
pub struct Profile {
    grid: Grid,
    bads: Vec<Bad>,
    /// When the reports that didn't come were due.
    overdue: Vec<At>,
    /// Good answers of the hot rows.
    ok: Counts,
    calm: Rc<Counts>,
}

/// Which rows a mode is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// All that are behind it.
    All,
    /// Those that look dead.
    Hard,
}

impl Profile {
    pub fn new(grid: Grid, calm: Rc<Counts>, hot: Counts) -> Self {
        Self { grid, bads: Vec::new(), overdue: Vec::new(), ok: hot, calm }
    }

    /// Good answers of the rows that aren't hot.
    pub fn calm(&self) -> &Counts {
        &self.calm
    }

    /// Adds a bad result. `hard`: its row looks dead since.
    pub fn add(&mut self, piece: &Piece, hard: bool) {
        if !piece.touched {
            self.bads.push(Bad { piece: *piece, hard });
        }
    }

    pub fn add_overdue(&mut self, due: At) {
        self.overdue.push(due);
    }

    /// Share of the results within a span that are bad.
    pub fn rate(&self, span: Span) -> f64 {
        let bad = self.bads.iter().filter(|bad| span.holds(bad.piece.from, bad.piece.to)).count() as f64;
        let good = self.ok.within(&self.grid, span) + self.calm.within(&self.grid, span);
        bad / (bad + good).max(1.0)
    }

    /// The most that a failure of this mode through `span` could explain: no row is explained better than by its bad
    /// results alone, and none that isn't hot forgives its good ones.
    pub fn at_most(&self, span: Span, shares: &LogShares, among: Among) -> f64 {
        let bads = self
            .bads
            .iter()
            .filter(|bad| span.holds(bad.piece.from, bad.piece.to) && (among == Among::All || bad.hard));
        let explained: f64 = bads.map(|bad| bad.piece.gain(shares).max(0.0)).sum();
        let overdue = 2.0 * OVERDUE * self.overdue.len() as f64;
        let calm = if among == Among::All { self.calm.log(&self.grid, span, shares) } else { 0.0 };
        explained + overdue + calm
    }

    /// The span that goes on, and the one that is over, in which a mode explains most; `None`: it explains
    /// nothing.
    pub fn spans(&self, shares: &LogShares, among: Among) -> (Option<Span>, Option<Span>) {
        let good = |slot: usize| match among {
            Among::All => self.ok.weight(slot, shares) + self.calm.weight(slot, shares),
            Among::Hard => 0.0,
        };
        let mut passed = [0.0; STEPS + 1];
        for (slot, sum) in passed.iter_mut().enumerate() {
            *sum = good(slot);
        }
        let mut failed = [0.0; STEPS + 1];
        // A row from which everything comes late isn't one of those that are dead.
        let bads = || {
            self.bads.iter().filter(move |bad| among == Among::All || bad.hard && !bad.piece.passed(shares))
        };
        for bad in bads() {
            failed[usize::from(bad.piece.slot)] += bad.piece.gain(shares);
        }
        for due in &self.overdue {
            failed[self.grid.place(*due)] += OVERDUE;
        }
        let began = |from_slot: usize, to_slot: usize| {
            let steps = from_slot..=to_slot;
            let bad = bads().filter(|bad| steps.contains(&usize::from(bad.piece.slot)));
            let overdue = self.overdue.iter().copied().filter(|due| steps.contains(&self.grid.place(*due)));
            bad.map(|bad| bad.piece.from).chain(overdue).min()
        };
        // Reaching to now. Of the first step nobody knows which good answers came before.
        let (mut sum, mut best) = (0.0, (0.0, None));
        for slot in (0..=STEPS).rev() {
            sum += failed[slot];
            if sum > best.0 {
                best = (sum, Some(slot));
            }
            sum += passed[slot];
        }
        let on = best.1.and_then(|slot| began(slot, STEPS)).map(Span::since);
        // Over already.
        let (mut sum, mut from, mut over) = (0.0, 0, (0.0, 0, 0));
        for slot in 0..=STEPS {
            if sum <= 0.0 {
                (sum, from) = (0.0, slot);
            }
            sum += passed[slot] + failed[slot];
            if sum > over.0 {
                over = (sum, from, slot);
            }
        }
        let (_, from, to) = over;
        let until = bads()
            .filter(|bad| (from..=to).contains(&usize::from(bad.piece.slot)))
            .map(|bad| bad.piece.to)
            .max()
            .map(|last| last.plus_millis(1));
        let was = began(from, to).zip(until).map(|(since, until)| Span { since, until: Some(until) });
        let was = was.filter(|span| {
            let begin = span.until.map_or(STEPS, |until| (self.grid.place(until) + 1).min(STEPS));
            let after: f64 = (begin..=STEPS).map(good).sum();
            -after >= OVER_MIN
        });
        (on, was)
    }
}
