//! The reflector's sockets: each UDP port a task, each TCP port a task and one for each connection.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::frame::{HEAD_BYTES, Key, Refused, Unsigned, length, nonce_of, refusal};
use super::limiter::{Held, Limiter, Nonces, Rate};
use super::ports::{Port, Transport};
use super::train::{self, is_packet};
use super::trains::{Known, Trains};
use crate::estate::SharedSecret;
use crate::limits::{
    ACCEPT_PAUSE, REFLECTOR_BURST_SECONDS, REFLECTOR_FRAME_BYTES_MAX, REFLECTOR_QUESTIONS_MAX,
    REFLECTOR_READ_TIMEOUT, REFLECTOR_SESSION_IDLE_MAX, REFLECTOR_SESSIONS_MAX, REFLECTOR_SOURCE_SHARE,
    REFLECTOR_STRANGERS_MAX, REFLECTOR_STRANGERS_PER_SOURCE_MAX, REFLECTOR_TRAINS_SHARE,
};

/// Where to listen, and for whom.
#[derive(Debug, Clone)]
pub struct Options {
    pub listen: IpAddr,
    /// Port 0 is a free one, for tests.
    pub tcp: Vec<u16>,
    pub udp: Vec<u16>,
    pub secret: SharedSecret,
    /// Answers over all.
    pub per_second_max: u32,
}

/// Ports that can't be listened on: all of them at once, each with its reason.
#[derive(Debug, thiserror::Error)]
#[error("these ports can't be listened on; nothing was started:\n{}", .0.join("\n"))]
pub struct CantBind(Vec<String>);

macro_rules! counted {
    ($($name:ident: $words:literal,)*) => {
        /// What became of everything that came in, live.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($name: AtomicU64,)*
        }

        /// What became of everything that came in, up to now.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Counted {
            $(pub $name: u64,)*
        }

        impl Counters {
            pub fn now(&self) -> Counted {
                Counted { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl fmt::Display for Counted {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{:>10}  {}", self.$name, $words)?;)*
                Ok(())
            }
        }
    };
}

counted! {
    answered_tcp: "questions answered over TCP",
    answered_udp: "questions answered over UDP",
    answered_rtp: "packets of telephone-like trains answered",
    connections: "TCP connections taken",
    malformed: "that were no question of this format: no answer",
    forged: "that were not signed with the secret: told so over TCP, no answer over UDP",
    untimely: "whose clock is too far from ours: told so over TCP, no answer over UDP",
    repeated: "that had been asked before, word for word: no answer",
    limited: "above the rate: told so, over UDP as long as there are no more of them than of answers",
    crowded: "connections above what is taken: told so, and closed",
    slow: "connections that did not ask, or did not take their answer, in time",
    unsent: "answers that could not be sent",
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// All ports, bound and not yet served.
#[derive(Debug)]
pub struct Reflector {
    tcp: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    key: Key,
    ports: BTreeSet<Port>,
    counters: Arc<Counters>,
    /// Who may be answered; and who may open connections, which is asked before it is known who they are.
    answers: Mutex<Limiter>,
    doors: Mutex<Limiter>,
    /// Who may be told, over UDP, that they aren't answered: as many again.
    refusals: Mutex<Limiter>,
    nonces: Mutex<Nonces>,
    untimely: Mutex<Nonces>,
    /// How many trains may begin; and what has arrived of those that have.
    departures: Mutex<Limiter>,
    trains: Mutex<Trains>,
    /// What times of arrival are counted from.
    epoch: Instant,
    strangers: Arc<Semaphore>,
    strangers_of: Mutex<Held>,
    sessions: Arc<Semaphore>,
}

impl Reflector {
    /// Binds all ports, or none.
    pub async fn bind(options: &Options) -> Result<Self, CantBind> {
        let (mut tcp, mut udp, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let mut ports = BTreeSet::new();
        for &number in &options.tcp {
            let address = SocketAddr::new(options.listen, number);
            let bound = TcpListener::bind(address).await.and_then(|l| Ok((l.local_addr()?.port(), l)));
            match bound {
                Ok((number, listener)) => {
                    ports.insert(Port::tcp(number));
                    tcp.push(listener);
                }
                Err(error) => refused.push(cant_bind("tcp", address, &error)),
            }
        }
        for &number in &options.udp {
            let address = SocketAddr::new(options.listen, number);
            let bound = UdpSocket::bind(address).await.and_then(|s| Ok((s.local_addr()?.port(), s)));
            match bound {
                Ok((number, socket)) => {
                    ports.insert(Port::udp(number));
                    if let Err(error) = never_cut_up(&socket, options.listen.is_ipv4()) {
                        // Only path MTU checks notice: large answers may then come back in pieces.
                        tracing::warn!(%error, "udp/{number}: the kernel won't mark answers as not to be cut up");
                    }
                    udp.push(socket);
                }
                Err(error) => refused.push(cant_bind("udp", address, &error)),
            }
        }
        if !refused.is_empty() {
            return Err(CantBind(refused));
        }
        let shared = Shared::new(&options.secret, options.per_second_max, ports);
        Ok(Self { tcp, udp, shared: Arc::new(shared) })
    }

    /// Where it listens: TCP first, each in the order in which it was given.
    pub fn ports(&self) -> Vec<Port> {
        let tcp = self.tcp.iter().filter_map(|l| l.local_addr().ok()).map(|at| Port::tcp(at.port()));
        let udp = self.udp.iter().filter_map(|s| s.local_addr().ok()).map(|at| Port::udp(at.port()));
        tcp.chain(udp).collect()
    }

    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Serves until it is stopped; then everything is closed at once, since no answer is worth waiting for.
    pub async fn serve(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        for socket in self.udp {
            tasks.spawn(stop.clone().run_until_cancelled_owned(datagrams(socket, Arc::clone(&self.shared))));
        }
        for listener in self.tcp {
            let connections = connections(listener, Arc::clone(&self.shared), tasks.clone(), stop.clone());
            tasks.spawn(stop.clone().run_until_cancelled_owned(connections));
        }
        stop.cancelled().await;
        tasks.close();
        tasks.wait().await;
    }
}

fn cant_bind(transport: &str, address: SocketAddr, error: &io::Error) -> String {
    let help = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRINUSE) => {
            "another program listens there already: stop it, or leave this port out (ss -lntup shows which)"
        }
        Some(Errno::EACCES) => {
            "ports below 1024 need the right to: run it as a service with AmbientCapabilities=CAP_NET_BIND_SERVICE"
        }
        Some(Errno::EADDRNOTAVAIL) => "that address is not one of this machine's: correct --listen",
        Some(Errno::EMFILE) => "this process has no file descriptors left: raise LimitNOFILE",
        _ => "see the error",
    };
    format!("  {transport} {address}: {error}; {help}")
}

