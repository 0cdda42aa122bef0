//! The estates that trials are about: what is really there, and what the operator's file says about it.
//!
//! Every host is under `example` or a documentation address: nothing here is ever dialled.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::draw::Draw;
use super::family::{Family, Tier};
use crate::estate::{
    Ask, Component, ComponentIx, DnsAsk, Estate, HostPort, HttpAsk, Icb, IcmpAsk, Network, NetworkIx,
    Practice, Probe, RoleUse, Service, ServiceIx, TcpAsk, UdpAsk,
};

pub(super) const INTERNET: NetworkIx = NetworkIx(0);
pub(super) const HSCN: NetworkIx = NetworkIx(1);
pub(super) const INTERNET_RESOLVER: &str = "dns-internet";
pub(super) const HSCN_RESOLVER: &str = "dns-hscn";

const CARRIERS: [&str; 8] = ["bt", "virgin", "talktalk", "kcom", "zen", "gamma", "colt", "exa"];
const FIRMWARES: [&str; 4] = ["mx-18.107", "mx-18.211", "srx-21.4", "edge-7.0"];
const INTERNET_SERVICES: [&str; 3] = ["accurx", "nhsmail", "docman"];
const HSCN_SERVICES: [&str; 3] = ["emis", "eps", "doris"];
const TIMEOUT: Duration = Duration::from_secs(5);

/// The measures of an estate.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Practices of each ICB.
    pub icbs: Vec<usize>,
    /// Shared by all ICBs; the first carries half the practices, the next half of the rest, and so on.
    pub carriers: usize,
    /// One or two for each ICB; the first has most of its practices.
    pub firewalls: usize,
    /// Which of each ICB's firewalls is a pair of spares, if any.
    pub paired: Option<usize>,
    /// For each ICB, evenly used; none or several.
    pub gateways: usize,
    /// Models of practice router, shared by all ICBs: a role that no network lists. None or several.
    pub firmwares: usize,
    /// On each network, two or three.
    pub services: usize,
    /// Anchors besides a look-up and an address: up to two more on the internet and one more on HSCN.
    pub anchors: usize,
    pub every: Duration,
    /// Whether the hub asks the probes too.
    pub hub: bool,
}

impl Shape {
    pub(super) fn draw(family: Family, tier: Tier, draw: &mut Draw) -> Self {
        // Stories of a day or a week are told of small estates, asked less often.
        let is_long = matches!(family, Family::GatewayMornings | Family::Quiet | Family::FirmwareRolling);
        let icbs = match tier {
            Tier::Easy if is_long => vec![draw.count(16, 40)],
            Tier::Easy => vec![draw.count(40, 120)],
            Tier::Hard => vec![draw.count(5, if is_long { 16 } else { 25 })],
            Tier::Missing | Tier::WrongMap if is_long => vec![draw.count(12, 30)],
            Tier::Missing | Tier::WrongMap => vec![draw.count(15, 100)],
            Tier::Large if is_long => (0..8).map(|_| draw.count(3, 8)).collect(),
            Tier::Large if draw.chance(0.25) => (0..42).map(|_| draw.count(5, 15)).collect(),
            // Some ICBs are ten times the size of others.
            Tier::Large => {
                let first = if draw.chance(0.15) { draw.count(100, 300) } else { draw.count(8, 40) };
                std::iter::once(first).chain((1..8).map(|_| draw.count(8, 40))).collect()
            }
        };
        let several = tier == Tier::WrongMap || icbs.len() > 1;
        let needs_gateways = family == Family::GatewayMornings;
        let needs_firmwares = family == Family::FirmwareRolling;
        let every = match family {
            Family::GatewayMornings => draw.pick(120, &[60]),
            Family::Quiet | Family::FirmwareRolling => 60,
            _ => draw.pick(30, &[30, 30, 30, 30, 20, 60]),
        };
        let firewalls = if several { 2 } else { draw.pick(1, &[1, 2, 2, 2]) };
        // The main one where the story is about the pair; else the other one, if there is another.
        let paired = match family {
            Family::FirewallSticky => draw.chance(0.5).then_some(0),
            _ => draw.chance(0.2).then_some(1),
        };
        let hub = if family == Family::HubUplink { 0.85 } else { 0.7 };
        Self {
            carriers: if several { draw.count(2, 6) } else { draw.pick(1, &[2, 2, 3, 3, 3, 4, 5]) },
            firewalls,
            paired,
            gateways: if needs_gateways || draw.chance(0.25) { draw.count(2, 3) } else { 0 },
            firmwares: if needs_firmwares || draw.chance(0.4) { draw.count(2, 4) } else { 0 },
            services: draw.count(2, 3),
            anchors: draw.count(1, 3),
            every: Duration::from_secs(every),
            hub: draw.chance(hub),
            icbs,
        }
    }

