//! The wire format of reflector and `egress` probe: one frame a question, one frame an answer. Pure.
//!
//! ```text
//!  0  4  magic "LWrf"
//!  4  1  version, 1
//!  5  1  kind
//!  6  2  length of the whole frame
//!  8 16  nonce, the question's own, which the answer repeats
//! 24  8  the sender's clock, seconds since 1970
//! 32  …  body, then zeros up to the length that was wanted
//! -32 32 HMAC-SHA256 of all before it, with the shared secret
//! ```
//!
//! Numbers are big-endian. A question's body lists ports (count; then 1 for TCP or 2 for UDP, and the port); the answer
//! has a bit for each that the reflector listens on. So a port that nobody listens on is never taken for one that a
//! firewall blocks, and no further question is needed.
//!
//! The tag covers question and answer under the same key; what keeps one from being taken for the other is the top bit
//! of the kind. The secret is one for a whole estate: who knows it can ask, and can forge answers to others' questions
//! if it also stands on their way.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ring::hmac;

use super::ports::{Port, Transport};
use crate::estate::SharedSecret;
use crate::limits::{EGRESS_PORTS_MAX, REFLECTOR_CLOCK_SKEW_MAX, REFLECTOR_FRAME_BYTES_MAX};

const MAGIC: [u8; 4] = *b"LWrf";
const VERSION: u8 = 1;
/// What stands before the body. A reader of a stream needs this much to know the frame's length.
pub const HEAD_BYTES: usize = 32;
const TAG_BYTES: usize = 32;
/// Address, port, size, ports that are served.
const ANSWER_BODY_BYTES: usize = 16 + 2 + 2 + 8;
/// Every answer but a full-size one is this long.
pub const ANSWER_BYTES: usize = HEAD_BYTES + ANSWER_BODY_BYTES + TAG_BYTES;
/// A question is at least as long as one that lists all ports, which leaves room for any answer.
pub const QUESTION_BYTES_MIN: usize = HEAD_BYTES + 1 + 3 * EGRESS_PORTS_MAX + TAG_BYTES;

/// A question's name: drawn at random, so that an answer can't be one to somebody else's question.
pub type Nonce = [u8; 16];

/// Why a reflector hangs up, where it can't sign that: in a head alone. Anybody on the way could say it, so it convicts
/// nobody and clears nobody; it only keeps a check from convicting a firewall of what isn't its doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// The question is signed with another secret.
    Foreign,
    /// There are more connections than it takes.
    Crowded,
}

/// A refusal to a question with this nonce; zeros, where none was read.
pub fn refusal(why: Unsigned, nonce: &Nonce) -> [u8; HEAD_BYTES] {
    let mut frame = [0; HEAD_BYTES];
    let kind = match why {
        Unsigned::Foreign => 0xf0,
        Unsigned::Crowded => 0xf1,
    };
    let bytes = u16::try_from(HEAD_BYTES).unwrap_or_default().to_be_bytes();
    let parts = [&MAGIC[..], &[VERSION, kind], &bytes, nonce];
    for (to, from) in frame.iter_mut().zip(parts.concat()) {
        *to = from;
    }
    frame
}

/// Reads a refusal. `None`: it is none, or to another question.
pub fn read_refusal(frame: &[u8], nonce: &Nonce) -> Option<Unsigned> {
    [Unsigned::Foreign, Unsigned::Crowded].into_iter().find(|why| {
        let to_anybody = *why == Unsigned::Crowded && frame == refusal(*why, &[0; 16]);
        to_anybody || frame == refusal(*why, nonce)
    })
}

/// The nonce in a frame's head; zeros, where there is none.
pub(super) fn nonce_of(frame: &[u8]) -> Nonce {
    frame.get(8..24).and_then(|nonce| nonce.try_into().ok()).unwrap_or_default()
}

/// What a question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The short answer.
    Short,
    /// An answer as long as the question, to try the way back with the same size.
    Full,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub nonce: Nonce,
    /// The reflector's clock, seconds since 1970.
    pub clock: u64,
    pub says: Says,
}

