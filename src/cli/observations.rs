//! `linewatch observations`: what a hub's archive has, as JSON lines in order of arrival, which `replay` reads.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context as _;

use super::Exit;
use crate::archive::folder;
use crate::archive::reading::{Query, Reader, read};
use crate::segments::Entry;
use crate::time::At;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The hub's configuration, which says where its data folder is; the hub may be running
    #[arg(long, default_value = "probes.toml")]
    config: PathBuf,
    /// Of this practice alone; `@hub` for the hub's own checks
    #[arg(long, value_name = "ID")]
    practice: Option<String>,
    /// Of this probe alone
    #[arg(long, value_name = "ID")]
    probe: Option<String>,
    /// Checks that began then or later, such as 2026-03-16T07:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<At>,
    /// Checks that began before then
    #[arg(long, value_name = "TIME")]
    to: Option<At>,
}

/// Exit status: 0 fine, 1 a part of the archive is damaged (the rest was printed), 2 the configuration is broken, 3 there is no archive.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { config, practice, probe, from, to } = args;
    let config = match super::config_or_say(&config) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let dir = folder(&config.hub.data);
    let cannot = || format!("cannot read the observations in {}: has a hub run here?", dir.display());
    let mut reader = read(&dir, Query { practice, probe, from, to }).with_context(cannot)?;
    match print(&mut reader, BufWriter::new(io::stdout().lock())) {
        Ok(tally) => Ok(tally.report(&reader)),
        // Whoever reads our lines has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Fine),
        Err(error) => Err(error).with_context(cannot),
    }
}

#[derive(Default)]
struct Tally {
    observations: u64,
    /// Those that agents let go of for want of room.
    thinned: u64,
}

fn print(reader: &mut Reader, mut out: impl Write) -> io::Result<Tally> {
    let mut tally = Tally::default();
    for record in reader {
        match record?.entry {
            Entry::Seen(seen) => {
                serde_json::to_writer(&mut out, &seen)?;
                out.write_all(b"\n")?;
                tally.observations += 1;
            }
            Entry::Thinned(thinned) => tally.thinned = tally.thinned.saturating_add(thinned.count),
        }
    }
    out.flush()?;
    Ok(tally)
}

impl Tally {
    fn report(&self, reader: &Reader) -> Exit {
        eprintln!("{} observations", self.observations);
        if self.thinned > 0 {
            eprintln!("{} more were let go of by agents that had no room for them", self.thinned);
        }
        let unread = reader.unread();
        if unread.damages == 0 {
            return Exit::Fine;
        }
        eprintln!(
            "{} places of the archive are damaged, and cost {} observations at least",
            unread.damages, unread.records
        );
        Exit::BadNews
    }
}
