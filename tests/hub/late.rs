//! Checks that are late, over real sockets: the far end is a UDP server on loopback that is silent, slow, or lost one packet.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use linewatch::agent::clock;
use linewatch::agent::meters::Meters;
use linewatch::agent::reask::{Ended, Fared, Reasks};
use linewatch::agent::schedule::Schedule;
use linewatch::agent::workers::{Report, Workers};
use linewatch::config;
use linewatch::estate::{PracticeIx, ProbeIx, Vantage};
use linewatch::hub::field::Sockets;
use linewatch::limits::LATE_ANSWERS_MIN;
use linewatch::observation::{Failure, Observation};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::bench::DEADLINE;

const PRACTICE: Vantage = Vantage::Practice(PracticeIx(0));
const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 1, 0, 9));

/// What the far end does with what the practice asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FarEnd {
    Silent,
    /// It answers once what it was asked is told as late.
    Slow,
    /// The first question got lost.
    LostOne,
}

async fn serve(socket: Arc<UdpSocket>, far_end: FarEnd, told_late: watch::Receiver<bool>) {
    let (mut buffer, mut seen) = ([0; 64], HashSet::new());
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let is_first = seen.insert(peer.ip());
        match far_end {
            FarEnd::Slow => {
                let (socket, answer) = (socket.clone(), buffer[..length].to_vec());
                let mut told_late = told_late.clone();
                tokio::spawn(async move {
                    if told_late.wait_for(|told| *told).await.is_ok() {
                        drop(socket.send_to(&answer, peer).await);
                    }
                });
            }
            FarEnd::LostOne if !is_first => drop(socket.send_to(&buffer[..length], peer).await),
            FarEnd::Silent | FarEnd::LostOne => {}
        }
    }
}

/// What is told of the practice's check, known to take 5 ms, until both the scheduled asking and one beside it have ended; and how
/// many checks were told as late.
async fn told(far_end: FarEnd) -> (Vec<Observation>, u64) {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let port = socket.local_addr().unwrap().port();
    let (tell, told_late) = watch::channel(false);
    let server = tokio::spawn(serve(socket, far_end, told_late));
    let text = format!(
        r#"
[icb]
code = "QKS"
name = "Kent"
timezone = "Europe/London"

[[network]]
id = "internet"
name = "the internet"
through = []

[[probe]]
id = "echo"
kind = "udp"
network = "internet"
target = "127.0.0.1:{port}"
every = "4s"
timeout = "2500ms"

[[practice]]
ods = "G82002"
name = "A surgery"
source = "{SOURCE}"
"#
    );
    let config = config::parse("probes.toml", &text, Path::new(".")).unwrap();
    let estate = Arc::new(config.estate);
    let mut reasks = Reasks::new(estate.clone(), &config.schedule);
    for _ in 0..LATE_ANSWERS_MIN {
        let answered = Ended { fared: Fared::Well, ms: 5.0, reask: false };
        reasks.ended(PRACTICE, ProbeIx(0), answered, clock::now());
    }
    let schedule = Schedule::new(&estate, &config.schedule, clock::now());
    let (out, mut reports) = mpsc::channel(100);
    let meters = Arc::new(Meters::new(&prometheus::Registry::new()).unwrap());
    let stop = CancellationToken::new();
    let workers = Workers {
        estate,
        generation: 1,
        concurrency_max: 16,
        field: Arc::new(Sockets::new().unwrap()),
        gate: None,
        meters: meters.clone(),
        traces: None,
        out,
        stop: stop.clone(),
    };
    let work = tokio::spawn(workers.work(schedule, reasks, mpsc::channel(1).1));
    let mut all: Vec<Observation> = Vec::new();
    let both = |all: &[Observation]| {
        let ended = |reask: bool| all.iter().any(|seen| seen.reask == reask && !seen.late);
        ended(true) && ended(false)
    };
    let listen = async {
        while !both(&all) {
            let Report { from, probe, seen, .. } = reports.recv().await.expect("the workers work");
            if from == PRACTICE && probe.is_some() {
                tell.send_if_modified(|told| seen.late && !std::mem::replace(told, true));
                all.push(seen);
            }
        }
    };
    tokio::time::timeout(DEADLINE, listen).await.expect("both askings end");
    stop.cancel();
    drop(reports);
    work.await.unwrap();
    server.abort();
    (all, meters.reasks("late"))
}

fn late(all: &[Observation]) -> Vec<&Observation> {
    all.iter().filter(|seen| seen.late).collect()
}

#[tokio::test]
async fn a_far_end_that_is_silent_is_told_as_late_long_before_it_has_failed() {
    let (all, told) = told(FarEnd::Silent).await;
    let [late] = late(&all)[..] else { panic!("{all:?}") };
    let first = all.iter().find(|seen| !seen.reask).unwrap();
    let (late_ms, failed_ms) = (late.ended().millis_since(first.at), first.ended().millis_since(first.at));
    assert!(late.reask && late.failure == Some(Failure::TooSlow), "{late:?}");
    assert!(
        late_ms >= 1_000 && late_ms + 500 < failed_ms,
        "late after {late_ms} ms, failed after {failed_ms}"
    );
    assert!(std::ptr::eq(late, &raw const all[0]), "it is told before anything has ended: {all:?}");
    let ends: Vec<Option<Failure>> = all[1..].iter().map(|seen| seen.failure).collect();
    assert!(ends.iter().all(|failure| *failure == Some(Failure::Timeout)), "{all:?}");
    assert!(told >= 1);
}

#[tokio::test]
async fn a_far_end_that_is_slow_is_late_and_then_both_askings_are_answered() {
    let (all, _) = told(FarEnd::Slow).await;
    assert_eq!(late(&all).len(), 1, "{all:?}");
    assert!(all.iter().filter(|seen| !seen.late).all(|seen| seen.ok), "{all:?}");
    let first = all.iter().find(|seen| !seen.late && !seen.reask).unwrap();
    assert!(first.ms >= 1_000.0, "it is told as late after a second, and answered then: {first:?}");
}

#[tokio::test]
async fn one_lost_packet_is_not_told_as_late() {
    let (all, _) = told(FarEnd::LostOne).await;
    assert_eq!(late(&all), Vec::<&Observation>::new());
    let again = all.iter().find(|seen| seen.reask).unwrap();
    assert!(again.ok && again.ms < 500.0, "{again:?}");
}
