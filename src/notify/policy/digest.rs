//! One message that tells of all that was kept: at the end of quiet hours, and when more happened than an hour may bring.
//!
//! There is at most one an hour to anyone. What is kept of a single incident that goes on, or that they knew of and that is
//! over, is told as a letter of its own, which says what to do. The ends of what they knew of are always in it, and first. Where it was
//! refused or came back ([`super::untold`]), nobody has read it.

use std::sync::Arc;

use super::pace::{Pace, Paced, anew, manners, told_in};
use super::person::{Person, Standing, Told, Word};
use super::{Rules, person, promise, stable_hash};
use crate::incident::{Event, EventKind};
use crate::limits;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// One incident in a digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its last event.
    pub event: Arc<Event>,
    pub what: Became,
    /// The recipient, as whom they hear of it ([`super::person`]): they are asked whether they have it in hand, or have read of it.
    pub person: String,
    /// Those of the recipient's practices that it is about; empty: they aren't a practice's manager.
    pub practices: Vec<String>,
}

/// What became of an incident while it was kept. In the order in which a digest tells of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Became {
    /// The recipient knew of it, and it is over.
    Over,
    /// They hadn't heard of it, and it goes on.
    New,
    /// They knew of it; it has changed, and goes on.
    Changed,
    /// They hadn't heard of it, and it is over.
    CameAndWent,
}

/// Every digest's id begins with this, and no other notice's: those begin with the id of an incident.
const PREFIX: &str = "digest.";

/// Whether a notice's id is a digest's.
pub fn is_digest(id: &str) -> bool {
    id.starts_with(PREFIX)
}

/// Before the time in the id of a letter that leaves in a digest's stead. No hexadecimal digit, as a person has them.
const IN_ITS_STEAD: char = 's';

/// Whether it may be the time at the end of a notice's id.
pub(super) fn is_time(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a message is a digest, or leaves in the stead of one: it has the hour's last place.
pub(super) fn has_last_place(notice: &Notice) -> bool {
    let end = notice.id.rsplit_once('.').and_then(|(_, end)| end.strip_prefix(IN_ITS_STEAD));
    notice.kind == NoticeKind::Digest || end.is_some_and(is_time)
}

impl Line {
    /// Where it stands in a digest.
    fn place(&self) -> (Became, At) {
        (self.what, self.event.since)
    }

    fn about(row: &Notice, event: &Arc<Event>, what: Became) -> Self {
        let (event, practices) = (Arc::clone(event), practices_of(&row.audience));
        let person = person(&row.audience, &row.recipient);
        Self { event, what, person, practices }
    }

    fn of(standing: &Standing) -> Option<Self> {
        let kept = standing.kept.as_ref()?;
        let what = match (kept.ended, standing.told.is_some()) {
            (true, true) => Became::Over,
            (true, false) => Became::CameAndWent,
            (false, false) => Became::New,
            (false, true) => Became::Changed,
        };
        Some(Self::about(kept.rows.first()?, &kept.event, what))
    }

    /// From the notices of one incident that a digest told, in the order in which they were planned.
    pub(super) fn restore(rows: &[(Notice, Arc<Event>)]) -> Option<Self> {
        let (first, _) = rows.first()?;
        let (last, event) = rows.last()?;
        let ended = matches!(last.kind, NoticeKind::Back | NoticeKind::Correction)
            || event.event == EventKind::Resolved;
        // What is kept from somebody who knows is in the thread of what they know.
        let what = match (ended, first.thread.is_none()) {
            (true, false) => Became::Over,
            (true, true) => Became::CameAndWent,
            (false, true) => Became::New,
            (false, false) => Became::Changed,
        };
        Some(Self::about(first, event, what))
    }
}

fn practices_of(audience: &Audience) -> Vec<String> {
    match audience {
        Audience::Practices(practices) | Audience::Pcn { practices, .. } => practices.clone(),
        Audience::Staff | Audience::Role { .. } | Audience::Owner { .. } => Vec::new(),
    }
}

/// When a digest was sent, by its id.
pub(super) fn sent_at(id: &str) -> Option<At> {
    let millis = id.strip_prefix(PREFIX)?.split('.').next()?;
    millis.parse().ok().map(At::from_millis)
}

impl Pace {
    /// The digest that is due to somebody, or the letter in its stead.
    pub(super) fn digest(&mut self, recipient: &str, now: At, rules: &Rules<'_>) -> Option<Paced> {
        let manners = manners(recipient, rules);
        let person = self.book.people.get_mut(recipient)?;
        if person.digest_due(now, &manners)? > now {
            return None;
        }
        let mut told: Vec<((String, String), Line)> = person
            .standing
            .iter()
            .filter(|(_, standing)| Person::is_due_in_digest(standing, now, &manners))
            .filter_map(|(about, standing)| Some((about.clone(), Line::of(standing)?)))
            .collect();
        told.sort_by_key(|(_, line)| line.place());
        let unnamed = std::mem::take(&mut person.unnamed);
        let mut said = Digest { unnamed, ..Digest::default() };
        let mut rows = Vec::new();
        let is_single = told.len() == 1 && said.unnamed == 0;
        for (place, (about, line)) in told.into_iter().enumerate() {
            // What goes on and finds no room is in the next one.
            if !said.takes(place, line) {
                continue;
            }
            if let Some(standing) = person.standing.get_mut(&about)
                && let Some(kept) = standing.kept.take()
            {
                rows.push((about, standing.told.clone(), kept));
            }
        }
        let (_, _, last) = rows.last()?;
        let event = Arc::clone(&last.event);
        let mut notice = last.rows.last()?.clone();
        let by_itself = is_single && said.lines.iter().all(|line| line.what != Became::CameAndWent);
        if by_itself {
            let ended = last.ended;
            let thread = rows.first().and_then(|(_, told, _)| told.as_ref()).map(|told| told.by.clone());
            notice = anew(&notice, &event, IN_ITS_STEAD, now);
            if !ended {
                notice.kind = match notice.kind {
                    // Whoever gets it must know why.
                    NoticeKind::Escalation => NoticeKind::Escalation,
                    _ if thread.is_some() => NoticeKind::Update,
                    _ => NoticeKind::Opening,
                };
            } else if notice.kind == NoticeKind::Opening {
                notice.kind = NoticeKind::Back;
            }
            notice.thread = thread;
        } else {
            notice.audience =
                audience(rows.iter().map(|(.., kept)| kept.rows.first().map(|row| &row.audience)));
            (notice.incident, notice.event_at, notice.event) =
                (event.incident.clone(), event.at, event.event);
            notice.id = format!("{PREFIX}{}.{:016x}", now.as_millis(), stable_hash(&[recipient.as_bytes()]));
            (notice.kind, notice.thread) = (NoticeKind::Digest, None);
        }
        (notice.state, notice.due) = (NoticeState::Queued, now);
        let ended = rows.iter().all(|(.., kept)| kept.ended);
        let mut settled = Vec::new();
        for (about, told, kept) in rows {
            if let (true, Some(told), Some(end)) = (kept.ended, &told, kept.rows.last()) {
                said.ends.push(End::of(end, &kept.event, told.by.clone()));
            }
            settled.extend(kept.rows.into_iter().map(|row| (row, told_in(&notice.id))));
            if let Some(standing) = person.standing.get_mut(&about).filter(|_| !by_itself) {
                let by = || Told { by: notice.id.clone(), at: now };
                standing.told = (!kept.ended).then(|| told.unwrap_or_else(by));
                let promises = promise::is_made(&kept.event);
                standing.in_digest = Some(Word { id: notice.id.clone(), at: now, promises });
            }
        }
        if by_itself {
            self.book.plan(&notice, &event, ended);
        } else {
            person.standing.retain(|_, standing| !standing.is_empty());
            self.book.counts(&notice, now, false);
            self.digests.insert(notice.id.clone(), said);
        }
        Some(Paced { event, notices: vec![notice], settled })
    }
}

/// What a digest says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Digest {
    /// In the order in which they are told.
    pub lines: Vec<Line>,
    /// Incidents that came and went, beyond those lines.
    pub unnamed: u32,
    /// The ends of what its reader knew of: told again, should nobody have read them.
    pub ends: Vec<End>,
}

