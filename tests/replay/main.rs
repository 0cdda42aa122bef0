//! What other programs rely on: recorded observations in, incident events out, byte for byte the same.
//!
//! Most of this looks at linewatch from outside, through `linewatch replay`, as a program that feeds it a
//! recording would. Properties that need thousands of runs use the correlator directly.
//!
//! All of it would take minutes if it weren't optimised: `cargo test --release --test replay`.

#![cfg(not(debug_assertions))]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod ambiguous;
mod beats;
mod company;
mod county;
mod decay;
mod faults;
mod fuzz;
mod garbage;
mod hours;
mod notes_and_scope;
mod off_the_map;
mod own_lines;
mod properties;
mod reading;
mod storms;
mod stream;
mod timing;
mod told;
mod two_agents;
mod why;
