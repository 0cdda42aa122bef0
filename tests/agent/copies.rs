//! An agent's folder is copied, and what the copies see comes under the same numbers.

use std::collections::BTreeSet;
use std::path::Path;

use linewatch::agent::workers::blank;
use linewatch::segments::{Entry, Record};
use linewatch::time::At;
use linewatch::uplink::message::Process;

use crate::refusals::Stranger;
use crate::script::Script;
use crate::stage::{Stage, config_text, copy, url};

/// Runs the agent in this folder until it has asked so many checks, and ends it in good order. What it saw.
async fn run(stage: &Stage, hub: &str, code: Option<String>, checks: usize) -> Vec<(String, At)> {
    let script = Script::new();
    let agent = stage.agent(script.clone(), &[hub], code).await;
    script.asked(checks).await;
    agent.stop().await;
    let of_probe =
        |(probe, seen): (String, Vec<(At, bool)>)| seen.into_iter().map(move |(at, _)| (probe.clone(), at));
    script.truth().into_iter().flat_map(of_probe).collect()
}

fn put(from: &Path, to: &Path) {
    std::fs::remove_dir_all(to).unwrap();
    copy(from, to);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_copies_that_run_one_after_the_other_everything_is_there_once() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 6, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let backup = stage.folder.path().join("backup");
    let mut all = run(&stage, &at, Some(stage.code(&at, "G82003").await), 18).await;
    copy(&stage.data(), &backup);
    // The copy, the original, and the copy again from where it was copied.
    all.extend(run(&stage, &at, None, 30).await);
    put(&backup, &stage.data());
    all.extend(run(&stage, &at, None, 18).await);
    hub.stop().await;
    // A hub that was started anew finds the same.
    let hub = stage.hub().await;
    put(&backup, &stage.data());
    all.extend(run(&stage, &url(hub.address), None, 42).await);
    hub.stop().await;

    let kept = stage.archived(Some("G82003"));
    let kept = kept.iter().filter(|seen| !seen.probe.starts_with('@'));
    let numbers: BTreeSet<u64> = kept.clone().filter_map(|seen| seen.seq).collect();
    let mut found: Vec<(String, At)> = kept.map(|seen| (seen.probe.clone(), seen.at)).collect();
    assert!(numbers.len() + 30 < found.len(), "they had the same numbers: {} {}", numbers.len(), found.len());
    found.sort();
    all.sort();
    assert_eq!(found, all);
}

/// What it sees at a second, as the one with this length.
fn seen(seq: u64, ms: f64) -> Record {
    let now = linewatch::agent::clock::now();
    let mut seen = blank(now.plus_millis(-(now.as_millis() % 1_000)), "G82003", "web-0");
    (seen.ms, seen.seq) = (ms, Some(seq));
    Record { seq, entry: Entry::Seen(seen) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_started_again_before_it_heard_the_answer_counts_once() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let mut agent = Stranger::enrolled(&stage, &url(hub.address), "G82003").await;
    let says = async |agent: &mut Stranger, process: &str, records: &[Record]| {
        agent.process = Some(Process { id: process.to_owned(), said: 0 });
        let (status, answer) = agent.send(records).await;
        let acked = serde_json::json!([[records[0].seq, records[records.len() - 1].seq]]);
        assert_eq!((status, &answer["acked"]), (200, &acked), "{answer}");
    };
    let own: Vec<Record> = (1..=200).map(|seq| seen(seq, 7.25)).collect();
    says(&mut agent, "a", &own[..180]).await;
    // The end of it is remembered, the beginning is looked up.
    says(&mut agent, "b", &own[170..190]).await;
    says(&mut agent, "c", &own).await;
    // The hub is killed; what is under way comes again, from the same process and from another.
    hub.stop().await;
    let hub = stage.hub().await;
    agent.hub = url(hub.address);
    says(&mut agent, "c", &own[100..]).await;
    says(&mut agent, "d", &own).await;
    let copied: Vec<Record> = (191..=210).map(|seq| seen(seq, 40.5)).collect();
    says(&mut agent, "e", &copied).await;
    says(&mut agent, "e", &copied).await;
    hub.stop().await;
    let kept = stage.archived(Some("G82003"));
    let of = |ms: f64| {
        let found = kept.iter().filter(|seen| (seen.ms - ms).abs() < 0.01);
        let mut found: Vec<u64> = found.filter_map(|seen| seen.seq).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(of(7.25), (1..=200).collect::<Vec<u64>>());
    assert_eq!(of(40.5), (191..=210).collect::<Vec<u64>>());
}
