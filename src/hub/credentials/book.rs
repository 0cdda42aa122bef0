//! Which codes are out and which agents there are. Pure: time comes in, and what is to change is handed back, so that it can be
//! written to the disk before it counts.

use std::collections::BTreeMap;

use crate::limits::{AGENTS_MAX, CODE_VALID, CODES_MAX, CREDENTIALS_KEPT};
use crate::store::{AgentRow, CodeRow};
use crate::time::At;
use crate::uplink::key::{AgentKey, Tag, agent_id};

/// Why somebody isn't let in. One text for all codes that don't open anything: which of them it is, is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("no agent has this key")]
    Unknown,
    #[error("this agent's key was revoked; enrol it again with a new code")]
    Revoked,
    #[error("this enrolment code is unknown, used or too old; `linewatch enrol` on the hub makes another")]
    NoCode,
    #[error("there is no agent with this id; `linewatch agents` lists them")]
    NoAgent,
    #[error("too many codes are out, or there are too many agents")]
    Full,
}

#[derive(Debug, Default)]
pub struct Book {
    codes: BTreeMap<Tag, CodeRow>,
    agents: BTreeMap<String, AgentRow>,
    /// Shown to whom isn't there, so that a wrong id takes as long as a wrong key.
    nobodys: Option<Tag>,
}

impl Book {
    /// `nobodys`: the tag of a key that nobody has.
    pub fn new(codes: Vec<CodeRow>, agents: Vec<AgentRow>, nobodys: Tag) -> Self {
        Self {
            codes: codes.into_iter().map(|row| (row.tag, row)).collect(),
            agents: agents.into_iter().map(|row| (row.id.clone(), row)).collect(),
            nobodys: Some(nobodys),
        }
    }

    pub fn agents(&self) -> impl Iterator<Item = &AgentRow> {
        self.agents.values()
    }

    pub fn agent(&self, id: &str) -> Option<&AgentRow> {
        self.agents.get(id)
    }

    /// A code for one more agent of a practice.
    pub fn code(&mut self, tag: Tag, practice: &str, now: At) -> Result<CodeRow, Denied> {
        // One that was used answers its agent again; of one that was not, nothing is left to say.
        let old = now - CREDENTIALS_KEPT;
        self.codes.retain(|_, row| row.valid_until > if row.used.is_some() { old } else { now });
        self.agents.retain(|_, row| row.revoked_at.is_none_or(|revoked| revoked > old));
        let out = self.codes.values().filter(|row| row.used.is_none()).count();
        if out >= CODES_MAX || self.agents.len() >= AGENTS_MAX {
            return Err(Denied::Full);
        }
        let (practice, valid_until) = (practice.to_owned(), now + CODE_VALID);
        Ok(CodeRow { tag, practice, made_at: now, valid_until, used: None })
    }

    /// What changes when the agent with this key uses this code; `None`: it has used it already, and its answer got lost.
    pub fn enrol(
        &self,
        code: &Tag,
        key: Tag,
        now: At,
    ) -> Result<(AgentRow, Option<(CodeRow, AgentRow)>), Denied> {
        let code = self.codes.get(code).ok_or(Denied::NoCode)?;
        let id = agent_id(&key);
        if let Some((_, by)) = &code.used {
            let again = self.agents.get(by).filter(|row| *by == id && row.key == key);
            return match again {
                Some(row) if row.revoked_at.is_none() => Ok((row.clone(), None)),
                _ => Err(Denied::NoCode),
            };
        }
        if now >= code.valid_until || self.agents.contains_key(&id) {
            return Err(Denied::NoCode);
        }
        let agent = AgentRow {
            id: id.clone(),
            practice: code.practice.clone(),
            key,
            next: None,
            rotate: false,
            enrolled_at: now,
            revoked_at: None,
        };
        let code = CodeRow { used: Some((now, id)), ..code.clone() };
        Ok((agent.clone(), Some((code, agent))))
    }

    /// Whose key this is. `true`: it is the one that shall follow, used for the first time.
    pub fn whose(&self, id: &str, key: &AgentKey) -> Result<(&AgentRow, bool), Denied> {
        let Some(row) = self.agents.get(id) else {
            let _as_long = self.nobodys.as_ref().is_some_and(|tag| key.is_of(tag));
            return Err(Denied::Unknown);
        };
        let (is_this, is_next) = (key.is_of(&row.key), row.next.as_ref().is_some_and(|next| key.is_of(next)));
        match row.revoked_at {
            _ if !is_this && !is_next => Err(Denied::Unknown),
            Some(_) => Err(Denied::Revoked),
            None => Ok((row, is_next)),
        }
    }

    /// Whether there is such an agent, and it wasn't revoked.
    pub fn is_let_in(&self, id: &str) -> bool {
        self.agents.get(id).is_some_and(|row| row.revoked_at.is_none())
    }

