//! The order in which notices leave. Pure: the time is an argument.
//!
//! Notices to one recipient about one incident form a lane and leave one after another, so that nobody reads "it
//! answers again" before "it does not answer". Lanes know nothing of each other: a mailbox that is full holds up its
//! own notices only. Staff's leave before practices' that are due at the same moment: where a mail server takes 30 mails
//! a minute, the service desk shall not be the last to hear.
//!
//! Whether a notice that is due may leave is the policy's to say ([`MayLeave`]), each time that one would: the lane of one that may not
//! stands aside until then, or until the desk has taken out what is to be kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::channel::Way;
use super::notice::{Audience, Keep, Notice, NoticeKind, NoticeState};
use super::policy::{Letters, MayLeave, is_digest};
use crate::incident::Event;
use crate::limits::DESK_CHORES_EVERY;
use crate::time::At;

/// A notice that waits, and what it tells of.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub notice: Notice,
    pub event: Arc<Event>,
    /// How often it has been tried.
    pub attempts: u32,
    /// What it may leave by, in order; the first is what it leaves by next. At least one.
    pub ways: Vec<Way>,
}

impl Pending {
    fn way(&self) -> &Way {
        self.ways.first().unwrap_or(&Way::EMAIL)
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    lanes: BTreeMap<LaneKey, Lane>,
    /// The lanes whose first notice isn't under way, by what it leaves by, and when.
    ready: BTreeMap<Way, BTreeMap<Turn, LaneKey>>,
    /// By incident and id; they wait for an approval.
    held: BTreeMap<String, BTreeMap<String, Pending>>,
    /// Lanes whose first notice is to be kept, and why.
    aside: BTreeMap<LaneKey, Keep>,
    /// Every notice that is queued or held, and its lane.
    known: BTreeMap<String, LaneKey>,
    next_number: u64,
}

type LaneKey = Arc<str>;

/// When a lane may go on, who goes first among equals, and a number that keeps the order stable.
type Turn = (At, Rank, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Staff,
    Practices,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Pending>,
    /// Where it stands in [`Queue::ready`]; `None` while its first notice is under way.
    ready: Option<(Way, Turn)>,
}

/// The queue in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Due.
    pub queued: usize,
    /// Not due yet.
    pub waiting: usize,
    pub held: usize,
    /// When the oldest of those that are due became so.
    pub oldest: Option<At>,
}

