//! The stream of observations that an estate under a scenario would report, in order of arrival at the hub:
//! five days in seconds.
//!
//! Checks are asked on the same comb as in `run` ([`crate::agent::schedule::phase`]). Checks of one
//! interval form one sorted ring, so the next asking is the earliest of a handful of rings; what was asked
//! waits in a heap until its answer is in, which is never more than a time-out's worth. Where the agents ask again
//! ([`VirtualTime::asking_again`]), they do it as `run` does, by the same rules and within the same bounds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use crate::agent::reask::{self, Ended, Fared, Reasks, Way};
use crate::agent::schedule::phase;
use crate::config::ScheduleSettings;
use crate::correlate::Wish;
use crate::estate::{PracticeIx, ProbeIx, Vantage};
use crate::limits::HEARTBEAT_EVERY;
use crate::observation::{ALIVE, HUB, Observation, PhaseTimes};
use crate::time::{At, whole_millis};
use crate::world::faults::World;
use crate::world::noise::{Luck, Outcome};
use crate::world::reports::{Delivered, Parcel, Reports};
use crate::world::rough::Mishaps;
use crate::world::scenario::Scenario;

/// How long a wish of the hub's is on its way to an agent.
const HEARS_WITHIN: Duration = Duration::from_millis(50);

/// Observations, as an iterator; or through [`VirtualTime::fill`], which reuses one observation's texts.
#[derive(Debug)]
pub struct VirtualTime<'w> {
    world: &'w World,
    luck: Luck,
    mishaps: Option<Mishaps>,
    rings: Vec<Ring>,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    reports: Reports,
    again: Option<Again>,
    /// How far virtual time has come.
    now: At,
    end: At,
    asked: u64,
}

/// What the agents ask beside the schedule.
#[derive(Debug)]
struct Again {
    reasks: Reasks,
    /// By row, then probe: how many askings are under way.
    under_way: Vec<u8>,
    probes: usize,
}

