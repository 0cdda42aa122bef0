//! Sockets bound to the practice's own address, and connections within the time that is left.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::fault::Fault;
use super::rule::Rule;
use super::trail::Trail;
use super::way_out;
use crate::observation::Failure;

/// Connects to the first of these addresses that answers. The time left is shared evenly among those not yet
/// tried, so that one silent address of two doesn't take it all. The failure is that of the last one that this machine has a
/// route to.
///
/// Nagle's algorithm is left on: who writes once and then waits, as all do whom TLS doesn't help, isn't held up by it.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    source: Option<IpAddr>,
    trail: &Trail,
) -> Result<TcpStream, Fault> {
    let mut failed = Fault::new(Failure::NoAnswer, "the name has no address");
    // An address to which this machine has no route (IPv6, mostly) says nothing while there is another.
    let mut unrouted = None;
    let mut asked = None;
    for (tried, &address) in addresses.iter().enumerate() {
        trail.note(|facts| facts.peer = Some(address));
        let left = u32::try_from(addresses.len() - tried).unwrap_or(1);
        let attempt = connect_one(address, source);
        let tried = if left == 1 {
            // The check's own deadline bounds the last attempt: whatever is left is its share.
            attempt.await
        } else {
            let within = tokio::time::timeout(trail.time_left() / left, attempt).await;
            within.unwrap_or_else(|_| {
                Err(Fault::new(Failure::Timeout, format!("connecting to {address}: no answer")))
            })
        };
        match tried {
            Ok(stream) => return Ok(stream),
            Err(fault) if fault.rule == Rule::HasWay => unrouted = Some(fault),
            Err(fault) if fault.failure == Failure::Local => return Err(fault),
            Err(fault) => (failed, asked) = (fault, Some(address)),
        }
    }
    match (asked, unrouted) {
        (Some(asked), _) => {
            trail.note(|facts| facts.peer = Some(asked));
            Err(failed)
        }
        (None, Some(unrouted)) => Err(unrouted),
        (None, None) => Err(failed),
    }
}

/// A socket for a connection to `address`, bound to the source.
pub(super) fn stream(address: SocketAddr, source: Option<IpAddr>) -> Result<TcpSocket, Fault> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
    .map_err(|error| Fault::bind(&error, source))?;
    if let Some(source) = source {
        if source.is_ipv4() != address.is_ipv4() {
            return Err(Fault::families(address.ip(), source));
        }
        socket.bind(SocketAddr::new(source, 0)).map_err(|error| Fault::bind(&error, Some(source)))?;
    }
    Ok(socket)
}

async fn connect_one(address: SocketAddr, source: Option<IpAddr>) -> Result<TcpStream, Fault> {
    stream(address, source)?
        .connect(address)
        .await
        .map_err(|error| failed(&error, &format!("connecting to {address}"), address, source))
}

/// A UDP socket that hears nobody but `address`, with a port that the kernel picks at random. Being connected, it
/// also hears when that port is closed.
pub(super) async fn datagrams(address: SocketAddr, source: Option<IpAddr>) -> Result<UdpSocket, Fault> {
    let from = match source {
        Some(source) if source.is_ipv4() != address.is_ipv4() => {
            return Err(Fault::families(address.ip(), source));
        }
        Some(source) => source,
        None if address.is_ipv4() => Ipv4Addr::UNSPECIFIED.into(),
        None => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket =
        UdpSocket::bind(SocketAddr::new(from, 0)).await.map_err(|error| Fault::bind(&error, source))?;
    let addressing = |error: &_| failed(error, &format!("addressing {address}"), address, source);
    socket.connect(address).await.map_err(|error| addressing(&error))?;
    Ok(socket)
}

/// What an error of asking this address means: a router's word that there is no way there is the line's, and this machine's
/// own, for want of a route, is `local`.
pub(super) fn failed(error: &io::Error, what: &str, to: SocketAddr, source: Option<IpAddr>) -> Fault {
    let fault = Fault::io(error, what);
    let unreachable = fault.failure == Failure::Unreachable;
    unreachable.then(|| way_out::no_route(to, source)).flatten().unwrap_or(fault)
}
