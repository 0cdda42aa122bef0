//! From the spool to the hub: what is new first, the backlog behind it at a bounded rate; over whichever address works.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::addresses::Addresses;
use super::asks::Heard;
use super::copy;
use super::cursor::Cursor;
use super::identity::{Identity, IdentityError};
use super::keeper::{SharedSpool, with};
use super::link::{Link, jitter, share};
use super::talk::{NoAnswer, Talk};
use super::word;
use crate::agent::clock::{self, Clocks};
use crate::agent::site::{LastWord, Site};
use crate::agent::spool::{Disk, Spool, Status};
use crate::chance::draw;
use crate::config::Config;
use crate::limits::{
    BACKLOG_EVERY, BATCH_ITEMS_BYTES, PATH_HUB_CHARS_MAX, TROUBLE_CHARS_MAX, UPLINK_CONFIG_EVERY,
    UPLINK_FAREWELL, UPLINK_HUB_WAIT_MAX, UPLINK_HUBS_MAX, UPLINK_LINGER, UPLINK_REFUSED_WAIT,
};
use crate::segments::Record;
use crate::uplink::batch::{self, Packed};
use crate::uplink::message::{BatchAnswer, BatchProblem, KeyRequest, PathState, Process, State};

/// How often the backlog is looked through again when it was empty.
const BACKLOG_LOOK_EVERY: Duration = Duration::from_secs(15);

pub struct Sender {
    talk: Arc<Talk>,
    link: Link,
    addresses: Addresses,
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
    /// Counts the hub's answers to what was sent, once the spool knows of them.
    answers: watch::Sender<u64>,
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
    /// This process, and how often it has said how it is.
    process: Process,
}

/// Which part of the spool a batch is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    New,
    Backlog,
}

/// What a look at an address that isn't used showed.
#[derive(Debug)]
struct Look {
    place: usize,
    why_not: Option<String>,
}

/// What is said of the spool: by this clock, and by no other that may be set before the request leaves.
struct Told {
    floor: u64,
    status: Status,
    clocks: Clocks,
}

fn told(spool: &mut Spool) -> Told {
    let clocks = Clocks::read();
    spool.look_at_clocks(clocks);
    Told { floor: spool.floor(), status: spool.status(), clocks }
}

impl Sender {
    pub fn new(
        talk: Arc<Talk>,
        identity: Identity,
        (spool, spool_id, sendable): (SharedSpool, String, u64),
        data: std::path::PathBuf,
        tag: Option<String>,
        (configs, heard): (mpsc::Sender<Config>, watch::Sender<Option<Heard>>),
        (site, answers): (Arc<Site>, watch::Sender<u64>),
    ) -> Self {
        let now = Instant::now();
        Self {
            link: Link::new(talk.addresses().len()),
            addresses: Addresses::new(talk.addresses().len(), clock::now(), draw()),
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
            answers,
            config_at: now,
            back_at: now,
            rest_until: now,
            live_at: now,
            round_trip: Duration::ZERO,
            put_off: 0,
            is_said: false,
            process: Process { id: format!("{:016x}", draw()), said: 0 },
        }
    }

