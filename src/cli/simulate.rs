//! `linewatch simulate`: a scenario in virtual time, through the correlator.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::{Exit, story};
use crate::correlate::Correlator;
use crate::estate::Estate;
use crate::incident::{Event, EventKind, Reason};
use crate::observation::Observation;
use crate::time::At;
use crate::world::estates;
use crate::world::faults::World;
use crate::world::scenario::{self, Scenario};
use crate::world::verdicts::{Judged, judge, length};
use crate::world::virtual_time::{VirtualTime, blank};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A scenario file, or the name of a shipped one such as kent-2023
    scenario: PathBuf,
    /// Play it on this estate instead of the one that the scenario makes up
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print incident events as JSON lines
    #[arg(long)]
    json: bool,
    /// Another number for all chance in the scenario
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How long the story goes on, such as 365d, instead of what the scenario says
    #[arg(long, value_name = "LENGTH", value_parser = scenario::parse_length)]
    length: Option<Duration>,
    /// How many practices to make up, instead of what the scenario says
    #[arg(long, value_name = "N", conflicts_with = "config", value_parser = practices)]
    practices: Option<usize>,
    /// Write the observations to this file, for `replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Let the agents ask again what has changed, as `run` does
    #[arg(long)]
    reask: bool,
}

fn practices(text: &str) -> Result<usize, String> {
    let most = estates::Plan::PRACTICES_MAX;
    text.parse().ok().filter(|n| (1..=most).contains(n)).ok_or(format!("write a number from 1 to {most}"))
}

#[expect(clippy::needless_pass_by_value, reason = "every command takes its arguments by value")]
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Some(mut scenario) = story::read(&args.scenario) else { return Ok(Exit::Usage) };
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    scenario.length = args.length.unwrap_or(scenario.length);
    scenario.plan.practices = args.practices.unwrap_or(scenario.plan.practices);
    let world = match story::world(&scenario, args.config.as_deref()) {
        Ok((world, _)) => world,
        Err(exit) => return Ok(exit),
    };
    let record = args.record.as_deref().map(create).transpose()?;
    let out = BufWriter::new(io::stdout().lock());
    let stream = VirtualTime::new(&world, &scenario);
    let stream = if args.reask { stream.asking_again() } else { stream };
    match play(&scenario, &world, stream, args.json, record, out) {
        Ok(exit) => Ok(exit),
        // Somebody closed the pipe, as `| head` does: they have seen enough.
        Err(error) if story::is_closed_pipe(&error) => Ok(Exit::Fine),
        Err(error) => Err(error),
    }
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("can't write {}", path.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn play(
    scenario: &Scenario,
    world: &World,
    mut stream: VirtualTime<'_>,
    json: bool,
    mut record: Option<BufWriter<File>>,
    out: impl Write,
) -> anyhow::Result<Exit> {
    let mut teller =
        Teller { json, estate: world.estate(), out, script: world.turns(scenario), told: Vec::new() };
    teller.headline(scenario)?;
    let began = Instant::now();
    let mut correlator = Correlator::new(Arc::clone(world.estate()));
    let mut seen: Observation = blank();
    let (mut count, mut again) = (0_u64, 0_u64);
    while let Some(arrival) = stream.fill(&mut seen) {
        if let Some(record) = &mut record {
            serde_json::to_writer(&mut *record, &seen).map_err(io::Error::from)?;
            record.write_all(b"\n")?;
        }
        correlator.advance(arrival);
        correlator.observe(arrival, &seen);
        while let Some(wish) = correlator.poll_wish() {
            stream.wish(wish);
        }
        teller.listen(&mut correlator)?;
        count += 1;
        again += u64::from(seen.reask);
    }
    if let Some(record) = &mut record {
        writeln!(record, "{{\"at\":\"{}\",\"end\":true}}", stream.end())?;
        record.flush()?;
    }
    correlator.advance(stream.end());
    teller.listen(&mut correlator)?;
    teller.script_until(stream.end())?;
    let judged = judge(scenario, world, &teller.told);
    teller.verdicts(&judged)?;
    let took = began.elapsed().as_secs_f64();
    let asked_again = if again > 0 { format!(", {again} of them asked again") } else { String::new() };
    eprintln!(
        "{count} observations{asked_again} in {took:.1} s, {:.0} a second.",
        count as f64 / took.max(1e-9)
    );
    Ok(if judged.iter().all(|judged| judged.is_met) { Exit::Fine } else { Exit::BadNews })
}

/// Tells what happens: events as JSON lines, or a timeline with the script beside it.
struct Teller<'a, W> {
    json: bool,
    estate: &'a Estate,
    out: W,
    /// What the script does, not yet told, in order of time.
    script: Vec<(At, String)>,
    told: Vec<Event>,
}

impl<W: Write> Teller<'_, W> {
    fn headline(&mut self, scenario: &Scenario) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let (begin, end) = scenario.span();
        writeln!(self.out, "{}\n{}\n", scenario.title, scenario.happened)?;
        writeln!(
            self.out,
            "{} practices, {} checks each; {} from {}; seed {}\n",
            self.estate.practices.len(),
            self.estate.probes.len(),
            length(end.millis_since(begin)),
            self.local(begin),
            scenario.seed
        )
    }

    fn listen(&mut self, correlator: &mut Correlator) -> io::Result<()> {
        while let Some(event) = correlator.poll_event() {
            if self.json {
                serde_json::to_writer(&mut self.out, &event)?;
                self.out.write_all(b"\n")?;
            } else {
                self.script_until(event.at)?;
                let line = self.event_line(&event);
                writeln!(self.out, "{line}")?;
            }
            self.told.push(event);
        }
        Ok(())
    }

    fn script_until(&mut self, now: At) -> io::Result<()> {
        let due = self.script.partition_point(|(at, _)| *at <= now);
        let turns: Vec<(At, String)> = self.script.drain(..due).collect();
        if !self.json {
            for (at, what) in turns {
                writeln!(self.out, "{}  . script: {what}", self.local(at))?;
            }
        }
        Ok(())
    }

    fn event_line(&self, event: &Event) -> String {
        let cause: Vec<String> = event.cause.iter().map(ToString::to_string).collect();
        let word = match (event.event, event.reason) {
            (EventKind::Opened, _) => "OPENED",
            (EventKind::Changed, _) => "changed",
            (EventKind::Resolved, Some(Reason::Withdrawn)) => "WITHDRAWN",
            (EventKind::Resolved, Some(Reason::Merged)) => "MERGED",
            (EventKind::Resolved, _) => "RESOLVED",
        };
        format!(
            "{}  {word} {}: {} ({:.1} %), {}, network {}; {} practices, {} services\n{:25}{}",
            self.local(event.at),
            event.incident,
            cause.join(" or "),
            event.probability * 100.0,
            event.signature.as_str(),
            event.network.as_deref().unwrap_or("both"),
            event.practices.len(),
            event.services.len(),
            "",
            event.sentence
        )
    }

    fn verdicts(&mut self, judged: &[Judged]) -> io::Result<()> {
        for Judged { is_met, expected, found } in judged {
            let word = if *is_met { "met    " } else { "NOT MET" };
            if self.json {
                eprintln!("{word}  {expected}: {found}");
            } else {
                writeln!(self.out, "{word}  {expected}: {found}")?;
            }
        }
        self.out.flush()
    }

    fn local(&self, at: At) -> String {
        let zoned = at.to_timestamp().to_zoned(self.estate.icb.timezone.clone());
        zoned.strftime("%a %d %b %Y %H:%M:%S").to_string()
    }
}
