//! What was planned about one incident, and for whom. Who heard of it is in [`super::book`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::again::{HadBoth, Run};
use super::circles::{self, CircleKey, Told};
use super::key;
use super::restored::{Row, as_planned};
use crate::incident::{Cause, Event};
use crate::limits::TAKEN_ON_KEPT;
use crate::notify::acknowledgement::Acknowledgement;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// The last event; shared with the letters that are being written.
    pub event: Arc<Event>,
    /// How long it has been open, and at whom.
    pub run: Run,
    pub approved: bool,
    /// By address.
    pub managers: BTreeMap<String, Manager>,
    /// By address.
    pub staff: BTreeMap<String, Staff>,
    /// By address: the letters to each who was told because nobody had acknowledged, oldest first; at least one.
    pub escalated: BTreeMap<String, Vec<Notice>>,
    /// Those who have it in hand.
    pub taken_on: Vec<Acknowledgement>,
    /// Those who look after what failed, and are at work on it.
    pub at_work: Vec<Acknowledgement>,
    /// Primary care networks, and owners of components.
    pub circles: BTreeMap<CircleKey, Told>,
    /// Those who hear nothing more of it.
    pub had_both: HadBoth,
}

/// An open incident as an earlier process left it.
#[derive(Debug, Clone)]
pub struct OpenIncident {
    /// The last event.
    pub event: Event,
    pub approved: bool,
    pub run: Run,
    /// Every notice about it, in the order in which they were planned.
    pub notices: Vec<Row>,
    /// Who took it on since it opened, or is at work on it.
    pub taken_on: Vec<Acknowledgement>,
}

impl OpenIncident {
    /// What was told before it last began, and since.
    pub(super) fn by_run(&self) -> (&[Row], &[Row]) {
        self.notices.split_at(self.notices.partition_point(|row| row.notice.event_at < self.run.began))
    }
}

/// Where a practice manager stands with the incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Manager {
    /// They are to hear, as this opening says.
    Opened(Notice),
    /// The opening could not be sent for want of a mail server; there may be one later.
    Unmailed,
}

/// Where somebody at the ICB stands with the incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Staff {
    pub opening: Notice,
    /// The cause that the latest notice named.
    pub cause: Vec<Cause>,
}

impl Staff {
    /// Whether they were to hear of it because they are staff, and not because nobody had it in hand or because another incident goes on
    /// as this. What began anew before they were told of its end was planned as an opening, and told as an update.
    pub fn is_first_told(&self) -> bool {
        matches!(self.opening.kind, NoticeKind::Opening | NoticeKind::Update)
    }
}

impl Record {
    pub(super) fn new(event: &Event) -> Self {
        Self {
            event: Arc::new(event.clone()),
            run: Run::begun(event),
            approved: false,
            managers: BTreeMap::new(),
            staff: BTreeMap::new(),
            escalated: BTreeMap::new(),
            taken_on: Vec::new(),
            at_work: Vec::new(),
            circles: BTreeMap::new(),
            had_both: HadBoth::default(),
        }
    }

    /// Of an incident that begins, or begins anew soon after it was over.
    pub(super) fn again(over: Option<Self>, event: &Event) -> Self {
        let had_both = over.map(|record| record.had_both).unwrap_or_default();
        Self { had_both, ..Self::new(event) }
    }

