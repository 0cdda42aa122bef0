//! What somebody says that they did is in the next letter to staff, from the hub's own store; and after a restart as well.

use linewatch::incident::{Event, EventKind};

use crate::acknowledge::{Bench, DESK, cause_changed, decoded};
use crate::estate::{now, opened};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_read_in_the_next_letter_what_was_done() {
    let mut bench = Bench::start().await;
    let event = opened(2);
    bench.tell(&event).await;
    let first = decoded(&bench.mail_to(DESK).await);
    assert!(!first.contains("fix by"), "{first}");
    let (exit, said) = bench
        .command(&[
            "fixed",
            &event.incident,
            "rebooted the inside firewall",
            "--by",
            "Jo Bloggs <jo@icb.example>",
        ])
        .await;
    assert_eq!(exit, 0);
    assert!(said.starts_with("Recorded: rebooted the inside firewall, at "), "{said}");
    assert!(said.contains("by Jo Bloggs.") && !said.contains("jo@"), "{said}");
    let mut bench = bench.again().await;
    bench.tell(&Event { event: EventKind::Changed, at: now(), ..cause_changed(&event) }).await;
    let second = decoded(&bench.mail_to(DESK).await);
    assert!(second.contains("Subject: [linewatch] Changed") && second.contains("STEP BY STEP"), "{second}");
    assert!(second.contains(": fix by Jo Bloggs: rebooted the inside firewall"), "{second}");
    bench.running.stop().await;
}
