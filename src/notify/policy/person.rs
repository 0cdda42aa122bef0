//! One recipient: what they have had lately, where they stand with each incident, and what is kept from them for now.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::digest::is_digest;
use super::routing::Terms;
use super::severity::Severity;
use crate::estate::Estate;
use crate::incident::Event;
use crate::limits::{DIGEST_GATHERED_FOR, NOTICES_HOUR};
use crate::notify::notice::{Keep, Notice, NoticeKind, NoticeState};
use crate::time::{At, whole_millis};

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Person {
    /// As it is written.
    pub address: String,
    /// Each message that waits to leave, or left within the last hour.
    pub messages: Vec<Message>,
    /// When the last digest left, for as long as there may be no other.
    pub last_digest: Option<At>,
    /// By incident, and as whom they are spoken to.
    pub standing: BTreeMap<(String, String), Standing>,
    /// Incidents that came and went, and for which there was no room ([`crate::limits::DIGEST_KEPT_MAX`]).
    pub unnamed: u32,
}

/// A message, as far as it counts for the hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub id: String,
    /// When it was handed over; or, while it waits, when it is due.
    pub at: At,
    pub has_left: bool,
}

/// Where somebody stands with an incident. All that is ever asked about who was told is asked of this.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Standing {
    /// The message in which they heard of it first. It has left, or it leaves when it is due.
    pub told: Option<Told>,
    /// Letters that haven't been taken yet, in the order in which they were planned.
    pub waiting: Vec<Waiting>,
    pub kept: Option<Kept>,
    /// What a digest told them that hasn't been taken yet.
    pub in_digest: Option<Word>,
    /// The last message that told them how it stands, but for those that wait.
    pub last: Option<Word>,
    /// Since when they would know, had the message in which they were to hear of it not been refused.
    pub refused: Option<At>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// The message's id: whatever follows is in its thread.
    pub by: String,
    /// When it was to leave.
    pub at: At,
}

/// A letter in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub letter: Notice,
    /// Since when it is being handed over, or was, and may have arrived.
    pub under_way: Option<At>,
    /// Whether it promises another; `None`: it is the last.
    pub promises: Option<bool>,
}

/// What a letter promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub id: String,
    /// When it left; or, while it waits, when it is due.
    pub at: At,
    /// Whether another was promised.
    pub promises: bool,
}

/// What is kept from somebody about an incident.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    pub by: Keep,
    /// Since when something is kept.
    pub since: At,
    /// The notices that are kept: the latest, and the end after it. At least one.
    pub rows: Vec<Notice>,
    /// What it tells of: the incident's last event.
    pub event: Arc<Event>,
    /// It is over, as far as they are concerned.
    pub ended: bool,
}

impl Standing {
    pub fn is_empty(&self) -> bool {
        self.told.is_none() && self.waiting.is_empty() && self.kept.is_none() && self.refused.is_none()
    }

    /// Whether what was said before still waits to leave: a digest tells of nothing that follows it until then.
    fn has_waiting(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.under_way.is_none())
    }

    /// Letters that certainly haven't left by `at`, and can be called back.
    pub fn recallable(&self, at: At) -> impl Iterator<Item = &Notice> {
        self.waiting
            .iter()
            .filter(move |waiting| {
                waiting.under_way.is_none()
                    && (waiting.letter.state == NoticeState::Held || waiting.letter.due > at)
            })
            .map(|waiting| &waiting.letter)
    }

    /// The last letter that told them how it stands, or is to.
    pub fn last_word(&self) -> Option<Word> {
        let mut waits = self.waiting.iter().rev().filter(|waiting| waiting.letter.state != NoticeState::Held);
        // A digest tells of nothing that follows what still waits, so what waits came after it.
        waits.find_map(Waiting::word).or_else(|| self.in_digest.clone()).or_else(|| self.last.clone())
    }

    /// They were told how it stands. Of what was told in whichever order, the latest counts.
    pub fn was_told(&mut self, word: Word) {
        if self.last.as_ref().is_none_or(|last| last.at <= word.at) {
            self.last = Some(word);
        }
    }

    /// Whether they know of it, or can't be kept from hearing of it any more.
    pub fn is_heard(&self, at: At) -> bool {
        self.told.as_ref().is_some_and(|told| self.recallable(at).all(|letter| letter.id != told.by))
    }
}

