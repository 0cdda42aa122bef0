//! An agent's clock is set while something waits that it saw before.

use std::time::Duration;

use linewatch::agent::clock;
use linewatch::agent::workers::blank;
use linewatch::segments::{Entry, Record};
use linewatch::uplink::message::{ClockStep, Process};

use crate::refusals::Stranger;
use crate::stage::{Stage, config_text, url};

const HOUR_MS: i64 = 3_600_000;

/// A machine starts with a clock that is an hour ahead, and sets it once it has a network. Some of what it saw before was reported before, some
/// of that again by the agent that was started anew, and the rest for the first time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_seen_by_a_clock_that_was_wrong_is_placed_by_that_clock_and_counts_once() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let mut agent = Stranger::enrolled(&stage, &url(hub.address), "G82003").await;
    let now = clock::now();
    let truly = |seq: u64| now.plus_millis(seq.cast_signed() * 10_000 - 20 * 60_000);
    let seen = |seq: u64| {
        let ahead_ms = if seq <= 100 { HOUR_MS } else { 0 };
        let mut seen = blank(truly(seq).plus_millis(ahead_ms), "G82003", "web-0");
        (seen.ms, seen.seq) = (7.25, Some(seq));
        Record { seq, entry: Entry::Seen(seen) }
    };
    let reported: Vec<u64> = (1..=20).chain(101..=110).collect();
    let records = |of: std::ops::Range<usize>| reported[of].iter().map(|seq| seen(*seq)).collect::<Vec<_>>();
    (agent.process, agent.ahead_ms) = (Some(Process { id: "a".to_owned(), said: 0 }), HOUR_MS);
    assert_eq!(agent.send(&records(0..12)).await.0, 200);
    (agent.process, agent.ahead_ms) = (Some(Process { id: "b".to_owned(), said: 0 }), 0);
    agent.steps = vec![ClockStep { first: 101, by_ms: -HOUR_MS }];
    assert_eq!(agent.send(&records(8..30)).await.0, 200);
    // A hub that was started anew remembers nothing of what came last, and looks it up.
    hub.stop().await;
    let hub = stage.hub().await;
    (agent.process, agent.hub) = (Some(Process { id: "c".to_owned(), said: 0 }), url(hub.address));
    assert_eq!(agent.send(&records(0..30)).await.0, 200);
    hub.stop().await;
    let mut kept: Vec<(u64, Duration)> = stage
        .archived(Some("G82003"))
        .iter()
        .map(|seen| {
            let seq = seen.seq.unwrap();
            (seq, Duration::from_millis(seen.at.millis_since(truly(seq)).unsigned_abs()))
        })
        .collect();
    kept.sort_unstable();
    assert_eq!(kept.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), reported);
    // Its request was under way for a while, by which the hub can't tell its clock any better.
    assert!(kept.iter().all(|(_, off)| *off < Duration::from_mins(1)), "{kept:?}");
}
