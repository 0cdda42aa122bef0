//! What there is to explain: the rows of which something bad counts, and what each of them shows.
//!
//! A row in which bad luck alone would explain what is bad is *slight*: its bad results are weighed one by one, its
//! good ones stay in the tallies, and no state of its own is worked out. All others are *hot*: each of their answers
//! is weighed, beside the ways in which such a row fails on its own.

use super::super::evidence::{Check, Evidence};
use super::super::model::{LOSSY, Own, own_prior};
use super::super::own::{Dirty, Looks};
use super::super::tallies::Grid;
use super::super::topology::{ProbeFacts, Row, Topology};
use super::super::window::{Piece, Pieces};
use super::Known;
use crate::time::At;

/// A row whose bad luck would cost less than this (in nats) has had bad luck: no state of its own could explain
/// it better.
const SLIGHT: f64 = 7.5;

/// … and one whose bad luck would cost more than this is looked at whatever it looks like.
const HARD: f64 = 30.0;
/// A row's own failure that is less likely than bad luck by so much (nats) isn't worked out.
const OWN_SLACK: f64 = 4.0;

/// A bad result of a slight row.
#[derive(Debug, Clone, Copy)]
pub struct Slight {
    pub row: Row,
    pub piece: Piece,
    /// Nothing of its row answered on its network since: what is dead looks like that at first.
    pub last_word: bool,
}

/// What there is to explain.
#[derive(Debug, Default)]
pub struct Look {
    /// In order of rows and probes.
    pub slight: Vec<Slight>,
    /// In order of rows.
    pub hot: Vec<Dirty>,
}

/// Looks at every row of which something bad counts, and sorts the slight from the hot.
pub fn look(topology: &Topology, evidence: &mut Evidence, now: At, known: &Known) -> Look {
    let looks = Looks::new();
    let mut found = Look::default();
    let watched = evidence.watched(topology, now);
    let grid = Grid::new(now, &evidence.calm);
    for row in watched {
        let told = known.rows.binary_search(&row).is_ok();
        let begin = found.slight.len();
        let first = topology.check(row, 0);
        let mut cost = 0.0;
        let checks = &evidence.checks[first..first + topology.probes.len()];
        for ((check, facts), probe) in checks.iter().zip(&topology.probes).zip(0..) {
            if !check.any_bad() {
                continue;
            }
            let pieces = Pieces::of(check, now, (probe, facts), &looks.luck, &grid);
            for piece in pieces.as_slice().iter().filter(|piece| piece.class.bad()) {
                cost -= piece.luck;
                found.slight.push(Slight { row, piece: *piece, last_word: false });
            }
        }
        let late = evidence.hearings[row as usize].late;
        let odd =
            cost > SLIGHT && (cost > HARD || looks_own(topology, evidence, row, &found.slight[begin..], now));
        let hot = late || cost > 0.0 && (told || odd);
        evidence.set_hot(topology, row, hot);
        if hot {
            found.slight.truncate(begin);
            found.hot.extend(Dirty::of(row, topology, evidence, now, &looks, &grid, told));
            continue;
        }
        for slight in &mut found.slight[begin..] {
            let network = topology.probes[slight.piece.probe as usize].network;
            let checks = evidence.checks[first..].iter().zip(&topology.probes);
            let answered = |(check, facts): (&Check, &ProbeFacts)| {
                facts.network == network
                    && check.recent().any(|(at, class)| !class.bad() && at > slight.piece.from)
            };
            slight.last_word = !checks.into_iter().any(answered);
        }
    }
    found
}

/// Whether a failure of the row's own could explain what is bad there: roughly, as a line that loses 40 %.
fn looks_own(topology: &Topology, evidence: &Evidence, row: Row, bad: &[Slight], now: At) -> bool {
    (0..topology.networks).any(|network| {
        let on = |probe: usize| topology.probes[probe].network == network;
        let bad = || bad.iter().filter(|bad| on(bad.piece.probe as usize)).map(|bad| &bad.piece);
        let Some(since) = bad().map(|piece| piece.from).min() else { return false };
        let begin =
            since.max(now.plus_millis(-topology.probes.iter().map(ProbeFacts::lag_ms).max().unwrap_or(0)));
        let first = topology.check(row, 0);
        let good: usize = (0..topology.probes.len())
            .filter(|probe| on(*probe))
            .map(|probe| {
                let recent = evidence.checks[first + probe].recent();
                recent.filter(|(at, class)| *at >= begin && !class.bad()).count()
            })
            .sum();
        let explained: f64 = bad().map(|piece| LOSSY.ln() - piece.luck).sum();
        explained + good as f64 * (1.0 - LOSSY).ln() + own_prior(Own::Lossy(network)) > -OWN_SLACK
    })
}
