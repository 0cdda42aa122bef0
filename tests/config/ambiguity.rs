//! Ambiguity groups: small estates, what looks the same in them, and what `check` says would tell it apart.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use linewatch::config::{self, Ambiguities};
use linewatch::estate::ambiguity::{Group, groups};
use linewatch::estate::columns::{Askers, Family, Node, columns};
use linewatch::estate::splitter::{about, splitter};
use linewatch::estate::{Estate, Hop, PracticeIx, ProbeIx, Vantage};

/// An estate in three texts. `probes`: `id kind network service-or-dash target [also]`, `;` between them.
/// `practices`: `role=component …`, `;` between them, spares as `role=a|b`. `hub`: its `via`, the same way.
fn estate(networks: &str, probes: &str, practices: &str, hub: &str) -> Estate {
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut services: Vec<&str> = Vec::new();
    let via = |words: &'_ str| -> String {
        let uses: Vec<String> = words
            .split_whitespace()
            .map(|word| {
                let (role, ids) = word.split_once('=').expect("role=component");
                match ids.split_once('|') {
                    Some((a, b)) => format!("{role} = {{ any = [\"{a}\", \"{b}\"] }}"),
                    None => format!("{role} = \"{ids}\""),
                }
            })
            .collect();
        format!("{{ {} }}", uses.join(", "))
    };
    for word in practices.split([' ', ';']).chain(hub.split(' ')).filter(|word| !word.trim().is_empty()) {
        let (role, ids) = word.trim().split_once('=').expect("role=component");
        kinds.extend(ids.split('|').map(|id| (id, role)));
    }
    let mut text = "icb = { code = \"QKS\", name = \"Kent\", timezone = \"Europe/London\" }\n".to_owned();
    if !hub.is_empty() {
        let _ = writeln!(text, "hub = {{ via = {} }}", via(hub));
    }
    for network in networks.split(';') {
        let (id, roles) = network.trim().split_once(':').expect("network: roles");
        let roles: Vec<&str> = roles.split_whitespace().collect();
        let _ = writeln!(text, "[[network]]\nid = \"{id}\"\nname = \"the {id}\"\nthrough = {roles:?}");
    }
    for probe in probes.split(';') {
        let words: Vec<&str> = probe.split_whitespace().collect();
        let [id, kind, network, service, target, also @ ..] = words.as_slice() else { panic!("{probe}") };
        let target = match *kind {
            "dns" => format!("server = \"{target}:53\"\nname = \"a.example\"\nrecord = \"A\""),
            "https" => format!("url = \"https://{target}/\""),
            "icmp" => format!("target = \"{target}\""),
            _ => format!("target = \"{target}:9\"\nsend = \"x\""),
        };
        let target = if *kind == "tcp" { target.replace("\nsend = \"x\"", "") } else { target };
        let _ = write!(
            text,
            "[[probe]]\nid = \"{id}\"\nkind = \"{kind}\"\nnetwork = \"{network}\"\n{target}\nevery = \"30s\"\ntimeout = \"5s\"\n"
        );
        if *service != "-" {
            let _ = writeln!(text, "service = \"{service}\"");
            services.push(service);
        }
        if !also.is_empty() {
            let _ = writeln!(text, "also = {also:?}");
            kinds.extend(also.iter().map(|id| (*id, "gateway")));
        }
    }
    services.sort_unstable();
    services.dedup();
    for service in services {
        let _ = writeln!(text, "[[service]]\nid = \"{service}\"\nname = \"{service}\"");
    }
    for (id, kind) in kinds {
        let _ = writeln!(text, "[[component]]\nid = \"{id}\"\nkind = \"{kind}\"\nname = \"{id}\"");
    }
    for (n, practice) in practices.split(';').enumerate() {
        let _ = writeln!(text, "[[practice]]\nods = \"P{}\"\nname = \"{n}\"\nvia = {}", n + 1, via(practice));
    }
    config::parse("probes.toml", &text, Path::new(""))
        .unwrap_or_else(|errors| panic!("{errors}\n{text}"))
        .estate
}

