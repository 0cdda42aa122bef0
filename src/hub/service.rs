//! All of `run` in one process: workers → queue → correlator → notices, store, pages and metrics. Starts
//! them in an order in which nothing is bound or written before the configuration is known to be good,
//! and stops them in the order in which data flows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::acknowledge::Openings;
use super::asks::Asks;
use super::background::{Retention, keep_words, record, supervise, tell};
use super::beats::Beats;
use super::credentials::Credentials;
use super::guard::Access;
use super::intake::Intake;
use super::intake::keeper::Keeper;
use super::ledger::Ledger;
use super::notes::{About, OwnNotes};
use super::numbers::Numbers;
use super::pipeline::{Command, Earlier, Outlets, Pipeline, Pulse};
use super::seats::Most;
use super::server::{self, Door};
use super::state::Hub;
use super::view::View;
use crate::agent::load::under_way_max;
use crate::agent::reask::Reasks;
use crate::agent::schedule::{Schedule, Whose};
use crate::agent::traces::Traces;
pub use crate::agent::workers::ReportGate;
use crate::agent::workers::{Field, Report, Workers};
use crate::agent::{clock, descriptors};
use crate::archive::folder;
use crate::config::{Config, Handout, HubSettings, ScheduleSettings, unready};
use crate::correlate::Picture;
use crate::estate::Estate;
use crate::incident::Event;
use crate::journal::body::Turn;
use crate::limits::{
    COMMAND_QUEUE, DESK_STOP_GRACE, EVENT_QUEUE, HOURS_QUEUE, HTTP_CONNECTIONS_MAX, HUB_CONNECTIONS_MAX,
    KEEPER_QUEUE, OBSERVATION_QUEUE, PEER_CONNECTIONS_SHARE, STOP_DEADLINE, SUBSCRIBER_LAG, TRANSITION_QUEUE,
    WISHES_QUEUE,
};
use crate::notify::{Delivery, Desk};
use crate::observation::Observation;
use crate::store::Store;

/// What a caller may set besides the configuration.
#[derive(Default, Clone)]
pub struct Options {
    /// The file that a reload reads again; `None`: a reload isn't possible.
    pub config_path: Option<PathBuf>,
    /// Serve here instead of at `[hub] listen`.
    pub listen: Option<SocketAddr>,
    /// Whose checks are asked here.
    pub whose: Whose,
    /// Only a drill sets it.
    pub gate: Option<Arc<dyn ReportGate>>,
}

/// Probes of kinds that the contract has and this version can't ask. Nothing was bound or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file}: this version can't ask these probes yet: {}. They parse and replay; to run the rest, take them out",
    .probes.join(", ")
)]
pub struct NotBuilt {
    pub file: String,
    /// `id (kind)`.
    pub probes: Vec<String>,
}

/// Probes that lack something that can't be done without. Nothing was bound or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: these probes can't be asked as they stand: {}", .probes.join("; "))]
pub struct NotReady {
    pub file: String,
    /// `id (kind): why`.
    pub probes: Vec<String>,
}

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    pub practices: usize,
    pub probes: usize,
    /// Settings that only a restart takes over.
    pub needs_restart: Vec<&'static str>,
}

/// A running service. Dropping it stops nothing in good order: call [`Running::stop`].
pub struct Running {
    /// Where the status page is served.
    pub address: SocketAddr,
    hub: Arc<Hub>,
    events: broadcast::Sender<Event>,
    observations: broadcast::Sender<Arc<Observation>>,
    picture: watch::Receiver<Arc<Picture>>,
    config_path: Option<PathBuf>,
    whose: Whose,
    started_with: HubSettings,
    retention: watch::Sender<Retention>,
    tls: watch::Sender<Option<Arc<rustls::ServerConfig>>>,
    handout: watch::Sender<Arc<Handout>>,
    crews: Mutex<Crews>,
    ended: CancellationToken,
    stop_beats: CancellationToken,
    stop_pipeline: CancellationToken,
    stop_server: CancellationToken,
    stop_desk: CancellationToken,
    tasks: Tasks,
}

/// The workers of the present configuration, and how to start those of the next.
struct Crews {
    generation: u64,
    stop: CancellationToken,
    start: StartCrew,
}

type StartCrew = Box<dyn Fn(Arc<Estate>, ScheduleSettings, u64, CancellationToken) + Send + Sync>;

