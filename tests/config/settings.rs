//! `[hub]`, `[mail]`, `[notices]`, `[[maintenance]]`, `[schedule]`, and what probes expect.

use std::time::Duration;

use linewatch::config::{MailSecurity, PracticeNotices};
use linewatch::estate::{Ask, Hop, PracticeIx, ProbeIx, Vantage};
use secrecy::ExposeSecret;

use super::{GOOD, parse, with};

const MAIL: &str = "[mail]\nrelay = \"127.0.0.1\"\nsecurity = \"plain\"\nfrom = \"linewatch <linewatch@icb.example>\"\nstaff = [\"service.desk@icb.example\"]\n";

fn refused(extra: &str) -> String {
    parse(&format!("{GOOD}\n{extra}")).expect_err("a mistake").to_string()
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = parse(GOOD).expect("a good file");
    assert_eq!(config.hub.listen.to_string(), "127.0.0.1:9460");
    assert_eq!(config.hub.data, std::path::Path::new("linewatch-data"));
    assert_eq!(config.hub.keep, Duration::from_hours(400 * 24));
    assert_eq!(config.schedule.concurrency_max, 512);
    assert!(config.schedule.reask);
    assert!(config.schedule.paths);
    assert!(config.mail.is_none() && config.maintenance.is_empty());
    assert_eq!(config.notices.practices, PracticeNotices::Auto);
}

#[test]
fn what_is_said_is_taken() {
    let text = format!(
        "{GOOD}\n{MAIL}\n[hub]\nlisten = \"[::1]:0\"\ndata = \"store\"\nkeep = \"30d\"\nvia = {{ carrier = \"bt\" }}\n\
         [notices]\npractices = \"after-approval\"\n[schedule]\nconcurrency = 8\ntarget_rate = 2.5\n\
         reask = false\npaths = false\n"
    );
    let config = parse(&text).expect("a good file");
    let mail = config.mail.expect("mail");
    let [relay] = &mail.relays[..] else { panic!("one relay") };
    assert_eq!((relay.port, relay.security), (25, MailSecurity::Plain));
    assert_eq!(mail.staff, ["service.desk@icb.example"]);
    assert_eq!(config.hub.listen.to_string(), "[::1]:0");
    assert_eq!(config.notices.practices, PracticeNotices::AfterApproval);
    assert_eq!(config.schedule.target_rate_max, Some(2.5));
    assert!(!config.schedule.reask);
    assert!(!config.schedule.paths);
    assert_eq!(config.estate.hub_via[0].role, "carrier");
    let path = config.estate.path(Vantage::Hub, ProbeIx(0));
    assert!(path.contains(&Hop::Component(config.estate.component("bt").expect("declared"))));
}

#[test]
fn a_password_in_the_file_is_refused_and_never_shown() {
    let errors = parse(&format!("{GOOD}\n{MAIL}user = \"linewatch\"\npassword = \"hunter2\"\n"))
        .expect_err("a password");
    let shown: Vec<String> = errors
        .iter()
        .map(|problem| format!("{problem}{}{}", problem.help(), problem.excerpt(false)))
        .collect();
    let shown = shown.concat();
    assert!(shown.contains("password_file") && shown.contains("password_env"), "{shown}");
    // Not in the excerpt of a neighbouring line either.
    let beside =
        parse(&format!("{GOOD}\n{MAIL}colour = 1\npassword = \"hunter2\"\n")).expect_err("a password");
    let beside: String = beside.iter().map(|problem| problem.excerpt(false)).collect();
    assert!(!shown.contains("hunter2") && !beside.contains("hunter2"), "{shown}{beside}");
}

#[test]
fn a_password_comes_from_a_file_and_loses_its_line_end() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("password"), "hunter2\n").expect("written");
    let text = format!("{GOOD}\n{MAIL}user = \"linewatch\"\npassword_file = \"password\"\n");
    let config = linewatch::config::parse("probes.toml", &text, dir.path()).expect("a good file");
    let password = config.mail.and_then(|mail| mail.relays[0].password.clone()).expect("a password");
    assert_eq!(password.expose_secret(), "hunter2");
    let gone = text.replace("\"password\"", "\"nowhere\"");
    let errors = linewatch::config::parse("probes.toml", &gone, dir.path()).expect_err("no such file");
    assert!(errors.to_string().contains("no such file"), "{errors}");
}

