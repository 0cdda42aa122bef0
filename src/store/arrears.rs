//! What waits in memory to be written. In good days it waits for a millisecond; while the disk doesn't take
//! writes, until it does.

use std::collections::VecDeque;
use std::time::Instant;

use super::write::Write;
use super::{StoreError, StoreHealth};
use crate::limits;
use crate::time::At;

#[derive(Default)]
pub(super) struct Arrears {
    waiting: VecDeque<(u64, Write)>,
    next: u64,
    failing: Option<Failing>,
    /// Writes that were given up for want of room, since the disk began to fail.
    lost: u64,
}

struct Failing {
    since: At,
    /// Until then the disk is left alone.
    rest_until: Instant,
    error: StoreError,
}

impl Arrears {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a write. At the bound the oldest changes of checks go first; when there are none, the new write is
    /// refused: what is already there is the older part of the same story.
    pub(super) fn push(&mut self, write: Write) {
        if self.waiting.len() >= limits::STORE_ARREARS_MAX {
            self.lost += 1;
            let oldest =
                self.waiting.iter().position(|(_, write)| matches!(write, Write::Transitions { .. }));
            match oldest {
                Some(oldest) => drop(self.waiting.remove(oldest)),
                None => return,
            }
        }
        self.waiting.push_back((self.next, write));
        self.next += 1;
    }

    /// The error to answer with while the disk is left alone.
    pub(super) fn resting(&self, now: Instant) -> Option<StoreError> {
        self.failing.as_ref().filter(|failing| now < failing.rest_until).map(|failing| failing.error.clone())
    }

    /// What goes into the next transaction, and the number to report to [`Self::written`].
    pub(super) fn waiting(&self) -> (Vec<Write>, u64) {
        let batch = || self.waiting.iter().take(limits::STORE_BATCH);
        let up_to = batch().next_back().map_or(0, |(number, _)| number + 1);
        (batch().map(|(_, write)| write.clone()).collect(), up_to)
    }

    /// All that came before `up_to` is on the disk. True when something still waits.
    pub(super) fn written(&mut self, up_to: u64) -> bool {
        while self.waiting.front().is_some_and(|(number, _)| *number < up_to) {
            self.waiting.pop_front();
        }
        !self.waiting.is_empty()
    }

    /// The disk took a write. Answers with what had been wrong, if anything was.
    pub(super) fn is_fine(&mut self) -> Option<StoreError> {
        self.lost = 0;
        self.failing.take().map(|failing| failing.error)
    }

    /// The disk didn't. True when that is news.
    pub(super) fn failed(&mut self, now: At, instant: Instant, error: &StoreError) -> bool {
        let news = self.failing.is_none();
        let since = self.failing.as_ref().map_or(now, |failing| failing.since);
        let rest_until = instant + limits::STORE_REST;
        self.failing = Some(Failing { since, rest_until, error: error.clone() });
        news
    }

    pub(super) fn health(&self) -> StoreHealth {
        let Some(failing) = &self.failing else { return StoreHealth::Fine };
        let mut why = failing.error.to_string();
        if self.lost > 0 {
            why = format!("{why}; {} records did not fit in memory and are lost", self.lost);
        }
        StoreHealth::Failing { since: failing.since, why }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Write> {
        self.waiting.iter().map(|(_, write)| write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transitions() -> Write {
        Write::Transitions { at: At::default(), transitions: [].into() }
    }

    fn approval() -> Write {
        Write::Approve { incident: "2026-03-16-1".into(), by: "desk".into(), at: At::default() }
    }

    #[test]
    fn at_the_bound_changes_of_checks_go_first_and_then_nothing_more_is_taken() {
        let mut arrears = Arrears::default();
        arrears.push(transitions());
        for _ in 1..limits::STORE_ARREARS_MAX {
            arrears.push(approval());
        }
        arrears.push(approval());
        assert_eq!(arrears.waiting.len(), limits::STORE_ARREARS_MAX);
        assert!(arrears.iter().all(|write| matches!(write, Write::Approve { .. })));
        arrears.push(transitions());
        assert_eq!(arrears.waiting.len(), limits::STORE_ARREARS_MAX);
        assert_eq!(arrears.lost, 2);
    }

    #[test]
    fn what_comes_while_the_disk_writes_is_not_taken_for_written() {
        let mut arrears = Arrears::default();
        arrears.push(approval());
        let (waiting, up_to) = arrears.waiting();
        assert_eq!(waiting.len(), 1);
        arrears.push(transitions());
        assert!(arrears.written(up_to));
        assert_eq!(arrears.waiting.len(), 1);
        assert!(matches!(arrears.waiting[0].1, Write::Transitions { .. }));
    }

    #[test]
    fn a_failing_disk_is_left_alone_for_a_while_and_keeps_its_first_time() {
        let mut arrears = Arrears::default();
        let start = Instant::now();
        let full = StoreError::Full { file: "linewatch.db".into() };
        assert!(arrears.failed(At::from_millis(1), start, &full));
        assert!(arrears.resting(start).is_some());
        assert!(arrears.resting(start + limits::STORE_REST).is_none());
        assert!(!arrears.failed(At::from_millis(2), start, &full));
        assert!(
            matches!(arrears.health(), StoreHealth::Failing { since, .. } if since == At::from_millis(1))
        );
        assert!(arrears.is_fine().is_some());
        assert_eq!(arrears.health(), StoreHealth::Fine);
    }
}
