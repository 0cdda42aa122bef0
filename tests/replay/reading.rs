//! `linewatch replay` as a program: file and standard input, broken and unknown lines, the same bytes twice, and
//! no event that depends on later lines.

use std::process::{Command, Stdio};

use linewatch::observation::Observation;

use super::county::County;
use super::stream::{Answer, TIMED_OUT, USUAL, stream, text};
use super::told::{events, replay};

/// A firewall for ten minutes, and a practice of its own in the middle of it.
fn story(county: &County) -> Vec<Observation> {
    stream(county, USUAL, 2400, |asked| {
        let firewall = asked.behind("fw-maidstone") && asked.on("internet") && asked.during(600.5, 1200.0);
        let alone = asked.at("G82012") && asked.during(700.5, 1400.0) && asked.question.is_some();
        if firewall || alone { TIMED_OUT } else { Answer::Well }
    })
}

#[test]
fn a_file_and_standard_input_say_the_same_twice() {
    let county = County::of(12);
    let recording = text(&story(&county), 2400);
    let folder = tempfile::tempdir().expect("a folder");
    let (config, file) = (folder.path().join("probes.toml"), folder.path().join("recording.jsonl"));
    std::fs::write(&config, county.toml()).expect("a file");
    std::fs::write(&file, &recording).expect("a file");
    let from_file = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linewatch"));
        command.args(["replay", "--json", "--config"]).arg(&config).arg(&file);
        command.stdin(Stdio::null()).output().expect("linewatch starts")
    };
    let first = from_file();
    assert_eq!(first.status.code(), Some(0));
    assert!(!first.stdout.is_empty());
    assert_eq!(first.stdout, from_file().stdout, "two readings of one file");
    assert_eq!(first.stdout, replay(&county, recording.as_bytes()).stdout, "a file and standard input");
}

#[test]
fn a_recording_cut_short_says_the_beginning_of_the_same() {
    let county = County::of(12);
    let lines = story(&county);
    let whole = String::from_utf8(replay(&county, text(&lines, 2400).as_bytes()).stdout).expect("UTF-8");
    assert!(whole.lines().count() >= 4, "{whole}");
    let mut seen = std::collections::BTreeSet::new();
    for part in 1..40 {
        // A prime, so that the cuts fall anywhere; some at every stage of the story.
        let cut = (lines.len() * part / 40 + part * 7).min(lines.len());
        let recording: String =
            lines[..cut].iter().map(|line| serde_json::to_string(line).expect("JSON") + "\n").collect();
        let told = String::from_utf8(replay(&county, recording.as_bytes()).stdout).expect("UTF-8");
        assert!(whole.starts_with(&told), "cut after line {cut}:\n{told}\nwhole:\n{whole}");
        seen.insert(told.len());
    }
    assert!(seen.len() >= 4, "the cuts fall between events: {seen:?}");
}

#[test]
fn a_last_line_without_its_end_is_read_or_reported() {
    let county = County::of(4);
    let lines = stream(&county, USUAL, 60, |_| Answer::Well);
    let recording = text(&lines, 60);
    let output = replay(&county, recording.trim_end().as_bytes());
    assert!(String::from_utf8_lossy(&output.stderr).contains(" 0 broken lines"));
    let output = replay(&county, &recording.as_bytes()[..recording.len() - 10]);
    assert_eq!(output.status.code(), Some(0));
    let number = recording.lines().count();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(&format!("line {number}: ")), "{stderr}");
}

#[test]
fn unknown_practices_and_probes_are_counted_and_change_nothing() {
    let county = County::of(12);
    let lines = story(&county);
    let plain = replay(&county, text(&lines, 2400).as_bytes()).stdout;
    let mut mixed = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        mixed.push(line.clone());
        if n % 100 == 0 {
            mixed.push(Observation { practice: "Z99999".to_owned(), ok: false, ..line.clone() });
            mixed.push(Observation { probe: "gopher".to_owned(), ok: false, ..line.clone() });
        }
    }
    let strangers = lines.len().div_ceil(100);
    let output = replay(&county, text(&mixed, 2400).as_bytes());
    assert!(output.stdout == plain, "strangers changed the events");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let counts = format!("{strangers} of unknown practices, {strangers} of unknown probes, 0 broken");
    assert!(stderr.contains(&counts), "{stderr}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn broken_lines_are_reported_with_their_number_and_change_nothing() {
    let county = County::of(12);
    let recording = text(&story(&county), 2400);
    let plain = replay(&county, recording.as_bytes()).stdout;
    let broken: [&[u8]; 9] = [
        b"{",
        b"not JSON at all",
        b"[]",
        b"{\"at\":\"yesterday\",\"practice\":\"G82001\",\"probe\":\"eps-tcp\",\"ok\":true,\"ms\":1}",
        b"{\"at\":\"2026-03-16T07:00:01Z\",\"practice\":\"G82001\",\"probe\":\"eps-tcp\",\"ok\":\"maybe\"}",
        b"{\"at\":\"2026-03-16T07:00:01Z\",\"practice\":\"G82001\",\"probe\":\"eps-tcp\",\"ok\":false,\"failure\":\"dragons\"}",
        b"\xff\xfe\x00",
        b"{\"at\":\"2026-03-16T07:00:01Z\",\"end\":false}",
        b"null",
    ];
    let mut bytes = Vec::new();
    let mut numbers = Vec::new();
    for (n, line) in recording.lines().enumerate() {
        if n % 100 == 5 && n / 100 < broken.len() {
            bytes.extend_from_slice(broken[n / 100]);
            bytes.push(b'\n');
            numbers.push(n + numbers.len() + 1);
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    assert_eq!(numbers.len(), broken.len());
    let output = replay(&county, &bytes);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.stdout == plain, "broken lines changed the events");
    for number in &numbers {
        assert!(stderr.contains(&format!("line {number}: ")), "line {number} in\n{stderr}");
    }
    assert!(stderr.contains(&format!("{} broken lines", broken.len())), "{stderr}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn empty_lines_windows_line_ends_and_a_byte_order_mark_are_no_trouble() {
    let county = County::of(12);
    let recording = text(&story(&county), 2400);
    let plain = events(&county, &recording);
    assert_eq!(plain, events(&county, &format!("\u{feff}{}\r\n\r\n", recording.replace('\n', "\r\n"))));
}

#[test]
fn fields_that_nobody_knows_are_ignored() {
    let county = County::of(12);
    let recording = text(&story(&county), 2400);
    let grown = recording.replace("{\"at\"", "{\"mood\":{\"a\":[1,null]},\"at\"");
    assert_eq!(replay(&county, recording.as_bytes()).stdout, replay(&county, grown.as_bytes()).stdout);
}

#[test]
fn a_missing_recording_or_estate_is_said_and_not_a_panic() {
    let run = |config: &str, file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linewatch"));
        command.args(["replay", "--json", "--config", config, file]).output().expect("linewatch starts")
    };
    let output = run("/nonexistent/probes.toml", "-");
    assert!(![Some(0), Some(101), None].contains(&output.status.code()));
    let output = run(concat!(env!("CARGO_MANIFEST_DIR"), "/probes.toml"), "/nonexistent/recording");
    assert!(![Some(0), Some(101), None].contains(&output.status.code()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/recording"));
}
