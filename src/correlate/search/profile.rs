//! What happened behind a node over the time that counts, and from when until when a failure of it would
//! explain that best.
//!
//! Good answers are counted on a grid of time, bad ones are kept one by one. The onset is the beginning of the
//! stretch in which the bad outweigh the good most (the maximum-sum segment, Kadane 1984): once among the
//! stretches that reach to now, for a fault that goes on, and once among all, for one that is over.

use std::rc::Rc;

use super::super::model::LogShares;
use super::super::tallies::{Grid, SLOTS, STEPS};
use super::super::topology::Row;
use super::super::window::{Piece, Span};
use crate::time::At;

/// A fault is over when the good answers after it speak this plainly (nats).
const OVER_MIN: f64 = 2.0;
/// What one overdue report says at most for a fault that would hold it back (nats).
const OVERDUE: f64 = 8.0;

/// Good answers by step: all but the youngest, and the youngest, of whose kin the lost aren't known yet.
#[derive(Debug, Clone)]
pub struct Counts {
    ripe: [u32; SLOTS],
    early: [u32; SLOTS],
}

impl Counts {
    pub const NONE: Self = Self { ripe: [0; SLOTS], early: [0; SLOTS] };

    /// Adds counts by step, which come in stretches; those after step `ripe_to` are early.
    pub fn add(&mut self, stretches: [&[u32]; 2], ripe_to: usize) {
        let mut begin = 0;
        for stretch in stretches {
            let (ripe, early) = stretch.split_at((ripe_to + 1).saturating_sub(begin).min(stretch.len()));
            add(&mut self.ripe[begin..], ripe);
            add(&mut self.early[begin + ripe.len()..], early);
            begin += stretch.len();
        }
    }

    /// Both together.
    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        add(&mut both.ripe, &other.ripe);
        add(&mut both.early, &other.early);
        both
    }

    /// Sums over a span.
    fn sum(grid: &Grid, span: Span, unsure_ms: i64, of: impl Fn(usize) -> f64) -> f64 {
        let (begin, end) = (grid.place(span.since), span.until.map_or(STEPS, |until| grid.place(until)));
        if begin > end {
            return 0.0;
        }
        let rest: f64 = (begin + 1..=end).map(&of).sum();
        rest + of(begin) * share_of_first(grid, span, unsure_ms)
    }

    /// How many lie within a span, the youngest included, those in its first `unsure_ms` left out.
    pub fn within(&self, grid: &Grid, span: Span, unsure_ms: i64) -> f64 {
        Self::sum(grid, span, unsure_ms, |slot| f64::from(self.ripe[slot] + self.early[slot]))
    }

    /// What those of one step say about a mode.
    fn weight(&self, slot: usize, shares: &LogShares) -> f64 {
        f64::from(self.ripe[slot]) * shares.ok() + f64::from(self.early[slot]) * shares.early_ok()
    }

    /// What those within a span say about a mode.
    pub fn log(&self, grid: &Grid, span: Span, shares: &LogShares) -> f64 {
        Self::sum(grid, span, shares.unsure_ms(), |slot| self.weight(slot, shares))
    }
}

/// Which share of the good answers of its first step a span is charged with. One that goes on has those that came
/// surely after it began. One that is over has all of them: its two ends are chosen freely, so that for every handful
/// of failures that fall into one step there would be one that is charged with nothing.
fn share_of_first(grid: &Grid, span: Span, unsure_ms: i64) -> f64 {
    if span.until.is_some() { 1.0 } else { grid.share_after(span.since, unsure_ms) }
}

fn add(to: &mut [u32], counts: &[u32]) {
    for (sum, count) in to.iter_mut().zip(counts) {
        *sum += count;
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
    /// Those of slight rows, and then those of each hot row.
    bads: Vec<Bad>,
    /// Hot rows with where their bad pieces end; the first is of no row.
    ends: Vec<(Option<Row>, usize)>,
    /// When the reports that didn't come were due.
    overdue: Vec<At>,
    /// Good answers of all rows, and of those that aren't hot.
    good: Counts,
    calm: Rc<Counts>,
}

/// A span, and how much (nats) a mode explains in it.
pub type Fit = (Span, f64);

/// Which rows a mode is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// All that are behind it.
    All,
    /// Those that look dead.
    Hard,
}

