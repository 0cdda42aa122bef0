//! The shipped county: what the drill relies on.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use linewatch::config::{self, Config, hints};
use linewatch::estate::{Ask, HostPort};

fn county() -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("probes.toml");
    config::load(&path).unwrap_or_else(|errors| panic!("{errors}"))
}

fn behind(config: &Config, firewall: &str) -> usize {
    let firewall = config.estate.component(firewall).expect("declared");
    config
        .estate
        .practices
        .iter()
        .filter(|practice| practice.via.iter().any(|used| used.any == [firewall]))
        .count()
}

#[test]
fn forty_practices_two_of_them_behind_another_firewall() {
    let config = county();
    let estate = &config.estate;
    assert_eq!((estate.practices.len(), estate.probes.len(), estate.services.len()), (40, 12, 8));
    assert_eq!((behind(&config, "fw-maidstone"), behind(&config, "fw-canterbury")), (38, 2));
    let emails: BTreeSet<&String> = estate.practices.iter().flat_map(|practice| &practice.email).collect();
    assert_eq!(emails.len(), 40);
    let sources: BTreeSet<IpAddr> = estate.practices.iter().filter_map(|practice| practice.source).collect();
    assert_eq!(sources.len(), 40);
}

#[test]
fn nothing_in_it_can_leave_this_machine() {
    let config = county();
    let mut hosts: Vec<String> = vec![config.mail.as_ref().expect("mail").relays[0].host.clone()];
    hosts.push(config.hub.listen.ip().to_string());
    hosts.extend(
        config.estate.practices.iter().filter_map(|practice| practice.source).map(|ip| ip.to_string()),
    );
    let to = |target: &HostPort| target.host.clone();
    for probe in &config.estate.probes {
        hosts.push(match &probe.ask {
            Ask::Dns(dns) => to(&dns.server),
            Ask::Http(http) => to(http.connect_to.as_ref().expect("never looked up")),
            Ask::Tcp(tcp) => to(&tcp.target),
            Ask::Udp(udp) => to(&udp.target),
            other => panic!("{} is not for the drill", other.kind()),
        });
    }
    for host in hosts {
        assert!(host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()), "{host}");
    }
}

#[test]
fn its_networks_have_addresses_of_their_own() {
    let config = county();
    for probe in &config.estate.probes {
        let target = match &probe.ask {
            Ask::Dns(dns) => &dns.server,
            Ask::Http(http) => http.connect_to.as_ref().expect("never looked up"),
            Ask::Tcp(tcp) => &tcp.target,
            Ask::Udp(udp) => &udp.target,
            other => panic!("{} is not for the drill", other.kind()),
        };
        let net =
            if config.estate.networks[probe.network.at()].id == "internet" { "127.80." } else { "127.90." };
        assert!(target.host.starts_with(net), "{} asks {target}", probe.id);
    }
}

#[test]
fn there_is_nothing_to_say_against_it() {
    assert_eq!(hints(&county()), []);
}
