//! `linewatch status`: where the estate stands, asked from a running linewatch.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use comfy_table::{Table, presets};

use super::Exit;
use super::client::{Client, ClientError, Where, block_on, plain};
use super::fixed::in_words;
use crate::hub::status::{HandsLine, LastFixLine, NoteLine, PracticeStatus, Status};
use crate::incident::Event;
use crate::limits::STATUS_NOTES_SHOWN;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
    /// One practice, by ODS code (`G82002`, or `G82002/westfield` for a branch)
    #[arg(long, value_name = "ODS")]
    practice: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Exit status: 0 fine, 1 an incident is open, 2 there is no such practice, 3 nobody answers.
pub fn run(Args { place, practice, json }: Args) -> anyhow::Result<Exit> {
    block_on(async {
        let client = Client::new(&place)?;
        match practice {
            None => {
                let status: Status = client.get(&["api", "v1", "status"]).await?;
                print(json, &status, || overview(&status))?;
                Ok(exit(!status.incidents.is_empty()))
            }
            Some(id) => {
                let mut segments = vec!["api", "v1", "practices"];
                segments.extend(id.split('/'));
                match client.get::<PracticeStatus>(&segments).await {
                    Ok(practice) => {
                        print(json, &practice, || one_practice(&practice))?;
                        let trouble = practice.networks.iter().any(|network| network.standing == "down");
                        Ok(exit(trouble || !practice.incidents.is_empty()))
                    }
                    Err(ClientError::NotFound(_)) => {
                        eprintln!("linewatch: there is no practice {}", plain(&id));
                        Ok(Exit::Usage)
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    })
}

const fn exit(trouble: bool) -> Exit {
    if trouble { Exit::BadNews } else { Exit::Fine }
}

/// Prints JSON as one line, or text. A reader that has gone away (`| head`) is no error.
pub fn print(
    json: bool,
    value: &impl serde::Serialize,
    text: impl FnOnce() -> Result<String, fmt::Error>,
) -> anyhow::Result<()> {
    let mut page = if json { serde_json::to_string(value)? } else { text()? };
    if !page.ends_with('\n') {
        page.push('\n');
    }
    match std::io::stdout().lock().write_all(page.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn overview(status: &Status) -> Result<String, fmt::Error> {
    let mut out = format!("{} ({}), {}\n\n", plain(&status.icb_name), plain(&status.icb), status.at);
    let totals = &status.practices;
    let mut table = table(["practices", ""]);
    table.add_row(["total".to_owned(), totals.total.to_string()]);
    table.add_row(["fine".to_owned(), totals.ok.to_string()]);
    for (network, down) in &totals.down {
        table.add_row([format!("without {}", plain(network)), down.to_string()]);
    }
    table.add_row(["silent".to_owned(), totals.silent.to_string()]);
    table.add_row(["unknown".to_owned(), totals.unknown.to_string()]);
    writeln!(out, "{table}\n")?;
    let people = (&*status.acknowledgements, &*status.fixes);
    out += &incidents(&status.incidents, people, "No open incident.")?;
    out += &notes(&status.notes)?;
    for mute in &status.mutes {
        let reason = mute.reason.as_ref().map_or_else(String::new, |reason| format!(" ({})", plain(reason)));
        let (muted, by) = (plain(&mute.muted.to_string()), plain(&mute.by));
        write!(out, "\nMuted until {}: {muted}, by {by}{reason}\n", mute.until)?;
    }
    Ok(out)
}

fn one_practice(practice: &PracticeStatus) -> Result<String, fmt::Error> {
    let mut out = format!("{} ({}), {}\n\n", plain(&practice.name), plain(&practice.id), practice.at);
    for network in &practice.networks {
        let word = if network.standing == "ok" { "fine" } else { &network.standing };
        writeln!(out, "{}: {}", plain(&network.id), plain(word))?;
    }
    match practice.last_heard {
        Some(heard) => {
            let why = practice.away_words().map_or(String::new(), |why| format!(": {why}"));
            writeln!(out, "last heard {heard}{why}\n")?;
        }
        None => writeln!(out, "never heard from yet\n")?,
    }
    let mut table = table(["check", "network", "service", "result", "since", "took"]);
    for check in &practice.checks {
        let result = match (check.ok, check.failure) {
            (Some(true), _) => "fine".to_owned(),
            (Some(false), Some(failure)) => format!("fails: {}", failure.as_str()),
            (Some(false), None) => "fails".to_owned(),
            (None, _) => "not asked yet".to_owned(),
        };
        table.add_row([
            plain(&check.probe),
            plain(&check.network),
            plain(check.service.as_deref().unwrap_or_default()),
            result,
            check.since.map(|since| since.to_string()).unwrap_or_default(),
            check.ms.map(|ms| format!("{ms:.0} ms")).unwrap_or_default(),
        ]);
    }
    writeln!(out, "{table}\n")?;
    for (check, path) in practice.checks.iter().filter_map(|check| Some((check, check.path.as_ref()?))) {
        writeln!(out, "path of {}: {}\n", plain(&check.probe), plain(&path.sentence))?;
    }
    out += &incidents(&practice.incidents, (&[], &[]), "No open incident affects it.")?;
    out += &notes(&practice.notes)?;
    Ok(out)
}

/// `people`: who has each in hand, and what was done last.
fn incidents(
    incidents: &[Event],
    (hands, fixes): (&[HandsLine], &[LastFixLine]),
    none: &str,
) -> Result<String, fmt::Error> {
    if incidents.is_empty() {
        return Ok(format!("{none}\n"));
    }
    let mut out = format!("Open incidents: {}\n", incidents.len());
    for event in incidents {
        write!(
            out,
            "\n  {}  since {}, probability {:.3}\n  {}\n  why: linewatch why {}\n",
            plain(&event.incident),
            event.since,
            event.probability,
            plain(&event.sentence),
            plain(&event.incident),
        )?;
        if let Some(hands) = hands.iter().find(|hands| hands.incident == event.incident) {
            for said in &hands.at_work {
                let (by, about) = (plain(&said.by), plain(&said.about));
                writeln!(out, "  at work on it: {by} ({about}) since {}", said.at)?;
            }
            writeln!(out, "  {}", in_hand(hands))?;
        }
        if let Some(last) = fixes.iter().find(|last| last.incident == event.incident) {
            writeln!(out, "  last fix: {}", in_words(&last.fix))?;
        }
    }
    Ok(out)
}

/// `in hand: Jo Bloggs since 2026-03-16T07:31:00Z`, or how to say so.
fn in_hand(hands: &HandsLine) -> String {
    let by: Vec<String> =
        hands.taken_on.iter().map(|said| format!("{} since {}", plain(&said.by), said.at)).collect();
    if !by.is_empty() {
        return format!("in hand: {}", by.join(", "));
    }
    let next = hands.next_escalation.map(|at| format!(", and others are told at {at}"));
    let incident = plain(&hands.incident);
    format!("nobody has it in hand{}: linewatch ack {incident}", next.unwrap_or_default())
}

fn notes(notes: &[NoteLine]) -> Result<String, fmt::Error> {
    if notes.is_empty() {
        return Ok(String::new());
    }
    let mut out = format!("\nNotes: {}\n", notes.len());
    for note in notes.iter().take(STATUS_NOTES_SHOWN) {
        writeln!(out, "  {} (since {})", plain(&note.text), note.since)?;
        if let Some(path) = &note.path {
            writeln!(out, "    {}", plain(path))?;
        }
    }
    let more = notes.len().saturating_sub(STATUS_NOTES_SHOWN);
    if more > 0 {
        writeln!(out, "  and {more} more: --json has them all")?;
    }
    Ok(out)
}

fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(head);
    table
}
