//! The key that heads are signed with: a file in the data folder, for its owner alone, made at the first run.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::folder::whole::write_whole;

/// Ed25519. Its `Debug` shows nothing.
pub struct JournalKey(Ed25519KeyPair);

impl std::fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JournalKey")
    }
}

/// Why the key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read or write {}: {why}; the user that runs linewatch must own it", file.display())]
    File { file: PathBuf, why: String },
    #[error(
        "{} is damaged; put a copy in its place, or move it away: the next run makes a new one, which others must be told of",
        file.display()
    )]
    Damaged { file: PathBuf },
    #[error("this machine gives no random numbers")]
    Chance,
}

impl JournalKey {
    fn file(dir: &Path) -> PathBuf {
        dir.join("journal.key")
    }

    /// The key of a data folder.
    pub fn read(dir: &Path) -> Result<Self, KeyError> {
        let file = Self::file(dir);
        let unreadable =
            |error: std::io::Error| KeyError::File { file: file.clone(), why: error.to_string() };
        let bytes = std::fs::read(&file).map_err(unreadable)?;
        Ed25519KeyPair::from_pkcs8(&bytes).map(Self).map_err(|_| KeyError::Damaged { file })
    }

    /// The same, made where there is none.
    pub fn read_or_make(dir: &Path) -> Result<Self, KeyError> {
        let file = Self::file(dir);
        let failed = |error: std::io::Error| KeyError::File { file: file.clone(), why: error.to_string() };
        if !file.exists() {
            let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Chance)?;
            write_whole(&file, made.as_ref()).map_err(failed)?;
        }
        Self::read(dir)
    }

    /// `ed25519:` and the public key, as it stands in heads.
    pub fn public(&self) -> String {
        format!("ed25519:{}", URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref()))
    }

    pub(super) fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()).as_ref())
    }
}

/// Whether this text was signed by whoever has the key to this public one.
pub(super) fn is_signed(text: &str, public: &str, signature: &str) -> bool {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let key = public.strip_prefix("ed25519:").and_then(bytes);
    key.zip(bytes(signature)).is_some_and(|(key, signature)| {
        UnparsedPublicKey::new(&ED25519, key).verify(text.as_bytes(), &signature).is_ok()
    })
}
