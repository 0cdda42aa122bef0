//! `linewatch outbox`: what became of every notice.

use std::fmt::{self, Write as _};

use comfy_table::{Table, presets};

use super::Exit;
use super::client::{Client, Where, block_on, plain};
use super::status::print;
use crate::hub::outbox::{NoticeLine, Outbox};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of this incident alone, by its id: `2026-03-16-1`
    incident: Option<String>,
    /// Only what hasn't left
    #[arg(long)]
    unsent: bool,
    #[command(flatten)]
    place: Where,
    /// As JSON, with every try of each notice
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 fine, 1 a notice was refused, or something that notices leave by fails, 3 nobody answers.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    block_on(async {
        let client = Client::new(&args.place)?;
        let mut query = vec![("unsent", if args.unsent { "true" } else { "false" })];
        query.extend(args.incident.as_deref().map(|incident| ("incident", incident)));
        let outbox: Outbox = client.get_with(&["api", "v1", "outbox"], &query).await?;
        print(args.json, &outbox, || words(&outbox))?;
        let is_bad = outbox.outlets.iter().any(|outlet| !outlet.ok)
            || outbox.notices.iter().any(|notice| notice.state == "rejected");
        Ok(if is_bad { Exit::BadNews } else { Exit::Fine })
    })
}

fn words(outbox: &Outbox) -> Result<String, fmt::Error> {
    let mut out = String::new();
    for outlet in &outbox.outlets {
        let network = outlet.network.as_deref().map(|network| format!(" over {}", plain(network)));
        let standing = match (outlet.ok, &outlet.since, &outlet.why) {
            (true, ..) => "works".to_owned(),
            (false, Some(since), why) => {
                format!("FAILS since {since}: {}", plain(why.as_deref().unwrap_or_default()))
            }
            (false, None, why) => format!("UNUSABLE: {}", plain(why.as_deref().unwrap_or_default())),
        };
        let (channel, name) = (plain(&outlet.channel), plain(&outlet.name));
        writeln!(out, "{channel}  {name}{}  {standing}", network.unwrap_or_default())?;
    }
    if outbox.oldest_seconds > 0.0 {
        writeln!(out, "The oldest unsent notice has been due for {:.0} s.", outbox.oldest_seconds)?;
    }
    if outbox.notices.is_empty() {
        out += "\nNo notices.\n";
    } else {
        writeln!(out)?;
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header([
            "due",
            "incident",
            "notice",
            "about",
            "to",
            "state",
            "tries",
            "acknowledged",
            "last",
        ]);
        for notice in &outbox.notices {
            table.add_row([
                notice.due.to_string(),
                plain(&notice.incident),
                notice.kind.as_str().to_owned(),
                plain(&notice.about),
                plain(&notice.to),
                plain(&notice.state),
                notice.tries.len().to_string(),
                notice.acknowledged.map(|at| at.to_string()).unwrap_or_default(),
                last(notice),
            ]);
        }
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    if !outbox.refused.is_empty() {
        out += "\nRefused when they were last tried, or came back; mend their addresses:\n";
        for each in &outbox.refused {
            let (to, channel, answer) = (plain(&each.to), plain(&each.channel), plain(&each.answer));
            let often = if each.refused == 1 { "once".to_owned() } else { format!("{} times", each.refused) };
            let about = each.about.as_deref().map(|about| format!(", {}", plain(about))).unwrap_or_default();
            writeln!(out, "  {to} ({channel}{about}), {often} since {}: {answer}", each.since)?;
        }
    }
    Ok(out)
}

/// `07:12:04 accepted by mail.example:587: 250 2.0.0 Ok`, or why nothing was tried.
fn last(notice: &NoticeLine) -> String {
    match (notice.tries.last(), &notice.why) {
        (Some(last), _) => {
            format!("{} {} by {}: {}", last.at, plain(&last.outcome), plain(&last.via), plain(&last.answer))
        }
        (None, Some(why)) => plain(why),
        (None, None) => String::new(),
    }
}
