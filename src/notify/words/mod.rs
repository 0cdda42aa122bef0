//! What people read. Pure: an event, a notice and the estate in, a letter out.
//!
//! | file | what lives there |
//! |---|---|
//! | `manager.rs` | the practice manager's letters |
//! | `staff.rs` | the ICB staff's letters, with the evidence |
//! | `hands.rs` | who has it in hand, and what those read who are told because nobody has |
//! | `changes.rs` | what is otherwise than it was in the reader's last message |
//! | `pcn.rs` | what a primary care network reads of its practices |
//! | `owner.rs` | what whoever looks after a component reads, fit to open a ticket with |
//! | `digest.rs` | what was kept for later, in a line each |
//! | `phrases.rs` | a fault in plain English: what is down, how, whose it is |
//! | `theirs.rs` | a fault as it is at the reader's practices: how it shows there, and since when |
//! | `reach.rs` | what answers and what doesn't, as far as one practice is concerned |
//! | `plain.rs` | names made harmless, lists, local times |
//! | `part.rs` | what a letter is made of |
//! | `sentences.rs`, `sentences/` | which sentences there are, and what each shows; an operator can replace them |
//! | `texts.rs`, `texts/` | how a letter is laid out, as text and as a page, and how its sentences read: all that an operator can replace |
//!
//! A name comes from a file that somebody typed. It is made one line without control characters before it goes
//! anywhere, and is escaped in the page.

mod changes;
mod digest;
mod hands;
mod manager;
mod owner;
mod part;
mod pcn;
pub(crate) mod phrases;
pub(crate) mod plain;
pub(crate) mod reach;
mod sentences;
mod staff;
#[cfg(test)]
mod tests;
pub mod texts;
mod theirs;

use std::sync::Arc;

use minijinja::value::Value;

use super::fix::Fix;
use super::notice::{Audience, Notice};
use super::policy::{Digest, Hands, Line};
use crate::config::Deadline;
use crate::estate::Estate;
use crate::incident::{Event, is_of_exercise, nobody_hit_since};
use crate::time::At;
pub use digest::{Beside, Histories};
use part::{Block, Part};
use sentences::Say;
use texts::{Reader, TextError, Texts};

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
    /// When what the reader last got about the incident was said ([`Event::at`]); `None`: they got nothing yet, or it isn't known.
    pub last_told: Option<At>,
    /// The reader had been told that it was over, and is hit once more.
    pub told_again: bool,
    /// What people say that they did about it, by the time at which it was done; nothing in letters that don't speak of it.
    pub fixes: &'a [Fix],
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
    /// Who has the incident in hand; `None`: it isn't open any more.
    pub hands: Option<&'a Hands>,
    /// By which the reader says that they have it, or have read of it.
    pub link: Option<&'a str>,
}

impl Context<'_> {
    /// Whether the incident was made up for an exercise: no hub that its readers can ask knows of it.
    fn is_of_exercise(&self) -> bool {
        is_of_exercise(&self.event.incident)
    }

    /// Since when these practices are hit, or were until the event.
    fn since(&self, practices: &[String]) -> At {
        theirs::since(practices, self.event, self.earlier)
    }

    /// Since when nobody is hit, of what is over: not when that had lasted for long enough to say so.
    fn well_since(&self) -> At {
        nobody_hit_since(self.earlier.iter().chain([self.event])).unwrap_or(self.event.at)
    }

    /// What a letter has no room for, and where it is: `3 earlier ones: see linewatch why`.
    fn more(&self, what: &str, place: &str) -> String {
        if self.is_of_exercise() { what.to_owned() } else { format!("{what}: see {place}") }
    }
}

/// Finds the words for a notice.
///
/// # Errors
///
/// A text that an operator made can't be filled, though it could be when it was read; the shipped ones always can.
pub fn letter(notice: &Notice, context: &Context<'_>, texts: &Texts) -> Result<Letter, TextError> {
    let say = texts.say();
    let theirs = match &notice.audience {
        Audience::Practices(practices) | Audience::Pcn { practices, .. } => practices.as_slice(),
        Audience::Staff | Audience::Role { .. } | Audience::Owner { .. } => &[],
    };
    let event = theirs::event(theirs, context.event, context.earlier);
    let context = &Context { event: &event, ..*context };
    let draft = match &notice.audience {
        Audience::Practices(practices) => manager::draft(notice, practices, context, &say),
        Audience::Staff => staff::draft(notice, context, &say),
        Audience::Role { id } => staff::draft(notice, context, &say)
            .told_because(say.with(&sentences::STAFF_TOLD_FOR_A_ROLE, [plain::name(id).into()])),
        Audience::Pcn { id: _, practices } => pcn::draft(notice, practices, context, &say),
        Audience::Owner { name } => owner::draft(notice, name, context, &say),
    };
    finished(draft, notice, context.estate, say, texts)
}

