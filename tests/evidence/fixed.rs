//! What people say that they did about an incident stands in the journal with both times, and a report counts what changed after it.

use linewatch::config::{Config, parse};
use linewatch::incident::{Event, EventKind, Reason};
use linewatch::journal::body::Turn;
use linewatch::notify::Fix;
use linewatch::report::{
    Filter, FixFigures, Ground, IncidentFigures, PeriodFigures, PracticesTurned, WindowEnd, incident_csv,
    incident_html, period_csv, period_html,
};
use linewatch::store::{Store, Transition};
use linewatch::time::At;

use super::restart::{ESTATE, at, facts};
use super::{event, tamper, verified};

const ID: &str = "2026-03-16-1";
const PRACTICES: [&str; 5] = ["G82002", "G82003", "G82004", "G82005", "G82006"];

/// Five practices, with a second service over the same network.
fn config() -> Config {
    let mut text = ESTATE.to_owned();
    text += "[[service]]\nid = \"docman\"\nname = \"Docman\"\n[[probe]]\nid = \"docman-https\"\nkind = \"tcp\"\n\
             network = \"internet\"\nservice = \"docman\"\ntarget = \"127.0.0.1:9\"\nevery = \"30s\"\ntimeout = \"5s\"\n";
    let practice = |ods: &&str| {
        format!(
            "[[practice]]\nods = \"{ods}\"\nname = \"A surgery\"\nvia = {{ firewall = \"fw-maidstone\" }}\n"
        )
    };
    text.extend(PRACTICES[2..].iter().map(practice));
    parse("probes.toml", &text, std::path::Path::new("")).expect("a sound configuration")
}

fn clock(text: &str) -> At {
    at(&format!("2026-03-16T{text}Z"))
}

fn fix(done: &str, said: &str, what: &str) -> Fix {
    Fix {
        incident: ID.to_owned(),
        at: clock(done),
        said_at: clock(said),
        by: "=Jo <Bloggs>".to_owned(),
        what: what.to_owned(),
    }
}

fn turn(text: &str, practice: &str, probe: &str, ok: bool) -> Transition {
    Transition { probe: probe.to_owned(), ..super::change(clock(text), practice, ok) }
}

/// Opened at nine for four of the five, with both services; all five from ten; over at twelve.
fn events() -> [Event; 3] {
    let of = |count: usize, kind, text| {
        let practices = PRACTICES[..count].iter().map(|id| (*id).to_owned()).collect();
        let services = vec!["accurx".to_owned(), "docman".to_owned()];
        Event { practices, services, since: clock("09:00:00"), ..event(ID, kind, clock(text)) }
    };
    [
        of(4, EventKind::Opened, "09:00:10"),
        of(5, EventKind::Changed, "10:00:10"),
        of(5, EventKind::Resolved, "12:00:00"),
    ]
}

const A: &str = "accurx-https";
const D: &str = "docman-https";

/// The first fix brings one back wholly and one in part, and breaks the fifth; the second changes nothing; after the third all are back.
fn changes() -> Vec<Transition> {
    let mut all = Vec::new();
    for practice in &PRACTICES[..4] {
        all.extend([A, D].map(|probe| turn("09:00:00", practice, probe, false)));
    }
    all.extend([
        turn("09:47:00", PRACTICES[0], A, true),
        turn("09:52:00", PRACTICES[0], D, true),
        turn("09:50:00", PRACTICES[1], A, true),
        turn("10:00:00", PRACTICES[4], D, false),
        turn("11:30:30", PRACTICES[1], D, true),
        turn("11:31:00", PRACTICES[4], D, true),
    ]);
    for practice in &PRACTICES[2..4] {
        all.extend([A, D].map(|probe| turn("11:32:00", practice, probe, true)));
    }
    all
}

