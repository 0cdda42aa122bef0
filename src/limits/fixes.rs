//! Bounds of what people say that they did about an incident (`notify::fix`, `hub`, `report`).

use std::time::Duration;

/// Longest text of a fix, in characters. It stands in letters, in tables and beside charts; who has more to tell has a ticket for it.
pub const FIX_CHARS_MAX: usize = 300;

/// Fixes of one incident. Five days of Kent's firewall had some dozens; more than this is a program that calls us.
pub const FIXES_PER_INCIDENT_MAX: usize = 200;

/// How long before the beginning of an incident something may have been done that is recorded with it. When a fault began is an estimate,
/// and what was meant to mend something small may have begun it; what was done the day before belongs to another incident.
pub const FIX_BEFORE_MAX: Duration = Duration::from_hours(1);

/// The same words of the same person, at a time as near as this, are the same fix: the answer got lost, and the command was given again.
pub const FIX_AGAIN_WITHIN: Duration = Duration::from_mins(1);

/// What changes so long after a fix is counted as what came after it, where no other fix comes before. A firewall with its tunnels is up half an
/// hour after a restart at the latest; beyond an hour, what changes has had other occasions.
pub const FIX_WINDOW: Duration = Duration::from_hours(1);

/// Fixes of one incident that a page, a letter or `linewatch why` shows: the last ones. API and report have all.
pub const FIXES_SHOWN: usize = 10;
