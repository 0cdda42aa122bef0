//! Gathers observations, correlates, notifies, and serves status, pages and metrics.
//!
//! | file | subject |
//! |---|---|
//! | [`service`] | all of `run` in one process: start, reload, stop |
//! | [`field`] | where the real workers stand: this machine's clock and sockets |
//! | [`background`] | the tasks that wait for the desk and the store |
//! | [`pipeline`] | the one task that owns the correlator |
//! | [`view`] | what readers see: estate and picture, replaced as a whole |
//! | [`ledger`] | the last result of each check, and its changes |
//! | [`notes`] | what the hub has to say about itself |
//! | [`status`] | the status in numbers and sentences |
//! | [`numbers`], [`metrics`] | `/metrics` |
//! | [`asks`] | what agents are asked to ask now |
//! | [`acknowledge`] | who has an incident in hand: links in letters, and the API |
//! | [`fixes`] | what people say that they did about an incident |
//! | [`outbox`] | what became of every notice |
//! | [`beats`] | work that says that it was done, and its silence |
//! | [`credentials`] | who may report: codes, keys, agents |
//! | [`intake`] | what agents report |
//! | [`pages`], [`pages_words`] | the status page |
//! | [`api`], [`guard`] | the routes, and who may ask what |
//! | [`headers`] | what every answer says of itself |
//! | [`server`] | connections and their bounds |
//! | [`seats`] | who has a place among them, and who yields it |
//! | [`state`] | what the handlers share |

pub mod acknowledge;
pub mod api;
pub mod asks;
pub mod background;
pub mod beats;
pub mod bounces;
pub mod credentials;
pub mod field;
pub mod fixes;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
pub mod guard;
pub mod headers;
pub mod intake;
pub mod ledger;
pub mod metrics;
pub mod mutes;
pub mod notes;
pub mod numbers;
pub mod outbox;
pub mod pages;
pub mod pages_words;
pub mod pipeline;
pub mod seats;
pub mod server;
pub mod service;
pub mod state;
pub mod status;
pub mod view;