impl Queue {
    /// Notices in memory, those included that are held.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// True when nothing waits to leave and nothing is under way.
    pub(super) fn is_drained(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Takes a notice. One that is known already, is final, or is kept for later, changes nothing.
    pub(super) fn push(&mut self, pending: Pending) {
        let stays = |state: &NoticeState| state.is_final() || matches!(state, NoticeState::Kept { .. });
        if self.known.contains_key(&pending.notice.id) || stays(&pending.notice.state) {
            return;
        }
        let key = lane_of(&pending.notice);
        let id = pending.notice.id.clone();
        self.known.insert(id.clone(), key.clone());
        if pending.notice.state == NoticeState::Held {
            self.held.entry(pending.notice.incident.clone()).or_default().insert(id, pending);
            return;
        }
        let due = pending.notice.due;
        let lane = self.lanes.entry(key.clone()).or_default();
        lane.waiting.push_back(pending);
        if lane.waiting.len() == 1 {
            self.make_ready(due, key);
        }
    }

    /// The next notice to leave by a way, which is under way until [`Self::done`] or [`Self::retry`] is called with
    /// it.
    pub(super) fn take(
        &mut self,
        way: &Way,
        now: At,
        mut may_leave: impl FnMut(&Pending) -> MayLeave,
    ) -> Option<Pending> {
        // Each round takes a lane, or puts one off until later than now.
        loop {
            let ready = self.ready.get_mut(way)?;
            let first = ready.first_entry().filter(|first| first.key().0 <= now)?;
            let key = first.remove();
            let lane = self.lanes.get_mut(&key)?;
            lane.ready = None;
            let pending = lane.waiting.front()?;
            let later = match may_leave(pending) {
                MayLeave::Now => return Some(pending.clone()),
                MayLeave::Later(at) => at.max(now.plus_millis(1)),
                MayLeave::Keep(by) => {
                    self.aside.insert(Arc::clone(&key), by);
                    now + DESK_CHORES_EVERY
                }
            };
            self.make_ready(later, key);
        }
    }

    /// Whether the first notice of some lane is to be kept.
    pub(super) fn has_aside(&self) -> bool {
        !self.aside.is_empty()
    }

    /// The notices of the lanes whose first is to be kept, with what each tells of. They stay where they are.
    pub(super) fn take_aside(&mut self) -> Vec<(Keep, Letters)> {
        let aside = std::mem::take(&mut self.aside);
        let lanes = aside.into_iter().filter_map(|(key, by)| Some((by, self.lanes.get(&key)?)));
        let waits = lanes.filter(|(_, lane)| lane.ready.is_some());
        let all =
            |lane: &Lane| lane.waiting.iter().map(|p| (p.notice.clone(), Arc::clone(&p.event))).collect();
        waits.map(|(by, lane)| (by, all(lane))).collect()
    }

    /// When the next notice may leave by a way.
    pub(super) fn next_ready(&self, way: &Way) -> Option<At> {
        self.ready.get(way)?.first_key_value().map(|((at, ..), _)| *at)
    }

    /// Nothing more becomes of a notice that was under way.
    pub(super) fn done(&mut self, notice: &Notice) {
        let Some(key) = self.known.remove(&notice.id) else { return };
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        if lane.waiting.front().is_some_and(|first| first.notice.id == notice.id) {
            lane.waiting.pop_front();
            self.follow_on(key);
        }
    }

    /// A notice that was under way is to be tried again.
    pub(super) fn retry(&mut self, notice: &Notice, at: At, attempts: u32) {
        let Some(key) = self.known.get(&notice.id).cloned() else { return };
        if let Some(first) = self.lanes.get_mut(&key).and_then(|lane| lane.waiting.front_mut())
            && first.notice.id == notice.id
        {
            first.attempts = attempts;
            self.make_ready(at, key);
        }
    }

    /// A notice that was under way, and can't leave as it was tried, is to leave by its next way. False: it has none.
    pub(super) fn next_way(&mut self, notice: &Notice, at: At, attempts: u32) -> bool {
        let Some(key) = self.known.get(&notice.id).cloned() else { return false };
        let Some(first) = self.lanes.get_mut(&key).and_then(|lane| lane.waiting.front_mut()) else {
            return false;
        };
        if first.notice.id != notice.id || first.ways.len() < 2 {
            return false;
        }
        first.ways.remove(0);
        first.attempts = attempts;
        self.make_ready(at, key);
        true
    }

    /// What waits for somebody whose mails come back leaves by their other way first, where they have one. What is under way is tried.
    pub(super) fn other_way_first(&mut self, recipient: &str) {
        let is_theirs = |pending: &Pending| pending.notice.recipient.eq_ignore_ascii_case(recipient);
        let mut changed = Vec::new();
        for (key, lane) in &mut self.lanes {
            let is_under_way = lane.ready.is_none();
            for pending in lane.waiting.iter_mut().skip(usize::from(is_under_way)).filter(|it| is_theirs(it))
            {
                pending.ways.sort_by_key(|way| *way == Way::EMAIL);
            }
            let first = lane.waiting.front().filter(|first| is_theirs(first));
            if let (Some((way, (at, ..))), Some(first)) = (&lane.ready, first)
                && way != first.way()
            {
                changed.push((Arc::clone(key), *at));
            }
        }
        for pending in self.held.values_mut().flat_map(BTreeMap::values_mut).filter(|it| is_theirs(it)) {
            pending.ways.sort_by_key(|way| *way == Way::EMAIL);
        }
        for (key, at) in changed {
            if let Some(ready) = self.lanes.get_mut(&key).and_then(|lane| lane.ready.take()) {
                forget(&mut self.ready, &ready);
            }
            self.make_ready(at, key);
        }
    }

    /// Takes a notice out again. False when it is under way, or not here.
    pub(super) fn withdraw(&mut self, notice: &Notice) -> bool {
        if self.held.get_mut(&notice.incident).is_some_and(|held| held.remove(&notice.id).is_some()) {
            self.known.remove(&notice.id);
            return true;
        }
        let Some(key) = self.known.get(&notice.id).cloned() else { return false };
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        let Some(at) = lane.waiting.iter().position(|pending| pending.notice.id == notice.id) else {
            return false;
        };
        if at == 0 && lane.ready.is_none() {
            return false;
        }
        lane.waiting.remove(at);
        self.known.remove(&notice.id);
        if at == 0 {
            self.follow_on(key);
        }
        true
    }

    /// The held notices of an incident may leave. Answers with them, and what each tells of.
    pub(super) fn release(&mut self, incident: &str) -> Letters {
        let held = self.held.remove(incident).unwrap_or_default();
        let mut released = Vec::new();
        for mut pending in held.into_values() {
            self.known.remove(&pending.notice.id);
            pending.notice.state = NoticeState::Queued;
            released.push((pending.notice.clone(), Arc::clone(&pending.event)));
            self.push(pending);
        }
        released
    }

    /// The first of each lane that was due before `before` and is not under way; they are under way now.
    pub(super) fn take_due_before(&mut self, before: At) -> Vec<Pending> {
        let mut taken = Vec::new();
        for lane in self.lanes.values_mut() {
            if let (Some(ready), Some(first)) = (&lane.ready, lane.waiting.front())
                && first.notice.due < before
            {
                taken.push(first.clone());
                forget(&mut self.ready, ready);
                lane.ready = None;
            }
        }
        taken
    }

    pub(super) fn counts(&self, now: At) -> Counts {
        let mut counts = Counts { held: self.held.values().map(BTreeMap::len).sum(), ..Counts::default() };
        for pending in self.lanes.values().flat_map(|lane| &lane.waiting) {
            if pending.notice.due > now {
                counts.waiting += 1;
            } else {
                counts.queued += 1;
                counts.oldest =
                    Some(counts.oldest.map_or(pending.notice.due, |oldest| oldest.min(pending.notice.due)));
            }
        }
        counts
    }

    /// The lane has another first notice, or none.
    fn follow_on(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        if let Some(ready) = lane.ready.take() {
            forget(&mut self.ready, &ready);
        }
        match lane.waiting.front().map(|first| first.notice.due) {
            Some(due) => self.make_ready(due, key),
            None => drop(self.lanes.remove(&key)),
        }
    }

    fn make_ready(&mut self, at: At, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        let Some(first) = lane.waiting.front() else { return };
        let rank = match first.notice.audience {
            Audience::Staff | Audience::Role { .. } | Audience::Owner { .. } => Rank::Staff,
            Audience::Practices(_) | Audience::Pcn { .. } => Rank::Practices,
        };
        let turn = (at, rank, self.next_number);
        self.next_number += 1;
        let way = first.way().clone();
        lane.ready = Some((way.clone(), turn));
        self.ready.entry(way).or_default().insert(turn, key);
    }
}

fn forget(ready: &mut BTreeMap<Way, BTreeMap<Turn, LaneKey>>, (way, turn): &(Way, Turn)) {
    if let Some(ready) = ready.get_mut(way) {
        ready.remove(turn);
    }
}

/// Whoever heard of an incident in a digest shall not read of its end before that.
fn lane_of(notice: &Notice) -> LaneKey {
    let digest = match notice.kind {
        NoticeKind::Digest => Some(notice.id.as_str()),
        _ => notice.thread.as_deref().filter(|thread| is_digest(thread)),
    };
    if let Some(digest) = digest {
        return digest.into();
    }
    let (who, recipient) = (notice.audience.who(), notice.recipient.to_lowercase());
    format!("{} {who} {recipient}", notice.incident).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::policy::tests::event;

    fn pending(id: &str, recipient: &str, due: i64) -> Pending {
        let event = event("2026-03-16-1", 0, &["A"]);
        let notice = Notice {
            id: id.to_owned(),
            incident: event.incident.clone(),
            event_at: event.at,
            event: event.event,
            kind: NoticeKind::Opening,
            audience: Audience::Staff,
            recipient: recipient.to_owned(),
            thread: None,
            due: At::from_millis(due),
            state: NoticeState::Queued,
        };
        Pending { notice, event: Arc::new(event), attempts: 0, ways: vec![Way::EMAIL] }
    }

    fn take(queue: &mut Queue, now: i64) -> Option<Notice> {
        queue.take(&Way::EMAIL, At::from_millis(now), |_| MayLeave::Now).map(|pending| pending.notice)
    }

    #[test]
    fn what_may_not_leave_stands_aside_and_holds_up_nobody_else() {
        let mut queue = Queue::default();
        queue.push(pending("a", "a@x.example", 0));
        queue.push(pending("a2", "a@x.example", 0));
        queue.push(pending("b", "b@x.example", 0));
        queue.push(pending("c", "c@x.example", 0));
        let judge = |pending: &Pending| match pending.notice.id.as_str() {
            "a" => MayLeave::Keep(Keep::Cap),
            "b" => MayLeave::Later(At::from_millis(70)),
            _ => MayLeave::Now,
        };
        let at = At::from_millis(9);
        assert_eq!(queue.take(&Way::EMAIL, at, judge).expect("the third lane").notice.id, "c");
        assert!(queue.take(&Way::EMAIL, at, judge).is_none());
        let aside = queue.take_aside();
        let [(Keep::Cap, lane)] = &aside[..] else { panic!("one lane: {aside:?}") };
        assert_eq!(lane.iter().map(|(notice, _)| notice.id.as_str()).collect::<Vec<_>>(), ["a", "a2"]);
        assert!(!queue.has_aside());
        // The desk takes them out; what was put off leaves in its time.
        assert!(lane.iter().all(|(notice, _)| queue.withdraw(notice)));
        assert_eq!(queue.next_ready(&Way::EMAIL), Some(At::from_millis(70)));
        assert_eq!(take(&mut queue, 70).expect("it is time").id, "b");
    }

    #[test]
    fn a_resolution_waits_for_its_opening_and_for_nobody_else() {
        let mut queue = Queue::default();
        queue.push(pending("a-opening", "a@x.example", 0));
        queue.push(pending("a-back", "A@X.example", 1));
        queue.push(pending("b-opening", "b@x.example", 2));
        let opening = take(&mut queue, 10).expect("the first");
        assert_eq!(opening.id, "a-opening");
        assert_eq!(take(&mut queue, 10).expect("the other lane").id, "b-opening");
        assert_eq!(take(&mut queue, 10), None, "the resolution waits");
        queue.retry(&opening, At::from_millis(50), 1);
        assert_eq!(take(&mut queue, 49), None);
        assert_eq!(queue.next_ready(&Way::EMAIL), Some(At::from_millis(50)));
        let opening = take(&mut queue, 50).expect("its second chance");
        queue.done(&opening);
        assert_eq!(take(&mut queue, 50).expect("now").id, "a-back");
    }

    #[test]
    fn the_same_notice_twice_is_one() {
        let mut queue = Queue::default();
        queue.push(pending("a", "a@x.example", 0));
        queue.push(pending("a", "a@x.example", 0));
        let notice = take(&mut queue, 0).expect("one");
        queue.push(pending("a", "a@x.example", 0));
        assert_eq!(take(&mut queue, 0), None);
        queue.done(&notice);
        assert!(queue.is_drained());
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn what_is_under_way_cannot_be_withdrawn_and_what_waits_can() {
        let mut queue = Queue::default();
        queue.push(pending("a", "a@x.example", 0));
        queue.push(pending("a2", "a@x.example", 0));
        assert!(take(&mut queue, 0).is_some());
        assert!(!queue.withdraw(&pending("a", "a@x.example", 0).notice));
        assert!(queue.withdraw(&pending("a2", "a@x.example", 0).notice));
        queue.push(pending("b", "b@x.example", 100));
        queue.push(pending("b2", "b@x.example", 200));
        assert!(queue.withdraw(&pending("b", "b@x.example", 0).notice));
        assert_eq!(queue.next_ready(&Way::EMAIL), Some(At::from_millis(200)));
        assert!(!queue.withdraw(&pending("b", "b@x.example", 0).notice));
    }

    #[test]
    fn what_waits_for_somebody_whose_mails_come_back_leaves_by_their_other_way() {
        let mut queue = Queue::default();
        let both =
            |id: &str, to: &str, due| Pending { ways: vec![Way::EMAIL, Way::SMS], ..pending(id, to, due) };
        queue.push(both("a", "a@x.example", 0));
        queue.push(both("a2", "a@x.example", 1));
        queue.push(both("b", "b@x.example", 0));
        queue.push(pending("c", "c@x.example", 0));
        let mut held = both("held", "C@x.example", 0);
        held.notice.state = NoticeState::Held;
        queue.push(held);
        let under_way = take(&mut queue, 0).expect("the first");
        for recipient in ["A@x.example", "b@x.example", "c@x.example", "nobody@x.example"] {
            queue.other_way_first(recipient);
        }
        let by_text = |queue: &mut Queue| {
            queue.take(&Way::SMS, At::from_millis(9), |_| MayLeave::Now).map(|it| it.notice.id)
        };
        assert_eq!(by_text(&mut queue).as_deref(), Some("b"));
        assert_eq!(by_text(&mut queue), None, "the first of the lane is under way");
        queue.done(&under_way);
        assert_eq!(by_text(&mut queue).as_deref(), Some("a2"));
        let no_other = take(&mut queue, 9).expect("there is no other way");
        assert_eq!(no_other.id, "c");
        queue.done(&no_other);
        queue.release("2026-03-16-1");
        assert_eq!(by_text(&mut queue).as_deref(), Some("held"));
    }

    #[test]
    fn held_notices_leave_when_they_are_released() {
        let mut queue = Queue::default();
        let mut held = pending("a", "a@x.example", 0);
        held.notice.state = NoticeState::Held;
        queue.push(held);
        assert!(take(&mut queue, 9).is_none());
        assert_eq!(queue.counts(At::from_millis(9)).held, 1);
        assert_eq!(queue.release("2026-03-16-1").len(), 1);
        assert!(take(&mut queue, 9).is_some());
    }

    #[test]
    fn the_oldest_is_the_oldest_that_is_due() {
        let mut queue = Queue::default();
        queue.push(pending("a", "a@x.example", 30));
        queue.push(pending("b", "b@x.example", 20));
        queue.push(pending("c", "c@x.example", 90));
        let counts = queue.counts(At::from_millis(40));
        assert_eq!(counts, Counts { queued: 2, waiting: 1, held: 0, oldest: Some(At::from_millis(20)) });
    }
}
