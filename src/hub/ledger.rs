//! The last result of each check with its times, for metrics and pages; and the changes from fine to failing
//! and back, for the store. Thirty-odd bytes a check, so that 75,000 of them are nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::estate::{Estate, PracticeIx, ProbeIx, Vantage};
use crate::observation::{Failure, HUB, Observation, PathSeen, Phase};
use crate::time::At;

/// The last results of one estate's checks. One writer, the pipeline; readers copy a row at a time, so that
/// nobody holds it for long.
#[derive(Debug)]
pub struct Ledger {
    probes: usize,
    /// The hub's row first, then a row for each practice; in a row a cell for each probe.
    cells: Mutex<Vec<Cell>>,
    /// By place among the cells: where a failing check's packets stopped. Few, as traces are.
    paths: Mutex<BTreeMap<usize, Arc<PathSeen>>>,
}

/// The last result of one check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// When it began; `None`: never asked.
    pub at: Option<At>,
    pub ok: bool,
    /// The whole check.
    pub seconds: f32,
    /// It failed when linewatch last ended: its first result is news either way, since nobody measured between.
    owed: bool,
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
    const EMPTY: Self = Self {
        at: None,
        ok: false,
        seconds: f32::NAN,
        owed: false,
        phases_seconds: [f32::NAN; Phase::ALL.len()],
    };

    /// Phases that were reached, with their seconds.
    pub fn phases(&self) -> impl Iterator<Item = (Phase, f32)> + '_ {
        Phase::ALL.into_iter().zip(self.phases_seconds).filter(|(_, seconds)| seconds.is_finite())
    }
}

impl Ledger {
    pub fn new(estate: &Estate) -> Self {
        let cells = (estate.practices.len() + 1) * estate.probes.len();
        Self {
            probes: estate.probes.len(),
            cells: Mutex::new(vec![Cell::EMPTY; cells]),
            paths: Mutex::default(),
        }
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
        let (paths_before, mut paths_after) = (self.lock_paths(), next.lock_paths());
        let rows =
            std::iter::once(Some(0)).chain(to.practices.iter().map(|p| practices.get(&*p.id).copied()));
        for (row, old_row) in rows.enumerate() {
            for (column, old_column) in probes.iter().enumerate() {
                if let (Some(old_row), Some(old_column)) = (old_row, old_column) {
                    let old = old_row * self.probes + old_column.at();
                    after[row * next.probes + column] = before[old];
                    let path = paths_before.get(&old).cloned();
                    paths_after.extend(path.map(|path| (row * next.probes + column, path)));
                }
            }
        }
        drop((before, after, paths_before, paths_after));
        next
    }

