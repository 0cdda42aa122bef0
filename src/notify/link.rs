//! What only this hub can make: the link in a letter by which its reader says that they have the incident in hand, and the ids of
//! mails, so that what comes back can be told from what somebody made up.
//!
//! `https://linewatch.example/ack/2026-03-16-1/0123456789abcdef/…`: the incident, the reader ([`super::policy::person`]), and a tag
//! over both that only this hub can make. It opens nothing else, so it may travel by mail. No address stands in it: addresses of
//! pages end up in the logs of proxies.
//!
//! `<2026-03-16-1.o1773644400000.0123456789abcdef.TAG@icb.example>`: the notice, and a tag over it. The notice's own id could be
//! worked out by any other recipient of the same letter; with the tag, only whoever had the mail can name it.

use std::path::{Path, PathBuf};

use reqwest::Url;
use ring::hmac;

use crate::chance::{NoChance, random};
use crate::folder::whole::write_whole;
use crate::hex::{hex, unhex};
use crate::uplink::key::same_secret;

/// Where pages of links are, below the hub's own address.
pub const LINK_PATH: &str = "ack";

/// Bytes of the key, and of a tag.
const BYTES: usize = 32;

/// Bytes of the tag in the id of a mail: enough not to be guessed, and short enough for a header's line.
const MAIL_TAG_BYTES: usize = 16;

/// What tags are made with: a file in the data folder, for its owner alone, made at the first run. Without it, links in letters that
/// were sent open nothing any more, and mails that come back are taken for somebody else's. Its `Debug` shows nothing.
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

    /// The `Message-ID` of a notice, with its angle brackets. The same each time.
    pub fn message_id(&self, notice: &str, domain: &str) -> String {
        format!("<{notice}.{}@{domain}>", hex(&self.mail_tag(notice)))
    }

    /// The notice that a `Message-ID` (without its angle brackets) is of, if it is one of ours.
    pub fn notice_of<'i>(&self, message_id: &'i str) -> Option<&'i str> {
        let (local, _) = message_id.trim().rsplit_once('@')?;
        let (notice, tag) = local.rsplit_once('.')?;
        let tag = unhex::<MAIL_TAG_BYTES>(tag)?;
        // Of equal length, whatever is said.
        same_secret(&tag, &self.mail_tag(notice)).then_some(notice)
    }

    fn mail_tag(&self, notice: &str) -> [u8; MAIL_TAG_BYTES] {
        let whole = hmac::sign(&self.0, format!("linewatch mail 1\0{notice}").as_bytes());
        let mut tag = [0; MAIL_TAG_BYTES];
        tag.iter_mut().zip(whole.as_ref()).for_each(|(to, from)| *to = *from);
        tag
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
    fn the_id_of_a_mail_names_its_notice_and_cannot_be_made_up() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = LinkKey::read_or_make(dir.path()).expect("a key");
        let notice = "2026-03-16-1.o1773644400000.0123456789abcdef";
        let id = key.message_id(notice, "icb.example");
        assert_eq!(id, key.message_id(notice, "icb.example"), "a repeat is a repeat");
        let bare = id.trim_matches(['<', '>']);
        assert_eq!(key.notice_of(bare), Some(notice));
        assert_eq!(key.notice_of(&bare.replace("icb.example", "elsewhere.example")), Some(notice));
        let other = bare.replace("0123456789abcdef", "0123456789abcdee");
        for forged in [
            &other,
            &format!("{notice}@icb.example"),
            &format!("{notice}.00@icb.example"),
            &format!("{notice}.{}@icb.example", "0".repeat(32)),
            &bare.replace("@icb.example", ""),
            &String::new(),
            &"@".to_owned(),
            &".@.".to_owned(),
        ] {
            assert_eq!(key.notice_of(forged), None, "{forged}");
        }
        let elsewhere = tempfile::tempdir().expect("a folder");
        let stranger = LinkKey::read_or_make(elsewhere.path()).expect("a key");
        assert_eq!(stranger.notice_of(bare), None);
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
