//! simulated estates and faults, in virtual time or on loopback sockets

pub mod loopback;
