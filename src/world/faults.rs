//! What happens to one asking at one moment: a pure function of estate, scenario and seed.
//!
//! [`World::new`] works out once which faults stand on which path; after that [`World::fate`] looks at
//! those alone, so most askings of most scenarios cost a table look-up. Paths with the same faults share
//! one list.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::estate::{Ask, Estate, Hop, NetworkIx, PracticeIx, Probe, ProbeIx, Vantage};
use crate::time::At;
use crate::world::dice::{mix, mix_text, unit};
use crate::world::scenario::{DnsAnswer, Fault, Mode, Scenario, Target};
use crate::world::timetable::{Clock, Rank, Timetable};

/// What one asking meets on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    /// Nothing in its way.
    Pass,
    /// The answer comes this many milliseconds later than usual.
    Slow { ms: f64 },
    /// HTTP answers with this status.
    Status(u16),
    /// The answer carries somebody else's certificate.
    Intercept,
    /// The TLS handshake breaks off.
    Tls,
    /// The connection is reset once it stands.
    Reset,
    /// The connection is refused at once.
    Refuse,
    /// The name doesn't resolve.
    Dns(DnsAnswer),
    /// A router says that there is no way.
    Unreachable,
    /// No answer at all, ever.
    Drop,
}

impl Fate {
    /// The later in this order, the earlier it stops the asking, and the more it hides.
    const fn gravity(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Slow { .. } => 1,
            Self::Status(_) => 2,
            Self::Intercept => 3,
            Self::Tls => 4,
            Self::Reset => 5,
            Self::Refuse => 6,
            Self::Dns(_) => 7,
            Self::Unreachable => 8,
            Self::Drop => 9,
        }
    }

    /// What an asking meets that meets both: delays add up, else the graver one.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Slow { ms: a }, Self::Slow { ms: b }) => Self::Slow { ms: a + b },
            _ if other.gravity() > self.gravity() => other,
            _ => self,
        }
    }
}

/// A scenario names something that the estate doesn't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("scenario {scenario} names {}, which this estate doesn't have; {}", .names.join(" and "), .has)]
pub struct Unknown {
    pub scenario: String,
    /// Each with its kind: `component "fw-maidstne"`.
    pub names: Vec<String>,
    /// What it could have named.
    pub has: String,
}

/// An estate under a scenario.
#[derive(Debug, Clone)]
pub struct World {
    estate: Arc<Estate>,
    faults: Vec<Live>,
    /// The distinct lists of faults on paths; the first is empty.
    lists: Vec<Vec<Touch>>,
    /// Which list each asking meets: by vantage (practices, then the hub), then by probe.
    paths: Vec<u32>,
    /// Which list each report meets: by practice, then by network in `uplinks`.
    reports: Vec<u32>,
    uplinks: Vec<NetworkIx>,
}

/// A fault that is played.
#[derive(Debug, Clone)]
struct Live {
    /// Position in the scenario.
    of: usize,
    seed: u64,
    mode: Mode,
    rate: f64,
    times: Timetable,
    /// By practice; `None`: it never hits this site.
    ranks: Vec<Option<Rank>>,
    /// Whether it hits what the hub asks, where the path crosses it.
    hub: bool,
}

/// A place on a path where faults may stand: positions in [`World::faults`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Touch {
    One(u32),
    /// The faults of each of several spares: it counts when each spare has one that does.
    Spares(Vec<Vec<u32>>),
}

impl World {
    /// # Errors
    /// When the scenario names components, services, networks, practices or probes that the estate hasn't.
    pub fn new(estate: Arc<Estate>, scenario: &Scenario, clock: Clock) -> Result<Self, Unknown> {
        known(&estate, scenario)?;
        let mut world = Self {
            faults: Vec::new(),
            lists: vec![Vec::new()],
            paths: Vec::with_capacity((estate.practices.len() + 1) * estate.probes.len()),
            reports: Vec::new(),
            uplinks: uplinks(&estate),
            estate: Arc::clone(&estate),
        };
        for (of, fault) in scenario.faults.iter().enumerate() {
            if let Some(times) = Timetable::new(scenario, fault, clock) {
                let seed = mix(mix(scenario.seed, 0xFA17), of as u64);
                let whole = fault.sites >= 1.0 && fault.rolling.is_none();
                world.faults.push(Live {
                    of,
                    seed,
                    mode: fault.mode,
                    rate: fault.rate,
                    times,
                    ranks: ranks(&estate, fault, seed),
                    hub: whole,
                });
            }
        }
        world.walk(scenario);
        Ok(world)
    }

