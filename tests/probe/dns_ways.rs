//! The ways to a name server besides UDP: TCP, TLS and HTTPS, with good and bad certificates, and with servers that
//! answer something else.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use linewatch::estate::{Ask, DnsAsk, DnsTransport, TlsPeer};
use linewatch::observation::{Failure, Phase};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::dns::reply;
use super::servers::{self, Authority, Credentials};
use super::{LONG, SHORT, ask, detail, failed, host_port};

/// Answers one question behind its length.
async fn framed(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(length) = stream.read_u16().await else { return };
    let mut query = vec![0; usize::from(length)];
    stream.read_exact(&mut query).await.expect("a question");
    let answer = reply(&query, 0);
    stream.write_u16(u16::try_from(answer.len()).expect("short")).await.expect("sent");
    stream.write_all(&answer).await.expect("sent");
    drop(stream.shutdown().await);
}

async fn over_tls(credentials: Credentials) -> SocketAddr {
    let acceptor = credentials.acceptor();
    servers::tcp(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                framed(stream).await;
            }
        }
    })
    .await
}

/// Answers a POST with this head, and with the DNS answer to its body.
async fn over_https(credentials: Credentials, head: &'static str) -> SocketAddr {
    let acceptor = credentials.acceptor();
    servers::tcp(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let asked = servers::read_head(&mut stream).await.to_lowercase();
            let says = |line: &str| assert!(asked.contains(line), "{line}: {asked}");
            says("post /ask?x=1 http/1.1\r\n");
            says("\r\ncontent-type: application/dns-message\r\n");
            says("\r\naccept: application/dns-message\r\n");
            let length = asked.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
            let mut query = vec![0; length];
            stream.read_exact(&mut query).await.expect("a question");
            assert_eq!(query[..2], [0, 0], "no id, so that caches can tell questions alike");
            let answer = reply(&query, 0);
            let head = format!("{head}Content-Length: {}\r\n\r\n", answer.len());
            servers::say(&mut stream, &head).await;
            drop(stream.write_all(&answer).await);
            drop(stream.shutdown().await);
        }
    })
    .await
}

fn trusting(authority: &Authority, name: Option<&str>) -> TlsPeer {
    TlsPeer { name: name.map(str::to_owned), trust_pem: Some(authority.pem()) }
}

fn question(server: SocketAddr, transport: DnsTransport) -> Ask {
    Ask::Dns(DnsAsk { transport, ..DnsAsk::new(host_port(server), "accurx.example", "A") })
}

fn https(tls: TlsPeer) -> DnsTransport {
    DnsTransport::Https { tls, path: "/ask?x=1".to_owned() }
}

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\n";

#[tokio::test]
async fn over_tcp_from_the_beginning() {
    let server = servers::tcp(|stream, _| framed(stream)).await;
    let answer = ask(question(server, DnsTransport::Tcp), LONG).await;
    assert!(answer.ok && !answer.facts.over_tcp, "{answer:?}");
    assert_eq!(answer.facts.answers, ["A 192.0.2.1"]);
    assert!(answer.phases_ms.connect.is_some() && answer.phases_ms.dns.is_some(), "{answer:?}");

    let closed = servers::ClosedTcp::new();
    let answer = ask(question(closed.address, DnsTransport::Tcp), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::Connect)), "{answer:?}");

    let silent = servers::tcp(|stream, _| servers::hold(stream)).await;
    let answer = ask(question(silent, DnsTransport::Tcp), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)), "{answer:?}");
}

#[tokio::test]
async fn over_tls_with_a_trusted_certificate() {
    let authority = Authority::new();
    for (issued_for, tls_name) in [("dns.example", Some("dns.example")), ("127.0.0.1", None)] {
        let server = over_tls(authority.issue(issued_for, 90)).await;
        let tls = trusting(&authority, tls_name);
        let answer = ask(question(server, DnsTransport::Tls(tls)), LONG).await;
        assert!(answer.ok, "{answer:?}");
        assert_eq!(answer.facts.answers, ["A 192.0.2.1"]);
        assert_eq!(answer.facts.tls_version.as_deref(), Some("TLSv1.3"));
        assert_eq!(answer.facts.certificates[0].names, [issued_for]);
        let times = answer.phases_ms;
        assert!(times.connect.is_some() && times.tls.is_some() && times.dns.is_some(), "{times:?}");
    }
}

#[tokio::test]
async fn certificates_fail_with_the_words_of_https() {
    let authority = Authority::new();
    for (credentials, failure) in [
        (authority.issue("dns.example", -3), Failure::Expired),
        (authority.issue("other.example", 90), Failure::Untrusted),
        (Credentials::self_signed("dns.example"), Failure::Untrusted),
    ] {
        let server = over_tls(credentials).await;
        let tls = trusting(&authority, Some("dns.example"));
        for transport in [DnsTransport::Tls(tls.clone()), https(tls)] {
            let answer = ask(question(server, transport), LONG).await;
            assert_eq!(failed(&answer), (Some(failure), Some(Phase::Tls)), "{answer:?}");
            assert!(!answer.facts.certificates.is_empty(), "{answer:?}");
        }
    }
    let plain = servers::tcp(|mut stream, _| async move {
        servers::say(&mut stream, "this is not TLS at all, but a text of some length").await;
        servers::hold(stream).await;
    })
    .await;
    let answer = ask(question(plain, DnsTransport::Tls(TlsPeer::default())), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Tls), Some(Phase::Tls)), "{answer:?}");
}

