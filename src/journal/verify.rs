//! Reads a chain from its beginning to its end and says what is wrong, where. Pure: whoever has the entries hands them in.
//!
//! | what was done | how it shows |
//! |---|---|
//! | a byte of an entry changed | its hash isn't that of what it says |
//! | an entry taken out, or put in | the next one hangs on another hash |
//! | two entries swapped | each hangs on another hash |
//! | the end cut off | the store remembers the last entry, and so does each head that was sent away |
//! | the beginning cut off | nothing that retention wrote says that this was in order |
//! | all written anew | no head that was sent away agrees |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::body::{RETENTION, Retention};
use super::chain::{Hash, content, link};
use super::head::Head;
use crate::limits::JOURNAL_FAULTS_MAX;
use crate::time::At;

/// An entry that is kept, as it was read. Bytes, because what was tampered with needn't be text any more.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    pub seq: i64,
    pub at: At,
    pub subject: &'a [u8],
    pub incident: &'a [u8],
    pub body: &'a [u8],
    pub hash: &'a [u8],
}

/// What is left of an entry whose time was over.
#[derive(Debug, Clone, Copy)]
pub struct Removed<'a> {
    pub seq: i64,
    pub at: At,
    pub content: &'a [u8],
    pub hash: &'a [u8],
}

/// Where what is kept begins: the last entry of which nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    pub seq: i64,
    pub hash: Hash,
}

/// The last entry, as the store remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    pub seq: i64,
    pub at: At,
    pub hash: Hash,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The number of the entry at which it shows.
    pub entry: i64,
    /// The time that stands there; it may be part of what is wrong.
    pub at: Option<At>,
    /// Whole sentences.
    pub what: String,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Entries that were read, and the first and last of them.
    pub entries: u64,
    pub first: Option<(i64, At)>,
    pub last: Option<(i64, At)>,
    /// Entries of which only the hash is left, and the number up to which nothing is left at all.
    pub removed: u64,
    pub begins_after: i64,
    /// The hash of the last entry: 64 hexadecimal digits.
    pub sha256: String,
    /// The first ones, in order.
    pub faults: Vec<Fault>,
    /// How many there are.
    pub faults_total: u64,
    /// What was compared with, besides itself.
    pub head: Option<String>,
}

impl Checked {
    pub const fn is_sound(&self) -> bool {
        self.faults_total == 0
    }
}

/// Reads a chain. Entries, kept or removed, are handed in by their numbers; then [`Verifier::end`] tells.
#[derive(Debug)]
pub struct Verifier {
    base: Base,
    last: Tip,
    /// What the last entry's hash should have been, if it was another: the next one may hang on either.
    should: Option<Hash>,
    /// By the entry that they name.
    heads: BTreeMap<i64, Vec<Head>>,
    given: Option<Head>,
    /// The last word of retention.
    retention: Option<Retention>,
    /// The latest of those that went and left a hash.
    went: Option<(i64, At)>,
    found: Checked,
}

impl Verifier {
    /// `base`: `None`: nothing was removed from the beginning. `heads`: signed lines that the store has; `given`: one that
    /// left it.
    pub fn new(base: Option<Base>, heads: Vec<Head>, given: Option<Head>) -> Self {
        let base = base.unwrap_or(Base { seq: 0, hash: Hash::NONE });
        let mut by_entry: BTreeMap<i64, Vec<Head>> = BTreeMap::new();
        // What is older than all that is kept can't be compared with.
        for head in heads.into_iter().filter(|head| head.seq >= base.seq).chain(given.clone()) {
            by_entry.entry(head.seq).or_default().push(head);
        }
        let mut verifier = Self {
            base,
            last: Tip { seq: base.seq, at: At::default(), hash: base.hash },
            should: None,
            heads: by_entry,
            retention: None,
            went: None,
            found: Checked {
                entries: 0,
                first: None,
                last: None,
                removed: 0,
                begins_after: base.seq,
                sha256: base.hash.to_string(),
                faults: Vec::new(),
                faults_total: 0,
                head: given.as_ref().map(ToString::to_string),
            },
            given,
        };
        verifier.meet();
        verifier
    }

    /// The next entry, which is kept.
    pub fn kept(&mut self, entry: Kept<'_>) {
        self.found.entries += 1;
        self.found.first.get_or_insert((entry.seq, entry.at));
        self.found.last = Some((entry.seq, entry.at));
        let content = content(entry.subject, entry.incident, entry.body);
        if entry.subject == RETENTION.as_bytes() {
            self.retention = serde_json::from_slice(entry.body).ok().or(self.retention.take());
        }
        self.hang(entry.seq, entry.at, content, entry.hash);
    }

    /// The next entry, of which only the hash is left.
    pub fn removed(&mut self, entry: Removed<'_>) {
        self.found.removed += 1;
        if self.went.is_none_or(|(_, at)| at < entry.at) {
            self.went = Some((entry.seq, entry.at));
        }
        // What isn't a hash agrees with none.
        let content = Hash::from_bytes(entry.content).unwrap_or(Hash::NONE);
        self.hang(entry.seq, entry.at, content, entry.hash);
    }

