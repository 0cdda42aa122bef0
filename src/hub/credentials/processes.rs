//! Which processes report as one agent: whether what one of them says is older than what it said before, and whether there are two. Pure.
//!
//! One after the other is an agent that was started again. When the first is heard after the second, and the second after that, both run:
//! somebody copied an agent's folder, or the disk that it is on. Their observations have the same numbers and are kept all the same
//! (`intake::doubt`), but two computers that report as one would be taken for one that contradicts itself, and each report would have to be
//! compared with what the other said. The one that was there first stays, the other is refused until it enrols by itself; it keeps what it
//! sees until then.

use crate::limits::{
    AGENT_PROCESSES_REMEMBERED, AGENT_TWIN_HOLDS_FOR, AGENT_TWIN_RETURNS, AGENT_TWIN_SHOWN_FOR,
};
use crate::time::At;
use crate::uplink::message::Process;

/// What has been heard of an agent's processes.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    /// The one that is let in.
    now: Option<Heard>,
    /// Whose place was taken, the last one last.
    before: Vec<Heard>,
    /// When one of those was heard again, since there was a new one.
    returns: Vec<At>,
    /// When another was last refused, if two run.
    refused: Option<At>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Heard {
    id: String,
    first: At,
    last: At,
    said: u64,
}

/// What a word is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// The newest.
    New,
    /// What was said after it has come before it.
    Late,
    /// Another process has this agent's place.
    Twin,
}

impl Processes {
    /// The one that was let in said so at `at`, to the process of the hub before this one. It was there before any that comes now.
    pub fn recall(process: &Process, at: At) -> Self {
        let heard = Heard { id: process.id.clone(), first: at, last: at, said: process.said };
        Self { now: Some(heard), ..Self::default() }
    }

    /// One more word of a process came at `at`.
    pub fn hear(&mut self, process: &Process, at: At) -> Worth {
        let is_let_in = self.now.as_ref().is_some_and(|now| now.id == process.id);
        if let Some(refused) = self.refused {
            let holds = self.now.as_ref().is_some_and(|now| at <= now.last + AGENT_TWIN_HOLDS_FOR);
            if !is_let_in && holds {
                self.refused = Some(at);
                return Worth::Twin;
            }
            // Either is gone: the one that was let in, or the other.
            if !is_let_in || refused + AGENT_TWIN_SHOWN_FOR < at {
                *self = Self { now: self.now.take().filter(|_| is_let_in), ..Self::default() };
            }
        } else if !is_let_in {
            self.take_place(process, at);
            if self.returns.len() >= AGENT_TWIN_RETURNS {
                return self.tell_apart(process, at);
            }
        }
        self.newest(process, at)
    }

    /// A process is heard that isn't the last one: a new one, or one again whose place was taken.
    fn take_place(&mut self, process: &Process, at: At) {
        let back = self.before.iter().position(|before| before.id == process.id);
        let back = back.map(|place| self.before.remove(place));
        self.before.extend(self.now.take());
        let surplus = self.before.len().saturating_sub(AGENT_PROCESSES_REMEMBERED);
        self.before.drain(..surplus);
        // What came late of one that ended is no sign of one that runs beside a new one.
        let is_apart = self.returns.last().is_some_and(|last| *last + AGENT_TWIN_SHOWN_FOR < at);
        if back.is_none() || is_apart {
            self.returns.clear();
        }
        if back.is_some() {
            self.returns.push(at);
        }
        self.now = back;
    }

    /// Of those that were heard in turns the first stays. Who wasn't heard since the turns began has ended.
    fn tell_apart(&mut self, process: &Process, at: At) -> Worth {
        self.refused = Some(at);
        let turns_since = self.returns.first().copied().unwrap_or(at);
        let others = self
            .before
            .iter()
            .filter(|heard| heard.last >= turns_since && at <= heard.last + AGENT_TWIN_HOLDS_FOR);
        let first = self.now.iter().chain(others).min_by_key(|heard| heard.first).cloned();
        if first.as_ref().is_none_or(|first| first.id == process.id) {
            return self.newest(process, at);
        }
        self.now = first;
        Worth::Twin
    }

