//! A disk that is full: mails leave all the same, and the record is made up when there is room.
//!
//! The disk is a limit on the size of files, which holds for a whole process; so the test runs in one of its own.

use std::process::Command;

use linewatch::notify::Desk;
use linewatch::store::{Store, StoreHealth};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use tokio_util::sync::CancellationToken;

use crate::estate::{beside, config, impatient, opened, resolved};
use crate::relay::Relay;

#[test]
fn on_a_full_disk_mails_leave_and_the_record_is_made_up_later() {
    let status = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--ignored", "--exact", "disk::a_process_with_a_full_disk", "--nocapture", "--test-threads=1"])
        .env("LINEWATCH_TEST_FULL_DISK", "yes")
        .status()
        .expect("a process");
    assert!(status.success(), "{status}");
}

#[test]
#[ignore = "limits the whole process; the test above runs it in one of its own"]
fn a_process_with_a_full_disk() {
    if std::env::var_os("LINEWATCH_TEST_FULL_DISK").is_none() {
        return;
    }
    // A write beyond the limit shall fail as on a full disk, not end the process. Threads to come inherit this.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    signals.thread_block().expect("signals can be blocked");
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(full_disk());
}

async fn full_disk() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut relay = Relay::kind().await;
    let store = Store::open(dir.path()).await.expect("a store");
    let config = config(40, relay.address);
    let desk = Desk::start_with(&config, store.clone(), CancellationToken::new(), impatient()).await;
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).expect("a limit");
    setrlimit(Resource::RLIMIT_FSIZE, 0, hard).expect("a smaller limit");

    let event = opened(40);
    desk.tell(&event).await;
    assert_eq!(relay.take(41).await.len(), 41, "everybody is told");
    let StoreHealth::Failing { why, .. } = store.health() else { panic!("the disk takes nothing") };
    assert!(why.contains("linewatch.db"), "{why}");
    assert_eq!(store.incident_history(&event.incident).await.expect("from memory").len(), 1);
    desk.tell(&resolved(&event)).await;
    assert_eq!(relay.take(41).await.len(), 41, "and of the end");

    setrlimit(Resource::RLIMIT_FSIZE, soft, hard).expect("the old limit");
    desk.stop().await;
    store.flush().await.expect("the disk takes it now");
    assert_eq!(store.health(), StoreHealth::Fine);
    let other = beside(dir.path()).await;
    let accepted: i64 = sqlx::query_scalar("SELECT count(*) FROM notices WHERE state = 'accepted'")
        .fetch_one(&other)
        .await
        .expect("a number");
    assert_eq!(accepted, 82, "the record is whole, and nothing is sent again");
    assert_eq!(relay.rest(), []);
}
