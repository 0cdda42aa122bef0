//! `linewatch probe` as it is typed: what it prints, and how it ends.

use std::path::Path;
use std::process::Output;

use super::servers::{self, Authority, Farewell};

/// An estate of one practice, whose checks go to these loopback ports.
fn configuration(dir: &Path, open: u16, closed: u16, source: &str) -> std::path::PathBuf {
    let text = format!(
        r#"
[icb]
code = "QKS"
name = "Test county"
timezone = "Europe/London"

[[network]]
id = "internet"
name = "the internet"
through = []

[[practice]]
ods = "G82002"
name = "St James' Surgery"
source = "{source}"

[[probe]]
id = "open"
kind = "http"
network = "internet"
url = "http://127.0.0.1:{open}/"
every = "30s"
timeout = "20s"

[[probe]]
id = "closed"
kind = "tcp"
network = "internet"
target = "127.0.0.1:{closed}"
every = "30s"
timeout = "20s"
"#
    );
    let path = dir.join("probes.toml");
    std::fs::write(&path, text).expect("written");
    path
}

async fn linewatch(config: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    linewatch_trusting(None, config, args).await
}

/// On a machine whose store has these roots alone.
async fn linewatch_trusting(
    roots: Option<&Path>,
    config: &Path,
    args: &[&str],
) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"));
    if let Some(roots) = roots {
        command.env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR");
    }
    let Output { status, stdout, stderr } = command
        .arg("probe")
        .args(args)
        .arg("--config")
        .arg(config)
        .kill_on_drop(true)
        .output()
        .await
        .expect("it ran");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn each_outcome_has_its_words_and_its_exit_status() {
    let open = servers::http("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well").await;
    let closed = servers::ClosedTcp::new();
    let dir = tempfile::tempdir().expect("a folder");
    let config = configuration(dir.path(), open.port(), closed.address.port(), "127.0.0.3");

    let (code, out, _) = linewatch(&config, &["open", "--practice", "G82002"]).await;
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("from G82002 St James' Surgery (127.0.0.3)"), "{out}");
    assert!(out.contains("first_byte") && out.contains("status       200"), "{out}");
    assert!(out.contains("OK: open is fine") && !out.contains("kept"), "{out}");
    let (code, out, _) = linewatch(&config, &["open", "--explain"]).await;
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("kept         expect_status: a status of 200 to 399 (the default;"), "{out}");

    let (code, out, _) = linewatch(&config, &["closed", "--json"]).await;
    let object: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &object["observation"]["failure"]), (Some(1), &"refused".into()), "{out}");
    assert_eq!(object["observation"]["practice"], "@hub");
    assert_eq!(
        (&object["rule"]["name"], &object["rule"]["key"]),
        (&"answers".into(), &serde_json::Value::Null)
    );
    let (code, out, _) = linewatch(&config, &["closed", "--explain"]).await;
    assert_eq!(code, Some(1), "{out}");
    let rule = format!("expected     127.0.0.1:{} takes the question and answers it", closed.address.port());
    assert!(out.contains("broken rule  answers") && out.contains(&rule), "{out}");

    let (code, out, error) = linewatch(&config, &["opne"]).await;
    assert_eq!((code, out.as_str()), (Some(2), ""), "{error}");
    assert!(error.contains("did you mean \"open\"?"), "{error}");
    let (code, _, error) = linewatch(&config, &["open", "--practice", "G82003"]).await;
    assert_eq!(code, Some(2), "{error}");

    let config = configuration(dir.path(), open.port(), closed.address.port(), "192.0.2.7");
    let (code, out, _) = linewatch(&config, &["open", "--practice", "G82002"]).await;
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("COULD NOT ASK") && out.contains("192.0.2.7"), "{out}");
}

#[tokio::test]
async fn a_firewall_that_decrypts_is_named_though_this_machine_trusts_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let roots = dir.path().join("roots.pem");
    for (issuer, pin, code, says) in [
        (
            "FortiGate CA",
            "",
            Some(1),
            "which this machine trusts and the public does not, and has the name of Fortinet",
        ),
        ("FortiGate CA", "issuer = \"FortiGate CA\"", Some(0), "OK: open is fine"),
        ("County Root", "", Some(0), "OK: open is fine"),
    ] {
        let authority = Authority::named(issuer);
        std::fs::write(&roots, authority.pem()).expect("written");
        let page = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well";
        let server = servers::https(authority.issue("127.0.0.1", 90), page, Farewell::Polite).await;
        let config = configuration(dir.path(), 1, 1, "127.0.0.3");
        let text = std::fs::read_to_string(&config).expect("written");
        let url = format!("kind = \"https\"\n{pin}\nurl = \"https://127.0.0.1:{}/\"", server.port());
        let text = text.replace("kind = \"http\"", &url).replace("url = \"http://127.0.0.1:1/\"\n", "");
        std::fs::write(&config, text).expect("written");
        let (ended, out, error) = linewatch_trusting(Some(&roots), &config, &["open"]).await;
        assert_eq!(ended, code, "{issuer}, {pin}: {out}{error}");
        assert!(out.contains(says), "{issuer}, {pin}: {out}");
    }
}

