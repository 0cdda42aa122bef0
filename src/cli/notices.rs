//! `linewatch notices preview`: what people would get to read if a scenario happened.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use super::{Exit, story};
use crate::config::NoticeSettings;
use crate::estate::Estate;
use crate::notify::cast::{self, Cast};
use crate::notify::policy::Rules;
use crate::notify::policy::routing::Routing;
use crate::notify::rehearsal::{Mailing, Rehearsal, gathered};
use crate::notify::words::texts::SHIPPED;
use crate::notify::{Audience, NoticeKind};
use crate::world::scenario::{self, Scenario};
use crate::world::verdicts::told_by;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what each kind of recipient would get, and how many would, if a scenario happened
    Preview(PreviewArgs),
    /// Write the letters' texts into a folder, to be changed and named by `texts` of [notices]
    Texts(TextsArgs),
}

#[derive(Debug, clap::Args)]
struct TextsArgs {
    /// A folder; files that are there already are left as they are
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
struct PreviewArgs {
    /// Scenario files, or names of shipped ones such as kent-2023
    #[arg(required_unless_present = "all")]
    scenarios: Vec<PathBuf>,
    /// Every shipped scenario; days among them take minutes, and stderr says how far they are
    #[arg(long, conflicts_with = "scenarios")]
    all: bool,
    /// Play them on this estate, with its staff, planned work and rules, instead of one that the scenario makes up
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write each letter's page into this folder as well
    #[arg(long, value_name = "FOLDER")]
    html: Option<PathBuf>,
    /// Print one JSON object a line for each letter
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let args = match args.what {
        What::Preview(args) => args,
        What::Texts(args) => return texts(&args.out),
    };
    let named = if args.all {
        scenario::SHIPPED.iter().map(|(name, _)| PathBuf::from(name)).collect()
    } else {
        args.scenarios.clone()
    };
    for path in named {
        let Some(scenario) = story::read(&path) else { return Ok(Exit::Usage) };
        match preview(&scenario, &args) {
            Ok(Ok(())) => {}
            Ok(Err(exit)) => return Ok(exit),
            Err(error) if story::is_closed_pipe(&error) => return Ok(Exit::Fine),
            Err(error) => return Err(error),
        }
    }
    Ok(Exit::Fine)
}

/// Writes the shipped texts, each that isn't there yet.
fn texts(folder: &Path) -> anyhow::Result<Exit> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut out = io::stdout().lock();
    for (name, text) in SHIPPED {
        let file = folder.join(name);
        let made = std::fs::File::create_new(&file).and_then(|mut file| file.write_all(text.as_bytes()));
        match made {
            Ok(()) => writeln!(out, "{}", file.display())?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                writeln!(out, "{} is there already, and was left as it is", file.display())?;
            }
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", file.display())),
        }
    }
    writeln!(
        out,
        "Change them, write texts = {:?} into [notices], and run: linewatch check",
        folder.display().to_string()
    )?;
    Ok(Exit::Fine)
}

