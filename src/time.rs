//! Points in time and lengths of time, as whole milliseconds.
//!
//! The pure core never reads a clock: every time in it arrived with the data. [`At`] is an integer so
//! that arithmetic is exact, comparison is one instruction, and a store can keep it in a column.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z. Prints and parses as RFC 3339 in UTC with
/// three decimals (`2026-03-16T07:12:03.120Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct At(i64);

/// The text isn't an RFC 3339 time, or lies outside the years that can be held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an RFC 3339 time such as 2026-03-16T07:12:03.120Z")]
pub struct NotATime(String);

/// A length of time in whole milliseconds, as times are reckoned with.
pub fn whole_millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

impl At {
    /// The latest moment that anything is reckoned with: over a hundred million years short of what fits, so that
    /// a timer set from it still lies in its future. Were it not so, a timer due at the very end of time would
    /// be due again as soon as it had fired.
    pub const LATEST: Self = Self(i64::MAX / 2);

    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Milliseconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    pub const fn plus_millis(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The same point for calendars and time zones.
    pub fn to_timestamp(self) -> jiff::Timestamp {
        // Not `from_millisecond`, which takes the last of its seconds for one too late as soon as it has begun.
        let nanoseconds = i32::try_from(self.0.rem_euclid(1000) * 1_000_000).unwrap_or(0);
        jiff::Timestamp::new(self.0.div_euclid(1000), nanoseconds).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

impl From<jiff::Timestamp> for At {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }
}

impl Add<Duration> for At {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        self.plus_millis(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Sub<Duration> for At {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        self.plus_millis(-i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_timestamp())
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for At {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse::<jiff::Timestamp>().map(Self::from).map_err(|_| NotATime(text.chars().take(64).collect()))
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = At;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<At, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_three_decimals_in_utc_and_reads_them_back() {
        let at: At = "2026-03-16T08:12:03.12+01:00".parse().expect("a time");
        assert_eq!(at.to_string(), "2026-03-16T07:12:03.120Z");
        assert_eq!(at.to_string().parse(), Ok(at));
    }

    #[test]
    fn the_first_and_the_last_second_are_read_back_as_well() {
        for text in ["9999-12-30T22:00:00.900Z", "-009999-01-02T01:59:59.000Z", "1969-12-31T23:59:59.999Z"] {
            let at: At = text.parse().expect("a time");
            assert_eq!(at.to_string(), text);
        }
        let beyond = At::from_millis(i64::MAX).to_timestamp();
        assert_eq!(
            (beyond, At::from_millis(i64::MIN).to_timestamp()),
            (jiff::Timestamp::MAX, jiff::Timestamp::MIN)
        );
    }

    #[test]
    fn refuses_what_is_not_a_time_and_says_what_one_looks_like() {
        let error = "yesterday".parse::<At>().expect_err("not a time");
        assert!(error.to_string().contains("2026-03-16T07:12:03.120Z"));
    }

    #[test]
    fn a_timer_fits_after_the_latest_moment() {
        assert!(At::LATEST.plus_millis(1) > At::LATEST);
        assert!(At::LATEST > jiff::Timestamp::MAX.into(), "no text names a later one");
    }

    #[test]
    fn arithmetic_saturates_instead_of_overflowing() {
        let end = At::from_millis(i64::MAX);
        assert_eq!(end.plus_millis(1), end);
        assert_eq!(end + Duration::MAX, end);
    }
}
