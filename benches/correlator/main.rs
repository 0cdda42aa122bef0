//! The correlator against six others on simulated faults: who names the failed component, how soon, and at what
//! price in false alarms.
//!
//! | file | what lives there |
//! |---|---|
//! | `options` | the command line |
//! | `facts` | what everybody is told about an estate |
//! | `diagnoser` | the seam: observations in, incident events out; linewatch as one of them |
//! | `run` | trials over threads |
//! | `blips` | when a target answered nobody for a moment, which the truths leave out |
//! | `bound` | how soon anybody could know |
//! | `score`, `marks` | what was said against the truth, and sums of it |
//! | `tables`, `bar` | the results as Markdown |
//! | `baselines` | the six others |
//! | `saved` | trials that are done, so that hours of them can be counted over several runs |
//! | `tune` | chooses their constants, on seeds that are never reported |
//! | `show` | one trial in full, for whoever improves the model |

mod bar;
mod baselines;
mod blips;
mod bound;
mod diagnoser;
mod facts;
mod marks;
mod options;
mod run;
mod saved;
mod score;
mod show;
mod tables;
mod tune;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use clap::Parser as _;
use linewatch::world::trials::{Family, Tier, Trial};
use linewatch::world::virtual_time::blank;

use crate::baselines::{Baseline, Method, constants};
use crate::blips::Blips;
use crate::diagnoser::Linewatch;
use crate::facts::Facts;
use crate::marks::Marks;
use crate::options::Options;
use crate::run::{Hall, Job};
use crate::saved::Saved;
use crate::score::Judge;
use crate::tables::Results;

/// As `--only` has it.
const LINEWATCH: &str = "linewatch";
/// Trials from one word about progress to the next.
const PROGRESS_EVERY: usize = 50;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let (mut tiers, mut families) = (options.tiers(), options.families());
    if Options::is_smoke_test() {
        tiers.truncate(1);
        families.truncate(1);
    }
    if options.bound {
        bound::print(&options);
        return Ok(());
    }
    let jobs = run::jobs(&tiers, &families, options.first_seed(), |family| options.runs(family));
    if let (Some(path), Some(job)) = (&options.record, jobs.first()) {
        return record(&Trial::new(job.family, job.tier, job.seed), path);
    }
    if options.tune {
        tune::tune(&options);
        return Ok(());
    }
    let names: Vec<&'static str> =
        [LINEWATCH].into_iter().chain(Method::NAMES).filter(|name| options.wants(name)).collect();
    anyhow::ensure!(!names.is_empty(), "--only names none of {LINEWATCH}, {}", Method::NAMES.join(", "));
    let saved = options.save.as_ref().map(|path| Saved::open(path, &names, options.reask)).transpose()?;
    let kept = |job: &Job| saved.as_ref().and_then(|saved| saved.of(job));
    let left: Vec<Job> = jobs.iter().filter(|job| kept(job).is_none()).copied().collect();
    let began = std::time::Instant::now();
    let outcomes = run::spread(
        &left,
        options.threads(),
        |job, trial, facts| {
            let (marks, story) = outcome(trial, facts, &names, &options);
            saved.as_ref().map_or(Ok(()), |saved| saved.keep(job, &marks))?;
            anyhow::Ok((marks, story))
        },
        || options.minutes.is_none_or(|minutes| began.elapsed().as_secs() < 60 * minutes),
        |done| {
            if done % PROGRESS_EVERY == 0 {
                eprintln!("{done} of {} trials after {:.0} s", left.len(), began.elapsed().as_secs_f64());
            }
        },
    );
    let (new, wanted) = (outcomes.len(), jobs.len());
    let mut outcomes = outcomes.into_iter().peekable();
    let mut cells: BTreeMap<(Tier, Family), Vec<Marks>> = BTreeMap::new();
    let mut done: Vec<u64> = Vec::new();
    for job in &jobs {
        let marks = match (kept(job), outcomes.next_if(|(of, _)| of == job)) {
            (Some(marks), _) => marks.clone(),
            (None, Some((_, outcome))) => {
                let (marks, story) = outcome?;
                if let Some(story) = story {
                    println!("{story}");
                }
                marks
            }
            // There was no time for it.
            (None, None) => continue,
        };
        let sums = cells.entry((job.tier, job.family)).or_insert_with(|| vec![Marks::default(); names.len()]);
        sums.iter_mut().zip(&marks).for_each(|(sum, marks)| sum.merge(marks));
        done.push(job.seed);
    }
    println!(
        "{} of {wanted} trials ({new} of them now): seeds {} to {} of {} families in {} tiers; {:.0} s on {} threads.",
        done.len(),
        done.iter().min().copied().unwrap_or_default(),
        done.iter().max().copied().unwrap_or_default(),
        families.len(),
        tiers.len(),
        began.elapsed().as_secs_f64(),
        options.threads()
    );
    let results = Results { names, cells };
    tables::by_tier(&results);
    tables::totals(&results);
    if results.names[0] == LINEWATCH {
        tables::calibration(&results);
        tables::wins(&results);
        bar::bar(&results, options.reask);
    }
    Ok(())
}

/// One trial: everybody's marks, and what linewatch said if it is to be shown.
fn outcome(
    trial: &Trial,
    facts: &Arc<Facts>,
    names: &[&str],
    options: &Options,
) -> (Vec<Marks>, Option<String>) {
    let tuned = constants::of(trial.tier);
    let mut hall = Hall { diagnosers: Vec::with_capacity(names.len()), said: vec![Vec::new(); names.len()] };
    for name in names {
        hall.diagnosers.push(match Method::NAMES.iter().position(|method| method == name) {
            Some(method) => Box::new(Baseline::new(facts, tuned[method])),
            None => Box::new(Linewatch::new(&trial.estate)),
        });
    }
    let mut blips = Blips::new(facts);
    run::play(trial, facts, &mut blips, &mut hall, options.reask);
    let judge = Judge::new(trial, facts, &blips);
    let mut marks = Vec::with_capacity(names.len());
    let mut story = None;
    for said in &hall.said {
        let (these, faults) = judge.judge(said);
        if marks.is_empty() && options.show && (options.all || !faults.is_empty()) {
            story = Some(show::story(trial, facts, &judge, said, &faults));
        }
        marks.push(these);
    }
    (marks, story)
}

/// Writes a trial's observations as JSON lines, in order of arrival.
fn record(trial: &Trial, path: &std::path::Path) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut stream = trial.stream();
    let mut seen = blank();
    let mut lines = 0_u64;
    while let Some(at) = stream.fill(&mut seen) {
        let mut line = seen.clone();
        line.received = Some(at);
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
        lines += 1;
    }
    writeln!(out, "{{\"at\":\"{}\",\"end\":true}}", trial.end)?;
    out.flush()?;
    println!("{lines} observations of {} in {}, seed {}", trial.family.name(), trial.tier.name(), trial.seed);
    Ok(())
}
