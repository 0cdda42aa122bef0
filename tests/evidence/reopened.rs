//! An incident that was over and begins anew under its number: what is then withdrawn, or proves to be another's, takes nothing from what
//! was before, and what people said and were told stays with the time that it was about.

use linewatch::incident::{Cause, Event, EventKind, Reason};
use linewatch::journal::body::Turn;
use linewatch::notify::{AckWay, Acknowledgement, Audience, Fix};
use linewatch::report::{Facts, Filter, Gap, GapKind, Ground, IncidentFigures, PeriodFigures, State};
use linewatch::store::Store;
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

/// Everybody is well again at ten, comes down once more and is well again at a quarter past; it is said to be over when that has lasted.
#[tokio::test]
async fn what_is_waited_for_before_it_is_said_to_be_over_is_no_part_of_its_length() {
    let of = |word, text: &str, is_hit: bool| {
        let event = event(ID, word, at(text));
        let practices = if is_hit { event.practices.clone() } else { Vec::new() };
        let reason = (word == EventKind::Resolved).then_some(Reason::Recovered);
        Event { since: at("2026-03-16T09:00:00Z"), practices, reason, ..event }
    };
    let mut events = vec![
        of(EventKind::Opened, "2026-03-16T09:00:10Z", true),
        of(EventKind::Changed, "2026-03-16T10:00:00Z", false),
        of(EventKind::Changed, "2026-03-16T10:10:00Z", true),
        of(EventKind::Changed, "2026-03-16T10:15:00Z", false),
        of(EventKind::Resolved, "2026-03-16T11:00:00Z", false),
    ];
    let (incident, day) = report(&events).await;
    let ended = (incident.well_since.map(|at| at.utc), incident.resolved.map(|at| at.utc));
    assert_eq!(ended, (Some(at("2026-03-16T10:15:00Z")), Some(at("2026-03-16T11:00:00Z"))));
    assert_eq!((incident.length_ms, incident.core_ms), (75 * 60_000, 75 * 60_000));
    assert_eq!(day.incidents[0].length_ms, 75 * 60_000);
    assert_eq!(incident.runs[0].ended().map(|at| at.utc), Some(at("2026-03-16T10:15:00Z")));

    events.truncate(3);
    let (incident, _) = report(&events).await;
    assert_eq!((incident.well_since, incident.runs[0].ended()), (None, None), "somebody is hit");
}

/// One incident and the day on which it was, by what a store has.
struct Day {
    config: linewatch::config::Config,
    facts: Facts,
    now: At,
}

impl Day {
    async fn of(dir: &std::path::Path) -> Self {
        let (config, now) = (config(), at("2026-03-17T00:00:00Z"));
        let mut facts = facts(dir, &config, now).await;
        facts.gaps.retain(|gap| gap.kind == GapKind::CutOff);
        Self { config, facts, now }
    }

    fn ground(&self) -> Ground<'_> {
        let Self { config, facts, now } = self;
        Ground { estate: &config.estate, facts, hours: &config.core_hours, planned: &[], now: *now }
    }

    fn incident(&self, id: &str) -> IncidentFigures {
        IncidentFigures::new(&self.ground(), id).expect("it is there")
    }

    fn between(&self, from: &str, to: &str) -> PeriodFigures {
        PeriodFigures::new(&self.ground(), clock(from), clock(to), &Filter::default())
    }
}

fn clock(text: &str) -> At {
    at(&format!("2026-03-16T{text}Z"))
}

const OTHER: &str = "2026-03-16-2";
const THIRD: &str = "2026-03-16-3";

fn told(id: &str, kind: EventKind, text: &str, end: Option<(Reason, Option<&str>)>) -> Event {
    let (reason, into) = end.unzip();
    let into = into.flatten().map(str::to_owned);
    Event { reason, into, ..event(id, kind, clock(text)) }
}

async fn fixed(store: &Store, incident: &str, done: &str, said: &str, what: &str) {
    let (by, what) = ("Jo".to_owned(), what.to_owned());
    let fix = Fix { incident: incident.to_owned(), at: clock(done), said_at: clock(said), by, what };
    store.record_fix(fix).await.expect("written");
}

