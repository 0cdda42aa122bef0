//! The report of a period has the notices and acknowledgements of its incidents, each once, and what fell within planned work.

use std::collections::BTreeMap;

use linewatch::incident::{Event, EventKind};
use linewatch::journal::body::Turn;
use linewatch::notify::{
    AckWay, Acknowledgement, Audience, Channel, Notice, NoticeKind, NoticeState, Outcome, Try, TryOutcome,
};
use linewatch::report::{Filter, Ground, PeriodFigures, Planned, period_csv, period_html};
use linewatch::store::Settlement;
use linewatch::time::At;

use super::restart::{at, config, facts};
use super::{an_hour_down, event, verified};

fn notice(event: &Event, kind: NoticeKind, audience: Audience, id: &str) -> Notice {
    Notice {
        id: id.to_owned(),
        incident: event.incident.clone(),
        event_at: event.at,
        event: event.event,
        kind,
        audience,
        recipient: "somebody@practice.example".to_owned(),
        thread: None,
        due: event.at,
        state: NoticeState::Queued,
    }
}

fn settled(notice: &Notice, at: At, outcome: Outcome) -> Settlement {
    let tried = (outcome == Outcome::Accepted).then(|| Try {
        channel: Channel::Email,
        via: "mail.example:587".to_owned(),
        outcome: TryOutcome::Accepted,
        answer: "250 ok".to_owned(),
    });
    Settlement {
        at,
        notice: notice.id.clone(),
        incident: notice.incident.clone(),
        kind: notice.kind,
        audience: notice.audience.clone(),
        attempts: u32::from(tried.is_some()),
        tried,
        outcome,
    }
}

/// A table's lines as maps from column to cell.
fn table(csv: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(csv).deserialize().map(|row| row.expect("a line")).collect()
}