    /// Sends until it is stopped, and then what is new for the last time, within a bounded time.
    pub async fn run(mut self, mut news: watch::Receiver<u64>, stop: CancellationToken) {
        let (looked, mut seen) = mpsc::channel(UPLINK_HUBS_MAX);
        while !stop.is_cancelled() {
            self.look(&looked).await;
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
                Some(look) = seen.recv() => self.looked(&look),
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

    /// Looks whether the addresses that aren't used work, beside the reports, which go on meanwhile. The hub is told over each what is
    /// known of all, as with a report.
    async fn look(&mut self, looked: &mpsc::Sender<Look>) {
        for place in self.addresses.due(self.link.current(), clock::now(), draw()) {
            let Some(told) = with(&self.spool, told).await else { return };
            let state = State { is_look: true, ..self.state(place, told, 0) };
            let (talk, bearer, spool) = (self.talk.clone(), self.identity.bearer(), self.spool_id.clone());
            let looked = looked.clone();
            tokio::spawn(async move {
                let nothing = Packed { bytes: Vec::new(), is_gzip: false };
                let why_not = match talk.batch(place, &bearer, &spool, &state, nothing).await {
                    Err(NoAnswer::Unreachable(why)) => Some(why),
                    // Whatever it says, it was the hub that said it.
                    _ => None,
                };
                // No room, or nobody who takes it: this is being stopped, or the next look says it.
                looked.try_send(Look { place, why_not }).unwrap_or_default();
            });
        }
    }

    fn looked(&mut self, look: &Look) {
        self.saw(look.place, look.why_not.as_deref());
        if look.why_not.is_none() {
            self.link.move_back(look.place);
        }
    }

    /// What an exchange showed of an address.
    fn saw(&mut self, place: usize, why_not: Option<&str>) {
        if self.addresses.saw(place, why_not, clock::now())
            && let Some(address) = self.talk.addresses().get(place)
        {
            let network = address.network.as_deref();
            match why_not {
                None => tracing::info!(hub = address.place(), network, "the hub is reached there"),
                Some(why) => {
                    tracing::warn!(hub = address.place(), network, "the hub is not reached there: {why}");
                }
            }
        }
        self.site.reached(self.paths());
    }

    /// The ways to the hub as they are known now.
    fn paths(&self) -> Vec<PathState> {
        let both = self.talk.addresses().iter().zip(self.addresses.all());
        let paths = both.map(|(address, known)| PathState {
            network: address.network.clone(),
            hub: address.place().chars().take(PATH_HUB_CHARS_MAX).collect(),
            works: known.works,
            since: known.since,
            tried: known.tried,
            why: known.why.clone(),
        });
        paths.collect()
    }

    /// How this agent is. `to`: the address that it says so to; `sent`: records that go with it.
    fn state(&mut self, to: usize, Told { floor, status, clocks }: Told, sent: usize) -> State {
        let process = self.process.clone();
        self.process.said += 1;
        let trouble = match &status.disk {
            Disk::Fine => None,
            Disk::Full { why, .. } => Some(format!("its disk is full: {why}")),
            Disk::Failing { why, .. } => Some(format!("its disk fails: {why}")),
        };
        let sent = u64::try_from(sent).unwrap_or(u64::MAX);
        State {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: clocks.now(),
            round_trip_ms: u32::try_from(self.round_trip.as_millis()).unwrap_or(u32::MAX),
            uplink: self.talk.addresses().get(to).and_then(|address| address.network.clone()),
            floor,
            waiting: status.records.saturating_sub(sent),
            lost: status.thinned.saturating_add(status.lost).saturating_add(status.refused),
            trouble: trouble.map(|why| why.chars().take(TROUBLE_CHARS_MAX).collect()),
            damages: status.damages,
            refused: status.refused,
            paths: self.paths(),
            is_look: false,
            process: Some(process),
            steps: status.steps,
        }
    }

    async fn send(&mut self, part: Part) {
        let (live, (after, to), items_max) =
            (self.cursor.live(), self.cursor.back(), self.cursor.items_max());
        let handed = with(&self.spool, move |spool| {
            let told = told(spool);
            let records = match part {
                Part::New => spool.live(live, items_max, BATCH_ITEMS_BYTES),
                Part::Backlog => spool.backlog(after, to, items_max, BATCH_ITEMS_BYTES),
            };
            (records, spool.sendable(), told)
        });
        let Some((records, sendable, told)) = handed.await else { return };
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
        let state = self.state(to, told, records.len());
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
                self.give_up(records, problem).await;
            }
            Err(NoAnswer::TooLarge(why)) => {
                self.all_right();
                if !self.cursor.too_large() {
                    let refused = records.iter().map(|record| record.seq).collect();
                    let problem = BatchProblem { error: why, refused, ..BatchProblem::default() };
                    self.give_up(records, problem).await;
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
        self.answers.send_modify(|count| *count = count.wrapping_add(1));
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
        self.site.denied(false);
        self.saw(self.link.current(), None);
    }

    /// What the hub will never take of what was sent isn't sent again, and is counted.
    async fn give_up(&mut self, mut sent: Vec<Record>, problem: BatchProblem) {
        sent.retain(|record| problem.refused.contains(record.seq));
        tracing::error!(
            count = sent.len(),
            "the hub will not take these observations, which are given up: {}",
            problem.error
        );
        let refused = with(&self.spool, move |spool| {
            spool.give_up(&sent);
            spool.status().refused
        });
        if let Some(refused) = refused.await {
            self.site.refused(refused);
        }
        self.live_at = Instant::now() + UPLINK_LINGER;
    }

    fn failed(&mut self, error: &NoAnswer) {
        if !self.is_said {
            let to = self.talk.addresses().get(self.link.current()).map(|address| address.url.as_str());
            tracing::warn!(hub = to, "reports wait in the spool: {error}");
            self.is_said = true;
        }
        let wait = match error {
            NoAnswer::Unreachable(why) => {
                self.saw(self.link.current(), Some(why));
                self.link.failed(draw()).unwrap_or_default()
            }
            NoAnswer::Denied(_) => {
                // It was the hub that said so.
                self.saw(self.link.current(), None);
                match self.identity.turn() {
                    Ok(true) if self.put_off == 0 => {
                        self.put_off += 1;
                        Duration::ZERO
                    }
                    _ => {
                        self.site.denied(true);
                        UPLINK_REFUSED_WAIT / 2 + share(UPLINK_REFUSED_WAIT / 2, draw())
                    }
                }
            }
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
