//! The store on real files: what it keeps, and what it does when the file can't be used.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use linewatch::config::Config;
use linewatch::incident::Event;
use linewatch::notify::{Audience, Notice, NoticeKind, NoticeState, Outcome};
use linewatch::observation::Failure;
use linewatch::store::{Settlement, Store, StoreError, StoreHealth, Transition};
use linewatch::time::At;

use crate::estate::{beside, config, manager, opened, resolved};

const DAY: Duration = Duration::from_hours(24);

fn notice(event: &Event, practice: usize) -> Notice {
    Notice {
        id: format!("{}.{:?}.{practice}", event.incident, event.event),
        incident: event.incident.clone(),
        event_at: event.at,
        event: event.event,
        kind: NoticeKind::Opening,
        audience: Audience::Practices(vec![format!("P{practice}")]),
        recipient: manager(practice),
        thread: None,
        due: event.at,
        state: NoticeState::Queued,
    }
}

fn accepted(notice: &Notice) -> Settlement {
    Settlement {
        at: notice.due,
        notice: notice.id.clone(),
        incident: notice.incident.clone(),
        kind: notice.kind,
        audience: notice.audience.clone(),
        attempts: 1,
        tried: None,
        outcome: Outcome::Accepted,
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

async fn count(dir: &Path, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&beside(dir).await).await.expect("a number")
}

#[tokio::test]
async fn a_new_store_is_its_owners_alone_and_remembers() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("new").join("data");
    let store = Store::open(&data).await.expect("a store");
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("linewatch.db")), 0o600);
    assert_eq!(mode(&data.join("linewatch.db-wal")), 0o600);
    let event = opened(2);
    let notices = [notice(&event, 0), notice(&event, 1)];
    store.record(&event, &notices).await.expect("the disk takes it");
    store.record(&event, &notices).await.expect("twice is once");
    store.close().await;
    drop(store);

    let store = Store::open(&data).await.expect("the same store");
    assert_eq!(store.health(), StoreHealth::Fine);
    assert_eq!(store.open_incidents().await.expect("an answer"), std::slice::from_ref(&event));
    assert_eq!(store.last_incident().await.expect("an answer"), Some(event.incident.clone()));
    assert_eq!(
        store.incident_history(&event.incident).await.expect("an answer"),
        std::slice::from_ref(&event)
    );
    assert_eq!(store.notices_of(&event.incident).await.expect("an answer"), notices);
    assert_eq!(store.unsent().await.expect("an answer").len(), 2);

    store.settle(accepted(&notices[0])).await.expect("the disk takes it");
    let unsent = store.unsent().await.expect("an answer");
    assert_eq!(unsent.len(), 1);
    assert_eq!((&unsent[0].notice, &*unsent[0].event), (&notices[1], &event));
    let over = resolved(&event);
    store.record(&over, &[]).await.expect("the disk takes it");
    assert_eq!(store.open_incidents().await.expect("an answer"), []);
    assert_eq!(store.incident_history(&event.incident).await.expect("an answer"), [event, over]);
}

#[tokio::test]
async fn what_a_reader_last_got_counts_by_itself_and_in_a_digest_and_only_once_it_was_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let event_at = |minutes: i64| Event { at: opened(1).at.plus_millis(minutes * 60_000), ..opened(1) };
    let to = |minutes: i64, recipient: &str, audience: Audience| {
        let event = event_at(minutes);
        let id = format!("{}.{minutes}.{recipient}.{}", event.incident, audience.kind());
        Notice { id, recipient: recipient.to_owned(), audience, ..notice(&event, 0) }
    };
    let staff = |minutes: i64, recipient: &str| to(minutes, recipient, Audience::Staff);
    let (first, second, third) =
        (staff(0, "Desk@icb.example"), staff(10, "desk@icb.example"), staff(20, "desk@icb.example"));
    let owner = to(15, "desk@icb.example", Audience::Owner { name: "BT".to_owned() });
    let other = staff(16, "other@icb.example");
    let all = [&first, &second, &third, &owner, &other];
    for one in all {
        let event = event_at(one.event_at.millis_since(opened(1).at) / 60_000);
        store.record(&event, std::slice::from_ref(one)).await.expect("the disk takes it");
    }
    let last = async |notice: &Notice| store.last_told(notice).await.expect("an answer");
    assert_eq!(last(&third).await, None, "nothing has left");
    for one in [&first, &owner, &other] {
        store.settle(accepted(one)).await.expect("the disk takes it");
    }
    assert_eq!(last(&third).await, Some(first.event_at), "whatever the case of the address");
    assert_eq!(last(&first).await, None, "a letter that is sent again isn't its own predecessor");
    // The second is told in a digest, which is filed under another incident.
    let digest = "digest.1.00".to_owned();
    let told = Outcome::Withheld { why: format!("told in {digest}") };
    store.settle(Settlement { outcome: told, ..accepted(&second) }).await.expect("the disk takes it");
    assert_eq!(last(&third).await, Some(first.event_at), "the digest hasn't left");
    let elsewhere = Event { incident: "2026-03-17-1".to_owned(), ..event_at(12) };
    let digest = Notice {
        id: digest,
        kind: NoticeKind::Digest,
        incident: elsewhere.incident.clone(),
        ..staff(12, "desk@icb.example")
    };
    store.record(&elsewhere, std::slice::from_ref(&digest)).await.expect("the disk takes it");
    store.settle(accepted(&digest)).await.expect("the disk takes it");
    assert_eq!(last(&third).await, Some(second.event_at));
    // What was withheld for another reason was never told.
    let never = Outcome::Withheld { why: "a newer notice takes its place".to_owned() };
    store.settle(Settlement { outcome: never, ..accepted(&third) }).await.expect("the disk takes it");
    assert_eq!(last(&staff(30, "desk@icb.example")).await, Some(second.event_at));
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let error = Store::open(dir.path()).await.err().expect("it is in use");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(store);
    Store::open(dir.path()).await.expect("it is free again");
}

