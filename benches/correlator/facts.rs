//! What everybody is told about an estate: which checks each thing that can fail carries, and which agents are
//! known to be missing. Worked out once a trial from `Estate::path` and shared by the baselines and the score.
//!
//! Beside its probes, each practice has one more check: whether its agent is heard at all. It crosses what all
//! probes of the practice cross, and the monitor. So silence is evidence for everybody.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use linewatch::estate::{Estate, Hop, PracticeIx, ProbeIx, Vantage};
use linewatch::incident::Cause;
use linewatch::observation::HUB;
use linewatch::world::trials::Trial;

/// How far from the practice a thing stands; higher takes more practices with it. What an operator's rules call
/// a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Practice,
    Service,
    /// A component that some practices share: circuit, carrier, gateway, firewall, firmware, resolver.
    Component,
    Network,
    Monitor,
}

/// Something that can fail, or several things that carry exactly the same checks of agents that report, so that
/// nothing tells them apart.
#[derive(Debug)]
pub struct Candidate {
    pub causes: Vec<Cause>,
    pub level: Level,
    /// Flat positions: asker × slots + probe. Askers are the practices, and the hub last; the last slot is the
    /// agent's being heard.
    pub checks: Vec<u32>,
    /// Practices behind it, known-missing ones left out.
    pub practices: Vec<u32>,
    /// Its checks' longest step towards the far end: orders a tree of parents.
    pub depth: usize,
}

#[derive(Debug)]
pub struct Facts {
    pub estate: Arc<Estate>,
    pub missing: HashSet<usize>,
    pub candidates: Vec<Candidate>,
    /// By check: the candidates that it crosses.
    pub crossed: Vec<Vec<u32>>,
    /// Checks of one asker: the probes, and being heard.
    pub slots: usize,
    /// Practices, and the hub.
    pub askers: usize,
    /// The longest interval and time-out of any check, in milliseconds.
    pub every_ms: i64,
    pub timeout_ms: i64,
    /// By cause: practices behind it, known-missing ones included.
    behind: BTreeMap<Cause, Vec<u32>>,
    askers_by_id: HashMap<String, u32>,
    probes_by_id: HashMap<String, u32>,
}

impl Facts {
    pub fn new(trial: &Trial) -> Self {
        let estate = Arc::clone(&trial.estate);
        let probes = estate.probes.len();
        let practices = estate.practices.len();
        let missing: HashSet<usize> = trial.missing.iter().copied().collect();
        let slots = probes + 1;
        let mut carried: BTreeMap<Vec<Cause>, Carried> = BTreeMap::new();
        for asker in 0..=practices {
            let vantage = if asker < practices {
                Vantage::Practice(PracticeIx::new(asker))
            } else {
                Vantage::Hub
            };
            let mut paths: Vec<Vec<Hop>> =
                (0..probes).map(|probe| estate.path(vantage, ProbeIx::new(probe))).collect();
            if asker < practices {
                paths.push(heard_over(&paths));
            }
            for (slot, path) in paths.iter().enumerate() {
                let check = position(asker * slots + slot);
                for (depth, hop) in path.iter().enumerate() {
                    for cause in causes_of(&estate, hop) {
                        let at = carried.entry(vec![cause]).or_default();
                        at.level = Some(level_of(hop));
                        at.depth = at.depth.max(depth);
                        at.checks.push(check);
                        if asker < practices {
                            at.practices.insert(position(asker));
                        }
                    }
                }
            }
        }
        let behind = carried
            .iter()
            .map(|(causes, at)| {
                let mut practices: Vec<u32> = at.practices.iter().copied().collect();
                practices.sort_unstable();
                (causes[0].clone(), practices)
            })
            .collect();
        let candidates = group(carried, slots, &missing);
        let mut crossed = vec![Vec::new(); (practices + 1) * slots];
        for (ix, candidate) in candidates.iter().enumerate() {
            for check in &candidate.checks {
                crossed[*check as usize].push(position(ix));
            }
        }
        let millis = |length: std::time::Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 8);
        let mut askers_by_id: HashMap<String, u32> =
            estate.practices.iter().enumerate().map(|(ix, it)| (it.id.clone(), position(ix))).collect();
        askers_by_id.insert(HUB.to_owned(), position(practices));
        Self {
            missing,
            candidates,
            crossed,
            slots,
            askers: practices + 1,
            every_ms: estate.probes.iter().map(|probe| millis(probe.every)).max().unwrap_or(1),
            timeout_ms: estate.probes.iter().map(|probe| millis(probe.timeout)).max().unwrap_or(0),
            behind,
            askers_by_id,
            probes_by_id: estate
                .probes
                .iter()
                .enumerate()
                .map(|(ix, it)| (it.id.clone(), position(ix)))
                .collect(),
            estate,
        }
    }

    pub fn asker(&self, id: &str) -> Option<u32> {
        self.askers_by_id.get(id).copied()
    }

    pub fn probe(&self, id: &str) -> Option<u32> {
        self.probes_by_id.get(id).copied()
    }

    /// Practices behind a cause, known-missing ones included.
    pub fn behind(&self, cause: &Cause) -> &[u32] {
        self.behind.get(cause).map_or(&[], Vec::as_slice)
    }

    /// Agents that report.
    pub fn reporting(&self) -> usize {
        self.askers - 1 - self.missing.len()
    }

    /// Causes that carry exactly the same checks as this one, counting only agents that report.
    pub fn twins(&self, cause: &Cause) -> &[Cause] {
        self.candidates
            .iter()
            .find(|candidate| candidate.causes.contains(cause))
            .map_or(&[], |candidate| candidate.causes.as_slice())
    }
}

