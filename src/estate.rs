//! All that one configuration describes: practices, components, networks, services, probes, and the path
//! of each check. Pure data; [`crate::config`] makes it from files and is the only maker that checks it.
//!
//! Everything refers to everything else by index into the estate's own lists, so that the correlator
//! works on small integers; the ids stand beside them for people.

pub mod ambiguity;
pub mod columns;
mod question;
mod shows;
pub mod splitter;

use std::net::IpAddr;
use std::time::Duration;

pub use question::{DnsAsk, DnsCompare, DnsFlag, DnsTls, DnsTransport, Matching};
use secrecy::{ExposeSecret, SecretString};

use crate::limits::{SECRET_CHARS_MAX, SECRET_CHARS_MIN};

/// Makes the index types: a practice's index can't be used where a probe's is meant.
macro_rules! index {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// As a position in the estate's list.
            pub const fn at(self) -> usize {
                self.0 as usize
            }

            /// Positions above four thousand million don't occur: the loader bounds every list far below.
            pub fn new(position: usize) -> Self {
                Self(u32::try_from(position).unwrap_or(u32::MAX))
            }
        }
    )*};
}

index!(
    /// Position in [`Estate::components`].
    ComponentIx,
    /// Position in [`Estate::networks`].
    NetworkIx,
    /// Position in [`Estate::services`].
    ServiceIx,
    /// Position in [`Estate::probes`].
    ProbeIx,
    /// Position in [`Estate::practices`].
    PracticeIx
);

/// One ICB's practices and all that their checks cross.
#[derive(Debug, Clone)]
pub struct Estate {
    pub icb: Icb,
    pub components: Vec<Component>,
    pub networks: Vec<Network>,
    pub services: Vec<Service>,
    pub probes: Vec<Probe>,
    pub practices: Vec<Practice>,
    /// What the hub's own checks cross besides the network, the service and the monitor: `[hub] via`.
    pub hub_via: Vec<RoleUse>,
}

#[derive(Debug, Clone)]
pub struct Icb {
    /// ODS code, such as `QKS`.
    pub code: String,
    pub name: String,
    pub timezone: jiff::tz::TimeZone,
}

/// Anything that can fail and take checks with it, declared by the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    pub id: String,
    /// The operator's word: `firewall`, `carrier`, `gateway`, …
    pub kind: String,
    pub name: String,
    pub owner: Option<String>,
    pub contact: Option<String>,
}

/// One of the two paths, judged apart from the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub id: String,
    pub name: String,
    /// The roles that its traffic crosses, in order, from the practice outwards.
    pub through: Vec<String>,
}

/// What staff use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: String,
    pub name: String,
    /// Completes "Used for …".
    pub used_for: Option<String>,
    /// What to do while it is away: whole sentences.
    pub instead: Option<String>,
    /// Services without which this one is reduced.
    pub needs: Vec<ServiceIx>,
}

/// The definition of a check.
#[derive(Debug, Clone)]
pub struct Probe {
    pub id: String,
    pub network: NetworkIx,
    pub service: Option<ServiceIx>,
    /// From one asking to the next; at least a second.
    pub every: Duration,
    /// The hard deadline of one asking; above zero and at most `every`.
    pub timeout: Duration,
    /// Components that this probe crosses besides those of its path.
    pub also: Vec<ComponentIx>,
    /// The resolver component that it uses by name, if any.
    pub resolver: Option<ComponentIx>,
    pub ask: Ask,
}

impl Probe {
    /// The word that the estate file has for its kind.
    pub fn kind(&self) -> &str {
        self.ask.kind()
    }
}

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
            Self::Later { kind, .. } => kind,
        }
    }
}

/// A host (name, IPv4 or IPv6 address) and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    pub host: String,
    pub port: u16,
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
    /// Redirects may lead from a public address into a private network.
    pub redirects_private: bool,
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

/// How a check that isn't `https` speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsAsk {
    /// The name that the certificate must be for; `None`: the target's host.
    pub name: Option<String>,
    /// Roots that are trusted instead of this machine's, as PEM.
    pub trust_pem: Option<String>,
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

