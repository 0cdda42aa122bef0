//! `linewatch why INCIDENT`: what convicts, what acquits, what is missing.

use std::fmt::{self, Write as _};

use super::Exit;
use super::client::{Client, ClientError, Where, block_on, plain};
use super::fixed::in_words;
use super::status::print;
use crate::hub::api::Why;
use crate::incident::Cause;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, as `linewatch status` shows it: `2026-03-16-1`
    incident: String,
    #[command(flatten)]
    place: Where,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 explained, 2 there is no such incident, 3 nobody answers.
pub fn run(Args { incident, place, json }: Args) -> anyhow::Result<Exit> {
    block_on(async {
        let client = Client::new(&place)?;
        match client.get::<Why>(&["api", "v1", "incidents", &incident, "why"]).await {
            Ok(why) => {
                print(json, &why, || explain(&why))?;
                Ok(Exit::Fine)
            }
            Err(ClientError::NotFound(error)) => {
                eprintln!("linewatch: {}: {}", plain(&incident), plain(&error));
                Ok(Exit::Usage)
            }
            Err(error) => Err(error.into()),
        }
    })
}

fn explain(why: &Why) -> Result<String, fmt::Error> {
    let event = &why.event;
    let mut out = format!(
        "{}\n\nincident     {}\nsince        {}\ncause        {}\nprobability  {:.3}\n",
        plain(&event.sentence),
        plain(&why.incident),
        event.since,
        causes(&event.cause),
        event.probability,
    );
    match &why.runner_up {
        Some(other) => {
            writeln!(
                out,
                "runner-up    {}, probability {:.3} (log odds against it {:.1})",
                causes(&other.cause),
                other.probability,
                why.log_odds
            )?;
        }
        None => out += "runner-up    none worth naming\n",
    }
    if !why.odds.is_empty() {
        writeln!(out, "odds         {}", plain(&why.odds))?;
    }
    if let Some(again) = &why.again {
        writeln!(out, "\n{}", plain(again))?;
    }
    if !why.fixes.is_empty() {
        out += "\nWhat was done\n";
        for fix in &why.fixes {
            writeln!(out, "  {}", in_words(fix))?;
        }
    }
    for (title, lines) in [
        ("What convicts", &why.convicts),
        ("What acquits others", &why.acquits),
        ("What is missing", &why.missing),
    ] {
        writeln!(out, "\n{title}")?;
        if lines.is_empty() {
            out += "  nothing\n";
        }
        for line in lines {
            writeln!(out, "  {}", plain(line))?;
        }
    }
    let next = why.next_probe.as_deref().map_or("nothing: what is asked tells it apart".into(), plain);
    writeln!(out, "\nWhat to ask next\n  {next}")?;
    Ok(out)
}

fn causes(causes: &[Cause]) -> String {
    let names: Vec<String> = causes.iter().map(|cause| plain(&cause.to_string())).collect();
    match names.as_slice() {
        [one] => one.clone(),
        several => format!("one of: {}", several.join(", ")),
    }
}
