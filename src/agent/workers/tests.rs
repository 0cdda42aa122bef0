//! The workers in tokio's paused time: the same each time, and done in milliseconds.

use super::*;
use crate::config::ScheduleSettings;
use crate::estate::{Ask, HostPort, Icb, Network, NetworkIx, Practice, PracticeIx, Probe, TcpAsk};
use std::sync::atomic::{AtomicI64, AtomicUsize};

const START: At = At::from_millis(1_700_000_000_000);

/// A field in tokio's paused time, where every answer takes as long as the test says.
struct Paused {
    begun: Instant,
    answer_after: Duration,
    /// How far the wall clock was set forward.
    set_by_ms: AtomicI64,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

impl Paused {
    fn new(answer_after: Duration) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            answer_after,
            set_by_ms: AtomicI64::new(0),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }
}

impl Field for Paused {
    fn now(&self) -> At {
        START.plus_millis(millis(self.begun.elapsed()) + self.set_by_ms.load(Ordering::Relaxed))
    }

    async fn ask(&self, estate: &Estate, _from: Vantage, probe: ProbeIx, at: At) -> Observation {
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(under_way, Ordering::Relaxed);
        tokio::time::sleep(self.answer_after).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        blank(at, "somebody", &estate.probes[probe.at()].id)
    }
}

fn estate(practices: u32) -> Arc<Estate> {
    let practice = |number: u32| Practice {
        id: format!("G{number:05}"),
        name: String::new(),
        postcode: None,
        list_size: None,
        email: Vec::new(),
        source: None,
        via: Vec::new(),
        through: Vec::new(),
    };
    Arc::new(Estate {
        icb: Icb { code: "QKS".into(), name: "Kent".into(), timezone: jiff::tz::TimeZone::UTC },
        components: Vec::new(),
        networks: vec![Network { id: "internet".into(), name: String::new(), through: Vec::new() }],
        services: Vec::new(),
        probes: vec![Probe {
            id: "web".into(),
            network: NetworkIx(0),
            service: None,
            every: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            also: Vec::new(),
            resolver: None,
            ask: Ask::Tcp(TcpAsk::to(HostPort { host: "127.0.0.1".into(), port: 9 })),
        }],
        practices: (0..practices).map(practice).collect(),
        hub_via: Vec::new(),
    })
}

struct Bench {
    reports: mpsc::Receiver<Report>,
    meters: Arc<Meters>,
    stop: CancellationToken,
    work: tokio::task::JoinHandle<()>,
}

fn begin(
    field: &Arc<Paused>,
    practices: u32,
    concurrency_max: usize,
    gate: Option<Arc<dyn ReportGate>>,
) -> Bench {
    let estate = estate(practices);
    let settings = ScheduleSettings { concurrency_max, target_rate_max: None, paths: false };
    let schedule = Schedule::new(&estate, &settings, field.now());
    let (out, reports) = mpsc::channel(10_000);
    let meters = Arc::new(Meters::new(&prometheus::Registry::new()).expect("a fresh registry"));
    let stop = CancellationToken::new();
    let workers = Workers {
        estate,
        generation: 7,
        concurrency_max,
        field: field.clone(),
        gate,
        meters: meters.clone(),
        traces: None,
        out,
        stop: stop.clone(),
    };
    let work = tokio::spawn(workers.work(schedule));
    Bench { reports, meters, stop, work }
}

impl Bench {
    /// Everything reported until the workers have ended.
    async fn end(mut self) -> Vec<Report> {
        self.stop.cancel();
        self.work.await.expect("the workers end without a panic");
        let mut all = Vec::new();
        while let Some(report) = self.reports.recv().await {
            all.push(report);
        }
        all
    }
}

#[tokio::test(start_paused = true)]
async fn each_check_is_asked_once_an_interval_and_each_practice_lives() {
    let field = Paused::new(Duration::from_millis(20));
    let bench = begin(&field, 4, 512, None);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let reports = bench.end().await;
    let checks = reports.iter().filter(|report| report.probe.is_some()).count();
    assert_eq!(checks, 5 * 3, "four practices and the hub, three times");
    let alive: Vec<_> = reports.iter().filter(|report| report.seen.probe == ALIVE).collect();
    assert_eq!(alive.len(), 4);
    assert!(alive.iter().all(|report| report.seen.ok && report.from != Vantage::Hub));
    assert!(reports.iter().all(|report| report.generation == 7));
}

#[tokio::test(start_paused = true)]
async fn no_more_checks_are_under_way_than_allowed_and_the_lateness_shows() {
    let field = Paused::new(Duration::from_secs(4));
    let bench = begin(&field, 40, 3, None);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let late = bench.meters.late_seconds(field.now());
    let skipped = bench.meters.skipped.get();
    let reports = bench.end().await;
    assert_eq!(field.most.load(Ordering::Relaxed), 3);
    assert!(late > 4.0, "41 checks of 4 s each can't be done three at a time in 10 s: {late}");
    assert!(late < 10.0, "a slot that is an interval late is skipped: {late}");
    assert!(skipped > 40, "{skipped}");
    assert!(reports.iter().all(|report| report.seen.ok), "lateness is never an outage");
    let in_time = |report: &&Report| report.seen.at.millis_since(START) % 1_000 == 0;
    assert!(reports.iter().filter(in_time).count() < reports.len(), "`at` is when it truly began");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_does_not_keep_its_deadline_is_this_machines_own_fault() {
    let field = Paused::new(Duration::from_hours(1));
    let bench = begin(&field, 0, 512, None);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let reports = bench.end().await;
    assert!(!reports.is_empty());
    for report in reports {
        assert_eq!(report.seen.failure, Some(Failure::Local));
        assert_eq!(report.seen.practice, HUB);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_while_the_clock_jumped_does_not_count() {
    let field = Paused::new(Duration::from_secs(4));
    let mut bench = begin(&field, 0, 512, None);
    while bench.meters.in_flight.get() == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    field.set_by_ms.store(3_600_000, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.meters.discarded.get(), 1);
    assert!(bench.reports.try_recv().is_err(), "nothing was reported");
    tokio::time::sleep(Duration::from_secs(20)).await;
    let reports = bench.end().await;
    assert!((1..=3).contains(&reports.len()), "it goes on in the new time, without a burst");
}

/// Lets only one practice's reports through.
struct OnlyThird;

impl ReportGate for OnlyThird {
    fn arrives(&self, from: Vantage) -> bool {
        from == Vantage::Practice(PracticeIx(2))
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_cuts_practices_off_and_their_checks_go_on() {
    let field = Paused::new(Duration::from_millis(20));
    let bench = begin(&field, 4, 512, Some(Arc::new(OnlyThird)));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let asked = bench.meters.asked.get();
    let reports = bench.end().await;
    assert_eq!(asked, 15);
    assert_eq!(reports.len(), 3 + 1);
    assert!(reports.iter().all(|report| report.from == Vantage::Practice(PracticeIx(2))));
}
