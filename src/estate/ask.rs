//! What exactly is asked of a target, kind by kind, and whom that bothers.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{DnsAsk, Vantage};
use crate::limits::{SECRET_CHARS_MAX, SECRET_CHARS_MIN};

/// What exactly is asked, and what is expected of the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    Dns(DnsAsk),
    Http(HttpAsk),
    Tcp(TcpAsk),
    Udp(UdpAsk),
    Icmp(IcmpAsk),
    Ntp(NtpAsk),
    Sip(SipAsk),
    Smtp(SmtpAsk),
    Ldap(LdapAsk),
    Egress(EgressAsk),
    Rtp(RtpAsk),
    /// Nothing is asked: somebody's work says that it was done.
    Heartbeat(HeartbeatAsk),
    Path(PathAsk),
    /// A kind of the contract that parses and replays, but that this version can't ask.
    Later {
        kind: String,
        target: String,
    },
}

impl Ask {
    pub fn kind(&self) -> &str {
        match self {
            Self::Dns(_) => "dns",
            Self::Http(http) if http.tls => "https",
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Udp(_) => "udp",
            Self::Icmp(_) => "icmp",
            Self::Ntp(_) => "ntp",
            Self::Sip(sip) if sip.tls.is_some() => "sips",
            Self::Sip(_) => "sip",
            Self::Smtp(smtp) if smtp.when_tls == SmtpTls::FromStart => "smtps",
            Self::Smtp(_) => "smtp",
            Self::Ldap(ldap) if ldap.tls.is_some() => "ldaps",
            Self::Ldap(_) => "ldap",
            Self::Egress(_) => "egress",
            Self::Rtp(_) => "rtp",
            Self::Heartbeat(_) => "heartbeat",
            Self::Path(_) => "path",
            Self::Later { kind, .. } => kind,
        }
    }
}

impl Ask {
    /// The target of the kinds that have one host and port, and nothing else to ask on the way.
    pub const fn host_port(&self) -> Option<&HostPort> {
        match self {
            Self::Tcp(TcpAsk { target, .. })
            | Self::Udp(UdpAsk { target, .. })
            | Self::Ntp(NtpAsk { target, .. })
            | Self::Sip(SipAsk { target, .. })
            | Self::Smtp(SmtpAsk { target, .. })
            | Self::Ldap(LdapAsk { target, .. })
            | Self::Egress(EgressAsk { target, .. })
            | Self::Rtp(RtpAsk { target, .. }) => Some(target),
            Self::Dns(_)
            | Self::Http(_)
            | Self::Icmp(_)
            | Self::Path(_)
            | Self::Heartbeat(_)
            | Self::Later { .. } => None,
        }
    }

    /// It isn't asked, but waited for.
    pub const fn is_passive(&self) -> bool {
        matches!(self, Self::Heartbeat(_))
    }

    /// The host and port to which its packets go; the port of echoes is 0. `None`: a kind that isn't asked.
    pub fn goes_to(&self) -> Option<HostPort> {
        match self {
            Self::Dns(dns) => Some(dns.server.clone()),
            Self::Http(http) => match http.proxy.as_ref().or(http.connect_to.as_ref()) {
                Some(there) => Some(there.clone()),
                None => HostPort::split(&authority(&http.url, http.tls)),
            },
            Self::Icmp(icmp) => Some(HostPort { host: icmp.host.clone(), port: 0 }),
            Self::Path(path) => Some(HostPort { host: path.host.clone(), port: path.port.unwrap_or(0) }),
            Self::Later { .. } => None,
            one => one.host_port().cloned(),
        }
    }

