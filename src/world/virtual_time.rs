//! The stream of observations that an estate under a scenario would report, in order of arrival at the hub:
//! five days in seconds.
//!
//! Checks are asked on the same comb as in `run` ([`crate::agent::schedule::phase`]). Checks of one
//! interval form one sorted ring, so the next asking is the earliest of a handful of rings; what was asked
//! waits in a heap until its answer is in, which is never more than a time-out's worth.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use crate::agent::schedule::phase;
use crate::estate::{PracticeIx, ProbeIx, Vantage};
use crate::limits::HEARTBEAT_EVERY;
use crate::observation::{ALIVE, HUB, Observation, PhaseTimes};
use crate::time::At;
use crate::world::faults::World;
use crate::world::noise::{Luck, Outcome};
use crate::world::reports::{Delivered, Parcel, Reports};
use crate::world::rough::Mishaps;
use crate::world::scenario::Scenario;

/// Observations, as an iterator; or through [`VirtualTime::fill`], which reuses one observation's texts.
#[derive(Debug)]
pub struct VirtualTime<'w> {
    world: &'w World,
    luck: Luck,
    mishaps: Option<Mishaps>,
    rings: Vec<Ring>,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    reports: Reports,
    end: At,
    asked: u64,
}

/// All checks of one interval, in the order in which they are asked.
#[derive(Debug)]
struct Ring {
    every_ms: i64,
    /// Phase in milliseconds, asker, probe.
    slots: Vec<(i64, u32, u32)>,
    next: usize,
    /// When this round began.
    round_ms: i64,
}

/// Ordered by when it is done, then by the order in which it was asked.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    done: At,
    number: u64,
    parcel: Opaque,
}

/// A parcel that takes no part in the order.
#[derive(Debug, PartialEq, Eq)]
struct Opaque(Parcel);

impl PartialOrd for Opaque {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Opaque {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl<'w> VirtualTime<'w> {
    /// The whole of a scenario, from its warm-up to its end.
    pub fn new(world: &'w World, scenario: &Scenario) -> Self {
        Self::asked_by(world, scenario, true)
    }

    /// The same, of a hub that asks nothing itself.
    pub fn without_hub(world: &'w World, scenario: &Scenario) -> Self {
        Self::asked_by(world, scenario, false)
    }

    fn asked_by(world: &'w World, scenario: &Scenario, hub_asks: bool) -> Self {
        let (begin, end) = scenario.span();
        Self {
            world,
            luck: Luck::new(world.estate(), scenario.noise, scenario.seed),
            mishaps: scenario.noise.rough.map(|rough| Mishaps::new(world.estate(), rough, scenario.seed)),
            rings: rings(world, begin, hub_asks),
            under_way: BinaryHeap::new(),
            reports: Reports::new(world, scenario.noise.spool),
            end,
            asked: 0,
        }
    }

    /// When virtual time ends.
    pub const fn end(&self) -> At {
        self.end
    }

    /// Askings so far, heartbeats included.
    pub const fn asked(&self) -> u64 {
        self.asked
    }

    /// Puts the next observation into `into` and returns its arrival; `None`: the scenario is over.
    pub fn fill(&mut self, into: &mut Observation) -> Option<At> {
        let delivered = self.step()?;
        self.write(&delivered, into);
        Some(delivered.arrival)
    }

    fn step(&mut self) -> Option<Delivered> {
        loop {
            if let Some(delivered) = self.reports.take() {
                return Some(delivered);
            }
            let next_ask = self.rings.iter().map(Ring::due).min().unwrap_or(i64::MAX);
            let is_done =
                self.under_way.peek().is_some_and(|Reverse(first)| first.done.as_millis() <= next_ask);
            if is_done {
                let Reverse(UnderWay { done, parcel: Opaque(parcel), .. }) = self.under_way.pop()?;
                if done > self.end {
                    return None;
                }
                let is_held = self.mishaps.as_ref().is_some_and(|mishaps| mishaps.holds(parcel.row, done));
                self.reports.send(self.world, parcel, done, is_held);
            } else if next_ask > self.end.as_millis() {
                return None;
            } else {
                self.ask(next_ask);
            }
        }
    }

    fn ask(&mut self, now_ms: i64) {
        let Some(ring) = self.rings.iter_mut().find(|ring| ring.due() == now_ms) else { return };
        let (row, probe) = ring.turn();
        let at = At::from_millis(now_ms);
        let estate = self.world.estate();
        let from = if (row as usize) < estate.practices.len() {
            if self.world.is_off(PracticeIx(row), at) {
                return;
            }
            Vantage::Practice(PracticeIx(row))
        } else {
            Vantage::Hub
        };
        let outcome = if (probe as usize) < estate.probes.len() {
            let fate = self.world.fate(from, ProbeIx(probe), at, 0);
            self.luck.outcome(row as usize, probe as usize, now_ms, fate)
        } else {
            Outcome::ALIVE
        };
        self.asked += 1;
        if self.mishaps.as_ref().is_some_and(|mishaps| mishaps.loses(row, probe, at)) {
            return;
        }
        // Rounded as `Observation::ended` rounds, so that a recorded line needs no `received`.
        let done = at.plus_millis(i64::from((outcome.tenths + 5) / 10));
        let parcel = Opaque(Parcel { at, row, probe, outcome });
        self.under_way.push(Reverse(UnderWay { done, number: self.asked, parcel }));
    }

