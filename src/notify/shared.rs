//! What the desk and its workers share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, broadcast};

use super::desk::{DeskStats, RelayHealth};
use super::earlier::Earlier;
use super::notice::{Delivery, Notice, Outcome, masked};
use super::patience::Patience;
use super::policy::{Ledger, Rules};
use super::queue::{Pending, Queue};
use super::smtp::Relay;
use crate::config::{Config, Deadline, MaintenanceWindow, PracticeNotices};
use crate::estate::Estate;
use crate::limits;
use crate::store::Store;
use crate::time::At;

pub(super) struct Shared {
    pub store: Store,
    pub patience: Patience,
    /// Something may be due sooner than it seemed.
    pub wake: Notify,
    settings: RwLock<Arc<Settings>>,
    ledger: Mutex<Ledger>,
    queue: Mutex<Queue>,
    gate: Mutex<Gate>,
    tally: Mutex<Tally>,
    deliveries: broadcast::Sender<Delivery>,
    pub earlier: Earlier,
}

/// What the configuration says, as far as the desk is concerned.
pub(super) struct Settings {
    /// Counts reloads, so that a connection of another configuration isn't used.
    pub number: u64,
    pub estate: Estate,
    pub staff: Vec<String>,
    pub practices: PracticeNotices,
    pub update_every: Option<Duration>,
    pub maintenance: Vec<MaintenanceWindow>,
    pub deadlines: Vec<Deadline>,
    /// There is a `[mail]` section.
    pub mail: bool,
    /// The mail server; an error when the section can't be used.
    pub relay: Result<Relay, String>,
}

/// Whether the mail server may be spoken to.
#[derive(Default)]
struct Gate {
    failing: Option<(At, String)>,
    /// In a row.
    failures: u32,
    rest_until: Option<Instant>,
    /// A worker finds out whether the server is back.
    trying: bool,
}

/// What an attempt says about the mail server as a whole.
pub(super) enum RelayNews {
    Fine,
    Failed(String),
    None,
}

/// What a worker does next.
pub(super) enum Next {
    Send(Box<Pending>, Arc<Settings>),
    /// At most this long; `None`: until it is woken.
    Wait(Option<Duration>),
}

/// Since the start.
#[derive(Default, Clone, Copy)]
struct Tally {
    accepted: u64,
    deferred: u64,
    rejected: u64,
    withheld: u64,
}

/// The edge of the pure core: where the desk reads the clock.
pub(super) fn now() -> At {
    At::from(jiff::Timestamp::now())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Settings {
    pub(super) fn new(config: &Config, number: u64) -> Self {
        let relay = match &config.mail {
            Some(mail) => Relay::new(mail),
            None => Err(super::policy::NO_MAIL.to_owned()),
        };
        Self {
            number,
            estate: config.estate.clone(),
            staff: config.mail.as_ref().map(|mail| mail.staff.clone()).unwrap_or_default(),
            practices: config.notices.practices,
            update_every: config.notices.update_every,
            maintenance: config.maintenance.clone(),
            deadlines: config.deadlines.clone(),
            mail: config.mail.is_some(),
            relay,
        }
    }

    pub(super) fn rules(&self) -> Rules<'_> {
        Rules {
            estate: &self.estate,
            staff: &self.staff,
            practices: self.practices,
            maintenance: &self.maintenance,
            mail: self.mail,
            update_every: self.update_every,
        }
    }
}

