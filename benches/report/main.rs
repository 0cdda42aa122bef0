//! How long the report of a year of the whole country takes, and the memory of the process: reading the journal and verifying
//! it, the figures, the page. Beside it the least that could be done with the same rows: reading them and hashing them.
//!
//! `cargo bench --bench report`. The year is made once, from a seed, in a process of its own, and kept in `target/tmp`; `… -- new`
//! makes it again. On the disk of this machine, in its cache after the first pass.

mod year;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use futures::TryStreamExt as _;
use linewatch::calendar::Hours;
use linewatch::report::{Facts, Filter, Ground, PeriodFigures, period_csv, period_html};
use linewatch::store::JournalReader;
use ring::digest::{Context, SHA256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};

use self::year::{BEGIN, Shape};

/// The whole country.
const COUNTRY: Shape =
    Shape { practices: 6_200, days: 365, blips_a_day: 1_000, lines_a_day: 14, shared: 600, seed: 7 };

/// What the folder was made by, so that another shape isn't taken for it.
const MARK: &str = "made-by";

fn main() -> anyhow::Result<()> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-year");
    let runtime = tokio::runtime::Runtime::new()?;
    if std::env::args().any(|word| word == "make") {
        return runtime.block_on(make(&dir));
    }
    let is_there = std::fs::read_to_string(dir.join(MARK)).is_ok_and(|made| made.starts_with(&shape()));
    if !is_there || std::env::args().any(|word| word == "new") {
        let made = Command::new(std::env::current_exe()?).arg("make").status()?;
        anyhow::ensure!(made.success(), "the year could not be made in {}", dir.display());
    }
    runtime.block_on(measure(&dir))
}

fn shape() -> String {
    format!("{COUNTRY:?}\n")
}

async fn make(dir: &PathBuf) -> anyhow::Result<()> {
    let _fresh = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let (incidents, changes) = COUNTRY.write(&COUNTRY.estate(), dir).await?;
    let made = format!("{}{incidents} incidents, {changes} changes of checks\n", shape());
    Ok(std::fs::write(dir.join(MARK), made)?)
}

async fn measure(dir: &Path) -> anyhow::Result<()> {
    let file = dir.join("linewatch.db");
    let made = std::fs::read_to_string(dir.join(MARK))?;
    let bytes = std::fs::metadata(&file)?.len();
    println!(
        "{} practices, {}{} MB",
        COUNTRY.practices,
        made.trim_start_matches(&shape()),
        bytes / 1_000_000
    );

    let began = Instant::now();
    let rows = read_and_hash(&file).await?;
    let bare = began.elapsed().as_secs_f64();
    println!("bare minimum: {rows} rows read and hashed in {bare:.2} s");

    let estate = COUNTRY.estate();
    let began = Instant::now();
    let mut journal = JournalReader::open(dir).await?;
    let mut gatherer = Facts::gatherer(&estate);
    let record = journal.walk(None, |entry| gatherer.take(entry)).await?;
    anyhow::ensure!(record.is_sound(), "{record:?}");
    let mut facts = gatherer.end(Some(COUNTRY.end()), COUNTRY.end());
    // Nobody noted that linewatch was there: those would be three million writes of this program's own.
    facts.gaps.clear();
    let read = began.elapsed().as_secs_f64();
    let hours = Hours::core();
    let ground = Ground { estate: &estate, facts: &facts, hours: &hours, planned: &[], now: COUNTRY.end() };
    let figures = PeriodFigures::new(&ground, BEGIN, COUNTRY.end(), &Filter::default());
    let reckoned = began.elapsed().as_secs_f64();
    let html = period_html(&ground, &figures, &record)?;
    let printed = began.elapsed().as_secs_f64();
    let csv = period_csv(&figures)?;
    let all = began.elapsed().as_secs_f64();
    println!("read and verified {read:.2} s, {:.1} times the bare minimum", read / bare);
    println!("figures of {} incidents {:.2} s", figures.incidents.len(), reckoned - read);
    println!(
        "page of {} KB {:.2} s; {} lines of CSV, {} KB, {:.2} s",
        html.len() / 1000,
        printed - reckoned,
        figures.practices.len(),
        csv.len() / 1000,
        all - printed
    );
    println!("in all {printed:.2} s to the page; memory at most {:.0} MiB", peak_mib());
    Ok(())
}

/// What nobody who checks the journal can do without.
async fn read_and_hash(file: &Path) -> anyhow::Result<u64> {
    let mut connection = SqliteConnectOptions::new().filename(file).read_only(true).connect().await?;
    let mut rows =
        sqlx::query("SELECT subject, incident, body FROM journal ORDER BY seq").fetch(&mut connection);
    let mut count = 0;
    let mut hash = Context::new(&SHA256);
    while let Some(row) = rows.try_next().await? {
        for column in 0..3 {
            hash.update(row.try_get::<&str, _>(column)?.as_bytes());
        }
        count += 1;
    }
    std::hint::black_box(hash.finish());
    Ok(count)
}

/// Memory of this process at most.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}
