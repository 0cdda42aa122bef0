//! What stands in the journal's entries: their subjects, and the JSON of those that are read again.
//!
//! | subject | what it says |
//! |---|---|
//! | `event` | an event of an incident, as [`crate::incident::Event`] |
//! | `checks` | changes of checks, each with the time of the check; the entry's own time is when the hub had them |
//! | `notices` | notices that were planned, and wait or are held |
//! | `notice` | what became of a notice |
//! | `acknowledgement` | who said that they have an incident in hand, or that they read of it |
//! | `fix` | what somebody did about an incident, and when they said so |
//! | `approval`, `agent` | what an operator did |
//! | `coverage` | when an agent didn't measure at its practice, and when it did after all |
//! | `mute` | that an operator muted something, or ended a mute |
//! | `measuring` | that linewatch began or ended, or didn't run, and from when |
//! | `retention` | what was removed because its time was over |
//! | `journal` | where the chain begins |

use serde::{Deserialize, Serialize};

use crate::observation::{Failure, PathSeen};
use crate::time::At;

pub const EVENT: &str = "event";
pub const CHECKS: &str = "checks";
pub const NOTICES: &str = "notices";
pub const NOTICE: &str = "notice";
pub const ACKNOWLEDGEMENT: &str = "acknowledgement";
pub const FIX: &str = "fix";
pub const APPROVAL: &str = "approval";
pub const AGENT: &str = "agent";
pub const COVERAGE: &str = "coverage";
pub const MUTE: &str = "mute";
pub const MEASURING: &str = "measuring";
pub const RETENTION: &str = "retention";
pub const JOURNAL: &str = "journal";

/// `checks`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checks {
    /// They were recorded before there was a chain: what they were until then, nothing vouches for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    pub checks: Vec<Change>,
}

/// A check that changed from fine to failing or back: `[at, practice, probe, ok, failure, path, agent]`, short because there are
/// hundreds of thousands a year. Without an agent where linewatch itself asked, or an earlier version wrote the entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change(
    pub At,
    pub String,
    pub String,
    pub bool,
    pub Option<Failure>,
    pub Option<PathSeen>,
    #[serde(default, skip_serializing_if = "Option::is_none")] pub Option<String>,
);

/// `notice`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeFate {
    /// The notice's own: by it, what was kept names the digest that told it. Its recipient is a hash in it, never an address. `None`: an
    /// earlier version wrote the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `opening`, `update`, `back`, …
    pub notice: String,
    pub channel: String,
    /// Practices' ids with commas between, or `staff`.
    #[serde(rename = "for")]
    pub whom: String,
    /// `accepted`, `rejected`, `withheld`; and of a mail that had been accepted: `bounced`, `delayed`, `beyond` (bounced at an address that
    /// ours was passed on to).
    pub outcome: String,
    pub why: Option<String>,
    /// The relay or channel that it left by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// What that said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// `notices`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub planned: Vec<PlannedNotice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNotice {
    pub notice: String,
    #[serde(rename = "for")]
    pub whom: String,
    /// `queued`, `held`.
    pub state: String,
    pub due: At,
}

/// `coverage`: of one agent, in order; each `[from, to]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    pub practice: String,
    /// `None`: an earlier version wrote the entry, of all agents of the practice together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// It didn't measure; `1970-01-01` for the beginning: before the first observation.
    pub missing: Vec<(At, At)>,
    /// An earlier entry said that it didn't, and what it had kept came later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_all: Vec<(At, At)>,
}

/// `acknowledgement`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// A name as the person gave it, or what is known of who it was; never an address.
    pub by: String,
    /// `link`, `command`
    pub way: String,
    /// `staff`, `role on-call`: they took it on. `owner BT`: they are at work on it. Else who read of it: the practices, ids with
    /// commas between, or `pcn east: G82002`.
    #[serde(rename = "for")]
    pub whom: String,
    /// [`crate::limits::ACK_NOTE_CHARS_MAX`] characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Acknowledged {
    /// The practices whose people said so, ids with commas between; empty: it was somebody of the ICB's, or a supplier.
    pub fn practices(&self) -> &str {
        practices_in(&self.whom)
    }
}

/// Of what a notice or an acknowledgement is `for`: the practices, ids with commas between; empty: staff, a role, or an owner.
pub fn practices_in(whom: &str) -> &str {
    match whom.split_once(' ') {
        Some(("pcn", of)) => of.split_once(": ").map_or("", |(_, practices)| practices),
        Some(("role" | "owner", _)) => "",
        _ if whom == "staff" => "",
        _ => whom,
    }
}

/// `fix`; the entry's own time is when it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed {
    /// When it was done, as they say.
    pub at: At,
    /// A name as the person gave it; never an address.
    pub by: String,
    /// [`crate::limits::FIX_CHARS_MAX`] characters at most.
    pub what: String,
}

/// `mute`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Muting {
    pub turn: MuteTurn,
    pub number: u32,
    /// `incident 2026-03-16-1`, `firewall fw-maidstone`, `practice G82002`.
    pub muted: String,
    pub until: At,
    /// Who did it.
    pub by: String,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MuteTurn {
    Muted,
    /// By somebody, before its time.
    Ended,
}

/// `measuring`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measuring {
    pub measuring: Turn,
    /// Nothing was measured from then until the entry's own time; `None`: nothing is known of before.
    pub nothing_since: Option<At>,
    pub version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    Started,
    /// The same of a hub that measures nothing at the practices itself: agents do.
    StartedForAgents,
    Stopped,
    /// It goes on, after it stood still or the machine slept.
    GoesOn,
}

/// `retention`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// What is older than this may go.
    pub before: At,
    /// Entries that went this time.
    pub removed: u64,
    /// All up to this number have gone without a trace; what is kept hangs on its hash.
    pub begins_after: i64,
}

/// `journal`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Entries of an earlier version that the chain took up as they were.
    pub adopted: u64,
    /// The journal's own, for heads.
    pub public_key: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_short_and_one_of_before_agents_were_named_reads() {
        let old = r#"["2026-03-16T07:12:03.000Z","G82002","web",false,"timeout",null]"#;
        let change: Change = serde_json::from_str(old).expect("an entry of an earlier version");
        assert_eq!(
            (change.6.as_deref(), serde_json::to_string(&change).expect("JSON").as_str()),
            (None, old)
        );
        let named = Change { 6: Some("0123456789ab".to_owned()), ..change };
        let text = serde_json::to_string(&named).expect("JSON");
        assert_eq!(text, old.replace("null]", r#"null,"0123456789ab"]"#));
        assert_eq!(serde_json::from_str::<Change>(&text).expect("itself"), named);
    }

    #[test]
    fn an_acknowledgement_is_of_practices_where_it_is_of_practices() {
        for (whom, practices) in [
            ("staff", ""),
            ("role on-call", ""),
            ("owner ICB network team", ""),
            ("pcn east: G82002,G82003", "G82002,G82003"),
            ("pcn east", ""),
            ("G82002,G82002/westfield", "G82002,G82002/westfield"),
        ] {
            let (by, way) = ("Jo".to_owned(), "link".to_owned());
            let said = Acknowledged { by, way, whom: whom.to_owned(), note: None };
            assert_eq!(said.practices(), practices, "{whom}");
        }
    }
}
