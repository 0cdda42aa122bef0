//! The seam to ICMP: opening a socket for echoes, and one echo. surge-ping stays behind it, and tests put their own
//! in its place, as a machine's permissions can't be changed for a test.
//!
//! Each check opens a socket of its own. surge-ping's receiver pairs answers by host, id and sequence number, and on an
//! unprivileged socket it leaves the id out, so that two checks of one host would collide on a shared socket
//! ("Multiple identical request"). The receiver also goes on when its socket reports errors; here it lives no longer
//! than one check.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};

use crate::limits::PROBE_ECHO_BYTES;

/// Opens sockets for echoes: an unprivileged one where the machine permits it, else a raw one.
pub(super) trait OpenEcho: Send + Sync {
    /// A socket for echoes to one host with one ICMP id. An id that is taken is `AddrInUse`, a machine that permits
    /// neither kind of socket is `PermissionDenied`.
    fn open(&self, host: IpAddr, source: Option<IpAddr>, id: u16) -> io::Result<Arc<dyn Echo>>;
}

/// A socket for echoes to one host.
pub(super) trait Echo: Send + Sync {
    /// One echo: the time from sending to the answer.
    fn echo(&self, sequence: u16, patience: Duration) -> BoxFuture<'_, Result<Duration, Lost>>;
}

/// Why there was no answer to an echo.
#[derive(Debug)]
pub(super) enum Lost {
    Silence,
    /// Somebody on the way says that the host can't be reached.
    Unreachable,
    Io(io::Error),
}

/// The real one.
#[derive(Debug, Default)]
pub(super) struct Surge;

struct SurgeSocket {
    client: Client,
    host: IpAddr,
    id: u16,
}

impl OpenEcho for Surge {
    fn open(&self, host: IpAddr, source: Option<IpAddr>, id: u16) -> io::Result<Arc<dyn Echo>> {
        let (kind, any) = match host {
            IpAddr::V4(_) => (ICMP::V4, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            IpAddr::V6(_) => (ICMP::V6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        };
        // The "port" of an unprivileged ICMP socket is its id; a raw socket has none, and its id is set per packet.
        let bind = SocketAddr::new(source.unwrap_or(any), id);
        let client = Client::new(&Config::builder().kind(kind).bind(bind).build())?;
        Ok(Arc::new(SurgeSocket { client, host, id }))
    }
}

impl Echo for SurgeSocket {
    fn echo(&self, sequence: u16, patience: Duration) -> BoxFuture<'_, Result<Duration, Lost>> {
        Box::pin(async move {
            let mut pinger = self.client.pinger(self.host, PingIdentifier(self.id)).await;
            pinger.timeout(patience);
            match pinger.ping(PingSequence(sequence), &[0x6c; PROBE_ECHO_BYTES]).await {
                Ok((packet, round_trip)) if is_reply(&packet) => Ok(round_trip),
                // Time exceeded, unreachable, prohibited: somebody on the way answered in the host's place.
                Ok(_) => Err(Lost::Unreachable),
                Err(SurgeError::Timeout { .. }) => Err(Lost::Silence),
                Err(SurgeError::IOError(error)) => Err(Lost::Io(error)),
                Err(other) => Err(Lost::Io(io::Error::other(other))),
            }
        })
    }
}

fn is_reply(packet: &IcmpPacket) -> bool {
    match packet {
        IcmpPacket::V4(packet) => packet.get_icmp_type().0 == 0,
        IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == 129,
    }
}
