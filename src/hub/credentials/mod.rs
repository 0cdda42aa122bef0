//! Who may report: one-time codes, agents' keys, and how each agent was when it was last heard. Every change is on the disk, with
//! a line in the journal that says who made it, before it counts.
//!
//! | file | subject |
//! |---|---|
//! | [`book`] | which codes and agents there are. Pure |
//! | [`live`] | how an agent was when it was last heard. Pure |
//! | `processes.rs` | which processes report as one agent. Pure |
//! | [`routes`] | what people and agents ask over HTTP |

pub mod book;
pub mod live;
mod processes;
pub mod routes;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use crate::chance::NoChance;
use crate::limits::{
    KNOCK_ALL_PER_SECOND, KNOCK_BURST, KNOCK_PER_SECOND, WRONG_KEY_ALL_PER_SECOND, WRONG_KEY_BURST,
    WRONG_KEY_PER_SECOND,
};
use crate::reflector::limiter::{Limiter, Rate};
use crate::store::{AgentRow, AgentRows, AgentWord, Credential, Store, StoreError};
use crate::time::At;
use crate::uplink::key::{AgentKey, Code, Tag, shown};
use crate::uplink::message::{AgentLine, CodeAnswer, State};
use book::{Book, Denied};
use live::Live;
use processes::Worth;

/// An agent that showed its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    pub agent: String,
    /// The one practice that it may report for.
    pub practice: String,
    /// A new key is asked of it.
    pub rotate: bool,
    pub enrolled: At,
}

