//! What may leave now, asked of each message when an outlet is free for it: the last word on mutes and on messages an hour.
//!
//! When a letter is planned nobody knows when it will leave. Mail servers that can't be used for hours, and approvals, make letters
//! leave together that were planned apart; and what waited may have been muted since. So what really leaves is counted, over the hour
//! that ends now:
//!
//! - what finds no room waits for it, when there will be some within [`DIGEST_GATHERED_FOR`]; a digest, and a letter in its stead, wait
//!   however long it is;
//! - else it is kept, with all that is to follow it, and told in the next digest, as if it had been beyond the hour when it was
//!   planned. So it is with ends too: they are in that digest, and first. None is lost;
//! - an opening or an update of what is muted by now is kept until the mute ends.

use std::sync::Arc;

use super::digest::has_last_place;
use super::pace::{NEVER_TOLD, Pace, Paced, REPLACED, is_end, manners};
use super::person::Told;
use super::{Rules, key};
use crate::incident::Event;
use crate::limits::DIGEST_GATHERED_FOR;
use crate::notify::notice::{Keep, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// Letters of one lane of the queue, the first to leave first, with what each tells of.
pub type Letters = Vec<(Notice, Arc<Event>)>;

/// Whether a message may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayLeave {
    /// It counts as left from now.
    Now,
    /// It is asked again then.
    Later(At),
    /// It isn't told for now: it is to be taken out of the queue with what follows it ([`super::Ledger::keep`]).
    Keep(Keep),
}

impl Pace {
    /// Asks for a message that is due; when it may leave, it has left.
    pub fn leaves(&mut self, notice: &Notice, event: &Event, now: At, rules: &Rules<'_>) -> MayLeave {
        let is_last = has_last_place(notice);
        let ends = is_end(notice);
        if !ends
            && notice.kind != NoticeKind::Digest
            && self.mutes.until(event, &notice.audience, now).is_some()
        {
            return MayLeave::Keep(Keep::Mute);
        }
        let recipient = key(&notice.recipient);
        if let Some(cap) = manners(&recipient, rules).cap
            && let Some(person) = self.book.people.get(&recipient)
        {
            match person.has_room(now, cap, is_last, ends) {
                Some(at) if at <= now => {}
                Some(at) if is_last || at <= now + DIGEST_GATHERED_FOR => return MayLeave::Later(at),
                _ => return MayLeave::Keep(Keep::Cap),
            }
        }
        self.book.leaves(notice, now);
        MayLeave::Now
    }

    /// Keeps letters that can't leave now, which follow one another to one recipient, with what each tells of. Answers also with those
    /// of which nothing will be said: their recipient never heard of the incident, and now won't. `latest`: the last event of
    /// an incident that is open, which whatever is kept of it tells of.
    pub fn keep(
        &mut self,
        letters: &Letters,
        latest: impl Fn(&str) -> Option<Arc<Event>>,
        by: Keep,
        now: At,
        rules: &Rules<'_>,
    ) -> (Vec<Paced>, Vec<Notice>) {
        let mut letters = letters.clone();
        let mut kept = Vec::new();
        for (letter, _) in &letters {
            self.book.withdraw(letter);
            // What is kept already came after them.
            if let Some(after) = self.book.standing_mut(letter).kept.take() {
                kept.extend(after.rows.into_iter().map(|row| (row, Arc::clone(&after.event))));
            }
        }
        letters.extend(kept);
        let (mut all, mut unheard) = (Vec::new(), Vec::new());
        for (letter, event) in &letters {
            let goes_on_from =
                letter.thread.as_ref().filter(|thread| letters.iter().all(|(l, _)| l.id != **thread));
            if let Some(thread) = goes_on_from
                && is_end(letter)
            {
                // Planning the end had closed the matter for them.
                let told = || Told { by: thread.clone(), at: letter.due };
                self.book.standing_mut(letter).told.get_or_insert_with(told);
            }
            let mut again = letter.clone();
            // No person's digits have a g among them.
            let base = letter.id.split(".g").next().unwrap_or(&letter.id);
            again.id = format!("{base}.g{}", now.as_millis());
            (again.state, again.due) = (NoticeState::Queued, letter.due.max(now));
            // What follows is judged by its own time, and an end isn't muted.
            let is_ended = is_end(letter) && by == Keep::Mute;
            let by = (letter.due <= now && !is_ended).then_some(by);
            let mut settled = Vec::new();
            let now_stands = if is_end(letter) { None } else { latest(&letter.incident) };
            let now_stands = now_stands.unwrap_or_else(|| Arc::clone(event));
            let kept = self.rule(again, &now_stands, None, by, rules, &mut settled);
            let why = if kept.is_some() { REPLACED } else { NEVER_TOLD };
            if kept.is_none() {
                unheard.push(letter.clone());
            }
            settled.push((letter.clone(), why.to_owned()));
            let event = Arc::clone(event);
            all.push(Paced { event, notices: kept.into_iter().collect(), settled });
        }
        (all, unheard)
    }
}
