//! Whether this machine has a way out at all: a route to the address that was asked, and a cable that is in. Without one
//! nothing was sent, and the check says something about this machine alone.
//!
//! An error's number can't tell. Linux says "network is unreachable" for want of a route of its own and for a router's
//! message alike, and "no route to host" for that message and for a next hop that doesn't answer. So the kernel's own routes
//! are looked at, afterwards: addressing a datagram looks one up, and sends nothing. A next hop that doesn't answer on a cable
//! that is in is no trouble of this machine's; it may be the very router that is watched.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use nix::errno::Errno;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;

use super::fault::Fault;
use super::name_servers;
use super::rule::Rule;
use crate::observation::{Failure, Phase};

/// Where name servers are asked. For a route any port would do.
const DNS_PORT: u16 = 53;
/// As many as glibc asks of those that are listed.
const NAMED_MAX: usize = 3;

/// The fault of a check that asked this address from this source: this machine's own, where it has no way there. `to`:
/// `None` where the system's resolver was asked, which asks the servers of `resolv.conf`.
pub(super) fn judge(
    fault: Fault,
    to: Option<SocketAddr>,
    phase: Option<Phase>,
    source: Option<IpAddr>,
) -> Fault {
    let missing = match (fault.failure, to) {
        (Failure::Unreachable | Failure::Timeout, Some(to)) => missing(to, source),
        (Failure::Servfail | Failure::Timeout, None) if phase == Some(Phase::Dns) => {
            unplugged(None).or_else(|| unroutable(&name_servers::of_system()))
        }
        _ => None,
    };
    match missing {
        Some(what) => {
            Fault { rule: Rule::HasWay, phase: fault.phase, ..Fault::local(what).also(&fault.detail) }
        }
        None => fault,
    }
}

/// The fault of an address that the kernel has no route to; `None`: it has one.
pub(super) fn no_route(to: SocketAddr, source: Option<IpAddr>) -> Option<Fault> {
    let missing = route(to, source).err()?;
    Some(Fault { rule: Rule::HasWay, ..Fault::local(missing) })
}

/// That there is no route to any of these name servers; `None`: to one there is, or none is known.
fn unroutable(servers: &[IpAddr]) -> Option<String> {
    let has_route = |server: &IpAddr| route(SocketAddr::new(*server, DNS_PORT), None).is_ok();
    if servers.is_empty() || servers.iter().any(has_route) {
        return None;
    }
    let listed: Vec<String> = servers.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    Some(format!(
        "this machine has no route to any of its name servers ({}): its own cable, address or default route is missing",
        listed.join(", ")
    ))
}

fn missing(to: SocketAddr, source: Option<IpAddr>) -> Option<String> {
    match route(to, source) {
        Err(missing) => Some(missing),
        // What goes to one of this machine's own addresses needs no cable.
        Ok(from) => {
            from.filter(|from| *from != to.ip() && !from.is_loopback()).and_then(|from| unplugged(Some(from)))
        }
    }
}

/// The address that a packet there would leave by, where that can be found out; or that there is no route.
fn route(to: SocketAddr, source: Option<IpAddr>) -> Result<Option<IpAddr>, String> {
    let any = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    // A source that isn't ours, or no descriptors: said where the check itself met it.
    let Ok(socket) = UdpSocket::bind(SocketAddr::new(source.unwrap_or(any), 0)) else { return Ok(None) };
    match socket.connect(to) {
        Ok(()) => Ok(socket.local_addr().ok().map(|from| from.ip())),
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN) => Err(format!(
                "this machine has no route to {}: its own cable, address or default route is missing",
                to.ip()
            )),
            _ => Ok(None),
        },
    }
}

/// That the interface with this address has no cable; without an address, that none has one.
fn unplugged(from: Option<IpAddr>) -> Option<String> {
    let interfaces: Vec<Interface> = getifaddrs().ok()?.filter_map(Interface::of).collect();
    without_cable(&interfaces, from)
}

#[derive(Debug, Clone)]
struct Interface {
    name: String,
    address: IpAddr,
    has_cable: bool,
}

impl Interface {
    /// `None`: it has no address, or is the one to this machine itself.
    fn of(entry: InterfaceAddress) -> Option<Self> {
        let storage = entry.address?;
        let v4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        let address = v4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))?;
        let has_cable = entry.flags.contains(InterfaceFlags::IFF_RUNNING);
        (!entry.flags.contains(InterfaceFlags::IFF_LOOPBACK)).then_some(Self {
            name: entry.interface_name,
            address,
            has_cable,
        })
    }
}

fn without_cable(interfaces: &[Interface], from: Option<IpAddr>) -> Option<String> {
    match from {
        // One address may stand on several; one cable is enough.
        Some(from) => {
            let mut has = interfaces.iter().filter(|interface| interface.address == from).peekable();
            let name = has.peek()?.name.clone();
            has.all(|interface| !interface.has_cable)
                .then(|| format!("this machine's own cable is out: {name}, which has {from}, has no link"))
        }
        None => interfaces
            .iter()
            .all(|interface| !interface.has_cable)
            .then(|| "this machine's own cable is out: no interface with an address has a link".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 2));

    fn interface(name: &str, has_cable: bool) -> Interface {
        Interface { name: name.to_owned(), address: OURS, has_cable }
    }

    #[test]
    fn a_cable_that_is_out_is_named_and_one_that_is_in_is_enough() {
        let (out, inside) = (interface("eth0", false), interface("eth1", true));
        let said = without_cable(std::slice::from_ref(&out), Some(OURS)).expect("it is out");
        assert!(said.contains("eth0") && said.contains("10.1.0.2"), "{said}");
        assert_eq!(without_cable(&[out.clone(), inside.clone()], Some(OURS)), None);
        assert_eq!(
            without_cable(std::slice::from_ref(&out), Some(IpAddr::from([10, 1, 0, 3]))),
            None,
            "no address of ours"
        );
        assert_eq!(without_cable(&[out.clone(), inside], None), None);
        assert!(without_cable(&[out], None).is_some_and(|said| said.contains("no interface")));
    }

    #[test]
    fn a_resolver_with_one_server_that_can_be_reached_has_a_way() {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(unroutable(&[]), None, "it asks this machine");
        assert_eq!(unroutable(&[here]), None);
        // What is written to everybody has no way anywhere, on any machine.
        let nowhere = IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1));
        assert_eq!(unroutable(&[nowhere, here]), None);
    }

    #[test]
    fn what_answered_or_refused_says_nothing_of_this_machine() {
        let there = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
        for failure in [Failure::Refused, Failure::Unreachable, Failure::Timeout, Failure::Servfail] {
            let fault = Fault::new(failure, "as it was");
            assert_eq!(
                judge(fault.clone(), there, Some(Phase::Connect), None),
                fault,
                "loopback has a route"
            );
        }
    }
}
