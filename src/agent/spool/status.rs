//! How a spool is: for the page, for the log and for the hub.

use serde::{Deserialize, Serialize};

use crate::time::At;
use crate::uplink::message::ClockStep;

/// A spool at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// Observations and other entries that the hub doesn't have yet, as far as it has said so.
    pub records: u64,
    /// What the files take on the disk, and what they may take.
    pub bytes: u64,
    pub bytes_max: u64,
    /// About when the oldest of `records` began (within a few minutes, to be quick).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<At>,
    /// Of `records`, those that are in memory alone.
    pub in_memory: u64,
    /// Observations let go of for want of room, since the spool was made. Each is in an entry that explains the gap.
    pub thinned: u64,
    /// Places at which records were damaged or lost, since the spool was made, and how many records that were at least.
    pub damages: u64,
    pub lost: u64,
    /// Observations that the hub would never take, since the spool was made.
    #[serde(default)]
    pub refused: u64,
    /// When the clock was set, as far as some of `records` have their times from before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<ClockStep>,
    pub disk: Disk,
}

/// Whether what is appended gets on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disk {
    #[default]
    Fine,
    /// There is no room on it: new observations wait in memory.
    Full { since: At, why: String },
    /// It fails: new observations wait in memory.
    Failing { since: At, why: String },
}

/// What was found when a spool was opened. A spool without a mark on it has nothing to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opened {
    /// A new spool was made.
    pub new: bool,
    /// Records that the hub doesn't have yet.
    pub records: u64,
    /// Damaged places, and how many records those have cost at least.
    pub damages: u64,
    pub lost: u64,
    /// Each thing that is out of order, as a line for the log that says which file and what was done. At most
    /// [`crate::limits::SPOOL_REMARKS_MAX`]; the counts count on.
    pub remarks: Vec<String>,
}
