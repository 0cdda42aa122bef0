//! An incident that was over and begins anew under its number: what is then withdrawn, or proves to be another's, takes nothing from what
//! was before.

use linewatch::incident::{Event, EventKind, Reason};
use linewatch::journal::body::Turn;
use linewatch::notify::Fix;
use linewatch::report::{Filter, Ground, IncidentFigures, PeriodFigures, State};
use linewatch::time::At;

use super::restart::{at, config, facts};
use super::{an_hour_down, event};

const ID: &str = "2026-03-16-1";

/// Down from nine to ten, told and over; begun anew in the afternoon, and closed for this reason.
fn events(second: Reason) -> [Event; 4] {
    let of = |word, text: &str, reason: Option<Reason>| {
        let at = at(text);
        let since = if at < self::at("2026-03-16T12:00:00Z") { self::at("2026-03-16T09:00:00Z") } else { at };
        Event { since, reason, ..event(ID, word, at) }
    };
    [
        of(EventKind::Opened, "2026-03-16T09:00:10Z", None),
        of(EventKind::Resolved, "2026-03-16T10:00:00Z", Some(Reason::Recovered)),
        of(EventKind::Opened, "2026-03-16T14:00:00Z", None),
        of(EventKind::Resolved, "2026-03-16T14:05:00Z", Some(second)),
    ]
}

async fn report(events: &[Event]) -> (IncidentFigures, PeriodFigures) {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let store = an_hour_down(dir.path(), at("2026-03-16T09:00:00Z"), at("2026-03-16T10:00:00Z")).await;
    for event in events {
        store.record(event, &[]).await.expect("written");
    }
    let now: At = at("2026-03-17T00:00:00Z");
    store.record_measuring(now, Turn::Stopped).await.expect("written");
    store.close().await;
    let mut facts = facts(dir.path(), &config, now).await;
    // Nobody wrote down each minute that it measured.
    facts.gaps.clear();
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &[], now };
    let day = PeriodFigures::new(&ground, at("2026-03-16T00:00:00Z"), now, &Filter::default());
    (IncidentFigures::new(&ground, ID).expect("it is there"), day)
}

#[tokio::test]
async fn what_is_withdrawn_or_merged_later_takes_nothing_from_what_was_before() {
    for reason in [Reason::Withdrawn, Reason::Merged] {
        let (incident, day) = report(&events(reason)).await;
        assert_eq!(incident.state, State::Recovered, "{reason:?}");
        assert_eq!((incident.length_ms, incident.core_ms), (3_600_000, 3_600_000), "{reason:?}");
        let services = incident.practices.iter().flat_map(|practice| &practice.services);
        let lost = services.map(|service| service.no_answer_ms).max();
        assert_eq!(
            (incident.practices.len(), lost),
            (1, Some(3_600_000)),
            "{reason:?}: {:#?}",
            incident.practices
        );
        assert_eq!(incident.changes.len(), 4, "all that was said stands in the story");
        let line = &day.incidents[0];
        assert_eq!(
            (line.state, line.practices, line.practice_no_answer_ms),
            (State::Recovered, 1, 3_600_000)
        );
        assert_eq!(day.months[0].incidents, 1, "{reason:?}");
        assert!(day.suppliers[0].availability_percent.is_some_and(|percent| percent < 100.0), "{reason:?}");
    }
}

#[tokio::test]
async fn the_hours_between_two_beginnings_are_no_part_of_its_length() {
    let (incident, day) = report(&events(Reason::Recovered)).await;
    assert_eq!(incident.length_ms, 3_600_000 + 300_000);
    assert_eq!(day.incidents[0].length_ms, incident.length_ms);
}

/// Before the journal's first entry nobody knows what answered.
#[tokio::test]
async fn nothing_is_known_of_a_fix_from_before_anybody_measured() {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let store = linewatch::store::Store::open(dir.path()).await.expect("a store");
    store.record_measuring(at("2026-03-16T09:00:00Z"), Turn::Started).await.expect("written");
    let down = super::change(at("2026-03-16T09:00:05Z"), "G82002", false);
    store.record_transitions(at("2026-03-16T09:00:06Z"), &[down]).await.expect("written");
    let opened = Event {
        since: at("2026-03-16T09:00:05Z"),
        ..event(ID, EventKind::Opened, at("2026-03-16T09:00:10Z"))
    };
    store.record(&opened, &[]).await.expect("written");
    let fix = Fix {
        incident: ID.to_owned(),
        at: at("2026-03-16T08:50:00Z"),
        said_at: at("2026-03-16T09:01:00Z"),
        by: "Jo".to_owned(),
        what: "rebooted the firewall".to_owned(),
    };
    store.record_fix(fix).await.expect("written");
    store.close().await;
    let now = at("2026-03-16T09:30:00Z");
    let facts = facts(dir.path(), &config, now).await;
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &[], now };
    let figures = IncidentFigures::new(&ground, ID).expect("it is there");
    let practices = figures.fixes[0].practices;
    assert_eq!((practices.not_known, practices.newly_failing), (1, 0), "{:?}", figures.fixes[0]);
}
