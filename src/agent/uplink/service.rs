//! All of an agent: enrols at its first start, asks with the last good configuration, and goes on with another when the hub has one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::asks;
use super::copy;
use super::identity::Identity;
use super::keeper::{SharedSpool, keep};
use super::link::{Link, share};
use super::sender::Sender;
use super::talk::{Address, NoAnswer, Talk};
use super::word;
use crate::agent::load::under_way_max;
use crate::agent::meters::Meters;
use crate::agent::reask::Reasks;
use crate::agent::schedule::{Schedule, Whose};
use crate::agent::site::{self, Site};
use crate::agent::spool::{Settings, Spool, SpoolError};
use crate::agent::traces::Traces;
use crate::agent::workers::{Field, Report, Wished, Workers, blank};
use crate::agent::{clock, descriptors};
use crate::chance::draw;
use crate::config::Config;
use crate::estate::{Estate, PracticeIx, Vantage};
use crate::folder::whole::own_folder;
use crate::hub::seats::Most;
use crate::hub::server::{self, Door};
use crate::limits::{
    ASKS_QUEUE, ENROL_WAIT_LONGEST, ONSITE_CONNECTIONS_MAX, PEER_CONNECTIONS_SHARE, UPLINK_FAREWELL,
    UPLINK_SPOOL_QUEUE,
};
use crate::observation::BYE;
use crate::uplink::message::EnrolRequest;

/// What the operator says to an agent.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// Best first.
    pub hubs: Vec<Address>,
    pub code: Option<String>,
    pub data: PathBuf,
    /// Whom to trust as a hub, PEM; `None`: this machine's roots.
    pub ca_pem: Option<String>,
    pub spool: Settings,
    /// Where the practice's own page is served; `None`: nowhere.
    pub page: Option<SocketAddr>,
}

/// A running agent.
pub struct Agent {
    pub id: String,
    pub practice: String,
    /// Where the page is; `None`: it isn't served.
    pub page: Option<SocketAddr>,
    site: Arc<Site>,
    answers: watch::Receiver<u64>,
    spool: SharedSpool,
    crews: JoinHandle<()>,
    sender: JoinHandle<()>,
    keeper: JoinHandle<()>,
    reports: mpsc::Sender<Report>,
    stop_crews: CancellationToken,
    stop_sender: CancellationToken,
    stop_page: DropGuard,
    /// What serves the page.
    serving: Option<JoinHandle<()>>,
}

/// Starts everything. Returns once the agent is enrolled; it may have no configuration yet.
pub async fn start<F: Field>(field: Arc<F>, settings: AgentSettings) -> anyhow::Result<Agent> {
    own_folder(&settings.data)
        .with_context(|| format!("cannot make or use the folder {}", settings.data.display()))?;
    // The spool first: it keeps a second agent out of the folder.
    let (dir, of_spool) = (settings.data.join("spool"), settings.spool);
    let spool = tokio::task::spawn_blocking(move || open_spool(&dir, of_spool)).await??;
    let talk = Arc::new(Talk::new(settings.hubs, settings.ca_pem.as_deref()).map_err(anyhow::Error::msg)?);
    let mut identity = Identity::open(&settings.data, settings.code.as_deref())?;
    if identity.enrolled().is_none() {
        enrol(&talk, &mut identity, settings.code.as_deref().unwrap_or_default()).await?;
    }
    let (id, practice) = identity.enrolled().context("the hub gave no practice")?;
    let (id, practice) = (id.to_owned(), practice.to_owned());
    let kept = {
        let (data, practice) = (settings.data.clone(), practice.clone());
        tokio::task::spawn_blocking(move || copy::read(&data, &practice)).await?
    };
    let (tag, config) = kept.map(|copy| (copy.tag, copy.config)).unzip();

    let site = Arc::new(Site::new(&practice));
    let data = settings.data.clone();
    if let Some(word) = tokio::task::spawn_blocking(move || word::read(&data)).await? {
        site.heard(word);
    }
    let stop_page = CancellationToken::new();
    let (page, serving) = serve_page(settings.page, site.clone(), stop_page.clone()).await.unzip();

    let (reports, reported) = mpsc::channel(UPLINK_SPOOL_QUEUE);
    let (spool_id, sendable) = (spool.id().to_string(), spool.sendable());
    site.refused(spool.status().refused);
    let spool: SharedSpool = Arc::new(std::sync::Mutex::new(spool));
    let (sent_news, news) = watch::channel(sendable);
    let (configs, new_configs) = mpsc::channel(1);
    let (heard, hears) = watch::channel(None);
    let (wishes, wished) = mpsc::channel(ASKS_QUEUE);
    let (answered, answers) = watch::channel(0);
    let (stop_crews, stop_sender) = (CancellationToken::new(), CancellationToken::new());
    let keeper = tokio::spawn(keep(reported, spool.clone(), site.clone(), sent_news));
    tokio::spawn(asks::listen(talk.clone(), hears, wishes, stop_sender.clone()));
    let sender = Sender::new(
        talk,
        identity,
        (spool.clone(), spool_id, sendable),
        settings.data,
        tag,
        (configs, heard),
        (site.clone(), answered),
    );
    let sender = tokio::spawn(sender.run(news, stop_sender.clone()));
    let crews = Crews {
        field,
        site: site.clone(),
        out: reports.clone(),
        traces: Traces::default(),
        meters: Arc::new(Meters::new(&Registry::new())?),
    };
    let crews = tokio::spawn(crews.run(config, new_configs, wished, stop_crews.clone()));
    Ok(Agent {
        id,
        practice,
        page,
        site,
        answers,
        spool,
        crews,
        sender,
        keeper,
        reports,
        stop_crews,
        stop_sender,
        stop_page: stop_page.drop_guard(),
        serving,
    })
}