impl Waiting {
    pub fn word(&self) -> Option<Word> {
        let (id, promises) = (self.letter.id.clone(), self.promises?);
        Some(Word { id, at: self.under_way.unwrap_or(self.letter.due), promises })
    }
}

impl Kept {
    /// What they knew of has ended.
    pub const fn is_end_of_known(&self, is_told: bool) -> bool {
        self.ended && is_told
    }
}

/// On what terms somebody is written to, with what it takes to judge them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners<'a> {
    pub terms: Option<&'a Terms>,
    /// Messages an hour.
    pub cap: Option<usize>,
    pub estate: &'a Estate,
}

impl Manners<'_> {
    pub fn zone(&self) -> &TimeZone {
        &self.estate.icb.timezone
    }

    pub fn severity(&self, event: &Event) -> Severity {
        Severity::of(event, self.estate)
    }

    fn is_quiet(&self, event: &Event, at: At) -> bool {
        self.terms.is_some_and(|terms| terms.is_quiet(self.severity(event), at, self.zone()))
    }

    fn opens(&self, at: At) -> At {
        self.terms.map_or(at, |terms| terms.opens(at, self.zone()))
    }
}

impl Message {
    /// Whether it is in an hour that has `at` in it. What waits though it was due leaves as soon as it can, which may be then.
    fn is_near(&self, at: At) -> bool {
        let after = self.at.millis_since(at);
        let hour = whole_millis(NOTICES_HOUR);
        if self.has_left { after.abs() < hour } else { after < hour }
    }
}

impl Person {
    /// Messages that any hour with this moment in it may have, those included that wait.
    fn near(&self, at: At) -> usize {
        self.messages.iter().filter(|message| message.is_near(at)).count()
    }

    /// How many messages of an hour are left to whatever isn't a digest. One place is for the digest; the end of something may
    /// have it while no digest waits.
    fn places(&self, cap: usize, is_end: bool) -> usize {
        cap.saturating_sub(usize::from(!is_end || self.has_for_digest()))
    }

    /// Whether one more message at that time would be too many.
    fn is_full(&self, at: At, manners: &Manners<'_>, is_end: bool) -> bool {
        manners.cap.is_some_and(|cap| self.near(at) >= self.places(cap, is_end))
    }

    /// When the hour has room for one of its messages that is to leave now, counted by what has left. `None`: never, since
    /// such a message has no place at all.
    pub fn has_room(&self, now: At, cap: usize, is_digest: bool, is_end: bool) -> Option<At> {
        let places = if is_digest { cap.max(1) } else { self.places(cap, is_end) };
        let mut left: Vec<At> =
            self.messages.iter().filter(|message| message.has_left).map(|message| message.at).collect();
        left.retain(|at| *at > now - NOTICES_HOUR);
        left.sort_unstable();
        match (left.len().checked_sub(places), places) {
            (None, _) => Some(now),
            (Some(_), 0) => None,
            // When as many have grown old that there is room for one.
            (Some(excess), _) => left.get(excess).map(|at| (*at + NOTICES_HOUR).max(now)),
        }
    }

    fn has_for_digest(&self) -> bool {
        self.unnamed > 0 || self.kept().any(|kept| kept.by.is_for_digest())
    }

    /// What is kept from them, though it may be told with a letter that still waits.
    pub fn all_kept(&self) -> impl Iterator<Item = &Kept> {
        self.standing.values().filter_map(|standing| standing.kept.as_ref())
    }

    fn kept(&self) -> impl Iterator<Item = &Kept> {
        let ready = self.standing.values().filter(|standing| !standing.has_waiting());
        ready.filter_map(|standing| standing.kept.as_ref())
    }

