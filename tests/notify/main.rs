//! Notices and store from the outside: real files, a real mail server on loopback, processes that are killed.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod acknowledge;
mod bounces;
mod circles;
mod delivery;
mod disk;
mod estate;
mod fixes;
mod hooks;
mod pace;
mod real_server;
mod real_server_bounces;
mod relay;
mod relays;
mod store;
mod storm;
mod tls;
mod told;
