//! Why a batch is refused: counted by one word each, and told to the agent in a sentence.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};

use super::spool::TooManyGaps;
use crate::hub::credentials::CredentialError;
use crate::hub::credentials::book::Denied;
use crate::limits::{AHEAD_MAX, BEHIND_MAX, BODY_WITHIN, ID_BYTES_MAX, THINNED_COUNT_MAX};
use crate::observation::{Observation, harmless};
use crate::segments::{Entry, Record, Thinned};
use crate::time::At;
use crate::uplink::batch::Unreadable;
use crate::uplink::message::BatchProblem;
use crate::uplink::ranges::Ranges;

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("too many requests from there")]
    Flood,
    #[error(transparent)]
    Credential(#[from] CredentialError),
    #[error("the header {0} is missing or not understood")]
    Header(&'static str),
    #[error("the body is encoded in another way than gzip or none")]
    Encoding,
    #[error("the body is larger than {} KiB", bytes_max / 1024)]
    Huge { bytes_max: usize },
    #[error("the body ends too early, or is damaged")]
    Cut,
    #[error("the body didn't arrive within {} s", BODY_WITHIN.as_secs())]
    Slow,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("this agent may report for {own} alone, and these are of another practice")]
    OtherPractice { own: String, seqs: Ranges },
    #[error("these are from {at}, which can't be: is the agent's clock right?")]
    Time { at: At, seqs: Ranges },
    #[error("these say that a check took {ms} ms, which can't be")]
    Length { ms: f64, seqs: Ranges },
    #[error("these say what an agent let go of, and {why}")]
    Thinned { why: &'static str, seqs: Ranges },
    #[error(transparent)]
    Gaps(#[from] TooManyGaps),
    #[error("there is no room for observations just now")]
    Busy,
}

/// One word for each, as in the metric.
pub const REASONS: [&str; 18] = [
    "flood",
    "wrong_key",
    "revoked",
    "too_often",
    "twin",
    "header",
    "encoding",
    "huge",
    "truncated",
    "slow",
    "bomb",
    "lines",
    "garbage",
    "other_practice",
    "time",
    "gaps",
    "busy",
    "store",
];

/// Those of requests that bring no batch.
pub const REASONS_OF_CREDENTIALS: [&str; 8] =
    ["flood", "wrong_key", "revoked", "too_often", "huge", "truncated", "slow", "store"];

impl Refusal {
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Flood | Self::Credential(CredentialError::TooMany) => "flood",
            Self::Credential(CredentialError::Denied(Denied::Revoked)) => "revoked",
            Self::Credential(CredentialError::Denied(_)) => "wrong_key",
            Self::Credential(CredentialError::TooOften) => "too_often",
            Self::Credential(CredentialError::Twin) => "twin",
            Self::Credential(CredentialError::Chance(_) | CredentialError::Store(_)) => "store",
            Self::Header(_) => "header",
            Self::Encoding => "encoding",
            Self::Huge { .. } => "huge",
            Self::Cut | Self::Unreadable(Unreadable::Truncated) => "truncated",
            Self::Slow => "slow",
            Self::Unreadable(Unreadable::Bomb) => "bomb",
            Self::Unreadable(Unreadable::Lines) => "lines",
            Self::Unreadable(Unreadable::Garbage { .. }) | Self::Length { .. } | Self::Thinned { .. } => {
                "garbage"
            }
            Self::OtherPractice { .. } => "other_practice",
            Self::Time { .. } => "time",
            Self::Gaps(_) => "gaps",
            Self::Busy => "busy",
        }
    }

    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Credential(error) => error.status(),
            Self::Flood => StatusCode::TOO_MANY_REQUESTS,
            Self::Header(_) | Self::Cut | Self::Unreadable(Unreadable::Truncated) => StatusCode::BAD_REQUEST,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Huge { .. } | Self::Unreadable(Unreadable::Bomb | Unreadable::Lines) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::OtherPractice { .. } => StatusCode::FORBIDDEN,
            Self::Unreadable(Unreadable::Garbage { .. })
            | Self::Time { .. }
            | Self::Length { .. }
            | Self::Thinned { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Gaps(_) => StatusCode::CONFLICT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Numbers that will never be taken.
    pub fn refused(&self) -> Ranges {
        match self {
            Self::OtherPractice { seqs, .. }
            | Self::Time { seqs, .. }
            | Self::Length { seqs, .. }
            | Self::Thinned { seqs, .. }
            | Self::Unreadable(Unreadable::Garbage { seqs, .. }) => seqs.clone(),
            _ => Ranges::new(),
        }
    }
}

impl CredentialError {
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Denied(Denied::Unknown | Denied::NoCode) => StatusCode::UNAUTHORIZED,
            Self::Denied(Denied::Revoked) | Self::Twin => StatusCode::FORBIDDEN,
            Self::Denied(Denied::NoAgent) => StatusCode::NOT_FOUND,
            Self::Denied(Denied::Full) => StatusCode::CONFLICT,
            Self::TooMany | Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Chance(_) | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = BatchProblem {
            error: self.to_string(),
            reason: self.reason().to_owned(),
            refused: self.refused(),
        };
        (self.status(), Json(problem)).into_response()
    }
}