/// Marks this socket's datagrams as not to be cut up on the way, so that a full-size answer tries the way back.
pub(crate) fn never_cut_up(socket: &UdpSocket, is_v4: bool) -> io::Result<()> {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };
    if is_v4 {
        return Ok(set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::PROBE)?);
    }
    // An IPv6 socket may serve IPv4 as well, unless the system says otherwise; then this has nothing to mark.
    let _v6_only = set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::PROBE);
    Ok(set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::PROBE)?)
}

impl Shared {
    pub(super) fn new(secret: &SharedSecret, per_second_max: u32, ports: BTreeSet<Port>) -> Self {
        let per_second = f64::from(per_second_max.max(1));
        let rate =
            |per_second: f64| Rate { per_second, burst: (per_second * REFLECTOR_BURST_SECONDS).max(1.0) };
        let limiter = |per_second: f64| {
            Limiter::new(rate(per_second), rate(per_second * REFLECTOR_SOURCE_SHARE), Instant::now())
        };
        Self {
            key: Key::new(secret),
            ports,
            counters: Arc::default(),
            answers: Mutex::new(limiter(per_second)),
            doors: Mutex::new(limiter(per_second)),
            refusals: Mutex::new(limiter(per_second)),
            nonces: Mutex::default(),
            untimely: Mutex::default(),
            departures: Mutex::new(limiter(per_second * REFLECTOR_TRAINS_SHARE)),
            trains: Mutex::default(),
            epoch: Instant::now(),
            strangers_of: Mutex::default(),
            strangers: Arc::new(Semaphore::new(REFLECTOR_STRANGERS_MAX)),
            sessions: Arc::new(Semaphore::new(REFLECTOR_SESSIONS_MAX)),
        }
    }

    /// Reads a question and decides whether it is answered.
    pub(super) fn answer(&self, frame: &[u8], source: SocketAddr, transport: Transport) -> Option<Said> {
        let counters = &self.counters;
        let source = SocketAddr::new(source.ip().to_canonical(), source.port());
        let question = self.counted(self.key.read_question(frame))?;
        let now = Instant::now();
        let clock = unix_seconds();
        let timely = question.is_timely(clock);
        if !timely {
            count(&counters.untimely);
            if transport == Transport::Udp {
                return None;
            }
        }
        // Those of wrong clocks are remembered apart: old recordings must not push out the questions of today.
        let asked = if timely { &self.nonces } else { &self.untimely };
        if !lock(asked).is_new(question.nonce, now) {
            count(&counters.repeated);
            return None;
        }
        // After the tag: a flood of anything else can't use up what askers are allowed.
        let allowed = lock(&self.answers).allows(source.ip(), now);
        let frame = if !allowed {
            count(&counters.limited);
            // Told, so that no firewall is convicted of our being busy: it is no longer than the question. Connections have a rate of
            // their own.
            if transport == Transport::Udp && !lock(&self.refusals).allows(source.ip(), now) {
                return None;
            }
            self.key.answer_busy(&question, clock)
        } else if timely {
            self.key.answer(&question, source, clock, |port| self.ports.contains(&port))
        } else {
            self.key.answer_untimely(&question, clock)
        };
        frame.map(|frame| Said { frame, keep: timely && allowed })
    }

