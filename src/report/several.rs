//! Several agents at one practice: what is the practice's, of what each of them found, and when none of them measured.
//!
//! The rule is the correlator's ([`crate::correlate`]): of those that are there, any that finds a check fine speaks for the practice, and
//! what another finds alone is that computer's own. So a check fails from when the last of them found that it does until the first of them
//! found it fine. Whoever isn't there isn't asked: what it said before it was switched off holds for nobody.

use std::collections::BTreeMap;

use crate::estate::PracticeIx;
use crate::spans::Spans;
use crate::time::At;

/// An agent, by a number within its practice.
pub(super) type AgentIx = u32;

/// linewatch itself asked, or an earlier version wrote the entry and nobody knows which of the agents it was.
pub(super) const UNNAMED: AgentIx = 0;

/// A result that changed one check, as one agent found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub at: At,
    pub agent: AgentIx,
    pub ok: bool,
}

/// Who stands at each practice, and when each of them measured.
#[derive(Debug, Default)]
pub(super) struct Several {
    /// By practice: their ids, the first one without.
    names: BTreeMap<PracticeIx, Vec<String>>,
    /// When it didn't, by the journal's last word.
    missing: BTreeMap<(PracticeIx, AgentIx), Spans>,
    until: BTreeMap<(PracticeIx, AgentIx), At>,
}

/// What else decides who was there.
#[derive(Debug)]
pub(super) struct Times {
    /// When agents were to measure at the practices, and linewatch itself didn't.
    pub for_agents: Spans,
    /// As long as this without a result, and it didn't measure.
    pub apart_ms: i64,
    pub now: At,
}

impl Several {
    /// `name`: empty where nobody said which.
    pub fn agent(&mut self, practice: PracticeIx, name: &str) -> AgentIx {
        if name.is_empty() {
            return UNNAMED;
        }
        let names = self.names.entry(practice).or_insert_with(|| vec![String::new()]);
        let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        AgentIx::try_from(place).unwrap_or(UNNAMED)
    }

    /// The journal says that one didn't measure then, and did after all then.
    pub fn told(&mut self, of: (PracticeIx, AgentIx), missing: &Spans, after_all: &Spans) {
        let known = self.missing.entry(of).or_default();
        *known = known.or(missing).minus(after_all);
    }

    pub fn measured_until(&mut self, of: (PracticeIx, AgentIx), until: At) {
        self.until.insert(of, until);
    }

    /// When one that measured didn't: until it began, in its gaps, and since it was last heard of.
    fn not_measured(&self, of: (PracticeIx, AgentIx), until: At, times: &Times) -> Spans {
        let since = if until.plus_millis(times.apart_ms) < times.now { until } else { times.now };
        let missing = self.missing.get(&of).cloned().unwrap_or_default();
        missing.or(&Spans::one(since, times.now))
    }

    /// When one wasn't there to be asked.
    pub fn away(&self, of: (PracticeIx, AgentIx), times: &Times) -> Spans {
        match (self.until.get(&of), of.1) {
            // While linewatch asked by itself, it was there. Otherwise it was the agents that were there then.
            (Some(until), UNNAMED) => self.not_measured(of, *until, times).and(&times.for_agents),
            (None, UNNAMED) => times.for_agents.clone(),
            (Some(until), _) => self.not_measured(of, *until, times),
            (None, _) => self.missing.get(&of).cloned().unwrap_or_default(),
        }
    }

    /// When agents were to measure at a practice, and none of them did.
    pub fn gaps(&self, practice: PracticeIx, times: &Times) -> Spans {
        let own = self.until.range((practice, UNNAMED)..=(practice, AgentIx::MAX));
        let mut each = own.map(|(of, until)| self.not_measured(*of, *until, times));
        // None ever did.
        let Some(first) = each.next() else { return times.for_agents.clone() };
        let (mut all, mut is_alone) = (first, true);
        for other in each {
            (all, is_alone) = (all.and(&other), false);
        }
        let all = all.and(&times.for_agents);
        if is_alone {
            return all;
        }
        // From the last result of one to the first of the next there may be a moment, and it is no longer than between two of one.
        Spans::new(all.iter().filter(|(from, to)| to.millis_since(*from) > times.apart_ms).collect())
    }
}

