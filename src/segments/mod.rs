//! Append-only files of observations: the spool of an agent is made of them, and the archive of a hub. Bytes in, records out; files are for those who
//! use it.
//!
//! | file | subject |
//! |---|---|
//! | `record.rs` | what stands in a segment: observations, and what is said in the place of those that had to go |
//! | `codec.rs` | one record as bytes, without loss |
//! | `wire.rs` | numbers and texts as bytes |
//! | [`frame`] | mark, length and checksum, so that damage costs itself only |
//! | `block.rs` | some dozens of records compressed together |
//! | `segment.rs` | a whole segment: what is where, what is damaged, and sealing |
//! | [`volume`] | a segment of an archive, sorted by practice when it is sealed |
//! | [`names`] | what the files are called |

mod block;
mod codec;
pub(crate) mod frame;
pub(crate) mod names;
mod record;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod segment;
pub(crate) mod volume;
pub(crate) mod wire;

pub use record::{Entry, MANY, Record, Thinned, What};
pub use segment::{Damage, Framer, Head, Index, Sealer, Span, frame_bytes, index, put_head, records};
