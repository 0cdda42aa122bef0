//! Who was told what: the one record of it. Planners, the pace, escalations, digests and letters ask here, and what becomes of each
//! message is written down here and nowhere else.
//!
//! A letter to somebody about an incident goes this way:
//!
//! | it is | which means | and becomes |
//! |---|---|---|
//! | held | it waits for an approval | waiting ([`Book::approve`]), or called back |
//! | kept | it isn't told for now | told later under another id, told in a digest, or never |
//! | waiting | it leaves when it is due | under way ([`Book::leaves`]); called back before it is due; kept, when the hour is full or somebody mutes it |
//! | under way | an outlet has it | accepted, refused, or waiting again ([`Book::put_back`]) |
//! | accepted | they have it | |
//! | refused | they don't, and whatever was to follow it is called back | |
//!
//! Somebody counts as told from when a letter waits: it leaves, unless it is called back or refused, and then they weren't. All of it
//! stands in the outbox as well, so that the next process knows the same ([`super::restored`]).

use std::collections::{BTreeMap, BTreeSet};

use super::pace::is_end;
use super::person::{Message, Person, Standing, Told, Waiting, Word};
use super::{key, promise};
use crate::incident::Event;
use crate::notify::notice::{Audience, Keep, Notice, NoticeKind, NoticeState};
use crate::time::At;

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Book {
    /// Everybody who was written to lately, knows of an open incident, or is to hear of something later. By the key of an address.
    pub people: BTreeMap<String, Person>,
    /// By incident: the ids of the letters to managers that wait for an approval.
    held: BTreeMap<String, BTreeSet<String>>,
    /// By incident: practices, by id, whose managers' mail was refused.
    refused: BTreeMap<String, BTreeSet<String>>,
}

/// What a merger does to somebody who was to hear of one of the incidents, or of both.
#[derive(Debug)]
pub(super) struct Merger {
    /// They know of the one that is gone, and not of the other: they know that by its name from now on.
    pub inherits: bool,
    /// Letters about the one that is gone that aren't to leave any more.
    pub of_gone: Vec<Notice>,
    /// The same of the one that goes on.
    pub of_survivor: Vec<Notice>,
}

/// By what somebody's standing is found: the key of an address; the incident, and as whom they are spoken to.
pub(super) fn about(notice: &Notice) -> (String, String) {
    (notice.incident.clone(), notice.audience.who())
}

impl Book {
    /// Where the recipient of this notice stands with its incident.
    pub fn standing(&self, notice: &Notice) -> Option<&Standing> {
        self.people.get(&key(&notice.recipient))?.standing.get(&about(notice))
    }

    pub fn standing_mut(&mut self, notice: &Notice) -> &mut Standing {
        let person = self.people.entry(key(&notice.recipient)).or_default();
        person.address.clone_from(&notice.recipient);
        person.standing.entry(about(notice)).or_default()
    }

    /// Whether a notice's recipient knows of its incident, or can't be kept from hearing of it any more.
    pub fn is_heard(&self, notice: &Notice, at: At) -> bool {
        self.standing(notice).is_some_and(|standing| standing.is_heard(at))
    }

    /// Whether its recipient has heard nothing of the incident, and nothing is kept of it for them either.
    pub fn is_untold(&self, notice: &Notice, at: At) -> bool {
        self.standing(notice).is_none_or(|standing| standing.kept.is_none() && !standing.is_heard(at))
    }

    /// Whether nothing about an incident is on its way to somebody, nor kept for them. `who`: as whom they are spoken to.
    pub fn has_settled(&self, recipient: &str, incident: &str, who: &str) -> bool {
        let person = self.people.get(recipient);
        let standing = person.and_then(|person| person.standing.get(&(incident.to_owned(), who.to_owned())));
        standing.is_none_or(|standing| standing.waiting.is_empty() && standing.kept.is_none())
    }

    /// Letters to its recipient about its incident that certainly haven't left by then, and can be called back.
    pub fn recallable(&self, notice: &Notice, at: At) -> Vec<Notice> {
        let standing = self.standing(notice);
        standing.map(|standing| standing.recallable(at).cloned().collect()).unwrap_or_default()
    }

