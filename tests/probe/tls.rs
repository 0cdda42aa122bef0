//! Certificates: good, expired, unknown, for another name, soon to expire; the chain is kept in every case.

use linewatch::estate::{Ask, HttpAsk};
use linewatch::observation::{Failure, Phase};
use linewatch::probe::Answer;

use super::http::get;
use super::servers::{self, Authority, Credentials, Farewell};
use super::{LONG, ask, detail, failed, host_port};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well";

async fn question(authority: &Authority, credentials: Credentials) -> HttpAsk {
    let server = servers::https(credentials, HELLO, Farewell::Polite).await;
    let mut question = get("https://accurx.example/");
    question.connect_to = Some(host_port(server));
    question.trust_pem = Some(authority.pem());
    question
}

async fn shown(authority: &Authority, credentials: Credentials) -> Answer {
    ask(Ask::Http(question(authority, credentials).await), LONG).await
}

#[tokio::test]
async fn a_trusted_chain() {
    let authority = Authority::new();
    let answer = shown(&authority, authority.issue("accurx.example", 90)).await;
    assert!(answer.ok, "{answer:?}");
    assert!(answer.phases_ms.tls.is_some(), "{answer:?}");
    assert_eq!(answer.facts.tls_version.as_deref(), Some("TLSv1.3"));
    let [own, root] = answer.facts.certificates.as_slice() else { panic!("two certificates: {answer:?}") };
    assert_eq!(own.names, ["accurx.example"]);
    assert!(own.issuer.contains("County Test Root") && root.subject.contains("County Test Root"));
}

#[tokio::test]
async fn an_expired_certificate_is_kept_for_the_record() {
    let authority = Authority::new();
    let answer = shown(&authority, authority.issue("accurx.example", -3)).await;
    assert_eq!(failed(&answer), (Some(Failure::Expired), Some(Phase::Tls)), "{answer:?}");
    let now = linewatch::time::At::from(jiff::Timestamp::now());
    assert_eq!(answer.facts.certificates[0].days_left(now), -4, "three days and a moment ago");
}

#[tokio::test]
async fn chains_that_are_not_trusted_are_kept_too() {
    let authority = Authority::new();
    for (credentials, words) in [
        (Credentials::self_signed("accurx.example"), "comes from accurx.example, which is not trusted"),
        (
            Authority::named("Another Root").issue("accurx.example", 90),
            "comes from Another Root, which is not trusted here",
        ),
        (Authority::new().issue("accurx.example", 90), "not signed by the issuer that it names"),
        (authority.issue("docman.example", 90), "another name"),
    ] {
        let answer = shown(&authority, credentials).await;
        assert_eq!(failed(&answer), (Some(Failure::Untrusted), Some(Phase::Tls)), "{answer:?}");
        assert!(detail(&answer).contains(words), "{answer:?}");
        assert!(!answer.facts.certificates.is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn an_authoritys_own_certificate_is_no_servers_and_that_is_said_in_words() {
    let credentials = Credentials::self_signed_authority("accurx.example");
    let pem = credentials.pem();
    let server = servers::https(credentials, HELLO, Farewell::Polite).await;
    let mut question = get("https://accurx.example/");
    (question.connect_to, question.trust_pem) = (Some(host_port(server)), Some(pem));
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Untrusted), Some(Phase::Tls)), "{answer:?}");
    assert!(
        detail(&answer).starts_with("accurx.example: its certificate is a certificate authority's own"),
        "{answer:?}"
    );
    // And one for clients alone.
    let authority = Authority::new();
    let answer = shown(&authority, authority.issue_for_clients("accurx.example")).await;
    assert_eq!(failed(&answer), (Some(Failure::Untrusted), Some(Phase::Tls)), "{answer:?}");
    assert!(detail(&answer).contains("is not for servers"), "{answer:?}");
}

#[tokio::test]
async fn this_machines_own_roots_do_not_trust_a_test() {
    let authority = Authority::new();
    let mut question = question(&authority, authority.issue("accurx.example", 90)).await;
    question.trust_pem = None;
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Untrusted), Some(Phase::Tls)), "{answer:?}");
}

#[tokio::test]
async fn a_certificate_that_will_expire_soon_is_expired_unless_worse_is_wrong() {
    let authority = Authority::new();
    let mut question = question(&authority, authority.issue("accurx.example", 10)).await;
    question.certificate_days_min = Some(10);
    assert!(ask(Ask::Http(question.clone()), LONG).await.ok);
    question.certificate_days_min = Some(14);
    let answer = ask(Ask::Http(question.clone()), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Expired), Some(Phase::Tls)));
    assert_eq!(detail(&answer), "the certificate has 10 days left, fewer than 14");
    question.expect_status = vec![204];
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(answer.failure, Some(Failure::Status), "an outage is worse");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls() {
    let server = servers::tcp(|mut stream, _| async move {
        servers::say(&mut stream, "HTTP/1.1 400 Bad Request\r\n\r\nspeak plainly").await;
        servers::hold(stream).await;
    })
    .await;
    let answer = ask(Ask::Http(get(&format!("https://{server}/"))), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Tls), Some(Phase::Tls)), "{answer:?}");
}

#[tokio::test]
async fn hanging_up_on_the_handshake_is_a_reset() {
    let server = servers::tcp(|mut stream, _| async move {
        // The whole hello is read first: hanging up on unread bytes would send a RST instead.
        let mut hello = [0; 16 * 1024];
        drop(tokio::io::AsyncReadExt::read(&mut stream, &mut hello).await);
    })
    .await;
    let answer = ask(Ask::Http(get(&format!("https://{server}/"))), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Reset), Some(Phase::Tls)), "{answer:?}");
}

#[tokio::test]
async fn roots_that_cannot_be_read_are_this_machines_fault() {
    let authority = Authority::new();
    let mut question = question(&authority, authority.issue("accurx.example", 90)).await;
    question.trust_pem =
        Some("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n".to_owned());
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_whole_only_if_no_length_was_promised() {
    let authority = Authority::new();
    for (answer, outcome) in [
        ("HTTP/1.0 200 OK\r\n\r\nall is well", (None, None)),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nall is well",
            (Some(Failure::Reset), Some(Phase::Body)),
        ),
    ] {
        let credentials = authority.issue("accurx.example", 90);
        let server = servers::https(credentials, answer, Farewell::Abrupt).await;
        let mut question = get("https://accurx.example/");
        question.connect_to = Some(host_port(server));
        question.trust_pem = Some(authority.pem());
        question.expect_body = Some("is well".to_owned());
        let found = ask(Ask::Http(question), LONG).await;
        assert_eq!(failed(&found), outcome, "{found:?}");
    }
}
