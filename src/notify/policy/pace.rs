//! Who is written to now, and what is kept for later. What the planners plan comes through here before it goes into the outbox.
//!
//! An opening or an update is kept when somebody muted what it tells of, when it is less severe than the recipient wants to
//! hear of, outside the recipient's hours, and when the recipient has had as many messages as an hour may bring. What was kept
//! by a mute, or for being minor, is told as it would have been when that is no longer so; the rest is told in a digest
//! ([`super::digest`]). The end of what somebody was told of is never kept but for the cap, and then the next digest, within the
//! hour, has it first. Who wasn't told of the beginning isn't told of the end.
//!
//! What somebody approves leaves then, whatever the hour; it counts towards the cap.
//!
//! That is judged when a letter is planned, by the messages that wait and those that have left. Some leave later than they were planned
//! (no mail server could be used; nobody had approved them), so it is judged again when one is about to leave ([`super::gate`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::again::HadBoth;
use super::book::{Book, about};
use super::digest::Digest;
use super::mute::Mutes;
use super::person::{Kept, Manners, Person, Standing, Told, Word};
use super::{Plan, Rules, key, notice, promise, timed};
use crate::incident::{Event, EventKind, Reason};
use crate::limits;
use crate::notify::notice::{Audience, Keep, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// Why a notice that was kept isn't told.
pub(super) const REPLACED: &str = "a newer notice takes its place";
const TOLD_LATER: &str = "it was told later";
pub(super) const NEVER_TOLD: &str = "it was over before the recipient was to hear of it";
/// Before the id of the digest that told a notice, in why it was withheld.
pub const TOLD_IN: &str = "told in ";
/// Of what was to follow a message that was refused.
pub(super) const UNDELIVERED: &str = "the message that it follows was not delivered";
/// Of what is counted in a digest and not told.
pub const LET_GO: &str = "more came and went than a digest has room for";

/// What is told now, and what is kept for later.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Pace {
    /// Who was told what.
    pub book: Book,
    /// What the digests say that haven't left yet, by their ids.
    pub digests: BTreeMap<String, Digest>,
    pub mutes: Mutes,
}

/// What the passing of time leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Paced {
    /// What the first of the notices tells of; they go into the store with it.
    pub event: Arc<Event>,
    pub notices: Vec<Notice>,
    /// Notices that were kept and are no longer, with what became of them.
    pub settled: Vec<(Notice, String)>,
}

/// What somebody who was in the digest is told of it, in the store.
pub(super) fn told_in(digest: &str) -> String {
    format!("{TOLD_IN}{digest}")
}

/// The digest in which a notice was told, by why it was withheld.
pub fn digest_of(why: &str) -> Option<&str> {
    why.strip_prefix(TOLD_IN)
}

/// Whether a kept notice was told later by itself.
pub(super) fn is_told_later(why: &str) -> bool {
    why == TOLD_LATER
}

/// Whether this notice is the last word on the incident for its recipient.
pub(super) fn is_end(notice: &Notice) -> bool {
    matches!(notice.kind, NoticeKind::Back | NoticeKind::Correction) || notice.event == EventKind::Resolved
}

impl Pace {
    /// Judges what was planned of an event. Gives the recipients, by key and as whom they are spoken to, who never heard of the
    /// incident, and now won't. `survivor`: the last event of the incident that this one goes on as, and who has had both letters about
    /// that.
    pub fn judge(
        &mut self,
        event: &Arc<Event>,
        survivor: Option<(Arc<Event>, &HadBoth)>,
        plan: &mut Plan,
        rules: &Rules<'_>,
    ) -> Vec<(String, String)> {
        for (withdrawn, _) in &plan.withdrawn {
            self.book.withdraw(withdrawn);
        }
        // Before its end is judged: staff have a letter that the one is over, and go on in its thread.
        let known = survivor.as_ref().map(|_| self.who_knows(&event.incident)).unwrap_or_default();
        let mut unheard = Vec::new();
        for planned in std::mem::take(&mut plan.notices) {
            let (who, recipient) = (planned.audience.who(), key(&planned.recipient));
            let goes_on = survivor.as_ref().map(|(survivor, _)| survivor);
            match self.rule(planned, event, goes_on, None, rules, &mut plan.withdrawn) {
                Some(ruled) => plan.notices.push(ruled),
                None => unheard.push((recipient, who)),
            }
        }
        match survivor {
            Some((survivor, had_both)) => self.merge(event, &survivor, had_both, &known, plan),
            None => self.follow(event, plan, rules),
        }
        if event.event == EventKind::Resolved {
            self.book.close(&event.incident);
        }
        self.book.forget_before(event.at);
        unheard
    }