async fn written(dir: &std::path::Path, fixes: &[Fix]) -> Store {
    let store = Store::open(dir).await.expect("a store");
    store.record_measuring(clock("00:00:00"), Turn::Started).await.expect("written");
    for event in events() {
        store.record(&event, &[]).await.expect("written");
    }
    store.record_transitions(clock("12:00:00"), &changes()).await.expect("written");
    for fix in fixes {
        store.record_fix(fix.clone()).await.expect("written");
    }
    store
}

struct Made {
    config: Config,
    facts: linewatch::report::Facts,
    now: At,
}

impl Made {
    async fn at(dir: &std::path::Path, now: &str) -> Self {
        let (config, now) = (config(), clock(now));
        let mut facts = facts(dir, &config, now).await;
        // Nobody wrote down every ten seconds that linewatch was there.
        facts.gaps.clear();
        Self { config, facts, now }
    }

    fn ground(&self) -> Ground<'_> {
        let Self { config, facts, now } = self;
        Ground { estate: &config.estate, facts, hours: &config.core_hours, planned: &[], now: *now }
    }

    fn figures(&self) -> IncidentFigures {
        IncidentFigures::new(&self.ground(), ID).expect("figures")
    }
}

fn turned(fix: &FixFigures) -> [usize; 7] {
    let PracticesTurned {
        failing_before,
        back,
        partly_back,
        lost_more,
        as_before,
        newly_failing,
        not_known,
        ..
    } = fix.practices;
    assert_eq!(failing_before, back + partly_back + lost_more + as_before, "{:?}", fix.practices);
    [failing_before, back, partly_back, lost_more, as_before, newly_failing, not_known]
}

fn nth(made: &Made, place: usize) -> FixFigures {
    made.figures().fixes.get(place).cloned().expect("so many fixes")
}

fn three() -> [Fix; 3] {
    [
        fix("09:45:00", "09:46:00", "rebooted the <inside> firewall"),
        fix("10:30:00", "11:40:00", "changed a rule"),
        fix("11:30:00", "11:30:00", "replaced its power supply"),
    ]
}

