//! Made-up estates of any size, so that a scenario stands alone: skewed carriers, firewalls, services and
//! the checks that a county would really run. The ids of networks and firewalls are those of the shipped
//! `probes.toml`, so that one scenario fits both.
//!
//! Every host is under `example` or a documentation address: nothing here is ever dialled.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::estate::{
    Ask, Component, ComponentIx, DnsAsk, Estate, HostPort, HttpAsk, Icb, IcmpAsk, Network, NetworkIx,
    Practice, Probe, RoleUse, Service, ServiceIx, TcpAsk, UdpAsk,
};
use crate::world::dice::{mix, mix_text, unit};

/// What to make up: `[estate]` in a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Main surgeries.
    pub practices: usize,
    /// Branch surgeries: the first practices have one each, on the main surgery's circuit.
    pub branches: usize,
    /// The first carries half the practices, the next half of the rest, and so on.
    pub carriers: usize,
    /// Two: `fw-maidstone` with nineteen practices in twenty, and `fw-canterbury`. More: skewed like carriers.
    pub firewalls: usize,
    /// Internet gateways (`gw-1`, …) between carrier and firewall, evenly used.
    pub gateways: usize,
    /// Models of practice router, as a role that no network lists: skewed like carriers.
    pub firmwares: usize,
    /// How many of the services staff use are watched.
    pub services: usize,
    /// Whether records and VPN are hosted behind a data centre's gateway, `gw-datacentre`.
    pub datacentre: bool,
    pub every: Duration,
    pub timeout: Duration,
}

impl Plan {
    /// Three times England's practices, and above any estate that linewatch is made for.
    pub const PRACTICES_MAX: usize = 20_000;
    /// Of one role: more than England's 42 ICBs have firewalls.
    pub const COMPONENTS_MAX: usize = 64;
    pub const SERVICES_MAX: usize = SERVICES.len();
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            practices: 40,
            branches: 0,
            carriers: 4,
            firewalls: 2,
            gateways: 0,
            firmwares: 0,
            services: SERVICES.len(),
            datacentre: false,
            every: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
        }
    }
}

const INTERNET: NetworkIx = NetworkIx(0);
const HSCN: NetworkIx = NetworkIx(1);

/// A service as the words of notices need it.
struct Made {
    id: &'static str,
    name: &'static str,
    used_for: &'static str,
    instead: &'static str,
    catch_up: Option<&'static str>,
    network: NetworkIx,
}

const SERVICES: [Made; 7] = [
    Made {
        id: "emis",
        name: "EMIS Web",
        used_for: "patient records",
        instead: "Use the paper encounter forms.",
        catch_up: Some("Enter the paper forms."),
        network: HSCN,
    },
    Made {
        id: "accurx",
        name: "Accurx",
        used_for: "texting patients",
        instead: "Phone patients.",
        catch_up: Some("Look for replies that came in meanwhile."),
        network: INTERNET,
    },
    Made {
        id: "eps",
        name: "prescriptions (EPS)",
        used_for: "sending prescriptions",
        instead: "Print and sign green forms.",
        catch_up: Some("Send what still waits. Do not send what was printed."),
        network: HSCN,
    },
    Made {
        id: "nhsmail",
        name: "NHSmail",
        used_for: "e-mail",
        instead: "Phone.",
        catch_up: Some("Read what came in meanwhile."),
        network: INTERNET,
    },
    Made {
        id: "docman",
        name: "Docman",
        used_for: "letters",
        instead: "Leave letters until it is back.",
        catch_up: Some("Work through letters and results, the oldest first."),
        network: INTERNET,
    },
    Made {
        id: "doris",
        name: "DORIS",
        used_for: "referral advice",
        instead: "Phone the hospital.",
        catch_up: None,
        network: HSCN,
    },
    Made {
        id: "telephony",
        name: "telephony",
        used_for: "phone calls",
        instead: "Use the practice's mobile phones.",
        catch_up: None,
        network: INTERNET,
    },
];

