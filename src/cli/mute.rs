//! `linewatch mute`: nobody is written to about something for a while; it goes on being measured.

use std::time::Duration;

use clap::Subcommand;
use comfy_table::{Table, presets};

use super::Exit;
use super::change::change;
use super::client::{Client, Where, block_on, plain};
use super::status::print;
use crate::hub::mutes::{MuteList, MuteRequest};
use crate::notify::policy::mute::{Mute, Muted};
use crate::time::At;
use crate::uplink::message::ByRequest;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Mute an open incident, by its id
    Incident(Begin),
    /// Mute what is the fault of a component, a network or a service, by kind and id: firewall/fw-a
    Component(Begin),
    /// Mute what hits a practice, by its ODS code
    Practice(Begin),
    /// List what is muted
    List(List),
    /// End a mute before its time, by its number
    End(End),
}

#[derive(Debug, clap::Args)]
struct Begin {
    /// What to mute: 2026-03-16-1, firewall/fw-a, G82002
    what: String,
    /// When the mute ends: 2026-03-16T18:00:00Z
    #[arg(long, value_name = "TIME", required_unless_present = "lasts", conflicts_with = "lasts")]
    until: Option<At>,
    /// How long it lasts: 30m, 2h, 3d
    #[arg(long = "for", value_name = "TIME", value_parser = crate::config::length_of_time)]
    lasts: Option<Duration>,
    /// Why, for the status page and the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    place: Where,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct End {
    /// As `linewatch mute list` shows it
    number: u32,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Who does it, for the journal
    #[arg(long, value_name = "NAME", env = "USER")]
    by: Option<String>,
    #[command(flatten)]
    place: Where,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 done, 2 there is no such thing, 3 it was refused or could not be asked.
pub fn run(args: Args) -> anyhow::Result<Exit> {
    match args.what {
        What::Incident(begin) => {
            let muted = Muted::Incident { id: begin.what.clone() };
            mute(muted, begin)
        }
        What::Practice(begin) => {
            let muted = Muted::Practice { id: begin.what.clone() };
            mute(muted, begin)
        }
        What::Component(begin) => {
            let Some((kind, id)) = begin.what.split_once('/') else {
                eprintln!(
                    "linewatch: {} has no kind: write its kind and its id, such as firewall/fw-a",
                    plain(&begin.what)
                );
                return Ok(Exit::Usage);
            };
            let muted = Muted::Component { kind: kind.to_owned(), id: id.to_owned() };
            mute(muted, begin)
        }
        What::List(list) => block_on(async {
            let client = Client::new(&list.place)?;
            let mutes: MuteList = client.get(&["api", "v1", "mutes"]).await?;
            print(list.json, &mutes, || Ok(table(&mutes.mutes)))?;
            Ok(Exit::Fine)
        }),
        What::End(End { number, common }) => {
            let request = ByRequest { by: common.by };
            let number = number.to_string();
            let path = ["api", "v1", "mutes", &number, "end"];
            change::<Mute>((&common.place, common.json), &path, &request, |mute| {
                format!("{} is no longer muted. What still goes on is told.", plain(&mute.muted.to_string()))
            })
        }
    }
}

fn mute(muted: Muted, begin: Begin) -> anyhow::Result<Exit> {
    let Begin { until, lasts, reason, common, .. } = begin;
    let for_seconds = lasts.map(|lasts| lasts.as_secs());
    let request = MuteRequest { muted, until, for_seconds, reason, by: common.by };
    change::<Mute>((&common.place, common.json), &["api", "v1", "mutes"], &request, |mute| {
        format!(
            "{} is muted until {}. It goes on being measured. To end it before: linewatch mute end {}",
            plain(&mute.muted.to_string()),
            mute.until,
            mute.number
        )
    })
}

fn table(mutes: &[Mute]) -> String {
    if mutes.is_empty() {
        return "Nothing is muted.".to_owned();
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["number", "muted", "from", "until", "by", "reason"]);
    for mute in mutes {
        table.add_row([
            mute.number.to_string(),
            plain(&mute.muted.to_string()),
            mute.from.to_string(),
            mute.until.to_string(),
            plain(&mute.by),
            plain(mute.reason.as_deref().unwrap_or_default()),
        ]);
    }
    table.to_string()
}
