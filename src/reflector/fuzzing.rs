//! The fuzz targets of the reflector: what it answers to whom, both with and without the secret.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use ring::hmac;

use super::frame::{Key, Nonce, length};
use super::ports::{Port, Transport};
use super::server::{Shared, unix_seconds};
use super::train::{self, PACKET_BYTES, Places, Says, Wants};
use crate::estate::SharedSecret;
use crate::fuzzing::choice;

const SECRET: &str = "correct horse battery";
/// Of both formats.
const TAG_BYTES: usize = 32;

/// The key, and the bytes as a frame; with `is_signed`, of the right length and with the secret's tag behind it.
pub(crate) fn signed(bytes: &[u8], is_signed: bool) -> Option<(Key, Vec<u8>)> {
    let key = Key::new(&SharedSecret::new(SECRET).ok()?);
    let mut frame = bytes.to_vec();
    if is_signed {
        let whole = u16::try_from(frame.len() + TAG_BYTES).ok()?;
        frame.get_mut(6..8)?.copy_from_slice(&whole.to_be_bytes());
        tag(&mut frame);
    }
    Some((key, frame))
}

/// Puts the secret's tag behind the bytes.
fn tag(bytes: &mut Vec<u8>) {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), bytes);
    bytes.extend(tag.as_ref());
}

/// The first byte chooses whether the frame is signed, whether it is dated now, and how it came.
pub(crate) fn reflector(bytes: &[u8]) {
    let (how, bytes) = choice(bytes);
    let (is_signed, is_dated, over_tcp) = (how & 1 != 0, how & 2 != 0, how & 4 != 0);
    let mut bytes = bytes.to_vec();
    if let Some(clock) = bytes.get_mut(24..32).filter(|_| is_dated) {
        clock.copy_from_slice(&unix_seconds().to_be_bytes());
    }
    let Some((key, frame)) = signed(&bytes, is_signed) else { return };
    if let Some(whole) = length(&frame) {
        assert!(whole <= crate::limits::REFLECTOR_FRAME_BYTES_MAX);
    }
    let question = key.read_question(&frame);
    assert!(question.is_err() || key.read_answer(&frame).is_err(), "both a question and an answer");
    let Ok(secret) = SharedSecret::new(SECRET) else { return };
    let shared = Shared::new(&secret, 100, BTreeSet::from([Port::tcp(443), Port::udp(53)]));
    let transport = if over_tcp { Transport::Tcp } else { Transport::Udp };
    let from = SocketAddr::from(([192, 0, 2, 7], 40_000));
    let Some(said) = shared.answer(&frame, from, transport) else { return };
    assert!(is_signed && question.is_ok(), "who doesn't know the secret is told nothing");
    assert!(said.frame.len() <= frame.len(), "an answer longer than its question");
    let answer = key.read_answer(&said.frame);
    assert_eq!(answer.ok().map(|answer| answer.nonce), question.ok().map(|question| question.nonce));
    if over_tcp {
        // Too old is told each time; what was answered isn't answered again.
        assert!(!said.keep || shared.answer(&frame, from, transport).is_none(), "answered twice");
    } else {
        assert!(shared.answer(&frame, from, transport).is_none(), "a recording is answered");
    }
}

/// What a train's answers are to say.
#[derive(Default)]
struct Train {
    nonce: Nonce,
    arrived: Places,
    /// Packets, tallies not counted.
    echoes: u16,
    repeated: u16,
    answered: Vec<Wants>,
}

/// Packets of telephone-like trains, each but for its tag, one after the other. The first byte chooses whether they are
/// signed, and whether they are dated now.
pub(crate) fn rtp_packet(bytes: &[u8]) {
    let (how, bytes) = choice(bytes);
    let (is_signed, is_dated) = (how & 1 != 0, how & 2 != 0);
    let Ok(secret) = SharedSecret::new(SECRET) else { return };
    let key = Key::new(&secret);
    let shared = Shared::new(&secret, 100, BTreeSet::new());
    let from = SocketAddr::from(([192, 0, 2, 7], 40_000));
    let mut trains: Vec<Train> = Vec::new();
    for piece in bytes.chunks(PACKET_BYTES - TAG_BYTES) {
        let mut packet = piece.to_vec();
        if let Some(clock) = packet.get_mut(36..44).filter(|_| is_dated) {
            clock.copy_from_slice(&unix_seconds().to_be_bytes());
        }
        if is_signed {
            tag(&mut packet);
        }
        let (question, answer) = (key.read_packet(&packet), key.read_packet_answer(&packet));
        assert!(question.is_err() || answer.is_err(), "both a question and an answer");
        let is_frame = key.read_question(&packet).is_ok() || key.read_answer(&packet).is_ok();
        assert!(!is_frame || (question.is_err() && answer.is_err()), "of both formats");
        if let Ok(train::Answer { nonce, says: Says::Saw(wants, saw) }) = answer {
            assert!(is_signed, "without the secret nobody has seen anything");
            let asked = train::Question { nonce, wants, clock: 0 };
            let again = key.read_packet_answer(&key.answer_packet(&asked, &saw, 0));
            assert_eq!(again, answer, "what is read isn't what was written");
            assert!(saw.arrived.last().is_none_or(|last| saw.arrived.has(last)));
        }
        let Ok(question) = question else {
            assert!(shared.answer_packet(&packet, from, Instant::now()).is_none());
            continue;
        };
        assert!(is_signed, "who doesn't know the secret asks nothing");
        let written = key.packet(question.nonce, question.wants, question.clock);
        assert_eq!(key.read_packet(&written), Ok(question), "what is read isn't what was written");
        let at = trains.iter().position(|train| train.nonce == question.nonce).unwrap_or(trains.len());
        if at == trains.len() {
            trains.push(Train { nonce: question.nonce, ..Train::default() });
        }
        if let Some(train) = trains.get_mut(at) {
            train.asks(&question, &packet, &key, |packet| shared.answer_packet(packet, from, Instant::now()));
        }
    }
}

impl Train {
    /// One of its packets comes, and then the same once more.
    fn asks(
        &mut self,
        question: &train::Question,
        packet: &[u8],
        key: &Key,
        ask: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) {
        let is_echo = matches!(question.wants, Wants::Echo(_));
        for _ in 0..2 {
            let Some(said) = ask(packet) else {
                self.repeated += u16::from(is_echo && self.answered.contains(&question.wants));
                continue;
            };
            assert_eq!(said.len(), packet.len(), "an answer is as long as its question");
            let answer = key.read_packet_answer(&said);
            assert!(answer.is_ok(), "no answer: {said:?}");
            let Ok(answer) = answer else { return };
            assert_eq!(answer.nonce, self.nonce);
            let Says::Saw(wants, saw) = answer.says else { continue };
            assert_eq!(wants, question.wants);
            assert!(!self.answered.contains(&wants), "answered twice: {wants:?}");
            self.answered.push(wants);
            if let Wants::Echo(place) = wants {
                self.echoes += 1;
                self.arrived.add(place);
            }
            assert_eq!((saw.arrived, saw.repeated), (self.arrived, self.repeated));
            assert!(saw.reordered <= self.echoes, "{} of {} came late", saw.reordered, self.echoes);
        }
    }
}
