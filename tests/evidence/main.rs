//! Evidence that stands: a journal in which every change shows, and reports whose minutes are those of the truth.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod acknowledged;
mod fixed;
mod gaps;
mod journal;
mod kent;
mod period;
mod random;
mod reopened;
mod restart;
mod told;
mod year;

use std::path::Path;

use linewatch::incident::{Cause, Event, EventKind, Evidence, Reason, Signature};
use linewatch::journal::body::Turn;
use linewatch::journal::{Checked, Head};
use linewatch::observation::Failure;
use linewatch::store::{JournalReader, Store, Transition};
use linewatch::time::At;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

const START: At = At::from_millis(1_773_645_120_000);

fn event(incident: &str, kind: EventKind, at: At) -> Event {
    Event {
        at,
        event: kind,
        incident: incident.to_owned(),
        cause: vec![Cause { kind: "firewall".to_owned(), id: "fw-maidstone".to_owned() }],
        probability: 0.998,
        alternatives: Vec::new(),
        signature: Signature::Dropped,
        network: Some("internet".to_owned()),
        since: at,
        practices: vec!["G82002".to_owned()],
        services: vec!["accurx".to_owned()],
        evidence: Evidence::default(),
        reason: (kind == EventKind::Resolved).then_some(Reason::Recovered),
        into: None,
        lost: Vec::new(),
        sentence: "The firewall dropped everything.".to_owned(),
    }
}

fn change(at: At, practice: &str, ok: bool) -> Transition {
    Transition {
        at,
        practice: practice.to_owned(),
        probe: "accurx-https".to_owned(),
        ok,
        failure: (!ok).then_some(Failure::Timeout),
        path: None,
        agent: None,
    }
}

/// A store in which linewatch has measured since midnight, and Accurx didn't answer at one practice between these two.
async fn an_hour_down(dir: &Path, from: At, to: At) -> Store {
    let store = Store::open(dir).await.expect("a store");
    let midnight = "2026-03-16T00:00:00Z".parse().expect("a time");
    store.record_measuring(midnight, Turn::Started).await.expect("written");
    store
        .record_transitions(to, &[change(from, "G82002", false), change(to, "G82002", true)])
        .await
        .expect("written");
    store
}

async fn verified(dir: &Path, head: Option<Head>) -> Checked {
    let mut journal = JournalReader::open(dir).await.expect("a journal");
    let checked = journal.walk(head, |_| {}).await.expect("it can be read");
    journal.close().await;
    checked
}

async fn head(dir: &Path) -> Head {
    let mut journal = JournalReader::open(dir).await.expect("a journal");
    let tip = journal.tip().await.expect("an answer").expect("something was written");
    journal.close().await;
    let key = linewatch::journal::JournalKey::read(dir).expect("a key");
    Head::sign(&key, tip.seq, tip.at, tip.hash)
}

/// Somebody with the file in their hands, whom no trigger stops.
async fn tamperer(dir: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(dir.join("linewatch.db")).foreign_keys(false);
    let pool = SqlitePool::connect_with(options).await.expect("the file");
    for trigger in ["journal_is_never_changed", "journal_is_kept"] {
        let drop = format!("DROP TRIGGER IF EXISTS {trigger}");
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&pool).await.expect("dropped");
    }
    pool
}

async fn tamper(dir: &Path, statement: &str) {
    let pool = tamperer(dir).await;
    for one in statement.split(';').filter(|one| !one.trim().is_empty()) {
        let done = sqlx::query(sqlx::AssertSqlSafe(one.to_owned())).execute(&pool).await.expect("done");
        assert!(done.rows_affected() > 0, "it changed nothing: {one}");
    }
    pool.close().await;
}
