//! The path of a check: packets of its own kind, each allowed to cross one router more than the one before. The routers
//! at which they end say so, and the last that does is where the way stops.
//!
//! | file | what it does |
//! |---|---|
//! | `trace` | what a trace found. Pure |
//! | `progress` | which distance is tried next, and when all is known. Pure |
//! | `shot` | one packet and what comes of it. The sockets live here |
//! | `errors` | the error queue of a socket, and what ICMP messages mean |
//! | `verdict` | where it stops, beside the last good path, in sentences. Pure |
//! | `check` | `kind = "path"`: the path as a check of its own |
//!
//! # Choices
//!
//! - No privilege: ordinary sockets with a bound on the routers (`IP_TTL`), whose error queues (`IP_RECVERR`) say which
//!   router an ICMP message came from. That is how `tracepath` and `traceroute`'s `tcpconn` do it. `trippy-core` was not
//!   taken: on Linux it needs raw sockets, and so CAP_NET_RAW, for a program that otherwise needs none.
//! - All distances at once, some milliseconds apart, and not one after the other: a line that drops everything is traced
//!   in two to three seconds. Each router gets a packet or two, which is below the rates at which they begin to be
//!   silent (Linux: one message a second to one address, after the first six).
//! - What can't be done for want of a permission, a socket or an address is this machine's own, and no path.

mod check;
pub(super) mod errors;
#[cfg(any(fuzzing, test))]
pub(super) mod fuzzing;
mod progress;
mod shot;
mod trace;
mod verdict;

use std::net::{IpAddr, SocketAddr};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout};

pub(super) use check::ask;
pub use trace::{End, Trace, Way};
pub use verdict::{judge, unknown};

use super::fault::Fault;
use super::icmp::Pings;
use super::lookup::Lookup;
use super::trail::Trail;
use crate::estate::Ask;
use crate::limits::{PATH_LOOKUP_MAX, PATH_PACE, PATH_TIME_MAX};
use progress::Progress;
use shot::Shooter;

/// Traces the way of a probe's packets, within [`PATH_TIME_MAX`] after its target's address is known.
pub(super) async fn trace(
    ask: &Ask,
    source: Option<IpAddr>,
    lookup: &Lookup,
    pings: &Pings,
) -> Result<Trace, Fault> {
    let target = target(ask, source, lookup).await?;
    let trace = follow(ask, target, source, pings, Instant::now() + PATH_TIME_MAX).await?;
    Ok(Trace { port_of_many: trace::port_of_many(ask), ..trace })
}

/// Traces the way to a target until this moment at most.
async fn follow(
    ask: &Ask,
    target: SocketAddr,
    source: Option<IpAddr>,
    pings: &Pings,
    until: Instant,
) -> Result<Trace, Fault> {
    let way = Way::of(ask);
    let shooter = Shooter { way, ask, target, source, pings };
    let mut progress = Progress::new(way, target.ip());
    let mut next_at = Instant::now();
    let mut out = FuturesUnordered::new();
    while !progress.is_done() {
        let next = progress.next();
        tokio::select! {
            // What came is heard before more is sent: it may make that needless.
            biased;
            Some((ttl, came)) = out.next() => {
                let (said, ms) = came?;
                progress.heard(ttl, said, ms);
            }
            () = sleep_until(next_at), if next.is_some() => if let Some(ttl) = next {
                progress.sent(ttl);
                let shooter = &shooter;
                out.push(async move { (ttl, shooter.shoot(ttl).await) });
                next_at = Instant::now() + PATH_PACE;
            },
            () = sleep_until(until) => break,
        }
    }
    drop(out);
    Ok(progress.into_trace())
}

async fn target(ask: &Ask, source: Option<IpAddr>, lookup: &Lookup) -> Result<SocketAddr, Fault> {
    let Some(there) = ask.goes_to() else {
        return Err(Fault::local(format!("this version can't ask `{}` probes yet", ask.kind())));
    };
    let trail = Trail::begin(PATH_LOOKUP_MAX);
    let (family, name_server) = match ask {
        Ask::Http(http) => (http.family, http.name_server.as_ref()),
        _ => (None, None),
    };
    let looking = lookup.addresses_of(family, &there, name_server, source, &trail);
    let found = match timeout(PATH_LOOKUP_MAX, looking).await {
        Ok(found) => found?,
        Err(_) => return Err(Fault::local(format!("the address of {} was not found in time", there.host))),
    };
    let first = found.first().copied();
    first.ok_or_else(|| Fault::local(format!("{} has no address", there.host)))
}
