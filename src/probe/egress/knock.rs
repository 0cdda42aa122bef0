//! One port: a question is sent through it, and what becomes of that is told apart as finely as sockets can.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use nix::errno::Errno;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::super::fault::Fault;
use super::super::nonce::question_nonce;
use super::super::path::errors;
use super::super::socket;
use super::super::trail::millis;
use crate::limits::{EGRESS_DATAGRAMS, EGRESS_STRAYS_MAX, PROBE_UDP_BYTES_MAX};
use crate::observation::Failure;
use crate::reflector::frame::{
    ANSWER_BYTES, HEAD_BYTES, Key, Kind, Nonce, Saw, Says, Unsigned, length, read_refusal,
};
use crate::reflector::ports::{Port, Transport};
use crate::reflector::unix_seconds;

/// Who asks whom, and about what.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) host: IpAddr,
    pub(super) source: Option<IpAddr>,
    /// `None`: TCP ports are only connected to.
    pub(super) key: Option<Key>,
    /// All ports of the check, for the reflector to say on which of them it listens.
    pub(super) ports: Vec<Port>,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// The reflector answered; or, without a secret, somebody took the connection.
    Passes(Option<Saw>),
    /// The reflector answered that our clocks differ: seconds by which its is ahead.
    Clock(i64),
    /// The reflector answered that it has too many to answer.
    Busy,
    /// It says, unsigned, that it has another secret.
    Foreign,
    /// It says, unsigned, that it has too many connections.
    Crowded,
    /// Nothing came back at all.
    Dropped,
    /// It connects, and then nothing comes back.
    Silent,
    /// A TCP reset to the first packet, or ICMP's "port unreachable".
    Refused,
    /// A TCP reset later on.
    Reset,
    /// It connects, and is closed in good order without a word. A reflector does that to who hasn't its secret.
    HungUp,
    /// An ICMP message that there is no way, or that it is prohibited, and the router that sent it, where that is known.
    Prohibited(Option<IpAddr>),
    /// Somebody else answered.
    Intercepted,
    /// This machine's own doing.
    Local(Fault),
    /// No socket was free in time.
    NotAsked,
}

impl Found {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Passes(_) => "passes",
            Self::Clock(_) => "clock",
            Self::Busy | Self::Crowded => "busy",
            Self::Foreign => "other_secret",
            Self::Dropped => "dropped",
            Self::Silent => "silent",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::HungUp => "hung_up",
            Self::Prohibited(_) => "prohibited",
            Self::Intercepted => "intercepted",
            Self::Local(_) | Self::NotAsked => "not_asked",
        }
    }

    /// The router that says so, where one does.
    pub(super) fn router(&self) -> Option<IpAddr> {
        if let Self::Prohibited(router) = self { *router } else { None }
    }

    /// What an operating system's error says about the port.
    fn of(error: &io::Error, to: SocketAddr, source: Option<IpAddr>) -> Self {
        // An IPv6 firewall's "administratively prohibited" is the same error as no permission here. Towards IPv4
        // it is always this machine's.
        if to.is_ipv6() && error.raw_os_error() == Some(Errno::EACCES as i32) {
            return Self::Prohibited(None);
        }
        let fault = socket::failed(error, &format!("asking {to}"), to, source);
        match fault.failure {
            Failure::Timeout => Self::Dropped,
            Failure::Refused => Self::Refused,
            Failure::Reset => Self::Reset,
            Failure::Unreachable => Self::Prohibited(None),
            _ => Self::Local(fault),
        }
    }
}

/// What became of a question, and how long that took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub(super) found: Found,
    pub(super) connect_ms: Option<f64>,
    pub(super) answer_ms: Option<f64>,
}

impl From<Found> for Heard {
    fn from(found: Found) -> Self {
        Self { found, connect_ms: None, answer_ms: None }
    }
}

