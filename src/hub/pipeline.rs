//! The one task that owns the correlator: reports in; events, pictures and changes of checks out.
//!
//! It never waits for anything but its own input: notices and the store have queues of their own, and when
//! those are full it keeps what must not be lost and lets go of what may be.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::asks::Asks;
use super::intake::keeper::Job;
use super::ledger::Entered;
use super::notes::{About, OwnNotes};
use super::numbers::Numbers;
use super::view::View;
use crate::agent::clock::{self, ClockWatch, Step};
use crate::agent::workers::{Report, Wished};
use crate::correlate::{Correlator, Explanation, Picture, UsualHours, Wish};
use crate::estate::{Estate, Vantage};
use crate::incident::Event;
use crate::limits::{
    EVENT_QUEUE, HOURS_KEPT_EVERY, OWN_JOBS_MAX, PICTURE_EVERY, PICTURE_EVERY_LARGE, PICTURE_LARGE_CHECKS,
    REPORT_BATCH,
};
use crate::observation::Observation;
use crate::segments::{Entry, Framer, Record};
use crate::store::Transition;
use crate::time::At;

/// What others may ask of the pipeline.
#[derive(Debug)]
pub enum Command {
    /// Go on with another estate. Reports of workers with another generation keep their place no longer.
    Reload { estate: Arc<Estate>, generation: u64, done: oneshot::Sender<()> },
    /// Explain an incident.
    Why { incident: String, answer: oneshot::Sender<Option<Explanation>> },
}

/// Where the pipeline's results go.
pub struct Outlets {
    pub events: broadcast::Sender<Event>,
    pub observations: broadcast::Sender<Arc<Observation>>,
    pub picture: watch::Sender<Arc<Picture>>,
    pub view: watch::Sender<Arc<View>>,
    /// To the desk, which plans notices and records the event.
    pub told: mpsc::Sender<Event>,
    /// To agents, or to this process's workers: what should be asked now.
    pub asks: Arc<Asks>,
    /// To the store.
    pub transitions: mpsc::Sender<Vec<Transition>>,
    /// To the store: what is learned of usual hours.
    pub hours: mpsc::Sender<Vec<UsualHours>>,
    /// To the archive: what agents didn't report, since that is there already.
    pub keeper: mpsc::Sender<Job>,
}

/// What an earlier process left.
#[derive(Debug, Default)]
pub struct Earlier {
    pub open: Vec<Event>,
    pub last_incident: Option<String>,
    pub hours: Vec<UsualHours>,
    /// What fails is played, for an exercise.
    pub is_exercise: bool,
}

pub struct Pipeline {
    correlator: Correlator,
    generation: u64,
    view: Arc<View>,
    outlets: Outlets,
    notes: Arc<OwnNotes>,
    numbers: Arc<Numbers>,
    pulse: Arc<Pulse>,
    /// The latest arrival; stream time doesn't run backwards.
    latest: At,
    last_incident: Option<String>,
    is_exercise: bool,
    /// Events that the desk's queue had no room for.
    backlog: VecDeque<Event>,
    turned: Vec<Transition>,
    /// This machine's own observations, as they go into the archive, and how many.
    own: (Vec<u8>, u64),
    framer: Framer,
    dirty: bool,
}

/// When the pipeline last went round, so that `/healthz` can tell a live program from one that hangs.
#[derive(Debug, Default)]
pub struct Pulse(AtomicI64);

impl Pulse {
    pub fn beat(&self, now: At) {
        self.0.store(now.as_millis(), Ordering::Relaxed);
    }

