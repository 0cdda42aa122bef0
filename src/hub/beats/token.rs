//! The secret part of a heartbeat's address: `/beat/<token>`. Pure.
//!
//! A token is the HMAC-SHA256 of practice and probe, in hexadecimal digits. So there is no list to keep or to lose: whoever
//! has the secret can work all of them out, and a changed secret makes all of them void. Nobody can guess one, and one
//! practice's says nothing about another's.

use std::collections::BTreeMap;

use ring::hmac;

use crate::estate::{Ask, Estate, HeartbeatAsk, PracticeIx, ProbeIx, SharedSecret, Vantage};
use crate::hex::hex;
use crate::observation::HUB;

/// Bytes of a token, twice as many digits.
const TOKEN_BYTES: usize = 32;
/// As many as tell all tokens apart; the rest is compared in constant time.
const NAME_BYTES: usize = 16;

/// One practice's piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    pub from: Vantage,
    pub probe: ProbeIx,
    /// Ids, as observations have them.
    pub practice_id: String,
    pub probe_id: String,
}

/// All work that is waited for: by practice, then by probe; the hub's own first.
pub fn works(estate: &Estate) -> Vec<Work> {
    let mut works = Vec::new();
    for (position, probe) in estate.probes.iter().enumerate() {
        let Ask::Heartbeat(HeartbeatAsk { only, .. }) = &probe.ask else { continue };
        let mut add = |from: Vantage, id: &str| {
            works.push(Work {
                from,
                probe: ProbeIx::new(position),
                practice_id: id.to_owned(),
                probe_id: probe.id.clone(),
            });
        };
        let id = |ix: PracticeIx| estate.practices.get(ix.at()).map_or("", |practice| practice.id.as_str());
        match only {
            None => {
                for (ix, practice) in estate.practices.iter().enumerate() {
                    add(Vantage::Practice(PracticeIx::new(ix)), &practice.id);
                }
            }
            Some(only) => {
                for from in only {
                    match from {
                        Vantage::Hub => add(*from, HUB),
                        Vantage::Practice(ix) => add(*from, id(*ix)),
                    }
                }
            }
        }
    }
    works.sort_by(|a, b| (&a.practice_id, a.probe).cmp(&(&b.practice_id, b.probe)));
    works
}

/// Makes tokens.
#[derive(Clone)]
pub struct Mint(hmac::Key);

impl Mint {
    pub fn new(secret: &SharedSecret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.bytes()))
    }

    /// With the secret of an estate's heartbeats; `None`: it has none.
    pub fn of(estate: &Estate) -> Option<Self> {
        estate.probes.iter().find_map(|probe| match &probe.ask {
            Ask::Heartbeat(work) => work.secret.as_ref().map(Self::new),
            _ => None,
        })
    }

    pub fn token(&self, work: &Work) -> String {
        hex(hmac::sign(&self.0, &message(work)).as_ref())
    }
}

impl std::fmt::Debug for Mint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mint")
    }
}

/// No id has a zero byte in it, so no two works have one message.
fn message(work: &Work) -> Vec<u8> {
    [b"linewatch beat 1", work.practice_id.as_bytes(), work.probe_id.as_bytes()].join(&0)
}

/// Knows whose a token is.
#[derive(Debug)]
pub struct Register {
    mint: Mint,
    by_name: BTreeMap<[u8; NAME_BYTES], usize>,
    messages: Vec<Vec<u8>>,
}

impl Register {
    /// `works`: what the positions that it finds are positions of.
    pub fn new(mint: Mint, works: &[Work]) -> Self {
        let messages: Vec<Vec<u8>> = works.iter().map(message).collect();
        let by_name = messages.iter().enumerate().filter_map(|(position, message)| {
            let tag = hmac::sign(&mint.0, message);
            tag.as_ref().first_chunk().map(|name| (*name, position))
        });
        Self { by_name: by_name.collect(), messages, mint }
    }

    /// Whose token this is. It takes as long for one that is nobody's: its tag is worked out all the same.
    pub fn find(&self, token: &str) -> Option<usize> {
        let bytes = bytes(token).unwrap_or([0; TOKEN_BYTES]);
        let position = bytes.first_chunk().and_then(|name| self.by_name.get(name)).copied();
        let message = position.and_then(|position| self.messages.get(position));
        let message = message.map_or(&b"nobody's work, of much the same length"[..], Vec::as_slice);
        let is_right = hmac::verify(&self.mint.0, message, &bytes).is_ok();
        position.filter(|_| is_right)
    }
}

fn bytes(token: &str) -> Option<[u8; TOKEN_BYTES]> {
    let mut bytes = [0; TOKEN_BYTES];
    let digits = token.as_bytes();
    if digits.len() != 2 * TOKEN_BYTES {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn work(practice: &str, probe: &str) -> Work {
        Work {
            from: Vantage::Hub,
            probe: ProbeIx(0),
            practice_id: practice.to_owned(),
            probe_id: probe.to_owned(),
        }
    }

    fn mint(secret: &str) -> Mint {
        Mint::new(&SharedSecret::new(secret).expect("a secret"))
    }

    #[test]
    fn each_work_has_a_token_of_its_own_that_is_found_again() {
        let works = [
            work("G82002", "letters"),
            work("G82002", "backup"),
            work("G82003", "letters"),
            work("@hub", "backup"),
        ];
        let mint = mint("correct horse battery");
        let register = Register::new(mint.clone(), &works);
        for (position, work) in works.iter().enumerate() {
            let token = mint.token(work);
            assert_eq!(token.len(), 64);
            assert_eq!(register.find(&token), Some(position));
            assert_eq!(register.find(&token.to_uppercase()), Some(position), "mail programs do that");
        }
    }

    #[test]
    fn a_token_of_another_secret_or_of_other_work_is_nobodys() {
        let register = Register::new(mint("correct horse battery"), &[work("G82002", "letters")]);
        assert_eq!(register.find(&mint("incorrect horse battery").token(&work("G82002", "letters"))), None);
        assert_eq!(register.find(&mint("correct horse battery").token(&work("G8200", "2letters"))), None);
        let mut token = mint("correct horse battery").token(&work("G82002", "letters"));
        let last = if token.pop() == Some('0') { '1' } else { '0' };
        token.push(last);
        assert_eq!(register.find(&token), None, "half of it isn't enough");
    }

    #[test]
    fn the_secret_is_in_no_debug_output() {
        let register = Register::new(mint("correct horse battery"), &[]);
        assert!(!format!("{register:?}").contains("horse"));
    }

    proptest! {
        #[test]
        fn any_text_is_nobodys(text in "\\PC{0,100}") {
            let register = Register::new(mint("correct horse battery"), &[work("G82002", "letters")]);
            prop_assert_eq!(register.find(&text), None);
        }
    }
}