    /// Judges letters that come though nothing has happened, each by its own time. What is kept of the incident stays kept until
    /// [`Self::tick`] finds that it needn't.
    pub fn weigh(&mut self, event: &Arc<Event>, plan: &mut Plan, rules: &Rules<'_>) {
        for planned in std::mem::take(&mut plan.notices) {
            plan.notices.extend(self.rule(planned, event, None, None, rules, &mut plan.withdrawn));
        }
    }

    /// Judges one notice. `None`: it isn't said, and nothing will be. `by`: it can't leave, for that reason.
    pub fn rule(
        &mut self,
        mut planned: Notice,
        event: &Arc<Event>,
        survivor: Option<&Arc<Event>>,
        by: Option<Keep>,
        rules: &Rules<'_>,
        withdrawn: &mut Vec<(Notice, String)>,
    ) -> Option<Notice> {
        if planned.state.is_final() {
            return Some(planned);
        }
        let recipient = key(&planned.recipient);
        let manners = manners(&recipient, rules);
        let person = self.book.people.entry(recipient).or_default();
        person.address.clone_from(&planned.recipient);
        let mut standing = person.standing.remove(&about(&planned)).unwrap_or_default();
        let end = is_end(&planned);
        if end && standing.told.is_none() {
            // It goes on as another incident, which speaks for it: see `merge`.
            let kept = standing.kept.as_mut().filter(|kept| survivor.is_none() && kept.by.is_for_digest());
            let is_kept = kept.is_some();
            if let Some(kept) = kept {
                planned.state = NoticeState::Kept { by: kept.by };
                kept.ended = true;
                kept.event = Arc::clone(event);
                kept.rows.push(planned.clone());
            } else if survivor.is_none()
                && let Some(kept) = standing.kept.take()
            {
                withdrawn.extend(kept.rows.into_iter().map(|row| (row, NEVER_TOLD.to_owned())));
            }
            if !standing.is_empty() {
                person.standing.insert(about(&planned), standing);
            }
            person.make_room(withdrawn);
            return is_kept.then_some(planned);
        }
        let keep = if planned.state == NoticeState::Held {
            None
        } else if by.is_some() {
            by
        } else if end {
            person.keeps_end(planned.due, &manners)
        } else if self.mutes.until(event, &planned.audience, planned.due).is_some() {
            Some(Keep::Mute)
        } else {
            person.keeps(event, planned.due, standing.told.is_some(), &manners)
        };
        // By when an escalation was due it is known which steps are done.
        let is_step = planned.kind == NoticeKind::Escalation;
        let since = standing.kept.as_ref().filter(|kept| keep == Some(kept.by) && !is_step);
        let since = since.map(|kept| kept.since);
        let replaced = standing.kept.take().map(|kept| kept.rows).unwrap_or_default();
        planned.kind = kind_for(planned.kind, standing.told.is_some(), &replaced);
        planned.thread = standing.told.as_ref().map(|told| told.by.clone());
        withdrawn.extend(replaced.into_iter().map(|row| (row, REPLACED.to_owned())));
        if let Some(by) = keep {
            // What is kept is due since then: the next process shall know it.
            let since = since.unwrap_or(planned.due);
            (planned.state, planned.due) = (NoticeState::Kept { by }, since);
            let rows = vec![planned.clone()];
            standing.kept = Some(Kept { by, since, rows, event: Arc::clone(event), ended: end });
        }
        if !standing.is_empty() {
            person.standing.insert(about(&planned), standing);
        }
        if keep.is_none() {
            self.book.plan(&planned, event, end);
        }
        Some(planned)
    }

