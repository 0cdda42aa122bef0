//! An agent enrols, is told what to ask, reports, and goes on without a hub and over another address.

use linewatch::agent::clock;
use linewatch::agent::workers::blank;
use linewatch::observation::BYE;
use linewatch::segments::{Entry, Record};
use linewatch::uplink::message::AgentLine;

use crate::page::page_that_says;
use crate::refusals::Stranger;
use crate::script::Script;
use crate::stage::{DEADLINE, Line, Stage, config_text, delivered, sendable, url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_enrols_and_its_reports_reach_the_correlator() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 3, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let mut seen = hub.observations();
    let code = stage.code(&at, "G82002/westfield").await;
    let agent = stage.agent(Script::new(), &[&format!("hscn={at}")], Some(code.clone())).await;
    let reported = async {
        let mut probes = std::collections::BTreeSet::new();
        while probes.len() < 4 {
            let one = seen.recv().await.unwrap();
            if one.practice == "@hub" {
                continue;
            }
            assert_eq!(one.practice, "G82002/westfield");
            assert_eq!(
                (one.agent.as_deref(), one.uplink.as_deref()),
                (Some(agent.id.as_str()), Some("hscn"))
            );
            assert!(one.received.is_some() && one.seq.is_some());
            probes.insert(one.probe.clone());
        }
    };
    tokio::time::timeout(DEADLINE, reported).await.expect("three checks and a heartbeat");
    let line = stage.agents(&at).await.remove(0);
    assert_eq!((line.practice.as_str(), line.uplink.as_deref()), ("G82002/westfield", Some("hscn")));
    assert!(line.clock_ahead_ms.is_some_and(|ahead| ahead.abs() < 2_000), "{line:?}");

    // The code is used up, for a stranger who has read it as well.
    let request = serde_json::json!({ "code": code, "key_tag": "00".repeat(32) });
    let answer = stage.client().post(format!("{at}/api/v1/agent/enrol")).json(&request).send().await.unwrap();
    assert_eq!(answer.status(), 401);

    agent.stop().await;
    let bye = async { while seen.recv().await.unwrap().probe != BYE {} };
    tokio::time::timeout(DEADLINE, bye).await.expect("a goodbye");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_starts_and_works_without_a_hub() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 3, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let code = stage.code(&at, "G82003").await;
    let script = Script::new();
    let agent = stage.agent(script.clone(), &[&at], Some(code)).await;
    script.asked(3).await;
    hub.stop().await;
    agent.stop().await;
    let before = script.count();
    let agent = stage.agent(script.clone(), &[&at], None).await;
    script.asked(before + 6).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_address_is_used_at_once_and_a_better_one_moved_back_to() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 3, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let line = Line::to(&url(hub.address)).await;
    let code = stage.code(&url(hub.address), "G82003").await;
    let script = Script::new();
    let (best, second) = (format!("hscn={}", url(&line.address)), format!("internet={}", url(hub.address)));
    let mut seen = hub.observations();
    let agent = stage.agent(script.clone(), &[&best, &second], Some(code)).await;
    let uplinks = async |seen: &mut tokio::sync::broadcast::Receiver<_>, wanted: &str| {
        let until = async {
            loop {
                let one: std::sync::Arc<linewatch::observation::Observation> = seen.recv().await.unwrap();
                if one.uplink.as_deref() == Some(wanted) {
                    return;
                }
            }
        };
        tokio::time::timeout(DEADLINE, until).await.unwrap_or_else(|_| panic!("nothing came over {wanted}"));
    };
    uplinks(&mut seen, "hscn").await;
    line.cut();
    let next = sendable(&agent).await + 3;
    delivered(&agent, next).await;
    uplinks(&mut seen, "internet").await;
    // The hub knows which way fails, since when and why, and over which it hears the agent; so does the page in the practice.
    let at = url(hub.address);
    let of = |lines: &[AgentLine], network: &str| {
        let path = lines[0].paths.iter().find(|path| path.network.as_deref() == Some(network)).unwrap();
        (path.works, path.since.is_some(), path.why.is_some())
    };
    let told = stage.agents(&at).await;
    assert_eq!(of(&told, "hscn"), (Some(false), true, true), "{told:?}");
    assert!(told[0].heard_on.contains_key("hscn") && told[0].heard_on.contains_key("internet"), "{told:?}");
    assert_eq!(told[0].uplink.as_deref(), Some("internet"));
    let metrics =
        async || stage.client().get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    let failing = metrics().await;
    assert!(
        failing.contains("linewatch_agent_path_up{practice=\"G82003\",network=\"hscn\"} 0\n"),
        "{failing}"
    );
    assert!(
        failing.contains("linewatch_agent_path_last_heard_seconds{practice=\"G82003\",network=\"hscn\"} ")
    );
    let page = format!("http://{}/", agent.page.unwrap());
    let page = reqwest::get(page).await.unwrap().text().await.unwrap();
    assert!(page.contains("Over the NHS network: ") && page.contains("it is not reached"), "{page}");
    line.mend();
    uplinks(&mut seen, "hscn").await;
    let told = stage.agents(&at).await;
    assert_eq!(of(&told, "hscn"), (Some(true), true, false), "{told:?}");
    assert_eq!(of(&told, "internet").0, Some(true), "it isn't used, and its state is known");
    assert!(metrics().await.contains("linewatch_agent_path_up{practice=\"G82003\",network=\"hscn\"} 1\n"));
    agent.stop().await;
    let told = stage.agents(&at).await;
    assert_eq!(told[0].waiting, Some(0), "its goodbye was the last that the hub hadn't");
    hub.stop().await;
    // The next process knows which ways worked and since when, and that it is of before: it counts as nothing of now.
    let hub = stage.hub().await;
    let again = stage.agents(&url(hub.address)).await;
    assert_eq!((&again[0].paths, &again[0].heard_on), (&told[0].paths, &told[0].heard_on));
    assert_eq!((again[0].as_of, again[0].uplink.as_deref()), (told[0].as_of, Some("hscn")));
    assert!(told[0].is_since_start && !again[0].is_since_start, "{again:?}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_changed_while_reports_go_on_and_a_revoked_one_is_refused() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 3, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let code = stage.code(&at, "G82003").await;
    let script = Script::new();
    let agent = stage.agent(script.clone(), &[&at], Some(code)).await;
    delivered(&agent, 3).await;
    let before = std::fs::read(stage.data().join("agent.json")).unwrap();
    let change = async |verb: &str| {
        let path = format!("{at}/api/v1/agents/{}/{verb}", agent.id);
        let asked = stage.client().post(path).header("x-linewatch", "approve");
        assert_eq!(asked.json(&serde_json::json!({ "by": "a test" })).send().await.unwrap().status(), 200);
    };
    change("rotate").await;
    let rotated = async {
        loop {
            let next = sendable(&agent).await + 1;
            delivered(&agent, next).await;
            if !stage.agents(&at).await[0].rotating {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, rotated).await.expect("the new key is used");
    assert_ne!(std::fs::read(stage.data().join("agent.json")).unwrap(), before);

    change("revoke").await;
    let client = stage.client();
    // What it hears of the hub changes its page, and so does each check that it asks meanwhile.
    let mut changes = agent.page_changes();
    let refused = async {
        loop {
            changes.mark_unchanged();
            let metrics = client.get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
            if metrics.contains("linewatch_agent_batches_total{outcome=\"revoked\"} 1") {
                return;
            }
            changes.changed().await.expect("it runs");
        }
    };
    tokio::time::timeout(DEADLINE, refused).await.expect("it is refused, and counted");
    assert_eq!(stage.agents(&at).await[0].standing, "revoked");
    let page = page_that_says(&stage, &agent, "take what this computer reports").await;
    assert!(page.contains("it is reached, and") && page.contains("has to enrol it again"), "{page}");
    agent.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_the_last_agent_of_a_practice_is_revoked_its_silence_says_nothing() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let (desk, cupboard) =
        (Stranger::enrolled(&stage, &at, "G82003").await, Stranger::enrolled(&stage, &at, "G82003").await);
    let mut seen = hub.observations();
    let beat = || blank(clock::now(), "G82003", "@alive");
    for one in [&desk, &cupboard] {
        assert_eq!(one.send(&[Record { seq: 1, entry: Entry::Seen(beat()) }]).await.0, 200);
    }
    let revoke = async |agent: &str| {
        let path = format!("{at}/api/v1/agents/{agent}/revoke");
        let asked = stage.client().post(path).header("x-linewatch", "approve");
        assert_eq!(asked.json(&serde_json::json!({})).send().await.unwrap().status(), 200);
    };
    revoke(&desk.agent).await;
    assert_eq!(cupboard.send(&[Record { seq: 2, entry: Entry::Seen(beat()) }]).await.0, 200);
    revoke(&cupboard.agent).await;
    let mut heard = Vec::new();
    let goodbyes = async {
        while heard.iter().filter(|(probe, _)| probe == "@bye").count() < 2 {
            let one = seen.recv().await.expect("it runs");
            heard.extend(one.agent.clone().map(|agent| (one.probe.clone(), agent)));
        }
    };
    tokio::time::timeout(DEADLINE, goodbyes).await.expect("both say goodbye");
    let expected = [
        ("@alive", &desk.agent),
        ("@alive", &cupboard.agent),
        ("@alive", &cupboard.agent),
        // In the end, of all that were heard: while another is there nobody need.
        ("@bye", &cupboard.agent),
        ("@bye", &desk.agent),
    ];
    let heard: Vec<(&str, &String)> = heard.iter().map(|(probe, agent)| (probe.as_str(), agent)).collect();
    assert_eq!(heard, expected);
    hub.stop().await;
    let kept = stage.archived(Some("G82003"));
    assert!(kept.iter().all(|seen| seen.probe == "@alive"), "nobody reported a goodbye: {kept:?}");
}
