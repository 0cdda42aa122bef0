//! The workers that act for each practice on one machine: one dispatcher asks the [`Schedule`] what is due,
//! and a task does each check while it is under way. 75,000 checks cost 75,000 small entries in a heap, not
//! 75,000 tasks.
//!
//! Every observation carries the time at which its check truly began, so a late schedule is never read as
//! an outage. When the clock jumps or the program stands still, what was under way doesn't count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::{ClockWatch, Step};
use super::meters::Meters;
use super::schedule::{Due, Duty, Schedule};
use crate::estate::{Estate, ProbeIx, Vantage};
use crate::limits::{ASK_GRACE, CLOCK_LOOK_EVERY, CLOCK_STEP_MIN};
use crate::observation::{ALIVE, Failure, HUB, Observation};
use crate::time::At;

/// Where the workers stand: it has a clock, and checks can be asked in it. The one seam between the schedule
/// and the sockets, so that a test can put its own world there.
pub trait Field: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> At;

    /// Asks one check that begins at `at`. It ends within the probe's timeout.
    fn ask(
        &self,
        estate: &Estate,
        from: Vantage,
        probe: ProbeIx,
        at: At,
    ) -> impl Future<Output = Observation> + Send;
}

/// Decides whether a worker's report reaches the hub. A drill uses it to cut practices off, as a failed
/// line does to a real agent; `run` has none.
pub trait ReportGate: Send + Sync {
    fn arrives(&self, from: Vantage) -> bool;
}

/// An observation on its way to the correlator, with its place in the estate of its generation.
#[derive(Debug)]
pub struct Report {
    /// Which configuration it was asked under; the places below are meaningless under another.
    pub generation: u64,
    pub from: Vantage,
    /// `None`: a heartbeat.
    pub probe: Option<ProbeIx>,
    pub seen: Observation,
}

/// What one generation of workers works with.
pub struct Workers<F> {
    pub estate: Arc<Estate>,
    pub generation: u64,
    /// Checks under way at once, at most.
    pub concurrency_max: usize,
    pub field: Arc<F>,
    pub gate: Option<Arc<dyn ReportGate>>,
    pub meters: Arc<Meters>,
    pub out: mpsc::Sender<Report>,
    pub stop: CancellationToken,
}

impl<F> Clone for Workers<F> {
    fn clone(&self) -> Self {
        Self {
            estate: self.estate.clone(),
            generation: self.generation,
            concurrency_max: self.concurrency_max,
            field: self.field.clone(),
            gate: self.gate.clone(),
            meters: self.meters.clone(),
            out: self.out.clone(),
            stop: self.stop.clone(),
        }
    }
}

