//! Every error that DESIGN.md lists, at its exact place, with a way out.

use super::{GOOD, parse, place_of, with};

/// One mistake: what is changed into what, where the error must stand (the first appearance of a text in
/// the changed file), and what it must say and advise.
struct Mistake {
    from: &'static str,
    to: &'static str,
    at: &'static str,
    says: &'static str,
    advises: &'static str,
}

const fn mistake(
    from: &'static str,
    to: &'static str,
    at: &'static str,
    says: &'static str,
    advises: &'static str,
) -> Mistake {
    Mistake { from, to, at, says, advises }
}

const MISTAKES: &[Mistake] = &[
    // Unknown keys: the nearest known one.
    mistake("timeout =", "timout =", "timout", "[[probe]] has no key `timout`", "`timeout`"),
    mistake("[icb]", "[icb]\ncolour = 1", "colour", "[icb] has no key `colour`", "code, name, timezone"),
    mistake("[[service]]", "[[servise]]", "servise", "no key `servise`", "`service`"),
    mistake("list_size", "list-size", "list-size", "no key `list-size`", "`list_size`"),
    mistake("owner =", "ownr =", "ownr", "[[component]] has no key `ownr`", "`owner`"),
    mistake(
        "name = \"Accurx\"",
        "name = \"Accurx\"\npractices = \"practices.csv\"",
        "practices =",
        "has no key `practices`",
        "top of the file",
    ),
    mistake("record = \"A\"", "record = \"A\"\nurl = \"x\"", "url = \"x\"", "no key `url`", "server"),
    // The kind `path`.
    mistake(
        "kind = \"https\"\nnetwork = \"internet\"\nservice = \"accurx\"\nurl = \"https://accurx.example/\"",
        "kind = \"path\"\nnetwork = \"internet\"\ntarget = \"10.9.0.2\"\nthrough = \"fw\"",
        "\"fw\"",
        "\"fw\" is not an address",
        "10.20.0.1",
    ),
    mistake(
        "kind = \"https\"\nnetwork = \"internet\"\nservice = \"accurx\"\nurl = \"https://accurx.example/\"",
        "kind = \"path\"\nnetwork = \"internet\"\ntarget = \"10.9.0.2\"\nthrough = [\"10.20.0.1\"]",
        "[\"10.20.0.1\"]",
        "`through` is a list",
        "through = \"10.20.0.1\"",
    ),
    mistake(
        "kind = \"https\"\nnetwork = \"internet\"\nservice = \"accurx\"\nurl = \"https://accurx.example/\"",
        "kind = \"path\"\nnetwork = \"internet\"\ntarget = \"10.9.0.2:0\"",
        "\"10.9.0.2:0\"",
        "`target`",
        "port",
    ),
    // Addresses of a component's hops.
    mistake(
        "name = \"BT\"",
        "name = \"BT\"\naddresses = [\"10.20.0.1\", \"10.20.0\"]",
        "\"10.20.0\"",
        "\"10.20.0\" is neither an address nor a block of addresses",
        "addresses = [\"10.20.0.1\", \"10.20.0.2/31\"]",
    ),
    mistake(
        "name = \"BT\"",
        "name = \"BT\"\naddresses = [\"10.20.0.3/31\"]",
        "\"10.20.0.3/31\"",
        "has bits beyond its prefix",
        "10.20.0.2/31",
    ),
    mistake(
        "owner = \"ICB network team\"",
        "addresses = [\"10.20.0.1\"]\n[[component]]\nid = \"x\"\nkind = \"carrier\"\nname = \"X\"\naddresses = [\"10.20.0.0/24\"]",
        "\"10.20.0.0/24\"",
        "10.20.0.0/24 is taken: 10.20.0.1 is an address of \"fw-maidstone\"",
        "name each address once",
    ),
    // Unknown ids: the nearest declared one.
    mistake("carrier = \"bt\"", "carrier = \"bs\"", "\"bs\"", "no component is called \"bs\"", "\"bt\""),
    mistake(
        "firewall = \"fw-maidstone\"",
        "firewall = { any = [\"fw-maidstone\", \"fw-maidston\"] }",
        "\"fw-maidston\"",
        "no component is called \"fw-maidston\"",
        "\"fw-maidstone\"",
    ),
    mistake("network = \"hscn\"", "network = \"hcsn\"", "\"hcsn\"", "no network is called", "\"hscn\""),
    mistake("service = \"accurx\"", "service = \"acurx\"", "\"acurx\"", "no service is called", "\"accurx\""),
    mistake(
        "needs = [\"smartcard\"]",
        "needs = [\"smartcrd\"]",
        "\"smartcrd\"",
        "no service",
        "\"smartcard\"",
    ),
    mistake(
        "every = \"30s\"",
        "every = \"30s\"\nalso = [\"fw-madstone\"]",
        "\"fw-madstone\"",
        "no component",
        "\"fw-maidstone\"",
    ),
    mistake(
        "every = \"30s\"",
        "every = \"30s\"\nresolver = \"x9\"",
        "\"x9\"",
        "no component",
        "[[component]]",
    ),
    mistake(
        "ods = \"G82002\"",
        "ods = \"G82002\"\nthrough = { hscm = [\"carrier\"] }",
        "hscm",
        "no network is called \"hscm\"",
        "\"hscn\"",
    ),
    mistake("kind = \"dns\"", "kind = \"dsn\"", "\"dsn\"", "not a kind of probe", "\"dns\""),
    // Wrong types.
    mistake("every = \"30s\"", "every = 30", "30\n", "`every` is a whole number", "every = \"30s\""),
    mistake("list_size = 9800", "list_size = \"many\"", "\"many\"", "`list_size` is a text", "list_size = 1"),
    mistake("list_size = 9800", "list_size = -1", "-1", "out of range", "from 0"),
    mistake("email = [\"manager@g82002.example\"]", "email = [1]", "1]", "`email` holds", "email = ["),
    mistake(
        "through = [\"carrier\"]",
        "through = \"carrier\"",
        "\"carrier\"\n\n[[service]]",
        "is a text",
        "through = [",
    ),
    mistake("via = {", "via = 1 #", "1 #", "`via` is a whole number", "via = {"),
    mistake("[[network]]", "[network]", "[network]", "one table", "[[network]]"),
    mistake("[icb]", "[[icb]]", "[[icb]]", "`icb` is a list", "[icb]"),
    mistake("name = \"BT\"", "name = true", "true", "`name` is true or false", "name = "),
    // Ids and codes.
    mistake("id = \"bt\"", "id = \"b t\"", "\"b t\"", "the character ' '", "letters, digits"),
    mistake("ods = \"G82002\"", "ods = \"G82002!\"", "\"G82002!\"", "the character '!'", "letters, digits"),
    mistake("ods = \"G82002\"", "ods = \"G8/2/1\"", "\"G8/2/1\"", "the character '/'", "letters, digits"),
    mistake("ods = \"G82002\"", "ods = \"\"", "\"\"", "`ods`: it is empty", "letters, digits"),
    mistake("id = \"hscn-dns\"", "id = \"hscn–dns\"", "\"hscn–dns\"", "the character '–'", "letters, digits"),
    mistake("kind = \"firewall\"", "kind = \"network\"", "\"network\"\n", "linewatch's own", "gateway"),
    // Duplicates name both places.
    mistake(
        "id = \"fw-maidstone\"",
        "id = \"bt\"",
        "\"bt\"\nkind = \"firewall\"",
        "first is at probes.toml:8:6",
        "another id",
    ),
    mistake(
        "id = \"hscn-dns\"",
        "id = \"accurx-https\"",
        "\"accurx-https\"\nkind = \"dns\"",
        "two probes",
        "another id",
    ),
    mistake(
        "id = \"hscn\"",
        "id = \"internet\"",
        "\"internet\"\nname = \"the NHS",
        "two networks",
        "another id",
    ),
    mistake(
        "code = \"QKS\"",
        "code = \"QKS\"\ncode = \"QXX\"",
        "code = \"QXX\"",
        "`code` is there already",
        "keep one",
    ),
    // Times.
    mistake("timeout = \"5s\"", "timeout = \"0s\"", "\"0s\"", "no time", "5s"),
    mistake("timeout = \"5s\"", "timeout = \"31s\"", "\"31s\"", "longer than `every`", "shorter"),
    mistake("every = \"30s\"", "every = \"999ms\"", "\"999ms\"", "under a second", "1s"),
    mistake("every = \"30s\"", "every = \"30\"", "\"30\"", "not a length of time", "\"30s\""),
    mistake("every = \"30s\"", "every = \"-30s\"", "\"-30s\"", "not a length of time", "\"30s\""),
    mistake("every = \"30s\"", "every = \"25h\"", "\"25h\"", "longer than a day", "24h"),
    // Ports, addresses, URLs, time zones.
    mistake("127.90.0.53:8053", "127.90.0.53:80530", "\"127.90.0.53:80530\"", "not a port", "65535"),
    mistake("127.90.0.53:8053", "127.90.0.53:0", "\"127.90.0.53:0\"", "not a port", "1 to"),
    mistake("127.90.0.53:8053", "127.90.0.53", "\"127.90.0.53\"", "no port", "host:port"),
    mistake("127.90.0.53:8053", "127.90.0.553:53", "\"127.90.0.553:53\"", "neither an address", "10.0.0.1"),
    mistake("source = \"127.1.0.2\"", "source = \"127.1.0\"", "\"127.1.0\"", "not an IP address", "10.0.0.1"),
    mistake(
        "source = \"127.1.0.2\"",
        "source = \"0.0.0.0\"",
        "\"0.0.0.0\"",
        "can't be the source",
        "leave it out",
    ),
    mistake("https://accurx.example/", "accurx.example", "\"accurx.example\"", "URL", "https://"),
    mistake(
        "https://accurx.example/",
        "http://accurx.example/",
        "\"http://",
        "the kind of this probe is https",
        "https://",
    ),
    mistake(
        "https://accurx.example/",
        "https://accurx.example:port/",
        "\"https://accurx.example:port/\"",
        "not a port",
        "65535",
    ),
    mistake("Europe/London", "Europe/Londn", "\"Europe/Londn\"", "not a time zone", "\"Europe/London\""),
    mistake(
        "name = \"emis.example\"",
        "name = \"emis..example\"",
        "\"emis..example\"",
        "not a DNS name",
        "name such as",
    ),
    mistake("record = \"A\"", "record = \"B\"", "\"B\"", "none of the words", "AAAA"),
    mistake("manager@g82002.example", "manager", "\"manager\"", "not an e-mail address", "manager@"),
    // What must be there.
    mistake("timezone = \"Europe/London\"\n", "", "[icb]", "[icb] has no `timezone`", "Europe/London"),
    mistake("url = \"https://accurx.example/\"\n", "", "[[probe]]", "[[probe]] has no `url`", "https://"),
    mistake("timeout = \"5s\"\n", "", "[[probe]]", "[[probe]] has no `timeout`", "5s"),
    mistake("kind = \"https\"\n", "", "[[probe]]", "[[probe]] has no `kind`", "kind ="),
    mistake("name = \"St James' Surgery\"\n", "", "[[practice]]", "[[practice]] has no `name`", "name ="),
    mistake("ods = \"G82002\"\n", "", "[[practice]]", "[[practice]] has no `ods`", "G82002"),
    mistake("through = [\"carrier\", \"firewall\"]\n", "", "[[network]]", "has no `through`", "carrier"),
    mistake("kind = \"carrier\"\n", "", "[[component]]", "[[component]] has no `kind`", "kind ="),
    // Circles, spares, text that hides something.
    mistake(
        "name = \"smartcard log-in\"",
        "name = \"x\"\nneeds = [\"accurx\"]",
        "\"accurx\"]",
        "which in turn needs",
        "circle",
    ),
    mistake("needs = [\"smartcard\"]", "needs = [\"accurx\"]", "\"accurx\"]", "needs itself", "circle"),
    mistake("carrier = \"bt\"", "carrier = { any = [] }", "{ any = [] }", "`any` is empty", "any = ["),
    mistake("carrier = \"bt\"", "carrier = { all = [\"bt\"] }", "all =", "no key `all`", "any"),
    mistake("carrier = \"bt\"", "carrier = [\"bt\"]", "[\"bt\"]", "is a list", "any = ["),
    mistake(
        "St James' Surgery",
        "St James\\nBcc: all@x.example",
        "\"St James\\n",
        "position 9",
        "take it out",
    ),
    mistake("St James' Surgery", "St \\u202eJames", "\"St \\u202eJames\"", "can't be seen", "take it out"),
    // Syntax.
    mistake("code = \"QKS\"", "code = \"QKS", "\nname = \"NHS", "invalid basic string", "mend the TOML"),
];

