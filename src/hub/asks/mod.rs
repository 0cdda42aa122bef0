//! "Ask these checks now": from the hub to its agents, which sit behind address-translating firewalls, so that they call and the
//! hub answers. An agent keeps one question open ([`routes`]); what the correlator wishes to know is its answer.
//!
//! Where this process asks for the practices itself, its own workers are told instead.

pub mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::numbers::Numbers;
use crate::agent::workers::Wished;
use crate::estate::{Estate, Vantage};
use crate::limits::{
    ASKS_AGENT_BURST, ASKS_AGENT_PER_SECOND, ASKS_BURST, ASKS_GOOD_FOR, ASKS_LISTENS_FOR, ASKS_PER_AGENT_MAX,
    ASKS_PER_SECOND,
};
use crate::reflector::limiter::{Bucket, Rate};

const ALL: Rate = Rate { per_second: ASKS_PER_SECOND, burst: ASKS_BURST };
const EACH: Rate = Rate { per_second: ASKS_AGENT_PER_SECOND, burst: ASKS_AGENT_BURST };

/// What agents are asked to ask.
#[derive(Debug)]
pub struct Asks {
    inner: Mutex<Inner>,
    numbers: Arc<Numbers>,
    closing: CancellationToken,
    /// Counts questions that agents keep open.
    questions: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    /// By practice, then by agent: those that listen. One that has gone is taken out when it is next looked for; there are no more
    /// than enrolled agents.
    agents: BTreeMap<String, BTreeMap<String, Listener>>,
    all: Bucket,
    /// The workers of this process, where they ask for the practices.
    workers: Option<mpsc::Sender<Wished>>,
}

/// One agent that listens, or did until a moment ago.
#[derive(Debug)]
struct Listener {
    heard: Instant,
    budget: Bucket,
    waiting: BTreeSet<String>,
    /// When the first of them began to wait.
    since: Instant,
    woken: Arc<Notify>,
    /// It is listened to no more.
    dismissed: CancellationToken,
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// An agent has been told, or will be within the second.
    Told,
    /// More than is asked at once.
    Limited,
    /// No agent of the practice listens.
    Nobody,
}

impl Fate {
    pub const ALL: [Self; 3] = [Self::Told, Self::Limited, Self::Nobody];

    /// As in the metric.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Limited => "limited",
            Self::Nobody => "nobody",
        }
    }
}