impl<F: Field> Workers<F> {
    /// Works until it is stopped; the checks under way then end on their own, within their timeouts, and are
    /// still reported when somebody listens.
    pub async fn work(self, mut schedule: Schedule) {
        let permits = Arc::new(Semaphore::new(self.concurrency_max.clamp(1, Semaphore::MAX_PERMITS)));
        let under_way: Arc<[AtomicBool]> = (0..schedule.len()).map(|_| AtomicBool::new(false)).collect();
        let checks = TaskTracker::new();
        let begun = Instant::now();
        let mut watch = ClockWatch::new(self.field.now(), 0);
        let mut skipped = 0;
        // Held while waiting, so that when something is due it can begin at once.
        let mut permit: Option<OwnedSemaphorePermit> = None;
        loop {
            if permit.is_none() {
                permit = tokio::select! {
                    () = self.stop.cancelled() => break,
                    got = permits.clone().acquire_owned() => got.ok(),
                };
            }
            let now = self.field.now();
            let step = watch.look(now, millis(begun.elapsed()));
            if step != Step::Steady {
                schedule.realign(now);
            }
            let due = schedule.take(now);
            self.meters.skipped.inc_by(schedule.skipped().saturating_sub(skipped));
            skipped = schedule.skipped();
            match due {
                Some(Due { number, duty: Duty::Check { from, probe }, slot }) => {
                    if under_way[number].swap(true, Ordering::AcqRel) {
                        self.meters.skipped.inc();
                        continue;
                    }
                    self.meters.begun(slot, now);
                    let place = Place { under_way: under_way.clone(), number, _permit: permit.take() };
                    let workers = self.clone();
                    checks.spawn(async move {
                        workers.check(from, probe, now).await;
                        drop(place);
                    });
                }
                Some(Due { duty: Duty::Alive { practice }, .. }) => {
                    let from = Vantage::Practice(practice);
                    let seen = heartbeat(now, &self.estate.practices[practice.at()].id);
                    tokio::select! {
                        () = self.stop.cancelled() => break,
                        () = self.report(from, None, seen) => {}
                    }
                }
                None => {
                    let wait = schedule.next_due().map_or(CLOCK_LOOK_EVERY, |due| {
                        let ms = u64::try_from(due.millis_since(now)).unwrap_or(0).max(1);
                        Duration::from_millis(ms).min(CLOCK_LOOK_EVERY)
                    });
                    tokio::select! {
                        () = self.stop.cancelled() => break,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
        checks.close();
        checks.wait().await;
    }

    async fn check(&self, from: Vantage, probe: ProbeIx, at: At) {
        self.meters.asked.inc();
        let in_flight = InFlight::new(&self.meters);
        let begun = Instant::now();
        let timeout = self.estate.probes[probe.at()].timeout;
        let asked = self.field.ask(&self.estate, from, probe, at);
        let answered = tokio::time::timeout(timeout + ASK_GRACE, asked).await;
        drop(in_flight);
        let gone = begun.elapsed();
        let wall_ms = self.field.now().millis_since(at);
        if wall_ms.saturating_sub(millis(gone)).abs() > millis(CLOCK_STEP_MIN) {
            self.meters.discarded.inc();
            return;
        }
        let seen = match answered {
            // A failure that took longer than it may is this machine's own: it wasn't there to see the answer.
            Ok(seen) if seen.ok || gone <= timeout + ASK_GRACE => seen,
            Ok(_) | Err(_) => overdue(at, self.id(from), &self.estate.probes[probe.at()].id, gone),
        };
        self.report(from, Some(probe), seen).await;
    }

    /// Waits while the queue is full: then the schedule runs late, and nothing is lost.
    async fn report(&self, from: Vantage, probe: Option<ProbeIx>, seen: Observation) {
        if self.gate.as_ref().is_none_or(|gate| gate.arrives(from)) {
            // Nobody listens any more once the hub has stopped.
            drop(self.out.send(Report { generation: self.generation, from, probe, seen }).await);
        }
    }

    fn id(&self, from: Vantage) -> &str {
        match from {
            Vantage::Hub => HUB,
            Vantage::Practice(practice) => &self.estate.practices[practice.at()].id,
        }
    }
}

/// A check's place among those under way; given back however the check ends.
struct Place {
    under_way: Arc<[AtomicBool]>,
    number: usize,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.under_way[self.number].store(false, Ordering::Release);
    }
}

/// Counts a check as under way for as long as it lives.
struct InFlight<'a>(&'a Meters);

impl<'a> InFlight<'a> {
    fn new(meters: &'a Meters) -> Self {
        meters.in_flight.inc();
        Self(meters)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

fn heartbeat(at: At, practice_id: &str) -> Observation {
    blank(at, practice_id, ALIVE)
}

fn overdue(at: At, practice_id: &str, probe_id: &str, gone: Duration) -> Observation {
    Observation {
        ok: false,
        failure: Some(Failure::Local),
        ms: gone.as_secs_f64() * 1000.0,
        detail: Some("the check did not end by its deadline: this machine is overloaded".to_owned()),
        ..blank(at, practice_id, probe_id)
    }
}

/// An observation that says nothing but who, what and when.
pub fn blank(at: At, practice_id: &str, probe_id: &str) -> Observation {
    Observation {
        at,
        received: None,
        practice: practice_id.to_owned(),
        probe: probe_id.to_owned(),
        ok: true,
        failure: None,
        phase: None,
        ms: 0.0,
        phases_ms: crate::observation::PhaseTimes::default(),
        loss: None,
        detail: None,
        seq: None,
        agent: None,
        uplink: None,
        reask: false,
    }
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
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
                ask: Ask::Tcp(TcpAsk { target: HostPort { host: "127.0.0.1".into(), port: 9 } }),
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
        let settings = ScheduleSettings { concurrency_max, target_rate_max: None };
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
}