    pub(super) fn restore(open: &OpenIncident) -> Self {
        let mut record = Self::new(&open.event);
        (record.approved, record.run) = (open.approved, open.run.clone());
        for said in &open.taken_on {
            record.hear(said);
        }
        let mut escalated: BTreeSet<String> = BTreeSet::new();
        for row in open.notices.iter().filter(|row| row.notice.event_at >= open.run.remembered) {
            let recipient = key(&row.notice.recipient);
            record.had_both.hear(&row.notice, escalated.contains(&recipient));
            if is_step_done(&row.notice) {
                escalated.insert(recipient);
            }
            // What was told before it began anew is over.
            if row.notice.event_at >= open.run.began {
                record.adopt(&row.notice, &row.event);
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

    /// Takes up a notice that was planned before this process began, or behind the planners' backs. `event`: what it tells of.
    pub(super) fn adopt(&mut self, notice: &Notice, event: &Event) {
        if is_step_done(notice) {
            self.escalated.entry(key(&notice.recipient)).or_default().push(notice.clone());
        }
        let notice = as_planned(notice);
        match notice.audience {
            // A digest tells of other notices, which speak for themselves.
            _ if notice.kind == NoticeKind::Digest => {}
            Audience::Staff | Audience::Role { .. } => self.adopt_staff(&notice, event),
            Audience::Practices(_) => self.adopt_manager(&notice),
            Audience::Pcn { .. } | Audience::Owner { .. } => circles::restore(self, &notice, event),
        }
    }

    /// These were planned: whoever has had both letters now hears nothing more.
    pub(super) fn take_note(&mut self, planned: &[Notice]) {
        for notice in planned.iter().filter(|notice| notice.incident == self.event.incident) {
            let is_escalated = self.escalated.contains_key(&key(&notice.recipient));
            self.had_both.hear(notice, is_escalated);
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

    /// Takes note of a letter that is told, or kept, under another id than it was planned with: what it said, and how to call it back.
    pub(super) fn adopt_again(&mut self, notice: &Notice, event: &Event) {
        if let Some(told) = self.circles.get_mut(&circles::key_of(notice)) {
            told.latest = as_planned(notice);
            told.said = (event.cause.clone(), event.signature);
        }
        if is_step_done(notice) {
            let letters = self.escalated.entry(key(&notice.recipient)).or_default();
            if letters.iter().all(|letter| letter.id != notice.id) {
                letters.push(notice.clone());
            }
        }
    }

    fn adopt_manager(&mut self, notice: &Notice) {
        let manager = match (notice.kind, &notice.state) {
            (NoticeKind::Update, _) => return,
            (NoticeKind::Opening, NoticeState::Withheld { why }) if why == super::NO_MAIL => {
                Manager::Unmailed
            }
            // An opening that was withdrawn before it left is as if it had never been, and after an end nothing is to be said.
            (NoticeKind::Opening, NoticeState::Withheld { .. })
            | (NoticeKind::Back | NoticeKind::Correction | NoticeKind::Escalation | NoticeKind::Digest, _) => {
                // A letter that was told later, and under another id, ends nothing that was said after what it tells of.
                let is_later = |manager: &Manager| matches!(manager, Manager::Opened(opening) if opening.event_at > notice.event_at);
                if !self.managers.get(&key(&notice.recipient)).is_some_and(is_later) {
                    self.managers.remove(&key(&notice.recipient));
                }
                return;
            }
            (NoticeKind::Inherited | NoticeKind::Opening, _) => Manager::Opened(notice.clone()),
        };
        self.managers.insert(key(&notice.recipient), manager);
    }

    fn adopt_staff(&mut self, notice: &Notice, event: &Event) {
        // What is inherited is never sent, and counts: it was said under another incident.
        if matches!(notice.state, NoticeState::Withheld { .. }) && notice.kind != NoticeKind::Inherited {
            return;
        }
        let staff = self.staff.entry(key(&notice.recipient));
        // What is inherited stands for what the incident that goes on says.
        let said = if notice.kind == NoticeKind::Inherited { &self.event.cause } else { &event.cause };
        let staff = staff.or_insert_with(|| Staff { opening: notice.clone(), cause: said.clone() });
        if notice.kind != NoticeKind::Inherited {
            staff.cause.clone_from(&event.cause);
        }
    }

    /// The openings to managers who are waiting for the end.
    pub(super) fn openings_to_managers(&self) -> impl Iterator<Item = &Notice> {
        self.managers.values().filter_map(|manager| match manager {
            Manager::Opened(opening) => Some(opening),
            Manager::Unmailed => None,
        })
    }

    /// The openings to everybody who is waiting for the end.
    pub(super) fn openings(&self) -> impl Iterator<Item = &Notice> {
        let staff = self.staff.values().map(|staff| &staff.opening);
        staff.chain(self.openings_to_managers()).chain(circles::openings(self))
    }
}

/// Whether a notice shows that its recipient was escalated to, though another may have taken its place since. Who heard because of a role
/// inherits that.
fn is_step_done(notice: &Notice) -> bool {
    match notice.kind {
        NoticeKind::Inherited => notice.audience == Audience::Staff,
        NoticeKind::Escalation => true,
        _ => false,
    }
}
