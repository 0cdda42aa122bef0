//! Which observations the archive has already, where their numbers don't tell.
//!
//! A number says which observation it is as long as one process alone gives numbers of a spool. Two may give the same ones: a folder was
//! copied or put back, and each goes on from where it was, one beside the other or one after the other; and whoever had a key that
//! was revoked may have said anything. What comes under a number that is known, and not from the process that comes now, is therefore
//! compared with what is there under it. The same counts once: an answer got lost, and whoever was started again sends what it has.
//! Anything else is new, and is kept beside it.
//!
//! Comparing costs little where little comes twice. What a process reported itself is known by its number, over restarts of the hub as
//! well, so that all agents may come back to it at once. What came last of each spool is remembered as it was ([`Recent`]), which is what an
//! agent that was killed sends again. For the rest the archive is read, a batch at a time, about the time of the batch alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::Path;

use crate::archive::reading::{Query, read};
use crate::limits::{AGAIN_WITHIN, RECENT_PRINTS};
use crate::observation::{Observation, PhaseTimes};
use crate::segments::{Entry, Record};
use crate::time::At;
use crate::uplink::ranges::Ranges;

/// What of a record is the same however often it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    seq: u64,
    at: At,
    digest: u64,
}

impl Print {
    pub fn of(record: &Record) -> Self {
        let mut hasher = DefaultHasher::new();
        match &record.entry {
            Entry::Seen(seen) => hash(seen, &mut hasher),
            Entry::Thinned(thinned) => {
                (&thinned.practice, &thinned.probe, thinned.what.as_str(), thinned.count).hash(&mut hasher);
            }
        }
        Self { seq: record.seq, at: record.at(), digest: hasher.finish() }
    }

    /// Times of a clock that is wrong are placed by how it stands at each report, so they are only near.
    fn is_again(&self, other: &Self) -> bool {
        self.seq == other.seq
            && self.digest == other.digest
            && u128::from(self.at.millis_since(other.at).unsigned_abs()) < AGAIN_WITHIN.as_millis()
    }
}

/// What was seen, without when that was, who reported it, and what a long line is cut of.
fn hash(seen: &Observation, into: &mut DefaultHasher) {
    let Observation { practice, probe, ok, failure, phase, ms, phases_ms, loss, reask, late, .. } = seen;
    let PhaseTimes { dns, connect, tls, send, first_byte, body, echo } = phases_ms;
    (practice, probe, ok, failure, phase, reask, late, ms.to_bits()).hash(into);
    for part in [loss, dns, connect, tls, send, first_byte, body, echo] {
        part.map(f64::to_bits).hash(into);
    }
}

/// What came last of a spool, whoever reported it.
#[derive(Debug, Clone, Default)]
pub struct Recent(VecDeque<Print>);

impl Recent {
    pub fn extend(&mut self, prints: &[Print]) {
        self.0.extend(prints);
        self.0.drain(..self.0.len().saturating_sub(RECENT_PRINTS));
    }

    pub fn has(&self, record: &Record) -> bool {
        let sent = Print::of(record);
        self.0.iter().any(|kept| kept.is_again(&sent))
    }
}

/// Which of these the archive in `dir` has, as one of those agents reported it. Blocks on the disk.
pub fn settle(dir: &Path, agents: &BTreeSet<String>, doubtful: &[Record]) -> io::Result<Ranges> {
    let times = || doubtful.iter().map(Record::at);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(Ranges::new()) };
    let query = Query {
        practice: doubtful.first().map(|record| record.practice().to_owned()),
        from: Some(first - AGAIN_WITHIN),
        to: Some(last + AGAIN_WITHIN),
        ..Query::default()
    };
    had(read(dir, query)?, agents, doubtful)
}

/// Which of the `doubtful` are among the `kept`.
fn had(
    kept: impl Iterator<Item = io::Result<Record>>,
    agents: &BTreeSet<String>,
    doubtful: &[Record],
) -> io::Result<Ranges> {
    let sent: BTreeMap<u64, Print> = doubtful.iter().map(|record| (record.seq, Print::of(record))).collect();
    let mut had = Ranges::new();
    for kept in kept {
        let kept = kept?;
        // An entry of what was let go of doesn't say whose it is.
        let is_theirs = match &kept.entry {
            Entry::Seen(seen) => seen.agent.as_ref().is_some_and(|agent| agents.contains(agent)),
            Entry::Thinned(_) => true,
        };
        if is_theirs && sent.get(&kept.seq).is_some_and(|sent| sent.is_again(&Print::of(&kept))) {
            had.insert(kept.seq);
        }
    }
    Ok(had)
}

#[cfg(test)]
mod tests;
