//! Who this agent is, and its key: a file for its owner alone. A key is on the disk before anybody hears of it, so that a power cut
//! at any moment leaves an agent that the hub knows, or one that can ask again with the same code.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::chance::NoChance;
use crate::folder::whole::write_whole;
use crate::uplink::key::{AgentKey, Code};

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("cannot read or write {}: {why}; the agent's user must own it", file.display())]
    File { file: PathBuf, why: String },
    #[error("{} is damaged; remove it and enrol again with --enrol CODE", file.display())]
    Damaged { file: PathBuf },
    #[error(
        "this agent isn't enrolled: make a code with `linewatch enrol PRACTICE` on the hub, and give it with --enrol"
    )]
    NoCode,
    #[error("what --enrol was given is no enrolment code: it has 20 letters and digits")]
    NotACode,
    #[error(transparent)]
    Chance(#[from] NoChance),
}

/// What the file holds.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Kept {
    /// `None`: not enrolled yet, with the key that will be asked for.
    agent: Option<String>,
    practice: Option<String>,
    key: String,
    /// The key that shall follow, which the hub may know already.
    #[serde(default)]
    next: Option<String>,
    /// The tag of the code that the key belongs to.
    code: String,
}

/// An agent's identity.
pub struct Identity {
    file: PathBuf,
    kept: Kept,
    key: AgentKey,
    next: Option<AgentKey>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("agent", &self.kept.agent).finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads the file in `dir`. With a code that it doesn't know yet, it begins anew.
    pub fn open(dir: &Path, code: Option<&str>) -> Result<Self, IdentityError> {
        let file = dir.join("agent.json");
        let tag = match code {
            Some(code) => Some(Code::parse(code).ok_or(IdentityError::NotACode)?.tag().to_hex()),
            None => None,
        };
        let before = match std::fs::read(&file) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(IdentityError::File { file, why: error.to_string() }),
        };
        if let Some(bytes) = before {
            let damaged = || IdentityError::Damaged { file: file.clone() };
            let kept: Kept = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
            if tag.as_ref().is_none_or(|tag| *tag == kept.code) {
                let key = AgentKey::from_hex(&kept.key).ok_or_else(damaged)?;
                let next = kept.next.as_deref().and_then(AgentKey::from_hex);
                return Ok(Self { file, kept, key, next });
            }
        }
        let code = tag.ok_or(IdentityError::NoCode)?;
        let key = AgentKey::fresh()?;
        let kept = Kept { key: key.to_hex(), code, ..Kept::default() };
        let identity = Self { file, kept, key, next: None };
        identity.write()?;
        Ok(identity)
    }

    fn write(&self) -> Result<(), IdentityError> {
        let text = serde_json::to_vec(&self.kept).unwrap_or_default();
        write_whole(&self.file, &text)
            .map_err(|error| IdentityError::File { file: self.file.clone(), why: error.to_string() })
    }

    /// The agent's id and its practice's; `None`: it isn't enrolled.
    pub fn enrolled(&self) -> Option<(&str, &str)> {
        self.kept.agent.as_deref().zip(self.kept.practice.as_deref())
    }

    /// The tag to enrol with, in hexadecimal digits.
    pub fn key_tag(&self) -> String {
        self.key.tag().to_hex()
    }

    /// The hub has let it in.
    pub fn enrol(&mut self, agent: &str, practice: &str) -> Result<(), IdentityError> {
        (self.kept.agent, self.kept.practice) = (Some(agent.to_owned()), Some(practice.to_owned()));
        self.write()
    }

    /// The value of `Authorization`.
    pub fn bearer(&self) -> String {
        self.key.bearer(self.kept.agent.as_deref().unwrap_or_default())
    }

    /// The tag of the key that shall follow, on the disk before the hub hears of it.
    pub fn next_tag(&mut self) -> Result<String, IdentityError> {
        let next = match &self.next {
            Some(next) => next.clone(),
            None => AgentKey::fresh()?,
        };
        self.kept.next = Some(next.to_hex());
        self.write()?;
        let tag = next.tag().to_hex();
        self.next = Some(next);
        Ok(tag)
    }

    /// Goes on with the other key: the hub has it now, or doesn't know this one any more. `false`: there is no other.
    pub fn turn(&mut self) -> Result<bool, IdentityError> {
        let Some(next) = self.next.take() else { return Ok(false) };
        // The one before isn't forgotten until the hub has answered to the new one.
        self.next = Some(std::mem::replace(&mut self.key, next));
        self.kept.key = self.key.to_hex();
        self.kept.next = self.next.as_ref().map(AgentKey::to_hex);
        self.write()?;
        Ok(true)
    }

    /// The hub has answered to this key: the other one is of no use any more.
    pub fn settle(&mut self) -> Result<(), IdentityError> {
        if self.next.take().is_none() {
            return Ok(());
        }
        self.kept.next = None;
        self.write()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_the_owners_alone_and_outlives_a_restart_before_and_after_enrolment() {
        let dir = tempfile::tempdir().expect("a folder");
        let (code, other) =
            (Code::fresh().expect("chance").reveal(), Code::fresh().expect("chance").reveal());
        assert!(matches!(Identity::open(dir.path(), None), Err(IdentityError::NoCode)));
        let tag = Identity::open(dir.path(), Some(&code)).expect("new").key_tag();
        let mut again = Identity::open(dir.path(), Some(&code)).expect("the same");
        assert_eq!((again.key_tag(), again.enrolled()), (tag.clone(), None));
        again.enrol("0123456789ab", "G82002").expect("written");
        let again = Identity::open(dir.path(), None).expect("enrolled");
        assert_eq!(again.enrolled(), Some(("0123456789ab", "G82002")));
        let mode = std::fs::metadata(dir.path().join("agent.json")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let anew = Identity::open(dir.path(), Some(&other)).expect("new");
        assert!(anew.enrolled().is_none() && anew.key_tag() != tag, "another code is another agent");
    }

    #[test]
    fn a_key_that_follows_is_used_and_the_one_before_forgotten_once_the_hub_answers() {
        let dir = tempfile::tempdir().expect("a folder");
        let code = Code::fresh().expect("chance").reveal();
        let mut identity = Identity::open(dir.path(), Some(&code)).expect("new");
        identity.enrol("0123456789ab", "G82002").expect("written");
        let first = identity.bearer();
        let next = identity.next_tag().expect("written");
        let mut identity = Identity::open(dir.path(), None).expect("a power cut");
        assert_eq!(
            (identity.bearer(), identity.next_tag().expect("the same")),
            (first.clone(), next.clone())
        );
        assert!(identity.turn().expect("written"));
        assert_eq!(identity.key_tag(), next);
        assert!(
            identity.turn().expect("written") && identity.bearer() == first,
            "the hub didn't know it yet"
        );
        assert!(identity.turn().expect("written"));
        identity.settle().expect("written");
        assert!(!identity.turn().expect("nothing to write"));
        assert_eq!(Identity::open(dir.path(), None).expect("it").key_tag(), next);
    }
}
