//! What people read. Pure: an event, a notice and the estate in, a letter out.
//!
//! | file | what lives there |
//! |---|---|
//! | `manager.rs` | the practice manager's letters |
//! | `staff.rs` | the ICB staff's letters, with the evidence |
//! | `pcn.rs` | what a primary care network reads of its practices |
//! | `owner.rs` | what whoever looks after a component reads, fit to open a ticket with |
//! | `digest.rs` | what was kept for later, in a line each |
//! | `phrases.rs` | a fault in plain English: what is down, how, whose it is |
//! | `reach.rs` | what answers and what doesn't, as far as one practice is concerned |
//! | `plain.rs` | names made harmless, lists, local times |
//! | `letter.txt`, `letter.html` | one letter as text and as a page: the same words in the same order |
//!
//! A name comes from a file that somebody typed. It is made one line without control characters before it goes
//! anywhere, and is escaped in the page.

mod digest;
mod manager;
mod owner;
mod pcn;
pub(crate) mod phrases;
pub(crate) mod plain;
pub(crate) mod reach;
mod staff;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use askama::Template;

use super::notice::{Audience, Notice};
use super::policy::Digest;
use crate::config::Deadline;
use crate::estate::Estate;
use crate::incident::Event;
use crate::time::At;

/// One message, ready to be put into an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// What a letter is about, besides the notice.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub estate: &'a Estate,
    /// The event that the notice tells of.
    pub event: &'a Event,
    /// What was said of the incident before, oldest first, as far as it is known.
    pub earlier: &'a [Event],
    /// The last events of all open incidents, so that nothing is said to answer that another fault has hit.
    pub open: &'a [Arc<Event>],
    /// Somebody at the ICB is told of every incident.
    pub staff_told: bool,
    /// Practice managers of this incident wait for an approval.
    pub awaits_approval: bool,
    /// Recipients, without their addresses, whose opening the mail server refused.
    pub refused: &'a [String],
    /// When the recipient hears next, if nothing happens before.
    pub next: Option<At>,
    /// What must be done by some time, the earliest first.
    pub deadlines: &'a [Deadline],
}

/// Finds the words for a notice.
///
/// # Errors
///
/// The templates are compiled in and written into memory; askama's signature says that they might fail.
pub fn letter(notice: &Notice, context: &Context<'_>) -> Result<Letter, askama::Error> {
    let draft = match &notice.audience {
        Audience::Practices(practices) => manager::draft(notice, practices, context),
        Audience::Staff => staff::draft(notice, context),
        Audience::Pcn { id: _, practices } => pcn::draft(notice, practices, context),
        Audience::Owner { name } => owner::draft(notice, name, context),
    };
    rendered(&draft)
}

/// Finds the words for a digest.
///
/// # Errors
///
/// As [`letter`]'s.
pub fn digest(notice: &Notice, told: &Digest, estate: &Estate) -> Result<Letter, askama::Error> {
    rendered(&digest::draft(notice, told, estate))
}

fn rendered(draft: &Draft) -> Result<Letter, askama::Error> {
    let text = Text { title: &draft.title, blocks: &draft.blocks, footer: &draft.footer }.render()?;
    let html = Page { title: &draft.title, blocks: &draft.blocks, footer: &draft.footer }.render()?;
    Ok(Letter { subject: plain::shortened(&draft.subject, SUBJECT_CHARS_MAX), text, html })
}

/// Longer subjects are cut by every mail program anyway.
const SUBJECT_CHARS_MAX: usize = 200;

/// A letter before it is text or page.
struct Draft {
    subject: String,
    title: String,
    blocks: Vec<Block>,
    footer: Vec<String>,
}

enum Block {
    Paragraph(String),
    Section { heading: String, sentences: Vec<String> },
    List { heading: String, items: Vec<String> },
    Facts { heading: String, rows: Vec<(String, String)> },
}

#[derive(Template)]
#[template(path = "letter.txt", escape = "none", config = "src/notify/askama.toml")]
struct Text<'a> {
    title: &'a str,
    blocks: &'a [Block],
    footer: &'a [String],
}

#[derive(Template)]
#[template(path = "letter.html", config = "src/notify/askama.toml")]
struct Page<'a> {
    title: &'a str,
    blocks: &'a [Block],
    footer: &'a [String],
}