const NETWORKS: &str = "internet: circuit carrier firewall; hscn: circuit carrier";
/// Enough of everything on both networks.
const PROBES: &str = "a-web https internet accurx a.example; d-web https internet docman d.example; \
     i-ping icmp internet - 192.0.2.1; i-dns dns internet - 192.0.2.53; \
     e-web https hscn emis e.example; s-web https hscn eps s.example; h-ping icmp hscn - 198.51.100.1; \
     h-dns dns hscn - 198.51.100.53";
/// Two carriers, two firewalls, crossed.
const CROSSED: &str = "carrier=bt firewall=f1; carrier=virgin firewall=f1; carrier=bt firewall=f2; \
     carrier=virgin firewall=f2";

fn named(estate: &Estate, group: &Group) -> String {
    let families: Vec<&str> = group.families.iter().map(|family| family.as_str()).collect();
    let nodes: Vec<String> = group.nodes.iter().map(|node| about(estate, node)).collect();
    format!("{}: {}", families.join("+"), nodes.join(" "))
}

fn down(estate: &Estate) -> Vec<String> {
    groups(estate, &Askers::everybody())
        .iter()
        .filter(|group| group.families.contains(&Family::Down))
        .map(|group| named(estate, group))
        .collect()
}

#[test]
fn an_estate_with_two_of_everything_has_no_group_in_an_outage() {
    let estate = estate(NETWORKS, PROBES, CROSSED, "");
    assert_eq!(down(&estate), Vec::<String>::new());
    assert_eq!(Ambiguities::of(&estate).parted_by_hub, []);
}

/// Estate, the group that must be among the first, and a word or two of what must part it.
#[test]
fn well_known_groups_and_what_parts_them() {
    let one_net = "internet: circuit carrier firewall";
    let internet = "a-web https internet accurx a.example; d-web https internet docman d.example; i-ping icmp internet - 192.0.2.1";
    let table: [(&str, Estate, &str, &[&str]); 8] = [
        (
            "carrier and firewall need two carriers",
            estate(
                one_net,
                internet,
                "carrier=bt firewall=f1; carrier=bt firewall=f1; carrier=sky firewall=f2; carrier=sky firewall=f2",
                "",
            ),
            "down: carrier/bt firewall/f1",
            &["A practice behind the firewall f1 with another carrier", "also = …", "from the hub"],
        ),
        (
            "HSCN core and DNS need a check by address",
            estate(
                NETWORKS,
                "a-web https internet accurx a.example; i-ping icmp internet - 192.0.2.1; e-web https hscn emis e.example; h-dns dns hscn - 198.51.100.53",
                CROSSED,
                "",
            ),
            "down: network/hscn names/hscn",
            &["A check by address on hscn"],
        ),
        (
            "a network with one target",
            estate(
                NETWORKS,
                "a-web https internet accurx a.example; d-web https internet docman d.example; h-ping icmp hscn - 198.51.100.1",
                CROSSED,
                "",
            ),
            "down: network/hscn target/h-ping",
            &["A second probe on the network hscn", "another target"],
        ),
        (
            "a network with one service",
            estate(
                NETWORKS,
                "a-web https internet accurx a.example; d-web https internet docman d.example; e-web https hscn emis e.example",
                CROSSED,
                "",
            ),
            "down: network/hscn service/emis",
            &["A second probe on the network hscn", "another target"],
        ),
        (
            "power, circuit and agent need a check from outside",
            estate(
                NETWORKS,
                PROBES,
                "circuit=c1 carrier=bt firewall=f1; circuit=c2 carrier=virgin firewall=f1; circuit=c3 carrier=bt firewall=f2; circuit=c4 carrier=virgin firewall=f2",
                "",
            ),
            "down: practice/P1 circuit/c1",
            &["check from outside", "let the hub ask it"],
        ),
        (
            "a gateway that only one service's checks cross",
            estate(NETWORKS, &format!("{PROBES}; g-web https hscn records g.example vpn"), CROSSED, ""),
            "down: gateway/vpn service/records",
            &["something else through the gateway vpn", "avoids it"],
        ),
        (
            "spares that nobody has apart",
            estate(NETWORKS, PROBES, "carrier=bt firewall=a|b; carrier=virgin firewall=a|b", ""),
            "down: firewall/a firewall/b",
            &["spares of each other", "also = [\"a\"]"],
        ),
        (
            "one practice behind a firewall of its own",
            estate(
                one_net,
                internet,
                "carrier=bt firewall=f1; carrier=bt firewall=f1; carrier=bt firewall=f9",
                "",
            ),
            "down: practice/P3 firewall/f9",
            &["A second practice behind the firewall f9"],
        ),
    ];
    for (what, estate, expected, words) in table {
        let found = groups(&estate, &Askers::everybody());
        let all: Vec<String> = found.iter().map(|group| named(&estate, group)).collect();
        let group = found.iter().find(|group| named(&estate, group) == expected);
        let group = group.unwrap_or_else(|| panic!("{what}: no {expected} among {all:#?}"));
        let said = splitter(&estate, &group.nodes, group.families[0]);
        for word in words {
            assert!(said.contains(word), "{what}: {word:?} is not in {said:?}");
        }
    }
}

