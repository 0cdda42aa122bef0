//! A spool whose agent was revoked, or its folder copied, and which enrolled again: which of its observations are in the archive already.
//!
//! An answer that got lost on the way to the old agent makes the new one send the same again. The number alone says nothing: whoever had the
//! key that was revoked may have said of any number that it was reported, or that there is nothing more of it. So what comes under such a
//! number is compared with what the archive has of the revoked agent under it. The same counts once; anything else is new.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use crate::archive::reading::{Query, read};
use crate::limits::AGAIN_WITHIN;
use crate::observation::Observation;
use crate::segments::{Entry, Record, Thinned};
use crate::time::At;
use crate::uplink::ranges::Ranges;

/// What agents that pass nothing on said of a spool's numbers.
#[derive(Debug, Clone, Default)]
pub struct Doubts {
    agents: BTreeSet<String>,
    numbers: Ranges,
}

impl Doubts {
    /// One of those agents, and the numbers that it reported or had nothing more of.
    pub fn add(&mut self, agent: String, said: &Ranges) {
        self.agents.insert(agent);
        self.numbers.insert_all(said);
    }

    /// Of a batch, what may be in the archive already. `kept`: numbers of which that is known.
    pub fn among(&self, batch: &[Record], kept: &Ranges) -> Vec<Record> {
        let is_one = |record: &&Record| self.numbers.contains(record.seq) && !kept.contains(record.seq);
        batch.iter().filter(is_one).cloned().collect()
    }

    /// Which of these the archive in `dir` has, as one of those agents reported it. Blocks on the disk.
    pub fn settle(&self, dir: &Path, doubtful: Vec<Record>) -> io::Result<Ranges> {
        let times = || doubtful.iter().map(Record::at);
        let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(Ranges::new()) };
        let query = Query {
            practice: doubtful.first().map(|record| record.practice().to_owned()),
            from: Some(first - AGAIN_WITHIN),
            to: Some(last + AGAIN_WITHIN),
            ..Query::default()
        };
        let sent: BTreeMap<u64, Record> = doubtful.into_iter().map(|record| (record.seq, record)).collect();
        let mut had = Ranges::new();
        for kept in read(dir, query)? {
            let kept = kept?;
            if sent.get(&kept.seq).is_some_and(|sent| self.is_again(&kept.entry, &sent.entry)) {
                had.insert(kept.seq);
            }
        }
        Ok(had)
    }

    fn is_again(&self, kept: &Entry, sent: &Entry) -> bool {
        match (kept, sent) {
            (Entry::Seen(kept), Entry::Seen(sent)) => {
                kept.agent.as_ref().is_some_and(|agent| self.agents.contains(agent))
                    && is_near(kept.at, sent.at)
                    && bare(kept) == bare(sent)
            }
            (Entry::Thinned(kept), Entry::Thinned(sent)) => {
                let what = |it: &Thinned| (it.probe.clone(), it.what, it.count);
                is_near(kept.from, sent.from) && is_near(kept.to, sent.to) && what(kept) == what(sent)
            }
            _ => false,
        }
    }
}

/// Times of a clock that is wrong are placed by how it stands at each report.
fn is_near(one: At, other: At) -> bool {
    u128::from(one.millis_since(other).unsigned_abs()) < AGAIN_WITHIN.as_millis()
}

/// What was seen, without who reported it and when, and without what a long line is cut of.
fn bare(seen: &Observation) -> Observation {
    Observation {
        at: At::default(),
        received: None,
        agent: None,
        uplink: None,
        detail: None,
        path: None,
        ..seen.clone()
    }
}
