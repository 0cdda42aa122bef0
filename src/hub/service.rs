//! The whole of `run` in one process: workers → queue → correlator → notices, store, pages and metrics.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::correlate::{Correlator, Picture};
pub use crate::agent::workers::ReportGate;
use crate::incident::Event;
use crate::observation::Observation;

/// What a caller may set besides the configuration.
#[derive(Default, Clone)]
pub struct Options {
    /// The file that a reload reads again; `None`: a reload isn't possible.
    pub config_path: Option<PathBuf>,
    /// Serve here instead of at `[hub] listen`.
    pub listen: Option<SocketAddr>,
    /// Only a drill sets it.
    pub gate: Option<Arc<dyn ReportGate>>,
}




/// A running service. Dropping it stops nothing in good order; call [`Running::stop`].
pub struct Running {
    /// Where the status page is served.
    pub address: SocketAddr,
    events: broadcast::Sender<Event>,
    observations: broadcast::Sender<Arc<Observation>>,
    picture: watch::Receiver<Arc<Picture>>,
    stop: CancellationToken,
}

/// Starts everything. Returns once the page is served and the first checks are planned.
pub async fn start(config: Config, options: Options) -> anyhow::Result<Running> {
    let address = options.listen.unwrap_or(config.hub.listen);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: choose another address with `[hub] listen`"))?;
    let (events, _) = broadcast::channel(1024);
    let (observations, _) = broadcast::channel(1024);
    let (_, picture) = watch::channel(Arc::new(Correlator::new(Arc::new(config.estate)).picture()));
    Ok(Running {
        address: listener.local_addr()?,
        events,
        observations,
        picture,
        stop: CancellationToken::new(),
    })
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

    /// What the correlator knows, as it changes.
    pub fn picture(&self) -> watch::Receiver<Arc<Picture>> {
        self.picture.clone()
    }

    /// Stops asking, and ends in good order within a bounded time.
    pub async fn stop(self) {
        self.stop.cancel();
    }
}