    fn write(&self, delivered: &Delivered, into: &mut Observation) {
        let Delivered { parcel, arrival, uplink, is_late } = *delivered;
        let estate = self.world.estate();
        let outcome = parcel.outcome;
        let practice = estate.practices.get(parcel.row as usize).map_or(HUB, |practice| &practice.id);
        let probe = estate.probes.get(parcel.probe as usize).map_or(ALIVE, |probe| &probe.id);
        let skew_ms = self.mishaps.as_ref().map_or(0, |mishaps| mishaps.skew_ms(parcel.row));
        into.at = parcel.at.plus_millis(skew_ms);
        into.received = (is_late || skew_ms != 0).then_some(arrival);
        practice.clone_into(&mut into.practice);
        probe.clone_into(&mut into.probe);
        into.ok = outcome.failure.is_none();
        into.failure = outcome.failure;
        into.phase = outcome.phase;
        into.ms = outcome.ms();
        into.phases_ms = PhaseTimes::default();
        into.loss = None;
        into.detail = (outcome.status != 0).then(|| format!("HTTP {}", outcome.status));
        into.seq = None;
        into.agent = None;
        match (uplink, &mut into.uplink) {
            (Some(network), Some(text)) => estate.networks[network.at()].id.clone_into(text),
            (Some(network), empty @ None) => *empty = Some(estate.networks[network.at()].id.clone()),
            (None, any) => *any = None,
        }
        into.reask = false;
    }
}

impl Iterator for VirtualTime<'_> {
    type Item = Observation;

    fn next(&mut self) -> Option<Observation> {
        let mut seen = blank();
        self.fill(&mut seen).map(|_| seen)
    }
}

/// An observation of nothing, for [`VirtualTime::fill`] to write into.
pub fn blank() -> Observation {
    Observation {
        at: At::default(),
        received: None,
        practice: String::new(),
        probe: String::new(),
        ok: true,
        failure: None,
        phase: None,
        ms: 0.0,
        phases_ms: PhaseTimes::default(),
        loss: None,
        detail: None,
        seq: None,
        agent: None,
        uplink: None,
        reask: false,
    }
}

impl Ring {
    fn due(&self) -> i64 {
        self.slots.get(self.next).map_or(i64::MAX, |(phase, ..)| self.round_ms + phase)
    }

    /// Takes the slot that is due, and goes on to the next.
    fn turn(&mut self) -> (u32, u32) {
        let (_, row, probe) = self.slots[self.next];
        self.next += 1;
        if self.next == self.slots.len() {
            self.next = 0;
            self.round_ms += self.every_ms;
        }
        (row, probe)
    }
}

/// Every check at every practice and, where it asks, at the hub, and every practice's heartbeat, from the first slot at or
/// after `begin`.
fn rings(world: &World, begin: At, hub_asks: bool) -> Vec<Ring> {
    let estate = world.estate();
    let mut slots: BTreeMap<i64, Vec<(i64, u32, u32)>> = BTreeMap::new();
    let mut add = |row: usize, asker: &str, probe: usize, id: &str, every: Duration| {
        let every_ms = millis(every).max(1);
        let slot = (millis(phase(asker, id, every)), index(row), index(probe));
        slots.entry(every_ms).or_default().push(slot);
    };
    for (row, practice) in estate.practices.iter().enumerate() {
        for (n, probe) in estate.probes.iter().enumerate() {
            add(row, &practice.id, n, &probe.id, probe.rhythm().0);
        }
        add(row, &practice.id, estate.probes.len(), ALIVE, HEARTBEAT_EVERY);
    }
    for (n, probe) in estate.probes.iter().enumerate().filter(|_| hub_asks) {
        add(estate.practices.len(), HUB, n, &probe.id, probe.rhythm().0);
    }
    slots
        .into_iter()
        .map(|(every_ms, mut slots)| {
            slots.sort_unstable();
            let round_ms = begin.as_millis().div_euclid(every_ms) * every_ms;
            let next = slots.partition_point(|(phase, ..)| round_ms + phase < begin.as_millis());
            let mut ring = Ring { every_ms, slots, next, round_ms };
            if ring.next == ring.slots.len() {
                ring.next = 0;
                ring.round_ms += every_ms;
            }
            ring
        })
        .collect()
}

fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}
