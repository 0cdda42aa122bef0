//! What a trace found. Pure.

use std::net::IpAddr;

use crate::estate::{Ask, DnsTransport, PathAsk};
use crate::observation::Hop;

/// Packets of which kind were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Connections to the check's own port.
    Tcp,
    /// The check's own question, to its own port.
    Udp,
    /// Echoes.
    Icmp,
}

impl Way {
    /// The check's own kind. A firewall judges kinds and ports, so no other would find where this one stops.
    pub(super) fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Dns(dns) if dns.transport == DnsTransport::Udp => Self::Udp,
            Ask::Sip(sip) if !sip.tcp && sip.tls.is_none() => Self::Udp,
            Ask::Udp(_) | Ask::Ntp(_) | Ask::Rtp(_) => Self::Udp,
            Ask::Icmp(_) | Ask::Path(PathAsk { port: None, .. }) => Self::Icmp,
            Ask::Dns(_)
            | Ask::Sip(_)
            | Ask::Http(_)
            | Ask::Tcp(_)
            | Ask::Smtp(_)
            | Ask::Ldap(_)
            | Ask::Egress(_)
            | Ask::Path(_)
            // Of these two nothing is sent, and nothing traced.
            | Ask::Heartbeat(_)
            | Ask::Later { .. } => Self::Tcp,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
        }
    }
}

/// The way to a target, as far as it answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pub way: Way,
    pub target: IpAddr,
    /// Of a check that asks many ports, the one that was traced. Where others stop isn't known from it.
    pub port_of_many: Option<u16>,
    /// By distance from 1, without gaps, up to the last that answered.
    pub hops: Vec<Hop>,
    pub end: End,
}

/// The port to which the packets go, where the check asks others as well.
pub(super) fn port_of_many(ask: &Ask) -> Option<u16> {
    match ask {
        Ask::Egress(egress) => Some(egress.target.port),
        _ => None,
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The target answered; it is the last hop.
    Reached,
    /// The target, or somebody in its name, refused; it is the last hop.
    Refused,
    /// The last hop says that it is prohibited.
    Prohibited,
    /// The last hop says that there is no way on.
    Unreachable,
    /// This machine itself finds no way, or no router.
    NoRoute,
    /// The same routers again and again.
    Looping,
    /// Nothing more answers.
    Silent,
}

impl Trace {
    /// Whether it is a way to the target, and so one to compare others with.
    pub const fn is_good(&self) -> bool {
        matches!(self.end, End::Reached | End::Refused)
    }

    /// The furthest hop that answered.
    pub fn last(&self) -> Option<Hop> {
        self.hops.iter().rev().find(|hop| hop.address.is_some()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{HostPort, SipAsk, TcpAsk};

    #[test]
    fn packets_are_of_the_checks_own_kind() {
        let target = || HostPort { host: "10.9.0.2".to_owned(), port: 5060 };
        let sip = |tcp| Ask::Sip(SipAsk { target: target(), tcp, tls: None, expect_status: Vec::new() });
        assert_eq!((Way::of(&sip(false)), Way::of(&sip(true))), (Way::Udp, Way::Tcp));
        assert_eq!(Way::of(&Ask::Tcp(TcpAsk::to(target()))), Way::Tcp);
        let path = |port| Ask::Path(PathAsk { host: "10.9.0.2".to_owned(), port, through: None });
        assert_eq!((Way::of(&path(None)), Way::of(&path(Some(443)))), (Way::Icmp, Way::Tcp));
    }
}