async fn in_hand(store: &Store, incident: &str, text: &str) {
    let said = Acknowledgement {
        incident: incident.to_owned(),
        at: clock(text),
        person: "as jo".to_owned(),
        by: "Jo".to_owned(),
        way: AckWay::Command,
        audience: Audience::Staff,
        note: None,
    };
    store.acknowledge(said).await.expect("written");
}

/// The first is down from nine to ten and over. From two to five past it begins anew, and proves to be a part of the second, which is over at
/// three, begins anew at five, and then proves to be a part of the third.
async fn merged_later(dir: &std::path::Path) {
    use EventKind::{Opened, Resolved};
    let store = an_hour_down(dir, clock("09:00:00"), clock("10:00:00")).await;
    let over = Some((Reason::Recovered, None));
    for event in [
        told(ID, Opened, "09:00:10", None),
        told(ID, Resolved, "10:00:00", over),
        told(OTHER, Opened, "13:58:00", None),
        told(ID, Opened, "14:00:00", None),
        told(ID, Resolved, "14:05:00", Some((Reason::Merged, Some(OTHER)))),
        told(OTHER, Resolved, "15:00:00", over),
        told(THIRD, Opened, "16:59:00", None),
        told(OTHER, Opened, "17:00:00", None),
        told(OTHER, Resolved, "17:05:00", Some((Reason::Merged, Some(THIRD)))),
        told(THIRD, Resolved, "18:00:00", over),
    ] {
        store.record(&event, &[]).await.expect("written");
    }
    // Said while it had begun anew, of what was done in the morning.
    fixed(&store, ID, "09:30:00", "14:03:00", "morning").await;
    fixed(&store, ID, "14:02:00", "14:02:00", "afternoon").await;
    // Who has only the first's number at hand goes on using it.
    fixed(&store, ID, "14:20:00", "14:21:00", "later").await;
    fixed(&store, ID, "17:02:00", "17:02:00", "evening").await;
    // Done while it was over: said while it was, long before it began anew, and meant for what was beginning.
    fixed(&store, ID, "13:40:00", "13:41:00", "over").await;
    fixed(&store, ID, "12:00:00", "14:02:00", "long before").await;
    fixed(&store, ID, "13:50:00", "14:02:00", "beginning").await;
    for text in ["09:20:00", "14:03:00"] {
        in_hand(&store, ID, text).await;
    }
    in_hand(&store, OTHER, "17:01:00").await;
    store.close().await;
}

#[tokio::test]
async fn what_was_said_stays_with_the_time_that_it_was_about() {
    let dir = tempfile::tempdir().expect("a folder");
    merged_later(dir.path()).await;
    let day = Day::of(dir.path()).await;
    let fixes = |id: &str| -> Vec<(String, String)> {
        let fixes = day.incident(id).fixes;
        fixes.into_iter().map(|fix| (fix.what, fix.goes_on_as)).collect()
    };
    let of = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(what, id)| ((*what).to_owned(), (*id).to_owned())).collect()
    };
    assert_eq!(
        fixes(ID),
        of(&[
            ("morning", ID),
            ("long before", ID),
            ("over", ID),
            ("beginning", OTHER),
            ("afternoon", OTHER),
            ("later", OTHER),
            ("evening", THIRD)
        ]),
        "all that was said of it, each with where it counts"
    );
    assert_eq!(
        fixes(OTHER),
        of(&[("beginning", OTHER), ("afternoon", OTHER), ("later", OTHER), ("evening", THIRD)])
    );
    assert_eq!(fixes(THIRD), of(&[("evening", THIRD)]));
    let first = day.incident(ID);
    assert_eq!(first.fixes[0].practices.back, 1, "{:?}", first.fixes[0]);
    assert_eq!(
        first.fixes[4].effect,
        "By then it was told as incident 2026-03-16-2, whose report has what changed."
    );
    assert_eq!(first.fixes[4].practices, linewatch::report::PracticesTurned::default());
    for over in &first.fixes[1..3] {
        assert_eq!(over.effect, "The incident was over by then.");
    }

    let said =
        |id: &str| -> Vec<At> { day.incident(id).acknowledgements.iter().map(|line| line.at.utc).collect() };
    assert_eq!(said(ID), [clock("09:20:00"), clock("14:03:00")]);
    assert_eq!(said(OTHER), [clock("14:03:00"), clock("17:01:00")]);
    assert_eq!(said(THIRD), [clock("17:01:00")]);

    // In a period's report each stands once, with the incident that it counts with.
    let whole = day.between("00:00:00", "23:00:00");
    let fixes: Vec<(&str, &str)> = whole.fixes.iter().map(|fix| (&*fix.what, &*fix.goes_on_as)).collect();
    let all = [
        ("morning", ID),
        ("long before", ID),
        ("over", ID),
        ("beginning", OTHER),
        ("afternoon", OTHER),
        ("later", OTHER),
        ("evening", THIRD),
    ];
    assert_eq!(fixes, all);
    assert_eq!(whole.acknowledgements.len(), 3);
    // Of an evening that has the third alone: what was said of the others while they were a part of it.
    let evening = day.between("17:30:00", "23:00:00");
    let ids: Vec<&str> = evening.incidents.iter().map(|line| &*line.incident).collect();
    assert_eq!(ids, [THIRD]);
    let said: Vec<At> = evening.acknowledgements.iter().map(|line| line.at.utc).collect();
    assert_eq!((said.as_slice(), evening.fixes.len()), (&[clock("17:01:00")][..], 1));
}

