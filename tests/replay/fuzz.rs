//! A fuzzer for recordings: no line whatever can make the correlator panic, hang, run time backwards or break the
//! contract, and the same bytes give the same events.
//!
//! cargo-fuzz needs a nightly compiler; this one mutates a corpus by itself, from a seed. A short run is part of
//! the tests. A long one:
//!
//! ```text
//! FUZZ_SEED=7 FUZZ_RUNS=100000 FUZZ_SECONDS=600 cargo test --release --test replay fuzz -- --ignored --nocapture
//! ```
//!
//! It prints the seed, and stops after so many runs or seconds, whichever comes first. Of a run that fails, it prints
//! the seed, leaves out all lines that the failure doesn't need, and puts the rest into `target/`. Moved to
//! `tests/replay/found/`, it is tried in every test from then on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linewatch::correlate::Correlator;
use linewatch::estate::Estate;
use linewatch::observation::Observation;
use linewatch::time::At;
use serde::Deserialize;
use serde_json::Value;

use super::county::County;
use super::stream::{Answer, REFUSED, TIMED_OUT, USUAL, at, bye, stream, text};
use super::told::keeps_contract;

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end.max(1) as u64).unwrap_or(0)
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// Times at the edges of what text can name, and beyond.
const TIMES: [&str; 14] = [
    "9999-12-30T22:00:00Z",
    "9999-12-30T21:59:59.999Z",
    "9999-12-31T23:59:59.999Z",
    "-009999-01-02T01:59:59Z",
    "0000-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-03-29T01:30:00Z",
    "2026-03-16T07:05:60Z",
    "2026-03-16T07:05:00+23:59",
    "2026-03-16T08:05:00.000000001+01:00",
    "+1000000-01-01T00:00:00Z",
    "",
];

const NUMBERS: [&str; 16] = [
    "0",
    "-0.0",
    "-1",
    "1e308",
    "-1e308",
    "1e999",
    "-1e999",
    "1e-320",
    "5e-324",
    "NaN",
    "null",
    "\"5\"",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "9223372036854775807",
];

/// Whole lines that are no recording, or a strange one.
fn strange(dice: &mut Dice) -> Vec<u8> {
    let time = dice.one(&TIMES);
    match dice.below(9) {
        0 => [b"[".repeat(dice.below(4000)), b"{\"a\":".repeat(dice.below(4000))].concat(),
        1 => b"\xff\xfe\x00\xc3\x28".to_vec(),
        2 => format!("{{\"at\":\"{time}\",\"end\":true}}").into_bytes(),
        3 => format!("{{\"at\":\"{time}\",\"practice\":\"@hub\",\"probe\":\"eps-tcp\",\"ok\":false}}").into_bytes(),
        4 => format!("{{\"at\":\"{time}\",\"practice\":\"G82001\",\"probe\":\"@bye\",\"ok\":true}}").into_bytes(),
        5 => format!("{{\"at\":\"{time}\",\"practice\":\"\u{0}\u{202e}\",\"probe\":\"@alive\",\"ok\":true}}").into_bytes(),
        6 => vec![0; dice.below(5000)],
        7 => format!(
            "{{\"at\":\"2026-03-16T07:05:00Z\",\"received\":\"{time}\",\"practice\":\"G82002\",\"probe\":\"accurx-https\",\"ok\":false,\"ms\":{},\"seq\":{},\"loss\":{}}}",
            dice.one(&NUMBERS),
            dice.one(&NUMBERS),
            dice.one(&NUMBERS)
        )
        .into_bytes(),
        _ => b"{\"at\":\"2026-03-16T07:05:00Z\",\"at\":\"2026-03-16T07:05:00Z\",\"practice\":\"G82001\"}".to_vec(),
    }
}

/// Puts something else in the place of a value that stands after `key`.
fn replace_value(line: &mut Vec<u8>, key: &[u8], value: &str) {
    let Some(start) = line.windows(key.len()).position(|window| window == key) else { return };
    let start = start + key.len();
    let quoted = line.get(start) == Some(&b'"');
    // A line that was cut may end with the key.
    let rest = line.get(start + 1..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|byte| if quoted { *byte == b'"' } else { matches!(*byte, b',' | b'}') })
        .map_or(line.len(), |found| start + 1 + found + usize::from(quoted));
    line.splice(start..end, value.bytes());
}

