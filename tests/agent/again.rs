//! An agent whose spool is older than its key, or was damaged: nothing counts twice, and the hub says what happened.

use std::collections::BTreeSet;

use linewatch::agent::workers::blank;
use linewatch::journal::Kept;
use linewatch::segments::{Entry, Record};
use linewatch::store::JournalReader;

use crate::refusals::Stranger;
use crate::script::Script;
use crate::stage::{Line, Stage, config_text, copy, delivered, sendable, url};

/// Its spool is put back as it was before the hub had anything of it, as from a backup, and it enrols anew: another agent, with the
/// same observations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_enrols_again_with_its_old_spool_doubles_nothing() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 6, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let line = Line::to(&at).await;
    let through = url(&line.address);
    let (spool, backup) = (stage.data().join("spool"), stage.folder.path().join("backup"));
    let script = Script::new();
    let first = stage.agent(script.clone(), &[&through], Some(stage.code(&at, "G82003").await)).await;
    script.asked(6).await;
    line.cut();
    script.asked(script.count() + 30).await;
    let first_id = first.id.clone();
    first.stop().await;
    copy(&spool, &backup);
    line.mend();
    let before = stage.agent(script.clone(), &[&through], None).await;
    let last = sendable(&before).await;
    delivered(&before, last).await;
    before.stop().await;

    std::fs::remove_dir_all(&spool).unwrap();
    copy(&backup, &spool);
    let again = stage.agent(script.clone(), &[&through], Some(stage.code(&at, "G82003").await)).await;
    assert_ne!(again.id, first_id);
    let last = sendable(&again).await;
    delivered(&again, last).await;
    again.stop().await;
    let metrics = stage.client().get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    let again_line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("linewatch_agent_observations_total{taken=\"again\"} "))
        .expect("it is exported");
    assert!(again_line.parse::<u64>().unwrap() >= 30, "they came again: {again_line}");
    hub.stop().await;
    // What the second saw after its folder was put back has numbers that the first gave too, after it was copied.
    let kept = stage.archived(Some("G82003"));
    let distinct: BTreeSet<_> = kept.iter().map(|seen| (seen.seq, &seen.probe, seen.at)).collect();
    assert_eq!(distinct.len(), kept.len(), "none twice");
}