    pub fn estate(&self) -> &Arc<Estate> {
        &self.estate
    }

    /// What happens to one asking. `nonce` tells apart askings of one check at one moment (a second packet,
    /// a second connection); 0 will do where there is only one.
    pub fn fate(&self, from: Vantage, probe: ProbeIx, at: At, nonce: u64) -> Fate {
        let row = self.row(from);
        let Some(list) = self.paths.get(row * self.estate.probes.len() + probe.at()) else {
            return Fate::Pass;
        };
        let list = &self.lists[*list as usize];
        if list.is_empty() {
            return Fate::Pass;
        }
        let throw = mix(mix(nonce, row as u64), mix(probe.0.into(), at.as_millis().cast_unsigned()));
        self.along(list, from, at, throw)
    }

    /// The network over which a report of this practice reaches the hub at this moment: the NHS network
    /// where it works (by address, so it needs no name), else the next one; `None`: no way.
    pub fn report_arrives(&self, practice: PracticeIx, at: At) -> Option<NetworkIx> {
        let row = practice.at() * self.uplinks.len();
        self.uplinks.iter().enumerate().find_map(|(n, network)| {
            let list = &self.lists[*self.reports.get(row + n)? as usize];
            (self.along(list, Vantage::Practice(practice), at, 0) == Fate::Pass).then_some(*network)
        })
    }

    /// Whether the practice's agent is switched off at this moment.
    pub fn is_off(&self, practice: PracticeIx, at: At) -> bool {
        self.faults.iter().any(|fault| fault.mode == Mode::Off && fault.hits(Vantage::Practice(practice), at))
    }

    /// Begin and end of the scenario's fault at this position; no end: it outlasts the scenario. `None`: it
    /// isn't played by this clock.
    pub fn fault_span(&self, position: usize) -> Option<(At, Option<At>)> {
        let fault = self.faults.iter().find(|fault| fault.of == position)?;
        Some((fault.times.begins(), fault.times.ends()))
    }

    /// What the script does when, for people who watch: begins, sites that come back, ends. In order of time.
    pub fn turns(&self, scenario: &Scenario) -> Vec<(At, String)> {
        let mut turns = Vec::new();
        for live in &self.faults {
            let what = scenario.faults[live.of].to_string();
            turns.push((live.times.begins(), format!("{what}: begins")));
            for (at, share) in live.times.recoveries() {
                turns.push((at, format!("{what}: {:.0} % of its sites are back", share * 100.0)));
            }
            turns.extend(live.times.ends().map(|at| (at, format!("{what}: over"))));
        }
        turns.sort();
        turns
    }

    fn along(&self, list: &[Touch], from: Vantage, at: At, throw: u64) -> Fate {
        list.iter().fold(Fate::Pass, |met, touch| {
            met.and(match touch {
                Touch::One(fault) => self.faults[*fault as usize].fate(from, at, throw),
                // The traffic takes the spare that treats it best.
                Touch::Spares(spares) => spares
                    .iter()
                    .map(|faults| {
                        faults.iter().fold(Fate::Pass, |met, fault| {
                            met.and(self.faults[*fault as usize].fate(from, at, throw))
                        })
                    })
                    .min_by_key(|fate| fate.gravity())
                    .unwrap_or(Fate::Pass),
            })
        })
    }

    fn row(&self, from: Vantage) -> usize {
        match from {
            Vantage::Practice(practice) => practice.at(),
            Vantage::Hub => self.estate.practices.len(),
        }
    }