impl Again {
    fn place(&self, row: u32, probe: u32) -> usize {
        row as usize * self.probes + probe as usize
    }
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
    /// It never reaches the hub.
    is_lost: bool,
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
            again: None,
            now: begin,
            end,
            asked: 0,
        }
    }

    /// The same, with agents that ask again what has changed.
    #[must_use]
    pub fn asking_again(mut self) -> Self {
        let estate = self.world.estate();
        let probes = estate.probes.len();
        self.again = Some(Again {
            reasks: Reasks::new(estate.clone(), &ScheduleSettings::default()),
            under_way: vec![0; (estate.practices.len() + 1) * probes],
            probes,
        });
        self
    }

    /// The hub asks an agent to ask a check now. It hears of it where its reports find a way, and where agents ask again.
    pub fn wish(&mut self, wish: Wish) {
        let now = self.now + HEARS_WITHIN;
        if let Some(again) = &mut self.again
            && self.world.report_arrives(wish.practice, now).is_some()
        {
            again.reasks.wished(Vantage::Practice(wish.practice), wish.probe, now);
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
            let next_turn = self.rings.iter().map(Ring::due).min().unwrap_or(i64::MAX);
            let next_again = self.again.as_ref().and_then(|again| again.reasks.next_due());
            let next_again = next_again.map_or(i64::MAX, At::as_millis);
            let next_ask = next_turn.min(next_again);
            let is_done =
                self.under_way.peek().is_some_and(|Reverse(first)| first.done.as_millis() <= next_ask);
            if is_done {
                let Reverse(done) = self.under_way.pop()?;
                if done.done > self.end {
                    return None;
                }
                self.now = self.now.max(done.done);
                self.finish(&done);
            } else if next_ask > self.end.as_millis() {
                return None;
            } else {
                self.now = self.now.max(At::from_millis(next_ask));
                if next_turn <= next_again {
                    self.ask_in_turn(next_turn);
                } else {
                    self.ask_again(At::from_millis(next_again));
                }
            }
        }
    }

    /// An answer is in, or its time is over, or it is silent for so long that this is told.
    fn finish(&mut self, under_way: &UnderWay) {
        let UnderWay { done, parcel: Opaque(parcel), is_lost, .. } = *under_way;
        if let Some(again) = self.again.as_mut().filter(|again| (parcel.probe as usize) < again.probes) {
            let from = vantage(self.world, parcel.row);
            if parcel.late {
                if !again.reasks.is_silent(from, ProbeIx(parcel.probe)) {
                    return;
                }
            } else {
                let place = again.place(parcel.row, parcel.probe);
                again.under_way[place] = again.under_way[place].saturating_sub(1);
                let failure = parcel.outcome.failure;
                let fared = Fared::of(failure.is_none(), failure);
                let ended = Ended { fared, ms: parcel.outcome.ms(), reask: parcel.reask };
                again.reasks.ended(from, ProbeIx(parcel.probe), ended, done);
            }
        }
        if !is_lost {
            let is_held = self.mishaps.as_ref().is_some_and(|mishaps| mishaps.holds(parcel.row, done));
            self.reports.send(self.world, parcel, done, is_held);
        }
    }

    fn ask_in_turn(&mut self, now_ms: i64) {
        let Some(ring) = self.rings.iter_mut().find(|ring| ring.due() == now_ms) else { return };
        let (row, probe) = ring.turn();
        if let Some(again) = self.again.as_mut().filter(|again| (probe as usize) < again.probes) {
            again.reasks.begun(vantage(self.world, row), ProbeIx(probe), At::from_millis(now_ms));
        }
        self.ask(row, probe, At::from_millis(now_ms), None);
    }

    fn ask_again(&mut self, now: At) {
        let Some(Again { reasks, under_way, probes }) = &mut self.again else { return };
        let row = |from: Vantage| match from {
            Vantage::Practice(practice) => practice.0,
            Vantage::Hub => index(self.world.estate().practices.len()),
        };
        let way = |from: Vantage, probe: ProbeIx, is_late: bool| match under_way
            [row(from) as usize * *probes + probe.at()]
        {
            0 => Way::Free,
            1 if is_late => Way::Free,
            _ => Way::Taken,
        };
        if let Some(again) = reasks.take(now, way) {
            self.ask(row(again.from), again.probe.0, now, Some(again));
        }
    }

    /// `again`: it is asked beside the schedule.
    fn ask(&mut self, row: u32, probe: u32, at: At, again: Option<reask::Again>) {
        let from = vantage(self.world, row);
        if let Vantage::Practice(practice) = from
            && self.world.is_off(practice, at)
        {
            return;
        }
        let outcome = if (probe as usize) < self.world.estate().probes.len() {
            let fate = self.world.fate(from, ProbeIx(probe), at, 0);
            self.luck.outcome(row as usize, probe as usize, at.as_millis(), fate)
        } else {
            Outcome::ALIVE
        };
        self.asked += 1;
        let is_lost = self.mishaps.as_ref().is_some_and(|mishaps| mishaps.loses(row, probe, at));
        match &mut self.again {
            // What is lost on the way to the hub is known to whoever asked, who may ask again.
            Some(again) if (probe as usize) < again.probes => {
                let place = again.place(row, probe);
                again.under_way[place] = again.under_way[place].saturating_add(1);
            }
            _ if is_lost => return,
            _ => {}
        }
        // Rounded as `Observation::ended` rounds, so that a recorded line needs no `received`.
        let done = at.plus_millis(i64::from((outcome.tenths + 5) / 10));
        let number = self.asked;
        let reask = again.is_some();
        let mut push = |done: At, outcome: Outcome, late: bool| {
            let parcel = Opaque(Parcel { at, row, probe, outcome, reask, late });
            self.under_way.push(Reverse(UnderWay { done, number, parcel, is_lost }));
        };
        push(done, outcome, false);
        let silent_after = again.and_then(|again| again.silent_after);
        if let Some(after) = silent_after.filter(|after| at + *after < done) {
            push(at + after, Outcome::late(after), true);
        }
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
        into.reask = parcel.reask;
        into.late = parcel.late;
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
        late: false,
        path: None,
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
        let every_ms = whole_millis(every).max(1);
        let slot = (whole_millis(phase(asker, id, every)), index(row), index(probe));
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

fn vantage(world: &World, row: u32) -> Vantage {
    if (row as usize) < world.estate().practices.len() {
        Vantage::Practice(PracticeIx(row))
    } else {
        Vantage::Hub
    }
}

fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
