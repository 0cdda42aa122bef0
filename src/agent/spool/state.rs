//! What a spool must know of itself: its id, the numbers that are reserved, what was acknowledged, which segments there
//! should be. Bytes in, state out.
//!
//! It stands in two files that are written in turn, each over its older self and filled up to a round size: a torn write
//! leaves the other, and a full disk has room for both.

use super::intervals::Intervals;
use crate::limits;
use crate::segments::frame::{self, Found, Frames};
use crate::segments::wire::{Reader, Unreadable, put_difference, put_number};
use crate::uplink::message::ClockStep;

/// The two files.
pub(super) const SLOTS: [&str; 2] = ["state-a", "state-b"];

const KIND: u8 = 16;
const VERSION: u8 = 1;
/// The files are as long as a multiple of this.
const ROUND: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    pub spool: u128,
    /// Counts the times that it was written; the higher one holds.
    pub generation: u64,
    /// Numbers below this may have been given.
    pub reserved: u64,
    pub thinned: u64,
    pub damages: u64,
    pub lost: u64,
    pub refused: u64,
    /// Times that the clock was set.
    pub steps: Vec<ClockStep>,
    pub acked: Intervals,
    /// Id, highest number and unacknowledged records of each segment.
    pub segments: Vec<(u64, u64, u64)>,
}

impl State {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut payload = vec![VERSION];
        payload.extend(self.spool.to_le_bytes());
        for number in [self.generation, self.reserved, self.thinned, self.damages, self.lost] {
            put_number(&mut payload, number);
        }
        put_number(&mut payload, self.acked.len() as u64);
        let mut last = 0;
        for (from, to) in self.acked.iter() {
            put_number(&mut payload, from - last);
            put_number(&mut payload, to - from);
            last = to;
        }
        let listed =
            self.segments.iter().skip(self.segments.len().saturating_sub(limits::SPOOL_SEGMENTS_LISTED));
        put_number(&mut payload, listed.len() as u64);
        for (id, last, records) in listed {
            put_number(&mut payload, *id);
            put_number(&mut payload, last.saturating_sub(*id));
            put_number(&mut payload, *records);
        }
        put_number(&mut payload, self.refused);
        put_number(&mut payload, self.steps.len() as u64);
        for ClockStep { first, by_ms } in &self.steps {
            put_number(&mut payload, *first);
            put_difference(&mut payload, *by_ms, 0);
        }
        let mut bytes = Vec::new();
        frame::put(KIND, &payload, &mut bytes);
        bytes.resize(bytes.len().next_multiple_of(ROUND), 0);
        bytes
    }

    /// # Errors
    ///
    /// [`Unreadable::Newer`]: a newer version wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let Some(Found::Frame { kind: KIND, payload, .. }) = Frames::of(bytes).next() else {
            return Err(Unreadable::Malformed);
        };
        let mut reader = Reader(payload);
        if reader.byte()? > VERSION {
            return Err(Unreadable::Newer);
        }
        let mut state = Self { spool: u128::from_le_bytes(reader.array()?), ..Self::default() };
        for number in [
            &mut state.generation,
            &mut state.reserved,
            &mut state.thinned,
            &mut state.damages,
            &mut state.lost,
        ] {
            *number = reader.number()?;
        }
        let mut last: u64 = 0;
        for _ in 0..reader.number()? {
            let from = last.checked_add(reader.number()?).ok_or(Unreadable::Malformed)?;
            last = from.checked_add(reader.number()?).ok_or(Unreadable::Malformed)?;
            state.acked.insert(from..=last);
        }
        for _ in 0..reader.number()? {
            let id = reader.number()?;
            let last = id.saturating_add(reader.number()?);
            state.segments.push((id, last, reader.number()?));
        }
        // One that was written before refusals were counted ends here.
        state.refused = if reader.0.is_empty() { 0 } else { reader.number()? };
        // And here one that was written before clocks were watched.
        for _ in 0..if reader.0.is_empty() { 0 } else { reader.number()? } {
            state.steps.push(ClockStep { first: reader.number()?, by_ms: reader.difference(0)? });
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> State {
        let mut acked = Intervals::default();
        acked.insert(3..=9);
        acked.insert(40..=1 << 50);
        let segments = vec![(1, 900, 3), (1 << 40, (1 << 40) + 5, 0)];
        State {
            spool: 77 << 90,
            generation: 5,
            reserved: 1 << 41,
            thinned: 6,
            damages: 2,
            lost: 1,
            refused: 300,
            steps: vec![
                ClockStep { first: 41, by_ms: -3_600_000 },
                ClockStep { first: 1 << 40, by_ms: 2_000 },
            ],
            acked,
            segments,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = some().to_bytes();
        assert_eq!(bytes.len() % ROUND, 0);
        assert_eq!(State::from_bytes(&bytes), Ok(some()));
        assert_eq!(State::from_bytes(&State::default().to_bytes()), Ok(State::default()));
    }

    #[test]
    fn one_that_was_written_before_refusals_were_counted_or_clocks_watched_is_read() {
        let bytes = State { steps: Vec::new(), ..some() }.to_bytes();
        let Some(Found::Frame { payload, .. }) = Frames::of(&bytes).next() else { panic!("a frame") };
        let mut refused = Vec::new();
        put_number(&mut refused, some().refused);
        let cut = |by: usize| {
            let mut older = Vec::new();
            frame::put(KIND, &payload[..payload.len() - by], &mut older);
            State::from_bytes(&older)
        };
        let no_steps = || State { steps: Vec::new(), ..some() };
        assert_eq!(cut(1), Ok(no_steps()), "how many steps there are is one byte");
        assert_eq!(cut(1 + refused.len()), Ok(State { refused: 0, ..no_steps() }));
    }

    #[test]
    fn no_changed_byte_passes() {
        let bytes = some().to_bytes();
        for at in 0..bytes.iter().rposition(|byte| *byte != 0).expect("something") {
            let mut bad = bytes.clone();
            bad[at] ^= 4;
            assert!(State::from_bytes(&bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_longest_fits_into_a_frame() {
        let mut state = some();
        for n in 0..limits::SPOOL_ACKS_MAX as u64 {
            let from = (1 << 50) + n * (1 << 26);
            state.acked.insert(from..=from + (1 << 25));
        }
        let listed = (0..5000).map(|n: u64| ((1 << 52) + n, (1 << 52) + (1 << 21) + n, 12_000));
        state.segments = listed.collect();
        let back = State::from_bytes(&state.to_bytes()).expect("a state");
        assert_eq!((back.acked, back.segments.len()), (state.acked, limits::SPOOL_SEGMENTS_LISTED));
    }
}
