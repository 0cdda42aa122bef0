//! The evidence of one evaluation: what each check said within the time that counts, and what each piece is
//! worth.
//!
//! A piece is a single result, or the beginning of a run of failures that is longer than what is kept. Beside a
//! hypothesis that something has failed since a moment, and perhaps until another, a piece either lies within that
//! span, and is explained by it, or it doesn't, and must be explained by bad luck. Bad luck comes in clumps: a check
//! fails by itself at a rate of its own, which is learned, and then its next asking fails again more often than not.

use crate::time::At;

use super::evidence::{Check, Class, KEPT};
use super::model::{LogShares, Luck};
use super::tallies::Grid;
use super::topology::{ProbeFacts, Sort};

/// Good answers of one check that count at most.
const OKS_COUNTED: usize = 3;
/// Chance that a check which failed by itself fails by itself again: at once, and from then on.
const AGAIN: f64 = 0.25;
const AGAIN_LATER: f64 = 0.6;
/// A check is slower than usual by itself about this often.
const SLOW_LEAK: f64 = 0.01;

/// From when until when something is supposed to have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub since: At,
    /// `None`: it goes on.
    pub until: Option<At>,
}

impl Span {
    pub const fn since(since: At) -> Self {
        Self { since, until: None }
    }

    /// It explains what was asked from `from` to `to`.
    pub fn holds(self, from: At, to: At) -> bool {
        from >= self.since && self.until.is_none_or(|until| to < until)
    }
}

/// A single result, or the beginning of a long run of failures.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    /// When the first and the last asking of it began.
    pub from: At,
    pub to: At,
    pub probe: u32,
    pub class: Class,
    sort: Sort,
    /// It belongs to a run of failures that goes on.
    pub goes_on: bool,
    /// The answer to a question so young that a lost one isn't known to be lost yet.
    pub early: bool,
    /// Its step of the grid.
    pub slot: u8,
    /// log P(piece | nothing has failed).
    pub luck: f64,
    /// The part of log P(piece | what has been chosen so far) that says why it failed; the rest says past what it got.
    pub reason: f64,
    /// Something that has been chosen is the reason.
    pub touched: bool,
    /// When the failure before it in its run was asked, and how it failed …
    after: Option<(At, Class)>,
    /// … and by how much that makes its bad luck likelier.
    again: f64,
    /// How much of that its reason still rests on: nothing once it has another reason, or its luck is none of a clump.
    owed: f64,
}

impl Piece {
    pub const fn new(from: At, to: At, class: Class, sort: Sort, luck: f64) -> Self {
        Self {
            from,
            to,
            probe: 0,
            class,
            sort,
            goes_on: false,
            early: false,
            slot: 0,
            luck,
            reason: luck,
            touched: false,
            after: None,
            again: 0.0,
            owed: 0.0,
        }
    }

    /// It got an answer past a mode: in time, or late where the mode doesn't delay.
    pub fn passed(&self, shares: &LogShares) -> bool {
        passes(self.class, shares)
    }

    /// Its bad luck rests on a failure that a mode explains.
    fn follows(&self, span: Span, shares: &LogShares) -> bool {
        self.after.is_some_and(|(at, class)| span.holds(at, at) && !passes(class, shares))
    }

    fn passing(&self, shares: &LogShares) -> f64 {
        if self.early { shares.early_ok() } else { shares.ok() }
    }

    /// What supposing one thing more adds to its log-likelihood: an answer must get past everything on the path, a
    /// failure needs one reason only.
    pub fn gain(&self, shares: &LogShares) -> f64 {
        if self.passed(shares) {
            return self.passing(shares);
        }
        if self.early && !shares.early() {
            return 0.0;
        }
        let reason = shares.of(self.sort, self.class);
        let reason = if self.touched {
            reason.max(self.reason)
        } else if self.reason > self.luck {
            // What delays is a reason already, though not one for all.
            reason
        } else {
            shares.or_luck(reason, self.reason)
        };
        reason - self.reason
    }

    /// What supposing that something has failed through a span adds to its log-likelihood. Bad luck comes in clumps, but
    /// what a fault failed was none: what it doesn't explain after that, be it late or lost, is bad luck afresh.
    pub fn gain_through(&self, span: Span, shares: &LogShares) -> f64 {
        let held = span.holds(self.from, self.to);
        let gain = if held { self.gain(shares) } else { 0.0 };
        let explained = held && !self.passed(shares);
        if !explained && self.owed > 0.0 && self.follows(span, shares) { gain - self.owed } else { gain }
    }

