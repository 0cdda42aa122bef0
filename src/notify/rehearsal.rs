//! What would be written to whom if these things happened: policy and words without a mail server. Pure, like both.
//!
//! Every notice leaves at the moment at which it is due, and is taken at once; nobody approves anything, and what
//! people do is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fix::Fix;
use super::link::LINK_PATH;
use super::notice::{Audience, Notice, NoticeKind, NoticeState};
use super::policy::{Ledger, Line, MayLeave, Paced, Rules, person};
use super::words::texts::Texts;
use super::words::{Beside, Context, Letter, digest, letter};
use crate::config::Deadline;
use crate::incident::{Event, EventKind};
use crate::time::At;

/// The notices of one story.
#[derive(Debug)]
pub struct Rehearsal<'a> {
    rules: Rules<'a>,
    deadlines: &'a [Deadline],
    texts: Texts,
    /// Where people reach the hub, when letters are to have links.
    link: Option<&'a str>,
    /// What people say that they did.
    fixes: &'a [Fix],
    told: Vec<Event>,
    /// By incident, recipient, and as whom they are spoken to: when what they last got was said.
    last_told: BTreeMap<(String, String, String), At>,
    ledger: Ledger,
    waiting: Vec<(Notice, Arc<Event>)>,
    /// Until when what is kept for later has been looked at.
    ticked: At,
    written: Vec<Written>,
}

/// A letter that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// As it left: its `due` is when.
    pub notice: Notice,
    pub letter: Letter,
}

impl<'a> Rehearsal<'a> {
    pub fn new(rules: Rules<'a>, deadlines: &'a [Deadline]) -> Self {
        Self {
            rules,
            deadlines,
            texts: Texts::shipped(),
            link: None,
            fixes: &[],
            told: Vec::new(),
            last_told: BTreeMap::new(),
            ledger: Ledger::default(),
            waiting: Vec::new(),
            ticked: At::from_millis(i64::MIN),
            written: Vec::new(),
        }
    }

    /// Writes with these.
    #[must_use]
    pub fn with_texts(self, texts: Texts) -> Self {
        Self { texts, ..self }
    }

    /// Letters have a link, as those of a hub that people reach there have; one that opens nothing.
    #[must_use]
    pub fn with_link(self, link: Option<&'a str>) -> Self {
        Self { link, ..self }
    }

    /// People did this meanwhile.
    #[must_use]
    pub fn with_fixes(self, fixes: &'a [Fix]) -> Self {
        Self { fixes, ..self }
    }

    /// Something happened.
    pub fn tell(&mut self, event: &Event) {
        self.until(event.at.plus_millis(-1));
        let plan = self.ledger.plan(event, &self.rules);
        self.told.push(event.clone());
        self.take(plan.notices, plan.withdrawn, &Arc::new(event.clone()));
    }

    /// Time goes on: what is due by then leaves, the earliest first, and so does what was promised.
    pub fn until(&mut self, now: At) {
        loop {
            let promise = self.ledger.next_reminder(&self.rules);
            let tick = self.ledger.next_tick(self.ticked, &self.rules);
            let Some(next) = promise.into_iter().chain(tick).min().filter(|next| *next <= now) else { break };
            self.send(next);
            let planned = self.ledger.remind(next, &self.rules);
            let due = self.ledger.tick(next, &self.rules);
            self.ticked = self.ticked.max(next);
            for Paced { event, notices, settled } in planned.into_iter().chain(due) {
                self.take(notices, settled, &event);
            }
        }
        self.send(now);
    }

    fn take(&mut self, notices: Vec<Notice>, withdrawn: Vec<(Notice, String)>, event: &Arc<Event>) {
        for (withdrawn, _) in withdrawn {
            self.waiting.retain(|(notice, _)| notice.id != withdrawn.id);
        }
        let queued =
            |notice: &Notice| notice.state == NoticeState::Queued && notice.kind != NoticeKind::Inherited;
        self.waiting.extend(notices.into_iter().filter(queued).map(|notice| (notice, Arc::clone(event))));
    }

