//! Probes against real servers on loopback: good ones, broken ones, silent ones and hostile ones.

#![expect(
    clippy::expect_used,
    reason = "a test whose stage can't be set has failed; clippy takes the helpers for code"
)]

mod blocked;
mod command;
mod dns;
mod dns_beside;
mod dns_ways;
mod egress;
mod egress_finer;
mod http;
mod http_2;
mod http_stalls;
mod icmp;
mod interception;
mod proxy;
mod reflector;
mod rtp;
mod servers;
mod talkers;
mod tls;
mod transport;

use std::net::IpAddr;
use std::time::Duration;

use linewatch::estate::{Ask, HostPort, NetworkIx, Probe};
use linewatch::observation::{Failure, Phase};
use linewatch::probe::{Answer, Prober};

/// Patience with a server that will never answer; every such test takes this long.
const SHORT: Duration = Duration::from_millis(250);
/// Patience with one that will: far more than it needs, so that a busy machine can't fail a test.
const LONG: Duration = Duration::from_secs(20);

fn probe(ask: Ask, timeout: Duration) -> Probe {
    Probe {
        id: "p".to_owned(),
        network: NetworkIx(0),
        service: None,
        every: timeout,
        timeout,
        also: Vec::new(),
        resolver: None,
        ask,
    }
}

async fn ask(ask: Ask, timeout: Duration) -> Answer {
    ask_from(ask, timeout, None).await
}

/// Asks, and sees to what holds of every answer.
async fn ask_from(ask: Ask, timeout: Duration, source: Option<IpAddr>) -> Answer {
    let prober = Prober::new().expect("a prober");
    let answer = prober.ask(&probe(ask, timeout), source).await;
    assert_eq!(answer.ok, answer.failure.is_none(), "{answer:?}");
    assert_eq!(answer.ok, answer.detail.is_none(), "{answer:?}");
    let late = answer.ms - timeout.as_secs_f64() * 1000.0;
    assert!(late < 1000.0, "the deadline is hard: {answer:?}");
    if answer.failure == Some(Failure::Timeout) {
        assert!(late > -60.0, "patience was cut short: {answer:?}");
    }
    answer
}

fn failed(answer: &Answer) -> (Option<Failure>, Option<Phase>) {
    (answer.failure, answer.phase)
}

fn detail(answer: &Answer) -> &str {
    answer.detail.as_deref().unwrap_or_default()
}

fn host_port(address: std::net::SocketAddr) -> HostPort {
    HostPort { host: address.ip().to_string(), port: address.port() }
}
