//! The desk against mail servers that are kind, full, rude, and silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use linewatch::config::PracticeNotices;
use linewatch::notify::{Desk, NoticeKind, Outcome, RelayHealth};
use linewatch::store::Store;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::estate::{config, failing, impatient, manager, next, opened, resolved, with_mail};
use crate::relay::{Answer, Relay, Step, counted};

/// A desk over a store of its own.
async fn desk(config: &linewatch::config::Config) -> (Desk, Store, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let desk = Desk::start_with(config, store.clone(), CancellationToken::new(), impatient()).await;
    (desk, store, dir)
}

#[tokio::test]
async fn forty_managers_and_the_service_desk_are_told_at_once_and_only_once() {
    let mut relay = Relay::kind().await;
    let (desk, _store, _dir) = desk(&config(40, relay.address)).await;
    let event = opened(40);
    let began = Instant::now();
    desk.tell(&event).await;
    let mut mails = relay.take(41).await;
    let took = began.elapsed();
    desk.tell(&resolved(&event)).await;
    mails.extend(relay.take(41).await);
    desk.tell(&resolved(&event)).await;
    desk.stop().await;
    assert_eq!(relay.rest(), []);
    assert!(counted(&mails).values().all(|count| *count == 1));
    // It is a third of a second on a quiet machine; the drill measures it. Here it only must not wait for anything.
    println!("41 mails took {took:?}");
    assert!(took < impatient().send + Duration::from_secs(3), "41 mails took {took:?}");

    let of = |address: &str| mails.iter().filter(|mail| mail.to == address).collect::<Vec<_>>();
    let [opening, back] = of(&manager(7))[..] else { panic!("two mails to each manager") };
    assert!(opening.header("Subject").expect("one").contains("Internet down at Practice 7 since"));
    assert!(back.header("Subject").expect("one").contains("Internet back at Practice 7"));
    assert_eq!(back.header("In-Reply-To"), Some(opening.message_id()));
    assert_eq!(back.header("References"), Some(opening.message_id()));
    assert_eq!(opening.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert!(opening.message_id().ends_with("@icb.example>"));
    assert!(opening.data.contains("multipart/alternative"));
    assert_eq!(of("desk@icb.example").len(), 2);
}

#[tokio::test]
async fn a_silent_mail_server_stalls_nothing_and_another_one_gets_everything() {
    let silent = Relay::start(|_| Answer::Silence).await;
    let (desk, store, _dir) = desk(&config(40, silent.address)).await;
    let event = opened(40);
    let began = Instant::now();
    desk.tell(&event).await;
    desk.tell(&resolved(&event)).await;
    let stats = desk.stats();
    assert!(began.elapsed() < Duration::from_secs(1), "took {:?}", began.elapsed());
    assert_eq!(stats.queued, 82);
    assert_eq!(stats.oldest, Some(event.at));
    assert_eq!(store.incident_history(&event.incident).await.expect("it answers").len(), 2);

    let mut kind = Relay::kind().await;
    desk.reload(&config(40, kind.address));
    let mails = kind.take(82).await;
    assert!(counted(&mails).values().all(|count| *count == 1));
    desk.stop().await;
}

#[tokio::test]
async fn a_mail_server_that_falls_silent_in_the_middle_of_a_mail_may_get_it_twice_under_one_id() {
    let bodies = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&bodies);
    let mut relay = Relay::start(move |step| match step {
        Step::Body(_) if seen.fetch_add(1, Ordering::SeqCst) == 0 => Answer::TakeInSilence,
        _ => Answer::Fine,
    })
    .await;
    let config = with_mail(config(1, relay.address), |mail| mail.staff.clear());
    let (desk, ..) = desk(&config).await;
    let mut deliveries = desk.deliveries();
    desk.tell(&opened(1)).await;
    let (first, second) = (relay.next().await, relay.next().await);
    assert_eq!(first.data, second.data, "a repeat is the same, byte for byte");
    assert!(matches!(next(&mut deliveries).await.outcome, Outcome::Deferred { .. }));
    assert_eq!(next(&mut deliveries).await.outcome, Outcome::Accepted);
    assert_eq!(desk.stats().relay, RelayHealth::Fine);
}

