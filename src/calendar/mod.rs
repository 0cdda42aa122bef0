//! Bank holidays, and hours of the week in local time: when a surgery is open, and when somebody may be written to. Pure.

mod holidays;
mod hours;

pub use holidays::is_bank_holiday;
pub use hours::{Hours, WORKING_DAYS};