impl Asker {
    /// Asks through one port, until this moment at most.
    pub(super) async fn knock(&self, port: Port, until: Instant) -> Heard {
        let to = SocketAddr::new(self.host, port.number);
        match (port.transport, &self.key) {
            (Transport::Tcp, key) => self.over_tcp(key.as_ref(), to, until).await,
            (Transport::Udp, Some(key)) => match socket::datagrams(to, self.source).await {
                Ok(socket) => match errors::keep(&socket, self.host, true) {
                    Ok(()) => self.over_udp(key, &socket, to, until).await,
                    Err(error) => Found::of(&error, to, self.source).into(),
                },
                Err(fault) => Found::Local(fault).into(),
            },
            // The configuration doesn't allow it: nobody answers a datagram without the secret.
            (Transport::Udp, None) => Found::NotAsked.into(),
        }
    }

    async fn over_tcp(&self, key: Option<&Key>, to: SocketAddr, until: Instant) -> Heard {
        let begun = Instant::now();
        let mut stream = match timeout_at(until, self.connect(to)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(found)) => return found.into(),
            Err(_) => return Found::Dropped.into(),
        };
        let connect_ms = Some(millis(begun.elapsed()));
        let Some(key) = key else {
            return Heard { found: Found::Passes(None), connect_ms, answer_ms: None };
        };
        let connected = Instant::now();
        let found = timeout_at(until, self.converse(key, &mut stream)).await.unwrap_or(Found::Silent);
        let answered = matches!(found, Found::Passes(_));
        Heard { found, connect_ms, answer_ms: answered.then(|| millis(connected.elapsed())) }
    }

    pub(super) async fn connect(&self, to: SocketAddr) -> Result<TcpStream, Found> {
        let of = |error: &io::Error| Found::of(error, to, self.source);
        let socket = socket::stream(to, self.source).map_err(Found::Local)?;
        errors::keep(&socket, self.host, true).map_err(|error| of(&error))?;
        // Connecting takes the socket; what routers say is read through another handle of it.
        let queue = socket.as_fd().try_clone_to_owned().map_err(|error| of(&error))?;
        let connected = socket.connect(to).await;
        let stream = connected.map_err(|error| self.failed(&error, to, &queue))?;
        // From here on a message about one packet doesn't end the connection.
        errors::keep(&stream, self.host, false).map_err(|error| of(&error))?;
        Ok(stream)
    }

    /// What an error says about the port, and what a router has said of it.
    fn failed(&self, error: &io::Error, to: SocketAddr, socket: &impl AsFd) -> Found {
        match errors::router(socket, self.host) {
            Some(router) => Found::Prohibited(Some(router)),
            None => Found::of(error, to, self.source),
        }
    }

    /// One question and its answer on a connection.
    pub(super) async fn converse(&self, key: &Key, stream: &mut TcpStream) -> Found {
        let nonce = match question_nonce() {
            Ok(nonce) => nonce,
            Err(fault) => return Found::Local(fault),
        };
        let clock = unix_seconds();
        let question = key.question(Kind::Short, nonce, clock, &self.ports, 0);
        let to = SocketAddr::new(self.host, stream.peer_addr().map_or(0, |peer| peer.port()));
        if let Err(error) = stream.write_all(&question).await {
            return Found::of(&error, to, self.source);
        }
        let mut frame = Vec::with_capacity(ANSWER_BYTES);
        loop {
            let room = u64::try_from(ANSWER_BYTES - frame.len()).unwrap_or_default();
            match (&mut *stream).take(room).read_buf(&mut frame).await {
                Ok(0) if frame.is_empty() => return Found::HungUp,
                // Half an answer, or none of ours: a banner, an error page.
                Ok(0) => return refused(&frame, &nonce).unwrap_or(Found::Intercepted),
                Ok(_) if frame.len() >= HEAD_BYTES && length(&frame).is_none() => {
                    return refused(&frame, &nonce).unwrap_or(Found::Intercepted);
                }
                Ok(_) if frame.len() >= ANSWER_BYTES => break,
                Ok(_) => {}
                Err(error) => return Found::of(&error, to, self.source),
            }
        }
        heard(key, &frame, &[nonce], clock).unwrap_or(Found::Intercepted)
    }

    /// A question in a datagram, sent again twice: one lost datagram is no closed port.
    async fn over_udp(&self, key: &Key, socket: &UdpSocket, to: SocketAddr, until: Instant) -> Heard {
        let begun = Instant::now();
        let share = until.saturating_duration_since(begun) / EGRESS_DATAGRAMS;
        let mut buffer = vec![0; PROBE_UDP_BYTES_MAX];
        let mut asked: Vec<Nonce> = Vec::new();
        let (mut strays, mut found) = (0, Found::Dropped);
        for turn in 1..=EGRESS_DATAGRAMS {
            let nonce = match question_nonce() {
                Ok(nonce) => nonce,
                Err(fault) => return Found::Local(fault).into(),
            };
            asked.push(nonce);
            let clock = unix_seconds();
            let question = key.question(Kind::Short, nonce, clock, &self.ports, 0);
            if let Err(error) = socket.send(&question).await {
                return self.failed(&error, to, socket).into();
            }
            let wait_until = if turn == EGRESS_DATAGRAMS { until } else { begun + share * turn };
            while let Ok(received) = timeout_at(wait_until, socket.recv(&mut buffer)).await {
                let answer = match received {
                    Ok(bytes) => heard(key, buffer.get(..bytes).unwrap_or_default(), &asked, clock),
                    Err(error) => return self.failed(&error, to, socket).into(),
                };
                if let Some(found) = answer {
                    return Heard { found, connect_ms: None, answer_ms: Some(millis(begun.elapsed())) };
                }
                // Somebody answers in its place; the true answer may still come, so listen on.
                found = Found::Intercepted;
                strays += 1;
                if strays >= EGRESS_STRAYS_MAX {
                    return found.into();
                }
            }
        }
        found.into()
    }
}

