//! The last agent of a practice is revoked on a hub that runs; and what its correlator makes of that, from what it was given, in hours of
//! virtual time.

use std::sync::Arc;

use linewatch::agent::clock;
use linewatch::agent::workers::blank;
use linewatch::correlate::{Away, Correlator, Standing};
use linewatch::estate::Estate;
use linewatch::observation::{BYE, Observation};
use linewatch::segments::{Entry, Record};
use linewatch::time::At;
use serde_json::Value;

use crate::refusals::Stranger;
use crate::stage::{DEADLINE, Stage, config_text, url};

/// Every so often each agent says that it lives.
const BEAT_MS: i64 = 30_000;

/// What the correlator says of six more hours in which one practice reports and the others are as `given` left them: how it stands with
/// those, and what it has told anybody.
fn hours_later(estate: &Arc<Estate>, given: &[Arc<Observation>]) -> (Vec<Standing>, Vec<String>) {
    let mut correlator = Correlator::new(estate.clone());
    let mut events = Vec::new();
    let mut hear = |at: At, seen: &Observation| {
        correlator.advance(at);
        correlator.observe(at, seen);
        while let Some(event) = correlator.poll_event() {
            events.push(event.sentence);
        }
        correlator.picture()
    };
    let mut last = At::default();
    for seen in given {
        last = seen.received.expect("by the hub");
        hear(last, seen);
    }
    let mut picture = None;
    for turn in 1..=6 * 3_600_000 / BEAT_MS {
        let at = last.plus_millis(turn * BEAT_MS);
        let mut seen = blank(at, "G82002", "web-0");
        seen.agent = Some("0123456789ab".to_owned());
        picture = Some(hear(at, &seen));
    }
    let practice = estate.practice("G82003").expect("it is there");
    (picture.expect("hours").practices[practice.at()].networks.clone(), events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_practice_whose_last_agent_was_revoked_is_unknown_for_hours_and_no_incident() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let estate = linewatch::config::load(&stage.config()).unwrap_or_else(|errors| panic!("{errors}")).estate;
    let hub = stage.hub().await;
    let at = url(hub.address);
    let (mut seen, mut picture) = (hub.observations(), hub.picture());
    let other = Stranger::enrolled(&stage, &at, "G82002").await;
    let own = Stranger::enrolled(&stage, &at, "G82003").await;
    for seq in 1..=20 {
        let now = clock::now();
        for (agent, practice) in [(&own, "G82003"), (&other, "G82002")] {
            let records = [(2 * seq, "@alive"), (2 * seq + 1, "web-0")]
                .map(|(seq, probe)| Record { seq, entry: Entry::Seen(blank(now, practice, probe)) });
            assert_eq!(agent.send(&records).await.0, 200);
        }
    }
    let client = stage.client();
    let path = format!("{at}/api/v1/agents/{}/revoke", own.agent);
    let asked =
        client.post(path).header("x-linewatch", "approve").json(&serde_json::json!({ "by": "a test" }));
    assert_eq!(asked.send().await.unwrap().status(), 200);
    let late = Record { seq: 1_000, entry: Entry::Seen(blank(clock::now(), "G82003", "web-0")) };
    assert_eq!(own.send(&[late]).await.0, 403, "it is heard no more");

    // The running hub says so at once.
    let practice = estate.practice("G82003").unwrap();
    let shown = picture.wait_for(|picture| {
        let own = picture.practices.get(practice.at());
        own.is_some_and(|it| {
            it.away == Some(Away::Goodbye) && it.networks.iter().all(|it| *it == Standing::Unknown)
        })
    });
    drop(tokio::time::timeout(DEADLINE, shown).await.expect("it is unknown").unwrap());
    let status: Value =
        client.get(format!("{at}/api/v1/practices/G82003")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&status["networks"][0]["standing"], &status["away"]), (&"unknown".into(), &"goodbye".into()));
    let page = client.get(format!("{at}/practice/G82003")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("nobody is enrolled who reports for it"), "{page}");
    hub.stop().await;

    let mut given = Vec::new();
    while let Ok(one) = seen.try_recv() {
        if one.practice != "@hub" {
            given.push(one);
        }
    }
    let estate = Arc::new(estate);
    let (standing, told) = hours_later(&estate, &given);
    assert!(standing.iter().all(|it| *it == Standing::Unknown) && told.is_empty(), "{standing:?} {told:?}");
    // Without its goodbye the same silence would be one.
    given.retain(|seen| seen.probe != BYE);
    let (standing, _) = hours_later(&estate, &given);
    assert!(standing.contains(&Standing::Silent), "{standing:?}");
}