    /// The estate as it really is.
    pub(super) fn build(&self, draw: &mut Draw) -> Estate {
        let mut maker = Maker { components: Vec::new() };
        let carriers: Vec<ComponentIx> =
            CARRIERS.iter().take(self.carriers).map(|id| maker.add("carrier", (*id).to_owned())).collect();
        let firmwares: Vec<ComponentIx> =
            FIRMWARES.iter().take(self.firmwares).map(|id| maker.add("firmware", (*id).to_owned())).collect();
        let resolvers = [INTERNET_RESOLVER, HSCN_RESOLVER].map(|id| maker.add("resolver", id.to_owned()));
        let halves = |count: usize| -> Vec<f64> { (0..count).map(|n| 1.0 / (1_u64 << n) as f64).collect() };
        let (carrier_weights, firmware_weights) = (halves(carriers.len()), halves(firmwares.len()));
        let mut practices = Vec::new();
        for (icb, count) in self.icbs.iter().enumerate() {
            let place = if self.icbs.len() > 1 { format!("{:02}-", icb + 1) } else { String::new() };
            let firewalls = self.firewalls_of(&place, &mut maker);
            let gateways: Vec<ComponentIx> =
                (0..self.gateways).map(|n| maker.add("gateway", format!("gw-{place}{}", n + 1))).collect();
            let first_share = draw.between(0.6, 0.9);
            for _ in 0..*count {
                let mut via = Vec::new();
                let mut uses = |role: &str, any: Option<Vec<ComponentIx>>| {
                    via.extend(any.map(|any| RoleUse { role: role.to_owned(), any }));
                };
                let one = |of: &[ComponentIx], at: Option<usize>| Some(vec![*of.get(at?)?]);
                uses("carrier", one(&carriers, draw.weighted(&carrier_weights)));
                uses("gateway", one(&gateways, draw.weighted(&vec![1.0; gateways.len()])));
                let first = firewalls.len() < 2 || draw.chance(first_share);
                uses("firewall", firewalls.get(usize::from(!first)).cloned());
                uses("firmware", one(&firmwares, draw.weighted(&firmware_weights)));
                practices.push(practice(practices.len(), via));
            }
        }
        let (services, probes) = self.asked(resolvers);
        Estate {
            icb: Icb {
                code: "QXX".to_owned(),
                name: "Made-up County".to_owned(),
                timezone: TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC),
            },
            components: maker.components,
            networks: vec![
                network("internet", "the internet", &["carrier", "gateway", "firewall"]),
                network("hscn", "the NHS network", &["carrier"]),
            ],
            services,
            probes,
            practices,
            hub_via: Vec::new(),
        }
    }

    fn firewalls_of(&self, place: &str, maker: &mut Maker) -> Vec<Vec<ComponentIx>> {
        (0..self.firewalls)
            .map(|n| {
                let letter = ["a", "b"].get(n).copied().unwrap_or("c");
                let mut add = |number: &str| maker.add("firewall", format!("fw-{place}{letter}{number}"));
                if self.paired == Some(n) { vec![add("1"), add("2")] } else { vec![add("")] }
            })
            .collect()
    }

    /// What every practice asks: anchors by address and by name, and services by name.
    fn asked(&self, resolvers: [ComponentIx; 2]) -> (Vec<Service>, Vec<Probe>) {
        let probe = |id: &str, network: NetworkIx, ask: Ask| Probe {
            id: id.to_owned(),
            network,
            service: None,
            every: self.every,
            timeout: TIMEOUT,
            also: Vec::new(),
            resolver: None,
            ask,
        };
        let named = |network: NetworkIx| Some(resolvers[network.at()]);
        let mut probes = vec![
            Probe { resolver: named(INTERNET), ..probe("internet-dns", INTERNET, dns("internet")) },
            probe("internet-ping", INTERNET, ping("192.0.2.1")),
            Probe { resolver: named(HSCN), ..probe("hscn-dns", HSCN, dns("hscn")) },
            probe("hscn-tcp", HSCN, tcp("198.51.100.1", 443)),
        ];
        if self.anchors > 1 {
            probes.push(probe("internet-ntp", INTERNET, udp("192.0.2.3", 123)));
            probes.push(probe("hscn-ping", HSCN, ping("198.51.100.3")));
        }
        if self.anchors > 2 && self.services < 3 {
            probes.push(probe("internet-tcp", INTERNET, tcp("192.0.2.2", 443)));
        }
        let mut services = Vec::new();
        let mut add = |id: &str, network: NetworkIx| {
            let service = Some(ServiceIx::new(services.len()));
            services.push(Service {
                id: id.to_owned(),
                name: id.to_owned(),
                used_for: None,
                instead: None,
                catch_up: None,
                needs: Vec::new(),
            });
            let resolver = named(network);
            probes.push(Probe { service, resolver, ..probe(&format!("{id}-https"), network, https(id)) });
        };
        for id in INTERNET_SERVICES.iter().take(self.services) {
            add(id, INTERNET);
        }
        for id in HSCN_SERVICES.iter().take(self.services) {
            add(id, HSCN);
        }
        (services, probes)
    }
}