/// One ICB with one firewall: the hub's own checks part it from the internet, as long as they don't cross it.
#[test]
fn one_firewall_hangs_on_the_hubs_own_checks() {
    let practices = "carrier=bt firewall=f1; carrier=virgin firewall=f1; carrier=bt firewall=f1; carrier=virgin firewall=f1";
    let free = estate(NETWORKS, PROBES, practices, "");
    assert_eq!(down(&free), Vec::<String>::new());
    let by_hub = Ambiguities::of(&free).parted_by_hub;
    assert_eq!(by_hub.len(), 1, "{by_hub:#?}");
    assert_eq!(by_hub[0].about, ["firewall/f1", "network/internet"]);
    assert!(by_hub[0].text.starts_with("Only the hub's own checks tell"), "{}", by_hub[0].text);
    assert!(by_hub[0].splitter.contains("anchor"), "{}", by_hub[0].splitter);
    // A firewall on the internet's way that the hub crosses for all of its checks is still not the internet:
    // the hub's checks of the NHS network cross it too. With one network only, it is.
    let one = "a-web https internet accurx a.example; d-web https internet docman d.example; i-ping icmp internet - 192.0.2.1";
    let behind = estate("internet: carrier firewall", one, practices, "firewall=f1");
    assert_eq!(down(&behind), ["down: firewall/f1 network/internet"]);
    let said = &Ambiguities::of(&behind).groups[0];
    assert!(said.text.starts_with("The firewall f1 and the network internet carry the same 15 checks: no check can tell which failed."), "{}", said.text);
    assert!(
        said.splitter.contains("The hub's own checks of the network internet would")
            && said.splitter.contains("[hub] via"),
        "{}",
        said.splitter
    );
}

/// What shows only in some checks is parted by those alone.
#[test]
fn a_fault_of_one_kind_may_look_the_same_though_an_outage_would_not() {
    let probes = "a-web https internet accurx a.example; i-ping icmp internet - 192.0.2.1; i-dns dns internet - 192.0.2.53; \
         e-web https hscn emis e.example; s-web https hscn eps s.example; h-ping icmp hscn - 198.51.100.1";
    let estate = estate(NETWORKS, probes, CROSSED, "");
    let found = groups(&estate, &Askers::everybody());
    let of = |family: Family| -> Vec<String> {
        let shown = found.iter().filter(|group| group.families.contains(&family));
        shown.map(|group| named(&estate, group)).collect()
    };
    // MTU: the one large target on the internet is all that shows it.
    assert_eq!(of(Family::Large), ["tls+refused+large answers: network/internet service/accurx"]);
    let group = found.iter().find(|group| group.families.contains(&Family::Large)).expect("found above");
    let said = splitter(&estate, &group.nodes, Family::Large);
    assert!(said.contains("A second check with a large answer on the network internet"), "{said}");
    let said = splitter(&estate, &group.nodes, Family::Tls);
    assert!(said.contains("A second https check on the network internet"), "{said}");
    assert_eq!(of(Family::Down), Vec::<String>::new());
}

