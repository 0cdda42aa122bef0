//! Who is told what, when: events in, notices out. Pure: no clock, no socket, no store; the time is the event's.
//!
//! Practice managers get at most two messages about an incident: that something does not answer, when their
//! practice is first affected; and that it answers again, when their practice no longer is. Under flapping they
//! hear nothing more; while a fault lasts they hear at the times that each letter promises ([`promise`]). Whoever was not told of the beginning isn't told of the end. Several practices that share an
//! address share the message.
//!
//! ICB staff hear of the opening, of changes (at most every [`limits::STAFF_UPDATE_EVERY`] unless the cause changed;
//! the latest change waits for its turn and replaces an older one that still waits), and of the end.
//!
//! **Suppress openings, never resolutions.** Planned work holds openings and updates back until it ends, and an incident that
//! ends before is never mentioned; who was told before the work began is told of the end during it.
//!
//! When nobody at the ICB says that they have an incident in hand, others are told, step by step ([`escalation`]).
//!
//! When the monitor itself may be the cause, no practice is told anything: only staff hear, that linewatch is blind.
//!
//! | file | what is decided there |
//! |---|---|
//! | `managers.rs`, `staff.rs`, `circles.rs` | what practice managers, ICB staff, and primary care networks and owners would be told |
//! | `again.rs` | who has heard enough of what comes and goes |
//! | `lasting.rs` | who had both letters and is told again, since it lasts |
//! | `promise.rs` | when a manager hears next though nothing has changed |
//! | `routing.rs` | on what terms somebody is written to, and who else hears |
//! | `severity.rs` | how bad an incident is |
//! | `planned.rs` | until when planned work holds back what is new |
//! | `mute.rs` | what somebody has muted |
//! | `pace.rs`, `person.rs` | which of all that is told now, and what is kept for later |
//! | `gate.rs` | the same, asked again when a message is about to leave |
//! | `digest.rs` | the message that tells of what was kept |
//! | `untold.rs` | what becomes of what a digest told that nobody has read |
//! | `book.rs` | who was told what: the one record of it |
//! | `record.rs`, `restored.rs` | what was planned, and what an earlier process left |

mod again;
mod book;
mod circles;
mod digest;
pub mod escalation;
mod gate;
mod lasting;
mod managers;
pub mod mute;
mod pace;
mod person;
mod planned;
pub mod promise;
mod record;
mod restored;
pub mod routing;
pub mod severity;
mod staff;
#[cfg(test)]
pub(crate) mod tests;
mod untold;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::acknowledgement::Acknowledgement;
use super::notice::{Audience, Keep, Notice, NoticeKind, NoticeState};
use crate::config::{EscalationStep, MaintenanceWindow, PracticeNotices};
use crate::estate::Estate;
use crate::incident::{Cause, Event, EventKind, Reason};
use crate::limits;
use crate::time::At;

pub use again::Run;
pub use digest::{Became, Digest, End, Line, is_digest};
pub use gate::{Letters, MayLeave};
use mute::Mute;
pub use pace::{LET_GO, Paced, TOLD_IN, digest_of};
use pace::{Pace, UNDELIVERED};
use planned::covered_from;
pub use record::OpenIncident;
use record::Record;
pub use restored::{Left, Row};
use routing::Routing;
pub use untold::Unread;

/// Why a notice is withheld when there is nothing to send it with.
pub const NO_MAIL: &str = "no [mail] section";

/// What the configuration says about notices.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub estate: &'a Estate,
    /// Addresses of ICB staff.
    pub staff: &'a [String],
    pub practices: PracticeNotices,
    pub maintenance: &'a [MaintenanceWindow],
    /// Whether there is a mail server to send with.
    pub mail: bool,
    /// How long managers are left without a word while their practice is hit; `None`: until it is over.
    pub update_every: Option<Duration>,
    /// Who is told when nobody acknowledges, the soonest first.
    pub escalation: &'a [EscalationStep],
    /// On what terms people are written to, and who else hears.
    pub routing: &'a Routing,
}

/// What an event leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub notices: Vec<Notice>,
    /// Earlier notices that were never sent and now shall not be, with the reason.
    pub withdrawn: Vec<(Notice, String)>,
}