    /// Works out which faults stand on which path.
    fn walk(&mut self, scenario: &Scenario) {
        let estate = Arc::clone(&self.estate);
        let mut numbers: BTreeMap<Vec<Touch>, u32> = BTreeMap::from([(Vec::new(), 0)]);
        let practices = (0..estate.practices.len()).map(|n| Vantage::Practice(PracticeIx::new(n)));
        for from in practices.chain([Vantage::Hub]) {
            for (n, probe) in estate.probes.iter().enumerate() {
                let path = estate.path(from, ProbeIx::new(n));
                let nature = Nature::of(probe);
                let list = self.touches(scenario, from, &path, |fault| {
                    nature.feels(fault.mode)
                        && concerns(&estate, fault, probe.network)
                        && (fault.only_probes.is_empty() || fault.only_probes.contains(&probe.id))
                });
                let number = self.number(&mut numbers, list);
                self.paths.push(number);
            }
            let Vantage::Practice(practice) = from else { continue };
            for network in self.uplinks.clone() {
                let path = report_path(&estate, practice, network);
                let list = self.touches(scenario, from, &path, |fault| {
                    stops_reports(fault) && concerns(&estate, fault, network)
                });
                let number = self.number(&mut numbers, list);
                self.reports.push(number);
            }
        }
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

    fn touches(
        &self,
        scenario: &Scenario,
        from: Vantage,
        path: &[Hop],
        counts: impl Fn(&Fault) -> bool,
    ) -> Vec<Touch> {
        let estate = &self.estate;
        let standing_at = |hop: &Hop| -> Vec<u32> {
            (0_u32..)
                .zip(&self.faults)
                .filter(|(_, live)| {
                    let fault = &scenario.faults[live.of];
                    stands_at(estate, &fault.target, hop) && live.can_hit(from) && counts(fault)
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
                let usual = usual_spare(&estate.practices[practice.at()].id, spares.len());
                let stuck = |fault: &&u32| !scenario.faults[self.faults[**fault as usize].of].failover;
                touches.extend(faults[usual].iter().filter(stuck).copied().map(Touch::One));
            }
            if faults.iter().all(|faults| !faults.is_empty()) {
                touches.push(Touch::Spares(faults));
            }
        }
        touches
    }
}

impl Live {
    fn rank(&self, from: Vantage) -> Option<Rank> {
        match from {
            Vantage::Practice(practice) => self.ranks.get(practice.at()).copied().flatten(),
            Vantage::Hub => self.hub.then_some(Rank::HUB),
        }
    }

    fn can_hit(&self, from: Vantage) -> bool {
        self.rank(from).is_some()
    }

    fn hits(&self, from: Vantage, at: At) -> bool {
        self.rank(from).is_some_and(|rank| self.times.hits(at, rank))
    }

    fn fate(&self, from: Vantage, at: At, throw: u64) -> Fate {
        if !self.hits(from, at) || (self.rate < 1.0 && unit(mix(self.seed, throw)) >= self.rate) {
            return Fate::Pass;
        }
        match self.mode {
            Mode::Total => Fate::Drop,
            Mode::Refused => Fate::Refuse,
            Mode::Reset => Fate::Reset,
            Mode::Unreachable => Fate::Unreachable,
            Mode::Slow { ms } => Fate::Slow { ms: ms * (0.75 + 0.5 * unit(mix(self.seed ^ 1, throw))) },
            Mode::Dns(answer) => Fate::Dns(answer),
            Mode::Tls => Fate::Tls,
            Mode::Intercepted => Fate::Intercept,
            Mode::Status(status) => Fate::Status(status),
            // Nobody asks.
            Mode::Off => Fate::Pass,
        }
    }
}

/// Which faults a probe can feel, by what it does on the wire.
#[derive(Debug, Clone, Copy)]
struct Nature {
    resolves: bool,
    tcp: bool,
    tls: bool,
    http: bool,
}

impl Nature {
    fn of(probe: &Probe) -> Self {
        let named = |host: &str| host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_err();
        let (resolves, tcp, tls, http) = match &probe.ask {
            Ask::Dns(_) => (true, false, false, false),
            Ask::Http(ask) => (ask.connect_to.is_none() && named(host_of(&ask.url)), true, ask.tls, true),
            Ask::Tcp(ask) => (named(&ask.target.host), true, false, false),
            Ask::Udp(ask) => (named(&ask.target.host), false, false, false),
            Ask::Icmp(ask) => (named(&ask.host), false, false, false),
            Ask::Later { target, .. } => {
                (named(target.rsplit_once(':').map_or(target.as_str(), |(host, _)| host)), true, false, false)
            }
        };
        Self { resolves, tcp, tls, http }
    }

    const fn feels(self, mode: Mode) -> bool {
        match mode {
            Mode::Total | Mode::Refused | Mode::Unreachable | Mode::Slow { .. } => true,
            Mode::Reset => self.tcp,
            Mode::Dns(_) => self.resolves,
            Mode::Tls | Mode::Intercepted => self.tls,
            Mode::Status(_) => self.http,
            Mode::Off => false,
        }
    }
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if authority.starts_with('[') {
        return authority.split_inclusive(']').next().unwrap_or(authority);
    }
    authority.split(':').next().unwrap_or(authority)
}

/// A report is sent again until it arrives, so only what stops nearly everything stops it. It goes by
/// address, over TLS with the hub's own certificate.
fn stops_reports(fault: &Fault) -> bool {
    let stops = !matches!(fault.mode, Mode::Slow { .. } | Mode::Dns(_) | Mode::Status(_) | Mode::Off);
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

fn usual_spare(practice: &str, spares: usize) -> usize {
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

/// Which sites a fault hits, and in which order they fall and rise. The sites are those that have anything
/// to do with its target; the hub, services and networks concern everybody.
fn ranks(estate: &Estate, fault: &Fault, seed: u64) -> Vec<Option<Rank>> {
    let component = match &fault.target {
        Target::Component(id) => estate.component(id),
        _ => None,
    };
    let via = |practice: &crate::estate::Practice| {
        component.is_some_and(|ix| practice.via.iter().any(|used| used.any.contains(&ix)))
    };
    let named_by_some = estate.practices.iter().any(via);
    let mut behind: Vec<usize> = (0..estate.practices.len())
        .filter(|n| {
            let practice = &estate.practices[*n];
            match &fault.target {
                // A component that no practice names stands on everybody's way: a resolver, a data centre.
                Target::Component(_) => !named_by_some || via(practice),
                Target::Practices(ids) => ids.contains(&practice.id),
                Target::Service(_) | Target::Network(_) | Target::Hub => true,
            }
        })
        .collect();
    let shuffle = |list: &mut Vec<usize>, seed: u64| {
        list.sort_by_key(|n| (mix_text(seed, &estate.practices[*n].id), *n));
    };
    shuffle(&mut behind, mix(seed, 1));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the sites")]
    let hit = ((behind.len() as f64 * fault.sites).round() as usize)
        .clamp(usize::from(fault.sites > 0.0), behind.len().max(1));
    behind.truncate(hit);
    let mut ranks = vec![None; estate.practices.len()];
    let step = |place: usize| (place as f64 + 0.5) / hit.max(1) as f64;
    for (place, n) in behind.iter().enumerate() {
        ranks[*n] = Some(Rank { turn: step(place), back: 0.0 });
    }
    shuffle(&mut behind, mix(seed, 2));
    for (place, n) in behind.iter().enumerate() {
        if let Some(rank) = &mut ranks[*n] {
            rank.back = step(place);
        }
    }
    ranks
}

fn known(estate: &Estate, scenario: &Scenario) -> Result<(), Unknown> {
    let mut names: Vec<String> = Vec::new();
    let mut has: Vec<String> = Vec::new();
    let mut need = |found: bool, kind: &str, id: &str, all: &mut dyn Iterator<Item = &str>| {
        let name = format!("{kind} \"{id}\"");
        if found || names.contains(&name) {
            return;
        }
        names.push(name);
        let nearest = all.map(|other| (strsim::damerau_levenshtein(id, other), other)).min();
        has.extend(nearest.map(|(_, other)| format!("the nearest {kind} is \"{other}\"")));
    };
    for fault in &scenario.faults {
        match &fault.target {
            Target::Component(id) => {
                need(
                    estate.component(id).is_some(),
                    "component",
                    id,
                    &mut estate.components.iter().map(|c| c.id.as_str()),
                );
            }
            Target::Service(id) => {
                need(
                    estate.service(id).is_some(),
                    "service",
                    id,
                    &mut estate.services.iter().map(|s| s.id.as_str()),
                );
            }
            Target::Network(id) => {
                need(
                    estate.network(id).is_some(),
                    "network",
                    id,
                    &mut estate.networks.iter().map(|n| n.id.as_str()),
                );
            }
            Target::Practices(ids) => {
                for id in ids {
                    need(
                        estate.practice(id).is_some(),
                        "practice",
                        id,
                        &mut estate.practices.iter().map(|p| p.id.as_str()),
                    );
                }
            }
            Target::Hub => {}
        }
        if let Some(id) = &fault.only_network {
            need(
                estate.network(id).is_some(),
                "network",
                id,
                &mut estate.networks.iter().map(|n| n.id.as_str()),
            );
        }
        for id in &fault.only_probes {
            need(estate.probe(id).is_some(), "probe", id, &mut estate.probes.iter().map(|p| p.id.as_str()));
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    has.dedup();
    Err(Unknown { scenario: scenario.name.clone(), names, has: has.join(", ") })
}
