//! `icmp`: several echoes to one host; their loss and their round trips.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::answer::Echoes;
use super::echo::{Echo, Heard, OpenEcho, Sockets};
use super::fault::Fault;
use super::lookup::Lookup;
use super::nonce::nonce;
use super::stragglers::Stragglers;
use super::trail::{Trail, median, millis};
use super::way_out;
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
    stragglers: Stragglers,
}

impl Pings {
    pub(super) fn new() -> Self {
        Self::through(Arc::new(Sockets))
    }

    fn through(sockets: Arc<dyn OpenEcho>) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "any 16 bits will do")]
        let counter = || Arc::new(AtomicU16::new(nonce() as u16));
        Self { sockets, next_id: counter(), next_sequence: counter(), stragglers: Stragglers::default() }
    }

    pub(super) async fn ask(
        &self,
        ask: &IcmpAsk,
        source: Option<IpAddr>,
        lookup: &Lookup,
        trail: &Trail,
    ) -> Result<(), Fault> {
        let target = HostPort { host: ask.host.clone(), port: 0 };
        let host = lookup.address(&target, source, trail).await?.ip();
        trail.note(|facts| facts.addresses = vec![host]);
        if let Some(source) = source.filter(|source| source.is_ipv4() != host.is_ipv4()) {
            return Err(Fault::families(host, source));
        }
        let way = (source, host);
        let late = self.stragglers.came(way);
        let (id, socket) = self.open(host, source)?;
        trail.enter(Phase::Echo);
        let echoed = self.echo_all(&*socket, ask.count.max(1), trail).await;
        trail.rest();
        let judged = judge(ask, host, &echoed, late, trail);
        if echoed.some_are_out() {
            self.stragglers.leave(way, id, socket, echoed);
        }
        judged.map_err(|fault| way_out::judge(fault, Some(SocketAddr::new(host, 0)), None, source))
    }

    fn open(&self, host: IpAddr, source: Option<IpAddr>) -> Result<(u16, Arc<dyn Echo>), Fault> {
        let mut last = None;
        for _ in 0..PROBE_ECHO_IDS_MAX {
            let id = self.id();
            match self.sockets.open(host, source, id) {
                Ok(socket) => return Ok((id, socket)),
                Err(error) if error.kind() == ErrorKind::AddrInUse => last = Some(error),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(not_permitted()),
                Err(error) => return Err(Fault::bind(&error, source)),
            }
        }
        Err(last.map_or_else(not_permitted, |error| Fault::bind(&error, source)))
    }

    /// An ICMP id that no other socket of this process has: Linux (6.18) doesn't refuse one that is taken, and hands the answers
    /// to either of the two. Zero would mean "any" to it.
    pub(super) fn id(&self) -> u16 {
        loop {
            let id = self.next_id.fetch_add(1, Ordering::Relaxed);
            if id != 0 && !self.stragglers.have(id) {
                return id;
            }
        }
    }

    /// Sends the echoes evenly over the first half of the time (but never far apart), and hears what comes back until
    /// shortly before the deadline. Ends as soon as there is word of all.
    async fn echo_all(&self, socket: &dyn Echo, count: u8, trail: &Trail) -> Echoed {
        let begin = Instant::now();
        let until = trail.last_call();
        let spacing = (trail.time_left() / 2 / u32::from(count)).min(PROBE_ECHO_SPACING_MAX);
        let first = self.next_sequence.fetch_add(u16::from(count), Ordering::Relaxed);
        let mut echoed = Echoed { first, echoes: Vec::new(), duplicates: 0 };
        while echoed.echoes.len() < usize::from(count) || echoed.some_are_out() {
            let sent = echoed.echoes.len();
            let next = u32::try_from(sent).ok().filter(|sent| *sent < u32::from(count));
            tokio::select! {
                // What is due is sent before anything is heard, and what came is heard before the time is up.
                biased;
                () = due(begin + spacing * next.unwrap_or(0)), if next.is_some() => {
                    let at = Instant::now();
                    let sequence = first.wrapping_add(u16::try_from(sent).unwrap_or(0));
                    echoed.echoes.push(match socket.send(sequence).await {
                        Ok(()) => Sent::Out(at),
                        Err(error) => Sent::Lost(Lost::Io(error)),
                    });
                }
                heard = socket.hear(), if echoed.some_are_out() => match heard {
                    Ok(heard) => echoed.hear(heard),
                    Err(error) => {
                        echoed.echoes.push(Sent::Lost(Lost::Io(error)));
                        break;
                    }
                },
                () = sleep_until(until) => break,
            }
        }
        echoed
    }
}