    /// Takes that as given from now on, and returns what it adds.
    pub fn suppose_through(&mut self, span: Span, shares: &LogShares) -> f64 {
        let gain = self.gain_through(span, shares);
        if span.holds(self.from, self.to) && !self.passed(shares) {
            if gain != 0.0 {
                self.owed = 0.0;
            }
            self.reason += gain;
            // What delays loses some, too, but of what is dead it may not be the reason.
            self.touched |= matches!(self.class, Class::Slow | Class::Late) || !shares.delays();
        } else if self.follows(span, shares) {
            self.reason -= self.owed;
            self.owed = 0.0;
        }
        gain
    }

    /// Nothing is supposed.
    pub fn rest(&mut self) {
        (self.reason, self.owed, self.touched) = (self.luck, self.again, false);
    }
}

/// The pieces of one check, newest first: that it is late, and its last results. Constant in size: they are made anew for each
/// evaluation.
#[derive(Debug, Clone, Copy)]
pub struct Pieces {
    list: [Piece; KEPT + 1],
    count: usize,
}

impl Pieces {
    /// `probe`: whose results they are, and what is known of it.
    pub fn of(check: &Check, now: At, (probe, facts): (u32, &ProbeFacts), luck: &Luck, grid: &Grid) -> Self {
        let sort = facts.sort;
        let nothing = Piece { probe, ..Piece::new(check.last_at, check.last_at, Class::Ok, sort, 0.0) };
        let mut pieces = Self { list: [nothing; KEPT + 1], count: 0 };
        if !check.fresh(now, facts.stale_ms()) {
            return pieces;
        }
        let begin = now.plus_millis(-facts.lag_ms());
        let run = if check.class.bad() { check.run as usize } else { 0 };
        if let Some(at) = check.late_at(now, facts.timeout_ms) {
            let late = Piece::new(at, at, Class::Late, sort, 0.0);
            pieces.push(Piece { probe, goes_on: true, early: true, ..late }, grid);
            pieces.price(check, 1);
        }
        let mut oks = 0;
        // Failures in a row, counted from the newest back: which of them came first is known at its end only.
        let mut in_row = 0;
        let kept = check.recent();
        for (position, (at, class)) in kept.enumerate() {
            if position >= run && at < begin {
                break;
            }
            if class.bad() {
                // Of a run that is longer than what is kept, the oldest stands for its beginning.
                let from = if position + 1 == KEPT && run > KEPT { check.run_since } else { at };
                let looks = if class == Class::Slow { 0.0 } else { luck.of(sort, class) };
                let early = now.millis_since(at) < facts.timeout_ms;
                let goes_on = oks == 0;
                pieces
                    .push(Piece { probe, goes_on, early, ..Piece::new(from, at, class, sort, looks) }, grid);
                in_row += 1;
            } else {
                pieces.price(check, in_row);
                in_row = 0;
                oks += 1;
                if oks <= OKS_COUNTED {
                    let early = now.millis_since(at) < facts.timeout_ms;
                    pieces.push(Piece { probe, early, ..Piece::new(at, at, class, sort, 0.0) }, grid);
                }
            }
        }
        pieces.price(check, in_row);
        pieces
    }

    /// Adds what bad luck costs to the newest `in_row` pieces, which failed in a row.
    fn price(&mut self, check: &Check, in_row: usize) {
        let from = self.count.saturating_sub(in_row);
        // Newest first: the last of them came first.
        let mut after = None;
        for (older, piece) in self.list[from..self.count].iter_mut().rev().enumerate() {
            let leak = leak(check, piece.class);
            let chance = match older {
                0 => leak,
                // A chronic check's failures repeat at its own rate, which may be higher.
                1 => AGAIN.max(leak),
                _ => AGAIN_LATER.max(leak),
            };
            piece.luck += chance.ln();
            (piece.after, piece.again) = (after, (chance / leak).ln());
            piece.rest();
            after = Some((piece.to, piece.class));
        }
    }

    fn push(&mut self, piece: Piece, grid: &Grid) {
        if let Some(place) = self.list.get_mut(self.count) {
            #[expect(clippy::cast_possible_truncation, reason = "the grid has fewer steps")]
            let slot = grid.place(piece.from) as u8;
            *place = Piece { slot, ..piece };
            self.count += 1;
        }
    }