    /// What is kept from anybody.
    pub fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.book.people.values().flat_map(Person::all_kept)
    }

    /// Whether a notice waits here.
    pub fn is_kept(&self, notice: &Notice) -> bool {
        let kept = self.book.standing(notice).and_then(|standing| standing.kept.as_ref());
        kept.is_some_and(|kept| kept.rows.iter().any(|row| row.id == notice.id))
    }

    /// What is kept of the incident tells of its latest event; what was kept because it was minor, or muted, may no longer be.
    /// When it has ended without a word to somebody, nothing more is to be said to them.
    fn follow(&mut self, event: &Arc<Event>, plan: &mut Plan, rules: &Rules<'_>) {
        let ended = event.event == EventKind::Resolved;
        let mut released = Vec::new();
        for person in self.book.people.values_mut() {
            for ((_, who), standing) in of_incident(&mut person.standing, &event.incident) {
                if ended {
                    standing.refused = None;
                }
                let Some(kept) = standing.kept.as_mut().filter(|kept| !kept.ended) else {
                    if ended && standing.kept.is_none() {
                        standing.told = None;
                    }
                    continue;
                };
                kept.event = Arc::clone(event);
                match (ended, kept.by.is_for_digest()) {
                    (true, true) => kept.ended = true,
                    (true, false) => {
                        let rows = standing.kept.take().map(|kept| kept.rows).unwrap_or_default();
                        plan.withdrawn.extend(rows.into_iter().map(|row| (row, NEVER_TOLD.to_owned())));
                        standing.told = None;
                    }
                    (false, false) => {
                        released.push((key(&person.address), (event.incident.clone(), who.clone())));
                    }
                    (false, true) => {}
                }
            }
        }
        for (recipient, about) in released {
            if let Some(freed) = self.free(&recipient, &about, event.at, rules) {
                plan.notices.extend(freed.notices);
                plan.withdrawn.extend(freed.settled);
            }
        }
    }

    /// An incident goes on as another: whoever was told knows of that one, and what was kept is kept of that one.
    fn merge(
        &mut self,
        event: &Event,
        survivor: &Arc<Event>,
        had_both: &HadBoth,
        known: &BTreeMap<(String, String), Told>,
        plan: &mut Plan,
    ) {
        for person in self.book.people.values_mut() {
            let of: Vec<(String, String)> =
                of_incident(&mut person.standing, &event.incident).map(|(about, _)| about.clone()).collect();
            for about in of {
                let Some(mut gone) = person.standing.remove(&about) else { continue };
                // What is on its way arrives.
                let waiting = std::mem::take(&mut gone.waiting);
                if !waiting.is_empty() {
                    let on_its_way = Standing { waiting, ..Standing::default() };
                    person.standing.insert(about.clone(), on_its_way);
                }
                // Its end waits for a digest, and is told there.
                if gone.kept.as_ref().is_some_and(|kept| kept.ended) {
                    let waiting = person.standing.remove(&about).map(|standing| standing.waiting);
                    gone.waiting = waiting.unwrap_or_default();
                    person.standing.insert(about, gone);
                    continue;
                }
                let goes_on = person.standing.entry((survivor.incident.clone(), about.1)).or_default();
                let why = format!("incident {} speaks for it", survivor.incident);
                let Some(kept) = gone.kept else { continue };
                // Nobody has told them of either: what is kept is kept of the one that goes on.
                let has_had_both = kept.rows.first().is_some_and(|row| had_both.holds(row));
                let takes_over =
                    gone.told.is_none() && goes_on.is_empty() && may_inherit(&kept) && !has_had_both;
                if takes_over && let Some(row) = kept.rows.first() {
                    let mut row_on = anew(row, survivor, 'k', event.at);
                    row_on.kind = kind_for(row.kind, false, &kept.rows);
                    (row_on.state, row_on.due) = (NoticeState::Kept { by: kept.by }, kept.since);
                    plan.notices.push(row_on.clone());
                    let event = Arc::clone(survivor);
                    let rows = vec![row_on];
                    goes_on.kept = Some(Kept { by: kept.by, since: kept.since, rows, event, ended: false });
                }
                plan.withdrawn.extend(kept.rows.into_iter().map(|row| (row, why.clone())));
            }
            person.standing.retain(|_, standing| !standing.is_empty());
        }
        for inherited in plan.notices.iter_mut().filter(|notice| notice.kind == NoticeKind::Inherited) {
            let known = known.get(&(key(&inherited.recipient), inherited.audience.who()));
            let Some(Told { by, .. }) = known else { continue };
            inherited.thread = Some(by.clone());
            let standing = self.book.standing_mut(inherited);
            // What came and went of the one that goes on is a part of what they know now.
            let ended = standing.kept.take_if(|kept| kept.ended).map(|kept| kept.rows);
            let why = format!("incident {} said it already", event.incident);
            plan.withdrawn.extend(ended.into_iter().flatten().map(|row| (row, why.clone())));
            inherits(standing, inherited, by, survivor);
        }
    }

    /// Who was told of an incident, by key and as whom they are spoken to, and in which message.
    fn who_knows(&self, incident: &str) -> BTreeMap<(String, String), Told> {
        let mut known = BTreeMap::new();
        for (recipient, person) in &self.book.people {
            let of_incident = person.standing.iter().filter(|((id, _), _)| id == incident);
            for ((_, who), standing) in of_incident {
                if let Some(told) = &standing.told {
                    known.insert((recipient.clone(), who.clone()), told.clone());
                }
            }
        }
        known
    }

    /// Tells what is kept of something that goes on, or keeps it for another reason. `None`: it is kept as it was.
    fn free(
        &mut self,
        recipient: &str,
        about: &(String, String),
        now: At,
        rules: &Rules<'_>,
    ) -> Option<Paced> {
        let manners = manners(recipient, rules);
        let person = self.book.people.get(recipient)?;
        let standing = person.standing.get(about)?;
        let kept = standing.kept.as_ref()?;
        let row = kept.rows.first()?;
        let event = Arc::clone(&kept.event);
        let mut told = anew(row, &event, 'k', now);
        // Planned work may go on for longer than a mute.
        told.due = now.max(row.due);
        told.thread = standing.told.as_ref().map(|told| told.by.clone());
        told.kind = kind_for(told.kind, told.thread.is_some(), &kept.rows);
        let keep = match self.mutes.until(&event, &row.audience, now) {
            Some(_) => Some(Keep::Mute),
            None => person.keeps(&event, told.due, standing.told.is_some(), &manners),
        };
        if keep == Some(kept.by) {
            return None;
        }
        let person = self.book.people.get_mut(recipient)?;
        let standing = person.standing.get_mut(about)?;
        let rows = standing.kept.take().map(|kept| kept.rows).unwrap_or_default();
        let what = if keep.is_some() { REPLACED } else { TOLD_LATER };
        if let Some(by) = keep {
            told.state = NoticeState::Kept { by };
            let (rows, event) = (vec![told.clone()], Arc::clone(&event));
            standing.kept = Some(Kept { by, since: told.due, rows, event, ended: false });
        } else {
            self.book.plan(&told, &event, false);
        }
        let settled = rows.into_iter().map(|row| (row, what.to_owned())).collect();
        Some(Paced { event, notices: vec![told], settled })
    }

    /// A letter that waits leaves at another time, and tells of this event then.
    pub fn moved(
        &mut self,
        letter: &Notice,
        event: &Arc<Event>,
        due: At,
        now: At,
        rules: &Rules<'_>,
    ) -> Option<Paced> {
        self.book.withdraw(letter);
        let mut again = anew(letter, event, 'w', now);
        (again.due, again.state) = (due, letter.state.clone());
        let mut settled = Vec::new();
        let again = self.rule(again, event, None, None, rules, &mut settled)?;
        settled.push((letter.clone(), REPLACED.to_owned()));
        Some(Paced { event: Arc::clone(event), notices: vec![again], settled })
    }

    /// What is to be told because time has passed: what was muted and isn't any more, and digests.
    pub fn tick(&mut self, now: At, rules: &Rules<'_>) -> Vec<Paced> {
        let mut all = Vec::new();
        let keys: Vec<String> = self.book.people.keys().cloned().collect();
        for recipient in keys {
            let Some(person) = self.book.people.get_mut(&recipient) else { continue };
            person.forget_before(now);
            let waits = |kept: &Kept| !kept.ended && !kept.by.is_for_digest();
            let waiting: Vec<(String, String)> = person
                .standing
                .iter()
                .filter(|(_, standing)| standing.kept.as_ref().is_some_and(waits))
                .map(|(about, _)| about.clone())
                .collect();
            for about in waiting {
                all.extend(self.free(&recipient, &about, now, rules));
            }
            all.extend(self.digest(&recipient, now, rules));
        }
        self.book.people.retain(|_, person| !person.is_forgotten());
        all
    }

    /// When [`Self::tick`] next has something to do, after `after`; it may be for nothing.
    pub fn next_tick(&self, after: At, rules: &Rules<'_>) -> Option<At> {
        let digests = self.book.people.iter().filter_map(|(recipient, person)| {
            person.digest_due(after.plus_millis(1), &manners(recipient, rules))
        });
        digests.chain(self.mutes.next_end(after)).min()
    }
}

