//! What the hub has to say about itself: its store, its clock, its configuration. They stand among the
//! notes of `status` and on the page until they are no longer so.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::limits::CLOCK_NOTE_STANDS;
use crate::time::At;

/// What a note is about; there is one note of each at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    Reload,
    Restart,
    Clock,
    Store,
    Archive,
    Mail,
    Bounces,
    Schedule,
    Concurrency,
    Descriptors,
    AgentClocks,
    AgentTwins,
}

/// One standing note of the hub's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnNote {
    pub since: At,
    pub text: String,
}

/// The notes that stand now.
#[derive(Debug, Default)]
pub struct OwnNotes(Mutex<BTreeMap<About, OwnNote>>);

impl OwnNotes {
    /// Sets the note; one that says the same already keeps its time.
    pub fn set(&self, about: About, since: At, text: impl Into<String>) {
        let text = text.into();
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.get(&about).is_none_or(|note| note.text != text) {
            notes.insert(about, OwnNote { since, text });
        }
    }

    pub fn clear(&self, about: About) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&about);
    }

    /// Those that stand at `now`. A jump of the clock is old news after a while.
    pub fn list(&self, now: At) -> Vec<OwnNote> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = now - CLOCK_NOTE_STANDS;
        notes.retain(|about, note| *about != About::Clock || note.since >= fresh);
        notes.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_says_the_same_again_keeps_its_time() {
        let notes = OwnNotes::default();
        let start = At::from_millis(1_700_000_000_000);
        notes.set(About::Store, start, "The disk is full.");
        notes.set(About::Store, start.plus_millis(5_000), "The disk is full.");
        assert_eq!(notes.list(start), [OwnNote { since: start, text: "The disk is full.".into() }]);
        notes.clear(About::Store);
        assert!(notes.list(start).is_empty());
    }

    #[test]
    fn a_jump_of_the_clock_is_old_news_after_an_hour_and_a_broken_store_is_not() {
        let notes = OwnNotes::default();
        let start = At::from_millis(1_700_000_000_000);
        notes.set(About::Clock, start, "The clock was set.");
        notes.set(About::Store, start, "The disk is full.");
        assert_eq!(notes.list(start + CLOCK_NOTE_STANDS).len(), 2);
        let later = notes.list((start + CLOCK_NOTE_STANDS).plus_millis(1));
        assert_eq!(later.len(), 1);
        assert_eq!(later[0].text, "The disk is full.");
    }
}
