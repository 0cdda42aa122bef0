//! From the spool to the hub: what is new first, the backlog behind it at a bounded rate; over whichever address works.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::asks::Heard;
use super::copy;
use super::cursor::Cursor;
use super::identity::{Identity, IdentityError};
use super::keeper::{SharedSpool, with};
use super::link::{Link, jitter, share};
use super::talk::{NoAnswer, Talk};
use super::word;
use crate::agent::clock;
use crate::agent::site::{LastWord, Site};
use crate::agent::spool::Disk;
use crate::chance::draw;
use crate::config::Config;
use crate::limits::{
    BACKLOG_EVERY, BATCH_ITEMS_BYTES, UPLINK_CONFIG_EVERY, UPLINK_FAREWELL, UPLINK_HUB_WAIT_MAX,
    UPLINK_LINGER, UPLINK_REFUSED_WAIT,
};
use crate::segments::Record;
use crate::uplink::batch;
use crate::uplink::message::{BatchAnswer, BatchProblem, KeyRequest, State};

/// How often the backlog is looked through again when it was empty.
const BACKLOG_LOOK_EVERY: Duration = Duration::from_secs(15);

pub struct Sender {
    talk: Arc<Talk>,
    link: Link,
    identity: Identity,
    spool: SharedSpool,
    spool_id: String,
    cursor: Cursor,
    data: std::path::PathBuf,
    /// The tag of the configuration that is used, and where a new one goes.
    tag: Option<String>,
    configs: mpsc::Sender<Config>,
    /// Where the hub was last heard.
    heard: watch::Sender<Option<Heard>>,
    site: Arc<Site>,
    config_at: Instant,
    back_at: Instant,
    /// Until then the hub is left alone.
    rest_until: Instant,
    /// When the next batch may leave.
    live_at: Instant,
    round_trip: Duration,
    /// Times in a row that the hub asked to come later.
    put_off: u32,
    /// What went wrong is said once, until something goes well.
    is_said: bool,
}

/// Which part of the spool a batch is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    New,
    Backlog,
}

impl Sender {
    pub fn new(
        talk: Arc<Talk>,
        identity: Identity,
        (spool, spool_id, sendable): (SharedSpool, String, u64),
        data: std::path::PathBuf,
        tag: Option<String>,
        (configs, heard): (mpsc::Sender<Config>, watch::Sender<Option<Heard>>),
        site: Arc<Site>,
    ) -> Self {
        let now = Instant::now();
        Self {
            link: Link::new(talk.addresses().len()),
            talk,
            identity,
            spool,
            spool_id,
            cursor: Cursor::new(sendable),
            data,
            tag,
            configs,
            heard,
            site,
            config_at: now,
            back_at: now,
            rest_until: now,
            live_at: now,
            round_trip: Duration::ZERO,
            put_off: 0,
            is_said: false,
        }
    }

