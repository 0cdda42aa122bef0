//! What isn't measured is stated, whatever is open and wherever the clocks change.

use std::path::Path;

use linewatch::config::{Config, parse};
use linewatch::incident::{Cause, EventKind};
use linewatch::journal::body::Turn;
use linewatch::report::{Facts, Filter, Ground, IncidentFigures, PeriodFigures, Planned, State};
use linewatch::store::{JournalReader, Store};
use linewatch::time::At;

use super::{an_hour_down, change, event};

pub(super) const ESTATE: &str = r#"
[icb]
code = "QKS"
name = "NHS Kent and Medway"
timezone = "Europe/London"
[report]
core_hours = "08:00-18:00"
bank_holidays = ["2026-10-28"]
[[component]]
id = "fw-maidstone"
kind = "firewall"
name = "ICB internet firewall, Maidstone"
owner = "ICB network team"
target = 99.9
[[network]]
id = "internet"
name = "the internet"
through = ["firewall"]
[[service]]
id = "accurx"
name = "Accurx"
[[probe]]
id = "accurx-https"
kind = "tcp"
network = "internet"
service = "accurx"
target = "127.0.0.1:9"
every = "30s"
timeout = "5s"
[[practice]]
ods = "G82002"
name = "St James' Surgery"
list_size = 9800
via = { firewall = "fw-maidstone" }
[[practice]]
ods = "G82003"
name = "No List Size"
via = { firewall = "fw-maidstone" }
"#;

pub(super) fn config() -> Config {
    parse("probes.toml", ESTATE, Path::new("")).expect("a sound configuration")
}

pub(super) fn at(text: &str) -> At {
    text.parse().expect("a time")
}

pub(super) async fn facts(dir: &Path, config: &Config, now: At) -> Facts {
    let mut journal = JournalReader::open(dir).await.expect("a journal");
    let mut gatherer = Facts::gatherer(&config.estate);
    let until = journal.measured_until().await.expect("an answer");
    gatherer.agents_measured_until(&journal.agents_measured_until().await.expect("an answer"));
    journal.walk(None, |entry| gatherer.take(entry)).await.expect("read");
    gatherer.end(until, now)
}

#[tokio::test]
async fn an_open_incident_over_a_restart_on_the_night_when_the_clocks_go_back() {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let measuring =
        async |time: &str, turn: Turn| store.record_measuring(at(time), turn).await.expect("written");
    measuring("2026-10-20T00:00:00Z", Turn::Started).await;
    measuring("2026-10-24T21:59:55Z", Turn::GoesOn).await;
    measuring("2026-10-24T22:00:00Z", Turn::GoesOn).await;
    // Half past midnight, British Summer Time, on Sunday 25 October.
    let opened = at("2026-10-24T23:30:00Z");
    measuring("2026-10-24T23:29:55Z", Turn::GoesOn).await;
    store.record_transitions(opened, &[change(opened, "G82002", false)]).await.expect("written");
    store
        .record(&event("2026-10-25-1", EventKind::Opened, opened.plus_millis(9_000)), &[])
        .await
        .expect("written");
    // linewatch is killed at half past one, the first one; it comes back at half past one, the second one.
    measuring("2026-10-25T00:29:55Z", Turn::GoesOn).await;
    measuring("2026-10-25T00:30:00Z", Turn::GoesOn).await;
    measuring("2026-10-25T01:30:00Z", Turn::Started).await;
    let first = at("2026-10-25T01:30:20Z");
    store.record_transitions(first, &[change(first, "G82002", false)]).await.expect("written");
    let now = at("2026-10-26T09:00:00Z");
    measuring("2026-10-26T08:59:55Z", Turn::GoesOn).await;
    store.close().await;

    let mut facts = facts(dir.path(), &config, now).await;
    // This test notes that linewatch is there once an hour at best: of its gaps, the restart alone is meant.
    facts.gaps.retain(|gap| gap.from == at("2026-10-25T00:30:00Z"));
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &[], now };
    let figures = IncidentFigures::new(&ground, "2026-10-25-1").expect("figures");
    assert_eq!((figures.state, figures.resolved.clone()), (State::Open, None));
    assert_eq!((figures.patients, figures.practices_without_list_size), (9_800, 0));
    let service = &figures.practices[0].services[0];
    let spans: Vec<(String, String)> =
        service.no_answer.iter().map(|span| (span.from.local.clone(), span.to.local.clone())).collect();
    let expected = [
        ("2026-10-25T00:30:00+01:00", "2026-10-25T01:30:00+01:00"),
        ("2026-10-25T01:30:20+00:00", "2026-10-26T09:00:00+00:00"),
    ];
    assert_eq!(spans, expected.map(|(from, to)| (from.to_owned(), to.to_owned())));
    assert_eq!(service.not_measured_ms, 3_620_000, "an hour, and the 20 s until the first result");
    assert_eq!(service.to, None, "it goes on");
    // Monday from eight to nine.
    assert_eq!(service.no_answer_core_ms, 3_600_000);

    // Planned work is stated apart, and stays counted: two windows that overlap, one of another practice, one of another cause.
    let work = |from: &str, to: &str, what: &[&str]| Planned {
        from: at(from),
        to: at(to),
        what: what.iter().map(|id| (*id).to_owned()).collect(),
        reason: "new router".to_owned(),
    };
    let planned = [
        work("2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z", &["G82002"]),
        work("2026-10-24T23:45:00Z", "2026-10-25T00:15:00Z", &[]),
        work("2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z", &["G82999"]),
        work("2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z", &["another-firewall"]),
    ];
    let with_work =
        IncidentFigures::new(&Ground { planned: &planned, ..ground }, "2026-10-25-1").expect("figures");
    let of_service = &with_work.practices[0].services[0];
    assert_eq!(
        of_service.no_answer_planned_ms,
        45 * 60_000,
        "from half past eleven to a quarter past midnight, UTC"
    );
    assert_eq!(of_service.no_answer[0].planned_ms, 45 * 60_000);
    // The incident begins nine seconds after the first failure.
    assert_eq!((with_work.planned_ms, with_work.planned.len()), (45 * 60_000 - 9_000, 2));
    assert_eq!(of_service.no_answer_ms, service.no_answer_ms);

    let day = PeriodFigures::new(
        &ground,
        at("2026-10-24T23:00:00Z"),
        at("2026-10-26T00:00:00Z"),
        &Filter::default(),
    );
    assert_eq!(day.length_ms, 25 * 3_600_000, "a day of 25 hours");
    assert_eq!(day.not_measured_ms, 3_600_000);
    let firewall = &day.suppliers[0];
    assert_eq!((firewall.practices_behind, firewall.incidents, firewall.is_met), (2, 1, Some(false)));
    // An hour before the gap, and all but 20 s of the time after it, of twice 24 measured hours.
    let lost = 3600.0 + 22.5 * 3600.0 - 20.0;
    let availability = firewall.availability_percent.expect("measured");
    assert!((availability - 100.0 * (1.0 - lost / (2.0 * 24.0 * 3600.0))).abs() < 1e-9, "{availability}");
}

