//! One question to one name server: the way on which it goes, and what is expected of the answer.

use super::{HostPort, TlsPeer};

/// One question to one name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAsk {
    pub server: HostPort,
    pub name: String,
    /// `A`, `AAAA`, `CNAME`, `MX`, `NS`, `TXT`, `SRV`, `PTR`, `SOA`.
    pub record: String,
    /// `noerror` (the default) or `nxdomain`, `servfail`, `refused`.
    pub expect_rcode: String,
    /// What is looked for among the answers, as they are written in zone files; empty: any answer will do.
    pub expect_answers: Vec<String>,
    /// How `expect_answers` is meant.
    pub matching: Matching,
    /// No answer may have fewer seconds to live than this.
    pub ttl_min: Option<u32>,
    /// No answer may have more seconds to live than this.
    pub ttl_max: Option<u32>,
    /// Flags that the answer must bear.
    pub expect_flags: Vec<DnsFlag>,
    /// Ask with EDNS, and say that answers of so many bytes are welcome over UDP; `None`: ask without.
    pub edns_size: Option<u16>,
    pub transport: DnsTransport,
    /// Ask for a random name under this one as well, which must not exist.
    pub hijack_under: Option<String>,
    /// Ask a second name server the same, and compare.
    pub compare: Option<DnsCompare>,
}

impl DnsAsk {
    /// The plain question, to which any answer will do.
    pub fn new(server: HostPort, name: impl Into<String>, record: impl Into<String>) -> Self {
        Self {
            server,
            name: name.into(),
            record: record.into(),
            expect_rcode: "noerror".to_owned(),
            expect_answers: Vec::new(),
            matching: Matching::Any,
            ttl_min: None,
            ttl_max: None,
            expect_flags: Vec::new(),
            edns_size: None,
            transport: DnsTransport::Udp,
            hijack_under: None,
            compare: None,
        }
    }
}

/// How the expected answers and those that come belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// One of the expected is among the answers.
    Any,
    /// Each of the expected is among the answers.
    All,
    /// None of them is.
    None,
    /// Each answer fits one of the expected, in which `*` stands for any text.
    Pattern,
}

/// A flag of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsFlag {
    /// The server is the zone's own.
    Authoritative,
    /// The server looks further for those who ask it.
    RecursionAvailable,
    /// The server says that it has checked the signatures.
    Authentic,
}

impl DnsFlag {
    pub const ALL: [Self; 3] = [Self::Authoritative, Self::RecursionAvailable, Self::Authentic];

    /// The word that the estate file has for it, which is everybody's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authoritative => "aa",
            Self::RecursionAvailable => "ra",
            Self::Authentic => "ad",
        }
    }
}

/// How the question gets to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsTransport {
    /// A datagram; over TCP where the answer doesn't fit.
    Udp,
    Tcp,
    /// DNS over TLS.
    Tls(TlsPeer),
    /// DNS over HTTPS, as a POST to this path.
    Https {
        tls: TlsPeer,
        path: String,
    },
}

impl DnsTransport {
    /// The word that the estate file has for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls(_) => "tls",
            Self::Https { .. } => "https",
        }
    }

    pub const fn tls(&self) -> Option<&TlsPeer> {
        match self {
            Self::Udp | Self::Tcp => None,
            Self::Tls(tls) | Self::Https { tls, .. } => Some(tls),
        }
    }
}

/// A second name server, and what its answers must be to the first one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsCompare {
    pub server: HostPort,
    /// The same (true), or others (false), as where a name means one thing inside and another outside.
    pub same: bool,
}
