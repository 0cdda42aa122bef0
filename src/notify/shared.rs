//! What the desk and its workers share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use lettre::message::Mailbox;
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;

use super::bounce::{Bouncing, BouncingAddress};
use super::channel::{Channel, Way, contact_of, hook_of, staff_of, ways_of};
use super::desk::{DeskStats, OutletStats};
use super::dispatch::{Dispatch, Turn};
use super::earlier::Earlier;
use super::hook::Hook;
use super::link::LinkKey;
use super::masked::masked;
use super::notice::{Delivery, Notice, NoticeKind, Outcome, Try};
use super::outlet::{Moment, News, Plate, RelayHealth, Turned};
use super::patience::Patience;
use super::policy::escalation::Told;
use super::policy::routing::Routing;
use super::policy::{Ledger, Rules, key, person};
use super::smtp::Relay;
use super::words::texts::Texts;
use crate::config::{
    AcknowledgementSettings, Config, ContactSettings, Deadline, ExerciseSettings, MailSettings,
    MaintenanceWindow, PracticeNotices, Rates, WaySettings,
};
use crate::estate::Estate;
use crate::incident::{Event, EventKind};
use crate::limits;
use crate::store::Store;
use crate::time::At;

pub(super) struct Shared {
    clock: Clock,
    pub store: Store,
    pub patience: Patience,
    /// Something may be due sooner than it seemed.
    pub wake: Notify,
    /// Something that was to leave is to be kept.
    pub aside: Notify,
    started: Instant,
    settings: RwLock<Arc<Settings>>,
    ledger: Mutex<Ledger>,
    dispatch: Mutex<Dispatch>,
    tally: Mutex<BTreeMap<Channel, Tally>>,
    deliveries: broadcast::Sender<Delivery>,
    pub earlier: Earlier,
    bouncing: Mutex<Bouncing>,
}

/// What the configuration says, as far as the desk is concerned.
pub(super) struct Settings {
    /// Counts reloads.
    pub number: u64,
    pub estate: Estate,
    pub staff: Vec<String>,
    pub practices: PracticeNotices,
    pub update_every: Option<Duration>,
    pub texts: Texts,
    pub acknowledgement: AcknowledgementSettings,
    pub maintenance: Vec<MaintenanceWindow>,
    pub routing: Routing,
    pub deadlines: Vec<Deadline>,
    /// There is a `[mail]` section.
    pub mail: bool,
    /// Whom the notices are from; `None` where that isn't known.
    pub from: Option<Mailbox>,
    pub contacts: Vec<ContactSettings>,
    /// The service that is the practices' own e-mail.
    pub mail_service: Option<String>,
    pub exercise: ExerciseSettings,
    /// In the order in which they are used.
    pub outlets: Vec<OutletSettings>,
}

/// One outlet, and how to speak to it.
pub(super) struct OutletSettings {
    pub plate: Plate,
    /// The network that it is reached by, where that is said.
    pub network: Option<String>,
    /// `None` where it can't be used.
    pub carrier: Option<Carrier>,
    /// Messages under way at once.
    pub workers: usize,
}

/// What speaks to an outlet.
pub(super) enum Carrier {
    Relay(Relay),
    Hook(Hook),
}

/// Notices since the start, by what became of an attempt.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub accepted: u64,
    pub deferred: u64,
    pub rejected: u64,
    pub withheld: u64,
}

/// The edge of the pure core: where the desk reads the time. The system's clock, unless a test has time pass by itself.
pub type Clock = Arc<dyn Fn() -> At + Send + Sync>;

