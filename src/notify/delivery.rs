//! The delivery: a few workers for each outlet, which hand notices over, one connection each.
//!
//! A notice is marked as accepted only after the server has said so. A process that dies between the server's word and
//! the mark sends the notice again, with the same `Message-ID`: that much SMTP makes unavoidable.
//!
//! When a server as a whole fails, it is left alone for a while, then one worker knocks; meanwhile its notices leave by
//! the next outlet of the channel, where there is one. A mail that is put off or refused is that mail's affair alone.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::dispatch::Turn;
use super::mail::mail;
use super::notice::{Notice, Outcome, Try, TryOutcome, masked};
use super::outlet::News;
use super::queue::Pending;
use super::shared::{OutletSettings, Settings, Shared, now};
use super::smtp::{Line, Relay, Trouble};
use super::words::{Context, letter};
use crate::store::Settlement;

/// Takes notices as they become due for one outlet, until it is cancelled: at the end, or when a reload puts up other
/// outlets.
pub(super) async fn work(
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    outlet: usize,
    cancel: CancellationToken,
) {
    let Some(OutletSettings { carrier: Some(relay), .. }) = settings.outlets.get(outlet) else { return };
    let mut worker =
        Worker { shared: &shared, settings: &settings, outlet, relay, cancel: &cancel, line: None };
    loop {
        // Listening begins before looking, so that what comes in between is heard.
        let woken = shared.wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        if cancel.is_cancelled() {
            break;
        }
        match shared.turn(outlet, &settings) {
            Turn::Send(pending) => worker.deliver(*pending).await,
            Turn::Knock => worker.knock().await,
            Turn::Wait(wait) => {
                let idle = worker.line.is_some().then_some(shared.patience.idle);
                let until = [wait, idle].into_iter().flatten().min();
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = woken => {}
                    () = sleep(until) => {
                        if idle.is_some() && until == idle {
                            worker.hang_up().await;
                        }
                    }
                }
            }
        }
    }
    worker.hang_up().await;
}

async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

struct Worker<'a> {
    shared: &'a Shared,
    settings: &'a Settings,
    outlet: usize,
    relay: &'a Relay,
    cancel: &'a CancellationToken,
    line: Option<Line>,
}

/// How long the server is given to answer a goodbye.
const GOODBYE: Duration = Duration::from_millis(500);

impl Worker<'_> {
    async fn hang_up(&mut self) {
        if let Some(line) = self.line.take() {
            line.close(GOODBYE).await;
        }
    }

    /// Finds out whether the server answers again, with nothing to deliver.
    async fn knock(&mut self) {
        self.line = None;
        let news = match self.connect().await {
            Ok(line) => {
                self.line = Some(line);
                News::Answers
            }
            Err(Trouble::Stopped) => News::None,
            Err(trouble) => News::Failed(trouble.to_string()),
        };
        self.shared.heard(self.outlet, self.settings, None, news);
    }

    async fn deliver(&mut self, pending: Pending) {
        let done = match self.shared.mail_for(&pending, self.settings) {
            Ok(mail) => self.hand_over(&mail).await,
            Err(why) => Err(Trouble::Unsendable(why)),
        };
        self.shared.settle(pending, self.outlet, self.settings, done).await;
    }

    async fn connect(&self) -> Result<Line, Trouble> {
        // Nothing is lost by breaking off here, so stopping doesn't wait for a silent server.
        tokio::select! {
            line = self.relay.connect(self.shared.patience.connect) => line,
            () = self.cancel.cancelled() => Err(Trouble::Stopped),
        }
    }

    /// Gives the server's answer.
    async fn hand_over(&mut self, mail: &lettre::Message) -> Result<String, Trouble> {
        loop {
            let mut line = match self.line.take() {
                Some(line) => line,
                None => self.connect().await?,
            };
            let was_used = line.used;
            match line.send(mail, &self.shared.patience).await {
                Ok(answer) => {
                    self.line = Some(line);
                    return Ok(answer);
                }
                // It was closed while it lay idle; a new one will tell whether anything is wrong.
                Err((Trouble::Relay(_), false)) if was_used => {}
                Err((trouble, reusable)) => {
                    if reusable {
                        self.line = Some(line);
                    }
                    return Err(trouble);
                }
            }
        }
    }
}

