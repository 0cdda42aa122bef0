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
mod hostile;
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

use linewatch::estate::{Ask, DnsTransport, HostPort, HttpAsk, NetworkIx, Probe};
use linewatch::observation::{Failure, Phase};
use linewatch::probe::{Answer, Prober, Rule};

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
    let asked = ask.clone();
    let answer = prober.ask(&probe(ask, timeout), source).await;
    assert_eq!(answer.ok, answer.failure.is_none(), "{answer:?}");
    assert_eq!(answer.ok, answer.detail.is_none(), "{answer:?}");
    assert_eq!(answer.ok, answer.rule.is_none(), "{answer:?}");
    assert!(answer.rule.is_none_or(|rule| can_break(&asked, rule)), "{:?} of {asked:?}", answer.rule);
    let late = answer.ms - timeout.as_secs_f64() * 1000.0;
    assert!(late < 1000.0, "the deadline is hard: {answer:?}");
    if answer.failure == Some(Failure::Timeout) {
        assert!(late > -60.0, "patience was cut short: {answer:?}");
    }
    answer
}

/// Whether a check that asks this can break this rule: nobody must be sent to mend a key that isn't set, or that the kind
/// doesn't have. So a place that makes a failure and doesn't say by which rule fails here.
fn can_break(ask: &Ask, rule: Rule) -> bool {
    let web = |is: &dyn Fn(&HttpAsk) -> bool| matches!(ask, Ask::Http(http) if is(http));
    match rule {
        Rule::Expect => match ask {
            Ask::Dns(dns) => !dns.expect_answers.is_empty(),
            Ask::Tcp(tcp) => tcp.expect.is_some(),
            Ask::Udp(udp) => udp.expect.is_some(),
            Ask::Smtp(smtp) => smtp.expect.is_some(),
            _ => false,
        },
        Rule::ExpectStatus => match ask {
            Ask::Dns(dns) => matches!(dns.transport, DnsTransport::Https { .. }),
            _ => matches!(ask, Ask::Http(_) | Ask::Sip(_)),
        },
        Rule::ExpectBody => web(&|http| http.expect_body.is_some()),
        Rule::BlockedBody => web(&|http| !http.blocked_body.is_empty()),
        Rule::Issuer => web(&|http| !http.issuers.is_empty()),
        Rule::Proxy => web(&|http| http.proxy.is_some()),
        Rule::KnownPages | Rule::NoLogIn | Rule::Redirects | Rule::RedirectsPrivate | Rule::OwnPage => {
            web(&|_| true)
        }
        Rule::LossMax => matches!(ask, Ask::Icmp(_) | Ask::Rtp(_)),
        Rule::Call => matches!(ask, Ask::Rtp(_)),
        Rule::Through => matches!(ask, Ask::Path(path) if path.through.is_some()),
        Rule::PortsOpen | Rule::PortsBlocked | Rule::Mtu | Rule::Idle => matches!(ask, Ask::Egress(_)),
        _ => true,
    }
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
