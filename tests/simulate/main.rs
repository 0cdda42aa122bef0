//! The world in virtual time: scenarios as data, what they do to an estate, and what linewatch says.

#![expect(
    clippy::expect_used,
    clippy::duration_suboptimal_units,
    reason = "a test fails by panicking; lengths stand as the files have them"
)]

mod again;
mod command;
mod fates;
mod files;
mod letters;
mod stream;
mod trials;
mod verdicts;

use std::sync::Arc;

use linewatch::world::estates::build;
use linewatch::world::faults::World;
use linewatch::world::scenario::{Scenario, shipped};
use linewatch::world::timetable::Clock;

/// A shipped scenario.
fn scenario(name: &str) -> Scenario {
    Scenario::parse(name, shipped(name).expect("a shipped scenario")).expect("a sound scenario")
}

/// The estate that a scenario makes up, under that scenario.
fn world(scenario: &Scenario) -> World {
    World::new(Arc::new(build(&scenario.plan)), scenario, Clock::Virtual).expect("names that the estate has")
}

/// A scenario of the lines given, on the usual estate, two hours from 2026-03-02T09:00:00Z.
fn with(lines: &str) -> Scenario {
    let head = "title = \"t\"\nhappened = \"h\"\nseed = 5\nstart = 2026-03-02T09:00:00Z\nlength = \"2h\"\n";
    Scenario::parse("test", &format!("{head}{lines}")).expect("a sound scenario")
}