#[test]
fn each_mistake_is_found_at_its_place_and_says_how_to_mend_it() {
    for case in MISTAKES {
        let text = with(case.from, case.to);
        let errors = parse(&text).err().unwrap_or_else(|| panic!("{:?} passed as {:?}", case.from, case.to));
        let (line, column) = place_of(&text, case.at);
        let found = errors.iter().any(|problem| {
            (problem.line(), problem.column()) == (line, column)
                && problem.message().contains(case.says)
                && problem.help().contains(case.advises)
        });
        assert!(
            found,
            "{:?} → {:?}: wanted {line}:{column} {:?}, got\n{errors}",
            case.from, case.to, case.says
        );
    }
}

#[test]
fn one_mistake_makes_one_error() {
    // Some mistakes have consequences that are mistakes of their own; most must not.
    let with_consequences = ["[[servise]]", "[network]", "[[icb]]", "id = \"bt\"", "timout ="];
    for case in MISTAKES {
        if with_consequences.iter().any(|to| case.to.starts_with(to)) {
            continue;
        }
        // What names the changed id elsewhere is wrong as well.
        if matches!(case.from, "id = \"bt\"" | "id = \"hscn\"" | "kind = \"https\"\n") {
            continue;
        }
        let errors = parse(&with(case.from, case.to)).expect_err("a mistake");
        assert_eq!(errors.count(), 1, "{:?} → {:?}:\n{errors}", case.from, case.to);
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("Europe/London", "Europe/Londn")
        .replace("timeout = \"5s\"", "timeout = \"0s\"")
        .replace("carrier = \"bt\"", "carrier = \"bs\"")
        .replace("list_size", "list_sise");
    let errors = parse(&text).expect_err("five mistakes");
    let lines: Vec<usize> = errors.iter().map(linewatch::config::Problem::line).collect();
    assert_eq!(errors.count(), 5, "{errors}");
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn an_empty_file_says_what_it_needs() {
    for text in ["", "\n\n", "# nothing yet\n", "\u{feff}"] {
        let errors = parse(text).expect_err("an empty file");
        let only = errors.iter().next().expect("one error");
        assert_eq!((errors.count(), only.line(), only.column()), (1, 1, 1));
        assert!(only.message().contains("empty") && only.help().contains("[[practice]]"));
    }
}

#[test]
fn an_estate_without_a_required_part_names_the_part() {
    for (part, says) in [
        ("[icb]", "no [icb]"),
        ("[[network]]", "no [[network]]"),
        ("[[probe]]", "no [[probe]]"),
        ("[[practice]]", "no practice"),
    ] {
        // Every section of that kind is cut out, up to the next one.
        let mut kept = String::new();
        let mut skipping = false;
        for line in GOOD.lines() {
            if line.starts_with('[') {
                skipping = line == part;
            }
            if !skipping {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        let errors = parse(&kept).expect_err("a part is missing");
        assert!(errors.iter().any(|problem| problem.message().contains(says)), "{part}: {errors}");
    }
    for part in ["practice = []", "probe = []", "network = []"] {
        assert!(parse(&format!("{part}\n")).is_err());
    }
}

#[test]
fn syntax_that_breaks_tables_is_reported_without_noise_about_what_follows() {
    let text = with("[[network]]", "[[network");
    let errors = parse(&text).expect_err("a broken header");
    assert!(errors.iter().all(|problem| !problem.message().contains("no key")), "{errors}");
    assert_eq!(
        errors.iter().next().map(linewatch::config::Problem::line),
        Some(place_of(&text, "[[network\n").0)
    );
}

#[test]
fn a_duplicate_key_does_not_hide_other_mistakes() {
    let text =
        with("code = \"QKS\"", "code = \"QKS\"\ncode = \"QKS\"").replace("\"Europe/London\"", "\"Mars\"");
    let errors = parse(&text).expect_err("two mistakes");
    assert_eq!(errors.count(), 2, "{errors}");
}

#[test]
fn two_practices_of_one_code_show_both_places_whatever_their_capitals() {
    let text = format!("{GOOD}\n[[practice]]\nods = \"g82002\"\nname = \"Again\"\n");
    let errors = parse(&text).expect_err("a duplicate");
    let problem = errors.iter().next().expect("one error");
    let (line, column) = place_of(&text, "\"G82002\"");
    assert!(problem.message().contains(&format!("probes.toml:{line}:{column}")), "{problem}");
    let excerpt = problem.excerpt(false);
    assert!(excerpt.contains("\"g82002\"") && excerpt.contains("\"G82002\""), "{excerpt}");
}

#[test]
fn a_branch_is_a_practice_of_its_own_in_either_spelling() {
    for branch in ["ods = \"G82002/westfield\"", "ods = \"G82002\"\nbranch = \"westfield\""] {
        let text = format!("{GOOD}\n[[practice]]\n{branch}\nname = \"Westfield\"\n");
        let estate = parse(&text).expect("a branch").estate;
        assert!(estate.practice("G82002/westfield").is_some() && estate.practice("G82002").is_some());
    }
    let both = "ods = \"G82002/westfield\"\nbranch = \"westfield\"";
    assert!(parse(&format!("{GOOD}\n[[practice]]\n{both}\nname = \"Westfield\"\n")).is_err());
}

#[test]
fn nothing_is_near_an_empty_word() {
    let errors = parse(&with("Europe/London", "")).expect_err("no zone");
    let help: Vec<&str> = errors.iter().map(linewatch::config::Problem::help).collect();
    assert!(help[0].contains("\"Europe/London\" for the whole of the UK"), "{help:?}");
}

#[test]
fn markup_in_a_name_is_a_name() {
    let config = parse(&with("St James' Surgery", "<script>alert(1)</script>")).expect("odd, but a name");
    assert_eq!(config.estate.practices[0].name, "<script>alert(1)</script>");
}

#[test]
fn every_kind_of_the_contract_parses() {
    for kind in ["tcp", "udp", "sip", "smtp", "ntp", "egress", "ldap", "heartbeat", "mtu"] {
        let text = with("kind = \"https\"", &format!("kind = {kind:?}"))
            .replace("url = \"https://accurx.example/\"", "target = \"127.80.0.1:8443\"");
        let config = parse(&text).unwrap_or_else(|errors| panic!("{kind}: {errors}"));
        assert_eq!(config.estate.probes[0].kind(), kind);
    }
    let icmp = with("kind = \"https\"", "kind = \"icmp\"")
        .replace("url = \"https://accurx.example/\"", "target = \"127.80.0.1\"");
    assert_eq!(parse(&icmp).expect("an icmp probe").estate.probes[0].kind(), "icmp");
    let with_port = icmp.replace("target = \"127.80.0.1\"", "target = \"127.80.0.1:7\"");
    assert!(parse(&with_port).is_err());
}

#[test]
fn each_kind_has_its_own_keys() {
    let of = |kind: &str, more: &str| {
        let text = with("kind = \"https\"", &format!("kind = {kind:?}"))
            .replace("url = \"https://accurx.example/\"", &format!("target = \"127.80.0.1:9000\"\n{more}"));
        parse(&text).map(|config| config.estate.probes[0].ask.clone()).map_err(|errors| errors.to_string())
    };
    for (kind, more) in [
        ("tcp", "send = \"PING\"\nexpect = \"+PONG\""),
        ("ntp", "offset_max = \"2s\"\nstratum_max = 4"),
        ("sip", "transport = \"tcp\"\nexpect_status = [200, 404]"),
        ("sips", "tls_name = \"pbx.example\"\ncertificate_days = 14"),
        ("smtp", "starttls = \"required\"\nexpect = \"mail.example\""),
        ("smtps", "certificate_days = 14"),
        ("ldap", ""),
        ("ldaps", "tls_name = \"dc.example\""),
    ] {
        assert!(of(kind, more).is_ok(), "{kind}: {:?}", of(kind, more));
    }
    for (kind, more, says) in [
        ("ntp", "stratum_max = 16", "stratum_max"),
        ("sip", "transport = \"pigeon\"", "udp, tcp"),
        ("smtp", "starttls = \"perhaps\"", "required, if_offered, never"),
        ("smtps", "starttls = \"never\"", "starttls"),
        ("sips", "transport = \"udp\"", "transport"),
        ("ldap", "tls_name = \"dc.example\"", "tls_name"),
        ("tcp", "send = \"\"", "it is empty"),
    ] {
        let errors = of(kind, more).expect_err(kind);
        assert!(errors.contains(says), "{kind}: {errors}");
    }
}

#[test]
fn a_later_kind_may_expect_anything_and_nothing_else() {
    let imap = with("kind = \"https\"", "kind = \"imap\"")
        .replace("url = \"https://accurx.example/\"", "target = \"127.80.0.1:143\"\nexpect_code = 200");
    assert!(parse(&imap).is_ok());
    assert!(parse(&imap.replace("expect_code", "codec")).is_err());
}
