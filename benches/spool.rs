//! What an agent's spool costs: the disk that sixty days of twelve checks every 30 s take (five of them with everything
//! failing), how quick appending is with a `sync` for each virtual second, how long opening it takes, the pace of reading it,
//! and the memory of the process. `cargo bench --bench spool`, or `… -- 6` for so many days (a twelfth of them failing).
//!
//! In `target/tmp` on the disk of this machine: `sync` waits for it as it would at a practice.

use std::path::Path;
use std::time::Instant;

use linewatch::agent::spool::{Settings, Spool};
use linewatch::observation::{Failure, Hop, Observation, PathSeen, Phase, PhaseTimes, Stopped};
use linewatch::segments::{Entry, Record, frame_bytes};
use linewatch::time::At;
use linewatch::world::dice::{mix, unit};

const CHECKS: u64 = 12;
const A_DAY: u64 = CHECKS * 2 * 60 * 24;
const START_MS: i64 = 1_773_644_400_000;
/// From one observation to the next.
const APART_MS: i64 = 2500;

fn at(n: u64) -> At {
    At::from_millis(START_MS + i64::try_from(n).unwrap_or(0) * APART_MS)
}

/// A length that scatters as measured ones do, in whole microseconds.
fn length(n: u64, part: u64, usual_ms: f64) -> f64 {
    let drawn = unit(mix(n, part));
    ((usual_ms * (0.8 - 0.5 * (1.0 - drawn).ln())) * 1000.0).round() / 1000.0
}

fn observation(n: u64, fails: bool) -> Observation {
    let mut phases_ms = PhaseTimes::default();
    phases_ms.set(Phase::Dns, length(n, 1, 2.0));
    phases_ms.set(Phase::Connect, length(n, 2, 9.0));
    let mut seen = Observation {
        at: at(n),
        received: None,
        practice: "G82002".to_owned(),
        probe: format!("check-number-{}", n % CHECKS),
        ok: !fails,
        failure: None,
        phase: None,
        ms: length(n, 5, 66.0),
        phases_ms,
        loss: None,
        detail: None,
        seq: None,
        agent: Some("reception-1".to_owned()),
        uplink: None,
        reask: false,
        late: false,
        path: None,
    };
    if !fails {
        seen.phases_ms.set(Phase::Tls, length(n, 3, 22.0));
        seen.phases_ms.set(Phase::FirstByte, length(n, 4, 31.0));
        return seen;
    }
    (seen.failure, seen.phase) = (Some(Failure::Timeout), Some(Phase::Connect));
    seen.ms = 5000.0 + length(n, 6, 1.0);
    let (host, port) = (n % CHECKS, 32_768 + mix(n, 0) % 28_000);
    seen.detail = Some(format!("no answer from 192.0.2.{host}:443 within 5 s; sent from 10.20.0.7:{port}"));
    // A check that fails is traced again every ten minutes.
    if (n / CHECKS).is_multiple_of(20) {
        let address = |ttl: u8| Some([10, 20, ttl, 1].into());
        let hop = |ttl: u8| Hop { ttl, address: address(ttl), ms: Some(length(n, u64::from(ttl) + 10, 5.0)) };
        seen.path = Some(PathSeen {
            hops: (1..=8).map(hop).collect(),
            last: address(8),
            stopped: Stopped::Silent,
            sentence: "Stops after 10.20.8.1, the eighth router: nothing answers beyond it.".to_owned(),
        });
    }
    seen
}

fn files(folder: &Path, ending: &str) -> (u64, u64) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(ending));
    ours.filter_map(|entry| entry.metadata().ok())
        .fold((0, 0), |(count, bytes), data| (count + 1, bytes + data.len()))
}

/// Memory of this process now and at most, in MiB.
fn memory() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    };
    (of("VmRSS:"), of("VmHWM:"))
}