/// Why something about credentials couldn't be done.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("too many wrong keys or codes from there; wait a minute")]
    TooMany,
    #[error("this agent asks too often")]
    TooOften,
    #[error(
        "another computer reports with this agent's identity, as if its folder had been copied: enrol one of the two with a new code"
    )]
    Twin,
    #[error(transparent)]
    Chance(#[from] NoChance),
    #[error("that can't be written down, so it wasn't done: {0}")]
    Store(#[from] StoreError),
}

/// All credentials of one hub.
pub struct Credentials {
    book: Mutex<Book>,
    live: Mutex<BTreeMap<String, Live>>,
    knocks: Mutex<Limiter>,
    wrong: Mutex<Limiter>,
    store: Store,
    /// One change at a time: each is judged by what the one before left.
    turn: tokio::sync::Mutex<()>,
}

impl Credentials {
    /// `words`: how agents were when the process before this one heard them.
    pub fn new(rows: &AgentRows, words: Vec<AgentWord>, store: Store) -> Result<Self, NoChance> {
        let now = Instant::now();
        let limiter = |all, per_second, burst| {
            let over_all = Rate { per_second: all, burst: all };
            Mutex::new(Limiter::new(over_all, Rate { per_second, burst }, now))
        };
        let nobodys = AgentKey::fresh()?.tag();
        let mut live = BTreeMap::new();
        for spool in &rows.spools {
            let heard = live.entry(spool.agent.clone()).or_insert_with(|| Live::new(None, now));
            heard.heard = heard.heard.max(Some(spool.last_heard));
        }
        for AgentWord { agent, at, word } in words {
            live.entry(agent).or_insert_with(|| Live::new(None, now)).recall(at, word);
        }
        Ok(Self {
            book: Mutex::new(Book::new(rows.codes.clone(), rows.agents.clone(), nobodys)),
            live: Mutex::new(live),
            knocks: limiter(KNOCK_ALL_PER_SECOND, KNOCK_PER_SECOND, KNOCK_BURST),
            wrong: limiter(WRONG_KEY_ALL_PER_SECOND, WRONG_KEY_PER_SECOND, WRONG_KEY_BURST),
            store,
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Whether somebody may ask at all, before anybody looks at its key.
    pub fn may_knock(&self, from: Option<IpAddr>) -> bool {
        from.is_none_or(|from| lock(&self.knocks).allows(from, Instant::now()))
    }

    /// Makes a code for one more agent of a practice.
    pub async fn make_code(&self, practice: &str, by: &str, now: At) -> Result<CodeAnswer, CredentialError> {
        let _turn = self.turn.lock().await;
        let code = Code::fresh()?;
        let row = lock(&self.book).code(code.tag(), practice, now)?;
        let valid_until = row.valid_until;
        let line = json!({ "did": "code", "practice": practice, "valid_until": valid_until, "by": by });
        self.write(now, vec![Credential::Code(row.clone())], &line).await?;
        lock(&self.book).put_code(row);
        tracing::info!(practice, by, "an enrolment code was made");
        Ok(CodeAnswer { practice: practice.to_owned(), code: code.reveal(), valid_until })
    }

    /// Lets in an agent that knows a code.
    pub async fn enrol(
        &self,
        code: &str,
        key_tag: &str,
        from: Option<IpAddr>,
        now: At,
    ) -> Result<AgentRow, CredentialError> {
        let _turn = self.turn.lock().await;
        let asked = Code::parse(code).zip(Tag::from_hex(key_tag)).ok_or(Denied::NoCode);
        let enrolled = asked.and_then(|(code, key)| lock(&self.book).enrol(&code.tag(), key, now));
        let (agent, changes) = enrolled.map_err(|denied| self.denied(denied, from))?;
        if let Some((code, row)) = changes {
            let line = json!({ "did": "enrolled", "agent": row.id, "practice": row.practice, "from": from });
            self.write(now, vec![Credential::Agent(row.clone()), Credential::Code(code.clone())], &line)
                .await?;
            let mut book = lock(&self.book);
            book.put_code(code);
            book.put_agent(row);
            tracing::info!(agent = agent.id, practice = agent.practice, "an agent enrolled");
        }
        Ok(agent)
    }

    /// Who shows this value of `Authorization`. A key that follows another makes that one void.
    pub async fn who(
        &self,
        authorization: Option<&str>,
        from: Option<IpAddr>,
        now: At,
    ) -> Result<Who, CredentialError> {
        let Some((id, key)) = authorization.and_then(shown) else {
            return Err(self.denied(Denied::Unknown, from));
        };
        let found = lock(&self.book).whose(id, &key).map(|(row, is_next)| (who(row), is_next));
        let (who, is_next) = found.map_err(|denied| self.denied(denied, from))?;
        if !lock(&self.live)
            .entry(who.agent.clone())
            .or_insert_with(|| Live::new(None, Instant::now()))
            .may_ask(Instant::now())
        {
            return Err(CredentialError::TooOften);
        }
        if is_next {
            let change = |row: &mut AgentRow| {
                if let Some(next) = row.next.take() {
                    (row.key, row.rotate) = (next, false);
                }
            };
            self.change(id, change, json!({ "did": "new key in use" }), now).await?;
            return Ok(Who { rotate: false, ..who });
        }
        Ok(who)
    }

    /// Whether an agent's key is good: it is known, and wasn't revoked.
    pub fn is_let_in(&self, agent: &str) -> bool {
        lock(&self.book).is_let_in(agent)
    }

    /// Whether one that enrolled after it, and shows its spool, goes on where it ended: not when it was revoked, nor while another computer
    /// has its identity, as then both have that spool.
    pub fn passes_on(&self, agent: &str) -> bool {
        self.is_let_in(agent) && lock(&self.live).get(agent).is_none_or(|live| live.twin().is_none())
    }

    /// The agent's next key, which it will use once it knows that this is written down.
    pub async fn next_key(&self, who: &Who, key_tag: &str, now: At) -> Result<(), CredentialError> {
        let next = Tag::from_hex(key_tag).ok_or(Denied::Unknown)?;
        self.change(&who.agent, |row| row.next = Some(next), json!({ "did": "new key" }), now).await
    }

    /// Takes an agent's key away.
    pub async fn revoke(&self, id: &str, by: &str, now: At) -> Result<(), CredentialError> {
        let change = |row: &mut AgentRow| {
            row.revoked_at.get_or_insert(now);
            row.next = None;
        };
        self.change(id, change, json!({ "did": "revoked", "by": by }), now).await
    }

    /// Asks for a new key of an agent, which makes one when it next reports.
    pub async fn rotate(&self, id: &str, by: &str, now: At) -> Result<(), CredentialError> {
        self.change(id, |row| row.rotate = true, json!({ "did": "new key asked for", "by": by }), now).await
    }

    /// An agent was heard, over this network of the estate's where that is known.
    ///
    /// # Errors
    ///
    /// That this is another process than the one that reports as this agent.
    pub fn heard(
        &self,
        who: &Who,
        state: State,
        network: Option<&str>,
        now: At,
    ) -> Result<(), CredentialError> {
        let mut live = lock(&self.live);
        let live = live.entry(who.agent.clone()).or_insert_with(|| Live::new(None, Instant::now()));
        match live.hear(state, network, now) {
            Worth::Twin => Err(CredentialError::Twin),
            Worth::New | Worth::Late => Ok(()),
        }
    }

    /// Keeps how agents are for the process after this one: what is news, or `all`. When the disk doesn't take it, it is tried again.
    pub async fn keep_words(&self, all: bool) -> Result<(), StoreError> {
        let words: Vec<AgentWord> = {
            let live = lock(&self.live);
            let due = live.iter().filter_map(|(agent, live)| Some((agent, live.unkept(all)?)));
            due.map(|(agent, (at, word))| AgentWord { agent: agent.clone(), at, word: word.clone() })
                .collect()
        };
        if words.is_empty() {
            return Ok(());
        }
        self.store.record_agent_words(&words).await?;
        let mut live = lock(&self.live);
        for AgentWord { agent, at, word } in &words {
            if let Some(live) = live.get_mut(agent) {
                live.keep(*at, word);
            }
        }
        Ok(())
    }

    /// Whether all who reported for a practice have been revoked.
    pub fn is_left(&self, practice: &str) -> bool {
        let book = lock(&self.book);
        let mut own = book.agents().filter(|row| row.practice == practice).peekable();
        own.peek().is_some() && own.all(|row| row.revoked_at.is_some())
    }

    /// All agents: by practice, then by age.
    pub fn list(&self) -> Vec<AgentLine> {
        let book = lock(&self.book);
        let live = lock(&self.live);
        let mut lines: Vec<AgentLine> = book.agents().map(|row| live::line(row, live.get(&row.id))).collect();
        lines.sort_by(|a, b| (&a.practice, a.enrolled, &a.agent).cmp(&(&b.practice, b.enrolled, &b.agent)));
        lines
    }

    async fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut AgentRow),
        mut line: Value,
        now: At,
    ) -> Result<(), CredentialError> {
        let _turn = self.turn.lock().await;
        let row = lock(&self.book).change(id, change)?;
        (line["agent"], line["practice"]) = (json!(row.id), json!(row.practice));
        self.write(now, vec![Credential::Agent(row.clone())], &line).await?;
        tracing::info!(agent = row.id, practice = row.practice, did = %line["did"], "an agent's credentials changed");
        lock(&self.book).put_agent(row);
        Ok(())
    }

    async fn write(&self, at: At, mut changes: Vec<Credential>, line: &Value) -> Result<(), StoreError> {
        changes.push(Credential::Journal { at, body: line.to_string() });
        self.store.record_credentials(&changes).await
    }

    /// A wrong key or code costs its source one of a few.
    fn denied(&self, denied: Denied, from: Option<IpAddr>) -> CredentialError {
        let allowed = from.is_none_or(|from| lock(&self.wrong).allows(from, Instant::now()));
        if allowed { denied.into() } else { CredentialError::TooMany }
    }
}

fn who(row: &AgentRow) -> Who {
    Who {
        agent: row.id.clone(),
        practice: row.practice.clone(),
        rotate: row.rotate,
        enrolled: row.enrolled_at,
    }
}

/// What is behind it stays sound whatever happens: each change is one of one entry.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
