//! What an earlier process left, taken up: who was told what, what is kept, what the digests say that haven't left.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::digest::{Digest, Line};
use super::mute::{Mute, Mutes};
use super::pace::{Pace, digest_of, is_told_later};
use super::person::{Kept, Standing};
use super::record::OpenIncident;
use super::{is_digest, key};
use crate::incident::{Event, EventKind};
use crate::notify::notice::{Notice, NoticeKind, NoticeState};

/// What an earlier process left, besides the incidents that are open.
#[derive(Debug, Clone, Default)]
pub struct Left {
    /// Every notice that is or was due within the last hour, or later.
    pub recent: Vec<Notice>,
    /// Notices that are kept, with what they tell of, in the order in which they were planned.
    pub kept: Vec<(Notice, Event)>,
    /// Notices that were told in digests that haven't left, in the order in which they were planned.
    pub folded: Vec<(Notice, Event)>,
    /// Mutes that stand.
    pub mutes: Vec<Mute>,
}

/// The notices of one incident, with what they tell of.
type Rows = Vec<(Notice, Arc<Event>)>;

/// A notice as its planner knows it: what is kept, or was told in another message, is as good as sent to them.
pub(super) fn as_planned(notice: &Notice) -> Notice {
    let state = match &notice.state {
        NoticeState::Kept { .. } => NoticeState::Accepted,
        NoticeState::Withheld { why } if digest_of(why).is_some() || is_told_later(why) => {
            NoticeState::Accepted
        }
        other => other.clone(),
    };
    Notice { state, ..notice.clone() }
}

impl Pace {
    pub fn restore(open: &[OpenIncident], left: Left) -> Self {
        let mut pace = Self { mutes: Mutes(left.mutes), ..Self::default() };
        let mut events: BTreeMap<&str, Arc<Event>> = BTreeMap::new();
        for incident in open {
            events.insert(&incident.event.incident, Arc::new(incident.event.clone()));
            for notice in &incident.notices {
                pace.knows(notice);
            }
        }
        for (notice, event) in left.kept {
            let latest = events.get(&*notice.incident).map_or_else(|| Arc::new(event), Arc::clone);
            pace.keeps(notice, latest);
        }
        for notice in left.recent {
            pace.had(&notice);
        }
        let mut folded: BTreeMap<String, BTreeMap<String, Rows>> = BTreeMap::new();
        for (notice, event) in left.folded {
            let NoticeState::Withheld { why } = &notice.state else { continue };
            let Some(digest) = digest_of(why).filter(|id| is_digest(id)) else { continue };
            let of = folded.entry(digest.to_owned()).or_default().entry(notice.incident.clone()).or_default();
            of.push((notice, Arc::new(event)));
        }
        for (id, incidents) in folded {
            let mut lines: Vec<Line> = incidents.values().filter_map(|rows| Line::restore(rows)).collect();
            lines.sort_by_key(Line::place);
            pace.digests.insert(id, Digest { lines, unnamed: 0 });
        }
        pace
    }

    fn standing(&mut self, notice: &Notice) -> &mut Standing {
        let person = self.people.entry(key(&notice.recipient)).or_default();
        person.address.clone_from(&notice.recipient);
        person.standing.entry((notice.incident.clone(), notice.audience.who())).or_default()
    }

    /// What somebody knows of an open incident from a notice.
    fn knows(&mut self, notice: &Notice) {
        let digest = match &notice.state {
            NoticeState::Queued | NoticeState::Held | NoticeState::Accepted => None,
            NoticeState::Withheld { .. } if notice.kind == NoticeKind::Inherited => None,
            NoticeState::Withheld { why } => match digest_of(why) {
                Some(digest) => Some(digest.to_owned()),
                None => return,
            },
            NoticeState::Kept { .. } | NoticeState::Rejected { .. } => return,
        };
        let thread = digest.or_else(|| notice.thread.clone()).unwrap_or_else(|| notice.id.clone());
        let standing = self.standing(notice);
        match notice.kind {
            NoticeKind::Opening | NoticeKind::Update | NoticeKind::Escalation | NoticeKind::Inherited => {
                standing.told.get_or_insert(thread);
            }
            NoticeKind::Back | NoticeKind::Correction => standing.told = None,
            NoticeKind::Digest => {}
        }
    }

    fn keeps(&mut self, notice: Notice, event: Arc<Event>) {
        let NoticeState::Kept { by } = notice.state else { return };
        let is_end = matches!(notice.kind, NoticeKind::Back | NoticeKind::Correction);
        let ended = is_end || event.event == EventKind::Resolved;
        let standing = self.standing(&notice);
        if notice.kind == NoticeKind::Opening {
            standing.told = None;
        } else if standing.told.is_none() && standing.kept.is_none() {
            // Of an incident that is over, whose notices are not read again.
            standing.told = Some(notice.thread.clone().unwrap_or_else(|| notice.id.clone()));
        }
        match &mut standing.kept {
            Some(kept) => {
                (kept.event, kept.ended) = (event, kept.ended || ended);
                kept.rows.push(notice);
            }
            None => {
                standing.kept = Some(Kept { by, since: notice.due, rows: vec![notice], event, ended });
            }
        }
    }

    /// A message that counts for the hour.
    fn had(&mut self, notice: &Notice) {
        let counts = matches!(
            notice.state,
            NoticeState::Queued | NoticeState::Accepted | NoticeState::Rejected { .. }
        );
        if !counts {
            return;
        }
        let person = self.people.entry(key(&notice.recipient)).or_default();
        person.address.clone_from(&notice.recipient);
        person.sent.push((notice.due, notice.id.clone()));
        if notice.kind == NoticeKind::Digest {
            person.last_digest = person.last_digest.max(Some(notice.due));
        }
    }
}
