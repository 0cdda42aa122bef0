//! The delivery: a few workers that hand notices to the mail server, one connection each.
//!
//! A notice is marked as accepted only after the server has said so. A process that dies between the server's word and
//! the mark sends the notice again, with the same `Message-ID`: that much SMTP makes unavoidable.
//!
//! When the server as a whole fails, it is left alone for a while, then one worker tries; the others wait for how that
//! ends. A mail that is put off or refused is that mail's affair alone.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::mail::{mail, message_id};
use super::notice::{Notice, Outcome, masked};
use super::policy::promise;
use super::queue::Pending;
use super::shared::{Next, RelayNews, Settings, Shared, now};
use super::smtp::{Line, Relay, Trouble};
use super::words::{Context, letter};
use crate::incident::Event;
use crate::store::Settlement;

/// Takes notices as they become due, until it is cancelled.
pub(super) async fn work(shared: Arc<Shared>, cancel: CancellationToken) {
    let mut worker = Worker { shared, cancel: cancel.clone(), line: None };
    loop {
        let shared = Arc::clone(&worker.shared);
        // Listening begins before looking, so that what comes in between is heard.
        let woken = shared.wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        if cancel.is_cancelled() {
            break;
        }
        match shared.next() {
            Next::Send(pending, settings) => worker.deliver(pending, &settings).await,
            Next::Wait(wait) => {
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

struct Worker {
    shared: Arc<Shared>,
    cancel: CancellationToken,
    /// The connection, and the number of the settings that it was made with.
    line: Option<(Line, u64)>,
}

/// How long the server is given to answer a goodbye.
const GOODBYE: Duration = Duration::from_millis(500);

impl Worker {
    async fn hang_up(&mut self) {
        if let Some((line, _)) = self.line.take() {
            line.close(GOODBYE).await;
        }
    }

    async fn deliver(&mut self, pending: Box<Pending>, settings: &Settings) {
        let Ok(relay) = &settings.relay else {
            // The section went away between taking and looking.
            self.shared.queue().retry(&pending.notice, pending.notice.due, pending.attempts);
            self.shared.relay_news(RelayNews::None);
            return;
        };
        let earlier = self.shared.earlier.than(&pending.event, &self.shared.store).await;
        let done = match self.shared.mail_for(&pending, &earlier, settings, relay) {
            Ok(mail) => self.hand_over(relay, settings.number, &mail).await,
            Err(why) => Err(Trouble::Unsendable(why)),
        };
        self.shared.settle(*pending, relay, done).await;
    }

    async fn hand_over(&mut self, relay: &Relay, number: u64, mail: &lettre::Message) -> Result<(), Trouble> {
        if self.line.as_ref().is_some_and(|(_, made_with)| *made_with != number) {
            self.hang_up().await;
        }
        let patience = self.shared.patience;
        loop {
            let mut line = if let Some((line, _)) = self.line.take() {
                line
            } else {
                // Nothing is lost by breaking off here, so stopping doesn't wait for a silent server.
                tokio::select! {
                    line = relay.connect(patience.connect) => line?,
                    () = self.cancel.cancelled() => return Err(Trouble::Stopped),
                }
            };
            let was_used = line.used;
            match line.send(mail, patience.send).await {
                Ok(()) => {
                    self.line = Some((line, number));
                    return Ok(());
                }
                // It was closed while it lay idle; a new one will tell whether anything is wrong.
                Err((Trouble::Relay(_), false)) if was_used => {}
                Err((trouble, reusable)) => {
                    if reusable {
                        self.line = Some((line, number));
                    }
                    return Err(trouble);
                }
            }
        }
    }
}

impl Shared {
    fn mail_for(
        &self,
        pending: &Pending,
        earlier: &[Event],
        settings: &Settings,
        relay: &Relay,
    ) -> Result<lettre::Message, String> {
        let (open, awaits_approval, refused) = {
            let ledger = self.ledger();
            let open: Vec<_> = ledger.open().cloned().collect();
            let incident = &pending.notice.incident;
            (open, ledger.awaits_approval(incident), ledger.refused(incident))
        };
        let context = Context {
            estate: &settings.estate,
            event: &pending.event,
            earlier,
            open: &open,
            staff_told: !settings.staff.is_empty(),
            awaits_approval,
            refused: &refused,
            next: promise::next(
                &pending.event,
                pending.notice.due,
                settings.update_every,
                &settings.estate.icb.timezone,
            ),
            deadlines: &settings.deadlines,
        };
        let letter = letter(&pending.notice, &context).map_err(|error| error.to_string())?;
        mail(&pending.notice, letter, &relay.from).map_err(|error| error.to_string())
    }

    /// Records what became of an attempt, everywhere.
    async fn settle(&self, pending: Pending, relay: &Relay, done: Result<(), Trouble>) {
        let now = now();
        let notice = &pending.notice;
        // The address may be in the server's answer; the journal and the log have no addresses.
        let scrub = |why: &str| why.replace(&notice.recipient, &masked(&notice.recipient));
        let outcome = match done {
            Ok(()) => {
                self.relay_news(RelayNews::Fine);
                Outcome::Accepted
            }
            Err(Trouble::Refused(why)) => {
                self.relay_news(RelayNews::Fine);
                Outcome::Rejected { why: scrub(&why) }
            }
            Err(Trouble::Later(why)) => {
                self.relay_news(RelayNews::Fine);
                Outcome::Deferred { why: scrub(&why) }
            }
            Err(Trouble::Unknown(why)) => {
                self.relay_news(RelayNews::Failed(scrub(&why)));
                Outcome::Deferred { why: scrub(&why) }
            }
            Err(Trouble::Unsendable(why)) => {
                self.relay_news(RelayNews::None);
                Outcome::Rejected { why: scrub(&why) }
            }
            Err(Trouble::Stopped) => {
                self.queue().retry(notice, notice.due, pending.attempts);
                self.relay_news(RelayNews::None);
                return;
            }
            // Not this notice's affair: it keeps its place and its number of attempts.
            Err(Trouble::Relay(why)) => {
                self.queue().retry(notice, notice.due, pending.attempts);
                self.relay_news(RelayNews::Failed(scrub(&why)));
                return;
            }
        };
        let attempts = pending.attempts.saturating_add(1);
        let outcome = match outcome {
            Outcome::Deferred { why } if notice.due + self.patience.give_up <= now => {
                Outcome::Rejected { why: format!("given up; last: {why}") }
            }
            other => other,
        };
        self.conclude(notice, message_id(&notice.id, &relay.from), attempts, outcome).await;
    }

    /// An outcome goes to the store, the ledger, the queue, and whoever listens.
    pub(super) async fn conclude(
        &self,
        notice: &Notice,
        message_id: String,
        attempts: u32,
        outcome: Outcome,
    ) {
        let settlement = Settlement {
            at: now(),
            notice: notice.id.clone(),
            incident: notice.incident.clone(),
            kind: notice.kind,
            audience: notice.audience.clone(),
            attempts,
            outcome: outcome.clone(),
        };
        let at = settlement.at;
        // An error is the store's to report; it keeps what it couldn't write.
        drop(self.store.settle(settlement).await);
        if let Outcome::Deferred { .. } = outcome {
            self.queue().retry(notice, at + self.patience.retry(&notice.id, attempts), attempts);
        } else {
            if let Outcome::Rejected { .. } = outcome {
                self.ledger().undelivered(notice);
            }
            self.queue().done(notice);
        }
        self.wake.notify_waiters();
        self.publish(notice, message_id, at, outcome);
    }
}
