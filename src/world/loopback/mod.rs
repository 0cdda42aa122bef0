//! A small county on loopback sockets: practices with addresses of their own in 127.0.0.0/8, real servers
//! that stand for the internet, the NHS network and the mail relay, and between them a userland
//! [stand-in](standin) for the firewall and the carriers, which does what the [weather](weather) says.
//!
//! ```text
//! practice 127.1.0.2 ─┐                               ┌─ name server        (UDP, TCP)
//! practice 127.1.0.3 ─┼─► the stand-in: a door for ───┼─ web server         (HTTP, HTTPS)
//!          …          │   each probe, each source     ├─ TCP and UDP servers
//! the hub  127.0.0.1 ─┘   with a fate of its own      └─ their faulty twins
//! the outbox ───────────────────────────────────────────► mail relay        (SMTP)
//! ```
//!
//! Nothing in it leaves the machine: [`rewrite`] refuses a configuration that would.

mod certificates;
pub mod rewrite;
pub mod servers;
pub mod standin;
pub mod tasks;
pub mod weather;

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use rewrite::{NotLoopback, Places};
use servers::mail::MailServer;
use servers::{Server, Servers, ServersError};
use standin::StandIn;
use tasks::Tasks;
use weather::Weather;

/// A county that runs. Dropping it ends its tasks; [`County::stop`] also waits until they are gone.
pub struct County {
    tasks: Tasks,
    servers: Arc<Servers>,
    stand_in: StandIn,
    mail: MailServer,
}

/// The county couldn't be started.
#[derive(Debug, thiserror::Error)]
pub enum CountyError {
    #[error(transparent)]
    Servers(#[from] ServersError),
    #[error("the drill's mail server got no port of 127.0.0.1: {0}")]
    Mail(io::Error),
    #[error("the drill's stand-in for the firewall got no port of 127.0.0.1: {0}")]
    StandIn(io::Error),
}

impl County {
    /// Starts servers, mail relay and stand-in for the probes and practices of this configuration, each on a
    /// free port. Must be called within a tokio runtime.
    pub fn start(config: &Config, weather: &Arc<dyn Weather>) -> Result<Self, CountyError> {
        let mut estate = config.estate.clone();
        rewrite::settle(&mut estate);
        let estate = Arc::new(estate);
        let tasks = Tasks::default();
        let servers = Arc::new(Servers::new(&tasks, &estate)?);
        // Those that every county needs start at once, so that what can't work fails here.
        for server in
            [Server::Names, Server::Web { tls: true }, Server::Web { tls: false }, Server::Tcp, Server::Udp]
        {
            servers.address(server)?;
        }
        let mail = MailServer::start(&tasks).map_err(CountyError::Mail)?;
        let stand_in = StandIn::start(&tasks, &estate, &servers, weather).map_err(CountyError::StandIn)?;
        Ok(Self { tasks, servers, stand_in, mail })
    }

    /// The same configuration, moved into this county: probes ask its doors, mail goes to its relay, the
    /// status page gets a free port, and `data` holds the store.
    pub fn rewrite(&self, config: &Config, data: &Path) -> Result<Config, NotLoopback> {
        rewrite::rewrite(
            config,
            &Places {
                door: &|probe| self.stand_in.door(probe),
                mail: self.mail.address(),
                trust_pem: self.servers.trust_pem(),
                data,
            },
        )
    }

    pub const fn mail(&self) -> &MailServer {
        &self.mail
    }

    /// Ends all that it started, and waits until it is gone.
    pub async fn stop(self) {
        self.tasks.stop().await;
    }
}

impl Drop for County {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}
