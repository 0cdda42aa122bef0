//! The userland stand-in for what lies between a practice and a server: the ICB firewall, the carriers, the
//! networks. Each probe has a door of its own on one port of 127.0.0.1, for TCP and UDP. Who knocks is told
//! by the source address, and the [`Weather`] says what becomes of it.
//!
//! What it can't do as a real firewall does, for want of privilege, and does instead:
//!
//! - *refuse* some sources' connections and not others': it accepts and resets at once. For a `tcp` probe,
//!   which asks no more than that the port opens, it drops instead;
//! - say that there is no way, or answer "port unreachable" to some sources' datagrams: it stays silent;
//! - delay the opening of a connection: it delays the first byte;
//! - touch ICMP, which the kernel answers by itself: in a drill, `icmp` probes are asked over UDP.

mod datagrams;
mod streams;
pub mod syn_filter;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{Instant, MissedTickBehavior};

use super::servers::{self, Server, Servers};
use super::tasks::Tasks;
use super::weather::Weather;
use crate::estate::{Ask, Estate, PracticeIx, ProbeIx, Vantage};
use crate::limits::COUNTY_FILTER_EVERY;
use crate::world::dice::{mix, unit};
use crate::world::faults::Fate;

/// Where the hub's own checks come from.
const HUB_SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Draws by which the filter tells a fault that hits every asking from one that hits some. Those of the second
/// sort are judged one by one, when a connection is accepted.
const DRAWS: u8 = 8;

/// Longest delay that it adds, in seconds: no check waits longer.
const SLOWEST_SECS: f64 = 60.0;

/// The stand-in with its doors, by probe.
pub struct StandIn {
    doors: Vec<SocketAddr>,
}

/// All that a door needs to judge.
struct Keeper {
    probe: ProbeIx,
    speaks: Speaks,
    every: Duration,
    weather: Arc<dyn Weather>,
    servers: Arc<Servers>,
    sources: Arc<BTreeMap<IpAddr, Vantage>>,
    began: Instant,
    askings: AtomicU64,
}

/// What is spoken through a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Names,
    Web { tls: bool },
    Tcp,
    Udp,
}

/// What a door does with a connection or a datagram.
enum Verdict {
    Forward { to: SocketAddr, after: Duration },
    Swallow,
    TurnAway,
    CutOff,
}

impl StandIn {
    /// Opens a door for each probe of the estate. Practices are told apart by their `source`, which must be
    /// an IPv4 address of the loopback and nobody else's.
    pub fn start(
        tasks: &Tasks,
        estate: &Estate,
        servers: &Arc<Servers>,
        weather: &Arc<dyn Weather>,
    ) -> io::Result<Self> {
        let mut sources: BTreeMap<IpAddr, Vantage> = estate
            .practices
            .iter()
            .enumerate()
            .filter_map(|(at, practice)| Some((practice.source?, Vantage::Practice(PracticeIx::new(at)))))
            .collect();
        sources.insert(HUB_SOURCE, Vantage::Hub);
        let sources = Arc::new(sources);
        let mut doors = Vec::with_capacity(estate.probes.len());
        for (at, probe) in estate.probes.iter().enumerate() {
            let keeper = Arc::new(Keeper {
                probe: ProbeIx::new(at),
                speaks: Speaks::of(&probe.ask),
                every: probe.every,
                weather: Arc::clone(weather),
                servers: Arc::clone(servers),
                sources: Arc::clone(&sources),
                began: Instant::now(),
                askings: AtomicU64::new(0),
            });
            doors.push(keeper.open(tasks)?);
        }
        Ok(Self { doors })
    }

    /// Where this probe's checks knock.
    pub fn door(&self, probe: ProbeIx) -> Option<SocketAddr> {
        self.doors.get(probe.at()).copied()
    }
}

impl Speaks {
    fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Dns(_) => Self::Names,
            Ask::Http(ask) => Self::Web { tls: ask.tls },
            Ask::Tcp(_) | Ask::Egress(_) => Self::Tcp,
            Ask::Udp(_) | Ask::Icmp(_) | Ask::Later { .. } => Self::Udp,
        }
    }

    /// The server that is asked over a connection, with the behaviour that this fate gives it.
    const fn stream_server(self, fate: Fate) -> Server {
        match (self, fate) {
            (Self::Names, Fate::Dns(failure)) => Server::NamesFailing(failure),
            (Self::Names, _) => Server::Names,
            (Self::Web { tls }, Fate::Status(status)) => Server::WebStatus { tls, status },
            (Self::Web { tls }, Fate::Intercept | Fate::Untrusted) => Server::WebIntercepted { tls },
            (Self::Web { tls: true }, Fate::Tls) => Server::WebBrokenTls,
            (Self::Web { tls }, _) => Server::Web { tls },
            (Self::Tcp | Self::Udp, _) => Server::Tcp,
        }
    }

    /// The server that is asked by datagram. A web probe's datagrams are look-ups of its host's name.
    const fn datagram_server(self, fate: Fate) -> Server {
        match (self, fate) {
            (Self::Names | Self::Web { .. }, Fate::Dns(failure)) => Server::NamesFailing(failure),
            (Self::Names, _) => Server::Names,
            (Self::Web { .. }, _) => Server::NamesHome,
            (Self::Tcp | Self::Udp, _) => Server::Udp,
        }
    }
}