#[test]
fn mail_that_could_not_work_or_would_leak_is_refused() {
    for (change, says) in [
        (("staff = [\"service.desk@icb.example\"]", "staff = []"), "`staff` is empty"),
        (("security = \"plain\"", "security = \"ssl\""), "none of the words"),
        (("security = \"plain\"", "security = \"plain\"\nuser = \"x\""), "no password"),
        (("security = \"plain\"", "password_env = \"LINEWATCH_TEST_UNSET\""), "is not set"),
        (("relay = \"127.0.0.1\"", "relay = \"127.0.0.1\"\nport = 0"), "out of range"),
        (("linewatch@icb.example", "linewatch"), "not a sender"),
    ] {
        let text = MAIL.replace(change.0, change.1);
        let errors = refused(&text);
        assert!(errors.contains(says), "{change:?}: {errors}");
    }
    let leak = MAIL
        .replace("127.0.0.1", "relay.example")
        .replace("security", "user = \"x\"\npassword_env = \"PATH\"\nsecurity");
    assert!(refused(&leak).contains("unencrypted"));
}

#[test]
fn maintenance_without_an_offset_is_local_time() {
    let window = "[[maintenance]]\nfrom = 2026-07-01T22:00:00\nto = \"2026-07-02T04:00:00Z\"\nwhat = [\"bt\"]\nreason = \"new router\"\n";
    let config = parse(&format!("{GOOD}\n{window}")).expect("a good file");
    // British Summer Time.
    assert_eq!(config.maintenance[0].from.to_string(), "2026-07-01T21:00:00.000Z");
    assert_eq!(config.maintenance[0].to.to_string(), "2026-07-02T04:00:00.000Z");
    assert!(refused(&window.replace("\"bt\"", "\"bs\"")).contains("nothing is called \"bs\""));
    assert!(refused(&window.replace("2026-07-01T22", "2026-07-03T22")).contains("not after"));
    assert!(refused(&window.replace("2026-07-01T22:00:00", "22:00:00")).contains("not a date and time"));
    assert!(refused(&window.replace("from", "form")).contains("has no `from`"));
}

#[test]
fn deadlines_are_local_times_in_order() {
    let deadlines = "[[deadline]]\nat = 2026-03-31T23:59:00\nname = \"QOF year end\"\n\
                     [[deadline]]\nat = 2026-03-20T12:00:00\nname = \"payroll\"\ninstead = \"Phone the payroll office.\"\n";
    let config = parse(&format!("{GOOD}\n{deadlines}")).expect("a good file");
    let [payroll, qof] = config.deadlines.as_slice() else { panic!("{:?}", config.deadlines) };
    assert_eq!(
        (payroll.name.as_str(), payroll.instead.as_deref()),
        ("payroll", Some("Phone the payroll office."))
    );
    // By then it is British Summer Time.
    assert_eq!(
        (qof.name.as_str(), qof.at.to_string().as_str()),
        ("QOF year end", "2026-03-31T22:59:00.000Z")
    );
    assert!(refused(&deadlines.replace("at =", "to =")).contains("[[deadline]] has no `at`"));
    assert!(refused(&deadlines.replace("name = \"payroll\"", "name = 7")).contains("`name`"));
}

#[test]
fn settings_are_checked_too() {
    for (extra, says) in [
        ("[hub]\nlisten = \"localhost\"", "address and port"),
        ("[hub]\nkeep = \"1h\"", "under a day"),
        ("[hub]\nvia = { carrier = \"bs\" }", "no component is called \"bs\""),
        ("[schedule]\nconcurrency = 0", "out of range"),
        ("[schedule]\ntarget_rate = \"fast\"", "`target_rate` is a text"),
        ("[notices]\npractices = \"never\"", "none of the words"),
        ("hub = 1", "no key `hub`"),
    ] {
        let errors = refused(extra);
        assert!(errors.contains(says), "{extra}: {errors}");
    }
}

