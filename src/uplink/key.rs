//! Enrolment codes and agents' keys. A hub keeps tags of them alone: who reads its store can't report with what stands there.
//!
//! A key is 256 random bits that the agent makes itself; the hub gets the key's tag when the agent enrols, and the key with each
//! request. A code is 100 random bits, in letters and digits that people don't mix up when they read it over the telephone.

use ring::hmac;

use crate::chance::{NoChance, random};
use crate::hex::{hex, unhex};

/// Bytes of a key and of a tag.
const BYTES: usize = 32;
/// What each header with a key begins with, after `Bearer `.
const PREFIX: &str = "lw1";
/// Crockford's digits: no I, L, O, U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Digits of a code: five bits each.
const CODE_DIGITS: usize = 20;
/// A dash stands after each so many digits.
const CODE_GROUP: usize = 5;

/// By what a secret is known again, and can't be worked out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag([u8; BYTES]);

impl Tag {
    /// `what`: tags of one kind of secret are none of another's.
    fn of(what: &str, secret: &[u8]) -> Self {
        let made = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, what.as_bytes()), secret);
        let mut bytes = [0; BYTES];
        for (to, from) in bytes.iter_mut().zip(made.as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }

    pub const fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    pub const fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

/// A tag opens nothing, and yet no log needs it.
impl std::fmt::Debug for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tag")
    }
}

/// What an agent shows with each request.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentKey([u8; BYTES]);

const KEY: &str = "linewatch agent key 1";

impl AgentKey {
    pub fn fresh() -> Result<Self, NoChance> {
        random().map(Self)
    }

    /// 64 hexadecimal digits, for the agent's own file.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    pub fn tag(&self) -> Tag {
        Tag::of(KEY, &self.0)
    }

    /// Whether this is the key of a tag; it takes as long when it isn't.
    pub fn is_of(&self, tag: &Tag) -> bool {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), &self.0, &tag.0).is_ok()
    }

    /// The value of `Authorization` with which the agent `id` shows it.
    pub fn bearer(&self, id: &str) -> String {
        format!("Bearer {PREFIX}.{id}.{}", self.to_hex())
    }
}

impl std::fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AgentKey")
    }
}

/// The agent's id and the key in a value of `Authorization`; `None`: it has another form.
pub fn shown(authorization: &str) -> Option<(&str, AgentKey)> {
    let (scheme, rest) = authorization.split_once(' ')?;
    let (id, key) = rest.strip_prefix(PREFIX)?.strip_prefix('.')?.split_once('.')?;
    let fits = scheme.eq_ignore_ascii_case("bearer") && is_agent_id(id);
    fits.then(|| AgentKey::from_hex(key).map(|key| (id, key)))?
}

/// The id of the agent that enrolled with this tag: twelve hexadecimal digits, which keys that come later don't change.
pub fn agent_id(first: &Tag) -> String {
    Tag::of("linewatch agent id 1", &first.0).to_hex().chars().take(12).collect()
}

pub fn is_agent_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A one-time code: `7KD3M-0Q2VX-…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    pub fn fresh() -> Result<Self, NoChance> {
        let chance: [u8; CODE_DIGITS] = random()?;
        Ok(Self(chance.iter().map(|byte| char::from(DIGITS[usize::from(byte & 31)])).collect()))
    }

    /// As somebody typed it: dashes, blanks and small letters are fine, and so are letters for the digits they look like.
    pub fn parse(text: &str) -> Option<Self> {
        let mut code = String::with_capacity(CODE_DIGITS);
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            };
            if !c.is_ascii() || !DIGITS.contains(&(c as u8)) || code.len() == CODE_DIGITS {
                return None;
            }
            code.push(c);
        }
        (code.len() == CODE_DIGITS).then_some(Self(code))
    }

    pub fn tag(&self) -> Tag {
        Tag::of("linewatch enrolment code 1", self.0.as_bytes())
    }

    /// For the person who needs it, once.
    pub fn reveal(&self) -> String {
        let mut text = String::new();
        for (place, c) in self.0.chars().enumerate() {
            if place > 0 && place % CODE_GROUP == 0 {
                text.push('-');
            }
            text.push(c);
        }
        text
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code")
    }
}

/// Whether two secrets are the same; it takes as long wherever they differ.
pub fn same_secret(shown: &[u8], secret: &[u8]) -> bool {
    const TOKEN: &str = "linewatch token 1";
    let key = hmac::Key::new(hmac::HMAC_SHA256, TOKEN.as_bytes());
    hmac::verify(&key, shown, &Tag::of(TOKEN, secret).0).is_ok()
}

/// The fuzz target: whatever is read as a key or a code is written the same way again.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some((id, key)) = shown(text) {
        assert!(shown(&key.bearer(id)).is_some_and(|again| again == (id, key)));
    }
    if let Some(code) = Code::parse(text) {
        assert_eq!(Code::parse(&code.reveal()), Some(code));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_tag_and_by_no_other() {
        let (key, other) = (AgentKey::fresh().expect("chance"), AgentKey::fresh().expect("chance"));
        assert!(key.is_of(&key.tag()) && !key.is_of(&other.tag()));
        let id = agent_id(&key.tag());
        let bearer = key.bearer(&id);
        assert_eq!(shown(&bearer), Some((id.as_str(), key.clone())));
        for wrong in [bearer.replace("lw1", "lw2"), bearer[..bearer.len() - 1].to_owned(), "Bearer x".into()]
        {
            assert_eq!(shown(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = Code::fresh().expect("chance");
        let text = code.reveal();
        assert_eq!(text.len(), 23, "{text}");
        assert_eq!(Code::parse(&format!(" {} ", text.to_lowercase().replace('-', " "))), Some(code.clone()));
        assert_eq!(Code::parse(&text.replace('0', "o").replace('1', "l")), Some(code));
        for wrong in ["", "7KD3M", &format!("{text}0"), &text.replacen(|_: char| true, "ü", 1)] {
            assert_eq!(Code::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_in_no_debug_output() {
        let (key, code) = (AgentKey::fresh().expect("chance"), Code::fresh().expect("chance"));
        assert_eq!(format!("{key:?} {code:?} {:?}", key.tag()), "AgentKey Code Tag");
    }
}
