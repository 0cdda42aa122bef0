//! Texts from elsewhere, made fit for a terminal, a page, a letter and a log line.

use super::Observation;

/// Line and paragraph separators, zero-width characters, and marks that reorder or hide what stands beside them.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The character, or a space in the place of one that steers a terminal or can't be seen.
pub fn harmless(c: char) -> char {
    if c.is_control() || is_invisible(c) { ' ' } else { c }
}

impl Observation {
    /// Takes out of its texts what could steer a terminal or mislead an eye. Somebody else wrote them.
    pub fn clean(&mut self) {
        let texts = [self.detail.as_mut(), self.path.as_mut().map(|path| &mut path.sentence)];
        for text in texts.into_iter().flatten() {
            if text.chars().any(|c| harmless(c) != c) {
                *text = text.chars().map(harmless).collect();
            }
        }
    }
}