/// One check of a practice as the practice had it, in order of time. `words`: of all agents, in order of time. `away`: when one wasn't there.
pub(super) fn together(words: &[Word], away: impl Fn(AgentIx) -> Spans) -> Vec<(At, bool)> {
    let is_one = words.first().is_none_or(|first| words.iter().all(|word| word.agent == first.agent));
    if is_one {
        return words.iter().map(|word| (word.at, word.ok)).collect();
    }
    let mut turns: Vec<(At, Turn, AgentIx)> = Vec::with_capacity(words.len());
    let mut present: BTreeMap<AgentIx, Agent> = BTreeMap::new();
    for word in words {
        turns.push((word.at, Turn::Says(word.ok), word.agent));
        present.entry(word.agent).or_insert_with(|| {
            for (from, to) in away(word.agent).iter() {
                turns.extend([(from, Turn::Goes, word.agent), (to, Turn::Comes, word.agent)]);
            }
            Agent::default()
        });
    }
    // A stable sort: of two words of one agent at one time the later counts.
    turns.sort_by_key(|(at, turn, _)| (*at, turn.order()));
    let (mut result, mut current) = (Vec::new(), None);
    for same_time in turns.chunk_by(|one, next| one.0 == next.0) {
        for (_, turn, agent) in same_time {
            present.entry(*agent).or_default().take(*turn);
        }
        let fine = present.values().filter(|agent| !agent.is_away).filter_map(|agent| agent.word);
        // What nobody knows goes on as it was until somebody does, whose word is news then, whatever it is.
        let now = fine.reduce(|any, fine| any || fine);
        if let (Some(fine), Some((at, ..))) = (now.filter(|_| now != current), same_time.first()) {
            result.push((*at, fine));
        }
        current = now;
    }
    result
}

#[derive(Debug, Default)]
struct Agent {
    is_away: bool,
    /// What it found since it came.
    word: Option<bool>,
}

#[derive(Debug, Clone, Copy)]
enum Turn {
    /// What it said before isn't so any more: its first result is recorded whatever it is.
    Comes,
    Says(bool),
    Goes,
}

impl Turn {
    const fn order(self) -> u8 {
        match self {
            Self::Comes => 0,
            Self::Says(_) => 1,
            Self::Goes => 2,
        }
    }
}

impl Agent {
    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Comes => *self = Self::default(),
            Turn::Says(ok) => self.word = Some(ok),
            Turn::Goes => self.is_away = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRACTICE: PracticeIx = PracticeIx(0);
    const A: AgentIx = 1;
    const B: AgentIx = 2;

    fn at(s: i64) -> At {
        At::from_millis(s * 1_000)
    }

    fn spans(all: &[(i64, i64)]) -> Spans {
        Spans::new(all.iter().map(|(from, to)| (at(*from), at(*to))).collect())
    }

    fn of_both(words: &[(i64, AgentIx, bool)], away: &[(AgentIx, i64, i64)]) -> Vec<(i64, bool)> {
        let words: Vec<Word> =
            words.iter().map(|(s, agent, ok)| Word { at: at(*s), agent: *agent, ok: *ok }).collect();
        let away = |agent: AgentIx| {
            let own: Vec<(i64, i64)> =
                away.iter().filter(|(who, ..)| *who == agent).map(|(_, from, to)| (*from, *to)).collect();
            spans(&own)
        };
        together(&words, away).into_iter().map(|(at, ok)| (at.as_millis() / 1_000, ok)).collect()
    }