#[test]
fn a_name_server_that_is_a_component_is_on_the_path() {
    let resolver = "[[component]]\nid = \"dns-icb\"\nkind = \"resolver\"\nname = \"ICB resolver\"\naddress = \"127.90.0.53\"\n";
    for server in ["127.90.0.53:8053", "dns-icb:8053"] {
        let text = format!("{}\n{resolver}", with("127.90.0.53:8053", server));
        let estate = parse(&text).expect("a good file").estate;
        let Ask::Dns(dns) = &estate.probes[1].ask else { panic!("a dns probe") };
        assert_eq!(dns.server.to_string(), "127.90.0.53:8053");
        let resolver = Hop::Component(estate.component("dns-icb").expect("declared"));
        assert!(estate.path(Vantage::Practice(PracticeIx(0)), ProbeIx(1)).contains(&resolver));
        assert!(!estate.path(Vantage::Practice(PracticeIx(0)), ProbeIx(0)).contains(&resolver));
    }
}

#[test]
fn a_web_probe_expects_what_it_is_told() {
    let text = with(
        "url = \"https://accurx.example/\"",
        "url = \"https://accurx.example/\"\nconnect = \"127.80.0.11:8443\"\nexpect_status = [200, 204]\nexpect_body = \"Sign in\"\ncertificate_days = 14\nredirects = 0",
    );
    let Ask::Http(http) = &parse(&text).expect("a good file").estate.probes[0].ask else { panic!("https") };
    assert_eq!(http.expect_status, [200, 204]);
    assert_eq!(http.certificate_days_min, Some(14));
    assert_eq!(http.redirects_max, 0);
    assert_eq!(http.connect_to.as_ref().map(ToString::to_string).as_deref(), Some("127.80.0.11:8443"));
    assert!(parse(&text.replace("[200, 204]", "200")).is_ok());
    assert!(parse(&text.replace("[200, 204]", "999")).is_err());
    assert!(parse(&text.replace("redirects = 0", "name_server = \"127.0.0.1:53\"")).is_err());
    assert!(parse(&text.replace("redirects = 0", "trust_file = \"nowhere.pem\"")).is_err());
}

#[test]
fn a_path_goes_to_a_port_or_takes_echoes() {
    let read = |target: &str| {
        let text = with(
            "kind = \"https\"\nnetwork = \"internet\"\nservice = \"accurx\"\nurl = \"https://accurx.example/\"",
            &format!(
                "kind = \"path\"\nnetwork = \"internet\"\ntarget = \"{target}\"\nthrough = \"10.20.0.1\""
            ),
        );
        match parse(&text).expect("a good file").estate.probes.remove(0).ask {
            Ask::Path(path) => (path.host, path.port, path.through),
            other => panic!("{other:?}"),
        }
    };
    let through = "10.20.0.1".parse().ok();
    assert_eq!(read("10.9.0.2"), ("10.9.0.2".to_owned(), None, through));
    assert_eq!(read("emis.example:443"), ("emis.example".to_owned(), Some(443), through));
    assert_eq!(read("2001:db8::1"), ("2001:db8::1".to_owned(), None, through));
    assert_eq!(read("[2001:db8::1]:443"), ("2001:db8::1".to_owned(), Some(443), through));
}

/// `[mail]` with several relays.
fn relays(each: &str) -> String {
    format!(
        "{GOOD}\n[mail]\nfrom = \"linewatch@icb.example\"\nstaff = [\"service.desk@icb.example\"]\n{each}"
    )
}

