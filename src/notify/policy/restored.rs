//! What an earlier process left, taken up: who was told what, what waits, what is kept, what the digests say that haven't left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::book::tells;
use super::digest::{Digest, sent_at};
use super::mute::{Mute, Mutes};
use super::pace::{Pace, digest_of, inherits, is_end, is_told_later};
use super::person::{Kept, Told, Word};
use super::record::OpenIncident;
use super::{is_digest, key, promise};
use crate::incident::Event;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// A notice as it stands in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub notice: Notice,
    /// What it tells of.
    pub event: Arc<Event>,
    /// When it came to stand so: of one that was accepted, when that was.
    pub changed: At,
}

/// What an earlier process left, besides the incidents that are open.
#[derive(Debug, Clone, Default)]
pub struct Left {
    /// Incidents that are over, and may begin anew ([`crate::limits::NOTICE_REMEMBERED`]).
    pub over: Vec<OpenIncident>,
    /// Every notice that is queued or held, and those that were accepted within the last hour.
    pub recent: Vec<Row>,
    /// Notices that are kept, in the order in which they were planned.
    pub kept: Vec<Row>,
    /// Notices that were told in digests that haven't left, in the order in which they were planned.
    pub folded: Vec<Row>,
    /// Notices of what came and went, that were let go of since their recipient's last digest left ([`super::LET_GO`]).
    pub let_go: Vec<Row>,
    /// Ids of the digests that were refused or given up, and of such letters that what is kept was to follow, or that told of incidents
    /// that go on as others.
    pub refused: BTreeSet<String>,
    /// When each digest left, by its id.
    pub digests: BTreeMap<String, At>,
    /// Mutes that stand.
    pub mutes: Vec<Mute>,
}

/// The notices of one incident, with what they tell of.
type Rows = Vec<(Notice, Arc<Event>)>;

/// A digest, and to whom it told what: the key of the address, and as whom they are spoken to.
type Gone = (String, String, String);

fn gone(row: &Row) -> Option<Gone> {
    let digest = row.notice.state.why().and_then(digest_of)?;
    Some((digest.to_owned(), key(&row.notice.recipient), row.notice.audience.who()))
}

