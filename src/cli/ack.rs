//! `linewatch ack INCIDENT`: say who has an incident in hand.

use super::Exit;
use super::client::{Client, ClientError, Where, block_on, plain};
use super::status::print;
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
    block_on(async {
        let client = Client::new(&args.place)?;
        let request = AckRequest { by: args.by, note: args.note };
        let path = ["api", "v1", "incidents", &args.incident, "acknowledge"];
        match client.change::<AckAnswer>(&path, &request).await {
            Ok(answer) => {
                print(args.json, &answer, || Ok(words(&args.incident, &answer)))?;
                Ok(Exit::Fine)
            }
            Err(ClientError::NotFound(error)) => {
                eprintln!("linewatch: {}", plain(&error));
                Ok(Exit::Usage)
            }
            Err(error) => Err(error.into()),
        }
    })
}

fn words(asked: &str, answer: &AckAnswer) -> String {
    let (incident, by) = (plain(&answer.incident), plain(&answer.acknowledgement.by));
    let goes_on = if asked == answer.incident {
        String::new()
    } else {
        format!("{} goes on as {incident}. ", plain(asked))
    };
    if answer.already {
        return format!("{goes_on}{by} had taken {incident} on at {}.", answer.acknowledgement.at);
    }
    let recalled = match answer.recalled {
        0 => String::new(),
        1 => " 1 letter was called back before it left.".to_owned(),
        some => format!(" {some} letters were called back before they left."),
    };
    format!("{goes_on}{by} has taken {incident} on. Nobody else will be asked to.{recalled}")
}
