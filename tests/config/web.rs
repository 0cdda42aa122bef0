//! The keys of web probes that few need, and what contradicts what.

use std::path::Path;

use linewatch::config::{self, Config, Errors};
use linewatch::estate::{Ask, Family, HttpAsk, HttpVersion, IssuerPin};

use super::{parse, with};

const URL: &str = "url = \"https://accurx.example/\"";

/// The good estate with more keys for its https probe.
fn text(keys: &str) -> String {
    with(URL, &format!("{URL}\n{keys}"))
}

fn web(config: &Config) -> &HttpAsk {
    let Ask::Http(ask) = &config.estate.probes[0].ask else { panic!("an https probe") };
    ask
}

fn refused(errors: Result<Config, Errors>, says: &str, advises: &str) {
    let errors = errors.err().unwrap_or_else(|| panic!("it passed, and should say {says:?}"));
    let first = errors.iter().next().expect("an error");
    assert!(first.message().contains(says), "wanted {says:?}, got {errors}");
    assert!(first.help().contains(advises), "wanted {advises:?}, got {}", first.help());
    assert_eq!(errors.count(), 1, "{errors}");
}

#[test]
fn without_them_a_probe_asks_as_it_always_did() {
    let config = parse(&text("")).expect("a good file");
    let plain = HttpAsk {
        url: "https://accurx.example/".to_owned(),
        tls: true,
        redirects_max: 3,
        ..HttpAsk::default()
    };
    assert_eq!(*web(&config), plain);
}

#[test]
fn each_key_is_read() {
    let keys = "version = \"2\"\nfamily = \"ipv6\"\nsni = \"front.example\"\nhost = \"back.example:8443\"\nissuer = [\"DigiCert\", \"sha256:HASH\"]\nblocked_body = \"Kent filter\"\nredirects_private = true"
        .replace("HASH", &"0a".repeat(32));
    let config = parse(&text(&keys)).expect("a good file");
    let ask = web(&config);
    assert_eq!((ask.version, ask.family), (HttpVersion::Http2, Some(Family::Ipv6)));
    assert_eq!((ask.sni.as_deref(), ask.host.as_deref()), (Some("front.example"), Some("back.example:8443")));
    assert_eq!(ask.issuers, [IssuerPin::Named("DigiCert".to_owned()), IssuerPin::Sha256([10; 32])]);
    assert_eq!((ask.blocked_body.as_slice(), ask.redirects_private), (&["Kent filter".to_owned()][..], true));
    let config = parse(&text("proxy = \"10.0.0.1:3128\"\nversion = \"1.1\"")).expect("a good file");
    assert_eq!(web(&config).proxy.as_ref().map(ToString::to_string).as_deref(), Some("10.0.0.1:3128"));
    assert_eq!(web(&config).version, HttpVersion::Http1);
}

#[test]
fn values_that_are_none_say_what_is_one() {
    for (keys, says, advises) in [
        ("version = \"3\"", "`version`: \"3\" is none of the words", "1.1, 2"),
        ("version = 2", "`version` is a whole number", "version ="),
        ("family = \"ipv5\"", "`family`: \"ipv5\"", "ipv4, ipv6"),
        ("sni = \"10.0.0.1\"", "`sni`: \"10.0.0.1\" is an address", "accurx.example"),
        ("sni = \"a b\"", "`sni`: \"a b\" is neither", "accurx.example"),
        ("host = \"a b\"", "`host`: \"a b\"", "accurx.example"),
        ("proxy = \"10.0.0.1\"", "`proxy`: \"10.0.0.1\" has no port", "host:port"),
        ("proxy = \"http://10.0.0.1:3128\"", "`proxy`: ", "10.0.0.1:3128"),
        ("issuer = \"sha256:12\"", "`issuer`: \"sha256:12\" is not a SHA-256", "64 hexadecimal digits"),
        ("issuer = \"\"", "`issuer`: it is empty", "leave the key out"),
        ("issuer = 1", "`issuer` is a whole number", "issuer ="),
        ("blocked_body = \"\"", "`blocked_body`: it is empty", "leave the key out"),
        ("redirects_private = \"yes\"", "`redirects_private` is a text", "redirects_private = true"),
        ("isuer = \"DigiCert\"", "no key `isuer`", "`issuer`"),
    ] {
        refused(parse(&text(keys)), says, advises);
    }
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for (keys, says, advises) in [
        (
            "family = \"ipv6\"\nconnect = \"10.0.0.1:443\"",
            "connects to 10.0.0.1, an IPv4 address",
            "leave `family` out",
        ),
        ("family = \"ipv4\"\nproxy = \"10.0.0.1:3128\"", "the proxy that picks the family", "one of the two"),
        (
            "name_server = \"10.0.0.1:53\"\nproxy = \"10.0.0.1:3128\"",
            "`name_server` has no use",
            "by its name",
        ),
        ("redirects = 0\nredirects_private = true", "`redirects_private` has no use", "one of the two"),
        (
            "expect_body = \"Sign in\"\nblocked_body = [\"Sign\"]",
            "stands in `expect_body`",
            "only the block page",
        ),
        ("client_certificate = \"client.pem\"", "without `client_key`", "client_key ="),
        ("client_key = \"client.key\"", "without `client_certificate`", "client_certificate ="),
    ] {
        refused(parse(&text(keys)), says, advises);
    }
    let literal = with(URL, "url = \"https://[::1]/\"\nfamily = \"ipv4\"");
    refused(parse(&literal), "connects to ::1, an IPv6 address", "leave `family` out");
}

