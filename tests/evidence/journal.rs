//! What is done to a journal shows, and where.

use std::path::Path;
use std::time::Duration;

use linewatch::incident::EventKind;
use linewatch::journal::Head;
use linewatch::journal::body::Turn;
use linewatch::store::Store;
use linewatch::time::At;

use super::{START, change, event, head, tamper, tamperer, verified};

const DAY: Duration = Duration::from_hours(24);

/// Seven entries: linewatch starts, a check fails, an incident opens, a check fails, one comes back, it resolves, it stops.
async fn written(dir: &Path) {
    let store = Store::open(dir).await.expect("a store");
    let at = |seconds: i64| START.plus_millis(seconds * 1000);
    store.record_measuring(at(0), Turn::Started).await.expect("written");
    store.record_transitions(at(6), &[change(at(1), "G82002", false)]).await.expect("written");
    store.record(&event("2026-03-16-1", EventKind::Opened, at(12)), &[]).await.expect("written");
    store.record_transitions(at(20), &[change(at(15), "G82003", false)]).await.expect("written");
    store
        .record_transitions(at(90), &[change(at(85), "G82002", true), change(at(86), "G82003", true)])
        .await
        .expect("written");
    store.record(&event("2026-03-16-1", EventKind::Resolved, at(100)), &[]).await.expect("written");
    store.record_measuring(at(110), Turn::Stopped).await.expect("written");
    store.close().await;
}

async fn first_fault(dir: &Path, head: Option<Head>) -> Option<(i64, String)> {
    let checked = verified(dir, head).await;
    assert_eq!(checked.is_sound(), checked.faults.is_empty());
    checked.faults.into_iter().next().map(|fault| (fault.entry, fault.what))
}

#[tokio::test]
async fn a_journal_that_nobody_touched_is_sound_and_agrees_with_its_head_for_ever() {
    let dir = tempfile::tempdir().expect("a folder");
    written(dir.path()).await;
    let kept = head(dir.path()).await;
    let checked = verified(dir.path(), Some(kept.clone())).await;
    assert_eq!((checked.is_sound(), checked.entries), (true, 7), "{checked:?}");
    assert_eq!(checked.last.map(|(_, at)| at), Some(START.plus_millis(110_000)));
    let store = Store::open(dir.path()).await.expect("the same store");
    store.record(&event("2026-03-17-1", EventKind::Opened, START + DAY), &[]).await.expect("written");
    store.close().await;
    let later = verified(dir.path(), Some(kept)).await;
    assert_eq!((later.is_sound(), later.entries), (true, 8));
}

