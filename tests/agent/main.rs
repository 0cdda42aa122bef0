//! Agents and their hub, over real sockets and real TLS: an agent enrols and reports; whatever is killed or cut, each observation
//! counts once; and what strangers send is refused, counted and harmless.

#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]

mod again;
mod appends;
mod asked;
mod clocks;
mod commands;
mod copies;
mod exactly_once;
mod expired;
mod five_days;
mod given_up;
mod herd;
mod history;
mod kills;
mod page;
mod refusals;
mod report;
mod revoked;
mod script;
mod stage;
