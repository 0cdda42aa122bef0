//! Mails that were accepted and came back: what a mail server further on says about them later, in a message of its own (RFC 3464).
//!
//! Anybody can write to the address to which mails come back. So a report counts only for a mail of ours that it names by its
//! `Message-ID`, and those can't be guessed: see [`super::link`]. Whoever has one got the mail, or passed it on.
//!
//! | file | what lives there |
//! |---|---|
//! | `read.rs` | a message → what it reports. Pure; bytes from outside |
//! | `fate.rs` | what a report means for the mail that it is about, in words. Pure |
//! | `bouncing.rs` | whose mails come back at present. Pure |

mod bouncing;
mod fate;
mod read;

pub use bouncing::{Bouncing, BouncingAddress};
pub use fate::{Fate, fate_of};
#[cfg(any(fuzzing, test))]
pub(crate) use read::fuzz;
pub use read::{NoBounce, read};

use serde::{Deserialize, Serialize};

use super::notice::{Audience, NoticeKind};
use crate::limits::{BOUNCE_IDS_MAX, BOUNCE_RECIPIENTS_MAX, BOUNCE_SAID_CHARS_MAX, BOUNCE_WORD_CHARS_MAX};
use crate::observation::harmless;
use crate::time::At;

/// What a mail server says became of a mail. Its words are as they came: one line each, within [`Report::bounded`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Of the mail that it is about, and of others that it refers to, without angle brackets. At least one.
    pub message_ids: Vec<String>,
    /// The server that says so: `mx.example`.
    #[serde(default)]
    pub reporter: Option<String>,
    /// At least one.
    pub recipients: Vec<Recipient>,
}

/// What became of the mail at one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recipient {
    /// As we wrote it, where the server knows that.
    #[serde(default)]
    pub original: Option<String>,
    /// Where it was to go in the end: an alias leads elsewhere.
    #[serde(default, rename = "final")]
    pub last: Option<String>,
    /// `failed`, `delayed`, `delivered`, `relayed`, `expanded`; in lower case.
    pub action: String,
    /// `5.1.1`
    #[serde(default)]
    pub status: Option<String>,
    /// The server that refused it.
    #[serde(default)]
    pub remote: Option<String>,
    /// What that said: `550 5.1.1 no such user`.
    #[serde(default)]
    pub said: Option<String>,
}

impl Report {
    /// The same with every list and every word cut to its bound, and made one line without what steers a terminal or can't be seen: a report may come by
    /// the API, from a program that isn't ours. `None`: it names no mail, or no recipient.
    #[must_use]
    pub fn bounded(self) -> Option<Self> {
        let message_ids: Vec<String> =
            self.message_ids.iter().filter_map(|id| word(id)).take(BOUNCE_IDS_MAX).collect();
        let recipients: Vec<Recipient> =
            self.recipients.into_iter().take(BOUNCE_RECIPIENTS_MAX).map(Recipient::bounded).collect();
        let reporter = self.reporter.as_deref().and_then(word);
        let is_whole = !message_ids.is_empty() && !recipients.is_empty();
        is_whole.then_some(Self { message_ids, reporter, recipients })
    }
}

impl Recipient {
    fn bounded(self) -> Self {
        let words = |text: Option<String>| text.as_deref().and_then(word);
        Self {
            original: words(self.original),
            last: words(self.last),
            action: word(&self.action).unwrap_or_default().to_ascii_lowercase(),
            status: words(self.status),
            remote: words(self.remote),
            said: self.said.as_deref().and_then(|said| line(said, BOUNCE_SAID_CHARS_MAX)),
        }
    }
}

fn word(text: &str) -> Option<String> {
    line(text, BOUNCE_WORD_CHARS_MAX)
}

/// One line of at most so many characters; `None`: nothing is left.
fn line(text: &str, chars_max: usize) -> Option<String> {
    let line: String = text.chars().map(harmless).collect();
    let line: String =
        line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(chars_max).collect();
    let line = line.trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}

/// What came back, and what is recorded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    pub at: At,
    /// The notice's id.
    pub notice: String,
    pub incident: String,
    pub kind: NoticeKind,
    pub audience: Audience,
    pub outcome: ReturnOutcome,
    /// Whether it means that mails to this recipient come back until somebody does something about it.
    pub is_permanent: bool,
    /// It is to leave by another way.
    pub leaves_again: bool,
    /// The server that said so.
    pub via: String,
    /// What it said, without anybody's address.
    pub answer: String,
    /// Both in words: `bounced: 5.1.1 no such user, said by mx.example`.
    pub why: String,
}

/// What a report says became of our mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReturnOutcome {
    /// It won't arrive.
    Bounced,
    /// It hasn't arrived yet; it is still being tried.
    Delayed,
    /// It won't arrive at an address that ours was passed on to. Others may have it.
    Beyond,
}

impl ReturnOutcome {
    /// The word in the store, the journal, the outbox and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Delayed => "delayed",
            Self::Beyond => "beyond",
        }
    }
}
