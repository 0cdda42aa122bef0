//! The delivery: a few workers for each outlet, which hand notices over, one connection each.
//!
//! A notice is marked as accepted only after the server has said so. A process that dies between the server's word and
//! the mark sends the notice again, with the same `Message-ID`: that much SMTP makes unavoidable.
//!
//! When a server as a whole fails, it is left alone for a while, then one worker knocks; meanwhile its notices leave by
//! the next outlet of the channel, where there is one. A notice that one way won't have leaves by the recipient's next. A mail that is put off or refused is that mail's affair alone.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::channel::contact_of;
use super::dispatch::Turn;
use super::exercise;
use super::fix::Fix;
use super::hook::{Hook, Message};
use super::mail::mail;
use super::masked::masked;
use super::notice::{Audience, Notice, Outcome, Try, TryOutcome};
use super::outlet::News;
use super::policy::severity::Severity;
use super::policy::{self, Hands, Paced, Unread};
use super::queue::Pending;
use super::shared::{Carrier, OutletSettings, Settings, Shared};
use super::smtp::{Line, Relay, Trouble};
use super::words::texts::Texts;
use super::words::{Beside, Context, Histories, Letter, digest, letter};
use crate::config::ExerciseSettings;
use crate::incident::Event;
use crate::store::Settlement;
use crate::time::At;

