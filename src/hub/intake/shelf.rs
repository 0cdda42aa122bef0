//! Where each agent's spools are found: by practice, and there by agent. So an agent that shows a spool for the first time costs a look at
//! the few agents of its own practice, and not at all of the estate's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::spool::Spool;
use crate::hub::credentials::Who;
use crate::limits::SPOOLS_PER_AGENT_MAX;
use crate::time::At;

/// Whoever takes in a batch of a spool holds it: two at once would count what is in both twice.
pub type Shared = Arc<tokio::sync::Mutex<Spool>>;

/// One agent's, by the spool's id; with when it was last heard.
type OfAgent = BTreeMap<String, (At, Shared)>;

/// All spools of which the hub has anything.
#[derive(Debug, Default)]
pub struct Shelf {
    /// By practice and agent.
    practices: BTreeMap<String, BTreeMap<String, OfAgent>>,
}

impl Shelf {
    /// One that an earlier process knew.
    pub fn put(&mut self, practice: &str, agent: &str, id: &str, heard: At, spool: Spool) {
        let of_practice = self.practices.entry(practice.to_owned()).or_default();
        let own = of_practice.entry(agent.to_owned()).or_default();
        own.insert(id.to_owned(), (heard, Arc::new(tokio::sync::Mutex::new(spool))));
    }

    /// What agents of the same practice that pass nothing on left of a spool with this id: those that were revoked, and one whose folder was
    /// copied.
    pub fn left(&self, who: &Who, id: &str, passes_on: impl Fn(&str) -> bool) -> Vec<Shared> {
        let of_practice = self.practices.get(&who.practice);
        let own = of_practice.and_then(|all| all.get(&who.agent)?.get(id));
        // One that was taken over while its agent was good is this agent's own.
        let is_own = |shared: &Shared| own.is_some_and(|(_, own)| Arc::ptr_eq(own, shared));
        let others = of_practice.into_iter().flatten().filter(|(agent, _)| !passes_on(agent));
        let left = others.filter_map(|(_, own)| Some(own.get(id)?.1.clone()));
        left.filter(|shared| !is_own(shared)).collect()
    }

    /// Whose reports from a spool with this id may be the same as what `who` reports from it: its own, those of agents that it follows, and
    /// of those that pass nothing on.
    pub fn with(&self, who: &Who, id: &str, passes_on: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let of_practice = self.practices.get(&who.practice);
        let own = of_practice.and_then(|all| Some(&all.get(&who.agent)?.get(id)?.1));
        let found = of_practice.into_iter().flatten().filter_map(|(agent, spools)| {
            let (heard, shared) = spools.get(id)?;
            let is_followed = *heard <= who.enrolled || own.is_some_and(|own| Arc::ptr_eq(own, shared));
            (is_followed || !passes_on(agent)).then(|| agent.clone())
        });
        found.collect()
    }

    /// All that these agents of a practice report from.
    pub fn of(&self, practice: &str, agents: &[String]) -> Vec<Shared> {
        let of_practice = self.practices.get(practice);
        let own = agents.iter().filter_map(|agent| of_practice?.get(agent));
        own.flat_map(|own| own.values().map(|(_, shared)| shared.clone())).collect()
    }

