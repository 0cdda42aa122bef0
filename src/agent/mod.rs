//! When each check is asked, and by whom: the comb ([`schedule`]), and the workers that act for each
//! practice on one machine ([`workers`]).

pub mod schedule;
pub mod workers;
