//! `rtp` probes in the configuration: what a train may be, and what it can't be.

use std::time::Duration;

use linewatch::config::unready;
use linewatch::estate::{Ask, RtpAsk};

use super::egress::read_as;

const SECRET: &str = "secret_file = \"secret\"";

fn good(keys: &str) -> RtpAsk {
    let config = read_as("rtp", keys).unwrap_or_else(|errors| panic!("{keys}: {errors}"));
    match &config.estate.probes[0].ask {
        Ask::Rtp(ask) => ask.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_target_and_a_secret_are_enough() {
    let ask = good(&format!("target = \"reflector.example:5004\"\n{SECRET}"));
    assert_eq!((ask.target.port, ask.packets), (5004, 50));
    assert!((ask.loss_max - 0.05).abs() < 1e-9);
    assert_eq!((ask.jitter_max, ask.delay_max, ask.mos_min), (None, None, None));
}

#[test]
fn limits_are_read() {
    let ask = good(&format!(
        "target = \"127.80.0.1:5004\"\n{SECRET}\npackets = 100\nloss_max = 0.02\njitter_max = \"30ms\"\n\
         delay_max = \"150ms\"\nmos_min = 3.6"
    ));
    assert_eq!(ask.packets, 100);
    assert_eq!(ask.jitter_max, Some(Duration::from_millis(30)));
    assert_eq!(ask.delay_max, Some(Duration::from_millis(150)));
    assert_eq!(ask.mos_min, Some(3.6));
}

#[test]
fn mistakes_are_named_with_the_way_out() {
    for (keys, says) in [
        ("", "has no `target`"),
        ("target = \"127.80.0.1\"", "port"),
        ("packets = 9", "out of range"),
        ("packets = 251", "out of range"),
        ("packets = 250", "make `timeout` at least \"6000ms\""),
        ("loss_max = 2", "out of range"),
        ("jitter_max = \"0s\"", "no line takes no time"),
        ("delay_max = \"fast\"", "is not a length of time"),
        ("mos_min = 4.5", "out of range"),
        ("secret = \"correct horse battery staple\"", "doesn't belong in this file"),
        ("secret_env = \"LINEWATCH_NOT_SET\"", "named twice"),
        ("codec = \"G.711\"", "has no key `codec`"),
    ] {
        let alone = keys.is_empty() || keys.starts_with("target");
        let all =
            if alone { keys.to_owned() } else { format!("target = \"127.80.0.1:5004\"\n{SECRET}\n{keys}") };
        let said = read_as("rtp", &all).expect_err(keys).to_string();
        assert!(said.contains(says) && !said.contains("horse"), "{keys}: {said}");
    }
}

#[test]
fn what_parses_without_is_named_by_check_and_refused_by_run() {
    let config = read_as("rtp", "target = \"127.80.0.1:5004\"").expect("it parses and replays");
    let unready = unready(&config);
    assert_eq!((unready[0].probe.as_str(), unready[0].kind.as_str()), ("accurx-https", "rtp"));
    assert!(unready[0].why.contains("secret_file"), "{unready:?}");
    let refused = linewatch::hub::service::refuse_unasked(&config, None).expect_err("refused").to_string();
    assert!(refused.contains("accurx-https (rtp): it lacks the reflector's secret"), "{refused}");
}
