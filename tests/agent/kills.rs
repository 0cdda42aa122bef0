//! `kill -9` at two hundred instants of each side, under load: what the hub's archive has in the end is what was seen, each once.
//!
//! An instant is the n-th time that the process changed its files since it started, with n out of a seed: in the middle of what it writes,
//! and the same number each time. What the same seed gives again is which batches are sent, what is in them, and those numbers.
//! What it doesn't: which batch is under way at the n-th write (five agents send side by side), how far the process gets from its write until the
//! signal arrives, and two writes that the kernel tells as one. So each run kills at instants of its own within the same writes, and whatever they
//! are, the end is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linewatch::agent::workers::blank;
use linewatch::observation::{Failure, Observation};
use linewatch::segments::{Entry, Record, index, records};
use linewatch::time::At;
use linewatch::uplink::ranges::Ranges;
use linewatch::world::dice::mix;
use tokio::sync::watch;

use crate::appends::Appends;
use crate::refusals::Stranger;
use crate::script::Script;
use crate::stage::{DEADLINE, Line, Stage, config_text, delivered, own_address, sendable, url};

const KILLS: u64 = 200;
/// From one batch to the next: about as often as an agent may send.
const PACE: Duration = Duration::from_millis(100);

/// At which write a process is killed.
fn nth(seed: u64, kill: u64, most: u64) -> u64 {
    1 + mix(seed, kill) % most
}

/// The observation that `practice` has under this number. Checks of the last hour: a hub takes nothing much older or younger.
fn told(begun: At, practice: &str, seq: u64) -> Observation {
    let ok = !mix(seq, practice.len() as u64).is_multiple_of(3);
    let failure = (!ok).then_some(Failure::Timeout);
    let at = begun.plus_millis(10 * seq.cast_signed());
    Observation { ok, failure, seq: Some(seq), ..blank(at, practice, "web-0") }
}

