//! The same configuration with every target moved to the county: the one place where that happens, and the
//! check that nothing was left out.
//!
//! # Safety invariant
//!
//! A drill sends nothing beyond 127.0.0.0/8, whatever configuration it is given. [`refuse_others`] reads the
//! finished configuration, knows nothing of how it was made, and refuses all that isn't a loopback
//! address.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::servers::Url;
use crate::config::{Config, MailSettings, RelaySettings, WaySettings};
use crate::estate::{
    Ask, DnsTransport, Estate, HostPort, HttpVersion, IcmpAsk, Matching, PathAsk, ProbeIx, TcpAsk, UdpAsk,
};

/// What the county offers to a configuration that moves in.
pub struct Places<'a> {
    /// The door of each probe, by its index.
    pub door: &'a dyn Fn(ProbeIx) -> Option<SocketAddr>,
    pub mail: SocketAddr,
    pub trust_pem: &'a str,
    /// A folder that goes away with the drill.
    pub data: &'a Path,
}

/// A drill refuses to start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLoopback {
    #[error(
        "a drill stays on loopback, and {what} is {address}: this is a fault of linewatch, please report it"
    )]
    Address { what: String, address: String },
    #[error("probe `{probe}` has a URL that the drill can't read: {url}")]
    Url { probe: String, url: String },
    #[error("probe `{probe}` has no door in the county: this is a fault of linewatch, please report it")]
    NoDoor { probe: String },
    #[error(
        "probe `{probe}` is of the kind `{kind}`, which this version can't ask yet: leave it out of the drill's file"
    )]
    Later { probe: String, kind: String },
}

/// Gives each practice a source address of its own in 127.0.0.0/8 where the configuration doesn't: the
/// stand-in tells practices apart by it.
pub fn settle(estate: &mut Estate) {
    let hub = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut taken = BTreeSet::from([hub]);
    let mut homeless = Vec::new();
    for (at, practice) in estate.practices.iter().enumerate() {
        match practice.source {
            Some(source @ IpAddr::V4(v4)) if v4.is_loopback() && taken.insert(source) => {}
            _ => homeless.push(at),
        }
    }
    // From 127.2.0.2 on, past the addresses that the shipped file gives.
    let mut free = (0x7f02_0002_u32..0x7fff_fffe)
        .map(|address| IpAddr::V4(Ipv4Addr::from(address)))
        .filter(|address| !taken.contains(address));
    for at in homeless {
        estate.practices[at].source = free.next();
    }
}

/// The configuration with every target, the relay, the data folder and the page moved to the county.
pub fn rewrite(config: &Config, places: &Places<'_>) -> Result<Config, NotLoopback> {
    let mut moved = config.clone();
    settle(&mut moved.estate);
    for (at, probe) in moved.estate.probes.iter_mut().enumerate() {
        let door =
            (places.door)(ProbeIx::new(at)).ok_or_else(|| NotLoopback::NoDoor { probe: probe.id.clone() })?;
        probe.ask = move_ask(&probe.id, &probe.ask, door, places.trust_pem)?;
    }
    moved.hub.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    places.data.clone_into(&mut moved.hub.data);
    // Planned work of today would keep the drill's notices back.
    moved.maintenance.clear();
    let (from, staff) = match &config.mail {
        Some(mail) => (mail.from.clone(), mail.staff.clone()),
        None => ("linewatch <linewatch@icb.example>".to_owned(), vec!["service-desk@icb.example".to_owned()]),
    };
    moved.ways = WaySettings::default();
    moved.mail = Some(MailSettings { from, staff, relays: vec![RelaySettings::plain(places.mail)] });
    refuse_others(&moved)?;
    Ok(moved)
}

