//! A small estate with a mail server, and what happens in it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use linewatch::calendar::Hours;
use linewatch::config::{
    Config, HubSettings, MailSettings, NoticeSettings, RelaySettings, ScheduleSettings, Tokens,
};
use linewatch::estate::{Estate, Icb, Network, Practice};
use linewatch::incident::{Cause, Event, EventKind, Evidence, Reason, Signature};
use linewatch::notify::{Delivery, Desk, Patience, RelayHealth};
use linewatch::time::At;
use tokio::sync::broadcast;

/// Longest that a test waits for anything.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn config(practices: usize, relay: SocketAddr) -> Config {
    let practice = |n: usize| Practice {
        id: format!("P{n}"),
        name: format!("Practice {n}"),
        postcode: None,
        list_size: None,
        email: vec![manager(n)],
        source: None,
        via: Vec::new(),
        through: Vec::new(),
    };
    let network = Network { id: "internet".to_owned(), name: "the internet".to_owned(), through: Vec::new() };
    Config {
        estate: Estate {
            icb: Icb {
                code: "QKS".to_owned(),
                name: "NHS Kent and Medway".to_owned(),
                timezone: jiff::tz::TimeZone::UTC,
            },
            components: Vec::new(),
            networks: vec![network],
            services: Vec::new(),
            probes: Vec::new(),
            practices: (0..practices).map(practice).collect(),
            hub_via: Vec::new(),
        },
        hub: HubSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: "unused".into(),
            keep: Duration::from_hours(400 * 24),
            keep_addresses: Duration::from_hours(90 * 24),
            observations: linewatch::config::HubSettings::OBSERVATIONS,
            tls: None,
            tokens: Tokens::default(),
        },
        mail: Some(MailSettings {
            from: "linewatch <linewatch@icb.example>".to_owned(),
            staff: vec!["desk@icb.example".to_owned()],
            relays: vec![RelaySettings::plain(relay)],
        }),
        // The stories are told at fixed times, long ago.
        notices: NoticeSettings { update_every: None, ..NoticeSettings::default() },
        acknowledgement: linewatch::config::AcknowledgementSettings::default(),
        maintenance: Vec::new(),
        deadlines: Vec::new(),
        core_hours: Hours::core(),
        schedule: ScheduleSettings { concurrency_max: 1, target_rate_max: None, reask: true, paths: false },
        ways: linewatch::config::WaySettings::default(),
        handout: std::sync::Arc::default(),
    }
}

/// The same with mail settings changed.
pub fn with_mail(mut config: Config, change: impl FnOnce(&mut MailSettings)) -> Config {
    change(config.mail.as_mut().expect("there is a [mail] section"));
    config
}

pub fn manager(practice: usize) -> String {
    format!("manager@p{practice}.example")
}

pub fn now() -> At {
    At::from(jiff::Timestamp::now())
}

/// The firewall fails for practices 0 up to `practices`.
pub fn opened(practices: usize) -> Event {
    Event {
        at: now(),
        event: EventKind::Opened,
        incident: "2026-03-16-1".to_owned(),
        cause: vec![Cause { kind: "firewall".to_owned(), id: "fw".to_owned() }],
        probability: 0.99,
        alternatives: Vec::new(),
        signature: Signature::Dropped,
        network: Some("internet".to_owned()),
        since: now(),
        practices: (0..practices).map(|n| format!("P{n}")).collect(),
        services: Vec::new(),
        evidence: Evidence { behind: 2, failing: 2, fine: None, elsewhere: 0, elsewhere_failing: 0 },
        reason: None,
        into: None,
        lost: Vec::new(),
        sentence: "The firewall has failed.".to_owned(),
    }
}

pub fn resolved(opened: &Event) -> Event {
    Event {
        at: opened.at.plus_millis(1),
        event: EventKind::Resolved,
        reason: Some(Reason::Recovered),
        practices: Vec::new(),
        ..opened.clone()
    }
}

/// Waits that make a test quick, and that no sound loopback server exceeds.
pub fn impatient() -> Patience {
    Patience {
        connect: Duration::from_secs(2),
        command: Duration::from_secs(2),
        send: Duration::from_secs(2),
        idle: Duration::from_millis(200),
        retry_first: Duration::from_millis(20),
        retry_longest: Duration::from_millis(100),
        rest_first: Duration::from_millis(20),
        rest_longest: Duration::from_millis(100),
        ..Patience::default()
    }
}

/// The next delivery, or a failed test.
pub async fn next(deliveries: &mut broadcast::Receiver<Delivery>) -> Delivery {
    tokio::time::timeout(DEADLINE, deliveries.recv())
        .await
        .expect("a delivery before the deadline")
        .expect("the desk lives")
}

/// Waits until the desk says that the mail server can't be used, and why.
pub async fn failing(desk: &Desk) -> String {
    tokio::time::timeout(DEADLINE, async {
        loop {
            if let RelayHealth::Failing { why, .. } = desk.stats().relay {
                return why;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it fails before the deadline")
}

/// A database connection beside the store's own, to look and to break things.
pub async fn beside(dir: &Path) -> sqlx::SqlitePool {
    sqlx::SqlitePool::connect(&format!("sqlite://{}", dir.join("linewatch.db").display()))
        .await
        .expect("the file is there")
}