    /// Letters that aren't due yet, and tell of no end.
    pub fn not_due(&self, now: At) -> Vec<Notice> {
        let standings = self.people.values().flat_map(|person| person.standing.values());
        let letters = standings.flat_map(|standing| standing.recallable(now));
        letters.filter(|letter| letter.due > now && !is_end(letter)).cloned().collect()
    }

    /// What becomes of letters when the incident of `gone` goes on as the one of `other`, of which the same recipient was to hear.
    pub fn merger(&self, gone: &Notice, other: Option<&Notice>, at: At) -> Merger {
        let (knows_gone, of_gone) = self.knows_and_waits(gone, at);
        let (knows_other, of_survivor) =
            other.map(|other| self.knows_and_waits(other, at)).unwrap_or_default();
        // Where nothing of the one that is gone has left, the other speaks for it, if it is about them at all.
        let inherits = knows_gone && !knows_other;
        Merger { inherits, of_gone, of_survivor: if inherits { of_survivor } else { Vec::new() } }
    }

    /// Whether the message in which a recipient heard of an incident has left, or is on its way; and the letters about it that haven't
    /// left, though some were due: no mail server could be used.
    fn knows_and_waits(&self, notice: &Notice, at: At) -> (bool, Vec<Notice>) {
        let Some(standing) = self.standing(notice) else { return (false, Vec::new()) };
        // What waits up to an end is another story, which they hear to its end.
        let is_end = |waiting: &Waiting| waiting.promises.is_none();
        let from = standing.waiting.iter().rposition(is_end).map_or(0, |end| end + 1);
        let waits = standing.waiting.iter().skip(from).filter(|waiting| waiting.under_way.is_none());
        let waits: Vec<Notice> = waits.map(|waiting| waiting.letter.clone()).collect();
        let is_first = |by: &str| waits.iter().any(|letter| letter.id == by);
        let has_left = standing.told.as_ref().is_some_and(|told| !is_first(&told.by));
        (has_left && standing.is_heard(at), waits)
    }

    /// Whether the message in which its recipient was to hear of the incident was refused, and they haven't heard of it since.
    pub fn is_refused(&self, notice: &Notice) -> bool {
        self.standing(notice).is_some_and(|standing| standing.refused.is_some() && standing.told.is_none())
    }

    /// Since when its recipient knows, or is to know. Where the mail server refused to tell them, since when they would have: the
    /// clock of escalations doesn't stand still because an address is gone.
    pub fn told_at(&self, notice: &Notice) -> Option<At> {
        let standing = self.standing(notice)?;
        standing.told.as_ref().map(|told| told.at).or(standing.refused)
    }

    /// When its recipient would have been told of its incident, had their hour not been full.
    pub fn kept_by_cap(&self, notice: &Notice) -> Option<At> {
        let kept = self.standing(notice)?.kept.as_ref().filter(|kept| kept.by == Keep::Cap)?;
        kept.rows.first().map(|row| row.due)
    }

    /// When the last letter to its recipient left, or is to leave, and whether it promised another. `None`: they know nothing.
    pub fn last_word(&self, notice: &Notice) -> Option<Word> {
        let standing = self.standing(notice)?;
        standing.last_word().filter(|_| standing.told.is_some())
    }

    /// When its recipient was last written to about its incident, or is to be, though it may have been refused.
    pub fn last_written_to(&self, notice: &Notice) -> Option<At> {
        let standing = self.standing(notice)?;
        standing.last_word().map(|word| word.at).max(standing.refused)
    }

    /// When a message was handed over; or, while it waits, when it is due.
    pub fn leaves_at(&self, notice: &Notice) -> At {
        let person = self.people.get(&key(&notice.recipient));
        let message =
            person.and_then(|person| person.messages.iter().rfind(|message| message.id == notice.id));
        message.map_or(notice.due, |message| message.at)
    }

    /// Whether practice managers of the incident wait for an approval.
    pub fn awaits_approval(&self, incident: &str) -> bool {
        self.held.contains_key(incident)
    }

    /// Practices, by id, whose managers' mail about the incident was refused.
    pub fn refused(&self, incident: &str) -> Vec<String> {
        self.refused.get(incident).map(|practices| practices.iter().cloned().collect()).unwrap_or_default()
    }

