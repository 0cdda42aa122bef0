//! `linewatch replay`: recorded observations through the correlator, in the virtual time of their arrival.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;

use super::Exit;
use crate::correlate::{Correlator, Taken};
use crate::incident::{Event, EventKind};
use crate::limits::{OBSERVATION_LINE_BYTES_MAX, REPLAY_BROKEN_LINES_SHOWN_MAX};
use crate::observation::Observation;
use crate::time::At;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The estate that the observations are of
    #[arg(long, default_value = "probes.toml")]
    config: PathBuf,
    /// Print incident events as JSON, one object a line
    #[arg(long)]
    json: bool,
    /// Observations, one JSON object a line; `-` for standard input
    file: PathBuf,
}

/// The last line of a recording: time goes on to here.
#[derive(Deserialize)]
struct End {
    at: At,
    end: bool,
}

#[derive(Default)]
struct Tally {
    counted: u64,
    history: u64,
    unknown_practice: u64,
    unknown_probe: u64,
    broken: u64,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { config, json, file } = args;
    let config = match super::config_or_say(&config) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let correlator = Correlator::new(Arc::new(config.estate));
    let out = BufWriter::new(io::stdout().lock());
    let done = if file.as_os_str() == "-" {
        replay(correlator, io::stdin().lock(), out, json)
    } else {
        let recording =
            File::open(&file).with_context(|| format!("cannot read the recording {}", file.display()))?;
        replay(correlator, BufReader::with_capacity(1 << 16, recording), out, json)
    };
    match done {
        Ok(tally) => {
            tally.report();
            Ok(Exit::Fine)
        }
        // Whoever reads our events has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Fine),
        Err(error) => Err(error).context("the recording could not be read to its end"),
    }
}

fn replay(
    mut correlator: Correlator,
    mut input: impl BufRead,
    mut out: impl Write,
    json: bool,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut line = Vec::with_capacity(1024);
    let mut number = 0_u64;
    loop {
        line.clear();
        let limit = OBSERVATION_LINE_BYTES_MAX as u64 + 1;
        if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if line.len() > OBSERVATION_LINE_BYTES_MAX && !line.ends_with(b"\n") {
            tally.broken(number, &format!("longer than {OBSERVATION_LINE_BYTES_MAX} bytes"));
            skip_line(&mut input)?;
            continue;
        }
        let text = line.trim_ascii();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        if text.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Observation>(text) {
            Ok(seen) => match correlator.take(&seen) {
                Taken::Counted => tally.counted += 1,
                Taken::History => tally.history += 1,
                Taken::UnknownPractice => tally.unknown_practice += 1,
                Taken::UnknownProbe => tally.unknown_probe += 1,
            },
            Err(error) => match serde_json::from_slice::<End>(text) {
                Ok(End { at, end: true }) => correlator.advance(at),
                _ => tally.broken(number, &error.to_string()),
            },
        }
        while let Some(event) = correlator.poll_event() {
            write_event(&mut out, &event, json)?;
        }
    }
    out.flush()?;
    Ok(tally)
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (used, done) = buffer
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or((buffer.len(), false), |found| (found + 1, true));
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

fn write_event(out: &mut impl Write, event: &Event, json: bool) -> io::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, event)?;
        return writeln!(out);
    }
    let word = match event.event {
        EventKind::Opened => "opened",
        EventKind::Changed => "changed",
        EventKind::Resolved => "resolved",
    };
    writeln!(out, "{}  {:8} {}  {:.3}  {}", event.at, word, event.incident, event.probability, event.sentence)
}

impl Tally {
    fn broken(&mut self, number: u64, why: &str) {
        self.broken += 1;
        if self.broken <= REPLAY_BROKEN_LINES_SHOWN_MAX {
            eprintln!("line {number}: not an observation, skipped: {why}");
        } else if self.broken == REPLAY_BROKEN_LINES_SHOWN_MAX + 1 {
            eprintln!("more broken lines follow; they are counted, not shown");
        }
    }

    fn report(&self) {
        eprintln!(
            "{} observations, {} of them too late to be news; skipped: {} of unknown practices, {} of unknown \
             probes, {} broken lines",
            self.counted + self.history,
            self.history,
            self.unknown_practice,
            self.unknown_probe,
            self.broken
        );
    }
}

/// The fuzz target: a recording, which gives the same bytes twice, each of its events a whole one.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    use std::sync::OnceLock;

    static ESTATE: OnceLock<Option<Arc<crate::estate::Estate>>> = OnceLock::new();
    let estate = ESTATE.get_or_init(|| Some(Arc::new(crate::config::fuzzing::config("")?.estate)));
    let Some(estate) = estate else { return };
    let events = || {
        let mut out = Vec::new();
        let done = replay(Correlator::new(Arc::clone(estate)), bytes, &mut out, true);
        assert!(done.is_ok(), "reading from memory can't fail");
        out
    };
    let out = events();
    assert!(out == events(), "the same input gives the same bytes");
    for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let event = serde_json::from_slice::<Event>(line);
        let sum = event.as_ref().map(|event| {
            event.probability + event.alternatives.iter().map(|other| other.probability).sum::<f64>()
        });
        assert!(sum.is_ok_and(|sum| (0.0..=1.0 + 1e-9).contains(&sum)), "{event:?}");
    }
}
