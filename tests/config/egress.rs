//! `egress` probes in the configuration: the policy, and where its secret may and may not stand.

use std::path::Path;
use std::time::Duration;

use linewatch::config::{self, Config, Errors};
use linewatch::estate::{Ask, EgressAsk};

use super::with;

/// The good estate with its web probe turned into this one.
fn text(kind: &str, keys: &str) -> String {
    with("kind = \"https\"", &format!("kind = {kind:?}")).replace("url = \"https://accurx.example/\"", keys)
}

fn read(keys: &str) -> Result<Config, Errors> {
    read_as("egress", keys)
}

/// A kind that shares a reflector's secret.
pub fn read_as(kind: &str, keys: &str) -> Result<Config, Errors> {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("secret"), "correct horse battery staple\n").expect("written");
    std::fs::write(dir.path().join("short"), "horse\n").expect("written");
    config::parse("probes.toml", &text(kind, keys), dir.path())
}

fn good(keys: &str) -> EgressAsk {
    let config = read(keys).unwrap_or_else(|errors| panic!("{keys}: {errors}"));
    match &config.estate.probes[0].ask {
        Ask::Egress(ask) => ask.clone(),
        other => panic!("{other:?}"),
    }
}

fn wrong(keys: &str) -> String {
    read(keys).expect_err(keys).to_string()
}

#[test]
fn a_policy_is_read() {
    let ask = good(
        "target = \"reflector.example:443\"\nsecret_file = \"secret\"\ntcp_open = [\"587\", \"5060-5061\"]\n\
         udp_open = \"53,123\"\ntcp_blocked = [\"25\"]\nudp_blocked = \"69\"\nmtu = 1500\nidle = \"3s\"",
    );
    assert_eq!(ask.tcp_open, [443, 587, 5060, 5061]);
    assert_eq!((ask.udp_open, ask.tcp_blocked, ask.udp_blocked), (vec![53, 123], vec![25], vec![69]));
    assert_eq!((ask.mtu, ask.idle, ask.target.port), (Some(1500), Some(Duration::from_secs(3)), 443));
    assert!(ask.secret.is_some());
}

#[test]
fn a_target_is_enough_and_a_host_with_ports_too() {
    let ask = good("target = \"127.80.0.1:8443\"");
    assert_eq!((ask.tcp_open.as_slice(), ask.secret), (&[8443][..], None));
    let ask = good("target = \"127.80.0.1\"\ntcp_open = [\"443\"]\ntcp_blocked = [\"25\"]");
    assert_eq!((ask.target.host.as_str(), ask.target.port), ("127.80.0.1", 443));
}

#[test]
fn mistakes_are_named_with_the_way_out() {
    for (keys, says) in [
        ("target = \"127.80.0.1\"", "names no port"),
        ("target = \"127.80.0.1\"\ntcp_blocked = [\"25\"]", "nothing shows that the reflector is there"),
        ("target = \"127.80.0.1:25\"\ntcp_blocked = [\"25\"]", "`tcp_blocked` has it too"),
        ("target = \"127.80.0.1:443\"\nudp_open = \"53\"", "need the reflector's secret"),
        ("target = \"127.80.0.1:443\"\nidle = \"3s\"", "need the reflector's secret"),
        ("target = \"127.80.0.1:443\"\nsecret_file = \"secret\"\nmtu = 1500", "there is no udp_open"),
        (
            "target = \"127.80.0.1:443\"\ntcp_blocked = \"440-450\"\ntcp_open = \"443\"",
            "both open and blocked",
        ),
        ("target = \"127.80.0.1:443\"\ntcp_open = \"1-65535\"", "more than 64 ports"),
        ("target = \"127.80.0.1:443\"\ntcp_open = \"1-60\"\ntcp_blocked = \"100-110\"", "64 are the most"),
        ("target = \"127.80.0.1:443\"\ntcp_open = [\"x\"]", "is not a port"),
        (
            "target = \"127.80.0.1:443\"\nsecret_file = \"secret\"\nidle = \"5s\"",
            "does not fit into `timeout`",
        ),
        ("target = \"127.80.0.1:443\"\nsecret_file = \"secret\"\nidle = \"2h\"", "longer than an hour"),
        ("target = \"127.80.0.1:443\"\nmtu = 60", "out of range"),
        ("target = \"127.80.0.1:443\"\nsecret_file = \"nowhere\"", "there is no such file"),
        ("target = \"127.80.0.1:443\"\nsecret_env = \"LINEWATCH_NOT_SET\"", "is not set"),
        ("target = \"127.80.0.1:443\"\nports = [\"443\"]", "has no key `ports`"),
    ] {
        let said = wrong(keys);
        assert!(said.contains(says), "{keys}: {said}");
    }
    let several = wrong("target = \"127.80.0.1:443\"\ntcp_open = [\"x\"]\nudp_open = [\"y\"]");
    assert!(several.contains("\"x\"") && several.contains("\"y\""), "all at once: {several}");
}

#[test]
fn a_secret_is_in_no_error() {
    for keys in [
        "target = \"127.80.0.1:443\"\nsecret = \"correct horse battery staple\"",
        "target = \"127.80.0.1:443\"\nsecret_file = \"short\"",
    ] {
        let said = wrong(keys);
        assert!(!said.contains("horse"), "{said}");
    }
    let missing = config::parse("probes.toml", &text("egress", "target = \"127.80.0.1:0\""), Path::new(""));
    assert!(missing.is_err());
}