    /// Whom it bothers: `host:port`, or the host alone for echoes.
    pub fn bothers(&self) -> String {
        match self {
            Self::Dns(dns) => dns.server.to_string(),
            // A proxy is the one whom our connections reach.
            Self::Http(http) => match http.proxy.as_ref().or(http.connect_to.as_ref()) {
                Some(there) => there.to_string(),
                None => authority(&http.url, http.tls),
            },
            Self::Heartbeat(work) => work.target.clone(),
            Self::Icmp(IcmpAsk { host, .. }) | Self::Path(PathAsk { host, port: None, .. }) => host.clone(),
            Self::Path(PathAsk { host, port: Some(port), .. }) => {
                HostPort { host: host.clone(), port: *port }.to_string()
            }
            Self::Later { target, .. } => target.clone(),
            one => one.host_port().map_or_else(|| one.kind().to_owned(), ToString::to_string),
        }
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

/// A host (name, IPv4 or IPv6 address) and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    pub host: String,
    pub port: u16,
}

impl HostPort {
    /// `host:port`, an IPv6 address in brackets.
    fn split(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// One GET.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpAsk {
    /// As written; scheme `http` or `https`.
    pub url: String,
    pub tls: bool,
    /// Statuses that are fine; empty: 200 to 399.
    pub expect_status: Vec<u16>,
    /// Must stand in the body.
    pub expect_body: Option<String>,
    /// A certificate with fewer days left than this is `expired`.
    pub certificate_days_min: Option<u32>,
    /// PEM file of roots to trust instead of the platform's, already read.
    pub trust_pem: Option<String>,
    /// Redirects followed at most; 0: a redirect is the answer.
    pub redirects_max: u8,
    /// Connect here instead of looking the host up; TLS and `Host` keep the URL's name.
    pub connect_to: Option<HostPort>,
    /// Look the host up at this name server instead of the system's.
    pub name_server: Option<HostPort>,
    /// Only addresses of this family; `None`: the source's family, or whichever there is.
    pub family: Option<Family>,
    pub version: HttpVersion,
    /// The name that TLS asks for, and that the certificate must be for, instead of the URL's.
    pub sni: Option<String>,
    /// What `Host` (`:authority`) says instead of the URL's host and port.
    pub host: Option<String>,
    /// Ask this HTTP proxy for a tunnel (`CONNECT`) instead of connecting to the host.
    pub proxy: Option<HostPort>,
    /// Shown to the host of the URL when it asks for it, and to nobody else.
    pub client_identity: Option<Box<ClientIdentity>>,
    /// One of these must have signed the host's certificate, directly or not; empty: anybody trusted may.
    pub issuers: Vec<IssuerPin>,
    /// Texts that only a page put in its place has, besides those that linewatch knows.
    pub blocked_body: Vec<String>,
    /// Redirects may lead further inside than the service itself stands.
    pub redirects_private: bool,
    /// Hosts of others that redirects may lead to, with all below them.
    pub redirects_to: Vec<String>,
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub const fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// As people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }
}

/// The version of HTTP that is asked for, and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum HttpVersion {
    #[default]
    Http1,
    Http2,
}

/// Who may have issued a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerPin {
    /// This stands in the issuer's name; capitals don't matter.
    Named(String),
    /// SHA-256 of a certificate, or of its public key with its kind (SPKI).
    Sha256([u8; 32]),
}

/// A client certificate and its key, both PEM, already read.
#[derive(Clone)]
pub struct ClientIdentity {
    /// The client's own certificate first.
    pub certificate_pem: String,
    pub key_pem: SecretString,
}

impl std::fmt::Debug for ClientIdentity {
    /// Without the key, and without the noise of the certificate.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientIdentity").finish_non_exhaustive()
    }
}

impl PartialEq for ClientIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.certificate_pem == other.certificate_pem
            && self.key_pem.expose_secret() == other.key_pem.expose_secret()
    }
}

/// One connection, closed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpAsk {
    pub target: HostPort,
    /// Said once it is connected.
    pub send: Option<String>,
    /// What the other side says must hold this; `None`: nothing is waited for.
    pub expect: Option<String>,
}

impl TcpAsk {
    /// Connects, and nothing else.
    pub const fn to(target: HostPort) -> Self {
        Self { target, send: None, expect: None }
    }
}

/// With whom TLS is spoken, where the check isn't `https`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsPeer {
    /// The name that the certificate must be for; `None`: the target's host.
    pub name: Option<String>,
    /// Roots that are trusted instead of this machine's, as PEM.
    pub trust_pem: Option<String>,
}

impl TlsPeer {
    /// The name that the certificate must be for; `host` is the target's.
    pub fn name_or<'n>(&'n self, host: &'n str) -> &'n str {
        self.name.as_deref().unwrap_or(host)
    }
}

/// How a check that judges the certificate, and isn't `https`, speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsAsk {
    pub peer: TlsPeer,
    /// Fewer days left than this are `expired`.
    pub certificate_days_min: Option<u32>,
}

/// One question to a time server.
#[derive(Debug, Clone, PartialEq)]
pub struct NtpAsk {
    pub target: HostPort,
    /// This machine's clock and the server's may differ by this much; `None`: it isn't judged.
    pub offset_max: Option<Duration>,
    /// A server further from a reference clock than this is wrong.
    pub stratum_max: u8,
}

/// One `OPTIONS` to a telephony server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipAsk {
    pub target: HostPort,
    /// Over TCP, not UDP. TLS is over TCP anyway.
    pub tcp: bool,
    pub tls: Option<TlsAsk>,
    /// Final statuses that are fine; empty: any that shows that the server itself answers.
    pub expect_status: Vec<u16>,
}

/// When an SMTP check speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte.
    FromStart,
    /// After STARTTLS, which must be offered.
    StartTls,
    /// After STARTTLS where it is offered.
    IfOffered,
    Never,
}

/// A mail server's greeting, its extensions, and its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpAsk {
    pub target: HostPort,
    pub when_tls: SmtpTls,
    pub tls: TlsAsk,
    /// The greeting must hold this.
    pub expect: Option<String>,
}

/// An anonymous bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapAsk {
    pub target: HostPort,
    pub tls: Option<TlsAsk>,
}

/// One datagram, and an answer expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpAsk {
    pub target: HostPort,
    pub send: String,
    /// The answer must begin with this; `None`: any answer will do.
    pub expect: Option<String>,
}