#[tokio::test]
async fn each_fix_is_shown_with_what_changed_after_it_and_with_both_times() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second, third] = three();
    // Said in another order than done; and a write whose answer got lost is written again.
    let store = written(dir.path(), &[first.clone(), third.clone(), second.clone(), first.clone()]).await;
    assert_eq!(store.fixes(ID).await.expect("read"), [first, second, third]);
    store.close().await;
    let made = Made::at(dir.path(), "14:00:00").await;
    let figures = made.figures();
    let [first, second, third] = figures.fixes.as_slice() else { panic!("{:?}", figures.fixes) };

    assert_eq!((first.at.utc, first.said.utc), (clock("09:45:00"), clock("09:46:00")));
    assert_eq!((first.until.utc, first.ends), (clock("10:30:00"), WindowEnd::NextFix));
    assert_eq!(turned(first), [4, 1, 1, 0, 2, 1, 0]);
    let checks = first.checks;
    assert_eq!(
        (checks.failing_before, checks.back, checks.newly_failing, checks.failing_after),
        (8, 3, 1, 6)
    );
    assert_eq!((&*first.back, &*first.lost), (&["G82002".to_owned()][..], &["G82006".to_owned()][..]));
    assert_eq!(first.last_back_ms, Some(7 * 60_000));
    let services: Vec<(&str, usize, usize)> =
        first.services.iter().map(|service| (&*service.id, service.back, service.lost)).collect();
    assert_eq!(services, [("accurx", 2, 0), ("docman", 1, 1)]);
    assert_eq!(
        first.effect,
        "In the 45 minutes until the next fix, 1 of 4 practices came back, after 7 minutes; \
         1 practice that had lost nothing lost something; 1 got a part of it back; 2 are as they were. Lost, though it answered before: Docman at 1 practice."
    );

    // Done earlier than said, by an hour and more: both stand.
    assert_eq!((second.at.utc, second.said.utc), (clock("10:30:00"), clock("11:40:00")));
    // An hour later the third was made: until then.
    assert_eq!((second.until.utc, second.ends), (clock("11:30:00"), WindowEnd::Window));
    assert_eq!(turned(second), [4, 0, 0, 0, 4, 0, 0]);
    assert_eq!(
        second.effect,
        "In the 60 minutes after it, no effect shows: none of 4 practices came back, and none lost anything more."
    );

    assert_eq!((third.until.utc, third.ends), (clock("12:30:00"), WindowEnd::Window));
    assert_eq!(turned(third), [4, 4, 0, 0, 0, 0, 0]);
    assert_eq!(
        third.effect,
        "In the 60 minutes after it, all 4 practices came back, the last of them after 2 minutes."
    );

    let record = verified(dir.path(), None).await;
    assert!(record.is_sound(), "{record:?}");
    let html = incident_html(&made.ground(), &figures, &record).expect("a page");
    for part in [
        "rebooted the &#60;inside&#62; firewall",
        "Mon 16 Mar 2026 10:30:00 GMT<span class=\"utc\">2026-03-16T10:30:00.000Z</span>",
        "=Jo &#60;Bloggs&#62;<span class=\"utc\">Mon 16 Mar 2026 11:40:00 GMT</span>",
        "Dashed lines mark the 3 fixes",
        "none of 4 practices came back",
    ] {
        assert!(html.contains(part), "{part} is missing in {html}");
    }
    // In either chart a line each.
    assert_eq!(html.matches("stroke-dasharray").count(), 6);
    let csv = String::from_utf8(incident_csv(&figures).expect("a table")).expect("text");
    let rows: Vec<&str> = csv.lines().filter(|line| line.contains(",fix,")).collect();
    assert_eq!(rows.len(), 3, "{csv}");
    let times = "2026-03-16T10:30:00.000Z,2026-03-16T10:30:00+00:00,2026-03-16T10:30:00.000Z";
    assert!(rows[1].contains(times) && rows[1].contains(",2026-03-16T11:40:00.000Z,"), "{csv}");
    assert!(
        rows[1].contains("changed a rule, by =Jo <Bloggs>, said at 2026-03-16T11:40:00.000Z. In the 60"),
        "{csv}"
    );
    let json = serde_json::to_value(&figures).expect("JSON");
    assert_eq!(json["fixes"][0]["practices"]["back"], 1);
    assert_eq!(json["fixes"][1]["ends"], "window");
}

#[tokio::test]
async fn a_period_has_them_and_of_one_practice_what_changed_there() {
    let dir = tempfile::tempdir().expect("a folder");
    written(dir.path(), &three()).await.close().await;
    let made = Made::at(dir.path(), "14:00:00").await;
    let of = |filter: &Filter| PeriodFigures::new(&made.ground(), clock("00:00:00"), made.now, filter);
    let figures = of(&Filter::default());
    assert_eq!(figures.fixes, made.figures().fixes, "both reports say the same");
    let only = |id: &str| Filter { practice: made.config.estate.practice(id), supplier: None };
    let of_one = of(&only("G82003")).fixes;
    let effects: Vec<&str> = of_one.iter().map(|fix| &*fix.effect).collect();
    assert_eq!(
        effects,
        [
            "In the 45 minutes until the next fix, none of 1 practice came back; 1 got a part of it back.",
            "In the 60 minutes after it, no effect shows: the one practice did not come back, and lost nothing more.",
            "In the 60 minutes after it, 1 of 1 practice came back, after 30 seconds.",
        ]
    );
    let none = PeriodFigures::new(&made.ground(), clock("12:30:00"), made.now, &Filter::default());
    assert!(none.fixes.is_empty(), "its incidents have none");

    let csv = String::from_utf8(period_csv(&figures).expect("a table")).expect("text");
    assert_eq!(csv.lines().filter(|line| line.contains(",fix,2026-03-16-1,")).count(), 3, "{csv}");
    let html = period_html(&made.ground(), &figures, &verified(dir.path(), None).await).expect("a page");
    assert!(html.contains("A diamond on a bar above is a fix") && html.contains("changed a rule"), "{html}");
    assert_eq!(html.matches("l5 -5l5 5l-5 5z").count(), 3, "a diamond each");
    let html = period_html(&made.ground(), &none, &verified(dir.path(), None).await).expect("a page");
    assert!(html.contains("linewatch fixed") && !html.contains("l5 -5l5 5l-5 5z"), "{html}");
}

