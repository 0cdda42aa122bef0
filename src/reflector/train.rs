//! The wire format of `rtp` checks: packets that look like a telephone call's (RFC 3550, G.711 A-law of 20 ms), with the
//! reflector's frame in the place of the voice. Pure.
//!
//! ```text
//!   0  1  0x80: version 2, nothing optional
//!   1  1  payload type 8, with the marker on the first packet
//!   2  2  sequence number, up by one a packet
//!   4  4  timestamp, up by 160 a packet
//!   8  4  SSRC; the answers' is its complement
//!  12  4  magic "LWrt"
//!  16  1  version, 1
//!  17  1  kind: a packet, a tally; of answers the same with the top bit, or "busy"
//!  18  2  place in the train, from 0; of a tally, which one
//!  20 16  the train's nonce
//!  36  8  the sender's clock, seconds since 1970
//!  44 96  body: zeros in a question
//! 140 32  HMAC-SHA256 of all before it, with the shared secret
//! ```
//!
//! Numbers are big-endian. Question and answer have the same length, so nothing is amplified. Each answer says which
//! packets of its train had arrived by then, and when its own did: so what was lost on the way there is told from what
//! was lost on the way back, and so are the differences of time. A *tally* asks for that once more at the end, as
//! nothing else would tell of the last packets.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::frame::{Key, Nonce, Refused, is_timely};
use crate::limits::RTP_PACKETS_MAX;

/// A packet of either direction: the header of RTP, and the 160 bytes of 20 ms of G.711.
pub const PACKET_BYTES: usize = RTP_HEAD_BYTES + 160;
const RTP_HEAD_BYTES: usize = 12;
const TAG_BYTES: usize = 32;
const BODY_BYTES: usize = PACKET_BYTES - RTP_HEAD_BYTES - 32 - TAG_BYTES;
const MAGIC: [u8; 4] = *b"LWrt";
const VERSION: u8 = 1;
/// G.711 A-law, which European telephones speak.
const PAYLOAD_TYPE: u8 = 8;
const SAMPLES_PER_PACKET: u32 = 160;
const ANSWER: u8 = 0x80;
const BUSY: u8 = 0xfe;

/// What a question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// The packet at this place of the train, sent back.
    Echo(u16),
    /// What has arrived of the train; `u16`: which time this is asked.
    Tally(u16),
}

impl Wants {
    const fn parts(self) -> (u8, u16) {
        match self {
            Self::Echo(place) => (1, place),
            Self::Tally(turn) => (2, turn),
        }
    }

    fn of(kind: u8, place: u16) -> Option<Self> {
        match kind {
            1 => Some(Self::Echo(place)).filter(|_| usize::from(place) < RTP_PACKETS_MAX),
            2 => Some(Self::Tally(place)),
            _ => None,
        }
    }
}

/// A packet from somebody who knows the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    pub nonce: Nonce,
    pub wants: Wants,
    /// The asker's clock, seconds since 1970.
    pub clock: u64,
}

impl Question {
    /// As [`super::frame::Question::is_timely`].
    pub fn is_timely(&self, now: u64) -> bool {
        is_timely(self.clock, now)
    }
}

/// An answer to one of a train's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub nonce: Nonce,
    pub says: Says,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Back comes what was asked for, and what the reflector has seen.
    Saw(Wants, Saw),
    /// There were more trains than it answers.
    Busy,
}

/// What the reflector has seen of a train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saw {
    /// Where the packet came from, after all address translation.
    pub source: SocketAddr,
    /// When it arrived, by a clock of the reflector's own that begins somewhere, in microseconds.
    pub arrived_us: u64,
    /// Packets that arrived after one that had been sent later.
    pub reordered: u16,
    /// Packets that arrived once more.
    pub repeated: u16,
    pub arrived: Places,
}

/// Which packets of a train, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Places([u64; 4]);

const _: () = assert!(RTP_PACKETS_MAX <= 256, "a place has a bit");

impl Places {
    /// `false`: it was among them.
    pub fn add(&mut self, place: u16) -> bool {
        let (word, bit) = Self::bit(place);
        let Some(word) = self.0.get_mut(word) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub fn has(&self, place: u16) -> bool {
        let (word, bit) = Self::bit(place);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    pub fn join(&mut self, others: Self) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word |= other;
        }
    }

    /// The place of the last of them.
    pub fn last(&self) -> Option<u16> {
        (0..256).rev().find(|place| self.has(*place))
    }

    fn bit(place: u16) -> (usize, u64) {
        (usize::from(place / 64), 1 << (place % 64))
    }
}

/// Whether a datagram is one of these, and no frame; before anything is worked out.
pub fn is_packet(datagram: &[u8]) -> bool {
    datagram.len() == PACKET_BYTES
        && datagram.first() == Some(&0x80)
        && datagram.get(RTP_HEAD_BYTES..).is_some_and(|payload| payload.starts_with(&MAGIC))
}

