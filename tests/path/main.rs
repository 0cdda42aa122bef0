//! Paths through real routers: the kernel's own, in network namespaces that each test makes.

#![expect(
    clippy::expect_used,
    reason = "a test whose stage can't be set has failed; clippy takes the helpers for code"
)]

mod namespaces;

use namespaces::County;
use serde_json::Value;

/// A probe of each kind of packet, to ports of the target that are closed: its kernel answers.
const PROBES: &str = r#"
[[probe]]
id = "tcp"
kind = "tcp"
network = "internet"
target = "10.9.0.2:4433"
every = "30s"
timeout = "500ms"

[[probe]]
id = "udp"
kind = "udp"
network = "internet"
target = "10.9.0.2:5060"
every = "30s"
timeout = "500ms"

[[probe]]
id = "dns"
kind = "dns"
network = "internet"
server = "10.9.0.2:53"
name = "accurx.example"
record = "A"
every = "30s"
timeout = "500ms"

[[probe]]
id = "icmp"
kind = "icmp"
network = "internet"
target = "10.9.0.2"
count = 1
every = "30s"
timeout = "500ms"
"#;

const PATHS: &str = r#"
[[probe]]
id = "way"
kind = "path"
network = "internet"
target = "10.9.0.2"
through = "10.20.0.2"
every = "30s"
timeout = "3s"

[[probe]]
id = "elsewhere"
kind = "path"
network = "internet"
target = "10.9.0.2"
through = "10.20.0.9"
every = "30s"
timeout = "3s"
"#;

const EGRESS: &str = r#"
[[probe]]
id = "egress"
kind = "egress"
network = "internet"
target = "10.9.0.2:4433"
tcp_open = ["4433"]
every = "30s"
timeout = "1s"
"#;

fn addresses(path: &Value) -> Vec<&str> {
    let hops = path["hops"].as_array().expect("hops");
    hops.iter().map(|hop| hop["address"].as_str().unwrap_or("*")).collect()
}

fn sentence(path: &Value) -> &str {
    path["sentence"].as_str().expect("a sentence")
}

#[test]
fn every_kind_of_packet_finds_the_routers_and_the_target() {
    let Some(county) = County::new() else { return };
    county.estate(PROBES);
    for (probe, ends) in [("tcp", "refused"), ("udp", "refused"), ("dns", "refused"), ("icmp", "reached")] {
        let (ok, path) = county.path_of(probe);
        assert_eq!(addresses(&path), ["10.1.0.1", "10.20.0.2", "10.9.0.2"], "{probe}: {path}");
        assert_eq!((path["stopped"].as_str(), ok), (Some(ends), probe == "icmp"), "{probe}: {path}");
        assert!(path["hops"][1]["ms"].as_f64().is_some_and(|ms| ms < 900.0), "{probe}: {path}");
    }
}