/// Serves the practice's own page. Where that isn't possible, watching goes on without it.
async fn serve_page(
    at: Option<SocketAddr>,
    site: Arc<Site>,
    stop: CancellationToken,
) -> Option<(SocketAddr, JoinHandle<()>)> {
    let at = at?;
    match TcpListener::bind(at).await.and_then(|listener| Ok((listener.local_addr()?, listener))) {
        Ok((address, listener)) => {
            let door = Door {
                listener,
                tls: watch::channel(None).1,
                most: Most {
                    all: ONSITE_CONNECTIONS_MAX,
                    per_peer: ONSITE_CONNECTIONS_MAX / PEER_CONNECTIONS_SHARE,
                },
                numbers: None,
            };
            Some((address, tokio::spawn(server::serve(door, site::router(site), stop))))
        }
        Err(error) => {
            tracing::warn!(
                "the practice's page can't be served on {at}: {error}; choose another with --page"
            );
            None
        }
    }
}

fn open_spool(dir: &std::path::Path, settings: Settings) -> anyhow::Result<Spool> {
    let now = clock::now();
    match Spool::open(dir, settings, now) {
        Ok((spool, opened)) => {
            for remark in &opened.remarks {
                tracing::warn!("spool: {remark}");
            }
            Ok(spool)
        }
        Err(error @ SpoolError::InUse { .. }) => Err(error.into()),
        Err(error) => {
            // Watching from memory is better than not watching.
            tracing::error!("{error}; results are kept in memory alone");
            Ok(Spool::in_memory(settings, now, &error.to_string()))
        }
    }
}