impl Key {
    /// A packet of a train.
    pub fn packet(&self, nonce: Nonce, wants: Wants, clock: u64) -> Vec<u8> {
        let (kind, place) = wants.parts();
        self.sealed_packet(kind, place, nonce, clock, &[])
    }

    /// Reads a packet of a train. Any bytes will do: what isn't one is refused.
    pub fn read_packet(&self, datagram: &[u8]) -> Result<Question, Refused> {
        let opened = self.open_packet(datagram)?;
        let wants = Wants::of(opened.kind, opened.place).ok_or(Refused::Malformed)?;
        Ok(Question { nonce: opened.nonce, wants, clock: opened.clock })
    }

    /// The answer to a packet.
    pub fn answer_packet(&self, question: &Question, saw: &Saw, clock: u64) -> Vec<u8> {
        let mut body = Vec::with_capacity(BODY_BYTES);
        body.extend(match saw.source.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        });
        body.extend(saw.source.port().to_be_bytes());
        body.extend(saw.arrived_us.to_be_bytes());
        body.extend(saw.reordered.to_be_bytes());
        body.extend(saw.repeated.to_be_bytes());
        body.extend(saw.arrived.0.iter().flat_map(|word| word.to_be_bytes()));
        let (kind, place) = question.wants.parts();
        self.sealed_packet(kind | ANSWER, place, question.nonce, clock, &body)
    }

    /// The answer to a train too many.
    pub fn answer_train_busy(&self, question: &Question, clock: u64) -> Vec<u8> {
        let (_, place) = question.wants.parts();
        self.sealed_packet(BUSY, place, question.nonce, clock, &[])
    }

    /// Reads an answer to a packet. Any bytes will do: what isn't one is refused.
    pub fn read_packet_answer(&self, datagram: &[u8]) -> Result<Answer, Refused> {
        let opened = self.open_packet(datagram)?;
        let says = if opened.kind == BUSY {
            Says::Busy
        } else {
            let kind = opened.kind.checked_sub(ANSWER).ok_or(Refused::Malformed)?;
            let wants = Wants::of(kind, opened.place).ok_or(Refused::Malformed)?;
            let mut body = opened.body;
            let address = Ipv6Addr::from(take::<16>(&mut body)?).to_canonical();
            let port = u16::from_be_bytes(take(&mut body)?);
            let arrived_us = u64::from_be_bytes(take(&mut body)?);
            let reordered = u16::from_be_bytes(take(&mut body)?);
            let repeated = u16::from_be_bytes(take(&mut body)?);
            let mut arrived = Places::default();
            for word in &mut arrived.0 {
                *word = u64::from_be_bytes(take(&mut body)?);
            }
            let source = SocketAddr::new(address, port);
            Says::Saw(wants, Saw { source, arrived_us, reordered, repeated, arrived })
        };
        Ok(Answer { nonce: opened.nonce, says })
    }

    fn sealed_packet(&self, kind: u8, place: u16, nonce: Nonce, clock: u64, body: &[u8]) -> Vec<u8> {
        // A stream begins anywhere, and goes up from there.
        let [low, start, ssrc, _] = quarters(nonce);
        #[expect(clippy::cast_possible_truncation, reason = "any 16 bits will do")]
        let sequence = (low as u16).wrapping_add(place);
        let timestamp = start.wrapping_add(SAMPLES_PER_PACKET.wrapping_mul(u32::from(place)));
        let marker = if place == 0 { 0x80 } else { 0 };
        let mut packet = Vec::with_capacity(PACKET_BYTES);
        packet.extend([0x80, marker | PAYLOAD_TYPE]);
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(if kind & ANSWER == 0 { ssrc } else { !ssrc }.to_be_bytes());
        packet.extend(MAGIC);
        packet.extend([VERSION, kind]);
        packet.extend(place.to_be_bytes());
        packet.extend(nonce);
        packet.extend(clock.to_be_bytes());
        packet.extend(body);
        packet.resize(PACKET_BYTES - TAG_BYTES, 0);
        let tag = self.tag(&packet);
        packet.extend(tag.as_ref());
        packet
    }

    fn open_packet<'p>(&self, datagram: &'p [u8]) -> Result<Opened<'p>, Refused> {
        // Before the tag, so that a flood of anything else costs next to nothing.
        if !is_packet(datagram) {
            return Err(Refused::Malformed);
        }
        let mut rest = self.signed(datagram)?.get(RTP_HEAD_BYTES + MAGIC.len()..).unwrap_or_default();
        let [version, kind] = take(&mut rest)?;
        if version != VERSION {
            return Err(Refused::Malformed);
        }
        let place = u16::from_be_bytes(take(&mut rest)?);
        let nonce = take(&mut rest)?;
        let clock = u64::from_be_bytes(take(&mut rest)?);
        Ok(Opened { kind, place, nonce, clock, body: rest })
    }
}

struct Opened<'p> {
    kind: u8,
    place: u16,
    nonce: Nonce,
    clock: u64,
    body: &'p [u8],
}

