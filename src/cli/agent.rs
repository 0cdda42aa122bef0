//! `linewatch agent`: watch one practice from within.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;

use super::Exit;
use super::run::log_to_stderr;
use crate::agent::spool::Settings;
use crate::agent::uplink::service::{AgentSettings, start};
use crate::agent::uplink::talk::Address;
use crate::hub::field::Sockets;
use crate::limits::{SPOOL_BYTES_MAX, SPOOL_BYTES_MIN, UPLINK_HUBS_MAX};
use crate::platform::Endings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// An address of the hub; several in order, best first. With its network where that is known: hscn=https://10.0.0.5:9460
    #[arg(long = "hub", value_name = "[NETWORK=]URL", required = true, num_args = 1, value_parser = parse,
        env = "LINEWATCH_HUB", value_delimiter = ',')]
    hubs: Vec<Address>,
    /// The code that `linewatch enrol` gave: needed once, and ignored after that
    #[arg(long, value_name = "CODE", env = "LINEWATCH_ENROL")]
    enrol: Option<String>,
    /// Where key, configuration and spool are kept
    #[arg(long, value_name = "DIR", default_value = "linewatch-agent")]
    data: PathBuf,
    /// Certificates to trust as the hub's, PEM, instead of this machine's
    #[arg(long, value_name = "FILE", env = "LINEWATCH_HUB_CA")]
    hub_ca: Option<PathBuf>,
    /// Where the page for the people in the practice is served, on their own network
    #[arg(long, value_name = "ADDRESS:PORT", env = "LINEWATCH_PAGE", default_value = "0.0.0.0:9461")]
    page: SocketAddr,
    /// Serve no page
    #[arg(long, conflicts_with = "page")]
    no_page: bool,
    /// What the spool may take of the disk, in MiB
    #[arg(long, value_name = "MIB", default_value_t = SPOOL_BYTES_MAX / MIB)]
    spool_mib: u64,
}

const MIB: u64 = 1024 * 1024;

fn parse(text: &str) -> Result<Address, String> {
    text.parse()
}

/// Exit status: 0 stopped in good order, 2 wrong usage, 3 it could not be started.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    log_to_stderr();
    if args.hubs.len() > UPLINK_HUBS_MAX || args.spool_mib < SPOOL_BYTES_MIN / MIB {
        eprintln!(
            "linewatch: at most {UPLINK_HUBS_MAX} --hub, and --spool-mib {} or more",
            SPOOL_BYTES_MIN / MIB
        );
        return Ok(Exit::Usage);
    }
    let ca_pem = match &args.hub_ca {
        Some(file) => {
            Some(std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?)
        }
        None => None,
    };
    let settings = AgentSettings {
        hubs: args.hubs,
        code: args.enrol,
        data: args.data,
        ca_pem,
        page: (!args.no_page).then_some(args.page),
        spool: Settings { bytes_max: args.spool_mib.saturating_mul(MIB) },
    };
    // One small core is all that an agent asks for.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(watch(settings))
}

async fn watch(settings: AgentSettings) -> anyhow::Result<Exit> {
    let mut endings = Endings::listen()?;
    let field = Arc::new(Sockets::new()?);
    let agent = tokio::select! {
        started = start(field, settings) => started?,
        () = endings.next() => return Ok(Exit::Fine),
    };
    println!("linewatch {} watches {} as agent {}", env!("CARGO_PKG_VERSION"), agent.practice, agent.id);
    if let Some(page) = agent.page {
        println!("page for the people in the practice: http://{page}/");
    }
    endings.next().await;
    // To be asked a second time means now.
    tokio::select! {
        () = agent.stop() => {}
        () = endings.next() => {}
    }
    Ok(Exit::Fine)
}
