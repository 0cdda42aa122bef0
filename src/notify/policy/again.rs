//! Who has had both letters about an incident: that it began, and that it is over. To them it comes and goes, and two letters about that
//! are enough: they hear nothing more of it while it is open, nor when it begins anew within [`NOTICE_REMEMBERED`] of its end. One
//! rule for practice managers, primary care networks, those who look after what failed, and those who are told because nobody
//! acknowledges.
//!
//! Staff who hear of everything, or by a role, aren't held to it. That it has begun anew is what they are there for, and each
//! beginning and each end is a change that they want; the cap and the digest bound how often.
//!
//! It is read off the notices themselves, so that the next process knows the same.

use std::collections::{BTreeMap, BTreeSet};

use super::key;
use super::pace::NEVER_TOLD;
use crate::incident::{Event, EventKind};
use crate::limits::NOTICE_REMEMBERED;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// As whom those are remembered who were told because nobody had acknowledged; as staff they are others.
pub(super) const ESCALATED: &str = "escalated";

/// By as whom they are spoken to: the keys of the addresses of those who have had both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HadBoth(BTreeMap<String, BTreeSet<String>>);

impl HadBoth {
    pub fn contains(&self, who: &str, recipient: &str) -> bool {
        self.0.get(who).is_some_and(|they| they.contains(recipient))
    }

    /// Whether the recipient of this notice has.
    pub fn holds(&self, notice: &Notice) -> bool {
        let recipient = key(&notice.recipient);
        let is_escalation = notice.kind == NoticeKind::Escalation;
        self.contains(&notice.audience.who(), &recipient)
            || (is_escalation && self.contains(ESCALATED, &recipient))
    }

    /// A notice was planned. `is_escalated`: its recipient was told because nobody had acknowledged.
    pub fn hear(&mut self, notice: &Notice, is_escalated: bool) {
        let is_end = matches!(notice.kind, NoticeKind::Back | NoticeKind::Correction);
        // An end in no thread is kept beside a beginning that was kept: they have had neither.
        let is_said = notice.thread.is_some()
            && !matches!(&notice.state, NoticeState::Withheld { why } if why == NEVER_TOLD);
        let who = match notice.audience {
            Audience::Staff | Audience::Role { .. } if is_escalated => ESCALATED.to_owned(),
            Audience::Staff | Audience::Role { .. } => return,
            Audience::Practices(_) | Audience::Pcn { .. } | Audience::Owner { .. } => notice.audience.who(),
        };
        if is_end && is_said {
            self.0.entry(who).or_default().insert(key(&notice.recipient));
        }
    }

    /// They never heard of it after all.
    pub fn forget(&mut self, who: &str, recipient: &str) {
        if let Some(they) = self.0.get_mut(who) {
            they.remove(recipient);
        }
    }
}

/// How long an incident has been open, and come and gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Run {
    /// When it last began.
    pub began: At,
    /// When it first began, of those times between which it was never over for [`NOTICE_REMEMBERED`]. What was told before is
    /// forgotten.
    pub remembered: At,
}

impl Run {
    /// From an incident's events, oldest first.
    pub fn of<'e>(history: impl IntoIterator<Item = &'e Event>) -> Self {
        let mut run = Self::default();
        let mut ended: Option<At> = None;
        for event in history {
            match event.event {
                EventKind::Opened => {
                    run.began = event.at;
                    if ended.take().is_none_or(|ended| ended + NOTICE_REMEMBERED <= event.at) {
                        run.remembered = event.at;
                    }
                }
                EventKind::Changed => {}
                EventKind::Resolved => ended = Some(event.at),
            }
        }
        run
    }
}