#[test]
fn keys_of_tls_are_none_of_plain_http() {
    for key in ["version = \"2\"", "sni = \"a.example\"", "proxy = \"10.0.0.1:1\"", "issuer = \"DigiCert\""] {
        let plain = with("kind = \"https\"", "kind = \"http\"")
            .replace(URL, &format!("url = \"http://accurx.example/\"\n{key}"));
        refused(parse(&plain), "has no key", "");
    }
    let plain = with("kind = \"https\"", "kind = \"http\"")
        .replace(URL, "url = \"http://accurx.example/\"\nhost = \"a.example\"\nfamily = \"ipv4\"");
    assert!(parse(&plain).is_ok());
}

/// A certificate and its key, as PEM.
fn identity() -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["practice.example".to_owned()]).expect("parameters");
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

fn beside(dir: &Path, keys: &str) -> Result<Config, Errors> {
    config::parse("probes.toml", &text(keys), dir)
}

#[test]
fn a_client_certificate_goes_with_its_key_and_no_other() {
    let dir = tempfile::tempdir().expect("a folder");
    let ((certificate, key), (_, other)) = (identity(), identity());
    for (name, holds) in [
        ("client.pem", certificate.as_str()),
        ("client.key", key.as_str()),
        ("other.key", other.as_str()),
        (
            "locked.key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ),
        ("broken.key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n"),
        ("empty.key", ""),
    ] {
        std::fs::write(dir.path().join(name), holds).expect("written");
    }
    let keys = |certificate: &str, key: &str| {
        format!("client_certificate = \"{certificate}\"\nclient_key = \"{key}\"")
    };
    let config = beside(dir.path(), &keys("client.pem", "client.key")).expect("a good file");
    assert!(web(&config).client_identity.is_some());
    let shown = format!("{config:?}");
    assert!(!shown.contains(key.lines().nth(1).expect("a line of it")), "the key is in no log");
    for (certificate, key, says, advises) in [
        ("client.pem", "other.key", "is not the key of the certificate", "made together"),
        ("client.pem", "locked.key", "is encrypted", "without one"),
        ("client.pem", "broken.key", "can't be used", "RSA"),
        ("client.pem", "empty.key", "has no private key in it", "BEGIN PRIVATE KEY"),
        ("client.pem", "nowhere.key", "there is no such file", "relative"),
        ("client.key", "client.key", "`client_certificate`: \"client.key\" has no certificate in it", "PEM"),
    ] {
        let outcome = beside(dir.path(), &keys(certificate, key));
        if let Err(errors) = &outcome {
            let whole: String = errors.iter().map(|each| each.excerpt(false) + each.message()).collect();
            assert!(!whole.contains("c2VjcmV0"), "{whole}");
        }
        refused(outcome, says, advises);
    }
}

#[test]
fn a_key_pasted_into_the_configuration_is_never_shown() {
    let (_, key) = identity();
    let secret = key.lines().nth(1).expect("a line of it").to_owned();
    let pasted = format!("client_certificate = \"c.pem\"\nclient_key = \"\"\"{key}\"\"\"\ncolour = 1");
    let errors = parse(&text(&pasted)).expect_err("a pasted key");
    let mut shown = errors.to_string();
    for each in errors.iter() {
        shown.extend([each.excerpt(false).as_str(), each.message(), each.help()]);
    }
    assert!(shown.contains("`client_key` holds PEM itself"), "{shown}");
    assert!(!shown.contains(&secret[..20]), "{shown}");
}