/// What a digest told somebody: by incident, and as whom they are spoken to.
type Folded = BTreeMap<(String, String), Rows>;

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
            let (before, since) = incident.by_run();
            let gone_in: BTreeSet<Gone> =
                incident.notices.iter().filter(|row| is_end(&row.notice)).filter_map(gone).collect();
            // What came and went in a digest that was refused isn't refused: it is over.
            let is_gone = |row: &Row| gone(row).is_some_and(|it| gone_in.contains(&it));
            for row in before {
                pace.knows(row, is_gone(row), &left.refused, &left.digests);
            }
            // When it was over, whoever had refused to hear of it was as anybody else.
            pace.book.forget_refusals(&incident.event.incident);
            for row in since {
                pace.knows(row, is_gone(row), &left.refused, &left.digests);
            }
        }
        // What goes on is told as it stands now; an end tells of its own event.
        let latest = |row: &Row| match events.get(&*row.notice.incident) {
            Some(latest) if !is_end(&row.notice) => Arc::clone(latest),
            _ => Arc::clone(&row.event),
        };
        for row in left.kept {
            let event = latest(&row);
            let is_open = events.contains_key(&*row.notice.incident);
            let is_refused = row.notice.thread.as_ref().is_some_and(|thread| left.refused.contains(thread));
            pace.keeps(row.notice, event, is_open, is_refused);
        }
        let mut digests: BTreeMap<String, (At, String)> = BTreeMap::new();
        for row in left.recent {
            if row.notice.kind == NoticeKind::Digest && row.notice.state == NoticeState::Queued {
                digests.insert(row.notice.id.clone(), (row.notice.due, key(&row.notice.recipient)));
            }
            pace.had(&row);
        }
        let mut folded: BTreeMap<String, Folded> = BTreeMap::new();
        for row in left.folded {
            let NoticeState::Withheld { why } = &row.notice.state else { continue };
            let Some(digest) = digest_of(why).filter(|id| is_digest(id)) else { continue };
            let about = (row.notice.incident.clone(), row.notice.audience.who());
            let of = folded.entry(digest.to_owned()).or_default().entry(about).or_default();
            let event = latest(&row);
            of.push((row.notice, event));
        }
        let mut unnamed = pace.let_go(left.let_go, &digests);
        for (id, incidents) in folded {
            let unnamed = unnamed.remove(&id).unwrap_or_default();
            pace.digests.insert(id, Digest::restore(incidents.values().map(Vec::as_slice), unnamed));
        }
        pace
    }

    /// What somebody knows of an open incident from a notice. `refused`: the digests that never arrived, and
    /// letters about what goes on as this. `digests`: when the others left. `is_gone`: the message that told it told its end as well.
    fn knows(
        &mut self,
        row: &Row,
        is_gone: bool,
        refused: &BTreeSet<String>,
        digests: &BTreeMap<String, At>,
    ) {
        let notice = &row.notice;
        if notice.kind == NoticeKind::Digest {
            return;
        }
        match &notice.state {
            NoticeState::Queued | NoticeState::Accepted => {
                let ends = is_end(notice);
                let standing = self.book.standing_mut(notice);
                tells(standing, notice, ends);
                let is_first = standing.told.as_ref().is_some_and(|told| told.by == notice.id);
                if notice.state == NoticeState::Accepted && !ends {
                    let promises = promise::is_made(&row.event);
                    standing.was_told(Word { id: notice.id.clone(), at: row.changed, promises });
                    standing.refused = standing.refused.filter(|_| !is_first);
                }
            }
            NoticeState::Rejected { .. } => {
                if is_end(notice) {
                    tells(self.book.standing_mut(notice), notice, true);
                } else if notice.thread.is_none() {
                    let by = || Told { by: notice.id.clone(), at: notice.due };
                    self.book.standing_mut(notice).told.get_or_insert_with(by);
                }
                self.book.rejected(notice);
            }
            NoticeState::Withheld { .. } if notice.kind == NoticeKind::Inherited => {
                let thread = notice.thread.clone().unwrap_or_else(|| notice.id.clone());
                let standing = self.book.standing_mut(notice);
                if refused.contains(&thread) {
                    standing.refused = Some(notice.due);
                } else {
                    // What was kept of this one may have been told in a digest since.
                    standing.told.take_if(|told| told.at > notice.due);
                    inherits(standing, notice, &thread, &row.event);
                }
            }
            NoticeState::Withheld { why } => {
                let Some(digest) = digest_of(why) else { return };
                let standing = self.book.standing_mut(notice);
                let at = sent_at(digest).unwrap_or(notice.due);
                let by = Told { by: digest.to_owned(), at };
                if is_end(notice) {
                    standing.told = None;
                } else if refused.contains(digest) {
                    if standing.told.is_none() && !is_gone {
                        standing.refused = Some(at);
                        if let Audience::Practices(practices) = &notice.audience {
                            self.book.refuse(&notice.incident, practices);
                        }
                    }
                } else if is_digest(digest) {
                    standing.told.get_or_insert(by);
                    let promises = promise::is_made(&row.event);
                    let left = digests.get(digest).copied();
                    let word = Word { id: digest.to_owned(), at: left.unwrap_or(at), promises };
                    if left.is_some() {
                        standing.was_told(word);
                    } else {
                        standing.in_digest = Some(word);
                    }
                }
            }
            NoticeState::Held | NoticeState::Kept { .. } => {}
        }
    }

    /// `is_refused`: what its thread began with never arrived.
    fn keeps(&mut self, notice: Notice, event: Arc<Event>, is_open: bool, is_refused: bool) {
        let NoticeState::Kept { by } = notice.state else { return };
        let ended = is_end(&notice) || !is_open;
        let standing = self.book.standing_mut(&notice);
        // Of an incident that is over, whose notices are not read again: what is kept from somebody who knows is in the thread of what
        // they know.
        if let Some(thread) = &notice.thread
            && standing.kept.is_none()
            && standing.refused.is_none()
            && !is_refused
        {
            standing.told.get_or_insert_with(|| Told { by: thread.clone(), at: notice.due });
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

    /// A message that waits, or counts for the hour.
    fn had(&mut self, row: &Row) {
        let notice = &row.notice;
        match notice.state {
            NoticeState::Queued | NoticeState::Held => self.book.waits(notice, &row.event),
            NoticeState::Accepted => {
                self.book.counts(notice, row.changed, true);
                if notice.kind == NoticeKind::Digest {
                    let person = self.book.people.entry(key(&notice.recipient)).or_default();
                    person.last_digest = person.last_digest.max(Some(row.changed));
                }
            }
            NoticeState::Kept { .. } | NoticeState::Rejected { .. } | NoticeState::Withheld { .. } => {}
        }
    }

    /// Counts what came and went and was let go of: for the digest that waits, whose id and recipient are given, or for the next.
    fn let_go(&mut self, rows: Vec<Row>, digests: &BTreeMap<String, (At, String)>) -> BTreeMap<String, u32> {
        let mut seen = BTreeSet::new();
        let mut of_digests: BTreeMap<String, u32> = BTreeMap::new();
        for row in rows {
            let recipient = key(&row.notice.recipient);
            let about = (row.notice.incident, row.notice.audience.who());
            if !seen.insert((recipient.clone(), about)) {
                continue;
            }
            let is_counted_in = |(due, whose): &(At, String)| *whose == recipient && *due >= row.changed;
            let digest = digests.iter().find(|(_, digest)| is_counted_in(digest)).map(|(id, _)| id.clone());
            let count = if let Some(digest) = digest {
                of_digests.entry(digest).or_default()
            } else {
                let person = self.book.people.entry(recipient).or_default();
                person.address.clone_from(&row.notice.recipient);
                &mut person.unnamed
            };
            *count = count.saturating_add(1);
        }
        of_digests
    }
}