    /// When another process was last refused; `None`: there is one alone, as far as is known.
    pub fn twin(&self) -> Option<At> {
        self.refused
    }

    /// A word of the process that is heard now, or of one that takes its place.
    fn newest(&mut self, process: &Process, at: At) -> Worth {
        match &mut self.now {
            Some(now) if now.id == process.id => {
                now.last = now.last.max(at);
                if process.said < now.said {
                    return Worth::Late;
                }
                now.said = process.said;
            }
            other => {
                *other = Some(Heard { id: process.id.clone(), first: at, last: at, said: process.said });
            }
        }
        Worth::New
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::{HEARTBEAT_EVERY, UPLINK_REFUSED_WAIT};

    const NOW: At = At::from_millis(1_773_644_400_000);

    /// Words come, each as its process, its number and its second; what each is worth.
    fn worth(processes: &mut Processes, words: &[(&str, u64, i64)]) -> Vec<Worth> {
        let hear = |(id, said, second): &(&str, u64, i64)| {
            let process = Process { id: (*id).to_owned(), said: *said };
            processes.hear(&process, NOW.plus_millis(second * 1_000))
        };
        words.iter().map(hear).collect()
    }

    #[test]
    fn a_word_that_was_overtaken_is_late() {
        let mut processes = Processes::default();
        let words = [("a", 0, 0), ("a", 2, 1), ("a", 1, 2), ("a", 2, 3), ("a", 3, 4)];
        let worth: Vec<bool> = worth(&mut processes, &words).iter().map(|it| *it == Worth::Late).collect();
        assert_eq!(worth, [false, false, true, false, false]);
    }

    #[test]
    fn one_that_is_started_again_is_the_same_agent_however_often_and_whatever_comes_late() {
        let mut processes = Processes::default();
        // The last word of `a` was under way while `b` began.
        let words =
            [("a", 0, 0), ("b", 0, 10), ("a", 1, 11), ("b", 1, 12), ("c", 0, 13), ("b", 2, 14), ("c", 1, 15)];
        assert_eq!(worth(&mut processes, &words), [Worth::New; 7]);
        assert_eq!(processes.twin(), None);
    }

    #[test]
    fn of_two_that_run_the_first_is_let_in_and_the_other_refused_until_the_first_is_gone() {
        let mut processes = Processes::default();
        let words = [("a", 0, 0), ("b", 0, 10), ("a", 1, 30), ("b", 1, 40)];
        assert_eq!(worth(&mut processes, &words), [Worth::New; 4]);
        assert_eq!(worth(&mut processes, &[("a", 2, 60), ("b", 2, 70)]), [Worth::New, Worth::Twin]);
        assert_eq!(processes.twin(), Some(NOW.plus_millis(70_000)));
        // Started again it is another process, and has no better right.
        assert_eq!(worth(&mut processes, &[("c", 0, 80), ("a", 3, 90)]), [Worth::Twin, Worth::New]);
        let holds = i64::try_from(AGENT_TWIN_HOLDS_FOR.as_secs()).expect("short");
        assert_eq!(
            worth(&mut processes, &[("c", 1, 90 + holds), ("c", 2, 91 + holds)]),
            [Worth::Twin, Worth::New]
        );
        assert_eq!(processes.twin(), None);
    }

    #[test]
    fn after_a_restart_of_the_hub_the_one_that_was_let_in_before_stays() {
        let process = Process { id: "a".to_owned(), said: 70 };
        let words = [("b", 0, 0), ("a", 71, 10), ("b", 1, 20), ("a", 72, 30), ("b", 2, 40), ("a", 73, 50)];
        let mut forgotten = Processes::default();
        let last = worth(&mut forgotten, &words)[3..].to_vec();
        assert_eq!(last, [Worth::New, Worth::New, Worth::Twin], "by who came first");
        let mut recalled = Processes::recall(&process, NOW.plus_millis(-600_000));
        let last = worth(&mut recalled, &words)[3..].to_vec();
        assert_eq!(last, [Worth::New, Worth::Twin, Worth::New]);
        // What it had said was under way while the hub was started again.
        assert_eq!(worth(&mut Processes::recall(&process, NOW), &[("a", 69, 1)]), [Worth::Late]);
    }

    #[test]
    fn one_that_has_ended_keeps_no_place_from_the_two_that_run() {
        // It was stopped, its folder copied, and both started.
        let mut processes = Processes::default();
        let words = [("p", 0, 0), ("a", 0, 10), ("b", 0, 11), ("a", 1, 12), ("b", 1, 13)];
        assert_eq!(worth(&mut processes, &words), [Worth::New; 5]);
        assert_eq!(
            worth(&mut processes, &[("a", 2, 14), ("b", 2, 15), ("a", 3, 16)]),
            [Worth::New, Worth::Twin, Worth::New]
        );
    }

    #[test]
    fn of_three_that_run_one_is_let_in() {
        let mut processes = Processes::default();
        let turns: Vec<(&str, u64, i64)> = ["a", "b", "c"]
            .into_iter()
            .cycle()
            .zip(0_i64..12)
            .map(|(id, n)| (id, n.cast_unsigned() / 3, 10 * n))
            .collect();
        let worth = worth(&mut processes, &turns);
        assert!(worth[..5].iter().all(|word| *word == Worth::New), "{worth:?}");
        assert_eq!(worth[6..], [Worth::New, Worth::Twin, Worth::Twin].repeat(2));
    }

    #[test]
    fn once_the_other_was_not_heard_for_a_while_there_is_one() {
        let mut processes = Processes::default();
        let words = [("a", 0, 0), ("b", 0, 1), ("a", 1, 2), ("b", 1, 3), ("a", 2, 4), ("b", 2, 5)];
        worth(&mut processes, &words);
        assert!(processes.twin().is_some());
        let shown = i64::try_from(AGENT_TWIN_SHOWN_FOR.as_secs()).expect("short");
        worth(&mut processes, &[("a", 3, 5 + shown)]);
        assert!(processes.twin().is_some());
        worth(&mut processes, &[("a", 4, 6 + shown)]);
        assert_eq!(processes.twin(), None);
    }

    #[test]
    fn returns_that_are_far_apart_are_no_twins() {
        // A laptop that wakes up with an old word, once a day.
        let mut processes = Processes::default();
        for day in 0..10 {
            let second = day * 86_400;
            let id = if day % 2 == 0 { "a" } else { "b" };
            assert_eq!(worth(&mut processes, &[(id, 0, second)]), [Worth::New]);
        }
        assert_eq!(processes.twin(), None);
    }

    proptest! {
        /// Whatever comes in whatever order: nobody is refused unless another was let in lately.
        #[test]
        fn nobody_is_refused_beside_nobody(
            words in prop::collection::vec((0_usize..4, 0_u64..100, 0_i64..40), 1..200)
        ) {
            let mut processes = Processes::default();
            let mut at = 0;
            let mut let_in: Vec<(i64, &str)> = Vec::new();
            for (who, said, later) in words {
                at += later;
                let id = ["a", "b", "c", "d"][who];
                let word = worth(&mut processes, &[(id, said, at)])[0];
                if word == Worth::Twin {
                    let holds = i64::try_from(AGENT_TWIN_HOLDS_FOR.as_secs()).expect("short");
                    let other = let_in.iter().any(|(heard, one)| *one != id && at - heard <= holds);
                    prop_assert!(other, "{id} is refused beside nobody");
                } else {
                    let_in.push((at, id));
                }
            }
        }
    }

    #[test]
    fn whoever_runs_is_heard_within_the_bounds() {
        assert!(AGENT_TWIN_HOLDS_FOR >= HEARTBEAT_EVERY * 4, "the one that is let in");
        assert!(AGENT_TWIN_SHOWN_FOR >= UPLINK_REFUSED_WAIT * 2, "the one that is refused");
    }
}
