//! What isn't on the disk yet: for a moment as a rule, for as long as it takes while the disk fails.

use std::collections::VecDeque;

use super::intervals::Intervals;
use super::thinning::{Level, Planner};
use crate::segments::{Record, Thinned};

/// Records in order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub records: VecDeque<Record>,
    /// By the measure of [`Record::size`].
    pub bytes: usize,
}

/// What making room in memory has cost.
#[derive(Debug, Default)]
pub(super) struct Shed {
    pub thinned: u64,
    /// What is to be said in their place, without numbers.
    pub notes: Vec<Thinned>,
}

impl Queue {
    pub fn push(&mut self, record: Record) {
        self.bytes += record.size();
        self.records.push_back(record);
    }

    /// The first `count` are on the disk.
    pub fn written(&mut self, count: usize) {
        for record in self.records.drain(..count.min(self.records.len())) {
            self.bytes = self.bytes.saturating_sub(record.size());
        }
    }

    /// Lets go of what the hub has.
    pub fn acknowledged(&mut self, acked: &Intervals) {
        self.records.retain(|record| !acked.contains(record.seq));
        self.count();
    }

    fn count(&mut self) {
        self.bytes = self.records.iter().map(Record::size).sum();
    }

    /// Brings it well below `most` bytes, with as many steps of thinning as it takes.
    pub fn shed(&mut self, most: usize) -> Shed {
        let mut shed = Shed::default();
        let enough = most / 4 * 3;
        for level in [Level::Whole, Level::Changes] {
            if self.bytes > enough {
                self.thin(level, usize::MAX, &mut shed);
            }
        }
        // At last the oldest, of whatever kind. Notes among them become one for each check: one that had been sent from
        // memory and wasn't acknowledged yet is counted twice then.
        while self.bytes > enough && !self.records.is_empty() {
            let quarter = self.records.len() / 4 + 1;
            let notes: Vec<Thinned> =
                self.records.iter().take(quarter).filter_map(Record::note).cloned().collect();
            self.thin(Level::Edges, quarter, &mut shed);
            self.written(notes.len());
            for note in notes {
                shed.say(note);
            }
        }
        shed
    }

    /// One step over the first `among` records.
    fn thin(&mut self, level: Level, among: usize, shed: &mut Shed) {
        let none = Intervals::default();
        let Some(mut planner) = Planner::after(level) else { return };
        for record in self.records.iter().take(among) {
            planner.push(record, &none);
        }
        let plan = planner.finish(0, self.records.iter().take(among).cloned());
        shed.thinned += plan.thinned;
        for note in plan.notes.iter().filter_map(Record::note) {
            shed.say(note.clone());
        }
        let mut stays = plan.stays.into_iter();
        self.records.retain(|_| stays.next().unwrap_or(true));
        self.count();
    }
}

impl Shed {
    /// Adds a note to that of the same check, if there is one.
    fn say(&mut self, note: Thinned) {
        let same = |other: &&mut Thinned| {
            other.practice == note.practice && other.probe == note.probe && other.what == note.what
        };
        match self.notes.iter_mut().find(same) {
            Some(other) => other.add(&note),
            None => self.notes.push(note),
        }
    }
}
