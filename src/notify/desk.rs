//! The thing that the hub talks to: it plans notices, records them, and has them delivered.

mod acknowledging;
mod returning;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use acknowledging::{Said, Standing, TakenUp};
pub use returning::Came;

use super::channel::Channel;
use super::notice::{Delivery, Keep, NoticeState, Outcome};
use super::outlet::RelayHealth;
use super::patience::Patience;
use super::policy::mute::{Mute, Muted};
use super::policy::{Ledger, Left, Letters, Paced, Rules};
use super::queue::Pending;
use super::shared::{Clock, Shared, Tally, system_clock};
use crate::config::Config;
use crate::incident::Event;
use crate::store::{Settlement, Snapshot, Store, StoreError, Unsent};
use crate::time::At;
use crate::{limits, notify::delivery};

/// Plans notices, records them, and delivers them. When it is dropped the delivery stops; what is queued is in the
/// store.
pub struct Desk {
    shared: Arc<Shared>,
    /// One event after another.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Notices were left on the disk for want of room in memory.
    overflow: Arc<AtomicBool>,
    tasks: Mutex<Tasks>,
    cancel: DropGuard,
}

/// What runs for the desk.
struct Tasks {
    set: JoinSet<()>,
    /// Ends the workers of the present outlets, and of no others.
    crew: CancellationToken,
    cancel: CancellationToken,
}

/// What an approval did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    pub incident: String,
    /// Practice notices that were held and now go out.
    pub released: usize,
    /// Of those, notices that are kept for now, since somebody muted what they tell of.
    pub kept: usize,
    /// Somebody had approved it before.
    pub already: bool,
}

/// The desk in numbers, for status and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeskStats {
    /// Notices that are due and not yet accepted.
    pub queued: usize,
    /// Notices that wait for their time: the end of planned work, or the next staff update.
    pub waiting: usize,
    /// Notices that wait for an approval.
    pub held: usize,
    /// Notices that are kept from their recipients for now, by why.
    pub kept: BTreeMap<Keep, usize>,
    /// Recipients whose mails come back.
    pub bouncing: usize,
    /// When the oldest of the queued ones became due.
    pub oldest: Option<At>,
    /// Attempts since the start, by outcome.
    pub accepted: u64,
    pub deferred: u64,
    pub rejected: u64,
    pub withheld: u64,
    /// The mail servers taken together: mails leave while one of them works.
    pub relay: RelayHealth,
    /// What notices leave by, in the order in which it is used.
    pub outlets: Vec<OutletStats>,
    /// Attempts since the start, by channel.
    pub tallies: BTreeMap<Channel, Tally>,
}

/// One outlet, for status and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutletStats {
    /// `mail.example:587`
    pub name: String,
    /// `email`
    pub channel: &'static str,
    /// The network that it is reached by, where that is configured.
    pub network: Option<String>,
    pub health: RelayHealth,
}

impl Desk {
    /// Takes up what an earlier process left in the store, and starts delivering.
    pub async fn start(config: &Config, store: Store, cancel: CancellationToken) -> Self {
        Self::start_with(config, store, cancel, Patience::default()).await
    }

    /// The same with other waits than [`limits`] says.
    pub async fn start_with(
        config: &Config,
        store: Store,
        cancel: CancellationToken,
        patience: Patience,
    ) -> Self {
        Self::start_by(system_clock(), config, store, cancel, patience).await
    }