impl Person {
    /// Lets go of what came and went first, and wasn't told, where more is kept than may be.
    fn make_room(&mut self, withdrawn: &mut Vec<(Notice, String)>) {
        let kept = self.standing.values().filter(|standing| standing.kept.is_some()).count();
        if kept <= limits::DIGEST_KEPT_MAX {
            return;
        }
        let came_and_went = self.standing.iter().filter(|(_, standing)| {
            standing.told.is_none() && standing.kept.as_ref().is_some_and(|kept| kept.ended)
        });
        let first = came_and_went.min_by_key(|(_, standing)| standing.kept.as_ref().map(|kept| kept.since));
        let Some(about) = first.map(|(about, _)| about.clone()) else { return };
        let rows = self.standing.remove(&about).and_then(|standing| standing.kept).map(|kept| kept.rows);
        withdrawn.extend(rows.into_iter().flatten().map(|row| (row, LET_GO.to_owned())));
        self.unnamed += 1;
    }
}

pub(super) fn manners<'a>(recipient: &str, rules: &Rules<'a>) -> Manners<'a> {
    let routing = rules.routing;
    Manners { terms: routing.terms(recipient), cap: routing.cap(recipient), estate: rules.estate }
}

fn of_incident<'p>(
    standing: &'p mut BTreeMap<(String, String), Standing>,
    incident: &str,
) -> impl Iterator<Item = (&'p (String, String), &'p mut Standing)> {
    standing.range_mut((incident.to_owned(), String::new())..).take_while(move |((id, _), _)| id == incident)
}