/// Whether all of a batch is the agent's own practice's, and of a time that can be.
pub fn judge(batch: &[Record], own: &str, now: At) -> Result<(), Refusal> {
    let others = batch.iter().filter(|record| practice_of(record) != own);
    let seqs: Ranges = others.map(|record| record.seq).collect();
    if !seqs.is_empty() {
        return Err(Refusal::OtherPractice { own: own.to_owned(), seqs });
    }
    let sensible = now - BEHIND_MAX..now + AHEAD_MAX;
    let times = batch.iter().filter_map(|record| {
        let odd = match &record.entry {
            Entry::Seen(seen) => [Some(seen.at), None],
            Entry::Thinned(thinned) => [Some(thinned.from), Some(thinned.to)],
        };
        odd.into_iter().flatten().find(|at| !sensible.contains(at)).map(|at| (record.seq, at))
    });
    let odd: Vec<(u64, At)> = times.collect();
    if let Some((_, at)) = odd.first() {
        return Err(Refusal::Time { at: *at, seqs: odd.iter().map(|(seq, _)| *seq).collect() });
    }
    let lengths = batch.iter().filter_map(|record| match &record.entry {
        Entry::Seen(seen) if !is_length(seen) => Some((record.seq, seen.ms)),
        _ => None,
    });
    let odd: Vec<(u64, f64)> = lengths.collect();
    if let Some((_, ms)) = odd.first() {
        return Err(Refusal::Length { ms: *ms, seqs: odd.iter().map(|(seq, _)| *seq).collect() });
    }
    let gaps = batch.iter().filter_map(|record| Some((record.seq, why_not(record.note()?)?)));
    let odd: Vec<(u64, &'static str)> = gaps.collect();
    match odd.first() {
        Some((_, why)) => Err(Refusal::Thinned { why, seqs: odd.iter().map(|(seq, _)| *seq).collect() }),
        None => Ok(()),
    }
}

/// Why this can't have been let go of.
fn why_not(thinned: &Thinned) -> Option<&'static str> {
    if thinned.to < thinned.from {
        return Some("the first of it began after the last");
    }
    if thinned.count == 0 || thinned.count > THINNED_COUNT_MAX {
        return Some("so many can't have been");
    }
    let probe = &thinned.probe;
    let is_name = !probe.is_empty() && probe.len() <= ID_BYTES_MAX && probe.chars().all(|c| harmless(c) == c);
    (!is_name).then_some("that is no check's name")
}

/// A length of time that a check can have.
fn is_length(seen: &Observation) -> bool {
    seen.ms.is_finite() && (0.0..=86_400_000.0).contains(&seen.ms)
}

fn practice_of(record: &Record) -> &str {
    match &record.entry {
        Entry::Seen(seen) => &seen.practice,
        Entry::Thinned(thinned) => &thinned.practice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::workers::blank;
    use crate::segments::What;

    #[test]
    fn what_is_another_practices_or_of_another_century_is_refused_by_number() {
        let now = At::from_millis(1_773_644_400_000);
        let record = |seq, at, practice: &str| Record { seq, entry: Entry::Seen(blank(at, practice, "web")) };
        let fine = record(1, now, "G82002/westfield");
        assert!(judge(std::slice::from_ref(&fine), "G82002/westfield", now).is_ok());
        let forged = judge(&[fine.clone(), record(2, now, "G82002")], "G82002/westfield", now);
        assert!(
            matches!(&forged, Err(Refusal::OtherPractice { seqs, .. }) if seqs.to_string() == "2-2"),
            "{forged:?}"
        );
        let far = "2099-01-01T00:00:00Z".parse().expect("a time");
        let late = judge(&[fine, record(2, far, "G82002/westfield")], "G82002/westfield", now);
        assert!(matches!(&late, Err(Refusal::Time { seqs, .. }) if seqs.to_string() == "2-2"), "{late:?}");
        let mut negative = record(3, now, "G82002");
        if let Entry::Seen(seen) = &mut negative.entry {
            seen.ms = -5.0;
        }
        let negative = judge(&[negative], "G82002", now);
        assert!(
            matches!(&negative, Err(Refusal::Length { seqs, .. }) if seqs.to_string() == "3-3"),
            "{negative:?}"
        );
    }

    #[test]
    fn what_an_agent_let_go_of_is_judged_as_what_it_saw_is() {
        let now = At::from_millis(1_773_644_400_000);
        let fine = Thinned {
            practice: "G82002".to_owned(),
            probe: "web".to_owned(),
            from: now.plus_millis(-1_000),
            to: now,
            count: 5,
            what: What::Successes,
        };
        let judged = |thinned: Thinned| {
            let seen = Record { seq: 1, entry: Entry::Seen(blank(now, "G82002", "web")) };
            judge(&[seen, Record { seq: 2, entry: Entry::Thinned(thinned) }], "G82002", now)
        };
        assert!(judged(fine.clone()).is_ok());
        let (far, old) = (At::LATEST, At::default());
        for (thinned, reason) in [
            (Thinned { practice: "G82003".to_owned(), ..fine.clone() }, "other_practice"),
            (Thinned { to: far, ..fine.clone() }, "time"),
            (Thinned { from: old, ..fine.clone() }, "time"),
            (Thinned { from: now, to: now.plus_millis(-1), ..fine.clone() }, "garbage"),
            (Thinned { count: u64::MAX, ..fine.clone() }, "garbage"),
            (Thinned { count: 0, ..fine.clone() }, "garbage"),
            (Thinned { probe: "x".repeat(ID_BYTES_MAX + 1), ..fine.clone() }, "garbage"),
            (Thinned { probe: "\u{1b}[2J".to_owned(), ..fine.clone() }, "garbage"),
            (Thinned { probe: String::new(), ..fine }, "garbage"),
        ] {
            let refusal = judged(thinned.clone()).expect_err("it can't be");
            assert_eq!(
                (refusal.reason(), refusal.refused().to_string().as_str()),
                (reason, "2-2"),
                "{thinned:?}"
            );
        }
    }
}