struct Tasks {
    beats: JoinHandle<()>,
    pipeline: JoinHandle<()>,
    teller: JoinHandle<()>,
    listener: JoinHandle<()>,
    recorder: JoinHandle<()>,
    keeper: JoinHandle<()>,
    server: JoinHandle<()>,
}

/// Starts everything. Returns once the page is served and the first checks are planned.
pub async fn start(config: Config, options: Options) -> anyhow::Result<Running> {
    refuse_unasked(&config, options.config_path.as_deref())?;
    let field = Arc::new(super::field::Sockets::new()?);
    start_in(field, config, options).await
}

/// The same, in a field of the caller's making.
pub async fn start_in<F: Field>(field: Arc<F>, config: Config, options: Options) -> anyhow::Result<Running> {
    let descriptors_for = descriptors::raise();
    let listen = options.listen.unwrap_or(config.hub.listen);
    refuse_open(options.whose, listen, &config.hub)?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}: choose another address with `[hub] listen`"))?;
    let address = listener.local_addr().context("the address of the status page is not known")?;
    let tls = listener_tls(&config.hub)?;
    let (store, trouble) = Store::open_or_memory(&config.hub.data).await;
    if let Some(error) = trouble {
        tracing::error!(%error, "the store can't be used; linewatch goes on from memory");
    }
    let open = store.open_incidents().await.context("the open incidents could not be read")?;
    let last_incident = store.last_incident().await.context("the last incident could not be read")?;
    let hours = store.usual_hours().await.context("what was learned of usual hours could not be read")?;
    let is_exercise = config.ways.exercise.is_on;
    let earlier = Earlier { open, last_incident, hours, is_exercise };

    let (numbers, meters) = Numbers::new().context("the metrics could not be set up")?;
    let (numbers, meters) = (Arc::new(numbers), Arc::new(meters));
    let notes = Arc::new(OwnNotes::default());
    let pulse = Arc::new(Pulse::default());
    pulse.beat(clock::now());
    let stop_desk = CancellationToken::new();
    let agents = store.agents().await.context("the agents could not be read")?;
    let words = store.agent_words().await.context("how the agents were could not be read")?;
    let credentials = Credentials::new(&agents, words, store.clone())?;
    let practices = agents.agents.iter().map(|row| (row.id.clone(), row.practice.clone())).collect();
    let (beats, heard_until) = store.beats().await.context("the last beats could not be read")?;
    let desk = Desk::start(&config, store.clone(), stop_desk.clone()).await;

    let estate = Arc::new(config.estate.clone());
    let beats = Arc::new(Beats::new(estate.clone(), beats, heard_until, clock::now()));
    let (events, _) = broadcast::channel(SUBSCRIBER_LAG);
    let (observations, _) = broadcast::channel(SUBSCRIBER_LAG);
    let (reports, reported) = mpsc::channel::<Report>(OBSERVATION_QUEUE);
    let (commands, commanded) = mpsc::channel(COMMAND_QUEUE);
    let (told, to_tell) = mpsc::channel(EVENT_QUEUE);
    let (transitions, to_record) = mpsc::channel(TRANSITION_QUEUE);
    let (hours, learned) = mpsc::channel(HOURS_QUEUE);
    let (batches, to_keep) = mpsc::channel(KEEPER_QUEUE);
    let (retention, retained) = watch::channel(Retention::from(&config.hub));
    let archive = folder(&config.hub.data);
    let keeper = Keeper::start(store.clone(), &config.hub.data, notes.clone(), retained.clone()).await;
    let ledger = Arc::new(Ledger::new(&estate));
    ledger
        .owe(&estate, &store.failing_checks().await.context("the last changes of checks could not be read")?);
    let blank = crate::correlate::Correlator::new(estate.clone()).picture();
    let view = Arc::new(View::new(estate.clone(), Arc::new(blank), ledger, 0));
    let (picture, picture_seen) = watch::channel(view.picture.clone());
    let (views, view_seen) = watch::channel(view.clone());
    let asks = Arc::new(Asks::new(numbers.clone()));
    let outlets = Outlets {
        events: events.clone(),
        observations: observations.clone(),
        picture,
        view: views,
        told,
        asks: asks.clone(),
        transitions,
        hours,
        keeper: batches.clone(),
    };
    let pipeline = Pipeline::new(view, earlier, outlets, notes.clone(), numbers.clone(), pulse.clone());

    let (tls, door_tls) = watch::channel(tls);
    let (handout, handed_out) = watch::channel(config.handout.clone());
    let hub = Arc::new(Hub {
        listen: address,
        credentials,
        asks,
        intake: Intake::new(
            agents.spools,
            &practices,
            agents.coverage,
            (batches, archive),
            reports.downgrade(),
        ),
        access: Access::new(config.hub.tokens.clone(), numbers.clone()),
        openings: Openings::default(),
        fixing: tokio::sync::Mutex::default(),
        handout: handed_out,
        view: view_seen,
        commands,
        reports: reports.downgrade(),
        store: store.clone(),
        desk,
        notes: notes.clone(),
        numbers,
        meters: meters.clone(),
        pulse,
        beats: beats.clone(),
    });
    let ended = CancellationToken::new();
    let (stop_pipeline, stop_server) = (CancellationToken::new(), CancellationToken::new());
    let stop_beats = CancellationToken::new();
    let connections_max =
        if options.whose == Whose::Hubs { HUB_CONNECTIONS_MAX } else { HTTP_CONNECTIONS_MAX };
    let most = Most { all: connections_max, per_peer: connections_max / PEER_CONNECTIONS_SHARE };
    let numbers = Some(hub.numbers.clone());
    let door = Door { listener, tls: door_tls, most, numbers };
    let started = if options.whose == Whose::Hubs { Turn::StartedForAgents } else { Turn::Started };
    let tasks = Tasks {
        beats: supervise(
            "what hears beats",
            beats.run(reports.clone(), store.clone(), stop_beats.clone()),
            stop_beats.clone(),
            ended.clone(),
        ),
        pipeline: supervise(
            "the correlator",
            pipeline.run(reported, commanded, stop_pipeline.clone()),
            stop_pipeline.clone(),
            ended.clone(),
        ),
        teller: tokio::spawn(tell(hub.clone(), to_tell)),
        listener: tokio::spawn(keep_words(hub.clone(), stop_server.clone())),
        recorder: tokio::spawn(record(store, to_record, learned, retained, started)),
        keeper: tokio::spawn(keeper.keep(to_keep)),
        server: supervise(
            "the status page",
            server::serve(door, super::api::router(hub.clone()), stop_server.clone()),
            stop_server.clone(),
            ended.clone(),
        ),
    };
    let start = crew_starter(field, reports, &hub, options.whose, options.gate, descriptors_for);
    let stop = CancellationToken::new();
    start(estate, config.schedule, 0, stop.clone());
    Ok(Running {
        address,
        hub,
        events,
        observations,
        picture: picture_seen,
        config_path: options.config_path,
        whose: options.whose,
        started_with: config.hub,
        retention,
        tls,
        handout,
        crews: Mutex::new(Crews { generation: 0, stop, start }),
        ended,
        stop_beats,
        stop_pipeline,
        stop_server,
        stop_desk,
        tasks,
    })
}

