//! A desk on paper: the real queue and the real ledger, an outbox that is a list, and a mail server that is there or isn't.

use std::collections::BTreeSet;

use super::*;
use crate::notify::channel::Way;
use crate::notify::queue::{Pending, Queue};

/// What a store would have, and what is to leave.
#[derive(Debug, Default)]
pub(super) struct Paper {
    pub rows: Vec<Row>,
    by_id: BTreeMap<String, usize>,
    pub open: BTreeMap<String, Event>,
    ended: Vec<Event>,
    /// Every event, of all incidents.
    history: Vec<Event>,
    approved: BTreeSet<String>,
    /// What each said.
    pub digests: BTreeMap<String, Digest>,
    queue: Queue,
    /// Nothing leaves meanwhile.
    pub is_cut_off: bool,
    /// Addresses that the mail server refuses.
    pub refuses: BTreeSet<String>,
}

impl Paper {
    fn at(&self, id: &str) -> usize {
        *self.by_id.get(id).expect("it was planned")
    }

    fn settle(&mut self, id: &str, state: NoticeState, now: At) {
        let at = self.at(id);
        let row = &mut self.rows[at];
        assert!(!row.notice.state.is_final(), "{:?} is settled twice: {state:?}", row.notice);
        (row.notice.state, row.changed) = (state, now);
    }

    pub fn write(&mut self, now: At, event: &Arc<Event>, notices: &[Notice], settled: &[(Notice, String)]) {
        for notice in notices {
            let was = self.by_id.insert(notice.id.clone(), self.rows.len());
            let before = was.map(|was| &self.rows[was]);
            assert!(before.is_none(), "twice under one id: {notice:?} and {before:?}");
            // What was kept of an incident that is gone is kept of the one that goes on, and tells of it.
            let own = self.open.get(&notice.incident).filter(|own| own.at == notice.event_at);
            let event = own.map_or_else(|| Arc::clone(event), |own| Arc::new(own.clone()));
            let notice = notice.clone();
            self.push(&notice, &event);
            self.rows.push(Row { notice, event, changed: now });
        }
        for (gone, why) in settled {
            let at = self.at(&gone.id);
            let waits = matches!(self.rows[at].notice.state, NoticeState::Queued | NoticeState::Held);
            assert!(self.queue.withdraw(gone) || !waits, "it can't be called back: {gone:?}");
            self.settle(&gone.id, NoticeState::Withheld { why: why.clone() }, now);
        }
    }

    fn push(&mut self, notice: &Notice, event: &Arc<Event>) {
        let (notice, event) = (notice.clone(), Arc::clone(event));
        self.queue.push(Pending { notice, event, attempts: 0, ways: vec![Way::EMAIL] });
    }

    pub fn plan(&mut self, event: &Event, plan: &Plan) {
        if *plan == Plan::default() && self.open.get(&event.incident).is_some_and(|known| known == event) {
            return;
        }
        self.history.push(event.clone());
        if event.event == EventKind::Resolved {
            self.open.remove(&event.incident);
            self.approved.remove(&event.incident);
            self.ended.push(event.clone());
        } else {
            self.open.insert(event.incident.clone(), event.clone());
        }
        self.write(event.at, &Arc::new(event.clone()), &plan.notices, &plan.withdrawn);
    }

    pub fn release(&mut self, incident: &str, ids: &[String], now: At) {
        self.approved.insert(incident.to_owned());
        let released = self.queue.release(incident);
        assert_eq!(released.len(), ids.len(), "queue and book agree on what is held");
        for id in ids {
            self.settle(id, NoticeState::Queued, now);
        }
    }

    /// What is due by then leaves, as far as it may.
    pub fn send(&mut self, ledger: &mut Ledger, rules: &Rules<'_>, now: At) {
        while !self.is_cut_off {
            let may_leave = |pending: &Pending| ledger.leaves(&pending.notice, &pending.event, now, rules);
            if let Some(pending) = self.queue.take(&Way::EMAIL, now, may_leave) {
                let notice = pending.notice;
                if self.refuses.contains(&key(&notice.recipient)) {
                    let Unread { followers, kept } = ledger.rejected(&notice, now);
                    for (follower, why) in followers {
                        assert!(self.queue.withdraw(&follower), "it follows: {follower:?}");
                        self.settle(&follower.id, NoticeState::Withheld { why }, now);
                    }
                    self.settle(&notice.id, NoticeState::Rejected { why: "no such user".to_owned() }, now);
                    for paced in kept {
                        self.write(now, &paced.event, &paced.notices, &paced.settled);
                    }
                } else {
                    ledger.accepted(&notice);
                    self.settle(&notice.id, NoticeState::Accepted, now);
                }
                self.queue.done(&notice);
                continue;
            }
            if !self.queue.has_aside() {
                break;
            }
            for (by, letters) in self.queue.take_aside() {
                for paced in ledger.keep(&letters, by, now, rules) {
                    self.write(now, &paced.event, &paced.notices, &paced.settled);
                }
            }
        }
    }

    fn incident(&self, event: &Event, ledger: &Ledger) -> OpenIncident {
        let of = self.rows.iter().filter(|row| row.notice.incident == event.incident);
        OpenIncident {
            event: event.clone(),
            approved: self.approved.contains(&event.incident),
            run: Run::of(self.history.iter().filter(|other| other.incident == event.incident)),
            notices: of.cloned().collect(),
            taken_on: ledger.incidents.get(&event.incident).map(|r| r.taken_on.clone()).unwrap_or_default(),
        }
    }

