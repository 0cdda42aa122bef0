//! `linewatch journal`: whether the record behind the evidence is what it was, and the line by which others can tell.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::client::{block_on, plain};
use super::status::print;
use super::{Exit, config_or_say};
use crate::journal::{BadHead, Checked, Head, JournalKey};
use crate::store::{JournalReader, StoreError};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Find any change, cut or reordering, and say where
    Verify(Verify),
    /// Print the signed line that says where the journal stands, to be kept by somebody else
    Head(HeadArgs),
    /// Print the public key that heads are signed with
    Key(Place),
}

#[derive(Debug, clap::Args)]
struct Verify {
    #[command(flatten)]
    place: Place,
    /// Compare with a head that left this machine: the line itself, or a file with it
    #[arg(long, value_name = "FILE|LINE")]
    head: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct HeadArgs {
    #[command(flatten)]
    place: Place,
    /// The lines that were signed each day, instead of one of now
    #[arg(long)]
    daily: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Where the journal lies. It is read from the disk, whether linewatch runs or not.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The data folder [default: `[hub] data` of the configuration]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "probes.toml", conflicts_with = "data")]
    config: PathBuf,
}

impl Place {
    fn folder(&self) -> Result<PathBuf, Exit> {
        match &self.data {
            Some(folder) => Ok(folder.clone()),
            None => config_or_say(&self.config).map(|config| config.hub.data),
        }
    }
}

#[derive(Debug, Serialize)]
struct HeadLine {
    /// UTC; `None`: now.
    day: Option<String>,
    head: String,
}

/// Exit status: 0 sound, 1 something is wrong with the journal, 2 wrong usage, 3 it could not be read.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { what } = args;
    let folder = |place: &Place| place.folder();
    match what {
        What::Verify(Verify { place, head, json }) => match folder(&place) {
            Ok(dir) => verify(&dir, head.as_deref(), json),
            Err(exit) => Ok(exit),
        },
        What::Head(HeadArgs { place, daily, json }) => match folder(&place) {
            Ok(dir) => heads(&dir, daily, json),
            Err(exit) => Ok(exit),
        },
        What::Key(place) => match folder(&place) {
            Ok(dir) => {
                println!("{}", JournalKey::read(&dir)?.public());
                Ok(Exit::Fine)
            }
            Err(exit) => Ok(exit),
        },
    }
}

fn verify(dir: &Path, head: Option<&str>, json: bool) -> anyhow::Result<Exit> {
    let head = match head.map(read_head).transpose() {
        Ok(head) => head,
        Err(error) => {
            eprintln!("linewatch: --head: {error}");
            return Ok(Exit::Usage);
        }
    };
    block_on(async {
        let checked = match JournalReader::open(dir).await {
            Ok(mut journal) => {
                let checked = journal.walk(head, |_| {}).await;
                journal.close().await;
                checked
            }
            Err(error) => Err(error),
        };
        match checked {
            Ok(checked) => {
                print(json, &checked, || words(&checked))?;
                Ok(if checked.is_sound() { Exit::Fine } else { Exit::BadNews })
            }
            // So damaged that it can't be opened: that is an answer as well.
            Err(error @ StoreError::Corrupt { .. }) => {
                eprintln!("linewatch: {error}");
                Ok(Exit::BadNews)
            }
            Err(error) => Err(error.into()),
        }
    })
}

/// The line itself, or the last such line of a file.
fn read_head(text: &str) -> Result<Head, BadHead> {
    let from_file = std::fs::read_to_string(text).ok();
    let text = from_file.as_deref().unwrap_or(text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.parse()
}

pub(super) fn words(checked: &Checked) -> Result<String, fmt::Error> {
    let mut out = String::new();
    for fault in &checked.faults {
        match fault.at {
            Some(at) => writeln!(out, "entry {}, {at}: {}", fault.entry, plain(&fault.what))?,
            None => writeln!(out, "entry {}: {}", fault.entry, plain(&fault.what))?,
        }
    }
    let shown = checked.faults.len() as u64;
    if checked.faults_total > shown {
        writeln!(out, "and {} more", checked.faults_total - shown)?;
    }
    let what = match (checked.first, checked.last) {
        (Some((first, from)), Some((last, to))) => {
            format!("{} entries, {first} of {from} to {last} of {to}", checked.entries)
        }
        _ => "no entry".to_owned(),
    };
    writeln!(out, "{what}; sha256 {}", checked.sha256)?;
    if checked.begins_after > 0 {
        writeln!(
            out,
            "What came up to entry {} has been removed, because its time was over.",
            checked.begins_after
        )?;
    }
    out += match (checked.is_sound(), &checked.head) {
        (true, Some(_)) => "Sound, and the same journal that the head is of.\n",
        (true, None) => {
            "Sound in itself. Only a head that was kept by somebody else shows that it wasn't written anew as a whole: --head\n"
        }
        (false, _) => "NOT SOUND: this is not the journal that was written.\n",
    };
    Ok(out)
}

fn heads(dir: &Path, daily: bool, json: bool) -> anyhow::Result<Exit> {
    block_on(async {
        let mut journal = JournalReader::open(dir).await?;
        let lines: Vec<HeadLine> = if daily {
            let heads = journal.heads().await?;
            heads.into_iter().map(|(day, head)| HeadLine { day: Some(day), head }).collect()
        } else {
            let tip = journal.tip().await?;
            let key = JournalKey::read(dir)?;
            tip.map(|tip| HeadLine {
                day: None,
                head: Head::sign(&key, tip.seq, tip.at, tip.hash).to_string(),
            })
            .into_iter()
            .collect()
        };
        journal.close().await;
        if lines.is_empty() {
            eprintln!("linewatch: nothing has been written into the journal yet");
            return Ok(Exit::BadNews);
        }
        print(json, &lines, || {
            Ok(lines.iter().map(|line| plain(&line.head)).collect::<Vec<_>>().join("\n"))
        })?;
        Ok(Exit::Fine)
    })
}