/// Waits until then. The runtime's timer counts whole milliseconds, so that what is due already isn't left to it: on a fast
/// line an echo takes a tenth of that.
async fn due(at: Instant) {
    if at > Instant::now() {
        sleep_until(at).await;
    }
}

/// What has become of one echo.
#[derive(Debug)]
enum Sent {
    /// Nothing is heard of it.
    Out(Instant),
    Back(Duration),
    Lost(Lost),
}

/// Why there was no answer to an echo.
#[derive(Debug)]
enum Lost {
    /// Somebody on the way says that the host can't be reached.
    Unreachable,
    Io(io::Error),
}

/// The echoes of one check, in order.
#[derive(Debug)]
pub(super) struct Echoed {
    /// The sequence number of the first.
    first: u16,
    echoes: Vec<Sent>,
    duplicates: u16,
}

impl Echoed {
    /// As many, all out.
    #[cfg(test)]
    pub(super) fn out(first: u16, count: usize) -> Self {
        let echoes = (0..count).map(|_| Sent::Out(Instant::now())).collect();
        Self { first, echoes, duplicates: 0 }
    }

    fn some_are_out(&self) -> bool {
        self.echoes.iter().any(|echo| matches!(echo, Sent::Out(_)))
    }

    /// How many were answered.
    pub(super) fn back(&self) -> usize {
        self.echoes.iter().filter(|echo| matches!(echo, Sent::Back(_))).count()
    }

    pub(super) fn hear(&mut self, heard: Heard) {
        let first = self.first;
        let place = |sequence: u16| usize::from(sequence.wrapping_sub(first));
        match heard {
            Heard::Reply(sequence) => match self.echoes.get_mut(place(sequence)) {
                Some(echo @ Sent::Out(_)) => {
                    if let Sent::Out(at) = *echo {
                        *echo = Sent::Back(at.elapsed());
                    }
                }
                Some(Sent::Back(_)) => self.duplicates = self.duplicates.saturating_add(1),
                Some(Sent::Lost(_)) | None => {}
            },
            Heard::Unreachable(sequence) => {
                let only = sequence.map(place);
                for (nth, echo) in self.echoes.iter_mut().enumerate() {
                    if matches!(echo, Sent::Out(_)) && only.is_none_or(|only| only == nth) {
                        *echo = Sent::Lost(Lost::Unreachable);
                    }
                }
            }
        }
    }
}

