//! linewatch watches the network lines of GP practices: it asks, every few seconds, the questions
//! that staff ask when the screens freeze, names the component that failed, and tells the people
//! concerned in words that they can act on.
//!
//! The rooms, in the order in which data flows:
//!
//! | room | what lives there |
//! |---|---|
//! | [`config`] | `probes.toml` and `practices.csv` → [`estate::Estate`] and the settings around it |
//! | [`estate`] | practices, components, networks, services, probes, and the path of each check |
//! | [`probe`] | one file a kind of check; the sockets live here |
//! | [`agent`] | when each check is asked, and by whom |
//! | [`reflector`] | the far side of `egress` checks: a small server of its own |
//! | [`observation`] | one result of one check, and its JSON form |
//! | [`segments`] | append-only files of observations: what an agent's spool and a hub's archive are made of |
//! | [`archive`] | every observation that the hub has, on its disk |
//! | [`uplink`] | what an agent and the hub say to each other: keys, messages, batches |
//! | [`hub`] | gathers observations; API, pages, metrics |
//! | [`correlate`] | observations in, incident events out; pure |
//! | [`incident`] | a cause over time: the events that everything downstream reads |
//! | [`notify`] | who is told what, when, in which words; and the thin senders |
//! | [`journal`] | the hash chain behind the evidence, its signed heads, and what finds that it was changed |
//! | [`spans`] | stretches of time, and what they have in common; pure |
//! | [`report`] | what was measured, as evidence: figures, HTML, CSV; pure |
//! | [`calendar`] | bank holidays, and hours of the week in local time; pure |
//! | [`store`] | SQLite: incidents, outbox, journal; the only place with SQL |
//! | [`world`] | simulated estates and faults, in virtual time or on loopback sockets |
//! | `folder` | files on this machine's disk, whole or not at all, and the disk that tests put in its place |
//! | [`distrust`] | why a certificate isn't trusted, in words |
//! | [`platform`] | what each operating system does in its own way, as far as an agent needs it |
//! | [`chance`], `hex` | bytes that nobody outside can guess, and bytes as digits |
//! | [`fuzzing`] | every reader of bytes from outside as a function: for the fuzz targets and their test alone |
//! | [`cli`] | one file a command; the only place that prints to a terminal |
//!
//! [`fuzzing`]: https://rust-fuzz.github.io/book/
//!
//! # Architecture invariants
//!
//! - `estate`, `observation`, `incident`, `time`, `correlate` and `notify::policy` are pure: no clock,
//!   no socket, no database, no randomness. The same input gives the same output, byte for byte.
//!   A test (`tests/architecture.rs`) reads the sources and says so.
//! - Data flows one way. Nothing downstream calls upstream.
//! - Every queue, wait and retry has a bound, and its reason stands in [`limits`].

#![forbid(unsafe_code)]

pub mod agent;
pub mod archive;
pub mod calendar;
pub mod chance;
pub mod cli;
pub mod config;
pub mod correlate;
pub mod distrust;
pub mod estate;
mod folder;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod hex;
pub mod hub;
pub mod incident;
pub mod journal;
pub mod limits;
pub mod notify;
pub mod observation;
pub mod platform;
pub mod probe;
pub mod reflector;
pub mod report;
pub mod segments;
pub mod spans;
pub mod store;
pub mod time;
pub mod uplink;
pub mod world;
