//! What a trial's incidents are judged by: what really broke, when, and what nobody could tell from it.

use std::collections::BTreeMap;

use super::story::{Plot, named};
use crate::estate::{Estate, Hop, NetworkIx, PracticeIx, Probe, ProbeIx, RoleUse, Vantage};
use crate::incident::Cause;
use crate::time::At;
use crate::world::crossings::{feels, stops_reports};
use crate::world::faults::World;
use crate::world::scenario::{Fault, Mode, Target};

/// Something that really broke.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// What an incident must name: a component, network, service, monitor or practice of the told estate.
    pub cause: Cause,
    /// Other causes that no check of the told estate tells from it ("up to ambiguity"), in the order of their
    /// kinds and ids. Contains not `cause` itself. Of practices without a common cause: the others of them.
    pub same: Vec<Cause>,
    pub kind: Kind,
    /// When it first hits anybody.
    pub since: At,
    /// From when on it hits nobody.
    pub until: At,
    /// Positions of the practices that it really hits, those that never report included. Empty for the monitor,
    /// whose failure hits none.
    pub practices: Vec<usize>,
}

/// What is right to say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A shared fault: one incident must name it.
    Shared,
    /// A practice's own: one incident must name the practice.
    Practice,
    /// Nothing that a told component can be blamed for (a regional power cut, a hidden group): practices' own
    /// incidents are right, a shared cause is false.
    Unmapped,
    /// Too slight for an incident (a chronic flaky line): any incident is false.
    Slight,
}

/// What the operator knows, and who is there to tell more.
pub(super) struct Known<'a> {
    /// The estate as it is told.
    pub told: &'a Estate,
    /// By practice: whether its agent ever reports.
    pub reports: &'a [bool],
    /// Whether the hub asks too.
    pub hub: bool,
}