#[tokio::test]
async fn a_damaged_file_is_left_as_it_is_and_memory_serves() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("linewatch.db");
    let garbage = b"this is no database, however one looks at it\n".repeat(500);
    std::fs::write(&file, &garbage).expect("a file");
    let (store, error) = Store::open_or_memory(dir.path()).await;
    let error = error.expect("it is damaged");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(
        error.to_string().contains("linewatch.db") && error.to_string().contains("move it away"),
        "{error}"
    );
    serves(&store).await;
    assert_eq!(std::fs::read(&file).expect("still there"), garbage);
}

#[tokio::test]
async fn a_file_with_a_damaged_page_is_found_out_at_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    for n in 0..50 {
        let event = Event { incident: format!("2026-03-16-{n}"), ..opened(20) };
        store.record(&event, &[notice(&event, n)]).await.expect("the disk takes it");
    }
    store.close().await;
    drop(store);
    let file = dir.path().join("linewatch.db");
    let mut bytes = std::fs::read(&file).expect("a file");
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(&file, &bytes).expect("a file");
    let (store, error) = Store::open_or_memory(dir.path()).await;
    assert!(matches!(error, Some(StoreError::Corrupt { .. })), "{error:?}");
    serves(&store).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_leaves_memory() {
    let (store, error) = Store::open_or_memory(Path::new("/proc/linewatch-test")).await;
    let error = error.expect("nobody makes folders there");
    assert!(
        error.to_string().contains("/proc/linewatch-test") && error.to_string().contains("[hub] data"),
        "{error}"
    );
    serves(&store).await;
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&beside(dir.path()).await)
    .await
    .expect("the row fits");
    store.close().await;
    drop(store);
    let (_, error) = Store::open_or_memory(dir.path()).await;
    assert!(matches!(error, Some(StoreError::Newer { .. })), "{error:?}");
}

/// A store in memory does all that one on disk does.
async fn serves(store: &Store) {
    let StoreHealth::Failing { why, .. } = store.health() else { panic!("it is in memory") };
    assert!(why.contains("memory"), "{why}");
    let event = opened(1);
    store.record(&event, &[notice(&event, 0)]).await.expect("memory takes it");
    assert_eq!(store.open_incidents().await.expect("an answer"), std::slice::from_ref(&event));
    assert_eq!(store.unsent().await.expect("an answer").len(), 1);
    assert!(!store.approve(&event.incident, "desk", event.at).await.expect("it is open").already);
    assert!(store.approved(&event.incident).await.expect("an answer"));
}

#[tokio::test]
async fn an_event_is_recorded_with_all_its_notices_or_not_at_all() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let other = beside(dir.path()).await;
    sqlx::query("ALTER TABLE notices RENAME TO away").execute(&other).await.expect("a broken store");
    let event = opened(2);
    let notices = [notice(&event, 0), notice(&event, 1)];
    store.record(&event, &notices).await.expect_err("there is no outbox");
    assert_eq!(count(dir.path(), "SELECT count(*) FROM journal").await, 0);
    assert_eq!(count(dir.path(), "SELECT count(*) FROM incidents").await, 0);
    let StoreHealth::Failing { why, .. } = store.health() else { panic!("it can't write") };
    assert!(why.contains("linewatch.db"), "{why}");
    // `why INCIDENT` knows of it all the same.
    assert_eq!(
        store.incident_history(&event.incident).await.expect("an answer"),
        std::slice::from_ref(&event)
    );

    sqlx::query("ALTER TABLE away RENAME TO notices").execute(&other).await.expect("a mended store");
    store.flush().await.expect("what waited is written");
    assert_eq!(store.health(), StoreHealth::Fine);
    assert_eq!(
        count(dir.path(), "SELECT count(*) FROM journal").await,
        2,
        "the event, and that notices were planned"
    );
    assert_eq!(store.notices_of(&event.incident).await.expect("an answer"), notices);
}