/// Answers got lost on the way to an agent, its key was stolen and revoked, and it enrols again with what it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_again_after_a_revocation_counts_once_and_what_a_thief_said_hides_nothing() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let now = linewatch::agent::clock::now();
    let record = |seq: u64, ms: f64| {
        let mut seen = blank(now.plus_millis(seq.cast_signed() * 100 - 60_000), "G82003", "web-0");
        (seen.ms, seen.seq) = (ms, Some(seq));
        Record { seq, entry: Entry::Seen(seen) }
    };
    let own =
        |numbers: std::ops::RangeInclusive<u64>| numbers.map(|seq| record(seq, 7.25)).collect::<Vec<_>>();
    let mut old = Stranger::enrolled(&stage, &at, "G82003").await;
    assert_eq!(old.send(&own(1..=10)).await.0, 200);
    // The thief makes two up, and says that there is nothing below the second.
    old.floor = 20;
    assert_eq!(old.send(&[record(11, 3.5), record(20, 3.5)]).await.0, 200);
    let revoke = stage.client().post(format!("{at}/api/v1/agents/{}/revoke", old.agent));
    let revoked = revoke.header("x-linewatch", "approve").json(&serde_json::json!({})).send().await.unwrap();
    assert_eq!(revoked.status(), 200);
    let mut new = Stranger::enrolled(&stage, &at, "G82003").await;
    new.spool.clone_from(&old.spool);
    let taken = async |new: &Stranger, records: &[Record]| {
        let (status, answer) = new.send(records).await;
        let (first, last) = (records[0].seq, records[records.len() - 1].seq);
        assert_eq!((status, &answer["acked"]), (200, &serde_json::json!([[first, last]])), "{answer}");
    };
    for _ in 0..2 {
        taken(&new, &own(5..=12)).await;
    }
    // A hub that was started anew finds the same.
    hub.stop().await;
    let hub = stage.hub().await;
    new.hub = url(hub.address);
    for _ in 0..2 {
        taken(&new, &own(1..=16)).await;
    }
    hub.stop().await;
    let kept = stage.archived(Some("G82003"));
    let mut all: Vec<(u64, bool)> =
        kept.iter().map(|seen| (seen.seq.unwrap(), (seen.ms - 7.25).abs() < 0.01)).collect();
    all.sort_unstable();
    let expected: Vec<(u64, bool)> = (1..=10)
        .map(|seq| (seq, true))
        .chain([(11, false), (11, true)])
        .chain((12..=16).map(|seq| (seq, true)))
        .chain([(20, false)])
        .collect();
    assert_eq!(all, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_of_a_spool_is_told_to_the_hub_once_and_stands_in_its_journal() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 6, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let line = Line::to(&at).await;
    let through = url(&line.address);
    let script = Script::new();
    let agent = stage.agent(script.clone(), &[&through], Some(stage.code(&at, "G82003").await)).await;
    script.asked(6).await;
    line.cut();
    script.asked(script.count() + 30).await;
    agent.stop().await;
    let spool = stage.data().join("spool");
    let mut files = std::fs::read_dir(&spool).unwrap().map(|file| file.unwrap().path());
    let open = files.find(|path| path.extension().is_some_and(|is| is == "open")).expect("a segment");
    let mut bytes = std::fs::read(&open).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&open, bytes).unwrap();
    line.mend();
    for _ in 0..2 {
        let agent = stage.agent(script.clone(), &[&through], None).await;
        let last = sendable(&agent).await;
        delivered(&agent, last).await;
        agent.stop().await;
    }
    let told = stage.agents(&at).await.remove(0);
    assert_eq!(told.damages, 1, "{told:?}");
    assert!(told.lost.unwrap() >= 1, "{told:?}");
    hub.stop().await;
    let (store, spools) = stage.kept().await;
    assert_eq!(spools[0].damages, 1);
    drop(store);
    let mut entries = Vec::new();
    let mut journal = JournalReader::open(&stage.folder.path().join("linewatch-data")).await.unwrap();
    let take = |kept: Kept<'_>| {
        let body = String::from_utf8_lossy(kept.body).into_owned();
        if body.contains("spool_damaged") {
            entries.push(body);
        }
    };
    journal.walk(None, take).await.unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry: serde_json::Value = serde_json::from_str(&entries[0]).unwrap();
    assert_eq!((entry["places"].as_u64(), entry["practice"].as_str()), (Some(1), Some("G82003")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_agents_of_one_practice_are_both_listed_and_each_observation_counts_once_for_each() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let (mut desk, mut cupboard) =
        (Stranger::enrolled(&stage, &at, "G82003").await, Stranger::enrolled(&stage, &at, "G82003").await);
    let now = linewatch::agent::clock::now();
    let batch: Vec<Record> = (1..=20)
        .map(|seq: u64| {
            let asked = now.plus_millis(seq.cast_signed() * 100 - 2_000);
            Record { seq, entry: Entry::Seen(blank(asked, "G82003", "web-0")) }
        })
        .collect();
    // The same numbers of spools with the same name, as of two copies of one disk; and each of them twice.
    (desk.spool, cupboard.spool) = ("5001".to_owned(), "5001".to_owned());
    for agent in [&desk, &cupboard, &desk, &cupboard] {
        assert_eq!(agent.send(&batch).await.0, 200);
    }
    let listed: Vec<(String, String)> =
        stage.agents(&at).await.into_iter().map(|line| (line.practice, line.agent)).collect();
    assert_eq!(listed.len(), 2, "{listed:?}");
    for agent in [&desk, &cupboard] {
        assert!(listed.contains(&("G82003".to_owned(), agent.agent.clone())), "{listed:?}");
    }
    hub.stop().await;
    let kept = stage.archived(Some("G82003"));
    for agent in [&desk, &cupboard] {
        let own = kept.iter().filter(|seen| seen.agent.as_deref() == Some(&agent.agent)).count();
        assert_eq!(own, 20, "{}", agent.agent);
    }
}
