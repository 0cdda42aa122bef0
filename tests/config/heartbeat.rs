//! Heartbeats in the configuration: how rare a beat may be, whose work it is, and what `check` says of them.

use std::path::Path;
use std::time::Duration;

use linewatch::config::{self, Config, Errors, Summary, unready};
use linewatch::estate::{Ask, HeartbeatAsk, PracticeIx, Vantage};

use super::with;

/// The good estate with its web probe turned into this one.
fn read(keys: &str, every: &str, timeout: &str) -> Result<Config, Errors> {
    let text = with("kind = \"https\"", "kind = \"heartbeat\"")
        .replace("url = \"https://accurx.example/\"", keys)
        .replacen("every = \"30s\"", &format!("every = \"{every}\""), 1)
        .replacen("timeout = \"5s\"", &format!("timeout = \"{timeout}\""), 1);
    config::parse("probes.toml", &text, Path::new(""))
}

fn good(keys: &str) -> (Config, HeartbeatAsk) {
    let config = read(keys, "24h", "2h").unwrap_or_else(|errors| panic!("{keys}: {errors}"));
    match &config.estate.probes[0].ask {
        Ask::Heartbeat(ask) => {
            let ask = ask.clone();
            (config, ask)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn work_has_a_name_and_is_everybodys_unless_told_otherwise() {
    let (_, ask) = good("target = \"hospital letters\"");
    assert_eq!(ask, HeartbeatAsk { target: "hospital letters".to_owned(), only: None, secret: None });
    let (_, ask) = good("target = \"127.0.0.1:9\"\nonly = [\"G82002\", \"@hub\", \"G82002\"]");
    assert_eq!(ask.only, Some(vec![Vantage::Practice(PracticeIx(0)), Vantage::Hub]));
}

#[test]
fn a_beat_may_be_monthly_and_its_results_are_not() {
    let config = read("target = \"reports\"", "31d", "2d").unwrap_or_else(|errors| panic!("{errors}"));
    let probe = &config.estate.probes[0];
    assert_eq!(probe.every, Duration::from_hours(31 * 24));
    assert_eq!(probe.rhythm(), (Duration::from_mins(1), Duration::from_secs(1)));
}

#[test]
fn mistakes_are_named_with_the_way_out() {
    for (keys, every, timeout, says) in [
        ("", "24h", "1h", "has no `target`"),
        ("target = \"x\"", "40d", "1h", "longer than a month"),
        ("target = \"x\"", "1h", "2h", "longer than `every`"),
        ("target = \"x\"\nonly = [\"G82003\"]", "24h", "1h", "G82003"),
        ("target = \"x\"\nonly = []", "24h", "1h", "nobody's work"),
        ("target = \"x\"\nurl = \"http://x.example/\"", "24h", "1h", "has no key `url`"),
    ] {
        let said = read(keys, every, timeout).expect_err(keys).to_string();
        assert!(said.contains(says), "{keys}: {said}");
    }
}

#[test]
fn nothing_is_asked_so_nobody_is_burdened() {
    let (config, _) = good("target = \"hospital letters\"");
    let summary = Summary::of(&config);
    assert!(
        summary.targets.iter().all(|target| target.target != "hospital letters"),
        "{:?}",
        summary.targets
    );
    assert_eq!(summary.unready, unready(&config));
    assert!(summary.unready[0].why.contains("beat_secret_file"), "{:?}", summary.unready);
}

#[test]
fn the_secret_of_the_addresses_stands_elsewhere() {
    let text = with("[icb]", "[hub]\nbeat_secret = \"correct horse battery staple\"\n[icb]");
    let said = config::parse("probes.toml", &text, Path::new("")).expect_err("refused").to_string();
    assert!(said.contains("beat_secret_file") && !said.contains("horse"), "{said}");
}
