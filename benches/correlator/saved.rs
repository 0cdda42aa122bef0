//! Trials that are done, kept in a file, so that what takes hours can be counted over several runs, and a run that is stopped
//! loses only the trials under way.
//!
//! A JSON object a line: first who counted and what, then a trial each, in the order in which they were done. Figures of different
//! programs are never put together: the first line holds the digest of the program.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, ensure};
use linewatch::world::trials::{Family, Tier};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::marks::Marks;
use crate::run::Job;

/// Whose figures they are, and of what.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Counted {
    /// Its SHA-256, as ring names it: `SHA256:9f86…`.
    program: String,
    diagnosers: Vec<String>,
    reask: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    tier: String,
    family: String,
    seed: u64,
    marks: Vec<Marks>,
}

pub struct Saved {
    file: Mutex<File>,
    done: BTreeMap<(Tier, Family, u64), Vec<Marks>>,
}

impl Saved {
    /// Reads what is there, and goes on behind it. A line that was cut off in the middle is dropped.
    ///
    /// # Errors
    ///
    /// When the file can't be used, isn't one of these, or another program counted in it, or with other options.
    pub fn open(path: &Path, diagnosers: &[&str], reask: bool) -> anyhow::Result<Self> {
        let program = std::fs::read(std::env::current_exe()?).context("this program can't be read")?;
        let program = format!("{:?}", digest(&SHA256, &program));
        let diagnosers = diagnosers.iter().map(|name| (*name).to_owned()).collect();
        let counted = Counted { program, diagnosers, reask };
        let named = || path.display().to_string();
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).with_context(named)?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(named)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut lines = text[..whole].lines().zip(1..);
        let mut done = BTreeMap::new();
        if let Some((first, _)) = lines.next() {
            let before: Counted = serde_json::from_str(first).with_context(|| {
                format!("{}:1: this isn't a file of --save; name one that isn't there yet", path.display())
            })?;
            ensure!(
                before == counted,
                "{}:1: another program counted these trials, or with other options, and figures of both can't be put together; \
                 name another file, or remove this one",
                path.display()
            );
        }
        for (text, number) in lines {
            let line: Line =
                serde_json::from_str(text).with_context(|| format!("{}:{number}", path.display()))?;
            let tier = Tier::ALL.iter().copied().find(|tier| tier.name() == line.tier);
            let (tier, family) = tier
                .zip(Family::of(&line.family))
                .with_context(|| format!("{}:{number}: no such tier or family", path.display()))?;
            done.insert((tier, family, line.seed), line.marks);
        }
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        if whole == 0 {
            writeln!(file, "{}", serde_json::to_string(&counted)?).with_context(named)?;
        }
        Ok(Self { file: Mutex::new(file), done })
    }

    pub fn of(&self, job: &Job) -> Option<&Vec<Marks>> {
        self.done.get(&(job.tier, job.family, job.seed))
    }

    /// Writes down that a trial is done.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn keep(&self, job: &Job, marks: &[Marks]) -> anyhow::Result<()> {
        let (tier, family) = (job.tier.name().to_owned(), job.family.name().to_owned());
        let line = Line { tier, family, seed: job.seed, marks: marks.to_vec() };
        let mut line = serde_json::to_string(&line)?;
        line.push('\n');
        let mut file = self.file.lock().map_err(|_| anyhow::anyhow!("a thread that was writing panicked"))?;
        let end = file.stream_position()?;
        if let Err(error) = file.write_all(line.as_bytes()) {
            // A full disk takes a part of a line, and the next is to begin where it should.
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            return Err(error).context("a trial could not be kept; the next run does it again");
        }
        Ok(())
    }
}