/// The system's.
pub(super) fn system_clock() -> Clock {
    Arc::new(|| At::from(jiff::Timestamp::now()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Settings {
    pub(super) fn new(config: &Config, number: u64) -> Self {
        let from = config.mail.as_ref().map(|mail| {
            mail.from.parse().map_err(|_| format!("from = \"{}\" is not an e-mail address", mail.from))
        });
        let (from, unusable) = match from {
            Some(Ok(from)) => (Some(from), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        Self {
            number,
            estate: config.estate.clone(),
            staff: staff_of(config),
            practices: config.notices.practices,
            update_every: config.notices.update_every,
            texts: config.notices.texts.clone(),
            acknowledgement: config.acknowledgement.clone(),
            maintenance: config.maintenance.clone(),
            routing: Routing::of(config),
            deadlines: config.deadlines.clone(),
            mail: config.mail.is_some(),
            from,
            contacts: config.ways.contacts.clone(),
            mail_service: config.ways.mail_service.clone(),
            exercise: config.ways.exercise.clone(),
            outlets: config
                .mail
                .iter()
                .flat_map(|mail| relays(mail, unusable.as_deref()))
                .chain(hooks(&config.ways))
                .collect(),
        }
    }

    pub(super) fn plates(&self) -> Vec<Plate> {
        self.outlets.iter().map(|outlet| outlet.plate.clone()).collect()
    }

    /// The `Message-ID` that a notice has or would have had.
    fn message_id(&self, notice: &str, key: Option<&LinkKey>) -> String {
        match &self.from {
            Some(from) => super::mail::message_id(notice, from, key),
            None => format!("<{notice}@localhost>"),
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
            escalation: &self.acknowledgement.steps,
            routing: &self.routing,
        }
    }

    /// Whether anybody is written to at this address, as things are configured.
    fn knows(&self, address: &str) -> bool {
        let is_it = |other: &String| key(other) == key(address);
        let managers = self.estate.practices.iter().flat_map(|practice| &practice.email);
        let escalated = self.acknowledgement.steps.iter().flat_map(|step| &step.to);
        let contacts = self.contacts.iter().map(|contact| &contact.email);
        self.staff.iter().chain(managers).chain(escalated).chain(contacts).any(is_it)
    }

    /// What somebody is called, where `[[contact]]` says it.
    pub(super) fn contact_name(&self, recipient: &str) -> Option<&str> {
        contact_of(&self.contacts, recipient).and_then(|contact| contact.name.as_deref())
    }

    /// Those who were told, by name where it is known.
    pub(super) fn named(&self, told: Vec<Told>) -> Vec<Told> {
        let mut told = told;
        for one in &mut told {
            if let Some(name) = self.contact_name(&one.recipient) {
                one.recipient = name.to_owned();
            }
        }
        told
    }
}

/// The relays of `[mail]`; `unusable`: why none of them can be used.
fn relays(mail: &MailSettings, unusable: Option<&str>) -> Vec<OutletSettings> {
    mail.relays
        .iter()
        .map(|relay| {
            let made = match unusable {
                None => Relay::new(relay),
                Some(why) => Err(why.to_owned()),
            };
            OutletSettings {
                plate: Plate {
                    name: relay.name().into(),
                    way: Way::EMAIL,
                    rates: relay.rates,
                    unusable: made.as_ref().err().cloned(),
                },
                network: relay.network.clone(),
                carrier: made.ok().map(Carrier::Relay),
                workers: limits::SMTP_CONNECTIONS,
            }
        })
        .collect()
}

fn hooks(ways: &WaySettings) -> impl Iterator<Item = OutletSettings> {
    ways.channels.iter().map(|settings| {
        let made = Hook::new(settings);
        let channel = settings.kind.channel();
        let way = match channel {
            Channel::Sms => Way::SMS,
            _ => Way { channel, hook: Some(settings.id.as_str().into()) },
        };
        OutletSettings {
            plate: Plate {
                name: settings.id.as_str().into(),
                way,
                rates: Rates::default(),
                unusable: made.as_ref().err().cloned(),
            },
            network: None,
            carrier: made.ok().map(Carrier::Hook),
            workers: limits::CHANNEL_CONNECTIONS,
        }
    })
}

impl Shared {
    pub(super) fn new(
        config: &Config,
        (store, clock): (Store, Clock),
        patience: Patience,
        ledger: Ledger,
        sent_before: &BTreeMap<String, u32>,
    ) -> Self {
        let settings = Settings::new(config, 0);
        let mut dispatch = Dispatch::default();
        dispatch.put_up(settings.number, settings.plates(), sent_before);
        Self {
            clock,
            store,
            patience,
            wake: Notify::new(),
            aside: Notify::new(),
            started: Instant::now(),
            settings: RwLock::new(Arc::new(settings)),
            ledger: Mutex::new(ledger),
            dispatch: Mutex::new(dispatch),
            // There from the start, so that a counter that stays at nought can be seen to.
            tally: Mutex::new(BTreeMap::from([(Channel::Email, Tally::default())])),
            deliveries: broadcast::channel(limits::DELIVERY_NEWS).0,
            earlier: Earlier::default(),
            bouncing: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> At {
        (self.clock)()
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn reload(&self, config: &Config) {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *settings = Arc::new(Settings::new(config, settings.number + 1));
        // The new server, or the mended section, is tried at once.
        self.dispatch().put_up(settings.number, settings.plates(), &BTreeMap::new());
        drop(settings);
        self.wake.notify_waiters();
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(super) fn dispatch(&self) -> MutexGuard<'_, Dispatch> {
        lock(&self.dispatch)
    }

    /// What a notice may leave by, as things stand.
    pub(super) fn ways(&self, notice: &Notice) -> Vec<Way> {
        let settings = self.settings();
        let service = settings.mail_service.as_deref();
        let comes_back = self.bouncing().is_likely(&notice.recipient, self.now());
        ways_of(notice, &settings.contacts, service, comes_back, self.ledger().open())
    }

    /// Those whose mails come back at present, the latest first. An address that nobody is written to any more has been mended.
    pub(super) fn come_back(&self) -> Vec<BouncingAddress> {
        let (settings, all) = (self.settings(), self.bouncing().list(self.now()));
        all.into_iter().filter(|standing| settings.knows(&standing.address)).collect()
    }

    /// Whose mails come back, or came back lately.
    pub(super) fn bouncing(&self) -> MutexGuard<'_, Bouncing> {
        lock(&self.bouncing)
    }

    /// The link by which the reader of a letter acknowledges its incident; `None`: there is none, or nothing to acknowledge.
    pub(super) fn link(&self, notice: &Notice, event: &Event, settings: &Settings) -> Option<String> {
        let is_over = event.event == EventKind::Resolved
            || matches!(notice.kind, NoticeKind::Back | NoticeKind::Correction);
        // A digest tells of many, and has a link for each.
        let is_asked = notice.kind != NoticeKind::Digest;
        let person = || person(&notice.audience, &notice.recipient);
        (is_asked && !is_over).then(|| self.link_of(&notice.incident, &person(), settings)).flatten()
    }

    /// The link by which a person acknowledges an incident; `None`: there are no links.
    pub(super) fn link_of(&self, incident: &str, person: &str, settings: &Settings) -> Option<String> {
        let (base, key) = settings.acknowledgement.link.as_ref().zip(self.store.link_key())?;
        Some(key.link(base, incident, person))
    }

    fn moment(&self) -> Moment {
        Moment { at: self.now(), since_start: self.started.elapsed() }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Delivery> {
        self.deliveries.subscribe()
    }

    /// What a worker of this outlet does next.
    pub(super) fn turn(&self, outlet: usize, settings: &Settings) -> Turn {
        let now = self.moment();
        let rules = settings.rules();
        // Both at once: what is under way can't be called back, and what was called back isn't taken.
        let mut ledger = self.ledger();
        let mut dispatch = self.dispatch();
        let turn = dispatch.turn(outlet, settings.number, now, |pending| {
            ledger.leaves(&pending.notice, &pending.event, now.at, &rules)
        });
        let is_closed = dispatch.outlets().get(outlet).is_some_and(|outlet| !outlet.is_open(now.since_start));
        let is_aside = dispatch.queue.has_aside();
        drop(dispatch);
        drop(ledger);
        if is_aside {
            self.aside.notify_one();
        }
        if matches!(turn, Turn::Send(_)) && is_closed {
            // That was the last of its allowance: the next outlet's workers wait for that.
            self.wake.notify_waiters();
        }
        turn
    }

    /// What an attempt (of `notice`, or `None`: a knock) says about its outlet.
    pub(super) fn heard(&self, outlet: usize, settings: &Settings, notice: Option<&str>, news: News) {
        let now = self.moment();
        let turned = self.dispatch().heard(outlet, settings.number, notice, news, now, &self.patience);
        let name = settings.outlets.get(outlet).map_or("", |outlet| &*outlet.plate.name);
        match turned {
            None => {}
            Some(Turned::Failing { why }) => {
                tracing::error!("{name} cannot be used; notices wait, or leave another way: {why}");
            }
            Some(Turned::WorksAgain { since }) => {
                tracing::warn!("{name} answers again; it had failed since {since}");
            }
        }
        self.wake.notify_waiters();
    }

    /// Tells everybody who listens what became of a notice. `tried`: by which outlet, and its answer.
    pub(super) fn publish(&self, notice: &Notice, tried: Option<&Try>, at: At, outcome: Outcome) {
        let own = || hook_of(&notice.recipient).map_or(Channel::Email, |(channel, _)| channel);
        let channel = tried.map_or_else(own, |tried| tried.channel);
        {
            let mut tallies = lock(&self.tally);
            let tally = tallies.entry(channel).or_default();
            let count = match outcome {
                Outcome::Accepted => &mut tally.accepted,
                Outcome::Deferred { .. } => &mut tally.deferred,
                Outcome::Rejected { .. } => &mut tally.rejected,
                Outcome::Withheld { .. } => &mut tally.withheld,
            };
            *count += 1;
        }
        let to = masked(&notice.recipient);
        let via = tried.map_or("", |tried| &*tried.via);
        let (incident, kind, about) = (&notice.incident, notice.kind.as_str(), notice.audience.label());
        match &outcome {
            Outcome::Accepted => {
                tracing::info!(incident, kind, about, to, via, "notice accepted");
            }
            Outcome::Deferred { why } => {
                tracing::info!(incident, kind, about, to, via, why, "notice put off");
            }
            Outcome::Rejected { why } => {
                tracing::warn!(incident, kind, about, to, via, why, "notice not delivered");
            }
            Outcome::Withheld { why } => tracing::info!(incident, kind, about, to, why, "notice withheld"),
        }
        let delivery = Delivery {
            at,
            notice: notice.id.clone(),
            incident: notice.incident.clone(),
            kind: notice.kind,
            channel: channel.as_str(),
            audience: notice.audience.clone(),
            message_id: self.settings().message_id(&notice.id, self.store.link_key()),
            tried: tried.cloned(),
            outcome,
        };
        // Fails only when nobody listens.
        drop(self.deliveries.send(delivery));
    }

    pub(super) fn stats(&self) -> DeskStats {
        let settings = self.settings();
        let (counts, outlets) = {
            let dispatch = self.dispatch();
            let stats = |(outlet, settings): (&super::outlet::Outlet, &OutletSettings)| OutletStats {
                name: outlet.plate.name.to_string(),
                channel: outlet.plate.way.channel.as_str(),
                network: settings.network.clone(),
                health: outlet.health(),
            };
            let outlets: Vec<_> = dispatch.outlets().iter().zip(&settings.outlets).map(stats).collect();
            (dispatch.queue.counts(self.now()), outlets)
        };
        let tallies = lock(&self.tally).clone();
        let sum = |of: fn(&Tally) -> u64| tallies.values().map(of).sum();
        DeskStats {
            queued: counts.queued,
            waiting: counts.waiting,
            held: counts.held,
            kept: self.ledger().kept(),
            bouncing: self.come_back().len(),
            oldest: counts.oldest,
            accepted: sum(|tally| tally.accepted),
            deferred: sum(|tally| tally.deferred),
            rejected: sum(|tally| tally.rejected),
            withheld: sum(|tally| tally.withheld),
            relay: if settings.mail { mail_health(&outlets) } else { RelayHealth::None },
            outlets,
            tallies,
        }
    }
}

/// Whether mails can leave: they can while one relay works.
fn mail_health(outlets: &[OutletStats]) -> RelayHealth {
    let mut relays = outlets.iter().filter(|outlet| outlet.channel == Channel::Email.as_str());
    let mut worst = RelayHealth::None;
    loop {
        match relays.next().map(|relay| &relay.health) {
            Some(RelayHealth::Fine) => return RelayHealth::Fine,
            Some(RelayHealth::Failing { since, why }) => {
                // Mails wait since the last of them began to fail; its reason is the news.
                if !matches!(&worst, RelayHealth::Failing { since: other, .. } if other >= since) {
                    worst = RelayHealth::Failing { since: *since, why: why.clone() };
                }
            }
            Some(health @ RelayHealth::Unusable { .. }) if worst == RelayHealth::None => {
                worst = health.clone();
            }
            Some(_) => {}
            None => return worst,
        }
    }
}
