//! The workers that act for each practice on one machine: one dispatcher asks the [`Schedule`] what is due,
//! and a task does each check while it is under way. 75,000 checks cost 75,000 small entries in a heap, not
//! 75,000 tasks.
//!
//! Every observation carries the time at which its check truly began, so a late schedule is never read as
//! an outage. When the clock jumps or the program stands still, what was under way doesn't count.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::beside::Beside;
use super::clock::{ClockWatch, Step};
use super::meters::Meters;
use super::reask::{Again, Reasks, Way};
use super::schedule::{Due, Duty, Schedule};
use super::traces::Traces;
use crate::estate::{Estate, ProbeIx, Vantage};
use crate::limits::{ASK_GRACE, CLOCK_LOOK_EVERY, CLOCK_STEP_MIN, REASK_KEPT_FREE_SHARE};
use crate::observation::{ALIVE, Failure, Observation};
use crate::probe::path::Trace;
use crate::time::{At, whole_millis};

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

    /// Traces the way of one check's packets, within some seconds; an error says why this machine couldn't. `None`: no
    /// paths are traced here.
    fn trace(
        &self,
        _estate: &Estate,
        _from: Vantage,
        _probe: ProbeIx,
    ) -> impl Future<Output = Option<Result<Trace, String>>> + Send {
        std::future::ready(None)
    }
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

/// A check that the hub wishes to have asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wished {
    /// Of which configuration the places are.
    pub generation: u64,
    pub from: Vantage,
    pub probe: ProbeIx,
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
    /// Where paths are kept; `None`: none are traced.
    pub traces: Option<Traces>,
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
            traces: self.traces.clone(),
            out: self.out.clone(),
            stop: self.stop.clone(),
        }
    }
}

