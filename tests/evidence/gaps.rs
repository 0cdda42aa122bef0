//! A practice whose agent measured nothing has that gap itself, whatever the hub did; and what an agent had kept is told with both times.

use linewatch::archive::Position;
use linewatch::incident::EventKind;
use linewatch::journal::body::{Coverage as Body, Turn};
use linewatch::journal::coverage::Coverage;
use linewatch::report::{
    Filter, Ground, IncidentFigures, PeriodFigures, incident_csv, incident_html, period_html,
};
use linewatch::store::{AgentRow, BatchRow, Credential, SpoolRow, Store, Transition};
use linewatch::time::At;
use linewatch::uplink::key::Tag;

use super::restart::{at, config, facts};
use super::{change, event, tamperer, verified};

const PRACTICE: &str = "G82002";
const APART_MS: i64 = 65_000;

/// An agent as a hub keeps what it reports: batches of results, one every half minute.
struct Agent<'s> {
    store: &'s Store,
    id: &'static str,
    /// As this version keeps what it reports.
    is_named: bool,
    coverage: Coverage,
    taken: u64,
}

/// The one of a practice that has one.
const FIRST: &str = "0123456789ab";

impl<'s> Agent<'s> {
    async fn enrolled(store: &'s Store, id: &'static str) -> Self {
        let agent = AgentRow {
            id: id.to_owned(),
            practice: PRACTICE.to_owned(),
            key: Tag::from_bytes([7; 32]),
            next: None,
            rotate: false,
            enrolled_at: at("2026-03-16T00:00:00Z"),
            revoked_at: None,
        };
        store.record_credentials(&[Credential::Agent(agent)]).await.expect("written");
        Self { store, id, is_named: true, coverage: Coverage::default(), taken: 0 }
    }

    fn found(&self, at: At, ok: bool) -> Transition {
        Transition { agent: Some(self.id.to_owned()), ..change(at, PRACTICE, ok) }
    }

    async fn reports(&mut self, received: At, (from, to): (At, At), transitions: Vec<Transition>) {
        let asked = (0..=to.millis_since(from) / 30_000).map(|n| from.plus_millis(n * 30_000));
        let (next, told) = self.coverage.with((PRACTICE, self.id), asked, APART_MS);
        self.coverage = next.clone();
        self.taken += 1;
        let spool = SpoolRow {
            agent: self.id.to_owned(),
            spool: "spool".to_owned(),
            taken: (1..=self.taken).collect(),
            process: String::new(),
            own: (1..=self.taken).collect(),
            last_heard: received,
            damages: 0,
        };
        let told = told.map(|told| Body { agent: told.agent.filter(|_| self.is_named), ..told });
        let coverage = (PRACTICE.to_owned(), next, told);
        let row = BatchRow { spool, is_new: true, transitions, journal: Vec::new(), coverage };
        self.store.record_batches(&[row], Position { volume: 1, bytes: self.taken }).await.expect("written");
    }
}