#[tokio::test]
async fn each_beginning_has_an_estimate_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = an_hour_down(dir.path(), clock("09:00:00"), clock("10:00:00")).await;
    let over = Some((Reason::Recovered, None));
    let since = |text: &str, event: Event| Event { since: clock(text), ..event };
    for event in [
        since("09:00:00", told(ID, EventKind::Opened, "09:00:10", None)),
        since("09:00:00", told(ID, EventKind::Resolved, "10:00:30", over)),
        // It failed from a minute before it was told.
        since("13:59:00", told(ID, EventKind::Opened, "14:00:00", None)),
        since("13:59:00", told(ID, EventKind::Resolved, "14:05:00", over)),
        // An estimate from before the end of what came before takes nothing from that: it begins with it.
        since("14:02:00", told(ID, EventKind::Opened, "14:10:00", None)),
        since("14:02:00", told(ID, EventKind::Resolved, "14:15:00", over)),
    ] {
        store.record(&event, &[]).await.expect("written");
    }
    let turns = [("11:00:00", false), ("11:30:00", true), ("13:50:00", false), ("14:07:00", true)];
    let turns = turns.map(|(text, ok)| super::change(clock(text), "G82002", ok));
    store.record_transitions(clock("16:05:00"), &turns).await.expect("written");
    store.close().await;
    let day = Day::of(dir.path()).await;
    let figures = day.incident(ID);
    assert_eq!((figures.since.utc, figures.opened.utc), (clock("09:00:00"), clock("09:00:10")));
    assert_eq!(figures.length_ms, (60 * 60 + 30 + 16 * 60) * 1000, "from nine, and from a minute to two");
    let stretches = &figures.practices[0].services[0].no_answer;
    let stretches: Vec<(At, At)> = stretches.iter().map(|span| (span.from.utc, span.to.utc)).collect();
    // What failed between is no part of it, and of what failed before it began anew the interval of the check that an estimate may be late by.
    let expected = [("09:00:00", "10:00:00"), ("13:58:30", "14:07:00")];
    assert_eq!(stretches, expected.map(|(from, to)| (clock(from), clock(to))));

    let runs: Vec<(At, At)> = figures.runs.iter().map(|run| (run.since.utc, run.opened.utc)).collect();
    let begun = [("09:00:00", "09:00:10"), ("13:59:00", "14:00:00"), ("14:05:00", "14:10:00")];
    assert_eq!(runs, begun.map(|(since, opened)| (clock(since), clock(opened))));
    let record = super::verified(dir.path(), None).await;
    let html = linewatch::report::incident_html(&day.ground(), &figures, &record).expect("a page");
    assert!(
        html.contains("<dt>Over in between, and begun anew</dt><dd>Mon 16 Mar 2026 10:00:30 GMT to Mon 16 Mar 2026 13:59:00 GMT; "),
        "{html}"
    );

    // A period in which it was over has nothing of it.
    assert!(day.between("10:30:00", "13:00:00").incidents.is_empty());
    assert_eq!(day.between("10:30:00", "14:00:00").incidents.len(), 1);
    // Nor is planned work that was over before it began anew work during it.
    let work = |from: &str, to: &str| linewatch::report::Planned {
        from: clock(from),
        to: clock(to),
        what: Vec::new(),
        reason: "new router".to_owned(),
    };
    let planned = [work("11:00:00", "12:00:00"), work("14:00:00", "14:03:00")];
    let ground = Ground { planned: &planned, ..day.ground() };
    let figures = IncidentFigures::new(&ground, ID).expect("it is there");
    assert_eq!((figures.planned, figures.planned_ms), (planned[1..].to_vec(), 3 * 60_000));
}

