//! `egress`: what the firewall lets out, asked of a reflector on its other side, port by port.
//!
//! | file | what it does |
//! |---|---|
//! | `knock` | one port: what becomes of a question that goes through it |
//! | `sizes` | which sizes of packets pass, and whether somebody says so when they don't |
//! | `verdict` | from the ports to the contract's word. Pure |
//!
//! # Choices
//!
//! - What isn't the firewall's doing never convicts it. A port on which the reflector doesn't listen (it says so in each
//!   answer), one that is too busy or has another secret (which it says unsigned, since it can't sign for us), clocks that
//!   differ too far, sockets that this process hasn't got: all `local`. So is a policy of which nothing passes at all.
//! - An answer counts only with the secret's tag. Without one somebody on the way answers in the reflector's place,
//!   which is `intercepted`, the contract's word for just that; `wrong_answer` would say that the target is to blame.
//!   A port that must be blocked is not open when somebody else answers there: nothing of ours got out.
//! - Several ports may fail in several ways. The most frequent one is the failure, and the detail names the ports.
//! - Large packets: those that vanish are `timeout` in phase `echo`; when an ICMP message says that they are too large it
//!   is `unreachable` in phase `echo`, as that message is ICMP's "destination unreachable". Both only when they are
//!   smaller than the `mtu` that the configuration demands.
//! - Dropped or prohibited: a port is prohibited when an ICMP message says so. Those who send such messages send few of
//!   them (Linux about one in two seconds to one address, after the first few), so of many prohibited ports some read
//!   as dropped. Which router said so is read from the socket's error queue and told of each port; "port unreachable" of one that
//!   isn't the target is a firewall's, and "prohibited", too. When no other port of the same host passes, it is "unreachable".
//! - A connection that the firewall forgot while it was silent is `timeout` or `reset`, in phase `first_byte`.

mod knock;
mod sizes;
mod verdict;

#[cfg(any(fuzzing, test))]
pub(crate) use knock::fuzz;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::OptionFuture;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{EgressFacts, IdleFacts, PortFacts};
use super::fault::Fault;
use super::lookup::Lookup;
use super::trail::{Trail, median};
use crate::estate::EgressAsk;
use crate::limits::{EGRESS_PORT_PATIENCE_MAX, EGRESS_PORTS_AT_ONCE, EGRESS_SOCKETS_MAX, PROBE_LISTED_MAX};
use crate::observation::{Failure, Phase};
use crate::reflector::frame::Key;
use crate::reflector::ports::{Port, Transport};
use knock::{Asker, Found, Heard};
use verdict::{Idle, Knocked, Must};

/// Asks reflectors. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Egress {
    places: Arc<Semaphore>,
}

impl Egress {
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(EGRESS_SOCKETS_MAX)) }
    }

    pub(super) async fn ask(
        &self,
        ask: &EgressAsk,
        source: Option<IpAddr>,
        lookup: &Lookup,
        trail: &Trail,
    ) -> Result<(), Fault> {
        // One address, since the ports of two reflectors would be two matrices.
        let target = lookup.address(&ask.target, source, trail).await?;
        trail.note(|facts| facts.peer = Some(target));
        let ports = policy(ask);
        let asker = Asker {
            host: target.ip(),
            source,
            key: ask.secret.as_ref().map(Key::new),
            ports: ports.iter().map(|(port, _)| *port).collect(),
        };
        let until = trail.last_call();
        let left = until.saturating_duration_since(Instant::now());
        let sweep_until = if ask.mtu.is_some() { until - left / 2 } else { until };
        trail.enter(Phase::Connect);
        let idling = ask.idle.map(|idle| asker.idle(target.port(), idle, until));
        let (knocked, idle) =
            futures::join!(self.sweep(&asker, &ports, sweep_until), OptionFuture::from(idling));
        trail.rest();
        let (knocked, idle) = (knocked?, idle.transpose()?);
        note(&knocked, idle, ask.idle, trail);
        let way = knocked.iter().find(|k| k.port.transport == Transport::Udp && k.seen().is_some());
        let size = match (ask.mtu, way) {
            (Some(mtu), Some(way)) => {
                trail.enter(Phase::Echo);
                let size = asker.largest(SocketAddr::new(target.ip(), way.port.number), mtu, until).await?;
                trail.rest();
                trail.note(|facts| facts.egress.get_or_insert_default().size = Some(size));
                Some(size)
            }
            _ => None,
        };
        verdict::judge(&knocked, size, idle)
    }

    /// Knocks at every port, some at a time.
    async fn sweep(
        &self,
        asker: &Asker,
        ports: &[(Port, Must)],
        until: Instant,
    ) -> Result<Vec<Knocked>, Fault> {
        let waves = u32::try_from(ports.len().div_ceil(EGRESS_PORTS_AT_ONCE)).unwrap_or(u32::MAX).max(1);
        let left = until.saturating_duration_since(Instant::now());
        let patience = (left / waves).min(EGRESS_PORT_PATIENCE_MAX);
        let mut knocked: Vec<(usize, Knocked)> = futures::stream::iter(ports.iter().copied().enumerate())
            .map(|(place, (port, must))| async move {
                let heard = match timeout_at(until, self.places.acquire()).await {
                    Ok(Ok(_place)) => asker.knock(port, (Instant::now() + patience).min(until)).await,
                    _ => Heard::from(Found::NotAsked),
                };
                (place, Knocked { port, must, heard, unserved: false })
            })
            .buffer_unordered(EGRESS_PORTS_AT_ONCE)
            .collect()
            .await;
        knocked.sort_by_key(|(place, _)| *place);
        let mut knocked: Vec<Knocked> = knocked.into_iter().map(|(_, knocked)| knocked).collect();
        // Any answer says of all ports whether the reflector listens there.
        if let Some(saw) = knocked.iter().find_map(Knocked::seen) {
            for (place, knocked) in knocked.iter_mut().enumerate() {
                knocked.unserved = !saw.serves(place) && !knocked.passes();
            }
        }
        Ok(knocked)
    }
}