/// What starts the workers of one configuration.
fn crew_starter<F: Field>(
    field: Arc<F>,
    out: mpsc::Sender<Report>,
    hub: &Hub,
    whose: Whose,
    gate: Option<Arc<dyn ReportGate>>,
    descriptors_for: usize,
) -> StartCrew {
    let (notes, meters, asks) = (hub.notes.clone(), hub.meters.clone(), hub.asks.clone());
    // Good paths outlive a reload.
    let traces = Traces::default();
    Box::new(move |estate, settings, generation, stop| {
        let now = field.now();
        let schedule = Schedule::of(whose, &estate, &settings, now);
        match schedule.stretched() {
            [] => notes.clear(About::Schedule),
            stretched => {
                let each = stretched.iter().map(|s| {
                    format!(
                        "{} would get {:.1} checks a second and gets {:.1}",
                        s.target, s.wanted_per_second, s.cap_per_second
                    )
                });
                let text = format!(
                    "Checks are asked less often than their `every` says, because of `target_rate`: {}.",
                    each.collect::<Vec<_>>().join("; ")
                );
                notes.set(About::Schedule, now, text);
            }
        }
        let under_way = under_way_max(whose, &estate);
        if under_way > settings.concurrency_max {
            let text = format!(
                "If every check timed out at once, {under_way} would be under way; `[schedule] concurrency` \
                 allows {}, so they would run late. Set it to {under_way} where the machine can bear it.",
                settings.concurrency_max
            );
            notes.set(About::Concurrency, now, text);
        } else {
            notes.clear(About::Concurrency);
        }
        if settings.concurrency_max > descriptors_for {
            let text = format!(
                "The system lets this process open files for {descriptors_for} checks at once, not for the \
                 {} of `concurrency`. Raise the limit (`ulimit -n`, or LimitNOFILE in systemd).",
                settings.concurrency_max
            );
            notes.set(About::Descriptors, now, text);
        } else {
            notes.clear(About::Descriptors);
        }
        let reasks = Reasks::new(estate.clone(), &settings);
        let workers = Workers {
            estate,
            generation,
            concurrency_max: settings.concurrency_max.min(descriptors_for),
            field: field.clone(),
            gate: gate.clone(),
            meters: meters.clone(),
            traces: settings.paths.then(|| traces.clone()),
            out: out.clone(),
            stop,
        };
        let (wishes, wished) = mpsc::channel(WISHES_QUEUE);
        if whose == Whose::Everybodys {
            asks.through(wishes);
        }
        tokio::spawn(workers.work(schedule, reasks, wished));
    })
}

