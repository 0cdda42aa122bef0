//! The seam to ICMP: opening a socket for echoes, sending one, hearing what comes back. Tests put their own in its place,
//! as a machine's permissions can't be changed for a test.
//!
//! Each check opens a socket of its own and hears its own answers: there is no table of who waits for what, and no task
//! beside it, as surge-ping's client has, which stood behind this seam before. surge-ping still reads the packets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use surge_ping::{IcmpPacket, Icmpv4Packet, Icmpv6Packet};
use tokio::net::UdpSocket;

use super::nonce::nonce;
use crate::limits::{PROBE_ECHO_BYTES, PROBE_ECHO_HEARD_BYTES_MAX};

/// Opens sockets for echoes: an unprivileged one where the machine permits it, else a raw one.
pub(super) trait OpenEcho: Send + Sync {
    /// A socket for echoes to one host with one ICMP id. An id that is taken may be `AddrInUse`, a machine that permits
    /// neither kind of socket is `PermissionDenied`.
    fn open(&self, host: IpAddr, source: Option<IpAddr>, id: u16) -> io::Result<Arc<dyn Echo>>;
}

/// A socket for echoes to one host.
pub(super) trait Echo: Send + Sync {
    fn send(&self, sequence: u16) -> BoxFuture<'_, io::Result<()>>;

    /// The next word about an echo of this socket's. An error that isn't the network's is this machine's.
    fn hear(&self) -> BoxFuture<'_, io::Result<Heard>>;
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The answer to the echo with this sequence number.
    Reply(u16),
    /// Somebody on the way says that the host can't be reached; of which echo, where that is known.
    Unreachable(Option<u16>),
}

/// The machine's own sockets.
#[derive(Debug, Default)]
pub(super) struct Sockets;

struct EchoSocket {
    socket: UdpSocket,
    /// The kernel neither sets the id, nor sorts the answers, nor takes off the header of IPv4.
    raw: bool,
    host: IpAddr,
    id: u16,
    token: Token,
}

impl OpenEcho for Sockets {
    fn open(&self, host: IpAddr, source: Option<IpAddr>, id: u16) -> io::Result<Arc<dyn Echo>> {
        let (socket, raw) = bound(host, source, id)?;
        if !raw {
            // Being connected, it is told when somebody on the way says that there is no way.
            socket.connect(&SocketAddr::new(host, 0).into())?;
        }
        Ok(Arc::new(EchoSocket {
            socket: UdpSocket::from_std(socket.into())?,
            raw,
            host,
            id,
            token: nonce().to_be_bytes(),
        }))
    }
}

/// A socket for echoes to this host, bound to the source; and whether it is a raw one.
pub(super) fn bound(host: IpAddr, source: Option<IpAddr>, id: u16) -> io::Result<(Socket, bool)> {
    let (domain, protocol, any) = match host {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    };
    let (socket, raw) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
        Ok(socket) => (socket, false),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            (Socket::new(domain, Type::RAW, Some(protocol))?, true)
        }
        Err(error) => return Err(error),
    };
    socket.set_nonblocking(true)?;
    // The "port" of an unprivileged ICMP socket is its id; a raw socket has none, and its id is set per packet.
    socket.bind(&SocketAddr::new(source.unwrap_or(any), if raw { 0 } else { id }).into())?;
    Ok((socket, raw))
}

impl Echo for EchoSocket {
    fn send(&self, sequence: u16) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            let packet = question(self.host, self.id, sequence, self.token, self.raw);
            let sent = if self.raw {
                self.socket.send_to(&packet, SocketAddr::new(self.host, 0)).await
            } else {
                self.socket.send(&packet).await
            };
            sent.map(drop)
        })
    }

    fn hear(&self) -> BoxFuture<'_, io::Result<Heard>> {
        Box::pin(async move {
            let mut buffer = [0; PROBE_ECHO_HEARD_BYTES_MAX];
            loop {
                let length = match self.socket.recv(&mut buffer).await {
                    Ok(length) => length,
                    Err(error) if says_unreachable(&error) => return Ok(Heard::Unreachable(None)),
                    Err(error) => return Err(error),
                };
                let packet = buffer.get(..length).unwrap_or_default();
                // A raw socket hears everything that comes to this machine.
                if let Some(heard) = answer(packet, self.host, self.raw.then_some(self.id), self.token) {
                    return Ok(heard);
                }
            }
        })
    }
}

