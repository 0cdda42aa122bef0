//! A hub that comes back to many agents at once. `cargo bench --bench ingest -- reconnect 6200 --bar` does the same with 6,200, and CI runs it.

use std::time::{Duration, Instant};

use linewatch::agent::clock;
use linewatch::agent::workers::blank;
use linewatch::segments::{Entry, Record};

use crate::refusals::Stranger;
use crate::stage::{Line, Stage, config_text, own_address, url};

const AGENTS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_agents_that_come_back_at_once_are_all_heard() {
    let address = own_address(5);
    let stage = Stage::new(&config_text(&address, 12, "127.0.0.1:9"));
    let (mut hub, _) = stage.hub_process().await;
    let line = Line::to(&address).await;
    let at = url(&line.address);
    let mut agents = Vec::new();
    for _ in 0..AGENTS {
        agents.push(Stranger::enrolled(&stage, &at, "G82003").await);
    }
    hub.kill().await.unwrap();
    let (hub, _) = stage.hub_process().await;
    // Two minutes of arrears each.
    let now = clock::now();
    let arrears: Vec<Record> = (1..=48)
        .map(|seq| {
            let probe = format!("web-{}", seq % 12);
            Record {
                seq,
                entry: Entry::Seen(blank(now.plus_millis(-2_500 * seq.cast_signed()), "G82003", &probe)),
            }
        })
        .collect();
    let begun = Instant::now();
    let tasks: Vec<_> = agents
        .into_iter()
        .map(|agent| {
            let arrears = arrears.clone();
            tokio::spawn(async move {
                assert_eq!(agent.send(&arrears).await.0, 200);
                begun.elapsed()
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.push(task.await.unwrap());
    }
    took.sort_unstable();
    // All in one instant, on whatever runs the tests, unoptimised: a bound that says that nobody waits for anybody's time-out. What a
    // hub of its own needs stands in benches/README.md.
    let p99 = took[AGENTS * 99 / 100];
    assert!(p99 < Duration::from_secs(10), "{p99:?}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", hub.id().unwrap())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = most.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 256 * 1024, "{kib} KiB");
    assert_eq!(stage.archived(None).iter().filter(|seen| seen.agent.is_some()).count(), AGENTS * 48);
}