#[tokio::test]
async fn a_mailbox_that_says_later_gets_its_mail_later_and_in_order() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&refusals);
    let mut relay = Relay::start(move |step| match step {
        Step::To(to) if to == manager(0) && seen.fetch_add(1, Ordering::SeqCst) < 3 => {
            Answer::Say("450 4.2.1 greylisted")
        }
        _ => Answer::Fine,
    })
    .await;
    let (desk, ..) = desk(&config(2, relay.address)).await;
    let mut deliveries = desk.deliveries();
    let event = opened(2);
    desk.tell(&event).await;
    desk.tell(&resolved(&event)).await;
    let mails = relay.take(6).await;
    let of_the_late: Vec<String> = mails
        .iter()
        .filter(|mail| mail.to == manager(0))
        .map(|mail| mail.header("Subject").expect("one"))
        .collect();
    assert!(of_the_late[0].contains("down") && of_the_late[1].contains("back"), "{of_the_late:?}");
    let mut deferred = 0;
    for _ in 0..9 {
        let delivery = next(&mut deliveries).await;
        if let Outcome::Deferred { why } = delivery.outcome {
            assert!(why.contains("greylisted"), "{why}");
            deferred += 1;
        }
    }
    assert_eq!(deferred, 3);
    assert_eq!(desk.stats().relay, RelayHealth::Fine, "a mailbox is not the server");
}

#[tokio::test]
async fn a_refused_address_is_recorded_without_the_address_and_hears_no_end() {
    let mut relay = Relay::start(|step| match step {
        Step::To(to) if to == manager(0) => Answer::Say("550 5.1.1 <manager@p0.example> does not live here"),
        _ => Answer::Fine,
    })
    .await;
    let (desk, _, dir) = desk(&config(2, relay.address)).await;
    let mut deliveries = desk.deliveries();
    let event = opened(2);
    desk.tell(&event).await;
    let outcomes = [next(&mut deliveries).await, next(&mut deliveries).await, next(&mut deliveries).await];
    let refused: Vec<_> =
        outcomes.iter().filter(|delivery| matches!(delivery.outcome, Outcome::Rejected { .. })).collect();
    assert_eq!(refused.len(), 1);
    let Outcome::Rejected { why } = &refused[0].outcome else { panic!("just counted") };
    assert!(why.contains("does not live here") && !why.contains(&manager(0)), "{why}");
    assert_eq!(refused[0].audience.label(), "P0");

    desk.tell(&resolved(&event)).await;
    let mails = relay.take(4).await;
    assert!(mails.iter().all(|mail| mail.to != manager(0)));
    assert_eq!(desk.stats().rejected, 1);
    desk.stop().await;
    let journal: Vec<String> = sqlx::query_scalar("SELECT body FROM journal WHERE subject = 'notice'")
        .fetch_all(&crate::estate::beside(dir.path()).await)
        .await
        .expect("a journal");
    assert_eq!(journal.len(), 5);
    assert!(journal.iter().all(|body| !body.contains('@') || body.contains("***@")), "{journal:?}");
}

#[tokio::test]
async fn a_mail_server_that_turns_everybody_away_is_left_alone_and_tried_again() {
    let greetings = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&greetings);
    let mut relay = Relay::start(move |step| match step {
        Step::Greeting => match seen.fetch_add(1, Ordering::SeqCst) {
            0..=3 => Answer::HangUp,
            4..=6 => Answer::Say("421 too busy"),
            _ => Answer::Fine,
        },
        _ => Answer::Fine,
    })
    .await;
    let (desk, ..) = desk(&config(20, relay.address)).await;
    let mut deliveries = desk.deliveries();
    desk.tell(&opened(20)).await;
    assert_eq!(relay.take(21).await.len(), 21);
    for _ in 0..21 {
        assert_eq!(next(&mut deliveries).await.outcome, Outcome::Accepted, "it was never a mail's own fault");
    }
    let tried = greetings.load(Ordering::SeqCst);
    assert!(tried < 21, "the server was asked {tried} times");
}

#[tokio::test]
async fn a_password_that_is_refused_is_the_servers_affair_and_stays_secret() {
    let relay = Relay::start(|step| match step {
        Step::SignIn => Answer::Say("535 5.7.8 no"),
        _ => Answer::Fine,
    })
    .await;
    let config = with_mail(config(1, relay.address), |mail| {
        mail.relays[0].user = Some("linewatch".to_owned());
        mail.relays[0].password = Some("correct horse".to_owned().into());
    });
    let (desk, ..) = desk(&config).await;
    desk.tell(&opened(1)).await;
    let why = failing(&desk).await;
    assert!(why.contains("signing in") && why.contains("535"), "{why}");
    assert!(!why.contains("correct horse") && !format!("{config:?}").contains("correct horse"), "{why}");
    assert_eq!((desk.stats().queued, desk.stats().rejected), (2, 0), "no mail is given up for it");
}

