//! The correlator against six others on simulated faults: who names the failed component, how soon, and at what
//! price in false alarms.
//!
//! | file | what lives there |
//! |---|---|
//! | `options` | the command line |
//! | `facts` | what everybody is told about an estate |
//! | `diagnoser` | the seam: observations in, incident events out; linewatch as one of them |
//! | `run` | trials over threads |
//! | `score`, `marks` | what was said against the truth, and sums of it |
//! | `show` | one trial in full, for whoever improves the model |

mod diagnoser;
mod facts;
mod marks;
mod options;
mod run;
mod score;
mod show;

use std::io::Write as _;

use clap::Parser as _;
use linewatch::world::trials::Trial;
use linewatch::world::virtual_time::blank;

use crate::diagnoser::{Diagnoser, Linewatch};
use crate::marks::Marks;
use crate::options::Options;
use crate::score::Judge;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let (mut tiers, mut families) = (options.tiers(), options.families());
    if options.is_smoke_test() {
        tiers.truncate(1);
        families.truncate(1);
    }
    let jobs = run::jobs(&tiers, &families, options.first_seed(), options.runs());
    if let (Some(path), Some(job)) = (&options.record, jobs.first()) {
        return record(&Trial::new(job.family, job.tier, job.seed), path);
    }
    let total = jobs.len();
    let results = run::spread(
        &jobs,
        options.threads(),
        |trial, facts| {
            let mut diagnosers: Vec<Box<dyn Diagnoser>> = vec![Box::new(Linewatch::new(&trial.estate))];
            let said = run::listen(trial, facts, &mut diagnosers);
            let judge = Judge::new(trial, facts);
            let (marks, faults) = judge.judge(&said[0]);
            let story = (options.show && (options.all || !faults.is_empty()))
                .then(|| show::story(trial, facts, &judge, &said[0], &faults));
            (marks, story)
        },
        |done| {
            if done % 100 == 0 {
                eprintln!("{done} of {total} trials");
            }
        },
    );
    let mut sum = Marks::default();
    for (marks, story) in &results {
        sum.merge(marks);
        if let Some(story) = story {
            print!("{story}");
        }
    }
    println!("{sum:#?}");
    Ok(())
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
