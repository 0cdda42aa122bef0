//! `linewatch check`: everything that is wrong with a configuration, or what it amounts to.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use super::Exit;
use crate::config::{self, Ambiguities, Config, Errors, Summary};

/// Targets that the table shows; the rest are counted, and all are in `--json`.
const TARGETS_SHOWN: usize = 15;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(default_value = "probes.toml", value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object: ok, errors, summary
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { file, json } = args;
    let loaded = config::load(&file);
    let exit = match &loaded {
        Ok(_) => Exit::Fine,
        Err(errors) if errors.could_not_read() => Exit::CouldNotAsk,
        Err(_) => Exit::BadNews,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = match &loaded {
        _ if json => as_json(&mut out, &loaded),
        Ok(config) => in_words(&mut out, &file.display().to_string(), &Summary::of(config)),
        Err(errors) => all_errors(&mut out, errors),
    };
    match written.and_then(|()| out.flush()) {
        // `linewatch check | head` has read enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit),
    }
}

fn all_errors(out: &mut impl Write, errors: &Errors) -> std::io::Result<()> {
    if errors.could_not_read() {
        for problem in errors.iter() {
            writeln!(out, "{}: {}\n  help: {}", problem.file(), problem.message(), problem.help())?;
        }
        return Ok(());
    }
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for problem in errors.iter() {
        writeln!(out, "{problem}\n{}", problem.excerpt(colour))?;
    }
    match errors.left_out() {
        0 => writeln!(out, "{}", counted(errors.count(), "error")),
        left_out => writeln!(out, "{} errors, {left_out} of them not shown", errors.count()),
    }
}

fn as_json(out: &mut impl Write, loaded: &Result<Config, Errors>) -> std::io::Result<()> {
    let value = match loaded {
        Ok(config) => json!({"ok": true, "errors": [], "summary": Summary::of(config)}),
        Err(errors) => {
            let list: Vec<_> = errors
                .iter()
                .map(|problem| {
                    json!({
                        "file": problem.file(),
                        "line": problem.line(),
                        "column": problem.column(),
                        "message": problem.message(),
                        "help": problem.help(),
                    })
                })
                .collect();
            json!({"ok": false, "errors": list, "errors_left_out": errors.left_out(), "summary": null})
        }
    };
    writeln!(out, "{value:#}")
}

fn in_words(out: &mut impl Write, file: &str, summary: &Summary) -> std::io::Result<()> {
    let kinds: Vec<String> =
        summary.components.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
    writeln!(out, "{file} is fine: {} ({})\n", summary.name, summary.icb)?;
    writeln!(out, "  practices   {}", summary.practices)?;
    writeln!(out, "  networks    {}", summary.networks)?;
    writeln!(out, "  services    {}", summary.services)?;
    writeln!(out, "  probes      {}", summary.probes)?;
    writeln!(out, "  components  {kinds}")?;
    writeln!(out, "  checks      {:.0} a minute, the hub's own included", summary.checks_per_minute)?;
    for (number, step) in summary.escalation.iter().enumerate() {
        let label = if number == 0 { "escalation" } else { "" };
        let role =
            |(role, holders): (&String, &Vec<String>)| format!("the role {role} ({})", holders.join(", "));
        let to: Vec<String> = step.to.iter().cloned().chain(step.roles.iter().map(role)).collect();
        writeln!(out, "  {label:<10}  after {} min: {}", step.after_seconds.div_ceil(60), to.join(", "))?;
    }
    targets(out, summary)?;
    for later in &summary.later_kinds {
        writeln!(
            out,
            "\nnote: `run` can't ask {} yet, and refuses to start with {}; replay takes them",
            later.kind,
            later.probes.join(", "),
        )?;
    }
    for lacks in &summary.unready {
        writeln!(out, "\nnote: `run` refuses to start with {} ({}): {}", lacks.probe, lacks.kind, lacks.why)?;
    }
    ambiguities(out, &summary.ambiguities)?;
    for hint in &summary.hints {
        writeln!(out, "\nhint: {}\n  help: {}", hint.text, hint.help)?;
    }
    Ok(())
}

fn ambiguities(out: &mut impl Write, found: &Ambiguities) -> std::io::Result<()> {
    if found.groups.is_empty() {
        writeln!(out, "\nEvery fault of one thing can be told from every fault of another.")?;
    } else {
        writeln!(out, "\nWhat no check can tell apart:")?;
    }
    for group in &found.groups {
        writeln!(out, "\n  {}\n  help: {}", group.text, group.splitter)?;
    }
    if found.left_out > 0 {
        writeln!(out, "\n  and {} more such groups; mend the first of them first", found.left_out)?;
    }
    for group in &found.parted_by_hub {
        writeln!(out, "\nnote: {}\n  help: {}", group.text, group.splitter)?;
    }
    Ok(())
}

fn targets(out: &mut impl Write, summary: &Summary) -> std::io::Result<()> {
    writeln!(out, "\nSteady rate that each target sees from the whole estate:\n")?;
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["  target", "checks/s", "probes"]);
    for target in summary.targets.iter().take(TARGETS_SHOWN) {
        let rate = format!("{:.2}", target.checks_per_second);
        table.add_row([format!("  {}", target.target), rate, target.probes.join(", ")]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    if let Some(more) = summary.targets.len().checked_sub(TARGETS_SHOWN).filter(|more| *more > 0) {
        writeln!(out, "   and {more} more, none of them faster (--json has them)")?;
    }
    let Some(most) = summary.target_rate_max else { return Ok(()) };
    for target in summary.targets.iter().filter(|target| target.above_target_rate) {
        writeln!(
            out,
            "\nwarning: {} would see {:.2} checks/s, above [schedule] target_rate = {most}: its checks will run late\n  help: ask less often (`every`), or raise target_rate",
            target.target, target.checks_per_second,
        )?;
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
