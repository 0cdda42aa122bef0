//! What the hub has of one agent's spool. Pure.
//!
//! Three sets of numbers are told apart: what was *taken* in (and handed to the correlator), what is *kept* on the disk, and what
//! of a batch is new. In good days the first two are the same. While the disk fails, what an agent reports is taken and not kept:
//! the correlator sees it, the agent isn't told that the hub has it, and when it sends it again it isn't taken twice.
//!
//! By its number an observation is known as far as the process that sends it has reported that number *itself*. What another reported under
//! it may be another observation: see [`super::doubt`].
//!
//! What is kept of an observation is itself, in the archive, and whether it changed its check's state. Numbers come in order within a stretch, and stretches in
//! any order (what is reported now comes before the backlog). So the state of each check is remembered at the *frontier* of each
//! stretch; where there is none, as after a restart of the hub, the first result of each check is recorded as well, changed or not.
//! All together, in the order of `at`, they say what the observations said, whatever order they came in.

use std::collections::BTreeMap;
use std::time::Duration;

use super::doubt::{Print, Recent};
use super::gaps::Gaps;
use crate::limits::{FRONTIERS_MAX, RECENT_PRINTS, STRETCHES_MAX};
use crate::observation::{Failure, Observation};
use crate::segments::{Entry, Framer, Record};
use crate::store::Transition;
use crate::time::At;
use crate::uplink::ranges::Ranges;

#[derive(Debug, Clone, Default)]
pub struct Spool {
    taken: Ranges,
    kept: Ranges,
    /// Of what is kept, what it said itself that reports from it now, or was found to be the same.
    own: Own,
    frontiers: Vec<Frontier>,
    /// What came last, whoever reported it.
    recent: Recent,
    /// Places at which it was damaged, as far as the journal says so.
    damages: u64,
    /// Numbers of which agents that pass nothing on said something; `None`: nobody has looked yet.
    left: Option<Ranges>,
}

/// A process of an agent, and the numbers from the floor of its spool on that it has reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Own {
    pub agent: String,
    /// Empty: an agent of before that was said, all of whose processes are one.
    pub process: String,
    pub numbers: Ranges,
}

/// The checks' states at the end of a stretch.
#[derive(Debug, Clone, Default)]
struct Frontier {
    last: u64,
    /// When its last check began.
    seen_at: At,
    /// By probe: whether it was fine.
    states: BTreeMap<String, bool>,
}

/// What a batch would change.
#[derive(Debug, Clone)]
pub struct Plan {
    /// For the correlator, in order.
    pub fresh: Vec<Observation>,
    /// All that will be kept, this batch included; and what of that its process will have reported.
    pub kept: Ranges,
    pub own: Own,
    pub transitions: Vec<Transition>,
    /// What isn't kept yet, as it goes into the archive.
    pub frames: Vec<u8>,
    /// When there was a result that isn't kept yet.
    pub measured: Vec<At>,
    /// For the journal.
    pub journal: Vec<String>,
    /// Records that had been taken before.
    pub again: u64,
    /// Nothing of it has to be written.
    pub is_known: bool,
    numbers: Ranges,
    frontiers: Vec<Frontier>,
    prints: Vec<Print>,
}

/// Its numbers have too many gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the numbers of this spool have too many gaps")]
pub struct TooManyGaps;

impl Spool {
    /// `kept`, `own`, `damages`: what an earlier process of the hub left.
    pub fn new(kept: Ranges, own: Own, damages: u64) -> Self {
        Self { taken: kept.clone(), kept, own, damages, ..Self::default() }
    }

    /// What comes now is of this process of this agent. Of one that took another's place each check's first result is recorded, whatever
    /// it is: another agent's changes are told apart, and another process may be of another computer, which sees other things.
    pub fn is_of(&mut self, agent: &str, process: &str) {
        if self.own.agent != agent || self.own.process != process {
            self.frontiers.clear();
            let (agent, process) = (agent.to_owned(), process.to_owned());
            self.own = Own { agent, process, numbers: Ranges::new() };
        }
    }

    /// What is on the disk of it.
    pub fn kept(&self) -> &Ranges {
        &self.kept
    }

    /// What it reported itself that reports now.
    pub fn own(&self) -> &Own {
        &self.own
    }

    /// Whether it is known what agents that pass nothing on said of it.
    pub fn knows_what_was_left(&self) -> bool {
        self.left.is_some()
    }

    /// What those said.
    pub fn was_left(&mut self, numbers: Ranges) {
        self.left = Some(numbers);
    }

