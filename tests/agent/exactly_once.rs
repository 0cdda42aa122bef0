//! Whatever is killed or cut, each observation counts once, and the hub's record says what happened.

use std::collections::BTreeSet;

use linewatch::store::{SpoolRow, Store};

use crate::script::{Script, Truth, changes};
use crate::stage::{DEADLINE, Line, Stage, config_text, delivered, own_address, sendable, url};

/// The hub's record is what happened, check by check. What the agent saw after `last`, nobody claims.
async fn assert_record(store: &Store, practice: &str, truth: &Truth) {
    for (probe, seen) in truth {
        let rows = store.transitions_of(practice, probe).await.unwrap();
        assert_eq!(changes(rows), changes(seen.clone()), "{probe}");
    }
}

/// The hub has all numbers that an agent gave, without a gap but between its processes. Numbers that were never given may be among
/// them.
fn assert_whole(kept: &[SpoolRow], processes: usize) {
    assert_eq!(kept.len(), 1, "{kept:?}");
    let given = kept[0].taken.iter().filter(|(_, last)| *last > 1);
    assert_eq!(given.count(), processes, "{}", kept[0].taken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_was_cut_off_comes_back_and_the_record_is_whole() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 12, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let line = Line::to(&at).await;
    let code = stage.code(&at, "G82003").await;
    let script = Script::new();
    let mut seen = hub.observations();
    let agent = stage.agent(script.clone(), &[&url(&line.address)], Some(code)).await;
    for cut_at in [30, 90] {
        script.asked(cut_at).await;
        line.cut();
        script.asked(cut_at + 40).await;
        line.mend();
    }
    let last = sendable(&agent).await;
    delivered(&agent, last).await;
    // The goodbye is the last; all before it is there by then.
    agent.stop().await;
    let mut counted = Vec::new();
    while let Ok(one) = seen.try_recv() {
        counted.extend(one.seq.filter(|_| one.agent.is_some()));
    }
    let distinct: BTreeSet<u64> = counted.iter().copied().collect();
    assert_eq!(distinct.len(), counted.len(), "none twice");
    hub.stop().await;
    let (store, kept) = stage.kept().await;
    assert_whole(&kept, 1);
    assert_record(&store, "G82003", &script.truth()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_killed_in_mid_stream_has_everything_once() {
    let stage = Stage::new(&config_text(&own_address(1), 12, "127.0.0.1:9"));
    let config = std::fs::read_to_string(stage.config()).unwrap();
    assert!(config.contains(&own_address(1)));
    let (mut child, _) = stage.hub_process().await;
    // The certificate is for 127.0.0.1: a line in between has that address.
    let line = Line::to(&own_address(1)).await;
    let at = url(&line.address);
    let code = stage.code(&at, "G82003").await;
    let script = Script::new();
    let agent = stage.agent(script.clone(), &[&at], Some(code)).await;
    // Instants of no particular kind, the same each time: a small generator of its own.
    let mut chance = 20_260_316_u64;
    for _ in 0..6 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        script.asked(script.count() + 5 + usize::try_from(chance >> 60).unwrap()).await;
        child.kill().await.unwrap();
        child = stage.hub_process().await.0;
        let next = sendable(&agent).await + (chance >> 62);
        delivered(&agent, next).await;
    }
    let last = sendable(&agent).await;
    delivered(&agent, last).await;
    agent.stop().await;
    child.kill().await.unwrap();
    let (store, kept) = stage.kept().await;
    assert_whole(&kept, 1);
    assert_record(&store, "G82003", &script.truth()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_killed_in_mid_stream_loses_nothing_that_it_wrote_and_nothing_counts_twice() {
    let target = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage::new(&config_text("127.0.0.1:0", 12, &target.local_addr().unwrap().to_string()));
    tokio::spawn(async move { while target.accept().await.is_ok() {} });
    let hub = stage.hub().await;
    let at = url(hub.address);
    let mut seen = hub.observations();
    let code = stage.code(&at, "G82003").await;
    let mut counted: Vec<u64> = Vec::new();
    let mut chance = 20_230_316_u64;
    for _ in 0..6 {
        let mut child = stage.agent_process(&at, &code).await;
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wanted = counted.len() + 5 + usize::try_from(chance >> 60).unwrap();
        let heard = async {
            while counted.len() < wanted {
                let one = seen.recv().await.unwrap();
                counted.extend(one.seq.filter(|_| one.agent.is_some()));
            }
        };
        tokio::time::timeout(DEADLINE, heard).await.expect("it reports again");
        child.kill().await.unwrap();
    }
    // The last one takes what the others left, and is stopped in good order.
    let agent = stage.agent(Script::new(), &[&at], None).await;
    let last = sendable(&agent).await;
    delivered(&agent, last).await;
    agent.stop().await;
    while let Ok(one) = seen.try_recv() {
        counted.extend(one.seq.filter(|_| one.agent.is_some()));
    }
    hub.stop().await;
    let distinct: BTreeSet<u64> = counted.iter().copied().collect();
    assert_eq!(distinct.len(), counted.len(), "none twice: {counted:?}");
    let (_, kept) = stage.kept().await;
    // Each process begins at a number that no other can have given.
    assert_whole(&kept, 7);
    let of_hub: BTreeSet<u64> = kept[0].taken.numbers().filter(|number| *number > 0).collect();
    assert!(of_hub.is_superset(&distinct));
}