#[tokio::test]
async fn an_agents_gap_is_its_practices_and_what_it_had_kept_has_both_times() {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    store.record_measuring(at("2026-03-16T00:00:00Z"), Turn::StartedForAgents).await.expect("written");
    let mut agent = Agent::enrolled(&store, FIRST).await;
    // Enrolled at eight. Off from twelve to one. From two to three it measures and can't report: that comes at four.
    let (eight, twelve) = (at("2026-03-16T08:00:00Z"), at("2026-03-16T12:00:00Z"));
    agent.reports(twelve, (eight, twelve), vec![change(eight, PRACTICE, true)]).await;
    let (one, two) = (at("2026-03-16T13:00:00Z"), at("2026-03-16T14:00:00Z"));
    agent.reports(two, (one, two), vec![change(one, PRACTICE, true)]).await;
    let (three, four) = (at("2026-03-16T15:00:00Z"), at("2026-03-16T16:00:00Z"));
    agent.reports(four, (three, four), vec![change(three, PRACTICE, true)]).await;
    let (fails, back) = (at("2026-03-16T14:10:00Z"), at("2026-03-16T14:40:00Z"));
    let kept = vec![change(fails, PRACTICE, false), change(back, PRACTICE, true)];
    let received = at("2026-03-16T16:00:05Z");
    agent.reports(received, (two.plus_millis(30_000), three), kept).await;
    for (word, when) in [(EventKind::Opened, fails), (EventKind::Resolved, back)] {
        store.record(&event("2026-03-16-1", word, when), &[]).await.expect("written");
    }
    let now = at("2026-03-16T18:00:00Z");
    store.record_measuring(now, Turn::Stopped).await.expect("written");
    store.close().await;

    let mut facts = facts(dir.path(), &config, now).await;
    // The notes that a hub makes every ten seconds are not what this is about.
    facts.gaps.clear();
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &[], now };
    let day = PeriodFigures::new(&ground, at("2026-03-16T00:00:00Z"), now, &Filter::default());
    let gaps: Vec<(&str, i64, usize)> = day
        .unmeasured
        .iter()
        .map(|line| (line.practice.as_str(), line.not_measured_ms, line.stretches))
        .collect();
    // Nobody enrolled at the second. Of the first: until eight, the hour after noon, and since four; to the millisecond that a
    // result stands for.
    let hour = 3_600_000;
    assert_eq!(gaps, [("G82003", 18 * hour, 1), (PRACTICE, 11 * hour - 2, 3)]);
    let firewall = &day.suppliers[0];
    assert_eq!(firewall.practices_behind, 2);
    let availability = firewall.availability_percent.expect("measured");
    assert!((availability - 100.0 * (1.0 - 0.5 / 7.0)).abs() < 1e-5, "half an hour of seven: {availability}");

    let figures = IncidentFigures::new(&ground, "2026-03-16-1").expect("an incident");
    let service = &figures.practices[0].services[0];
    assert_eq!((service.no_answer_ms, service.not_measured_ms), (hour / 2, 0));
    let heard = |at: &Option<linewatch::report::Moment>| at.as_ref().map(|at| at.utc);
    let stretch = &service.no_answer[0];
    assert_eq!(
        (heard(&stretch.from_received), heard(&stretch.to_received)),
        (Some(received), Some(received))
    );
    let record = verified(dir.path(), None).await;
    assert!(record.is_sound(), "{record:?}");
    let html = incident_html(&ground, &figures, &record).expect("a page");
    assert!(html.contains("Received later: Mon 16 Mar 2026 16:00:05 GMT"), "{html}");
    let csv = String::from_utf8(incident_csv(&figures).expect("lines")).expect("text");
    assert!(
        csv.lines()
            .nth(1)
            .is_some_and(|line| line.contains(",2026-03-16T16:00:05.000Z,2026-03-16T16:00:05.000Z,")),
        "{csv}"
    );
    let html = period_html(&ground, &day, &record).expect("a page");
    assert!(
        html.contains("<th scope=\"row\">G82003</th><td>No List Size</td><td class=\"n\">1</td>"),
        "{html}"
    );
}

#[tokio::test]
async fn where_linewatch_measures_by_itself_an_agents_silence_is_no_gap() {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let begin = at("2026-03-16T00:00:00Z");
    store.record_measuring(begin, Turn::Started).await.expect("written");
    let mut agent = Agent::enrolled(&store, FIRST).await;
    let eight = at("2026-03-16T08:00:00Z");
    agent.reports(eight, (eight, eight), Vec::new()).await;
    let now = at("2026-03-16T18:00:00Z");
    store.record_measuring(now, Turn::Stopped).await.expect("written");
    store.close().await;
    let facts = facts(dir.path(), &config, now).await;
    assert!(facts.practice_gaps.is_empty(), "{:?}", facts.practice_gaps);
}

/// How long Accurx didn't answer at the practice, and the journal of it.
async fn no_answer_ms(a_down: Option<(At, At)>, b_down: Option<(At, At)>, b_off: bool) -> i64 {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    store.record_measuring(at("2026-03-16T00:00:00Z"), Turn::StartedForAgents).await.expect("written");
    let (eight, eleven, four) =
        (at("2026-03-16T08:00:00Z"), at("2026-03-16T11:00:00Z"), at("2026-03-16T16:00:00Z"));
    for (id, down, is_off) in [(FIRST, a_down, false), ("ba9876543210", b_down, b_off)] {
        let mut agent = Agent::enrolled(&store, id).await;
        // Both ask at the same instant, and find the same then.
        let mut found = vec![agent.found(eight, true)];
        if let Some((fails, back)) = down {
            found.extend([agent.found(fails, false), agent.found(back, true)]);
        }
        agent.reports(four, (eight, if is_off { eleven } else { four }), found).await;
    }
    for (word, when) in [(EventKind::Opened, eight), (EventKind::Resolved, four)] {
        store.record(&event("2026-03-16-1", word, when), &[]).await.expect("written");
    }
    store.record_measuring(four, Turn::Stopped).await.expect("written");
    store.close().await;
    let mut facts = facts(dir.path(), &config, four).await;
    facts.gaps.clear();
    assert!(verified(dir.path(), None).await.is_sound());
    let ground =
        Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &[], now: four };
    let figures = IncidentFigures::new(&ground, "2026-03-16-1").expect("an incident");
    let services = figures.practices.iter().flat_map(|practice| &practice.services);
    services.map(|service| service.no_answer_ms).sum()
}

