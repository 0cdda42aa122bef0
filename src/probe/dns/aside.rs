//! Questions beside the check's own. Each has a trail to itself, so that the phases of the check stay those of its
//! own question, and an end before the check's, so that what was learned can still be told.

use std::time::Duration;

use tokio::time::Instant;

use super::exchange::{Way, put};
use super::message::Question;
use super::reply::Reply;
use crate::probe::fault::Fault;
use crate::probe::trail::Trail;

pub(super) async fn ask(
    question: Result<Question, Fault>,
    way: &Way<'_>,
    until: Instant,
) -> Result<Reply, Fault> {
    let question = question?;
    let trail = Trail::begin(time_until(until));
    match tokio::time::timeout_at(trail.deadline(), put(&question, way, &trail)).await {
        Ok(came) => came,
        Err(_) => Err(trail.too_late()),
    }
}

/// In whole milliseconds, as people read it.
pub(super) fn time_until(until: Instant) -> Duration {
    let left = until.saturating_duration_since(Instant::now());
    Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
}
