//! What linewatch told, and whether each event keeps the contract.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use linewatch::correlate::Correlator;
use linewatch::estate::Estate;
use linewatch::observation::Observation;
use linewatch::time::At;
use serde_json::Value;

use super::county::County;
use super::stream::at;

/// `linewatch replay --json` of these bytes on standard input.
pub fn replay(county: &County, recording: &[u8]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("probes.toml");
    std::fs::write(&config, county.toml()).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_linewatch"))
        .args(["replay", "--json", "--config"])
        .arg(&config)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("linewatch starts");
    let mut input = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(recording).expect("it reads all"));
        child.wait_with_output().expect("it ends")
    })
}

/// The events of a recording, each of which keeps the contract.
pub fn events(county: &County, recording: &str) -> Vec<Value> {
    let output = replay(county, recording.as_bytes());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains(" 0 of unknown practices, 0 of unknown probes, 0 broken lines"), "{stderr}");
    parse(&output.stdout)
}

pub fn parse(stdout: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stdout).expect("UTF-8");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    if let Err(why) = keeps_contract(&events) {
        panic!("{why}\n{}", brief(&events));
    }
    events
}

/// The same without the program around it, where thousands of runs are needed.
pub fn told(estate: &Arc<Estate>, lines: &[Observation], seconds: u32) -> Vec<Value> {
    let mut correlator = Correlator::new(Arc::clone(estate));
    for line in lines {
        correlator.take(line);
    }
    correlator.advance(at(f64::from(seconds)));
    let events: Vec<Value> = std::iter::from_fn(|| correlator.poll_event())
        .map(|event| serde_json::to_value(&event).expect("JSON"))
        .collect();
    if let Err(why) = keeps_contract(&events) {
        panic!("{why}\n{}", brief(&events));
    }
    events
}

const FIELDS: [&str; 12] = [
    "at",
    "event",
    "incident",
    "cause",
    "probability",
    "alternatives",
    "signature",
    "network",
    "since",
    "practices",
    "services",
    "evidence",
];
const SIGNATURES: [&str; 11] = [
    "down",
    "dropped",
    "refused",
    "dns",
    "tls",
    "intercepted",
    "partial",
    "slow",
    "flapping",
    "policy",
    "silent",
];

/// What the contract says of every event, and of their order: time doesn't run backwards, nothing opens below .9,
/// probabilities add up, and an incident opens, changes and is resolved in that order.
pub fn keeps_contract(events: &[Value]) -> Result<(), String> {
    let mut last_at = At::from_millis(i64::MIN);
    // By incident: when it was last spoken of, and whether it is open.
    let mut incidents: BTreeMap<String, (At, bool)> = BTreeMap::new();
    for event in events {
        let fail = |what: &str| Err(format!("{what}: {event}"));
        if let Some(missing) = FIELDS.iter().find(|field| event.get(**field).is_none()) {
            return fail(&format!("no field {missing}"));
        }
        let now = time(&event["at"]);
        if now < last_at {
            return fail("time runs backwards");
        }
        last_at = now;
        if time(&event["since"]) > now {
            return fail("it began after it was said");
        }
        let probability = event["probability"].as_f64().unwrap_or(f64::NAN);
        let others = event["alternatives"].as_array().ok_or("alternatives is no list")?;
        let rest: f64 = others.iter().map(|other| other["probability"].as_f64().unwrap_or(f64::NAN)).sum();
        if !(0.0..=1.0).contains(&probability) || !(0.0..=1.0 + 1e-9).contains(&(probability + rest)) {
            return fail("probabilities don't add up");
        }
        let groups = others.iter().map(|other| &other["cause"]).chain([&event["cause"]]);
        for group in groups {
            let group = group.as_array().ok_or("cause is no list")?;
            let named = |cause: &Value| cause["kind"].is_string() && cause["id"].is_string();
            if group.is_empty() || !group.iter().all(named) {
                return fail("a cause without a name");
            }
        }
        if !SIGNATURES.contains(&event["signature"].as_str().unwrap_or("")) {
            return fail("an unknown signature");
        }
        if !(event["network"].is_null() || event["network"].is_string()) {
            return fail("network is neither a name nor null");
        }
        if !event["practices"].is_array() || !event["services"].is_array() {
            return fail("practices or services is no list");
        }
        let counts = &event["evidence"];
        let count = |name: &str| counts[name].as_u64().ok_or(format!("no count {name}: {event}"));
        if count("failing")? > count("behind")? || count("elsewhere_failing")? > count("elsewhere")? {
            return fail("more fail than there are");
        }
        let id = event["incident"].as_str().ok_or("no incident")?.to_owned();
        let known = incidents.get(&id).copied();
        let open = match (event["event"].as_str(), known) {
            (Some("opened"), None | Some((_, false))) if probability >= 0.9 => true,
            (Some("changed"), Some((said, true))) if now.millis_since(said) >= 10_000 => true,
            (Some("resolved"), Some((_, true))) => {
                match event["reason"].as_str() {
                    Some("recovered" | "withdrawn") => {}
                    Some("merged") if event["into"].is_string() => {}
                    _ => return fail("resolved without a reason"),
                }
                false
            }
            _ => return fail(&format!("out of turn (known: {known:?})")),
        };
        incidents.insert(id, (now, open));
    }
    Ok(())
}

pub fn time(value: &Value) -> At {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is not a time"))
}

/// `firewall fw-maidstone`, or several such with ` or ` between them, in the order of the alphabet.
pub fn cause(event: &Value) -> String {
    let word = |cause: &Value| {
        format!("{} {}", cause["kind"].as_str().unwrap_or("?"), cause["id"].as_str().unwrap_or("?"))
    };
    let mut words: Vec<String> = event["cause"].as_array().into_iter().flatten().map(word).collect();
    words.sort();
    words.join(" or ")
}

pub fn names(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

pub fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

/// A line an event, for messages.
pub fn brief(events: &[Value]) -> String {
    let line = |event: &Value| {
        format!(
            "{} {} {} {} p={} {} network={} practices={} services={} since={} {}\n",
            event["at"].as_str().unwrap_or("?"),
            event["event"].as_str().unwrap_or("?"),
            event["incident"].as_str().unwrap_or("?"),
            cause(event),
            event["probability"],
            event["signature"].as_str().unwrap_or("?"),
            event["network"],
            event["practices"].as_array().map_or(0, Vec::len),
            names(&event["services"]).join("+"),
            event["since"].as_str().unwrap_or("?"),
            event["reason"].as_str().unwrap_or(""),
        )
    };
    events.iter().map(line).collect()
}
