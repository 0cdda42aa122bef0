//! When a check is asked again beside the schedule. Pure: the time comes in.
//!
//! The schedule sees each check once in its interval. That is enough while all is well, and slow when something has just
//! changed. So a check whose result changed is asked again within a second, then after longer and longer waits, until it is
//! *settled*: so many failures in a row, or so many answers. When a check fails and no other does, its practice's others on
//! that network are asked as well, which tells a line from a service; and when one that was down has answered twice, those
//! that went down with it are asked before their turn, so that nobody is told "still down" for want of asking.
//!
//! A check that is late, before it has failed, is asked again as well, and its practice's others with it; that asking's silence is
//! told before its end ([`super::overdue`]).
//!
//! Where the schedule's own turn is near, asking beside it gains nothing, and it isn't done. What may be asked beside the
//! schedule at all is rationed ([`super::ration`]): what finds no room is put off, and given up when that takes too long.
//! The schedule itself never waits for any of this.
//!
//! An entry is kept only for checks that aren't fine, or of which one is waiting to be asked: at most one a check.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::overdue::Overdue;
use super::ration::Ration;
use super::schedule::{next_slot, phase};
use crate::config::ScheduleSettings;
use crate::estate::{Estate, ProbeIx, Vantage};
use crate::limits::{
    REASK_DOWN_AFTER, REASK_FINE_AFTER, REASK_FIRST_MAX, REASK_FIRST_MIN, REASK_SPARE, REASK_TRIES_MAX,
    REASK_WISHED_SPREAD,
};
use crate::observation::Failure;
use crate::time::{At, whole_millis};

/// Decides what is asked again, and when.
#[derive(Debug)]
pub struct Reasks {
    estate: Arc<Estate>,
    is_on: bool,
    entries: BTreeMap<Key, Entry>,
    due: BTreeSet<(At, Key)>,
    /// By probe: when those who failed with one that came back were last looked for.
    looked_for: Vec<At>,
    ration: Ration,
    overdue: Overdue,
    counts: Counts,
}

/// A check. The probe comes first, so that those of one probe stand together.
pub(super) type Key = (ProbeIx, Vantage);

/// What became of the wish to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Had to wait for room.
    pub put_off: u64,
    /// Found none in time, and was left to the schedule.
    pub given_up: u64,
    /// Asked again because it was late, before it had failed.
    pub early: u64,
}

/// How a check fared, as far as asking it again goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fared {
    Well,
    Badly,
    /// It was this machine's own fault: that says nothing, and asking again would make it worse.
    Unasked,
}

impl Fared {
    pub const fn of(ok: bool, failure: Option<Failure>) -> Self {
        match failure {
            _ if ok => Self::Well,
            Some(Failure::Local) => Self::Unasked,
            _ => Self::Badly,
        }
    }
}

/// How an asking ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    pub fared: Fared,
    /// How long it took.
    pub ms: f64,
    /// It was asked beside the schedule.
    pub reask: bool,
}

/// A check that is to be asked again now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    pub from: Vantage,
    pub probe: ProbeIx,
    /// It is late: if it is silent for so long, and the asking beside it as well ([`Reasks::is_silent`]), that is told.
    pub silent_after: Option<Duration>,
}

/// Whether a check may be asked again just now, as whoever asks knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Free,
    /// Not before then.
    From(At),
    /// It is being asked already.
    Taken,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    is_failing: bool,
    /// Results of that sort in a row; 0: it is fine as far as anybody knows, and is asked for its neighbour's sake.
    run: u8,
    /// It was down before it answered: it had failed at least twice.
    was_down: bool,
    /// Times that it was asked again since it was last settled.
    tries: u8,
    due: Option<At>,
    /// Its place in the ration.
    place: Option<At>,
    /// It is to be asked beside itself, since it is late.
    is_late: bool,
}

impl Entry {
    const fn is_settled(&self) -> bool {
        self.run >= if self.is_failing { REASK_DOWN_AFTER } else { REASK_FINE_AFTER }
    }
}

impl Reasks {
    pub fn new(estate: Arc<Estate>, settings: &ScheduleSettings) -> Self {
        let ration = Ration::new(&estate, settings);
        Self {
            is_on: settings.reask,
            entries: BTreeMap::new(),
            due: BTreeSet::new(),
            looked_for: vec![NEVER; estate.probes.len()],
            ration,
            overdue: Overdue::new(estate.practices.len(), estate.probes.len()),
            counts: Counts::default(),
            estate,
        }
    }

    /// How many checks a second are asked again, at most.
    pub fn per_second_max(&self) -> f64 {
        if self.is_on { self.ration.per_second() } else { 0.0 }
    }

    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// When something may be asked again next.
    pub fn next_due(&self) -> Option<At> {
        let due = self.due.first().map(|(at, _)| *at);
        [due, self.overdue.next_due()].into_iter().flatten().min()
    }

    /// The clock was set, or the machine slept: what was seen before says nothing.
    pub fn forget(&mut self) {
        self.entries.clear();
        self.due.clear();
        self.looked_for.fill(NEVER);
        self.ration.forget();
        self.overdue.forget();
    }

