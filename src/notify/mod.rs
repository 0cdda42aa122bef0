//! Who is told what, when, in which words; and the thin senders.
//!
//! An event comes in at the [`Desk`]. The [`policy`] says who is told; the notices go into the store's outbox together
//! with the event; the delivery takes them from there when they are due, finds the [`words`], and hands the mail to the
//! mail server. What is pure is marked so.
//!
//! | file | what lives there |
//! |---|---|
//! | [`notice`] | one message to one recipient: the type, and what became of it; pure |
//! | [`masked`] | addresses in the log and in the journal; pure |
//! | [`acknowledgement`] | somebody's word that they have an incident in hand; pure |
//! | [`fix`] | what somebody did about an incident; pure |
//! | [`policy`] | who is told what, when; pure |
//! | [`bounce`] | mails that were accepted and came back: what a mail server further on says of them; pure |
//! | `bounded.rs` | something to write into that doesn't grow beyond all bounds |
//! | [`words`] | what they read; pure |
//! | [`rehearsal`] | what would be written if something happened; pure |
//! | [`channel`] | by what they leave; pure |
//! | `queue.rs` | the order in which notices leave; pure |
//! | `dispatch.rs` | which leaves next by which outlet; pure |
//! | `outlet.rs` | whether an outlet may be spoken to; pure |
//! | `allowance.rs` | how many messages it takes in a minute and in a day; pure |
//! | [`patience`] | how long to wait before the next attempt; pure |
//! | [`desk`] | the thing that the hub talks to: plans, records, wakes the delivery |
//! | `shared.rs` | what the desk and its workers share |
//! | [`exercise`] | notices of an incident that never was: for whom, and how they are marked; pure |
//! | `earlier.rs` | what was said of an incident before |
//! | `link.rs` | the link in a letter by which its reader acknowledges |
//! | `delivery.rs` | the workers |
//! | `mail.rs` | a letter in its envelope |
//! | `smtp.rs` | the conversation with the mail server |
//! | `hook.rs` | what is posted: webhooks, Alertmanager, Teams, text messages |

pub mod acknowledgement;
mod allowance;
pub mod bounce;
mod bounded;
pub mod cast;
pub mod channel;
mod delivery;
pub mod desk;
mod dispatch;
mod earlier;
pub mod exercise;
pub mod fix;
mod hook;
mod link;
mod mail;
pub mod masked;
pub mod notice;
mod outlet;
pub mod patience;
pub mod policy;
mod queue;
pub mod rehearsal;
mod shared;
mod smtp;
pub mod words;

pub use acknowledgement::{AckWay, Acknowledgement};
pub use channel::Channel;
pub use desk::{Approved, Came, Desk, DeskStats, OutletStats, Said, Standing, TakenUp};
pub use fix::Fix;
pub use link::{LINK_PATH, LinkKey};
pub use notice::{Audience, Delivery, Keep, Notice, NoticeKind, NoticeState, Outcome, Try, TryOutcome};
pub use outlet::RelayHealth;
pub use patience::Patience;
pub use shared::{Clock, Tally};