/// What there is to say to an asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    Saw(Saw),
    /// The question's time is too far from the reflector's.
    Untimely,
    /// There were more questions than it answers.
    Busy,
}

/// What the reflector saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saw {
    /// Where the question came from, after all address translation.
    pub source: SocketAddr,
    /// Bytes of the question that arrived.
    pub bytes: u16,
    /// A bit for each port that the question listed: whether the reflector listens there.
    serves: u64,
}

impl Saw {
    #[cfg(test)]
    pub(crate) fn of_test() -> Self {
        Self { source: SocketAddr::from(([192, 0, 2, 7], 40_000)), bytes: 64, serves: u64::MAX }
    }

    /// Whether the reflector listens on the port that stood at this place of the question's list.
    pub fn serves(&self, place: usize) -> bool {
        u32::try_from(place).ok().and_then(|place| self.serves.checked_shr(place)).is_some_and(|b| b & 1 == 1)
    }
}

/// Why a frame gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No frame of this format, or cut short.
    Malformed,
    /// A frame, but not from somebody who knows the secret; or changed on the way.
    Forged,
}

/// A question that came from somebody who knows the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub nonce: Nonce,
    pub kind: Kind,
    /// The asker's clock, seconds since 1970.
    pub clock: u64,
    pub bytes: u16,
    pub ports: Vec<Port>,
}

impl Question {
    /// Whether the asker's clock is near enough to ours that the question can't be an old recording.
    pub fn is_timely(&self, now: u64) -> bool {
        is_timely(self.clock, now)
    }
}

/// Whether two clocks, in seconds since 1970, are near enough to each other.
pub(super) fn is_timely(clock: u64, now: u64) -> bool {
    clock.abs_diff(now) <= REFLECTOR_CLOCK_SKEW_MAX.as_secs()
}