/// A hub of agents on an address that others reach, without what keeps strangers out. Nothing was bound or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a hub that listens on {listen} needs {lacks} in [hub]: plain HTTP without a log-in is for loopback alone"
)]
pub struct Open {
    pub listen: SocketAddr,
    pub lacks: &'static str,
}

/// Refuses a hub of agents that would speak plainly, or show its page to everybody, on an address that others reach.
pub fn refuse_open(whose: Whose, listen: SocketAddr, hub: &HubSettings) -> Result<(), Open> {
    let lacks = match (&hub.tls, &hub.tokens.viewer) {
        _ if whose != Whose::Hubs || listen.ip().to_canonical().is_loopback() => return Ok(()),
        (None, _) => "`tls`",
        (_, None) => "`viewer_token_file`",
        _ => return Ok(()),
    };
    Err(Open { listen, lacks })
}

fn listener_tls(hub: &HubSettings) -> anyhow::Result<Option<Arc<rustls::ServerConfig>>> {
    let tls = hub.tls.as_ref().map(server::tls).transpose();
    tls.context("`tls` of [hub] can't be used")
}

/// Says by name which probes can't be asked: by this version, or as they stand.
pub fn refuse_unasked(config: &Config, file: Option<&Path>) -> anyhow::Result<()> {
    refuse_unbuilt(&config.estate, file)?;
    let unready = unready(config);
    if unready.is_empty() {
        return Ok(());
    }
    let probes = unready.into_iter().map(|lacks| format!("{} ({}): {}", lacks.probe, lacks.kind, lacks.why));
    Err(NotReady { file: named(file), probes: probes.collect() }.into())
}

fn named(file: Option<&Path>) -> String {
    file.map_or_else(|| "the configuration".to_owned(), |file| file.display().to_string())
}

fn refuse_unbuilt(estate: &Estate, file: Option<&Path>) -> Result<(), NotBuilt> {
    let unbuilt = estate.probes.iter().filter(|probe| !crate::probe::is_built(&probe.ask));
    let probes: Vec<String> = unbuilt.map(|probe| format!("{} ({})", probe.id, probe.kind())).collect();
    if probes.is_empty() {
        return Ok(());
    }
    Err(NotBuilt { file: named(file), probes })
}

impl Running {
    /// Incident events from now on. A reader that falls far behind loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Every observation that reaches the hub from now on, in order of arrival.
    pub fn observations(&self) -> broadcast::Receiver<Arc<Observation>> {
        self.observations.subscribe()
    }

    /// What becomes of each notice, as it happens.
    pub fn deliveries(&self) -> broadcast::Receiver<Delivery> {
        self.hub.desk.deliveries()
    }

    /// What the correlator knows, as it changes.
    pub fn picture(&self) -> watch::Receiver<Arc<Picture>> {
        self.picture.clone()
    }

    /// The hub as its pages see it.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Returns when something essential ended on its own: the process is of no more use.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Reads the configuration again. When it is broken, the one before is still used, and a note, the log
    /// and a metric say so.
    pub async fn reload(&self) -> anyhow::Result<Reloaded> {
        match self.reload_or_say_why().await {
            Ok(reloaded) => {
                tracing::info!(
                    practices = reloaded.practices,
                    probes = reloaded.probes,
                    "configuration reloaded"
                );
                self.hub.notes.clear(About::Reload);
                self.hub.numbers.reload_ok.set(1);
                self.hub.numbers.last_reload.set(clock::now().as_secs_f64());
                Ok(reloaded)
            }
            Err(error) => {
                tracing::error!("the configuration was not reloaded: {error:#}");
                self.hub.numbers.reload_ok.set(0);
                self.hub.notes.set(
                    About::Reload,
                    clock::now(),
                    "The configuration on disk is broken; the one before is still used. \
                     `linewatch check` says what is wrong.",
                );
                Err(error)
            }
        }
    }

