//! What is let go of when there is no room, and what is said in its place. Pure.
//!
//! The order, over the whole spool: first the oldest routine successes, until there are none; then the oldest of the
//! failures that say the same again; then the oldest of all that is left. What a change of state is made of is never
//! let go of before anything else: the first result of a check, the first success after failures, the first failure
//! after successes or after another failure, the result just before each of these, and every goodbye. Each segment is
//! looked at by itself, so the first and the last result of each check in it stay too.

use std::collections::BTreeMap;

use super::intervals::Intervals;
use crate::limits;
use crate::observation::{BYE, Failure};
use crate::segments::{Entry, MANY, Record, Thinned, What};

/// How far a segment has been thinned; each step goes further than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Whole,
    /// Without routine successes.
    Changes,
    /// Without repeated failures as well.
    Edges,
    /// Nothing but what explains the gap.
    Emptied,
}

impl Level {
    /// As a segment's head has it. What a damaged or newer head says beyond is taken for the last.
    pub const fn of(code: u8) -> Self {
        match code {
            0 => Self::Whole,
            1 => Self::Changes,
            2 => Self::Edges,
            _ => Self::Emptied,
        }
    }

    pub const fn code(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Changes => 1,
            Self::Edges => 2,
            Self::Emptied => 3,
        }
    }

    /// The next step, and what goes with it.
    const fn next(self) -> Option<(Self, What)> {
        match self {
            Self::Whole => Some((Self::Changes, What::Successes)),
            Self::Changes => Some((Self::Edges, What::Failures)),
            Self::Edges => Some((Self::Emptied, What::Everything)),
            Self::Emptied => None,
        }
    }
}

/// Which segment goes next: its place among `levels`, which are in order of age.
pub fn choose(levels: &[Level]) -> Option<usize> {
    let least = levels.iter().min().filter(|level| **level < Level::Emptied)?;
    levels.iter().position(|level| level == least)
}

/// What a check's result is, as far as a change of state goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Ok,
    Failed(Option<Failure>),
}

#[derive(Debug)]
struct Check {
    practice: String,
    probe: String,
    /// The last two results: the class of the one before, and place and class of the last.
    before: Option<Class>,
    last: Option<(usize, Class)>,
    gone: Option<Thinned>,
}

/// Looks through a segment, record by record, before it is written anew.
#[derive(Debug)]
pub struct Planner {
    what: What,
    level: Level,
    numbers: BTreeMap<(String, String), usize>,
    checks: Vec<Check>,
    /// For each record: the place of its check, when it may go.
    fates: Vec<Fate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    /// The hub has it: goes, and leaves no gap.
    Sent,
}

/// What stays of a segment, and what is said of the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub level: Level,
    /// For each record, in order.
    pub stays: Vec<bool>,
    /// With their numbers.
    pub notes: Vec<Record>,
    /// Observations that go.
    pub thinned: u64,
}

impl Planner {
    /// For the step after `level`; none: there is nothing left to go.
    pub fn after(level: Level) -> Option<Self> {
        let (level, what) = level.next()?;
        Some(Self { what, level, numbers: BTreeMap::new(), checks: Vec::new(), fates: Vec::new() })
    }

    /// How far this step goes.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The records of the segment, in order. Call this for each of them, and then again for each with [`Self::finish`].
    pub fn push(&mut self, record: &Record, acked: &Intervals) {
        let place = self.fates.len();
        self.fates.push(if acked.contains(record.seq) { Fate::Sent } else { Fate::Stays });
        let Entry::Seen(seen) = &record.entry else { return };
        if seen.probe == BYE && self.what != What::Everything {
            return;
        }
        let key = (seen.practice.clone(), seen.probe.clone());
        let next = self.checks.len();
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            let (practice, probe) = (seen.practice.clone(), seen.probe.clone());
            self.checks.push(Check { practice, probe, before: None, last: None, gone: None });
        }
        let class = if seen.ok { Class::Ok } else { Class::Failed(seen.failure) };
        let what = self.what;
        let Some(check) = self.checks.get_mut(number) else { return };
        let goes = match (what, check.before, check.last) {
            (What::Everything, ..) => Some(place),
            // Only when the one after it is known is it certain that a result says nothing of its own.
            (_, Some(before), Some((middle, same))) => {
                let kind = if what == What::Successes { same == Class::Ok } else { true };
                (kind && before == same && same == class).then_some(middle)
            }
            _ => None,
        };
        check.before = check.last.map(|(_, class)| class);
        check.last = Some((place, class));
        if let Some(fate) =
            goes.and_then(|place| self.fates.get_mut(place)).filter(|fate| **fate == Fate::Stays)
        {
            *fate = Fate::Goes;
        }
    }

    /// The notes are numbered from those that segment `id` keeps for this step. `records` are those that were pushed.
    pub fn finish(mut self, id: u64, records: impl Iterator<Item = Record>) -> Plan {
        let mut thinned = 0;
        for (record, fate) in records.zip(&self.fates) {
            let (Entry::Seen(seen), Fate::Goes) = (record.entry, fate) else { continue };
            thinned += 1;
            let Some(check) = self.numbers.get(&(seen.practice, seen.probe)) else { continue };
            let Some(check) = self.checks.get_mut(*check) else { continue };
            let note = check.gone.get_or_insert_with(|| Thinned {
                practice: check.practice.clone(),
                probe: check.probe.clone(),
                from: seen.at,
                to: seen.at,
                count: 0,
                what: self.what,
            });
            note.from = note.from.min(seen.at);
            note.to = note.to.max(seen.at);
            note.count += 1;
        }
        let said = self.checks.into_iter().filter_map(|check| check.gone);
        let first = first_note(id, self.level);
        let notes = together(said)
            .into_iter()
            .zip(first..)
            .map(|(note, seq)| Record { seq, entry: Entry::Thinned(note) })
            .collect();
        let stays = self.fates.into_iter().map(|fate| fate == Fate::Stays).collect();
        Plan { level: self.level, stays, notes, thinned }
    }
}

/// As many notes as there are numbers for them: what is beyond shares the last.
fn together(said: impl Iterator<Item = Thinned>) -> Vec<Thinned> {
    let most = usize::try_from(limits::SPOOL_NOTES_PER_STEP).unwrap_or(usize::MAX);
    let mut notes: Vec<Thinned> = Vec::new();
    for note in said {
        let full = notes.len() >= most;
        match notes.last_mut() {
            Some(last) if full => {
                MANY.clone_into(&mut last.probe);
                if last.practice != note.practice {
                    MANY.clone_into(&mut last.practice);
                }
                last.add(&note);
            }
            _ => notes.push(note),
        }
    }
    notes
}

/// Numbers that a segment keeps for its notes: from its id, below those of its records.
pub const NOTES: u64 = 3 * limits::SPOOL_NOTES_PER_STEP;

fn first_note(id: u64, level: Level) -> u64 {
    id.saturating_add(u64::from(level.code().saturating_sub(1)) * limits::SPOOL_NOTES_PER_STEP)
}

#[cfg(test)]
mod tests;
