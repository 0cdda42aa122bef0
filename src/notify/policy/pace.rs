//! Who is written to now, and what is kept for later. What the planners plan comes through here before it goes into the outbox.
//!
//! An opening or an update is kept when somebody muted what it tells of, when it is less severe than the recipient wants to
//! hear of, outside the recipient's hours, and when the recipient has had as many messages as an hour may bring. What was kept
//! by a mute, or for being minor, is told as it would have been when that is no longer so; the rest is told in a digest
//! ([`super::digest`]). The end of what somebody was told of is never kept but for the cap, and then the next digest, within the
//! hour, has it first. Who wasn't told of the beginning isn't told of the end.
//!
//! What somebody approves leaves then, whatever the hour; it counts towards the cap.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::digest::Digest;
use super::mute::Mutes;
use super::person::{Kept, Manners, Person};
use super::{Plan, Rules, key, notice};
use crate::incident::{Event, EventKind, Reason};
use crate::limits;
use crate::notify::notice::{Keep, Notice, NoticeKind, NoticeState};
use crate::time::At;

/// Why a notice that was kept isn't told.
const REPLACED: &str = "a newer notice takes its place";
const TOLD_LATER: &str = "it was told later";
const NEVER_TOLD: &str = "it was over before the recipient was to hear of it";
/// Before the id of the digest that told a notice, in why it was withheld.
pub const TOLD_IN: &str = "told in ";

/// Everybody who was written to lately, knows of an open incident, or is to hear of something later.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Pace {
    /// By the key of an address.
    pub people: BTreeMap<String, Person>,
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
fn is_end(notice: &Notice) -> bool {
    matches!(notice.kind, NoticeKind::Back | NoticeKind::Correction) || notice.event == EventKind::Resolved
}

impl Pace {
    /// Judges what was planned of an event. Gives the recipients, by key and as whom they are spoken to, who never heard of the
    /// incident, and now won't.
    pub fn judge(
        &mut self,
        event: &Arc<Event>,
        survivor: Option<&Arc<Event>>,
        plan: &mut Plan,
        rules: &Rules<'_>,
    ) -> Vec<(String, String)> {
        for (withdrawn, _) in &plan.withdrawn {
            self.withdraw(withdrawn);
        }
        // Before its end is judged: staff have a letter that the one is over, and go on in its thread.
        let known = survivor.map(|_| self.who_knows(&event.incident)).unwrap_or_default();
        let mut unheard = Vec::new();
        for planned in std::mem::take(&mut plan.notices) {
            let (who, recipient) = (planned.audience.who(), key(&planned.recipient));
            match self.rule(planned, event, survivor, rules, &mut plan.withdrawn) {
                Some(ruled) => plan.notices.push(ruled),
                None => unheard.push((recipient, who)),
            }
        }
        match survivor {
            Some(survivor) => self.merge(event, survivor, &known, plan),
            None => self.follow(event, plan, rules),
        }
        self.people.values_mut().for_each(|person| person.forget_before(event.at));
        self.people.retain(|_, person| !person.is_forgotten());
        unheard
    }

    /// Judges letters that come though nothing has happened, each by its own time. What is kept of the incident stays kept until
    /// [`Self::tick`] finds that it needn't.
    pub fn weigh(&mut self, event: &Arc<Event>, plan: &mut Plan, rules: &Rules<'_>) {
        for planned in std::mem::take(&mut plan.notices) {
            plan.notices.extend(self.rule(planned, event, None, rules, &mut plan.withdrawn));
        }
    }