    /// These checks, by practice and probe, failed when linewatch last ended.
    pub fn owe(&self, estate: &Estate, failing: &[(String, String)]) {
        let practices: HashMap<&str, usize> = estate
            .practices
            .iter()
            .enumerate()
            .map(|(row, practice)| (practice.id.as_str(), row + 1))
            .collect();
        let mut cells = self.lock();
        for (practice, probe) in failing {
            let row = if practice == HUB { Some(0) } else { practices.get(&**practice).copied() };
            let place = row.zip(estate.probe(probe)).map(|(row, probe)| row * self.probes + probe.at());
            if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
                cell.owed = true;
            }
        }
    }

    /// Enters a result.
    pub fn enter(&self, from: Vantage, probe: ProbeIx, seen: &Observation) -> Entered {
        // What is late has no result yet.
        if seen.failure == Some(Failure::Local) || seen.late {
            return Entered::Ignored;
        }
        let mut cells = self.lock();
        let place = row_of(from) * self.probes + probe.at();
        let Some(cell) = cells.get_mut(place) else {
            return Entered::Ignored;
        };
        if cell.at.is_some_and(|at| at > seen.at) {
            return Entered::Ignored;
        }
        let turned = if cell.at.is_some() { cell.ok != seen.ok } else { !seen.ok || cell.owed };
        *cell = Cell {
            at: Some(seen.at),
            ok: seen.ok,
            seconds: seconds(seen.ms),
            owed: false,
            phases_seconds: Phase::ALL.map(|phase| seen.phases_ms.get(phase).map_or(f32::NAN, seconds)),
        };
        if turned || seen.path.is_some() {
            let mut paths = self.lock_paths();
            match &seen.path {
                Some(path) if !seen.ok => drop(paths.insert(place, Arc::new(path.clone()))),
                _ => drop(paths.remove(&place)),
            }
        }
        if turned { Entered::Turned } else { Entered::Same }
    }

    /// Where a failing check's packets stopped, as last traced.
    pub fn path(&self, from: Vantage, probe: ProbeIx) -> Option<Arc<PathSeen>> {
        self.lock_paths().get(&(row_of(from) * self.probes + probe.at())).cloned()
    }

    /// A copy of one asker's row, a cell for each probe.
    pub fn row(&self, from: Vantage) -> Vec<Cell> {
        let start = row_of(from) * self.probes;
        self.lock().get(start..start + self.probes).map(<[Cell]>::to_vec).unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Cell>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_paths(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Arc<PathSeen>>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::agent::workers::blank;
    use crate::estate::{Ask, HostPort, Icb, Network, NetworkIx, Practice, Probe, TcpAsk};
    use std::time::Duration;

    const START: At = At::from_millis(1_700_000_000_000);
    const WEB: ProbeIx = ProbeIx(0);
    const FIRST: Vantage = Vantage::Practice(PracticeIx(0));

    pub fn estate(practices: &[&str], probes: &[&str]) -> Estate {
        let practice = |id: &&str| Practice {
            id: (*id).to_owned(),
            name: String::new(),
            postcode: None,
            list_size: None,
            email: Vec::new(),
            source: None,
            via: Vec::new(),
            through: Vec::new(),
        };
        let probe = |id: &&str| Probe {
            id: (*id).to_owned(),
            network: NetworkIx(0),
            service: None,
            every: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            also: Vec::new(),
            resolver: None,
            ask: Ask::Tcp(TcpAsk::to(HostPort { host: "127.0.0.1".into(), port: 9 })),
        };
        Estate {
            icb: Icb { code: "QKS".into(), name: "Kent".into(), timezone: jiff::tz::TimeZone::UTC },
            components: Vec::new(),
            networks: vec![Network { id: "internet".into(), name: String::new(), through: Vec::new() }],
            services: Vec::new(),
            probes: probes.iter().map(probe).collect(),
            practices: practices.iter().map(practice).collect(),
            hub_via: Vec::new(),
        }
    }

    fn seen(after_ms: i64, failure: Option<Failure>) -> Observation {
        let mut seen = blank(START.plus_millis(after_ms), "G82002", "web");
        seen.ok = failure.is_none();
        seen.failure = failure;
        seen.ms = 250.0;
        seen.phases_ms.set(Phase::Connect, 200.0);
        seen
    }

    #[test]
    fn a_check_turns_when_it_fails_first_and_when_it_changes() {
        let ledger = Ledger::new(&estate(&["G82002"], &["web"]));
        assert_eq!(ledger.enter(FIRST, WEB, &seen(0, None)), Entered::Same, "fine is no news");
        assert_eq!(ledger.enter(FIRST, WEB, &seen(1, Some(Failure::Timeout))), Entered::Turned);
        assert_eq!(ledger.enter(FIRST, WEB, &seen(2, Some(Failure::Refused))), Entered::Same);
        assert_eq!(ledger.enter(FIRST, WEB, &seen(3, None)), Entered::Turned);
        assert_eq!(ledger.enter(Vantage::Hub, WEB, &seen(3, Some(Failure::Timeout))), Entered::Turned);
        let cell = ledger.row(FIRST)[0];
        assert!(cell.ok && (cell.seconds - 0.25).abs() < 1e-6);
        assert_eq!(cell.phases().collect::<Vec<_>>(), [(Phase::Connect, 0.2)]);
    }

    #[test]
    fn the_first_result_after_a_restart_is_news_where_the_last_one_before_it_was_a_failure() {
        let estate = estate(&["G82002"], &["web", "dns"]);
        let ledger = Ledger::new(&estate);
        let failing = [("G82002", "web"), ("G82009", "web"), ("G82002", "gone")];
        ledger.owe(&estate, &failing.map(|(practice, probe)| (practice.to_owned(), probe.to_owned())));
        assert_eq!(ledger.enter(FIRST, WEB, &seen(0, None)), Entered::Turned);
        assert_eq!(ledger.enter(FIRST, WEB, &seen(1, None)), Entered::Same);
        assert_eq!(ledger.enter(FIRST, ProbeIx(1), &seen(0, None)), Entered::Same);
    }

    #[test]
    fn a_check_that_is_late_has_not_turned() {
        let ledger = Ledger::new(&estate(&["G82002"], &["web"]));
        assert_eq!(ledger.enter(FIRST, WEB, &seen(0, None)), Entered::Same);
        let late = Observation { late: true, reask: true, ..seen(500, Some(Failure::TooSlow)) };
        assert_eq!(ledger.enter(FIRST, WEB, &late), Entered::Ignored);
        assert!(ledger.row(FIRST)[0].ok);
        // It was asked before the one that is late, and answers after it.
        assert_eq!(ledger.enter(FIRST, WEB, &seen(1, None)), Entered::Same);
    }

    #[test]
    fn a_path_stands_until_the_check_is_fine_again() {
        let estate = estate(&["G82002"], &["web"]);
        let ledger = Ledger::new(&estate);
        let mut traced = seen(1, Some(Failure::Timeout));
        traced.path = Some(crate::probe::path::unknown("no permission"));
        ledger.enter(FIRST, WEB, &traced);
        ledger.enter(FIRST, WEB, &seen(2, Some(Failure::Timeout)));
        let ledger = ledger.carried_over(&estate, &estate);
        assert_eq!(ledger.path(FIRST, WEB).as_deref(), traced.path.as_ref());
        assert_eq!(ledger.path(Vantage::Hub, WEB), None);
        ledger.enter(FIRST, WEB, &seen(3, None));
        assert_eq!(ledger.path(FIRST, WEB), None);
    }

    #[test]
    fn this_machines_own_fault_and_old_news_change_nothing() {
        let ledger = Ledger::new(&estate(&["G82002"], &["web"]));
        ledger.enter(FIRST, WEB, &seen(10, None));
        assert_eq!(ledger.enter(FIRST, WEB, &seen(20, Some(Failure::Local))), Entered::Ignored);
        assert_eq!(ledger.enter(FIRST, WEB, &seen(5, Some(Failure::Timeout))), Entered::Ignored);
        let nowhere = Vantage::Practice(PracticeIx(7));
        assert_eq!(ledger.enter(nowhere, WEB, &seen(20, None)), Entered::Ignored);
        assert_eq!(ledger.row(FIRST)[0].at, Some(START.plus_millis(10)));
    }

    #[test]
    fn another_estate_keeps_what_both_have_wherever_it_now_stands() {
        let before = estate(&["G82002", "G82003"], &["web", "dns"]);
        let ledger = Ledger::new(&before);
        ledger.enter(Vantage::Practice(PracticeIx(1)), ProbeIx(1), &seen(1, None));
        ledger.enter(Vantage::Hub, ProbeIx(0), &seen(2, None));
        let after = estate(&["G82009", "G82003"], &["dns", "new", "web"]);
        let ledger = ledger.carried_over(&before, &after);
        let known =
            |from: Vantage| -> Vec<bool> { ledger.row(from).iter().map(|cell| cell.at.is_some()).collect() };
        assert_eq!(known(Vantage::Practice(PracticeIx(1))), [true, false, false]);
        assert_eq!(known(Vantage::Practice(PracticeIx(0))), [false, false, false], "a new practice");
        assert_eq!(known(Vantage::Hub), [false, false, true]);
    }
}