/// Sends one batch after the other, each until all of it is acknowledged, and now and then the one before once more; until it is
/// told to stop. Returns the last number.
async fn load(stranger: Stranger, practice: &'static str, begun: At, stop: watch::Receiver<bool>) -> u64 {
    let mut last = 0;
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow() {
        let first = last + 1;
        last += 1 + mix(last, 7) % 60;
        let whole: Ranges = (first..=last).collect();
        let from = if mix(last, 8).is_multiple_of(5) { first.saturating_sub(30).max(1) } else { first };
        let batch: Vec<Record> =
            (from..=last).map(|seq| Record { seq, entry: Entry::Seen(told(begun, practice, seq)) }).collect();
        loop {
            // Whether the hub is there or not: a load that doesn't care goes on at its own pace.
            pace.tick().await;
            if let Ok((200, answer)) = stranger.offer(&batch).await {
                let acked: Ranges = serde_json::from_value(answer["acked"].clone()).unwrap();
                if whole.numbers().all(|seq| acked.contains(seq)) {
                    break;
                }
            }
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_killed_at_two_hundred_instants_keeps_everything_once() {
    let address = own_address(3);
    let stage = Stage::new(&config_text(&address, 1, "127.0.0.1:9"));
    let (mut child, _) = stage.hub_process().await;
    // The certificate is for 127.0.0.1: a line in between has that address.
    let line = Line::to(&address).await;
    let at = url(&line.address);
    let begun = linewatch::agent::clock::now().plus_millis(-3_600_000);
    let (stop, stopped) = watch::channel(false);
    let mut senders = Vec::new();
    for practice in ["G82002", "G82002", "G82002/westfield", "G82003", "G82003"] {
        let stranger = Stranger::enrolled(&stage, &at, practice).await;
        let agent = stranger.agent.clone();
        senders.push((agent, practice, tokio::spawn(load(stranger, practice, begun, stopped.clone()))));
    }
    // The database with its log, and the observations.
    let data = stage.folder.path().join("linewatch-data");
    let folders = [linewatch::archive::folder(&data), data];
    for kill in 0..KILLS {
        Appends::to(&folders).nth(nth(20_260_316, kill, 40)).await;
        child.kill().await.unwrap();
        child = stage.hub_process().await.0;
    }
    stop.send_replace(true);
    let mut sent = BTreeMap::new();
    for (agent, practice, sender) in senders {
        let last =
            tokio::time::timeout(DEADLINE, sender).await.expect("the last batch gets through").unwrap();
        sent.insert(agent, (practice, last));
    }
    child.kill().await.unwrap();

    let mut kept: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    for seen in stage.archived(None) {
        if let Some(agent) = seen.agent.clone() {
            kept.entry(agent).or_default().push(Observation { received: None, agent: None, ..seen });
        }
    }
    let (_, spools) = stage.kept().await;
    for (agent, (practice, last)) in &sent {
        let own = kept.get_mut(agent).expect("something of each");
        own.sort_by_key(|seen| seen.seq);
        let expected: Vec<Observation> = (1..=*last).map(|seq| told(begun, practice, seq)).collect();
        assert_eq!(own.len(), expected.len(), "{agent}: lost or twice");
        assert!(*own == expected, "{agent}: as it was told");
        let taken = &spools.iter().find(|row| row.agent == *agent).expect("its spool").taken;
        assert_eq!(taken.to_string(), format!("1-{last}"));
    }
    let all: u64 = sent.values().map(|(_, last)| last).sum();
    assert!(all > 50 * KILLS, "{all} observations are no load");
}

/// The numbers of everything in the files of a spool that nobody has open.
fn written(spool: &std::path::Path) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    for file in std::fs::read_dir(spool).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for span in index(&bytes, 0).spans {
            let from = span.offset as usize;
            let (there, _) = records(&bytes[from..from + span.length as usize], &span);
            numbers.extend(there.iter().map(|record| record.seq));
        }
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_killed_at_two_hundred_instants_loses_nothing_that_it_wrote() {
    let target = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage::new(&config_text("127.0.0.1:0", 40, &target.local_addr().unwrap().to_string()));
    tokio::spawn(async move { while target.accept().await.is_ok() {} });
    let hub = stage.hub().await;
    let at = url(hub.address);
    let mut heard = hub.observations();
    let heard = tokio::spawn(async move {
        let mut numbers = Vec::new();
        while let Ok(one) = heard.recv().await {
            numbers.extend(one.seq.filter(|_| one.agent.is_some()));
        }
        numbers
    });
    let code = stage.code(&at, "G82003").await;
    let spool = stage.data().join("spool");
    let mut on_disk = BTreeSet::new();
    for kill in 0..KILLS {
        let mut child = stage.agent_process(&at, &code).await;
        Appends::to(std::slice::from_ref(&spool)).nth(nth(20_230_316, kill, 5)).await;
        child.kill().await.unwrap();
        on_disk.extend(written(&spool));
    }
    // The last one takes what the others left, and is stopped in good order.
    let agent = stage.agent(Script::new(), &[&at], None).await;
    let last = sendable(&agent).await;
    delivered(&agent, last).await;
    agent.stop().await;
    hub.stop().await;

    let heard = heard.await.unwrap();
    let kept: Vec<u64> = stage.archived(Some("G82003")).into_iter().filter_map(|seen| seen.seq).collect();
    let distinct: BTreeSet<u64> = kept.iter().copied().collect();
    assert_eq!(distinct.len(), kept.len(), "none twice in the archive");
    let lost: Vec<&u64> = on_disk.difference(&distinct).collect();
    assert!(lost.is_empty(), "written by the agent, and not in the archive: {lost:?}");
    assert_eq!(heard.len(), distinct.len(), "the correlator had each once as well");
    assert_eq!(heard.into_iter().collect::<BTreeSet<_>>(), distinct);
    let (_, spools) = stage.kept().await;
    assert!(distinct.iter().all(|seq| spools[0].taken.contains(*seq)));
    assert!(on_disk.len() as u64 > 2 * KILLS, "{} observations are no load", on_disk.len());
}
