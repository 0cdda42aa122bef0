//! What keeps strangers out of a hub: its certificate and its tokens, each in a file of its own.

use linewatch::config::{self, Config, Errors};

use super::GOOD;

/// The good estate with these keys in `[hub]`, and files with a certificate, two keys and a token beside it.
fn read(keys: &str) -> Result<Config, Errors> {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (made(), made());
    for (name, text) in [
        ("hub.pem", first.cert.pem()),
        ("hub.key", first.signing_key.serialize_pem()),
        ("other.key", second.signing_key.serialize_pem()),
        ("token", "0123456789abcdef\n".to_owned()),
        ("short", "secret\n".to_owned()),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    config::parse("probes.toml", &format!("{GOOD}\n[hub]\n{keys}\n"), folder.path())
}

fn made() -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(["hub.example".to_owned()]).expect("a certificate")
}

#[test]
fn a_certificate_that_fits_its_key_and_tokens_are_read() {
    let config = read(
        "tls = { certificate = \"hub.pem\", key = \"hub.key\" }\nviewer_token_file = \"token\"\nadmin_token_file = \"token\"\nbounce_token_file = \"token\"",
    );
    let hub = config.unwrap_or_else(|errors| panic!("{errors}")).hub;
    assert!(hub.tls.is_some() && hub.tokens.viewer.is_some() && hub.tokens.admin.is_some());
    assert!(hub.tokens.bounce.is_some());
    let shown = format!("{hub:?}");
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("PRIVATE KEY"), "{shown}");
}

#[test]
fn what_cannot_be_used_is_refused_with_a_way_out() {
    for (keys, says) in [
        ("tls = \"hub.pem\"", "write tls = {"),
        ("tls = { certificate = \"hub.pem\" }", "has no `key`"),
        ("tls = { certificate = \"hub.pem\", key = \"other.key\" }", "is not the key of the certificate"),
        ("tls = { certificate = \"hub.key\", key = \"hub.key\" }", "has no certificate in it"),
        ("tls = { certificate = \"gone.pem\", key = \"hub.key\" }", "there is no such file"),
        ("tls = { certificate = \"hub.pem\", key = \"hub.key\", ca = \"x\" }", "has no key `ca`"),
        ("viewer_token = \"0123456789abcdef\"", "doesn't belong in this file"),
        ("admin_token_file = \"short\"", "openssl rand -hex 32"),
        ("bounce_token = \"0123456789abcdef\"", "write bounce_token_file"),
        (
            "bounce_token_env = \"LINEWATCH_NO_SUCH_VARIABLE\"",
            "set this environment variable, or use bounce_token_file",
        ),
    ] {
        let errors = read(keys).expect_err(keys).to_string();
        assert!(errors.contains(says), "{keys}: {errors}");
        assert!(!errors.contains("PRIVATE"), "{errors}");
    }
}