    /// Nothing more is refused or held of an incident that is over.
    pub fn close(&mut self, incident: &str) {
        self.refused.remove(incident);
    }

    /// The same, when what was told of it is read from the outbox.
    pub fn forget_refusals(&mut self, incident: &str) {
        self.close(incident);
        let standings = self.people.values_mut().flat_map(|person| person.standing.iter_mut());
        for (_, standing) in standings.filter(|((id, _), _)| id == incident) {
            standing.refused = None;
        }
    }

    /// A letter is in the outbox. `event`: what it tells of; `ends`: it is the last word on the incident for its recipient.
    pub fn plan(&mut self, letter: &Notice, event: &Event, ends: bool) {
        self.waits(letter, event);
        if letter.state != NoticeState::Held {
            tells(self.standing_mut(letter), letter, ends);
        }
    }

    /// A message waits to leave, or for an approval.
    pub fn waits(&mut self, message: &Notice, event: &Event) {
        if message.state != NoticeState::Held {
            self.counts(message, message.due, false);
        } else if matches!(message.audience, Audience::Practices(_)) {
            self.held.entry(message.incident.clone()).or_default().insert(message.id.clone());
        }
        if message.kind != NoticeKind::Digest {
            let promises = (!is_end(message)).then(|| promise::is_made(event));
            let waiting = Waiting { letter: message.clone(), under_way: None, promises };
            self.standing_mut(message).waiting.push(waiting);
        }
    }

    /// A message is in the outbox, and counts for an hour.
    pub fn counts(&mut self, message: &Notice, at: At, has_left: bool) {
        let person = self.people.entry(key(&message.recipient)).or_default();
        person.address.clone_from(&message.recipient);
        person.messages.push(Message { id: message.id.clone(), at, has_left });
    }

    /// The held letters of an incident leave, as soon as they are due. Answers with their ids.
    pub fn approve(&mut self, incident: &str, now: At) -> Vec<String> {
        self.held.remove(incident);
        let mut released = Vec::new();
        for person in self.people.values_mut() {
            let Person { messages, standing, .. } = person;
            for standing in standing.iter_mut().filter(|((id, _), _)| id == incident).map(|(_, s)| s) {
                let mut freed = Vec::new();
                for waiting in standing.waiting.iter_mut().filter(|w| w.letter.state == NoticeState::Held) {
                    waiting.letter.state = NoticeState::Queued;
                    freed.push(waiting.letter.clone());
                }
                for letter in freed {
                    let at = letter.due.max(now);
                    messages.push(Message { id: letter.id.clone(), at, has_left: false });
                    tells(standing, &Notice { due: at, ..letter.clone() }, false);
                    released.push(letter.id);
                }
            }
        }
        released
    }

    /// A message is handed over to an outlet.
    pub fn leaves(&mut self, notice: &Notice, now: At) {
        let person = self.people.entry(key(&notice.recipient)).or_default();
        match person.messages.iter_mut().find(|message| message.id == notice.id) {
            Some(message) => (message.at, message.has_left) = (now, true),
            None => person.messages.push(Message { id: notice.id.clone(), at: now, has_left: true }),
        }
        if notice.kind == NoticeKind::Digest {
            person.last_digest = person.last_digest.max(Some(now));
        }
        for standing in person.standing.values_mut() {
            if let Some(word) = standing.in_digest.as_mut().filter(|word| word.id == notice.id) {
                word.at = now;
            }
        }
        if let Some(waiting) = self.waiting_mut(notice) {
            waiting.under_way = Some(now);
        }
    }

    /// A message that was under way wasn't taken, and waits again. `may_have_arrived`: nobody knows, so it counts, and can't be
    /// called back.
    pub fn put_back(&mut self, notice: &Notice, may_have_arrived: bool) {
        if may_have_arrived {
            return;
        }
        if let Some(person) = self.people.get_mut(&key(&notice.recipient)) {
            person.has_not_left(notice);
            let message = person.messages.iter_mut().find(|message| message.id == notice.id);
            if let Some(message) = message {
                message.has_left = false;
            }
            for standing in person.standing.values_mut() {
                if let Some(word) = standing.in_digest.as_mut().filter(|word| word.id == notice.id) {
                    word.at = notice.due;
                }
            }
        }
        if let Some(waiting) = self.waiting_mut(notice) {
            waiting.under_way = None;
        }
    }

