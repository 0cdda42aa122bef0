//! `linewatch check`: everything that is wrong with a configuration, or what it amounts to.

use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use super::Exit;
use crate::config::{self, Config, Errors, Summary};

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
    let loaded = config::load(&args.file);
    let exit = match &loaded {
        Ok(_) => Exit::Fine,
        Err(errors) if errors.could_not_read() => Exit::CouldNotAsk,
        Err(_) => Exit::BadNews,
    };
    let out = if args.json {
        as_json(&loaded)
    } else {
        match &loaded {
            Ok(config) => in_words(&args.file.display().to_string(), &Summary::of(config)),
            Err(errors) => all_errors(errors),
        }
    };
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()) {
        // `linewatch check | head` has read enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit),
    }
}

fn all_errors(errors: &Errors) -> String {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut out = String::new();
    for problem in errors.iter() {
        if errors.could_not_read() {
            out.push_str(&format!("{}: {}\n  help: {}\n", problem.file(), problem.message(), problem.help()));
        } else {
            out.push_str(&format!("{problem}\n{}\n", problem.excerpt(colour)));
        }
    }
    if !errors.could_not_read() {
        let count = errors.count();
        let left_out = match errors.left_out() {
            0 => String::new(),
            left_out => format!(", {left_out} of them not shown"),
        };
        out.push_str(&format!("{}{left_out}\n", counted(count, "error")));
    }
    out
}

fn as_json(loaded: &Result<Config, Errors>) -> String {
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
    format!("{value:#}\n")
}

fn in_words(file: &str, summary: &Summary) -> String {
    let mut out = String::new();
    let kinds: Vec<String> =
        summary.components.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
    out.push_str(&format!(
        "{file} is fine: {} ({})\n\n  practices   {}\n  networks    {}\n  services    {}\n  probes      {}\n  components  {kinds}\n  checks      {:.0} a minute, the hub's own included\n",
        summary.name,
        summary.icb,
        summary.practices,
        summary.networks,
        summary.services,
        summary.probes,
        summary.checks_per_minute,
    ));
    out.push_str("\nSteady rate that each target sees from the whole estate:\n\n");
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["  target", "checks/s", "probes"]);
    for target in summary.targets.iter().take(TARGETS_SHOWN) {
        let rate = format!("{:.2}{}", target.checks_per_second, if target.above_target_rate { " !" } else { "" });
        table.add_row([format!("  {}", target.target), rate, target.probes.join(", ")]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in table.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if let Some(more) = summary.targets.len().checked_sub(TARGETS_SHOWN).filter(|more| *more > 0) {
        out.push_str(&format!("   and {more} more, all of them slower (--json has them)\n"));
    }
    if let Some(most) = summary.target_rate_max {
        for target in summary.targets.iter().filter(|target| target.above_target_rate) {
            out.push_str(&format!(
                "\nwarning: {} sees {:.2} checks/s, and [schedule] target_rate is {most}: its checks will run late\n  help: ask less often (`every`), or raise target_rate\n",
                target.target, target.checks_per_second,
            ));
        }
    }
    for later in &summary.later_kinds {
        out.push_str(&format!(
            "\nnote: `run` can't ask {} yet, and refuses to start with {}; replay takes them\n",
            later.kind,
            later.probes.join(", "),
        ));
    }
    for hint in &summary.hints {
        out.push_str(&format!("\nhint: {}\n  help: {}\n", hint.text, hint.help));
    }
    out
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