/// What was said about each open incident, and to whom.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    incidents: BTreeMap<String, Record>,
    /// Those that are over, for as long as they may begin anew ([`limits::NOTICE_REMEMBERED`]).
    over: BTreeMap<String, Record>,
    /// What is told now, and what is kept for later.
    pace: Pace,
    /// Nobody is escalated to before.
    rest_until: At,
    /// The planned work by which what waits was planned; `None`: that of an earlier process, which isn't known.
    work: Option<Vec<MaintenanceWindow>>,
}

/// Whether somebody has an open incident in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hands {
    pub incident: String,
    /// Since when staff know; `None`: they haven't been told.
    pub told_since: Option<At>,
    /// Those who took it on, the first first; [`limits::TAKEN_ON_KEPT`] at most.
    pub taken_on: Vec<Acknowledgement>,
    /// The same of those who look after what failed, and are at work on it. They relieve nobody.
    pub at_work: Vec<Acknowledgement>,
    /// In the order in which they were told.
    pub told: Vec<escalation::Told>,
    /// When the next are told, if nobody takes it on.
    pub next: Option<At>,
}

/// Whose address stands behind a [`person`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    pub recipient: String,
    pub audience: Audience,
}

/// What an approval leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Ids of the notices that were held and may leave.
    pub notices: Vec<String>,
    pub already: bool,
}

impl Ledger {
    /// Takes up what an earlier process left.
    pub fn restore(open: &[OpenIncident], left: Left) -> Self {
        let records = |incidents: &[OpenIncident]| {
            incidents.iter().map(|one| (one.event.incident.clone(), Record::restore(one))).collect()
        };
        let (incidents, over) = (records(open), records(&left.over));
        Self { incidents, over, rest_until: At::default(), pace: Pace::restore(open, left), work: None }
    }

    /// Escalates to nobody before then: what an earlier process left open may be over.
    pub fn rest_until(&mut self, at: At) {
        self.rest_until = at;
    }

    /// The last event of each open incident.
    pub fn open(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.incidents.values().map(|record| &record.event)
    }

    pub fn knows(&self, incident: &str) -> bool {
        self.incidents.contains_key(incident)
    }

    /// Plans the notices of an event, and takes note of them. The same event twice leads to nothing new.
    pub fn plan(&mut self, event: &Event, rules: &Rules<'_>) -> Plan {
        self.over.retain(|_, record| record.event.at + limits::NOTICE_REMEMBERED > event.at);
        let known = self.incidents.remove(&event.incident);
        if let Some(record) = &known
            && record.event.at == event.at
            && record.event.event == event.event
        {
            self.incidents.extend(known.map(|record| (event.incident.clone(), record)));
            return Plan::default();
        }
        let mut record = known.unwrap_or_else(|| Record::again(self.over.remove(&event.incident), event));
        let mut plan = Plan::default();
        let book = &self.pace.book;
        match (event.event, event.reason, event.into.as_ref()) {
            (EventKind::Opened | EventKind::Changed, ..) => {
                managers::follow(&mut record, event, book, rules, &mut plan);
            }
            (EventKind::Resolved, Some(Reason::Merged), Some(into)) if self.knows(into) => {
                if let Some(survivor) = self.incidents.get_mut(into) {
                    managers::merge(&mut record, survivor, event, book, &mut plan);
                    escalation::merge(&record, survivor, event, book, &mut plan);
                    staff::merge(&record, survivor, event, book, &mut plan);
                    circles::merge(&mut record, survivor, event, book, &mut plan);
                    self.pace.mutes.merge(&event.incident, into);
                }
            }
            (EventKind::Resolved, Some(Reason::Withdrawn), _) => {
                managers::end(&mut record, event, NoticeKind::Correction, book, &mut plan);
            }
            // Also a merger into an incident that is over itself: then nobody else says that it ended.
            (EventKind::Resolved, ..) => managers::end(&mut record, event, NoticeKind::Back, book, &mut plan),
        }
        staff::follow(&mut record, event, book, rules, &mut plan);
        circles::follow(&mut record, event, book, rules, &mut plan);
        record.event = Arc::new(event.clone());
        record.run.take(event);
        let survivor = pace::goes_on_as(event).and_then(|into| self.incidents.get(into));
        let survivor = survivor.map(|survivor| (Arc::clone(&survivor.event), &survivor.had_both));
        for unheard in self.pace.judge(&record.event, survivor, &mut plan, rules) {
            record.forget(&unheard);
        }
        record.take_note(&plan.notices);
        let of_its_sort =
            if event.event == EventKind::Resolved { &mut self.over } else { &mut self.incidents };
        of_its_sort.insert(event.incident.clone(), record);
        self.adopt(&plan.notices, event);
        plan
    }

