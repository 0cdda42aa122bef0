//! Append-only files of observations: the spool of an agent is made of them.
//!
//! | file | subject |
//! |---|---|
//! | `record.rs` | what stands in a segment |

mod record;

pub use record::{Entry, MANY, Record, Thinned, What};