impl Asks {
    pub fn new(numbers: Arc<Numbers>) -> Self {
        let inner = Inner { agents: BTreeMap::new(), all: Bucket::full(ALL, Instant::now()), workers: None };
        Self {
            inner: Mutex::new(inner),
            numbers,
            closing: CancellationToken::new(),
            questions: watch::Sender::new(0),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The workers of this process ask for the practices.
    pub fn through(&self, workers: mpsc::Sender<Wished>) {
        self.inner().workers = Some(workers);
    }

    /// Has a check of a practice asked now.
    pub fn ask(&self, estate: &Estate, wished: Wished) -> Fate {
        let (Vantage::Practice(practice), now) = (wished.from, Instant::now()) else { return Fate::Nobody };
        let fate = {
            let mut inner = self.inner();
            let id = &estate.practices[practice.at()].id;
            let Inner { agents, all, workers } = &mut *inner;
            let mut listening: Vec<&mut Listener> = Vec::new();
            if let Some(of_practice) = agents.get_mut(id) {
                of_practice.retain(|_, listener| listener.listens(now));
                listening.extend(of_practice.values_mut());
            }
            match (listening.is_empty(), workers) {
                (true, None) => Fate::Nobody,
                _ if !all.take(ALL, now) => Fate::Limited,
                (true, Some(workers)) => {
                    if workers.try_send(wished).is_ok() {
                        Fate::Told
                    } else {
                        Fate::Limited
                    }
                }
                (false, _) => {
                    let probe = &estate.probes[wished.probe.at()].id;
                    // All are told, whatever became of the others.
                    let told = listening.into_iter().map(|listener| listener.tell(probe, now));
                    if told.fold(false, |any, one| any | one) { Fate::Told } else { Fate::Limited }
                }
            }
        };
        self.numbers.asked(fate);
        fate
    }

    /// Waits until there is something for this agent to ask; without end. `None`: the hub is being stopped, or the agent was dismissed.
    pub async fn listen(&self, practice: &str, agent: &str) -> Option<Vec<String>> {
        loop {
            let (woken, dismissed) = {
                let mut inner = self.inner();
                let now = Instant::now();
                let of_practice = inner.agents.entry(practice.to_owned()).or_default();
                let listener = of_practice.entry(agent.to_owned()).or_insert_with(|| Listener::new(now));
                listener.heard = now;
                let probes = listener.take(now);
                if !probes.is_empty() {
                    return Some(probes);
                }
                (listener.woken.clone(), listener.dismissed.clone())
            };
            self.questions.send_modify(|count| *count = count.wrapping_add(1));
            tokio::select! {
                () = self.closing.cancelled() => return None,
                () = dismissed.cancelled() => return None,
                () = woken.notified() => {}
            }
        }
    }

    /// This agent's key was taken away: what it waits for isn't told any more.
    pub fn dismiss(&self, practice: &str, agent: &str) {
        let gone = self.inner().agents.get_mut(practice).and_then(|of_practice| of_practice.remove(agent));
        if let Some(listener) = gone {
            listener.dismissed.cancel();
        }
    }

    /// Changes whenever an agent begins to wait for an answer.
    pub fn questions(&self) -> watch::Receiver<u64> {
        self.questions.subscribe()
    }

    /// The hub is being stopped: nobody is kept waiting.
    pub fn close(&self) {
        self.closing.cancel();
    }
}

impl Listener {
    fn new(now: Instant) -> Self {
        Self {
            heard: now,
            budget: Bucket::full(EACH, now),
            waiting: BTreeSet::new(),
            since: now,
            woken: Arc::new(Notify::new()),
            dismissed: CancellationToken::new(),
        }
    }

    fn listens(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) < ASKS_LISTENS_FOR
    }

    /// Whether it will be told.
    fn tell(&mut self, probe: &str, now: Instant) -> bool {
        if self.waiting.contains(probe) {
            return true;
        }
        if self.waiting.len() >= ASKS_PER_AGENT_MAX || !self.budget.take(EACH, now) {
            return false;
        }
        if self.waiting.is_empty() {
            self.since = now;
        }
        self.waiting.insert(probe.to_owned());
        self.woken.notify_one();
        true
    }

    /// What waits, unless it has waited for too long to be of use.
    fn take(&mut self, now: Instant) -> Vec<String> {
        let waited = now.saturating_duration_since(self.since);
        let probes = std::mem::take(&mut self.waiting);
        if waited > ASKS_GOOD_FOR { Vec::new() } else { probes.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt as _;

    use super::*;
    use crate::estate::{PracticeIx, ProbeIx};

    fn estate() -> Estate {
        let config = crate::config::fuzzing::config("").expect("the configuration of the fuzzers");
        config.estate.clone()
    }

    fn asks() -> (Asks, Estate, String) {
        let estate = estate();
        let practice = estate.practices[0].id.clone();
        (Asks::new(Arc::new(Numbers::new().expect("fresh metrics").0)), estate, practice)
    }

    fn wish(probe: u32) -> Wished {
        Wished { generation: 0, from: Vantage::Practice(PracticeIx(0)), probe: ProbeIx(probe) }
    }

    #[tokio::test]
    async fn every_agent_that_listens_is_told_once() {
        let (asks, estate, practice) = asks();
        assert_eq!(asks.ask(&estate, wish(0)), Fate::Nobody);
        let (mut one, mut other) =
            (Box::pin(asks.listen(&practice, "one")), Box::pin(asks.listen(&practice, "other")));
        assert!((&mut one).now_or_never().is_none() && (&mut other).now_or_never().is_none());
        assert_eq!(asks.ask(&estate, wish(0)), Fate::Told);
        assert_eq!(asks.ask(&estate, wish(0)), Fate::Told, "it is on its way");
        let probe = estate.probes[0].id.clone();
        assert_eq!((one.await, other.await), (Some(vec![probe.clone()]), Some(vec![probe])));
        assert!(asks.listen(&practice, "one").now_or_never().is_none(), "once");
    }

    #[tokio::test]
    async fn what_is_told_while_an_agent_fetches_the_last_waits_for_it_but_not_for_long() {
        let (asks, estate, practice) = asks();
        assert!(asks.listen(&practice, "one").now_or_never().is_none());
        assert_eq!(asks.ask(&estate, wish(0)), Fate::Told);
        asks.inner().agents.get_mut(&practice).and_then(|of| of.get_mut("one")).expect("it listens").since -=
            ASKS_GOOD_FOR + Duration::from_millis(1);
        assert!(asks.listen(&practice, "one").now_or_never().is_none(), "too old to be of use");
        assert_eq!(asks.ask(&estate, wish(0)), Fate::Told);
        assert_eq!(asks.listen(&practice, "one").await.map(|probes| probes.len()), Some(1));
    }

    #[tokio::test]
    async fn an_agent_is_asked_so_much_and_the_county_so_much() {
        let (asks, estate, practice) = asks();
        let mut told = 0;
        for _ in 0..100 {
            assert!(asks.listen(&practice, "one").now_or_never().is_none_or(|probes| probes.is_some()));
            told += u32::from(asks.ask(&estate, wish(0)) == Fate::Told);
            drop(asks.listen(&practice, "one").now_or_never());
        }
        assert!(f64::from(told) >= ASKS_AGENT_BURST && f64::from(told) < ASKS_AGENT_BURST + 3.0, "{told}");
        let (workers, mut taken) = mpsc::channel(10_000);
        asks.through(workers);
        asks.inner().agents.clear();
        let told = (0..5_000).filter(|_| asks.ask(&estate, wish(0)) == Fate::Told).count();
        assert!((900..1_500).contains(&told), "{told}");
        let mut heard = 0;
        while taken.try_recv().is_ok() {
            heard += 1;
        }
        assert_eq!(heard, told);
    }

    #[tokio::test]
    async fn whose_key_was_taken_away_waits_for_nothing_more_and_the_others_do() {
        let (asks, estate, practice) = asks();
        let (mut one, mut other) =
            (Box::pin(asks.listen(&practice, "one")), Box::pin(asks.listen(&practice, "other")));
        assert!((&mut one).now_or_never().is_none() && (&mut other).now_or_never().is_none());
        asks.dismiss(&practice, "one");
        asks.dismiss("nowhere", "one");
        assert_eq!(one.await, None);
        assert_eq!(asks.ask(&estate, wish(0)), Fate::Told);
        assert_eq!(other.await.map(|probes| probes.len()), Some(1));
        asks.dismiss(&practice, "other");
        assert_eq!(asks.ask(&estate, wish(0)), Fate::Nobody, "at once");
    }

    #[tokio::test]
    async fn nobody_waits_for_a_hub_that_ends() {
        let (asks, _, practice) = asks();
        let waiting = asks.listen(&practice, "one");
        asks.close();
        assert_eq!(waiting.await, None);
    }
}