impl Known<'_> {
    /// A plot as it went in this world, whose end is `end`; `None`: it hit nobody.
    pub(super) fn truth(&self, plot: &Plot, faults: &[Fault], world: &World, end: At) -> Option<Truth> {
        let mut practices = Vec::new();
        let mut span: Option<(At, At)> = None;
        for position in &plot.faults {
            let (since, until, hit) = world.reach(*position)?;
            let until = until.unwrap_or(end).min(end);
            practices.extend(hit);
            span = Some(span.map_or((since, until), |(a, b)| (a.min(since), b.max(until))));
        }
        practices.sort_unstable();
        practices.dedup();
        let (since, until) = span?;
        let own: Vec<&Fault> = plot.faults.iter().filter_map(|n| faults.get(*n)).collect();
        let same = if plot.kind == Kind::Unmapped {
            let others = plot.group.iter().map(|id| named(Cause::PRACTICE, id));
            others.filter(|other| *other != plot.cause).collect()
        } else {
            self.same(&plot.cause, &own)
        };
        Some(Truth { cause: plot.cause.clone(), same, kind: plot.kind, since, until, practices })
    }

    /// The causes that the same checks cross, of the checks that such a fault shows in and that report. A fault
    /// that cuts its practices off shows as their silence, beside what the hub asks itself.
    fn same(&self, cause: &Cause, faults: &[&Fault]) -> Vec<Cause> {
        let silences = faults.iter().any(|fault| self.silences(fault));
        let mut tally = Tally { cause, known: self, seen: BTreeMap::new(), checks: 0 };
        for (row, _) in self.reports.iter().enumerate().filter(|(_, reports)| **reports) {
            let practice = PracticeIx::new(row);
            if silences {
                tally.add(&self.arrival(practice));
            } else {
                self.asked(Vantage::Practice(practice), faults, &mut tally);
            }
        }
        if self.hub && silences {
            for n in 0..self.told.probes.len() {
                tally.add(&self.told.path(Vantage::Hub, ProbeIx::new(n)));
            }
        } else if self.hub {
            self.asked(Vantage::Hub, faults, &mut tally);
        }
        let is_about_names = faults.iter().all(|fault| matches!(fault.mode, Mode::Dns(_)));
        tally.equals(is_about_names)
    }

    /// Adds the checks of this asker that such faults show in.
    fn asked(&self, from: Vantage, faults: &[&Fault], tally: &mut Tally<'_>) {
        for (n, probe) in self.told.probes.iter().enumerate() {
            if faults.iter().any(|fault| self.shows(fault, probe)) {
                tally.add(&self.told.path(from, ProbeIx::new(n)));
            }
        }
    }

    fn shows(&self, fault: &Fault, probe: &Probe) -> bool {
        let network = &self.told.networks[probe.network.at()].id;
        feels(probe, fault.mode)
            && fault.only_network.as_ref().is_none_or(|only| only == network)
            && (fault.only_probes.is_empty() || fault.only_probes.contains(&probe.id))
    }

    /// Whether a fault keeps reports from arriving, over any network.
    fn silences(&self, fault: &Fault) -> bool {
        if fault.mode == Mode::Off {
            return true;
        }
        if !stops_reports(fault) || fault.only_network.is_some() {
            return false;
        }
        match &fault.target {
            Target::Practices(_) | Target::Hub => true,
            Target::Component(id) => self.told.component(id).is_some_and(|ix| {
                (0..self.told.practices.len())
                    .any(|row| self.arrival(PracticeIx::new(row)).contains(&Hop::Component(ix)))
            }),
            Target::Service(_) | Target::Network(_) => false,
        }
    }

    /// What no report of a practice gets round: what its traffic crosses on every network.
    fn arrival(&self, practice: PracticeIx) -> Vec<Hop> {
        let from = &self.told.practices[practice.at()];
        let networks = || (0..self.told.networks.len()).map(NetworkIx::new);
        let is_on_all = |used: &&RoleUse| {
            networks().all(|network| self.told.crossed(from, network).any(|other| other == *used))
        };
        let crossed = from.via.iter().filter(is_on_all).chain(self.told.shared_risks(from));
        let mut path: Vec<Hop> = crossed
            .map(|used| match used.any.as_slice() {
                [one] => Hop::Component(*one),
                several => Hop::AnyOf(several.to_vec()),
            })
            .collect();
        path.push(Hop::Practice(practice));
        path.push(Hop::Monitor);
        path
    }

    fn cause(&self, hop: &Hop) -> Cause {
        match hop {
            Hop::Practice(ix) => named(Cause::PRACTICE, &self.told.practices[ix.at()].id),
            Hop::Component(ix) => {
                let component = &self.told.components[ix.at()];
                named(&component.kind, &component.id)
            }
            Hop::Network(ix) => named(Cause::NETWORK, &self.told.networks[ix.at()].id),
            Hop::Service(ix) => named(Cause::SERVICE, &self.told.services[ix.at()].id),
            Hop::Monitor | Hop::AnyOf(_) => named(Cause::MONITOR, "hub"),
        }
    }
}

/// How many checks cross what, and how many of those cross the cause too.
struct Tally<'a> {
    cause: &'a Cause,
    known: &'a Known<'a>,
    /// All crossings, and those by checks that cross the cause.
    seen: BTreeMap<Hop, (u32, u32)>,
    /// Checks that cross the cause.
    checks: u32,
}

impl Tally<'_> {
    fn add(&mut self, path: &[Hop]) {
        let mut hops: Vec<Hop> = Vec::with_capacity(path.len() + 2);
        for hop in path {
            match hop {
                Hop::AnyOf(spares) => hops.extend(spares.iter().copied().map(Hop::Component)),
                hop => hops.push(hop.clone()),
            }
        }
        let crosses = hops.iter().any(|hop| self.known.cause(hop) == *self.cause);
        self.checks += u32::from(crosses);
        for hop in hops {
            let count = self.seen.entry(hop).or_default();
            count.0 += 1;
            count.1 += u32::from(crosses);
        }
    }

    /// Everything else that exactly those checks cross. A resolver has to do with names alone, and names fail
    /// at resolvers and at services alone.
    fn equals(&self, is_about_names: bool) -> Vec<Cause> {
        let checks = (self.checks, self.checks);
        let equal = self.seen.iter().filter(|(_, seen)| self.checks > 0 && **seen == checks);
        let mut same: Vec<Cause> = equal
            .map(|(hop, _)| self.known.cause(hop))
            .filter(|other| other != self.cause)
            .filter(|other| {
                let has_names = other.kind == "resolver" || other.kind == Cause::SERVICE;
                if is_about_names { has_names } else { other.kind != "resolver" }
            })
            .collect();
        same.sort();
        same
    }
}
