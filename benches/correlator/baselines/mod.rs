//! Six ways to name the failed component, from others' papers and from common practice, each with the same facts
//! about the estate as linewatch: paths, missing agents, silence as a check.
//!
//! | file | what lives there |
//! |---|---|
//! | `board` | the last results of every check, counted over a window |
//! | `teller` | from "fails now" to incidents that open and resolve |
//! | `ratio`, `rules`, `parents`, `score`, `votes`, `flock` | the six |
//! | `constants` | what was tuned, tier by tier |

mod board;
pub mod constants;
mod flock;
mod parents;
mod ratio;
mod rules;
mod score;
mod teller;
mod votes;

use std::sync::Arc;

use linewatch::observation::Observation;
use linewatch::time::At;

pub use self::flock::Flock;
pub use self::parents::Parents;
pub use self::ratio::Ratio;
pub use self::rules::Rules;
pub use self::score::Score;
pub use self::votes::Votes;

use self::board::Board;
use self::teller::Teller;
use crate::diagnoser::{Diagnoser, Place, Said};
use crate::facts::Facts;

/// The estate is judged so many times an interval.
const STEPS_AN_INTERVAL: i64 = 12;
/// A state that has to be hard needs the longest run that the board keeps.
const RUN_WINDOW: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    Ratio(Ratio),
    Rules(Rules),
    Parents(Parents),
    Score(Score),
    Votes(Votes),
    Flock(Flock),
}

/// A method with its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuned {
    pub method: Method,
    /// An agent that was heard and then isn't for so many seconds is silent.
    pub silent_s: u32,
    /// How sure it may be: the share of its events that came true on the tuning seeds, for none of the six works
    /// out a probability of its own.
    pub probability: f64,
}

impl Method {
    pub const NAMES: [&str; 6] = ["ratio", "rules", "parents", "score", "007", "flock"];

    fn window(&self) -> u32 {
        match self {
            Self::Ratio(it) => it.window,
            Self::Rules(it) => it.window,
            Self::Parents(_) => RUN_WINDOW,
            Self::Score(it) => it.window,
            Self::Votes(it) => it.window,
            Self::Flock(it) => it.window,
        }
    }

    /// In intervals: before anybody is told, and before it is over.
    fn hold_and_keep(&self) -> (f64, f64) {
        match self {
            Self::Ratio(it) => (it.hold, it.keep),
            Self::Rules(it) => (it.hold, it.keep),
            Self::Parents(it) => (0.0, it.keep),
            Self::Score(it) => (it.hold, it.keep),
            Self::Votes(it) => (it.hold, it.keep),
            Self::Flock(it) => (it.hold, it.keep),
        }
    }
}

/// Baselines at work on one estate. Those that look at the same results share a board.
#[derive(Debug)]
pub struct Baselines {
    every_ms: i64,
    step_ms: i64,
    next: Option<At>,
    boards: Vec<(u32, u32, Board)>,
    seats: Vec<Seat>,
}

#[derive(Debug)]
struct Seat {
    tuned: Tuned,
    board: usize,
    teller: Teller,
}

impl Baselines {
    pub fn new(facts: &Arc<Facts>, all: &[Tuned]) -> Self {
        let mut boards: Vec<(u32, u32, Board)> = Vec::new();
        let mut seats = Vec::with_capacity(all.len());
        for tuned in all {
            let (window, silent_s) = (tuned.method.window(), tuned.silent_s);
            let known = boards.iter().position(|(w, s, _)| (*w, *s) == (window, silent_s));
            let board = known.unwrap_or_else(|| {
                boards.push((window, silent_s, Board::new(facts, window, i64::from(silent_s) * 1_000)));
                boards.len() - 1
            });
            seats.push(Seat { tuned: *tuned, board, teller: Teller::default() });
        }
        let every_ms = facts.every_ms;
        Self { every_ms, step_ms: (every_ms / STEPS_AN_INTERVAL).max(1), next: None, boards, seats }
    }

    pub fn advance(&mut self, at: At) {
        // The first step comes with the first observation.
        let mut next = self.next.unwrap_or(at);
        while next <= at {
            for (_, _, board) in &mut self.boards {
                board.look(next);
            }
            for seat in &mut self.seats {
                seat.step(next, &self.boards[seat.board].2, self.every_ms);
            }
            next = next.plus_millis(self.step_ms);
        }
        self.next = Some(next);
    }

    pub fn observe(&mut self, at: At, seen: &Observation, place: Place) {
        for (_, _, board) in &mut self.boards {
            board.take(at, seen, place);
        }
    }

    /// What each said since it was last asked, in the order in which they were given.
    pub fn said<'a>(&mut self, into: impl Iterator<Item = &'a mut Vec<Said>>) {
        for (seat, into) in self.seats.iter_mut().zip(into) {
            seat.teller.drain(into);
        }
    }
}

impl Seat {
    fn step(&mut self, now: At, board: &Board, every_ms: i64) {
        if board.bad.is_empty() && self.teller.is_idle() {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a few intervals")]
        let ms = |intervals: f64| (intervals * every_ms as f64) as i64;
        let (hold, keep) = self.tuned.method.hold_and_keep();
        let firing = match self.tuned.method {
            Method::Ratio(it) => it.judge(board, ms(hold)),
            Method::Rules(it) => it.judge(board, every_ms as f64),
            Method::Parents(it) => it.judge(board),
            Method::Score(it) => it.judge(board, ms(hold)),
            Method::Votes(it) => it.judge(board, ms(hold)),
            Method::Flock(it) => it.judge(board, ms(hold)),
        };
        self.teller.tell(now, &firing, ms(keep), self.tuned.probability, &board.facts);
    }
}

/// One baseline by itself.
#[derive(Debug)]
pub struct Baseline(Baselines);

impl Baseline {
    pub fn new(facts: &Arc<Facts>, tuned: Tuned) -> Self {
        Self(Baselines::new(facts, &[tuned]))
    }
}

impl Diagnoser for Baseline {
    fn advance(&mut self, at: At) {
        self.0.advance(at);
    }

    fn observe(&mut self, at: At, seen: &Observation, place: Place) {
        self.0.observe(at, seen, place);
    }

    fn said(&mut self, into: &mut Vec<Said>) {
        self.0.said(std::iter::once(into));
    }
}
