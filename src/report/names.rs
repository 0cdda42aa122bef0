//! What people call things, and times as they read them.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::estate::Estate;
use crate::incident::Cause;
use crate::time::At;

/// A moment in UTC, and in the ICB's own time with its offset, which tells the two readings of an hour apart that the clocks
/// repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub utc: At,
    /// `2023-03-16T08:00:13+00:00`
    pub local: String,
}

impl Moment {
    pub fn new(utc: At, zone: &TimeZone) -> Self {
        let local = utc.to_timestamp().to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        Self { utc, local }
    }
}

/// `Thu 16 Mar 2023 08:00:13 GMT`
pub(super) fn local(at: At, zone: &TimeZone) -> String {
    at.to_timestamp().to_zoned(zone.clone()).strftime("%a %-d %b %Y %H:%M:%S %Z").to_string()
}

/// Never rounded up: 99.9996 isn't 100.
pub(super) fn percent(part: f64) -> String {
    format!("{:.3} %", (part * 1000.0).floor() / 1000.0)
}

/// Whether a target was.
pub(super) const fn met(is_met: Option<bool>) -> &'static str {
    match is_met {
        Some(true) => "met",
        Some(false) => "NOT MET",
        None => "",
    }
}

/// A cause with the name that people know it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCause {
    pub kind: String,
    pub id: String,
    pub name: String,
    /// Who answers for it, where the configuration says so.
    pub owner: Option<String>,
}

impl NamedCause {
    pub(super) fn new(estate: &Estate, cause: &Cause) -> Self {
        let component = estate.component_of(cause).map(|ix| &estate.components[ix.at()]);
        let own = (cause.kind == Cause::MONITOR).then_some("linewatch's own line");
        let name = own.or_else(|| estate.name_of(cause)).map(str::to_owned);
        Self {
            kind: cause.kind.clone(),
            id: cause.id.clone(),
            name: name.unwrap_or_else(|| cause.to_string()),
            owner: component.and_then(|component| component.owner.clone()),
        }
    }
}

/// `first`, `second`, …, `21st`.
pub(super) fn ordinal(n: usize) -> String {
    const WORDS: [&str; 10] =
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    if let Some(word) = n.checked_sub(1).and_then(|place| WORDS.get(place)) {
        return (*word).to_owned();
    }
    let ending = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}
