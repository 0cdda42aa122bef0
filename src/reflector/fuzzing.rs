//! The fuzz target of the reflector: what it answers to whom, both with and without the secret.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ring::hmac;

use super::frame::{Key, length};
use super::ports::{Port, Transport};
use super::server::{Shared, unix_seconds};
use crate::estate::SharedSecret;
use crate::fuzzing::choice;

const SECRET: &str = "correct horse battery";

/// The key, and the bytes as a frame; with `is_signed`, of the right length and with the secret's tag behind it.
pub(crate) fn signed(bytes: &[u8], is_signed: bool) -> Option<(Key, Vec<u8>)> {
    let key = Key::new(&SharedSecret::new(SECRET).ok()?);
    let mut frame = bytes.to_vec();
    if is_signed {
        let whole = u16::try_from(frame.len() + 32).ok()?;
        frame.get_mut(6..8)?.copy_from_slice(&whole.to_be_bytes());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &frame);
        frame.extend(tag.as_ref());
    }
    Some((key, frame))
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
