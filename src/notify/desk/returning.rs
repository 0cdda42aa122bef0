//! Mails come back: what the desk makes of it.

use super::Desk;
use crate::incident::EventKind;
use crate::limits::{BOUNCE_END_OF_USE, OUTBOX_LOADED_MAX};
use crate::notify::bounce::{BouncingAddress, Fate, Report, ReturnOutcome, Returned, fate_of};
use crate::notify::channel::{Channel, Way};
use crate::notify::notice::{Notice, NoticeKind, NoticeState, Outcome};
use crate::notify::queue::Pending;
use crate::store::{Sent, StoreError};
use crate::time::At;

/// What became of what a mail server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// It is recorded.
    Recorded(Returned),
    /// The same was recorded before.
    Again(Returned),
    /// Nothing is wrong: it was delivered, or passed on.
    Fine,
    /// It is about a mail of ours whose notice is no longer kept.
    Forgotten,
    /// It is about a mail that is only just being handed over: to be said again a little later.
    Early,
    /// It names no mail of ours.
    NotOurs,
}

impl Came {
    /// Words in metrics and answers.
    pub const WORDS: [&'static str; 8] =
        ["bounced", "delayed", "beyond", "again", "fine", "forgotten", "early", "not_ours"];

    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Recorded(returned) => returned.outcome.as_str(),
            Self::Again(_) => "again",
            Self::Fine => "fine",
            Self::Forgotten => "forgotten",
            Self::Early => "early",
            Self::NotOurs => "not_ours",
        }
    }
}

impl Desk {
    /// Takes what a mail server says became of a mail, for each recipient that it speaks of. A mail that won't arrive leaves by its
    /// recipient's other way, where they have one and it is still of use; what is told them next has that way first.
    ///
    /// An error means that the store can't be read, and nothing was taken; when only the disk fails, it counts all the same, and is
    /// written later.
    pub async fn came_back(&self, report: &Report) -> Result<Vec<Came>, StoreError> {
        let key = self.shared.store.link_key();
        let notice = key.and_then(|key| report.message_ids.iter().find_map(|id| key.notice_of(id)));
        let Some(notice) = notice else { return Ok(vec![Came::NotOurs]) };
        let _turn = self.turn.lock().await;
        let mut came = Vec::with_capacity(report.recipients.len());
        for recipient in &report.recipients {
            // Each is judged by what the last has changed.
            let Some(sent) = self.shared.store.sent(notice).await? else { return Ok(vec![Came::Forgotten]) };
            came.push(match fate_of(recipient, report.reporter.as_deref(), &sent.notice.recipient) {
                None => Came::Fine,
                Some(fate) => self.returned(sent, fate).await?,
            });
        }
        Ok(came)
    }

    async fn returned(&self, sent: Sent, fate: Fate) -> Result<Came, StoreError> {
        let shared = &self.shared;
        let (notice, at) = (&sent.notice, shared.now());
        // What it told is of no other process any more: it was taken.
        let is_unread = fate.outcome == ReturnOutcome::Bounced && notice.state == NoticeState::Accepted;
        let told = if is_unread && notice.kind == NoticeKind::Digest {
            shared.store.told_in(&notice.id).await?
        } else {
            Vec::new()
        };
        let ways =
            if fate.outcome == ReturnOutcome::Bounced { self.other_ways(&sent, at) } else { Vec::new() };
        let mut returned = Returned {
            at,
            notice: notice.id.clone(),
            incident: notice.incident.clone(),
            kind: notice.kind,
            audience: notice.audience.clone(),
            outcome: fate.outcome,
            is_permanent: fate.is_permanent,
            leaves_again: notice.state == NoticeState::Accepted && !ways.is_empty(),
            via: fate.via,
            answer: fate.answer,
            why: fate.why,
        };
        if shared.store.was_returned(&returned).await? {
            return Ok(Came::Again(returned));
        }
        if matches!(notice.state, NoticeState::Queued | NoticeState::Held) {
            return Ok(Came::Early);
        }
        if !told.is_empty() && !shared.ledger().take_back(notice, told) {
            returned.leaves_again = false;
        }
        // An error is the store's to report; it keeps what it couldn't write.
        drop(shared.store.returned(returned.clone()).await);
        if returned.is_permanent {
            let (address, about) = (notice.recipient.clone(), notice.audience.label());
            let why = returned.why.clone();
            shared.bouncing().came_back(BouncingAddress { address, about, since: at, last: at, why });
            shared.dispatch().queue.other_way_first(&notice.recipient);
        }
        let why = returned.why.clone();
        let (incident, kind, about) = (&notice.incident, notice.kind.as_str(), notice.audience.label());
        match (returned.outcome, sent.event) {
            (ReturnOutcome::Bounced, Some(event)) if returned.leaves_again => {
                let again = Notice { state: NoticeState::Queued, ..notice.clone() };
                let pending = Pending { notice: again, event, attempts: sent.attempts + 1, ways };
                let queue = &mut shared.dispatch().queue;
                if queue.len() < OUTBOX_LOADED_MAX {
                    queue.push(pending);
                } else {
                    self.overflow.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                shared.publish(notice, None, at, Outcome::Deferred { why });
            }
            (ReturnOutcome::Bounced, _) => {
                if notice.state == NoticeState::Accepted {
                    shared.undelivered(notice, at).await;
                }
                shared.publish(notice, None, at, Outcome::Rejected { why });
            }
            (ReturnOutcome::Delayed | ReturnOutcome::Beyond, _) => {
                tracing::warn!(incident, kind, about, why, "a mail server writes about a notice");
            }
        }
        shared.wake.notify_waiters();
        Ok(Came::Recorded(returned))
    }

    /// By what a mail that won't arrive may leave instead, in order; none, when it is of no use any more.
    fn other_ways(&self, sent: &Sent, now: At) -> Vec<Way> {
        let notice = &sent.notice;
        let Some(event) = &sent.event else { return Vec::new() };
        let is_of_use = (sent.is_latest || notice.kind == NoticeKind::Digest)
            && match notice.kind {
                NoticeKind::Inherited => false,
                // Of what it told, what no longer holds is left out.
                NoticeKind::Digest => notice.due + BOUNCE_END_OF_USE > now,
                NoticeKind::Back | NoticeKind::Correction => event.at + BOUNCE_END_OF_USE > now,
                NoticeKind::Opening | NoticeKind::Update | NoticeKind::Escalation => {
                    event.event != EventKind::Resolved && self.shared.ledger().knows(&notice.incident)
                }
            };
        if !is_of_use {
            return Vec::new();
        }
        let mut ways = self.shared.ways(notice);
        ways.retain(|way| {
            way.channel != Channel::Email && !sent.tried_by.iter().any(|tried| tried == way.channel.as_str())
        });
        ways
    }

    /// Those whose mails come back at present, the latest first.
    pub fn bouncing(&self) -> Vec<BouncingAddress> {
        self.shared.come_back()
    }

    /// Takes up what an earlier process knew of mails that come back.
    pub(super) async fn recall_bouncing(&self) {
        match self.shared.store.refusals(self.shared.now()).await {
            Ok(refusals) => {
                let mut bouncing = self.shared.bouncing();
                for row in refusals.into_iter().filter(|row| row.bounced) {
                    bouncing.came_back(BouncingAddress {
                        address: row.recipient,
                        about: row.about.unwrap_or_default(),
                        since: row.since,
                        last: row.last_at,
                        why: row.answer,
                    });
                }
            }
            Err(error) => tracing::error!("whose mails come back is not known: {error}"),
        }
    }
}
