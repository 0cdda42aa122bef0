//! In which checks a kind of fault can show at all: TLS interception shows where TLS is spoken, a refusal where a
//! connection is opened, a DNS fault where a name is looked up, a path that loses large packets where the answer
//! is large. What a check can't show it can't acquit of either.

use std::net::IpAddr;

use super::{Ask, DnsTransport, HostPort, HttpAsk, IcmpAsk, PathAsk, SmtpTls};

impl Ask {
    /// It speaks TLS, so interception and bad certificates show.
    pub fn speaks_tls(&self) -> bool {
        match self {
            Self::Http(http) => http.tls,
            Self::Sip(sip) => sip.tls.is_some(),
            Self::Smtp(smtp) => smtp.when_tls != SmtpTls::Never,
            Self::Ldap(ldap) => ldap.tls.is_some(),
            Self::Dns(dns) => dns.transport.tls().is_some(),
            Self::Tcp(_)
            | Self::Udp(_)
            | Self::Icmp(_)
            | Self::Ntp(_)
            | Self::Egress(_)
            | Self::Rtp(_)
            | Self::Heartbeat(_)
            | Self::Path(_)
            | Self::Later { .. } => false,
        }
    }

    /// It opens a connection, which can be refused or reset.
    pub fn opens_stream(&self) -> bool {
        match self {
            Self::Http(_) | Self::Tcp(_) | Self::Smtp(_) | Self::Ldap(_) | Self::Egress(_) => true,
            Self::Sip(sip) => sip.tcp || sip.tls.is_some(),
            Self::Path(path) => path.port.is_some(),
            Self::Dns(dns) => dns.transport != DnsTransport::Udp,
            Self::Udp(_) | Self::Icmp(_) | Self::Ntp(_) | Self::Rtp(_) | Self::Heartbeat(_) => false,
            Self::Later { kind, .. } => !matches!(kind.as_str(), "snmp" | "mtu"),
        }
    }

    /// It looks a name up, so a DNS fault shows. A web check that is told where to connect doesn't.
    pub fn looks_up_name(&self) -> bool {
        match self {
            Self::Dns(_) => true,
            Self::Http(HttpAsk { proxy: Some(proxy), .. }) => named(proxy),
            Self::Http(http) => http.connect_to.as_ref().map_or_else(|| is_name(host(&http.url)), named),
            Self::Icmp(IcmpAsk { host, .. }) | Self::Path(PathAsk { host, .. }) => is_name(host),
            Self::Later { target, .. } => {
                let host = target.rsplit_once(':').map_or(target.as_str(), |(host, _)| host);
                is_name(target) && is_name(host.trim_matches(['[', ']']))
            }
            one => one.host_port().is_some_and(named),
        }
    }

    /// Its answer fills whole packets (a chain of certificates, a page), so a path that loses large ones shows.
    pub fn answers_large(&self) -> bool {
        match self {
            Self::Http(_) => true,
            // Of the others, what fills packets is a chain of certificates.
            Self::Sip(_) | Self::Smtp(_) | Self::Ldap(_) => self.speaks_tls(),
            Self::Egress(ask) => ask.mtu.is_some(),
            Self::Later { kind, .. } => kind == "mtu",
            Self::Dns(_)
            | Self::Tcp(_)
            | Self::Udp(_)
            | Self::Icmp(_)
            | Self::Ntp(_)
            | Self::Path(_)
            | Self::Rtp(_)
            | Self::Heartbeat(_) => false,
        }
    }
}

fn named(target: &HostPort) -> bool {
    is_name(&target.host)
}

fn is_name(host: &str) -> bool {
    host.parse::<IpAddr>().is_err()
}

/// The host of a URL, without port and brackets.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or(six),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{DnsAsk, TlsPeer};

    #[test]
    fn what_a_question_can_show_depends_on_its_way() {
        let shows = |transport| {
            let server = HostPort { host: "127.0.0.1".to_owned(), port: 53 };
            let ask = Ask::Dns(DnsAsk { transport, ..DnsAsk::new(server, "accurx.example", "A") });
            (ask.opens_stream(), ask.speaks_tls(), ask.looks_up_name())
        };
        assert_eq!(shows(DnsTransport::Udp), (false, false, true));
        assert_eq!(shows(DnsTransport::Tcp), (true, false, true));
        assert_eq!(shows(DnsTransport::Tls(TlsPeer::default())), (true, true, true));
    }

    #[test]
    fn the_host_of_a_url_is_found_with_port_path_and_brackets() {
        for (url, expected) in [
            ("https://accurx.example/", "accurx.example"),
            ("https://accurx.example:8443?x", "accurx.example"),
            ("http://127.0.0.1:80/a", "127.0.0.1"),
            ("https://[::1]:443/", "::1"),
        ] {
            assert_eq!(host(url), expected);
        }
        assert!(is_name("accurx.example") && !is_name("::1") && !is_name("127.0.0.1"));
    }
}