    pub fn as_slice(&self) -> &[Piece] {
        &self.list[..self.count]
    }
}

/// Whether an answer got past a mode: in time, or late where the mode doesn't delay.
fn passes(class: Class, shares: &LogShares) -> bool {
    class == Class::Ok || class == Class::Slow && !shares.delays()
}

fn leak(check: &Check, class: Class) -> f64 {
    match class {
        Class::Slow => SLOW_LEAK,
        Class::Late => SLOW_LEAK + f64::from(check.leak),
        _ => f64::from(check.leak),
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Mode;
    use super::*;

    const BEGAN: At = At::from_millis(1_773_644_400_000);

    /// The second failure of a check, half a minute after the first.
    fn second() -> Piece {
        let at = BEGAN.plus_millis(30_000);
        let again = 4.0;
        let after = Some((BEGAN, Class::Reach));
        Piece { after, again, owed: again, ..Piece::new(at, at, Class::Reach, Sort::Stream, again - 6.0) }
    }

    /// The same, but late instead of lost.
    fn then_late() -> Piece {
        let lost = second();
        Piece { after: lost.after, again: lost.again, owed: lost.owed, class: Class::Slow, ..lost }
    }

    fn was(ms: i64) -> Span {
        Span { since: BEGAN, until: Some(BEGAN.plus_millis(ms)) }
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} isn't {b}");
    }

    #[test]
    fn bad_luck_right_after_a_fault_that_is_over_is_no_cheaper_than_other_bad_luck() {
        let dead = Mode::Total.row();
        let mut piece = second();
        close(piece.gain_through(was(10_000), &dead), -4.0);
        close(piece.suppose_through(was(10_000), &dead), -4.0);
        close(piece.luck, -2.0);
        close(piece.reason, -6.0);
        assert!(piece.gain(&dead) > 5.0, "another fault gains what the first failure of a run is worth");
        piece.rest();
        close(piece.reason, -2.0);
    }

    #[test]
    fn a_fault_that_goes_on_over_the_second_failure_explains_it_too() {
        let dead = Mode::Total.row();
        let later = Span::since(BEGAN.plus_millis(10_000));
        for span in [Span::since(BEGAN), was(40_000), later] {
            close(second().gain_through(span, &dead), second().gain(&dead));
        }
    }

    #[test]
    fn luck_that_stands_alone_already_costs_no_more_beside_another_fault_that_is_over() {
        let dead = Mode::Total.row();
        let mut piece = second();
        piece.suppose_through(was(10_000), &dead);
        close(piece.gain_through(was(20_000), &dead), 0.0);
        close(piece.suppose_through(was(20_000), &dead), 0.0);
        close(piece.reason, -6.0);
    }

    #[test]
    fn a_failure_that_something_slow_may_have_lost_rests_on_no_luck() {
        let (dead, slow) = (Mode::Total.row(), Mode::Brownout.row());
        let mut piece = second();
        piece.suppose_through(Span::since(BEGAN.plus_millis(20_000)), &slow);
        assert!(!piece.touched, "it may be dead for another reason");
        close(piece.gain_through(was(10_000), &dead), 0.0);
    }

    #[test]
    fn a_late_answer_after_a_failure_is_bad_luck_afresh_whether_the_fault_is_over_or_not() {
        let dead = Mode::Total.row();
        close(then_late().gain_through(was(10_000), &dead), -4.0);
        let mut piece = then_late();
        close(piece.gain_through(Span::since(BEGAN), &dead), dead.ok() - 4.0);
        close(piece.suppose_through(Span::since(BEGAN), &dead), dead.ok() - 4.0);
        close(piece.reason, -6.0);
    }

    #[test]
    fn luck_rests_on_what_a_fault_does_not_explain_as_before() {
        let dead = Mode::Total.row();
        // A late answer passed what is dead, so the failure after it may be of the same clump.
        let piece = Piece { after: Some((BEGAN, Class::Slow)), ..second() };
        close(piece.gain_through(was(10_000), &dead), 0.0);
    }

    #[test]
    fn what_another_fault_explains_loses_nothing() {
        let dead = Mode::Total.row();
        let mut piece = second();
        piece.suppose_through(Span::since(BEGAN), &dead);
        close(piece.gain_through(was(10_000), &dead), 0.0);
    }
}
