//! `linewatch agents`: who reports, and how they are; `revoke` and `rotate` their keys.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use comfy_table::{Table, presets};

use super::Exit;
use super::change::change;
use super::client::{Client, Where, block_on, plain};
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
    let path = ["api", "v1", "agents", &which.id, verb];
    change::<AgentLine>((&which.place, json), &path, &ByRequest { by: which.by.clone() }, |line| {
        format!("{} of {} {done}.", plain(&line.agent), plain(&line.practice))
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
        "paths",
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
            paths(line),
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
        for remark in remarks(line) {
            writeln!(out, "{} ({}): {}", plain(&line.practice), plain(&line.agent), plain(&remark))?;
        }
    }
    for practice in without_any(agents) {
        writeln!(
            out,
            "{practice}: nobody reports for it any more, so its silence is no incident; `linewatch enrol {practice}` makes a code",
            practice = plain(practice)
        )?;
    }
    Ok(out)
}

/// The practices all of whose agents were revoked.
fn without_any(agents: &[AgentLine]) -> BTreeSet<&str> {
    let with =
        |line: &&AgentLine| agents.iter().any(|one| one.practice == line.practice && one.revoked.is_none());
    agents.iter().filter(|line| !with(line)).map(|line| line.practice.as_str()).collect()
}

/// `hscn fails, internet works`
fn paths(line: &AgentLine) -> String {
    let each = line.paths.iter().map(|path| {
        let name = path.network.as_ref().unwrap_or(&path.hub);
        // What the process before heard is so no more, as far as anybody knows.
        let how = match (path.works, line.is_since_start) {
            (Some(true), true) => "works",
            (Some(true), false) => "worked",
            (Some(false), true) => "fails",
            (Some(false), false) => "failed",
            (None, _) => "untried",
        };
        plain(&format!("{name} {how}"))
    });
    let all: Vec<String> = each.collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

/// What isn't as it should be, a sentence each.
fn remarks(line: &AgentLine) -> Vec<String> {
    let mut remarks: Vec<String> = line.trouble.iter().cloned().collect();
    if let Some(at) = line.twin {
        remarks.push(format!(
            "another computer has its identity, as if its folder had been copied, and was refused, last at {at}: enrol one of the two \
             with a code of its own (`linewatch enrol {}`); what it sees meanwhile waits there",
            line.practice
        ));
    }
    if let Some(as_of) = line.as_of.filter(|_| !line.is_since_start && line.revoked.is_none()) {
        remarks.push(format!(
            "not heard since this hub was started: its ways, spool and clock are as it said at {as_of}"
        ));
    }
    for path in line.paths.iter().filter(|path| path.works == Some(false)) {
        let since = path.since.map(|since| format!(" since {since}")).unwrap_or_default();
        let heard = path.network.as_ref().and_then(|network| line.heard_on.get(network));
        let heard = heard.map(|at| format!("; last heard over it {at}")).unwrap_or_default();
        let why = path.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let verb = if line.is_since_start { "doesn't" } else { "didn't" };
        remarks.push(format!("{verb} reach this hub over {}{since}{heard}{why}", path.name()));
    }
    if line.damages > 0 {
        let places = if line.damages == 1 { "place" } else { "places" };
        remarks.push(format!(
            "its spool was damaged in {} {places}; `lost` counts what that cost, and its log says where",
            line.damages
        ));
    }
    if line.refused > 0 {
        let observations = if line.refused == 1 { "observation" } else { "observations" };
        remarks.push(format!(
            "this hub refused {} of its {observations} for good; `lost` counts what that cost, and its log says why",
            line.refused
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::At;
    use crate::uplink::message::PathState;

    #[test]
    fn each_way_to_the_hub_is_listed_and_one_that_fails_says_since_when_and_why() {
        let at = |minute: i64| At::from_millis(1_773_644_400_000 + minute * 60_000);
        let path = |network: &str, works: Option<bool>| PathState {
            network: Some(network.to_owned()),
            hub: "hub.example:9460".to_owned(),
            works,
            since: works.map(|_| at(1)),
            tried: Some(at(2)),
            why: (works == Some(false)).then(|| "no route\u{1b}[2J".to_owned()),
        };
        let line = AgentLine {
            practice: "G82002".to_owned(),
            agent: "0123456789ab".to_owned(),
            standing: "heard".to_owned(),
            enrolled: at(0),
            revoked: None,
            version: Some("0.1.0".to_owned()),
            last_heard: Some(at(3)),
            uplink: Some("internet".to_owned()),
            waiting: Some(0),
            lost: Some(0),
            trouble: None,
            paths: vec![path("hscn", Some(false)), path("internet", Some(true)), path("spare", None)],
            heard_on: [("hscn".to_owned(), at(1))].into(),
            as_of: Some(at(3)),
            is_since_start: true,
            damages: 2,
            refused: 3,
            clock_ahead_ms: Some(0),
            twin: Some(at(2)),
            rotating: false,
        };
        let revoked = AgentLine { revoked: Some(at(4)), paths: Vec::new(), ..line.clone() };
        let alone = table(std::slice::from_ref(&revoked)).expect("text");
        assert!(alone.contains("G82002: nobody reports for it any more"), "{alone}");
        let another = table(&[revoked, line.clone()]).expect("text");
        assert!(!another.contains("nobody reports for it"), "{another}");
        let before = AgentLine { is_since_start: false, ..line.clone() };
        let text = table(&[line]).expect("text");
        assert!(!text.contains("not heard since"), "{text}");
        let old = table(&[before]).expect("text");
        assert!(old.contains("hscn failed, internet worked, spare untried"), "{old}");
        assert!(
            old.contains("not heard since this hub was started: its ways, spool and clock are as it said at 2026-03-16T07:03:00.000Z")
                && old.contains("didn't reach this hub over hscn"),
            "{old}"
        );
        assert!(text.contains("hscn fails, internet works, spare untried"), "{text}");
        assert!(
            text.contains(
                "G82002 (0123456789ab): doesn't reach this hub over hscn (hub.example:9460) since 2026-03-16T07:01:00.000Z; \
                 last heard over it 2026-03-16T07:01:00.000Z: no route"
            ),
            "{text}"
        );
        assert!(
            text.contains("refused, last at 2026-03-16T07:02:00.000Z: enrol one of the two with a code of its own (`linewatch enrol G82002`)"),
            "{text}"
        );
        assert!(text.contains("this hub refused 3 of its observations for good"), "{text}");
        assert!(text.contains("its spool was damaged in 2 places") && !text.contains('\u{1b}'), "{text}");
    }
}
