//! What there is to explain: the rows of which something bad counts, and what each of them shows.
//!
//! A row in which bad luck alone would explain what is bad is *slight*: its bad results are weighed one by one, its
//! good ones stay in the tallies, and no state of its own is worked out. All others are *hot*: each of their answers
//! is weighed, beside the ways in which such a row fails on its own.

use super::super::evidence::Evidence;
use super::super::model::Luck;
use super::super::own::Dirty;
use super::super::topology::{Row, Topology};
use super::super::window::{Piece, Pieces};
use super::Known;
use crate::time::At;

/// A row whose bad luck would cost less than this (in nats) has had bad luck: no state of its own could explain
/// it better.
const SLIGHT: f64 = 7.5;

/// A bad result of a slight row.
#[derive(Debug, Clone, Copy)]
pub struct Slight {
    pub row: Row,
    pub probe: u32,
    pub piece: Piece,
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
    let luck = Luck::new();
    let mut found = Look::default();
    for row in evidence.watched(topology, now) {
        let told = known.rows.binary_search(&row).is_ok();
        let begin = found.slight.len();
        let first = topology.check(row, 0);
        let mut cost = 0.0;
        for (probe, facts) in topology.probes.iter().enumerate() {
            let check = &evidence.checks[first + probe];
            if !check.any_bad() {
                continue;
            }
            let pieces = Pieces::of(check, now, facts, &luck);
            for piece in pieces.as_slice().iter().filter(|piece| piece.class.bad()) {
                cost -= piece.luck;
                let probe = crate::estate::ProbeIx::new(probe).0;
                found.slight.push(Slight { row, probe, piece: *piece });
            }
        }
        let late = evidence.hearings[row as usize].late;
        let hot = (late || told || cost > SLIGHT) && (late || cost > 0.0);
        evidence.set_hot(topology, row, hot);
        if hot {
            found.slight.truncate(begin);
            found.hot.extend(Dirty::of(row, topology, evidence, now, &luck, told));
        }
    }
    found
}