#[tokio::test]
async fn a_name_servers_answer_is_shown_with_all_that_was_asked_beside_it() {
    let first = servers::udp(|query, _| vec![super::dns_beside::reasoned(query, 0, b"\0\x03")]).await;
    let second = servers::udp(|query, _| vec![super::dns_beside::addressed(query, 7)]).await;
    let dir = tempfile::tempdir().expect("a folder");
    let config = configuration(dir.path(), 1, 1, "127.0.0.3");
    let text = std::fs::read_to_string(&config).expect("written");
    let names = format!(
        r#"
[[probe]]
id = "names"
kind = "dns"
network = "internet"
server = "{first}"
name = "nww.example"
record = "A"
edns_size = 1232
hijack = true
compare = "{second}"
compare_expect = "different"
every = "30s"
timeout = "20s"
"#
    );
    std::fs::write(&config, text + &names).expect("written");
    let (code, out, error) = linewatch(&config, &["names"]).await;
    assert_eq!(code, Some(1), "{out}{error}");
    for line in [
        format!("names: dns A nww.example at {first}, and at {second}"),
        "  rcode        noerror".to_owned(),
        "  answer       A 192.0.2.1".to_owned(),
        "  TTL          60 s".to_owned(),
        "  flags        rd ra".to_owned(),
        "  EDNS         it takes 1400 bytes over UDP".to_owned(),
        "  reason       stale answer (3)".to_owned(),
        format!("  second       {second} says noerror"),
        "  its answer   A 192.0.2.7".to_owned(),
    ] {
        assert!(out.lines().any(|found| found == line), "{line}\n{out}");
    }
    assert!(out.contains(".nww.example: A 192.0.2.1\n"), "{out}");
    assert!(
        out.contains("FAILS: intercepted in phase dns: somebody on the way answers in its place ("),
        "{out}"
    );
}

/// A resolver that can open no file and no socket says that the name isn't there.
#[tokio::test]
async fn a_name_is_not_missing_because_this_process_has_no_descriptors() {
    let open = servers::http("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well").await;
    let dir = tempfile::tempdir().expect("a folder");
    let config = configuration(dir.path(), open.port(), 1, "127.0.0.3");
    let text = std::fs::read_to_string(&config).expect("the file");
    std::fs::write(&config, text.replace("http://127.0.0.1:", "http://localhost:")).expect("written");
    let mut said_so = 0;
    // At which number only the look-up finds none left isn't ours to say.
    for limit in 5..=20 {
        let Output { stdout, stderr, .. } = tokio::process::Command::new("sh")
            .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" probe open --config \"$1\"")])
            .arg(env!("CARGO_BIN_EXE_linewatch"))
            .arg(&config)
            .output()
            .await
            .expect("it ran");
        let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
        for wrong in ["nxdomain", "servfail", "no_answer"] {
            assert!(!said.contains(wrong), "{limit}: {said}");
        }
        let is_local = said.contains("COULD NOT ASK") && said.contains("no file descriptors left");
        said_so += usize::from(is_local);
    }
    assert!(said_so > 0, "no number left the look-up without");
}

#[tokio::test]
async fn a_broken_configuration_asks_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("probes.toml");
    std::fs::write(&path, "[icb]\ncode = 7\n").expect("written");
    let (code, out, error) = linewatch(&path, &["open"]).await;
    assert_eq!((code, out.as_str()), (Some(3), ""), "{error}");
    assert!(error.contains("probes.toml:2:8"), "{error}");
}

#[tokio::test]
async fn a_web_check_tells_proxy_issuer_and_version() {
    let authority = servers::Authority::new();
    let (server, _told) =
        servers::https_2(authority.issue("accurx.example", 90), servers::Second::Says("all is well")).await;
    let (proxy, _heads) = servers::proxy(servers::Proxying::To(server)).await;
    let dir = tempfile::tempdir().expect("a folder");
    let path = configuration(dir.path(), 1, 1, "127.0.0.3");
    std::fs::write(dir.path().join("root.pem"), authority.pem()).expect("written");
    let probe = |id: &str, issuer: &str| {
        format!(
            r#"
[[probe]]
id = "{id}"
kind = "https"
network = "internet"
url = "https://accurx.example/"
proxy = "{proxy}"
version = "2"
trust_file = "root.pem"
issuer = "{issuer}"
expect_body = "is well"
every = "30s"
timeout = "20s"
"#
        )
    };
    let text = std::fs::read_to_string(&path).expect("the file");
    let text = text + &probe("good", "County Test Root") + &probe("decrypted", "DigiCert");
    std::fs::write(&path, text).expect("written");

    let (code, out, error) = linewatch(&path, &["good"]).await;
    assert_eq!(code, Some(0), "{out}{error}");
    for words in [
        &format!("https://accurx.example/, through the proxy {proxy}"),
        &format!("proxy        {proxy}"),
        "issuer       County Test Root, as pinned",
        "  its key    sha256:",
        "HTTP         2",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    let (code, out, error) = linewatch(&path, &["decrypted"]).await;
    assert_eq!(code, Some(1), "{out}{error}");
    for words in
        ["County Test Root, NOT AS PINNED", "FAILS: intercepted in phase tls", "not by the pinned DigiCert"]
    {
        assert!(out.contains(words), "{words}: {out}");
    }
}
