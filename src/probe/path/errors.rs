//! The error queue of a socket: ICMP messages about its packets, with who sent them (ip(7), `IP_RECVERR`). No privilege
//! is needed for it.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd as _};

use nix::errno::Errno;
use nix::libc::{sock_extended_err, sockaddr_in, sockaddr_in6};
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv4Ttl, Ipv6RecvErr, Ipv6Ttl};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};

use socket2::SockRef;

use super::progress::Said;
use crate::limits::PATH_QUOTED_BYTES;

/// One message about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message {
    /// Who sent it; `None`: this machine itself.
    by: Option<IpAddr>,
    from: Origin,
    kind: u8,
    code: u8,
    /// How the packet that it is about began, behind its IP header; zeros where less is quoted.
    quoted: [u8; PATH_QUOTED_BYTES],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Icmp,
    Icmpv6,
    /// This machine, without a message.
    Local,
}

/// From `linux/errqueue.h`.
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMPV6: u8 = 3;

/// Lets packets of this socket cross so many routers at most, and keeps what these say.
pub(super) fn limit(socket: &impl AsFd, target: IpAddr, ttl: u8) -> io::Result<()> {
    match target {
        IpAddr::V4(_) => setsockopt(socket, Ipv4Ttl, &i32::from(ttl))?,
        IpAddr::V6(_) => setsockopt(socket, Ipv6Ttl, &i32::from(ttl))?,
    }
    keep(socket, target, true)
}

/// Keeps what routers say of this socket's packets, or no longer.
pub(in crate::probe) fn keep(socket: &impl AsFd, target: IpAddr, keeps: bool) -> io::Result<()> {
    match target {
        IpAddr::V4(_) => setsockopt(socket, Ipv4RecvErr, &keeps)?,
        IpAddr::V6(_) => setsockopt(socket, Ipv6RecvErr, &keeps)?,
    }
    Ok(())
}

/// Which router has said that packets of this socket don't get to the target. `None`: none has.
pub(in crate::probe) fn router(socket: &impl AsFd, target: IpAddr) -> Option<IpAddr> {
    let message = read(socket).ok().flatten()?;
    let here = SockRef::from(socket).local_addr().ok().and_then(|here| here.as_socket());
    match message.said(target, here.map(|here| here.ip()))? {
        Said::Prohibited(by) | Said::Unreachable(by) | Said::Expired(by) => Some(by),
        _ => None,
    }
}