    /// What a question above the rate of connections is answered with; of the same length whoever signed it.
    fn answer_busy(&self, frame: &[u8]) -> Vec<u8> {
        let told = self.counted(self.key.read_question(frame)).and_then(|question| {
            count(&self.counters.limited);
            self.key.answer_busy(&question, unix_seconds())
        });
        told.unwrap_or_else(|| refusal(Unsigned::Crowded, &nonce_of(frame)).to_vec())
    }

    /// Whether it is a question, signed with another secret than ours.
    fn is_foreign(&self, frame: &[u8]) -> bool {
        matches!(self.key.read_question(frame), Err(Refused::Forged))
    }

    /// Reads a packet of a train and decides whether it is answered. `now`: when it arrived.
    pub(super) fn answer_packet(&self, datagram: &[u8], source: SocketAddr, now: Instant) -> Option<Vec<u8>> {
        let source = SocketAddr::new(source.ip().to_canonical(), source.port());
        let question = self.counted(self.key.read_packet(datagram))?;
        let clock = unix_seconds();
        if !question.is_timely(clock) {
            count(&self.counters.untimely);
            return None;
        }
        let known = lock(&self.trains).take(&question, now);
        let noted = match known {
            Known::Noted(noted) => noted,
            Known::Again => {
                count(&self.counters.repeated);
                return None;
            }
            Known::Not => {
                if !lock(&self.nonces).is_new(question.nonce, now) {
                    count(&self.counters.repeated);
                    return None;
                }
                let begins = lock(&self.departures).allows(source.ip(), now);
                let Some(noted) = begins.then(|| lock(&self.trains).begin(&question, now)).flatten() else {
                    count(&self.counters.limited);
                    // Told so once, as an answer among all others, so that no line is convicted of our being busy.
                    let told = lock(&self.answers).allows(source.ip(), now);
                    return told.then(|| self.key.answer_train_busy(&question, clock));
                };
                noted
            }
        };
        let since = now.saturating_duration_since(self.epoch).as_micros();
        let saw = train::Saw {
            source,
            arrived_us: u64::try_from(since).unwrap_or(u64::MAX),
            reordered: noted.reordered,
            repeated: noted.repeated,
            arrived: noted.arrived,
        };
        Some(self.key.answer_packet(&question, &saw, clock))
    }

    /// What was read; what was refused is counted.
    fn counted<T>(&self, read: Result<T, Refused>) -> Option<T> {
        match read {
            Ok(read) => return Some(read),
            Err(Refused::Malformed) => count(&self.counters.malformed),
            Err(Refused::Forged) => count(&self.counters.forged),
        }
        None
    }
}

