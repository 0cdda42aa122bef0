//! Which faults stand on which path: worked out once, so that a fate is a table look-up.

use std::collections::BTreeMap;

use crate::estate::{Ask, Estate, Hop, NetworkIx, PracticeIx, Probe, ProbeIx, Vantage};
use crate::world::dice::mix_text;
use crate::world::faults::Live;
use crate::world::scenario::{Fault, Mode, Scenario, Target};

/// A place on a path where faults may stand, as positions in the world's faults.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touch {
    One(u32),
    /// The faults of each of several spares: it counts when each spare has one that does.
    Spares(Vec<Vec<u32>>),
}

/// The faults on every path of an estate. Paths with the same faults share one list.
#[derive(Debug, Clone)]
pub(super) struct Crossings {
    /// The distinct lists; the first is empty.
    lists: Vec<Vec<Touch>>,
    /// Which list each asking meets: by vantage (practices, then the hub), then by probe.
    askings: Vec<u32>,
    probes: usize,
    /// Which list each report meets: by practice, then by network in `uplinks`.
    reports: Vec<u32>,
    uplinks: Vec<NetworkIx>,
}

impl Crossings {
    pub(super) fn new(estate: &Estate, scenario: &Scenario, faults: &[Live]) -> Self {
        let walker = Walker { estate, scenario, faults };
        let mut crossings = Self {
            lists: vec![Vec::new()],
            askings: Vec::with_capacity((estate.practices.len() + 1) * estate.probes.len()),
            probes: estate.probes.len(),
            reports: Vec::with_capacity(estate.practices.len() * estate.networks.len()),
            uplinks: uplinks(estate),
        };
        let mut numbers: BTreeMap<Vec<Touch>, u32> = BTreeMap::from([(Vec::new(), 0)]);
        let practices = (0..estate.practices.len()).map(|n| Vantage::Practice(PracticeIx::new(n)));
        for from in practices.chain([Vantage::Hub]) {
            for (n, probe) in estate.probes.iter().enumerate() {
                let path = estate.path(from, ProbeIx::new(n));
                let list = walker.touches(from, &path, |fault| {
                    feels(probe, fault.mode)
                        && concerns(estate, fault, probe.network)
                        && (fault.only_probes.is_empty() || fault.only_probes.contains(&probe.id))
                });
                let number = crossings.number(&mut numbers, list);
                crossings.askings.push(number);
            }
            let Vantage::Practice(practice) = from else { continue };
            for network in crossings.uplinks.clone() {
                let path = report_path(estate, practice, network);
                let list = walker
                    .touches(from, &path, |fault| stops_reports(fault) && concerns(estate, fault, network));
                let number = crossings.number(&mut numbers, list);
                crossings.reports.push(number);
            }
        }
        crossings
    }

    fn number(&mut self, numbers: &mut BTreeMap<Vec<Touch>, u32>, list: Vec<Touch>) -> u32 {
        if let Some(number) = numbers.get(&list) {
            return *number;
        }
        let number = u32::try_from(self.lists.len()).unwrap_or(0);
        self.lists.push(list.clone());
        numbers.insert(list, number);
        number
    }

    /// What an asking meets. `row` is the asker's: a practice's position, and one past the last for the hub.
    pub(super) fn of_asking(&self, row: usize, probe: ProbeIx) -> &[Touch] {
        self.list(self.askings.get(row * self.probes + probe.at()))
    }

    /// Whether any asking of this row meets this fault.
    pub(super) fn meets(&self, row: usize, fault: u32) -> bool {
        let askings = self.askings.get(row * self.probes..(row + 1) * self.probes).unwrap_or_default();
        askings.iter().flat_map(|number| self.list(Some(number))).any(|touch| match touch {
            Touch::One(one) => *one == fault,
            Touch::Spares(spares) => spares.iter().any(|faults| faults.contains(&fault)),
        })
    }

    /// What a report meets on each network, in the order in which agents try them.
    pub(super) fn of_reports(&self, practice: PracticeIx) -> impl Iterator<Item = (NetworkIx, &[Touch])> {
        let row = practice.at() * self.uplinks.len();
        let reports = self.reports.get(row..row + self.uplinks.len()).unwrap_or_default();
        self.uplinks.iter().zip(reports).map(|(network, number)| (*network, self.list(Some(number))))
    }

    fn list(&self, number: Option<&u32>) -> &[Touch] {
        number.and_then(|number| self.lists.get(*number as usize)).map_or(&[], Vec::as_slice)
    }
}

/// What it takes to look along a path.
struct Walker<'a> {
    estate: &'a Estate,
    scenario: &'a Scenario,
    faults: &'a [Live],
}