    pub fn last(&self) -> At {
        At::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Pipeline {
    pub fn new(
        view: Arc<View>,
        Earlier { open, last_incident, hours, is_exercise }: Earlier,
        outlets: Outlets,
        notes: Arc<OwnNotes>,
        numbers: Arc<Numbers>,
        pulse: Arc<Pulse>,
    ) -> Self {
        let mut correlator = correlator(view.estate.clone(), is_exercise);
        correlator.restore(open, last_incident.as_deref());
        correlator.restore_hours(hours);
        Self {
            correlator,
            generation: 0,
            view,
            outlets,
            notes,
            numbers,
            pulse,
            latest: At::default(),
            last_incident,
            is_exercise,
            backlog: VecDeque::new(),
            turned: Vec::new(),
            own: (Vec::new(), 0),
            framer: Framer::default(),
            dirty: true,
        }
    }

    /// Runs until it is stopped, takes what has been reported by then, and ends.
    pub async fn run(
        mut self,
        mut reports: mpsc::Receiver<Report>,
        mut commands: mpsc::Receiver<Command>,
        stop: CancellationToken,
    ) {
        let begun = Instant::now();
        let mut watch = ClockWatch::new(clock::now(), 0);
        let mut batch = Vec::with_capacity(REPORT_BATCH);
        let mut tick = tokio::time::interval(self.picture_every());
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hours_kept = Instant::now();
        loop {
            let wake = self.correlator.next_wake().map_or(Duration::MAX, |(at, _)| {
                Duration::from_millis(u64::try_from(at.millis_since(self.stream_now())).unwrap_or(0).max(1))
            });
            let mut ticked = false;
            let mut ended = false;
            tokio::select! {
                () = stop.cancelled(), if !reports.is_closed() => reports.close(),
                Some(command) = commands.recv() => {
                    self.command(command);
                    tick = tokio::time::interval(self.picture_every());
                    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
                }
                got = reports.recv_many(&mut batch, REPORT_BATCH) => ended = got == 0,
                () = sleep(wake) => {}
                _ = tick.tick() => ticked = true,
            }
            let busy = Instant::now();
            let monotonic_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
            let step = watch.look(clock::now(), monotonic_ms);
            if step != Step::Steady {
                self.begin_again(step);
            }
            let now = self.stream_now();
            self.correlator.advance(now);
            for report in batch.drain(..) {
                self.take(now, report);
            }
            self.hand_out_wishes();
            let eventful = self.hand_out_events();
            if ticked || eventful || ended {
                self.publish();
            }
            if ended || hours_kept.elapsed() >= HOURS_KEPT_EVERY {
                hours_kept = Instant::now();
                self.keep_hours();
            }
            self.pulse.beat(clock::now());
            self.numbers.correlator_busy.inc_by(busy.elapsed().as_secs_f64());
            if ended {
                break;
            }
        }
        // What the desk had no room for gets its chance before everything ends; the caller bounds the wait.
        while let Some(event) = self.backlog.pop_front() {
            if self.outlets.told.send(event).await.is_err() {
                break;
            }
        }
    }

    /// The wall clock, but never before what has been.
    fn stream_now(&self) -> At {
        clock::now().max(self.latest)
    }

    fn take(&mut self, now: At, report: Report) {
        let Report { generation, from, probe, mut seen } = report;
        self.latest = now;
        seen.received = Some(now);
        if let (Some(probe), true) = (probe, generation == self.generation)
            && (self.view.ledger.enter(from, probe, &seen) == Entered::Turned || seen.path.is_some())
            // What an agent reports was recorded before it came here: `super::intake`.
            && seen.agent.is_none()
        {
            self.turned.push(Transition::of(&seen));
        }
        let taken = self.correlator.observe(now, &seen);
        if seen.agent.is_none() {
            let record = Record { seq: seen.seq.unwrap_or_default(), entry: Entry::Seen(seen.clone()) };
            self.framer.put_cut(&record, &mut self.own.0);
            self.own.1 += 1;
        }
        self.numbers.taken(taken);
        self.dirty = true;
        if self.outlets.observations.receiver_count() > 0 {
            drop(self.outlets.observations.send(Arc::new(seen)));
        }
    }

    /// What isn't asked now is asked when its turn comes.
    fn hand_out_wishes(&mut self) {
        while let Some(Wish { practice, probe }) = self.correlator.poll_wish() {
            let wished = Wished { generation: self.generation, from: Vantage::Practice(practice), probe };
            self.outlets.asks.ask(&self.view.estate, wished);
        }
    }

    /// True when there were any.
    fn hand_out_events(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.correlator.poll_event() {
            any = true;
            self.dirty = true;
            self.numbers.event(event.event);
            tracing::info!(incident = %event.incident, event = ?event.event, "{}", event.sentence);
            if self.last_incident.as_deref().is_none_or(|last| is_later(&event.incident, last)) {
                self.last_incident = Some(event.incident.clone());
            }
            drop(self.outlets.events.send(event.clone()));
            self.backlog.push_back(event);
        }
        while let Some(event) = self.backlog.pop_front() {
            match self.outlets.told.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.backlog.push_front(event);
                    break;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => break,
            }
        }
        while self.backlog.len() > EVENT_QUEUE {
            if let Some(lost) = self.backlog.pop_front() {
                tracing::error!(incident = %lost.incident, event = ?lost.event,
                    "the desk has taken no event for a long time; this one gets no notice");
                self.numbers.events_lost.inc();
            }
        }
        any
    }

    fn publish(&mut self) {
        if !self.turned.is_empty()
            && let Err(mpsc::error::TrySendError::Full(lost) | mpsc::error::TrySendError::Closed(lost)) =
                self.outlets.transitions.try_send(std::mem::take(&mut self.turned))
        {
            // History of single checks is the first thing to let go of when the store hangs.
            self.numbers.transitions_lost.inc_by(lost.len() as u64);
        }
        if self.own.1 > 0 {
            let (frames, count) = std::mem::take(&mut self.own);
            // Agents' batches go first when the disk hangs: of the queue, a part is for what this machine sees.
            let waiting = self.outlets.keeper.max_capacity() - self.outlets.keeper.capacity();
            let job = Job { frames, row: None, done: None };
            if waiting > OWN_JOBS_MAX || self.outlets.keeper.try_send(job).is_err() {
                self.numbers.observations_unkept.inc_by(count);
            }
        }
        if self.dirty {
            self.dirty = false;
            let picture = Arc::new(self.correlator.picture());
            self.view = Arc::new(self.view.with(picture.clone()));
            // Whoever waited for the picture finds it on the pages.
            self.outlets.view.send_replace(self.view.clone());
            self.outlets.picture.send_replace(picture);
        }
    }

    /// What finds no room is said with what is learned next.
    fn keep_hours(&mut self) {
        if let Ok(place) = self.outlets.hours.try_reserve() {
            let learned = self.correlator.take_changed_hours();
            if !learned.is_empty() {
                place.send(learned);
            }
        }
    }

    /// Time did not go on as it should. Evidence and silences from before the gap would be misread, so the
    /// correlator starts afresh with the incidents that are open; what is true shows within an interval.
    fn begin_again(&mut self, step: Step) {
        let Some(sentence) = step.sentence() else { return };
        tracing::warn!("{sentence}");
        self.numbers.clock_jumps.inc();
        self.notes.set(About::Clock, clock::now(), sentence);
        self.hand_out_events();
        let open = self.correlator.picture().incidents;
        let hours = self.correlator.all_hours();
        self.correlator = correlator(self.view.estate.clone(), self.is_exercise);
        self.correlator.restore(open, self.last_incident.as_deref());
        self.correlator.restore_hours(hours);
        self.latest = clock::now();
        self.dirty = true;
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Reload { estate, generation, done } => {
                let ledger = Arc::new(self.view.ledger.carried_over(&self.view.estate, &estate));
                self.correlator.reload(estate.clone(), self.stream_now());
                self.generation = generation;
                self.view =
                    Arc::new(View::new(estate, Arc::new(self.correlator.picture()), ledger, generation));
                self.outlets.view.send_replace(self.view.clone());
                self.outlets.picture.send_replace(self.view.picture.clone());
                self.dirty = true;
                // Whoever asked may have gone away.
                let _gone = done.send(());
            }
            Command::Why { incident, answer } => drop(answer.send(self.correlator.why(&incident))),
        }
    }

