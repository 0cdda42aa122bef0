//! What was said about one incident, and to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::circles::{self, CircleKey, Told};
use super::digest::sent_at;
use super::pace::digest_of;
use super::restored::as_planned;
use super::{Released, key, promise};
use crate::incident::{Cause, Event};
use crate::limits::TAKEN_ON_KEPT;
use crate::notify::acknowledgement::Acknowledgement;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::time::At;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// The last event; shared with the letters that are being written.
    pub event: Arc<Event>,
    pub approved: bool,
    /// By address.
    pub managers: BTreeMap<String, Manager>,
    /// By address.
    pub staff: BTreeMap<String, Staff>,
    /// By address: since when staff, and those who were escalated to, know. What is kept from somebody they don't know.
    pub heard: BTreeMap<String, At>,
    /// By address: the letters to each who was told because nobody had acknowledged, oldest first; at least one.
    pub escalated: BTreeMap<String, Vec<Notice>>,
    /// Those who have it in hand.
    pub taken_on: Vec<Acknowledgement>,
    /// Those who look after what failed, and are at work on it.
    pub at_work: Vec<Acknowledgement>,
    /// Primary care networks, and owners of components.
    pub circles: BTreeMap<CircleKey, Told>,
    /// Practices, by id, whose opening the mail server refused.
    pub refused: BTreeSet<String>,
}

/// An open incident as an earlier process left it.
#[derive(Debug, Clone)]
pub struct OpenIncident {
    /// The last event.
    pub event: Event,
    pub approved: bool,
    /// Every notice about it, in the order in which they were planned.
    pub notices: Vec<Notice>,
    /// Who took it on since it opened, or is at work on it.
    pub taken_on: Vec<Acknowledgement>,
}

/// Where a practice manager stands with the incident.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "while an incident is open nearly all are the large one: a box would cost, not save"
)]
pub(super) enum Manager {
    /// The opening is planned; it may have left.
    Opened {
        opening: Notice,
        /// When the last letter to them was due.
        last: At,
        /// It promised another.
        promised: bool,
    },
    /// The opening could not be sent for want of a mail server; there may be one later.
    Unmailed,
    /// Nothing more is to be said.
    Over,
}

/// Where somebody at the ICB stands with the incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Staff {
    pub opening: Notice,
    /// The latest notice; it may still wait for its time.
    pub latest: Notice,
    /// The cause that the latest notice named.
    pub cause: Vec<Cause>,
}

impl Manager {
    pub(super) fn opened(opening: Notice, event: &Event) -> Self {
        Self::Opened { last: opening.due, promised: promise::is_made(event), opening }
    }

    /// When they hear next, if nothing happens before.
    pub(super) fn hears_next(&self, every: Duration, zone: &TimeZone) -> Option<At> {
        match self {
            Self::Opened { last, promised: true, .. } => Some(promise::after(*last, every, zone)),
            Self::Opened { .. } | Self::Unmailed | Self::Over => None,
        }
    }
}

