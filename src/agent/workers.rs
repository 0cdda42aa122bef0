//! The workers that act for each practice on one machine.