fn move_ask(id: &str, ask: &Ask, door: SocketAddr, trust_pem: &str) -> Result<Ask, NotLoopback> {
    let target = HostPort { host: door.ip().to_string(), port: door.port() };
    Ok(match ask.clone() {
        Ask::Dns(mut ask) => {
            ask.server = target;
            // The stand-in speaks UDP and TCP, and knows the answers that are wanted, but none that aren't.
            if ask.transport != DnsTransport::Udp {
                ask.transport = DnsTransport::Tcp;
            }
            if matches!(ask.matching, Matching::None | Matching::Pattern) {
                ask.expect_answers = Vec::new();
                ask.matching = Matching::Any;
            }
            // It has a way of its own with these, and a second server would lead out of the machine.
            ask.expect_flags = Vec::new();
            (ask.ttl_min, ask.ttl_max) = (None, None);
            (ask.hijack_under, ask.compare) = (None, None);
            Ask::Dns(ask)
        }
        Ask::Http(mut ask) => {
            let unreadable = || NotLoopback::Url { probe: id.to_owned(), url: ask.url.clone() };
            let url = Url::of(&ask.url).ok_or_else(unreadable)?;
            let scheme = if ask.tls { "https" } else { "http" };
            // A URL with an address asks no name server; one with a name asks through the same door, so that
            // a fault of names shows where it would.
            let host = if let Ok(address) = url.host.parse::<IpAddr>() {
                ask.connect_to = Some(target);
                if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
            } else {
                ask.connect_to = None;
                ask.name_server = Some(target);
                url.host
            };
            ask.url = format!("{scheme}://{host}:{}{}", door.port(), url.path_and_query);
            ask.trust_pem = ask.tls.then(|| trust_pem.to_owned());
            // The county's pages don't redirect; were one to, it would lead out.
            ask.redirects_max = 0;
            ask.redirects_private = false;
            ask.redirects_to.clear();
            // Who stands in for a service has neither its certificate nor its names, and is asked without a detour.
            ask.proxy = None;
            ask.issuers.clear();
            ask.client_identity = None;
            ask.sni = None;
            ask.host = None;
            ask.family = None;
            ask.version = HttpVersion::default();
            Ask::Http(ask)
        }
        // The county's servers say nothing of their own accord, and there is no reflector among them: a connection
        // through the stand-in tells of the same firewall.
        Ask::Tcp(_) | Ask::Egress(_) => Ask::Tcp(TcpAsk::to(target)),
        Ask::Udp(mut ask) => {
            ask.target = target;
            Ask::Udp(ask)
        }
        // The kernel itself answers echoes on loopback, so no stand-in could break them; and no router is on the way.
        Ask::Path(path) if path.port.is_some() => Ask::Tcp(TcpAsk::to(target)),
        Ask::Icmp(_) | Ask::Path(_) => Ask::Udp(UdpAsk { target, send: "echo".to_owned(), expect: None }),
        // The county has no such servers of its own: what is drilled is whether a line to them stands.
        Ask::Ntp(_) => Ask::Udp(UdpAsk { target, send: "time".to_owned(), expect: None }),
        // Nothing is asked, so no line could break it; a drill has no hub that anybody's work would know.
        work @ Ask::Heartbeat(_) => work,
        Ask::Rtp(_) => Ask::Udp(UdpAsk { target, send: "voice".to_owned(), expect: None }),
        ask @ (Ask::Sip(_) | Ask::Smtp(_) | Ask::Ldap(_)) if ask.opens_stream() => {
            Ask::Tcp(TcpAsk::to(target))
        }
        Ask::Sip(_) | Ask::Smtp(_) | Ask::Ldap(_) => {
            Ask::Udp(UdpAsk { target, send: "options".to_owned(), expect: None })
        }
        Ask::Later { kind, .. } => return Err(NotLoopback::Later { probe: id.to_owned(), kind }),
    })
}

/// Refuses a configuration with anything in it that isn't a loopback address.
pub fn refuse_others(config: &Config) -> Result<(), NotLoopback> {
    for probe in &config.estate.probes {
        let what = |part: &str| format!("the {part} of probe `{}`", probe.id);
        match &probe.ask {
            Ask::Dns(ask) => {
                loopback(&ask.server.host, || what("server"))?;
                if let Some(compare) = &ask.compare {
                    loopback(&compare.server.host, || what("second server"))?;
                }
            }
            Ask::Icmp(IcmpAsk { host, .. }) | Ask::Path(PathAsk { host, .. }) => {
                loopback(host, || what("host"))?;
            }
            Ask::Later { target, .. } => loopback(target, || what("target"))?,
            Ask::Heartbeat(_) => {}
            Ask::Http(ask) => match (&ask.connect_to, &ask.name_server) {
                (Some(place), _) => loopback(&place.host, || what("address"))?,
                // The name server behind a web probe's door gives 127.0.0.1 for every name, and nothing else.
                (None, Some(server)) => loopback(&server.host, || what("name server"))?,
                (None, None) => {
                    let host = Url::of(&ask.url).map_or_else(|| ask.url.clone(), |url| url.host);
                    loopback(&host, || what("URL"))?;
                }
            },
            // A kind of which nobody knows where it leads is refused, too.
            one => {
                loopback(one.host_port().map_or("nowhere known", |target| &target.host), || what("target"))?;
            }
        }
        if let Ask::Http(ask) = &probe.ask
            && let Some(proxy) = &ask.proxy
        {
            loopback(&proxy.host, || what("proxy"))?;
        }
        if let Ask::Http(ask) = &probe.ask
            && ask.redirects_max > 0
        {
            let address = "wherever a redirect leads".to_owned();
            return Err(NotLoopback::Address { what: what("URL"), address });
        }
    }
    for practice in &config.estate.practices {
        let source = practice.source.map_or_else(|| "not set".to_owned(), |source| source.to_string());
        loopback(&source, || format!("the source of practice {}", practice.id))?;
    }
    for relay in config.mail.iter().flat_map(|mail| &mail.relays) {
        loopback(&relay.host, || "the mail relay".to_owned())?;
    }
    loopback(&config.hub.listen.ip().to_string(), || "the status page".to_owned())
}

fn loopback(address: &str, what: impl Fn() -> String) -> Result<(), NotLoopback> {
    match address.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() => Ok(()),
        _ => Err(NotLoopback::Address { what: what(), address: address.to_owned() }),
    }
}
