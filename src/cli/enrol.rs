//! `linewatch enrol PRACTICE`: a one-time code for an agent.

use super::Exit;
use super::client::{Client, ClientError, Where, block_on, plain};
use super::status::print;
use crate::uplink::message::{CodeAnswer, CodeRequest};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// By ODS code (`G82002`, or `G82002/westfield` for a branch)
    practice: String,
    /// Who enrols, for the journal
    #[arg(long, value_name = "NAME", env = "USER")]
    by: Option<String>,
    #[command(flatten)]
    place: Where,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 here is a code, 2 there is no such practice, 3 it could not be asked.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    block_on(async {
        let client = Client::new(&args.place)?;
        let request = CodeRequest { practice: args.practice, by: args.by };
        match client.change::<CodeAnswer>(&["api", "v1", "agents", "enrol"], &request).await {
            Ok(answer) => {
                print(args.json, &answer, || Ok(words(&answer)))?;
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

fn words(answer: &CodeAnswer) -> String {
    format!(
        "{}\n\nOnce, until {}, an agent can enrol for {} with it:\n  linewatch agent --hub https://HUB:PORT --enrol {0}\nIt isn't shown \
         again.",
        plain(&answer.code),
        answer.valid_until,
        plain(&answer.practice),
    )
}
