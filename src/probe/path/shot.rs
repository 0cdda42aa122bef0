//! One packet with a bound on the routers that it may cross, and what comes of it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use super::super::fault::Fault;
use super::super::nonce::{nonce, question_nonce};
use super::super::rule::Rule;
use super::super::trail::millis;
use super::super::{dns, echo, icmp, ntp, sip, socket};
use super::errors::{self, Message};
use super::progress::Said;
use super::trace::Way;
use crate::estate::Ask;
use crate::limits::{PATH_HEARD_BYTES_MAX, PATH_PATIENCE, PATH_STRAYS_MAX, PROBE_ECHO_IDS_MAX};
use crate::observation::Failure;
use crate::reflector::frame::{Key, Kind};
use crate::reflector::ports::Port;
use crate::reflector::unix_seconds;

/// Sends packets of one check's kind to one target.
pub(super) struct Shooter<'a> {
    pub(super) way: Way,
    pub(super) ask: &'a Ask,
    pub(super) target: SocketAddr,
    pub(super) source: Option<IpAddr>,
    pub(super) pings: &'a icmp::Pings,
}

impl Shooter<'_> {
    /// What came of one packet, and after how many milliseconds. The fault is this machine's own.
    pub(super) async fn shoot(&self, ttl: u8) -> Result<(Said, f64), Fault> {
        let came = match self.way {
            Way::Tcp => self.connect(ttl).await,
            Way::Udp => self.datagram(ttl).await,
            Way::Icmp => self.echo(ttl).await,
        };
        match came {
            // Already when it was addressed: there is no route.
            Err(fault) if fault.rule == Rule::HasWay || fault.failure == Failure::Unreachable => {
                Ok((Said::NoRoute, 0.0))
            }
            came => came,
        }
    }

    /// A connection: its first packet is the one that counts. At the target it is made, and closed again, as a `tcp`
    /// check does.
    async fn connect(&self, ttl: u8) -> Result<(Said, f64), Fault> {
        let socket = socket::stream(self.target, self.source)?;
        errors::limit(&socket, self.target.ip(), ttl).map_err(|error| self.fault(&error))?;
        // Connecting takes the socket; its error queue is read through another handle of it.
        let queue = socket.as_fd().try_clone_to_owned().map_err(|error| self.fault(&error))?;
        let begun = Instant::now();
        let connected = timeout(PATH_PATIENCE, socket.connect(self.target)).await;
        let ms = millis(begun.elapsed());
        let said = match connected {
            Err(_) => Said::Nothing,
            Ok(Ok(_)) => Said::Answered,
            Ok(Err(error)) => match errors::read(&queue).map_err(|error| self.fault(&error))? {
                Some(message) => message.said(self.target.ip(), self.source).unwrap_or(Said::Nothing),
                None => self.without_message(&error)?,
            },
        };
        Ok((said, ms))
    }

    /// The check's own question, so that a target that answers nothing else answers it.
    async fn datagram(&self, ttl: u8) -> Result<(Said, f64), Fault> {
        let socket = socket::datagrams(self.target, self.source).await?;
        errors::limit(&socket, self.target.ip(), ttl).map_err(|error| self.fault(&error))?;
        let here = socket.local_addr().map_err(|error| self.fault(&error))?;
        let question = self.question(here)?;
        self.converse(&socket, &question, Some(here.ip()), |_| true, |_| true).await
    }

    async fn echo(&self, ttl: u8) -> Result<(Said, f64), Fault> {
        let host = self.target.ip();
        if let Some(source) = self.source.filter(|source| source.is_ipv4() != host.is_ipv4()) {
            return Err(Fault::families(host, source));
        }
        let (socket, raw, id) = self.open_echo(host)?;
        let opened = socket
            .connect(&SocketAddr::new(host, 0).into())
            .and_then(|()| errors::limit(&socket, host, ttl))
            .and_then(|()| UdpSocket::from_std(socket.into()));
        let socket = match opened {
            Ok(socket) => socket,
            Err(error) => return Ok((self.without_message(&error)?, 0.0)),
        };
        let token = nonce().to_be_bytes();
        let packet = echo::question(host, id, u16::from(ttl), token, raw);
        // A raw socket hears of all echoes to the host.
        let is_ours = |message: &Message| message.is_about(id);
        let is_answer = |packet: &[u8]| {
            matches!(echo::answer(packet, host, raw.then_some(id), token), Some(echo::Heard::Reply(_)))
        };
        let here = socket.local_addr().ok().map(|here| here.ip());
        self.converse(&socket, &packet, here, is_ours, is_answer).await
    }

    fn open_echo(&self, host: IpAddr) -> Result<(socket2::Socket, bool, u16), Fault> {
        let mut taken = None;
        for _ in 0..PROBE_ECHO_IDS_MAX {
            let id = self.pings.id();
            match echo::bound(host, self.source, id) {
                Ok((socket, raw)) => return Ok((socket, raw, id)),
                Err(error) if error.kind() == ErrorKind::AddrInUse => taken = Some(error),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    return Err(icmp::not_permitted());
                }
                Err(error) => return Err(Fault::bind(&error, self.source)),
            }
        }
        Err(taken.map_or_else(icmp::not_permitted, |error| Fault::bind(&error, self.source)))
    }

    /// Sends a packet and hears what comes: an answer of the target, or a message about it.
    async fn converse(
        &self,
        socket: &UdpSocket,
        packet: &[u8],
        here: Option<IpAddr>,
        is_ours: impl Fn(&Message) -> bool,
        is_answer: impl Fn(&[u8]) -> bool,
    ) -> Result<(Said, f64), Fault> {
        let begun = Instant::now();
        if let Err(error) = socket.send(packet).await {
            return Ok((self.without_message(&error)?, 0.0));
        }
        let hear = || {
            for _ in 0..PATH_STRAYS_MAX {
                if let Some(message) = errors::read(socket)? {
                    let said = message.said(self.target.ip(), here).filter(|_| is_ours(&message));
                    if let Some(said) = said {
                        return Ok(said);
                    }
                    continue;
                }
                let mut buffer = [0; PATH_HEARD_BYTES_MAX];
                // EAGAIN, when there is nothing, lets it wait for more.
                let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT)?;
                if is_answer(buffer.get(..length).unwrap_or_default()) {
                    return Ok(Said::Answered);
                }
            }
            Ok(Said::Nothing)
        };
        let heard = timeout(PATH_PATIENCE, socket.async_io(Interest::READABLE | Interest::ERROR, hear)).await;
        let ms = millis(begun.elapsed());
        match heard {
            Err(_) => Ok((Said::Nothing, ms)),
            Ok(Ok(said)) => Ok((said, ms)),
            Ok(Err(error)) => Ok((self.without_message(&error)?, ms)),
        }
    }

    fn question(&self, here: SocketAddr) -> Result<Vec<u8>, Fault> {
        Ok(match self.ask {
            Ask::Dns(dns) => dns::plain_question(dns)?,
            Ask::Ntp(_) => ntp::question(nonce()).to_vec(),
            Ask::Sip(sip) => sip::options(sip, here).into_bytes(),
            Ask::Udp(udp) => udp.send.clone().into_bytes(),
            // The reflector answers it on any of its ports.
            Ask::Rtp(rtp) => match &rtp.secret {
                Some(secret) => Key::new(secret).question(
                    Kind::Short,
                    question_nonce()?,
                    unix_seconds(),
                    &[Port::udp(self.target.port())],
                    0,
                ),
                None => Vec::new(),
            },
            _ => Vec::new(),
        })
    }

    /// An error without an ICMP message behind it: the target's own reset, or this machine's own word.
    fn without_message(&self, error: &io::Error) -> Result<Said, Fault> {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ECONNREFUSED | Errno::ECONNRESET) => Ok(Said::Refused),
            Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN | Errno::EHOSTDOWN) => {
                Ok(Said::NoRoute)
            }
            Some(Errno::ETIMEDOUT) => Ok(Said::Nothing),
            _ => Err(self.fault(error)),
        }
    }

    fn fault(&self, error: &io::Error) -> Fault {
        Fault::io(error, &format!("tracing the path to {}", self.target))
    }
}
