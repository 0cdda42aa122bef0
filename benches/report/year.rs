//! A year of incidents and everyday bad luck in a store, the same for the same shape: `benches/report` measures with it, and
//! `tests/evidence/year.rs` checks the figures of a small one.

use std::path::Path;

use linewatch::estate::Estate;
use linewatch::incident::{Cause, Event, EventKind, Evidence, Reason, Signature};
use linewatch::journal::body::Turn;
use linewatch::observation::Failure;
use linewatch::store::{Store, StoreError, Transition};
use linewatch::time::At;
use linewatch::world::dice::mix;
use linewatch::world::estates::{Plan, build};

pub const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Changes of checks.
const WRITTEN_AT_ONCE: usize = 10_000;
/// 1 November 2025.
pub const BEGIN: At = At::from_millis(1_761_955_200_000);

/// How much of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub practices: usize,
    pub days: i64,
    /// Single checks that fail once for no reason, each day.
    pub blips_a_day: usize,
    /// Practices whose own line fails for half an hour, each day.
    pub lines_a_day: usize,
    /// Practices that lose everything for two hours every third day, and once all do.
    pub shared: usize,
    pub seed: u64,
}

/// One check failed from one moment to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    pub practice: usize,
    pub probe: usize,
    pub from: At,
    pub to: At,
}

/// What happened on one day.
#[derive(Debug, Default)]
pub struct Day {
    pub failed: Vec<Failed>,
    /// Opened and resolved, in turn.
    pub events: Vec<Event>,
}

impl Shape {
    pub fn estate(&self) -> Estate {
        build(&Plan { practices: self.practices, ..Plan::default() })
    }

    pub fn end(&self) -> At {
        BEGIN.plus_millis(self.days * DAY_MS)
    }

    /// The day's faults: some lines of single practices, every third day a carrier for two hours, on one day everything.
    pub fn day(&self, estate: &Estate, day: i64) -> Day {
        let mut thrown = mix(self.seed, day.unsigned_abs());
        let mut below = |n: usize| {
            thrown = mix(thrown, n as u64);
            usize::try_from(thrown % n.max(1) as u64).unwrap_or(0)
        };
        let midnight = BEGIN.plus_millis(day * DAY_MS);
        let after = |at: At, ms: usize| at.plus_millis(i64::try_from(ms).unwrap_or(0));
        let mut made = Day::default();
        for _ in 0..self.blips_a_day {
            let (practice, probe) = (below(self.practices), below(estate.probes.len()));
            let from = after(midnight, below(86_000_000));
            made.failed.push(Failed { practice, probe, from, to: from.plus_millis(30_000) });
        }
        let shared = match day {
            _ if day == self.days / 2 => Some((self.practices, "bt")),
            _ if day % 3 == 0 => Some((self.shared, "virgin")),
            _ => None,
        };
        for (number, (hit, carrier)) in (0..self.lines_a_day).map(|_| (1, "")).chain(shared).enumerate() {
            let first = below(self.practices - hit + 1);
            let from = after(midnight.plus_millis(8 * HOUR_MS), below(36_000_000));
            let to = from.plus_millis(if hit > 1 { 2 * HOUR_MS } else { HOUR_MS / 2 });
            let practices = first..first + hit;
            let each = practices
                .clone()
                .flat_map(|practice| (0..estate.probes.len()).map(move |probe| (practice, probe)));
            made.failed.extend(each.map(|(practice, probe)| Failed { practice, probe, from, to }));
            let id = format!("{}-{}", midnight.to_timestamp().strftime("%Y-%m-%d"), number + 1);
            let practices: Vec<String> = estate.practices[practices].iter().map(|p| p.id.clone()).collect();
            let (kind, cause) =
                if hit == 1 { (Cause::PRACTICE, practices[0].as_str()) } else { ("carrier", carrier) };
            for (event, at) in [(EventKind::Opened, from), (EventKind::Resolved, to)] {
                made.events.push(Event {
                    at,
                    event,
                    incident: id.clone(),
                    cause: vec![Cause { kind: kind.to_owned(), id: cause.to_owned() }],
                    probability: 0.998,
                    alternatives: Vec::new(),
                    signature: Signature::Dropped,
                    network: None,
                    since: at,
                    practices: practices.clone(),
                    services: estate.services.iter().map(|service| service.id.clone()).collect(),
                    evidence: Evidence::default(),
                    reason: (event == EventKind::Resolved).then_some(Reason::Recovered),
                    into: None,
                    lost: Vec::new(),
                    sentence: "Everything was dropped.".to_owned(),
                });
            }
        }
        made
    }

    /// Writes all days into a store, as a hub would. Answers with how many incidents and changes of checks there were.
    pub async fn write(&self, estate: &Estate, dir: &Path) -> Result<(usize, usize), StoreError> {
        let store = Store::open(dir).await?;
        store.record_measuring(BEGIN, Turn::Started).await?;
        let (mut incidents, mut changes) = (0, 0);
        for number in 0..self.days {
            let day = self.day(estate, number);
            let turned: Vec<Transition> =
                day.failed.iter().flat_map(|failed| turns(estate, failed)).collect();
            let midnight = BEGIN.plus_millis((number + 1) * DAY_MS);
            // The day on which everything failed, in one write, is more than a busy machine takes in the store's time.
            for part in turned.chunks(WRITTEN_AT_ONCE) {
                store.record_transitions(midnight, part).await?;
            }
            for event in &day.events {
                store.record(event, &[]).await?;
            }
            incidents += day.events.len() / 2;
            changes += turned.len();
        }
        store.record_measuring(self.end(), Turn::Stopped).await?;
        store.close().await;
        Ok((incidents, changes))
    }
}

fn turns(estate: &Estate, failed: &Failed) -> [Transition; 2] {
    [(failed.from, false), (failed.to, true)].map(|(at, ok)| Transition {
        at,
        practice: estate.practices[failed.practice].id.clone(),
        probe: estate.probes[failed.probe].id.clone(),
        ok,
        failure: (!ok).then_some(Failure::Timeout),
        path: None,
        agent: None,
    })
}