    /// What the next process finds: see `Store::snapshot` and `Store::routing_left`.
    pub fn restart(&mut self, ledger: &Ledger, now: At) -> Ledger {
        let open: Vec<OpenIncident> = self.open.values().map(|event| self.incident(event, ledger)).collect();
        let over = self.ended.iter().filter(|event| {
            !self.open.contains_key(&event.incident) && event.at > now - limits::NOTICE_REMEMBERED
        });
        let those = |which: &dyn Fn(&Row) -> bool| -> Vec<Row> {
            self.rows.iter().filter(|row| which(row)).cloned().collect()
        };
        let of_kind = |kind: NoticeKind| self.rows.iter().filter(move |row| row.notice.kind == kind);
        let is_digest_left = |id: &str| {
            of_kind(NoticeKind::Digest)
                .any(|row| row.notice.id == id && row.notice.state == NoticeState::Queued)
        };
        let recent = |row: &Row| match row.notice.state {
            NoticeState::Queued | NoticeState::Held => true,
            NoticeState::Accepted => row.changed > now - limits::NOTICES_HOUR,
            _ => false,
        };
        let folded = |row: &Row| row.notice.state.why().and_then(digest_of).is_some_and(is_digest_left);
        let let_go = |row: &Row| {
            let is_told = |digest: &Row| {
                let Notice { state, due, recipient, .. } = &digest.notice;
                *state != NoticeState::Queued
                    && *due >= row.changed
                    && key(recipient) == key(&row.notice.recipient)
            };
            row.notice.state.why() == Some(LET_GO) && !of_kind(NoticeKind::Digest).any(is_told)
        };
        let is_read = |row: &&Row| {
            row.notice.kind == NoticeKind::Inherited || matches!(row.notice.state, NoticeState::Kept { .. })
        };
        let threads = self.rows.iter().filter(is_read).filter_map(|row| row.notice.thread.as_ref());
        let threads: BTreeSet<&String> = threads.collect();
        let refused = self
            .rows
            .iter()
            .filter(|row| matches!(row.notice.state, NoticeState::Rejected { .. }))
            .filter(|row| row.notice.kind == NoticeKind::Digest || threads.contains(&row.notice.id))
            .map(|row| row.notice.id.clone());
        let left = Left {
            over: over.map(|event| self.incident(event, ledger)).collect(),
            recent: those(&recent),
            kept: those(&|row| matches!(row.notice.state, NoticeState::Kept { .. })),
            folded: those(&folded),
            let_go: those(&let_go),
            refused: refused.collect(),
            digests: of_kind(NoticeKind::Digest)
                .filter(|row| row.notice.state == NoticeState::Accepted)
                .map(|row| (row.notice.id.clone(), row.changed))
                .collect(),
            mutes: ledger.mutes().iter().filter(|mute| mute.until > now).cloned().collect(),
        };
        self.queue = Queue::default();
        for row in those(&|row| !row.notice.state.is_final()) {
            self.push(&row.notice, &row.event);
        }
        Ledger::restore(&open, left)
    }
}

impl Story {
    /// Something is done with the ledger, and written down.
    fn with_ledger<T>(&mut self, what: impl FnOnce(&mut Ledger, &mut Paper, &Rules<'_>) -> T) -> T {
        let mut ledger = std::mem::take(&mut self.ledger);
        let mut paper = std::mem::take(&mut self.paper);
        let done = what(&mut ledger, &mut paper, &self.rules());
        (self.ledger, self.paper) = (ledger, paper);
        done
    }

    pub(super) fn tell(&mut self, event: &Event) -> Plan {
        self.with_ledger(|ledger, paper, rules| {
            paper.send(ledger, rules, event.at);
            let plan = ledger.plan(event, rules);
            paper.plan(event, &plan);
            paper.send(ledger, rules, event.at);
            plan
        })
    }

    /// What was promised by then, and escalated.
    pub(super) fn reminds(&mut self, now: At) -> Vec<Paced> {
        self.passes(now, Ledger::remind)
    }

    /// What the passing of time leads to.
    pub(super) fn ticks(&mut self, now: At) -> Vec<Paced> {
        self.passes(now, Ledger::tick)
    }

    /// What another planned work leads to.
    pub(super) fn replans(&mut self, now: At) -> Vec<Paced> {
        self.passes(now, Ledger::replan)
    }

    fn passes(&mut self, now: At, what: fn(&mut Ledger, At, &Rules<'_>) -> Vec<Paced>) -> Vec<Paced> {
        self.with_ledger(|ledger, paper, rules| {
            paper.send(ledger, rules, now);
            let all = what(ledger, now, rules);
            for paced in &all {
                let said = |notice: &Notice| Some((notice.id.clone(), ledger.digest(&notice.id)?.clone()));
                paper.digests.extend(paced.notices.iter().filter_map(said));
                paper.write(now, &paced.event, &paced.notices, &paced.settled);
            }
            paper.send(ledger, rules, now);
            all
        })
    }

    pub(super) fn approve(&mut self, incident: &str, now: At) -> Option<Released> {
        self.with_ledger(|ledger, paper, rules| {
            let released = ledger.approve(incident, now)?;
            paper.release(incident, &released.notices, now);
            paper.send(ledger, rules, now);
            Some(released)
        })
    }

    pub(super) fn restart(&mut self, now: At) {
        self.ledger = self.paper.restart(&self.ledger, now);
    }
}