/// Four numbers of a nonce's bits.
const fn quarters(nonce: Nonce) -> [u32; 4] {
    let bits = u128::from_be_bytes(nonce);
    #[expect(clippy::cast_possible_truncation, reason = "each takes its 32 bits")]
    [(bits >> 96) as u32, (bits >> 64) as u32, (bits >> 32) as u32, bits as u32]
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Refused> {
    let (first, after) = rest.split_first_chunk::<N>().ok_or(Refused::Malformed)?;
    *rest = after;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::estate::SharedSecret;

    fn key(secret: &str) -> Key {
        Key::new(&SharedSecret::new(secret).expect("a secret"))
    }

    fn ours() -> Key {
        key("correct horse battery")
    }

    fn saw(arrived: Places) -> Saw {
        let source = "192.0.2.7:40000".parse().expect("an address");
        Saw { source, arrived_us: 123_456_789, reordered: 2, repeated: 1, arrived }
    }

    #[test]
    fn a_packet_is_one_of_a_telephone_call() {
        let packets: Vec<Vec<u8>> =
            [0, 1, 2].map(|place| ours().packet([0xff; 16], Wants::Echo(place), 1000)).to_vec();
        for (packet, (second, sequence, timestamp)) in
            packets.iter().zip([(0x88, 0xffff_u16, 0xffff_ffff_u32), (0x08, 0, 159), (0x08, 1, 319)])
        {
            assert_eq!((packet.len(), packet[0], packet[1]), (172, 0x80, second));
            assert_eq!(packet[2..4], sequence.to_be_bytes());
            assert_eq!(packet[4..8], timestamp.to_be_bytes());
            assert_eq!(packet[8..12], [0xff; 4]);
        }
    }

    #[test]
    fn what_is_asked_comes_back() {
        for wants in [Wants::Echo(0), Wants::Echo(249), Wants::Tally(2)] {
            let packet = ours().packet([7; 16], wants, 1000);
            let question = ours().read_packet(&packet).expect("a question");
            assert_eq!(question, Question { nonce: [7; 16], wants, clock: 1000 });
            let mut arrived = Places::default();
            assert!(arrived.add(0) && arrived.add(249) && !arrived.add(249) && arrived.add(64));
            let answer = ours().answer_packet(&question, &saw(arrived), 1001);
            assert_eq!(answer.len(), packet.len());
            let read = ours().read_packet_answer(&answer).expect("an answer");
            assert_eq!(read, Answer { nonce: [7; 16], says: Says::Saw(wants, saw(arrived)) });
            assert_eq!((arrived.last(), arrived.has(64), arrived.has(65)), (Some(249), true, false));
        }
    }

    #[test]
    fn too_many_are_told_so() {
        let question = Question { nonce: [7; 16], wants: Wants::Echo(0), clock: 1000 };
        let answer = ours().read_packet_answer(&ours().answer_train_busy(&question, 1000));
        assert_eq!(answer, Ok(Answer { nonce: [7; 16], says: Says::Busy }));
    }

    #[test]
    fn another_secret_and_answers_taken_for_questions_are_refused() {
        let packet = ours().packet([7; 16], Wants::Echo(3), 1000);
        assert_eq!(key("incorrect horse battery").read_packet(&packet), Err(Refused::Forged));
        let question = ours().read_packet(&packet).expect("a question");
        let answer = ours().answer_packet(&question, &saw(Places::default()), 1000);
        assert_eq!(ours().read_packet(&answer), Err(Refused::Malformed));
        assert_eq!(ours().read_packet_answer(&packet), Err(Refused::Malformed));
        assert!(super::super::frame::length(&packet).is_none(), "it is no frame of the other format");
    }

    #[test]
    fn a_place_beyond_the_longest_train_is_refused() {
        let most = u16::try_from(RTP_PACKETS_MAX).expect("few");
        let packet = ours().packet([7; 16], Wants::Echo(most), 1000);
        assert_eq!(ours().read_packet(&packet), Err(Refused::Malformed));
    }

    proptest! {
        /// Neither reader minds what it is given, and whatever was changed on the way is refused.
        #[test]
        fn any_bytes_are_refused_in_good_order(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            at in 0..PACKET_BYTES,
            change in 1..=u8::MAX,
        ) {
            prop_assert!(ours().read_packet(&bytes).is_err());
            prop_assert!(ours().read_packet_answer(&bytes).is_err());
            let mut packet = ours().packet([7; 16], Wants::Echo(3), 1000);
            packet[at] ^= change;
            prop_assert!(ours().read_packet(&packet).is_err());
        }

        /// Signed nonsense, too: who knows the secret may still have it wrong.
        #[test]
        fn any_signed_body_is_read_in_good_order(kind: u8, place: u16, body in prop::collection::vec(any::<u8>(), BODY_BYTES)) {
            let packet = ours().sealed_packet(kind, place, [7; 16], 1000, &body);
            let _: Result<Question, Refused> = ours().read_packet(&packet);
            if let Ok(Answer { says: Says::Saw(_, saw), .. }) = ours().read_packet_answer(&packet) {
                let _: Option<u16> = saw.arrived.last();
            }
        }
    }
}
