//! Two mail servers in order, over real sockets: the first misbehaves in every way that there is, and everybody is told
//! once, by the second; and the outbox can say so afterwards.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use linewatch::config::{Config, MailSecurity, RelaySettings};
use linewatch::notify::{Desk, Outcome, RelayHealth};
use linewatch::store::Store;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::estate::{DEADLINE, config, impatient, manager, next, now, opened, resolved, with_mail};
use crate::relay::{Answer, Relay, Step, counted};

async fn desk(config: &Config) -> (Desk, Store, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let desk = Desk::start_with(config, store.clone(), CancellationToken::new(), impatient()).await;
    (desk, store, dir)
}

/// One over each network, in this order.
fn two(practices: usize, first: SocketAddr, second: SocketAddr) -> Config {
    with_mail(config(practices, second), |mail| {
        let relay = |address, network: &str| RelaySettings {
            network: Some(network.to_owned()),
            ..RelaySettings::plain(address)
        };
        mail.relays = vec![relay(first, "hscn"), relay(second, "internet")];
    })
}

/// Twenty managers and the desk hear of the beginning and the end by the second server alone, once and in order.
async fn all_by_the_second(config: &Config, second: &mut Relay) {
    let (desk, store, _dir) = desk(config).await;
    let event = opened(20);
    desk.tell(&event).await;
    let mut mails = second.take(21).await;
    desk.tell(&resolved(&event)).await;
    mails.extend(second.take(21).await);
    assert!(counted(&mails).values().all(|count| *count == 1));
    for n in 0..20 {
        let of_one: Vec<_> = mails.iter().filter(|mail| mail.to == manager(n)).collect();
        let [opening, back] = of_one[..] else { panic!("two mails to each manager") };
        assert!(opening.header("Subject").expect("one").contains("down"));
        assert_eq!(back.header("In-Reply-To"), Some(opening.message_id()));
    }
    let stats = desk.stats();
    assert_eq!(stats.relay, RelayHealth::Fine, "mails leave");
    let [first, other] = &stats.outlets[..] else { panic!("two outlets") };
    assert!(matches!(first.health, RelayHealth::Failing { .. }), "{first:?}");
    assert_eq!((first.network.as_deref(), other.network.as_deref()), (Some("hscn"), Some("internet")));
    assert_eq!(other.health, RelayHealth::Fine);
    desk.stop().await;
    let fates = store.fates(Some(&event.incident), true).await.expect("it answers");
    assert_eq!(fates.len(), 42);
    for fate in fates {
        let [tried] = &fate.tries[..] else {
            panic!("one try of each, since the first server never had it: {fate:?}")
        };
        assert_eq!((&*tried.via, &*tried.outcome), (&*other.name, "accepted"));
        assert_eq!(tried.answer, "250 taken");
    }
}

#[tokio::test]
async fn where_nobody_listens_the_next_one_is_asked() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = free.local_addr().expect("an address");
    drop(free);
    let mut second = Relay::kind().await;
    all_by_the_second(&two(20, nobody, second.address), &mut second).await;
}

#[tokio::test]
async fn a_server_that_is_silent_hangs_up_or_turns_us_away_is_passed_over() {
    for (step, answer) in [
        ("greeting", Answer::Silence),
        ("greeting", Answer::HangUp),
        ("greeting", Answer::Say("421 too busy")),
        ("sender", Answer::Say("550 5.7.1 you may not send here")),
        ("sender", Answer::Silence),
    ] {
        let first = Relay::start(move |at| match (at, step) {
            (Step::Greeting, "greeting") | (Step::MailFrom, "sender") => answer,
            _ => Answer::Fine,
        })
        .await;
        let mut second = Relay::kind().await;
        all_by_the_second(&two(20, first.address, second.address), &mut second).await;
    }
}

#[tokio::test]
async fn a_server_without_the_tls_that_is_demanded_is_passed_over() {
    let first = Relay::kind().await;
    let mut second = Relay::kind().await;
    let mut config = two(20, first.address, second.address);
    let relay = &mut config.mail.as_mut().expect("mail").relays[0];
    relay.security = MailSecurity::StartTls;
    all_by_the_second(&config, &mut second).await;
}

#[tokio::test]
async fn the_first_server_is_used_again_when_it_is_back() {
    let is_back = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_back);
    let mut first = Relay::start(move |step| match step {
        Step::Greeting if !seen.load(Ordering::SeqCst) => Answer::Say("421 too busy"),
        _ => Answer::Fine,
    })
    .await;
    let mut second = Relay::kind().await;
    let (desk, ..) = desk(&two(3, first.address, second.address)).await;
    let event = opened(3);
    desk.tell(&event).await;
    assert_eq!(second.take(4).await.len(), 4);
    is_back.store(true, Ordering::SeqCst);
    // A knock finds it out, with nothing to deliver.
    tokio::time::timeout(DEADLINE, async {
        while desk.stats().outlets[0].health != RelayHealth::Fine {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it is seen to be back before the deadline");
    desk.tell(&resolved(&event)).await;
    // It takes one to prove itself; the others leave by whichever is free.
    first.next().await;
    desk.stop().await;
}

#[tokio::test]
async fn a_refused_address_is_on_record_until_something_is_accepted_for_it() {
    let refuses = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&refuses);
    let mut relay = Relay::start(move |step| match step {
        Step::To(to) if to == manager(0) && seen.load(Ordering::SeqCst) => {
            Answer::Say("550 5.1.1 <Manager@P0.example> does not live here")
        }
        _ => Answer::Fine,
    })
    .await;
    let (desk, store, _dir) = desk(&config(2, relay.address)).await;
    let mut deliveries = desk.deliveries();
    let mut event = opened(2);
    desk.tell(&event).await;
    relay.take(2).await;
    for _ in 0..3 {
        let delivery = next(&mut deliveries).await;
        assert!(delivery.tried.is_some_and(|tried| tried.via == relay.address.to_string()));
    }
    let [refusal] = &store.refusals(now()).await.expect("it answers")[..] else { panic!("one") };
    assert_eq!((&*refusal.recipient, &*refusal.channel, refusal.refused), ("manager@p0.example", "email", 1));
    assert!(refusal.answer.contains("does not live here"), "{refusal:?}");
    assert!(!refusal.answer.to_lowercase().contains("manager@"), "{refusal:?}");

    refuses.store(false, Ordering::SeqCst);
    event.incident = "2026-03-16-2".to_owned();
    desk.tell(&event).await;
    for _ in 0..3 {
        assert_eq!(next(&mut deliveries).await.outcome, Outcome::Accepted);
    }
    assert_eq!(store.refusals(now()).await.expect("it answers"), []);
    desk.stop().await;
}

#[tokio::test]
async fn what_left_before_a_restart_counts_towards_the_servers_day() {
    let mut relay = Relay::kind().await;
    let config = with_mail(config(5, relay.address), |mail| mail.relays[0].rates.per_day = Some(6));
    let (desk, store, dir) = desk(&config).await;
    let event = opened(5);
    desk.tell(&event).await;
    relay.take(6).await;
    desk.stop().await;
    store.close().await;
    drop(store);
    let store = Store::open(dir.path()).await.expect("a store");
    let desk = Desk::start_with(&config, store, CancellationToken::new(), impatient()).await;
    desk.tell(&resolved(&event)).await;
    assert_eq!(desk.stats().queued, 6, "they wait for tomorrow");
    desk.stop().await;
    assert_eq!(relay.rest(), []);
}
