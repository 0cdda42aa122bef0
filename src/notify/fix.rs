//! What somebody did about an incident, and when. Plain data.
//!
//! What came of it isn't said here: the report counts what changed afterwards, by what was measured (`report::fixes`).

use super::words::plain;
use crate::limits::{FIX_AGAIN_WITHIN, FIX_BEFORE_MAX, FIX_CHARS_MAX};
use crate::time::At;

/// One person's word about one thing that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub incident: String,
    /// When it was done, as they say.
    pub at: At,
    /// When they said so.
    pub said_at: At,
    /// The name, for people; never an address.
    pub by: String,
    /// One harmless line of [`FIX_CHARS_MAX`] characters at most.
    pub what: String,
}

/// Why something isn't recorded as a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("it isn't said what was done: write it in a few words, such as \"rebooted the inside firewall\"")]
    Empty,
    #[error(
        "what was done is told in more than {FIX_CHARS_MAX} characters: shorten it, and put the rest into your ticket"
    )]
    TooLong,
    #[error("{at} hasn't come yet (it is {now} here): record what was done when it is done")]
    Future { at: At, now: At },
    #[error(
        "{at} is more than {} minutes before the incident began ({began}): check the time, or which incident it belongs to",
        FIX_BEFORE_MAX.as_secs() / 60
    )]
    TooEarly { at: At, began: At },
}

impl Fix {
    /// Whether this is the same thing once more, as when an answer got lost.
    pub fn is_again(&self, other: &Self) -> bool {
        let apart = self.at.millis_since(other.at).unsigned_abs();
        (&self.by, &self.what) == (&other.by, &other.what)
            && u128::from(apart) <= FIX_AGAIN_WITHIN.as_millis()
    }
}

/// What somebody wrote of what was done: one harmless line.
///
/// # Errors
///
/// [`Unfit::Empty`], [`Unfit::TooLong`].
pub fn what_of(text: &str) -> Result<String, Unfit> {
    if text.trim().chars().count() > FIX_CHARS_MAX {
        return Err(Unfit::TooLong);
    }
    let what = plain::sentences(text);
    if what.is_empty() { Err(Unfit::Empty) } else { Ok(what) }
}

/// When it was done; `said`: `None`: just now. `began`: when the incident did, by the earliest estimate.
///
/// # Errors
///
/// [`Unfit::Future`], [`Unfit::TooEarly`].
pub fn when(said: Option<At>, began: At, now: At) -> Result<At, Unfit> {
    let at = said.unwrap_or(now);
    if at > now {
        return Err(Unfit::Future { at, now });
    }
    // What began only now, by a clock that runs ahead, can be mended now.
    if at < began - FIX_BEFORE_MAX {
        return Err(Unfit::TooEarly { at, began });
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_one_harmless_line_or_is_refused() {
        assert_eq!(
            what_of(" rebooted\r\nthe \u{202e}inside firewall\u{7} "),
            Ok("rebooted the inside firewall".to_owned())
        );
        assert_eq!(what_of("é".repeat(FIX_CHARS_MAX).as_str()), Ok("é".repeat(FIX_CHARS_MAX)));
        assert_eq!(what_of("a".repeat(FIX_CHARS_MAX + 1).as_str()), Err(Unfit::TooLong));
        for nothing in ["", "  \n", "\u{7}\u{202e}"] {
            assert_eq!(what_of(nothing), Err(Unfit::Empty), "{nothing:?}");
        }
    }

    #[test]
    fn it_was_done_between_a_little_before_the_incident_and_now() {
        let hour = i64::try_from(FIX_BEFORE_MAX.as_millis()).expect("short");
        let (began, now) = (At::from_millis(10 * hour), At::from_millis(12 * hour));
        let earliest = began - FIX_BEFORE_MAX;
        assert_eq!(when(None, began, now), Ok(now));
        for fits in [earliest, began, now] {
            assert_eq!(when(Some(fits), began, now), Ok(fits));
        }
        let (early, late) = (earliest.plus_millis(-1), now.plus_millis(1));
        assert_eq!(when(Some(early), began, now), Err(Unfit::TooEarly { at: early, began }));
        assert_eq!(when(Some(late), began, now), Err(Unfit::Future { at: late, now }));
        assert!(when(Some(At::from_millis(i64::MIN)), began, now).is_err(), "and nothing overflows");
    }

    #[test]
    fn the_same_words_a_moment_later_are_the_same_fix() {
        let fix = Fix {
            incident: "2023-03-16-1".to_owned(),
            at: At::from_millis(0),
            said_at: At::from_millis(5),
            by: "Jo".to_owned(),
            what: "rebooted it".to_owned(),
        };
        let within = i64::try_from(FIX_AGAIN_WITHIN.as_millis()).expect("short");
        let later = |ms| Fix { at: At::from_millis(ms), said_at: At::from_millis(ms), ..fix.clone() };
        assert!(later(within).is_again(&fix) && fix.is_again(&later(within)));
        assert!(!later(within + 1).is_again(&fix), "rebooted once more");
        assert!(!Fix { by: "Al".to_owned(), ..fix.clone() }.is_again(&fix));
    }
}
