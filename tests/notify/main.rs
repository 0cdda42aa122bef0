//! Notices and store from the outside: real files, a real mail server on loopback, processes that are killed.

mod delivery;
mod disk;
mod estate;
mod relay;
mod storm;
mod store;
mod tls;
