//! What happens to one asking at one moment: a pure function of estate, scenario and seed.
//!
//! [`World::new`] works out once which faults stand on which path; after that [`World::fate`] looks at
//! those alone, so most askings of most scenarios cost a table look-up.

use std::sync::Arc;

use crate::estate::{Estate, NetworkIx, PracticeIx, ProbeIx, Vantage};
use crate::time::At;
use crate::world::crossings::{Crossings, Touch};
use crate::world::dice::{mix, unit};
pub use crate::world::names::Unknown;
use crate::world::names::known;
use crate::world::scenario::{DnsAnswer, Mode, Scenario};
use crate::world::sites::ranks;
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
    /// The answer carries a certificate that nobody vouches for.
    Untrusted,
    /// The connection stands, and then nothing large comes through.
    Stall,
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
            Self::Untrusted => 4,
            Self::Tls => 5,
            Self::Stall => 6,
            Self::Reset => 7,
            Self::Refuse => 8,
            Self::Dns(_) => 9,
            Self::Unreachable => 10,
            Self::Drop => 11,
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

/// An estate under a scenario.
#[derive(Debug, Clone)]
pub struct World {
    estate: Arc<Estate>,
    faults: Vec<Live>,
    crossings: Crossings,
}

/// A fault that is played.
#[derive(Debug, Clone)]
pub(super) struct Live {
    /// Position in the scenario.
    pub(super) of: usize,
    seed: u64,
    mode: Mode,
    rate: f64,
    times: Timetable,
    /// By practice; `None`: it never hits this site.
    ranks: Vec<Option<Rank>>,
    /// Whether it hits what the hub asks, where the path crosses it.
    hits_hub: bool,
}

impl World {
    /// # Errors
    /// When the scenario names components, services, networks, practices or probes that the estate hasn't.
    pub fn new(estate: Arc<Estate>, scenario: &Scenario, clock: Clock) -> Result<Self, Unknown> {
        known(&estate, scenario)?;
        Ok(Self::of_known(estate, scenario, clock))
    }

    /// For a scenario whose names were taken from this very estate.
    pub(super) fn of_known(estate: Arc<Estate>, scenario: &Scenario, clock: Clock) -> Self {
        let mut faults = Vec::new();
        for (of, fault) in scenario.faults.iter().enumerate() {
            let Some(times) = Timetable::new(scenario, fault, clock) else { continue };
            let seed = mix(mix(scenario.seed, 0xFA17), of as u64);
            faults.push(Live {
                of,
                seed,
                mode: fault.mode,
                rate: fault.rate,
                times,
                ranks: ranks(&estate, fault, seed),
                hits_hub: fault.sites >= 1.0 && fault.rolling.is_none(),
            });
        }
        let crossings = Crossings::new(&estate, scenario, &faults);
        Self { estate, faults, crossings }
    }

    pub fn estate(&self) -> &Arc<Estate> {
        &self.estate
    }

    /// What happens to one asking. `nonce` tells apart askings of one check at one moment (a second packet,
    /// a second connection); 0 will do where there is only one.
    pub fn fate(&self, from: Vantage, probe: ProbeIx, at: At, nonce: u64) -> Fate {
        let row = self.row(from);
        let list = self.crossings.of_asking(row, probe);
        if list.is_empty() {
            return Fate::Pass;
        }
        let throw = mix(mix(nonce, row as u64), mix(probe.0.into(), at.as_millis().cast_unsigned()));
        self.along(list, from, at, throw)
    }

    /// The network over which a report of this practice reaches the hub at this moment: the NHS network
    /// where it works (by address, so it needs no name), else the next one; `None`: no way.
    pub fn report_arrives(&self, practice: PracticeIx, at: At) -> Option<NetworkIx> {
        let from = Vantage::Practice(practice);
        let mut ways = self.crossings.of_reports(practice);
        ways.find(|(_, list)| self.along(list, from, at, 0) == Fate::Pass).map(|(network, _)| network)
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

    /// First and last moment at which the fault at this position really hits a site, and the positions of those
    /// practices; `None`: it hits nobody.
    pub(super) fn reach(&self, position: usize) -> Option<(At, Option<At>, Vec<usize>)> {
        let (number, fault) = (0_u32..).zip(&self.faults).find(|(_, fault)| fault.of == position)?;
        let practices: Vec<usize> = (0..self.estate.practices.len())
            .filter(|row| fault.ranks.get(*row).is_some_and(Option::is_some))
            .filter(|row| fault.mode == Mode::Off || self.crossings.meets(*row, number))
            .collect();
        let turns = practices.iter().filter_map(|row| fault.ranks.get(*row).copied().flatten());
        let (since, until) = fault.times.reach(turns);
        Some((since, until, practices))
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
}

impl Live {
    fn rank(&self, from: Vantage) -> Option<Rank> {
        match from {
            Vantage::Practice(practice) => self.ranks.get(practice.at()).copied().flatten(),
            Vantage::Hub => self.hits_hub.then_some(Rank::HUB),
        }
    }

    pub(super) fn can_hit(&self, from: Vantage) -> bool {
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
            Mode::Untrusted => Fate::Untrusted,
            Mode::Large => Fate::Stall,
            Mode::Status(status) => Fate::Status(status),
            // Nobody asks.
            Mode::Off => Fate::Pass,
        }
    }
}