    #[test]
    fn what_one_finds_alone_is_its_own_and_what_both_find_is_the_practices() {
        let words = [(0, A, true), (1, B, true), (100, A, false), (200, A, true)];
        assert_eq!(of_both(&words, &[]), [(0, true)]);
        let both =
            [(0, A, true), (1, B, true), (100, A, false), (130, B, false), (300, A, true), (330, B, true)];
        assert_eq!(of_both(&both, &[]), [(0, true), (130, false), (300, true)]);
    }

    #[test]
    fn one_alone_speaks_for_the_practice_as_it_always_did() {
        let words = [(0, A, true), (10, A, true), (20, A, false), (30, A, false)];
        assert_eq!(of_both(&words, &[(A, 5, 8)]), [(0, true), (10, true), (20, false), (30, false)]);
    }

    #[test]
    fn whoever_is_switched_off_holds_nothing_fine_and_is_heard_again_with_its_first_word() {
        let words = [(0, A, true), (0, B, true), (50, B, false), (500, A, true), (600, B, true)];
        // A is off from 100 to 400, and asks this check at 500 for the first time.
        assert_eq!(
            of_both(&words, &[(A, 100, 400)]),
            [(0, true), (100, false), (500, true)],
            "until it goes it is fine there, and when it is back"
        );
        // Both off: what comes next is news even if it is the same.
        let words = [(0, A, false), (0, B, false), (500, B, false)];
        assert_eq!(of_both(&words, &[(A, 100, 900), (B, 100, 500)]), [(0, false), (500, false)]);
    }

    fn times(for_agents: &[(i64, i64)]) -> Times {
        Times { for_agents: spans(for_agents), apart_ms: 60_000, now: at(1_000) }
    }

    #[test]
    fn nobody_measured_when_none_of_them_did() {
        let mut several = Several::default();
        let all = times(&[(0, 1_000)]);
        assert_eq!(several.gaps(PRACTICE, &all), spans(&[(0, 1_000)]), "nobody enrolled");
        let (a, b) = (several.agent(PRACTICE, "a"), several.agent(PRACTICE, "b"));
        assert_eq!((a, b, several.agent(PRACTICE, "a"), several.agent(PRACTICE, "")), (A, B, A, UNNAMED));
        several.told((PRACTICE, a), &spans(&[(0, 100), (200, 400)]), &spans(&[(350, 400)]));
        several.measured_until((PRACTICE, a), at(990));
        assert_eq!(several.gaps(PRACTICE, &all), spans(&[(0, 100), (200, 350)]));
        // Another one, which began in that gap, and was switched off while the first measured.
        several.told((PRACTICE, b), &spans(&[(0, 300)]), &Spans::default());
        several.measured_until((PRACTICE, b), at(700));
        assert_eq!(several.gaps(PRACTICE, &all), spans(&[(0, 100), (200, 300)]));
        assert_eq!(several.away((PRACTICE, b), &all), spans(&[(0, 300), (700, 1_000)]));
    }

    #[test]
    fn where_one_goes_on_after_another_there_is_no_gap_of_a_moment() {
        let mut several = Several::default();
        several.measured_until((PRACTICE, UNNAMED), at(500));
        let a = several.agent(PRACTICE, "a");
        several.told((PRACTICE, a), &spans(&[(0, 530)]), &Spans::default());
        several.measured_until((PRACTICE, a), at(1_000));
        assert_eq!(several.gaps(PRACTICE, &times(&[(0, 1_000)])), Spans::default());
    }

    #[test]
    fn linewatch_itself_is_there_while_it_asks_by_itself() {
        let mut several = Several::default();
        assert_eq!(several.away((PRACTICE, UNNAMED), &times(&[])), Spans::default());
        assert_eq!(several.away((PRACTICE, UNNAMED), &times(&[(300, 1_000)])), spans(&[(300, 1_000)]));
        // What an earlier version wrote of agents, until the new one came.
        several.measured_until((PRACTICE, UNNAMED), at(700));
        assert_eq!(several.away((PRACTICE, UNNAMED), &times(&[(300, 1_000)])), spans(&[(700, 1_000)]));
    }
}
