//! The workers in tokio's paused time: the same each time, and done in milliseconds.

use super::*;
use crate::agent::schedule::next_slot;
use crate::config::ScheduleSettings;
use crate::estate::{Ask, HostPort, Icb, Network, NetworkIx, Practice, PracticeIx, Probe, TcpAsk};
use crate::observation::HUB;
use std::sync::Mutex;
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
    /// From then on, milliseconds from the beginning, nothing answers: a check fails after `answer_after`.
    dies_at_ms: AtomicI64,
    /// From then on every answer takes three seconds.
    slows_at_ms: AtomicI64,
    /// How long a check then takes to fail; 0: as long as an answer.
    fails_after_ms: AtomicI64,
    /// Who asked when, milliseconds from the beginning: as the server sees it.
    log: Mutex<Vec<(i64, Vantage)>>,
}

impl Paused {
    fn new(answer_after: Duration) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            answer_after,
            set_by_ms: AtomicI64::new(0),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            dies_at_ms: AtomicI64::new(i64::MAX),
            slows_at_ms: AtomicI64::new(i64::MAX),
            fails_after_ms: AtomicI64::new(0),
            log: Mutex::default(),
        })
    }
}

impl Field for Paused {
    fn now(&self) -> At {
        START.plus_millis(whole_millis(self.begun.elapsed()) + self.set_by_ms.load(Ordering::Relaxed))
    }