impl<F: Field> Workers<F> {
    /// Works until it is stopped; the checks under way then end on their own, within their timeouts, and are
    /// still reported when somebody listens.
    pub async fn work(self, mut schedule: Schedule, reasks: Reasks, mut wishes: mpsc::Receiver<Wished>) {
        let permits_max = self.concurrency_max.clamp(1, Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(permits_max));
        let kept_free = kept_free(permits_max);
        let (under_way, again_under_way) = (marks(schedule.len()), marks(schedule.len()));
        let beside = Arc::new(Beside::new(reasks, &self.meters));
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
            let step = watch.look(now, whole_millis(begun.elapsed()));
            if step != Step::Steady {
                schedule.realign(now);
                beside.forget();
                self.traces.iter().for_each(|traces| traces.forget_times(now));
            }
            while let Ok(wished) = wishes.try_recv() {
                self.heed(wished, &beside, now);
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
                    beside.begun(from, probe, now);
                    let place = Place { under_way: under_way.clone(), number, _permit: permit.take() };
                    checks.spawn(self.clone().check((from, probe), now, Why::Due, place, beside.clone()));
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
                    // The schedule comes first, and keeps some places to itself.
                    let has_room = permits.available_permits() >= kept_free;
                    let way = |from, probe, is_late: bool| {
                        let Some(number) = schedule.number(from, probe) else { return Way::Taken };
                        let marked = |marks: &[AtomicBool]| marks[number].load(Ordering::Acquire);
                        if marked(&under_way) && !is_late || marked(&again_under_way) {
                            return Way::Taken;
                        }
                        schedule.take_turn(number, now).map_or_else(Way::From, |()| Way::Free)
                    };
                    let again = if has_room { beside.take(now, &self.meters, way) } else { None };
                    if let Some((Again { from, probe, silent_after }, number)) =
                        again.and_then(|again| Some((again, schedule.number(again.from, again.probe)?)))
                    {
                        again_under_way[number].store(true, Ordering::Release);
                        let place =
                            Place { under_way: again_under_way.clone(), number, _permit: permit.take() };
                        let why = Why::Again { silent_after };
                        checks.spawn(self.clone().check((from, probe), now, why, place, beside.clone()));
                        continue;
                    }
                    let next = [schedule.next_due(), beside.next_due().filter(|_| has_room)];
                    let wait = next.into_iter().flatten().min().map_or(CLOCK_LOOK_EVERY, |due| {
                        let ms = u64::try_from(due.millis_since(now)).unwrap_or(0).max(1);
                        Duration::from_millis(ms).min(CLOCK_LOOK_EVERY)
                    });
                    tokio::select! {
                        () = self.stop.cancelled() => break,
                        () = beside.news() => {}
                        Some(wished) = wishes.recv() => self.heed(wished, &beside, self.field.now()),
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
        checks.close();
        checks.wait().await;
    }

    /// Takes a wish, unless it is of another configuration.
    fn heed(&self, wished: Wished, beside: &Beside, now: At) {
        if wished.generation == self.generation {
            beside.wished(wished.from, wished.probe, now, &self.meters);
        }
    }

    async fn check(
        self,
        (from, probe): (Vantage, ProbeIx),
        at: At,
        why: Why,
        place: Place,
        beside: Arc<Beside>,
    ) {
        self.meters.asked.inc();
        let in_flight = InFlight::new(&self.meters);
        let begun = Instant::now();
        let timeout = self.estate.probes[probe.at()].timeout;
        let asked = self.field.ask(&self.estate, from, probe, at);
        let mut asked = pin!(tokio::time::timeout(timeout + ASK_GRACE, asked));
        let silent = async {
            match why {
                Why::Again { silent_after: Some(after) } => tokio::time::sleep(after).await,
                _ => std::future::pending().await,
            }
        };
        let answered = tokio::select! {
            biased;
            answered = &mut asked => answered,
            () = silent => {
                if beside.is_silent(from, probe) && !self.clock_was_set(at, begun.elapsed()) {
                    self.tell_late((from, probe), at, begun.elapsed());
                }
                asked.await
            }
        };
        drop(in_flight);
        let gone = begun.elapsed();
        if self.clock_was_set(at, gone) {
            self.meters.discarded.inc();
            return;
        }
        let mut seen = match answered {
            // A failure that took longer than it may is this machine's own: it wasn't there to see the answer.
            Ok(seen) if seen.ok || gone <= timeout + ASK_GRACE => seen,
            Ok(_) | Err(_) => overdue(at, self.estate.asker(from), &self.estate.probes[probe.at()].id, gone),
        };
        seen.reask = matches!(why, Why::Again { .. });
        beside.seen(from, probe, &seen, self.field.now());
        if let Some(traces) = &self.traces {
            traces.seen(&self.field, &self.estate, (from, probe), &mut seen);
        }
        self.report(from, Some(probe), seen).await;
        drop(place);
    }

    /// What began at `at` and took `gone` by the steady clock took another time by the wall clock.
    fn clock_was_set(&self, at: At, gone: Duration) -> bool {
        let wall_ms = self.field.now().millis_since(at);
        wall_ms.saturating_sub(whole_millis(gone)).abs() > whole_millis(CLOCK_STEP_MIN)
    }

    /// Tells that a check is late. The asking goes on meanwhile, so this waits for nobody: when the queue is full it isn't told.
    fn tell_late(&self, (from, probe): (Vantage, ProbeIx), at: At, gone: Duration) {
        if self.gate.as_ref().is_some_and(|gate| !gate.arrives(from)) {
            return;
        }
        let seen = late(at, self.estate.asker(from), &self.estate.probes[probe.at()].id, gone);
        let report = Report { generation: self.generation, from, probe: Some(probe), seen };
        if self.out.try_send(report).is_ok() {
            self.meters.reasked("late", 1);
        }
    }

    /// Waits while the queue is full: then the schedule runs late, and nothing is lost.
    async fn report(&self, from: Vantage, probe: Option<ProbeIx>, seen: Observation) {
        if self.gate.as_ref().is_none_or(|gate| gate.arrives(from)) {
            // Nobody listens any more once the hub has stopped.
            drop(self.out.send(Report { generation: self.generation, from, probe, seen }).await);
        }
    }
}

/// Why a check is asked.
#[derive(Debug, Clone, Copy)]
enum Why {
    /// It is its turn.
    Due,
    /// It is asked beside the schedule; `silent_after`: see [`Again`].
    Again { silent_after: Option<Duration> },
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

/// A mark for each duty.
fn marks(duties: usize) -> Arc<[AtomicBool]> {
    (0..duties).map(|_| AtomicBool::new(false)).collect()
}

/// Places that only the schedule may use.
fn kept_free(permits: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
    let kept = (permits as f64 * REASK_KEPT_FREE_SHARE) as usize;
    kept
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

fn late(at: At, practice_id: &str, probe_id: &str, gone: Duration) -> Observation {
    Observation {
        ok: false,
        failure: Some(Failure::TooSlow),
        ms: gone.as_secs_f64() * 1000.0,
        detail: Some(
            "no answer yet, nor to the same question asked before; it usually comes sooner".to_owned(),
        ),
        reask: true,
        late: true,
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
        late: false,
        path: None,
    }
}

#[cfg(test)]
mod tests;