impl Shared {
    fn mail_for(&self, pending: &Pending, settings: &Settings) -> Result<lettre::Message, String> {
        let from = settings.from.as_ref().ok_or("there is no sender")?;
        let (open, awaits_approval, refused) = {
            let ledger = self.ledger();
            let open: Vec<_> = ledger.open().cloned().collect();
            let incident = &pending.notice.incident;
            (open, ledger.awaits_approval(incident), ledger.refused(incident))
        };
        let context = Context {
            estate: &settings.estate,
            event: &pending.event,
            open: &open,
            staff_told: !settings.staff.is_empty(),
            awaits_approval,
            refused: &refused,
        };
        let letter = letter(&pending.notice, &context).map_err(|error| error.to_string())?;
        mail(&pending.notice, letter, from).map_err(|error| error.to_string())
    }

    /// Records what became of an attempt, everywhere.
    async fn settle(
        &self,
        pending: Pending,
        outlet: usize,
        settings: &Settings,
        done: Result<String, Trouble>,
    ) {
        let now = now();
        let notice = &pending.notice;
        // The address may be in the server's answer; the journal and the log have no addresses.
        let scrub = |why: &str| without_address(why, &notice.recipient);
        let (news, outcome, answer) = match done {
            Ok(answer) => (News::Works, TryOutcome::Accepted, scrub(&answer)),
            Err(Trouble::Refused(why)) => (News::Works, TryOutcome::Refused, scrub(&why)),
            Err(Trouble::Later(why)) => (News::Works, TryOutcome::Deferred, scrub(&why)),
            Err(Trouble::Unknown(why)) => (News::Failed(scrub(&why)), TryOutcome::Unknown, scrub(&why)),
            Err(Trouble::Unsendable(why)) => (News::None, TryOutcome::Unsendable, scrub(&why)),
            // Not this notice's affair: it keeps its place and its number of attempts.
            Err(trouble @ (Trouble::Stopped | Trouble::Relay(_))) => {
                self.dispatch().queue.retry(notice, notice.due, pending.attempts);
                let news = match trouble {
                    Trouble::Relay(why) => News::Failed(scrub(&why)),
                    _ => News::None,
                };
                self.heard(outlet, settings, Some(&notice.id), news);
                return;
            }
        };
        self.heard(outlet, settings, Some(&notice.id), news);
        let why = answer.clone();
        let result = match outcome {
            TryOutcome::Accepted => Outcome::Accepted,
            TryOutcome::Refused | TryOutcome::Unsendable => Outcome::Rejected { why },
            TryOutcome::Deferred | TryOutcome::Unknown if notice.due + self.patience.give_up <= now => {
                Outcome::Rejected { why: format!("given up; last: {why}") }
            }
            TryOutcome::Deferred | TryOutcome::Unknown => Outcome::Deferred { why },
        };
        let plate = settings.outlets.get(outlet).map(|outlet| &outlet.plate);
        let tried =
            plate.map(|plate| Try { channel: plate.channel, via: plate.name.to_string(), outcome, answer });
        self.conclude(notice, pending.attempts.saturating_add(1), tried, result).await;
    }

    /// An outcome goes to the store, the ledger, the queue, and whoever listens.
    pub(super) async fn conclude(
        &self,
        notice: &Notice,
        attempts: u32,
        tried: Option<Try>,
        outcome: Outcome,
    ) {
        let settlement = Settlement {
            at: now(),
            notice: notice.id.clone(),
            incident: notice.incident.clone(),
            kind: notice.kind,
            audience: notice.audience.clone(),
            attempts,
            tried: tried.clone(),
            outcome: outcome.clone(),
        };
        let at = settlement.at;
        // An error is the store's to report; it keeps what it couldn't write.
        drop(self.store.settle(settlement).await);
        if let Outcome::Deferred { .. } = outcome {
            let again = at + self.patience.retry(&notice.id, attempts);
            self.dispatch().queue.retry(notice, again, attempts);
        } else {
            if let Outcome::Rejected { .. } = outcome {
                self.ledger().undelivered(notice);
            }
            self.dispatch().queue.done(notice);
        }
        self.wake.notify_waiters();
        self.publish(notice, tried.as_ref(), at, outcome);
    }
}

/// What somebody said, with the recipient's address masked, however it is written there.
fn without_address(said: &str, address: &str) -> String {
    let (lower, address_lower) = (said.to_ascii_lowercase(), address.to_ascii_lowercase());
    if address.is_empty() || !lower.contains(&address_lower) {
        return said.to_owned();
    }
    let mut out = String::with_capacity(said.len());
    let mut rest = 0;
    for (at, found) in lower.match_indices(&address_lower) {
        out.push_str(&said[rest..at]);
        out.push_str(&masked(address));
        rest = at + found.len();
    }
    out.push_str(&said[rest..]);
    out
}
