//! Configuration from outside: every error with its place and its way out, hostile files, the shipped
//! county, and the two commands that people meet first.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expected by failing")]

mod ambiguity;
mod command;
mod contacts;
mod county;
mod egress;
mod errors;
mod escalation;
mod handout;
mod heartbeat;
mod hints;
mod hostile;
mod hub;
mod practices_csv;
mod questions;
mod rtp;
mod settings;
mod web;

use std::path::Path;

use linewatch::config::{self, Config, Errors};

/// The smallest estate with one of everything.
const GOOD: &str = r#"
[icb]
code = "QKS"
name = "NHS Kent and Medway"
timezone = "Europe/London"

[[component]]
id = "bt"
kind = "carrier"
name = "BT"

[[component]]
id = "fw-maidstone"
kind = "firewall"
name = "ICB internet firewall, Maidstone"
owner = "ICB network team"
contact = "01622 000000"

[[network]]
id = "internet"
name = "the internet"
through = ["carrier", "firewall"]

[[network]]
id = "hscn"
name = "the NHS network"
through = ["carrier"]

[[service]]
id = "accurx"
name = "Accurx"
needs = ["smartcard"]

[[service]]
id = "smartcard"
name = "smartcard log-in"

[[probe]]
id = "accurx-https"
kind = "https"
network = "internet"
service = "accurx"
url = "https://accurx.example/"
every = "30s"
timeout = "5s"

[[probe]]
id = "hscn-dns"
kind = "dns"
network = "hscn"
server = "127.90.0.53:8053"
name = "emis.example"
record = "A"
every = "30s"
timeout = "5s"

[[practice]]
ods = "G82002"
name = "St James' Surgery"
list_size = 9800
email = ["manager@g82002.example"]
source = "127.1.0.2"
via = { carrier = "bt", firewall = "fw-maidstone" }
"#;

fn parse(text: &str) -> Result<Config, Errors> {
    config::parse("probes.toml", text, Path::new(""))
}

/// The good estate with one thing changed; the thing must be there.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "the good estate has no {from:?}");
    GOOD.replacen(from, to, 1)
}

/// Line and column, from 1 and in characters, of the first appearance of a text.
fn place_of(text: &str, needle: &str) -> (usize, usize) {
    let offset = text.find(needle).unwrap_or_else(|| panic!("{needle:?} is not in the file"));
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, text[line_start..offset].chars().count() + 1)
}

#[test]
fn the_good_estate_is_good() {
    let config = parse(GOOD).expect("no error");
    let estate = &config.estate;
    assert_eq!(estate.practices[0].id, "G82002");
    assert_eq!(estate.services[0].needs, [estate.service("smartcard").expect("declared")]);
    assert_eq!(estate.probes[1].timeout.as_secs(), 5);
}