    /// Sends until it is stopped, and then what is new for the last time, within a bounded time.
    pub async fn run(mut self, mut news: watch::Receiver<u64>, stop: CancellationToken) {
        let (looked, mut better) = mpsc::channel(1);
        while !stop.is_cancelled() {
            self.look_for_better(&looked);
            let now = Instant::now();
            if now >= self.rest_until {
                if now >= self.config_at {
                    self.fetch_config().await;
                    continue;
                }
                if now >= self.live_at && *news.borrow_and_update() > self.cursor.live() {
                    self.send(Part::New).await;
                    continue;
                }
                if now >= self.back_at {
                    self.send(Part::Backlog).await;
                    continue;
                }
            }
            let live_at = if *news.borrow() > self.cursor.live() { self.live_at } else { self.back_at };
            let wake = self.rest_until.max(self.config_at.min(self.back_at).min(live_at));
            tokio::select! {
                () = stop.cancelled() => {}
                Some(place) = better.recv() => self.link.move_back(place),
                // Nobody brings anything any more only when this is being stopped.
                Ok(()) = news.changed(), if now >= self.rest_until => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        let farewell = async {
            loop {
                let before = self.cursor.live();
                self.send(Part::New).await;
                if self.cursor.live() == before && Instant::now() < self.rest_until
                    || self.cursor.live() >= *news.borrow()
                {
                    return;
                }
            }
        };
        drop(tokio::time::timeout(UPLINK_FAREWELL, farewell).await);
    }

    /// Asks a better address whether it is back, beside the reports, which go on meanwhile.
    fn look_for_better(&mut self, found: &mpsc::Sender<usize>) {
        let places = self.link.better(clock::now());
        if places.is_empty() {
            return;
        }
        let (talk, found) = (self.talk.clone(), found.clone());
        tokio::spawn(async move {
            for place in places {
                if talk.is_there(place).await {
                    // An error means that somebody found one already, or that nobody cares any more.
                    return found.try_send(place).unwrap_or_default();
                }
            }
        });
    }

    async fn send(&mut self, part: Part) {
        let (live, (after, to), items_max) =
            (self.cursor.live(), self.cursor.back(), self.cursor.items_max());
        let handed = with(&self.spool, move |spool| {
            let records = match part {
                Part::New => spool.live(live, items_max, BATCH_ITEMS_BYTES),
                Part::Backlog => spool.backlog(after, to, items_max, BATCH_ITEMS_BYTES),
            };
            (records, spool.floor(), spool.sendable(), spool.status())
        });
        let Some((records, floor, sendable, status)) = handed.await else { return };
        let Some(last) = records.last().map(|record| record.seq) else {
            match part {
                Part::New => {
                    self.cursor.sent_live(sendable);
                    self.live_at = Instant::now() + UPLINK_LINGER;
                }
                Part::Backlog => {
                    self.cursor.sent_back(None);
                    self.back_at = Instant::now() + BACKLOG_LOOK_EVERY;
                }
            }
            return;
        };
        let to = self.link.current();
        let state = State {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: clock::now(),
            round_trip_ms: u32::try_from(self.round_trip.as_millis()).unwrap_or(u32::MAX),
            uplink: self.talk.addresses().get(to).and_then(|address| address.network.clone()),
            floor,
            waiting: status.records,
            lost: status.thinned.saturating_add(status.lost),
            trouble: match status.disk {
                Disk::Fine => None,
                Disk::Full { why, .. } => Some(format!("its disk is full: {why}")),
                Disk::Failing { why, .. } => Some(format!("its disk fails: {why}")),
            },
        };
        let begun = Instant::now();
        let answer = match pack(records.clone()).await {
            Ok(packed) => self.talk.batch(to, &self.identity.bearer(), &self.spool_id, &state, packed).await,
            Err(why) => Err(NoAnswer::No(why)),
        };
        match answer {
            Ok(answer) => {
                self.round_trip = begun.elapsed();
                self.answered(part, last, answer).await;
            }
            Err(NoAnswer::Refused(problem)) => {
                self.all_right();
                self.give_up(problem).await;
            }
            Err(NoAnswer::TooLarge(why)) => {
                self.all_right();
                if !self.cursor.too_large() {
                    let refused = records.iter().map(|record| record.seq).collect();
                    self.give_up(BatchProblem { error: why, refused, ..BatchProblem::default() }).await;
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn answered(&mut self, part: Part, last: u64, answer: BatchAnswer) {
        self.all_right();
        self.tell_where();
        let BatchAnswer { acked, wait_ms, config, rotate, word, .. } = answer;
        self.heard(word).await;
        let sendable = with(&self.spool, move |spool| {
            for (first, last) in acked.iter() {
                spool.acknowledge(first..=last);
            }
            spool.sendable()
        })
        .await;
        match part {
            Part::New => self.cursor.sent_live(last),
            Part::Backlog => self.cursor.sent_back(Some(last)),
        }
        if self.link.answered() {
            tracing::info!("the hub answers again");
            self.cursor.resume(sendable.unwrap_or(0));
        }
        let now = Instant::now();
        self.live_at = now + UPLINK_LINGER;
        self.back_at =
            if part == Part::Backlog { now + BACKLOG_EVERY } else { self.back_at.min(now + BACKLOG_EVERY) };
        let wait = Duration::from_millis(wait_ms).min(UPLINK_HUB_WAIT_MAX);
        if !wait.is_zero() {
            // So that those who were told the same don't come back in one moment.
            self.rest_until = now + wait + share(wait, draw());
        }
        if let Err(error) = self.identity.settle() {
            tracing::error!("{error}");
        }
        if rotate && let Err(error) = self.rotate().await {
            tracing::error!("the new key can't be kept, so the old one is used: {error}");
        }
        if config.is_some() && config != self.tag {
            self.config_at = now;
        }
    }

    /// The hub said what it knows: for the page, and for the page after a restart.
    async fn heard(&self, sentences: Vec<String>) {
        let word = LastWord { heard: clock::now(), sentences };
        if self.site.heard(word.clone()) {
            let data = self.data.clone();
            let kept = tokio::task::spawn_blocking(move || word::write(&data, &word)).await;
            if let Ok(Err(error)) = kept {
                tracing::debug!("what the hub said is kept in memory: {error}");
            }
        }
    }

    /// Whoever listens for the hub's wishes does so where it was heard.
    fn tell_where(&self) {
        let heard = Some(Heard { place: self.link.current(), bearer: self.identity.bearer() });
        self.heard.send_if_modified(|last| {
            let is_news = *last != heard;
            *last = heard;
            is_news
        });
    }

    /// Something was heard from the hub.
    fn all_right(&mut self) {
        (self.put_off, self.is_said) = (0, false);
    }

    /// What the hub will never take isn't sent again.
    async fn give_up(&mut self, problem: BatchProblem) {
        tracing::error!(
            count = problem.refused.count(),
            "the hub will not take these observations, which are given up: {}",
            problem.error
        );
        let refused = problem.refused;
        with(&self.spool, move |spool| {
            for (first, last) in refused.iter() {
                spool.acknowledge(first..=last);
            }
        })
        .await;
        self.live_at = Instant::now() + UPLINK_LINGER;
    }

    fn failed(&mut self, error: &NoAnswer) {
        if !self.is_said {
            let to = self.talk.addresses().get(self.link.current()).map(|address| address.url.as_str());
            tracing::warn!(hub = to, "reports wait in the spool: {error}");
            self.is_said = true;
        }
        let wait = match error {
            NoAnswer::Unreachable(_) => self.link.failed(clock::now(), draw()).unwrap_or_default(),
            NoAnswer::Denied(_) => match self.identity.turn() {
                Ok(true) if self.put_off == 0 => {
                    self.put_off += 1;
                    Duration::ZERO
                }
                _ => UPLINK_REFUSED_WAIT / 2 + share(UPLINK_REFUSED_WAIT / 2, draw()),
            },
            NoAnswer::Later(_) | NoAnswer::TooLarge(_) | NoAnswer::Refused(_) => {
                self.put_off = self.put_off.saturating_add(1);
                UPLINK_LINGER + jitter(self.put_off, draw())
            }
            NoAnswer::No(_) => UPLINK_REFUSED_WAIT / 2 + share(UPLINK_REFUSED_WAIT / 2, draw()),
        };
        self.rest_until = Instant::now() + wait;
    }

    async fn rotate(&mut self) -> Result<(), IdentityError> {
        let request = KeyRequest { key_tag: self.identity.next_tag()? };
        match self.talk.next_key(self.link.current(), &self.identity.bearer(), &request).await {
            Ok(()) => {
                self.identity.turn()?;
                tracing::info!("this agent has a new key");
            }
            Err(error) => tracing::warn!("the new key isn't in use yet: {error}"),
        }
        Ok(())
    }

    async fn fetch_config(&mut self) {
        self.config_at = Instant::now() + UPLINK_CONFIG_EVERY;
        let bearer = self.identity.bearer();
        let (tag, bundle) = match self.talk.config(self.link.current(), &bearer, self.tag.as_deref()).await {
            Ok(None) => return self.all_right(),
            Ok(Some(new)) => new,
            Err(NoAnswer::No(why)) => {
                self.config_at = Instant::now() + UPLINK_LINGER + jitter(u32::MAX, draw());
                tracing::warn!("the hub has no configuration for this agent: {why}");
                return;
            }
            Err(error) => {
                if self.tag.is_none() {
                    self.config_at = Instant::now();
                }
                return self.failed(&error);
            }
        };
        self.all_right();
        let practice = self.identity.enrolled().map(|(_, practice)| practice.to_owned()).unwrap_or_default();
        let data = self.data.clone();
        let kept = tokio::task::spawn_blocking(move || copy::write(&data, tag, bundle, &practice)).await;
        match kept {
            Ok(Ok(copy)) => {
                self.tag = Some(copy.tag);
                // Nobody takes it any more only when this is being stopped.
                drop(self.configs.send(copy.config).await);
            }
            Ok(Err(error)) => tracing::error!("the configuration before is still used: {error}"),
            Err(error) => tracing::error!(%error, "the configuration before is still used"),
        }
    }
}

/// Compressing takes milliseconds, beside the runtime.
async fn pack(records: Vec<Record>) -> Result<batch::Packed, String> {
    let packed = tokio::task::spawn_blocking(move || batch::pack(&records)).await;
    packed.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}