    /// A picture costs a walk over all checks, so a large estate gets fewer of them.
    fn picture_every(&self) -> Duration {
        let checks = self.view.estate.practices.len() * self.view.estate.probes.len();
        if checks > PICTURE_LARGE_CHECKS { PICTURE_EVERY_LARGE } else { PICTURE_EVERY }
    }
}

/// One that knows nothing yet.
fn correlator(estate: Arc<Estate>, is_exercise: bool) -> Correlator {
    let correlator = Correlator::new(estate);
    if is_exercise { correlator.of_exercise() } else { correlator }
}

/// Whether an incident's id comes after another's: by day, then by the number within the day.
fn is_later(id: &str, than: &str) -> bool {
    let key = |id: &str| {
        let (day, number) = id.rsplit_once('-').unwrap_or((id, ""));
        (day.to_owned(), number.parse::<u64>().unwrap_or(0))
    };
    key(id) > key(than)
}

/// Sleeps, or for ever when there is nothing to wake for.
async fn sleep(length: Duration) {
    if length == Duration::MAX {
        std::future::pending::<()>().await;
    } else {
        tokio::time::sleep(length).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle() -> (Pipeline, watch::Receiver<Arc<View>>, mpsc::Receiver<Event>) {
        let estate = Arc::new(Estate {
            icb: crate::estate::Icb {
                code: "QKS".into(),
                name: "Kent".into(),
                timezone: jiff::tz::TimeZone::UTC,
            },
            components: Vec::new(),
            networks: Vec::new(),
            services: Vec::new(),
            probes: Vec::new(),
            practices: Vec::new(),
            hub_via: Vec::new(),
        });
        let picture = Arc::new(Correlator::new(estate.clone()).picture());
        let ledger = Arc::new(super::super::ledger::Ledger::new(&estate));
        let view = Arc::new(View::new(estate, picture.clone(), ledger, 0));
        let (views, seen) = watch::channel(view.clone());
        let (told, to_tell) = mpsc::channel(2);
        let (numbers, _meters) = Numbers::new().expect("fresh metrics");
        let numbers = Arc::new(numbers);
        let outlets = Outlets {
            asks: Arc::new(Asks::new(numbers.clone())),
            events: broadcast::channel(8).0,
            observations: broadcast::channel(8).0,
            picture: watch::channel(picture).0,
            view: views,
            told,
            transitions: mpsc::channel(1).0,
            hours: mpsc::channel(1).0,
            keeper: mpsc::channel(1).0,
        };
        let notes = Arc::new(OwnNotes::default());
        let pulse = Arc::new(Pulse::default());
        let pipeline = Pipeline::new(view, Earlier::default(), outlets, notes, numbers, pulse);
        (pipeline, seen, to_tell)
    }

    #[test]
    fn a_jump_of_the_clock_is_noted_and_stream_time_goes_on_from_the_new_clock() {
        let (mut pipeline, _seen, _to_tell) = idle();
        pipeline.latest = clock::now() + Duration::from_hours(2);
        pipeline.begin_again(Step::Jumped { by_ms: -7_200_000 });
        assert!(pipeline.stream_now().millis_since(clock::now()) < 1_000, "it doesn't wait for two hours");
        let notes = pipeline.notes.list(clock::now());
        assert!(notes[0].text.contains("set back by 7200 s"), "{notes:?}");
        assert_eq!(pipeline.numbers.clock_jumps.get(), 1);
    }

    #[tokio::test]
    async fn it_ends_when_it_is_told_to_although_somebody_could_still_report() {
        let (pipeline, seen, _to_tell) = idle();
        let (reports, reported) = mpsc::channel(1);
        let (_commands, commanded) = mpsc::channel(1);
        let stop = CancellationToken::new();
        stop.cancel();
        pipeline.run(reported, commanded, stop).await;
        assert!(reports.is_closed());
        assert!(seen.borrow().picture.at > At::default(), "it published what it knew");
    }

    #[test]
    fn incidents_of_one_day_are_ordered_by_number_not_by_letters() {
        assert!(is_later("2026-03-16-10", "2026-03-16-9"));
        assert!(is_later("2026-03-17-1", "2026-03-16-10"));
        assert!(!is_later("2026-03-16-1", "2026-03-16-1"));
    }
}
