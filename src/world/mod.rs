//! Simulated estates and faults, in virtual time or on loopback sockets.
//!
//! | file | what lives there |
//! |---|---|
//! | [`scenario`] | what goes wrong, when, and what linewatch must say: data, read from `scenarios/*.toml` |
//! | [`estates`] | made-up estates of any size, for scenarios that stand alone |
//! | [`faults`] | what happens to one asking at one moment: a pure function |
//! | `crossings`, `sites`, `names` | what a fate is worked out from: which faults stand on which path, which sites they hit, whether the names fit |
//! | [`timetable`] | when a fault hits which site |
//! | [`virtual_time`] | the stream of observations that an estate under a scenario would report |
//! | [`reports`] | over which network each report gets out, and what waits on the agent's disk |
//! | [`noise`] | latencies, the odd lost packet, lines that are always bad |
//! | [`rough`] | noise as networks really have it: uneven, in clumps, with wrong clocks and late reports |
//! | [`trials`] | the benchmark's cases: made-up estates, what really breaks in them, and what they report |
//! | [`loopback`] | the same faults on real sockets, for `drill` |
//! | [`verdicts`] | whether the incidents told are the ones that the scenario expects |
//! | [`dice`] | hashing in place of random numbers |
//!
//! Everything here is deterministic: the same scenario, estate and seed give the same bytes, and what
//! happens to one asking doesn't depend on which others were asked before.

mod crossings;
pub mod dice;
pub mod estates;
pub mod faults;
pub mod loopback;
mod names;
pub mod noise;
pub mod reports;
pub mod rough;
pub mod scenario;
mod sites;
pub mod timetable;
pub mod trials;
pub mod verdicts;
pub mod virtual_time;
