//! `icmp`: several echoes to one host; their loss and their round trips.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::answer::Echoes;
use super::echo::{Echo, Lost, OpenEcho, Surge};
use super::fault::Fault;
use super::lookup::Lookup;
use super::trail::{Trail, millis};
use crate::estate::{HostPort, IcmpAsk};
use crate::limits::{PROBE_ECHO_IDS_MAX, PROBE_ECHO_SPACING_MAX};
use crate::observation::{Failure, Phase};

/// Sends echoes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pings {
    sockets: Arc<dyn OpenEcho>,
    /// Goes up with each check, from a start of this process's own: behind one address-translating firewall, equal
    /// ids of two agents would get each other's answers.
    next_id: Arc<AtomicU16>,
    /// Goes up with each echo and wraps, so that a late answer isn't taken for that of the next check.
    next_sequence: Arc<AtomicU16>,
}

impl Pings {
    pub(super) fn new() -> Self {
        Self::through(Arc::new(Surge))
    }

    fn through(sockets: Arc<dyn OpenEcho>) -> Self {
        let counter = |start| Arc::new(AtomicU16::new(start));
        Self { sockets, next_id: counter(random()), next_sequence: counter(random()) }
    }

    pub(super) async fn ask(
        &self,
        ask: &IcmpAsk,
        source: Option<IpAddr>,
        lookup: &Lookup,
        trail: &Trail,
    ) -> Result<(), Fault> {
        let target = HostPort { host: ask.host.clone(), port: 0 };
        let addresses = lookup.addresses(&target, None, source, trail).await?;
        let Some(host) = addresses.first().map(SocketAddr::ip) else {
            return Err(Fault::new(Failure::NoAnswer, format!("{} has no address", ask.host)));
        };
        trail.note(|facts| facts.addresses = vec![host]);
        if let Some(source) = source.filter(|source| source.is_ipv4() != host.is_ipv4()) {
            return Err(Fault::families(host, source));
        }
        let socket = self.open(host, source)?;
        trail.enter(Phase::Echo);
        let round_trips = self.echo_all(&*socket, ask.count.max(1), trail).await;
        trail.rest();
        judge(ask, host, round_trips, trail)
    }

    fn open(&self, host: IpAddr, source: Option<IpAddr>) -> Result<Arc<dyn Echo>, Fault> {
        let mut last = None;
        for _ in 0..PROBE_ECHO_IDS_MAX {
            // Zero would mean "any" to the kernel.
            let id = self.next_id.fetch_add(1, Ordering::Relaxed).max(1);
            match self.sockets.open(host, source, id) {
                Ok(socket) => return Ok(socket),
                Err(error) if error.kind() == ErrorKind::AddrInUse => last = Some(error),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(not_permitted()),
                Err(error) => return Err(Fault::bind(&error, source)),
            }
        }
        Err(last.map_or_else(not_permitted, |error| Fault::bind(&error, source)))
    }

    /// Sends the echoes evenly over the first half of the time (but never far apart), and hears each until shortly
    /// before the deadline. Ends as soon as all are back.
    async fn echo_all(&self, socket: &dyn Echo, count: u8, trail: &Trail) -> Vec<Result<Duration, Lost>> {
        let begin = Instant::now();
        let until = trail.last_call();
        let spacing = (trail.time_left() / 2 / u32::from(count)).min(PROBE_ECHO_SPACING_MAX);
        join_all((0..count).map(|nth| {
            let sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
            async move {
                sleep_until(begin + spacing * u32::from(nth)).await;
                socket.echo(sequence, until.saturating_duration_since(Instant::now())).await
            }
        }))
        .await
    }
}

