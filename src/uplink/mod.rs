//! What an agent at a practice and the hub say to each other: the forms, not who says them when.
//!
//! | file | subject |
//! |---|---|
//! | [`key`] | enrolment codes, agents' keys, and the tags by which a hub knows them again |
//! | [`message`] | requests and answers as JSON, and the headers beside them |
//! | [`batch`] | observations as compressed JSON lines, written and read within bounds |
//! | [`http`] | asking over HTTP within bounds |
//! | [`ranges`] | sets of sequence numbers |
//!
//! The agent's side is [`crate::agent::uplink`], the hub's [`crate::hub::credentials`] and [`crate::hub::intake`].

pub mod batch;
pub mod http;
pub mod key;
pub mod message;
pub mod ranges;
