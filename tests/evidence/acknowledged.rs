//! Who said that they had an incident in hand, and when: in the journal, and in a report from nothing else.

use linewatch::incident::EventKind;
use linewatch::notify::{AckWay, Acknowledgement, Audience};
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
