//! Until when planned work holds back what is new: `[[maintenance]]`.

use crate::config::MaintenanceWindow;
use crate::incident::Event;
use crate::limits;
use crate::time::At;

/// Until when planned work covers the event, as far as these practices are concerned; its own time when none does.
pub(super) fn covered_until(event: &Event, practices: &[String], windows: &[MaintenanceWindow]) -> At {
    covered_from(event, event.at, practices, windows)
}

/// The same of a later time: until when planned work covers the event from then on.
pub(super) fn covered_from(
    event: &Event,
    from: At,
    practices: &[String],
    windows: &[MaintenanceWindow],
) -> At {
    let mut until = from;
    for _ in 0..limits::MAINTENANCE_CHAIN_MAX {
        let end = windows
            .iter()
            .filter(|window| window.from <= until && until < window.to && covers(window, event, practices))
            .map(|window| window.to)
            .max();
        match end {
            Some(end) => until = end,
            None => break,
        }
    }
    until
}

/// What may be several things is covered when all of them are, as with mutes: else a fault of the others would be hushed up.
fn covers(window: &MaintenanceWindow, event: &Event, practices: &[String]) -> bool {
    let named = |id: &String| window.what.contains(id);
    window.what.is_empty()
        || (!event.cause.is_empty() && event.cause.iter().all(|cause| named(&cause.id)))
        || event.network.as_ref().is_some_and(named)
        || (!practices.is_empty() && practices.iter().all(named))
}
