//! Several agents at one practice, which ask the same checks: a second PC, or one in the server cupboard beside one at the desk.
//!
//! What one finds and another doesn't is that computer's own, or its socket's, and not the practice's. So while two are heard, a
//! failure *counts* once all of them that have asked lately find it; until then it is held. Both are asked for at the same
//! instant of the comb, so that this costs a moment and not a round. The practice is silent when all are, and has said goodbye when
//! the last of those that are there has. Of a practice with one agent nothing here is of any consequence.

use super::hearing::Clock;
use super::topology::Row;
use crate::estate::{Estate, PracticeIx};
use crate::limits::{AGENT_NOTE_FROM_MS, AGENT_NOTE_UNTIL_MS, AGENTS_PER_PRACTICE_MAX};
use crate::observation::Observation;
use crate::time::At;

/// One that wasn't heard for so long isn't asked for its opinion: an agent is heard every 30 s at least.
const LISTENED_TO_MS: i64 = 75_000;
/// Failures in a row that another agent doesn't see from which people are told.
const APART_RUN_MIN: u32 = 3;

/// All agents of all practices.
#[derive(Debug)]
pub struct Agents {
    probes: usize,
    /// By row.
    rows: Vec<Vec<Agent>>,
}

#[derive(Debug, Clone)]
struct Agent {
    id: String,
    last: At,
    /// It said goodbye.
    away: bool,
    clock: Clock,
    /// By probe; none before a second agent is heard.
    told: Vec<Told>,
}

/// What an agent said last of one check.
#[derive(Debug, Clone, Default)]
struct Told {
    /// When it was asked; `None`: never.
    at: Option<At>,
    ok: bool,
    /// Failures in a row.
    run: u32,
    /// When the first of them was asked.
    since: At,
    /// That first one, while it doesn't count.
    held: Option<Box<Observation>>,
}

/// Whether a result counts as the practice's.
#[derive(Debug, PartialEq)]
pub enum Opinion {
    Counts,
    /// The practice's, and so is this one of before, which was held.
    CountsWith(Box<Observation>),
    /// Another agent of the practice finds the same check fine.
    Held,
}