#[tokio::test]
async fn whatever_is_changed_taken_out_put_in_or_swapped_is_found_where_it_was_done() {
    for (at, what) in [
        (3, "UPDATE journal SET at = at + 1 WHERE seq = 3"),
        (3, "UPDATE journal SET subject = 'evens' WHERE seq = 3"),
        (3, "UPDATE journal SET incident = '2026-03-16-2' WHERE seq = 3"),
        (3, "UPDATE journal SET body = replace(body, 'G82002', 'G82003') WHERE seq = 3"),
        (3, "UPDATE journal SET body = CAST(body AS BLOB) || x'ff' WHERE seq = 3"),
        (3, "UPDATE journal SET hash = zeroblob(32) WHERE seq = 3"),
        (3, "UPDATE journal SET hash = x'00' WHERE seq = 3"),
        (3, "UPDATE journal SET hash = NULL WHERE seq = 3"),
        (7, "UPDATE journal SET body = replace(body, 'stopped', 'started') WHERE seq = 7"),
        (3, "DELETE FROM journal WHERE seq = 2"),
        (1, "DELETE FROM journal WHERE seq <= 2; UPDATE journal SET seq = seq - 2"),
        (3, "UPDATE journal SET seq = 99 WHERE seq = 3; UPDATE journal SET seq = 3 WHERE seq = 4"),
        // Two entries that say the same but for their times change places, hashes and all.
        (
            2,
            "UPDATE journal SET seq = 99 WHERE seq = 2; UPDATE journal SET seq = 2 WHERE seq = 4; UPDATE journal SET seq = 4 WHERE seq = 99",
        ),
        (7, "DELETE FROM journal WHERE seq = 7"),
        (6, "DELETE FROM journal WHERE seq >= 6"),
        (1, "DELETE FROM journal"),
        (
            8,
            "INSERT INTO journal (seq, at, subject, incident, body, hash) SELECT 8, at, subject, incident, body, hash FROM journal WHERE seq = 7",
        ),
        (7, "UPDATE journal_tip SET at = at + 1"),
        (7, "UPDATE journal_tip SET hash = zeroblob(32)"),
        (7, "DELETE FROM journal_tip"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        written(dir.path()).await;
        tamper(dir.path(), what).await;
        let fault = first_fault(dir.path(), None).await;
        let (entry, words) = fault.unwrap_or_else(|| panic!("not found: {what}"));
        assert_eq!(entry, at, "{what}: {words}");
    }
}

#[tokio::test]
async fn only_a_head_that_left_the_folder_shows_that_all_was_written_anew() {
    let (dir, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    written(dir.path()).await;
    let kept = head(dir.path()).await;
    // The end goes, and everything that remembers it.
    tamper(
        dir.path(),
        "DELETE FROM journal WHERE seq >= 6; UPDATE journal_tip SET (seq, at, hash) = (SELECT seq, at, hash FROM journal WHERE seq = 5)",
    )
    .await;
    assert_eq!(first_fault(dir.path(), None).await, None, "in itself it is sound");
    let (entry, words) = first_fault(dir.path(), Some(kept.clone())).await.expect("the head knows better");
    assert_eq!(entry, 7);
    assert!(words.contains("there is no such entry"), "{words}");
    // Another story, well told, signed with another key.
    let store = Store::open(other.path()).await.expect("a store");
    for hour in 0..9 {
        let at = START + Duration::from_hours(hour);
        store.record_measuring(at, Turn::Started).await.expect("written");
    }
    store.close().await;
    let checked = verified(other.path(), Some(kept)).await;
    assert_eq!(checked.faults_total, 2, "another hash, and another key: {checked:?}");
    assert!(checked.faults[0].what.contains("written anew") && checked.faults[1].what.contains("key"));
}

#[tokio::test]
async fn the_daily_head_is_signed_once_a_day_and_kept_beside_the_journal_as_a_witness() {
    let dir = tempfile::tempdir().expect("a folder");
    written(dir.path()).await;
    let store = Store::open(dir.path()).await.expect("the store");
    let signed = store.sign_head(START).await.expect("signed").expect("the first of the day");
    assert_eq!(signed, head(dir.path()).await);
    assert_eq!(store.sign_head(START + Duration::from_hours(9)).await.expect("an answer"), None);
    assert!(store.sign_head(START + DAY).await.expect("signed").is_some());
    store.close().await;
    tamper(
        dir.path(),
        "DELETE FROM journal WHERE seq = 7; UPDATE journal_tip SET (seq, at, hash) = (SELECT seq, at, hash FROM journal WHERE seq = 6)",
    )
    .await;
    let (entry, _) = first_fault(dir.path(), None).await.expect("the daily heads know of it");
    assert_eq!(entry, 7);
}

#[tokio::test]
async fn retention_leaves_a_chain_that_holds_and_nobody_else_can_remove_under_its_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let at = |days: u32| START + days * DAY;
    store.record_measuring(at(0), Turn::Started).await.expect("written");
    store.record(&event("2026-03-16-1", EventKind::Opened, at(1)), &[]).await.expect("written");
    store.record(&event("2026-03-17-1", EventKind::Opened, at(2)), &[]).await.expect("written");
    store.record(&event("2026-03-17-1", EventKind::Resolved, at(3)), &[]).await.expect("written");
    store.record_transitions(at(380), &[change(at(380), "G82002", false)]).await.expect("written");
    let pruned = store.prune(at(400), 100 * DAY, 90 * DAY).await.expect("pruned");
    assert_eq!(pruned.journal, 3, "all but what is young, and the incident that is open");
    let checked = verified(dir.path(), None).await;
    assert_eq!(
        (checked.is_sound(), checked.begins_after, checked.entries, checked.removed),
        (true, 1, 3, 2),
        "{checked:?}"
    );
    // When it is over, what was between goes as well.
    store.record(&event("2026-03-16-1", EventKind::Resolved, at(401)), &[]).await.expect("written");
    let pruned = store.prune(at(402), 100 * DAY, 90 * DAY).await.expect("pruned");
    assert_eq!(pruned.journal, 1);
    let checked = verified(dir.path(), None).await;
    assert_eq!((checked.is_sound(), checked.begins_after, checked.removed), (true, 4, 0), "{checked:?}");
    assert_eq!(store.prune(at(403), 100 * DAY, 90 * DAY).await.expect("nothing to do").journal, 0);
    store.close().await;
    assert!(verified(dir.path(), None).await.is_sound());
    for forged in [
        // A young entry goes as if its time were over.
        "INSERT INTO journal_removed (seq, at, content, hash) SELECT seq, at, zeroblob(32), hash FROM journal WHERE seq = 5; DELETE FROM journal WHERE seq = 5",
        "UPDATE journal_base SET (seq, hash) = (SELECT seq, hash FROM journal WHERE seq = 5); DELETE FROM journal WHERE seq = 5",
        "UPDATE journal_base SET seq = 3",
        "UPDATE journal_base SET hash = zeroblob(32)",
        "DELETE FROM journal_base",
    ] {
        let copy = tempfile::tempdir().expect("a folder");
        std::fs::copy(dir.path().join("linewatch.db"), copy.path().join("linewatch.db")).expect("a copy");
        tamper(copy.path(), forged).await;
        assert!(!verified(copy.path(), None).await.is_sound(), "{forged}");
    }
}

/// As the version before this one left it.
#[tokio::test]
async fn a_folder_from_before_there_was_a_chain_is_taken_up_whole_once() {
    let dir = tempfile::tempdir().expect("a folder");
    written(dir.path()).await;
    let pool = tamperer(dir.path()).await;
    for undo in [
        "ALTER TABLE journal DROP COLUMN hash",
        "DELETE FROM journal WHERE subject IN ('checks', 'measuring')",
        "DROP TABLE journal_tip",
        "DROP TABLE journal_base",
        "DROP TABLE journal_removed",
        "DROP TABLE journal_heads",
        "DROP TABLE measured_until",
        "DELETE FROM _sqlx_migrations WHERE version = 6",
        "CREATE TRIGGER journal_is_never_changed BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'append-only'); END",
        "CREATE TRIGGER journal_is_kept BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'kept'); END",
    ] {
        sqlx::query(undo).execute(&pool).await.expect(undo);
    }
    pool.close().await;
    for _ in 0..2 {
        Store::open(dir.path()).await.expect("it migrates").close().await;
        let checked = verified(dir.path(), None).await;
        // Two events as they were; that the chain begins; and the four changes of checks.
        assert_eq!((checked.is_sound(), checked.entries), (true, 4), "{checked:?}");
    }
    let mut adopted = Vec::new();
    let mut journal = linewatch::store::JournalReader::open(dir.path()).await.expect("a journal");
    let read =
        journal.walk(None, |entry| adopted.push(String::from_utf8_lossy(entry.body).into_owned())).await;
    assert!(
        read.is_ok()
            && adopted[3].contains("\"adopted\":true")
            && adopted[3].matches("accurx-https").count() == 4
    );
    tamper(dir.path(), "UPDATE journal SET body = replace(body, 'dropped', 'passed') WHERE seq = 3").await;
    assert_eq!(first_fault(dir.path(), None).await.map(|(entry, _)| entry), Some(3));
}

#[tokio::test]
async fn one_flipped_byte_of_the_file_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    written(dir.path()).await;
    let file = dir.path().join("linewatch.db");
    let bytes = std::fs::read(&file).expect("a file");
    // What stands in the journal alone, and not in an index besides.
    for needle in
        ["The firewall dropped everything.", "\"stopped\"", "[\"2026-03-16T07:12:01.000Z\",\"G82002\""]
    {
        let at = bytes.windows(needle.len()).position(|window| window == needle.as_bytes());
        let mut bytes = bytes.clone();
        bytes[at.expect("it stands in the file") + 2] ^= 0x01;
        std::fs::write(&file, &bytes).expect("written");
        assert!(!verified(dir.path(), None).await.is_sound(), "{needle}");
    }
}

