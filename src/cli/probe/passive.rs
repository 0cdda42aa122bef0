//! `linewatch probe` of a heartbeat: nothing can be asked, so the running hub says what it has heard.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::Exit;
use crate::cli::client::{Client, Where, block_on, plain};
use crate::cli::status::print;
use crate::estate::Probe;
use crate::hub::beats::BeatStatus;

/// Exits with 0 when all beats come in their time, 1 when one doesn't, 3 when the hub doesn't answer.
pub(super) fn run(probe: &Probe, practice: Option<&str>, config: &Path, json: bool) -> anyhow::Result<Exit> {
    let asked: anyhow::Result<Vec<BeatStatus>> = block_on(async {
        let client = Client::new(&Where::of(config))?;
        Ok(client.get(&["api", "v1", "beats"]).await?)
    });
    let mut beats = match asked {
        Ok(beats) => beats,
        Err(error) => {
            eprintln!(
                "linewatch: {} is a heartbeat: nobody is asked, the hub waits for the work to say that it was done \
                 (`linewatch beats` prints where). What it has heard isn't known: {error:#}",
                probe.id
            );
            return Ok(Exit::CouldNotAsk);
        }
    };
    beats.retain(|beat| beat.probe == probe.id && practice.is_none_or(|id| beat.practice == id));
    let is_bad = beats.iter().any(|beat| beat.detail.is_some());
    print(json, &beats, || {
        let mut out = format!(
            "{}: nobody is asked, the hub waits for beats of {}\n\n",
            probe.id,
            plain(&probe.ask.bothers())
        );
        for beat in &beats {
            let last = beat.last.map_or_else(|| "never".to_owned(), |last| last.to_string());
            let detail =
                beat.detail.as_ref().map_or_else(String::new, |detail| format!("  {}", plain(detail)));
            writeln!(out, "  {:<12} {:<8} last beat {last}{detail}", plain(&beat.practice), beat.standing)?;
        }
        if beats.is_empty() {
            writeln!(out, "  no beat is waited for there")?;
        }
        Ok(out)
    })?;
    Ok(if is_bad { Exit::BadNews } else { Exit::Fine })
}
