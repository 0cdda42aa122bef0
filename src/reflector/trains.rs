//! What has arrived of each train of `rtp` packets. Pure: time comes in.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::frame::Nonce;
use super::train::{Places, Question, Wants};
use crate::limits::{REFLECTOR_TRAIN_KEPT, REFLECTOR_TRAINS_MAX, RTP_TALLIES};

/// What has arrived of one train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Noted {
    pub(super) arrived: Places,
    pub(super) reordered: u16,
    pub(super) repeated: u16,
    tallies: Places,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is answered with this.
    Noted(Noted),
    /// It was there before, or is a tally too many.
    Again,
    /// Its train isn't under way.
    Not,
}

/// The trains under way.
#[derive(Debug, Default)]
pub(super) struct Trains {
    known: HashMap<Nonce, Noted>,
    by_age: VecDeque<(Instant, Nonce)>,
}

impl Trains {
    /// Notes a packet of a train that is under way.
    pub(super) fn take(&mut self, question: &Question, now: Instant) -> Known {
        self.forget(now);
        let Some(train) = self.known.get_mut(&question.nonce) else { return Known::Not };
        if train.note(question.wants) { Known::Noted(*train) } else { Known::Again }
    }

    /// Notes the first packet of a train that isn't. `None`: there are too many.
    pub(super) fn begin(&mut self, question: &Question, now: Instant) -> Option<Noted> {
        self.forget(now);
        if self.by_age.len() >= REFLECTOR_TRAINS_MAX {
            return None;
        }
        let mut train = Noted::default();
        train.note(question.wants);
        self.known.insert(question.nonce, train);
        self.by_age.push_back((now, question.nonce));
        Some(train)
    }

    fn forget(&mut self, now: Instant) {
        while let Some((since, oldest)) = self.by_age.front() {
            if now.saturating_duration_since(*since) <= REFLECTOR_TRAIN_KEPT {
                break;
            }
            self.known.remove(oldest);
            self.by_age.pop_front();
        }
    }
}

impl Noted {
    /// `false`: it isn't to be answered.
    fn note(&mut self, wants: Wants) -> bool {
        match wants {
            Wants::Tally(turn) => turn < RTP_TALLIES && self.tallies.add(turn),
            Wants::Echo(place) => {
                let last = self.arrived.last();
                if !self.arrived.add(place) {
                    self.repeated = self.repeated.saturating_add(1);
                    return false;
                }
                if last.is_some_and(|last| last > place) {
                    self.reordered = self.reordered.saturating_add(1);
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(nonce: u8, wants: Wants) -> Question {
        Question { nonce: [nonce; 16], wants, clock: 1000 }
    }

    #[test]
    fn each_packet_counts_once_and_in_its_order() {
        let now = Instant::now();
        let mut trains = Trains::default();
        assert_eq!(trains.take(&of(1, Wants::Echo(0)), now), Known::Not);
        assert!(trains.begin(&of(1, Wants::Echo(0)), now).is_some());
        let mut take = |wants| trains.take(&of(1, wants), now);
        assert!(matches!(take(Wants::Echo(2)), Known::Noted(_)));
        assert_eq!(take(Wants::Echo(0)), Known::Again);
        let Known::Noted(noted) = take(Wants::Echo(1)) else { panic!("a new one") };
        assert_eq!((noted.reordered, noted.repeated), (1, 1));
        let Known::Noted(noted) = take(Wants::Tally(0)) else { panic!("a tally") };
        assert_eq!([0, 1, 2, 3].map(|place| noted.arrived.has(place)), [true, true, true, false]);
        assert_eq!(take(Wants::Tally(0)), Known::Again);
        assert_eq!(take(Wants::Tally(RTP_TALLIES)), Known::Again, "no more than a few");
    }

    #[test]
    fn trains_are_forgotten_and_have_a_bound() {
        let now = Instant::now();
        let mut trains = Trains::default();
        for train in 0..REFLECTOR_TRAINS_MAX {
            let mut nonce = [0; 16];
            nonce[..8].copy_from_slice(&train.to_be_bytes());
            assert!(trains.begin(&Question { nonce, wants: Wants::Echo(0), clock: 1 }, now).is_some());
        }
        assert_eq!(trains.begin(&of(255, Wants::Echo(0)), now), None);
        let later = now + REFLECTOR_TRAIN_KEPT + Duration::from_millis(1);
        assert!(trains.begin(&of(255, Wants::Echo(0)), later).is_some());
        assert_eq!((trains.known.len(), trains.by_age.len()), (1, 1));
    }
}