    /// Judges one notice. `None`: it isn't said, and nothing will be.
    fn rule(
        &mut self,
        mut planned: Notice,
        event: &Arc<Event>,
        survivor: Option<&Arc<Event>>,
        rules: &Rules<'_>,
        withdrawn: &mut Vec<(Notice, String)>,
    ) -> Option<Notice> {
        if planned.state.is_final() {
            return Some(planned);
        }
        let mutes = &self.mutes;
        let recipient = key(&planned.recipient);
        let manners = manners(&recipient, rules);
        let person = self.people.entry(recipient).or_default();
        person.address.clone_from(&planned.recipient);
        let about = (planned.incident.clone(), planned.audience.who());
        let mut standing = person.standing.remove(&about).unwrap_or_default();
        let end = is_end(&planned);
        if end && standing.told.is_none() && standing.kept.is_some() {
            // It goes on as another incident, which speaks for it: see `merge`.
            let kept = standing.kept.as_mut().filter(|kept| survivor.is_none() && kept.by.is_for_digest());
            if let Some(kept) = kept {
                planned.state = NoticeState::Kept { by: kept.by };
                kept.ended = true;
                kept.event = Arc::clone(event);
                kept.rows.push(planned.clone());
                person.standing.insert(about, standing);
                person.make_room(withdrawn);
                return Some(planned);
            }
            if survivor.is_some() {
                person.standing.insert(about, standing);
            } else if let Some(kept) = standing.kept {
                withdrawn.extend(kept.rows.into_iter().map(|row| (row, NEVER_TOLD.to_owned())));
            }
            return None;
        }
        let keep = if planned.state == NoticeState::Held {
            None
        } else if end {
            person.keeps_end(planned.due, &manners)
        } else if mutes.until(event, &planned.audience, planned.due).is_some() {
            Some(Keep::Mute)
        } else {
            person.keeps(event, planned.due, standing.told.is_some(), &manners)
        };
        let since = standing.kept.as_ref().filter(|kept| keep == Some(kept.by)).map(|kept| kept.since);
        if let Some(kept) = standing.kept.take() {
            withdrawn.extend(kept.rows.into_iter().map(|row| (row, REPLACED.to_owned())));
        }
        match (&standing.told, planned.kind) {
            (None, NoticeKind::Update) if !end => {
                (planned.kind, planned.thread) = (NoticeKind::Opening, None);
            }
            (Some(thread), kind) => {
                if kind == NoticeKind::Opening {
                    planned.kind = NoticeKind::Update;
                }
                planned.thread = Some(thread.clone());
            }
            (None, _) => {}
        }
        if let Some(by) = keep {
            planned.state = NoticeState::Kept { by };
            let since = since.unwrap_or(planned.due);
            let rows = vec![planned.clone()];
            standing.kept = Some(Kept { by, since, rows, event: Arc::clone(event), ended: end });
        } else {
            person.sent.push((planned.due, planned.id.clone()));
            if end {
                standing.told = None;
            } else {
                standing.told.get_or_insert_with(|| planned.id.clone());
            }
        }
        if !standing.is_empty() {
            person.standing.insert(about, standing);
        }
        Some(planned)
    }