/// Finds the words for a digest.
///
/// # Errors
///
/// As [`letter`]'s.
pub fn digest<L: Fn(&Line) -> Option<String>>(
    notice: &Notice,
    told: &Digest,
    beside: &Beside<'_, L>,
    texts: &Texts,
) -> Result<Letter, TextError> {
    let say = texts.say();
    let draft = digest::draft(notice, told, beside, &say);
    finished(draft, notice, beside.estate, say, texts)
}

/// With the lines around it, laid out.
fn finished(
    mut draft: Draft,
    notice: &Notice,
    estate: &Estate,
    say: Say<'_>,
    texts: &Texts,
) -> Result<Letter, TextError> {
    let icb = || Value::from(plain::name(&estate.icb.name));
    let place = |practices: &[String]| Value::from(phrases::place_of(practices, estate));
    let (greeting, closing) = match &notice.audience {
        Audience::Practices(practices) => (
            say.with(&sentences::MANAGER_GREETING, [icb(), place(practices)]),
            say.with(&sentences::MANAGER_CLOSING, [icb(), place(practices)]),
        ),
        Audience::Staff | Audience::Role { .. } => {
            (say.with(&sentences::STAFF_GREETING, [icb()]), say.with(&sentences::STAFF_CLOSING, [icb()]))
        }
        Audience::Pcn { practices, .. } => (
            say.with(&sentences::PCN_GREETING, [icb(), place(practices)]),
            say.with(&sentences::PCN_CLOSING, [icb(), place(practices)]),
        ),
        Audience::Owner { .. } => {
            (say.with(&sentences::OWNER_GREETING, [icb()]), say.with(&sentences::OWNER_CLOSING, [icb()]))
        }
    };
    if !greeting.is_empty() {
        draft.blocks.insert(0, Block::paragraph(Part::Greeting, greeting));
    }
    if !closing.is_empty() {
        draft.blocks.push(Block::paragraph(Part::Closing, closing));
    }
    say.end()?;
    texts.write(Reader::of(&notice.audience), &draft)
}

/// The lines under a letter: who writes, what about, and how.
fn signature(about: Vec<String>, estate: &Estate, say: &Say<'_>) -> Vec<String> {
    let mut lines = vec![say.with(&sentences::SIGNATURE_FOR_WHOM, [plain::name(&estate.icb.name).into()])];
    lines.extend(about);
    lines.push(say.plain(&sentences::SIGNATURE_AUTOMATIC));
    lines
}

/// Longer subjects are cut by every mail program anyway.
const SUBJECT_CHARS_MAX: usize = 200;

/// The whole subject of a letter about an incident.
fn subject_of(subject: &str, incident: &str, say: &Say<'_>) -> String {
    let incident = plain::name(incident);
    framed(subject, |subject| {
        say.with(&sentences::SUBJECT_OF_INCIDENT, [subject.into(), incident.as_str().into()])
    })
}

/// A subject in the words that all have around it. Where it is too long it gives way itself, and not the incident's number behind it.
fn framed(subject: &str, frame: impl Fn(&str) -> String) -> String {
    let whole = frame(subject);
    let beyond = whole.chars().count().saturating_sub(SUBJECT_CHARS_MAX);
    if beyond == 0 {
        return whole;
    }
    frame(&plain::shortened(subject, subject.chars().count().saturating_sub(beyond)))
}

/// A letter before it is text or page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Draft {
    subject: String,
    title: String,
    blocks: Vec<Block>,
    footer: Vec<String>,
}

impl Draft {
    /// Says why the reader is told: a role can be given to somebody else.
    fn told_because(mut self, why: String) -> Self {
        self.footer.push(why);
        self
    }
}