impl Keeper {
    fn open(self: Arc<Self>, tasks: &Tasks) -> io::Result<SocketAddr> {
        let (listener, socket) = servers::pair()?;
        let address = listener.local_addr()?;
        tasks.spawn(datagrams::carry(Arc::clone(&self), socket, tasks.clone()));
        let mut set = Vec::new();
        if self.set_filter(&listener, &mut set) {
            tasks.spawn(Arc::clone(&self).keep_filter(Arc::clone(&listener), set));
        }
        tasks.serve(listener, move |stream, peer| streams::carry(Arc::clone(&self), stream, peer));
        Ok(address)
    }

    /// Keeps the filter of black-holed sources in step with the weather.
    async fn keep_filter(self: Arc<Self>, listener: Arc<TcpListener>, mut set: Vec<Ipv4Addr>) {
        let mut ticks = tokio::time::interval(COUNTY_FILTER_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if !self.set_filter(&listener, &mut set) {
                return;
            }
        }
    }

    /// Brings the filter up to date; false when this listener can't have one.
    fn set_filter(&self, listener: &TcpListener, set: &mut Vec<Ipv4Addr>) -> bool {
        let shut_out = |(source, from): (&IpAddr, &Vantage)| match source {
            IpAddr::V4(source) if self.shuts_out(*source, *from) => Some(*source),
            _ => None,
        };
        let dropped: Vec<Ipv4Addr> = self.sources.iter().filter_map(shut_out).collect();
        if dropped == *set {
            return true;
        }
        match syn_filter::drop_from(listener, &dropped) {
            Ok(()) => {
                *set = dropped;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "no socket filter here: black-holed connections open, then hang");
                false
            }
        }
    }

    /// Whether the filter drops what comes from there.
    fn shuts_out(&self, source: Ipv4Addr, from: Vantage) -> bool {
        let dropped = |draw: u8| match self.weather.fate(from, self.probe, u64::MAX - u64::from(draw)) {
            Fate::Drop | Fate::Unreachable => true,
            // To open the port would be a lie.
            Fate::Refuse => self.speaks == Speaks::Tcp,
            _ => false,
        };
        if self.speaks != Speaks::Tcp {
            return (0..DRAWS).all(dropped);
        }
        // For a probe that asks no more than that the port opens, the filter has the only say: one lot an
        // asking, so that the repeated SYN of one connection fares as the first did.
        let share = f64::from((0..DRAWS).map(|draw| u8::from(dropped(draw))).sum::<u8>()) / f64::from(DRAWS);
        share > 0.0 && unit(mix(u64::from(u32::from(source)), self.slot())) < share
    }

    /// One number for each interval of the probe.
    fn slot(&self) -> u64 {
        let every = self.every.as_millis().max(1);
        u64::try_from(self.began.elapsed().as_millis() / every).unwrap_or(u64::MAX)
    }

    /// `None`: nobody of this county.
    fn fate(&self, peer: SocketAddr) -> Option<Fate> {
        let from = self.sources.get(&peer.ip())?;
        Some(self.weather.fate(*from, self.probe, self.askings.fetch_add(1, Ordering::Relaxed)))
    }

    fn judge_stream(&self, peer: SocketAddr) -> Verdict {
        match self.fate(peer) {
            None | Some(Fate::Refuse) => Verdict::TurnAway,
            Some(Fate::Drop | Fate::Unreachable | Fate::Stall) => Verdict::Swallow,
            Some(Fate::Reset) => Verdict::CutOff,
            Some(fate) => self.forward(self.speaks.stream_server(fate), fate),
        }
    }

    fn judge_datagram(&self, peer: SocketAddr) -> Verdict {
        match self.fate(peer) {
            None => Verdict::Swallow,
            // The practice's own resolver looks a URL's host up for it, and isn't behind this door: the
            // look-up goes wrong only where the fault is one of names.
            Some(Fate::Drop | Fate::Unreachable | Fate::Refuse) if !self.looks_up() => Verdict::Swallow,
            Some(Fate::Slow { .. }) if self.looks_up() => self.forward(Server::NamesHome, Fate::Pass),
            Some(fate) => self.forward(self.speaks.datagram_server(fate), fate),
        }
    }

    /// Whether this door's datagrams are only look-ups on the way to something else.
    const fn looks_up(&self) -> bool {
        matches!(self.speaks, Speaks::Web { .. })
    }

    fn forward(&self, server: Server, fate: Fate) -> Verdict {
        let after = match fate {
            Fate::Slow { ms } => Duration::from_secs_f64((ms / 1000.0).clamp(0.0, SLOWEST_SECS)),
            _ => Duration::ZERO,
        };
        match self.servers.address(server) {
            Ok(to) => Verdict::Forward { to, after },
            Err(error) => {
                tracing::warn!(%error, "the drill lacks a server");
                Verdict::CutOff
            }
        }
    }
}
