//! `linewatch report`: what was measured of an incident or a period, as evidence.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::client::{block_on, plain};
use super::{Exit, config_or_say};
use crate::agent::clock;
use crate::config::Config;
use crate::journal::Checked;
use crate::report::{
    Facts, Filter, Ground, IncidentFigures, PeriodFigures, Planned, incident_csv, incident_html, period_csv,
    period_html,
};
use crate::store::JournalReader;
use crate::time::At;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("about").required(true).multiple(true).args(["incident", "from", "month"])))]
pub struct Args {
    /// Of one incident, by its id: `2026-03-16-1`
    #[arg(conflicts_with_all = ["from", "to", "month", "practice", "supplier"])]
    incident: Option<String>,
    /// Of a period: its first day (`2026-03-01`), or a moment (`2026-03-01T08:00:00Z`)
    #[arg(long, value_name = "DAY|TIME")]
    from: Option<String>,
    /// Its last day, or the moment before which it ends [default: now]
    #[arg(long, value_name = "DAY|TIME", requires = "from")]
    to: Option<String>,
    /// Of one calendar month (`2026-03`): its summary
    #[arg(long, value_name = "MONTH", conflicts_with_all = ["from", "to"])]
    month: Option<String>,
    /// Of one practice, by ODS code
    #[arg(long, value_name = "ODS", conflicts_with = "incident")]
    practice: Option<String>,
    /// Of one supplier: the `owner` of components
    #[arg(long, value_name = "NAME", conflicts_with = "incident")]
    supplier: Option<String>,
    /// The configuration: names, list sizes, owners, targets, core hours
    #[arg(long, value_name = "FILE", default_value = "probes.toml")]
    config: PathBuf,
    /// The data folder [default: `[hub] data` of the configuration]. It is read from the disk, whether linewatch runs or not
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// As a table for spreadsheets, one line a stretch of time
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// As JSON, with everything
    #[arg(long)]
    json: bool,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The figures, and what vouches for them.
#[derive(Serialize)]
struct Vouched<'a, T> {
    made: At,
    measured_by: String,
    record: &'a Checked,
    report: &'a T,
}

/// Exit status: 0 written, 1 written, and the journal isn't sound; 2 wrong usage; 3 it could not be read or written.
#[expect(clippy::needless_pass_by_value, reason = "every command takes its arguments by value")]
pub fn run(args: Args) -> anyhow::Result<Exit> {
    let config = match config_or_say(&args.config) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let now = clock::now();
    let dir = args.data.as_deref().unwrap_or(&config.hub.data);
    let (facts, record) = block_on(gather(dir, &config, now))?;
    let planned: Vec<Planned> = config.maintenance.iter().map(planned).collect();
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &planned, now };
    let made = match make(&args, &ground, &record) {
        Ok(made) => made?,
        Err(wrong) => {
            eprintln!("linewatch: {}", plain(&wrong));
            return Ok(Exit::Usage);
        }
    };
    write(args.out.as_deref(), &made)?;
    if !record.is_sound() {
        eprint!("linewatch: {}", super::journal::words(&record)?);
        return Ok(Exit::BadNews);
    }
    Ok(Exit::Fine)
}

async fn gather(dir: &Path, config: &Config, now: At) -> anyhow::Result<(Facts, Checked)> {
    let mut journal = JournalReader::open(dir).await?;
    let mut gatherer = Facts::gatherer(&config.estate);
    let measured_until = journal.measured_until().await?;
    gatherer.agents_measured_until(&journal.agents_measured_until().await?);
    let record = journal.walk(None, |entry| gatherer.take(entry)).await?;
    journal.close().await;
    Ok((gatherer.end(measured_until, now), record))
}

