//! Who said that they had an incident in hand, and when: in the journal, and in a report from nothing else.

use linewatch::incident::EventKind;
use linewatch::notify::policy::mute::{Mute, Muted};
use linewatch::notify::{AckWay, Acknowledgement, Audience, Fix};
use linewatch::report::{Facts, Ground, IncidentFigures, incident_csv, incident_html};
use linewatch::store::{JournalReader, Store};

use super::{START, event, verified};

#[tokio::test]
async fn a_report_has_who_acknowledged_and_when() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let config = super::restart::config();
    store.record(&event("2026-03-16-1", EventKind::Opened, START), &[]).await.expect("written");
    let said = Acknowledgement {
        incident: "2026-03-16-1".to_owned(),
        at: START.plus_millis(420_000),
        person: "as jo".to_owned(),
        by: "=Jo Bloggs".to_owned(),
        way: AckWay::Command,
        audience: Audience::Staff,
        note: Some("Ringing <BT>".to_owned()),
    };
    let manager = Acknowledgement {
        person: "0123456789abcdef".to_owned(),
        by: "the manager of G82002".to_owned(),
        way: AckWay::Link,
        audience: Audience::Practices(vec!["G82002".to_owned()]),
        note: None,
        ..said.clone()
    };
    // Writes whose answers got lost are written again.
    for said in [&said, &said, &manager] {
        store.acknowledge(said.clone()).await.expect("written");
    }
    assert_eq!(store.acknowledgements("2026-03-16-1").await.expect("read"), [manager, said.clone()]);
    store.close().await;

    let mut journal = JournalReader::open(dir.path()).await.expect("a journal");
    let mut gatherer = Facts::gatherer(&config.estate);
    let record = journal.walk(None, |entry| gatherer.take(entry)).await.expect("read");
    assert!(record.is_sound(), "{record:?}");
    let facts = gatherer.end(None, START.plus_millis(3_600_000));
    let now = START.plus_millis(3_600_000);
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &[], now };
    let figures = IncidentFigures::new(&ground, "2026-03-16-1").expect("figures");
    let lines: Vec<(&str, &str)> =
        figures.acknowledgements.iter().map(|line| (&*line.said.by, &*line.said.whom)).collect();
    assert_eq!(lines, [("=Jo Bloggs", "staff"), ("the manager of G82002", "G82002")]);
    assert_eq!(figures.acknowledgements[0].at.utc, said.at);
    let json = serde_json::to_value(&figures).expect("JSON");
    assert_eq!(json["acknowledgements"][0]["note"], "Ringing <BT>");

    let html = incident_html(&ground, &figures, &verified(dir.path(), None).await).expect("a page");
    assert_eq!(json["acknowledgements"][0]["incident"], "2026-03-16-1");
    assert!(html.contains("Who acknowledged") && html.contains("Ringing &#60;BT&#62;"), "{html}");
    let csv = String::from_utf8(incident_csv(&figures).expect("a table")).expect("text");
    let rows: Vec<&str> = csv.lines().filter(|line| line.contains(",acknowledged,")).collect();
    assert_eq!(rows.len(), 2, "{csv}");
    assert!(rows[0].contains("2026-03-16T07:19:00.000Z,2026-03-16T07:19:00+00:00"), "{csv}");
    assert!(rows[0].ends_with(",'=Jo Bloggs by command: Ringing <BT>"), "no formula: {csv}");
    assert!(rows[1].contains(",G82002,") && rows[1].ends_with(",the manager of G82002 by link"), "{csv}");
}

#[tokio::test]
async fn the_journal_has_no_address_that_somebody_wrote_and_those_who_act_read_it() {
    const EMAIL: &str = "jo@icb.example";
    const TELEPHONE: &str = "01622 000123";
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let incident = "2026-03-16-1".to_owned();
    store.record(&event(&incident, EventKind::Opened, START), &[]).await.expect("written");
    let written = format!("Ring Jo ({EMAIL}) on {TELEPHONE}");
    let said = Acknowledgement {
        incident: incident.clone(),
        at: START.plus_millis(1),
        person: "as jo".to_owned(),
        by: written.clone(),
        way: AckWay::Command,
        audience: Audience::Staff,
        note: Some(written.clone()),
    };
    let at = START.plus_millis(2);
    let fix = Fix { incident: incident.clone(), at, said_at: at, by: written.clone(), what: written.clone() };
    let mute = Mute {
        number: 1,
        muted: Muted::Incident { id: incident.clone() },
        from: at,
        until: START.plus_millis(3_600_000),
        by: written.clone(),
        reason: Some(written.clone()),
    };
    store.acknowledge(said.clone()).await.expect("written");
    store.record_fix(fix.clone()).await.expect("written");
    store.mute(&mute).await.expect("written");
    let ended = Mute { until: START.plus_millis(3), ..mute.clone() };
    store.end_mute(&ended, &written).await.expect("written");
    store.approve(&incident, &written, at).await.expect("written");
    assert_eq!(store.acknowledgements(&incident).await.expect("read"), [said]);
    assert_eq!(store.fixes(&incident).await.expect("read"), [fix]);
    store.close().await;

    let mut journal = JournalReader::open(dir.path()).await.expect("a journal");
    let (mut all, mut masked) = (String::new(), 0);
    let record = journal
        .walk(None, |entry| {
            let body = String::from_utf8_lossy(entry.body);
            masked += body.matches("Ring Jo (j***@icb.example) on ***123").count();
            all.push_str(&body);
        })
        .await
        .expect("read");
    assert!(record.is_sound(), "{record:?}");
    assert!(!all.contains(EMAIL) && !all.contains(TELEPHONE), "{all}");
    // Who and what, of each but the approval, which has no words.
    assert_eq!(masked, 9, "{all}");
}
