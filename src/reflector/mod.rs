//! The far side of `egress` and `rtp` checks: a small server that answers whoever knows its secret, on many ports.
//!
//! A firewall can only be judged by somebody on its other side. `linewatch reflector` stands there, says which source
//! address it saw and how much arrived, and the `egress` probe (`probe::egress`) asks it through every port of the
//! policy.
//!
//! # Invariants: it stands on the open internet
//!
//! - No answer is larger than its question: what would be is not sent. So it amplifies nothing.
//! - Who doesn't know the secret gets nothing over UDP, not even an error, and a closed connection over TCP. There is
//!   nothing to tell a scanner what listens here.
//! - A recorded question, sent again, is not answered: its nonce is remembered for as long as its time is good, and
//!   after that its time is too old. Over UDP, where a sender may be forged, too old is met with silence; over TCP, where
//!   the handshake has proved the sender, the answer says only that the clocks differ, so that an operator can find out.
//! - A train of `rtp` packets begins like a question, and its nonce is remembered like one. Each of its packets is answered
//!   once, for seconds; how many trains may begin has a rate of its own.
//! - Answers have a rate, for each source and over all, and who is above it hears so over TCP; every table, queue and wait has a bound.
//!
//! | file | what it does |
//! |---|---|
//! | [`frame`] | the wire format, shared with the probe. Pure |
//! | [`ports`] | `443,5060-5061`. Pure |
//! | [`train`] | the wire format of `rtp` checks. Pure |
//! | `trains` | what has arrived of each train. Pure: time comes in |
//! | `limiter` | rates and nonces. Pure: time comes in |
//! | `server` | the sockets |

pub mod frame;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
pub(crate) mod limiter;
pub mod ports;
mod server;
pub mod train;
mod trains;

pub use server::{CantBind, Counted, Counters, Options, Reflector};
pub(crate) use server::{never_cut_up, unix_seconds};