/// The same estate as a file that is wrong about one practice in twenty, and about one at least: each of those
/// is said to be behind another carrier, gateway or firewall than it is.
pub(super) fn misdrawn(real: &Estate, draw: &mut Draw) -> Estate {
    let mut told = real.clone();
    let all: Vec<usize> = (0..told.practices.len()).collect();
    for n in draw.some(&all, (told.practices.len() / 20).max(1)) {
        let Some(practice) = told.practices.get_mut(n) else { continue };
        let mut swaps: Vec<(usize, Vec<ComponentIx>)> = Vec::new();
        for (at, used) in practice.via.iter().enumerate() {
            // Each way to fill the role that another practice names.
            let mut others: Vec<&Vec<ComponentIx>> = real
                .practices
                .iter()
                .flat_map(|other| &other.via)
                .filter(|other| other.role == used.role && other.any != used.any && other.role != "firmware")
                .map(|other| &other.any)
                .collect();
            others.sort_unstable();
            others.dedup();
            swaps.extend(others.into_iter().map(|any| (at, any.clone())));
        }
        if swaps.is_empty() {
            continue;
        }
        let (at, any) = swaps.swap_remove(draw.count(0, swaps.len() - 1));
        practice.via[at].any = any;
    }
    told
}

struct Maker {
    components: Vec<Component>,
}

impl Maker {
    fn add(&mut self, kind: &str, id: String) -> ComponentIx {
        let ix = ComponentIx::new(self.components.len());
        let name = format!("{kind} {id}");
        self.components.push(Component {
            id,
            kind: kind.to_owned(),
            name,
            owner: None,
            contact: None,
            target_percent: None,
            addresses: Vec::new(),
        });
        ix
    }
}

fn practice(n: usize, via: Vec<RoleUse>) -> Practice {
    let id = format!("G{:05}", 82_001 + n);
    Practice {
        name: format!("Practice {}", n + 1),
        postcode: None,
        list_size: None,
        email: Vec::new(),
        source: None,
        via,
        through: Vec::new(),
        id,
    }
}

fn network(id: &str, name: &str, through: &[&str]) -> Network {
    Network {
        id: id.to_owned(),
        name: name.to_owned(),
        through: through.iter().map(|role| (*role).to_owned()).collect(),
    }
}

fn host_port(host: &str, port: u16) -> HostPort {
    HostPort { host: host.to_owned(), port }
}

fn dns(network: &str) -> Ask {
    Ask::Dns(DnsAsk::new(host_port(&format!("resolver.{network}.example"), 53), "anchor.example", "A"))
}

fn ping(host: &str) -> Ask {
    Ask::Icmp(IcmpAsk { host: host.to_owned(), count: 3, loss_max: 0.34 })
}

fn tcp(host: &str, port: u16) -> Ask {
    Ask::Tcp(TcpAsk::to(host_port(host, port)))
}

fn udp(host: &str, port: u16) -> Ask {
    Ask::Udp(UdpAsk { target: host_port(host, port), send: "time".to_owned(), expect: None })
}

fn https(service: &str) -> Ask {
    Ask::Http(HttpAsk {
        url: format!("https://{service}.example/"),
        tls: true,
        expect_status: Vec::new(),
        expect_body: None,
        certificate_days_min: None,
        trust_pem: None,
        redirects_max: 0,
        connect_to: None,
        name_server: None,
        ..HttpAsk::default()
    })
}
