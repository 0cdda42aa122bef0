//! Those who hear besides staff and managers (holders of roles, primary care networks, suppliers) answer from their letters.

use linewatch::config::{Config, ContactSettings, Pcn, RoleSettings};
use linewatch::estate::Component;
use linewatch::incident::{Event, EventKind};
use linewatch::notify::policy::severity::Severity;
use reqwest::StatusCode;
use serde_json::Value;

use crate::acknowledge::{Bench, DESK, cause_changed, decoded, link_in};
use crate::estate::opened;

const SUPPLIER: &str = "desk@bt.example";
const NETWORK: &str = "manager@east.example";
const NIGHT: &str = "night@icb.example";

fn contact(email: &str, name: &str) -> ContactSettings {
    ContactSettings { name: Some(name.to_owned()), ..ContactSettings::plain(email) }
}

/// BT looks after the firewall, East has the first practice, and the night desk hears of firewalls.
fn routed(config: &mut Config) {
    config.estate.components.push(Component {
        id: "fw".to_owned(),
        kind: "firewall".to_owned(),
        name: "the firewall".to_owned(),
        owner: Some("BT".to_owned()),
        contact: None,
        target_percent: None,
        addresses: Vec::new(),
    });
    let pcn = Pcn { id: "east".to_owned(), name: "East PCN".to_owned(), practices: vec!["P0".to_owned()] };
    config.ways.pcns = vec![pcn];
    config.ways.roles = vec![RoleSettings {
        id: "on-call".to_owned(),
        min_severity: Severity::Note,
        causes: vec!["firewall".to_owned()],
    }];
    config.ways.contacts.extend([
        ContactSettings { owners: vec!["BT".to_owned()], ..contact(SUPPLIER, "BT’s desk") },
        ContactSettings { pcns: vec!["east".to_owned()], ..contact(NETWORK, "Ali of East") },
        ContactSettings { roles: vec!["on-call".to_owned()], ..contact(NIGHT, "Nia") },
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suppliers_word_is_recorded_with_who_it_is_and_said_and_ends_no_escalation() {
    let mut bench = Bench::start_with(routed).await;
    let event = opened(2);
    bench.tell(&event).await;
    let mail = bench.mail_to(SUPPLIER).await;
    assert!(decoded(&mail).contains("When you have taken this on, please say so here:"), "{}", mail.data);
    let link = link_in(&mail);
    let (status, page) = bench.get(&link).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Have you taken this on?") && page.contains("We have taken this on"), "{page}");
    let (status, page) = bench.post(&link, &[("note", "Ticket 4711")]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("BT’s desk has taken this on, since") && !page.contains("<form"), "{page}");

    let hands = bench.running.hub().desk.hands(&event.incident).expect("it is open");
    assert_eq!((hands.taken_on.len(), hands.at_work.len()), (0, 1));
    assert!(hands.next.is_some(), "the ICB's own people are still escalated to");
    let status = bench.json("/api/v1/status").await;
    let line = &status["acknowledgements"][0];
    assert_eq!((&line["taken_on"], &line["at_work"][0]["by"]), (&Value::Array(vec![]), &"BT’s desk".into()));
    assert_eq!(line["at_work"][0]["about"], "owner BT");
    let history = bench.json(&format!("/api/v1/incidents/{}", event.incident)).await;
    assert_eq!(history["acknowledgements"][0]["about"], "owner BT", "in the store, as whom they said it");

    bench
        .tell(&Event { event: EventKind::Changed, at: event.at.plus_millis(1), ..cause_changed(&event) })
        .await;
    loop {
        let mail = bench.mail_to(DESK).await;
        let letter = decoded(&mail);
        if mail.header("Subject").expect("one").contains("Changed") {
            for says in ["for BT has taken this on, at ", "Nobody at NHS Kent and Medway has yet."] {
                assert!(letter.contains(says), "{says}: {letter}");
            }
            break;
        }
    }
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_networks_word_is_a_receipt_and_a_roles_takes_it_on() {
    let mut bench = Bench::start_with(routed).await;
    let event = opened(2);
    bench.tell(&event).await;
    let (mut network, mut night) = (None, None);
    while network.is_none() || night.is_none() {
        let mail = bench.relay.next().await;
        match mail.to.as_str() {
            NETWORK => network = Some(mail),
            NIGHT => night = Some(mail),
            _ => {}
        }
    }
    let (network, night) = (network.expect("a letter"), night.expect("a letter"));
    let (_, page) = bench.post(&link_in(&network), &[]).await;
    assert!(page.contains("you have read this"), "{page}");
    let hands = bench.running.hub().desk.hands(&event.incident).expect("it is open");
    assert_eq!((hands.taken_on.len(), hands.at_work.len(), hands.next.is_some()), (0, 0, true));
    let history = bench.json(&format!("/api/v1/incidents/{}", event.incident)).await;
    let said = &history["acknowledgements"][0];
    assert_eq!((&said["by"], &said["about"]), (&"Ali of East".into(), &"pcn east: P0".into()));

    assert!(decoded(&night).contains("You are told because you hold the role on-call."), "{}", night.data);
    let (_, page) = bench.post(&link_in(&night), &[]).await;
    assert!(page.contains("Nia has taken this on"), "{page}");
    let hands = bench.running.hub().desk.hands(&event.incident).expect("it is open");
    assert_eq!((hands.taken_on[0].by.as_str(), hands.next), ("Nia", None));
    let outbox = bench.json("/api/v1/outbox").await;
    let about = outbox["notices"].as_array().expect("a list").iter();
    let read: Vec<&str> = about
        .filter(|notice| notice["acknowledged"] != Value::Null)
        .map(|notice| notice["about"].as_str().expect("text"))
        .collect();
    assert_eq!(read, ["role on-call", "pcn east: P0"]);
    bench.running.stop().await;
}
