//! `linewatch beats`: the addresses that work asks for when it is done, for those who set it up.

use std::fmt::Write as _;
use std::path::PathBuf;

use comfy_table::{Table, presets};
use serde::Serialize;

use super::client::plain;
use super::status::print;
use super::{Exit, config_or_say};
use crate::hub::beats::token::{Mint, works};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, default_value = "probes.toml", value_name = "FILE")]
    config: PathBuf,
    /// What the addresses begin with: where senders reach the hub [default: `[hub] listen`]
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    /// One practice's alone, by ODS code; @hub for the hub's own
    #[arg(long, value_name = "ODS")]
    practice: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Address {
    practice: String,
    probe: String,
    /// What people call the work.
    work: String,
    every_seconds: f64,
    url: String,
}

/// Exit status: 0 they are printed, 1 there are none or there is no secret, 2 the configuration is broken.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let config = match config_or_say(&args.config) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let works = works(&config.estate);
    if works.is_empty() {
        eprintln!("linewatch: no work is waited for; a probe with kind = \"heartbeat\" is one");
        return Ok(Exit::BadNews);
    }
    let Some(mint) = Mint::of(&config.estate) else {
        eprintln!(
            "linewatch: addresses are made from a secret: write one with `openssl rand -hex 32 > beats.secret`, and add \
             beat_secret_file = \"beats.secret\" to [hub]"
        );
        return Ok(Exit::BadNews);
    };
    let base = args.base.unwrap_or_else(|| format!("http://{}", config.hub.listen));
    let addresses: Vec<Address> = works
        .iter()
        .filter(|work| args.practice.as_ref().is_none_or(|id| *id == work.practice_id))
        .map(|work| {
            let probe = &config.estate.probes[work.probe.at()];
            Address {
                practice: work.practice_id.clone(),
                probe: work.probe_id.clone(),
                work: probe.ask.bothers(),
                every_seconds: probe.every.as_secs_f64(),
                url: format!("{}/beat/{}", base.trim_end_matches('/'), mint.token(work)),
            }
        })
        .collect();
    if addresses.is_empty() {
        eprintln!("linewatch: no work of that practice is waited for; `linewatch beats` lists all");
        return Ok(Exit::BadNews);
    }
    print(args.json, &addresses, || {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(["practice", "probe", "work", "address"]);
        for each in &addresses {
            table.add_row([plain(&each.practice), plain(&each.probe), plain(&each.work), each.url.clone()]);
        }
        let mut out = String::new();
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(
            out,
            "\nWho knows an address can say that the work was done: give each only to its own sender."
        )?;
        Ok(out)
    })?;
    Ok(Exit::Fine)
}
