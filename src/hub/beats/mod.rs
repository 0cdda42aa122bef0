//! Heartbeats: work that should happen says so, by asking for an address that nobody else knows. Silence past its time
//! is a failure.
//!
//! | file | subject |
//! |---|---|
//! | [`book`] | how each piece of work stands. Pure |
//! | [`token`] | whose address is whose. Pure |
//! | [`routes`] | what is asked over HTTP |
//!
//! The hub looks through the book each second and reports, as a worker reports a check, whether each piece of work is
//! overdue. Beats are kept in the store; between two looks they are in memory alone, so a power cut loses a second's.

pub mod book;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
pub mod routes;
pub mod token;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::agent::clock;
use crate::agent::workers::{Report, blank};
use crate::estate::Estate;
use crate::limits::{
    BEAT_ALIVE_EVERY, BEAT_LOOK_EVERY, BEAT_WRONG_ALL_PER_SECOND, BEAT_WRONG_BURST, BEAT_WRONG_PER_SECOND,
    CLOCK_STEP_MIN, STANDSTILL_MIN,
};
use crate::notify::words::plain;
use crate::reflector::limiter::{Limiter, Rate};
use crate::store::{BeatRow, Store, StoreHealth};
use crate::time::{At, whole_millis};
use book::{Book, Said, Stands, Times, Told};
use token::{Mint, Register, Work, works};

/// `/api/v1/beats`: one piece of work. Its address isn't in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeatStatus {
    pub practice: String,
    pub probe: String,
    /// What people call the work.
    pub work: String,
    /// `new` (never heard of, and not late yet), `fine`, `failed` (it said so), `unended`, `silent`.
    pub standing: String,
    /// When it was last done.
    pub last: Option<At>,
    /// What is wrong.
    pub detail: Option<String>,
}

/// What became of somebody who knocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Noted,
    Nobodys,
    /// Too many tokens of nobody's from there.
    TooMany,
}

/// All heartbeats of one hub.
#[derive(Debug)]
pub struct Beats {
    inner: Mutex<Inner>,
    wrong: Mutex<Limiter>,
    news: Notify,
}

#[derive(Debug)]
struct Inner {
    estate: Arc<Estate>,
    generation: u64,
    works: Vec<Work>,
    /// `None`: there is no secret, so there are no addresses.
    register: Option<Register>,
    book: Book,
    /// All of the book is to be written, since some of what is written is of no use any more.
    renewed: bool,
}

impl Beats {
    /// `kept` and `heard_until` are what an earlier process left.
    pub fn new(estate: Arc<Estate>, kept: Vec<BeatRow>, heard_until: Option<At>, now: At) -> Self {
        let deaf_ms = heard_until.map_or(0, |until| now.millis_since(until).max(0));
        let deaf = Duration::from_millis(u64::try_from(deaf_ms).unwrap_or(0));
        let rate = |per_second, burst| Rate { per_second, burst };
        let over_all = rate(BEAT_WRONG_ALL_PER_SECOND, BEAT_WRONG_ALL_PER_SECOND);
        let each = rate(BEAT_WRONG_PER_SECOND, BEAT_WRONG_BURST);
        Self {
            inner: Mutex::new(Inner::new(estate, kept, deaf, 0, now)),
            wrong: Mutex::new(Limiter::new(over_all, each, std::time::Instant::now())),
            news: Notify::new(),
        }
    }

    /// Goes on with another configuration.
    pub fn reload(&self, estate: Arc<Estate>, generation: u64, now: At) {
        let mut inner = self.lock();
        let kept = inner.book.rows();
        *inner = Inner::new(estate, kept, Duration::ZERO, generation, now);
        drop(inner);
        self.news.notify_one();
    }

    /// Somebody knocks.
    pub fn take(&self, token: &str, said: Said, from: Option<IpAddr>, now: At) -> Taken {
        let mut inner = self.lock();
        let found = inner.register.as_ref().and_then(|register| register.find(token));
        let Some(work) = found else {
            drop(inner);
            let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
            let allowed = from.is_none_or(|from| wrong.allows(from, std::time::Instant::now()));
            return if allowed { Taken::Nobodys } else { Taken::TooMany };
        };
        inner.book.note(work, said, now);
        drop(inner);
        self.news.notify_one();
        Taken::Noted
    }

    /// How all of them stand: by practice, then by probe.
    pub fn list(&self, now: At) -> Vec<BeatStatus> {
        let inner = self.lock();
        let each = inner.works.iter().zip(inner.book.standing(now));
        each.map(|(work, (stands, last))| BeatStatus {
            practice: work.practice_id.clone(),
            probe: work.probe_id.clone(),
            work: inner.estate.probes[work.probe.at()].ask.bothers(),
            standing: stands.as_str().to_owned(),
            last,
            detail: inner.detail(work, &stands, now),
        })
        .collect()
    }

