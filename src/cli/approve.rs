//! `linewatch approve INCIDENT`: let practice managers be told.

use super::Exit;
use super::change::change;
use super::client::{Where, plain};
use crate::hub::api::{ApproveAnswer, ApproveRequest};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, as `linewatch status` shows it: `2026-03-16-1`
    incident: String,
    /// Who approves, for the journal
    #[arg(long, value_name = "NAME", env = "USER")]
    by: Option<String>,
    #[command(flatten)]
    place: Where,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 approved (now or before), 2 there is no such incident, 3 it could not be asked.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let request = ApproveRequest { by: args.by };
    let path = ["api", "v1", "incidents", &args.incident, "approve"];
    change::<ApproveAnswer>((&args.place, args.json), &path, &request, words)
}

fn words(answer: &ApproveAnswer) -> String {
    let incident = plain(&answer.incident);
    let leave = match answer.released.saturating_sub(answer.kept) {
        1 => "1 notice goes out".to_owned(),
        several => format!("{several} notices go out"),
    };
    match (answer.already, answer.released, answer.kept) {
        (true, ..) => format!("{incident} had been approved before."),
        (false, 0, _) => format!("{incident} is approved. No notice was waiting for it."),
        (false, _, 0) => format!("{incident} is approved. {leave}."),
        (false, _, kept) => format!(
            "{incident} is approved. {leave}; {kept} stay back until a mute ends: `linewatch mute list` shows it, \
             `linewatch mute end NUMBER` ends it."
        ),
    }
}