    /// The same by another clock than the system's. How long an outlet is left alone, and how often chores are done, real time decides.
    pub async fn start_by(
        clock: Clock,
        config: &Config,
        store: Store,
        cancel: CancellationToken,
        patience: Patience,
    ) -> Self {
        let now = clock();
        let left = store.snapshot().await.unwrap_or_else(|error| {
            tracing::error!("starting without what an earlier run left: {error}");
            Snapshot::default()
        });
        let sent_before = store.accepted_since(now - DAY).await.unwrap_or_else(|error| {
            tracing::error!("what left in the last day does not count towards the relays' limits: {error}");
            BTreeMap::new()
        });
        let routing = store.routing_left(now).await.unwrap_or_else(|error| {
            tracing::error!("what was kept for later is not told, and mutes are forgotten: {error}");
            Left::default()
        });
        let mut ledger = Ledger::restore(&left.open, routing);
        if !left.open.is_empty() {
            ledger.rest_until(now + limits::ESCALATION_REST_AFTER_START);
        }
        let shared = Arc::new(Shared::new(config, (store, clock), patience, ledger, &sent_before));
        if shared.settings().outlets.is_empty() {
            tracing::warn!("there is no [mail] section and no [[channel]]: nobody will be told of anything");
        }
        let cancel = cancel.child_token();
        let tasks = Tasks { set: JoinSet::new(), crew: cancel.child_token(), cancel: cancel.clone() };
        let desk = Self {
            overflow: Arc::new(AtomicBool::new(left.unsent.len() >= limits::OUTBOX_LOADED_MAX)),
            shared,
            turn: Arc::default(),
            tasks: Mutex::new(tasks),
            cancel: cancel.clone().drop_guard(),
        };
        if !left.unsent.is_empty() {
            tracing::info!(notices = left.unsent.len(), "an earlier run left notices to deliver");
        }
        desk.recall_bouncing().await;
        for unsent in left.unsent {
            push(&desk.shared, &desk.overflow, unsent);
        }
        let at_work = (Arc::clone(&desk.shared), Arc::clone(&desk.overflow), Arc::clone(&desk.turn));
        desk.tasks().set.spawn(chores(at_work, cancel));
        desk.sign_on();
        desk
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Workers for the outlets that there are now. Those of others end when they have nothing in hand.
    fn sign_on(&self) {
        let settings = self.shared.settings();
        let mut tasks = self.tasks();
        tasks.crew.cancel();
        tasks.crew = tasks.cancel.child_token();
        // Workers of earlier reloads that have ended.
        while tasks.set.try_join_next().is_some() {}
        for (at, outlet) in settings.outlets.iter().enumerate() {
            if let Some(why) = &outlet.plate.unusable {
                tracing::error!("{} cannot be used as it is configured: {why}", outlet.plate.name);
            }
            for _ in 0..outlet.workers {
                let (shared, crew) = (Arc::clone(&self.shared), tasks.crew.clone());
                tasks.set.spawn(delivery::work(shared, Arc::clone(&settings), at, crew));
            }
        }
    }

    /// Plans the notices of an event, records both, and wakes the delivery. Never waits for the mail server; waits
    /// for the disk for [`limits::STORE_WRITE_TIMEOUT`] at most. The same event twice does nothing the second time.
    pub async fn tell(&self, event: &Event) {
        let _turn = self.turn.lock().await;
        if self.is_old_news(event).await {
            return;
        }
        plan(&self.shared, &self.overflow, |ledger, rules| {
            let plan = ledger.plan(event, rules);
            vec![Paced { event: Arc::new(event.clone()), notices: plan.notices, settled: plan.withdrawn }]
        })
        .await;
    }

    /// Releases the practice notices of an incident that wait for approval.
    ///
    /// Fails with [`StoreError::UnknownIncident`] only; when the disk fails, the notices leave all the same.
    pub async fn approve(&self, incident: &str, by: &str) -> Result<Approved, StoreError> {
        let _turn = self.turn.lock().await;
        let now = self.shared.now();
        let recorded = self.shared.store.approve(incident, by, now).await;
        let (known, released) = {
            let (mut ledger, mut dispatch) = (self.shared.ledger(), self.shared.dispatch());
            (ledger.approve(incident, now), dispatch.queue.release(incident))
        };
        let kept = keep_released(&self.shared, &self.overflow, &released).await;
        self.shared.wake.notify_waiters();
        let already = match (recorded, known) {
            (Err(error), None) => return Err(error),
            (Ok(approval), None) => approval.already,
            (_, Some(known)) => known.already,
        };
        Ok(Approved { incident: incident.to_owned(), released: released.len(), kept, already })
    }

    /// What becomes of each notice, as it happens. A reader that is more than [`limits::DELIVERY_NEWS`] behind misses
    /// some.
    pub fn deliveries(&self) -> broadcast::Receiver<Delivery> {
        self.shared.subscribe()
    }

    pub fn stats(&self) -> DeskStats {
        self.shared.stats()
    }

    /// Goes on with another configuration. What is planned stays planned.
    pub fn reload(&self, config: &Config) {
        self.shared.reload(config);
        self.sign_on();
    }

    /// Stops in good order. Nothing is drained: what is queued is in the store. Mails that are being handed over are
    /// waited for, [`limits::DESK_STOP_GRACE`] at most.
    pub async fn stop(self) {
        let Self { shared, tasks, cancel, .. } = self;
        let mut tasks = tasks.into_inner().unwrap_or_else(PoisonError::into_inner).set;
        cancel.disarm().cancel();
        shared.wake.notify_waiters();
        let stopped = tokio::time::timeout(limits::DESK_STOP_GRACE, async {
            while tasks.join_next().await.is_some() {}
        })
        .await;
        if stopped.is_err() {
            tracing::warn!(
                "mails that were being handed over were cut off; they are sent again at the next start"
            );
            tasks.shutdown().await;
        }
        drop(shared.store.flush().await);
    }

    /// An event of an incident that the ledger doesn't have, but the store does: it is over, and told.
    async fn is_old_news(&self, event: &Event) -> bool {
        if self.shared.ledger().knows(&event.incident) {
            return false;
        }
        let history = self.shared.store.incident_history(&event.incident).await.unwrap_or_default();
        history.iter().any(|old| old.at == event.at && old.event == event.event)
    }

    /// Mutes something from now on. `Ok(None)`: as many mutes stand as may.
    ///
    /// An error means that nothing is known of earlier mutes, and so nothing was muted; when only the disk fails, the mute stands.
    pub async fn mute(
        &self,
        muted: Muted,
        until: At,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Option<Mute>, StoreError> {
        let _turn = self.turn.lock().await;
        let of_ledger = self.shared.ledger().mutes().iter().map(|mute| mute.number).max().unwrap_or(0);
        let number = self.shared.store.last_mute().await?.max(of_ledger).saturating_add(1);
        let (by, reason) = (by.to_owned(), reason.map(str::to_owned));
        let mute = Mute { number, muted, from: self.shared.now(), until, by, reason };
        if self.shared.ledger().mute(mute.clone()).is_none() {
            return Ok(None);
        }
        // An error is the store's to report; it keeps what it couldn't write.
        drop(self.shared.store.mute(&mute).await);
        tracing::info!(number, muted = %mute.muted, until = %mute.until, by = mute.by, "muted");
        Ok(Some(mute))
    }

    /// Ends a mute before its time, and tells what still goes on. `None`: none of that number stands.
    pub async fn end_mute(&self, number: u32, by: &str) -> Option<Mute> {
        let _turn = self.turn.lock().await;
        let now = self.shared.now();
        let mute = self.shared.ledger().end_mute(number, now)?;
        drop(self.shared.store.end_mute(&mute, by).await);
        tracing::info!(number, muted = %mute.muted, by, "the mute was ended");
        plan(&self.shared, &self.overflow, |ledger, rules| ledger.tick(now, rules)).await;
        Some(mute)
    }

    /// The mutes that stand now.
    pub fn mutes(&self) -> Vec<Mute> {
        let now = self.shared.now();
        self.shared.ledger().mutes().iter().filter(|mute| mute.until > now).cloned().collect()
    }
}

/// Plans, and carries out what is planned. Whoever calls it has the turn.
///
/// What is withdrawn leaves the queue before a worker can take it: the ledger knows which letters are under way, and withdraws none of
/// those.
async fn plan(
    shared: &Shared,
    overflow: &AtomicBool,
    with: impl FnOnce(&mut Ledger, &Rules<'_>) -> Vec<Paced>,
) {
    let settings = shared.settings();
    let planned = {
        let mut ledger = shared.ledger();
        let planned = with(&mut ledger, &settings.rules());
        let mut dispatch = shared.dispatch();
        for (notice, _) in planned.iter().flat_map(|paced| &paced.settled) {
            // False of what was kept, or left on the disk.
            dispatch.queue.withdraw(notice);
        }
        planned
    };
    for paced in planned {
        carry_out(shared, overflow, paced).await;
    }
}

/// Puts what was planned into the outbox, and what may leave before the delivery.
async fn carry_out(shared: &Shared, overflow: &AtomicBool, paced: Paced) {
    let Paced { event, notices, settled } = paced;
    let mut withdrawn = Vec::new();
    for (notice, why) in settled {
        let outcome = Outcome::Withheld { why };
        withdrawn.push(Settlement::untried(&notice, shared.now(), outcome.clone()));
        shared.publish(&notice, None, shared.now(), outcome);
    }
    // First the outbox, then the delivery: nothing leaves that a crash would forget. When the disk fails the
    // store says so and keeps it in memory, and the mails leave all the same.
    drop(shared.store.record_plan(&event, &notices, &withdrawn).await);
    for notice in notices {
        if let NoticeState::Withheld { why } = &notice.state {
            let why = why.clone();
            shared.publish(&notice, None, shared.now(), Outcome::Withheld { why });
        } else {
            push(shared, overflow, Unsent { notice, event: Arc::clone(&event), attempts: 0 });
        }
    }
    shared.wake.notify_waiters();
}

/// Keeps what was to leave and may not.
async fn keep_aside(shared: &Shared, overflow: &AtomicBool) {
    plan(shared, overflow, |ledger, rules| {
        let aside = shared.dispatch().queue.take_aside();
        aside.iter().flat_map(|(by, letters)| ledger.keep(letters, *by, shared.now(), rules)).collect()
    })
    .await;
}

/// Of what was approved, keeps at once what is muted, so that whoever approved it is told so. What is beyond the hour is found when it
/// is about to leave. Answers with how many were kept.
async fn keep_released(shared: &Shared, overflow: &AtomicBool, released: &Letters) -> usize {
    let mut kept = 0;
    plan(shared, overflow, |ledger, rules| {
        let muted = released
            .iter()
            .filter(|(letter, event)| ledger.is_muted(letter, event, letter.due.max(shared.now())));
        let muted: Vec<_> = muted.cloned().collect();
        kept = muted.len();
        muted.into_iter().flat_map(|one| ledger.keep(&vec![one], Keep::Mute, shared.now(), rules)).collect()
    })
    .await;
    kept
}

/// What counts towards an outlet's day.
const DAY: Duration = Duration::from_hours(24);

/// What the desk shares with its chores: its state, whether notices are left on the disk, and whose turn it is to plan.
type AtWork = (Arc<Shared>, Arc<AtomicBool>, Arc<tokio::sync::Mutex<()>>);

/// Looks after what nobody else is woken for.
async fn chores((shared, overflow, turn): AtWork, cancel: CancellationToken) {
    let mut every = tokio::time::interval(limits::DESK_CHORES_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = every.tick() => {}
            () = shared.aside.notified() => {
                let _turn = turn.lock().await;
                keep_aside(&shared, &overflow).await;
                continue;
            }
        }
        // An error is the store's to report.
        let is_written = shared.store.flush().await.is_ok();
        let _turn = turn.lock().await;
        keep_aside(&shared, &overflow).await;
        plan(&shared, &overflow, |ledger, rules| ledger.replan(shared.now(), rules)).await;
        plan(&shared, &overflow, |ledger, rules| ledger.remind(shared.now(), rules)).await;
        plan(&shared, &overflow, |ledger, rules| ledger.tick(shared.now(), rules)).await;
        give_up(&shared).await;
        // What the disk doesn't know yet would be taken up as it stood before.
        if is_written && overflow.load(Ordering::Relaxed) && shared.dispatch().queue.is_drained() {
            fetch_more(&shared, &overflow).await;
        }
    }
}

/// Takes a notice into memory, or leaves it on the disk where there is no room.
fn push(shared: &Shared, overflow: &AtomicBool, unsent: Unsent) {
    let Unsent { notice, event, attempts } = unsent;
    let ways = shared.ways(&notice);
    let queue = &mut shared.dispatch().queue;
    if queue.len() >= limits::OUTBOX_LOADED_MAX {
        overflow.store(true, Ordering::Relaxed);
    } else {
        queue.push(Pending { notice, event, attempts, ways });
    }
}

/// Gives up what couldn't be delivered for too long.
async fn give_up(shared: &Shared) {
    let too_old = shared.dispatch().queue.take_due_before(shared.now() - shared.patience.give_up);
    for pending in too_old {
        let days = shared.patience.give_up.as_secs() / 86_400;
        let why = format!("given up: the mail server could not be used for {days} days");
        shared.conclude(&pending.notice, pending.attempts, None, Outcome::Rejected { why }).await;
    }
}

/// Takes up notices that were left on the disk. Only when nothing is under way, so that nothing is taken up twice.
async fn fetch_more(shared: &Shared, overflow: &AtomicBool) {
    match shared.store.unsent().await {
        Ok(unsent) => {
            overflow.store(unsent.len() >= limits::OUTBOX_LOADED_MAX, Ordering::Relaxed);
            for unsent in unsent {
                let crate::store::Unsent { notice, event, attempts } = unsent;
                let ways = shared.ways(&notice);
                shared.dispatch().queue.push(Pending { notice, event, attempts, ways });
            }
            shared.wake.notify_waiters();
        }
        Err(error) => tracing::error!("notices that were left on the disk cannot be read: {error}"),
    }
}