/// What counts is the second beginning, where the first was withdrawn.
#[tokio::test]
async fn what_was_never_so_is_no_beginning() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = an_hour_down(dir.path(), clock("14:00:00"), clock("15:00:00")).await;
    for event in [
        told(ID, EventKind::Opened, "09:00:00", None),
        told(ID, EventKind::Resolved, "09:05:00", Some((Reason::Withdrawn, None))),
        told(ID, EventKind::Opened, "14:00:00", None),
        told(ID, EventKind::Resolved, "15:00:00", Some((Reason::Recovered, None))),
    ] {
        store.record(&event, &[]).await.expect("written");
    }
    store.close().await;
    let figures = Day::of(dir.path()).await.incident(ID);
    let times = (figures.since.utc, figures.opened.utc, figures.length_ms);
    assert_eq!(times, (clock("14:00:00"), clock("14:00:00"), 3_600_000));
    assert_eq!(figures.changes.len(), 4);
}

/// linewatch's own line, lost twice under one number: each time is a gap of its own, and between the two everybody was measured.
#[tokio::test]
async fn each_time_that_linewatch_was_cut_off_is_a_gap_of_its_own() {
    use EventKind::{Changed, Opened, Resolved};
    let dir = tempfile::tempdir().expect("a folder");
    let store = an_hour_down(dir.path(), clock("09:00:00"), clock("10:00:00")).await;
    let cut_off = |kind, text: &str, end, network: Option<&str>, since: &str| {
        let mut event = told(ID, kind, text, end);
        Cause::MONITOR.clone_into(&mut event.cause[0].kind);
        Event { network: network.map(str::to_owned), since: clock(since), ..event }
    };
    let over = Some((Reason::Recovered, None));
    for event in [
        // At first over one network alone, then over both, then over one again.
        cut_off(Opened, "11:00:00", None, Some("internet"), "10:59:00"),
        cut_off(Changed, "11:10:00", None, None, "10:59:00"),
        cut_off(Changed, "11:20:00", None, Some("internet"), "10:59:00"),
        cut_off(Resolved, "11:30:00", over, None, "10:59:00"),
        cut_off(Opened, "13:00:00", None, None, "12:59:30"),
        cut_off(Resolved, "13:15:00", over, None, "12:59:30"),
        cut_off(Opened, "16:00:00", None, None, "15:59:30"),
        cut_off(Resolved, "16:05:00", Some((Reason::Withdrawn, None)), None, "15:59:30"),
    ] {
        store.record(&event, &[]).await.expect("written");
    }
    store.close().await;
    let day = Day::of(dir.path()).await;
    let gap = |from: &str, to: &str| Gap { from: clock(from), to: clock(to), kind: GapKind::CutOff };
    assert_eq!(day.facts.gaps, [gap("11:10:00", "11:20:00"), gap("12:59:30", "13:15:00")]);
    assert_eq!(day.between("00:00:00", "23:00:00").not_measured_ms, (10 * 60 + 15 * 60 + 30) * 1000);
    assert_eq!(day.incident(ID).unmeasured_ms, (10 * 60 + 15 * 60 + 30) * 1000);
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