#[derive(Default)]
struct Carried {
    level: Option<Level>,
    depth: usize,
    checks: Vec<u32>,
    practices: HashSet<u32>,
}

/// A report gets out over any network, so it crosses only what all of them cross; and the hub.
fn heard_over(paths: &[Vec<Hop>]) -> Vec<Hop> {
    let (first, others) = match paths.split_first() {
        Some((first, others)) => (first.as_slice(), others),
        None => (&[] as &[Hop], paths),
    };
    let in_all = |hop: &&Hop| others.iter().all(|path| path.contains(hop));
    first.iter().filter(in_all).cloned().chain([Hop::Monitor]).collect()
}

/// What a step of a path can be blamed as: each of several spares by itself.
fn causes_of(estate: &Estate, hop: &Hop) -> Vec<Cause> {
    let cause = |kind: &str, id: &str| Cause { kind: kind.to_owned(), id: id.to_owned() };
    let component = |ix: linewatch::estate::ComponentIx| {
        let component = &estate.components[ix.at()];
        cause(&component.kind, &component.id)
    };
    match hop {
        Hop::Practice(ix) => vec![cause(Cause::PRACTICE, &estate.practices[ix.at()].id)],
        Hop::Component(ix) => vec![component(*ix)],
        Hop::AnyOf(several) => several.iter().map(|ix| component(*ix)).collect(),
        Hop::Network(ix) => vec![cause(Cause::NETWORK, &estate.networks[ix.at()].id)],
        Hop::Service(ix) => vec![cause(Cause::SERVICE, &estate.services[ix.at()].id)],
        Hop::Monitor => vec![cause(Cause::MONITOR, "hub")],
    }
}

fn level_of(hop: &Hop) -> Level {
    match hop {
        Hop::Practice(_) => Level::Practice,
        Hop::Component(_) | Hop::AnyOf(_) => Level::Component,
        Hop::Network(_) => Level::Network,
        Hop::Service(_) => Level::Service,
        Hop::Monitor => Level::Monitor,
    }
}

/// Merges what carries the same checks of agents that report, and drops what carries none.
fn group(carried: BTreeMap<Vec<Cause>, Carried>, slots: usize, missing: &HashSet<usize>) -> Vec<Candidate> {
    let mut by_checks: BTreeMap<Vec<u32>, Candidate> = BTreeMap::new();
    for (causes, at) in carried {
        let mut checks = at.checks;
        checks.retain(|check| !missing.contains(&(*check as usize / slots)));
        checks.sort_unstable();
        checks.dedup();
        let Some(level) = at.level.filter(|_| !checks.is_empty()) else { continue };
        let mut practices: Vec<u32> =
            at.practices.into_iter().filter(|ix| !missing.contains(&(*ix as usize))).collect();
        practices.sort_unstable();
        by_checks
            .entry(checks.clone())
            .and_modify(|known| {
                known.causes.extend(causes.iter().cloned());
                // A circuit that serves one practice is that practice's own.
                let practice = known.level == Level::Practice || level == Level::Practice;
                known.level = if practice { Level::Practice } else { known.level.max(level) };
                known.depth = known.depth.max(at.depth);
            })
            .or_insert(Candidate { causes, level, checks, practices, depth: at.depth });
    }
    by_checks.into_values().collect()
}

/// Positions in these lists stay far below four thousand million.
pub fn position(ix: usize) -> u32 {
    u32::try_from(ix).unwrap_or(u32::MAX)
}
