//! What is kept for later, through the desk, the store and a mail server: digests, mutes, and those who hear besides.
//!
//! Nobody can move this machine's clock, so it is the outbox that is moved into the past.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::time;
use linewatch::calendar::Hours;
use linewatch::config::{Config, ContactSettings, Pcn};
use linewatch::estate::Component;
use linewatch::incident::Event;
use linewatch::notify::bounce::{Recipient, Report};
use linewatch::notify::policy::mute::Muted;
use linewatch::notify::policy::routing::Terms;
use linewatch::notify::{Came, Delivery, Desk, NoticeKind, NoticeState, Outcome};
use linewatch::report::{Facts, Ground, IncidentFigures};
use linewatch::store::{JournalReader, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::bounces::{next as next_text, with_texts};
use crate::estate::{beside, config, impatient, manager, next as next_delivery, now, opened, resolved};
use crate::relay::{Answer, Mail, Relay};

async fn start(config: &Config, store: &Store) -> Desk {
    Desk::start_with(config, store.clone(), CancellationToken::new(), impatient()).await
}

async fn store() -> (Store, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    (Store::open(dir.path()).await.expect("a store"), dir)
}

/// A mail as it was before it was folded for the wire.
fn unfolded(mail: &Mail) -> String {
    mail.data.replace("=\r\n", "")
}

/// Only managers are told.
fn managers_only(practices: usize, relay: &Relay) -> Config {
    let mut config = config(practices, relay.address);
    if let Some(mail) = &mut config.mail {
        mail.staff.clear();
    }
    config
}

/// The firewall failed at practice 0.
fn earlier(incident: &str, minutes_ago: i64) -> Event {
    let at = now().plus_millis(-minutes_ago * 60_000);
    Event { incident: incident.to_owned(), at, since: at, ..opened(1) }
}

fn subject(mail: &Mail) -> String {
    mail.header("Subject").expect("every mail has one")
}

#[tokio::test]
async fn beyond_the_cap_a_digest_says_what_was_held_back_and_a_restart_forgets_none_of_it() {
    let mut relay = Relay::kind().await;
    let mut config = managers_only(1, &relay);
    config.notices.per_hour = Some(2);
    let (store, dir) = store().await;
    let desk = start(&config, &store).await;
    let events = [1, 2, 3].map(|number| earlier(&format!("2026-03-16-{number}"), 1));
    for event in &events {
        desk.tell(event).await;
    }
    assert!(subject(&relay.next().await).contains("(2026-03-16-1)"));
    desk.stop().await;
    let kept = store.notices_of("2026-03-16-2").await.expect("an answer");
    assert!(matches!(kept[0].state, NoticeState::Kept { .. }), "{kept:?}");
    // It is gathered for ten minutes, which pass.
    earlier_by(&store, dir.path(), 1_800_000).await;
    let desk = start(&config, &store).await;
    let digest = relay.next().await;
    assert_eq!(subject(&digest), "[linewatch] Held back until now: 2 incidents, 2 go on");
    assert!(
        unfolded(&digest).contains("(2026-03-16-2)") && unfolded(&digest).contains("(2026-03-16-3)"),
        "{}",
        digest.data
    );
    // The hour is full. What they know of ends, and none of the ends is lost: each waits for the next digest.
    for event in &events {
        desk.tell(&resolved(event)).await;
    }
    desk.stop().await;
    assert_eq!(relay.rest(), []);
    for event in &events {
        let notices = store.notices_of(&event.incident).await.expect("an answer");
        let last = notices.iter().rfind(|notice| notice.event_at > event.at).expect("its end");
        assert!(matches!(last.state, NoticeState::Kept { .. }), "{notices:?}");
    }
    // Two hours pass.
    earlier_by(&store, dir.path(), 7_200_000).await;
    let desk = start(&config, &store).await;
    let digest = relay.next().await;
    assert_eq!(subject(&digest), "[linewatch] Held back until now: 3 incidents, none goes on");
    assert!(unfolded(&digest).contains("WHAT IS OVER"), "{}", digest.data);
    desk.stop().await;
    store.close().await;

    // That it was taken is evidence about each incident that it told of.
    let mut journal = JournalReader::open(dir.path()).await.expect("a journal");
    let mut gatherer = Facts::gatherer(&config.estate);
    assert!(journal.walk(None, |entry| gatherer.take(entry)).await.expect("read").is_sound());
    let facts = gatherer.end(None, now());
    let hours = Hours::core();
    let ground = Ground { estate: &config.estate, facts: &facts, hours: &hours, planned: &[], now: now() };
    let all: BTreeSet<String> = events.iter().map(|event| event.incident.clone()).collect();
    let digests_of = |incident: &str| -> Vec<BTreeSet<String>> {
        let figures = IncidentFigures::new(&ground, incident).expect("figures");
        let accepted = figures.notices.iter().filter(|line| line.fate.outcome == "accepted");
        let digests = accepted.filter(|line| line.fate.notice == "digest");
        digests.map(|line| line.incidents().into_iter().collect()).collect()
    };
    let first = BTreeSet::from(["2026-03-16-2", "2026-03-16-3"].map(str::to_owned));
    assert_eq!(digests_of("2026-03-16-1"), std::slice::from_ref(&all));
    assert_eq!(digests_of("2026-03-16-2"), [first.clone(), all.clone()]);
    assert_eq!(digests_of("2026-03-16-3"), [first, all]);
}

/// As if all that is in the outbox had been planned, and had left, earlier by so much.
async fn earlier_by(store: &Store, dir: &Path, ms: i64) {
    store.flush().await.expect("the disk takes it");
    let moved = sqlx::query("UPDATE notices SET due = due - ?1, changed_at = changed_at - ?1")
        .bind(ms)
        .execute(&beside(dir).await)
        .await;
    assert!(moved.expect("an answer").rows_affected() > 0);
}

/// A manager who isn't written to today.
fn away_today() -> ContactSettings {
    let today = now().to_timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
    let in_three_days = today.checked_add(3.days()).expect("a day").weekday();
    ContactSettings {
        terms: Terms {
            hours: Some(Hours {
                days: vec![in_three_days],
                from: time(8, 0, 0, 0),
                until: time(9, 0, 0, 0),
                on_holidays: true,
                also_off: BTreeSet::new(),
            }),
            ..Terms::default()
        },
        ..ContactSettings::plain(manager(0))
    }
}

#[tokio::test]
async fn what_came_in_quiet_hours_is_told_when_they_are_over() {
    let mut relay = Relay::kind().await;
    let mut config = managers_only(1, &relay);
    let (store, _dir) = store().await;
    config.ways.contacts = vec![away_today()];
    let desk = start(&config, &store).await;
    let (goes_on, came, went) =
        (earlier("2026-03-16-1", 30), earlier("2026-03-16-2", 29), earlier("2026-03-16-2", 28));
    desk.tell(&goes_on).await;
    desk.tell(&came).await;
    desk.tell(&Event { at: went.at, ..resolved(&came) }).await;
    desk.stop().await;
    assert_eq!(relay.rest(), []);
    // From now on they are written to at any hour.
    config.ways.contacts.clear();
    let desk = start(&config, &store).await;
    let digest = relay.next().await;
    assert_eq!(subject(&digest), "[linewatch] Held back until now: 2 incidents, 1 goes on");
    assert!(unfolded(&digest).contains("WHAT CAME AND WENT"), "{}", digest.data);
    desk.tell(&resolved(&goes_on)).await;
    let back = relay.next().await;
    assert_eq!(back.header("In-Reply-To"), Some(digest.message_id()), "it is filed under the digest");
    desk.stop().await;
}

#[tokio::test]
async fn a_mute_keeps_openings_and_no_ends_and_its_end_tells_what_goes_on() {
    let mut relay = Relay::kind().await;
    let config = managers_only(1, &relay);
    let (store, dir) = store().await;
    let desk = start(&config, &store).await;
    let known = earlier("2026-03-16-1", 3);
    desk.tell(&known).await;
    assert!(subject(&relay.next().await).contains("(2026-03-16-1)"));
    let firewall = Muted::Component { kind: "firewall".to_owned(), id: "fw".to_owned() };
    let until = now().plus_millis(3_600_000);
    let mute = desk.mute(firewall, until, "somebody", Some("it is known")).await.expect("an answer");
    let mute = mute.expect("there is room");
    assert_eq!((mute.number, desk.mutes()), (1, vec![mute.clone()]));
    let muted = Event { at: now().plus_millis(1), ..earlier("2026-03-16-2", 0) };
    desk.tell(&muted).await;
    desk.tell(&resolved(&known)).await;
    assert!(subject(&relay.next().await).contains("(2026-03-16-1)"), "the end of what was told leaves");
    desk.stop().await;
    // A restart remembers the mute.
    let desk = start(&config, &store).await;
    assert_eq!(desk.mutes(), vec![mute]);
    assert_eq!(desk.end_mute(9, "somebody").await, None);
    assert!(desk.end_mute(1, "somebody else").await.is_some());
    assert!(subject(&relay.next().await).contains("(2026-03-16-2)"));
    assert_eq!(desk.mutes(), []);
    desk.stop().await;
    assert_eq!(relay.rest(), []);
    let journal: Vec<String> =
        sqlx::query_scalar("SELECT body FROM journal WHERE subject = 'mute' ORDER BY seq")
            .fetch_all(&beside(dir.path()).await)
            .await
            .expect("an answer");
    let [begun, ended] = &journal[..] else { panic!("two entries: {journal:?}") };
    assert!(
        begun.contains("\"muted\":\"firewall fw\"") && begun.contains("\"reason\":\"it is known\""),
        "{begun}"
    );
    assert!(ended.contains("\"turn\":\"ended\"") && ended.contains("\"by\":\"somebody else\""), "{ended}");
}

#[tokio::test]
async fn a_network_of_practices_and_an_owner_are_told_in_their_own_words() {
    let mut relay = Relay::kind().await;
    let mut config = managers_only(3, &relay);
    config.estate.components.push(Component {
        id: "fw".to_owned(),
        kind: "firewall".to_owned(),
        name: "ICB firewall".to_owned(),
        owner: Some("ICB network team".to_owned()),
        contact: None,
        target_percent: None,
        addresses: Vec::new(),
    });
    config.ways.pcns = vec![Pcn {
        id: "east".to_owned(),
        name: "East PCN".to_owned(),
        practices: vec!["P1".to_owned(), "P2".to_owned()],
    }];
    let contact = |email: &str, pcns: &[&str], owners: &[&str]| ContactSettings {
        pcns: pcns.iter().map(|id| (*id).to_owned()).collect(),
        owners: owners.iter().map(|name| (*name).to_owned()).collect(),
        ..ContactSettings::plain(email)
    };
    config.ways.contacts = vec![
        contact("pcn@east.example", &["east"], &[]),
        contact("team@icb.example", &[], &["ICB network team"]),
    ];
    for practice in &mut config.estate.practices {
        practice.email.clear();
    }
    let (store, _dir) = store().await;
    let desk = start(&config, &store).await;
    let event = opened(2);
    desk.tell(&event).await;
    let mut mails = relay.take(2).await;
    mails.sort_by(|a, b| a.to.cmp(&b.to));
    assert!(subject(&mails[0]).contains("Internet down at 1 of your practices since"), "{}", mails[0].data);
    assert!(
        unfolded(&mails[0]).contains("P1 Practice 1") && !unfolded(&mails[0]).contains("P0 Practice 0"),
        "{}",
        mails[0].data
    );
    assert!(
        subject(&mails[1]).starts_with("[linewatch] Fault: ICB firewall down since"),
        "{}",
        mails[1].data
    );
    assert!(unfolded(&mails[1]).contains("2 of 2 practices fail"), "{}", mails[1].data);
    desk.stop().await;
    // What the store has of them is what was planned.
    let desk = start(&config, &store).await;
    desk.tell(&resolved(&event)).await;
    let mut ends: Vec<String> = relay.take(2).await.iter().map(|mail| mail.to.clone()).collect();
    ends.sort();
    assert_eq!(ends, ["pcn@east.example", "team@icb.example"]);
    desk.stop().await;
}

/// What came back: a report about this mail, as a mail server further on sends it.
fn gone(mail: &Mail) -> Report {
    let recipient = Recipient {
        last: Some(mail.to.clone()),
        action: "failed".to_owned(),
        status: Some("5.1.1".to_owned()),
        ..Recipient::default()
    };
    let message_ids = vec![mail.message_id().trim_matches(['<', '>']).to_owned()];
    Report { message_ids, reporter: None, recipients: vec![recipient] }
}

/// Until a digest was taken; answers with how it was.
async fn taken(deliveries: &mut tokio::sync::broadcast::Receiver<Delivery>) -> Delivery {
    loop {
        let delivery = next_delivery(deliveries).await;
        if delivery.kind == NoticeKind::Digest && delivery.outcome == Outcome::Accepted {
            return delivery;
        }
    }
}

/// Opens three incidents, of which one leaves and two are told in a digest; then all are over, which the next digest tells.
async fn until_all_is_over(config: &Config, relay: &mut Relay, store: &Store, dir: &Path) -> [Event; 3] {
    let events = [1, 2, 3].map(|number| earlier(&format!("2026-03-16-{number}"), 1));
    let desk = start(config, store).await;
    for event in &events {
        desk.tell(event).await;
    }
    drop(relay.next().await);
    desk.stop().await;
    earlier_by(store, dir, 1_800_000).await;
    let desk = start(config, store).await;
    drop(relay.next().await);
    for event in &events {
        desk.tell(&resolved(event)).await;
    }
    desk.stop().await;
    earlier_by(store, dir, 7_200_000).await;
    events
}

#[tokio::test]
async fn a_digest_that_came_back_leaves_by_the_other_way() {
    let (mut relay, open) = Relay::closed(|_| Answer::Fine).await;
    open.send_replace(true);
    let mut config = managers_only(1, &relay);
    config.notices.per_hour = Some(2);
    let mut texts = with_texts(&mut config).await;
    let (store, dir) = store().await;
    until_all_is_over(&config, &mut relay, &store, dir.path()).await;
    open.send_replace(false);
    let desk = start(&config, &store).await;
    let mut deliveries = desk.deliveries();
    open.send_replace(true);
    let digest = relay.next().await;
    let mail = taken(&mut deliveries).await;
    let came = desk.came_back(&gone(&digest)).await.expect("the store answers");
    assert!(matches!(&came[..], [Came::Recorded(returned)] if returned.leaves_again), "{came:?}");
    let text = next_text(&mut texts).await;
    assert!(text.contains("07700900001") && text.contains("3 incidents"), "{text}");
    let sent = taken(&mut deliveries).await;
    assert_eq!((sent.notice, sent.channel), (mail.notice, "sms"));
    desk.stop().await;
}

#[tokio::test]
async fn of_a_digest_that_came_back_and_has_no_other_way_no_end_is_lost() {
    let (mut relay, open) = Relay::closed(|_| Answer::Fine).await;
    open.send_replace(true);
    let mut config = managers_only(1, &relay);
    config.notices.per_hour = Some(2);
    let (store, dir) = store().await;
    let events = until_all_is_over(&config, &mut relay, &store, dir.path()).await;
    open.send_replace(false);
    let desk = start(&config, &store).await;
    let mut deliveries = desk.deliveries();
    open.send_replace(true);
    let digest = relay.next().await;
    taken(&mut deliveries).await;
    let came = desk.came_back(&gone(&digest)).await.expect("the store answers");
    assert!(matches!(&came[..], [Came::Recorded(returned)] if !returned.leaves_again), "{came:?}");
    for event in &events {
        let notices = store.notices_of(&event.incident).await.expect("an answer");
        let last = notices.last().expect("its end");
        assert!(matches!(last.state, NoticeState::Kept { .. }), "{notices:?}");
    }
    desk.stop().await;
    // The next process tells it in the next digest.
    earlier_by(&store, dir.path(), 7_200_000).await;
    let desk = start(&config, &store).await;
    let again = relay.next().await;
    assert_eq!(subject(&again), "[linewatch] Held back until now: 3 incidents, none goes on");
    assert_ne!(again.message_id(), digest.message_id());
    desk.stop().await;
}