impl Record {
    pub(super) fn new(event: &Event) -> Self {
        Self {
            event: Arc::new(event.clone()),
            approved: false,
            managers: BTreeMap::new(),
            staff: BTreeMap::new(),
            heard: BTreeMap::new(),
            escalated: BTreeMap::new(),
            taken_on: Vec::new(),
            at_work: Vec::new(),
            circles: BTreeMap::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Of an incident that begins, or begins anew soon after it was over: whoever had both letters gets no third, since it comes and goes.
    pub(super) fn again(over: Option<Self>, event: &Event) -> Self {
        let managers = over.map(|record| record.managers).unwrap_or_default();
        Self { managers, ..Self::new(event) }
    }

    pub(super) fn restore(open: &OpenIncident) -> Self {
        let mut record = Self::new(&open.event);
        record.approved = open.approved;
        for said in &open.taken_on {
            record.hear(said);
        }
        for notice in &open.notices {
            record.has_heard(notice);
        }
        // A digest tells of other notices, which speak for themselves.
        for notice in open.notices.iter().filter(|notice| notice.kind != NoticeKind::Digest).map(as_planned) {
            match notice.audience {
                Audience::Staff | Audience::Role { .. } => record.restore_staff(&notice),
                Audience::Practices(_) => record.restore_manager(&notice),
                Audience::Pcn { .. } | Audience::Owner { .. } => circles::restore(&mut record, &notice),
            }
        }
        record
    }

    /// Takes note of somebody's word, if it is of use to others.
    pub(super) fn hear(&mut self, said: &Acknowledgement) {
        let of_its_sort = match said {
            said if said.takes_on() => &mut self.taken_on,
            said if said.is_at_work() => &mut self.at_work,
            _ => return,
        };
        let is_known = of_its_sort.iter().any(|known| known.person == said.person);
        if !is_known && of_its_sort.len() < TAKEN_ON_KEPT {
            of_its_sort.push(said.clone());
        }
    }

    /// Takes note of what staff were told, and when: a letter that leaves, or the digest that told it.
    pub(super) fn has_heard(&mut self, notice: &Notice) {
        if !notice.audience.is_of_icb() || notice.kind == NoticeKind::Digest {
            return;
        }
        let at = match &notice.state {
            NoticeState::Queued | NoticeState::Accepted => Some(notice.due),
            NoticeState::Withheld { why } => digest_of(why).and_then(sent_at),
            NoticeState::Held | NoticeState::Kept { .. } | NoticeState::Rejected { .. } => None,
        };
        if let Some(at) = at {
            self.heard.entry(key(&notice.recipient)).or_insert(at);
        }
    }

    /// Somebody never heard of it, and what they would have heard of is over: as if it had never been.
    pub(super) fn forget(&mut self, (recipient, who): &(String, String)) {
        match who.as_str() {
            "practice" => drop(self.managers.remove(recipient)),
            "staff" => drop(self.staff.remove(recipient)),
            _ => drop(self.circles.remove(&(who.clone(), recipient.clone()))),
        }
    }

    /// A letter to a manager left later than it was planned: what it promises counts from then.
    pub(super) fn was_told(&mut self, notice: &Notice) {
        if !matches!(notice.audience, Audience::Practices(_)) {
            return;
        }
        let is_promised = promise::is_made(&self.event);
        if let Some(Manager::Opened { last, promised, .. }) = self.managers.get_mut(&key(&notice.recipient)) {
            (*last, *promised) = (notice.due, is_promised);
        }
    }

    fn restore_manager(&mut self, notice: &Notice) {
        let manager = match (notice.kind, &notice.state) {
            (NoticeKind::Inherited, _)
            | (NoticeKind::Opening, NoticeState::Queued | NoticeState::Held | NoticeState::Accepted) => {
                Manager::opened(notice.clone(), &self.event)
            }
            (NoticeKind::Update, _) => {
                if let Some(Manager::Opened { last, .. }) = self.managers.get_mut(&key(&notice.recipient)) {
                    *last = notice.due;
                }
                return;
            }
            (NoticeKind::Opening, NoticeState::Withheld { why }) if why == super::NO_MAIL => {
                Manager::Unmailed
            }
            // An opening that was withdrawn before it left: as if it had never been.
            (NoticeKind::Opening, NoticeState::Withheld { .. }) => {
                self.managers.remove(&key(&notice.recipient));
                return;
            }
            (NoticeKind::Opening, NoticeState::Rejected { .. }) => {
                self.refused.extend(practices_of(notice));
                Manager::Over
            }
            _ => Manager::Over,
        };
        self.managers.insert(key(&notice.recipient), manager);
    }

    fn restore_staff(&mut self, notice: &Notice) {
        // What is inherited is never sent, and counts: it was said under another incident.
        if matches!(notice.state, NoticeState::Withheld { .. }) && notice.kind != NoticeKind::Inherited {
            return;
        }
        let known = self.staff.get(&key(&notice.recipient));
        // Who was escalated to inherits as staff; who heard because of a role inherits that.
        let is_escalation = notice.kind == NoticeKind::Escalation
            || (notice.kind == NoticeKind::Inherited && notice.audience == Audience::Staff);
        if is_escalation {
            self.escalated.entry(key(&notice.recipient)).or_default().push(notice.clone());
        }
        if is_escalation && known.is_some() {
            return;
        }
        let opening = known.map_or_else(|| notice.clone(), |staff| staff.opening.clone());
        let staff = Staff { opening, latest: notice.clone(), cause: self.event.cause.clone() };
        self.staff.insert(key(&notice.recipient), staff);
    }

    pub(super) fn approve(&mut self) -> Released {
        let already = std::mem::replace(&mut self.approved, true);
        let mut notices = Vec::new();
        for manager in self.managers.values_mut() {
            if let Manager::Opened { opening, .. } = manager
                && opening.state == NoticeState::Held
            {
                opening.state = NoticeState::Queued;
                notices.push(opening.id.clone());
            }
        }
        notices.extend(circles::approve(self));
        Released { notices, already }
    }

    /// The openings to everybody who is waiting for the end.
    pub(super) fn openings(&self) -> impl Iterator<Item = &Notice> {
        let managers = self.managers.values().filter_map(|manager| match manager {
            Manager::Opened { opening, .. } => Some(opening),
            Manager::Unmailed | Manager::Over => None,
        });
        let staff = self.staff.values().map(|staff| &staff.opening);
        staff.chain(managers).chain(circles::openings(self))
    }

    pub(super) fn awaits_approval(&self) -> bool {
        self.managers.values().any(
            |manager| matches!(manager, Manager::Opened { opening, .. } if opening.state == NoticeState::Held),
        )
    }

    pub(super) fn undelivered(&mut self, notice: &Notice) {
        for manager in self.managers.values_mut() {
            if matches!(manager, Manager::Opened { opening, .. } if opening.id == notice.id) {
                *manager = Manager::Over;
                self.refused.extend(practices_of(notice));
            }
        }
    }
}

fn practices_of(notice: &Notice) -> Vec<String> {
    match &notice.audience {
        Audience::Practices(practices) => practices.clone(),
        Audience::Staff | Audience::Role { .. } | Audience::Pcn { .. } | Audience::Owner { .. } => Vec::new(),
    }
}

/// Whether a planned notice certainly hasn't left by `at`.
pub(super) fn unsent(notice: &Notice, at: At) -> bool {
    match notice.state {
        NoticeState::Held => true,
        NoticeState::Queued => notice.due > at,
        // What is kept is kept behind the planners' backs: see `pace.rs`.
        NoticeState::Kept { .. }
        | NoticeState::Accepted
        | NoticeState::Rejected { .. }
        | NoticeState::Withheld { .. } => false,
    }
}