    /// The agent that is to be changed.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut AgentRow)) -> Result<AgentRow, Denied> {
        let mut row = self.agents.get(id).cloned().ok_or(Denied::NoAgent)?;
        change(&mut row);
        Ok(row)
    }

    pub fn put_code(&mut self, row: CodeRow) {
        self.codes.insert(row.tag, row);
    }

    pub fn put_agent(&mut self, row: AgentRow) {
        self.agents.insert(row.id.clone(), row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::key::Code;

    const NOW: At = At::from_millis(1_773_644_400_000);

    fn tags() -> (Tag, AgentKey) {
        (Code::fresh().expect("chance").tag(), AgentKey::fresh().expect("chance"))
    }

    fn book(code: Tag) -> Book {
        let mut book = Book::new(Vec::new(), Vec::new(), AgentKey::fresh().expect("chance").tag());
        let row = book.code(code, "G82002/westfield", NOW).expect("room");
        book.put_code(row);
        book
    }

    #[test]
    fn a_code_is_used_once_and_its_user_may_ask_twice() {
        let (code, key) = tags();
        let mut book = book(code);
        let (agent, changes) = book.enrol(&code, key.tag(), NOW).expect("a good code");
        assert_eq!(agent.practice, "G82002/westfield");
        let (used, row) = changes.expect("it is new");
        book.put_code(used);
        book.put_agent(row);
        assert_eq!(book.enrol(&code, key.tag(), NOW), Ok((agent.clone(), None)), "the answer got lost");
        let (_, other) = tags();
        assert_eq!(book.enrol(&code, other.tag(), NOW), Err(Denied::NoCode));
        assert_eq!(
            book.whose(&agent.id, &key).map(|(row, next)| (row.id.clone(), next)),
            Ok((agent.id.clone(), false))
        );
        assert_eq!(book.whose(&agent.id, &other).err(), Some(Denied::Unknown));
        assert_eq!(book.whose("0123456789ab", &key).err(), Some(Denied::Unknown));
        let revoked = book.change(&agent.id, |row| row.revoked_at = Some(NOW)).expect("it is there");
        assert!(book.is_let_in(&agent.id) && !book.is_let_in("nobody"));
        book.put_agent(revoked);
        assert!(!book.is_let_in(&agent.id));
        assert_eq!(book.whose(&agent.id, &key).err(), Some(Denied::Revoked));
        assert_eq!(
            book.whose(&agent.id, &other).err(),
            Some(Denied::Unknown),
            "that it was is told to nobody else"
        );
        assert_eq!(book.enrol(&code, key.tag(), NOW), Err(Denied::NoCode));
    }

    #[test]
    fn codes_that_were_used_or_are_too_old_and_agents_that_were_revoked_take_no_room_for_ever() {
        let tag = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            Tag::from_bytes(bytes)
        };
        let codes = |used: bool| -> Vec<CodeRow> {
            let row = |n| CodeRow {
                tag: tag(n),
                practice: "G82002".to_owned(),
                made_at: NOW,
                valid_until: NOW + CODE_VALID,
                used: used.then(|| (NOW, format!("{n:012}"))),
            };
            (0..CODES_MAX).map(row).collect()
        };
        let agents = || -> Vec<AgentRow> {
            let row = |n| AgentRow {
                id: format!("{n:012}"),
                practice: "G82002".to_owned(),
                key: tag(n),
                next: None,
                rotate: false,
                enrolled_at: NOW,
                revoked_at: Some(NOW),
            };
            (0..AGENTS_MAX).map(row).collect()
        };
        let another = |codes: Vec<CodeRow>, agents: Vec<AgentRow>, now: At| {
            Book::new(codes, agents, tag(usize::MAX)).code(tag(usize::MAX), "G82002", now).err()
        };
        assert_eq!(another(codes(false), Vec::new(), NOW), Some(Denied::Full), "so many are out");
        assert_eq!(another(codes(false), Vec::new(), NOW + CODE_VALID), None);
        assert_eq!(another(codes(true), Vec::new(), NOW), None, "an estate enrols in a day");
        assert_eq!(another(Vec::new(), agents(), NOW), Some(Denied::Full));
        assert_eq!(another(Vec::new(), agents(), NOW + CREDENTIALS_KEPT), None);
    }

    #[test]
    fn a_code_is_too_old_after_its_time() {
        let (code, key) = tags();
        let book = book(code);
        assert!(book.enrol(&code, key.tag(), NOW + CODE_VALID - std::time::Duration::from_millis(1)).is_ok());
        assert_eq!(book.enrol(&code, key.tag(), NOW + CODE_VALID), Err(Denied::NoCode));
    }

    #[test]
    fn the_key_before_is_good_until_the_next_is_used() {
        let (code, key) = tags();
        let mut book = book(code);
        let (agent, changes) = book.enrol(&code, key.tag(), NOW).expect("a good code");
        book.put_agent(changes.expect("it is new").1);
        let (_, next) = tags();
        let row = book.change(&agent.id, |row| row.next = Some(next.tag())).expect("it is there");
        book.put_agent(row);
        assert!(matches!(book.whose(&agent.id, &key), Ok((_, false))));
        assert!(matches!(book.whose(&agent.id, &next), Ok((_, true))));
    }
}