    /// Why an opening or an update of this event isn't told at that time; `None`: it is told. Mutes are not looked at here.
    pub fn keeps(&self, event: &Event, at: At, is_told: bool, manners: &Manners<'_>) -> Option<Keep> {
        let least = manners.terms.map_or(Severity::Note, |terms| terms.min_severity);
        // Whoever heard of it goes on hearing, also when it gets better.
        if !is_told && manners.severity(event) < least {
            return Some(Keep::Minor);
        }
        if manners.is_quiet(event, at) {
            return Some(Keep::Quiet);
        }
        self.is_full(at, manners, false).then_some(Keep::Cap)
    }

    /// The same of the end of what they were told of: never quiet, but it may have to wait for the digest.
    pub fn keeps_end(&self, at: At, manners: &Manners<'_>) -> Option<Keep> {
        self.is_full(at, manners, true).then_some(Keep::Cap)
    }

    /// What a digest at that time would tell of.
    pub fn is_due_in_digest(standing: &Standing, at: At, manners: &Manners<'_>) -> bool {
        standing.kept.as_ref().filter(|_| !standing.has_waiting()).is_some_and(|kept| {
            let is_quiet = || manners.is_quiet(&kept.event, at);
            kept.by.is_for_digest() && (kept.is_end_of_known(standing.told.is_some()) || !is_quiet())
        })
    }

    /// When the next digest leaves, at `from` or later; `None`: there is nothing for one, or one waits to leave.
    pub fn digest_due(&self, from: At, manners: &Manners<'_>) -> Option<At> {
        if self.messages.iter().any(|message| !message.has_left && is_digest(&message.id)) {
            return None;
        }
        let ready = |kept: &Kept| match kept.by {
            Keep::Cap => kept.since + DIGEST_GATHERED_FOR,
            Keep::Quiet | Keep::Mute | Keep::Minor => manners.opens(kept.since),
        };
        let first = self.kept().filter(|kept| kept.by.is_for_digest()).map(ready).min()?;
        let mut at = self.last_digest.map_or(first, |last| first.max(last + NOTICES_HOUR)).max(from);
        // Each round passes a message, or hours that are quiet. An end that can't be told in quiet hours doesn't exist.
        for _ in 0..=self.messages.len().saturating_mul(2) + 2 {
            let open = if self.standing.values().any(|s| Self::is_due_in_digest(s, at, manners)) {
                at
            } else {
                manners.opens(at)
            };
            let free = match manners.cap {
                Some(cap) if self.near(open) >= cap.max(1) => {
                    // What waits though it was due may leave at any moment, and count for an hour from then.
                    let leaves =
                        |message: &Message| if message.has_left { message.at } else { message.at.max(open) };
                    let near = self.messages.iter().filter(|message| message.is_near(open)).map(leaves);
                    near.map(|at| at + NOTICES_HOUR).filter(|free| *free > open).min().unwrap_or(open)
                }
                _ => open,
            };
            if free == at {
                break;
            }
            at = free;
        }
        Some(at)
    }

    /// A message that was handed over wasn't taken. The digest before a digest left more than an hour ago.
    pub fn has_not_left(&mut self, notice: &Notice) {
        if notice.kind == NoticeKind::Digest {
            self.last_digest = None;
        }
    }

    /// Forgets what no hour that is still to come has in it.
    pub fn forget_before(&mut self, now: At) {
        self.messages.retain(|message| !message.has_left || message.at > now - NOTICES_HOUR);
        if self.last_digest.is_some_and(|last| last <= now - NOTICES_HOUR) {
            self.last_digest = None;
        }
        self.standing.retain(|_, standing| !standing.is_empty());
    }

    pub fn is_forgotten(&self) -> bool {
        self.messages.is_empty()
            && self.last_digest.is_none()
            && self.standing.is_empty()
            && self.unnamed == 0
    }
}
