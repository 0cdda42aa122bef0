//! `linewatch import`: practices.csv from the NHS's list of practices.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets};

use super::Exit;
use crate::config::{OdsFile, practice_sizes, write_practices};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// epraccur.csv, as the NHS publishes it (either layout)
    #[arg(long, value_name = "FILE")]
    ods: PathBuf,
    /// A CSV with the columns `practice_code` and `list_size`
    #[arg(long, value_name = "FILE")]
    demographics: Option<PathBuf>,
    /// ICB or sub-ICB code, such as QKS or 91Q; without it, all codes are listed
    #[arg(long, value_name = "CODE")]
    icb: Option<String>,
    /// Where to write; without it, to standard output
    #[arg(short, long, value_name = "FILE", requires = "icb")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { ods, demographics, icb, out, force } = args;
    let file = OdsFile::read(&read(&ods)?).with_context(|| ods.display().to_string())?;
    let Some(code) = &icb else {
        print(&codes(&file))?;
        return Ok(Exit::Fine);
    };
    let found = file.select(code);
    if found.practices.is_empty() {
        eprintln!("linewatch: {} has no active GP practice of {code:?}", ods.display());
        eprintln!("  help: leave --icb out to see all codes");
        return Ok(Exit::BadNews);
    }
    let sizes = match &demographics {
        Some(path) => practice_sizes(&read(path)?).with_context(|| path.display().to_string())?,
        None => HashMap::new(),
    };
    let written = write_practices(&found.practices, &sizes)?;
    match &out {
        Some(path) => write(path, &written, force)?,
        None => print(&written)?,
    }
    eprintln!("{} active GP practices of {code}", found.practices.len());
    for (reason, count) in &found.left_out {
        eprintln!("left out: {count} {reason}");
    }
    let unsized_ones = found.practices.iter().filter(|practice| !sizes.contains_key(&practice.ods)).count();
    match (&demographics, unsized_ones) {
        (None, _) => eprintln!("no list sizes: give --demographics FILE to add them"),
        (Some(_), 0) => {}
        (Some(path), count) => eprintln!("without a list size in {}: {count}", path.display()),
    }
    eprintln!("the list has no e-mail addresses: fill in the column `email`, and add a column for each role");
    Ok(Exit::Fine)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))
}

/// Never over a file that somebody may have filled in by hand, unless told to.
fn write(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            anyhow::bail!("{} is there already; --force replaces it", path.display())
        }
        other => other.with_context(|| format!("{} can't be written", path.display()))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("{} can't be written", path.display()))
}

fn codes(file: &OdsFile) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["ICB", "sub-ICB", "active GP practices"]);
    for ((icb, sub_icb), count) in file.codes() {
        let none = |code: String| if code.is_empty() { "(none)".to_owned() } else { code };
        table.add_row([none(icb), none(sub_icb), count.to_string()]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