/// `late`: echoes of the check before that were answered after it had ended.
fn judge(ask: &IcmpAsk, host: IpAddr, echoed: &Echoed, late: u16, trail: &Trail) -> Result<(), Fault> {
    let sent = echoed.echoes.len();
    let mut times: Vec<f64> = Vec::with_capacity(sent);
    let mut why = None;
    for echo in &echoed.echoes {
        match echo {
            Sent::Back(round_trip) => times.push(millis(*round_trip)),
            Sent::Lost(lost) => why = Some(lost),
            Sent::Out(_) => {}
        }
    }
    let jitter = jitter(&times);
    times.sort_by(f64::total_cmp);
    let median = median(&times);
    let share = (sent - times.len()) as f64 / sent.max(1) as f64;
    // An echo that this machine couldn't even send says nothing about the line.
    if let Some(Lost::Io(error)) = &why {
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
            duplicates: echoed.duplicates,
            late,
            min_ms: times.first().copied(),
            median_ms: median,
            max_ms: times.last().copied(),
            jitter_ms: jitter,
        });
    });
    if let Some(median) = median {
        trail.measured(Phase::Echo, median);
    }
    let lost = sent - times.len();
    let slow = match late {
        0 => String::new(),
        1 => "; one of the check before was answered after that had ended, so this way is slow, and not dead"
            .to_owned(),
        more => format!(
            "; {more} of the check before were answered after that had ended, so this way is slow, and not dead"
        ),
    };
    match why {
        _ if lost == 0 => Ok(()),
        Some(Lost::Unreachable) if times.is_empty() => Err(Fault::new(
            Failure::Unreachable,
            format!("a router on the way says that {host} can't be reached"),
        )),
        _ if times.is_empty() => {
            Err(Fault::new(Failure::Timeout, format!("none of {sent} echoes came back from {host}{slow}")))
        }
        _ if share > ask.loss_max => {
            Err(Fault::new(Failure::Loss, format!("{lost} of {sent} echoes to {host} were lost{slow}")))
        }
        _ => Ok(()),
    }
}

/// `times`: in the order in which they were sent.
fn jitter(times: &[f64]) -> Option<f64> {
    let steps = times.len().checked_sub(1).filter(|steps| *steps > 0)?;
    let sum: f64 = times.windows(2).map(|two| (two[1] - two[0]).abs()).sum();
    Some((sum / steps as f64 * 1000.0).round() / 1000.0)
}