    /// What of a batch comes under a number that is known, not from this process, and not from what came last: it may be on the disk
    /// already, or be something else.
    pub fn doubtful(&mut self, batch: &[Record]) -> Vec<Record> {
        let is_left = |seq| self.left.as_ref().is_some_and(|left| left.contains(seq));
        let is_known = |seq| self.kept.contains(seq) || is_left(seq);
        let others =
            batch.iter().filter(|record| is_known(record.seq) && !self.own.numbers.contains(record.seq));
        let (again, doubtful): (Vec<_>, Vec<_>) = others.partition(|record| self.recent.has(record));
        self.had(&again.iter().map(|record| record.seq).collect());
        doubtful.into_iter().cloned().collect()
    }

    /// These came before, and are on the disk.
    pub fn had(&mut self, numbers: &Ranges) {
        self.own.numbers.insert_all(numbers);
        self.kept.insert_all(numbers);
        self.taken.insert_all(numbers);
    }

    /// How many places of it are damaged that the journal doesn't know of, when its agent says that so many are in all.
    pub fn new_damages(&self, says: u64) -> u64 {
        says.saturating_sub(self.damages)
    }

    /// The journal knows of so many now.
    pub fn told_of(&mut self, damages: u64) {
        self.damages = self.damages.max(damages);
    }

    /// Nothing of it is on the disk.
    pub fn is_new(&self) -> bool {
        self.kept.is_empty()
    }

    /// What a batch would change, once nothing of it is doubtful. `floor`: the agent has nothing below any more; passed over where it is above
    /// all that it has shown. Records are in order.
    /// `apart`: as long as this without a result, and nobody measured; then the next result of each check is recorded whatever it is.
    /// `asks`: whether a probe is one that agents ask; of others no state is kept, whatever somebody with a key makes up.
    pub fn plan(
        &self,
        batch: Vec<Record>,
        floor: u64,
        apart: Duration,
        asks: impl Fn(&str) -> bool,
    ) -> Result<Plan, TooManyGaps> {
        let mut plan = Plan {
            fresh: Vec::new(),
            kept: self.kept.clone(),
            own: self.own.clone(),
            transitions: Vec::new(),
            frames: Vec::new(),
            measured: Vec::new(),
            journal: Vec::new(),
            again: 0,
            is_known: true,
            numbers: batch.iter().map(|record| record.seq).collect(),
            frontiers: self.frontiers.clone(),
            prints: Vec::new(),
        };
        // It can't have done with numbers that nobody has seen any of; what comes with them later must be kept, and is new till then.
        let highest = [&self.kept, &self.taken, &plan.numbers].into_iter().filter_map(Ranges::last).max();
        let below = floor.checked_sub(1).filter(|below| highest.is_some_and(|highest| *below <= highest));
        if let Some(below) = below {
            plan.kept.insert_stretch(0, below);
            plan.own.numbers.remove_up_to(below);
        }
        let mut front = Frontier::default();
        let mut before: Option<u64> = None;
        let mut framer = Framer::default();
        let mut gaps = Gaps::default();
        let printed = batch.len().saturating_sub(RECENT_PRINTS);
        for (place, record) in batch.into_iter().enumerate() {
            // Where another has this number, what came under it was something else.
            let is_kept = self.own.numbers.contains(record.seq);
            let is_taken = is_kept || self.taken.contains(record.seq) && !self.kept.contains(record.seq);
            if !is_kept {
                plan.prints.extend((place >= printed).then(|| Print::of(&record)));
                framer.put_cut(&record, &mut plan.frames);
            }
            let Record { seq, entry } = record;
            if !is_kept {
                if before.is_none_or(|before| before.checked_add(1) != Some(seq)) {
                    plan.remember(std::mem::take(&mut front));
                    front = plan.frontier_before(seq);
                }
                (front.last, before) = (seq, Some(seq));
                plan.is_known = false;
                plan.kept.insert(seq);
            }
            match entry {
                Entry::Seen(seen) => {
                    if !is_kept && asks(&seen.probe) && says_something(&seen) {
                        plan.measured.push(seen.at);
                        plan.transitions.extend(front.see(&seen, apart));
                    }
                    if is_taken {
                        plan.again += 1;
                    } else {
                        plan.fresh.push(seen);
                    }
                }
                Entry::Thinned(thinned) if !is_kept => gaps.add(seq, thinned),
                Entry::Thinned(_) => plan.again += 1,
            }
        }
        plan.remember(front);
        plan.journal.extend(gaps.entry());
        plan.own.numbers.insert_all(&plan.numbers);
        if plan.own.numbers.stretches() > STRETCHES_MAX {
            // What is forgotten is looked up when it comes again.
            plan.own.numbers.clone_from(&plan.numbers);
        }
        if plan.kept.stretches() > STRETCHES_MAX { Err(TooManyGaps) } else { Ok(plan) }
    }

