//! What a hub will never take: its agent lets go of it, says so ever after, and the hub counts it too.

use std::sync::Arc;

use linewatch::agent::workers::Field;
use linewatch::estate::{Estate, ProbeIx, Vantage};
use linewatch::observation::Observation;
use linewatch::time::At;

use crate::page::page_that_says;
use crate::script::Script;
use crate::stage::{DEADLINE, Stage, config_text, url};

/// A world in which one check's results are from another century, as after a program that reads the clock wrongly.
struct Misdated(Arc<Script>);

impl Field for Misdated {
    fn now(&self) -> At {
        self.0.now()
    }

    async fn ask(&self, estate: &Estate, from: Vantage, probe: ProbeIx, at: At) -> Observation {
        let seen = self.0.ask(estate, from, probe, at).await;
        let at = if seen.probe == "web-0" { "2099-01-01T00:00:00Z".parse().unwrap() } else { seen.at };
        Observation { at, ..seen }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hub_will_never_take_is_counted_at_both_ends_and_told_where_losses_are() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 2, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let code = stage.code(&at, "G82003").await;
    let agent = stage.agent(Arc::new(Misdated(Script::new())), &[&at], Some(code)).await;
    page_that_says(&stage, &agent, "would not take: its log says why").await;
    // What is sent after that is taken, and says how many those were.
    let mut answers = agent.answers();
    let told = async {
        loop {
            answers.mark_unchanged();
            let line = stage.agents(&at).await.remove(0);
            if line.refused > 0 {
                return line;
            }
            answers.changed().await.expect("it runs");
        }
    };
    let line = tokio::time::timeout(DEADLINE, told).await.expect("it says so");
    assert_eq!(line.lost, Some(line.refused), "{line:?}");
    agent.stop().await;
    let told = stage.agents(&at).await.remove(0);
    let metrics = stage.client().get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    let counted = metrics
        .lines()
        .find_map(|line| line.strip_prefix("linewatch_agent_observations_total{taken=\"refused\"} "))
        .and_then(|count| count.parse::<u64>().ok())
        .unwrap();
    assert!(counted >= told.refused, "{counted} {told:?}");
    assert!(stage.archived(Some("G82003")).iter().all(|seen| seen.probe != "web-0"));

    // The next process knows of it, with a hub and without.
    hub.stop().await;
    let agent = stage.agent(Script::new(), &[&at], None).await;
    page_that_says(&stage, &agent, "would not take: its log says why").await;
    agent.stop().await;
}