impl Profile {
    pub fn new(grid: Grid, calm: Rc<Counts>, hot: &Counts) -> Self {
        Self { grid, bads: Vec::new(), ends: Vec::new(), overdue: Vec::new(), good: calm.and(hot), calm }
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

    /// What was added since the last call is of this hot row, or of the slight ones.
    pub fn end_row(&mut self, row: Option<Row>) {
        self.ends.push((row, self.bads.len()));
    }

    pub fn add_overdue(&mut self, due: At) {
        self.overdue.push(due);
    }

    /// Share of the results within a span that are bad.
    pub fn rate(&self, span: Span) -> f64 {
        let bad = self.bads.iter().filter(|bad| span.holds(bad.piece.from, bad.piece.to)).count() as f64;
        let good = self.good.within(&self.grid, span, 0);
        bad / (bad + good).max(1.0)
    }

    /// The most that a failure of this mode through `span` could explain: no row is explained better than by its bad
    /// results alone, and none that isn't hot forgives its good ones. `moved`: room for a number by network; `networks`:
    /// by probe; `row_gain`: what a hot row gains when the numbers by network are what its pieces do.
    pub fn at_most(
        &self,
        span: Span,
        shares: &LogShares,
        among: Among,
        networks: &[usize],
        moved: &mut [f64],
        row_gain: impl Fn(Row, &[f64]) -> f64,
    ) -> f64 {
        let (mut begin, mut explained) = (0, 0.0);
        for (row, end) in &self.ends {
            moved.fill(0.0);
            for bad in &self.bads[begin..*end] {
                if span.holds(bad.piece.from, bad.piece.to)
                    && (row.is_some() || among == Among::All || bad.hard)
                {
                    moved[networks[bad.piece.probe as usize]] += bad.piece.gain(shares).max(0.0);
                }
            }
            explained += match row {
                Some(row) => row_gain(*row, moved),
                None => moved.iter().sum(),
            };
            begin = *end;
        }
        let overdue = 2.0 * OVERDUE * self.overdue.len() as f64;
        let calm = if among == Among::All { self.calm.log(&self.grid, span, shares) } else { 0.0 };
        explained + overdue + calm
    }

    /// The span that goes on, and the one that is over, in which a mode explains most, each with how much (nats) when no
    /// row has an explanation of its own; `None`: it explains nothing.
    pub fn spans(&self, shares: &LogShares, among: Among) -> (Option<Fit>, Option<Fit>) {
        let mut passed = [0.0; SLOTS];
        if among == Among::All {
            for (slot, sum) in passed.iter_mut().enumerate() {
                *sum = self.good.weight(slot, shares);
            }
        }
        let mut failed = [0.0; SLOTS];
        let mut first = [None; SLOTS];
        // A row from which everything comes late isn't one of those that are dead.
        let bads = || {
            self.bads.iter().filter(move |bad| among == Among::All || bad.hard && !bad.piece.passed(shares))
        };
        let mut fail = |slot: usize, at: At, worth: f64| {
            failed[slot] += worth;
            first[slot] = Some(first[slot].map_or(at, |first: At| first.min(at)));
        };
        for bad in bads() {
            fail(usize::from(bad.piece.slot), bad.piece.from, bad.piece.gain(shares));
        }
        for due in &self.overdue {
            fail(self.grid.place(*due), *due, OVERDUE);
        }
        // Reaching to now.
        let (mut sum, mut best) = (0.0, (0.0, None));
        for (slot, began) in first.iter().enumerate().rev() {
            sum += failed[slot];
            if let Some(span) = began.map(Span::since) {
                let charged = sum + passed[slot] * share_of_first(&self.grid, span, shares.unsure_ms());
                if charged > best.0 {
                    best = (charged, Some(span));
                }
            }
            sum += passed[slot];
        }
        let on = best.1.map(|span| (span, best.0));
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
        let (explained, from, to) = over;
        let until = bads()
            .filter(|bad| (from..=to).contains(&usize::from(bad.piece.slot)))
            .map(|bad| bad.piece.to)
            .max()
            .map(|last| last.plus_millis(1));
        let began = first[from..=to].iter().flatten().min();
        let was = began.zip(until).map(|(since, until)| Span { since: *since, until: Some(until) });
        let was = was.filter(|span| {
            let begin = span.until.map_or(STEPS, |until| (self.grid.place(until) + 1).min(STEPS));
            let after: f64 = passed[begin..].iter().sum();
            -after >= OVER_MIN
        });
        (on, was.map(|span| (span, explained)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::evidence::Class;
    use super::super::super::model::{Mode, Shape};
    use super::super::super::topology::Sort;
    use super::*;

    const NOW: At = At::from_millis(1_773_644_400_000);
    const STEP_MS: i64 = 742;
    /// What a failure costs as bad luck.
    const LUCK: f64 = -6.0;
    /// Steps within the time-out: what was asked in them and is lost isn't known to be lost yet.
    const EARLY: usize = 7;

    /// What happened behind an estate's node: good answers by step, and failures.
    fn profile(good: &[u32], failed: impl IntoIterator<Item = At>) -> Profile {
        let grid = Grid::of(NOW, STEP_MS);
        let mut counts = Counts::NONE;
        counts.add([good, &[]], SLOTS - EARLY);
        let mut profile = Profile::new(grid, Rc::new(counts), &Counts::NONE);
        for at in failed {
            let mut piece = Piece::new(at, at, Class::Reach, Sort::Stream, LUCK);
            piece.slot = u8::try_from(grid.place(at)).expect("it is one of the grid's");
            profile.add(&piece, true);
        }
        profile
    }

    /// So many failures within half a second.
    fn handful(count: i64, ms_ago: i64) -> impl Iterator<Item = At> {
        (0..count).map(move |n| NOW.plus_millis(n * 500 / count - ms_ago))
    }

    fn partial() -> LogShares {
        Mode::Partial(0.15, Shape::Dead).row()
    }

    #[test]
    fn bad_luck_in_one_step_of_a_large_estate_is_no_fault_that_is_over() {
        let profile = profile(&[1_000; SLOTS], handful(7, 40_000));
        assert_eq!(profile.spans(&partial(), Among::All), (None, None));
    }

    #[test]
    fn bad_luck_in_the_last_step_of_a_large_estate_is_no_fault_that_begins() {
        let profile = profile(&[1_000; SLOTS], handful(7, 5_600));
        assert_eq!(profile.spans(&partial(), Among::All).0, None);
    }

    #[test]
    fn what_was_bad_among_few_good_answers_is_a_fault_that_is_over() {
        let profile = profile(&[20; SLOTS], handful(30, 40_000));
        let (on, was) = profile.spans(&partial(), Among::All);
        let was = was.map(|(span, _)| span);
        let span = Span { since: NOW.plus_millis(-40_000), until: was.and_then(|span| span.until) };
        assert_eq!((on, was), (None, Some(span)));
    }

    #[test]
    fn what_takes_all_began_with_its_first_failure_whoever_answered_just_before() {
        let since = NOW.plus_millis(-6_000);
        let good_before = [40; SLOTS];
        let begin = Grid::of(NOW, STEP_MS).place(since);
        let profile = profile(&good_before[..=begin], handful(20, 6_000));
        let on = profile.spans(&Mode::Total.row(), Among::All).0;
        assert_eq!(on.map(|(span, _)| span), Some(Span::since(since)));
    }
}
