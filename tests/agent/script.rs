//! A world for an agent under test: each check answers as a hash of its name and second says, after as long, and every answer is noted, so that
//! there is a truth to compare the hub's record with.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use linewatch::agent::clock;
use linewatch::agent::workers::{Field, blank};
use linewatch::estate::{Estate, ProbeIx, Vantage};
use linewatch::observation::{Failure, Observation};
use linewatch::time::At;
use tokio::sync::watch;

/// By check: when it was asked, and whether it was fine.
pub type Truth = BTreeMap<String, Vec<(At, bool)>>;

pub struct Script {
    truth: Mutex<Truth>,
    asked: watch::Sender<usize>,
}

impl Script {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { truth: Mutex::default(), asked: watch::channel(0).0 })
    }

    /// Returns once so many checks have been asked.
    pub async fn asked(&self, count: usize) {
        let mut asked = self.asked.subscribe();
        tokio::time::timeout(crate::stage::DEADLINE, asked.wait_for(|asked| *asked >= count))
            .await
            .unwrap()
            .unwrap();
    }

    pub fn count(&self) -> usize {
        *self.asked.borrow()
    }

    pub fn truth(&self) -> Truth {
        self.truth.lock().unwrap().clone()
    }
}

impl Field for Script {
    fn now(&self) -> At {
        clock::now()
    }

    async fn ask(&self, estate: &Estate, from: Vantage, probe: ProbeIx, at: At) -> Observation {
        let probe = &estate.probes[probe.at()].id;
        let mut seen = blank(at, estate.asker(from), probe);
        let mut hash = DefaultHasher::new();
        (probe, at.as_millis() / 1_000).hash(&mut hash);
        seen.ok = !hash.finish().is_multiple_of(3);
        // No two are alike, as where lengths are measured.
        seen.ms = f64::from((hash.finish() >> 48) as u16) / 1_000.0;
        seen.failure = (!seen.ok).then_some(Failure::Timeout);
        self.truth.lock().unwrap().entry(probe.clone()).or_default().push((at, seen.ok));
        self.asked.send_modify(|asked| *asked += 1);
        seen
    }
}

/// A check's changes: what a reader makes of rows that may say the same twice.
pub fn changes(mut rows: Vec<(At, bool)>) -> Vec<(At, bool)> {
    rows.sort();
    rows.dedup();
    rows.dedup_by_key(|(_, ok)| *ok);
    rows
}
