//! How much of each probe failed, moment by moment, over the whole estate. The world has blips: a target that answers
//! nobody for an interval or two, which is too short to deserve an incident. Naming that target's service is a
//! false alarm all the same, but of another kind than naming something that worked, so it is counted apart.

use std::collections::BTreeMap;

use linewatch::observation::Observation;
use linewatch::time::At;

use crate::diagnoser::Place;
use crate::facts::Facts;

/// Moments an interval.
const PARTS: i64 = 4;
/// More than half of a moment's askings failed.
const MOSTLY: u32 = 2;

#[derive(Debug, Default)]
pub struct Blips {
    part_ms: i64,
    /// By moment and probe: askings that failed, and all.
    seen: BTreeMap<(i64, u32), (u32, u32)>,
}

impl Blips {
    pub fn new(facts: &Facts) -> Self {
        Self { part_ms: (facts.every_ms / PARTS).max(1), seen: BTreeMap::new() }
    }

    pub fn take(&mut self, at: At, seen: &Observation, place: Place) {
        let Some(probe) = place.probe else { return };
        let (failed, all) = self.seen.entry((at.as_millis() / self.part_ms, probe)).or_default();
        *failed += u32::from(!seen.ok);
        *all += 1;
    }

    /// Whether one of these probes mostly failed in a moment within the interval before `at`.
    pub fn any(&self, probes: &[u32], at: At) -> bool {
        let last = at.as_millis() / self.part_ms;
        (last - PARTS..=last).any(|moment| {
            probes.iter().any(|probe| {
                self.seen.get(&(moment, *probe)).is_some_and(|(failed, all)| failed * MOSTLY > *all)
            })
        })
    }
}
