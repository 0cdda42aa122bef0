//! Traces beside the schedule, in a world of the test's own and in tokio's paused time.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::*;
use crate::agent::workers::blank;
use crate::estate::{Ask, HostPort, Icb, Network, NetworkIx, Probe, TcpAsk};
use crate::observation::{Failure, Hop, Stopped};
use crate::probe::path::{End, Trace, Way};

const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 2));

/// A field in which a trace takes until the test lets it end.
#[derive(Default)]
struct World {
    is_down: AtomicBool,
    can_trace: AtomicBool,
    traced: AtomicUsize,
    ends: Notify,
    now_ms: std::sync::atomic::AtomicI64,
}

impl Field for World {
    fn now(&self) -> At {
        At::from_millis(self.now_ms.load(Ordering::Relaxed))
    }

    async fn ask(&self, estate: &Estate, _from: Vantage, probe: ProbeIx, at: At) -> Observation {
        blank(at, "G82002", &estate.probes[probe.at()].id)
    }

    async fn trace(&self, _: &Estate, _: Vantage, _: ProbeIx) -> Option<Result<Trace, String>> {
        self.traced.fetch_add(1, Ordering::Relaxed);
        self.ends.notified().await;
        if !self.can_trace.load(Ordering::Relaxed) {
            return Some(Err("no permission".to_owned()));
        }
        let hop = |ttl, n| Hop { ttl, address: Some(IpAddr::from([10, 20, 0, n])), ms: Some(1.0) };
        let target = Hop { ttl: 3, address: Some(TARGET), ms: Some(2.0) };
        let (hops, end) = if self.is_down.load(Ordering::Relaxed) {
            (vec![hop(1, 1)], End::Silent)
        } else {
            (vec![hop(1, 1), hop(2, 2), target], End::Reached)
        };
        Some(Ok(Trace { way: Way::Tcp, target: TARGET, port_of_many: None, hops, end }))
    }
}

struct Bench {
    world: Arc<World>,
    estate: Arc<Estate>,
    traces: Traces,
}

impl Bench {
    fn new() -> Self {
        let probe = Probe {
            id: "web".into(),
            network: NetworkIx(0),
            service: None,
            every: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            also: Vec::new(),
            resolver: None,
            ask: Ask::Tcp(TcpAsk::to(HostPort { host: "10.9.0.2".into(), port: 443 })),
        };
        let estate = Estate {
            icb: Icb { code: "QKS".into(), name: "Kent".into(), timezone: jiff::tz::TimeZone::UTC },
            components: Vec::new(),
            networks: vec![Network { id: "internet".into(), name: String::new(), through: Vec::new() }],
            services: Vec::new(),
            probes: vec![probe],
            practices: Vec::new(),
            hub_via: Vec::new(),
        };
        let world = World { can_trace: AtomicBool::new(true), ..World::default() };
        Self { world: Arc::new(world), estate: Arc::new(estate), traces: Traces::default() }
    }

    /// A result, some seconds after the one before.
    fn result(&self, failure: Option<Failure>, after_s: i64) -> Observation {
        self.world.now_ms.fetch_add(after_s * 1_000, Ordering::Relaxed);
        let mut seen = blank(self.world.now(), "G82002", "web");
        (seen.ok, seen.failure) = (failure.is_none(), failure);
        self.traces.seen(&self.world, &self.estate, (Vantage::Hub, ProbeIx(0)), &mut seen);
        seen
    }

    /// Lets the trace under way end.
    async fn end_trace(&self) {
        self.world.ends.notify_one();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    fn traced(&self) -> usize {
        self.world.traced.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_failing_check_has_its_path_in_its_next_result_beside_the_last_good_one() {
    let bench = Bench::new();
    bench.result(None, 0);
    bench.result(None, 200);
    bench.end_trace().await;
    assert_eq!(bench.traced(), 1, "the good path, within two minutes");
    bench.world.is_down.store(true, Ordering::Relaxed);
    let first = bench.result(Some(Failure::Timeout), 30);
    assert_eq!(first.path, None, "no check waits for its trace");
    assert_eq!(bench.result(Some(Failure::Timeout), 1).path, None, "it is still under way");
    bench.end_trace().await;
    let next = bench.result(Some(Failure::Timeout), 1);
    let path = next.path.expect("a path");
    assert_eq!((path.stopped, path.last), (Stopped::Silent, Some(IpAddr::from([10, 20, 0, 1]))));
    assert_eq!(path.sentence, "Stops after 10.20.0.1. Next was 10.20.0.2.");
    assert_eq!(bench.result(Some(Failure::Timeout), 30).path, None, "told once");
    assert_eq!(bench.traced(), 2);
}

#[tokio::test]
async fn a_trace_that_can_not_be_made_is_said_and_gives_its_place_back() {
    let bench = Bench::new();
    bench.world.can_trace.store(false, Ordering::Relaxed);
    for nth in 1..20 {
        bench.result(Some(Failure::Timeout), 3_600);
        bench.end_trace().await;
        assert_eq!(bench.traced(), nth, "each has its place");
        let path = bench.result(Some(Failure::Timeout), 1).path.expect("a path");
        assert_eq!(path.stopped, Stopped::Unknown);
        assert!(path.sentence.contains("no permission"), "{}", path.sentence);
    }
}

#[tokio::test]
async fn a_result_that_no_path_explains_starts_nothing() {
    let bench = Bench::new();
    for failure in [Failure::Status, Failure::Nxdomain, Failure::Local] {
        assert_eq!(bench.result(Some(failure), 300).path, None);
    }
    bench.end_trace().await;
    assert_eq!(bench.traced(), 0);
}
