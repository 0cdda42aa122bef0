//! The agent at a practice: asks its practice's checks, keeps every result on disk, and reports to a hub over whichever address
//! works. Without a hub it goes on with what it last heard from one.
//!
//! | file | subject |
//! |---|---|
//! | [`asks`] | what the hub wishes to have asked now |
//! | [`identity`] | who this agent is, and its key |
//! | [`copy`] | the last good configuration, on disk |
//! | [`addresses`] | which of them work, since when, and when one that isn't used is looked at. Pure |
//! | [`link`] | which of the hub's addresses is used, and how long to wait. Pure |
//! | [`cursor`] | what is sent next. Pure |
//! | [`talk`] | one exchange with a hub |
//! | [`keeper`] | from the checks to the spool |
//! | [`sender`] | from the spool to the hub |
//! | [`word`] | what the hub said last, on disk |
//! | [`service`] | all of it: start, another configuration, stop |

pub mod addresses;
pub mod asks;
pub mod copy;
pub mod cursor;
pub mod identity;
pub mod keeper;
pub mod link;
pub mod sender;
pub mod service;
pub mod talk;
pub mod word;