const CARRIERS: [&str; 6] = ["bt", "virgin", "talktalk", "kcom", "zen", "gamma"];

/// Makes the estate of a plan. The same plan gives the same estate.
pub fn build(plan: &Plan) -> Estate {
    let mut maker = Maker { components: Vec::new() };
    let carriers = maker.family("carrier", plan.carriers, |n| {
        CARRIERS.get(n).map_or_else(|| format!("carrier-{}", n + 1), |id| (*id).to_owned())
    });
    let firewalls = maker.family("firewall", plan.firewalls, |n| match n {
        0 => "fw-maidstone".to_owned(),
        1 => "fw-canterbury".to_owned(),
        n => format!("fw-{}", n + 1),
    });
    let gateways = maker.family("gateway", plan.gateways, |n| format!("gw-{}", n + 1));
    let firmwares = maker.family("firmware", plan.firmwares, |n| match n {
        0 => "mx-18.107".to_owned(),
        n => format!("router-{}.{}", 20 + n / 4, n % 4),
    });
    let resolvers =
        [maker.add("resolver", "dns-internet".to_owned()), maker.add("resolver", "dns-hscn".to_owned())];
    let datacentre = plan.datacentre.then(|| maker.add("gateway", "gw-datacentre".to_owned()));
    let mut services: Vec<Service> = SERVICES.iter().take(plan.services).map(service).collect();
    let mut probes = anchors(plan, resolvers);
    for (n, made) in SERVICES.iter().take(plan.services).enumerate() {
        probes.push(service_probe(plan, ServiceIx::new(n), made.id, made.network));
    }
    if let Some(gateway) = datacentre {
        hosted(plan, gateway, &mut services, &mut probes);
    }
    let main = plan.practices;
    let halves =
        |kinds: &[ComponentIx]| (0..kinds.len()).map(|n| 0.5_f64.powi(index_power(n))).collect::<Vec<_>>();
    let even = vec![1.0; gateways.len()];
    let firewall_weights = if firewalls.len() == 2 { vec![19.0, 1.0] } else { halves(&firewalls) };
    let roles: Vec<(&str, Vec<Option<ComponentIx>>)> = vec![
        ("carrier", deal(main, &carriers, &halves(&carriers), 0xCA)),
        ("gateway", deal(main, &gateways, &even, 0x6A)),
        ("firewall", deal(main, &firewalls, &firewall_weights, 0xF1)),
        ("firmware", deal(main, &firmwares, &halves(&firmwares), 0xF3)),
    ];
    let mut practices = Vec::with_capacity(main + plan.branches);
    for n in 0..main {
        let id = format!("G{:05}", 82_001 + n);
        let mut via: Vec<RoleUse> = Vec::new();
        let has_branch = n < plan.branches;
        if has_branch {
            let circuit = maker.add("circuit", format!("circuit-{}", id.to_lowercase()));
            via.push(RoleUse { role: "circuit".to_owned(), any: vec![circuit] });
        }
        via.extend(roles.iter().filter_map(|(role, dealt)| {
            Some(RoleUse { role: (*role).to_owned(), any: vec![(*dealt.get(n)?)?] })
        }));
        if has_branch {
            practices.push(practice(&format!("{id}/branch"), n, via.clone()));
        }
        practices.push(practice(&id, n, via));
    }
    practices.sort_by(|a, b| a.id.cmp(&b.id));
    Estate {
        icb: Icb {
            code: "QXX".to_owned(),
            name: "Made-up County".to_owned(),
            timezone: TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC),
        },
        components: maker.components,
        networks: vec![
            network("internet", "the internet", &["circuit", "carrier", "gateway", "firewall"]),
            network("hscn", "the NHS network", &["circuit", "carrier"]),
        ],
        services,
        probes,
        practices,
        hub_via: Vec::new(),
    }
}