pub(super) fn not_permitted() -> Fault {
    Fault::local(
        "this machine permits no ICMP sockets: run `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, \
         or give linewatch CAP_NET_RAW (`AmbientCapabilities=CAP_NET_RAW` in its systemd unit)",
    )
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use futures::future::BoxFuture;
    use tokio::sync::mpsc;

    use super::*;
    use crate::probe::answer::Answer;

    /// A stand-in for the machine's ICMP sockets: answers by turn, and remembers ids and sequence numbers.
    #[derive(Default)]
    struct Machine {
        refuses: Mutex<Vec<ErrorKind>>,
        answers: Vec<Option<u64>>,
        /// Each answer comes twice.
        twice: bool,
        ids: Mutex<Vec<u16>>,
        sequences: Mutex<Vec<u16>>,
    }

    struct Line {
        machine: Arc<Machine>,
        back: mpsc::UnboundedSender<u16>,
        heard: tokio::sync::Mutex<mpsc::UnboundedReceiver<u16>>,
    }

    impl OpenEcho for Arc<Machine> {
        fn open(&self, _: IpAddr, _: Option<IpAddr>, id: u16) -> io::Result<Arc<dyn Echo>> {
            self.ids.lock().expect("ids").push(id);
            if let Some(kind) = self.refuses.lock().expect("refusals").pop() {
                return Err(kind.into());
            }
            let (back, heard) = mpsc::unbounded_channel();
            let heard = tokio::sync::Mutex::new(heard);
            Ok(Arc::new(Line { machine: Arc::clone(self), back, heard }))
        }
    }

    impl Echo for Line {
        fn send(&self, sequence: u16) -> BoxFuture<'_, io::Result<()>> {
            let mut sequences = self.machine.sequences.lock().expect("sequences");
            let answer = self.machine.answers[sequences.len() % self.machine.answers.len()];
            sequences.push(sequence);
            if let Some(ms) = answer {
                let (back, twice) = (self.back.clone(), self.machine.twice);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    for _ in 0..if twice { 2 } else { 1 } {
                        let _: Result<(), _> = back.send(sequence);
                    }
                });
            }
            Box::pin(async { Ok(()) })
        }

        fn hear(&self) -> BoxFuture<'_, io::Result<Heard>> {
            Box::pin(async {
                let sequence = self.heard.lock().await.recv().await;
                Ok(sequence.map_or(Heard::Unreachable(None), Heard::Reply))
            })
        }
    }

    fn machine(answers: &[Option<u64>]) -> Arc<Machine> {
        Arc::new(Machine { answers: answers.to_vec(), ..Machine::default() })
    }

    async fn ping(machine: &Arc<Machine>, loss_max: f64) -> Answer {
        ask_again(&Pings::through(Arc::new(Arc::clone(machine))), loss_max).await
    }

    async fn ask_again(pings: &Pings, loss_max: f64) -> Answer {
        let ask = IcmpAsk { host: "127.0.0.1".to_owned(), count: 4, loss_max };
        let trail = Trail::begin(Duration::from_millis(200));
        let deadline = trail.deadline();
        let lookup = Lookup::new();
        let outcome = tokio::time::timeout_at(deadline, pings.ask(&ask, None, &lookup, &trail)).await;
        trail.end(outcome.ok())
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_come_twice_are_counted_apart() {
        let machine = Arc::new(Machine { answers: vec![Some(10)], twice: true, ..Machine::default() });
        let answer = ping(&machine, 0.0).await;
        assert!(answer.ok, "{answer:?}");
        let echoes = answer.facts.echoes.expect("echoes");
        // The second answer to the last echo comes when there is word of all.
        assert_eq!((echoes.sent, echoes.received, echoes.duplicates), (4, 4, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_after_its_check_is_told_by_the_next() {
        let pings = Pings::through(Arc::new(machine(&[Some(300), Some(300), Some(10), None])));
        let first = ask_again(&pings, 0.0).await;
        let echoes = first.facts.echoes.expect("echoes");
        assert_eq!((echoes.received, echoes.late), (1, 0), "{first:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let second = ask_again(&pings, 0.0).await;
        let echoes = second.facts.echoes.expect("echoes");
        assert_eq!((echoes.received, echoes.late), (1, 2), "{second:?}");
        let detail = second.detail.expect("a detail");
        assert!(detail.contains("3 of 4 echoes") && detail.contains("2 of the check before"), "{detail}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_line_has_none_that_come_late() {
        let pings = Pings::through(Arc::new(machine(&[None])));
        ask_again(&pings, 0.0).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let second = ask_again(&pings, 0.0).await;
        let detail = second.detail.expect("a detail");
        assert!(second.facts.echoes.is_some_and(|echoes| echoes.late == 0), "{detail}");
        assert_eq!(detail, "none of 4 echoes came back from 127.0.0.1");
    }

    #[test]
    fn what_a_router_says_is_of_one_echo_or_of_all() {
        let mut echoed = Echoed::out(65_534, 3);
        echoed.hear(Heard::Unreachable(Some(65_535)));
        assert!(matches!(echoed.echoes[1], Sent::Lost(Lost::Unreachable)), "{echoed:?}");
        echoed.hear(Heard::Reply(0));
        assert!(matches!(echoed.echoes[2], Sent::Back(_)), "{echoed:?}");
        echoed.hear(Heard::Reply(7));
        echoed.hear(Heard::Unreachable(None));
        assert!(!echoed.some_are_out() && matches!(echoed.echoes[2], Sent::Back(_)), "{echoed:?}");
    }

    #[tokio::test(start_paused = true)]
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
    fn jitter_is_how_much_round_trips_differ_from_one_to_the_next() {
        assert_eq!(jitter(&[1.0]), None);
        assert_eq!(jitter(&[1.0, 3.0, 2.0]), Some(1.5));
    }

    #[test]
    fn no_two_checks_under_way_have_the_same_id() {
        let pings = Pings::through(Arc::new(machine(&[])));
        pings.next_id.store(65_000, Ordering::Relaxed);
        let ids: std::collections::BTreeSet<u16> = (0..1_000).map(|_| pings.id()).collect();
        assert!(ids.len() == 1_000 && !ids.contains(&0), "{} different ones", ids.len());
    }
}
