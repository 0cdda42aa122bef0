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

/// A method, and how sure it may be: the share of its events that came true on the tuning seeds, for none of the
/// six works out a probability of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuned {
    pub method: Method,
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

/// A baseline at work on one estate.
#[derive(Debug)]
pub struct Baseline {
    tuned: Tuned,
    board: Board,
    teller: Teller,
    next: Option<At>,
    step_ms: i64,
    hold_ms: i64,
    keep_ms: i64,
}

impl Baseline {
    pub fn new(facts: &Arc<Facts>, tuned: Tuned) -> Self {
        let (hold, keep) = tuned.method.hold_and_keep();
        #[expect(clippy::cast_possible_truncation, reason = "a few intervals")]
        let ms = |intervals: f64| (intervals * facts.every_ms as f64) as i64;
        Self {
            tuned,
            board: Board::new(facts),
            teller: Teller::default(),
            next: None,
            step_ms: (facts.every_ms / STEPS_AN_INTERVAL).max(1),
            hold_ms: ms(hold),
            keep_ms: ms(keep),
        }
    }

    fn step(&mut self, now: At) {
        self.board.look(now, self.tuned.method.window());
        if self.board.bad.is_empty() && self.teller.is_idle() {
            return;
        }
        let board = &self.board;
        let firing = match self.tuned.method {
            Method::Ratio(it) => it.judge(board, self.hold_ms),
            Method::Rules(it) => it.judge(board, board.facts.every_ms as f64),
            Method::Parents(it) => it.judge(board),
            Method::Score(it) => it.judge(board, self.hold_ms),
            Method::Votes(it) => it.judge(board, self.hold_ms),
            Method::Flock(it) => it.judge(board, self.hold_ms),
        };
        self.teller.tell(now, &firing, self.keep_ms, self.tuned.probability, &board.facts);
    }
}

impl Diagnoser for Baseline {
    fn advance(&mut self, at: At) {
        // The first step comes with the first observation.
        let mut next = self.next.unwrap_or(at);
        while next <= at {
            self.step(next);
            next = next.plus_millis(self.step_ms);
        }
        self.next = Some(next);
    }

    fn observe(&mut self, at: At, seen: &Observation, place: Place) {
        self.board.take(at, seen, place);
    }

    fn said(&mut self, into: &mut Vec<Said>) {
        self.teller.drain(into);
    }
}
