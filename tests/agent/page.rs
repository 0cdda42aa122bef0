//! The practice's own page, as an agent that reports to a hub serves it, and as one does that can't find its hub.

use linewatch::agent::uplink::service::Agent;

use crate::script::Script;
use crate::stage::{DEADLINE, Stage, config_text, url};

/// The page once it says this.
pub async fn page_that_says(stage: &Stage, agent: &Agent, words: &str) -> String {
    let at = format!("http://{}/", agent.page.expect("it is served"));
    let mut changes = agent.page_changes();
    let until = async {
        loop {
            changes.mark_unchanged();
            let page = stage.client().get(&at).send().await.unwrap().text().await.unwrap();
            if page.contains(words) {
                return page;
            }
            changes.changed().await.expect("it runs");
        }
    };
    tokio::time::timeout(DEADLINE, until).await.unwrap_or_else(|_| panic!("it never says {words:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_people_in_the_practice_read_what_answers_and_what_the_hub_said_last() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 3, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let code = stage.code(&at, "G82003").await;
    let script = Script::new();
    let agent = stage.agent(script.clone(), &[&at], Some(code)).await;
    let page = page_that_says(&stage, &agent, "Last heard from at").await;
    assert!(page.contains("G82003"), "{page}");
    script.asked(6).await;
    page_that_says(&stage, &agent, "What still answers").await;
    hub.stop().await;
    agent.stop().await;

    // Without a hub it still checks, and still has the hub's last word.
    let agent = stage.agent(script.clone(), &[&at], None).await;
    let page = page_that_says(&stage, &agent, "Every check, for whoever repairs it").await;
    assert!(page.contains("Last heard from at"), "{page}");
    let at = agent.page.expect("it is served");
    agent.stop().await;
    assert!(stage.client().get(format!("http://{at}/")).send().await.is_err(), "it ends with the agent");
}