fn says_unreachable(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(
            Errno::EHOSTUNREACH
                | Errno::ENETUNREACH
                | Errno::ECONNREFUSED
                | Errno::ENOPROTOOPT
                | Errno::EHOSTDOWN
                | Errno::ENONET
                | Errno::EPROTO
        )
    )
}

/// What the echoes of one check begin with, and their answers. Another agent behind the same address may have the same id and
/// sequence number by chance, and its answers come to both where a firewall keeps them apart by those alone.
pub(super) type Token = [u8; 8];

/// An echo request. The kernel sets the id and the checksum where the socket isn't raw, and the checksum of ICMPv6.
pub(super) fn question(
    host: IpAddr,
    id: u16,
    sequence: u16,
    token: Token,
    raw: bool,
) -> [u8; 8 + PROBE_ECHO_BYTES] {
    let mut packet = [0x6c; 8 + PROBE_ECHO_BYTES];
    let kind = if host.is_ipv4() { 8 } else { 128 };
    let ([id_high, id_low], [high, low]) = (id.to_be_bytes(), sequence.to_be_bytes());
    packet[..8].copy_from_slice(&[kind, 0, 0, 0, id_high, id_low, high, low]);
    packet[8..16].copy_from_slice(&token);
    if raw && host.is_ipv4() {
        let [high, low] = checksum(&packet).to_be_bytes();
        (packet[2], packet[3]) = (high, low);
    }
    packet
}

/// RFC 1071: the complement of the sum in ones' complement of all pairs of bytes.
fn checksum(packet: &[u8]) -> u16 {
    let pairs = packet.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([pair.first().copied().unwrap_or(0), low]))
    });
    let mut sum: u32 = pairs.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// `id`: whose answers alone count, where the kernel doesn't sort them. `None`: it is none of them. A router quotes no more of an
/// echo than it likes, and seldom its token.
pub(super) fn answer(packet: &[u8], host: IpAddr, id: Option<u16>, token: Token) -> Option<Heard> {
    let bears_token = icmp_of(packet, host).get(8..16) == Some(token.as_slice());
    let packet = match host {
        IpAddr::V4(host) => {
            // The decoder takes a header that says that it is shorter than any for the shortest.
            let is_header = |first: &u8| first >> 4 == 4 && first & 15 >= 5;
            if id.is_some() && !packet.first().is_some_and(is_header) {
                return None;
            }
            let kind = if id.is_some() { Type::RAW } else { Type::DGRAM };
            IcmpPacket::V4(Icmpv4Packet::decode(packet, kind, host, Ipv4Addr::UNSPECIFIED).ok()?)
        }
        IpAddr::V6(host) => IcmpPacket::V6(Icmpv6Packet::decode(packet, host).ok()?),
    };
    let ours = packet.real_destination() == host && id.is_none_or(|id| packet.get_identifier().0 == id);
    let is_reply = match &packet {
        IcmpPacket::V4(packet) => packet.get_icmp_type().0 == 0,
        IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == 129,
    };
    let sequence = packet.get_sequence().0;
    match is_reply {
        _ if !ours => None,
        true => bears_token.then_some(Heard::Reply(sequence)),
        false => Some(Heard::Unreachable(Some(sequence))),
    }
}

/// What stands behind the header of IPv4, which a raw socket hears. No answer to an echo begins like one.
fn icmp_of(packet: &[u8], host: IpAddr) -> &[u8] {
    let header = match packet.first() {
        Some(first) if host.is_ipv4() && first >> 4 == 4 => usize::from(first & 15) * 4,
        _ => 0,
    };
    packet.get(header..).unwrap_or_default()
}