    /// The store could not be read any further.
    pub fn broke_off(&mut self, why: &str) {
        self.fault(
            self.last.seq.saturating_add(1),
            None,
            format!("The file can't be read any further: {why}."),
        );
    }

    fn hang(&mut self, seq: i64, at: At, content: Hash, hash: &[u8]) {
        let computed = link(self.last.hash, seq, at, content);
        let stated = Hash::from_bytes(hash);
        let hangs = |before: Hash| stated == Some(link(before, seq, at, content));
        if stated != Some(computed) {
            if self.should.is_some_and(hangs) {
                // The fault before this one was in the hash alone, and is told.
            } else if seq > self.last.seq.saturating_add(1) {
                let which = entries(self.last.seq + 1, seq - 1);
                self.fault(
                    seq,
                    Some(at),
                    format!("{which} missing before this one, or it was changed or moved here."),
                );
            } else {
                self.fault(
                    seq,
                    Some(at),
                    "This entry was changed, or stands where another stood: it doesn't agree with its hash and the one before."
                        .to_owned(),
                );
            }
        }
        self.should = (stated != Some(computed)).then_some(computed);
        self.last = Tip { seq, at, hash: stated.unwrap_or(computed) };
        self.meet();
    }

    /// Compares with the heads that name the entry that was read last.
    fn meet(&mut self) {
        for head in self.heads.remove(&self.last.seq).unwrap_or_default() {
            if head.hash != self.last.hash {
                let what = format!(
                    "The head of {} says that entry {} had the hash {}; it has {} now. This journal was written anew up to here.",
                    head.at, head.seq, head.hash, self.last.hash
                );
                self.fault(head.seq, Some(head.at), what);
            }
        }
    }

    /// `tip`: the last entry as the store remembers it; `public_key`: that of the data folder, where it is known.
    pub fn end(mut self, tip: Option<Tip>, public_key: Option<&str>) -> Checked {
        let last = self.last;
        match tip {
            Some(tip) if tip.seq > last.seq => {
                let (from, to) = (last.seq.saturating_add(1), tip.seq);
                let which = entries(from, to);
                self.fault(
                    from,
                    Some(tip.at),
                    format!("{which} cut off: the last one written was {to}, of {}.", tip.at),
                );
            }
            Some(tip) if (tip.seq, tip.hash) != (last.seq, last.hash) || self.tip_time_is_wrong(tip) => {
                let what = format!(
                    "The last entry isn't the one that was written last ({}, of {}).",
                    tip.seq, tip.at
                );
                self.fault(last.seq, Some(last.at), what);
            }
            None if self.found.entries + self.found.removed > 0 || last.seq > 0 => {
                self.fault(last.seq, None, "The store doesn't remember which entry was the last.".to_owned());
            }
            _ => {}
        }
        self.judge_removals();
        for head in std::mem::take(&mut self.heads).into_values().flatten() {
            let what = if head.seq < self.base.seq {
                format!(
                    "The head is of entry {}, and what is kept begins after entry {}: it is too old to compare with.",
                    head.seq, self.base.seq
                )
            } else {
                format!(
                    "A head is of entry {}, of {}, and there is no such entry: the journal was cut, or it is another one.",
                    head.seq, head.at
                )
            };
            self.fault(head.seq, Some(head.at), what);
        }
        if let (Some(head), Some(key)) = (self.given.take(), public_key)
            && key != head.public_key
        {
            let what =
                format!("The head was signed with the key {}, and this folder's is {key}.", head.public_key);
            self.fault(head.seq, Some(head.at), what);
        }
        self.found.sha256 = self.last.hash.to_string();
        self.found
    }

    /// Of an entry that is still here.
    fn tip_time_is_wrong(&self, tip: Tip) -> bool {
        self.found.entries + self.found.removed > 0 && tip.at != self.last.at
    }

    /// What went must have gone by retention, which says so in the chain.
    fn judge_removals(&mut self) {
        let said = self.retention.take();
        let begins_after = said.as_ref().map_or(0, |said| said.begins_after);
        if self.base.seq != begins_after {
            let what = format!(
                "What is kept begins after entry {}; by the journal's own word it should begin after {begins_after}.",
                self.base.seq
            );
            self.fault(self.base.seq, None, what);
        }
        let before = said.map_or(At::from_millis(i64::MIN), |said| said.before);
        if let Some((seq, at)) = self.went.filter(|(_, at)| *at >= before) {
            let what = "This entry was removed, and no other says that its time was over.".to_owned();
            self.fault(seq, Some(at), what);
        }
    }

    fn fault(&mut self, entry: i64, at: Option<At>, what: String) {
        self.found.faults_total += 1;
        if self.found.faults.len() < JOURNAL_FAULTS_MAX {
            self.found.faults.push(Fault { entry, at, what });
        }
    }
}

fn entries(from: i64, to: i64) -> String {
    if from == to { format!("Entry {from} is") } else { format!("Entries {from} to {to} are") }
}