    /// The schedule asks a check: that is as good as asking it again.
    pub fn begun(&mut self, from: Vantage, probe: ProbeIx, now: At) {
        let key = (probe, from);
        self.drop_due(key);
        let of = &self.estate.probes[probe.at()];
        if self.is_on && !of.ask.is_passive() {
            self.overdue.begun(key, of.timeout, now);
        }
    }

    /// An asking has ended, of the schedule or beside it.
    pub fn ended(&mut self, from: Vantage, probe: ProbeIx, ended: Ended, now: At) {
        let Ended { fared, ms, reask } = ended;
        if self.overdue.ended((probe, from), reask, (fared == Fared::Well).then_some(ms)) {
            self.seen(from, probe, fared, now);
        }
    }

    /// It was asked again because it was late, and neither of its askings has ended.
    pub fn is_silent(&self, from: Vantage, probe: ProbeIx) -> bool {
        self.overdue.is_silent((probe, from))
    }

    /// A result is there, of the schedule or asked again, and it is the newest.
    fn seen(&mut self, from: Vantage, probe: ProbeIx, fared: Fared, now: At) {
        if !self.is_on || fared == Fared::Unasked {
            return;
        }
        let key = (probe, from);
        let is_failing = fared == Fared::Badly;
        let before = self.entries.get(&key).copied();
        let Some(before) = before.or_else(|| is_failing.then(Entry::default)) else { return };
        let same = before.run > 0 && before.is_failing == is_failing;
        let run = if same { before.run.saturating_add(1) } else { 1 };
        let tries = if before.is_settled() && !same { 0 } else { before.tries };
        let was_down = !is_failing && if before.is_failing { before.run >= 2 } else { before.was_down };
        let entry = Entry { is_failing, run, was_down, tries, ..before };
        let was_known_fine = before.run == 0 && !is_failing;
        self.drop_due(key);
        if was_known_fine || !is_failing && entry.is_settled() {
            self.entries.remove(&key);
        } else {
            self.entries.insert(key, Entry { due: None, place: None, ..entry });
        }
        match (is_failing, run) {
            (true, 1) => self.ask_neighbours(key, now),
            (false, 2) if was_down => self.ask_company(key, now),
            _ => {}
        }
        if self.entries.contains_key(&key) && !entry.is_settled() {
            self.ask_soon(key, now);
        }
    }