/// Takes notices as they become due for one outlet, until it is cancelled: at the end, or when a reload puts up other
/// outlets.
pub(super) async fn work(
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    outlet: usize,
    cancel: CancellationToken,
) {
    let Some(OutletSettings { carrier: Some(carrier), .. }) = settings.outlets.get(outlet) else { return };
    let mut worker =
        Worker { shared: &shared, settings: &settings, outlet, carrier, cancel: &cancel, line: None };
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
    carrier: &'a Carrier,
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
        let news = match self.carrier {
            Carrier::Relay(relay) => match self.is_welcome(relay).await {
                Ok(line) => {
                    self.line = Some(line);
                    News::Answers
                }
                Err(Trouble::Stopped) => News::None,
                Err(trouble) => News::Failed(trouble.to_string()),
            },
            // There is nothing to ask without telling: the next message shows it.
            Carrier::Hook(_) => News::Rested,
        };
        self.shared.heard(self.outlet, self.settings, None, news);
    }

    async fn deliver(&mut self, pending: Pending) {
        let earlier = self.shared.earlier.than(&pending.event, &self.shared.store).await;
        let link = self.shared.link(&pending.notice, &pending.event, self.settings);
        let last_told = self.shared.last_told(&pending.notice).await;
        let fixes = self.shared.fixes(&pending.notice).await;
        let of_digest = self.shared.said_before(&pending.notice).await;
        let before = Before { earlier: &earlier, of_digest: &of_digest, last_told, fixes: &fixes };
        let done = match self.shared.letter_for(&pending, before, link.as_deref(), self.settings) {
            Ok(letter) => match self.carrier {
                Carrier::Relay(relay) => self.mail(relay, &pending.notice, letter).await,
                Carrier::Hook(hook) => self.post(hook, &pending, &earlier, &letter, link.as_deref()).await,
            },
            Err(why) => Err(Trouble::Unsendable(why)),
        };
        self.shared.settle(pending, self.outlet, self.settings, done).await;
    }

    async fn mail(&mut self, relay: &Relay, notice: &Notice, letter: Letter) -> Result<String, Trouble> {
        let Some(from) = &self.settings.from else {
            return Err(Trouble::Unsendable("there is no sender".to_owned()));
        };
        match mail(notice, letter, from, self.shared.store.link_key()) {
            Ok(mail) => self.hand_over(relay, &mail).await,
            Err(error) => Err(Trouble::Unsendable(error.to_string())),
        }
    }

    async fn post(
        &self,
        hook: &Hook,
        pending: &Pending,
        earlier: &[Event],
        letter: &Letter,
        link: Option<&str>,
    ) -> Result<String, Trouble> {
        let contact = contact_of(&self.settings.contacts, &pending.notice.recipient);
        let mobile = contact.and_then(|contact| contact.mobile.as_deref());
        let (notice, event) = (&pending.notice, &*pending.event);
        let severity = Severity::of_all(earlier.iter().chain([event]), &self.settings.estate);
        let is_exercise = self.settings.exercise.is_on;
        let message = Message { notice, event, letter, severity, mobile, is_exercise, link };
        hook.post(&message, self.shared.now()).await
    }

    async fn connect(&self, relay: &Relay) -> Result<Line, Trouble> {
        // Nothing is lost by breaking off here, so stopping doesn't wait for a silent server.
        tokio::select! {
            line = relay.connect(self.shared.patience.connect) => line,
            () = self.cancel.cancelled() => Err(Trouble::Stopped),
        }
    }

    /// A connection on which the server would take a mail of ours.
    async fn is_welcome(&self, relay: &Relay) -> Result<Line, Trouble> {
        let mut line = self.connect(relay).await?;
        let Some(from) = &self.settings.from else { return Ok(line) };
        tokio::select! {
            tried = line.try_sender(&from.email, self.shared.patience.command) => tried.map(|()| line),
            () = self.cancel.cancelled() => Err(Trouble::Stopped),
        }
    }

    /// Gives the server's answer.
    async fn hand_over(&mut self, relay: &Relay, mail: &lettre::Message) -> Result<String, Trouble> {
        loop {
            let mut line = match self.line.take() {
                Some(line) => line,
                None => self.connect(relay).await?,
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

/// What was said of an incident before, and until when the reader of a letter knows of it.
#[derive(Clone, Copy)]
struct Before<'a> {
    earlier: &'a [Event],
    /// The same of each incident that a digest tells the end of.
    of_digest: &'a Histories,
    last_told: Option<At>,
    /// What was done about it, as far as the letter speaks of it.
    fixes: &'a [Fix],
}

impl Shared {
    /// When what the reader of a letter last got about its incident was said. Managers' letters don't go by it, and there are thousands.
    async fn last_told(&self, notice: &Notice) -> Option<At> {
        match notice.audience {
            // When the store can't be read, that costs the letter a part and not its sending.
            Audience::Staff | Audience::Role { .. } | Audience::Owner { .. } => {
                self.store.last_told(notice).await.unwrap_or_default()
            }
            Audience::Practices(_) | Audience::Pcn { .. } => None,
        }
    }

    /// What was said before of the incidents of a digest for those who have practices; empty: it is none.
    async fn said_before(&self, notice: &Notice) -> Histories {
        let mut before = Histories::new();
        if !matches!(notice.audience, Audience::Practices(_) | Audience::Pcn { .. }) {
            return before;
        }
        let told = self.ledger().digest(&notice.id).cloned().unwrap_or_default();
        for event in told.lines.into_iter().map(|line| line.event) {
            let earlier = self.earlier.than(&event, &self.store).await;
            before.insert(event.incident.clone(), earlier);
        }
        before
    }

    /// What was done about a letter's incident. Managers' letters don't speak of it.
    async fn fixes(&self, notice: &Notice) -> Vec<Fix> {
        match notice.audience {
            Audience::Staff | Audience::Role { .. } | Audience::Owner { .. } => {
                self.store.fixes(&notice.incident).await.unwrap_or_default()
            }
            Audience::Practices(_) | Audience::Pcn { .. } => Vec::new(),
        }
    }

    fn letter_for(
        &self,
        pending: &Pending,
        Before { earlier, of_digest, last_told, fixes }: Before<'_>,
        link: Option<&str>,
        settings: &Settings,
    ) -> Result<Letter, String> {
        let (open, awaits_approval, refused, hands, told, next, told_again) = {
            let ledger = self.ledger();
            let open: Vec<_> = ledger.open().cloned().collect();
            let incident = &pending.notice.incident;
            let hands = ledger.hands(incident, self.now(), &settings.rules());
            let told = ledger.digest(&pending.notice.id).cloned();
            let next = ledger.promise(&pending.notice, &pending.event, &settings.rules());
            let told_again = ledger.is_told_again(&pending.notice);
            let awaits_approval = ledger.awaits_approval(incident);
            (open, awaits_approval, ledger.refused(incident), hands, told, next, told_again)
        };
        let hands = hands.map(|hands| Hands { told: settings.named(hands.told), ..hands });
        let context = Context {
            estate: &settings.estate,
            event: &pending.event,
            earlier,
            last_told,
            told_again,
            fixes,
            open: &open,
            staff_told: !settings.staff.is_empty(),
            awaits_approval,
            refused: &refused,
            next,
            deadlines: &settings.deadlines,
            hands: hands.as_ref(),
            link,
        };
        let write = |texts: &Texts| match &told {
            Some(told) => {
                let link = |line: &policy::Line| self.link_of(&line.event.incident, &line.person, settings);
                let beside = Beside { estate: &settings.estate, link, earlier: of_digest };
                digest(&pending.notice, told, &beside, texts)
            }
            None => letter(&pending.notice, &context, texts),
        };
        let written = write(&settings.texts).or_else(|error| {
            tracing::error!(
                "a text of [notices] can't be used for {}, and the shipped one is: {error}",
                pending.notice.id
            );
            write(&Texts::shipped())
        });
        let letter = written.map_err(|error| error.to_string())?;
        match &settings.exercise {
            ExerciseSettings { is_on: false, .. } => Ok(letter),
            listed if exercise::is_for(listed, &pending.notice.recipient) => Ok(exercise::marked(letter)),
            _ => Err("it is for somebody who is not listed for exercises".to_owned()),
        }
    }

    /// Records what became of an attempt, everywhere.
    async fn settle(
        &self,
        pending: Pending,
        outlet: usize,
        settings: &Settings,
        done: Result<String, Trouble>,
    ) {
        let now = self.now();
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
                self.again(notice, notice.due, pending.attempts, false);
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
            // There may be another way to the same person.
            TryOutcome::Refused | TryOutcome::Unsendable if pending.ways.len() > 1 => {
                Outcome::Deferred { why }
            }
            TryOutcome::Refused | TryOutcome::Unsendable => Outcome::Rejected { why },
            TryOutcome::Deferred | TryOutcome::Unknown if notice.due + self.patience.give_up <= now => {
                Outcome::Rejected { why: format!("given up; last: {why}") }
            }
            TryOutcome::Deferred | TryOutcome::Unknown => Outcome::Deferred { why },
        };
        let plate = settings.outlets.get(outlet).map(|outlet| &outlet.plate);
        let tried = plate.map(|plate| Try {
            channel: plate.way.channel,
            via: plate.name.to_string(),
            outcome,
            answer,
        });
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
            at: self.now(),
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
        match &outcome {
            Outcome::Deferred { .. } => {
                let what = tried.as_ref().map(|tried| tried.outcome);
                let is_refused = matches!(what, Some(TryOutcome::Refused | TryOutcome::Unsendable));
                if !(is_refused && self.by_next_way(notice, at, attempts)) {
                    let again = at + self.patience.retry(&notice.id, attempts);
                    self.again(notice, again, attempts, what == Some(TryOutcome::Unknown));
                }
            }
            Outcome::Accepted | Outcome::Withheld { .. } => {
                self.ledger().accepted(notice);
                self.dispatch().queue.done(notice);
            }
            Outcome::Rejected { .. } => self.undelivered(notice, at).await,
        }
        self.wake.notify_waiters();
        self.publish(notice, tried.as_ref(), at, outcome);
    }

    /// A notice that was under way is tried again. `may_have_arrived`: nobody knows.
    fn again(&self, notice: &Notice, at: At, attempts: u32, may_have_arrived: bool) {
        // Both at once, as in `turn`: it mustn't be taken again before it counts as waiting.
        let (mut ledger, mut dispatch) = (self.ledger(), self.dispatch());
        ledger.put_back(notice, may_have_arrived);
        dispatch.queue.retry(notice, at, attempts);
    }

    /// The same by the recipient's next way. False: there is none.
    fn by_next_way(&self, notice: &Notice, at: At, attempts: u32) -> bool {
        let (mut ledger, mut dispatch) = (self.ledger(), self.dispatch());
        let has_another = dispatch.queue.next_way(notice, at, attempts);
        if has_another {
            ledger.put_back(notice, false);
        }
        has_another
    }

    /// A notice was refused, given up, or came back: what was to follow it doesn't leave either, and what it told and is never lost is
    /// kept for the next digest.
    pub(super) async fn undelivered(&self, notice: &Notice, at: At) {
        let Unread { followers, kept } = {
            let (mut ledger, mut dispatch) = (self.ledger(), self.dispatch());
            let unread = ledger.rejected(notice, at);
            for (follower, _) in &unread.followers {
                dispatch.queue.withdraw(follower);
            }
            dispatch.queue.done(notice);
            unread
        };
        for Paced { event, notices, settled } in kept {
            let settled: Vec<Settlement> = settled
                .iter()
                .map(|(gone, why)| Settlement::untried(gone, at, Outcome::Withheld { why: why.clone() }))
                .collect();
            // An error is the store's to report; it keeps what it couldn't write.
            drop(self.store.record_plan(&event, &notices, &settled).await);
        }
        for (follower, why) in followers {
            let outcome = Outcome::Withheld { why };
            drop(self.store.settle(Settlement::untried(&follower, at, outcome.clone())).await);
            self.publish(&follower, None, at, outcome);
        }
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