fn main() {
    let days: u64 = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(60);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spool");
    let _fresh = std::fs::remove_dir_all(&folder);
    let Ok((mut spool, _)) = Spool::open(&folder, Settings::default(), at(0)) else {
        println!("cannot open a spool in {}", folder.display());
        return;
    };
    let bad_days = days.div_ceil(12);
    let all = days * A_DAY;
    let began = Instant::now();
    let (mut slowest, mut calls) = (0.0_f64, 0_u64);
    let mut days_bytes = (0, 0);
    for n in 0..all {
        // The bad days come in the middle, as an outage does.
        let day = n / A_DAY;
        let fails = (days / 2..days / 2 + bad_days).contains(&day);
        spool.append(observation(n, fails));
        // As though 400 observations came each second: a sync for each of those.
        if n.is_multiple_of(400) {
            let start = Instant::now();
            spool.sync(at(n));
            slowest = slowest.max(start.elapsed().as_secs_f64());
            calls += 1;
        }
        if (n + 1).is_multiple_of(A_DAY) {
            let bytes = files(&folder, ".sealed").1;
            if day == 1 {
                days_bytes.0 = bytes / 2;
            } else if day == days / 2 {
                days_bytes.1 = bytes;
            } else if day == days / 2 + 1 {
                days_bytes.1 = bytes - days_bytes.1;
            }
        }
    }
    spool.sync(at(all));
    let took = began.elapsed().as_secs_f64();
    let status = spool.status();
    println!("{all} observations of {days} days, {bad_days} of them with everything failing");
    println!(
        "{:.0} appends a second with {calls} syncs, the slowest {:.1} ms",
        all as f64 / took,
        slowest * 1000.0
    );
    println!(
        "{:.1} MiB on disk of {:.0}, {} thinned, {} records, {} files",
        status.bytes as f64 / 1_048_576.0,
        status.bytes_max as f64 / 1_048_576.0,
        status.thinned,
        status.records,
        files(&folder, "").0
    );
    let active = |fails: bool| {
        let sizes = (1..=1200).map(|n| {
            let mut seen = observation(n, fails);
            seen.seq = Some(n);
            frame_bytes(&Record { seq: n, entry: Entry::Seen(seen) }).unwrap_or_default()
        });
        sizes.sum::<usize>() as f64 / 1200.0
    };
    println!("appended: {:.1} bytes a success, {:.1} bytes a failure", active(false), active(true));
    println!(
        "sealed: {:.1} bytes a success, {:.1} bytes a failure",
        days_bytes.0 as f64 / A_DAY as f64,
        days_bytes.1 as f64 / A_DAY as f64
    );
    let (now, most) = memory();
    println!("memory {now:.1} MiB, at most {most:.1} MiB");
    drop(spool);

    let began = Instant::now();
    let Ok((mut spool, opened)) = Spool::open(&folder, Settings::default(), at(all)) else { return };
    println!("opened in {:.0} ms, {} records", began.elapsed().as_secs_f64() * 1000.0, opened.records);
    let began = Instant::now();
    let (mut after, mut read, mut slowest) = (0, 0_u64, 0.0_f64);
    loop {
        let start = Instant::now();
        let batch = spool.backlog(after, u64::MAX, 500, 1 << 20);
        slowest = slowest.max(start.elapsed().as_secs_f64());
        let Some(last) = batch.last() else { break };
        after = last.seq;
        read += batch.len() as u64;
        spool.acknowledge(0..=after);
        if read % 50_000 < 500 {
            spool.sync(at(all));
        }
    }
    spool.sync(at(all));
    println!(
        "{:.0} read and acknowledged a second in batches of 500, the slowest {:.1} ms; {} files left",
        read as f64 / began.elapsed().as_secs_f64(),
        slowest * 1000.0,
        files(&folder, "").0
    );
    let (now, most) = memory();
    println!("memory {now:.1} MiB, at most {most:.1} MiB");

    // One a second, as at a practice at its busiest.
    let began = Instant::now();
    for n in 0..200 {
        spool.append(observation(all + n, false));
        spool.sync(at(all + n));
    }
    println!("{:.2} ms for one append with its sync", began.elapsed().as_secs_f64() * 5.0);
    drop(spool);
    let _tidy = std::fs::remove_dir_all(&folder);
}