/// A service that hadn't answered when linewatch was killed isn't known until its next result, though the incident named nobody just then.
#[tokio::test]
async fn what_failed_before_a_restart_is_stated_until_it_is_known_again_whomever_the_incident_names() {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let measuring =
        async |time: &str, turn: Turn| store.record_measuring(at(time), turn).await.expect("written");
    measuring("2026-03-16T08:59:55Z", Turn::Started).await;
    let record = async |kind, text: &str, practices: &[&str]| {
        let practices = practices.iter().map(|id| (*id).to_owned()).collect();
        let event = linewatch::incident::Event { practices, ..event("2026-03-16-1", kind, at(text)) };
        store.record(&event, &[]).await.expect("written");
    };
    let turned = async |text: &str, practice: &str, ok| {
        let change = change(at(text), practice, ok);
        store.record_transitions(at(text), &[change]).await.expect("written");
    };
    turned("2026-03-16T09:00:00Z", "G82002", false).await;
    record(EventKind::Opened, "2026-03-16T09:00:00Z", &["G82002", "G82003"]).await;
    record(EventKind::Changed, "2026-03-16T09:10:00Z", &[]).await;
    measuring("2026-03-16T09:14:55Z", Turn::GoesOn).await;
    measuring("2026-03-16T09:15:00Z", Turn::GoesOn).await;
    measuring("2026-03-16T10:15:00Z", Turn::Started).await;
    record(EventKind::Changed, "2026-03-16T10:15:10Z", &["G82002", "G82003"]).await;
    turned("2026-03-16T10:15:20Z", "G82002", true).await;
    record(EventKind::Resolved, "2026-03-16T10:20:00Z", &[]).await;
    store.close().await;
    let now = at("2026-03-16T10:30:00Z");
    let mut facts = facts(dir.path(), &config, now).await;
    facts.gaps.retain(|gap| gap.from == at("2026-03-16T09:15:00Z"));
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &[], now };
    let figures = IncidentFigures::new(&ground, "2026-03-16-1").expect("figures");
    let of = |id: &str| {
        let practice = figures.practices.iter().find(|practice| practice.id == id);
        practice.and_then(|practice| practice.services.first())
    };
    let service = of("G82002").expect("it lost something");
    assert_eq!((service.no_answer_ms, service.not_measured_ms), (15 * 60_000, 3_620_000));
    // What had answered is missing only where the incident names the practice: there it might have been lost.
    assert_eq!(of("G82003"), None);
}

#[tokio::test]
async fn what_was_withdrawn_or_merged_or_our_own_line_is_counted_against_nobody() {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let (from, to) = (at("2026-03-16T09:00:00Z"), at("2026-03-16T10:00:00Z"));
    let store = an_hour_down(dir.path(), from, to).await;
    for (id, reason, kind) in [
        ("2026-03-16-1", linewatch::incident::Reason::Withdrawn, "firewall"),
        ("2026-03-16-2", linewatch::incident::Reason::Merged, "firewall"),
        ("2026-03-16-3", linewatch::incident::Reason::Recovered, Cause::MONITOR),
    ] {
        for (word, when) in [(EventKind::Opened, from), (EventKind::Resolved, to)] {
            let mut event = event(id, word, when);
            kind.clone_into(&mut event.cause[0].kind);
            if kind == Cause::MONITOR {
                // Every network: of one alone, others would have been heard over the other.
                event.network = None;
            }
            event.since = from;
            event.reason = event.reason.map(|_| reason);
            store.record(&event, &[]).await.expect("written");
        }
    }
    store.record_measuring(at("2026-03-17T00:00:00Z"), Turn::Stopped).await.expect("written");
    store.close().await;
    let now = at("2026-03-17T00:00:00Z");
    let mut facts = facts(dir.path(), &config, now).await;
    facts.gaps.retain(|gap| gap.kind == linewatch::report::GapKind::CutOff);
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &[], now };
    let day = PeriodFigures::new(&ground, at("2026-03-16T00:00:00Z"), now, &Filter::default());
    assert_eq!((day.incidents.len(), day.practices.len()), (3, 0));
    assert_eq!(day.not_measured_ms, 3_600_000, "linewatch was cut off itself");
    assert_eq!(day.suppliers[0].availability_percent, Some(100.0));
}
