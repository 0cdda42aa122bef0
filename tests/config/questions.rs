//! The keys of a `dns` probe: what each means, and which contradict each other.

use linewatch::estate::{Ask, DnsAsk, DnsFlag, DnsTransport, Matching};

use super::{parse, place_of, with};

/// The good estate, its `dns` probe with more keys.
fn asking(keys: &str) -> String {
    with("record = \"A\"", &format!("record = \"A\"\n{keys}"))
}

fn read(keys: &str) -> DnsAsk {
    match parse(&asking(keys)) {
        Ok(config) => {
            let Ask::Dns(ask) = &config.estate.probes[1].ask else { panic!("a dns probe") };
            ask.clone()
        }
        Err(errors) => panic!("{keys}: {errors}"),
    }
}

#[test]
fn without_further_keys_the_question_is_plain() {
    let ask = read("");
    assert_eq!(ask, DnsAsk::new(ask.server.clone(), "emis.example", "A"));
}

#[test]
fn each_key_has_its_meaning() {
    let ask = read("expect = [\"10.*\", \"192.0.2.1\"]\nmatch = \"Pattern\"");
    assert_eq!((ask.matching, ask.expect_answers.len()), (Matching::Pattern, 2));
    for (word, matching) in [("any", Matching::Any), ("all", Matching::All), ("none", Matching::None)] {
        assert_eq!(read(&format!("expect = \"192.0.2.1\"\nmatch = \"{word}\"")).matching, matching);
    }
    let ask =
        read("ttl_min = \"1m\"\nttl_max = \"1d\"\nexpect_flags = [\"ra\", \"AD\", \"ra\"]\nedns_size = 1232");
    assert_eq!((ask.ttl_min, ask.ttl_max, ask.edns_size), (Some(60), Some(86_400), Some(1232)));
    assert_eq!(ask.expect_flags, [DnsFlag::RecursionAvailable, DnsFlag::Authentic]);
    assert_eq!(read("expect_flags = \"aa\"").expect_flags, [DnsFlag::Authoritative]);

    assert_eq!(read("hijack = true").hijack_under.as_deref(), Some("emis.example"));
    assert_eq!(read("hijack = false").hijack_under, None);
    let ask = read("hijack = true\nhijack_under = \"example.nhs.uk\"");
    assert_eq!(ask.hijack_under.as_deref(), Some("example.nhs.uk"));

    let compare = read("compare = \"127.80.0.53:8053\"").compare.expect("a second server");
    assert_eq!((compare.server.to_string().as_str(), compare.same), ("127.80.0.53:8053", true));
    let compare = read("compare = \"127.80.0.53:8053\"\ncompare_expect = \"different\"").compare;
    assert!(!compare.expect("a second server").same);
}

#[test]
fn each_transport_has_its_own_keys() {
    assert_eq!(read("transport = \"udp\"").transport, DnsTransport::Udp);
    assert_eq!(read("transport = \"TCP\"").transport, DnsTransport::Tcp);
    let DnsTransport::Tls(tls) = read("transport = \"tls\"\ntls_name = \"dns.example\"").transport else {
        panic!("tls")
    };
    assert_eq!((tls.name.as_deref(), tls.trust_pem), (Some("dns.example"), None));
    let DnsTransport::Https { tls, path } = read("transport = \"https\"").transport else { panic!("https") };
    assert_eq!((tls.name, path.as_str()), (None, "/dns-query"));
    let DnsTransport::Https { path, .. } = read("transport = \"https\"\npath = \"/q?x=1\"").transport else {
        panic!("https")
    };
    assert_eq!(path, "/q?x=1");
}

#[test]
fn a_second_name_server_may_be_a_component() {
    let resolver = "[[component]]\nid = \"dns-icb\"\nkind = \"resolver\"\nname = \"ICB resolver\"\naddress = \"127.80.0.53\"\n";
    let text = format!("{}\n{resolver}", asking("compare = \"dns-icb:8053\""));
    let estate = parse(&text).expect("a good file").estate;
    let Ask::Dns(ask) = &estate.probes[1].ask else { panic!("a dns probe") };
    let compare = ask.compare.as_ref().expect("a second server");
    assert_eq!(compare.server.to_string(), "127.80.0.53:8053");
    assert_eq!(estate.probes[1].resolver, None, "its outage fails nothing, so it is on no path");
}

