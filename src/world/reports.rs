//! How results get from the agents to the hub: over which network, and what waits on the agent's disk
//! while there is none.

use std::collections::VecDeque;

use crate::estate::{NetworkIx, PracticeIx};
use crate::limits::{WORLD_BACKFILL_PER_REPORT, WORLD_SPOOL_ALL, WORLD_SPOOL_PER_PRACTICE};
use crate::time::At;
use crate::world::faults::World;
use crate::world::noise::Outcome;
use crate::world::scenario::Spool;

/// One result on its way, small enough to wait by the million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parcel {
    pub at: At,
    /// The asker: a practice's position, or one past the last for the hub.
    pub row: u32,
    /// The probe's position, or one past the last for a heartbeat.
    pub probe: u32,
    pub outcome: Outcome,
    /// It was asked beside the schedule.
    pub reask: bool,
    /// It isn't the end of an asking, but its silence until now.
    pub late: bool,
}

/// A parcel at the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    pub parcel: Parcel,
    pub arrival: At,
    /// The network that it came over; `None` for the hub's own.
    pub uplink: Option<NetworkIx>,
    /// It waited on the agent's disk.
    pub is_late: bool,
}

/// Every agent's disk, and what has arrived and not been taken yet.
#[derive(Debug)]
pub struct Reports {
    /// By practice, oldest first.
    spools: Vec<VecDeque<Parcel>>,
    spool_max: usize,
    keeps: bool,
    heartbeat: u32,
    arrived: VecDeque<Delivered>,
    lost: u64,
}

impl Reports {
    pub fn new(world: &World, spool: Spool) -> Self {
        let practices = world.estate().practices.len();
        Self {
            spools: vec![VecDeque::new(); practices],
            spool_max: WORLD_SPOOL_PER_PRACTICE.min(WORLD_SPOOL_ALL / practices.max(1)),
            keeps: spool == Spool::Kept,
            heartbeat: u32::try_from(world.estate().probes.len()).unwrap_or(u32::MAX),
            arrived: VecDeque::new(),
            lost: 0,
        }
    }

    /// A parcel is done at its agent, and is sent, unless the agent holds its reports back.
    pub fn send(&mut self, world: &World, parcel: Parcel, now: At, is_held: bool) {
        let Some(spool) = self.spools.get_mut(parcel.row as usize) else {
            // The hub's own results don't travel.
            self.arrived.push_back(Delivered { parcel, arrival: now, uplink: None, is_late: false });
            return;
        };
        let way = if is_held { None } else { world.report_arrives(PracticeIx(parcel.row), now) };
        let Some(network) = way else {
            // An old heartbeat says nothing.
            if self.keeps && parcel.probe != self.heartbeat {
                if spool.len() >= self.spool_max {
                    spool.pop_front();
                    self.lost += 1;
                }
                spool.push_back(parcel);
            } else {
                self.lost += 1;
            }
            return;
        };
        let uplink = Some(network);
        self.arrived.push_back(Delivered { parcel, arrival: now, uplink, is_late: false });
        for _ in 0..WORLD_BACKFILL_PER_REPORT {
            let Some(parcel) = spool.pop_front() else { break };
            self.arrived.push_back(Delivered { parcel, arrival: now, uplink, is_late: true });
        }
    }

    /// The next that has arrived, in order of arrival.
    pub fn take(&mut self) -> Option<Delivered> {
        self.arrived.pop_front()
    }

    /// Results that will never arrive: heartbeats that found no way, and what a full disk let go.
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}