/// An agent that isn't like the others of its practice, for a note.
#[derive(Debug, PartialEq, Eq)]
pub enum Apart<'a> {
    /// It fails so many checks that another finds fine.
    Fails { agent: &'a str, checks: usize, since: At },
    /// It isn't heard, and another is.
    Silent { agent: &'a str, since: At },
}

impl Agent {
    fn is_here(&self, now: At) -> bool {
        !self.away && now.millis_since(self.last) <= LISTENED_TO_MS
    }
}

impl Agents {
    pub fn new(rows: usize, probes: usize) -> Self {
        Self { probes, rows: vec![Vec::new(); rows] }
    }

    /// An agent was heard. `bye`: it goes away in good order. Returns whether it was the last one of its practice that is there.
    pub fn hear(&mut self, row: Row, id: Option<&str>, arrival: At, bye: bool) -> bool {
        let Some(of_row) = self.rows.get_mut(row as usize) else { return true };
        let Some(id) = id else { return true };
        if !of_row.iter().any(|agent| agent.id == id) {
            if of_row.len() >= AGENTS_PER_PRACTICE_MAX
                && let Some(oldest) = (0..of_row.len()).min_by_key(|place| of_row[*place].last)
            {
                of_row.remove(oldest);
            }
            let (id, last) = (id.to_owned(), arrival);
            of_row.push(Agent { id, last, away: false, clock: Clock::UNKNOWN, told: Vec::new() });
        }
        let mut others = false;
        for agent in of_row {
            if agent.id == id {
                (agent.last, agent.away) = (agent.last.max(arrival), bye);
            } else {
                others |= agent.is_here(arrival);
            }
        }
        !others
    }

    /// The time at which one of several began to ask, by the hub's clock. `None`: it is the only one, and the row's clock is its.
    pub fn by_our_clock(
        &mut self,
        row: Row,
        id: Option<&str>,
        at: At,
        took_ms: i64,
        reask: bool,
    ) -> Option<At> {
        let of_row = self.rows.get_mut(row as usize).filter(|of_row| of_row.len() > 1)?;
        let agent = of_row.iter_mut().find(|agent| Some(agent.id.as_str()) == id)?;
        if !reask {
            agent.clock.hear(took_ms);
        }
        Some(at.plus_millis(agent.clock.off_ms()))
    }

    /// Whether a result of an agent counts as the practice's, asked at `at` by the hub's clock. `stale_ms`: for how long one of this
    /// check says something.
    pub fn judge(
        &mut self,
        (row, probe): (Row, usize),
        at: At,
        seen: &Observation,
        now: At,
        stale_ms: i64,
    ) -> Opinion {
        let probes = self.probes;
        let Some(of_row) = self.rows.get_mut(row as usize).filter(|of_row| of_row.len() > 1) else {
            return Opinion::Counts;
        };
        let Some(own) = of_row.iter().position(|agent| Some(&agent.id) == seen.agent.as_ref()) else {
            return Opinion::Counts;
        };
        let fine_elsewhere = of_row.iter().enumerate().any(|(place, agent)| {
            let says_fine =
                |told: &Told| told.ok && told.at.is_some_and(|asked| now.millis_since(asked) <= stale_ms);
            place != own && agent.is_here(now) && agent.told.get(probe).is_some_and(says_fine)
        });
        if seen.late {
            // No result yet: what it comes to will be judged.
            return if fine_elsewhere { Opinion::Held } else { Opinion::Counts };
        }
        for agent in of_row.iter_mut().filter(|agent| agent.told.is_empty()) {
            agent.told.resize(probes, Told::default());
        }
        let Some(told) = of_row[own].told.get_mut(probe) else { return Opinion::Counts };
        if told.at.is_some_and(|last| last > at) {
            // Something older, which changes nothing of what is known.
            return if fine_elsewhere && !seen.ok { Opinion::Held } else { Opinion::Counts };
        }
        let is_first = told.at.is_none() || told.ok;
        (told.at, told.ok) = (Some(at), seen.ok);
        if seen.ok {
            (told.run, told.held) = (0, None);
            return Opinion::Counts;
        }
        told.run = if is_first { 1 } else { told.run.saturating_add(1) };
        if is_first {
            told.since = at;
        }
        if fine_elsewhere {
            if is_first {
                told.held = Some(Box::new(Observation { at, ..seen.clone() }));
            }
            return Opinion::Held;
        }
        // All that can tell find it: the practice has failed since the first of them did.
        let held = of_row.iter_mut().filter_map(|agent| agent.told.get_mut(probe)?.held.take());
        match held.filter(|held| held.at < at).min_by_key(|held| held.at) {
            Some(held) => Opinion::CountsWith(held),
            None => Opinion::Counts,
        }
    }

    /// Takes a row over from another estate: who its agents are. What they said of its checks is said again within a round.
    pub fn take_over(&mut self, row: Row, from: &Self, was: Row) {
        if let (Some(of_row), Some(was)) = (self.rows.get_mut(row as usize), from.rows.get(was as usize)) {
            *of_row = was.iter().map(|agent| Agent { told: Vec::new(), ..agent.clone() }).collect();
        }
    }

    /// Agents that aren't like the others of their practice, in the estate's order.
    pub fn apart<'a>(
        &'a self,
        estate: &'a Estate,
        now: At,
    ) -> impl Iterator<Item = (PracticeIx, Apart<'a>)> + 'a {
        let several = self.rows.iter().take(estate.practices.len()).enumerate();
        several.filter(|(_, of_row)| of_row.len() > 1).flat_map(move |(row, of_row)| {
            let is_heard = |agent: &&Agent| agent.is_here(now);
            let some_heard = of_row.iter().any(|agent| is_heard(&agent));
            let apart = of_row.iter().filter_map(move |agent| {
                let quiet_ms = now.millis_since(agent.last);
                if agent.is_here(now) {
                    let held =
                        agent.told.iter().filter(|told| told.held.is_some() && told.run >= APART_RUN_MIN);
                    let since = held.clone().map(|told| told.since).min()?;
                    Some(Apart::Fails { agent: &agent.id, checks: held.count(), since })
                } else if some_heard
                    && !agent.away
                    && (AGENT_NOTE_FROM_MS..AGENT_NOTE_UNTIL_MS).contains(&quiet_ms)
                {
                    Some(Apart::Silent { agent: &agent.id, since: agent.last })
                } else {
                    None
                }
            });
            apart.map(move |apart| (PracticeIx::new(row), apart))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Failure, HUB};

    const STALE_MS: i64 = 65_000;

    fn at(s: i64) -> At {
        At::from_millis(1_773_644_400_000 + s * 1_000)
    }

    fn seen(agent: &str, s: i64, ok: bool) -> Observation {
        let line = format!(
            r#"{{"at":"{}","practice":"{HUB}","probe":"web","ok":{ok},"ms":5,"agent":"{agent}"}}"#,
            at(s)
        );
        let mut seen: Observation = serde_json::from_str(&line).expect("a line");
        seen.failure = (!ok).then_some(Failure::Timeout);
        seen
    }

    fn two() -> Agents {
        let mut agents = Agents::new(1, 1);
        for id in ["a", "b"] {
            agents.hear(0, Some(id), at(0), false);
            assert_eq!(agents.judge((0, 0), at(0), &seen(id, 0, true), at(0), STALE_MS), Opinion::Counts);
        }
        agents
    }

    fn judged(agents: &mut Agents, id: &str, s: i64, ok: bool) -> Opinion {
        agents.hear(0, Some(id), at(s), false);
        agents.judge((0, 0), at(s), &seen(id, s, ok), at(s), STALE_MS)
    }

    #[test]
    fn one_of_two_that_fails_is_itself_and_both_are_the_practice() {
        let mut agents = two();
        assert_eq!(judged(&mut agents, "a", 30, false), Opinion::Held);
        assert_eq!(judged(&mut agents, "b", 30, true), Opinion::Counts);
        assert_eq!(judged(&mut agents, "a", 60, false), Opinion::Held);
        // And now the other: since the first of them did.
        let Opinion::CountsWith(held) = judged(&mut agents, "b", 61, false) else { panic!("it counts") };
        assert_eq!((held.agent.as_deref(), held.at), (Some("a"), at(30)));
        assert_eq!(judged(&mut agents, "a", 90, false), Opinion::Counts);
        assert_eq!(judged(&mut agents, "b", 91, true), Opinion::Counts);
        assert_eq!(judged(&mut agents, "a", 120, false), Opinion::Held, "the other is back");
    }

    #[test]
    fn one_that_has_gone_is_not_asked_for_its_opinion() {
        for bye in [false, true] {
            let mut agents = two();
            assert!(!agents.hear(0, Some("b"), at(1), bye), "the other is there");
            let s = if bye { 2 } else { 1 + LISTENED_TO_MS / 1_000 + 1 };
            agents.hear(0, Some("a"), at(s), false);
            let late_enough = agents.judge((0, 0), at(s), &seen("a", s, false), at(s), i64::MAX / 2);
            assert_eq!(late_enough, Opinion::Counts, "{bye}");
        }
    }

    #[test]
    fn the_goodbye_of_the_last_is_the_practices() {
        let mut agents = two();
        assert!(!agents.hear(0, Some("a"), at(5), true));
        assert!(agents.hear(0, Some("b"), at(6), true));
        assert!(agents.hear(0, Some("a"), at(7), false), "it is back, and alone");
        assert!(agents.hear(0, None, at(8), true), "one that doesn't say who it is is the only one");
    }

    #[test]
    fn their_number_is_bounded_and_a_stranger_to_the_estate_is_nobody() {
        let mut agents = Agents::new(1, 1);
        for n in 0..10 * AGENTS_PER_PRACTICE_MAX {
            agents.hear(0, Some(&n.to_string()), at(i64::try_from(n).expect("few")), false);
        }
        assert_eq!(agents.rows[0].len(), AGENTS_PER_PRACTICE_MAX);
        assert!(agents.hear(7, Some("a"), at(0), false));
        assert_eq!(agents.judge((7, 0), at(0), &seen("a", 0, false), at(0), STALE_MS), Opinion::Counts);
    }

    #[test]
    fn each_has_a_clock_of_its_own() {
        let mut agents = two();
        let off = |agents: &mut Agents, id: &str, took_ms: i64| {
            agents.by_our_clock(0, Some(id), at(0), took_ms, false).map(|at_| at_.millis_since(at(0)))
        };
        assert_eq!(off(&mut agents, "a", -58_000), Some(-58_000));
        assert_eq!(off(&mut agents, "b", 200), Some(0));
        assert_eq!(agents.by_our_clock(0, None, at(0), 0, false), None);
        let mut one = Agents::new(1, 1);
        one.hear(0, Some("a"), at(0), false);
        assert_eq!(off(&mut one, "a", -58_000), None, "the row's clock is its");
    }
}
