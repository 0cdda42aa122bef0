//! What a period's report has for whoever claims with it: from when to when at one practice, what each supplier kept of its promise, and which
//! incident of the year it was.

use std::path::Path;

use linewatch::config::parse;
use linewatch::incident::{Cause, EventKind};
use linewatch::journal::body::Turn;
use linewatch::report::{
    Facts, Filter, Ground, IncidentFigures, PeriodFigures, incident_html, period_csv, period_html,
};
use linewatch::store::Store;
use linewatch::time::At;

use super::restart::{ESTATE, at, config, facts};
use super::{change, event, verified};

/// The firewall fails for ten minutes at noon of each of these days, at one practice; for five of the last ones linewatch doesn't run.
const DAYS: [&str; 4] = ["2025-12-31", "2026-01-05", "2026-03-14", "2026-03-16"];

struct Year {
    config: linewatch::config::Config,
    facts: Facts,
    now: At,
    folder: tempfile::TempDir,
}

impl Year {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("a store");
        let noon = |day: &str, minute: i64| at(&format!("{day}T12:00:00Z")).plus_millis(minute * 60_000);
        store.record_measuring(at("2025-12-01T00:00:00Z"), Turn::Started).await.expect("written");
        for (place, day) in DAYS.iter().enumerate() {
            let id = format!("{day}-1");
            let (from, to) = (noon(day, 0), noon(day, 10));
            store.record_transitions(from, &[change(from, "G82002", false)]).await.expect("written");
            store.record(&event(&id, EventKind::Opened, from), &[]).await.expect("written");
            if place == 3 {
                for (minute, turn) in [(2, Turn::GoesOn), (7, Turn::Started)] {
                    store.record_measuring(noon(day, minute), turn).await.expect("written");
                }
                let first = change(noon(day, 7), "G82002", false);
                store.record_transitions(noon(day, 7), &[first]).await.expect("written");
            }
            store.record_transitions(to, &[change(to, "G82002", true)]).await.expect("written");
            store.record(&event(&id, EventKind::Resolved, to), &[]).await.expect("written");
        }
        store.close().await;
        let (config, now) = (config(), at("2026-04-10T00:00:00Z"));
        let mut facts = facts(folder.path(), &config, now).await;
        // Nobody noted every ten seconds that linewatch was there: of the gaps, the restart is meant.
        facts.gaps.retain(|gap| gap.to == noon(DAYS[3], 7));
        for gap in &mut facts.gaps {
            gap.from = noon(DAYS[3], 2);
        }
        Self { config, facts, now, folder }
    }

    fn ground(&self) -> Ground<'_> {
        let Self { config, facts, now, .. } = self;
        Ground { estate: &config.estate, facts, hours: &config.core_hours, planned: &[], now: *now }
    }

    fn between(&self, from: &str, to: &str, practice: Option<&str>) -> PeriodFigures {
        let practice = practice.map(|id| self.config.estate.practice(id).expect("a practice"));
        let filter = Filter { practice, supplier: None };
        PeriodFigures::new(&self.ground(), at(from), at(to), &filter)
    }
}

const MARCH: (&str, &str) = ("2026-03-01T00:00:00Z", "2026-03-31T23:00:00Z");

