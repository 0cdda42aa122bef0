//! `linewatch run`: watch an operator's own targets, all in one process.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use super::client::plain;
use super::{Exit, config_or_say};
use crate::agent::schedule::Whose;
use crate::config::Config;
use crate::hub::beats::token::works;
use crate::hub::service::{self, Options, Running};
use crate::platform::{Endings, Reloads};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The estate
    #[arg(long, value_name = "FILE", default_value = "probes.toml")]
    config: PathBuf,
    /// Serve the page here instead of at `[hub] listen`
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<std::net::SocketAddr>,
}

/// Exit status: 0 stopped in good order, 1 the configuration asks for what isn't built yet, 2 it is broken,
/// 3 it could not be read, nothing could be started, or something essential ended on its own.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    run_for(Whose::Everybodys, args)
}

/// The same, for those whose checks are asked here.
pub(super) fn run_for(whose: Whose, args: Args) -> anyhow::Result<Exit> {
    log_to_stderr();
    let config = match config_or_say(&args.config) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    if let Err(error) = service::refuse_unasked(&config, Some(&args.config)) {
        eprintln!("linewatch: {error}");
        return Ok(Exit::BadNews);
    }
    let listen = args.listen.unwrap_or(config.hub.listen);
    if let Err(error) = service::refuse_open(whose, listen, &config.hub) {
        eprintln!("linewatch: {error}");
        return Ok(Exit::BadNews);
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(watch(whose, args, config))
}

async fn watch(whose: Whose, args: Args, config: Config) -> anyhow::Result<Exit> {
    let (mut endings, mut reloads) = (Endings::listen()?, Reloads::listen()?);
    let greeting = greeting(whose, &config, &args.config);
    let scheme = if config.hub.tls.is_some() { "https" } else { "http" };
    let options =
        Options { config_path: Some(args.config), listen: args.listen, whose, ..Options::default() };
    let running = service::start(config, options).await?;
    println!("{greeting}");
    println!("page and API: {scheme}://{}/   metrics: {scheme}://{0}/metrics", running.address);
    println!("SIGHUP reads the configuration again; Ctrl-C stops.");
    let exit = loop {
        tokio::select! {
            () = reloads.next() => reload(&running).await,
            () = endings.next() => break Exit::Fine,
            () = running.ended() => {
                eprintln!("linewatch: something essential ended on its own; the log says what");
                break Exit::CouldNotAsk;
            }
        }
    };
    // To be asked a second time means now.
    tokio::select! {
        () = running.stop() => {}
        () = endings.next() => {}
    }
    Ok(exit)
}

async fn reload(running: &Running) {
    match running.reload().await {
        Ok(reloaded) => {
            println!("configuration reloaded: {} practices, {} probes", reloaded.practices, reloaded.probes);
            for setting in reloaded.needs_restart {
                println!("{setting} changed: only a restart takes that over");
            }
        }
        Err(error) => {
            eprintln!("{error:#}");
            eprintln!("linewatch: the configuration was not reloaded; the one before is still used");
        }
    }
}

/// What is watched, and what this machine can see of it.
fn greeting(whose: Whose, config: &Config, file: &Path) -> String {
    let estate = &config.estate;
    let sourced = estate.practices.iter().filter(|practice| practice.source.is_some()).count();
    let sees = match sourced {
        _ if whose == Whose::Hubs => {
            "Agents at the practices ask and report; `linewatch enrol PRACTICE` lets one in. Only the hub's \
                                      own checks are asked from here."
                .to_owned()
        }
        0 => "No practice has a `source`, so every check leaves by this machine's own lines: what they show \
              is this machine's view, not the practices'."
            .to_owned(),
        _ if sourced == estate.practices.len() => {
            "Each practice's checks leave from its own `source` address on this machine. Whether that is the \
             practice's own line depends on where this machine stands."
                .to_owned()
        }
        _ => format!(
            "{sourced} of {} practices have a `source`; the checks of the others leave by this machine's own \
             lines and show this machine's view.",
            estate.practices.len()
        ),
    };
    let told =
        if config.mail.is_some() { "" } else { "\nThere is no [mail] section: nobody is told of anything." };
    format!(
        "linewatch {} watches {}: {} practices, {} probes, {} checks ({})\n{sees}{told}",
        env!("CARGO_PKG_VERSION"),
        plain(&estate.icb.name),
        estate.practices.len(),
        estate.probes.len(),
        (estate.practices.len() + 1) * estate.probes.iter().filter(|probe| !probe.ask.is_passive()).count()
            + works(estate).len(),
        file.display(),
    )
}

/// Warnings and worse, or what `RUST_LOG` says.
pub(super) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,linewatch=info"));
    // Fails only when a log is set up already.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    drop(log.with_ansi(std::io::stderr().is_terminal()).try_init());
}