/// All ports and what must be, in the order in which answers list them.
fn policy(ask: &EgressAsk) -> Vec<(Port, Must)> {
    let tcp = |ports: &[u16], must| ports.iter().map(|&port| (Port::tcp(port), must)).collect::<Vec<_>>();
    let udp = |ports: &[u16], must| ports.iter().map(|&port| (Port::udp(port), must)).collect::<Vec<_>>();
    [
        tcp(&ask.tcp_open, Must::Open),
        udp(&ask.udp_open, Must::Open),
        tcp(&ask.tcp_blocked, Must::Blocked),
        udp(&ask.udp_blocked, Must::Blocked),
    ]
    .concat()
}

/// The facts, and the times of the phases: a median of the ports that answered, as the waiting for those that don't
/// says nothing about the line.
fn note(knocked: &[Knocked], idle: Option<Idle>, silent: Option<Duration>, trail: &Trail) {
    let mut seen: Vec<IpAddr> = Vec::new();
    for saw in knocked.iter().filter_map(Knocked::seen) {
        if !seen.contains(&saw.source.ip()) && seen.len() < PROBE_LISTED_MAX {
            seen.push(saw.source.ip());
        }
    }
    let ports = knocked.iter().map(|knocked| PortFacts {
        port: knocked.port,
        must: knocked.must.as_str(),
        found: knocked.heard.found.as_str(),
        as_it_must: knocked.as_it_must(),
        unserved: knocked.unserved,
        by: knocked.heard.found.router(),
        ms: knocked.heard.answer_ms.or(knocked.heard.connect_ms),
        seen: knocked.seen().map(|saw| saw.source),
    });
    let idle = match (idle, silent) {
        (Some(idle), Some(silent)) if idle != Idle::NotTried => {
            Some(IdleFacts { seconds: silent.as_secs_f64(), kept: idle == Idle::Kept })
        }
        _ => None,
    };
    let ports = ports.collect();
    trail.note(|facts| facts.egress = Some(EgressFacts { ports, seen, size: None, idle }));
    let times = |of: fn(&Heard) -> Option<f64>| -> Vec<f64> {
        let passing = knocked.iter().filter(|knocked| knocked.passes());
        let mut times: Vec<f64> = passing.filter_map(|knocked| of(&knocked.heard)).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    for (phase, times) in
        [(Phase::Connect, times(|h| h.connect_ms)), (Phase::FirstByte, times(|h| h.answer_ms))]
    {
        if let Some(median) = median(&times) {
            trail.measured(phase, median);
        }
    }
}

impl Asker {
    /// A connection that asks, is silent for a while, and asks again. Beside the matrix, not after it: it takes the
    /// longest by far.
    async fn idle(&self, port: u16, silent: Duration, until: Instant) -> Result<Idle, Fault> {
        let Some(key) = &self.key else { return Ok(Idle::NotTried) };
        let connected = timeout_at(until, self.connect(SocketAddr::new(self.host, port))).await;
        // What keeps it from beginning is the matrix's to say.
        let Ok(Ok(mut stream)) = connected else { return Ok(Idle::NotTried) };
        let first = timeout_at(until, self.converse(key, &mut stream)).await;
        let Ok(Found::Passes(_)) = first else { return Ok(Idle::NotTried) };
        sleep(silent).await;
        Ok(match timeout_at(until, self.converse(key, &mut stream)).await {
            Ok(Found::Local(fault)) => return Err(fault),
            // It is there, whatever is said on it.
            Ok(Found::Passes(_) | Found::Busy | Found::Crowded | Found::Clock(_)) => Idle::Kept,
            Ok(Found::Silent | Found::Dropped) | Err(_) => Idle::Forgotten(Failure::Timeout, silent),
            Ok(_) => Idle::Forgotten(Failure::Reset, silent),
        })
    }
}
