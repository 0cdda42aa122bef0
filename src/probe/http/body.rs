//! What was read of a body, within its bound.

use bytes::Bytes;

use crate::limits::{PROBE_BODY_BYTES_MAX, PROBE_MARKS_BYTES_MAX};

/// The beginning of a body.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    bytes: Vec<u8>,
}

impl Beginning {
    /// Takes what still fits; false when nothing more does.
    pub(super) fn take(&mut self, piece: &Bytes) -> bool {
        let room = PROBE_BODY_BYTES_MAX - self.bytes.len();
        self.bytes.extend_from_slice(piece.get(..room).unwrap_or(piece));
        self.bytes.len() < PROBE_BODY_BYTES_MAX
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What block pages are known by stands near their beginning.
    pub(super) fn start_in_small_letters(&self) -> String {
        let start = self.bytes.get(..PROBE_MARKS_BYTES_MAX).unwrap_or(&self.bytes);
        String::from_utf8_lossy(start).to_ascii_lowercase()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn contains(&self, expected: &[u8]) -> bool {
        expected.is_empty() || self.bytes.windows(expected.len()).any(|window| window == expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_stops_at_its_bound() {
        let mut beginning = Beginning::default();
        let piece = Bytes::from(vec![b'x'; PROBE_BODY_BYTES_MAX - 1]);
        assert!(beginning.take(&piece));
        assert!(!beginning.take(&piece));
        assert_eq!(beginning.len(), PROBE_BODY_BYTES_MAX);
    }

    #[test]
    fn what_is_looked_for_may_stand_across_two_pieces() {
        let mut beginning = Beginning::default();
        beginning.take(&Bytes::from_static(b"all is we"));
        beginning.take(&Bytes::from_static(b"ll today"));
        assert!(beginning.contains(b"is well"));
        assert!(!beginning.contains(b"ill"));
    }
}