    /// Looks through the book until it is stopped, tells what there is to tell, and keeps what is new.
    pub async fn run(self: Arc<Self>, out: mpsc::Sender<Report>, store: Store, stop: CancellationToken) {
        let mut tick = tokio::time::interval(BEAT_LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut looked, mut since) = (clock::now(), Instant::now());
        let mut kept_at = At::default();
        loop {
            let stopped = tokio::select! {
                () = stop.cancelled() => true,
                () = self.news.notified() => false,
                _ = tick.tick() => false,
            };
            let now = clock::now();
            let gone = since.elapsed();
            self.shift(now.millis_since(looked), gone, now);
            (looked, since) = (now, Instant::now());
            let reports = self.lock().reports(now);
            for report in reports {
                // While the queue is full this waits, and beats wait in the book. Nobody listens once the hub has stopped.
                tokio::select! {
                    () = stop.cancelled() => break,
                    sent = out.send(report) => drop(sent),
                }
            }
            let is_due = stopped || now.millis_since(kept_at) >= whole_millis(BEAT_ALIVE_EVERY);
            if self.keep(&store, now, is_due).await {
                kept_at = now;
            }
            if stopped {
                return;
            }
        }
    }

    /// The clock was set, the machine slept, or this process stood still: for so long nobody could be heard.
    fn shift(&self, wall_ms: i64, gone: Duration, now: At) {
        let by_ms = if gone >= STANDSTILL_MIN { wall_ms } else { wall_ms - whole_millis(gone) };
        if by_ms.abs() >= whole_millis(CLOCK_STEP_MIN) {
            self.lock().book.shift(by_ms, now);
        }
    }

    /// True when something was written. While the disk takes nothing, changes stay in the book: there is only the last
    /// word of each to keep, and it mustn't crowd out the incidents that wait to be written.
    async fn keep(&self, store: &Store, now: At, is_due: bool) -> bool {
        if store.health() != StoreHealth::Fine {
            return false;
        }
        let (rows, all) = {
            let mut inner = self.lock();
            let all = std::mem::take(&mut inner.renewed);
            let changed = inner.book.take_changed();
            if inner.works.is_empty() && !all {
                return false;
            }
            (if all { inner.book.rows() } else { changed }, all)
        };
        if rows.is_empty() && !all && !is_due {
            return false;
        }
        if let Err(error) = store.record_beats(now, rows, all).await {
            tracing::error!(%error, "beats are kept in memory");
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What is behind it stays sound whatever happens: each change is one of one entry.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new(estate: Arc<Estate>, kept: Vec<BeatRow>, deaf: Duration, generation: u64, now: At) -> Self {
        let works = works(&estate);
        let renewed = !works.is_empty() || !kept.is_empty();
        let times = works.iter().map(|work| {
            let probe = &estate.probes[work.probe.at()];
            let (told_every, _) = probe.rhythm();
            (work.clone(), Times { every: probe.every, timeout: probe.timeout, told_every })
        });
        let book = Book::new(&times.collect::<Vec<_>>(), kept, deaf, now);
        let register = Mint::of(&estate).map(|mint| Register::new(mint, &works));
        Self { estate, generation, works, register, book, renewed }
    }

    fn reports(&mut self, now: At) -> Vec<Report> {
        let told = self.book.advance(now);
        told.into_iter().filter_map(|told| self.report(&told, now)).collect()
    }

    fn report(&self, told: &Told, now: At) -> Option<Report> {
        let work = self.works.get(told.work)?;
        let mut seen = blank(now, &work.practice_id, &work.probe_id);
        seen.failure = told.stands.failure();
        seen.ok = seen.failure.is_none();
        seen.detail = self.detail(work, &told.stands, now);
        Some(Report { generation: self.generation, from: work.from, probe: Some(work.probe), seen })
    }

    /// One line for a person, in the ICB's own time.
    fn detail(&self, work: &Work, stands: &Stands, now: At) -> Option<String> {
        let probe = &self.estate.probes[work.probe.at()];
        let zone = &self.estate.icb.timezone;
        // A rhythm under a minute has to be said as well.
        let length = |length: Duration| match length.as_secs() {
            1 => "1 second".to_owned(),
            seconds @ 2..60 => format!("{seconds} seconds"),
            _ => plain::length(At::default(), At::default() + length),
        };
        match stands {
            Stands::New | Stands::Fine => None,
            Stands::Failed { since, why } => {
                Some(format!("{why}, since {}", plain::clock(*since, now, zone)))
            }
            Stands::Unended { began } => Some(format!(
                "it began at {} and has not ended; {} is allowed",
                plain::clock(*began, now, zone),
                length(probe.timeout)
            )),
            Stands::Silent { since } => {
                let due = format!("one is due every {}", length(probe.every));
                Some(match since {
                    Some(since) => format!(
                        "no beat since {} ({}); {due}",
                        plain::clock(*since, now, zone),
                        plain::length(*since, now)
                    ),
                    None => format!("no beat has ever come; {due}"),
                })
            }
        }
    }
}
