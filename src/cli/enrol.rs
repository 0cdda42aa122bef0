//! `linewatch enrol PRACTICE`: a one-time code for an agent.

use super::Exit;
use super::change::change;
use super::client::{Where, plain};
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
    let request = CodeRequest { practice: args.practice, by: args.by };
    change::<CodeAnswer>((&args.place, args.json), &["api", "v1", "agents", "enrol"], &request, words)
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
