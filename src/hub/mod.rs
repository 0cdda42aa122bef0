//! gathers observations, correlates, notifies, serves status and metrics
