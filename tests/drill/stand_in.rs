//! The stand-in for the firewall, asked by linewatch's own probes: what the weather does to one practice it does to
//! that practice alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use linewatch::config::Config;
use linewatch::estate::ProbeIx;
use linewatch::observation::{Failure, Phase};
use linewatch::probe::{Answer, Prober};
use linewatch::world::faults::Fate;
use linewatch::world::loopback::County;
use linewatch::world::loopback::weather::Weather;
use linewatch::world::scenario::DnsAnswer;
use tokio::time::{Instant, timeout_at};

use crate::support::{DNS, FIRST, HTTP, HTTPS, ICMP, SECOND, TCP, ToOrder, UDP, config};

struct Town {
    county: County,
    config: Config,
    prober: Prober,
}

impl Town {
    fn under(weather: &ToOrder) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let sky: Arc<dyn Weather> = Arc::new(weather.clone());
        let county = County::start(&config(), &sky).expect("a county");
        let config = county.rewrite(&config(), Path::new("/tmp/never-made")).expect("moves in");
        Self { county, config, prober: Prober::new().expect("a prober") }
    }

    async fn first_asks(&self, probe: ProbeIx) -> Answer {
        self.prober.ask(&self.config.estate.probes[probe.at()], Some(FIRST)).await
    }

    /// What the practice that nothing happens to has for an answer, and the hub.
    async fn others_are_well(&self, probe: ProbeIx) {
        for source in [Some(SECOND), None] {
            let answer = self.prober.ask(&self.config.estate.probes[probe.at()], source).await;
            assert!(answer.ok, "{source:?}: {:?} {:?}", answer.failure, answer.detail);
        }
    }
}

/// Under this weather each probe of the first practice fails so, and everybody else's are well.
async fn under(fate: Fate, expected: &[(ProbeIx, Failure, Phase)]) {
    let town = Town::under(&ToOrder::is(fate));
    for (probe, failure, phase) in expected {
        let answer = town.first_asks(*probe).await;
        assert_eq!(
            (answer.failure, answer.phase),
            (Some(*failure), Some(*phase)),
            "{fate:?} {probe:?} {:?}",
            answer.detail
        );
        town.others_are_well(*probe).await;
    }
    town.county.stop().await;
}

#[tokio::test]
async fn in_fine_weather_every_kind_of_probe_is_well() {
    let town = Town::under(&ToOrder::default());
    for probe in [DNS, HTTPS, TCP, UDP, HTTP, ICMP] {
        let answer = town.first_asks(probe).await;
        assert!(answer.ok, "{probe:?}: {:?} {:?}", answer.failure, answer.detail);
        town.others_are_well(probe).await;
    }
    town.county.stop().await;
}

/// As behind a firewall that drops: connections never open, a plain `tcp` probe's neither.
#[tokio::test]
async fn dropped_connections_never_open() {
    let timeout = Failure::Timeout;
    let expected =
        [(HTTPS, timeout, Phase::Connect), (HTTP, timeout, Phase::Connect), (TCP, timeout, Phase::Connect)];
    under(Fate::Drop, &expected).await;
}

#[tokio::test]
async fn dropped_datagrams_have_no_answer() {
    let town = Town::under(&ToOrder::is(Fate::Drop));
    for probe in [DNS, UDP, ICMP] {
        assert_eq!(town.first_asks(probe).await.failure, Some(Failure::Timeout), "{probe:?}");
        town.others_are_well(probe).await;
    }
    town.county.stop().await;
}

#[tokio::test]
async fn each_fault_shows_as_what_it_is() {
    under(
        Fate::Dns(DnsAnswer::Servfail),
        &[(DNS, Failure::Servfail, Phase::Dns), (HTTPS, Failure::Servfail, Phase::Dns)],
    )
    .await;
    under(Fate::Dns(DnsAnswer::Nxdomain), &[(HTTPS, Failure::Nxdomain, Phase::Dns)]).await;
    under(Fate::Tls, &[(HTTPS, Failure::Tls, Phase::Tls)]).await;
    // A firewall's certificate is told from a server's own bad one.
    under(Fate::Intercept, &[(HTTPS, Failure::Intercepted, Phase::Tls)]).await;
    under(Fate::Untrusted, &[(HTTPS, Failure::Untrusted, Phase::Tls)]).await;
    under(Fate::Status(503), &[(HTTPS, Failure::Status, Phase::FirstByte)]).await;
    under(Fate::Reset, &[(HTTPS, Failure::Reset, Phase::Tls), (HTTP, Failure::Reset, Phase::FirstByte)])
        .await;
    // It can't refuse one practice's connection and not another's, so a port check's is dropped.
    under(Fate::Refuse, &[(TCP, Failure::Timeout, Phase::Connect), (HTTPS, Failure::Reset, Phase::Tls)])
        .await;
}

#[tokio::test]
async fn slow_answers_come_late_and_are_right() {
    let town = Town::under(&ToOrder::is(Fate::Slow { ms: 300.0 }));
    for probe in [DNS, HTTPS, UDP] {
        let answer = town.first_asks(probe).await;
        assert!(answer.ok && answer.ms >= 300.0, "{probe:?}: {} ms, {:?}", answer.ms, answer.detail);
    }
    town.county.stop().await;
}

/// The filter follows the weather; until it does, the connection is accepted and forwarded, so all that a
/// check can see is the one or the other.
#[tokio::test]
async fn connections_open_again_when_the_weather_clears() {
    let weather = ToOrder::is(Fate::Drop);
    let mut town = Town::under(&weather);
    for probe in &mut town.config.estate.probes {
        probe.timeout = Duration::from_millis(200);
    }
    assert!(!town.first_asks(TCP).await.ok);
    weather.clears();
    let recovered = async { while !town.first_asks(TCP).await.ok {} };
    timeout_at(Instant::now() + Duration::from_secs(10), recovered).await.expect("opens again");
    town.county.stop().await;
}

#[tokio::test]
async fn a_stranger_is_turned_away() {
    let town = Town::under(&ToOrder::default());
    let stranger = "127.9.9.9".parse().expect("an address");
    let answer = town.prober.ask(&town.config.estate.probes[HTTPS.at()], Some(stranger)).await;
    assert!(!answer.ok);
    town.county.stop().await;
}