    async fn reload_or_say_why(&self) -> anyhow::Result<Reloaded> {
        let path =
            self.config_path.clone().context("this process was started without a configuration file")?;
        let file = path.clone();
        let config = tokio::task::spawn_blocking(move || crate::config::load(&file))
            .await
            .context("the configuration could not be read")??;
        refuse_unasked(&config, Some(&path))?;
        let tls = listener_tls(&config.hub)?;
        refuse_open(self.whose, self.address, &config.hub)?;
        let needs_restart = self.needs_restart(&config.hub);
        if needs_restart.is_empty() {
            self.hub.notes.clear(About::Restart);
        } else {
            let text = format!("{} changed; only a restart takes that over.", needs_restart.join(" and "));
            self.hub.notes.set(About::Restart, clock::now(), text);
        }
        let (practices, probes) = (config.estate.practices.len(), config.estate.probes.len());
        self.hub.desk.reload(&config);
        self.retention.send_replace(Retention::from(&config.hub));
        self.hub.access.set(config.hub.tokens.clone());
        self.tls.send_replace(tls);
        self.handout.send_replace(config.handout.clone());
        let estate = Arc::new(config.estate);
        let mut crews = self.crews.lock().await;
        crews.generation += 1;
        crews.stop.cancel();
        let (done, taken_over) = tokio::sync::oneshot::channel();
        let command = Command::Reload { estate: estate.clone(), generation: crews.generation, done };
        self.hub.commands.send(command).await.context("the correlator has ended")?;
        taken_over.await.context("the correlator has ended")?;
        self.hub.beats.reload(estate.clone(), crews.generation, clock::now());
        crews.stop = CancellationToken::new();
        (crews.start)(estate, config.schedule, crews.generation, crews.stop.clone());
        Ok(Reloaded { practices, probes, needs_restart })
    }

    fn needs_restart(&self, now: &HubSettings) -> Vec<&'static str> {
        let mut changed = Vec::new();
        if now.listen != self.started_with.listen {
            changed.push("`[hub] listen`");
        }
        if now.data != self.started_with.data {
            changed.push("`[hub] data`");
        }
        changed
    }

    /// Stops asking, lets what has been seen run its course, and ends in good order; what doesn't end
    /// within a bounded time is left to itself.
    pub async fn stop(self) {
        let Self { hub, crews, stop_beats, stop_pipeline, stop_server, stop_desk, mut tasks, .. } = self;
        stop_beats.cancel();
        // Before the crews are dropped: the pipeline is told to end, it doesn't find itself alone.
        stop_pipeline.cancel();
        crews.lock().await.stop.cancel();
        drop(crews);
        let in_order = async {
            // Each of them ends once the one before has.
            for task in [&mut tasks.beats, &mut tasks.pipeline, &mut tasks.teller, &mut tasks.recorder] {
                drop(task.await);
            }
            hub.asks.close();
            hub.intake.settle().await;
            stop_server.cancel();
            drop((&mut tasks.server).await);
            drop((&mut tasks.listener).await);
        };
        if tokio::time::timeout(STOP_DEADLINE, in_order).await.is_err() {
            tracing::warn!("something did not end within {} s", STOP_DEADLINE.as_secs());
            let Tasks { beats, pipeline, teller, listener, recorder, server, keeper: _ } = &tasks;
            for task in [beats, pipeline, teller, listener, recorder, server] {
                task.abort();
            }
        }
        // It ends with the hub below; what wasn't acknowledged by now is the agents' to send again.
        tasks.keeper.abort();
        stop_server.cancel();
        stop_desk.cancel();
        let store = hub.store.clone();
        if let Some(hub) = Arc::into_inner(hub)
            && tokio::time::timeout(DESK_STOP_GRACE + STOP_DEADLINE, hub.desk.stop()).await.is_err()
        {
            tracing::warn!("the notices did not end in time; what is queued is in the store");
        }
        if tokio::time::timeout(STOP_DEADLINE, store.close()).await.is_err() {
            tracing::warn!("the store did not close within {} s", STOP_DEADLINE.as_secs());
        }
    }
}