/// The shared secret, made ready for tags.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl Key {
    pub fn new(secret: &SharedSecret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.bytes()))
    }

    /// A question, padded to `bytes` (within what the format allows). Of the ports, the first
    /// [`EGRESS_PORTS_MAX`] are listed.
    pub fn question(&self, kind: Kind, nonce: Nonce, clock: u64, ports: &[Port], bytes: usize) -> Vec<u8> {
        let kind = match kind {
            Kind::Short => 1,
            Kind::Full => 2,
        };
        let mut body = Vec::with_capacity(1 + 3 * EGRESS_PORTS_MAX);
        let listed = ports.get(..EGRESS_PORTS_MAX).unwrap_or(ports);
        body.push(u8::try_from(listed.len()).unwrap_or_default());
        for port in listed {
            body.push(match port.transport {
                Transport::Tcp => 1,
                Transport::Udp => 2,
            });
            body.extend(port.number.to_be_bytes());
        }
        self.sealed(kind, nonce, clock, &body, bytes.max(QUESTION_BYTES_MIN))
    }

    /// Reads a question. Any bytes will do: what isn't one is refused.
    pub fn read_question(&self, frame: &[u8]) -> Result<Question, Refused> {
        let opened = self.open(frame)?;
        let kind = match opened.kind {
            1 => Kind::Short,
            2 => Kind::Full,
            _ => return Err(Refused::Malformed),
        };
        let (&count, list) = opened.body.split_first().ok_or(Refused::Malformed)?;
        let count = usize::from(count);
        let list = list.get(..3 * count).filter(|_| count <= EGRESS_PORTS_MAX).ok_or(Refused::Malformed)?;
        let ports = list.chunks_exact(3).map(|entry| match *entry {
            [1, high, low] => Some(Port::tcp(u16::from_be_bytes([high, low]))),
            [2, high, low] => Some(Port::udp(u16::from_be_bytes([high, low]))),
            _ => None,
        });
        Ok(Question {
            nonce: opened.nonce,
            kind,
            clock: opened.clock,
            bytes: opened.bytes,
            ports: ports.collect::<Option<_>>().ok_or(Refused::Malformed)?,
        })
    }

    /// The answer to a question from `source`; never longer than the question. `None`: it would have to be.
    pub fn answer(
        &self,
        question: &Question,
        source: SocketAddr,
        clock: u64,
        serves: impl Fn(Port) -> bool,
    ) -> Option<Vec<u8>> {
        let served = question.ports.iter().enumerate().filter(|(_, port)| serves(**port));
        let bits = served
            .fold(0_u64, |bits, (place, _)| bits | u32::try_from(place).map_or(0, |n| 1_u64.wrapping_shl(n)));
        let mut body = Vec::with_capacity(ANSWER_BODY_BYTES);
        body.extend(match source.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        });
        body.extend(source.port().to_be_bytes());
        body.extend(question.bytes.to_be_bytes());
        body.extend(bits.to_be_bytes());
        let (kind, bytes) = match question.kind {
            Kind::Short => (0x81, ANSWER_BYTES),
            Kind::Full => (0x82, usize::from(question.bytes)),
        };
        let answer = self.sealed(kind, question.nonce, clock, &body, bytes);
        (answer.len() <= usize::from(question.bytes)).then_some(answer)
    }

    /// The answer to a question whose time is too far from ours: our clock, and nothing else.
    pub fn answer_untimely(&self, question: &Question, clock: u64) -> Option<Vec<u8>> {
        self.answer_bare(0xff, question, clock)
    }

    /// The answer to a question too many.
    pub fn answer_busy(&self, question: &Question, clock: u64) -> Option<Vec<u8>> {
        self.answer_bare(0xfe, question, clock)
    }

    fn answer_bare(&self, kind: u8, question: &Question, clock: u64) -> Option<Vec<u8>> {
        let answer = self.sealed(kind, question.nonce, clock, &[0; ANSWER_BODY_BYTES], ANSWER_BYTES);
        (answer.len() <= usize::from(question.bytes)).then_some(answer)
    }

    /// Reads an answer. Any bytes will do: what isn't one is refused.
    pub fn read_answer(&self, frame: &[u8]) -> Result<Answer, Refused> {
        let opened = self.open(frame)?;
        let says = match opened.kind {
            0x81 | 0x82 => {
                let mut body = Reader(opened.body);
                let address = Ipv6Addr::from(body.take::<16>()?).to_canonical();
                let port = u16::from_be_bytes(body.take()?);
                let bytes = u16::from_be_bytes(body.take()?);
                let serves = u64::from_be_bytes(body.take()?);
                Says::Saw(Saw { source: SocketAddr::new(address, port), bytes, serves })
            }
            0xff => Says::Untimely,
            0xfe => Says::Busy,
            _ => return Err(Refused::Malformed),
        };
        Ok(Answer { nonce: opened.nonce, clock: opened.clock, says })
    }

    fn sealed(&self, kind: u8, nonce: Nonce, clock: u64, body: &[u8], bytes: usize) -> Vec<u8> {
        let least = HEAD_BYTES + body.len() + TAG_BYTES;
        let length = bytes.clamp(least, REFLECTOR_FRAME_BYTES_MAX.max(least));
        let mut frame = Vec::with_capacity(length);
        frame.extend(MAGIC);
        frame.extend([VERSION, kind]);
        frame.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        frame.extend(nonce);
        frame.extend(clock.to_be_bytes());
        frame.extend(body);
        frame.resize(length - TAG_BYTES, 0);
        let tag = self.tag(&frame);
        frame.extend(tag.as_ref());
        frame
    }

    pub(super) fn tag(&self, signed: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, signed)
    }

    /// All of a frame before its tag, which is ours.
    pub(super) fn signed<'f>(&self, frame: &'f [u8]) -> Result<&'f [u8], Refused> {
        let before = frame.len().checked_sub(TAG_BYTES).ok_or(Refused::Malformed)?;
        let (signed, tag) = frame.split_at_checked(before).ok_or(Refused::Malformed)?;
        hmac::verify(&self.0, signed, tag).map_err(|_| Refused::Forged)?;
        Ok(signed)
    }

    fn open<'f>(&self, frame: &'f [u8]) -> Result<Opened<'f>, Refused> {
        // Before the tag, so that a flood of anything else costs next to nothing.
        length(frame).filter(|&bytes| bytes == frame.len()).ok_or(Refused::Malformed)?;
        let mut reader = Reader(self.signed(frame)?);
        let [_, _, _, _, _, kind] = reader.take::<6>()?;
        let bytes = u16::from_be_bytes(reader.take()?);
        let nonce = reader.take()?;
        let clock = u64::from_be_bytes(reader.take()?);
        Ok(Opened { kind, bytes, nonce, clock, body: reader.0 })
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// How long the frame is that begins like this, itself included. `None`: no frame begins like this, or it begins
/// with fewer than [`HEAD_BYTES`].
pub fn length(head: &[u8]) -> Option<usize> {
    let mut reader = Reader(head.get(..HEAD_BYTES)?);
    let (magic, [version, _]) = (reader.take::<4>().ok()?, reader.take::<2>().ok()?);
    let bytes = usize::from(u16::from_be_bytes(reader.take().ok()?));
    let sound = magic == MAGIC
        && version == VERSION
        && (HEAD_BYTES + TAG_BYTES..=REFLECTOR_FRAME_BYTES_MAX).contains(&bytes);
    sound.then_some(bytes)
}

