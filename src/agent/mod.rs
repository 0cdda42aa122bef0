//! When each check is asked, and by whom.
//!
//! | file | subject |
//! |---|---|
//! | [`schedule`] | the comb: when each check is due; pure |
//! | [`load`] | what the checks ask of each target, and of this machine at its worst |
//! | [`reask`] | when a check is asked again beside the comb; pure |
//! | `overdue` | which checks are late, before they have failed; pure |
//! | [`ration`] | how often that may be; pure |
//! | `beside` | the same, shared by the dispatcher and the checks under way |
//! | [`paths`] | which check's path is traced when, and the last good one of each; pure |
//! | [`spool`] | every observation on disk until the hub has it |
//! | [`uplink`] | an agent of its own: reports to a hub over whichever network works |
//! | [`traces`] | the traces under way, beside the schedule |
//! | [`site`] | the page for the practice's own network |
//! | [`workers`] | act for each practice on one machine, as the comb says |
//! | [`clock`] | notices that the clock was set or the machine stood still |
//! | [`meters`] | how late the schedule runs, and the other numbers about the asking itself |
//! | [`descriptors`] | as many sockets as the system lets us have |

mod beside;
pub mod clock;
pub mod descriptors;
pub mod load;
pub mod meters;
mod overdue;
pub mod paths;
pub mod ration;
pub mod reask;
pub mod schedule;
pub mod site;
pub mod spool;
pub mod traces;
pub mod uplink;
pub mod workers;
