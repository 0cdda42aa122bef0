//! `linewatch ack INCIDENT`: say who has an incident in hand.

use super::Exit;
use super::change::{change, goes_on};
use super::client::{Where, plain};
use crate::hub::acknowledge::{AckAnswer, AckRequest};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, as `linewatch status` shows it: `2026-03-16-1`
    incident: String,
    /// Who has it, for letters and the journal
    #[arg(long = "as", value_name = "NAME", env = "USER")]
    by: Option<String>,
    /// What they will do, or where they are reached; it goes on record
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    place: Where,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 acknowledged (now or before), 2 there is no such incident or it is over for long, 3 it could not be asked.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let request = AckRequest { by: args.by, note: args.note };
    let path = ["api", "v1", "incidents", &args.incident, "acknowledge"];
    change::<AckAnswer>((&args.place, args.json), &path, &request, |answer| words(&args.incident, answer))
}

fn words(asked: &str, answer: &AckAnswer) -> String {
    let (incident, by) = (plain(&answer.incident), plain(&answer.acknowledgement.by));
    let goes_on = goes_on(asked, &answer.incident);
    if answer.already {
        return format!("{goes_on}{by} had taken {incident} on at {}.", answer.acknowledgement.at);
    }
    let recalled = match answer.recalled {
        0 => String::new(),
        1 => " 1 letter was called back before it left.".to_owned(),
        some => format!(" {some} letters were called back before they left."),
    };
    let others = match (answer.ended, answer.withdrawn) {
        (None, _) => "Nobody else will be asked to.".to_owned(),
        (Some(ended), false) => format!("It has been over since {ended}, so nobody is asked to any more."),
        (Some(ended), true) => {
            format!(
                "It was withdrawn at {ended}: there was no such fault, and nobody is asked to do anything."
            )
        }
    };
    format!("{goes_on}{by} has taken {incident} on. {others}{recalled}")
}
