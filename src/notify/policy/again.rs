//! Who has had both letters about an incident: that it began, and that it is over. To them it comes and goes, and two letters about that
//! are enough: they hear nothing more of it while it is open, nor when it begins anew within [`NOTICE_REMEMBERED`] of its end, unless it
//! hits them for [`NOTICE_LASTS`] on end ([`super::lasting`]). One rule for practice managers, primary care networks, those who look after what failed, and those who are told because nobody
//! acknowledges.
//!
//! Staff who hear of everything, or by a role, aren't held to it. That it has begun anew is what they are there for, and each
//! beginning and each end is a change that they want; the cap and the digest bound how often.
//!
//! It is read off the notices themselves, so that the next process knows the same.

use std::collections::{BTreeMap, BTreeSet};

use super::pace::{NEVER_TOLD, is_end};
use super::{Ledger, key};
use crate::incident::{Event, EventKind};
use crate::limits::{NOTICE_LASTS, NOTICE_REMEMBERED};
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// As whom those are remembered who were told because nobody had acknowledged; as staff they are others.
pub(super) const ESCALATED: &str = "escalated";

/// By as whom they are spoken to, and by the key of an address: how often they have had both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HadBoth(BTreeMap<String, BTreeMap<String, u32>>);

impl HadBoth {
    pub fn contains(&self, who: &str, recipient: &str) -> bool {
        self.0.get(who).is_some_and(|they| they.contains_key(recipient))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From when somebody may be told that it began who is hit at this time: at once, or, if they have had both, when it lasts.
    pub fn told_again_from(&self, who: &str, recipient: &str, hit: At) -> At {
        if self.contains(who, recipient) { hit + NOTICE_LASTS } else { hit }
    }

    /// Whether the recipient of this notice has.
    pub fn holds(&self, notice: &Notice) -> bool {
        let recipient = key(&notice.recipient);
        let is_escalation = notice.kind == NoticeKind::Escalation;
        self.contains(&notice.audience.who(), &recipient)
            || (is_escalation && self.contains(ESCALATED, &recipient))
    }

    /// How often the recipient of this notice has had both, this one and what waits with it included.
    pub fn times(&self, notice: &Notice) -> u32 {
        let they = self.0.get(&as_whom(&notice.audience));
        they.and_then(|they| they.get(&key(&notice.recipient))).copied().unwrap_or(0)
    }

    /// A notice was planned. `is_escalated`: its recipient was told because nobody had acknowledged.
    pub fn hear(&mut self, notice: &Notice, is_escalated: bool) {
        // An end in no thread is kept beside a beginning that was kept: they have had neither.
        let is_said = notice.thread.is_some()
            && !matches!(&notice.state, NoticeState::Withheld { why } if why == NEVER_TOLD);
        let is_held_to_it = is_escalated || !is_staff(&notice.audience);
        if is_held_to_it && is_end(notice) && is_said {
            *self
                .0
                .entry(as_whom(&notice.audience))
                .or_default()
                .entry(key(&notice.recipient))
                .or_default() += 1;
        }
    }

    /// The recipient of this letter never hears of it after all. If it was an end, they haven't had both.
    pub fn forget(&mut self, letter: &Notice) {
        if !is_end(letter) {
            return;
        }
        let Some(they) = self.0.get_mut(&as_whom(&letter.audience)) else { return };
        let recipient = key(&letter.recipient);
        if let Some(times) = they.get_mut(&recipient) {
            *times = times.saturating_sub(1);
            if *times == 0 {
                they.remove(&recipient);
            }
        }
    }
}

impl Ledger {
    /// Whether the recipient of a letter, which hasn't left, was told before that its incident is over, and is told of it once more
    /// because it lasts.
    pub fn is_told_again(&self, letter: &Notice) -> bool {
        let record = self.incidents.get(&letter.incident).or_else(|| self.over.get(&letter.incident));
        // What waits with it comes after it, or is it.
        let waiting = self.pace.book.standing(letter).map(|standing| &*standing.waiting).unwrap_or_default();
        let ends = waiting.iter().filter(|waiting| is_end(&waiting.letter)).count();
        let times = record.map_or(0, |record| record.had_both.times(letter));
        usize::try_from(times).is_ok_and(|times| times > ends)
    }
}

const fn is_staff(audience: &Audience) -> bool {
    matches!(audience, Audience::Staff | Audience::Role { .. })
}

/// As whom somebody is remembered: staff only where they were told because nobody had acknowledged.
fn as_whom(audience: &Audience) -> String {
    if is_staff(audience) { ESCALATED.to_owned() } else { audience.who() }
}

/// How long an incident has been open, and come and gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// When it last began.
    pub began: At,
    /// When it first began, of those times between which it was never over for [`NOTICE_REMEMBERED`]. What was told before is
    /// forgotten.
    pub remembered: At,
    /// Since when each practice has been hit on end.
    pub hit: BTreeMap<String, At>,
    /// When it was last over.
    ended: Option<At>,
}

impl Run {
    /// From an incident's events, oldest first.
    pub fn of<'e>(history: impl IntoIterator<Item = &'e Event>) -> Self {
        let mut run = Self::default();
        history.into_iter().for_each(|event| run.take(event));
        run
    }

    /// Of an incident that begins with this event, as far as is known.
    pub fn begun(event: &Event) -> Self {
        Self { began: event.at, ..Self::of([event]) }
    }

    /// The next event; the same once more changes nothing.
    pub fn take(&mut self, event: &Event) {
        match event.event {
            EventKind::Opened => {
                self.began = event.at;
                if self.ended.take().is_none_or(|ended| ended + NOTICE_REMEMBERED <= event.at) {
                    self.remembered = event.at;
                }
            }
            EventKind::Changed => {}
            EventKind::Resolved => {
                self.ended = Some(event.at);
                self.hit.clear();
                return;
            }
        }
        let hit: BTreeSet<&String> = event.practices.iter().collect();
        self.hit.retain(|practice, _| hit.contains(practice));
        for practice in &event.practices {
            self.hit.entry(practice.clone()).or_insert(event.at);
        }
    }
}
