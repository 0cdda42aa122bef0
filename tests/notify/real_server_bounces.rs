//! A mail that Debian's Exim takes and can't deliver comes back the whole way: Exim writes its own report, pipes it into `linewatch bounce`,
//! and that tells a real hub.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use linewatch::config::RelaySettings;
use linewatch::notify::{Audience, Delivery, Outcome};
use serde_json::Value;

use crate::acknowledge::Bench;
use crate::estate::{manager, next, opened, with_mail};
use crate::real_server::Exim;

/// It takes whatever comes. There is no mailbox for one domain; what comes back to our own address goes to a command, and is kept when that
/// says so.
const RULES: &str = r"
begin acl
recipient:
  accept
begin routers
back:
  driver = accept
  domains = icb.example
  local_parts = linewatch
  transport = bring
nobody:
  driver = redirect
  domains = p1.example
  allow_fail
  data = :fail: 5.1.1 no such mailbox here
mailbox:
  driver = accept
  transport = maildir
begin transports
bring:
  driver = pipe
  command = DIR/bring
  temp_errors = 75
  message_prefix =
  message_suffix =
maildir:
  driver = appendfile
  directory = DIR/mail/${if eq{$domain}{p0.example}{p0}{icb}}
  maildir_format
  create_directory
begin retry
* * F,1h,1m
";

/// The command beside Exim's other files, where Exim's own user can run it; what it says is kept.
fn bring(exim: &Exim, hub: SocketAddr) {
    let dir = exim.folder();
    std::fs::copy(env!("CARGO_BIN_EXE_linewatch"), dir.join("linewatch")).expect("copied");
    let place = dir.display();
    let text =
        format!("#!/bin/sh\nexec {place}/linewatch bounce --url http://{hub} >> {place}/seen/said 2>&1\n");
    std::fs::write(dir.join("bring"), text).expect("written");
    for program in ["linewatch", "bring"] {
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.join(program), all).expect("allowed");
    }
}

fn is_to(delivery: &Delivery, practice: &str) -> bool {
    matches!(&delivery.audience, Audience::Practices(practices) if *practices == [practice.to_owned()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs exim4-daemon-light: .ci/run installs it and runs this"]
async fn what_exim_took_and_could_not_deliver_comes_back_and_is_recorded_against_its_recipient() {
    let exim = Exim::start(RULES).await;
    let bench = Bench::start_with(|config| {
        *config = with_mail(config.clone(), |mail| mail.relays = vec![RelaySettings::plain(exim.address)]);
    })
    .await;
    bring(&exim, bench.running.address);
    let mut deliveries = bench.running.hub().desk.deliveries();
    bench.tell(&opened(2)).await;
    let mut took = None;
    for _ in ["P0", "P1", "staff"] {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.outcome, Outcome::Accepted, "Exim takes whatever comes");
        took = took.or_else(|| is_to(&delivery, "P1").then(|| delivery.notice.clone()));
    }
    // In the foreground Exim says that it has a mail when it has tried to deliver it: what came back was about a mail that the hub was only
    // just handing over, and is kept.
    exim.run_queue().await;
    let back = next(&mut deliveries).await;
    let Outcome::Rejected { why } = back.outcome else { panic!("{back:?}") };
    assert_eq!(Some(back.notice), took, "of the mail that Exim had taken");
    // What Exim itself found out stands in words beside its report, which names the class alone.
    assert_eq!(why, "bounced: 5.0.0 5.1.1 no such mailbox here, said by mail.example");
    assert!(!why.contains(&manager(1)), "{why}");

    let said = std::fs::read_to_string(exim.folder().join("seen/said")).expect("what the command said");
    assert_eq!(said.lines().last(), Some(&*format!("2026-03-16-1, to P1: {why}.")), "{said}");
    for earlier in said.lines().rev().skip(1) {
        assert!(earlier.starts_with("linewatch: not recorded yet, to be tried again: "), "{said}");
    }
    let [notice] = &bench.notices("P1").await[..] else { panic!("one notice") };
    assert_eq!((&notice["state"], &notice["why"]), (&"rejected".into(), &why.as_str().into()));
    let outcomes: Vec<&Value> =
        notice["tries"].as_array().expect("a list").iter().map(|tried| &tried["outcome"]).collect();
    assert_eq!(outcomes, ["accepted", "bounced"], "taken first, and back afterwards");
    let status = bench.json("/api/v1/status").await;
    let [bouncing] = &status["bouncing"].as_array().expect("a list")[..] else { panic!("one: {status}") };
    assert_eq!((&bouncing["about"], &bouncing["to"]), (&"P1".into(), &"m***@p1.example".into()));
    assert!(bench.metric("linewatch_bounces_total{outcome=\"bounced\"} 1").await);

    // The others have theirs, nobody got what came back, and Exim keeps nothing.
    bench.running.stop().await;
    let folder = exim.end().await;
    let boxes = Exim::mailboxes(folder.path());
    let counts: Vec<(&str, usize)> = boxes.iter().map(|(name, mails)| (name.as_str(), mails.len())).collect();
    assert_eq!(counts, [("icb", 1), ("p0", 1)]);
    let kept = std::fs::read_dir(folder.path().join("spool/input")).expect("a spool").count();
    assert_eq!(kept, 0);
}
