//! HTTP/2: good servers, servers that don't speak it, and hostile ones.

use linewatch::estate::{Ask, HttpAsk, HttpVersion};
use linewatch::observation::{Failure, Phase};

use super::http::get;
use super::servers::{self, Authority, Farewell, Second};
use super::{LONG, ask, detail, failed, host_port};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well";

fn question(authority: &Authority, server: std::net::SocketAddr) -> HttpAsk {
    HttpAsk {
        connect_to: Some(host_port(server)),
        trust_pem: Some(authority.pem()),
        version: HttpVersion::Http2,
        ..get("https://accurx.example/ready?full=1")
    }
}

#[tokio::test]
async fn a_good_answer_with_each_phase() {
    let authority = Authority::new();
    let (server, mut told) =
        servers::https_2(authority.issue("accurx.example", 90), Second::Says("all is well")).await;
    let mut asked = question(&authority, server);
    asked.expect_body = Some("is well".to_owned());
    let answer = ask(Ask::Http(asked.clone()), LONG).await;
    assert!(answer.ok, "{answer:?}");
    assert_eq!(told.recv().await.as_deref(), Some("https://accurx.example/ready?full=1"));
    let times = answer.phases_ms;
    assert!(times.connect.is_some() && times.tls.is_some() && times.send.is_some(), "{times:?}");
    assert!(times.first_byte.is_some() && times.body.is_some(), "{times:?}");
    assert_eq!((answer.facts.status, answer.facts.http_version), (Some(200), Some("2")));

    asked.host = Some("back.example".to_owned());
    assert!(ask(Ask::Http(asked.clone()), LONG).await.ok);
    assert_eq!(told.recv().await.as_deref(), Some("https://back.example/ready?full=1"));
    asked.version = HttpVersion::Http1;
    let answer = ask(Ask::Http(asked), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Tls), Some(Phase::Tls)), "it speaks nothing else: {answer:?}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_it_says_so() {
    let authority = Authority::new();
    for protocols in [&[][..], &["http/1.1"]] {
        let acceptor = authority.issue("accurx.example", 90).speaking(protocols);
        let server = servers::https_with(acceptor, HELLO, Farewell::Polite).await;
        let answer = ask(Ask::Http(question(&authority, server)), LONG).await;
        assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::Tls)), "{protocols:?}: {answer:?}");
        assert!(detail(&answer).contains("does not speak HTTP/2"), "{answer:?}");
    }
}

/// As much as a server usually sends in one frame; floods of small ones h2 breaks off by itself.
const PIECE: &str = match std::str::from_utf8(&[b'a'; 4096]) {
    Ok(piece) => piece,
    Err(_) => "a",
};

#[tokio::test]
async fn what_hostile_servers_send_has_bounds() {
    let authority = Authority::new();
    for (does, outcome) in [
        (
            Second::LongHeaders(2 * linewatch::limits::PROBE_HEAD_BYTES_MAX),
            (Some(Failure::Protocol), Some(Phase::FirstByte)),
        ),
        (Second::Resets, (Some(Failure::Reset), Some(Phase::FirstByte))),
        (Second::Endless(PIECE), (None, None)),
    ] {
        let (server, _told) = servers::https_2(authority.issue("accurx.example", 90), does).await;
        let answer = ask(Ask::Http(question(&authority, server)), LONG).await;
        assert_eq!(failed(&answer), outcome, "{does:?}: {answer:?}");
        if matches!(does, Second::Endless(_)) {
            assert_eq!(answer.facts.body_bytes, Some(linewatch::limits::PROBE_BODY_BYTES_MAX));
        }
    }
}

#[tokio::test]
async fn silence_is_a_timeout_before_the_first_byte() {
    let authority = Authority::new();
    let (server, _told) = servers::https_2(authority.issue("accurx.example", 90), Second::Silent).await;
    let middle = std::time::Duration::from_millis(700);
    let answer = ask(Ask::Http(question(&authority, server)), middle).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::FirstByte)), "{answer:?}");
}

#[tokio::test]
async fn redirects_and_block_pages_are_those_of_the_first_version() {
    let authority = Authority::new();
    let (server, _told) = servers::https_2(
        authority.issue("accurx.example", 90),
        Second::LeadsTo("https://block.filter.test/"),
    )
    .await;
    let answer = ask(Ask::Http(question(&authority, server)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::BlockedPage), Some(Phase::FirstByte)), "{answer:?}");
    let (server, _told) =
        servers::https_2(authority.issue("accurx.example", 90), Second::Says("Zscaler says no")).await;
    let answer = ask(Ask::Http(question(&authority, server)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::BlockedPage), Some(Phase::Body)), "{answer:?}");
}