#[tokio::test]
async fn what_one_of_two_agents_finds_alone_costs_the_practice_no_minute() {
    let span = |from: &str, to: &str| {
        let at = |time: &str| at(&format!("2026-03-16T{time}:00Z"));
        Some((at(from), at(to)))
    };
    let minute = 60_000;
    assert_eq!(no_answer_ms(span("09:00", "15:00"), None, false).await, 0, "one is cut off, the other fine");
    let both = no_answer_ms(span("09:00", "15:00"), span("10:00", "10:30"), false).await;
    assert_eq!(both, 30 * minute, "from when both fail until one of them is back");
    // The other one is switched off at eleven, and can't say any more that all is well.
    let alone = no_answer_ms(span("09:00", "15:00"), None, true).await;
    assert_eq!(alone, 4 * 60 * minute - 1, "a result stands for its millisecond");
}

/// What an earlier version made of the tables of 0018_agents_apart.sql.
const BEFORE: &[&str] = &[
    "CREATE TABLE before (practice TEXT NOT NULL, probe TEXT NOT NULL, at INTEGER NOT NULL, ok INTEGER NOT NULL, failure TEXT,
     path TEXT, PRIMARY KEY (practice, probe, at, ok)) STRICT, WITHOUT ROWID",
    "INSERT INTO before (practice, probe, at, ok, failure, path)
     SELECT practice, probe, at, ok, failure, path FROM transitions",
    "DROP TABLE transitions",
    "ALTER TABLE before RENAME TO transitions",
    "CREATE INDEX transitions_at ON transitions (at)",
    "CREATE TABLE before (practice TEXT PRIMARY KEY NOT NULL, base INTEGER NOT NULL, measured TEXT NOT NULL,
     told TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO before (practice, base, measured, told) SELECT practice, base, measured, told FROM coverage",
    "DROP TABLE coverage",
    "ALTER TABLE before RENAME TO coverage",
    "DROP TABLE agent_words",
    "DELETE FROM _sqlx_migrations WHERE version = 18",
];

#[tokio::test]
async fn a_folder_from_before_agents_were_named_verifies_reads_and_goes_on() {
    let config = config();
    let dir = tempfile::tempdir().expect("a folder");
    let time = |time: &str| at(&format!("2026-03-16T{time}Z"));
    let store = Store::open(dir.path()).await.expect("a store");
    store.record_measuring(time("00:00:00"), Turn::StartedForAgents).await.expect("written");
    let mut agent = Agent::enrolled(&store, FIRST).await;
    agent.is_named = false;
    let (eight, twelve) = (time("08:00:00"), time("12:00:00"));
    let found = [(eight, true), (time("09:00:00"), false), (time("09:30:00"), true)];
    let found = found.map(|(at, ok)| change(at, PRACTICE, ok)).to_vec();
    agent.reports(twelve, (eight, twelve), found).await;
    store.record(&event("2026-03-16-1", EventKind::Opened, eight), &[]).await.expect("written");
    store.record_measuring(twelve, Turn::Stopped).await.expect("written");
    store.close().await;
    drop(store);
    let pool = tamperer(dir.path()).await;
    // One connection: another wouldn't know at once which tables there are.
    let mut one = pool.acquire().await.expect("the file");
    for undo in BEFORE {
        sqlx::query(*undo).execute(&mut *one).await.expect(undo);
    }
    drop(one);
    pool.close().await;
    let minutes_and_gaps = async |now: At| {
        let record = verified(dir.path(), None).await;
        assert!(record.is_sound(), "{record:?}");
        let mut facts = facts(dir.path(), &config, now).await;
        facts.gaps.clear();
        let ground =
            Ground { estate: &config.estate, facts: &facts, hours: &config.core_hours, planned: &[], now };
        let figures = IncidentFigures::new(&ground, "2026-03-16-1").expect("an incident");
        let service = &figures.practices[0].services[0];
        let gaps = facts.practice_gaps.get(&linewatch::estate::PracticeIx(0)).expect("until eight").clone();
        (service.no_answer_ms / 60_000, gaps)
    };
    let until_eight = linewatch::spans::Spans::one(time("00:00:00"), eight);
    // As it is, by whoever only reads it.
    assert_eq!(minutes_and_gaps(twelve).await, (30, until_eight.clone()));

    // And taken up by this version, to which the agent reports as before, by its name.
    let store = Store::open(dir.path()).await.expect("it migrates");
    store.record_measuring(time("12:00:10"), Turn::StartedForAgents).await.expect("written");
    let mut agent =
        Agent { store: &store, id: FIRST, is_named: true, coverage: Coverage::default(), taken: 1 };
    let (next, four) = (time("12:00:30"), time("16:00:00"));
    let found = [(next, true), (time("13:00:00"), false), (time("13:30:00"), true)];
    let found = found.map(|(at, ok)| agent.found(at, ok)).to_vec();
    agent.reports(four, (next, four), found).await;
    store.record_measuring(four, Turn::Stopped).await.expect("written");
    store.close().await;
    let (minutes, gaps) = minutes_and_gaps(four).await;
    assert_eq!((minutes, gaps), (60, until_eight));
}