/// The next message in a socket's queue. `None`: there is none.
pub(super) fn read(socket: &impl AsFd) -> io::Result<Option<Message>> {
    let mut quoted = [0; PATH_QUOTED_BYTES];
    let mut parts = [IoSliceMut::new(&mut quoted)];
    let mut space = nix::cmsg_space!(sock_extended_err, sockaddr_in6);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let got = recvmsg::<SockaddrStorage>(socket.as_fd().as_raw_fd(), &mut parts, Some(&mut space), flags);
    let found = match got {
        Ok(got) => {
            let mut found = None;
            for message in got.cmsgs()? {
                match message {
                    ControlMessageOwned::Ipv4RecvErr(error, by) => found = Some((error, by.map(four))),
                    ControlMessageOwned::Ipv6RecvErr(error, by) => found = Some((error, by.map(six))),
                    _ => {}
                }
            }
            found
        }
        Err(Errno::EAGAIN) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(found.map(|(error, by)| Message::new([error.ee_origin, error.ee_type, error.ee_code], by, quoted)))
}

fn four(address: sockaddr_in) -> IpAddr {
    Ipv4Addr::from_bits(u32::from_be(address.sin_addr.s_addr)).into()
}

fn six(address: sockaddr_in6) -> IpAddr {
    Ipv6Addr::from(address.sin6_addr.s6_addr).into()
}

impl Message {
    /// From the kernel's account of it: where it comes from, kind and code; who sent it; and what it quotes.
    pub(super) fn new(
        [origin, kind, code]: [u8; 3],
        by: Option<IpAddr>,
        quoted: [u8; PATH_QUOTED_BYTES],
    ) -> Self {
        let from = match origin {
            ORIGIN_ICMP => Origin::Icmp,
            ORIGIN_ICMPV6 => Origin::Icmpv6,
            _ => Origin::Local,
        };
        let by = by.filter(|by| from != Origin::Local && !by.is_unspecified());
        Self { by, from, kind, code, quoted }
    }

    /// Whether the packet that it is about is an echo with this id.
    pub(super) fn is_about(&self, id: u16) -> bool {
        self.quoted[4..6] == id.to_be_bytes()
    }

    /// What it says of a packet to `target` from `here`. `None`: nothing that ends its way, such as that it is too
    /// large.
    pub(super) fn said(&self, target: IpAddr, here: Option<IpAddr>) -> Option<Said> {
        let by = match self.by {
            Some(by) if Some(by) != here => by,
            // This machine found nobody at the next address, or no route.
            _ => return Some(Said::NoRoute),
        };
        // "Port unreachable" is the target's own word for a closed port. From another it is a firewall's, whose rules
        // often say it in place of "prohibited".
        let closed = if by == target { Said::Refused } else { Said::Prohibited(by) };
        match (self.from, self.kind, self.code) {
            (Origin::Icmp, 11, 0) | (Origin::Icmpv6, 3, 0) => Some(Said::Expired(by)),
            (Origin::Icmp, 3, 2 | 3) | (Origin::Icmpv6, 1, 4) => Some(closed),
            (Origin::Icmp, 3, 9 | 10 | 13) | (Origin::Icmpv6, 1, 1 | 5 | 6) => Some(Said::Prohibited(by)),
            (Origin::Icmp, 3, 0 | 1 | 5..=8 | 11 | 12) | (Origin::Icmpv6, 1, _) => {
                Some(Said::Unreachable(by))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));
    const FIREWALL: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1));
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 2));

    fn said(by: IpAddr, from: Origin, kind: u8, code: u8) -> Option<Said> {
        let message = Message { by: Some(by), from, kind, code, quoted: [0; PATH_QUOTED_BYTES] };
        message.said(TARGET, Some(HERE))
    }

    #[test]
    fn each_message_has_its_meaning() {
        let four = |kind, code| said(FIREWALL, Origin::Icmp, kind, code);
        let six = |kind, code| said(FIREWALL, Origin::Icmpv6, kind, code);
        assert_eq!((four(11, 0), six(3, 0)), (Some(Said::Expired(FIREWALL)), Some(Said::Expired(FIREWALL))));
        for (kind, code) in [(3, 3), (3, 9), (3, 10), (3, 13)] {
            assert_eq!(four(kind, code), Some(Said::Prohibited(FIREWALL)), "{kind}/{code}");
        }
        for code in [1, 4, 5, 6] {
            assert_eq!(six(1, code), Some(Said::Prohibited(FIREWALL)), "{code}");
        }
        assert_eq!(
            (four(3, 0), six(1, 0)),
            (Some(Said::Unreachable(FIREWALL)), Some(Said::Unreachable(FIREWALL)))
        );
        assert_eq!((four(3, 4), six(2, 0)), (None, None), "too large is no end of the way");
    }

    #[test]
    fn a_closed_port_is_the_targets_own_word_and_a_firewalls_is_not() {
        assert_eq!(said(TARGET, Origin::Icmp, 3, 3), Some(Said::Refused));
        assert_eq!(said(TARGET, Origin::Icmpv6, 1, 4), Some(Said::Refused));
    }

    #[test]
    fn what_this_machine_says_itself_is_no_routers_word() {
        assert_eq!(said(HERE, Origin::Icmp, 3, 1), Some(Said::NoRoute));
    }

    #[test]
    fn a_closed_port_on_loopback_is_read_from_the_queue() {
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let target = closed.local_addr().expect("an address");
        drop(closed);
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        assert_eq!(read(&socket).expect("an empty queue"), None);
        limit(&socket, target.ip(), 1).expect("options");
        socket.connect(target).expect("an address");
        socket.send(b"?").expect("sent");
        // Loopback answers before `send` returns.
        let message = read(&socket).expect("a queue").expect("a message");
        assert_eq!(message.said(target.ip(), None), Some(Said::Refused), "{message:?}");
    }
}