    /// The batch is on the disk.
    pub fn keep(&mut self, plan: &Plan) {
        self.kept.insert_all(&plan.kept);
        self.own.clone_from(&plan.own);
        self.recent.extend(&plan.prints);
        self.frontiers.clone_from(&plan.frontiers);
    }

    /// The batch was handed on. Only after [`Self::keep`], where it is kept at all.
    pub fn take(&mut self, plan: &Plan) {
        self.taken.insert_all(&plan.numbers);
        self.taken.insert_all(&self.kept);
    }

    /// Which of the batch's numbers are on the disk.
    pub fn acked(&self, plan: &Plan) -> Ranges {
        plan.numbers.numbers().filter(|number| self.own.numbers.contains(*number)).collect()
    }
}

impl Plan {
    /// The states before a number, where the number before it is a frontier.
    fn frontier_before(&mut self, seq: u64) -> Frontier {
        let place = self.frontiers.iter().position(|front| front.last.checked_add(1) == Some(seq));
        place.map(|place| self.frontiers.remove(place)).unwrap_or_default()
    }

    /// The one that moved last stays longest.
    fn remember(&mut self, front: Frontier) {
        if front.last == 0 && front.states.is_empty() {
            return;
        }
        if self.frontiers.len() >= FRONTIERS_MAX {
            self.frontiers.remove(0);
        }
        self.frontiers.push(front);
    }
}

/// Heartbeats are no checks; what is the agent's own fault says nothing about one, and what is late has no result yet.
fn says_something(seen: &Observation) -> bool {
    !seen.probe.starts_with('@') && seen.failure != Some(Failure::Local) && !seen.late
}

