//! A small year of the shape that `benches/report` measures: its figures are those of a reckoning that knows nothing of spans,
//! and looks at each stretch between two moments by itself.

use std::collections::{BTreeMap, BTreeSet};

use linewatch::calendar::Hours;
use linewatch::estate::Estate;
use linewatch::report::{Facts, Filter, Ground, PeriodFigures};
use linewatch::store::JournalReader;
use linewatch::time::At;

use self::shape::{BEGIN, Failed, Shape};

#[path = "../../benches/report/year.rs"]
mod shape;

const SMALL: Shape = Shape { practices: 30, days: 20, blips_a_day: 60, lines_a_day: 3, shared: 12, seed: 7 };

/// By practice and probe: when it failed, as whoever only hears of changes knows it.
type Known = BTreeMap<(usize, usize), Vec<(At, bool)>>;

fn known(failed: &[Failed]) -> Known {
    let mut known = Known::new();
    for one in failed {
        known.entry((one.practice, one.probe)).or_default().extend([(one.from, false), (one.to, true)]);
    }
    for changes in known.values_mut() {
        changes.sort_by_key(|(at, _)| *at);
    }
    known
}

fn fails_at(changes: &[(At, bool)], at: At) -> bool {
    changes.iter().rev().find(|(changed, _)| *changed <= at).is_some_and(|(_, ok)| !ok)
}

/// Milliseconds in which a practice had at least one service without an answer, for one incident: the checks' failures from
/// one interval before its beginning to its end, as far as they go on into it.
fn lost_ms(estate: &Estate, known: &Known, practice: usize, (from, to): (At, At)) -> i64 {
    let mut moments = BTreeSet::from([from, to]);
    let of_practice: Vec<(usize, &Vec<(At, bool)>)> =
        (0..estate.probes.len()).filter_map(|probe| Some((probe, known.get(&(practice, probe))?))).collect();
    for (probe, changes) in &of_practice {
        moments.insert(from - estate.probes[*probe].every);
        moments.extend(changes.iter().map(|(at, _)| *at));
    }
    let moments: Vec<At> = moments.into_iter().collect();
    let pieces = moments.windows(2).map(|pair| (pair[0], pair[1]));
    let counts = |probe: usize, changes: &[(At, bool)], (begins, ends): (At, At)| {
        let early = from - estate.probes[probe].every;
        let within = early <= begins && ends <= to;
        // What fails before the incident is part of it when it fails until then.
        let reaches = begins >= from
            || moments.iter().filter(|at| (begins..=from).contains(*at)).all(|at| fails_at(changes, *at));
        within && reaches && fails_at(changes, begins)
    };
    pieces
        .filter(|piece| of_practice.iter().any(|(probe, changes)| counts(*probe, changes, *piece)))
        .filter(|(begins, _)| fails_at_any(&of_practice, *begins))
        .map(|(begins, ends)| ends.millis_since(begins))
        .sum()
}

fn fails_at_any(checks: &[(usize, &Vec<(At, bool)>)], at: At) -> bool {
    checks.iter().any(|(_, changes)| fails_at(changes, at))
}

#[tokio::test]
async fn a_years_figures_are_those_of_the_plainest_reckoning() {
    let estate = SMALL.estate();
    let dir = tempfile::tempdir().expect("a folder");
    let (incidents, _) = SMALL.write(&estate, dir.path()).await.expect("written");
    let now = SMALL.end();
    let mut journal = JournalReader::open(dir.path()).await.expect("a journal");
    let mut gatherer = Facts::gatherer(&estate);
    let record = journal.walk(None, |entry| gatherer.take(entry)).await.expect("read");
    assert!(record.is_sound(), "{record:?}");
    let mut facts = gatherer.end(Some(now), now);
    // It was written without the notes that a hub makes of being there.
    facts.gaps.clear();
    let hours = Hours::core();
    let ground = Ground { estate: &estate, facts: &facts, hours: &hours, planned: &[], now };
    let figures = PeriodFigures::new(&ground, BEGIN, now, &Filter::default());
    assert_eq!(figures.incidents.len(), incidents);

    let days: Vec<shape::Day> = (0..SMALL.days).map(|day| SMALL.day(&estate, day)).collect();
    let failed: Vec<Failed> = days.iter().flat_map(|day| &day.failed).copied().collect();
    let known = known(&failed);
    let mut uneven = 0;
    for pair in days.iter().flat_map(|day| day.events.chunks(2)) {
        let (from, to) = (pair[0].at, pair[1].at);
        let hit: Vec<usize> =
            pair[0].practices.iter().map(|id| estate.practice(id).expect("a practice").at()).collect();
        let expected: i64 = hit.iter().map(|practice| lost_ms(&estate, &known, *practice, (from, to))).sum();
        let line = figures.incidents.iter().find(|line| line.incident == pair[0].incident).expect("a line");
        assert_eq!((line.practices, line.practice_no_answer_ms), (hit.len(), expected), "{}", line.incident);
        let plain = to.millis_since(from) * i64::try_from(hit.len()).expect("few");
        // An everyday failure ran into it, or another fault's end cut it short.
        uneven += usize::from(expected != plain);
    }
    assert!(uneven > 0, "every incident was as plain as could be: the shape tests less than it could");
    // Where two incidents overlap at a practice each has its minutes, and a month counts both, as the lines do.
    let by_months: i64 = figures.months.iter().map(|month| month.practice_no_answer_ms).sum();
    let by_lines: i64 = figures.incidents.iter().map(|line| line.practice_no_answer_ms).sum();
    assert_eq!(by_months, by_lines);
    // Of a supplier's component each minute of a practice counts once, however many incidents had it.
    let bt = figures.suppliers.iter().find(|figures| figures.id == "bt").expect("a carrier that failed");
    assert_eq!((bt.incidents, bt.practices_behind), (1, SMALL.practices));
    let all_hit =
        figures.incidents.iter().find(|line| line.practices == SMALL.practices).expect("the worst day");
    assert_eq!(bt.practice_no_answer_ms, all_hit.practice_no_answer_ms);
}