/// Several echoes.
#[derive(Debug, Clone, PartialEq)]
pub struct IcmpAsk {
    pub host: String,
    /// Echoes a check.
    pub count: u8,
    /// More loss than this, 0 to 1, is a failure.
    pub loss_max: f64,
}

/// The way to a host, router by router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathAsk {
    pub host: String,
    /// The TCP port that is connected to; `None`: echoes.
    pub port: Option<u16>,
    /// A router that must be on the way.
    pub through: Option<IpAddr>,
}

/// What a firewall should let through, and what it shouldn't: asked of a reflector on its other side.
#[derive(Debug, Clone, PartialEq)]
pub struct EgressAsk {
    /// The reflector, and the TCP port that is asked again after `idle`.
    pub target: HostPort,
    /// Without it the answers can't be told from a middlebox's, and only TCP connections are tried.
    pub secret: Option<SharedSecret>,
    pub tcp_open: Vec<u16>,
    pub udp_open: Vec<u16>,
    pub tcp_blocked: Vec<u16>,
    pub udp_blocked: Vec<u16>,
    /// Packets of this size, in bytes with their headers, must pass in both directions.
    pub mtu: Option<u16>,
    /// A connection that is silent for this long must still be there.
    pub idle: Option<Duration>,
}

/// A second or so of packets like a telephone call's, sent to a reflector that sends them back.
#[derive(Debug, Clone, PartialEq)]
pub struct RtpAsk {
    /// The reflector, and a UDP port of it.
    pub target: HostPort,
    /// Without it nobody answers, so `run` refuses to ask.
    pub secret: Option<SharedSecret>,
    /// How many, one each 20 ms.
    pub packets: u16,
    /// More loss than this, 0 to 1, there and back together, is a failure.
    pub loss_max: f64,
    /// More jitter than this, in the worse direction, is too slow; `None`: it isn't judged. So are the next two.
    pub jitter_max: Option<Duration>,
    /// A longer way than this from mouth to ear.
    pub delay_max: Option<Duration>,
    /// A mean opinion score, 1 to 4.5, below this in the worse direction.
    pub mos_min: Option<f64>,
}

/// A piece of work that should happen, and says so: letters that leave, a backup, an upload.
#[derive(Debug, Clone, PartialEq)]
pub struct HeartbeatAsk {
    /// What people call the work.
    pub target: String,
    /// Whose work it is; `None`: every practice's.
    pub only: Option<Vec<Vantage>>,
    /// What the addresses that it asks for are made from: `[hub] beat_secret_file`, the same for all. Without it there are
    /// none, so `run` refuses to wait for it.
    pub secret: Option<SharedSecret>,
}

/// A secret that two programs share. It is in no log and no error.
#[derive(Clone)]
pub struct SharedSecret(SecretString);

impl SharedSecret {
    /// One line of 16 to 1024 characters; the error says what is wrong with it, never what it is.
    pub fn new(text: &str) -> Result<Self, String> {
        let word = text.trim_end_matches(['\n', '\r']);
        if word.contains(['\n', '\r']) {
            return Err("it has more than one line, where the secret alone belongs".to_owned());
        }
        let length = word.chars().count();
        if !(SECRET_CHARS_MIN..=SECRET_CHARS_MAX).contains(&length) {
            return Err(format!("it has {length} characters, not {SECRET_CHARS_MIN} to {SECRET_CHARS_MAX}"));
        }
        Ok(Self(SecretString::from(word)))
    }

    /// For making tags with, and nothing else.
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl PartialEq for SharedSecret {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_named_the_same_way_however_a_url_writes_them() {
        assert_eq!(authority("https://Accurx.example/x?y", true), "accurx.example:443");
        assert_eq!(authority("http://accurx.example", false), "accurx.example:80");
        assert_eq!(authority("http://[::1]:8080/", false), "[::1]:8080");
        assert_eq!(authority("http://[::1]/", false), "[::1]:80");
        assert_eq!(authority("http://user@accurx.example:81/", false), "accurx.example:81");
    }

    #[test]
    fn packets_go_to_the_host_of_the_url_unless_the_probe_says_where() {
        let mut http = HttpAsk { url: "https://[::1]/".to_owned(), tls: true, ..HttpAsk::default() };
        let to = |http: &HttpAsk| Ask::Http(http.clone()).goes_to().map(|to| (to.host, to.port));
        assert_eq!(to(&http), Some(("::1".to_owned(), 443)));
        http.url = "https://Accurx.example:8443/x".to_owned();
        assert_eq!(to(&http), Some(("accurx.example".to_owned(), 8443)));
        http.connect_to = Some(HostPort { host: "127.0.0.2".to_owned(), port: 1 });
        assert_eq!(to(&http), Some(("127.0.0.2".to_owned(), 1)));
        http.proxy = Some(HostPort { host: "127.0.0.3".to_owned(), port: 2 });
        assert_eq!(to(&http), Some(("127.0.0.3".to_owned(), 2)), "the proxy is who is connected to");
    }
}