#[tokio::test]
async fn what_came_and_went_in_between_is_said_beside_what_stayed() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = written(dir.path(), &three()[1..2]).await;
    let mut flaps = vec![turn("10:50:00", PRACTICES[0], A, false), turn("10:55:00", PRACTICES[0], A, true)];
    for (text, ok) in [("10:35:00", true), ("10:40:00", false)] {
        flaps.extend([A, D].map(|probe| turn(text, PRACTICES[2], probe, ok)));
    }
    // One service alone came back for a while: something didn't answer all the time.
    flaps.extend([turn("10:35:00", PRACTICES[3], A, true), turn("10:40:00", PRACTICES[3], A, false)]);
    store.record_transitions(clock("12:00:00"), &flaps).await.expect("written");
    store.close().await;
    let fix = nth(&Made::at(dir.path(), "14:00:00").await, 0);
    assert_eq!(turned(&fix), [4, 0, 0, 0, 4, 0, 0]);
    assert_eq!((fix.practices.back_between, fix.practices.failed_between), (1, 1));
    assert_eq!(
        fix.effect,
        "In the 60 minutes after it, none of 4 practices came back; 4 are as they were; \
         1 came back in between and failed again; 1 failed in between and came back."
    );
}

#[tokio::test]
async fn what_was_not_measured_is_said_and_counted_nowhere() {
    let dir = tempfile::tempdir().expect("a folder");
    let store =
        written(dir.path(), &[fix("09:45:00", "09:45:00", "one"), fix("09:45:20", "09:46:00", "two")]).await;
    store.record_fix(fix("11:59:59", "12:00:00", "three")).await.expect("written");
    store.record_fix(fix("12:10:00", "12:10:00", "four")).await.expect("written");
    store.close().await;
    let mut made = Made::at(dir.path(), "14:00:00").await;
    let effects = |made: &Made| made.figures().fixes.into_iter().map(|fix| fix.effect).collect::<Vec<_>>();
    let sure = effects(&made);
    assert!(
        sure[0].starts_with("The next fix came 20 seconds later, before the checks had been asked again"),
        "{sure:?}"
    );
    assert!(sure[2].ends_with("nothing changed: nothing had failed, and nothing did."), "{sure:?}");
    assert_eq!(sure[3], "The incident was over by then.");

    // Nobody measured while the second was made.
    let gap = |from, to| linewatch::report::Gap { from, to, kind: linewatch::report::GapKind::NotRunning };
    made.facts.gaps = vec![gap(clock("09:45:10"), clock("09:46:00"))];
    let second = nth(&made, 1);
    assert_eq!(turned(&second), [0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(
        second.effect,
        "In the 60 minutes after it it isn't known what changed: none of them was measured when the fix was made, or not since."
    );
    // Nobody measured from the middle of the window to its end: as it was measured last, and so long is said.
    made.facts.gaps = vec![gap(clock("09:55:00"), clock("11:00:00"))];
    let second = nth(&made, 1);
    assert_eq!(turned(&second)[..3], [4, 1, 1]);
    assert!(second.effect.ends_with("For 50 minutes of that nobody measured."), "{}", second.effect);
    // At one practice alone.
    made.facts.gaps.clear();
    let practice = made.config.estate.practice(PRACTICES[0]).expect("a practice");
    let own = linewatch::spans::Spans::one(clock("09:45:10"), clock("11:50:00"));
    made.facts.practice_gaps.insert(practice, own);
    let second = nth(&made, 1);
    assert_eq!(turned(&second), [3, 0, 1, 0, 2, 1, 1]);
    assert!(
        second.effect.contains(
            "Of 1 practice it isn't known: it wasn't measured when the fix was made, or not since."
        ),
        "{}",
        second.effect
    );
}

#[tokio::test]
async fn of_an_incident_that_goes_on_it_is_counted_until_now() {
    let dir = tempfile::tempdir().expect("a folder");
    written(dir.path(), &three()[..1]).await.close().await;
    let made = Made::at(dir.path(), "09:51:00").await;
    let first = nth(&made, 0);
    assert_eq!((first.until.utc, first.ends), (clock("09:51:00"), WindowEnd::Now));
    assert_eq!(turned(&first), [4, 0, 2, 0, 2, 0, 0]);
    let made = Made::at(dir.path(), "09:45:05").await;
    let first = nth(&made, 0);
    assert_eq!(first.effect, "Nothing is known yet: the checks haven't been asked again since.");
}

#[tokio::test]
async fn what_was_said_of_an_incident_that_proved_to_be_another_is_counted_with_that() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = written(dir.path(), &[]).await;
    let other = "2026-03-16-2";
    let opened =
        Event { practices: vec!["G82005".to_owned()], ..event(other, EventKind::Opened, clock("09:01:00")) };
    store.record(&opened, &[]).await.expect("written");
    let early = Fix { incident: other.to_owned(), ..fix("09:45:00", "09:45:00", "rebooted it") };
    store.record_fix(early.clone()).await.expect("written");
    let merged = Event {
        reason: Some(Reason::Merged),
        into: Some(ID.to_owned()),
        ..event(other, EventKind::Resolved, clock("09:50:00"))
    };
    store.record(&merged, &[]).await.expect("written");
    assert_eq!(store.fixes(ID).await.expect("read"), [early]);
    store.close().await;
    let made = Made::at(dir.path(), "14:00:00").await;
    let one = nth(&made, 0);
    assert_eq!((&*one.incident, &*one.goes_on_as, one.practices.failing_before), (other, ID, 4));
    let period = PeriodFigures::new(&made.ground(), clock("00:00:00"), made.now, &Filter::default());
    assert_eq!(period.fixes.len(), 1, "once, though it stands under two incidents");
}

#[tokio::test]
async fn a_fix_that_was_made_another_afterwards_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    written(dir.path(), &three()).await.close().await;
    assert!(verified(dir.path(), None).await.is_sound());
    tamper(
        dir.path(),
        "UPDATE journal SET body = replace(body, '10:30:00', '10:29:00') WHERE subject = 'fix'",
    )
    .await;
    assert!(!verified(dir.path(), None).await.is_sound());
}

#[tokio::test]
async fn the_last_fix_of_each_open_incident_is_known_and_what_is_over_goes_in_its_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let [opened, ..] = events();
    store.record(&opened, &[]).await.expect("written");
    let [first, second, _] = three();
    for fix in [&second, &first] {
        store.record_fix(fix.clone()).await.expect("written");
    }
    assert_eq!(store.last_fixes().await.expect("read"), [(ID.to_owned(), second.clone())].into());
    let day = std::time::Duration::from_hours(24);
    let later = clock("12:00:00") + 10 * day;
    store.prune(later, day, day).await.expect("pruned");
    assert_eq!(store.fixes(ID).await.expect("read").len(), 2, "it is open");
    let [.., resolved] = events();
    store.record(&resolved, &[]).await.expect("written");
    assert_eq!(store.last_fixes().await.expect("read"), std::collections::BTreeMap::new());
    store.prune(later, day, day).await.expect("pruned");
    assert_eq!(store.fixes(ID).await.expect("read"), []);
    store.close().await;
}
