//! The last result of each check with its times, for metrics and pages; and the changes from fine to failing
//! and back, for the store. Thirty-odd bytes a check, so that 75,000 of them are nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::estate::{Estate, PracticeIx, ProbeIx, Vantage};
use crate::observation::{Failure, Observation, Phase};
use crate::time::At;

/// The last results of one estate's checks. One writer, the pipeline; readers copy a row at a time, so that
/// nobody holds it for long.
#[derive(Debug)]
pub struct Ledger {
    probes: usize,
    /// The hub's row first, then a row for each practice; in a row a cell for each probe.
    cells: Mutex<Vec<Cell>>,
}

/// The last result of one check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// When it began; `None`: never asked.
    pub at: Option<At>,
    pub ok: bool,
    /// The whole check.
    pub seconds: f32,
    /// By phase, in the order of [`Phase::ALL`]; NaN: not reached.
    phases_seconds: [f32; Phase::ALL.len()],
}

/// What a new result is beside the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    Same,
    /// From fine to failing or back, or failing at the first asking.
    Turned,
    /// Older than what is known already, or this machine's own fault: it says nothing about the check.
    Ignored,
}

impl Cell {
    const EMPTY: Self =
        Self { at: None, ok: false, seconds: f32::NAN, phases_seconds: [f32::NAN; Phase::ALL.len()] };

    /// Phases that were reached, with their seconds.
    pub fn phases(&self) -> impl Iterator<Item = (Phase, f32)> + '_ {
        Phase::ALL.into_iter().zip(self.phases_seconds).filter(|(_, seconds)| seconds.is_finite())
    }
}

impl Ledger {
    pub fn new(estate: &Estate) -> Self {
        let cells = (estate.practices.len() + 1) * estate.probes.len();
        Self { probes: estate.probes.len(), cells: Mutex::new(vec![Cell::EMPTY; cells]) }
    }

    /// The ledger of another estate, with what both know.
    pub fn carried_over(&self, from: &Estate, to: &Estate) -> Self {
        let next = Self::new(to);
        let practices: HashMap<&str, usize> = from
            .practices
            .iter()
            .enumerate()
            .map(|(row, practice)| (practice.id.as_str(), row + 1))
            .collect();
        let probes: Vec<Option<ProbeIx>> = to.probes.iter().map(|probe| from.probe(&probe.id)).collect();
        let before = self.lock();
        let mut after = next.lock();
        let rows =
            std::iter::once(Some(0)).chain(to.practices.iter().map(|p| practices.get(&*p.id).copied()));
        for (row, old_row) in rows.enumerate() {
            for (column, old_column) in probes.iter().enumerate() {
                if let (Some(old_row), Some(old_column)) = (old_row, old_column) {
                    let old = old_row * self.probes + old_column.at();
                    after[row * next.probes + column] = before[old];
                }
            }
        }
        drop((before, after));
        next
    }

    /// Enters a result.
    pub fn enter(&self, from: Vantage, probe: ProbeIx, seen: &Observation) -> Entered {
        if seen.failure == Some(Failure::Local) {
            return Entered::Ignored;
        }
        let mut cells = self.lock();
        let Some(cell) = cells.get_mut(row_of(from) * self.probes + probe.at()) else {
            return Entered::Ignored;
        };
        if cell.at.is_some_and(|at| at > seen.at) {
            return Entered::Ignored;
        }
        let turned = if cell.at.is_some() { cell.ok != seen.ok } else { !seen.ok };
        *cell = Cell {
            at: Some(seen.at),
            ok: seen.ok,
            seconds: seconds(seen.ms),
            phases_seconds: Phase::ALL.map(|phase| seen.phases_ms.get(phase).map_or(f32::NAN, seconds)),
        };
        if turned { Entered::Turned } else { Entered::Same }
    }

    /// A copy of one asker's row, a cell for each probe.
    pub fn row(&self, from: Vantage) -> Vec<Cell> {
        let start = row_of(from) * self.probes;
        self.lock().get(start..start + self.probes).map(<[Cell]>::to_vec).unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Cell>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn row_of(from: Vantage) -> usize {
    match from {
        Vantage::Hub => 0,
        Vantage::Practice(PracticeIx(row)) => row as usize + 1,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are more than a network's time is worth")]
fn seconds(ms: f64) -> f32 {
    (ms / 1000.0) as f32
}
