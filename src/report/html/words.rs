//! Figures as people read them.

use crate::incident::EventKind;
use crate::notify::words::plain::{self, thousands};
use crate::report::names::NamedCause;
use crate::time::At;

pub(super) fn causes(causes: &[NamedCause]) -> String {
    let name = |cause: &NamedCause| match &cause.owner {
        Some(owner) => format!("{} ({}, {owner})", cause.name, cause.kind),
        None => format!("{} ({})", cause.name, cause.kind),
    };
    match causes {
        [one] => name(one),
        several => format!(
            "one of these, which could not be told apart: {}",
            several.iter().map(name).collect::<Vec<_>>().join("; ")
        ),
    }
}

pub(super) fn shortened(causes: &[NamedCause]) -> String {
    let name = causes.first().map(|cause| cause.name.as_str()).unwrap_or_default();
    plain::shortened(name, 24)
}

pub(super) const fn event_word(event: EventKind) -> &'static str {
    match event {
        EventKind::Opened => "opened",
        EventKind::Changed => "changed",
        EventKind::Resolved => "resolved",
    }
}

/// The first few of a list.
pub(super) fn some(ids: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = ids.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match ids.len() {
        0 => "none".to_owned(),
        n if n > SHOWN => format!("{n}: {shown} and {} more", n - SHOWN),
        n => format!("{n}: {shown}"),
    }
}

pub(super) fn patients(patients: Option<u32>) -> String {
    patients.map_or_else(|| "not known".to_owned(), |patients| thousands(patients.into()))
}

/// `12,345.6`
pub(super) fn minutes(ms: i64) -> String {
    let tenths = (ms.max(0) + 3_000) / 6_000;
    format!("{}.{}", thousands(u64::try_from(tenths / 10).unwrap_or(0)), tenths % 10)
}

pub(super) fn length(ms: i64) -> String {
    plain::length(At::from_millis(0), At::from_millis(ms))
}