/// The report; or what is wrong with the question.
fn make(args: &Args, ground: &Ground<'_>, record: &Checked) -> Result<anyhow::Result<Vec<u8>>, String> {
    let made = ground.now;
    let measured_by = format!("linewatch {}", env!("CARGO_PKG_VERSION"));
    if let Some(id) = &args.incident {
        let figures = IncidentFigures::new(ground, id).ok_or_else(|| {
            format!("the journal has no incident {id}; `linewatch report --from DAY` lists those of a period")
        })?;
        return Ok(match (args.json, args.csv) {
            (true, _) => json(&Vouched { made, measured_by, record, report: &figures }),
            (false, true) => incident_csv(&figures).map_err(Into::into),
            (false, false) => {
                incident_html(ground, &figures, record).map(String::into_bytes).map_err(Into::into)
            }
        });
    }
    let zone = &ground.estate.icb.timezone;
    let (from, to) = match (&args.month, &args.from) {
        (Some(text), _) => month(text, zone)?,
        (None, Some(text)) => (
            moment(text, zone, false)?,
            args.to.as_deref().map_or(Ok(made), |text| moment(text, zone, true))?,
        ),
        (None, None) => return Err("which incident, which month, or from when? --from DAY".to_owned()),
    };
    if from >= made {
        return Err("the period hasn't begun yet".to_owned());
    }
    if from >= to {
        return Err("the period ends before it begins".to_owned());
    }
    let practice = match &args.practice {
        Some(id) => Some(ground.estate.practice(id).ok_or_else(|| format!("there is no practice {id}"))?),
        None => None,
    };
    if let Some(owner) = &args.supplier
        && !ground.estate.components.iter().any(|component| component.owner.as_ref() == Some(owner))
    {
        return Err(format!(
            "no component has the owner {owner:?}; `owner` in [[component]] says who answers for it"
        ));
    }
    let filter = Filter { practice, supplier: args.supplier.clone() };
    let figures = PeriodFigures::new(ground, from, to, &filter);
    Ok(match (args.json, args.csv) {
        (true, _) => json(&Vouched { made, measured_by, record, report: &figures }),
        (false, true) => period_csv(&figures).map_err(Into::into),
        (false, false) => period_html(ground, &figures, record).map(String::into_bytes).map_err(Into::into),
    })
}

fn json(report: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(report)?;
    text.push(b'\n');
    Ok(text)
}

/// A day in local time, from its beginning or to its end; or a moment.
fn moment(text: &str, zone: &jiff::tz::TimeZone, is_end: bool) -> Result<At, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    // A time of day would be read over.
    let day = jiff::civil::Date::strptime("%Y-%m-%d", text).ok();
    let day = if is_end { day.and_then(|day| day.tomorrow().ok()) } else { day };
    let midnight = day.and_then(|day| day.to_zoned(zone.clone()).ok());
    let midnight = midnight.ok_or_else(|| {
        format!("{text:?} is neither a day such as 2026-03-01 nor a time such as 2026-03-01T08:00:00Z")
    })?;
    Ok(At::from(midnight.timestamp()))
}

/// A calendar month in local time: from its first midnight to that of the next.
fn month(text: &str, zone: &jiff::tz::TimeZone) -> Result<(At, At), String> {
    let first = jiff::civil::Date::strptime("%Y-%m-%d", format!("{text}-01"));
    let first = first.map_err(|_| format!("{text:?} is not a month such as 2026-03"))?;
    let day = |day: jiff::civil::Date, is_end| moment(&day.to_string(), zone, is_end);
    Ok((day(first, false)?, day(first.last_of_month(), true)?))
}

fn planned(work: &crate::config::MaintenanceWindow) -> Planned {
    Planned { from: work.from, to: work.to, what: work.what.clone(), reason: work.reason.clone() }
}

fn write(out: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(file) = out {
        return std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()));
    }
    match std::io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn london() -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get("Europe/London").expect("a zone")
    }

    fn day(text: &str, is_end: bool) -> String {
        moment(text, &london(), is_end).map_or_else(|error| error, |at| at.to_string())
    }

    #[test]
    fn days_are_local_and_end_with_their_last_moment() {
        // On the first of these the clocks go forward, on the second back.
        assert_eq!(day("2026-03-29", false), "2026-03-29T00:00:00.000Z");
        assert_eq!(day("2026-03-29", true), "2026-03-29T23:00:00.000Z");
        assert_eq!(day("2026-10-25", false), "2026-10-24T23:00:00.000Z");
        assert_eq!(day("2026-10-25", true), "2026-10-26T00:00:00.000Z");
        assert_eq!(day("2026-12-31", true), "2027-01-01T00:00:00.000Z");
        for is_end in [false, true] {
            assert_eq!(day("2026-03-29T01:30:00Z", is_end), "2026-03-29T01:30:00.000Z");
        }
    }

    /// Of the time of a day without its offset nobody knows which it is when the clocks go back; and it isn't left out.
    #[test]
    fn a_time_without_an_offset_is_refused_and_not_read_as_the_whole_day() {
        for text in ["2026-03-29T10:00", "2026-03-29 10:00:00", "2026-02-30", "yesterday", "2026-03", ""] {
            assert!(day(text, false).contains("is neither a day such as"), "{text}");
        }
    }

    #[test]
    fn a_month_goes_from_its_first_local_midnight_to_the_next_ones() {
        let of = |text: &str| month(text, &london()).map(|(from, to)| (from.to_string(), to.to_string()));
        let march = ("2026-03-01T00:00:00.000Z", "2026-03-31T23:00:00.000Z");
        assert_eq!(of("2026-03"), Ok((march.0.to_owned(), march.1.to_owned())));
        let last = ("2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z");
        assert_eq!(of("2026-12"), Ok((last.0.to_owned(), last.1.to_owned())));
        for text in ["2026-13", "2026", "2026-03-01", "2026-03-01T10:00", "march"] {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