#[test]
fn a_target_that_answers_is_reached_by_the_checks_own_packets() {
    let Some(county) = County::new() else { return };
    county.estate(
        &(PROBES.replace("5060", "123").replace("kind = \"udp\"", "kind = \"ntp\"")
            + r#"
[[probe]]
id = "rtp"
kind = "rtp"
network = "internet"
target = "10.9.0.2:7000"
secret_file = "secret"
every = "30s"
timeout = "3s"
"#),
    );
    let _reflector = county.reflector("4433", "7000");
    for (probe, ends) in [("tcp", "reached"), ("rtp", "reached"), ("udp", "refused")] {
        let (ok, path) = county.path_of(probe);
        assert_eq!((ok, path["stopped"].as_str()), (ends == "reached", Some(ends)), "{probe}: {path}");
        assert_eq!(addresses(&path), ["10.1.0.1", "10.20.0.2", "10.9.0.2"], "{probe}: {path}");
    }
}

#[test]
fn echoes_need_no_privilege_where_the_machine_lets_them() {
    let Some(county) = County::new() else { return };
    county.estate(PROBES);
    let permit = "echo 0 0 > /proc/sys/net/ipv4/ping_group_range";
    assert!(county.command("client", "sh").args(["-c", permit]).status().expect("it ran").success());
    let (ok, path) = county.path_of("icmp");
    assert!(ok, "{path}");
    assert_eq!(addresses(&path), ["10.1.0.1", "10.20.0.2", "10.9.0.2"]);
}

#[test]
fn a_firewall_that_drops_is_seen_from_the_router_before_it() {
    let Some(county) = County::new() else { return };
    county.estate(PROBES);
    county.ip("r2", "route add blackhole 10.9.0.2/32");
    for probe in ["tcp", "udp", "icmp"] {
        let (ok, path) = county.path_of(probe);
        assert!(!ok, "{probe}");
        assert_eq!(
            (addresses(&path), path["stopped"].as_str()),
            (vec!["10.1.0.1"], Some("silent")),
            "{probe}"
        );
        assert!(sentence(&path).starts_with("Stops after 10.1.0.1, which is BT."), "{path}");
    }
    let (code, said) = county.linewatch(&["probe", "tcp", "--practice", "G82002"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("  hop  address") && said.contains("nothing from here on"), "{said}");
    assert!(
        said.contains("PATH: Stops after 10.1.0.1, which is BT.") && said.contains("FAILS: timeout"),
        "{said}"
    );
}

#[test]
fn a_firewall_that_says_no_is_named() {
    for probe in ["tcp", "udp", "icmp"] {
        // One each: the kernel says "prohibited" a few times in a row, and then once a second.
        let Some(county) = County::new() else { return };
        county.estate(PROBES);
        county.ip("r2", "route add prohibit 10.9.0.2/32");
        let (_, path) = county.path_of(probe);
        assert_eq!(addresses(&path), ["10.1.0.1", "10.20.0.2"], "{probe}: {path}");
        assert_eq!(
            (path["stopped"].as_str(), path["last"].as_str()),
            (Some("prohibited"), Some("10.20.0.2"))
        );
        assert_eq!(
            sentence(&path),
            "Stops at 10.20.0.2, which is the ICB internet firewall, Maidstone, which says that it is prohibited."
        );
    }
}

#[test]
fn an_egress_check_names_the_router_that_prohibits_a_port() {
    let Some(county) = County::new() else { return };
    county.estate(EGRESS);
    county.ip("r2", "route add prohibit 10.9.0.2/32");
    let (_, said) = county.linewatch(&["probe", "egress", "--json", "--practice", "G82002"]);
    let object: Value = serde_json::from_str(&said).expect(&said);
    assert_eq!(object["observation"]["failure"], "unreachable", "{said}");
    let port = &object["facts"]["egress"]["ports"][0];
    assert_eq!((&port["found"], &port["by"]), (&"prohibited".into(), &"10.20.0.2".into()), "{said}");
    let (_, said) = county.linewatch(&["probe", "egress", "--practice", "G82002"]);
    assert!(said.contains("says 10.20.0.2") || said.contains("dropped"), "{said}");
    // Whichever port fails, it isn't said of that one.
    assert!(said.contains("This is the way over TCP to port 4433; what goes to the other ports"), "{said}");
}

#[test]
fn a_router_without_a_way_on_says_so() {
    let Some(county) = County::new() else { return };
    county.estate(PROBES);
    county.ip("r2", "route add unreachable 10.9.0.2/32");
    let (_, path) = county.path_of("tcp");
    assert_eq!((path["stopped"].as_str(), path["last"].as_str()), (Some("unreachable"), Some("10.20.0.2")));
}

#[test]
fn a_router_that_never_answers_is_silent_by_policy_and_no_fault() {
    let Some(county) = County::new() else { return };
    county.estate(PROBES);
    // What it would say itself goes nowhere; what it forwards does.
    county.ip("r1", "rule add pref 1 iif lo blackhole");
    let (ok, path) = county.path_of("icmp");
    assert!(ok, "{path}");
    assert_eq!(
        (addresses(&path), path["stopped"].as_str()),
        (vec!["*", "10.20.0.2", "10.9.0.2"], Some("reached"))
    );
    assert!(sentence(&path).contains("Hop 1 is silent by policy, which is no fault"), "{path}");
    let (_, path) = county.path_of("tcp");
    assert_eq!(addresses(&path), ["*", "10.20.0.2", "10.9.0.2"], "{path}");
}

#[test]
fn routers_that_send_packets_to_each_other_are_a_circle() {
    let Some(county) = County::new() else { return };
    county.estate(PROBES);
    county.ip("r2", "route replace 10.9.0.2/32 via 10.20.0.1");
    let (_, path) = county.path_of("tcp");
    assert_eq!(path["stopped"], "looping", "{path}");
    assert_eq!(addresses(&path), ["10.1.0.1", "10.20.0.2", "10.1.0.1"], "{path}");
}

#[test]
fn a_machine_without_a_way_says_so_of_itself() {
    let Some(county) = County::new() else { return };
    county.estate(PROBES);
    county.ip("client", "route del default");
    for probe in ["tcp", "udp", "icmp"] {
        let (_, path) = county.path_of(probe);
        assert_eq!(
            (path["stopped"].as_str(), addresses(&path).len()),
            (Some("unreachable"), 0),
            "{probe}: {path}"
        );
        assert!(sentence(&path).contains("before the first router"), "{path}");
    }
    // Nor is it anybody's outage, whatever is asked and however.
    county.estate(&(PROBES.to_owned() + PATHS + EGRESS));
    for probe in ["tcp", "udp", "dns", "icmp", "egress", "way"] {
        let seen = county.observed(probe);
        assert_eq!(seen["failure"], "local", "{probe}: {seen}");
        assert!(seen["detail"].as_str().is_some_and(|said| said.contains("no route")), "{probe}: {seen}");
    }
    // And so does one whose router is away, where nobody says anything but the machine's own kernel.
    county.ip("client", "route add default via 10.1.0.77");
    let (_, path) = county.path_of("udp");
    assert!(matches!(path["stopped"].as_str(), Some("unreachable" | "silent")), "{path}");
    assert_eq!(addresses(&path).len(), 0, "{path}");
}

#[test]
fn a_cable_that_is_out_is_this_machines_own_and_a_routers_word_is_not() {
    let Some(county) = County::new() else { return };
    county.estate(PROBES);
    county.ip("r2", "route add unreachable 10.9.0.2/32");
    let seen = county.observed("tcp");
    assert_eq!(seen["failure"], "unreachable", "{seen}");
    // The other end of the client's cable: it keeps its address and its routes.
    county.ip("r1", "link set to-client down");
    // The kernel says so of the near end within a second.
    let begun = std::time::Instant::now();
    let is_in = || {
        let output =
            county.command("client", "ip").args(["link", "show", "up", "to-r1"]).output().expect("it ran");
        String::from_utf8_lossy(&output.stdout).contains("state UP")
    };
    while is_in() {
        assert!(begun.elapsed().as_secs() < 30, "the cable is still in");
    }
    for probe in ["tcp", "udp", "dns", "icmp"] {
        let seen = county.observed(probe);
        assert_eq!(seen["failure"], "local", "{probe}: {seen}");
        assert!(
            seen["detail"].as_str().is_some_and(|said| said.contains("cable is out: to-r1")),
            "{probe}: {seen}"
        );
    }
}

#[test]
fn ipv6_has_the_same_paths() {
    let Some(county) = County::new() else { return };
    let six = PROBES.replace("10.9.0.2:", "[2001:db8:9::2]:").replace("10.9.0.2", "2001:db8:9::2");
    let file = county.estate(&six);
    let text = std::fs::read_to_string(&file).expect("written").replace("10.1.0.2", "2001:db8:1::2");
    std::fs::write(file, text).expect("written");
    for (probe, ends) in [("tcp", "refused"), ("udp", "refused"), ("icmp", "reached")] {
        let (_, path) = county.path_of(probe);
        assert_eq!(addresses(&path), ["2001:db8:1::1", "2001:db8:20::2", "2001:db8:9::2"], "{probe}: {path}");
        assert_eq!(path["stopped"], ends, "{probe}: {path}");
    }
    county.ip("r2", "-6 route add prohibit 2001:db8:9::2/128");
    let (_, path) = county.path_of("tcp");
    assert_eq!(
        (path["stopped"].as_str(), path["last"].as_str()),
        (Some("prohibited"), Some("2001:db8:20::2")),
        "{path}"
    );
}

#[test]
fn the_status_of_a_failing_check_says_where_its_packets_stop() {
    let Some(county) = County::new() else { return };
    county.estate(&PROBES.replace("30s", "1s"));
    let _running = county.run();
    county.ip("r2", "route add blackhole 10.9.0.2/32");
    // Each question is asked of the running hub; a check a second has its path after three or four.
    let begun = std::time::Instant::now();
    let path = loop {
        let (_, said) = county.linewatch(&["status", "--practice", "G82002", "--json"]);
        let status: Value = serde_json::from_str(&said).expect(&said);
        let check = status["checks"].as_array().and_then(|all| all.iter().find(|one| one["probe"] == "icmp"));
        match check.map(|check| check["path"].clone()) {
            Some(Value::Null) | None => {
                assert!(begun.elapsed().as_secs() < 60, "no path was traced: {said}");
            }
            Some(path) => break path,
        }
    };
    assert_eq!(
        (path["stopped"].as_str(), path["last"].as_str()),
        (Some("silent"), Some("10.1.0.1")),
        "{path}"
    );
    let (_, said) = county.linewatch(&["status", "--practice", "G82002"]);
    assert!(said.contains("path of icmp: Stops after 10.1.0.1, which is BT."), "{said}");
}

#[test]
fn a_path_can_be_a_check_of_its_own() {
    let Some(county) = County::new() else { return };
    county.estate(PATHS);
    let (code, said) = county.linewatch(&["probe", "way", "--practice", "G82002"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("10.20.0.2") && said.contains("ICB internet firewall, Maidstone"), "{said}");
    let (code, said) = county.linewatch(&["probe", "elsewhere", "--practice", "G82002"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("10.20.0.9 isn't on the path, which is 10.1.0.1, 10.20.0.2, 10.9.0.2"), "{said}");
    county.ip("r2", "route add blackhole 10.9.0.2/32");
    let (code, said) = county.linewatch(&["probe", "way", "--practice", "G82002"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FAILS: timeout in phase echo"), "{said}");
    assert!(said.contains("the path stops at 10.1.0.1: nothing answers beyond"), "{said}");
}

/// A name, which has to be looked up at the machine's own resolver.
const BY_NAME: &str = r#"
[[probe]]
id = "named"
kind = "tcp"
network = "internet"
target = "accurx.example:443"
every = "30s"
timeout = "20s"
"#;

#[test]
fn a_name_that_is_not_found_for_want_of_a_route_is_this_machines_own_fault() {
    let Some(county) = County::new() else { return };
    county.estate(BY_NAME);
    // Nobody listens there, which the target says at once.
    county.name_server("10.9.0.2");
    let (code, said) = county.linewatch(&["probe", "named"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FAILS: servfail in phase dns"), "{said}");
    county.ip("client", "route del default");
    let (_, said) = county.linewatch(&["probe", "named"]);
    assert!(said.contains("COULD NOT ASK"), "{said}");
    assert!(said.contains("no route to any of its name servers (10.9.0.2)"), "{said}");
}
