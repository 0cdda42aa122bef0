//! What comes late is history: it is recorded, and alarms nobody.

use linewatch::agent::clock;
use linewatch::agent::workers::blank;
use linewatch::observation::{Failure, Observation};
use linewatch::segments::{Entry, Record};
use linewatch::time::At;

use crate::refusals::Stranger;
use crate::stage::{DEADLINE, Stage, config_text, url};

fn record(seq: u64, at: At, practice: &str, ok: bool) -> Record {
    let failure = (!ok).then_some(Failure::Timeout);
    let seen = Observation { ok, failure, ..blank(at, practice, "web-0") };
    Record { seq, entry: Entry::Seen(seen) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_an_outage_that_is_over_raises_no_alarm_and_is_recorded() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let mut events = hub.events();
    let practices = ["G82002", "G82002/westfield", "G82003"];
    let mut agents = Vec::new();
    for practice in practices {
        agents.push(Stranger::enrolled(&stage, &at, practice).await);
    }
    // An hour of everybody's failing, two hours ago; and how things are now, which is well.
    let begun = clock::now().plus_millis(-7_200_000);
    for (agent, practice) in agents.iter().zip(practices) {
        let fine = [record(10_000, clock::now(), practice, true)];
        assert_eq!(agent.send(&fine).await.0, 200);
        let backlog: Vec<Record> = (0..600_u32)
            .map(|n| {
                let at = begun.plus_millis(6_000 * i64::from(n));
                record(u64::from(n) + 1, at, practice, !(10..=590).contains(&n))
            })
            .collect();
        assert_eq!(agent.send(&backlog).await.0, 200);
    }
    let mut pictures = hub.picture();
    for n in 0..20 {
        tokio::time::timeout(DEADLINE, pictures.changed()).await.unwrap().unwrap();
        for (agent, practice) in agents.iter().zip(practices) {
            assert_eq!(agent.send(&[record(10_001 + n, clock::now(), practice, true)]).await.0, 200);
        }
    }
    assert!(pictures.borrow().incidents.is_empty(), "{:?}", pictures.borrow().incidents);
    // The hub's own check fails here; what it says of itself names no practice.
    while let Ok(event) = events.try_recv() {
        assert!(event.practices.is_empty(), "{event:?}");
    }
    hub.stop().await;
    let (store, _) = stage.kept().await;
    let rows = crate::script::changes(store.transitions_of("G82003", "web-0").await.unwrap());
    let states: Vec<bool> = rows.iter().map(|(_, ok)| *ok).collect();
    assert_eq!(states, [true, false, true], "{rows:?}");
}
