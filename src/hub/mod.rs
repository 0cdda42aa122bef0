//! gathers observations, correlates, notifies, serves status and metrics

pub mod service;