    /// Planners take note of what was planned behind their backs.
    fn adopt(&mut self, planned: &[Notice], event: &Event) {
        let others = [NoticeKind::Inherited, NoticeKind::Digest];
        for notice in planned.iter().filter(|notice| !others.contains(&notice.kind)) {
            match self.incidents.get_mut(&notice.incident) {
                // It was kept of an incident that goes on as this one.
                Some(record) if notice.incident != event.incident => {
                    record.adopt(notice, &Arc::clone(&record.event));
                }
                Some(record) => record.adopt_again(notice, event),
                None => {}
            }
        }
    }

    /// Plans the letters whose time has come though nothing has changed, those that were promised and those to people who are told
    /// because nobody has acknowledged or because it lasts: for each open incident its event, which they tell of, and the letters.
    pub fn remind(&mut self, now: At, rules: &Rules<'_>) -> Vec<Paced> {
        let rests = now < self.rest_until;
        let mut reminded = Vec::new();
        for record in self.incidents.values_mut() {
            let book = &self.pace.book;
            let mut plan =
                Plan { notices: managers::remind(record, now, book, rules), withdrawn: Vec::new() };
            if !rests {
                plan.notices.extend(lasting::due(record, now, book, rules));
                plan.notices.extend(escalation::due(record, now, book, rules));
            }
            if plan.notices.is_empty() {
                continue;
            }
            let event = Arc::clone(&record.event);
            self.pace.weigh(&event, &mut plan, rules);
            reminded.push(Paced { event, notices: plan.notices, settled: plan.withdrawn });
        }
        reminded
    }

    /// Plans what is to be told because time has passed: what was muted and isn't any more, and digests of what was kept.
    pub fn tick(&mut self, now: At, rules: &Rules<'_>) -> Vec<Paced> {
        let paced = self.pace.tick(now, rules);
        for paced in &paced {
            self.adopt(&paced.notices, &paced.event);
        }
        paced
    }

    /// Asks for a message that is due, which tells of `event`, whether it may leave; when it may, it has left.
    pub fn leaves(&mut self, notice: &Notice, event: &Event, now: At, rules: &Rules<'_>) -> MayLeave {
        self.pace.leaves(notice, event, now, rules)
    }

    /// Keeps letters that can't leave now, for that reason. They follow one another in one lane of the queue, none of them under way;
    /// each is given with what it tells of.
    pub fn keep(&mut self, letters: &Letters, by: Keep, now: At, rules: &Rules<'_>) -> Vec<Paced> {
        let latest = |incident: &str| self.incidents.get(incident).map(|record| Arc::clone(&record.event));
        let (paced, unheard) = self.pace.keep(letters, latest, by, now, rules);
        // Whoever plans what is told next had been done with ends.
        for letter in unheard {
            let open = self.incidents.get_mut(&letter.incident);
            if let Some(record) = open.or_else(|| self.over.get_mut(&letter.incident)) {
                record.had_both.forget(&letter);
            }
        }
        for paced in &paced {
            self.adopt(&paced.notices, &paced.event);
        }
        paced
    }

    /// Whether something mutes what a letter tells of, as mutes stand at `at`.
    pub fn is_muted(&self, letter: &Notice, event: &Event, at: At) -> bool {
        self.pace.mutes.until(event, &letter.audience, at).is_some()
    }

    /// A message that was under way wasn't taken, and waits again. `may_have_arrived`: nobody knows.
    pub fn put_back(&mut self, notice: &Notice, may_have_arrived: bool) {
        self.pace.book.put_back(notice, may_have_arrived);
    }