/// Asks until the hub answers. A code that opens nothing is an end.
async fn enrol(talk: &Talk, identity: &mut Identity, code: &str) -> anyhow::Result<()> {
    let request = EnrolRequest {
        code: code.to_owned(),
        key_tag: identity.key_tag(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut link = Link::new(talk.addresses().len());
    let mut is_said = false;
    loop {
        let wait = match talk.enrol(link.current(), &request).await {
            Ok(answer) => {
                identity.enrol(&answer.agent, &answer.practice)?;
                tracing::info!(agent = answer.agent, practice = answer.practice, "enrolled");
                return Ok(());
            }
            Err(NoAnswer::Denied(why) | NoAnswer::No(why)) => {
                anyhow::bail!("the hub doesn't enrol this agent: {why}")
            }
            Err(error) => {
                if !is_said {
                    tracing::warn!("not enrolled yet, and trying on: {error}");
                    is_said = true;
                }
                let chance = draw();
                let wait = link.failed(chance);
                // A hub that asks to come later isn't asked at once.
                let later = matches!(error, NoAnswer::Later(_))
                    .then(|| Duration::from_secs(1) + share(ENROL_WAIT_LONGEST, chance));
                later.or(wait).unwrap_or_default().min(ENROL_WAIT_LONGEST)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Who asks the checks of the present configuration, and then those of the next.
struct Crews<F> {
    field: Arc<F>,
    site: Arc<Site>,
    out: mpsc::Sender<Report>,
    /// Good paths outlive a new configuration.
    traces: Traces,
    meters: Arc<Meters>,
}

impl<F: Field> Crews<F> {
    async fn run(
        self,
        first: Option<Config>,
        mut next: mpsc::Receiver<Config>,
        mut wishes: mpsc::Receiver<String>,
        stop: CancellationToken,
    ) {
        let descriptors_for = descriptors::raise();
        let mut generation = 0;
        let mut at_work: Option<Crew> = None;
        let mut config = first;
        loop {
            if let Some(config) = config.take() {
                if let Some(crew) = at_work.take() {
                    crew.stop.cancel();
                }
                generation += 1;
                tracing::info!(probes = config.estate.probes.len(), "asking with the hub's configuration");
                at_work = Some(self.start(config, generation, descriptors_for));
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(new) = next.recv() => config = Some(new),
                Some(probe) = wishes.recv() => at_work.iter().for_each(|crew| crew.wish(&probe)),
            }
        }
        if let Some(crew) = at_work {
            crew.stop.cancel();
            // Checks under way end within their timeouts; what takes longer than a farewell isn't waited for.
            drop(tokio::time::timeout(UPLINK_FAREWELL, crew.work).await);
        }
    }

    fn start(&self, config: Config, generation: u64, descriptors_for: usize) -> Crew {
        let stop = CancellationToken::new();
        let (wishes, wished) = mpsc::channel(ASKS_QUEUE);
        let estate = Arc::new(config.estate);
        self.site.asks(estate.clone(), PracticeIx(0));
        let schedule = Schedule::of(Whose::Practices, &estate, &config.schedule, self.field.now());
        let reasks = Reasks::new(estate.clone(), &config.schedule);
        // A few more, for what is asked again beside the schedule.
        let wanted = under_way_max(Whose::Practices, &estate) + estate.probes.len();
        let workers = Workers {
            estate: estate.clone(),
            generation,
            concurrency_max: wanted.min(config.schedule.concurrency_max).min(descriptors_for),
            field: self.field.clone(),
            gate: None,
            meters: self.meters.clone(),
            traces: config.schedule.paths.then(|| self.traces.clone()),
            out: self.out.clone(),
            stop: stop.clone(),
        };
        Crew { work: tokio::spawn(workers.work(schedule, reasks, wished)), stop, estate, generation, wishes }
    }
}

/// The workers of one configuration.
struct Crew {
    work: JoinHandle<()>,
    stop: CancellationToken,
    estate: Arc<Estate>,
    generation: u64,
    wishes: mpsc::Sender<Wished>,
}

impl Crew {
    /// A probe that this configuration doesn't have, and what there is no room for, are passed over.
    fn wish(&self, probe: &str) {
        if let Some(probe) = self.estate.probe(probe) {
            let from = Vantage::Practice(PracticeIx(0));
            let _no_room = self.wishes.try_send(Wished { generation: self.generation, from, probe });
        }
    }
}

impl Agent {
    /// What the hub hasn't got yet.
    pub fn spool(&self) -> &SharedSpool {
        &self.spool
    }

    /// Changes with each of the hub's answers, once the spool knows what the hub has by it.
    pub fn answers(&self) -> watch::Receiver<u64> {
        self.answers.clone()
    }

    /// Changes with everything that the page is told.
    pub fn page_changes(&self) -> watch::Receiver<u64> {
        self.site.changes()
    }

    /// Stops asking, says goodbye, and ends. What the hub hasn't got is in the spool.
    pub async fn stop(self) {
        self.stop_crews.cancel();
        drop(self.crews.await);
        let now = clock::now();
        let seen = blank(now, &self.practice, BYE);
        let bye = Report { generation: 0, from: Vantage::Practice(PracticeIx(0)), probe: None, seen };
        drop(self.reports.send(bye).await);
        drop(self.reports);
        drop(tokio::time::timeout(UPLINK_FAREWELL, self.keeper).await);
        self.stop_sender.cancel();
        drop(self.sender.await);
        drop(self.stop_page);
        if let Some(serving) = self.serving {
            drop(tokio::time::timeout(UPLINK_FAREWELL, serving).await);
        }
    }
}
