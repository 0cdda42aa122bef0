//! The hub as its readers see it: a real service on a port of the system's choosing, asked over HTTP and
//! by the real commands.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod beats;
mod bench;
mod commands;
mod dashboards;
mod fixes;
mod garbage;
mod incident;
mod late;
mod metrics;
mod mutes;
mod pages;
mod reload;
mod restart;
mod seats;
