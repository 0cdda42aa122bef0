//! How a configuration moves into the county, and what is not let in.

use std::path::Path;
use std::sync::Arc;

use linewatch::config::{Config, MailSettings, RelaySettings};
use linewatch::estate::{Ask, DnsCompare, DnsFlag, DnsTransport, HostPort, Matching, TlsPeer};
use linewatch::world::loopback::County;
use linewatch::world::loopback::rewrite::{NotLoopback, refuse_others};
use linewatch::world::loopback::weather::Weather;

use crate::support::{DNS, HTTP, HTTPS, ICMP, ToOrder, config};

fn moved(config: &Config) -> (County, Config) {
    let weather: Arc<dyn Weather> = Arc::new(ToOrder::default());
    let county = County::start(config, &weather).expect("a county");
    let moved = county.rewrite(config, Path::new("/tmp/never-made")).expect("moves in");
    (county, moved)
}

fn http(config: &Config, probe: linewatch::estate::ProbeIx) -> &linewatch::estate::HttpAsk {
    match &config.estate.probes[probe.at()].ask {
        Ask::Http(ask) => ask,
        other => panic!("{other:?} is no web probe"),
    }
}

#[tokio::test]
async fn every_target_moves_and_what_is_asked_stays() {
    let before = config();
    assert!(matches!(refuse_others(&before), Err(NotLoopback::Address { .. })), "far away before");
    let (county, after) = moved(&before);

    let https = http(&after, HTTPS);
    assert!(https.url.starts_with("https://accurx.example:"), "{}", https.url);
    assert!(https.url.ends_with("/login?next=home"), "{}", https.url);
    assert!(https.trust_pem.as_deref().is_some_and(|pem| pem.contains("BEGIN CERTIFICATE")));
    assert_eq!(https.expect_body, http(&before, HTTPS).expect_body);
    let plain = http(&after, HTTP);
    assert!(plain.connect_to.as_ref().is_some_and(|place| place.host == "127.0.0.1"), "{plain:?}");
    // The kernel answers echoes on loopback by itself: no stand-in could break them.
    assert!(matches!(after.estate.probes[ICMP.at()].ask, Ask::Udp(_)));
    assert_eq!(after.mail.as_ref().map(|mail| mail.relays[0].host.as_str()), Some("127.0.0.1"));
    assert_eq!(after.hub.listen.to_string(), "127.0.0.1:0");
    county.stop().await;
}

#[tokio::test]
async fn each_practice_gets_a_source_of_its_own() {
    let mut before = config();
    let mut third = before.estate.practices[0].clone();
    third.id = "G82004".to_owned();
    before.estate.practices.push(third);
    let mut fourth = before.estate.practices[0].clone();
    (fourth.id, fourth.source) = ("G82005".to_owned(), Some([10, 0, 0, 1].into()));
    before.estate.practices.push(fourth);
    let (county, after) = moved(&before);
    let mut sources: Vec<_> = after.estate.practices.iter().filter_map(|practice| practice.source).collect();
    assert_eq!(sources[..2], [crate::support::FIRST, crate::support::SECOND]);
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), 4);
    assert!(sources.iter().all(std::net::IpAddr::is_loopback));
    county.stop().await;
}

/// A drill has one name server, which speaks UDP and TCP, and invents an address for every name that it doesn't know.
#[tokio::test]
async fn a_question_keeps_no_more_than_the_stand_in_can_answer() {
    let mut config = config();
    let out = HostPort { host: "203.0.113.7".to_owned(), port: 443 };
    let Ask::Dns(ask) = &mut config.estate.probes[DNS.at()].ask else { unreachable!() };
    ask.transport = DnsTransport::Https { tls: TlsPeer::default(), path: "/dns-query".to_owned() };
    ask.matching = Matching::None;
    ask.expect_flags = vec![DnsFlag::Authentic];
    ask.ttl_min = Some(3600);
    ask.edns_size = Some(1232);
    ask.hijack_under = Some("accurx.example".to_owned());
    ask.compare = Some(DnsCompare { server: out, same: true });
    let (county, inside) = moved(&config);
    refuse_others(&inside).expect("all inside");
    let prober = linewatch::probe::Prober::new().expect("a prober");
    let answer = prober.ask(&inside.estate.probes[DNS.at()], None).await;
    assert!(answer.ok, "{answer:?}");
    assert_eq!(answer.facts.answers, ["A 127.0.0.1"], "what must not be there isn't");
    county.stop().await;
}

/// Leads one place of a configuration out.
type Spoil = fn(&mut Config, HostPort);

/// Each place of a configuration that could lead out, led out by hand: the check must see it although the
/// rewriting is right.
#[tokio::test]
async fn refuses_anything_that_leads_out() {
    let (county, inside) = moved(&config());
    refuse_others(&inside).expect("all inside");
    let out = || HostPort { host: "203.0.113.7".to_owned(), port: 443 };
    let spoilt: [(&str, Spoil); 8] = [
        ("server", |config, out| match &mut config.estate.probes[DNS.at()].ask {
            Ask::Dns(ask) => ask.server = out,
            _ => unreachable!(),
        }),
        ("second server", |config, out| match &mut config.estate.probes[DNS.at()].ask {
            Ask::Dns(ask) => ask.compare = Some(DnsCompare { server: out, same: true }),
            _ => unreachable!(),
        }),
        ("name server", |config, out| match &mut config.estate.probes[HTTPS.at()].ask {
            Ask::Http(ask) => ask.name_server = Some(out),
            _ => unreachable!(),
        }),
        ("address", |config, out| match &mut config.estate.probes[HTTP.at()].ask {
            Ask::Http(ask) => ask.connect_to = Some(out),
            _ => unreachable!(),
        }),
        ("URL", |config, _| match &mut config.estate.probes[HTTPS.at()].ask {
            Ask::Http(ask) => ask.redirects_max = 1,
            _ => unreachable!(),
        }),
        ("source", |config, _| config.estate.practices[1].source = Some([10, 0, 0, 1].into())),
        ("relay", |config, out| {
            let mut relay = RelaySettings::plain(([127, 0, 0, 1], 25).into());
            relay.host = out.host;
            config.mail = Some(MailSettings {
                from: "a@b.example".to_owned(),
                staff: Vec::new(),
                relays: vec![RelaySettings::plain(([127, 0, 0, 1], 25).into()), relay],
            });
        }),
        ("page", |config, _| config.hub.listen = ([0, 0, 0, 0], 0).into()),
    ];
    for (part, spoil) in spoilt {
        let mut config = inside.clone();
        spoil(&mut config, out());
        let refusal = refuse_others(&config).expect_err(part).to_string();
        assert!(refusal.contains(part), "{refusal}");
    }
    // A name, even one that would resolve to loopback, is not an address.
    let mut config = inside.clone();
    if let Ask::Dns(ask) = &mut config.estate.probes[DNS.at()].ask {
        ask.server.host = "localhost".to_owned();
    }
    refuse_others(&config).expect_err("a name");
    county.stop().await;
}