#[tokio::test]
async fn over_https_as_a_post() {
    let authority = Authority::new();
    for head in [GOOD, "HTTP/1.1 200 OK\r\ncontent-type: Application/DNS-Message; x=y\r\n"] {
        let server = over_https(authority.issue("dns.example", 90), head).await;
        let tls = trusting(&authority, Some("dns.example"));
        let answer = ask(question(server, https(tls)), LONG).await;
        assert!(answer.ok, "{answer:?}");
        assert_eq!(answer.facts.answers, ["A 192.0.2.1"]);
        assert_eq!(answer.facts.status, Some(200));
        assert!(answer.facts.tls_version.is_some() && !answer.facts.certificates.is_empty(), "{answer:?}");
        let times = answer.phases_ms;
        assert!(times.tls.is_some() && times.first_byte.is_some() && times.body.is_some(), "{times:?}");
    }
}

/// Speaks HTTP/2 and nothing else, as many such servers do.
async fn over_http_2(credentials: Credentials) -> SocketAddr {
    let acceptor = credentials.speaking(&["h2"]);
    servers::tcp(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let answering = service_fn(|request: Request<Incoming>| async move {
                assert_eq!((request.method().as_str(), request.version()), ("POST", Version::HTTP_2));
                assert_eq!(
                    request.uri().path_and_query().map(ToString::to_string).as_deref(),
                    Some("/ask?x=1")
                );
                assert_eq!(request.uri().host(), Some("dns.example"));
                assert_eq!(request.headers()["content-type"], "application/dns-message");
                let query = request.into_body().collect().await?.to_bytes();
                let answer = Full::new(Bytes::from(reply(&query, 0)));
                let answer =
                    Response::builder().header("content-type", "application/dns-message").body(answer);
                Ok::<_, hyper::Error>(answer.expect("an answer"))
            });
            let serving = http2::Builder::new(TokioExecutor::new());
            drop(serving.serve_connection(TokioIo::new(stream), answering).await);
        }
    })
    .await
}

#[tokio::test]
async fn over_https_by_http_2_where_the_server_knows_nothing_else() {
    let authority = Authority::new();
    let server = over_http_2(authority.issue("dns.example", 90)).await;
    let tls = trusting(&authority, Some("dns.example"));
    let answer = ask(question(server, https(tls)), LONG).await;
    assert!(answer.ok, "{answer:?}");
    assert_eq!(answer.facts.answers, ["A 192.0.2.1"]);
    assert_eq!(answer.facts.status, Some(200));
    let times = answer.phases_ms;
    assert!(times.send.is_some() && times.first_byte.is_some() && times.body.is_some(), "{times:?}");
}

#[tokio::test]
async fn a_check_cut_off_takes_its_http_2_connection_with_it() {
    let authority = Authority::new();
    let acceptor = authority.issue("dns.example", 90).speaking(&["h2"]);
    let (gone, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let server = servers::tcp(move |stream, _| {
        let (acceptor, gone) = (acceptor.clone(), gone.clone());
        async move {
            servers::hold(acceptor.accept(stream).await.expect("a handshake")).await;
            gone.send(()).expect("somebody waits");
        }
    })
    .await;
    let tls = trusting(&authority, Some("dns.example"));
    let answer = ask(question(server, https(tls)), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::FirstByte)), "{answer:?}");
    tokio::time::timeout(LONG, seen.recv()).await.expect("the connection is closed");
}

#[tokio::test]
async fn an_answer_over_https_is_judged_as_any_other() {
    let authority = Authority::new();
    let server = over_https(authority.issue("dns.example", 90), GOOD).await;
    let expecting = DnsAsk {
        transport: https(trusting(&authority, Some("dns.example"))),
        expect_answers: vec!["192.0.2.9".to_owned()],
        ..DnsAsk::new(host_port(server), "accurx.example", "A")
    };
    let answer = ask(Ask::Dns(expecting), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::Dns)), "{answer:?}");
}

#[tokio::test]
async fn a_web_server_that_is_no_name_server() {
    let authority = Authority::new();
    for (head, outcome, says) in [
        ("HTTP/1.1 404 Not Found\r\n", (Failure::Status, Phase::FirstByte), "answers 404 Not Found"),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", (Failure::Protocol, Phase::Body), "is text/html"),
        ("HTTP/1.1 200 OK\r\n", (Failure::Protocol, Phase::Body), "of no media type"),
    ] {
        let server = over_https(authority.issue("dns.example", 90), head).await;
        let tls = trusting(&authority, Some("dns.example"));
        let answer = ask(question(server, https(tls)), LONG).await;
        assert_eq!(failed(&answer), (Some(outcome.0), Some(outcome.1)), "{answer:?}");
        assert!(detail(&answer).contains(says), "{answer:?}");
    }
}