impl Walker<'_> {
    fn touches(&self, from: Vantage, path: &[Hop], counts: impl Fn(&Fault) -> bool) -> Vec<Touch> {
        let standing_at = |hop: &Hop| -> Vec<u32> {
            (0_u32..)
                .zip(self.faults)
                .filter(|(_, live)| {
                    let fault = &self.scenario.faults[live.of];
                    stands_at(self.estate, &fault.target, hop) && live.can_hit(from) && counts(fault)
                })
                .map(|(n, _)| n)
                .collect()
        };
        let mut touches = Vec::new();
        for hop in path {
            let Hop::AnyOf(spares) = hop else {
                touches.extend(standing_at(hop).into_iter().map(Touch::One));
                continue;
            };
            let faults: Vec<Vec<u32>> =
                spares.iter().map(|spare| standing_at(&Hop::Component(*spare))).collect();
            if let Vantage::Practice(practice) = from {
                let usual = usual_spare(&self.estate.practices[practice.at()].id, spares.len());
                let stuck = |fault: &&u32| !self.scenario.faults[self.faults[**fault as usize].of].failover;
                touches.extend(faults[usual].iter().filter(stuck).copied().map(Touch::One));
            }
            if faults.iter().all(|faults| !faults.is_empty()) {
                touches.push(Touch::Spares(faults));
            }
        }
        touches
    }
}

/// Whether a probe can feel a fault of this mode, by what it does on the wire.
pub(super) fn feels(probe: &Probe, mode: Mode) -> bool {
    match mode {
        Mode::Total | Mode::Refused | Mode::Unreachable | Mode::Slow { .. } => true,
        Mode::Reset => probe.ask.opens_stream(),
        Mode::Dns(_) => probe.ask.looks_up_name(),
        Mode::Tls | Mode::Intercepted | Mode::Untrusted => probe.ask.speaks_tls(),
        Mode::Status(_) | Mode::Large => matches!(probe.ask, Ask::Http(_)),
        Mode::Off => false,
    }
}

/// A report is sent again until it arrives, so only what stops nearly everything stops it. It goes by
/// address, over TLS with the hub's own certificate, and is small.
pub(super) fn stops_reports(fault: &Fault) -> bool {
    let stops =
        !matches!(fault.mode, Mode::Slow { .. } | Mode::Dns(_) | Mode::Status(_) | Mode::Large | Mode::Off);
    stops && fault.rate >= 0.9 && fault.only_probes.is_empty()
}

fn concerns(estate: &Estate, fault: &Fault, network: NetworkIx) -> bool {
    fault.only_network.as_ref().is_none_or(|id| estate.networks[network.at()].id == *id)
}

fn stands_at(estate: &Estate, target: &Target, hop: &Hop) -> bool {
    match (target, hop) {
        (Target::Component(id), Hop::Component(ix)) => estate.components[ix.at()].id == *id,
        (Target::Service(id), Hop::Service(ix)) => estate.services[ix.at()].id == *id,
        (Target::Network(id), Hop::Network(ix)) => estate.networks[ix.at()].id == *id,
        (Target::Practices(ids), Hop::Practice(ix)) => ids.contains(&estate.practices[ix.at()].id),
        (Target::Hub, Hop::Monitor) => true,
        _ => false,
    }
}

/// Which of so many spares a practice's traffic takes as long as that works.
pub(super) fn usual_spare(practice: &str, spares: usize) -> usize {
    let spares = spares.max(1) as u64;
    usize::try_from(mix_text(0x59A8E, practice) % spares).unwrap_or(0)
}

/// The NHS network first, then the others as they stand in the file.
fn uplinks(estate: &Estate) -> Vec<NetworkIx> {
    let mut uplinks: Vec<NetworkIx> = (0..estate.networks.len()).map(NetworkIx::new).collect();
    uplinks.sort_by_key(|network| estate.networks[network.at()].id != "hscn");
    uplinks
}

/// What a report crosses: what a check of that network crosses, up to the network, and then the monitor.
fn report_path(estate: &Estate, practice: PracticeIx, network: NetworkIx) -> Vec<Hop> {
    let from = &estate.practices[practice.at()];
    let mut path = vec![Hop::Practice(practice)];
    path.extend(estate.crossed(from, network).chain(estate.shared_risks(from)).map(|used| {
        if let [one] = used.any.as_slice() { Hop::Component(*one) } else { Hop::AnyOf(used.any.clone()) }
    }));
    path.push(Hop::Network(network));
    path.push(Hop::Monitor);
    path
}