#[tokio::test]
async fn of_one_practice_each_stretch_has_its_beginning_and_its_end() {
    let year = Year::new().await;
    let march = year.between(MARCH.0, MARCH.1, Some("G82002"));
    let told: Vec<(&str, &str, String, String)> = march
        .outages
        .iter()
        .flat_map(|outage| outage.stretches().map(move |(what, span)| (outage, what, span)))
        .map(|(outage, what, span)| {
            (outage.incident.as_str(), what, span.from.utc.to_string(), span.to.local.clone())
        })
        .collect();
    let of = |id, what, from: &str, to: &str| (id, what, from.to_owned(), to.to_owned());
    let (saturday, monday) = ("2026-03-14-1", "2026-03-16-1");
    assert_eq!(
        told,
        [
            of(saturday, "no answer", "2026-03-14T12:00:00.000Z", "2026-03-14T12:10:00+00:00"),
            of(monday, "no answer", "2026-03-16T12:00:00.000Z", "2026-03-16T12:02:00+00:00"),
            of(monday, "not measured", "2026-03-16T12:02:00.000Z", "2026-03-16T12:07:00+00:00"),
            of(monday, "no answer", "2026-03-16T12:07:00.000Z", "2026-03-16T12:10:00+00:00"),
        ]
    );
    // They are what the totals are made of.
    let total = &march.practices[0];
    assert_eq!((total.no_answer_ms, total.not_measured_ms), (15 * 60_000, 5 * 60_000));

    let html =
        period_html(&year.ground(), &march, &verified(year.folder.path(), None).await).expect("a page");
    for part in [
        "From when to when",
        "Mon 16 Mar 2026 12:07:00 GMT<span class=\"utc\">2026-03-16T12:07:00.000Z</span>",
        "<td>not measured</td><td>2026-03-16-1</td><td class=\"n\">5.0</td>",
    ] {
        assert!(html.contains(part), "{part} is missing in {html}");
    }
    let csv = String::from_utf8(period_csv(&march).expect("a table")).expect("text");
    let rows: Vec<&str> = csv.lines().filter(|line| line.contains(",stretch ")).collect();
    assert_eq!(rows.len(), 4, "{csv}");
    let unknown = rows.iter().find(|line| line.contains(",stretch not measured,")).expect("a line");
    for part in [
        ",G82002,,,accurx,Accurx,,,,5.000,0.000,stretch not measured,2026-03-16-1,2026-03-16T12:02:00.000Z,",
        ",2026-03-16T12:02:00+00:00,,2026-03-16T12:07:00.000Z,2026-03-16T12:07:00+00:00",
    ] {
        assert!(unknown.contains(part), "{part} is missing in {unknown}");
    }
    // Within the period, to the moment.
    let cut = year.between("2026-03-16T12:08:00Z", "2026-03-16T12:09:00Z", Some("G82002"));
    let stretch = &cut.outages[0].service.no_answer[0];
    let times = (stretch.from.utc, stretch.to.utc);
    assert_eq!(times, (at("2026-03-16T12:08:00Z"), at("2026-03-16T12:09:00Z")));
    // And what is cut off has neither begun nor ended there.
    assert!(stretch.began_before && stretch.goes_on && cut.outages[0].service.to.is_none(), "{stretch:?}");
    let csv = String::from_utf8(period_csv(&cut).expect("a table")).expect("text");
    assert!(csv.contains("began before, goes on"), "{csv}");
    let html = period_html(&year.ground(), &cut, &verified(year.folder.path(), None).await).expect("a page");
    assert!(html.contains("<td>no answer (began before, goes on)</td>"), "{html}");
    let whole = &march.outages[0].service.no_answer[0];
    assert!(!whole.began_before && !whole.goes_on && march.outages[0].service.to.is_some(), "{whole:?}");
    // A report on everybody would have hundreds of thousands.
    let all = year.between(MARCH.0, MARCH.1, None);
    assert!(all.outages.is_empty());
    let html = period_html(&year.ground(), &all, &verified(year.folder.path(), None).await).expect("a page");
    assert!(!html.contains("From when to when"), "{html}");
}

#[tokio::test]
async fn a_month_says_which_of_the_year_its_incidents_were() {
    let year = Year::new().await;
    let firewall = "ICB internet firewall, Maidstone";
    let trend = |from, to, practice| year.between(from, to, practice).trend;
    assert_eq!(
        trend(MARCH.0, MARCH.1, None),
        [
            "2 incidents had a firewall as their cause; in 2026 it was 3 until then, as far as the journal goes back.".to_owned(),
            format!("{firewall}: the third incident of 2026.")
        ]
    );
    // What came later isn't counted, nor what was last year.
    assert!(trend("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", None).is_empty());
    assert_eq!(
        trend("2026-03-14T00:00:00Z", "2026-03-15T00:00:00Z", None),
        [
            "1 incident had a firewall as its cause, the second of 2026, as far as the journal goes back."
                .to_owned(),
            format!("{firewall}: the second incident of 2026.")
        ]
    );
    // Over a year's end the period has more than either year.
    assert_eq!(
        trend("2025-12-01T00:00:00Z", "2026-01-31T00:00:00Z", None),
        [
            "2 incidents had a firewall as their cause.".to_owned(),
            format!("{firewall}: the second incident in this period.")
        ]
    );
    assert_eq!(trend("2026-03-14T00:00:00Z", "2026-03-15T00:00:00Z", Some("G82002")), [""; 0]);
}