fn preview(scenario: &Scenario, args: &PreviewArgs) -> anyhow::Result<Result<(), Exit>> {
    let (world, config) = match story::world(scenario, args.config.as_deref()) {
        Ok(made) => made,
        Err(exit) => return Ok(Err(exit)),
    };
    let mut progress = story::Progress::of(scenario);
    let events = told_by(scenario, &world, |at| progress.passes(at));
    // Who hears where no configuration says it.
    let mut cast = Cast::of(world.estate(), &events);
    if let Some(config) = &config {
        cast.estate = Estate::clone(world.estate());
        cast.routing = Routing::of(config);
        cast.escalation.clone_from(&config.acknowledgement.steps);
        if let Some(mail) = &config.mail {
            cast.staff.clone_from(&mail.staff);
        }
    }
    let maintenance = config.as_ref().map(|config| config.maintenance.clone()).unwrap_or_default();
    let NoticeSettings { practices, update_every, texts, .. } =
        config.as_ref().map(|config| config.notices.clone()).unwrap_or_default();
    let acknowledgement = config.as_ref().map(|config| config.acknowledgement.clone()).unwrap_or_default();
    let estate = &cast.estate;
    let rules = Rules { practices, maintenance: &maintenance, update_every, ..cast.rules() };
    let deadlines = config.as_ref().map(|config| config.deadlines.clone()).unwrap_or_default();
    let link = acknowledgement.link.as_ref().map(reqwest::Url::as_str);
    let fixes = cast::fixes(&events);
    let mut rehearsal =
        Rehearsal::new(rules, &deadlines).with_texts(texts).with_link(link).with_fixes(&fixes);
    for event in &events {
        rehearsal.tell(event);
    }
    rehearsal.until(scenario.span().1);
    let mailings = gathered(rehearsal.written());
    let mut out = io::stdout().lock();
    if !args.json {
        writeln!(out, "{}\n{}\n", scenario.title, "=".repeat(scenario.title.chars().count()))?;
        if mailings.is_empty() {
            writeln!(out, "Nobody is written to.\n")?;
        }
    }
    for (number, mailing) in mailings.iter().enumerate() {
        if args.json {
            serde_json::to_writer(&mut out, &line(&scenario.name, mailing))?;
            writeln!(out)?;
        } else {
            let local = mailing.first.notice.due.to_timestamp().to_zoned(estate.icb.timezone.clone());
            writeln!(out, "--- {}, to {}", local.strftime("%a %-d %B %Y, %H:%M:%S"), to(mailing))?;
            writeln!(out, "Subject: {}\n\n{}", mailing.first.letter.subject, mailing.first.letter.text)?;
        }
        if let Some(folder) = &args.html {
            page(folder, &format!("{}-{}", scenario.name, number + 1), &mailing.first.letter.html)?;
        }
    }
    Ok(Ok(()))
}

/// `174 practice managers, the first of them at G82002`.
fn to(mailing: &Mailing<'_>) -> String {
    match (&mailing.first.notice.audience, mailing.recipients) {
        (Audience::Pcn { id, practices }, _) => {
            format!("the primary care network {id}, about {} of its practices", practices.len())
        }
        (Audience::Role { id }, several) if mailing.first.notice.kind == NoticeKind::Escalation => {
            let addresses = if several == 1 { String::new() } else { format!(" ({several} addresses)") };
            format!("whoever holds the role {id}{addresses}, because nobody has acknowledged")
        }
        (Audience::Role { id }, 1) => format!("whoever holds the role {id}"),
        (Audience::Role { id }, several) => format!("whoever holds the role {id} ({several} addresses)"),
        (Audience::Owner { name }, _) => format!("whoever looks after it: {name}"),
        (Audience::Staff, 1) if mailing.first.notice.kind == NoticeKind::Escalation => {
            format!("{}, because nobody has acknowledged", mailing.first.notice.recipient)
        }
        (Audience::Staff, several) if mailing.first.notice.kind == NoticeKind::Escalation => {
            format!("{several} people, because nobody has acknowledged")
        }
        (Audience::Staff, 1) => "the ICB's staff".to_owned(),
        (Audience::Staff, several) => format!("the ICB's staff ({several} addresses)"),
        (Audience::Practices(practices), 1) => format!("the practice manager at {}", practices.join(", ")),
        (Audience::Practices(practices), several) => {
            format!("{several} practice managers; this is the one at {}", practices.join(", "))
        }
    }
}

fn line(scenario: &str, mailing: &Mailing<'_>) -> serde_json::Value {
    let notice = &mailing.first.notice;
    json!({
        "scenario": scenario,
        "at": notice.due,
        "incident": notice.incident,
        "kind": notice.kind,
        "to": notice.audience.kind(),
        "about": notice.audience.label(),
        "recipients": mailing.recipients,
        "subject": mailing.first.letter.subject,
        "text": mailing.first.letter.text,
    })
}

fn page(folder: &Path, name: &str, html: &str) -> anyhow::Result<()> {
    let file = folder.join(format!("{name}.html"));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, html))
        .with_context(|| format!("can't write {}", file.display()))
}
