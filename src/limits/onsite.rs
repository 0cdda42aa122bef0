//! Bounds of the page on the practice's own network (`agent::site`).

use std::time::Duration;

/// Failures in a row before the page says that something does not answer: the second comes within a second or two of the
/// first, since what fails is asked again, and one lost packet must not send anybody to the fax machine.
pub const ONSITE_FAILS_AFTER: u32 = 2;

/// Turns of a check that may go by without a result before the page says that nothing is known of it. One is lost now
/// and then; after three, the agent stood still, or the computer slept.
pub const ONSITE_STALE_TURNS: u32 = 3;

/// The page renews itself so often while somebody looks at it: as often as anything can have changed.
pub const ONSITE_REFRESH: Duration = Duration::from_secs(10);

/// A word from the hub that is older than this is shown with a warning: by then people may have acted on something newer.
pub const ONSITE_WORD_OLD: Duration = Duration::from_mins(10);

/// The hub's word is written to the disk so often when it stays the same, for its age after a restart.
pub const ONSITE_WORD_KEPT_EVERY: Duration = Duration::from_mins(10);

/// Connections to the page at once. A practice has thirty computers.
pub const ONSITE_CONNECTIONS_MAX: usize = 64;

/// Incidents that the page repeats from the hub's last word, at most: a practice is hit by one or two.
pub const ONSITE_INCIDENTS_MAX: usize = 5;
