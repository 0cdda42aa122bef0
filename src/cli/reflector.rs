//! `linewatch reflector`: the far side of `egress` checks, on a machine outside of the firewall.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tokio_util::sync::CancellationToken;

use super::Exit;
use crate::estate::SharedSecret;
use crate::limits::{REFLECTOR_PER_SECOND, REFLECTOR_PORTS_MAX, SECRET_CHARS_MAX};
use crate::platform::Endings;
use crate::reflector::{Options, Reflector, ports};

/// The environment variable that may hold the secret.
const SECRET_VARIABLE: &str = "LINEWATCH_REFLECTOR_SECRET";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Listen on this address of this machine's; a machine with several should name the one that checks ask
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0")]
    listen: IpAddr,
    /// TCP ports, such as 443,53,587,5060-5061. Those that the firewall must block belong here too
    #[arg(long, value_name = "PORTS", default_value = "")]
    tcp: String,
    /// UDP ports, such as 53,123,3478,5060,10000-10010
    #[arg(long, value_name = "PORTS", default_value = "")]
    udp: String,
    /// A file with the secret that the probes have too: one line of at least 16 characters. Without it, the
    /// environment variable LINEWATCH_REFLECTOR_SECRET
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Answers a second over all; one source may have half of them
    #[arg(long, value_name = "N", default_value_t = REFLECTOR_PER_SECOND, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_per_second: u32,
}

/// Exit status: 0 stopped in good order, 2 wrong usage, 3 it could not listen.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    super::run::log_to_stderr();
    let options = match options(args) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("linewatch: {error:#}");
            return Ok(Exit::Usage);
        }
    };
    crate::agent::descriptors::raise();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(reflect(&options))
}

async fn reflect(options: &Options) -> anyhow::Result<Exit> {
    let mut endings = Endings::listen()?;
    let reflector = Reflector::bind(options).await?;
    let counters = reflector.counters();
    let listening: Vec<String> = reflector.ports().iter().map(ToString::to_string).collect();
    println!("reflecting at {}: {}", options.listen, listening.join(" "));
    println!("at most {} answers a second; Ctrl-C stops.", options.per_second_max);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(reflector.serve(stop.clone()));
    endings.next().await;
    stop.cancel();
    serving.await.context("serving ended badly")?;
    print!("{}", counters.now());
    Ok(Exit::Fine)
}

fn options(args: &Args) -> anyhow::Result<Options> {
    let tcp = port_list("--tcp", &args.tcp)?;
    let udp = port_list("--udp", &args.udp)?;
    if tcp.is_empty() && udp.is_empty() {
        bail!("there is no port to listen on; give --tcp, --udp or both, such as --tcp 443,53 --udp 53,123");
    }
    if tcp.len() + udp.len() > REFLECTOR_PORTS_MAX {
        bail!("--tcp and --udp name more than {REFLECTOR_PORTS_MAX} ports together; name those that matter");
    }
    let secret = match &args.secret_file {
        Some(path) => secret_of(path)?,
        None => match std::env::var(SECRET_VARIABLE) {
            Ok(text) => SharedSecret::new(&text).map_err(|why| {
                anyhow::anyhow!("{SECRET_VARIABLE}: {why}; `openssl rand -hex 32` makes one")
            })?,
            Err(_) => bail!("there is no secret; give --secret-file, or set {SECRET_VARIABLE}"),
        },
    };
    Ok(Options { listen: args.listen, tcp, udp, secret, per_second_max: args.max_per_second })
}

fn port_list(option: &str, text: &str) -> anyhow::Result<Vec<u16>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    ports::list(text, REFLECTOR_PORTS_MAX).map_err(|why| anyhow::anyhow!("{option}: {why}"))
}

fn secret_of(path: &Path) -> anyhow::Result<SharedSecret> {
    use std::io::Read as _;
    let mut text = String::new();
    let most = u64::try_from(SECRET_CHARS_MAX * 4 + 2)?;
    std::fs::File::open(path)
        .and_then(|file| file.take(most).read_to_string(&mut text))
        .with_context(|| format!("--secret-file {} can't be read", path.display()))?;
    SharedSecret::new(&text).map_err(|why| {
        anyhow::anyhow!("--secret-file {}: {why}; `openssl rand -hex 32` makes one", path.display())
    })
}
