//! What an estate's checks ask of each target, and of this machine at its worst. Pure.

use std::collections::BTreeMap;

use crate::estate::{Ask, Estate, HostPort};

/// Checks a second that each target sees from the whole estate, the hub included, by target.
pub fn target_rates(estate: &Estate) -> Vec<(String, f64)> {
    let askers = (estate.practices.len() + 1) as f64;
    let mut rates: BTreeMap<String, f64> = BTreeMap::new();
    for probe in &estate.probes {
        *rates.entry(target(&probe.ask)).or_default() += askers / probe.every.as_secs_f64().max(0.001);
    }
    rates.into_iter().collect()
}

/// Checks that would be under way at once if every one of them took until its timeout, as in a failure of
/// everything: fewer than that are allowed, and the schedule runs late just when it matters.
pub fn under_way_max(estate: &Estate) -> usize {
    let askers = (estate.practices.len() + 1) as f64;
    let share =
        |probe: &crate::estate::Probe| probe.timeout.as_secs_f64() / probe.every.as_secs_f64().max(0.001);
    let checks = (askers * estate.probes.iter().map(share).sum::<f64>()).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most askers times probes"
    )]
    let checks = checks as usize;
    checks
}

/// Whom a probe bothers: `host:port`, or the host alone for echoes.
pub fn target(ask: &Ask) -> String {
    match ask {
        Ask::Dns(dns) => dns.server.to_string(),
        // A proxy is the one whom our connections reach.
        Ask::Http(http) => match http.proxy.as_ref().or(http.connect_to.as_ref()) {
            Some(HostPort { host, port }) => HostPort { host: host.clone(), port: *port }.to_string(),
            None => authority(&http.url, http.tls),
        },
        Ask::Tcp(tcp) => tcp.target.to_string(),
        Ask::Udp(udp) => udp.target.to_string(),
        Ask::Icmp(icmp) => icmp.host.clone(),
        Ask::Ntp(ntp) => ntp.target.to_string(),
        Ask::Sip(sip) => sip.target.to_string(),
        Ask::Smtp(smtp) => smtp.target.to_string(),
        Ask::Ldap(ldap) => ldap.target.to_string(),
        Ask::Egress(egress) => egress.target.to_string(),
        Ask::Later { target, .. } => target.clone(),
    }
}

/// `host:port` of a URL that the loader has accepted.
fn authority(url: &str, tls: bool) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or(after_scheme);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    if has_port { host } else { format!("{host}:{}", if tls { 443 } else { 80 }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::schedule::tests::estate;

    #[test]
    fn if_everything_times_out_this_many_checks_are_under_way() {
        // 11 askers; one probe waits 1 s in 10 s, the other 1 s in 2 s.
        assert_eq!(under_way_max(&estate(10, &[10, 2])), 7);
        assert_eq!(under_way_max(&estate(10, &[])), 0);
    }

    #[test]
    fn targets_are_named_the_same_way_however_a_url_writes_them() {
        assert_eq!(authority("https://Accurx.example/x?y", true), "accurx.example:443");
        assert_eq!(authority("http://accurx.example", false), "accurx.example:80");
        assert_eq!(authority("http://[::1]:8080/", false), "[::1]:8080");
        assert_eq!(authority("http://[::1]/", false), "[::1]:80");
        assert_eq!(authority("http://user@accurx.example:81/", false), "accurx.example:81");
    }
}
