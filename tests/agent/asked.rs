//! The hub has a check asked now: the agent called, and is answered when there is something.

use std::time::{Duration, Instant};

use linewatch::agent::workers::Wished;
use linewatch::estate::Vantage;
use linewatch::hub::asks::Fate;

use crate::script::Script;
use crate::stage::{DEADLINE, Stage, config_text, url};

/// Checks whose turn comes so rarely that one that is asked meanwhile was asked for another reason.
fn rarely() -> String {
    let text = config_text("127.0.0.1:0", 3, "127.0.0.1:9");
    text.replace("every = \"1s\"", "every = \"1h\"").replace("reask = false", "reask = true")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_hub_wishes_is_asked_and_reported_within_a_second() {
    let stage = Stage::new(&rarely());
    let hub = stage.hub().await;
    let at = url(hub.address);
    let code = stage.code(&at, "G82003").await;
    let agent = stage.agent(Script::new(), &[&at], Some(code)).await;
    let mut seen = hub.observations();
    let view = hub.hub().view();
    let practice = view.estate.practice("G82003").unwrap();
    let probe = view.estate.probe("web-1").unwrap();
    let wished = Wished { generation: 0, from: Vantage::Practice(practice), probe };
    let mut questions = hub.hub().asks.questions();
    let told = async {
        // Until it listens, nobody does.
        loop {
            questions.mark_unchanged();
            if hub.hub().asks.ask(&view.estate, wished) != Fate::Nobody {
                return Instant::now();
            }
            questions.changed().await.expect("the hub is there");
        }
    };
    let told = tokio::time::timeout(DEADLINE, told).await.expect("it listens");
    let reported = async {
        loop {
            let one = seen.recv().await.unwrap();
            if one.practice == "G82003" && one.reask {
                return (one, told.elapsed());
            }
        }
    };
    let (one, after) = tokio::time::timeout(DEADLINE, reported).await.expect("an answer");
    assert_eq!(one.probe, "web-1");
    // A second, and what a busy machine needs; its turn is up to an hour away.
    assert!(after < Duration::from_secs(20), "{after:?}");
    agent.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_agent_hears_what_is_wished_and_a_hub_that_ends_keeps_none_waiting() {
    let stage = Stage::new(&rarely());
    let hub = stage.hub().await;
    let at = url(hub.address);
    let asks = format!("{at}/api/v1/agent/asks");
    let answer = stage.client().get(&asks).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (401, reqwest::Version::HTTP_2));
    let wrong = stage.client().get(&asks).bearer_auth("lwa_0123456789").send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let code = stage.code(&at, "G82003").await;
    let agent = stage.agent(Script::new(), &[&at], Some(code)).await;
    let began = Instant::now();
    tokio::time::timeout(DEADLINE, hub.stop()).await.expect("it ends");
    assert!(began.elapsed() < Duration::from_secs(20), "nobody waits for the end of a question");
    agent.stop().await;
}
