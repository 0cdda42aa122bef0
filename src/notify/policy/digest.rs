//! One message that tells of all that was kept: at the end of quiet hours, and when more happened than an hour may bring.
//!
//! There is at most one an hour to anyone. What is kept of a single incident that goes on, or that they knew of and that is
//! over, is told as a letter of its own, which says what to do. The ends of what they knew of are always in it, and first.

use std::sync::Arc;

use super::pace::{Pace, Paced, anew, manners, told_in};
use super::person::{Person, Standing};
use super::{Rules, stable_hash};
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

/// Every digest's id begins with this, and no other notice's: those begin with the day of an incident.
const PREFIX: &str = "digest.";

/// Whether a notice's id is a digest's.
pub fn is_digest(id: &str) -> bool {
    id.starts_with(PREFIX)
}

impl Line {
    /// Where it stands in a digest.
    pub(super) fn place(&self) -> (Became, At) {
        (self.what, self.event.since)
    }

    fn of(standing: &Standing) -> Option<Self> {
        let kept = standing.kept.as_ref()?;
        let what = match (kept.ended, standing.told.is_some()) {
            (true, true) => Became::Over,
            (true, false) => Became::CameAndWent,
            (false, false) => Became::New,
            (false, true) => Became::Changed,
        };
        let practices = kept.rows.first().map(|row| practices_of(&row.audience)).unwrap_or_default();
        Some(Self { event: Arc::clone(&kept.event), what, practices })
    }

    /// From the notices of one incident that a digest told, in the order in which they were planned.
    pub(super) fn restore(rows: &[(Notice, Arc<Event>)]) -> Option<Self> {
        let (first, _) = rows.first()?;
        let (last, event) = rows.last()?;
        let ended = matches!(last.kind, NoticeKind::Back | NoticeKind::Correction)
            || event.event == EventKind::Resolved;
        let what = match (ended, first.kind == NoticeKind::Opening) {
            (true, false) => Became::Over,
            (true, true) => Became::CameAndWent,
            (false, true) => Became::New,
            (false, false) => Became::Changed,
        };
        Some(Self { event: Arc::clone(event), what, practices: practices_of(&first.audience) })
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
        let person = self.people.get_mut(recipient)?;
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
        // What goes on and finds no room is in the next one.
        let mut room = limits::DIGEST_LINES_MAX;
        let mut unnamed = std::mem::take(&mut person.unnamed);
        let mut lines = Vec::new();
        let mut rows = Vec::new();
        let is_single = told.len() == 1 && unnamed == 0;
        for (about, line) in told {
            let has_room = room > 0 || line.what == Became::Over;
            room = room.saturating_sub(1);
            if !has_room && line.what != Became::CameAndWent {
                continue;
            }
            if let Some(standing) = person.standing.get_mut(&about)
                && let Some(kept) = standing.kept.take()
            {
                rows.push((about, standing.told.clone(), kept));
            }
            if has_room { lines.push(line) } else { unnamed += 1 }
        }
        let (_, _, last) = rows.last()?;
        let event = Arc::clone(&last.event);
        let mut notice = last.rows.last()?.clone();
        let by_itself = is_single && lines.iter().all(|line| line.what != Became::CameAndWent);
        if by_itself {
            let ended = last.ended;
            let thread = rows.first().and_then(|(_, thread, _)| thread.clone());
            notice = anew(&notice, &event, now);
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
            person.last_digest = Some(now);
        }
        (notice.state, notice.due) = (NoticeState::Queued, now);
        person.sent.push((now, notice.id.clone()));
        let mut settled = Vec::new();
        for (about, thread, kept) in rows {
            settled.extend(kept.rows.into_iter().map(|row| (row, told_in(&notice.id))));
            if let Some(standing) = person.standing.get_mut(&about) {
                standing.told = (!kept.ended).then(|| thread.unwrap_or_else(|| notice.id.clone()));
            }
        }
        person.standing.retain(|_, standing| !standing.is_empty());
        if !by_itself {
            self.digests.insert(notice.id.clone(), Digest { lines, unnamed });
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