struct Opened<'f> {
    kind: u8,
    bytes: u16,
    nonce: Nonce,
    clock: u64,
    body: &'f [u8],
}

struct Reader<'f>(&'f [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(Refused::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(secret: &str) -> Key {
        Key::new(&SharedSecret::new(secret).expect("a secret"))
    }

    fn ours() -> Key {
        key("correct horse battery")
    }

    fn peer() -> SocketAddr {
        "192.0.2.7:40000".parse().expect("an address")
    }

    #[test]
    fn what_is_asked_comes_back() {
        let key = ours();
        let ports = [Port::tcp(443), Port::udp(53), Port::udp(3478)];
        let frame = key.question(Kind::Short, [7; 16], 1000, &ports, 0);
        assert_eq!(frame.len(), QUESTION_BYTES_MIN);
        let question = key.read_question(&frame).expect("a question");
        assert_eq!((question.kind, question.ports.as_slice()), (Kind::Short, &ports[..]));
        let answer = key.answer(&question, peer(), 1001, |port| port != Port::udp(53)).expect("room");
        assert_eq!(answer.len(), ANSWER_BYTES);
        let read = key.read_answer(&answer).expect("an answer");
        assert_eq!((read.nonce, read.clock), ([7; 16], 1001));
        let Says::Saw(saw) = read.says else { panic!("{read:?}") };
        assert_eq!((saw.source, usize::from(saw.bytes)), (peer(), QUESTION_BYTES_MIN));
        assert_eq!(
            [0, 1, 2, 3, 64, usize::MAX].map(|n| saw.serves(n)),
            [true, false, true, false, false, false]
        );
    }

    #[test]
    fn a_full_answer_is_as_long_as_its_question() {
        let key = ours();
        let frame = key.question(Kind::Full, [7; 16], 1000, &[], 1472);
        let question = key.read_question(&frame).expect("a question");
        assert_eq!(key.answer(&question, peer(), 1000, |_| true).map(|answer| answer.len()), Some(1472));
    }

    #[test]
    fn a_refusal_is_to_its_own_question_and_shorter_than_any() {
        let (mine, other) = ([7; 16], [8; 16]);
        let foreign = refusal(Unsigned::Foreign, &mine);
        assert!(foreign.len() < QUESTION_BYTES_MIN);
        assert_eq!(read_refusal(&foreign, &mine), Some(Unsigned::Foreign));
        assert_eq!(read_refusal(&foreign, &other), None);
        assert_eq!(read_refusal(&foreign[..31], &mine), None);
        assert_eq!(length(&foreign), None, "no signed frame begins like it");
        for to in [mine, [0; 16]] {
            assert_eq!(read_refusal(&refusal(Unsigned::Crowded, &to), &mine), Some(Unsigned::Crowded));
        }
        assert_eq!(read_refusal(&refusal(Unsigned::Crowded, &other), &mine), None);
    }

    #[test]
    fn another_secret_is_refused_and_so_is_an_answer_taken_for_a_question() {
        let frame = ours().question(Kind::Short, [7; 16], 1000, &[], 0);
        assert_eq!(key("incorrect horse battery").read_question(&frame), Err(Refused::Forged));
        let question = ours().read_question(&frame).expect("a question");
        let answer = ours().answer(&question, peer(), 1000, |_| true).expect("room");
        assert_eq!(ours().read_question(&answer), Err(Refused::Malformed));
        assert_eq!(ours().read_answer(&frame), Err(Refused::Malformed));
    }

    #[test]
    fn a_question_is_timely_for_some_minutes() {
        let question = ours().read_question(&ours().question(Kind::Short, [7; 16], 10_000, &[], 0));
        let question = question.expect("a question");
        let skew = REFLECTOR_CLOCK_SKEW_MAX.as_secs();
        for (now, timely) in [
            (10_000, true),
            (10_000 + skew, true),
            (10_001 + skew, false),
            (10_000 - skew, true),
            (9_999 - skew, false),
            (u64::MAX, false),
        ] {
            assert_eq!(question.is_timely(now), timely, "at {now}");
        }
    }

    #[test]
    fn the_secret_is_in_no_debug_output() {
        let secret = SharedSecret::new("correct horse battery").expect("a secret");
        let shown = format!("{:?} {secret:?}", Key::new(&secret));
        assert!(!shown.contains("horse"), "{shown}");
    }

    proptest! {
        /// Neither reader minds what it is given.
        #[test]
        fn any_bytes_are_refused_in_good_order(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(ours().read_question(&bytes).is_err());
            prop_assert!(ours().read_answer(&bytes).is_err());
            let _ = length(&bytes);
        }

        /// The same with a sound head and a sound tag: the secret's owner may be broken too.
        #[test]
        fn any_signed_body_is_read_or_refused(
            kind in any::<u8>(),
            body in prop::collection::vec(any::<u8>(), 0..300),
            bytes in 0_usize..12_000,
        ) {
            let frame = ours().sealed(kind, [1; 16], 5, &body, bytes);
            let _ = ours().read_answer(&frame);
            if let Ok(question) = ours().read_question(&frame) {
                prop_assert!(question.ports.len() <= EGRESS_PORTS_MAX);
                for answer in [
                    ours().answer(&question, peer(), 5, |_| true),
                    ours().answer_untimely(&question, 5),
                    ours().answer_busy(&question, 5),
                ].into_iter().flatten() {
                    prop_assert!(answer.len() <= frame.len());
                }
            }
        }

        /// Whatever is asked: the answer is no longer than the question.
        #[test]
        fn nothing_is_amplified(
            full in any::<bool>(),
            ports in prop::collection::vec((any::<bool>(), any::<u16>()), 0..100),
            bytes in 0_usize..12_000,
        ) {
            let ports: Vec<Port> =
                ports.into_iter().map(|(tcp, n)| if tcp { Port::tcp(n) } else { Port::udp(n) }).collect();
            let kind = if full { Kind::Full } else { Kind::Short };
            let frame = ours().question(kind, [1; 16], 5, &ports, bytes);
            let question = ours().read_question(&frame).expect("our own question");
            let answer = ours().answer(&question, peer(), 5, |_| true).expect("there is room for it");
            prop_assert!(answer.len() <= frame.len());
            prop_assert!(ours().read_answer(&answer).is_ok());
        }

        /// One bit changed anywhere, or the end cut off: refused, on both sides.
        #[test]
        fn a_changed_frame_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in 1_usize..300) {
            let mut frame = ours().question(Kind::Short, [1; 16], 5, &[Port::tcp(443)], 0);
            let question = ours().read_question(&frame).expect("a question");
            let mut answer = ours().answer(&question, peer(), 5, |_| true).expect("room");
            for frame in [&mut frame, &mut answer] {
                let short = frame.len().saturating_sub(cut);
                prop_assert!(ours().read_question(&frame[..short]).is_err());
                prop_assert!(ours().read_answer(&frame[..short]).is_err());
                let at = at.index(frame.len());
                frame[at] ^= 1 << bit;
            }
            prop_assert!(ours().read_question(&frame).is_err());
            prop_assert!(ours().read_answer(&answer).is_err());
        }
    }
}