/// An answer, and whether the connection may go on: it doesn't for who sends a recording, or too much, and is told just that.
pub(super) struct Said {
    pub(super) frame: Vec<u8>,
    pub(super) keep: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind it stays sound whatever happens: counters and tables.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since 1970; a clock before that counts as then.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

async fn datagrams(socket: UdpSocket, shared: Arc<Shared>) {
    // One byte more than the largest, so that what is larger doesn't pass for it once the kernel has cut it.
    let mut buffer = vec![0; REFLECTOR_FRAME_BYTES_MAX + 1];
    loop {
        let (bytes, source) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // Somebody's port is closed, says ICMP: none of ours.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
            Err(error) => {
                tracing::warn!(%error, "receiving datagrams");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let arrived = Instant::now();
        let frame = buffer.get(..bytes).unwrap_or_default();
        let counters = &shared.counters;
        let (answer, answered) = if is_packet(frame) {
            (shared.answer_packet(frame, source, arrived), Some(&counters.answered_rtp))
        } else {
            let said = shared.answer(frame, source, Transport::Udp);
            let answered = said.as_ref().is_some_and(|said| said.keep).then_some(&counters.answered_udp);
            (said.map(|said| said.frame), answered)
        };
        let Some(answer) = answer else { continue };
        // Never waits: a queue that is full is the network's own rate limit.
        match (socket.try_send_to(&answer, source), answered) {
            (Ok(_), Some(answered)) => count(answered),
            (Ok(_), None) => {}
            (Err(_), _) => count(&counters.unsent),
        }
    }
}

async fn connections(
    listener: TcpListener,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        match listener.accept().await {
            Ok((stream, source)) => {
                let Some(place) = Stranger::admit(&shared, source.ip()) else {
                    count(&shared.counters.crowded);
                    // Fits into the buffer of a new connection, or isn't worth waiting for.
                    drop(stream.try_write(&refusal(Unsigned::Crowded, &[0; 16])));
                    continue;
                };
                let allowed = lock(&shared.doors).allows(source.ip(), Instant::now());
                let shared = Arc::clone(&shared);
                tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
                    if allowed {
                        count(&shared.counters.connections);
                        connection(stream, source, &shared, place).await;
                    } else {
                        count(&shared.counters.crowded);
                        turned_away(stream, &shared, place).await;
                    }
                }));
            }
            Err(error) => {
                // Out of descriptors, mostly. Asking again at once would only spin.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The place of a connection that hasn't asked anything yet.
struct Stranger {
    shared: Arc<Shared>,
    source: IpAddr,
    _place: OwnedSemaphorePermit,
}

impl Stranger {
    fn admit(shared: &Arc<Shared>, source: IpAddr) -> Option<Self> {
        let place = shared.strangers.clone().try_acquire_owned().ok()?;
        let taken = lock(&shared.strangers_of).take(source, REFLECTOR_STRANGERS_PER_SOURCE_MAX);
        taken.then(|| Self { shared: Arc::clone(shared), source, _place: place })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        lock(&self.shared.strangers_of).give_back(self.source);
    }
}

/// Answers one question, and then, to an asker that knows the secret, a few more.
async fn connection(mut stream: TcpStream, source: SocketAddr, shared: &Shared, stranger: Stranger) {
    let mut buffer = Vec::new();
    let Some(()) = exchange(&mut stream, source, shared, &mut buffer).await else { return };
    let Ok(_session) = shared.sessions.try_acquire() else {
        count(&shared.counters.crowded);
        return;
    };
    drop(stranger);
    for _ in 1..REFLECTOR_QUESTIONS_MAX {
        let mut first = [0];
        // Silence is what it is here for; the end of it is the next question's first byte.
        match timeout(REFLECTOR_SESSION_IDLE_MAX, stream.peek(&mut first)).await {
            Ok(Ok(1..)) => {}
            _ => return,
        }
        let Some(()) = exchange(&mut stream, source, shared, &mut buffer).await else { return };
    }
}

/// Above the rate: whoever asks is told that it is too much, so that no firewall is convicted of our being busy.
async fn turned_away(mut stream: TcpStream, shared: &Shared, _stranger: Stranger) {
    let mut buffer = Vec::new();
    let Ok(Ok(true)) = timeout(REFLECTOR_READ_TIMEOUT, read_frame(&mut stream, &mut buffer)).await else {
        return;
    };
    let told = shared.answer_busy(&buffer);
    drop(timeout(REFLECTOR_READ_TIMEOUT, stream.write_all(&told)).await);
}

/// One question and its answer. `None`: there was no question, or none that is answered; the connection ends.
async fn exchange(
    stream: &mut TcpStream,
    source: SocketAddr,
    shared: &Shared,
    buffer: &mut Vec<u8>,
) -> Option<()> {
    let Ok(read) = timeout(REFLECTOR_READ_TIMEOUT, read_frame(stream, buffer)).await else {
        count(&shared.counters.slow);
        return None;
    };
    match read {
        Ok(true) => {}
        Ok(false) => {
            count(&shared.counters.malformed);
            return None;
        }
        // Hung up: a port scanner, or a check that only connects.
        Err(_) => return None,
    }
    let Some(answer) = shared.answer(buffer, source, Transport::Tcp) else {
        // Only who has proved its source is told; and it learns no more than that this is a reflector.
        if shared.is_foreign(buffer) {
            drop(stream.try_write(&refusal(Unsigned::Foreign, &nonce_of(buffer))));
        }
        return None;
    };
    match timeout(REFLECTOR_READ_TIMEOUT, stream.write_all(&answer.frame)).await {
        Ok(Ok(())) => count(&shared.counters.answered_tcp),
        Ok(Err(_)) => {
            count(&shared.counters.unsent);
            return None;
        }
        Err(_) => {
            count(&shared.counters.slow);
            return None;
        }
    }
    answer.keep.then_some(())
}

/// `false`: what comes is no frame.
async fn read_frame(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    buffer.resize(HEAD_BYTES, 0);
    stream.read_exact(buffer).await?;
    let Some(bytes) = length(buffer) else { return Ok(false) };
    // At most REFLECTOR_FRAME_BYTES_MAX, says `length`.
    buffer.resize(bytes, 0);
    stream.read_exact(buffer.get_mut(HEAD_BYTES..).unwrap_or_default()).await?;
    Ok(true)
}
