//! That somebody has an incident in hand, or has read of it. Plain data.
//!
//! What somebody's word means follows from as whom they were written to:
//!
//! | who | what it means |
//! |---|---|
//! | ICB staff, whoever holds a role, whoever was escalated to | they *take the incident on*: nobody is escalated to any more, and letters say who has it |
//! | whoever looks after what failed: the `owner` of a component | they are *at work* on it. Letters, page and report say so; the ICB's own people are still asked to, and escalated to: a supplier that mends its line doesn't telephone practices, and may find that the fault isn't its own |
//! | practice managers, primary care networks | a *receipt*: the letter was read, and that is all. The county's service desk isn't relieved by a surgery that clicked |

use serde::{Deserialize, Serialize};

use super::masked::anonymous;
use super::notice::Audience;
use super::words::plain;
use crate::limits::{ACK_NAME_CHARS_MAX, ACK_NOTE_CHARS_MAX};
use crate::time::At;

/// One person's word about one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    pub incident: String,
    pub at: At,
    /// Who is the same person again: see [`super::policy::person`], or `as` and the name.
    pub person: String,
    /// The name, for people; never an address.
    pub by: String,
    pub way: AckWay,
    /// As whom.
    pub audience: Audience,
    pub note: Option<String>,
}

/// By what it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AckWay {
    /// The link in a letter.
    Link,
    /// `linewatch ack`, or the API.
    Command,
}

impl AckWay {
    pub const ALL: [Self; 2] = [Self::Link, Self::Command];

    /// The word in the store, the journal and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Command => "command",
        }
    }
}

impl Acknowledgement {
    /// Whether it relieves others.
    pub const fn takes_on(&self) -> bool {
        self.audience.is_of_icb()
    }

    /// Whether it is whoever looks after what failed, who is at work on it.
    pub const fn is_at_work(&self) -> bool {
        matches!(self.audience, Audience::Owner { .. })
    }

    /// Whether somebody does something about the incident because of it: it isn't only a receipt.
    pub const fn is_of_use(&self) -> bool {
        self.takes_on() || self.is_at_work()
    }
}

/// The person of `linewatch ack --as NAME`.
pub fn named_person(name: &str) -> String {
    format!("as {}", name.to_lowercase())
}

/// A name or note is longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLong {
    #[error("the name is longer than {ACK_NAME_CHARS_MAX} characters")]
    Name,
    #[error("the note is longer than {ACK_NOTE_CHARS_MAX} characters")]
    Note,
}

/// Who does something at the hub and says no name.
pub const UNNAMED: &str = "somebody at the hub";

/// What somebody wrote for a name: one harmless line, and never an address, since it stands in letters and in the journal; `None`:
/// nothing. Of `Jo Bloggs <jo@icb.example>` the name is left, and of an address alone enough to know it by.
pub fn name_of(text: &str) -> Result<Option<String>, TooLong> {
    if text.trim().chars().count() > ACK_NAME_CHARS_MAX {
        return Err(TooLong::Name);
    }
    let written = plain::name(text);
    let named = some(plain::name(&without_bracketed(&written)));
    Ok(named.or_else(|| some(written)).map(|name| anonymous(&name)))
}

/// The same without the addresses that stand behind a name in angle brackets.
fn without_bracketed(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some((before, (inside, after))) =
        rest.split_once('<').and_then(|(before, behind)| Some((before, behind.split_once('>')?)))
    {
        out.push_str(before);
        if !inside.contains('@') {
            out.push('<');
            out.push_str(inside);
            out.push('>');
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The same of a note. It is told as it was written, telephone numbers and all, to those who have to act; the journal masks them.
pub fn note_of(text: &str) -> Result<Option<String>, TooLong> {
    let fits = text.trim().chars().count() <= ACK_NOTE_CHARS_MAX;
    if fits { Ok(some(plain::sentences(text))) } else { Err(TooLong::Note) }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_becomes_one_harmless_line_or_is_refused() {
        assert_eq!(name_of(" Jo\r\nBloggs\u{202e} "), Ok(Some("Jo Bloggs".to_owned())));
        assert_eq!(name_of(" \n "), Ok(None));
        assert_eq!(name_of(&"é".repeat(ACK_NAME_CHARS_MAX)), Ok(Some("é".repeat(ACK_NAME_CHARS_MAX))));
        assert_eq!(name_of(&"a".repeat(ACK_NAME_CHARS_MAX + 1)), Err(TooLong::Name));
        for (written, name) in [
            ("Jo Bloggs <jo.bloggs@icb.example>", "Jo Bloggs"),
            ("<jo@icb.example> Jo <the other> Bloggs", "Jo <the other> Bloggs"),
            ("jo@icb.example", "j***@icb.example"),
            ("<jo@icb.example>", "<j***@icb.example>"),
            ("Jo (jo@icb.example), on call", "Jo (j***@icb.example), on call"),
            ("a < b <c@d.example", "a < b <c***@d.example"),
            ("Jo @ NHS Kent, @jo", "Jo @ NHS Kent, @jo"),
            ("Jo Bloggs, 01622 000123", "Jo Bloggs, ***123"),
        ] {
            assert_eq!(name_of(written), Ok(Some(name.to_owned())), "{written}");
        }
        assert_eq!(note_of("Ring me\non 01622"), Ok(Some("Ring me on 01622".to_owned())));
        assert_eq!(note_of(&"a".repeat(ACK_NOTE_CHARS_MAX + 1)), Err(TooLong::Note));
    }
}