#[tokio::test]
async fn what_is_final_stays_and_the_journal_cannot_be_changed() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let event = opened(1);
    let notice = notice(&event, 0);
    store.record(&event, std::slice::from_ref(&notice)).await.expect("the disk takes it");
    store.settle(accepted(&notice)).await.expect("the disk takes it");
    let late = Settlement { outcome: Outcome::Rejected { why: "too late".to_owned() }, ..accepted(&notice) };
    store.settle(late).await.expect("it changes nothing");
    assert_eq!(store.notices_of(&event.incident).await.expect("an answer")[0].state, NoticeState::Accepted);
    let other = beside(dir.path()).await;
    let changed = sqlx::query("UPDATE journal SET body = '{}'").execute(&other).await;
    assert!(changed.expect_err("append-only").to_string().contains("append-only"));
    let removed = sqlx::query("DELETE FROM journal").execute(&other).await;
    assert!(removed.expect_err("kept").to_string().contains("removed only when its time is over"));
}

#[tokio::test]
async fn approval_is_recorded_once_with_who_gave_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let event = opened(1);
    let held = Notice { state: NoticeState::Held, ..notice(&event, 0) };
    store.record(&event, &[held]).await.expect("the disk takes it");
    let first = store.approve(&event.incident, "duty manager", event.at).await.expect("it is open");
    assert_eq!((first.released, first.already), (1, false));
    let second = store.approve(&event.incident, "somebody else", event.at).await.expect("it is open");
    assert_eq!((second.released, second.already), (0, true));
    assert_eq!(store.notices_of(&event.incident).await.expect("an answer")[0].state, NoticeState::Queued);
    let body: String = sqlx::query_scalar("SELECT body FROM journal WHERE subject = 'approval'")
        .fetch_one(&beside(dir.path()).await)
        .await
        .expect("one approval");
    assert_eq!(body, r#"{"by":"duty manager","released":1}"#);
    let unknown = store.approve("2026-03-16-7", "desk", event.at).await.expect_err("no such incident");
    assert!(matches!(unknown, StoreError::UnknownIncident(_)), "{unknown}");
}

#[tokio::test]
async fn retention_removes_addresses_first_and_the_rest_later_and_never_what_is_open() {
    let Config { hub, .. } = config(1, "127.0.0.1:1".parse().expect("an address"));
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let start = At::from_millis(1_700_000_000_000);
    let event = |id: &str| Event { at: start, incident: id.to_owned(), ..opened(1) };
    let (over, open) = (event("2023-11-14-1"), event("2023-11-14-2"));
    for event in [&over, &open] {
        let notice = notice(event, 0);
        store.record(event, std::slice::from_ref(&notice)).await.expect("the disk takes it");
        store.settle(accepted(&notice)).await.expect("the disk takes it");
        let said = linewatch::notify::Acknowledgement {
            incident: event.incident.clone(),
            at: start,
            person: "as jo".to_owned(),
            by: "Jo".to_owned(),
            way: linewatch::notify::AckWay::Command,
            audience: Audience::Staff,
            note: None,
        };
        store.acknowledge(said).await.expect("the disk takes it");
    }
    store.record(&resolved(&over), &[]).await.expect("the disk takes it");
    let transition = Transition {
        at: start,
        practice: "P0".to_owned(),
        probe: "accurx".to_owned(),
        ok: false,
        failure: Some(Failure::Timeout),
        path: Some(linewatch::probe::path::unknown("no permission")),
        agent: None,
    };
    store.record_transitions(start, &[transition.clone(), transition]).await.expect("the disk takes it");

    let early = store.prune(start + 89 * DAY, hub.keep, hub.keep_addresses).await.expect("it works");
    assert_eq!(early, linewatch::store::Pruned::default());

    let later = store.prune(start + 91 * DAY, hub.keep, hub.keep_addresses).await.expect("it works");
    assert_eq!((later.notices, later.journal, later.incidents), (1, 0, 0));
    let bytes = std::fs::read(dir.path().join("linewatch.db")).expect("a file");
    let held = bytes.windows(manager(0).len()).filter(|window| *window == manager(0).as_bytes()).count();
    assert_eq!(held, 1, "the open incident's address is kept, the other is gone from the file");

    let last = store.prune(start + 401 * DAY, hub.keep, hub.keep_addresses).await.expect("it works");
    assert_eq!((last.incidents, last.transitions), (1, 1));
    assert_eq!(store.incident_history(&over.incident).await.expect("an answer"), []);
    assert_eq!(store.open_incidents().await.expect("an answer"), [open]);
    assert_eq!(count(dir.path(), "SELECT count(*) FROM acknowledgements").await, 1, "the open incident's");
}