/// Why the reflector hangs up, where it says so. `None`: what came says no such thing.
fn refused(frame: &[u8], nonce: &Nonce) -> Option<Found> {
    Some(match read_refusal(frame, nonce)? {
        Unsigned::Foreign => Found::Foreign,
        Unsigned::Crowded => Found::Crowded,
    })
}

/// An answer to one of these questions. `None`: it is none.
fn heard(key: &Key, frame: &[u8], asked: &[Nonce], clock: u64) -> Option<Found> {
    let answer = key.read_answer(frame).ok().filter(|answer| asked.contains(&answer.nonce))?;
    Some(match answer.says {
        Says::Saw(saw) => Found::Passes(Some(saw)),
        Says::Busy => Found::Busy,
        Says::Untimely => Found::Clock(answer.clock.wrapping_sub(clock).cast_signed()),
    })
}

/// The fuzz target: what answers in a reflector's place, signed and not. The first byte chooses which.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    const ASKED: Nonce = [7; 16];
    const CLOCK: u64 = 1_773_644_400;
    let (how, bytes) = crate::fuzzing::choice(bytes);
    if let Some(found) = refused(bytes, &ASKED) {
        assert_eq!(bytes.len(), HEAD_BYTES, "no more than a head");
        assert!(!matches!(found, Found::Passes(_)), "nobody unsigned says that a port passes");
    }
    let Some((key, frame)) = crate::reflector::fuzzing::signed(bytes, how & 1 != 0) else { return };
    // What a stream would wait for is bounded.
    if let Some(whole) = length(&frame) {
        assert!(whole <= crate::limits::REFLECTOR_FRAME_BYTES_MAX);
    }
    let Some(found) = heard(&key, &frame, &[ASKED], CLOCK) else { return };
    assert!(how & 1 != 0, "without the secret nothing passes: {found:?}");
    assert_eq!(frame.get(8..24), Some(ASKED.as_slice()), "an answer to another question");
    assert!(matches!(found, Found::Passes(Some(_)) | Found::Busy | Found::Clock(_)), "{found:?}");
}