#[tokio::test]
async fn what_a_supplier_kept_of_its_promise_stands_in_the_table_too() {
    let year = Year::new().await;
    let csv = |figures: &PeriodFigures| {
        let csv = String::from_utf8(period_csv(figures).expect("a table")).expect("text");
        let line = csv.lines().find(|line| line.contains(",availability,")).map(str::to_owned);
        line.expect("a supplier's component")
    };
    // Two practices are behind it, of which one lost three minutes and two of a day of which five weren't measured.
    let monday = year.between("2026-03-16T00:00:00Z", "2026-03-17T00:00:00Z", None);
    let percent = 100.0 * (1.0 - 5.0 / (2.0 * (24.0 * 60.0 - 5.0)));
    assert!((monday.suppliers[0].availability_percent.expect("measured") - percent).abs() < 1e-9);
    let line = csv(&monday);
    assert!(
        line.contains(",fw-maidstone,\"ICB internet firewall, Maidstone\",1,5.000,5.000,,,availability,")
            && line.contains("ICB network team: 99.825 % of the time that was measured, ")
            && line.contains("; target 99.9 %, NOT MET"),
        "{line}"
    );
    // A Saturday has no core hours, which isn't the same as that nobody measured in them.
    let saturday = year.between("2026-03-14T00:00:00Z", "2026-03-15T00:00:00Z", None);
    assert!(csv(&saturday).contains(", no core hours; target"), "{}", csv(&saturday));
    let html =
        period_html(&year.ground(), &saturday, &verified(year.folder.path(), None).await).expect("a page");
    assert!(html.contains("no core hours") && !html.contains("not measured</td>"), "{html}");
}

#[tokio::test]
async fn a_short_incidents_chart_has_times_on_it() {
    let year = Year::new().await;
    let figures = IncidentFigures::new(&year.ground(), "2026-01-05-1").expect("figures");
    let record = verified(year.folder.path(), None).await;
    let html = incident_html(&year.ground(), &figures, &record).expect("a page");
    for minute in ["12:00", "12:01", "12:09"] {
        assert!(html.contains(&format!(">{minute}</text>")), "{minute} is missing in {html}");
    }
}

#[tokio::test]
async fn all_of_an_incident_counts_against_what_its_cause_proved_to_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).await.expect("a store");
    let noon = |minute: i64| at("2026-03-16T12:00:00Z").plus_millis(minute * 60_000);
    store.record_measuring(at("2026-03-16T00:00:00Z"), Turn::Started).await.expect("written");
    store.record_transitions(noon(0), &[change(noon(0), "G82002", false)]).await.expect("written");
    // For eight of its ten minutes the firewall is thought to have failed. It was the carrier from the beginning.
    let carrier = Cause { kind: "carrier".to_owned(), id: "bt".to_owned() };
    let proved = |kind, at| linewatch::incident::Event {
        cause: vec![carrier.clone()],
        since: noon(0),
        ..event("2026-03-16-1", kind, at)
    };
    store.record(&event("2026-03-16-1", EventKind::Opened, noon(0)), &[]).await.expect("written");
    store.record(&proved(EventKind::Changed, noon(8)), &[]).await.expect("written");
    store.record_transitions(noon(10), &[change(noon(10), "G82002", true)]).await.expect("written");
    store.record(&proved(EventKind::Resolved, noon(10)), &[]).await.expect("written");
    store.close().await;
    let bt = "[[component]]\nid = \"bt\"\nkind = \"carrier\"\nname = \"BT\"\nowner = \"BT\"\n[[network]]";
    let estate = ESTATE
        .replacen("[[network]]", bt, 1)
        .replace("through = [\"firewall\"]", "through = [\"carrier\", \"firewall\"]")
        .replace("via = { firewall", "via = { carrier = \"bt\", firewall");
    let config = parse("probes.toml", &estate, Path::new("")).expect("a sound configuration");
    let now = at("2026-03-17T00:00:00Z");
    let mut facts = facts(folder.path(), &config, now).await;
    facts.gaps.clear();
    let (estate, hours) = (&config.estate, &config.core_hours);
    let ground = Ground { estate, facts: &facts, hours, planned: &[], now };
    let figures = PeriodFigures::new(
        &ground,
        at("2026-03-16T00:00:00Z"),
        now,
        &Filter { practice: None, supplier: None },
    );
    let lost: Vec<(&str, usize, i64)> = figures
        .suppliers
        .iter()
        .filter(|line| line.incidents > 0 || line.practice_no_answer_ms > 0)
        .map(|line| (line.id.as_str(), line.incidents, line.practice_no_answer_ms))
        .collect();
    assert_eq!(lost, [("bt", 1, 600_000)]);
    let html = period_html(&ground, &figures, &verified(folder.path(), None).await).expect("a page");
    assert!(html.contains("all of its minutes count against what it proved to be"), "{html}");
}
