//! Bounds of what is asked again beside the schedule (`agent::reask`).

use std::time::Duration;

/// Shortest and longest wait before a check that has just changed is asked again; which of them is a hash of practice and
/// probe. Within a second, but not at once: what lost one packet is over by then. And spread, so that 175 practices that
/// lose a firewall together don't all ask it in one millisecond. Each further wait is twice the last.
pub const REASK_FIRST_MIN: Duration = Duration::from_millis(200);
pub const REASK_FIRST_MAX: Duration = Duration::from_millis(900);

/// What the hub wishes to know is asked within this, spread by the same hash: an answer is there within a second, and neighbours
/// that are asked together don't ask in one millisecond.
pub const REASK_WISHED_SPREAD: Duration = Duration::from_millis(500);

/// Failures in a row after which a check counts as down and is left to the schedule: as many as the correlator keeps one
/// by one (`correlate::evidence::KEPT`). More would say nothing new.
pub const REASK_DOWN_AFTER: u8 = 4;

/// Answers in a row after which it counts as fine again: one may be luck on a line that loses half.
pub const REASK_FINE_AFTER: u8 = 2;

/// Times that one check is asked again until it is settled, at most: waits of half a second to eight. A line that loses
/// every other packet is never settled, and must not cost more than this between two turns of the schedule.
pub const REASK_TRIES_MAX: u8 = 5;

/// A check whose turn in the schedule comes within this isn't asked beside it: it would gain nothing.
pub const REASK_SPARE: Duration = Duration::from_secs(1);

/// What asking again may add to the schedule, over all targets: half as much. In an outage of everything the schedule
/// itself sees each check within an interval, and lines that are short of breath need no second load.
pub const REASK_ESTATE_SHARE: f64 = 0.5;

/// But this many a second in any case: of an estate of three checks a minute, half is nothing.
pub const REASK_PER_SECOND_MIN: f64 = 4.0;

/// Its places are counted by stretches of this length: as much may go out at once, when nothing did before.
pub const REASK_COUNTED_BY: Duration = Duration::from_secs(1);

/// The same for one target: as much again as the schedule asks of it, and no more than `[schedule] target_rate` leaves.
pub const REASK_TARGET_SHARE: f64 = 1.0;

/// What one target may get at once, when nothing was asked again there before: a practice's own fault and a few more, and
/// nothing that a server would notice.
pub const REASK_TARGET_BURST: f64 = 8.0;

/// How long the first asking after a change may be put off for want of room; any other waits for [`REASK_SPARE`] only, so
/// that it isn't in the way of those. After that the schedule is as quick, and it is given up.
pub const REASK_PUT_OFF_MAX: Duration = Duration::from_secs(10);

/// Share of `[schedule] concurrency` that only the schedule may use: when everything times out, asking again must not take
/// the places that the next slots need.
pub const REASK_KEPT_FREE_SHARE: f64 = 0.25;

/// A check is late when it has been under way for so many times the slowest of its answers of late (`agent::overdue`). A
/// line that is busier than usual takes twice as long, and three times now and then. When the asking beside it has been silent for
/// as long, that is told.
pub const LATE_TIMES: u32 = 4;

/// But not before this: what is lost on the way is sent again by TCP after a second at the earliest, and by nobody in UDP, and
/// half a second is more than any line in the country takes.
pub const LATE_AFTER_MIN: Duration = Duration::from_millis(500);

/// Answers that must be known before anything is called late: eight minutes' worth at one in 30 s.
pub const LATE_ANSWERS_MIN: u16 = 16;

/// A slow answer is forgotten by this part with each quicker one: half of it after some forty.
pub const LATE_FORGETS: f32 = 64.0;

/// So much of its time must be left when a check is late, or when that is told, or it gains nothing.
pub const LATE_SPARE: Duration = Duration::from_secs(1);