    async fn ask(&self, estate: &Estate, from: Vantage, probe: ProbeIx, at: At) -> Observation {
        let begun_ms = whole_millis(self.begun.elapsed());
        self.log.lock().expect("no panic").push((begun_ms, from));
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(under_way, Ordering::Relaxed);
        let is_dead = begun_ms >= self.dies_at_ms.load(Ordering::Relaxed);
        let fails_after = self.fails_after_ms.load(Ordering::Relaxed);
        let fails_after = u64::try_from(fails_after).ok().filter(|ms| is_dead && *ms > 0);
        let is_slow = begun_ms >= self.slows_at_ms.load(Ordering::Relaxed);
        let answer_after = if is_slow { Duration::from_secs(3) } else { self.answer_after };
        tokio::time::sleep(fails_after.map_or(answer_after, Duration::from_millis)).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        let ms = whole_millis(self.begun.elapsed()) - begun_ms;
        let seen = Observation { ms: ms as f64, ..blank(at, "somebody", &estate.probes[probe.at()].id) };
        if !is_dead {
            return seen;
        }
        Observation { ok: false, failure: Some(Failure::Timeout), ..seen }
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
    wishes: mpsc::Sender<Wished>,
}

fn begin(
    field: &Arc<Paused>,
    practices: u32,
    concurrency_max: usize,
    gate: Option<Arc<dyn ReportGate>>,
) -> Bench {
    begin_with(field, practices, concurrency_max, gate, 10_000)
}

fn begin_with(
    field: &Arc<Paused>,
    practices: u32,
    concurrency_max: usize,
    gate: Option<Arc<dyn ReportGate>>,
    queue: usize,
) -> Bench {
    let estate = estate(practices);
    let settings = ScheduleSettings { concurrency_max, target_rate_max: None, reask: true, paths: false };
    let schedule = Schedule::new(&estate, &settings, field.now());
    let (out, reports) = mpsc::channel(queue);
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
    let reasks = Reasks::new(workers.estate.clone(), &settings);
    let (wishes, wished) = mpsc::channel(4);
    let work = tokio::spawn(workers.work(schedule, reasks, wished));
    Bench { reports, meters, stop, work, wishes }
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

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_is_asked_again_within_a_second_and_the_rate_holds() {
    let field = Paused::new(Duration::from_millis(100));
    field.dies_at_ms.store(20_000, Ordering::Relaxed);
    let bench = begin(&field, 50, 512, None);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let meters = bench.meters.clone();
    let late = meters.late_seconds(field.now());
    let reports = bench.end().await;

    let first = reports.iter().find(|report| !report.seen.ok).expect("it died");
    let mut of_first =
        reports.iter().filter(|report| report.from == first.from && report.seen.at > first.seen.at);
    let (first, again) = (&first.seen, &of_first.next().expect("asked again").seen);
    assert!(!first.reask && again.reask, "{again:?}");
    let waited_ms = again.at.millis_since(first.ended());
    assert!((100..1_100).contains(&waited_ms), "asked again {waited_ms} ms after the first failure");
    assert!(reports.iter().all(|report| !report.seen.reask || report.seen.at.millis_since(START) >= 20_000));

    // The schedule goes on as if nothing had happened.
    let scheduled = reports.iter().filter(|report| report.probe.is_some() && !report.seen.reask);
    assert_eq!(scheduled.count(), 51 * 6);
    assert!(late < 0.1, "{late}");

    // 51 askers every 10 s are 5.1 a second; asking again adds 4 a second, and 4 at once.
    let log = field.log.lock().expect("no panic");
    let asked = |from_ms: i64, to_ms: i64| log.iter().filter(|(ms, _)| (from_ms..to_ms).contains(ms)).count();
    let usual = (0..10).map(|second| asked(10_000 + second * 1_000, 11_000 + second * 1_000));
    for (second, usual) in (0..).zip(usual) {
        for turn in [20, 30, 40, 50] {
            let from_ms = (turn + second) * 1_000;
            let now = asked(from_ms, from_ms + 1_000);
            assert!(now <= usual + 9, "second {}: {now} instead of {usual}", turn + second);
        }
    }
    let again = reports.iter().filter(|report| report.seen.reask).count();
    assert!((60..=165).contains(&again), "{again}");
    assert_eq!(meters.reasks("asked"), again as u64);
    assert!(meters.reasks("put_off") > 0);
}

#[tokio::test(start_paused = true)]
async fn a_check_whose_packets_vanish_is_asked_beside_itself_before_it_has_failed() {
    let field = Paused::new(Duration::from_millis(20));
    field.dies_at_ms.store(200_000, Ordering::Relaxed);
    field.fails_after_ms.store(5_000, Ordering::Relaxed);
    let bench = begin(&field, 1, 64, None);
    tokio::time::sleep(Duration::from_secs(215)).await;
    let meters = bench.meters.clone();
    let reports = bench.end().await;
    let failures: Vec<&Observation> = reports
        .iter()
        .filter(|report| !report.seen.ok && report.from != Vantage::Hub)
        .map(|report| &report.seen)
        .collect();
    let [late, first, second, ..] = failures[..] else { panic!("{failures:?}") };
    assert!(!first.reask && second.reask && late.late, "{late:?} {first:?} {second:?}");
    assert_eq!(
        (late.at, late.failure),
        (second.at, Some(Failure::TooSlow)),
        "it is the second asking's silence"
    );
    let silent_ms = late.ended().millis_since(first.at);
    assert!((1_000..1_100).contains(&silent_ms), "told {silent_ms} ms after the first asking began");
    let late_ms = second.at.millis_since(first.at);
    assert!((500..600).contains(&late_ms), "asked again {late_ms} ms after the first asking began");
    assert_eq!(meters.reasks("early"), 2, "the practice's and the hub's");
    assert_eq!(meters.reasks("late"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_becomes_slow_is_late_once_and_has_not_failed() {
    let field = Paused::new(Duration::from_millis(20));
    field.slows_at_ms.store(200_000, Ordering::Relaxed);
    let bench = begin(&field, 1, 64, None);
    tokio::time::sleep(Duration::from_mins(5)).await;
    let meters = bench.meters.clone();
    let reports = bench.end().await;
    let failed = reports.iter().filter(|report| !report.seen.ok && !report.seen.late).count();
    let late: Vec<&Report> = reports.iter().filter(|report| report.seen.late).collect();
    assert_eq!(failed, 0);
    assert_eq!(late.len(), 2, "the practice's and the hub's, and then it is known to be slow: {late:?}");
    assert_eq!(meters.reasks("late"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_wishes_is_asked_within_a_second_and_only_of_this_configuration() {
    let field = Paused::new(Duration::from_millis(20));
    let bench = begin(&field, 1, 64, None);
    let (from, probe) = (Vantage::Practice(PracticeIx(0)), ProbeIx(0));
    // Not close before its turn, when nothing would be gained.
    let turn = next_slot("G00000", "web", Duration::from_secs(10), field.now());
    let turn_ms = u64::try_from(turn.millis_since(field.now())).expect("it is ahead");
    tokio::time::sleep(Duration::from_millis(turn_ms + 1_000)).await;
    bench.wishes.send(Wished { generation: 6, from, probe }).await.expect("the workers work");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.meters.reasks("asked"), 0, "a wish of another configuration");
    let wished_at = field.now();
    bench.wishes.send(Wished { generation: 7, from, probe }).await.expect("the workers work");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((bench.meters.reasks("wished"), bench.meters.reasks("asked")), (1, 1));
    let asked: Vec<At> = bench
        .end()
        .await
        .into_iter()
        .filter(|report| report.seen.reask)
        .map(|report| report.seen.at)
        .collect();
    let [at] = asked[..] else { panic!("{asked:?}") };
    let waited_ms = at.millis_since(wished_at);
    assert!((0..1_000).contains(&waited_ms), "{waited_ms}");
}

#[tokio::test(start_paused = true)]
async fn what_is_late_waits_for_nobody_and_is_not_told_when_the_queue_is_full() {
    let field = Paused::new(Duration::from_millis(20));
    field.slows_at_ms.store(200_000, Ordering::Relaxed);
    let mut bench = begin_with(&field, 1, 64, None, 1);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(199) {
        bench.reports.recv().await.expect("the workers work");
    }
    // From now on nobody takes a report: one fills the queue, and the checks still end.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(bench.meters.reasks("early"), 2);
    assert!(bench.meters.reasks("late") <= 1);
    assert_eq!(bench.meters.in_flight.get(), 0);
    bench.stop.cancel();
    while let Some(report) = bench.reports.recv().await {
        assert!(report.seen.ok || report.seen.late, "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_everything_times_out_asking_again_leaves_the_schedule_its_places() {
    let field = Paused::new(Duration::from_secs(5));
    field.dies_at_ms.store(0, Ordering::Relaxed);
    // 8 askers of 5 s each in 10 s keep 4 places busy.
    let bench = begin(&field, 7, 8, None);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let late = bench.meters.late_seconds(field.now());
    assert_eq!(bench.meters.skipped.get(), 0);
    assert!(bench.meters.reasks("asked") > 0);
    bench.end().await;
    assert!(late < 0.1, "{late}");
}