/// The fuzz target: packets as each kind of socket hears them. The first byte chooses the kind.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let (how, packet) = crate::fuzzing::choice(bytes);
    let raw = how & 1 != 0;
    let six = how & 2 != 0;
    let host = if six { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)) };
    let Some(Heard::Reply(sequence)) = answer(packet, host, raw.then_some(7), [0x6c; 8]) else { return };
    // Kind, code, checksum, id, sequence number, and what the check put in.
    let icmp = icmp_of(packet, host);
    assert_eq!(icmp.get(8..16), Some([0x6c; 8].as_slice()), "another's: {packet:?}");
    assert_eq!(icmp.first(), Some(if six { &129 } else { &0 }), "no answer to an echo: {packet:?}");
    assert_eq!(icmp.get(6..8), Some(sequence.to_be_bytes().as_slice()), "{packet:?}");
    if raw {
        assert_eq!(icmp.get(4..6), Some([0, 7].as_slice()), "somebody else's: {packet:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    const TOKEN: Token = *b"linewatc";

    fn reply_with(id: u16, sequence: u16, token: Token) -> [u8; 8 + PROBE_ECHO_BYTES] {
        let mut packet = question(HOST, id, sequence, token, true);
        packet[0] = 0;
        packet
    }

    /// As a raw socket hears it: behind a header of IPv4.
    fn from(source: [u8; 4], icmp: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0];
        packet.extend(source);
        packet.extend([127, 0, 0, 1]);
        packet.extend(icmp);
        let length = u16::try_from(packet.len()).expect("short").to_be_bytes();
        packet[2..4].copy_from_slice(&length);
        packet
    }

    #[test]
    fn a_raw_socket_knows_its_own_answers() {
        let reply = |id: u16, sequence: u16| reply_with(id, sequence, TOKEN);
        let hear = |packet: &[u8]| answer(packet, HOST, Some(7), TOKEN);
        assert_eq!(hear(&from([192, 0, 2, 1], &reply(7, 300))), Some(Heard::Reply(300)));
        assert_eq!(hear(&from([192, 0, 2, 1], &reply(8, 300))), None, "another's");
        assert_eq!(hear(&from([192, 0, 2, 9], &reply(7, 300))), None, "from elsewhere");
        assert_eq!(hear(&from([127, 0, 0, 1], &question(HOST, 7, 300, TOKEN, true))), None, "a question");
        let of_another = reply_with(7, 300, *b"somebody");
        assert_eq!(hear(&from([192, 0, 2, 1], &of_another)), None, "another agent's, with the same numbers");
        assert_eq!(hear(&from([192, 0, 2, 1], &of_another[..12])), None, "cut short");
    }

    #[test]
    fn a_socket_whose_answers_the_kernel_sorts_hears_no_other_agents_either() {
        for (host, kind) in [(HOST, 0), (IpAddr::V6(Ipv6Addr::LOCALHOST), 129)] {
            let mut reply = question(host, 7, 300, TOKEN, false);
            reply[0] = kind;
            assert_eq!(answer(&reply, host, None, TOKEN), Some(Heard::Reply(300)));
            assert_eq!(answer(&reply, host, None, *b"somebody"), None);
        }
    }

    #[test]
    fn a_header_that_is_none_has_nothing_behind_it() {
        let reply = reply_with(7, 300, TOKEN);
        for first in [0x01, 0x41, 0x44, 0x65] {
            let mut packet = from([192, 0, 2, 1], &reply);
            packet[0] = first;
            assert_eq!(answer(&packet, HOST, Some(7), TOKEN), None, "{first:#x}");
        }
    }

    #[test]
    fn a_router_that_says_no_quotes_the_question() {
        let mut quoted = from([127, 0, 0, 1], &question(HOST, 7, 300, TOKEN, true));
        quoted[16..20].copy_from_slice(&[192, 0, 2, 1]);
        let mut no = vec![3, 1, 0, 0, 0, 0, 0, 0];
        no.extend(quoted);
        let heard = answer(&from([198, 51, 100, 1], &no), HOST, Some(7), TOKEN);
        assert_eq!(heard, Some(Heard::Unreachable(Some(300))));
    }

    #[test]
    fn a_packet_with_its_checksum_sums_to_nothing() {
        let packet = question(HOST, 7, 300, TOKEN, true);
        assert_eq!(checksum(&packet), 0);
        assert_ne!(packet[2..4], [0, 0]);
    }

    proptest! {
        #[test]
        fn no_packet_makes_the_reader_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..120),
            raw: bool,
            six: bool,
        ) {
            let host = if six { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { HOST };
            let _: Option<Heard> = answer(&bytes, host, raw.then_some(7), TOKEN);
        }
    }
}