#[tokio::test]
async fn a_name_that_means_harm_adds_no_header_and_no_recipient() {
    let mut relay = Relay::kind().await;
    let mut config = config(1, relay.address);
    config.estate.practices[0].name =
        "Surgery\r\nBcc: all@evil.example\r\n\r\n<script>alert(1)</script>".to_owned();
    let (desk, ..) = desk(&config).await;
    desk.tell(&opened(1)).await;
    for mail in relay.take(2).await {
        assert_eq!(mail.header("Bcc"), None, "{}", mail.data);
        let subject = mail.header("Subject").expect("one");
        assert!(subject.contains("Surgery") || mail.to == "desk@icb.example", "{subject}");
        let (_, page) = mail.data.split_once("text/html").expect("a page");
        assert!(!page.contains("<script>") && page.contains("script"), "{page}");
    }
    assert_eq!(relay.rest(), []);
}

#[tokio::test]
async fn what_is_no_address_is_refused_and_the_others_are_told() {
    let mut relay = Relay::kind().await;
    let mut config = config(2, relay.address);
    config.estate.practices[0].email = vec!["a@b.example>\r\nRCPT TO:<all@evil.example".to_owned()];
    let (desk, ..) = desk(&config).await;
    let mut deliveries = desk.deliveries();
    desk.tell(&opened(2)).await;
    let mut to: Vec<String> = relay.take(2).await.into_iter().map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["desk@icb.example", "manager@p1.example"]);
    let mut refused = 0;
    for _ in 0..3 {
        refused += usize::from(matches!(next(&mut deliveries).await.outcome, Outcome::Rejected { .. }));
    }
    assert_eq!(refused, 1);
    assert_eq!(desk.stats().relay, RelayHealth::Fine);
}

#[tokio::test]
async fn held_notices_survive_a_restart_and_leave_when_somebody_approves() {
    let mut relay = Relay::kind().await;
    let mut config = config(3, relay.address);
    config.notices.practices = PracticeNotices::AfterApproval;
    let (desk, store, dir) = desk(&config).await;
    let event = opened(3);
    desk.tell(&event).await;
    let to_staff = relay.next().await;
    assert_eq!(to_staff.to, "desk@icb.example");
    assert!(
        to_staff.data.replace("=\r\n", "").contains("linewatch approve 2026-03-16-1"),
        "{}",
        to_staff.data
    );
    assert_eq!(desk.stats().held, 3);
    desk.stop().await;
    store.close().await;
    drop(store);

    let store = Store::open(dir.path()).await.expect("a store");
    let desk = Desk::start_with(&config, store, CancellationToken::new(), impatient()).await;
    assert_eq!(desk.stats().held, 3);
    let unknown = desk.approve("2026-03-16-9", "duty manager").await.expect_err("no such incident");
    assert!(unknown.to_string().contains("2026-03-16-9"));
    let approved = desk.approve(&event.incident, "duty manager").await.expect("it is open");
    assert_eq!((approved.released, approved.already), (3, false));
    assert_eq!(relay.take(3).await.len(), 3);
    assert!(desk.approve(&event.incident, "somebody else").await.expect("it is open").already);
    desk.tell(&resolved(&event)).await;
    assert_eq!(relay.take(4).await.len(), 4);
    assert_eq!(relay.rest(), []);
}

#[tokio::test]
async fn without_a_mail_section_notices_are_recorded_as_withheld() {
    let mut config = config(2, "127.0.0.1:1".parse().expect("an address"));
    config.mail = None;
    let (desk, store, _dir) = desk(&config).await;
    let mut deliveries = desk.deliveries();
    let event = opened(2);
    desk.tell(&event).await;
    for _ in 0..2 {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.kind, NoticeKind::Opening);
        assert_eq!(delivery.outcome, Outcome::Withheld { why: "no [mail] section".to_owned() });
    }
    assert_eq!(store.notices_of(&event.incident).await.expect("it answers").len(), 2);
    assert_eq!(desk.stats().relay, RelayHealth::None);
    assert_eq!(desk.stats().withheld, 2);
}

#[tokio::test]
async fn an_event_that_was_told_before_the_restart_is_not_told_again() {
    let mut relay = Relay::kind().await;
    let config = config(2, relay.address);
    let (desk, store, dir) = desk(&config).await;
    let event = opened(2);
    desk.tell(&event).await;
    desk.tell(&resolved(&event)).await;
    assert_eq!(relay.take(6).await.len(), 6);
    desk.stop().await;
    store.close().await;
    drop(store);
    let store = Store::open(dir.path()).await.expect("a store");
    let desk = Desk::start_with(&config, store, CancellationToken::new(), impatient()).await;
    desk.tell(&event).await;
    desk.tell(&resolved(&event)).await;
    assert_eq!(desk.stats().queued, 0);
    desk.stop().await;
    assert_eq!(relay.rest(), []);
}
