//! What nobody has read, since the digest that told it was refused, given up, or came back.
//!
//! What goes on is as if its letter had been refused: whoever was to hear of it there hasn't ([`super::book::Book::rejected`]). The end
//! of what they knew of is never lost for that: it is kept once more, and told in the next digest. Should that be refused as well,
//! the outbox and the report show it.
//!
//! One that came back leaves by another way, if there is one, with what of it still holds.

use std::sync::Arc;

use super::digest::{Digest, End, Line, is_time};
use super::pace::{Pace, Paced, anew};
use super::person::{Kept, Standing, Told};
use super::restored::Row;
use super::{Became, key};
use crate::incident::Event;
use crate::limits::DIGEST_GATHERED_FOR;
use crate::notify::notice::{Audience, Keep, Notice, NoticeState};
use crate::time::At;

/// Before the time in the id of an end that is kept once more.
const ONCE_MORE: &str = ".b";

/// What becomes of others when a message wasn't read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unread {
    /// What was to follow it and isn't to leave without it, and why.
    pub followers: Vec<(Notice, String)>,
    /// What it told that is never lost: kept for the next digest, to be recorded.
    pub kept: Vec<Paced>,
}

impl Pace {
    /// A digest won't be read: keeps the ends that it told once more. Whatever is planned from these finds nothing to do for
    /// [`DIGEST_GATHERED_FOR`], in which they are written down.
    pub(super) fn untold(&mut self, digest: &Notice, said: Digest, now: At) -> Vec<Paced> {
        const { assert!(!DIGEST_GATHERED_FOR.is_zero(), "nothing is told before it is written down") };
        let new = said.lines.iter().filter(|line| line.what == Became::New);
        for line in new.filter(|_| matches!(digest.audience, Audience::Practices(_))) {
            self.book.refuse(&line.event.incident, &line.practices);
        }
        let ends = said.ends.into_iter().filter_map(|end| self.once_more(end, now));
        ends.collect()
    }

    fn once_more(&mut self, end: End, now: At) -> Option<Paced> {
        let End { notice, event, thread } = end;
        let standing = self.book.standing_mut(&notice);
        let is_again = notice.id.rsplit_once(ONCE_MORE).is_some_and(|(_, time)| is_time(time));
        // It began anew, and they know.
        let knows_better = standing.told.is_some() || standing.kept.is_some();
        if is_again || knows_better {
            return None;
        }
        let mut again = anew(&notice, &event, 'b', now);
        (again.thread, again.state) = (Some(thread.clone()), NoticeState::Kept { by: Keep::Cap });
        standing.told = Some(Told { by: thread, at: now });
        let (rows, of) = (vec![again.clone()], Arc::clone(&event));
        standing.kept = Some(Kept { by: Keep::Cap, since: now, rows, event: of, ended: true });
        Some(Paced { event, notices: vec![again], settled: Vec::new() })
    }

    /// A digest came back: takes up what it told, from the notices that were told in it, in the order in which they were planned. What
    /// its reader has been told since, or is over, is left out where it went on. `latest`: the last event of an incident that is open.
    /// False: nothing is left.
    pub(super) fn take_back(
        &mut self,
        digest: &Notice,
        rows: Vec<Row>,
        latest: impl Fn(&str) -> Option<Arc<Event>>,
    ) -> bool {
        let mut incidents: Vec<(String, String, Vec<_>)> = Vec::new();
        for Row { notice, event, .. } in rows {
            let (incident, who) = (notice.incident.clone(), notice.audience.who());
            match incidents.iter_mut().find(|(other, as_whom, _)| *other == incident && *as_whom == who) {
                Some((.., of)) => of.push((notice, event)),
                None => incidents.push((incident, who, vec![(notice, event)])),
            }
        }
        let person = self.book.people.get(&key(&digest.recipient));
        incidents.retain_mut(|(incident, who, rows)| {
            let standing = person.and_then(|person| person.standing.get(&(incident.clone(), who.clone())));
            let is_last_word =
                |standing: &Standing| standing.last_word().is_some_and(|word| word.id == digest.id);
            match Line::restore(rows).map(|line| line.what) {
                None => false,
                Some(Became::New | Became::Changed) => {
                    let now_stands = latest(incident).filter(|_| standing.is_some_and(is_last_word));
                    if let (Some((_, event)), Some(now_stands)) = (rows.last_mut(), &now_stands) {
                        event.clone_from(now_stands);
                    }
                    now_stands.is_some()
                }
                Some(Became::Over | Became::CameAndWent) => standing.is_none_or(|it| it.told.is_none()),
            }
        });
        let is_any = !incidents.is_empty();
        if is_any {
            let said = Digest::restore(incidents.iter().map(|(.., rows)| rows.as_slice()), 0);
            self.digests.insert(digest.id.clone(), said);
        }
        is_any
    }
}
