//! `linewatch simulate` as an operator meets it.

use std::process::{Command, Output};

fn simulate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linewatch"));
    command.arg("simulate").args(args).output().expect("linewatch starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_recording_ends_with_the_end_and_is_the_same_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = |name: &str| {
        let path = folder.path().join(name);
        simulate(&["one-practice-down", "--length", "5m", "--record", path.to_str().expect("UTF-8")]);
        std::fs::read_to_string(path).expect("a recording")
    };
    let first = record("a");
    assert!(
        first.ends_with("{\"at\":\"2026-03-02T09:05:00.000Z\",\"end\":true}\n"),
        "{}",
        &first[first.len() - 80..]
    );
    assert!(first.lines().count() > 15_000);
    assert!(first == record("b"), "two recordings differ");
}

#[test]
fn what_is_not_there_is_wrong_usage_and_the_shipped_names_are_shown() {
    let output = simulate(&["kent-1066"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("kent-2023"), "{}", text(&output.stderr));
}

#[test]
fn a_broken_scenario_is_wrong_usage_and_its_place_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "title = 3\n").expect("a file");
    let output = simulate(&[path.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("mine.toml:1:9: "), "{}", text(&output.stderr));
}

#[test]
fn a_quiet_hour_is_told_as_quiet() {
    let output = simulate(&["quiet-year", "--length", "1h"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("met      silence: none"));
}