    /// What is due leaves.
    fn send(&mut self, now: At) {
        self.waiting.sort_by_key(|(notice, _)| notice.due);
        let due = self.waiting.partition_point(|(notice, _)| notice.due <= now);
        let open: Vec<Arc<Event>> = self.ledger.open().cloned().collect();
        let mut earlier: Vec<Event> = Vec::new();
        let mut earlier_than: Option<Arc<Event>> = None;
        let (mut kept, mut put_off) = (Vec::new(), Vec::new());
        for (notice, event) in self.waiting.drain(..due) {
            match self.ledger.leaves(&notice, &event, notice.due, &self.rules) {
                MayLeave::Now => {}
                MayLeave::Later(at) => {
                    put_off.push((Notice { due: at, ..notice }, event));
                    continue;
                }
                MayLeave::Keep(by) => {
                    let at = notice.due;
                    kept.extend(self.ledger.keep(&vec![(notice, event)], by, at, &self.rules));
                    continue;
                }
            }
            // A county's letters are of one event.
            if earlier_than.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &event)) {
                let before = |other: &&Event| other.incident == event.incident && other.at < event.at;
                earlier = self.told.iter().filter(before).cloned().collect();
                earlier_than = Some(Arc::clone(&event));
            }
            let is_open = event.event != EventKind::Resolved && notice.kind != NoticeKind::Back;
            let link_of = |incident: &str, person: &str| {
                self.link.map(|base| format!("{base}{LINK_PATH}/{incident}/{person}/preview"))
            };
            let own = || link_of(&notice.incident, &person(&notice.audience, &notice.recipient));
            let link = is_open.then(own).flatten();
            let of_line = |line: &Line| link_of(&line.event.incident, &line.person);
            let hands = self.ledger.hands(&notice.incident, notice.due, &self.rules);
            let is_said = |fix: &&Fix| fix.incident == notice.incident && fix.said_at <= notice.due;
            let fixes: Vec<Fix> = self.fixes.iter().filter(is_said).cloned().collect();
            let context = Context {
                estate: self.rules.estate,
                event: &event,
                earlier: &earlier,
                last_told: self.last_told.get(&known_as(&notice, &notice.incident)).copied(),
                told_again: self.ledger.is_told_again(&notice),
                fixes: &fixes,
                open: &open,
                staff_told: !self.rules.staff.is_empty(),
                awaits_approval: self.ledger.awaits_approval(&notice.incident),
                refused: &[],
                next: self.ledger.promise(&notice, &event, &self.rules),
                deadlines: self.deadlines,
                hands: hands.as_ref(),
                link: link.as_deref(),
            };
            let write = |texts: &Texts| match self.ledger.digest(&notice.id) {
                Some(told) => {
                    let before = |line: &Line| {
                        let other = |other: &&Event| {
                            other.incident == line.event.incident && other.at < line.event.at
                        };
                        (line.event.incident.clone(), self.told.iter().filter(other).cloned().collect())
                    };
                    let earlier = told.lines.iter().map(before).collect();
                    let beside = Beside { estate: self.rules.estate, link: of_line, earlier: &earlier };
                    digest(&notice, told, &beside, texts)
                }
                None => letter(&notice, &context, texts),
            };
            // As the delivery does it: the shipped texts can always be filled.
            let made = write(&self.texts).or_else(|_| write(&Texts::shipped()));
            let of_digest = self.ledger.digest(&notice.id).map(|told| told.lines.clone());
            for event in of_digest.iter().flatten().map(|line| &line.event) {
                self.last_told.insert(known_as(&notice, &event.incident), event.at);
            }
            if of_digest.is_none() {
                self.last_told.insert(known_as(&notice, &notice.incident), event.at);
            }
            self.ledger.accepted(&notice);
            if let Ok(letter) = made {
                self.written.push(Written { notice, letter });
            }
        }
        self.waiting.extend(put_off);
        for Paced { event, notices, settled } in kept {
            self.take(notices, settled, &event);
        }
    }

    /// All that was written, in the order in which it left.
    pub fn written(&self) -> &[Written] {
        &self.written
    }
}

/// Who knows what of an incident.
fn known_as(notice: &Notice, incident: &str) -> (String, String, String) {
    (incident.to_owned(), notice.recipient.to_lowercase(), notice.audience.who())
}

/// One letter to several people, but for their names: what one event led to for staff, or for managers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mailing<'w> {
    pub first: &'w Written,
    pub recipients: usize,
}

/// Letters that differ in the names in them alone, gathered; in the order in which the first of each left.
pub fn gathered(written: &[Written]) -> Vec<Mailing<'_>> {
    let mut mailings: Vec<Mailing<'_>> = Vec::new();
    for letter in written {
        let of = |written: &Written| {
            let notice = &written.notice;
            // Two roles are two kinds of recipient.
            let to = match &notice.audience {
                Audience::Role { id } => format!("role {id}"),
                other => other.kind().to_owned(),
            };
            (notice.incident.clone(), notice.event_at, notice.event, notice.kind, to, notice.due)
        };
        match mailings.iter_mut().find(|mailing| of(mailing.first) == of(letter)) {
            Some(mailing) => mailing.recipients += 1,
            None => mailings.push(Mailing { first: letter, recipients: 1 }),
        }
    }
    mailings
}