    /// A message was taken: they have it.
    pub fn accepted(&mut self, notice: &Notice) {
        let Some(person) = self.people.get_mut(&key(&notice.recipient)) else { return };
        if notice.kind == NoticeKind::Digest {
            for standing in person.standing.values_mut() {
                if let Some(word) = standing.in_digest.take_if(|word| word.id == notice.id) {
                    standing.was_told(word);
                }
            }
            return;
        }
        let Some(standing) = person.standing.get_mut(&about(notice)) else { return };
        let at = standing.waiting.iter().position(|waiting| waiting.letter.id == notice.id);
        if let Some(word) = at.and_then(|at| standing.waiting.remove(at).word()) {
            standing.was_told(word);
        }
        if standing.told.as_ref().is_some_and(|told| told.by == notice.id) {
            standing.refused = None;
        }
        person.standing.retain(|_, standing| !standing.is_empty());
    }

    /// A message was refused for good, or given up: they don't have it. Answers with what was to follow it and has no sense without it.
    pub fn rejected(&mut self, notice: &Notice) -> Vec<Notice> {
        let Some(person) = self.people.get_mut(&key(&notice.recipient)) else { return Vec::new() };
        person.has_not_left(notice);
        person.messages.retain(|message| message.id != notice.id);
        let mut without_sense = Vec::new();
        for standing in person.standing.values_mut() {
            standing.in_digest.take_if(|word| word.id == notice.id);
            standing.waiting.retain(|waiting| {
                let follows =
                    waiting.letter.thread.as_ref() == Some(&notice.id) && waiting.under_way.is_none();
                if follows {
                    without_sense.push(waiting.letter.clone());
                }
                !follows && waiting.letter.id != notice.id
            });
            if let Some(told) = standing.told.take_if(|told| told.by == notice.id) {
                standing.refused = Some(told.at);
            }
        }
        for follower in &without_sense {
            person.messages.retain(|message| message.id != follower.id);
        }
        person.standing.retain(|_, standing| !standing.is_empty());
        if let (NoticeKind::Opening, Audience::Practices(practices)) = (notice.kind, &notice.audience) {
            self.refuse(&notice.incident, practices);
        }
        without_sense
    }

    /// The managers of these practices refused to hear of it.
    pub fn refuse(&mut self, incident: &str, practices: &[String]) {
        self.refused.entry(incident.to_owned()).or_default().extend(practices.iter().cloned());
    }

    /// A letter is taken back that hasn't left: as if it had never been.
    pub fn withdraw(&mut self, notice: &Notice) {
        if let Some(held) = self.held.get_mut(&notice.incident) {
            held.remove(&notice.id);
            if held.is_empty() {
                self.held.remove(&notice.incident);
            }
        }
        let Some(person) = self.people.get_mut(&key(&notice.recipient)) else { return };
        person.messages.retain(|message| message.id != notice.id);
        let Some(standing) = person.standing.get_mut(&about(notice)) else { return };
        standing.waiting.retain(|waiting| waiting.letter.id != notice.id);
        standing.told.take_if(|told| told.by == notice.id);
        if let Some(kept) = &mut standing.kept {
            kept.rows.retain(|row| row.id != notice.id);
            if kept.rows.is_empty() {
                standing.kept = None;
            }
        }
    }

    /// Forgets what no hour that is still to come has in it.
    pub fn forget_before(&mut self, now: At) {
        self.people.values_mut().for_each(|person| person.forget_before(now));
        self.people.retain(|_, person| !person.is_forgotten());
    }

    fn waiting_mut(&mut self, notice: &Notice) -> Option<&mut Waiting> {
        let standing = self.people.get_mut(&key(&notice.recipient))?.standing.get_mut(&about(notice))?;
        standing.waiting.iter_mut().find(|waiting| waiting.letter.id == notice.id)
    }
}

/// A letter leaves when it is due: its recipient knows.
pub(super) fn tells(standing: &mut Standing, letter: &Notice, ends: bool) {
    if ends {
        standing.told = None;
        return;
    }
    let by = letter.thread.as_ref().unwrap_or(&letter.id);
    standing.told.get_or_insert_with(|| Told { by: by.clone(), at: letter.due });
}