    /// A message was taken.
    pub fn accepted(&mut self, notice: &Notice) {
        self.pace.digests.remove(&notice.id);
        self.pace.book.accepted(notice);
    }

    /// A message was refused for good, given up, or came back: its recipient wasn't told, so there is nothing to end for them.
    pub fn rejected(&mut self, notice: &Notice, now: At) -> Unread {
        let said = self.pace.digests.remove(&notice.id);
        let followers = self.pace.book.rejected(notice);
        Unread {
            followers: followers.into_iter().map(|follower| (follower, UNDELIVERED.to_owned())).collect(),
            kept: said.map(|said| self.pace.untold(notice, said, now)).unwrap_or_default(),
        }
    }

    /// A digest that had been taken came back: takes up again what it told, from the notices that were told in it, in the order in which
    /// they were planned. False: nothing of it is of use any more.
    pub fn take_back(&mut self, digest: &Notice, told: Vec<Row>) -> bool {
        let latest = |incident: &str| self.incidents.get(incident).map(|record| Arc::clone(&record.event));
        self.pace.take_back(digest, told, latest)
    }

    /// Whether a letter is kept for later, so that it can be called back.
    pub fn keeps(&self, letter: &Notice) -> bool {
        self.pace.is_kept(letter)
    }

    /// How many notices are kept for later, by why.
    pub fn kept(&self) -> BTreeMap<Keep, usize> {
        let mut counts: BTreeMap<Keep, usize> = Keep::ALL.map(|keep| (keep, 0)).into();
        for kept in self.pace.kept() {
            *counts.entry(kept.by).or_default() += kept.rows.len();
        }
        counts
    }

    /// When [`Self::tick`] next has something to do, after `after`; it may be for nothing.
    pub fn next_tick(&self, after: At, rules: &Rules<'_>) -> Option<At> {
        self.pace.next_tick(after, rules)
    }

    /// What a digest says that hasn't left.
    pub fn digest(&self, notice: &str) -> Option<&Digest> {
        self.pace.digests.get(notice)
    }

    /// When a manager hears next of what a letter tells them, if nothing happens before. `None`: none is promised.
    pub fn promise(&self, letter: &Notice, event: &Event, rules: &Rules<'_>) -> Option<At> {
        promise::next(event, self.pace.book.leaves_at(letter), letter, rules)
    }

    /// The mutes that stand, and those that ended since the process began.
    pub fn mutes(&self) -> &[Mute] {
        &self.pace.mutes.0
    }

    /// Mutes something. `None`: as many stand as may ([`limits::MUTES_MAX`]).
    pub fn mute(&mut self, mute: Mute) -> Option<&Mute> {
        self.pace.mutes.add(mute)
    }

    /// Ends a mute now. `None`: none of that number stands.
    pub fn end_mute(&mut self, number: u32, now: At) -> Option<Mute> {
        self.pace.mutes.end(number, now)
    }

    /// When [`Self::remind`] has something to say next.
    pub fn next_reminder(&self, rules: &Rules<'_>) -> Option<At> {
        let book = &self.pace.book;
        let records = || self.incidents.values();
        let promised = records().filter_map(|record| managers::next_promise(record, book, rules));
        let rest = self.rest_until;
        let lasting =
            records().filter_map(|record| lasting::next(record, book, rules)).map(|at| at.max(rest));
        let escalated = records().filter_map(|record| escalation::next(record, book, rules, rest));
        promised.chain(lasting).chain(escalated).min()
    }

    /// Somebody has an open incident in hand, or is at work on it. Answers with the letters to others that may not have left yet: whoever calls one
    /// back says so to [`Self::recalled`].
    pub fn take_on(&mut self, acknowledgement: &Acknowledgement) -> Vec<Notice> {
        let record = self.incidents.get_mut(&acknowledgement.incident);
        record.map(|record| escalation::taken_on(record, acknowledgement)).unwrap_or_default()
    }

    /// A letter was called back before it left.
    pub fn recalled(&mut self, letter: &Notice) {
        if let Some(record) = self.incidents.get_mut(&letter.incident) {
            escalation::recalled(record, letter);
        }
        self.pace.book.withdraw(letter);
    }

