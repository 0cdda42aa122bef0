//! The link in a letter by which its reader says that they have the incident in hand.
//!
//! `https://linewatch.example/ack/2026-03-16-1/0123456789abcdef/…`: the incident, the reader ([`super::policy::person`]), and a tag
//! over both that only this hub can make. It opens nothing else, so it may travel by mail. No address stands in it: addresses of
//! pages end up in the logs of proxies.

use std::path::{Path, PathBuf};

use reqwest::Url;
use ring::hmac;

use crate::chance::{NoChance, random};
use crate::folder::whole::write_whole;
use crate::hex::{hex, unhex};

/// Where pages of links are, below the hub's own address.
pub const LINK_PATH: &str = "ack";

/// Bytes of the key, and of a tag.
const BYTES: usize = 32;

/// What tags are made with: a file in the data folder, for its owner alone, made at the first run. Without it, links in letters that
/// were sent open nothing any more. Its `Debug` shows nothing.
pub struct LinkKey(hmac::Key);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey")
    }
}

/// Why the key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkKeyError {
    #[error("cannot read or write {}: {why}; the user that runs linewatch must own it", file.display())]
    File { file: PathBuf, why: String },
    #[error(
        "{} is damaged; put a copy in its place, or move it away: the next run makes a new one, and links in letters sent before open nothing any more",
        file.display()
    )]
    Damaged { file: PathBuf },
    #[error(transparent)]
    Chance(#[from] NoChance),
}

impl LinkKey {
    /// The key of a data folder, made where there is none.
    pub fn read_or_make(dir: &Path) -> Result<Self, LinkKeyError> {
        let file = dir.join("links.key");
        let failed =
            |error: std::io::Error| LinkKeyError::File { file: file.clone(), why: error.to_string() };
        if !file.exists() {
            write_whole(&file, &random::<BYTES>()?).map_err(failed)?;
        }
        let bytes = std::fs::read(&file).map_err(failed)?;
        if bytes.len() != BYTES {
            return Err(LinkKeyError::Damaged { file });
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The link for one person about one incident.
    pub fn link(&self, base: &Url, incident: &str, person: &str) -> String {
        let tag = hmac::sign(&self.0, &signed(incident, person));
        let mut link = base.clone();
        if let Ok(mut path) = link.path_segments_mut() {
            path.pop_if_empty().extend([LINK_PATH, incident, person, &hex(tag.as_ref())]);
        }
        link.into()
    }

    /// Whether a link is one of ours; it takes as long wherever it differs.
    pub fn is_ours(&self, incident: &str, person: &str, tag: &str) -> bool {
        let tag = unhex::<BYTES>(tag);
        tag.is_some_and(|tag| hmac::verify(&self.0, &signed(incident, person), &tag).is_ok())
    }
}

/// Neither an incident's id nor a person has a zero byte in it, so no two pairs read the same.
fn signed(incident: &str, person: &str) -> Vec<u8> {
    format!("linewatch acknowledgement 1\0{incident}\0{person}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(link: &str) -> (String, String, String) {
        let parts: Vec<&str> = link.rsplitn(4, '/').collect();
        (parts[2].to_owned(), parts[1].to_owned(), parts[0].to_owned())
    }

    #[test]
    fn a_link_is_for_one_person_and_one_incident_and_of_one_hub() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = LinkKey::read_or_make(dir.path()).expect("a key");
        let base = Url::parse("https://linewatch.example/icb/").expect("a URL");
        let link = key.link(&base, "2026-03-16-1", "0123456789abcdef");
        assert!(
            link.starts_with("https://linewatch.example/icb/ack/2026-03-16-1/0123456789abcdef/"),
            "{link}"
        );
        let (incident, person, tag) = parts(&link);
        assert!(key.is_ours(&incident, &person, &tag));
        assert!(LinkKey::read_or_make(dir.path()).expect("the same").is_ours(&incident, &person, &tag));

        assert!(!key.is_ours("2026-03-16-2", &person, &tag));
        assert!(!key.is_ours(&incident, "0123456789abcdee", &tag));
        assert!(!key.is_ours("2026-03-16", "1\u{0}0123456789abcdef", &tag));
        for place in 0..tag.len() {
            let other = if tag.as_bytes()[place] == b'0' { "1" } else { "0" };
            let mut altered = tag.clone();
            altered.replace_range(place..=place, other);
            assert!(!key.is_ours(&incident, &person, &altered), "{place}");
        }
        for none in ["", "é", &tag[2..], &format!("{tag}00")] {
            assert!(!key.is_ours(&incident, &person, none), "{none}");
        }
        let elsewhere = tempfile::tempdir().expect("a folder");
        let other = LinkKey::read_or_make(elsewhere.path()).expect("a key");
        assert!(!other.is_ours(&incident, &person, &tag));
    }

    #[test]
    fn a_key_is_for_its_owner_alone_and_a_damaged_one_is_said_to_be_so() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a folder");
        LinkKey::read_or_make(dir.path()).expect("a key");
        let file = dir.path().join("links.key");
        assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, "short").expect("written");
        assert_eq!(LinkKey::read_or_make(dir.path()).err(), Some(LinkKeyError::Damaged { file }));
    }
}
