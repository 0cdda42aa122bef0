//! What everybody is told about an estate: which checks each thing that can fail carries, and which agents are
//! known to be missing. Worked out once a trial from `Estate::path` and shared by the baselines and the score.
//!
//! Beside its probes, each practice has one more check: whether its agent is heard at all. It crosses what all
//! probes of the practice cross, and the monitor. So silence is evidence for everybody.

use std::collections::btree_map::Entry;
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
    /// A service, or a component that is asked for at the far end, such as a resolver.
    Service,
    /// A component that some practices share: circuit, carrier, gateway, firewall, firmware.
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
    /// By service: its probes.
    probes_of: BTreeMap<Cause, Vec<u32>>,
    askers_by_id: HashMap<String, u32>,
    probes_by_id: HashMap<String, u32>,
}

impl Facts {
    pub fn new(trial: &Trial) -> Self {
        let estate = Arc::clone(&trial.estate);
        let probes = estate.probes.len();
        let practices = estate.practices.len();
        let slots = probes + 1;
        let missing: HashSet<usize> = trial.missing.iter().copied().collect();
        let mut carried = Carried::default();
        // Practices that name the same components differ in the first step of their paths alone.
        let mut routes: HashMap<_, Vec<Vec<Step>>> = HashMap::new();
        for (asker, practice) in estate.practices.iter().enumerate() {
            let names = (practice.via.as_slice(), practice.through.as_slice());
            let routes = routes.entry(names).or_insert_with(|| {
                let vantage = Vantage::Practice(PracticeIx::new(asker));
                let mut paths: Vec<Vec<Hop>> =
                    (0..probes).map(|probe| estate.path(vantage, ProbeIx::new(probe))).collect();
                paths.push(heard_over(&paths));
                paths.iter().map(|path| carried.steps(&estate, &path[1..])).collect()
            });
            let own = Cause { kind: Cause::PRACTICE.to_owned(), id: practice.id.clone() };
            let own = carried.thing(own, Level::Practice);
            for (slot, steps) in routes.iter().enumerate() {
                let check = position(asker * slots + slot);
                carried.cross(Step { thing: own, depth: 0 }, check, Some(asker));
                for step in steps {
                    carried.cross(*step, check, Some(asker));
                }
            }
        }
        for probe in 0..probes {
            let path = estate.path(Vantage::Hub, ProbeIx::new(probe));
            for step in carried.steps(&estate, &path) {
                carried.cross(step, position(practices * slots + probe), None);
            }
        }
        let things = carried.things;
        let behind = things.iter().map(|thing| (thing.cause.clone(), thing.practices.clone())).collect();
        let candidates = group(things, slots, &missing);
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
            probes_of: probes_of(&estate),
            askers_by_id,
            probes_by_id: estate
                .probes
                .iter()
                .enumerate()
                .map(|(ix, it)| (it.id.clone(), position(ix)))
                .collect(),
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

    /// Probes of a service.
    pub fn probes_of(&self, service: &Cause) -> &[u32] {
        self.probes_of.get(service).map_or(&[], Vec::as_slice)
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

fn probes_of(estate: &Estate) -> BTreeMap<Cause, Vec<u32>> {
    let mut probes: BTreeMap<Cause, Vec<u32>> = BTreeMap::new();
    for (ix, probe) in estate.probes.iter().enumerate() {
        if let Some(service) = probe.service {
            let id = estate.services[service.at()].id.clone();
            probes.entry(Cause { kind: Cause::SERVICE.to_owned(), id }).or_default().push(position(ix));
        }
    }
    probes
}

/// One step of a path: what is crossed, and how far out.
#[derive(Debug, Clone, Copy)]
struct Step {
    thing: usize,
    depth: usize,
}

/// Something with a name, and all that crosses it.
struct Thing {
    cause: Cause,
    level: Level,
    depth: usize,
    checks: Vec<u32>,
    practices: Vec<u32>,
}

#[derive(Default)]
struct Carried {
    things: Vec<Thing>,
    by_cause: HashMap<Cause, usize>,
}

impl Carried {
    fn thing(&mut self, cause: Cause, level: Level) -> usize {
        if let Some(known) = self.by_cause.get(&cause) {
            return *known;
        }
        let new = self.things.len();
        self.by_cause.insert(cause.clone(), new);
        self.things.push(Thing { cause, level, depth: 0, checks: Vec::new(), practices: Vec::new() });
        new
    }

    fn steps(&mut self, estate: &Estate, hops: &[Hop]) -> Vec<Step> {
        let mut steps = Vec::with_capacity(hops.len());
        for (depth, hop) in hops.iter().enumerate() {
            for cause in causes_of(estate, hop) {
                steps.push(Step { thing: self.thing(cause, level_of(estate, hop)), depth: depth + 1 });
            }
        }
        steps
    }

    fn cross(&mut self, step: Step, check: u32, practice: Option<usize>) {
        let thing = &mut self.things[step.thing];
        thing.depth = thing.depth.max(step.depth);
        // Askers come in order, so what is already there stands last.
        if thing.checks.last() != Some(&check) {
            thing.checks.push(check);
        }
        if let Some(practice) = practice.map(position)
            && thing.practices.last() != Some(&practice)
        {
            thing.practices.push(practice);
        }
    }
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

fn level_of(estate: &Estate, hop: &Hop) -> Level {
    match hop {
        Hop::Practice(_) => Level::Practice,
        Hop::Component(ix)
            if estate.probes.iter().any(|probe| probe.resolver == Some(*ix) || probe.also.contains(ix)) =>
        {
            Level::Service
        }
        Hop::Component(_) | Hop::AnyOf(_) => Level::Component,
        Hop::Network(_) => Level::Network,
        Hop::Service(_) => Level::Service,
        Hop::Monitor => Level::Monitor,
    }
}

/// Merges what carries the same checks of agents that report, and drops what carries none.
fn group(things: Vec<Thing>, slots: usize, missing: &HashSet<usize>) -> Vec<Candidate> {
    let mut by_checks: BTreeMap<Vec<u32>, Candidate> = BTreeMap::new();
    for Thing { cause, level, depth, mut checks, mut practices } in things {
        checks.retain(|check| !missing.contains(&(*check as usize / slots)));
        practices.retain(|ix| !missing.contains(&(*ix as usize)));
        if checks.is_empty() {
            continue;
        }
        match by_checks.entry(checks) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.causes.push(cause);
                // A circuit that serves one practice is that practice's own.
                let practice = known.level == Level::Practice || level == Level::Practice;
                known.level = if practice { Level::Practice } else { known.level.max(level) };
                known.depth = known.depth.max(depth);
            }
            Entry::Vacant(new) => {
                let checks = new.key().clone();
                new.insert(Candidate { causes: vec![cause], level, checks, practices, depth });
            }
        }
    }
    by_checks.into_values().collect()
}

/// Positions in these lists stay far below four thousand million.
pub fn position(ix: usize) -> u32 {
    u32::try_from(ix).unwrap_or(u32::MAX)
}