#[test]
fn several_relays_keep_their_order_networks_and_rates() {
    let text = relays(
        "[[mail.relay]]\nhost = \"relay.hscn.example\"\nnetwork = \"hscn\"\nper_minute = 100\nper_day = 0\n\
         [[mail.relay]]\nhost = \"relay.example\"\nsecurity = \"tls\"\n\
         [[mail.relay]]\nhost = \"127.0.0.1\"\nsecurity = \"plain\"\n",
    );
    let mail = parse(&text).expect("a good file").mail.expect("mail");
    let told: Vec<_> = mail
        .relays
        .iter()
        .map(|relay| (relay.name(), relay.network.as_deref(), relay.rates.per_minute, relay.rates.per_day))
        .collect();
    assert_eq!(
        told,
        [
            ("relay.hscn.example:587".to_owned(), Some("hscn"), Some(100), None),
            // What the usual providers take.
            ("relay.example:465".to_owned(), None, Some(30), Some(10_000)),
            // It queues by itself.
            ("127.0.0.1:25".to_owned(), None, None, None),
        ]
    );
}

#[test]
fn relays_that_could_be_meant_otherwise_are_refused() {
    let one = "[[mail.relay]]\nhost = \"relay.example\"\n";
    for (each, says) in [
        (format!("user = \"x\"\n{one}"), "belongs to one of its relays"),
        (format!("{one}{one}"), "named twice"),
        (format!("{one}network = \"hsnc\"\n"), "no network is called \"hsnc\""),
        (format!("{one}password = \"hunter2\"\n"), "doesn't belong in this file"),
        (format!("{one}per_minute = -1\n"), "out of range"),
        (one.repeat(9).replace("relay.example", "a.example"), "has 9 relays"),
        ("[[mail.relay]]\nport = 25\n".to_owned(), "no `host`"),
        ("relay = []\n".to_owned(), "has 0 relays"),
    ] {
        let errors = parse(&relays(&each)).expect_err("a mistake").to_string();
        assert!(errors.contains(says) && !errors.contains("hunter2"), "{each}: {errors}");
    }
}

/// A file whose channel has its address and secret in files beside it.
fn with_channel(text: &str) -> Result<linewatch::config::Config, linewatch::config::Errors> {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, holds) in [
        ("url", "https://hooks.example/workflow?sig=hunter2\n"),
        ("clear", "http://hooks.example/workflow?sig=hunter2\n"),
        ("key", "0123456789abcdef\n"),
    ] {
        std::fs::write(dir.path().join(name), holds).expect("written");
    }
    linewatch::config::parse("probes.toml", &format!("{GOOD}\n{text}"), dir.path())
}

#[test]
fn channels_and_contacts_are_read_and_their_addresses_stay_secret() {
    let config = with_channel(
        "[[channel]]\nid = \"desk\"\nkind = \"webhook\"\nurl_file = \"url\"\nsecret_file = \"key\"\n\
         [[channel]]\nid = \"notify\"\nkind = \"sms\"\nsecret_file = \"key\"\ntemplate_id = \"f33517ff\"\n\
         [[contact]]\nemail = \"manager@g82002.example\"\nmobile = \"07700 900001\"\nways = [\"sms\", \"email\"]\n",
    )
    .expect("a good file");
    assert_eq!(config.ways.channels.len(), 2);
    assert_eq!(config.ways.channels[1].url.as_str(), "https://api.notifications.service.gov.uk/");
    assert_eq!(config.ways.contacts[0].mobile.as_deref(), Some("07700900001"));
    assert!(!format!("{config:?}").contains("hunter2"));
    for key in ["workflow?sig=hunter2", "services/T0001/hunter2hunter2hunter2"] {
        let text =
            format!("[[channel]]\nid = \"ops\"\nkind = \"teams\"\nurl = \"https://hooks.example/{key}\"\n");
        let errors = with_channel(&text).expect_err("a secret in the file");
        let shown: Vec<String> =
            errors.iter().map(|problem| format!("{problem}{}", problem.excerpt(false))).collect();
        let shown = shown.concat();
        assert!(shown.contains("hooks.example") && !shown.contains("hunter2"), "{shown}");
    }
    let good = "[[channel]]\nid = \"ops\"\nkind = \"teams\"\nurl_file = \"url\"\n";
    let contact = "[[contact]]\nemail = \"a@b.example\"\n";
    for (text, says) in [
        (good.replace("\"url\"", "\"clear\""), "in the clear"),
        (good.replace("url_file", "url"), "doesn't belong in this file"),
        (format!("{good}{good}"), "another [[channel]]"),
        (good.replace("teams", "webhook"), "no `secret_file`"),
        (good.replace("teams", "pigeon"), "none of the words"),
        (format!("{contact}ways = [\"sms\"]\nmobile = \"07700900001\"\n"), "no [[channel]] of kind \"sms\""),
        (format!("{contact}mobile = \"none\"\n"), "not a telephone number"),
        (format!("{contact}{contact}"), "another [[contact]]"),
        (format!("{MAIL}service = \"nhsmial\"\n"), "no service is called"),
    ] {
        let errors = with_channel(&text).expect_err("a mistake").to_string();
        assert!(errors.contains(says) && !errors.contains("hunter2"), "{text}: {errors}");
    }
}