/// The end of something that somebody knew of.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    pub notice: Notice,
    pub event: Arc<Event>,
    /// The message in which they heard of the beginning.
    pub thread: String,
}

impl End {
    fn of(row: &Notice, event: &Arc<Event>, thread: String) -> Self {
        Self { notice: row.clone(), event: Arc::clone(event), thread }
    }

    /// From the notices of one incident that a digest told.
    fn restore(rows: &[(Notice, Arc<Event>)]) -> Option<Self> {
        let is_over = Line::restore(rows).is_some_and(|line| line.what == Became::Over);
        let (last, event) = rows.last().filter(|_| is_over)?;
        let thread = rows.first().and_then(|(first, _)| first.thread.clone())?;
        Some(Self::of(last, event, thread))
    }
}

impl Digest {
    /// Takes a line up, which is in that place among all that is kept; or counts it, when it came and went and there is no room. False:
    /// it is for the next digest. The ends of what somebody knew of are always taken.
    fn takes(&mut self, place: usize, line: Line) -> bool {
        match line.what {
            Became::Over => self.lines.push(line),
            _ if place < limits::DIGEST_LINES_MAX => self.lines.push(line),
            Became::CameAndWent => self.unnamed = self.unnamed.saturating_add(1),
            Became::New | Became::Changed => return false,
        }
        true
    }

    /// From what it told, and those besides who were only counted.
    pub(super) fn restore<'r>(
        incidents: impl Iterator<Item = &'r [(Notice, Arc<Event>)]> + Clone,
        unnamed: u32,
    ) -> Self {
        let mut lines: Vec<Line> = incidents.clone().filter_map(Line::restore).collect();
        lines.sort_by_key(Line::place);
        let ends = incidents.filter_map(End::restore).collect();
        let mut said = Self { lines: Vec::new(), unnamed, ends };
        for (place, line) in lines.into_iter().enumerate() {
            said.takes(place, line);
        }
        said
    }
}

/// As whom somebody is spoken to about several incidents: as the manager of all these practices, or else as what they are first.
fn audience<'a>(audiences: impl Iterator<Item = Option<&'a Audience>>) -> Audience {
    let mut all: Vec<String> = Vec::new();
    for audience in audiences.flatten() {
        match audience {
            Audience::Practices(practices) => {
                for id in practices {
                    if !all.contains(id) {
                        all.push(id.clone());
                    }
                }
            }
            Audience::Staff | Audience::Role { .. } | Audience::Pcn { .. } | Audience::Owner { .. } => {
                return audience.clone();
            }
        }
    }
    Audience::Practices(all)
}
