//! Bounds of heartbeats (`hub::beats`).

use std::time::Duration;

/// Longest `every` of a heartbeat: work that is done once a month.
pub const BEAT_EVERY_MAX: Duration = Duration::from_hours(32 * 24);

/// How often the hub says of each heartbeat whether it is overdue, where its `every` isn't shorter. What is judged
/// together is what was said within three times the slowest rhythm, so a daily one must not have a rhythm of a day.
pub const BEAT_TOLD_EVERY: Duration = Duration::from_mins(1);

/// How long that takes: nothing is asked.
pub const BEAT_TOLD_WITHIN: Duration = Duration::from_secs(1);

/// Beats of one check within this time count as one: whoever knocks faster is in a loop, and costs nothing.
pub const BEAT_AGAIN_MIN: Duration = Duration::from_secs(1);

/// How often beats are looked through, and those that are new are written down. A power cut loses that much.
pub const BEAT_LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it is written down that the hub lives, so that one that starts again knows for how long nobody could beat.
pub const BEAT_ALIVE_EVERY: Duration = Duration::from_mins(1);

/// What a sender may send along with a beat, in bytes: programs post their logs. It is read a piece at a time and dropped.
pub const BEAT_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Wrong tokens that one source may try, a second and at once; and all together. Real senders have none.
pub const BEAT_WRONG_PER_SECOND: f64 = 1.0;
pub const BEAT_WRONG_BURST: f64 = 20.0;
pub const BEAT_WRONG_ALL_PER_SECOND: f64 = 100.0;
