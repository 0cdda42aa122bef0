//! The whole command, as somebody at a terminal has it: the real binary, the real pipeline, half a minute of a
//! broken firewall.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

// Sixteen practices, not forty: a debug build's correlator is twenty times slower than the real one, and the tests
// may share two cores with others.

/// `linewatch drill` with these arguments, its temporary folders below `tmp`, in a folder with no files.
fn drill(tmp: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_linewatch"))
        .arg("drill")
        .args(arguments)
        .current_dir(tmp)
        .env("TMPDIR", tmp)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("linewatch starts")
}

fn left_behind(tmp: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(tmp).expect("the folder");
    entries.map(|entry| entry.expect("an entry").file_name()).collect()
}

#[test]
fn a_broken_firewall_is_named_told_once_to_everybody_and_cleared() {
    let tmp = tempfile::tempdir().expect("a folder");
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drill/short.toml");
    let output = drill(tmp.path(), &["--json", "--practices", "16", "--scenario", scenario])
        .wait_with_output()
        .expect("it ends");
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect();
    let story = serde_json::to_string_pretty(&lines).expect("JSON");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{stderr}\n{story}", output.status);

    let (summary, before) = lines.split_last().expect("a summary");
    let firewall = serde_json::json!([{"kind": "firewall", "id": "fw-maidstone"}]);
    assert_eq!(summary["cause"], firewall, "{story}");
    assert_eq!(summary["incidents"], 1, "{story}");
    assert_eq!(summary["still_open"], 0, "{story}");
    assert_eq!(summary["duplicates"], 0, "{story}");
    assert!(summary["probability"].as_f64().is_some_and(|p| (0.9..=1.0).contains(&p)), "{story}");
    for step in ["fault_to_failure_s", "fault_to_cause_s", "cause_to_mail_s"] {
        assert!(summary[step].as_f64().is_some_and(|took| (0.0..30.0).contains(&took)), "{step}: {story}");
    }

    let events: Vec<&Value> = before.iter().filter(|line| line["event"].is_string()).collect();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"opened"), "{story}");
    assert_eq!(kinds.last(), Some(&"resolved"), "{story}");
    assert_eq!(events[0]["network"], "internet", "the NHS network is kept: {story}");

    // Everybody behind it, and the service desk, hears once that it is down; nobody else hears anything.
    let mails: Vec<&Value> = before.iter().filter_map(|line| line.get("mail")).collect();
    assert_eq!(summary["notices"].as_u64(), Some(mails.len() as u64));
    let mut by_recipient: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for mail in &mails {
        assert_eq!(mail["incident"], events[0]["incident"], "{story}");
        let (to, id) = (mail["to"].as_str().expect("to"), mail["message_id"].as_str().expect("id"));
        assert!(by_recipient.entry(to).or_default().insert(id), "told twice: {mail}");
    }
    assert!(by_recipient.contains_key("service.desk@icb.example"), "{story}");
    // One that answered just after the failure began is added by a change.
    let named = |event: &&Value| event["practices"].as_array().expect("practices").clone();
    let told = |event: &&&Value| ["opened", "changed"].iter().any(|kind| event["event"] == **kind);
    let behind: BTreeSet<String> =
        events.iter().filter(told).flat_map(named).map(|practice| practice.to_string()).collect();
    assert_eq!(by_recipient.len(), behind.len() + 2, "the practices behind it, and two at the ICB: {story}");
    assert!(behind.len() > 10, "{story}");
    assert_eq!(left_behind(tmp.path()), Vec::<std::ffi::OsString>::new());
}

#[test]
fn ctrl_c_ends_it_at_once_and_leaves_nothing_behind() {
    let tmp = tempfile::tempdir().expect("a folder");
    let mut child = drill(tmp.path(), &["--practices", "5"]);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    // Its first happening means that all is up; the folder is there as long as it runs.
    let up =
        lines.by_ref().map(|line| line.expect("UTF-8")).find(|line| line.contains("the checks have started"));
    assert!(up.is_some());
    assert_eq!(left_behind(tmp.path()).len(), 1);
    kill(pid, Signal::SIGINT).expect("it runs");
    let rest: Vec<String> = lines.map(|line| line.expect("UTF-8")).collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest:?}");
    assert_eq!(left_behind(tmp.path()), Vec::<std::ffi::OsString>::new());
}

#[test]
fn a_scenario_that_does_not_fit_the_estate_is_refused_before_anything_starts() {
    let tmp = tempfile::tempdir().expect("a folder");
    let scenario = tmp.path().join("odd.toml");
    let text = include_str!("short.toml").replace("\"fw-maidstone\"\nonly", "\"fw-maidstne\"\nonly");
    std::fs::write(&scenario, text).expect("a file");
    let output = drill(tmp.path(), &["--scenario", &scenario.display().to_string()])
        .wait_with_output()
        .expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("fw-maidstne") && stderr.contains("fw-maidstone"), "{stderr}");
    assert_eq!(left_behind(tmp.path()), ["odd.toml"]);
}