#[test]
fn who_is_listed_for_exercises_is_checked_and_a_mistake_names_its_place() {
    let config = parse(&format!("{GOOD}\n[exercise]\nto = [\"desk@icb.example\"]\n")).expect("a good file");
    assert_eq!(config.ways.exercise.to, ["desk@icb.example"]);
    assert!(!config.ways.exercise.is_on, "no file makes one of a real outage");
    let errors = refused("[exercise]\nto = [\"nobody\"]\nchannels = [\"ops\"]\non = true\n");
    assert!(errors.contains("no channel is called \"ops\"") && errors.contains("[[channel]]"), "{errors}");
    assert!(errors.contains("`on`") && errors.contains("nobody"), "{errors}");
}

#[test]
fn an_operators_texts_are_checked_with_the_configuration_each_flaw_at_its_place() {
    let dir = tempfile::tempdir().expect("a folder");
    let texts = dir.path().join("texts");
    let config = || {
        linewatch::config::parse(
            "probes.toml",
            &format!("{GOOD}\n[notices]\ntexts = \"texts\"\n"),
            dir.path(),
        )
    };
    let gone = config().expect_err("no such folder").to_string();
    assert!(gone.contains("linewatch notices texts --out"), "{gone}");
    std::fs::create_dir(&texts).expect("a folder");
    let none = config().expect_err("nothing in it").to_string();
    assert!(none.contains("has none of the letters' texts in it"), "{none}");
    let shipped = linewatch::notify::words::texts::SHIPPED;
    let (name, text) = shipped.iter().find(|(name, _)| *name == "manager.txt").expect("one of them");
    std::fs::write(texts.join(name), format!("Dear colleague,\n{text}")).expect("a file");
    assert_eq!(config().expect("a good text").notices.texts.replaced(), ["manager.txt"]);
    std::fs::write(texts.join(name), format!("Dear {{{{ colleague }}}},\n{text}")).expect("a file");
    let errors = config().expect_err("no such name").to_string();
    assert!(
        errors.contains("texts/manager.txt:1:9: ") && errors.contains("nothing by this name"),
        "{errors}"
    );
    std::fs::write(texts.join(name), text).expect("a file");
    let sentences = texts.join("sentences.toml");
    std::fs::write(&sentences, "[manager]\ngreeting = \"Dear colleague,\"\n").expect("a file");
    assert_eq!(config().expect("sound").notices.texts.replaced(), ["manager.txt", "sentences.toml"]);
    // Each flaw of several, where it stands.
    let flawed = "[manager]\ngreting = \"Dear colleague,\"\n\n[escalation]\nnext_are_told_at = \"Others are told then.\"\n";
    std::fs::write(&sentences, flawed).expect("a file");
    let errors = config().expect_err("two slips").to_string();
    for part in [
        "texts/sentences.toml:2:1: ",
        "did you mean `manager.greeting`?",
        "texts/sentences.toml:5:21: ",
        "`escalation.next_are_told_at` leaves out {{ time }}",
    ] {
        assert!(errors.contains(part), "{part} is missing in {errors}");
    }
    std::fs::remove_file(&sentences).expect("removed");
    std::fs::write(texts.join("manger.html"), "").expect("a file");
    let errors = config().expect_err("a slip").to_string();
    assert!(errors.contains("no letter is made with: \"manger.html\""), "{errors}");
}