fn judge(
    ask: &IcmpAsk,
    host: IpAddr,
    round_trips: Vec<Result<Duration, Lost>>,
    trail: &Trail,
) -> Result<(), Fault> {
    let sent = round_trips.len();
    let mut times: Vec<f64> = Vec::with_capacity(sent);
    let mut lost = None;
    for outcome in round_trips {
        match outcome {
            Ok(round_trip) => times.push(millis(round_trip)),
            Err(why) => lost = Some(why),
        }
    }
    times.sort_by(f64::total_cmp);
    let median = median(&times);
    let share = (sent - times.len()) as f64 / sent as f64;
    // An echo that this machine couldn't even send says nothing about the line.
    if let Some(Lost::Io(error)) = &lost {
        let fault = Fault::io(error, &format!("sending an echo to {host}"));
        if times.is_empty() || fault.failure == Failure::Local {
            return Err(fault);
        }
    }
    trail.lost(share);
    trail.note(|facts| {
        facts.echoes = Some(Echoes {
            sent: u16::try_from(sent).unwrap_or(u16::MAX),
            received: u16::try_from(times.len()).unwrap_or(u16::MAX),
            min_ms: times.first().copied(),
            median_ms: median,
            max_ms: times.last().copied(),
        });
    });
    if let Some(median) = median {
        trail.measured(Phase::Echo, median);
    }
    match lost {
        Some(Lost::Unreachable) if times.is_empty() => Err(Fault::new(
            Failure::Unreachable,
            format!("a router on the way says that {host} can't be reached"),
        )),
        Some(_) if times.is_empty() => {
            Err(Fault::new(Failure::Timeout, format!("none of {sent} echoes came back from {host}")))
        }
        Some(_) if share > ask.loss_max => Err(Fault::new(
            Failure::Loss,
            format!("{} of {sent} echoes to {host} were lost", sent - times.len()),
        )),
        _ => Ok(()),
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(sorted.get(middle.checked_sub(1)?)?.midpoint(upper))
}

fn not_permitted() -> Fault {
    Fault::local(
        "this machine permits no ICMP sockets: run `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, \
         or give linewatch CAP_NET_RAW (`AmbientCapabilities=CAP_NET_RAW` in its systemd unit)",
    )
}

/// Different in each process; no secret.
fn random() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    #[expect(clippy::cast_possible_truncation, reason = "any 16 bits will do")]
    {
        RandomState::new().hash_one(std::process::id()) as u16
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use futures::future::BoxFuture;

    use super::*;
    use crate::probe::answer::Answer;

    /// A stand-in for the machine's ICMP sockets: answers by turn, and remembers ids and sequence numbers.
    #[derive(Default)]
    struct Machine {
        refuses: Mutex<Vec<ErrorKind>>,
        answers: Vec<Option<u64>>,
        ids: Mutex<Vec<u16>>,
        sequences: Mutex<Vec<u16>>,
    }

    struct Line(Arc<Machine>);

    impl OpenEcho for Arc<Machine> {
        fn open(&self, _: IpAddr, _: Option<IpAddr>, id: u16) -> io::Result<Arc<dyn Echo>> {
            self.ids.lock().expect("ids").push(id);
            match self.refuses.lock().expect("refusals").pop() {
                Some(kind) => Err(kind.into()),
                None => Ok(Arc::new(Line(Arc::clone(self)))),
            }
        }
    }

    impl Echo for Line {
        fn echo(&self, sequence: u16, patience: Duration) -> BoxFuture<'_, Result<Duration, Lost>> {
            let mut sequences = self.0.sequences.lock().expect("sequences");
            let answer = self.0.answers[sequences.len() % self.0.answers.len()];
            sequences.push(sequence);
            Box::pin(async move {
                let Some(ms) = answer else {
                    tokio::time::sleep(patience).await;
                    return Err(Lost::Silence);
                };
                Ok(Duration::from_millis(ms))
            })
        }
    }

    fn machine(answers: &[Option<u64>]) -> Arc<Machine> {
        Arc::new(Machine { answers: answers.to_vec(), ..Machine::default() })
    }

    async fn ping(machine: &Arc<Machine>, loss_max: f64) -> Answer {
        let pings = Pings::through(Arc::new(Arc::clone(machine)));
        let ask = IcmpAsk { host: "127.0.0.1".to_owned(), count: 4, loss_max };
        let trail = Trail::begin(Duration::from_millis(200));
        let deadline = trail.deadline();
        let lookup = Lookup::new();
        let outcome = tokio::time::timeout_at(deadline, pings.ask(&ask, None, &lookup, &trail)).await;
        trail.end(outcome.ok())
    }

    #[tokio::test]
    async fn all_back_is_fine_and_the_median_is_the_time() {
        let machine = machine(&[Some(10), Some(40), Some(20), Some(30)]);
        let answer = ping(&machine, 0.0).await;
        assert!(answer.ok, "{answer:?}");
        assert_eq!((answer.loss, answer.phases_ms.echo), (Some(0.0), Some(25.0)));
        let echoes = answer.facts.echoes.expect("echoes");
        assert_eq!((echoes.min_ms, echoes.max_ms), (Some(10.0), Some(40.0)));
        let sequences = machine.sequences.lock().expect("sequences").clone();
        assert!(sequences.windows(2).all(|two| two[1] == two[0].wrapping_add(1)), "{sequences:?}");
    }

    #[tokio::test]
    async fn some_lost_is_loss_only_above_the_limit() {
        let machine = machine(&[Some(10), None, Some(10), Some(10)]);
        let answer = ping(&machine, 0.1).await;
        assert_eq!(
            (answer.failure, answer.phase, answer.loss),
            (Some(Failure::Loss), Some(Phase::Echo), Some(0.25))
        );
        assert!(ping(&machine, 0.25).await.ok);
    }

    #[tokio::test]
    async fn all_lost_is_a_timeout_that_still_counts_its_echoes() {
        let answer = ping(&machine(&[None]), 1.0).await;
        assert_eq!(
            (answer.failure, answer.phase, answer.loss),
            (Some(Failure::Timeout), Some(Phase::Echo), Some(1.0))
        );
        assert!(answer.ms < 200.0, "it ends before it is cut off: {}", answer.ms);
    }

    #[tokio::test]
    async fn no_permission_is_local_and_says_how_to_mend_it() {
        let machine = machine(&[Some(1)]);
        machine.refuses.lock().expect("refusals").push(ErrorKind::PermissionDenied);
        let answer = ping(&machine, 0.0).await;
        assert_eq!((answer.failure, answer.loss), (Some(Failure::Local), None));
        let detail = answer.detail.expect("a detail");
        assert!(detail.contains("ping_group_range") && detail.contains("CAP_NET_RAW"), "{detail}");
    }

    #[tokio::test]
    async fn an_id_that_is_taken_makes_way_for_the_next() {
        let machine = machine(&[Some(1)]);
        machine.refuses.lock().expect("refusals").extend([ErrorKind::AddrInUse, ErrorKind::AddrInUse]);
        assert!(ping(&machine, 0.0).await.ok);
        assert_eq!(machine.ids.lock().expect("ids").len(), 3);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
    }
}