#[tokio::test]
async fn a_period_has_each_notice_and_acknowledgement_of_its_incidents_once() {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let (from, to) = (at("2026-03-16T09:00:00Z"), at("2026-03-16T10:00:00Z"));
    let store = an_hour_down(dir.path(), from, to).await;
    let digest = "digest.1773651600000.00000000000000aa";
    let manager = Audience::Practices(vec!["G82003".to_owned()]);
    let mut last = None;
    for (id, begins) in [("2026-03-16-1", from), ("2026-03-16-2", from.plus_millis(60_000))] {
        let opened = Event { since: begins, ..event(id, EventKind::Opened, begins) };
        let to_staff = notice(&opened, NoticeKind::Opening, Audience::Staff, &format!("{id}.o.staff"));
        let to_manager = notice(&opened, NoticeKind::Opening, manager.clone(), &format!("{id}.o.manager"));
        store.record(&opened, &[to_staff.clone(), to_manager.clone()]).await.expect("written");
        let told = Outcome::Withheld { why: format!("told in {digest}") };
        store.settle(settled(&to_staff, begins.plus_millis(1), told)).await.expect("written");
        let refused = Outcome::Rejected { why: "550 no such user".to_owned() };
        store.settle(settled(&to_manager, begins.plus_millis(2), refused)).await.expect("written");
        last = Some(opened);
    }
    // One digest tells staff of both; it is filed under the later.
    let opened = last.expect("the second");
    let both = notice(&opened, NoticeKind::Digest, Audience::Staff, digest);
    store.record(&opened, std::slice::from_ref(&both)).await.expect("written");
    let taken = at("2026-03-16T09:20:00Z");
    store.settle(settled(&both, taken, Outcome::Accepted)).await.expect("written");
    for (incident, by, audience) in [
        ("2026-03-16-1", "=Jo Bloggs", Audience::Staff),
        ("2026-03-16-2", "the manager of G82003", manager.clone()),
    ] {
        let said = Acknowledgement {
            incident: incident.to_owned(),
            at: at("2026-03-16T09:25:00Z"),
            person: by.to_owned(),
            by: by.to_owned(),
            way: AckWay::Link,
            audience,
            note: None,
        };
        store.acknowledge(said).await.expect("written");
    }
    for id in ["2026-03-16-1", "2026-03-16-2"] {
        store.record(&event(id, EventKind::Resolved, to), &[]).await.expect("written");
    }
    store.record_measuring(at("2026-03-17T00:00:00Z"), Turn::Stopped).await.expect("written");
    store.close().await;

    let now = at("2026-03-17T00:00:00Z");
    let mut facts = facts(dir.path(), &config, now).await;
    facts.gaps.clear();
    let planned = [Planned {
        from: at("2026-03-16T09:30:00Z"),
        to: at("2026-03-16T09:45:00Z"),
        what: vec!["fw-maidstone".to_owned()],
        reason: "new rules".to_owned(),
    }];
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &planned, now };
    let of = |filter: &Filter| PeriodFigures::new(&ground, at("2026-03-16T00:00:00Z"), now, filter);
    let figures = of(&Filter::default());
    let told: Vec<(&str, &str, Vec<String>)> = figures
        .notices
        .iter()
        .map(|line| (&*line.fate.notice, &*line.fate.outcome, line.incidents()))
        .collect();
    let (one, two) = ("2026-03-16-1".to_owned(), "2026-03-16-2".to_owned());
    assert_eq!(
        told,
        [
            ("opening", "withheld", vec![one.clone()]),
            ("opening", "rejected", vec![one.clone()]),
            ("opening", "withheld", vec![two.clone()]),
            ("opening", "rejected", vec![two.clone()]),
            ("digest", "accepted", vec![two.clone(), one.clone()]),
        ]
    );
    assert_eq!(figures.notices[4].at, taken);
    assert_eq!(figures.notices[4].local, "2026-03-16T09:20:00+00:00");
    let said: Vec<(&str, &str)> =
        figures.acknowledgements.iter().map(|line| (&*line.incident, &*line.said.by)).collect();
    assert_eq!(said, [(&*one, "=Jo Bloggs"), (&*two, "the manager of G82003")]);
    // An hour without an answer, a quarter of which was planned: both incidents had it, and it counts once.
    let total = &figures.practices[0];
    assert_eq!((total.incidents, total.no_answer_ms, total.no_answer_planned_ms), (2, 3_600_000, 900_000));

    // Of a practice alone: what its manager got, and what nobody's practice in particular got.
    let practice = |id: &str| Filter { practice: config.estate.practice(id), supplier: None };
    let of_one = of(&practice("G82002"));
    assert!(of_one.notices.iter().all(|line| line.fate.whom == "staff"), "{:?}", of_one.notices);
    assert_eq!((of_one.notices.len(), of_one.acknowledgements.len()), (3, 1));
    // The other practice was never named, and so has no incident to be told of.
    assert_eq!(of(&practice("G82003")).notices, []);
    let theirs = Filter { practice: None, supplier: Some("ICB network team".to_owned()) };
    assert_eq!(of(&theirs).notices.len(), 5);
    // A period without incidents has nothing to tell of.
    let before = PeriodFigures::new(&ground, at("2026-03-15T00:00:00Z"), from, &Filter::default());
    assert_eq!((before.notices.len(), before.acknowledgements.len()), (0, 0));

    let rows = table(&period_csv(&figures).expect("a table"));
    let cells = |what: &str, columns: [&str; 3]| -> Vec<[String; 3]> {
        let of_kind = rows.iter().filter(|row| row["what"] == what);
        of_kind.map(|row| columns.map(|column| row[column].clone())).collect()
    };
    let owned =
        |rows: &[[&str; 3]]| -> Vec<[String; 3]> { rows.iter().map(|row| row.map(str::to_owned)).collect() };
    assert_eq!(
        cells("no answer", ["practice", "minutes", "planned_minutes"]),
        owned(&[["G82002", "60.000", "15.000"]])
    );
    assert_eq!(
        cells("notice", ["incident", "at_utc", "detail"])[3..],
        owned(&[
            [
                "2026-03-16-2",
                "2026-03-16T09:01:00.002Z",
                "opening to G82003 by email, rejected: 550 no such user"
            ],
            ["2026-03-16-2 2026-03-16-1", "2026-03-16T09:20:00.000Z", "digest to staff by email, accepted"],
        ])
    );
    assert_eq!(
        cells("acknowledged", ["incident", "practice", "detail"]),
        owned(&[
            ["2026-03-16-1", "", "'=Jo Bloggs by link"],
            ["2026-03-16-2", "G82003", "the manager of G82003 by link"],
        ])
    );
    assert!(
        cells("notice", ["minutes", "core_minutes", "planned_minutes"])
            .iter()
            .flatten()
            .all(String::is_empty)
    );

    let html = period_html(&ground, &figures, &verified(dir.path(), None).await).expect("a page");
    for part in [
        "<td>2: 2026-03-16-2, 2026-03-16-1</td><td>digest</td><td>staff</td><td>email</td><td>accepted</td>",
        "<td>2026-03-16-1</td><td>=Jo Bloggs</td><td>staff</td>",
        "Mon 16 Mar 2026 09:20:00 GMT",
        "<dt>Notices about them, accepted</dt><dd>1 of 5</dd>",
    ] {
        assert!(html.contains(part), "{part} is missing in {html}");
    }
    let json = serde_json::to_value(&figures).expect("JSON");
    assert_eq!(json["notices"][4]["also"][0], "2026-03-16-1");
    assert_eq!(json["practices"][0]["no_answer_planned_ms"], 900_000);
}