impl Frontier {
    fn see(&mut self, seen: &Observation, apart: Duration) -> Option<Transition> {
        if self.seen_at + apart < seen.at {
            self.states.clear();
        }
        self.seen_at = self.seen_at.max(seen.at);
        let before = match self.states.get_mut(&seen.probe) {
            Some(state) => Some(std::mem::replace(state, seen.ok)),
            None => self.states.insert(seen.probe.clone(), seen.ok),
        };
        (before != Some(seen.ok) || seen.path.is_some()).then(|| Transition::of(seen))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::agent::workers::blank;

    const APART: Duration = Duration::from_secs(30);

    fn record(seq: u64, ok: bool) -> Record {
        let mut seen =
            blank(At::from_millis(1_773_644_400_000).plus_millis(1_000 * seq.cast_signed()), "G82002", "web");
        (seen.ok, seen.seq) = (ok, Some(seq));
        seen.failure = (!ok).then_some(Failure::Timeout);
        Record { seq, entry: Entry::Seen(seen) }
    }

    fn both(spool: &mut Spool, batch: Vec<Record>, floor: u64) -> Plan {
        let plan = spool.plan(batch, floor, APART, |_| true).expect("few gaps");
        spool.keep(&plan);
        spool.take(&plan);
        plan
    }

    #[test]
    fn what_comes_twice_counts_once_and_is_acknowledged_twice() {
        let mut spool = Spool::default();
        let batch: Vec<Record> = (1..=10).map(|seq| record(seq, true)).collect();
        assert_eq!(both(&mut spool, batch.clone(), 0).fresh.len(), 10);
        let again = both(&mut spool, batch, 0);
        assert_eq!((again.fresh.len(), again.again, again.is_known), (0, 10, true));
        assert_eq!(spool.acked(&again).to_string(), "1-10");
    }

    #[test]
    fn while_the_disk_fails_it_is_taken_once_and_not_acknowledged() {
        let mut spool = Spool::default();
        let batch: Vec<Record> = (1..=10).map(|seq| record(seq, true)).collect();
        let plan = spool.plan(batch.clone(), 0, APART, |_| true).expect("few gaps");
        spool.take(&plan);
        assert!(spool.acked(&plan).is_empty());
        let later = both(&mut spool, batch, 0);
        assert_eq!((later.fresh.len(), later.is_known, later.transitions.len()), (0, false, 1));
        assert_eq!(spool.acked(&later).to_string(), "1-10");
    }

    #[test]
    fn of_probes_that_nobody_asks_no_state_is_kept() {
        let mut spool = Spool::default();
        let made_up = |seq: u64| {
            let mut record = record(seq, true);
            if let Entry::Seen(seen) = &mut record.entry {
                seen.probe = format!("made-up-{seq}");
            }
            record
        };
        let plan = spool
            .plan((1..=1_000).map(made_up).collect(), 0, APART, |probe| probe == "web")
            .expect("few gaps");
        assert_eq!((plan.fresh.len(), plan.transitions.len()), (1_000, 0));
        spool.keep(&plan);
        assert!(spool.frontiers.iter().all(|front| front.states.is_empty()), "{:?}", spool.frontiers);
    }

    #[test]
    fn after_a_gap_in_time_each_checks_first_result_is_recorded_whatever_it_is() {
        let mut spool = Spool::default();
        let later = |seq: u64, by_ms: i64| {
            let mut record = record(seq, false);
            if let Entry::Seen(seen) = &mut record.entry {
                seen.at = seen.at.plus_millis(by_ms);
            }
            record
        };
        assert_eq!(both(&mut spool, vec![record(1, false), record(2, false)], 0).transitions.len(), 1);
        let plan = both(&mut spool, vec![later(3, 28_000), later(4, 60_000)], 0);
        assert_eq!((plan.transitions.len(), plan.measured.len()), (1, 2), "{:?}", plan.transitions);
    }

    #[test]
    fn one_that_enrolled_again_says_of_each_check_how_it_is() {
        let mut spool = Spool::default();
        let rows = |spool: &mut Spool, agent: &str, seq: u64| {
            spool.is_of(agent, "");
            both(spool, vec![record(seq, true)], 0).transitions.len()
        };
        assert_eq!(rows(&mut spool, "a", 1), 1);
        assert_eq!(rows(&mut spool, "a", 2), 0);
        assert_eq!(rows(&mut spool, "b", 3), 1, "the first that it says");
        assert_eq!(rows(&mut spool, "b", 4), 0);
    }

    #[test]
    fn gaps_below_the_floor_cost_nothing_and_too_many_above_are_refused() {
        let mut spool = Spool::default();
        let gaps: Vec<Record> =
            (0..=2 * STRETCHES_MAX as u64).filter(|n| n % 2 == 0).map(|n| record(n + 2, true)).collect();
        assert!(spool.plan(gaps.clone(), 0, APART, |_| true).is_err());
        let last = gaps.last().expect("many").seq;
        both(&mut spool, gaps, last);
        assert_eq!(spool.kept.stretches(), 1);
    }

    #[test]
    fn a_floor_above_all_that_was_shown_is_passed_over_and_what_comes_below_it_is_kept() {
        let mut spool = Spool::default();
        let beyond = both(&mut spool, Vec::new(), 1_000);
        assert!(beyond.kept.is_empty(), "{}", beyond.kept);
        assert_eq!(both(&mut spool, vec![record(10, true)], 1_000).kept.to_string(), "10-10");
        let later = both(&mut spool, vec![record(11, true), record(500, true)], 0);
        assert_eq!((later.fresh.len(), later.frames.is_empty()), (2, false), "they are new, and written");
        // One above the last is a spool of which the hub has all.
        assert_eq!(both(&mut spool, Vec::new(), 501).kept.to_string(), "0-500");
        assert_eq!(both(&mut spool, vec![record(501, true)], 501).fresh.len(), 1);
        assert_eq!(both(&mut spool, Vec::new(), u64::MAX).kept.to_string(), "0-501");
    }

    /// What a reader makes of rows: the changes alone.
    fn changes(mut rows: Vec<(At, bool)>) -> Vec<(At, bool)> {
        rows.sort();
        rows.dedup();
        rows.dedup_by_key(|(_, ok)| *ok);
        rows
    }

    proptest! {
        /// In whatever order batches come, twice or with restarts of the hub between: the record is the same.
        #[test]
        fn the_record_does_not_depend_on_the_order(
            states in prop::collection::vec(any::<bool>(), 1..120),
            cuts in prop::collection::vec(1_usize..20, 1..20),
            order in any::<u64>(),
            restarts in any::<u16>(),
        ) {
            let records: Vec<Record> = states.iter().enumerate().map(|(n, ok)| record(n as u64 + 1, *ok)).collect();
            let whole = both(&mut Spool::default(), records.clone(), 0);
            let mut batches: Vec<Vec<Record>> = Vec::new();
            let mut rest = records.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                batches.push(now.to_vec());
                rest = later;
            }
            batches.sort_by_key(|batch| (batch[0].seq ^ order).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            batches.extend_from_within(..batches.len() / 2);
            let mut spool = Spool::default();
            let (mut rows, mut fresh) = (Vec::new(), Vec::new());
            for (n, batch) in batches.into_iter().enumerate() {
                let plan = both(&mut spool, batch, 0);
                rows.extend(plan.transitions.iter().map(|row| (row.at, row.ok)));
                fresh.extend(plan.fresh.into_iter().map(|seen| seen.seq.expect("numbered")));
                if restarts >> (n % 16) & 1 == 1 {
                    spool = Spool::new(spool.kept, spool.own, 0);
                }
            }
            fresh.sort_unstable();
            prop_assert_eq!(fresh, (1..=states.len() as u64).collect::<Vec<_>>());
            let expected = whole.transitions.iter().map(|row| (row.at, row.ok)).collect();
            prop_assert_eq!(changes(rows), changes(expected));
        }
    }
}