fn index_power(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX).min(30)
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

    fn family(&mut self, kind: &str, count: usize, id: impl Fn(usize) -> String) -> Vec<ComponentIx> {
        (0..count).map(|n| self.add(kind, id(n))).collect()
    }
}

/// Deals components to practices so that each gets its share exactly, and who gets what looks like chance.
fn deal(practices: usize, kinds: &[ComponentIx], weights: &[f64], salt: u64) -> Vec<Option<ComponentIx>> {
    let mut dealt = vec![None; practices];
    let total: f64 = weights.iter().sum();
    let mut order: Vec<usize> = (0..practices).collect();
    order.sort_by_key(|n| mix(salt, *n as u64));
    for (place, n) in order.into_iter().enumerate() {
        let mut left = (place as f64 + 0.5) / practices as f64 * total;
        let chosen = kinds.iter().zip(weights).find(|(_, weight)| {
            left -= **weight;
            left < 0.0
        });
        dealt[n] = chosen.map(|(kind, _)| *kind).or(kinds.last().copied());
    }
    dealt
}

fn network(id: &str, name: &str, through: &[&str]) -> Network {
    Network {
        id: id.to_owned(),
        name: name.to_owned(),
        through: through.iter().map(|role| (*role).to_owned()).collect(),
    }
}

fn service(made: &Made) -> Service {
    Service {
        id: made.id.to_owned(),
        name: made.name.to_owned(),
        used_for: Some(made.used_for.to_owned()),
        instead: Some(made.instead.to_owned()),
        catch_up: made.catch_up.map(str::to_owned),
        needs: Vec::new(),
    }
}

fn practice(id: &str, n: usize, via: Vec<RoleUse>) -> Practice {
    const FIRST: [&str; 12] = [
        "Mill Lane",
        "St James'",
        "The Orchard",
        "Riverside",
        "Northgate",
        "Abbey",
        "Bell Road",
        "Castle",
        "Downs",
        "Elmtree",
        "Friars",
        "Grange",
    ];
    const LAST: [&str; 4] = ["Surgery", "Medical Centre", "Practice", "Health Centre"];
    let throw = mix_text(0x9AC7, id);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "3,000 to 18,000 patients")]
    let list_size = (3_000.0 + 15_000.0 * unit(throw).powi(2)) as u32;
    let branch = if id.contains('/') { ", branch" } else { "" };
    Practice {
        id: id.to_owned(),
        name: format!("{} {}{branch}", FIRST[n % FIRST.len()], LAST[n / FIRST.len() % LAST.len()]),
        postcode: None,
        list_size: Some(list_size),
        email: vec![format!("manager@{}.example", id.to_lowercase().replace('/', "."))],
        source: None,
        via,
        through: Vec::new(),
    }
}

fn probe(plan: &Plan, id: String, network: NetworkIx, ask: Ask) -> Probe {
    Probe {
        id,
        network,
        service: None,
        every: plan.every,
        timeout: plan.timeout,
        also: Vec::new(),
        resolver: None,
        ask,
    }
}

/// What is asked of each network for its own sake: a name, a site, an address.
fn anchors(plan: &Plan, resolvers: [ComponentIx; 2]) -> Vec<Probe> {
    let dns = |network: &str, ix: NetworkIx, resolver: ComponentIx| Probe {
        resolver: Some(resolver),
        ..probe(
            plan,
            format!("{network}-dns"),
            ix,
            Ask::Dns(DnsAsk::new(
                host_port(&format!("resolver.{network}.example"), 53),
                "anchor.example",
                "A",
            )),
        )
    };
    let ping = |host: &str| Ask::Icmp(IcmpAsk { host: host.to_owned(), count: 3, loss_max: 0.34 });
    vec![
        dns("internet", INTERNET, resolvers[0]),
        probe(plan, "internet-https".to_owned(), INTERNET, https("anchor.example")),
        probe(plan, "internet-ping".to_owned(), INTERNET, ping("192.0.2.1")),
        dns("hscn", HSCN, resolvers[1]),
        probe(plan, "hscn-tcp".to_owned(), HSCN, tcp("198.51.100.1", 443)),
    ]
}

