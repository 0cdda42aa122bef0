//! Every bound of linewatch that isn't the operator's to set, in one place, each with its reason: a file a subject.

mod acknowledgements;
mod again;
mod archive;
mod beats;
mod bounces;
mod config;
mod evidence;
mod notices;
mod onsite;
mod paths;
mod probes;
mod reflector;
mod running;
mod spool;
mod store;
mod uplink;
mod web;
mod world;

pub use acknowledgements::*;
pub use again::*;
pub use archive::*;
pub use beats::*;
pub use bounces::*;
pub use config::*;
pub use evidence::*;
pub use notices::*;
pub use onsite::*;
pub use paths::*;
pub use probes::*;
pub use reflector::*;
pub use running::*;
pub use spool::*;
pub use store::*;
pub use uplink::*;
pub use web::*;
pub use world::*;