/// A file that was emptied is no older journal, and whoever verifies isn't told to start linewatch on it, which would begin another.
#[tokio::test]
async fn a_file_that_was_emptied_or_cut_short_or_is_no_store_is_damaged() {
    let dir = tempfile::tempdir().expect("a folder");
    written(dir.path()).await;
    let file = dir.path().join("linewatch.db");
    let bytes = std::fs::read(&file).expect("a file");
    for left in
        [&[][..], &bytes[..bytes.len() / 4], b"no database at all, but long enough to be taken for one?"]
    {
        std::fs::write(&file, left).expect("written");
        let error = match linewatch::store::JournalReader::open(dir.path()).await {
            Ok(mut journal) => match journal.walk(None, |_| {}).await {
                Ok(checked) => {
                    assert!(!checked.is_sound(), "{} bytes: {checked:?}", left.len());
                    continue;
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        let is_damaged = matches!(error, linewatch::store::StoreError::Corrupt { .. });
        assert!(is_damaged, "{} bytes: {error}", left.len());
    }
}

#[tokio::test]
async fn what_nobody_measured_is_written_down_when_linewatch_is_there_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let at = |seconds: i64| START.plus_millis(seconds * 1000);
    store.record_measuring(at(0), Turn::Started).await.expect("written");
    for seconds in [10, 20, 45, 55] {
        store.record_measuring(at(seconds), Turn::GoesOn).await.expect("written");
    }
    // The machine slept.
    store.record_measuring(at(400), Turn::GoesOn).await.expect("written");
    // It was killed, and started again.
    store.record_measuring(at(500), Turn::Started).await.expect("written");
    store.record_measuring(at(500), Turn::Started).await.expect("twice is once");
    store.close().await;
    let mut said: Vec<(At, String)> = Vec::new();
    let mut journal = linewatch::store::JournalReader::open(dir.path()).await.expect("a journal");
    journal
        .walk(None, |entry| said.push((entry.at, String::from_utf8_lossy(entry.body).into_owned())))
        .await
        .expect("read");
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(said[1].0, at(400));
    assert!(said[1].1.contains(&format!("\"goes_on\",\"nothing_since\":\"{}\"", at(55))), "{said:?}");
    assert!(said[2].1.contains(&format!("\"started\",\"nothing_since\":\"{}\"", at(400))), "{said:?}");
    assert_eq!(journal.measured_until().await.expect("an answer"), Some(at(500)));
}
