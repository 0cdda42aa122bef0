//! A storm of 500 notices, and a process that is killed in the middle of it, again and again: everybody has every
//! notice in the end.
//!
//! The desk runs in a process of its own: this test binary, asked to run only [`a_desk_to_be_killed`].

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use linewatch::limits::SMTP_CONNECTIONS;
use linewatch::notify::Desk;
use linewatch::store::Store;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use crate::estate::{DEADLINE, config, impatient, manager, opened, resolved};
use crate::relay::{Answer, Mail, Relay, Step, counted};

/// Each gets an opening and an all-clear: 500 notices to managers, and 2 to staff.
const PRACTICES: usize = 250;
const NOTICES: usize = 2 * (PRACTICES + 1);

#[tokio::test]
async fn killed_after_the_outbox_has_it_and_before_any_mail_nothing_is_lost() {
    storm(&[0]).await;
}

#[tokio::test]
async fn killed_early_in_the_storm_nothing_is_lost() {
    storm(&[1]).await;
}

#[tokio::test]
async fn killed_three_times_in_the_storm_nothing_is_lost() {
    storm(&[57, 133, 190]).await;
}

#[tokio::test]
async fn killed_just_before_the_end_nothing_is_lost() {
    storm(&[NOTICES - 3]).await;
}

/// Kills the process again and again: each time after the mail server has answered for so many mails, and has taken
/// more without an answer, which is the worst moment there is. (0: before it has greeted anybody.)
async fn storm(kills: &[usize]) {
    let dir = tempfile::tempdir().expect("a folder");
    let answers = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&answers);
    let manner = move |step: Step<'_>| match step {
        Step::Body(_) => {
            let answered = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if answered.is_ok() { Answer::Fine } else { Answer::TakeInSilence }
        }
        _ => Answer::Fine,
    };
    let (mut relay, open) = Relay::closed(manner).await;
    let mut desk = DeskProcess::start(dir.path(), &relay, true);
    desk.wait_for("recorded").await;
    let mut mails: Vec<Mail> = Vec::new();
    let mut unanswered = 0;
    for (n, kill) in kills.iter().enumerate() {
        if n > 0 {
            desk = DeskProcess::start(dir.path(), &relay, false);
        }
        if *kill > 0 {
            answers.store(*kill, Ordering::SeqCst);
            open.send_replace(true);
            mails.extend(relay.take(*kill).await);
            let under_way = (NOTICES + unanswered - mails.len()).min(SMTP_CONNECTIONS);
            mails.extend(relay.take(under_way).await);
            unanswered += under_way;
        }
        // SIGKILL: no destructor, no flush, no goodbye.
        desk.child.kill().await.expect("it ran");
        assert_eq!(relay.rest(), [], "nothing more was under way");
    }

    answers.store(usize::MAX, Ordering::SeqCst);
    open.send_replace(true);
    // The last one is also told of it all again, as a hub that starts again might.
    let mut desk = DeskProcess::start(dir.path(), &relay, true);
    desk.wait_for("drained").await;
    let status = tokio::time::timeout(DEADLINE, desk.child.wait()).await.expect("it ends").expect("it ran");
    assert!(status.success(), "{status}");
    mails.extend(relay.rest());

    let counts = counted(&mails);
    assert_eq!(counts.len(), NOTICES, "each recipient has each notice");
    let repeats: usize = counts.values().map(|count| count - 1).sum();
    // What the server took without an answer must come again. What it had answered for may, when the process died
    // before it could write that down.
    let at_most = SMTP_CONNECTIONS * 2 * kills.len();
    assert!(
        (unanswered..=at_most).contains(&repeats),
        "{repeats} repeats, {unanswered} mails without an answer"
    );
    let mut subjects: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for mail in &mails {
        subjects.entry(&mail.to).or_default().push(mail.header("Subject").expect("one"));
    }
    for practice in 0..PRACTICES {
        let read = &subjects[manager(practice).as_str()];
        let back = read.iter().position(|subject| subject.contains("Internet back")).expect("an all-clear");
        assert!(read[..back].iter().any(|subject| subject.contains("Internet down")), "{read:?}");
    }
}

/// A process that ends when this is dropped.
struct DeskProcess {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl DeskProcess {
    fn start(dir: &Path, relay: &Relay, tell: bool) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--ignored", "--exact", "storm::a_desk_to_be_killed", "--nocapture", "--test-threads=1"])
            .env("LINEWATCH_TEST_DATA", dir)
            .env("LINEWATCH_TEST_RELAY", relay.address.to_string())
            .env("LINEWATCH_TEST_TELL", if tell { "yes" } else { "no" })
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a process");
        let says = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, says }
    }

    async fn wait_for(&mut self, word: &str) {
        let heard = async {
            while let Some(line) = self.says.next_line().await.expect("text") {
                // The test harness may have begun the line.
                if line.ends_with(word) {
                    return true;
                }
            }
            false
        };
        let heard = tokio::time::timeout(DEADLINE, heard).await;
        assert_eq!(heard, Ok(true), "the process never said \"{word}\"");
    }
}

/// The events are the same in every process, as they would be from the same correlator.
fn events() -> [linewatch::incident::Event; 2] {
    let mut opened = opened(PRACTICES);
    opened.at = "2026-03-16T07:12:03.120Z".parse().expect("a time");
    opened.since = opened.at;
    let over = resolved(&opened);
    [opened, over]
}

#[tokio::test]
#[ignore = "the process that the other tests kill; on its own it does nothing"]
async fn a_desk_to_be_killed() {
    let setting = |name: &str| std::env::var(name).ok();
    let (Some(data), Some(relay)) = (setting("LINEWATCH_TEST_DATA"), setting("LINEWATCH_TEST_RELAY")) else {
        return;
    };
    let config = config(PRACTICES, relay.parse().expect("an address"));
    let store = Store::open(Path::new(&data)).await.expect("a store");
    // The events are so old that their notices would be given up; and silence shall be broken by the kill, not by us.
    let patience = linewatch::notify::Patience {
        give_up: std::time::Duration::from_hours(100 * 365 * 24),
        send: DEADLINE,
        ..impatient()
    };
    let desk = Desk::start_with(&config, store, CancellationToken::new(), patience).await;
    let mut deliveries = desk.deliveries();
    if setting("LINEWATCH_TEST_TELL").as_deref() == Some("yes") {
        for event in events() {
            desk.tell(&event).await;
        }
        println!("recorded");
    }
    while desk.stats().queued > 0 {
        // Waking up without news only means to look again: the last one may have come before we listened.
        drop(tokio::time::timeout(std::time::Duration::from_millis(100), deliveries.recv()).await);
    }
    desk.stop().await;
    println!("drained");
}
