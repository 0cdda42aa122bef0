//! Ids that stand for something: each once, found again by name, with a suggestion when one is misspelt.

use std::collections::HashMap;
use std::sync::Arc;

use super::errors::{Placed, Source, Span};
use super::reader::Reader;
use crate::limits::CONFIG_SUGGESTION_COMPARISONS_MAX;

/// So many ids are listed in an error when none is near.
const LISTED_MAX: usize = 8;

/// All ids of one kind of thing, in the order of their positions in the estate.
#[derive(Debug)]
pub(super) struct Names {
    /// As in "no component is called …".
    what: &'static str,
    ids: Vec<String>,
    places: HashMap<String, (usize, Arc<Source>, Span)>,
}

impl Names {
    pub fn new(what: &'static str) -> Self {
        Self { what, ids: Vec::new(), places: HashMap::new() }
    }

    /// Takes an id in; an id that is there already is an error that names both places. Capitals don't make
    /// two ids differ: people and ODS lists write codes either way.
    pub fn declare(&mut self, reader: &mut Reader<'_>, id: Placed<&str>) -> bool {
        let key = id.value.to_ascii_lowercase();
        if let Some((_, source, span)) = self.places.get(&key) {
            let (source, span) = (Arc::clone(source), *span);
            reader.refuse_twice(id, self.what, source, span);
            return false;
        }
        self.places.insert(key, (self.ids.len(), Arc::clone(&reader.source), id.span));
        self.ids.push(id.value.to_owned());
        true
    }

    pub fn position(&self, id: &str) -> Option<usize> {
        let (position, ..) = self.places.get(&id.to_ascii_lowercase())?;
        self.ids.get(*position).filter(|known| *known == id).map(|_| *position)
    }

    /// Finds what an id stands for; one that stands for nothing is an error that suggests the nearest.
    pub fn find(&self, reader: &mut Reader<'_>, id: Placed<&str>) -> Option<usize> {
        let found = self.position(id.value);
        if found.is_none() {
            let help = self.suggest(&mut reader.report.comparisons, id.value);
            reader.refuse(id.span, format!("no {} is called {:?}", self.what, shorten(id.value)), help);
        }
        found
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }

    fn suggest(&self, comparisons: &mut Comparisons, wanted: &str) -> String {
        let what = self.what;
        if let Some(near) = comparisons.nearest(wanted, self.ids.iter().map(String::as_str)) {
            return format!("did you mean {near:?}?");
        }
        match self.ids.as_slice() {
            [] => format!("no {what} is declared: add a [[{what}]] with this id"),
            few if few.len() <= LISTED_MAX => {
                format!("declared: {}; or add a [[{what}]] with this id", few.join(", "))
            }
            many => format!("none of the {} declared is near it: add a [[{what}]] with this id", many.len()),
        }
    }
}

/// What "did you mean" may still spend on one reading.
#[derive(Debug)]
pub(super) struct Comparisons {
    left: usize,
}

impl Comparisons {
    pub fn new() -> Self {
        Self { left: CONFIG_SUGGESTION_COMPARISONS_MAX }
    }

    /// The known word nearest to a misspelt one, if any is near: at most a third of its letters away.
    /// Of several as near, the first.
    pub fn nearest<'a>(&mut self, wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let wanted = wanted.to_lowercase();
        let length = wanted.chars().count();
        if length > crate::limits::ID_BYTES_MAX {
            return None;
        }
        let far = (length / 3).max(1);
        let mut best: Option<(usize, &str)> = None;
        for word in known {
            if word.len().abs_diff(wanted.len()) > far * 4 {
                continue;
            }
            self.left = self.left.checked_sub(1)?;
            let lower = word.to_lowercase();
            let mut distance = strsim::damerau_levenshtein(&wanted, &lower);
            // A word with something added or left off is near however long the rest: `expect-status`.
            let begins = lower.starts_with(&wanted) || wanted.starts_with(&lower);
            if distance > far && begins && lower.len().min(wanted.len()) > 2 {
                distance = far;
            }
            if distance <= far && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, word));
            }
        }
        best.map(|(_, word)| word)
    }
}

/// For messages: the beginning of a text that may be anything.
pub(super) fn shorten(text: &str) -> String {
    const CHARS: usize = 60;
    if text.chars().count() <= CHARS {
        text.to_owned()
    } else {
        text.chars().take(CHARS).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour_and_a_strange_one_finds_none() {
        let known = ["timeout", "every", "network", "expect_status"];
        let mut comparisons = Comparisons::new();
        let mut near = |word| comparisons.nearest(word, known.into_iter());
        assert_eq!(near("timout"), Some("timeout"));
        assert_eq!(near("Network"), Some("network"));
        assert_eq!(near("expect-status"), Some("expect_status"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn suggestions_stop_when_their_budget_is_spent() {
        let mut comparisons = Comparisons { left: 1 };
        assert_eq!(comparisons.nearest("ab", ["ac", "ab"].into_iter()), None);
        assert_eq!(comparisons.nearest("ab", ["ab"].into_iter()), None);
    }
}