    /// What is to be asked again at `now`; it counts as asked. `way`: whether it may be, for all that isn't known here; its last
    /// argument says that it is late, so that the schedule's asking of it is still under way.
    pub fn take(&mut self, now: At, mut way: impl FnMut(Vantage, ProbeIx, bool) -> Way) -> Option<Again> {
        while let Some(key) = self.overdue.take(now) {
            self.ask_beside(key, now);
        }
        while let Some(&(at, key)) = self.due.first().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, key));
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            entry.due = None;
            let (probe, from) = key;
            if entry.place.is_none() {
                let slot = slot(&self.estate, key, now);
                let spare_ms = slot.millis_since(now) - whole_millis(REASK_SPARE);
                let patience = Duration::from_millis(u64::try_from(spare_ms).unwrap_or(0));
                let room = (spare_ms > 0).then(|| self.ration.reserve(probe, now, patience));
                match room {
                    // Its turn in the schedule comes first.
                    None => {
                        entry.is_late = false;
                        self.end_visit(key);
                        continue;
                    }
                    Some(None) => {
                        self.counts.given_up += 1;
                        entry.is_late = false;
                        self.end_visit(key);
                        continue;
                    }
                    Some(Some(free)) => {
                        entry.place = Some(free);
                        if free > now {
                            self.counts.put_off += 1;
                            self.set_due(key, free);
                            continue;
                        }
                    }
                }
            }
            let is_late = entry.is_late;
            match way(from, probe, is_late) {
                Way::Free => {
                    let mut silent_after = None;
                    if is_late {
                        silent_after = self.overdue.doubled(key, self.estate.probes[probe.at()].timeout);
                        self.counts.early += 1;
                    }
                    if let Some(entry) = self.entries.get_mut(&key) {
                        entry.place = None;
                        entry.is_late = false;
                        entry.tries = entry.tries.saturating_add(1);
                    }
                    return Some(Again { from, probe, silent_after });
                }
                Way::From(later) => self.set_due(key, later.max(now.plus_millis(1))),
                Way::Taken => self.drop_due(key),
            }
        }
        None
    }

    /// Asks it again after its next wait, unless the schedule is as quick.
    fn ask_soon(&mut self, key: Key, now: At) {
        let Some(entry) = self.entries.get(&key) else { return };
        if entry.due.is_some() || entry.tries >= REASK_TRIES_MAX {
            return;
        }
        let wait_ms = first_wait_ms(&self.estate, key) << entry.tries;
        let due = now.plus_millis(wait_ms);
        if due.plus_millis(whole_millis(REASK_SPARE)) < slot(&self.estate, key, now) {
            self.set_due(key, due);
        }
    }

    /// Somebody who knows more than this agent wants to know how a check fares now: the hub. Within the ration; `false`: its turn
    /// is as near, or it isn't asked beside the schedule at all.
    pub fn wished(&mut self, from: Vantage, probe: ProbeIx, now: At) -> bool {
        let of = &self.estate.probes[probe.at()];
        if !self.is_on || of.ask.is_passive() {
            return false;
        }
        let key = (probe, from);
        let spread = phase(self.estate.asker(from), &of.id, REASK_WISHED_SPREAD);
        let due = now.plus_millis(whole_millis(spread));
        let is_sooner = |entry: &Entry| entry.due.is_some_and(|other| other <= due);
        if self.entries.get(&key).is_some_and(is_sooner)
            || due.plus_millis(whole_millis(REASK_SPARE)) >= slot(&self.estate, key, now)
        {
            return false;
        }
        self.drop_due(key);
        self.entries.entry(key).or_default();
        self.set_due(key, due);
        true
    }

    /// A check is late. What is known to fail is late each time, and needs no second asking for that.
    fn ask_beside(&mut self, key: Key, now: At) {
        let entry = self.entries.entry(key).or_default();
        if entry.is_failing {
            return;
        }
        entry.is_late = true;
        if entry.due.is_none_or(|due| due > now) {
            if let Some(due) = entry.due.replace(now) {
                self.due.remove(&(due, key));
            }
            self.due.insert((now, key));
        }
        self.ask_neighbours(key, now);
    }

    /// A check fails or is late: whether its practice's others on that network do so, too, tells whose fault it is. Once, for the first
    /// of them.
    fn ask_neighbours(&mut self, (probe, from): Key, now: At) {
        let network = self.estate.probes[probe.at()].network;
        let others = self.estate.probes.iter().enumerate().map(|(n, other)| (ProbeIx::new(n), other));
        let others: Vec<Key> = others
            .filter(|(ix, other)| *ix != probe && other.network == network && !other.ask.is_passive())
            .map(|(ix, _)| (ix, from))
            .collect();
        let was_first = |key: &Key| {
            self.overdue.is_doubled(*key)
                || self.entries.get(key).is_some_and(|entry| entry.is_failing && !entry.is_settled())
        };
        if others.iter().any(was_first) {
            return;
        }
        for key in others {
            self.entries.entry(key).or_default();
            self.ask_soon(key, now);
            if self.entries.get(&key).is_some_and(|entry| entry.due.is_none()) {
                self.end_visit(key);
            }
        }
    }

    /// A check that was down is back: perhaps those that went down with it do so, too. Its practice's, and those of its
    /// probe.
    fn ask_company(&mut self, (probe, from): Key, now: At) {
        let mut company: Vec<Key> = (0..self.estate.probes.len()).map(|n| (ProbeIx::new(n), from)).collect();
        // Once in half an interval: sooner, they have just been asked.
        let every_ms = whole_millis(self.estate.probes[probe.at()].every);
        let looked_for = &mut self.looked_for[probe.at()];
        if now.millis_since(*looked_for) >= every_ms / 2 {
            *looked_for = now;
            let of_probe = (probe, Vantage::Practice(crate::estate::PracticeIx(0)))..=(probe, Vantage::Hub);
            company.extend(self.entries.range(of_probe).map(|(key, _)| *key));
        }
        for key in company {
            if let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.is_failing) {
                entry.tries = 0;
                self.ask_soon(key, now);
            }
        }
    }

    fn set_due(&mut self, key: Key, at: At) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.due = Some(at);
            self.due.insert((at, key));
        }
    }

    /// It isn't asked again, for now.
    fn drop_due(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if let Some(due) = entry.due.take() {
            self.due.remove(&(due, key));
        }
        entry.is_late = false;
        if let Some(place) = entry.place.take() {
            self.ration.give_back(key.0, place);
        }
        self.end_visit(key);
    }

    /// What was only to be asked for its neighbour's sake, and isn't, is forgotten.
    fn end_visit(&mut self, key: Key) {
        if self.entries.get(&key).is_some_and(|entry| entry.run == 0) {
            self.entries.remove(&key);
        }
    }
}

const NEVER: At = At::from_millis(i64::MIN);

/// Its next turn in the schedule. (Where `target_rate` stretches the schedule, nothing is asked beside it.)
fn slot(estate: &Estate, (probe, from): Key, now: At) -> At {
    let probe = &estate.probes[probe.at()];
    next_slot(estate.asker(from), &probe.id, probe.every, now)
}

fn first_wait_ms(estate: &Estate, (probe, from): Key) -> i64 {
    let spread = REASK_FIRST_MAX.saturating_sub(REASK_FIRST_MIN);
    let spread = phase(estate.asker(from), &estate.probes[probe.at()].id, spread);
    whole_millis(REASK_FIRST_MIN + spread)
}

#[cfg(test)]
mod tests;