fn mutate(lines: &mut Vec<Vec<u8>>, corpus: &[Vec<u8>], dice: &mut Dice) {
    if lines.is_empty() {
        lines.push(strange(dice));
    }
    let at = dice.below(lines.len());
    let other = dice.below(lines.len());
    match dice.below(13) {
        0 => {
            let place = dice.below(lines[at].len());
            if let Some(byte) = lines[at].get_mut(place) {
                *byte = dice.roll().to_le_bytes()[0];
            }
        }
        1 => {
            let place = dice.below(lines[at].len());
            if place < lines[at].len() {
                lines[at].remove(place);
            }
        }
        2 => {
            let keep = dice.below(lines[at].len());
            lines[at].truncate(keep);
        }
        3 => lines.swap(at, other),
        4 => {
            // The same line again, now or much later.
            let again = lines[at].clone();
            lines.insert(other, again);
        }
        5 => {
            let spliced = corpus[dice.below(corpus.len())].clone();
            lines.insert(at, spliced);
        }
        6 => {
            let strange = strange(dice);
            lines.insert(at, strange);
        }
        7 => replace_value(&mut lines[at], b"\"ms\":", dice.one(&NUMBERS)),
        8 => {
            let time = format!("\"{}\"", dice.one(&TIMES));
            replace_value(&mut lines[at], b"\"at\":", &time);
        }
        9 => {
            let seconds = dice.below(4_000_000);
            #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
            let time = format!("\"{}\"", super::stream::at(seconds as f64 - 400_000.0));
            replace_value(&mut lines[at], b"\"at\":", &time);
        }
        10 => {
            // A stretch of failures, or of silence.
            let end = (at + dice.below(200)).min(lines.len());
            if dice.below(2) == 0 {
                lines.drain(at..end);
            } else {
                for line in &mut lines[at..end] {
                    replace_value(line, b"\"ok\":", "false");
                }
            }
        }
        11 => {
            let end = (at + dice.below(300)).min(lines.len());
            lines[at..end].reverse();
        }
        _ => {
            let word = dice.one(&["\"policy\"", "\"open\"", "\"too_slow\"", "\"local\"", "\"dragons\"", "7"]);
            replace_value(&mut lines[at], b"\"failure\":", word);
        }
    }
}

#[derive(Deserialize)]
struct End {
    at: At,
    end: bool,
}

/// What `replay` does with a recording, without the program around it.
fn events(estate: &Arc<Estate>, lines: &[Vec<u8>]) -> Vec<Value> {
    let mut correlator = Correlator::new(Arc::clone(estate));
    let mut events = Vec::new();
    for line in lines {
        if let Ok(seen) = serde_json::from_slice::<Observation>(line) {
            correlator.take(&seen);
        } else if let Ok(End { at, end: true }) = serde_json::from_slice(line) {
            correlator.advance(at);
        }
        events.extend(
            std::iter::from_fn(|| correlator.poll_event())
                .map(|event| serde_json::to_value(&event).expect("an event is JSON")),
        );
    }
    // What a page would ask for must not panic either.
    let picture = correlator.picture();
    for event in &picture.incidents {
        correlator.why(&event.incident).expect("an open incident has an explanation");
    }
    events
}

struct Fuzzer {
    estate: Arc<Estate>,
    corpus: Vec<Vec<u8>>,
}

impl Fuzzer {
    fn new() -> Self {
        let county = County::of(6);
        let lines = stream(&county, USUAL, 700, |asked| {
            let firewall = asked.behind("fw-maidstone") && asked.on("internet") && asked.during(120.0, 300.0);
            let service = asked.of("emis") && asked.during(350.0, 420.0);
            let flaps = asked.at("G82003") && asked.question.is_some() && asked.s % 90.0 < 40.0;
            let kept = asked.at("G82005") && asked.during(200.0, 400.0);
            match (firewall, service, flaps, kept) {
                (true, ..) => TIMED_OUT,
                (_, true, ..) => REFUSED,
                (_, _, true, _) => TIMED_OUT,
                (.., true) => Answer::Kept(450.0),
                _ => Answer::Well,
            }
        });
        let mut corpus: Vec<Vec<u8>> =
            text(&lines, 700).lines().map(|line| line.as_bytes().to_vec()).collect();
        corpus.push(serde_json::to_vec(&bye("G82001", 300.0)).expect("JSON"));
        Self { estate: county.estate(), corpus }
    }

    /// One recording from a seed.
    fn recording(&self, seed: u64) -> Vec<Vec<u8>> {
        let mut dice = Dice(seed);
        let from = dice.below(self.corpus.len() / 2);
        let length = 50 + dice.below(self.corpus.len() - from - 50);
        let mut lines = self.corpus[from..from + length].to_vec();
        for _ in 0..=dice.below(40) {
            mutate(&mut lines, &self.corpus, &mut dice);
        }
        lines.push(format!("{{\"at\":\"{}\",\"end\":true}}", at(3000.0)).into_bytes());
        lines
    }