    /// The spool with this id, which `who` reports from now. `passes_on`: whether an agent's spool may be taken over. Of one that may not
    /// be, nothing is: [`Self::left`] hands it out, to be doubted.
    pub fn find(&mut self, who: &Who, id: &str, now: At, passes_on: impl Fn(&str) -> bool) -> Shared {
        let of_practice = self.practices.entry(who.practice.clone()).or_default();
        let known = of_practice.get(&who.agent).and_then(|own| own.get(id));
        // An agent that enrolled again is another, and its spool is the same: what is in it was taken from the one before, which isn't
        // heard any more. One that goes on beside it is a copy of the same disk, with observations of its own. And whoever isn't of the
        // same practice could make up an id, and have taken away what that practice reports.
        let before = || {
            let good = of_practice.iter().filter(|(agent, _)| passes_on(agent));
            let same = good.filter_map(|(_, own)| own.get(id));
            same.filter(|(heard, _)| *heard <= who.enrolled).max_by_key(|(heard, _)| *heard)
        };
        let found = known.or_else(before).map(|(_, shared)| shared.clone()).unwrap_or_default();
        let own = of_practice.entry(who.agent.clone()).or_default();
        own.insert(id.to_owned(), (now, found.clone()));
        while own.len() > SPOOLS_PER_AGENT_MAX {
            let oldest = own.iter().min_by_key(|(_, (heard, _))| *heard).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { break };
            own.remove(&oldest);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> At {
        At::from_millis(1_773_644_400_000 + s * 1_000)
    }

    fn who(practice: &str, agent: &str, enrolled: At) -> Who {
        Who { agent: agent.to_owned(), practice: practice.to_owned(), rotate: false, enrolled }
    }

    #[test]
    fn one_that_enrolled_again_goes_on_with_its_spool_and_nobody_else_does() {
        let mut shelf = Shelf::default();
        shelf.put("G82002", "old", "s", at(10), Spool::default());
        let first = shelf.find(&who("G82002", "old", at(0)), "s", at(20), |_| true);
        let is_it = |shelf: &mut Shelf, practice: &str, agent: &str, enrolled: i64| {
            let found = shelf.find(&who(practice, agent, at(enrolled)), "s", at(40), |_| true);
            Arc::ptr_eq(&found, &first)
        };
        assert!(is_it(&mut shelf, "G82002", "new", 30), "heard last before the new one enrolled");
        assert!(!is_it(&mut shelf, "G82002", "copy", 15), "the old one was heard since");
        assert!(!is_it(&mut shelf, "G82003", "thief", 30), "another practice");
        assert!(is_it(&mut shelf, "G82002", "old", 0));
    }

    #[test]
    fn of_one_that_was_revoked_nothing_is_taken_over() {
        let mut shelf = Shelf::default();
        shelf.put("G82002", "revoked", "s", at(10), Spool::default());
        shelf.put("G82002", "good", "s", at(5), Spool::default());
        let find = |shelf: &mut Shelf, agent: &str| {
            shelf.find(&who("G82002", agent, at(30)), "s", at(40), |agent| agent != "revoked")
        };
        let revoked = shelf.practices["G82002"]["revoked"]["s"].1.clone();
        let good = shelf.practices["G82002"]["good"]["s"].1.clone();
        let found = find(&mut shelf, "new");
        assert!(
            !Arc::ptr_eq(&found, &revoked) && Arc::ptr_eq(&found, &good),
            "the other one's is the same spool"
        );
        assert!(Arc::ptr_eq(&find(&mut shelf, "new"), &found), "and it goes on with that");
        let left = |shelf: &Shelf, agent: &str| {
            let left = shelf.left(&who("G82002", agent, at(30)), "s", |agent| agent == "new");
            left.iter().map(|shared| Arc::ptr_eq(shared, &revoked)).collect::<Vec<_>>()
        };
        assert_eq!(left(&shelf, "new"), [true], "the other one's is its own by now");
        assert_eq!(left(&shelf, "newer"), [false, true]);
        let with = |shelf: &Shelf, agent: &str, enrolled: i64| {
            let with = shelf.with(&who("G82002", agent, at(enrolled)), "s", |agent| agent != "revoked");
            with.into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(with(&shelf, "new", 30), "good new revoked");
        assert_eq!(with(&shelf, "copy", 4), "revoked", "the good one was heard since");
    }

    #[test]
    fn of_many_spools_of_one_agent_those_heard_last_stay() {
        let mut shelf = Shelf::default();
        let agent = who("G82002", "a", at(0));
        let first = shelf.find(&agent, "s0", at(0), |_| true);
        for n in 1..=SPOOLS_PER_AGENT_MAX {
            shelf.find(&agent, &format!("s{n}"), at(n.try_into().expect("few")), |_| true);
        }
        assert_eq!(shelf.practices["G82002"]["a"].len(), SPOOLS_PER_AGENT_MAX);
        assert!(!Arc::ptr_eq(&first, &shelf.find(&agent, "s0", at(-1), |_| true)), "it was let go of");
    }
}
