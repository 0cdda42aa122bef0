//! A process that writes into a spool is killed, again and again: nothing that was durable is lost.
//!
//! The test program starts itself as the writer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use linewatch::agent::spool::{Settings, Spool};
use linewatch::observation::Observation;
use linewatch::segments::Entry;
use linewatch::time::At;

const FOLDER: &str = "LINEWATCH_TEST_SPOOL";
const FIRST: &str = "LINEWATCH_TEST_SPOOL_FIRST";

fn observation(n: u64) -> Observation {
    // Scattered lengths, so that segments fill and are sealed within a few hundred.
    let letter = |k: u64| char::from(b'a' + u8::try_from((n * 7919 + k * k * 104_729) % 23).unwrap());
    let detail: String = (0..200).map(letter).collect();
    let line = format!(
        r#"{{"at":"2026-03-16T07:12:03Z","practice":"G82002","probe":"check-{}","ok":true,"ms":{n},"detail":"{detail}"}}"#,
        n % 12
    );
    serde_json::from_str(&line).unwrap()
}

fn now() -> At {
    "2026-03-16T07:12:03Z".parse().unwrap()
}

/// What the other test starts; by itself it does nothing.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut n: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let (mut spool, opened) = Spool::open(Path::new(&folder), Settings::default(), now()).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\nlost {}", opened.lost).unwrap();
    loop {
        let mut given = String::new();
        for _ in 0..=n % 40 {
            let seq = spool.append(observation(n));
            write!(given, " {n}={seq}").unwrap();
            n += 1;
        }
        spool.sync(now());
        writeln!(out, "durable{given}").unwrap();
        if n.is_multiple_of(3) {
            // Said first: whether it was kept isn't certain then.
            for record in spool.backlog(n % 1000, u64::MAX, 20, usize::MAX) {
                writeln!(out, "acknowledges {}", record.seq).unwrap();
                spool.acknowledge(record.seq..=record.seq);
            }
        }
    }
}

#[test]
fn nothing_durable_is_lost_to_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut durable: BTreeMap<u64, u64> = BTreeMap::new();
    let mut acknowledged = BTreeSet::new();
    let mut first = 0;
    let mut dice = 5_u64;
    for round in 0..60 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--nocapture", "--test-threads", "1"])
            .env(FOLDER, folder.path())
            .env(FIRST, first.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut left = (dice >> 33) % 60;
        let mut take = |line: &str| {
            if let Some(given) = line.strip_prefix("durable") {
                for pair in given.split_whitespace() {
                    let (n, seq) = pair.split_once('=').unwrap();
                    let (n, seq) = (n.parse().unwrap(), seq.parse().unwrap());
                    assert!(durable.last_key_value().is_none_or(|(last, _)| *last < seq), "{seq} again");
                    durable.insert(seq, n);
                    first = first.max(n + 1);
                }
                true
            } else if let Some(seq) = line.strip_prefix("acknowledges ") {
                acknowledged.insert(seq.parse::<u64>().unwrap());
                false
            } else {
                assert!(!line.starts_with("lost ") || line == "lost 0", "round {round}: {line}");
                false
            }
        };
        while left > 0 {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "round {round}: it stopped by itself");
            left -= u64::from(take(line.trim_end()));
        }
        // Somewhere within what it does next.
        for _ in 0..(dice >> 20) % 200_000 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        // What it had said before it died counts, except half a line at the end.
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        rest.truncate(rest.rfind('\n').map_or(0, |end| end + 1));
        for line in rest.lines() {
            take(line);
        }
        child.wait().unwrap();
        // Numbers that the dead one gave without saying so are used up as well.
        first += 100;

        let (mut spool, opened) = Spool::open(folder.path(), Settings::default(), now()).unwrap();
        assert_eq!(opened.lost, 0, "round {round}: {opened:?}");
        let mut there = BTreeMap::new();
        let mut after = 0;
        loop {
            let batch = spool.backlog(after, u64::MAX, 1000, usize::MAX);
            let Some(last) = batch.last() else { break };
            after = last.seq;
            for record in batch {
                let Entry::Seen(seen) = record.entry else { panic!("nothing was thinned") };
                assert_eq!(there.insert(record.seq, seen), None);
            }
        }
        for (seq, n) in &durable {
            match there.get(seq) {
                Some(seen) => assert_eq!(*seen, Observation { seq: Some(*seq), ..observation(*n) }),
                None => assert!(acknowledged.contains(seq), "round {round}: {seq} is lost"),
            }
        }
        // So that there isn't more to read each time.
        if round % 4 == 3 {
            let last = *durable.last_key_value().unwrap().0;
            acknowledged.extend(durable.keys());
            spool.acknowledge(0..=last);
            spool.sync(now());
        }
    }
    assert!(durable.len() > 5_000, "{}", durable.len());
}
