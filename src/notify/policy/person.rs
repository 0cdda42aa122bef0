//! One recipient: what they have had lately, what they know, and what is kept from them for now.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::routing::Terms;
use super::severity::Severity;
use crate::estate::Estate;
use crate::incident::Event;
use crate::limits::{DIGEST_GATHERED_FOR, NOTICES_HOUR};
use crate::notify::notice::{Keep, Notice};
use crate::time::{At, whole_millis};

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Person {
    /// As it is written.
    pub address: String,
    /// When each message of the last hour left, or leaves, and its id.
    pub sent: Vec<(At, String)>,
    pub last_digest: Option<At>,
    /// By incident, and as whom they are spoken to.
    pub standing: BTreeMap<(String, String), Standing>,
    /// Incidents that came and went, and for which there was no room ([`crate::limits::DIGEST_KEPT_MAX`]).
    pub unnamed: u32,
}

/// Where somebody stands with an incident.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Standing {
    /// The message in which they first heard of it.
    pub told: Option<String>,
    pub kept: Option<Kept>,
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
        self.told.is_none() && self.kept.is_none()
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

impl Person {
    /// Messages that any hour with this moment in it may have, those included that are planned for later.
    fn near(&self, at: At) -> usize {
        self.sent.iter().filter(|(due, _)| is_near(*due, at)).count()
    }

    /// Whether one more message at that time would be too many. One place in each hour is for the digest; the end of something
    /// may have it while no digest waits.
    fn is_full(&self, at: At, manners: &Manners<'_>, is_end: bool) -> bool {
        let Some(cap) = manners.cap else { return false };
        let reserved = usize::from(!is_end || self.has_for_digest());
        self.near(at) >= cap.saturating_sub(reserved)
    }

    fn has_for_digest(&self) -> bool {
        self.unnamed > 0 || self.kept().any(|kept| kept.by.is_for_digest())
    }

    pub fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.standing.values().filter_map(|standing| standing.kept.as_ref())
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
        standing.kept.as_ref().is_some_and(|kept| {
            let is_quiet = || manners.is_quiet(&kept.event, at);
            kept.by.is_for_digest() && (kept.is_end_of_known(standing.told.is_some()) || !is_quiet())
        })
    }

    /// When the next digest leaves, at `from` or later; `None`: there is nothing for one.
    pub fn digest_due(&self, from: At, manners: &Manners<'_>) -> Option<At> {
        let ready = |kept: &Kept| match kept.by {
            Keep::Cap => kept.since + DIGEST_GATHERED_FOR,
            Keep::Quiet | Keep::Mute | Keep::Minor => manners.opens(kept.since),
        };
        let first = self.kept().filter(|kept| kept.by.is_for_digest()).map(ready).min()?;
        let mut at = self.last_digest.map_or(first, |last| first.max(last + NOTICES_HOUR)).max(from);
        // Each round passes a message, or hours that are quiet. An end that can't be told in quiet hours doesn't exist.
        for _ in 0..=self.sent.len().saturating_mul(2) + 2 {
            let open = if self.standing.values().any(|s| Self::is_due_in_digest(s, at, manners)) {
                at
            } else {
                manners.opens(at)
            };
            let free = match manners.cap {
                Some(cap) if self.near(open) >= cap.max(1) => {
                    let leave = self.sent.iter().map(|(due, _)| *due).filter(|due| is_near(*due, open));
                    leave.map(|due| due + NOTICES_HOUR).filter(|free| *free > open).min().unwrap_or(open)
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

    /// Forgets what no hour that is still to come has in it.
    pub fn forget_before(&mut self, now: At) {
        self.sent.retain(|(due, _)| *due > now - NOTICES_HOUR);
        if self.last_digest.is_some_and(|last| last <= now - NOTICES_HOUR) {
            self.last_digest = None;
        }
        self.standing.retain(|_, standing| !standing.is_empty());
    }

    pub fn is_forgotten(&self) -> bool {
        self.sent.is_empty() && self.last_digest.is_none() && self.standing.is_empty() && self.unnamed == 0
    }
}

fn is_near(due: At, at: At) -> bool {
    due.millis_since(at).abs() < whole_millis(NOTICES_HOUR)
}
