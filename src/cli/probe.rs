//! `linewatch probe`: run one check now, from where it would be run, and show each phase.

mod explain;
mod hops;
mod passive;
mod report;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Exit;
use crate::config::{self, Config};
use crate::estate::{Ask, Estate};
use crate::observation::{Failure, HUB};
use crate::probe::{Answer, Prober, path};
use crate::time::At;
use report::Asked;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The probe's id
    #[arg(value_name = "ID")]
    probe: String,
    /// Ask from this practice's own source address, instead of this machine's
    #[arg(long, value_name = "ODS")]
    practice: Option<String>,
    /// The configuration
    #[arg(long, default_value = "probes.toml", value_name = "FILE")]
    config: PathBuf,
    /// Trace the path when the check is fine, too; when it fails it is traced anyway
    #[arg(long)]
    path: bool,
    /// Print one JSON object: probe, practice, source, observation, facts, path, verdict, rule
    #[arg(long)]
    json: bool,
    /// Say which rule made it a failure, or which ones it kept, and which key of the configuration sets it
    #[arg(long)]
    explain: bool,
}

/// Exits with 0 when the check is fine, 1 when it fails, 2 when there is no such probe or practice, 3 when this machine
/// couldn't ask.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { probe, practice, config, path: always, json, explain } = args;
    let Config { estate, .. } = load(&config)?;
    let Some(asked) = find(&estate, &probe, practice.as_deref()) else { return Ok(Exit::Usage) };
    if asked.probe.ask.is_passive() {
        return passive::run(asked.probe, practice.as_deref(), &config, json);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let at = At::from(jiff::Timestamp::now());
    let prober = Prober::new()?;
    let answer = runtime.block_on(prober.ask(asked.probe, asked.source()));
    // What this machine couldn't ask it couldn't trace either.
    let fails = !matches!(answer.failure, None | Some(Failure::Local));
    let always = always || matches!(asked.probe.ask, Ask::Path(_));
    let path = (always || fails).then(|| match runtime.block_on(prober.trace(asked.probe, asked.source())) {
        Ok(trace) => path::judge(&trace, None, &estate),
        Err(why) => path::unknown(&why),
    });
    // A look-up that the system's resolver still has in hand must not hold up the end.
    runtime.shutdown_background();
    let observation =
        answer.observation(at, asked.practice.map_or(HUB, |practice| &practice.id), &asked.probe.id);
    let mut text = if json {
        report::json(&asked, &answer, &observation, path.as_ref())?
    } else {
        let path = path.map(|path| hops::lines(&path, &estate)).unwrap_or_default();
        report::words(&asked, &answer, path, at)
    };
    if explain && !json {
        text.push_str(&explain::words(asked.probe, &answer));
    }
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // `linewatch probe … | head` has read enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit(&answer)),
    }
}

fn load(file: &Path) -> anyhow::Result<Config> {
    config::load(file)
        .map_err(|errors| anyhow::anyhow!("the configuration can't be used; mend it first:\n{errors}"))
}

fn exit(answer: &Answer) -> Exit {
    match answer.failure {
        None => Exit::Fine,
        Some(Failure::Local) => Exit::CouldNotAsk,
        Some(_) => Exit::BadNews,
    }
}

/// The probe and the practice that the command line names; what isn't there is said, with the nearest that is.
fn find<'a>(estate: &'a Estate, probe: &str, practice: Option<&str>) -> Option<Asked<'a>> {
    let found = estate.probe(probe).and_then(|ix| estate.probes.get(ix.at()));
    if found.is_none() {
        let known = estate.probes.iter().map(|probe| probe.id.as_str());
        eprintln!("linewatch: {}", unknown("probe", probe, known));
    }
    let from = practice.map(|id| {
        let found = estate.practice(id).and_then(|ix| estate.practices.get(ix.at()));
        if found.is_none() {
            let known = estate.practices.iter().map(|practice| practice.id.as_str());
            eprintln!("linewatch: {}", unknown("practice", id, known));
        }
        found
    });
    match from {
        None => Some(Asked { probe: found?, practice: None }),
        Some(practice) => Some(Asked { probe: found?, practice: Some(practice?) }),
    }
}

/// Ids less alike than this aren't suggested.
const ALIKE_MIN: f64 = 0.7;

fn unknown<'a>(what: &str, id: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known
        .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &id.to_lowercase()), known))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, nearest)) => format!("there is no {what} \"{id}\"; did you mean \"{nearest}\"?"),
        None => format!("there is no {what} \"{id}\"; `linewatch check` shows what the configuration has"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_id_comes_with_the_nearest() {
        let known = ["accurx-https", "docman-https"];
        assert_eq!(
            unknown("probe", "acurx-https", known.into_iter()),
            "there is no probe \"acurx-https\"; did you mean \"accurx-https\"?"
        );
        assert!(unknown("practice", "Y99999", known.into_iter()).contains("linewatch check"));
    }
}
