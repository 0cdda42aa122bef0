//! Who is really told, and when: approvals beyond an hour's messages and during a mute, and the links in a digest.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use linewatch::config::{Config, PracticeNotices};
use linewatch::incident::{Event, EventKind, Reason};
use linewatch::notify::policy::mute::Muted;
use linewatch::notify::policy::{LET_GO, Row};
use linewatch::notify::{Audience, Clock, Desk, Keep, Notice, NoticeKind, NoticeState, Outcome};
use linewatch::store::{Settlement, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::estate::{beside, config, impatient, manager, next, now, opened, resolved};
use crate::relay::Relay;

/// One practice's manager is told, when somebody approves it.
async fn desk(config: &Config) -> (Desk, Store, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let desk = Desk::start_with(config, store.clone(), CancellationToken::new(), impatient()).await;
    (desk, store, dir)
}

fn after_approval(relay: &Relay) -> Config {
    let mut config = config(1, relay.address);
    config.notices.practices = PracticeNotices::AfterApproval;
    if let Some(mail) = &mut config.mail {
        mail.staff.clear();
    }
    config
}

fn incident(number: i64) -> Event {
    let at = now().plus_millis(number);
    Event { incident: format!("2026-03-16-{number}"), at, since: at, ..opened(1) }
}

async fn states(store: &Store, incident: &str) -> Vec<NoticeState> {
    store.flush().await.expect("the disk takes it");
    let notices = store.notices_of(incident).await.expect("an answer");
    notices.into_iter().map(|notice| notice.state).collect()
}

#[tokio::test]
async fn what_is_approved_counts_when_it_leaves_and_the_rest_is_kept_for_a_digest() {
    let mut relay = Relay::kind().await;
    let mut config = after_approval(&relay);
    config.notices.per_hour = Some(3);
    let (desk, store, dir) = desk(&config).await;
    let mut news = desk.deliveries();
    let events: Vec<Event> = (1..=4).map(incident).collect();
    for event in &events {
        desk.tell(event).await;
    }
    assert_eq!(desk.stats().held, 4);
    for event in &events {
        let approved = desk.approve(&event.incident, "duty manager").await.expect("it is open");
        assert_eq!((approved.released, approved.kept), (1, 0));
    }
    // Two leave, and the two that the hour has no room for are taken out of the queue.
    let mut withheld = 0;
    for _ in 0..4 {
        withheld += usize::from(next(&mut news).await.outcome.as_str() == "withheld");
    }
    assert_eq!(withheld, 2);
    assert_eq!(relay.take(2).await.len(), 2);
    desk.stop().await;
    assert_eq!(relay.rest(), []);
    let mut kept = 0;
    for event in &events {
        let states = states(&store, &event.incident).await;
        kept += states.iter().filter(|state| **state == NoticeState::Kept { by: Keep::Cap }).count();
    }
    assert_eq!(kept, 2);
    // An hour passes.
    let moved = sqlx::query("UPDATE notices SET due = due - 7200000, changed_at = changed_at - 7200000");
    moved.execute(&beside(dir.path()).await).await.expect("an answer");
    let desk = Desk::start_with(&config, store, CancellationToken::new(), impatient()).await;
    let digest = relay.next().await;
    assert_eq!(
        digest.header("Subject").expect("a subject"),
        "[linewatch] Held back until now: 2 incidents, 2 go on"
    );
    desk.stop().await;
}

#[tokio::test]
async fn what_is_approved_while_it_is_muted_waits_for_the_end_of_the_mute() {
    let mut relay = Relay::kind().await;
    let (desk, store, _dir) = desk(&after_approval(&relay)).await;
    let event = incident(1);
    desk.tell(&event).await;
    let muted = Muted::Incident { id: event.incident.clone() };
    let mute = desk.mute(muted, now().plus_millis(3_600_000), "somebody", None).await.expect("an answer");
    let approved = desk.approve(&event.incident, "duty manager").await.expect("it is open");
    assert_eq!((approved.released, approved.kept), (1, 1), "whoever approves is told so");
    let why = || NoticeState::Withheld { why: "a newer notice takes its place".to_owned() };
    assert_eq!(states(&store, &event.incident).await, [why(), NoticeState::Kept { by: Keep::Mute }]);
    assert_eq!(relay.rest(), []);
    assert!(desk.end_mute(mute.expect("there is room").number, "somebody").await.is_some());
    let opening = relay.next().await;
    desk.tell(&resolved(&event)).await;
    assert_eq!(relay.next().await.header("In-Reply-To"), Some(opening.message_id()));
    desk.stop().await;
}

#[tokio::test]
async fn a_digest_has_a_link_for_each_incident_that_goes_on() {
    let mut relay = Relay::kind().await;
    let mut config = after_approval(&relay);
    config.notices.practices = PracticeNotices::Auto;
    config.notices.per_hour = Some(1);
    config.acknowledgement.link = Some("https://linewatch.example/".parse().expect("a URL"));
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    // Time passes when the test says so.
    let began = now();
    let passed = Arc::new(AtomicI64::new(0));
    let clock: Clock = {
        let passed = Arc::clone(&passed);
        Arc::new(move || began.plus_millis(passed.load(Ordering::SeqCst)))
    };
    let desk = Desk::start_by(clock, &config, store, CancellationToken::new(), impatient()).await;
    // Beyond the hour's one message, which is the digest.
    let at_once = |number: i64| Event { at: began, since: began, ..incident(number) };
    let (goes_on, also, over) = (at_once(1), at_once(2), at_once(3));
    for event in [&goes_on, &also, &over] {
        desk.tell(event).await;
    }
    desk.tell(&resolved(&over)).await;
    assert_eq!(relay.rest(), [], "it gathers, however long all of this took");
    passed.store(3_600_000, Ordering::SeqCst);
    let digest = relay.next().await;
    let text = digest.data.replace("=\r\n", "").replace("=3D", "=");
    for (event, links) in [(&goes_on, 2), (&also, 2), (&over, 0)] {
        let link = format!("https://linewatch.example/ack/{}/", event.incident);
        let found = text.matches(&link).count();
        assert!(if links == 0 { found == 0 } else { found >= links }, "{found} of {link} in {text}");
    }
    desk.stop().await;
}

#[tokio::test]
async fn the_mute_of_an_incident_goes_on_with_it_also_after_a_restart() {
    let mut relay = Relay::kind().await;
    let mut config = config(3, relay.address);
    if let Some(mail) = &mut config.mail {
        mail.staff.clear();
    }
    let (desk, store, _dir) = desk(&config).await;
    let (survivor, gone) = (incident(1), incident(2));
    desk.tell(&survivor).await;
    assert_eq!(relay.next().await.to, manager(0));
    let until = now().plus_millis(3_600_000);
    let muted = Muted::Incident { id: gone.incident.clone() };
    assert!(desk.mute(muted, until, "somebody", None).await.expect("an answer").is_some());
    desk.tell(&gone).await;
    let merged =
        Event { reason: Some(Reason::Merged), into: Some(survivor.incident.clone()), ..resolved(&gone) };
    desk.tell(&merged).await;
    let goes_on = Muted::Incident { id: survivor.incident.clone() };
    assert_eq!(desk.mutes()[0].muted, goes_on, "it is listed as what it mutes now");
    desk.stop().await;
    let desk = Desk::start_with(&config, store.clone(), CancellationToken::new(), impatient()).await;
    assert_eq!(desk.mutes()[0].muted, goes_on);
    let grown = Event { at: now(), event: EventKind::Changed, practices: opened(3).practices, ..survivor };
    desk.tell(&grown).await;
    let kept = states(&store, &grown.incident).await;
    assert_eq!(kept.iter().filter(|state| **state == NoticeState::Kept { by: Keep::Mute }).count(), 2);
    assert_eq!(relay.rest(), []);
    desk.stop().await;
}

#[tokio::test]
async fn what_was_let_go_of_is_counted_until_a_digest_has_left_that_counts_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let event = incident(1);
    let notice = |id: &str, kind: NoticeKind, state: NoticeState| Notice {
        id: id.to_owned(),
        incident: event.incident.clone(),
        event_at: event.at,
        event: event.event,
        kind,
        audience: Audience::Practices(vec!["P0".to_owned()]),
        recipient: manager(0),
        thread: None,
        due: event.at,
        state,
    };
    let let_go = NoticeState::Withheld { why: LET_GO.to_owned() };
    let digest = notice("digest.1.0", NoticeKind::Digest, NoticeState::Queued);
    let gone = notice("gone", NoticeKind::Opening, let_go);
    store.record(&event, &[gone, digest.clone()]).await.expect("a record");
    let left = store.routing_left(now()).await.expect("an answer");
    let ids = |rows: &[Row]| rows.iter().map(|row| row.notice.id.clone()).collect::<Vec<_>>();
    assert_eq!(
        (ids(&left.let_go), ids(&left.recent)),
        (vec!["gone".to_owned()], vec!["digest.1.0".to_owned()])
    );
    let accepted = Settlement::untried(&digest, now(), Outcome::Accepted);
    store.settle(accepted).await.expect("a settlement");
    let left = store.routing_left(now()).await.expect("an answer");
    assert!(left.let_go.is_empty() && left.digests.contains_key("digest.1.0"), "{left:?}");
}