    /// Runs one seed; returns how many events it gave, or why it fails, with its recording made short and left behind.
    fn run(&self, seed: u64) -> Result<usize, String> {
        let lines = self.recording(seed);
        let twice = seed.is_multiple_of(8);
        let why = match self.tried(&lines, twice) {
            Ok(events) => return Ok(events),
            Err(why) => why,
        };
        let short = self.shortened(lines, twice, &what(&why));
        let left = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/fuzz-{seed}.jsonl"));
        // Cargo may be told to build elsewhere.
        let written = std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/target"))
            .and_then(|()| std::fs::write(&left, short.join(&b'\n')));
        Err(format!("{why}\nseed {seed}; {} lines of it in {} ({written:?})", short.len(), left.display()))
    }

    fn tried(&self, lines: &[Vec<u8>], twice: bool) -> Result<usize, String> {
        let once = catch_unwind(AssertUnwindSafe(|| {
            let events = events(&self.estate, lines);
            keeps_contract(&events)?;
            if twice && events != self::events(&self.estate, lines) {
                return Err("the same bytes gave other events: twice".to_owned());
            }
            Ok(events.len())
        }));
        once.unwrap_or_else(|cause| {
            let text = cause.downcast_ref::<String>().cloned();
            let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("panicked: {}", text.unwrap_or_default()))
        })
    }

    /// Leaves out what the failure doesn't need: stretches, then single lines.
    fn shortened(&self, mut lines: Vec<Vec<u8>>, twice: bool, wanted: &str) -> Vec<Vec<u8>> {
        let mut stretch = lines.len() / 2;
        while stretch > 0 {
            let mut at = 0;
            while at < lines.len() {
                let mut fewer = lines.clone();
                fewer.drain(at..(at + stretch).min(lines.len()));
                if self.tried(&fewer, twice).is_err_and(|why| what(&why) == wanted) {
                    lines = fewer;
                } else {
                    at += stretch;
                }
            }
            stretch /= 2;
        }
        lines
    }
}

/// The kind of failure: what stands before the particulars.
fn what(why: &str) -> String {
    why.split_once(':').map_or(why, |(what, _)| what).to_owned()
}

#[test]
fn fuzz_for_a_moment() {
    let fuzzer = Fuzzer::new();
    let events: usize = (0..40).map(|seed| fuzzer.run(seed).unwrap_or_else(|why| panic!("{why}"))).sum();
    println!("seeds 0 to 39: {events} events");
    assert!(events >= 40, "only {events} events: the corpus has lost its incidents");
}

/// Recordings that broke something once, in `tests/replay/found/`, and what is still broken by them: a line goes
/// when it is mended.
const NOT_YET: [(&str, &str); 0] = [];

#[test]
fn what_was_found_stays_mended() {
    let fuzzer = Fuzzer::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay/found");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let bytes = std::fs::read(&file).expect("a recording");
        let lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let broken = fuzzer.tried(&lines, true).err();
        match NOT_YET.iter().find(|(known, _)| *known == name) {
            None => assert_eq!(broken, None, "{name}"),
            Some((_, why)) => {
                let still = broken.is_some_and(|broken| broken.starts_with(why));
                assert!(still, "{name} is not broken that way any more: take it off the list");
            }
        }
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

#[test]
#[ignore = "long: see the top of this file"]
fn fuzz_for_long() {
    let (seed, runs) = (setting("FUZZ_SEED", 1), setting("FUZZ_RUNS", 20_000));
    let most = Duration::from_secs(setting("FUZZ_SECONDS", 300));
    let fuzzer = Fuzzer::new();
    let begun = Instant::now();
    let (mut done, mut events) = (0_u64, 0_usize);
    let mut failures: BTreeMap<String, (u64, String)> = BTreeMap::new();
    while done < runs && begun.elapsed() < most {
        match fuzzer.run(Dice(seed ^ (done << 20)).roll()) {
            Ok(more) => events += more,
            Err(why) => failures.entry(what(&why)).or_insert((0, why)).0 += 1,
        }
        done += 1;
    }
    println!("seed {seed}: {done} recordings, {events} events, {:?}", begun.elapsed());
    for (times, why) in failures.values() {
        println!("{times} times: {why}");
    }
    assert!(failures.is_empty(), "{} kinds of failure", failures.len());
}
