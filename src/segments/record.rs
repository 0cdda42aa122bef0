//! What stands in a segment: observations, and what is said in the place of those that were let go of.

use serde::{Deserialize, Serialize};

use crate::observation::Observation;
use crate::time::At;

/// One entry with its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number in this spool: from 1, rising, with gaps, and never given twice.
    pub seq: u64,
    pub entry: Entry,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "nearly all are observations")]
pub enum Entry {
    Seen(Observation),
    /// Stands where observations were that had to make room.
    Thinned(Thinned),
}

impl Record {
    /// When what it tells of began.
    pub fn at(&self) -> At {
        match &self.entry {
            Entry::Seen(seen) => seen.at,
            Entry::Thinned(thinned) => thinned.from,
        }
    }

    /// What it says of others that had to go, if it is such an entry.
    pub const fn note(&self) -> Option<&Thinned> {
        match &self.entry {
            Entry::Thinned(note) => Some(note),
            Entry::Seen(_) => None,
        }
    }

    /// About what it takes in memory, and at most about what it takes as JSON, in bytes.
    pub fn size(&self) -> usize {
        const FIXED: usize = 320;
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        FIXED
            + match &self.entry {
                Entry::Thinned(thinned) => thinned.practice.len() + thinned.probe.len(),
                Entry::Seen(seen) => {
                    seen.practice.len()
                        + seen.probe.len()
                        + text(&seen.detail)
                        + text(&seen.agent)
                        + text(&seen.uplink)
                        + seen.path.as_ref().map_or(0, |path| path.sentence.len() + 64 * path.hops.len())
                }
            }
    }
}

/// Observations of one check that were let go of because the spool was full. What is between `from` and `to` and is there
/// all the same (changes of state, what had been sent before) is not among `count`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thinned {
    /// As in [`Observation::practice`].
    pub practice: String,
    /// As in [`Observation::probe`]; [`MANY`] where several checks share one entry.
    pub probe: String,
    /// When the first and the last of them began.
    pub from: At,
    pub to: At,
    pub count: u64,
    pub what: What,
}

impl Thinned {
    /// Speaks for those of another one too.
    pub fn add(&mut self, other: &Self) {
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.count = self.count.saturating_add(other.count);
    }
}

/// The probe id of a [`Thinned`] that stands for more than one check.
pub const MANY: &str = "@many";

/// Which observations had to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Successes between successes.
    Successes,
    /// The same failure again and again.
    Failures,
    /// All of them.
    Everything,
}

impl What {
    /// The word of the JSON form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Successes => "successes",
            Self::Failures => "failures",
            Self::Everything => "everything",
        }
    }
}