fn service_probe(plan: &Plan, service: ServiceIx, id: &str, network: NetworkIx) -> Probe {
    let (kind, ask) = if id == "telephony" {
        let target = host_port("sip.telephony.example", 5060);
        ("udp", Ask::Udp(UdpAsk { target, send: "OPTIONS".to_owned(), expect: None }))
    } else {
        ("https", https(&format!("{id}.example")))
    };
    Probe { service: Some(service), ..probe(plan, format!("{id}-{kind}"), network, ask) }
}

/// Records and VPN behind one gateway, and that gateway asked for its own sake.
fn hosted(plan: &Plan, gateway: ComponentIx, services: &mut Vec<Service>, probes: &mut Vec<Probe>) {
    for (id, name, used_for) in
        [("records", "hosted records", "records in the data centre"), ("vpn", "VPN", "working from home")]
    {
        let ix = ServiceIx::new(services.len());
        let made = Made { id, name, used_for, instead: "Wait for news.", catch_up: None, network: HSCN };
        services.push(service(&made));
        let ask = if id == "vpn" { tcp("vpn.example", 443) } else { https("records.example") };
        let kind = if id == "vpn" { "tcp" } else { "https" };
        let check = probe(plan, format!("{id}-{kind}"), HSCN, ask);
        probes.push(Probe { service: Some(ix), also: vec![gateway], ..check });
    }
    let anchor = probe(plan, "datacentre-tcp".to_owned(), HSCN, tcp("198.51.100.2", 443));
    probes.push(Probe { also: vec![gateway], ..anchor });
}

fn https(host: &str) -> Ask {
    Ask::Http(HttpAsk {
        url: format!("https://{host}/"),
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

fn tcp(host: &str, port: u16) -> Ask {
    Ask::Tcp(TcpAsk::to(host_port(host, port)))
}

fn host_port(host: &str, port: u16) -> HostPort {
    HostPort { host: host.to_owned(), port }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(estate: &Estate, id: &str) -> usize {
        let ix = estate.component(id).expect("a component");
        estate.practices.iter().filter(|practice| practice.via.iter().any(|used| used.any == [ix])).count()
    }

    #[test]
    fn the_usual_county_has_38_practices_behind_maidstone_and_two_behind_canterbury() {
        let estate = build(&Plan::default());
        assert_eq!((behind(&estate, "fw-maidstone"), behind(&estate, "fw-canterbury")), (38, 2));
        assert_eq!(behind(&estate, "bt"), 21, "the first carrier has more than half");
        assert_eq!(estate.probes.len(), 12);
    }

    #[test]
    fn a_branch_shares_the_circuit_of_its_surgery() {
        let estate = build(&Plan { branches: 1, ..Plan::default() });
        assert_eq!(estate.practices.len(), 41);
        assert_eq!(behind(&estate, "circuit-g82001"), 2);
        assert!(estate.practice("G82001/branch").is_some());
    }

    #[test]
    fn all_ids_are_distinct_at_the_size_of_england() {
        let plan = Plan {
            practices: 6_200,
            branches: 100,
            carriers: 12,
            firewalls: 42,
            gateways: 5,
            firmwares: 9,
            ..Plan::default()
        };
        let estate = build(&plan);
        let mut ids: Vec<&str> = estate.practices.iter().map(|practice| practice.id.as_str()).collect();
        ids.extend(estate.components.iter().map(|component| component.id.as_str()));
        ids.extend(estate.probes.iter().map(|probe| probe.id.as_str()));
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
        assert_eq!(estate.practices.len(), 6_300);
    }
}