#[test]
fn contradictions_are_found_at_their_place_and_say_how_to_mend_them() {
    let long = format!("hijack = true\nhijack_under = \"{}.example\"", ["a"; 120].join("."));
    for (keys, at, says, advises) in [
        ("transport = \"quic\"", "\"quic\"", "none of the words", "udp, tcp, tls, https"),
        ("transport = 53", "53\n", "`transport` is a whole number", "transport ="),
        ("trust_file = \"x.pem\"", "\"x.pem\"", "`trust_file` has no use over udp", "\"tls\" or \"https\""),
        (
            "transport = \"tcp\"\ntls_name = \"a.example\"",
            "\"a.example\"",
            "no use over tcp",
            "leave `tls_name` out",
        ),
        (
            "transport = \"tls\"\npath = \"/a\"",
            "\"/a\"",
            "`path` has no use over tls",
            "transport = \"https\"",
        ),
        ("transport = \"tls\"\ntrust_file = \"nowhere.pem\"", "\"nowhere.pem\"", "nowhere.pem", ""),
        (
            "transport = \"tls\"\ntls_name = \"a b\"",
            "\"a b\"",
            "neither an address nor a host name",
            "name such as",
        ),
        ("transport = \"https\"\npath = \"dns\"", "\"dns\"\nevery", "not the path of a URL", "/dns-query"),
        ("transport = \"https\"\npath = \"/d{?dns}\"", "\"/d{?dns}\"", "is a template", "write \"/d\""),
        ("match = \"all\"", "\"all\"", "no `expect`", "leave `match` out"),
        (
            "expect = \"a\"\nmatch = \"all\"\nexpect_rcode = \"nxdomain\"",
            "\"all\"",
            "no answers",
            "leave `match` out",
        ),
        ("expect = \"10.*\"\nmatch = \"some\"", "\"some\"", "none of the words", "any, all, none, pattern"),
        ("ttl_min = \"2m\"\nttl_max = \"1m\"", "\"2m\"", "longer than `ttl_max`", "shorter"),
        ("ttl_min = \"500ms\"", "\"500ms\"", "not whole seconds", "60s"),
        ("ttl_max = \"100y\"", "\"100y\"", "not a length of time", "90d"),
        ("ttl_max = \"30000d\"", "\"30000d\"", "longer than any record lives", "1d"),
        ("ttl_max = \"1m\"\nexpect_rcode = \"nxdomain\"", "\"1m\"", "should be nxdomain", "leave"),
        ("expect_flags = [\"qr\"]", "\"qr\"", "none of the words", "aa, ra, ad"),
        ("edns_size = 100", "100\n", "out of range", "from 512 to 4096"),
        ("hijack = \"yes\"", "\"yes\"", "neither true nor false", "hijack = true"),
        ("hijack_under = \"a.example\"", "\"a.example\"", "no use without `hijack`", "hijack = true"),
        ("hijack = true\nhijack_under = \"a..b\"", "\"a..b\"", "not a DNS name", "name such as"),
        (long.as_str(), "\"a.a.a.", "too long for a random name", "232 characters"),
        ("compare = \"127.0.0.1\"", "\"127.0.0.1\"", "has no port", "host:port"),
        (
            "compare = \"127.90.0.53:8053\"",
            "\"127.90.0.53:8053\"\nevery",
            "is the name server itself",
            "another one",
        ),
        ("compare_expect = \"same\"", "\"same\"", "no use without `compare`", "compare ="),
        (
            "compare = \"127.0.0.1:53\"\ncompare_expect = \"no\"",
            "\"no\"",
            "none of the words",
            "same, different",
        ),
        ("transpot = \"tcp\"", "transpot", "has no key `transpot`", "`transport`"),
    ] {
        let text = asking(keys);
        let errors = parse(&text).err().unwrap_or_else(|| panic!("{keys} passed"));
        let found = errors.iter().any(|problem| {
            (problem.line(), problem.column()) == place_of(&text, at)
                && problem.message().contains(says)
                && problem.help().contains(advises)
        });
        assert!(found, "{keys}: wanted {at:?} at {:?}, {says:?}, got\n{errors}", place_of(&text, at));
        assert_eq!(errors.count(), 1, "{keys}: one mistake makes one error, got\n{errors}");
    }
}
