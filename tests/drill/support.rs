//! A small configuration made by hand, and weather to order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linewatch::calendar::Hours;
use linewatch::config::{Config, HubSettings, NoticeSettings, ScheduleSettings, Tokens};
use linewatch::estate::{
    Ask, DnsAsk, EgressAsk, Estate, HostPort, HttpAsk, Icb, IcmpAsk, Network, NetworkIx, Practice,
    PracticeIx, Probe, ProbeIx, TcpAsk, UdpAsk, Vantage,
};
use linewatch::world::faults::Fate;
use linewatch::world::loopback::weather::Weather;

pub const DNS: ProbeIx = ProbeIx(0);
pub const HTTPS: ProbeIx = ProbeIx(1);
pub const TCP: ProbeIx = ProbeIx(2);
pub const UDP: ProbeIx = ProbeIx(3);
pub const HTTP: ProbeIx = ProbeIx(4);
pub const ICMP: ProbeIx = ProbeIx(5);

pub const FIRST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 1, 0, 2));
pub const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 1, 0, 3));

fn far(port: u16) -> HostPort {
    HostPort { host: "203.0.113.7".to_owned(), port }
}

fn http(url: &str, tls: bool) -> Ask {
    Ask::Http(HttpAsk {
        url: url.to_owned(),
        tls,
        expect_status: Vec::new(),
        expect_body: Some("Accurx is here".to_owned()),
        certificate_days_min: Some(14),
        trust_pem: None,
        redirects_max: 3,
        connect_to: None,
        name_server: None,
        ..HttpAsk::default()
    })
}

/// Two practices, one network, one probe of each kind; every target is somewhere far away.
pub fn config() -> Config {
    let asks = [
        (
            "dns",
            Ask::Dns(DnsAsk {
                expect_answers: vec!["203.0.113.9".to_owned()],
                ..DnsAsk::new(far(53), "accurx.example", "A")
            }),
        ),
        ("https", http("https://accurx.example/login?next=home", true)),
        ("tcp", Ask::Tcp(TcpAsk::to(far(9100)))),
        (
            "udp",
            Ask::Udp(UdpAsk { target: far(7), send: "hello".to_owned(), expect: Some("world".to_owned()) }),
        ),
        ("http", http("http://203.0.113.7:8080/", false)),
        ("icmp", Ask::Icmp(IcmpAsk { host: "203.0.113.7".to_owned(), count: 3, loss_max: 0.5 })),
        (
            "egress",
            Ask::Egress(EgressAsk {
                target: far(443),
                secret: None,
                tcp_open: vec![443],
                udp_open: Vec::new(),
                tcp_blocked: vec![25],
                udp_blocked: Vec::new(),
                mtu: None,
                idle: None,
            }),
        ),
    ];
    let probe = |(id, ask): (&str, Ask)| Probe {
        id: id.to_owned(),
        network: NetworkIx(0),
        service: None,
        every: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        also: Vec::new(),
        resolver: None,
        ask,
    };
    let practice = |id: &str, source| Practice {
        id: id.to_owned(),
        name: format!("Practice {id}"),
        postcode: None,
        list_size: None,
        email: vec![format!("{id}@example.org")],
        source,
        via: Vec::new(),
        through: Vec::new(),
    };
    Config {
        estate: Estate {
            icb: Icb {
                code: "QKS".to_owned(),
                name: "A county".to_owned(),
                timezone: jiff::tz::TimeZone::UTC,
            },
            components: Vec::new(),
            networks: vec![Network {
                id: "internet".to_owned(),
                name: "the internet".to_owned(),
                through: Vec::new(),
            }],
            services: Vec::new(),
            probes: asks.map(probe).into(),
            practices: vec![practice("G82002", Some(FIRST)), practice("G82003", Some(SECOND))],
            hub_via: Vec::new(),
        },
        hub: HubSettings {
            listen: SocketAddr::from(([0, 0, 0, 0], 9460)),
            data: PathBuf::from("linewatch-data"),
            keep: Duration::from_hours(24),
            keep_addresses: Duration::from_hours(24),
            observations: linewatch::config::HubSettings::OBSERVATIONS,
            tls: None,
            tokens: Tokens::default(),
        },
        mail: None,
        notices: NoticeSettings::default(),
        acknowledgement: linewatch::config::AcknowledgementSettings::default(),
        maintenance: Vec::new(),
        deadlines: Vec::new(),
        core_hours: Hours::core(),
        schedule: ScheduleSettings { concurrency_max: 64, target_rate_max: None, reask: true, paths: false },
        ways: linewatch::config::WaySettings::default(),
        handout: std::sync::Arc::default(),
    }
}

/// One fate for all that comes from the first practice; everybody else passes.
#[derive(Default, Clone)]
pub struct ToOrder {
    fate: Arc<Mutex<Option<Fate>>>,
}

impl ToOrder {
    pub fn is(fate: Fate) -> Self {
        Self { fate: Arc::new(Mutex::new(Some(fate))) }
    }

    pub fn clears(&self) {
        *self.fate.lock().expect("weather") = None;
    }
}

impl Weather for ToOrder {
    fn fate(&self, from: Vantage, _probe: ProbeIx, _nonce: u64) -> Fate {
        let fate = *self.fate.lock().expect("weather");
        if from == Vantage::Practice(PracticeIx(0)) { fate.unwrap_or(Fate::Pass) } else { Fate::Pass }
    }
}