impl Shared {
    pub(super) fn new(config: &Config, store: Store, patience: Patience, ledger: Ledger) -> Self {
        Self {
            store,
            patience,
            wake: Notify::new(),
            settings: RwLock::new(Arc::new(Settings::new(config, 0))),
            ledger: Mutex::new(ledger),
            queue: Mutex::new(Queue::default()),
            gate: Mutex::new(Gate::default()),
            tally: Mutex::new(Tally::default()),
            deliveries: broadcast::channel(limits::DELIVERY_NEWS).0,
            earlier: Earlier::default(),
        }
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn reload(&self, config: &Config) {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *settings = Arc::new(Settings::new(config, settings.number + 1));
        drop(settings);
        // The new server, or the mended section, is tried at once.
        *lock(&self.gate) = Gate::default();
        self.wake.notify_waiters();
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Delivery> {
        self.deliveries.subscribe()
    }

    pub(super) fn next(&self) -> Next {
        let settings = self.settings();
        if settings.relay.is_err() {
            return Next::Wait(None);
        }
        let mut gate = lock(&self.gate);
        if gate.failures > 0 {
            if gate.trying {
                return Next::Wait(None);
            }
            let rest = gate.rest_until.map(|until| until.saturating_duration_since(Instant::now()));
            if let Some(rest) = rest.filter(|rest| !rest.is_zero()) {
                return Next::Wait(Some(rest));
            }
        }
        let now = now();
        let mut queue = self.queue();
        match queue.take(now) {
            Some(pending) => {
                gate.trying = gate.failures > 0;
                Next::Send(Box::new(pending), settings)
            }
            None => Next::Wait(queue.next_ready().map(|at| {
                let ms = u64::try_from(at.millis_since(now)).unwrap_or(0);
                // The wall clock may be set meanwhile.
                Duration::from_millis(ms).clamp(Duration::from_millis(1), limits::DESK_CHORES_EVERY)
            })),
        }
    }

    pub(super) fn relay_news(&self, news: RelayNews) {
        let mut gate = lock(&self.gate);
        gate.trying = false;
        match news {
            RelayNews::None => {}
            RelayNews::Fine => {
                if let Some((since, _)) = &gate.failing {
                    tracing::warn!("the mail server takes mails again; it had failed since {since}");
                }
                *gate = Gate::default();
            }
            RelayNews::Failed(why) => {
                gate.failures = gate.failures.saturating_add(1);
                gate.rest_until = Some(Instant::now() + self.patience.rest(gate.failures));
                if gate.failing.is_none() {
                    tracing::error!("the mail server cannot be used; notices wait in the outbox: {why}");
                }
                let since = gate.failing.as_ref().map_or_else(now, |(since, _)| *since);
                gate.failing = Some((since, why));
            }
        }
        drop(gate);
        self.wake.notify_waiters();
    }

    pub(super) fn publish(&self, notice: &Notice, message_id: String, at: At, outcome: Outcome) {
        {
            let mut tally = lock(&self.tally);
            let count = match outcome {
                Outcome::Accepted => &mut tally.accepted,
                Outcome::Deferred { .. } => &mut tally.deferred,
                Outcome::Rejected { .. } => &mut tally.rejected,
                Outcome::Withheld { .. } => &mut tally.withheld,
            };
            *count += 1;
        }
        let to = masked(&notice.recipient);
        let (incident, kind, about) = (&notice.incident, notice.kind.as_str(), notice.audience.label());
        match &outcome {
            Outcome::Accepted => {
                tracing::info!(incident, kind, about, to, "notice accepted by the mail server");
            }
            Outcome::Deferred { why } => tracing::info!(incident, kind, about, to, why, "notice put off"),
            Outcome::Rejected { why } => {
                tracing::warn!(incident, kind, about, to, why, "notice not delivered");
            }
            Outcome::Withheld { why } => tracing::info!(incident, kind, about, to, why, "notice withheld"),
        }
        let delivery = Delivery {
            at,
            notice: notice.id.clone(),
            incident: notice.incident.clone(),
            kind: notice.kind,
            channel: "email",
            audience: notice.audience.clone(),
            message_id,
            outcome,
        };
        // Fails only when nobody listens.
        drop(self.deliveries.send(delivery));
    }

    pub(super) fn stats(&self) -> DeskStats {
        let counts = self.queue().counts(now());
        let tally = *lock(&self.tally);
        DeskStats {
            queued: counts.queued,
            waiting: counts.waiting,
            held: counts.held,
            oldest: counts.oldest,
            accepted: tally.accepted,
            deferred: tally.deferred,
            rejected: tally.rejected,
            withheld: tally.withheld,
            relay: self.relay_health(),
        }
    }

    fn relay_health(&self) -> RelayHealth {
        let settings = self.settings();
        match (&settings.relay, &lock(&self.gate).failing) {
            _ if !settings.mail => RelayHealth::None,
            (Err(why), _) => RelayHealth::Unusable { why: why.clone() },
            (Ok(_), Some((since, why))) => RelayHealth::Failing { since: *since, why: why.clone() },
            (Ok(_), None) => RelayHealth::Fine,
        }
    }
}