    /// Whether a letter waits in the outbox and is certain not to have left.
    pub fn waits(&self, letter: &Notice) -> bool {
        let standing = self.pace.book.standing(letter);
        standing.is_some_and(|standing| {
            standing
                .waiting
                .iter()
                .any(|waiting| waiting.letter.id == letter.id && waiting.under_way.is_none())
        })
    }

    /// Whether somebody has the incident in hand; `None`: it isn't open.
    pub fn hands(&self, incident: &str, now: At, rules: &Rules<'_>) -> Option<Hands> {
        let record = self.incidents.get(incident)?;
        Some(Hands {
            incident: incident.to_owned(),
            told_since: escalation::told_since(record, &self.pace.book, now),
            taken_on: record.taken_on.clone(),
            at_work: record.at_work.clone(),
            told: escalation::told(record, &self.pace.book, now),
            next: escalation::next(record, &self.pace.book, rules, self.rest_until),
        })
    }

    /// Whose address stands behind a person who was told of an open incident.
    pub fn addressee(&self, incident: &str, who: &str) -> Option<Addressee> {
        let record = self.incidents.get(incident)?;
        let is_them = |notice: &&Notice| person(&notice.audience, &notice.recipient) == who;
        let notice = record.openings().find(is_them)?;
        Some(Addressee { recipient: notice.recipient.clone(), audience: notice.audience.clone() })
    }

    /// Lets the held notices of an incident go from `now`, and those to come. `None`: there is no such open incident.
    pub fn approve(&mut self, incident: &str, now: At) -> Option<Released> {
        let record = self.incidents.get_mut(incident)?;
        let already = std::mem::replace(&mut record.approved, true);
        let notices = self.pace.book.approve(incident, now);
        Some(Released { notices, already })
    }

    /// Whether practice managers of the incident wait for an approval.
    pub fn awaits_approval(&self, incident: &str) -> bool {
        self.pace.book.awaits_approval(incident)
    }

    /// Practices, by id, whose manager couldn't be told of the incident because the mail server refused the address.
    pub fn refused(&self, incident: &str) -> Vec<String> {
        self.pace.book.refused(incident)
    }
}

impl Plan {
    /// These aren't to be sent, for that reason.
    fn withdraws(&mut self, letters: Vec<Notice>, why: &str) {
        self.withdrawn.extend(letters.into_iter().map(|letter| (letter, why.to_owned())));
    }
}

/// The key under which an address is the same address.
pub(super) fn key(address: &str) -> String {
    address.trim().to_lowercase()
}

/// A new notice about an event.
fn notice(event: &Event, kind: NoticeKind, audience: Audience, recipient: &str) -> Notice {
    let letter = match event.event {
        EventKind::Opened => 'o',
        EventKind::Changed => 'c',
        EventKind::Resolved => 'r',
    };
    Notice {
        id: format!("{}.{letter}{}.{}", event.incident, event.at.as_millis(), person(&audience, recipient)),
        incident: event.incident.clone(),
        event_at: event.at,
        event: event.event,
        kind,
        audience,
        recipient: recipient.trim().to_owned(),
        thread: None,
        due: event.at,
        state: NoticeState::Queued,
    }
}

/// A letter that is planned at a time of its own, and not with its event. `how`: what plans it, in the id.
fn timed(mut letter: Notice, how: char, now: At) -> Notice {
    letter.id = format!("{}.{how}{}", letter.id, now.as_millis());
    letter.due = letter.due.max(now);
    letter
}

/// A recipient as their notices' ids name them, without their address: 16 hexadecimal digits. Staff and the manager of a practice are
/// two, whatever their address.
pub fn person(audience: &Audience, recipient: &str) -> String {
    format!("{:016x}", stable_hash(&[audience.who().as_bytes(), b" ", key(recipient).as_bytes()]))
}

/// FNV-1a, 64 bits: the same on every machine and in every version, which the standard hasher doesn't promise.
pub(crate) fn stable_hash(parts: &[&[u8]]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.iter())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether the monitor itself may be what failed.
pub fn blind(event: &Event) -> bool {
    event.cause.iter().any(|cause| cause.kind == Cause::MONITOR)
}