/// As what somebody gets a letter about something that goes on. `before`: what was kept from them of it.
fn kind_for(kind: NoticeKind, is_told: bool, before: &[Notice]) -> NoticeKind {
    match (kind, is_told) {
        // Whoever is told because nobody has it in hand must know why, however late.
        (NoticeKind::Update, false) if before.iter().any(|row| row.kind == NoticeKind::Escalation) => {
            NoticeKind::Escalation
        }
        (NoticeKind::Update, false) => NoticeKind::Opening,
        (NoticeKind::Opening, true) => NoticeKind::Update,
        (kind, _) => kind,
    }
}

/// Staff hear of each incident by itself; for the others the one that goes on speaks, and so it does for whoever was to be told because
/// nobody has it in hand.
fn may_inherit(kept: &Kept) -> bool {
    kept.rows.first().is_some_and(|row| row.audience != Audience::Staff || row.kind == NoticeKind::Escalation)
}

/// Somebody who knows of an incident knows of the one that it goes on as, by the same message.
pub(super) fn inherits(standing: &mut Standing, inherited: &Notice, thread: &str, event: &Event) {
    standing.told.get_or_insert_with(|| Told { by: thread.to_owned(), at: inherited.due });
    let promises = promise::is_made(event);
    standing.was_told(Word { id: inherited.id.clone(), at: inherited.due, promises });
}

/// The same said now, of the incident's latest event. `how`: what says it, in the id.
pub(super) fn anew(row: &Notice, event: &Event, how: char, now: At) -> Notice {
    timed(notice(event, row.kind, row.audience.clone(), &row.recipient), how, now)
}

/// Whether an event says that its incident goes on as another.
pub(super) fn goes_on_as(event: &Event) -> Option<&String> {
    match (event.event, event.reason) {
        (EventKind::Resolved, Some(Reason::Merged)) => event.into.as_ref(),
        _ => None,
    }
}
