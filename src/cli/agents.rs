//! `linewatch agents`: who reports, and how they are; `revoke` and `rotate` their keys.

use std::fmt::{self, Write as _};

use comfy_table::{Table, presets};

use super::Exit;
use super::client::{Client, ClientError, Where, block_on, plain};
use super::status::print;
use crate::uplink::message::{AgentLine, ByRequest};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    place: Where,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Take an agent's key away: what it reports is refused from now on
    Revoke(Which),
    /// Ask an agent for a new key, which it makes when it next reports; the old one is void then
    Rotate(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The agent's id, as `linewatch agents` shows it
    id: String,
    /// Who does it, for the journal
    #[arg(long, value_name = "NAME", env = "USER")]
    by: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// Exit status: 0 done, 2 there is no such agent, 3 it could not be asked.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { what, place, json } = args;
    let (which, verb, done) = match what {
        None => {
            return block_on(async {
                let agents: Vec<AgentLine> = Client::new(&place)?.get(&["api", "v1", "agents"]).await?;
                print(json, &agents, || table(&agents))?;
                Ok(Exit::Fine)
            });
        }
        Some(What::Revoke(which)) => (which, "revoke", "is revoked"),
        Some(What::Rotate(which)) => (which, "rotate", "is asked for a new key"),
    };
    block_on(async {
        let client = Client::new(&which.place)?;
        let path = ["api", "v1", "agents", &which.id, verb];
        match client.change::<AgentLine>(&path, &ByRequest { by: which.by.clone() }).await {
            Ok(line) => {
                let said = || Ok(format!("{} of {} {done}.", plain(&line.agent), plain(&line.practice)));
                print(json, &line, said)?;
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

fn table(agents: &[AgentLine]) -> Result<String, fmt::Error> {
    if agents.is_empty() {
        return Ok("No agent has enrolled; `linewatch enrol PRACTICE` makes a code for one.\n".to_owned());
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([
        "practice",
        "agent",
        "standing",
        "version",
        "last heard",
        "over",
        "waiting",
        "lost",
        "clock",
    ]);
    let or_dash = |text: Option<String>| text.map_or_else(|| "-".to_owned(), |text| plain(&text));
    for line in agents {
        let clock = line.clock_ahead_ms.map(|ahead| format!("{:+.1} s", ahead as f64 / 1000.0));
        let standing = if line.rotating {
            format!("{}, new key asked for", line.standing)
        } else {
            line.standing.clone()
        };
        table.add_row([
            plain(&line.practice),
            plain(&line.agent),
            plain(&standing),
            or_dash(line.version.clone()),
            or_dash(line.last_heard.map(|at| at.to_string())),
            or_dash(line.uplink.clone()),
            or_dash(line.waiting.map(|count| count.to_string())),
            or_dash(line.lost.map(|count| count.to_string())),
            or_dash(clock),
        ]);
    }
    let mut out = String::new();
    for row in table.lines() {
        writeln!(out, "{}", row.trim_end())?;
    }
    for line in agents {
        if let Some(trouble) = &line.trouble {
            writeln!(out, "{} ({}): {}", plain(&line.practice), plain(&line.agent), plain(trouble))?;
        }
    }
    Ok(out)
}
