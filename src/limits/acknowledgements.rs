//! Bounds of acknowledgements and of escalation (`notify`, `hub`).

use std::time::Duration;

/// How long the link in a letter still works after its incident is over: whoever reads it after a night off may still say so, and
/// the report has it. Later, nobody waits for it, and an old mailbox shall open nothing.
pub const ACK_LINK_AFTER_END: Duration = Duration::from_hours(24);

/// Longest name of anybody who does something at the hub, and longest note of an acknowledgement, in characters. Both are written into the
/// journal and into letters.
pub const ACK_NAME_CHARS_MAX: usize = 120;
pub const ACK_NOTE_CHARS_MAX: usize = 500;

/// Bytes of the form that acknowledges: name and note, each character of them escaped as twelve, and the form's own words.
pub const ACK_FORM_BYTES_MAX: usize = 8 * 1024;

/// Requests a second for pages of links, from one address and from all together, and how many may come at once. Behind a proxy, and
/// behind a provider whose scanner opens each link of each mail, everybody is one address: a county's letters within a second fit,
/// England's take half a minute. A page costs a few reads of the store.
pub const ACK_PER_SECOND: f64 = 100.0;
pub const ACK_BURST: f64 = 1_000.0;
pub const ACK_ALL_PER_SECOND: f64 = 200.0;
pub const ACK_ALL_BURST: f64 = 2_000.0;

/// People who have one incident in hand, as far as letters, pages and memory go. The store and the journal have all of them.
pub const TAKEN_ON_KEPT: usize = 50;

/// An incident that was merged goes on as another, and that one as another: it is followed so far. Each merger is into an older
/// one, so a chain of more than two or three has not been seen.
pub const MERGERS_FOLLOWED_MAX: usize = 16;

/// Steps of escalation, and people in one step. More is a mailing list, which is one address.
pub const ESCALATION_STEPS_MAX: usize = 16;
pub const ESCALATION_TO_MAX: usize = 50;

/// The soonest and the latest that a step may come after staff were told. Nobody reads and answers a letter in less; and what has been
/// left for a week isn't what escalation mends.
pub const ESCALATION_AFTER_MIN: Duration = Duration::from_mins(1);
pub const ESCALATION_AFTER_MAX: Duration = Duration::from_hours(7 * 24);

/// Nobody is escalated to for so long after a start. What was open when the process ended may be over: the first checks, and the
/// life cycle's own caution, tell within a minute.
pub const ESCALATION_REST_AFTER_START: Duration = Duration::from_mins(2);
