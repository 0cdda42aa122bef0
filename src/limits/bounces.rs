//! Bounds of what mail servers send back (`notify::bounce`, `cli::bounce`).

use std::time::Duration;

/// What is read of one message that came back. A server that returns the whole of a letter sends its two parts of
/// [`super::LETTER_BYTES_MAX`] again, each a third longer; the report stands before them. What is beyond is read past and thrown away.
pub const BOUNCE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Parts of one such message. A report has three; one that goes round through a list or a scanner, some more. Beyond it a message is
/// made to cost, since parts may stand within parts.
pub const BOUNCE_PARTS_MAX: usize = 100;

/// Recipients that one report is read for. Each of our mails has one; an address that is passed on to several may have a few.
pub const BOUNCE_RECIPIENTS_MAX: usize = 16;

/// `Message-ID`s of one report that are looked at: that of the mail, and those that the report refers to.
pub const BOUNCE_IDS_MAX: usize = 16;

/// Characters of each word in a report (an address, a server's name, an id), and of what the server said.
pub const BOUNCE_WORD_CHARS_MAX: usize = 320;
pub const BOUNCE_SAID_CHARS_MAX: usize = 300;

/// How long mails to a recipient are taken to come back once one has: meanwhile their other way is first. A week is enough for
/// somebody to mend the address, and then one mail shows whether it was mended there without a word to us.
pub const BOUNCE_COUNTS_FOR: Duration = Duration::from_hours(7 * 24);

/// A mail that was accepted and hasn't come back within this has arrived. Servers try for some days, and nearly all that are
/// refused for good are refused in the first minutes.
pub const BOUNCE_PROVEN_AFTER: Duration = Duration::from_hours(24);

/// How long after an incident is over the letter that says so is worth sending by another way.
pub const BOUNCE_END_OF_USE: Duration = Duration::from_hours(24);

/// Recipients whose mails come back, in memory: more than a county has. The store has all.
pub const BOUNCING_KEPT: usize = 10_000;

/// Recipients that the status names by themselves; the outbox lists all.
pub const BOUNCING_NAMED: usize = 3;
