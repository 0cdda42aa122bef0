//! What of the other side's words has come and wasn't asked for yet. Pure: whoever reads from the connection brings
//! them here, piece by piece, as they happen to arrive.

use crate::limits::PROBE_TALK_BYTES_MAX;

/// At most [`PROBE_TALK_BYTES_MAX`] bytes.
#[derive(Debug, Default)]
pub(super) struct Heard {
    bytes: Vec<u8>,
    /// How far the end that is waited for was looked for, so that words which come byte by byte aren't searched
    /// through again at each of them.
    searched: usize,
}

impl Heard {
    /// Bytes that there is still room for.
    pub(super) fn room(&self) -> usize {
        PROBE_TALK_BYTES_MAX - self.bytes.len()
    }

    /// Takes what still fits.
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece.get(..self.room()).unwrap_or(piece));
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All up to and with the first `end`; `None`: it hasn't come yet. Ask for the same end until it has.
    pub(super) fn take_to(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let from = self.searched.saturating_sub(end.len());
        let found = self.bytes.get(from..).and_then(|rest| find(rest, end));
        self.searched = self.bytes.len();
        self.take(from + found? + end.len())
    }

    /// Lets go of ends of lines before all else; gives their number.
    pub(super) fn skip_line_ends(&mut self) -> usize {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let count = self.bytes.iter().position(|byte| !is_end(byte)).unwrap_or(self.bytes.len());
        if count > 0 {
            self.bytes.drain(..count);
            self.searched = 0;
        }
        count
    }

    /// Exactly so many bytes; `None`: there aren't as many yet.
    pub(super) fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        let rest = if count <= self.bytes.len() { self.bytes.split_off(count) } else { return None };
        self.searched = 0;
        Some(std::mem::replace(&mut self.bytes, rest))
    }

    /// One line without its end.
    pub(super) fn line(&mut self) -> Option<String> {
        let line = self.take_to(b"\n")?;
        Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// Nothing stands at the beginning of everything.
fn find(among: &[u8], what: &[u8]) -> Option<usize> {
    if what.is_empty() { Some(0) } else { among.windows(what.len()).position(|window| window == what) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_may_come_in_pieces_and_two_at_once() {
        let mut heard = Heard::default();
        heard.add(b"220 mail");
        assert_eq!(heard.line(), None);
        heard.add(b" here\r\n250");
        assert_eq!(heard.line().as_deref(), Some("220 mail here"));
        heard.add(b"-SIZE\r\n250 HELP\r\n");
        assert_eq!(heard.line().as_deref(), Some("250-SIZE"));
        assert_eq!(heard.line().as_deref(), Some("250 HELP"));
        assert_eq!((heard.line(), heard.bytes()), (None, &b""[..]));
    }

    #[test]
    fn what_is_too_much_is_not_kept() {
        let mut heard = Heard::default();
        heard.add(&vec![b'x'; 3 * PROBE_TALK_BYTES_MAX]);
        assert_eq!((heard.bytes().len(), heard.room()), (PROBE_TALK_BYTES_MAX, 0));
        heard.add(b"more");
        assert_eq!(heard.bytes().len(), PROBE_TALK_BYTES_MAX);
    }

    #[test]
    fn ends_of_lines_before_a_head_are_let_go_of_and_those_in_it_are_not() {
        let mut heard = Heard::default();
        heard.add(b"\r\n\r");
        assert_eq!((heard.skip_line_ends(), heard.take_to(b"\r\n\r\n")), (3, None));
        heard.add(b"\nSIP/2.0 200 OK\r\n\r");
        assert_eq!((heard.skip_line_ends(), heard.take_to(b"\r\n\r\n")), (1, None));
        heard.add(b"\n\r\n");
        assert_eq!(heard.skip_line_ends(), 0);
        assert_eq!(heard.take_to(b"\r\n\r\n").as_deref(), Some(&b"SIP/2.0 200 OK\r\n\r\n"[..]));
    }

    #[test]
    fn no_end_at_all_is_there_at_once() {
        let mut heard = Heard::default();
        assert_eq!(heard.take_to(b""), Some(Vec::new()));
    }

    proptest! {
        /// However the words are cut into pieces, the lines are those of the whole.
        #[test]
        fn pieces_make_no_difference(text in "[ab\r\n]{0,60}", cuts in prop::collection::vec(0_usize..8, 1..20)) {
            let mut heard = Heard::default();
            let (mut lines, mut rest, mut cut) = (Vec::new(), text.as_bytes(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, later) = rest.split_at((*cut.next().unwrap_or(&0) + 1).min(rest.len()));
                rest = later;
                heard.add(piece);
                while let Some(line) = heard.line() {
                    lines.push(line);
                }
            }
            let whole: Vec<&str> = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
            let whole: Vec<&str> = whole.iter().map(|line| line.trim_end_matches(['\r', '\n'])).collect();
            prop_assert_eq!(lines, whole);
        }
    }
}