    /// What is kept from anybody.
    pub fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.people.values().flat_map(Person::kept)
    }

    /// Whether a notice waits here.
    pub fn is_kept(&self, notice: &Notice) -> bool {
        let about = (notice.incident.clone(), notice.audience.who());
        let person = self.people.get(&key(&notice.recipient));
        let kept = person.and_then(|person| person.standing.get(&about)?.kept.as_ref());
        kept.is_some_and(|kept| kept.rows.iter().any(|row| row.id == notice.id))
    }

    /// A planner takes a notice back that hasn't left.
    pub fn withdraw(&mut self, notice: &Notice) {
        let Some(person) = self.people.get_mut(&key(&notice.recipient)) else { return };
        person.sent.retain(|(_, id)| *id != notice.id);
        let about = (notice.incident.clone(), notice.audience.who());
        let Some(standing) = person.standing.get_mut(&about) else { return };
        if standing.told.as_ref() == Some(&notice.id) {
            standing.told = None;
        }
        if let Some(kept) = &mut standing.kept {
            kept.rows.retain(|row| row.id != notice.id);
            if kept.rows.is_empty() {
                standing.kept = None;
            }
        }
    }

    /// What is kept of the incident tells of its latest event; what was kept because it was minor, or muted, may no longer be.
    /// When it has ended without a word to somebody, nothing more is to be said to them.
    fn follow(&mut self, event: &Arc<Event>, plan: &mut Plan, rules: &Rules<'_>) {
        let ended = event.event == EventKind::Resolved;
        let mut released = Vec::new();
        for person in self.people.values_mut() {
            for ((_, who), standing) in of_incident(&mut person.standing, &event.incident) {
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
        known: &BTreeMap<(String, String), String>,
        plan: &mut Plan,
    ) {
        let inherited: BTreeSet<(String, String)> = plan
            .notices
            .iter()
            .filter(|notice| notice.kind == NoticeKind::Inherited)
            .map(|notice| (key(&notice.recipient), notice.audience.who()))
            .collect();
        for (recipient, person) in &mut self.people {
            let of: Vec<(String, String)> =
                of_incident(&mut person.standing, &event.incident).map(|(about, _)| about.clone()).collect();
            for about in of {
                let Some(gone) = person.standing.remove(&about) else { continue };
                // Its end waits for a digest, and is told there.
                if gone.kept.as_ref().is_some_and(|kept| kept.ended) {
                    person.standing.insert(about, gone);
                    continue;
                }
                // Whoever had both letters about the other hears no more of it; staff hear of each by itself.
                let is_inherited = inherited.contains(&(recipient.clone(), about.1.clone()));
                let goes_on = person.standing.entry((survivor.incident.clone(), about.1)).or_default();
                if !is_inherited {
                    let why = format!("incident {} speaks for it", survivor.incident);
                    let rows = gone.kept.map(|kept| kept.rows).unwrap_or_default();
                    plan.withdrawn.extend(rows.into_iter().map(|row| (row, why.clone())));
                    continue;
                }
                if goes_on.told.is_none() {
                    goes_on.told.clone_from(&gone.told);
                }
                let Some(kept) = gone.kept else { continue };
                if goes_on.is_empty()
                    && let Some(row) = kept.rows.first()
                {
                    let mut row_on = anew(row, survivor, event.at);
                    row_on.state = NoticeState::Kept { by: kept.by };
                    plan.notices.push(row_on.clone());
                    let event = Arc::clone(survivor);
                    goes_on.kept = Some(Kept {
                        by: kept.by,
                        since: kept.since,
                        rows: vec![row_on],
                        event,
                        ended: false,
                    });
                }
                let why = format!("incident {} speaks for it", survivor.incident);
                plan.withdrawn.extend(kept.rows.into_iter().map(|row| (row, why.clone())));
            }
            person.standing.retain(|_, standing| !standing.is_empty());
        }
        for (recipient, who) in inherited {
            let Some(told) = known.get(&(recipient.clone(), who.clone())) else { continue };
            if let Some(person) = self.people.get_mut(&recipient) {
                let goes_on = person.standing.entry((survivor.incident.clone(), who)).or_default();
                goes_on.told.get_or_insert_with(|| told.clone());
            }
        }
    }

    /// Who was told of an incident, by key and as whom they are spoken to, and in which message.
    fn who_knows(&self, incident: &str) -> BTreeMap<(String, String), String> {
        let mut known = BTreeMap::new();
        for (recipient, person) in &self.people {
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
        let person = self.people.get(recipient)?;
        let standing = person.standing.get(about)?;
        let kept = standing.kept.as_ref()?;
        let row = kept.rows.first()?;
        let event = Arc::clone(&kept.event);
        let keep = match self.mutes.until(&event, &row.audience, now) {
            Some(_) => Some(Keep::Mute),
            None => person.keeps(&event, now, standing.told.is_some(), &manners),
        };
        if keep == Some(kept.by) {
            return None;
        }
        let mut told = anew(row, &event, now);
        told.thread.clone_from(&standing.told);
        let person = self.people.get_mut(recipient)?;
        let standing = person.standing.get_mut(about)?;
        let rows = standing.kept.take().map(|kept| kept.rows).unwrap_or_default();
        let what = if keep.is_some() { REPLACED } else { TOLD_LATER };
        if let Some(by) = keep {
            told.state = NoticeState::Kept { by };
            let (rows, event) = (vec![told.clone()], Arc::clone(&event));
            standing.kept = Some(Kept { by, since: now, rows, event, ended: false });
        } else {
            person.sent.push((now, told.id.clone()));
            standing.told.get_or_insert_with(|| told.id.clone());
        }
        let settled = rows.into_iter().map(|row| (row, what.to_owned())).collect();
        Some(Paced { event, notices: vec![told], settled })
    }

    /// What is to be told because time has passed: what was muted and isn't any more, and digests.
    pub fn tick(&mut self, now: At, rules: &Rules<'_>) -> Vec<Paced> {
        let mut all = Vec::new();
        let keys: Vec<String> = self.people.keys().cloned().collect();
        for recipient in keys {
            let Some(person) = self.people.get_mut(&recipient) else { continue };
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
        self.people.retain(|_, person| !person.is_forgotten());
        all
    }

    /// When [`Self::tick`] next has something to do, after `after`; it may be for nothing.
    pub fn next_tick(&self, after: At, rules: &Rules<'_>) -> Option<At> {
        let digests = self.people.iter().filter_map(|(recipient, person)| {
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
        let why = "more came and went than a digest has room for";
        withdrawn.extend(rows.into_iter().flatten().map(|row| (row, why.to_owned())));
        self.unnamed += 1;
    }
}

pub(super) fn manners<'a>(recipient: &str, rules: &Rules<'a>) -> Manners<'a> {
    let routing = rules.routing;
    Manners { terms: routing.terms(recipient), cap: routing.cap(recipient), estate: rules.estate }
}

fn of_incident<'p>(
    standing: &'p mut BTreeMap<(String, String), super::person::Standing>,
    incident: &str,
) -> impl Iterator<Item = (&'p (String, String), &'p mut super::person::Standing)> {
    standing.range_mut((incident.to_owned(), String::new())..).take_while(move |((id, _), _)| id == incident)
}

/// The same said now, of the incident's latest event.
pub(super) fn anew(row: &Notice, event: &Event, now: At) -> Notice {
    let mut told = notice(event, row.kind, row.audience.clone(), &row.recipient);
    told.id = format!("{}.k{}", told.id, now.as_millis());
    told.due = now;
    told
}

/// Whether an event says that its incident goes on as another.
pub(super) fn goes_on_as(event: &Event) -> Option<&String> {
    match (event.event, event.reason) {
        (EventKind::Resolved, Some(Reason::Merged)) => event.into.as_ref(),
        _ => None,
    }
}
