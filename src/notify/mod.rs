//! Who is told what, when, in which words; and the thin senders.
//!
//! | file | what lives there |
//! |---|---|
//! | [`notice`] | one message to one recipient: the type, and what became of it |
//! | [`desk`] | the thing that the hub talks to: plans, records, wakes the delivery |

pub mod desk;
pub mod notice;

pub use desk::{Approved, Desk, DeskStats, RelayHealth};
pub use notice::{Audience, Delivery, Notice, NoticeKind, NoticeState, Outcome};