/// A GP surgery, or a branch surgery with a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practice {
    /// `G82002`, or `G82002/westfield`.
    pub id: String,
    pub name: String,
    pub postcode: Option<String>,
    /// Registered patients.
    pub list_size: Option<u32>,
    pub email: Vec<String>,
    /// For `run`: the address that this practice's checks are bound to.
    pub source: Option<IpAddr>,
    /// The component, or spares, that it names for each role.
    pub via: Vec<RoleUse>,
    /// Networks that this practice reaches another way: the roles that replace the network's `through`.
    pub through: Vec<(NetworkIx, Vec<String>)>,
}

/// A role and what fills it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleUse {
    pub role: String,
    /// One component, or several of which any will do.
    pub any: Vec<ComponentIx>,
}

/// One step of a check's path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    Practice(PracticeIx),
    Component(ComponentIx),
    /// Spares: the step fails when all of them fail.
    AnyOf(Vec<ComponentIx>),
    Network(NetworkIx),
    Service(ServiceIx),
    /// `monitor/hub`: this program's own machine and its lines.
    Monitor,
}

/// From where a check is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vantage {
    Practice(PracticeIx),
    Hub,
}

impl Estate {
    /// The path of a check, from the asker outwards: the practice (or the monitor), the components that it
    /// names for the roles of the probe's network, the shared risks that no network lists, the network, the
    /// resolver, what the probe adds, the service.
    pub fn path(&self, from: Vantage, probe: ProbeIx) -> Vec<Hop> {
        let probe = &self.probes[probe.at()];
        let mut path = Vec::with_capacity(8);
        match from {
            Vantage::Practice(ix) => {
                path.push(Hop::Practice(ix));
                let practice = &self.practices[ix.at()];
                path.extend(self.crossed(practice, probe.network).map(RoleUse::hop));
                path.extend(self.shared_risks(practice).map(RoleUse::hop));
            }
            Vantage::Hub => {
                path.push(Hop::Monitor);
                path.extend(self.hub_via.iter().map(RoleUse::hop));
            }
        }
        path.push(Hop::Network(probe.network));
        path.extend(probe.resolver.map(Hop::Component));
        path.extend(probe.also.iter().copied().map(Hop::Component));
        path.extend(probe.service.map(Hop::Service));
        let mut seen = Vec::with_capacity(path.len());
        path.retain(|hop| {
            let new = !seen.contains(hop);
            if new {
                seen.push(hop.clone());
            }
            new
        });
        path
    }

    /// What a practice's traffic crosses on a network, in the order of the network's roles.
    pub fn crossed<'a>(
        &'a self,
        practice: &'a Practice,
        network: NetworkIx,
    ) -> impl Iterator<Item = &'a RoleUse> {
        let roles = practice
            .through
            .iter()
            .find(|(other, _)| *other == network)
            .map_or(&self.networks[network.at()].through, |(_, roles)| roles);
        roles.iter().filter_map(|role| practice.via.iter().find(|used| used.role == *role))
    }

    /// What a practice names for roles that no network lists, such as `firmware`: a risk that it shares
    /// with others on every network, or on any one of them.
    pub fn shared_risks<'a>(&'a self, practice: &'a Practice) -> impl Iterator<Item = &'a RoleUse> {
        practice.via.iter().filter(|used| !self.is_crossed(&used.role))
    }

    fn is_crossed(&self, role: &str) -> bool {
        self.networks.iter().any(|network| network.through.iter().any(|other| other == role))
            || self
                .practices
                .iter()
                .any(|practice| practice.through.iter().any(|(_, roles)| roles.iter().any(|r| r == role)))
    }

    pub fn practice(&self, id: &str) -> Option<PracticeIx> {
        self.practices.iter().position(|practice| practice.id == id).map(PracticeIx::new)
    }

    pub fn probe(&self, id: &str) -> Option<ProbeIx> {
        self.probes.iter().position(|probe| probe.id == id).map(ProbeIx::new)
    }

    pub fn network(&self, id: &str) -> Option<NetworkIx> {
        self.networks.iter().position(|network| network.id == id).map(NetworkIx::new)
    }

    pub fn service(&self, id: &str) -> Option<ServiceIx> {
        self.services.iter().position(|service| service.id == id).map(ServiceIx::new)
    }

    pub fn component(&self, id: &str) -> Option<ComponentIx> {
        self.components.iter().position(|component| component.id == id).map(ComponentIx::new)
    }
}

impl RoleUse {
    fn hop(&self) -> Hop {
        match self.any.as_slice() {
            [one] => Hop::Component(*one),
            several => Hop::AnyOf(several.to_vec()),
        }
    }
}
