//! The county on loopback: its mail relay, its stand-in for the firewall, how a configuration moves in, and a
//! whole drill.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod exercise;
mod mail;
mod moving_in;
mod stand_in;
mod support;
mod whole;