#[test]
fn those_who_do_not_report_part_nothing() {
    let estate = estate(NETWORKS, PROBES, CROSSED, "");
    // Only bt's practices behind f1 and virgin's behind f2 are heard.
    let heard = |ix: PracticeIx| ix.0 == 0 || ix.0 == 3;
    let askers = Askers { practices: &heard, probes: &|_| true, hub: false };
    let found: Vec<String> = groups(&estate, &askers).iter().map(|group| named(&estate, group)).collect();
    assert!(found.contains(&"down: practice/P1 carrier/bt".to_owned()), "{found:#?}");
    assert!(found.contains(&"down: practice/P4 carrier/virgin".to_owned()), "{found:#?}");
}

#[test]
fn practices_with_their_own_circuits_are_one_line_however_many() {
    let practices: Vec<String> = (0..40)
        .map(|n| format!("circuit=c{n} carrier={} firewall=f{}", ["bt", "sky"][n % 2], n / 2 % 2))
        .collect();
    let estate = estate(NETWORKS, PROBES, &practices.join(";"), "");
    let found = Ambiguities::of(&estate);
    let own: Vec<_> = found.groups.iter().filter(|group| group.practices > 0).collect();
    assert_eq!(own.len(), 1, "{found:#?}");
    assert_eq!((own[0].practices, own[0].about.len()), (40, 20));
    assert!(
        own[0].text.starts_with("At 40 practices the circuit is the same as the practice itself"),
        "{}",
        own[0].text
    );
    assert!(own[0].text.ends_with("P1, P2, P3, P4, P5, P6 and 34 more."), "{}", own[0].text);
}

#[test]
fn what_is_listed_has_a_bound_and_says_so() {
    // Thirty pairs of a carrier and a firewall, two practices each, on one network.
    let practices: Vec<String> = (0..60).map(|n| format!("carrier=c{0} firewall=f{0}", n / 2)).collect();
    let estate = estate(
        "internet: carrier firewall",
        "a-web https internet accurx a.example; d-web https internet docman d.example",
        &practices.join(";"),
        "",
    );
    let found = Ambiguities::of(&estate);
    assert_eq!(found.groups.len(), 20);
    assert!(found.left_out >= 10, "{}", found.left_out);
}

