//! How long a report takes on a large estate and a long time: `benches/README.md` has the figures.

use std::time::{Duration, Instant};

use linewatch::incident::{Cause, Event, EventKind};
use linewatch::journal::body::Turn;
use linewatch::report::{CoreHours, Facts, Filter, Ground, PeriodFigures, period_html};
use linewatch::store::{JournalReader, Store, Transition};
use linewatch::time::At;
use linewatch::world::estates::{Plan, build};

use super::event;

const PRACTICES: usize = 6_200;
const DAYS: i64 = 365;
/// Single checks that fail once for no reason, each day.
const BLIPS_A_DAY: i64 = 1_000;
/// Practices whose own line fails for half an hour, each day.
const LINES_A_DAY: i64 = 14;
const HOUR_MS: i64 = 3_600_000;

/// Numbers that look like chance, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % n
    }
}

#[tokio::test]
#[cfg_attr(debug_assertions, ignore = "it is about time: cargo test --release")]
async fn a_year_of_the_whole_country_is_reported_in_ten_seconds() {
    let estate = build(&Plan { practices: PRACTICES, ..Plan::default() });
    let dir = tempfile::tempdir().expect("a folder");
    let begin: At = "2025-11-01T00:00:00Z".parse().expect("a time");
    let store = Store::open(dir.path()).await.expect("a store");
    store.record_measuring(begin, Turn::Started).await.expect("written");
    let mut dice = Dice(7);
    let (mut incidents, mut changes) = (0, 0);
    for day in 0..DAYS {
        let midnight = begin.plus_millis(day * 24 * HOUR_MS);
        let mut turned = Vec::new();
        let mut number = 0;
        let fails = |turned: &mut Vec<Transition>, practice: usize, probe: usize, from: At, to: At| {
            for (at, ok) in [(from, false), (to, true)] {
                let mut change = super::change(at, &estate.practices[practice].id, ok);
                change.probe.clone_from(&estate.probes[probe].id);
                turned.push(change);
            }
        };
        for _ in 0..BLIPS_A_DAY {
            let (practice, probe) = (dice.below(PRACTICES), dice.below(estate.probes.len()));
            let at = midnight.plus_millis(i64::try_from(dice.below(86_000_000)).expect("a day"));
            fails(&mut turned, practice, probe, at, at.plus_millis(30_000));
        }
        let mut told: Vec<Event> = Vec::new();
        // Each day some lines of single practices; twice a week a carrier or a firewall for two hours; once the whole.
        let shared =
            if day == 200 { Some((PRACTICES, "bt")) } else { (day % 3 == 0).then_some((600, "virgin")) };
        let single = (0..LINES_A_DAY).map(|_| (1, ""));
        for (hit, cause) in single.chain(shared) {
            number += 1;
            let first = dice.below(PRACTICES - hit + 1);
            let from =
                midnight.plus_millis(8 * HOUR_MS + i64::try_from(dice.below(36_000_000)).expect("hours"));
            let to = from.plus_millis(if hit > 1 { 2 * HOUR_MS } else { HOUR_MS / 2 });
            for practice in first..first + hit {
                for probe in 0..estate.probes.len() {
                    fails(&mut turned, practice, probe, from, to);
                }
            }
            let id = format!("{}-{number}", midnight.to_timestamp().strftime("%Y-%m-%d"));
            for (word, at) in [(EventKind::Opened, from), (EventKind::Resolved, to)] {
                let mut event = event(&id, word, at);
                event.network = None;
                event.practices = estate.practices[first..first + hit].iter().map(|p| p.id.clone()).collect();
                event.services = estate.services.iter().map(|service| service.id.clone()).collect();
                event.cause = vec![if hit == 1 {
                    Cause { kind: Cause::PRACTICE.to_owned(), id: event.practices[0].clone() }
                } else {
                    Cause { kind: "carrier".to_owned(), id: cause.to_owned() }
                }];
                told.push(event);
            }
            incidents += 1;
        }
        changes += turned.len();
        store.record_transitions(midnight.plus_millis(24 * HOUR_MS), &turned).await.expect("written");
        for event in &told {
            store.record(event, &[]).await.expect("written");
        }
    }
    let now = begin.plus_millis(DAYS * 24 * HOUR_MS);
    store.record_measuring(now, Turn::Stopped).await.expect("written");
    store.close().await;
    let size = std::fs::metadata(dir.path().join("linewatch.db")).expect("a file").len() / 1_000_000;

    let began = Instant::now();
    let mut journal = JournalReader::open(dir.path()).await.expect("a journal");
    let mut gatherer = Facts::gatherer(&estate);
    let record = journal.walk(None, |entry| gatherer.take(entry)).await.expect("read");
    assert!(record.is_sound(), "{record:?}");
    let mut facts = gatherer.end(Some(now), now);
    // Nobody noted that linewatch was there: that would be three million rows of this test's own.
    facts.gaps.clear();
    let read = began.elapsed();
    let hours = CoreHours::default();
    let ground = Ground { estate: &estate, facts: &facts, hours: &hours, planned: &[], now };
    let figures = PeriodFigures::new(&ground, begin, now, &Filter::default());
    let reckoned = began.elapsed();
    let html = period_html(&ground, &figures, &record).expect("a page");
    let all = began.elapsed();
    println!(
        "{PRACTICES} practices, {incidents} incidents, {changes} changes of checks, {} entries, {size} MB: read and verified \
         {:.2} s, figures {:.2} s, page of {} KB {:.2} s; in all {:.2} s",
        record.entries,
        read.as_secs_f64(),
        reckoned.saturating_sub(read).as_secs_f64(),
        html.len() / 1000,
        all.saturating_sub(reckoned).as_secs_f64(),
        all.as_secs_f64()
    );
    assert_eq!(figures.incidents.len(), incidents);
    assert!(all < Duration::from_secs(10), "{all:?}");
}
