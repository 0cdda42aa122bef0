//! A made-up county to feed: what is checked where, and the estate file that says so.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use linewatch::config;
use linewatch::estate::Estate;

/// One question, asked at every practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    pub id: &'static str,
    pub kind: &'static str,
    pub network: &'static str,
    pub service: Option<&'static str>,
}

const fn ask(
    id: &'static str,
    kind: &'static str,
    network: &'static str,
    service: Option<&'static str>,
) -> Question {
    Question { id, kind, network, service }
}

/// Among them kinds that replay though nobody can ask them yet.
pub const QUESTIONS: [Question; 9] = [
    ask("internet-dns", "dns", "internet", None),
    ask("internet-egress", "egress", "internet", None),
    ask("accurx-https", "https", "internet", Some("accurx")),
    ask("docman-https", "https", "internet", Some("docman")),
    ask("telephony-sip", "sip", "internet", Some("telephony")),
    ask("hscn-dns", "dns", "hscn", None),
    ask("hscn-ntp", "ntp", "hscn", None),
    ask("emis-https", "https", "hscn", Some("emis")),
    ask("eps-tcp", "tcp", "hscn", Some("eps")),
];

#[derive(Debug, Clone)]
pub struct Site {
    pub ods: String,
    pub carrier: &'static str,
    pub firewall: &'static str,
}

#[derive(Debug, Clone)]
pub struct County {
    pub sites: Vec<Site>,
    pub every_s: u32,
    pub timeout_s: u32,
}

impl County {
    /// So many practices: every third on `virgin`, the others on `bt`; the last quarter behind `fw-canterbury`,
    /// the others behind `fw-maidstone`.
    pub fn of(practices: usize) -> Self {
        let sites = (0..practices)
            .map(|n| Site {
                ods: format!("G82{:03}", n + 1),
                carrier: if n % 3 == 2 { "virgin" } else { "bt" },
                firewall: if n * 4 >= practices * 3 { "fw-canterbury" } else { "fw-maidstone" },
            })
            .collect();
        Self { sites, every_s: 30, timeout_s: 5 }
    }

    /// All behind one firewall, on one carrier: nothing can tell the two apart but what they carry.
    pub fn alike(practices: usize) -> Self {
        let mut county = Self::of(practices);
        for site in &mut county.sites {
            (site.carrier, site.firewall) = ("bt", "fw-maidstone");
        }
        county
    }

    pub fn every(mut self, every_s: u32, timeout_s: u32) -> Self {
        (self.every_s, self.timeout_s) = (every_s, timeout_s);
        self
    }

    /// Ids of the practices for which this holds, in the estate's order.
    pub fn ids(&self, of: impl Fn(&Site) -> bool) -> Vec<String> {
        self.sites.iter().filter(|site| of(site)).map(|site| site.ods.clone()).collect()
    }

    /// The estate file.
    pub fn toml(&self) -> String {
        let mut text = String::from(HEAD);
        for Question { id, kind, network, service } in QUESTIONS {
            let target = match kind {
                "dns" => "server = \"127.0.0.1:53\"\nname = \"anchor.example\"\nrecord = \"A\"".to_owned(),
                "https" => format!("url = \"https://{id}.example/\""),
                _ => "target = \"127.0.0.1:9\"".to_owned(),
            };
            let service = service.map_or(String::new(), |service| format!("service = \"{service}\"\n"));
            let (every, timeout) = (self.every_s, self.timeout_s);
            write!(
                text,
                "\n[[probe]]\nid = \"{id}\"\nkind = \"{kind}\"\nnetwork = \"{network}\"\n{service}{target}\n\
                 every = \"{every}s\"\ntimeout = \"{timeout}s\"\n"
            )
            .expect("a string");
        }
        for Site { ods, carrier, firewall } in &self.sites {
            write!(
                text,
                "\n[[practice]]\nods = \"{ods}\"\nname = \"Surgery {ods}\"\n\
                 via = {{ carrier = \"{carrier}\", firewall = \"{firewall}\" }}\n"
            )
            .expect("a string");
        }
        text
    }

    pub fn estate(&self) -> Arc<Estate> {
        let config = config::parse("probes.toml", &self.toml(), Path::new("."));
        Arc::new(config.unwrap_or_else(|errors| panic!("{errors}")).estate)
    }
}

const HEAD: &str = r#"
[icb]
code = "QKS"
name = "NHS Kent and Medway"
timezone = "Europe/London"

[[component]]
id = "bt"
kind = "carrier"
name = "BT"

[[component]]
id = "virgin"
kind = "carrier"
name = "Virgin"

[[component]]
id = "kcom"
kind = "carrier"
name = "KCOM"

[[component]]
id = "zen"
kind = "carrier"
name = "Zen"

[[component]]
id = "fw-maidstone"
kind = "firewall"
name = "ICB internet firewall, Maidstone"

[[component]]
id = "fw-canterbury"
kind = "firewall"
name = "ICB internet firewall, Canterbury"

[[network]]
id = "internet"
name = "the internet"
through = ["carrier", "firewall"]

[[network]]
id = "hscn"
name = "the NHS network"
through = ["carrier"]

[[service]]
id = "emis"
name = "EMIS Web"

[[service]]
id = "eps"
name = "prescriptions"

[[service]]
id = "accurx"
name = "Accurx"

[[service]]
id = "docman"
name = "Docman"

[[service]]
id = "telephony"
name = "telephony"
"#;
