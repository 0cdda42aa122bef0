//! `linewatch fixed INCIDENT "…"`: say what was done about an incident, and when.

use std::time::Duration;

use super::Exit;
use super::change::{change, goes_on};
use super::client::{Where, plain};
use crate::hub::fixes::{FixAnswer, FixLine, FixRequest};
use crate::time::At;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, as `linewatch status` shows it: `2026-03-16-1`. It may be over
    incident: String,
    /// What was done, in a few words: "rebooted the inside firewall"
    what: String,
    /// When it was done: 2026-03-16T09:40:00Z [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "ago")]
    at: Option<At>,
    /// How long ago it was done: 20m, 2h
    #[arg(long, value_name = "TIME", value_parser = crate::config::length_of_time)]
    ago: Option<Duration>,
    /// Who did it, for letters and the journal
    #[arg(long, value_name = "NAME", env = "USER")]
    by: Option<String>,
    #[command(flatten)]
    place: Where,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 recorded (now or before), 2 there is no such incident, 3 it was refused or could not be asked.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let ago_seconds = args.ago.map(|ago| ago.as_secs());
    let request = FixRequest { what: args.what, at: args.at, ago_seconds, by: args.by };
    let path = ["api", "v1", "incidents", &args.incident, "fixes"];
    change::<FixAnswer>((&args.place, args.json), &path, &request, |answer| words(&args.incident, answer))
}

fn words(asked: &str, answer: &FixAnswer) -> String {
    let incident = plain(&answer.incident);
    let goes_on = goes_on(asked, &answer.incident);
    let said = if answer.already { "That was on record already" } else { "Recorded" };
    format!(
        "{goes_on}{said}: {}. What changes after it is in: linewatch report {incident}",
        in_words(&answer.fix)
    )
}

/// `rebooted the inside firewall, at 2026-03-16T09:40:00Z, by Jo Bloggs`, and when it was said where that isn't the same.
pub(super) fn in_words(fix: &FixLine) -> String {
    let said = if fix.at == fix.said_at { String::new() } else { format!(" (said at {})", fix.said_at) };
    format!("{}, at {}, by {}{said}", plain(&fix.what), fix.at, plain(&fix.by))
}