/// Everything that makes paths differ: spares, another way for one practice, a shared risk, a resolver, `also`, a
/// component that fills two roles, and the hub's own way. Two things have the same column exactly when the
/// paths of all checks say so.
#[test]
fn columns_are_what_the_paths_say() {
    const ODD: &str = r#"
        icb = { code = "QKS", name = "Kent", timezone = "Europe/London" }
        component = [
            { id = "bt", kind = "carrier", name = "BT" },
            { id = "fw-a", kind = "firewall", name = "A" },
            { id = "fw-b", kind = "firewall", name = "B" },
            { id = "vpn", kind = "gateway", name = "VPN" },
            { id = "mx", kind = "firmware", name = "MX" },
            { id = "dns", kind = "resolver", name = "DNS", address = "127.0.0.53" },
        ]
        network = [
            { id = "internet", name = "the internet", through = ["carrier", "firewall", "exit"] },
            { id = "hscn", name = "the NHS network", through = ["carrier"] },
        ]
        service = [{ id = "accurx", name = "Accurx" }]
        probe = [
            { id = "a", kind = "tcp", network = "internet", service = "accurx", target = "127.0.0.1:1", every = "30s", timeout = "5s", also = ["vpn", "bt"] },
            { id = "b", kind = "dns", network = "hscn", server = "127.0.0.53:53", name = "a.example", record = "A", every = "30s", timeout = "5s", also = ["dns"] },
            { id = "c", kind = "tcp", network = "hscn", target = "127.0.0.1:2", every = "30s", timeout = "5s" },
        ]
        practice = [
            { ods = "P1", name = "1", via = { carrier = "bt", firewall = { any = ["fw-a", "fw-b"] }, firmware = "mx" } },
            { ods = "P2", name = "2", via = { carrier = "bt", firewall = "fw-a", exit = "fw-a", gateway = "vpn" }, through = { hscn = ["gateway", "carrier"] } },
            { ods = "P3", name = "3", via = { firewall = "fw-b" } },
            { ods = "P4", name = "4", via = { firewall = "fw-b" } },
        ]
        hub = { via = { carrier = "bt", firewall = { any = ["fw-a", "fw-b"] } } }
    "#;
    let estate =
        config::parse("probes.toml", ODD, Path::new("")).unwrap_or_else(|errors| panic!("{errors}")).estate;
    let mut expected: BTreeMap<Node, Vec<(Vantage, usize)>> = BTreeMap::new();
    let askers = (0..estate.practices.len()).map(|ix| Vantage::Practice(PracticeIx::new(ix)));
    for vantage in askers.chain([Vantage::Hub]) {
        for probe in 0..estate.probes.len() {
            for hop in estate.path(vantage, ProbeIx::new(probe)) {
                let node = match hop {
                    // Practices that name the same have no column of their own: nothing shared can equal it.
                    Hop::Practice(ix) if ix.0 >= 2 => continue,
                    Hop::Practice(ix) => Node::Practice(ix),
                    Hop::Component(ix) => Node::Component(ix),
                    Hop::AnyOf(several) => Node::Spares(several),
                    Hop::Network(ix) => Node::Network(ix),
                    Hop::Service(ix) => Node::Service(ix),
                    Hop::Monitor => Node::Monitor,
                };
                expected.entry(node).or_default().push((vantage, probe));
            }
        }
    }
    let found = columns(&estate, &Askers::everybody());
    for (node, checks) in &expected {
        let column = |node: &Node| found.iter().find(|(other, _)| other == node).map(|(_, column)| column[0]);
        let own = column(node).unwrap_or_else(|| panic!("no column for {node:?}"));
        // Spares add to their number, so only things that nobody has as a spare are counted alike.
        let fw = ["fw-a", "fw-b"].map(|id| Node::Component(estate.component(id).expect("declared")));
        if fw.contains(node) {
            continue;
        }
        assert_eq!(own.checks, checks.len() as u64, "{node:?}");
        for (other, theirs) in expected.iter().filter(|(other, _)| !fw.contains(other)) {
            assert_eq!(column(other) == Some(own), checks == theirs, "{node:?} and {other:?}");
        }
    }
}

/// Near-linear, with a circuit each, which is a template each.
#[test]
fn a_hundred_thousand_practices_are_quick() {
    for practices in [6_200, 100_000] {
        circuits_of(practices);
    }
}

fn circuits_of(practices: usize) {
    let small = estate(
        NETWORKS,
        PROBES,
        "circuit=c0 carrier=bt firewall=f1; circuit=c1 carrier=virgin firewall=f1",
        "",
    );
    let mut large = small.clone();
    let (circuit, first) = (small.component("c0").expect("declared"), small.practices[0].clone());
    let circuit_of = |n: usize| linewatch::estate::ComponentIx::new(small.components.len() + n);
    large.practices.clear();
    for n in 0..practices {
        let mut component = small.components[circuit.at()].clone();
        component.id = format!("line-{n}");
        large.components.push(component);
        let mut practice = first.clone();
        practice.id = format!("Q{n}");
        for used in practice.via.iter_mut().filter(|used| used.role == "circuit") {
            used.any = vec![circuit_of(n)];
        }
        large.practices.push(practice);
    }
    let begun = std::time::Instant::now();
    let found = Ambiguities::of(&large);
    println!("{practices} practices: {:?}", begun.elapsed());
    let own = found.groups.iter().find(|group| group.practices > 0).expect("the circuits");
    assert_eq!(own.practices, practices);
}
