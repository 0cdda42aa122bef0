//! Through an HTTP proxy: tunnels, refusals, and proxies that make no sense.

use std::net::SocketAddr;

use linewatch::estate::{Ask, HttpAsk, HttpVersion};
use linewatch::observation::{Failure, Phase};
use linewatch::probe::Rule;
use tokio::io::AsyncWriteExt;

use super::http::get;
use super::servers::{self, Authority, Farewell, Proxying, Second};
use super::{LONG, SHORT, ask, detail, failed, host_port};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well";

fn question(authority: &Authority, proxy: SocketAddr) -> HttpAsk {
    HttpAsk {
        proxy: Some(host_port(proxy)),
        trust_pem: Some(authority.pem()),
        ..get("https://accurx.example/")
    }
}

#[tokio::test]
async fn a_tunnel_to_the_service() {
    let authority = Authority::new();
    let server = servers::https(authority.issue("accurx.example", 90), HELLO, Farewell::Polite).await;
    let (proxy, mut told) = servers::proxy(Proxying::To(server)).await;
    let answer = ask(Ask::Http(question(&authority, proxy)), LONG).await;
    assert!(answer.ok, "{answer:?}");
    let head = told.recv().await.expect("a request");
    assert!(head.starts_with("CONNECT accurx.example:443 HTTP/1.1\r\n"), "{head}");
    assert!(answer.phases_ms.dns.is_none(), "the proxy looks the name up: {answer:?}");
    assert_eq!(answer.facts.peer, Some(proxy));
    assert_eq!(answer.facts.proxy, Some(proxy.to_string()));

    let elsewhere = linewatch::estate::HostPort { host: "10.0.0.7".to_owned(), port: 8443 };
    let asked = HttpAsk { connect_to: Some(elsewhere), ..question(&authority, proxy) };
    assert!(ask(Ask::Http(asked), LONG).await.ok);
    let head = told.recv().await.expect("a request");
    assert!(head.starts_with("CONNECT 10.0.0.7:8443 HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn a_tunnel_for_the_second_version() {
    let authority = Authority::new();
    let (server, _told) =
        servers::https_2(authority.issue("accurx.example", 90), Second::Says("all is well")).await;
    let (proxy, _heads) = servers::proxy(Proxying::To(server)).await;
    let asked = HttpAsk { version: HttpVersion::Http2, ..question(&authority, proxy) };
    let answer = ask(Ask::Http(asked), LONG).await;
    assert!(answer.ok && answer.facts.http_version == Some("2"), "{answer:?}");
}

#[tokio::test]
async fn a_refusal_is_the_proxys_own() {
    for (says, failure, words) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            Failure::Status,
            "user and password",
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\nno", Failure::Status, "doesn't let us there"),
        (
            "HTTP/1.0 502 Bad Gateway\r\nContent-Length: 99999999\r\n\r\n",
            Failure::Status,
            "doesn't get there itself",
        ),
        ("HTTP/1.1 511 Network Authentication Required\r\n\r\n", Failure::BlockedPage, "511"),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", Failure::Status, "302"),
        ("SSH-2.0-OpenSSH_9.2\r\n", Failure::Protocol, "not HTTP"),
        ("", Failure::Reset, "hung up"),
        ("HTTP/1.1 200 OK\r\n\r\nand more", Failure::Protocol, "something of its own"),
    ] {
        let (proxy, _told) = servers::proxy(Proxying::Says(says)).await;
        let answer = ask(Ask::Http(question(&Authority::new(), proxy)), LONG).await;
        assert_eq!(failed(&answer), (Some(failure), Some(Phase::Connect)), "{says:?}: {answer:?}");
        assert!(detail(&answer).contains(&format!("the proxy {proxy}")), "{answer:?}");
        assert!(detail(&answer).contains(words), "{answer:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_away_and_one_that_is_silent_fail_while_connecting() {
    let closed = servers::ClosedTcp::new();
    let answer = ask(Ask::Http(question(&Authority::new(), closed.address)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::Connect)));
    assert!(detail(&answer).contains("the proxy"), "{answer:?}");
    let silent = servers::tcp(|stream, _| servers::hold(stream)).await;
    let answer = ask(Ask::Http(question(&Authority::new(), silent)), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Connect)));
    assert_eq!(answer.rule, Some(Rule::Proxy));
    assert!(detail(&answer).contains(&format!("the proxy {silent} did not answer CONNECT")), "{answer:?}");
}

#[tokio::test]
async fn a_proxy_that_never_comes_to_the_point_is_cut_off() {
    let proxy = servers::tcp(|mut stream, _| async move {
        servers::read_head(&mut stream).await;
        while stream.write_all(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)).await.is_ok() {}
    })
    .await;
    let answer = ask(Ask::Http(question(&Authority::new(), proxy)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::Connect)), "{answer:?}");
    assert!(detail(&answer).contains("the proxy") && detail(&answer).contains("MiB"), "{answer:?}");
}

#[tokio::test]
async fn a_redirect_from_a_public_service_leads_no_proxy_into_the_inside() {
    let authority = Authority::new();
    let found = "HTTP/1.1 302 Found\r\nLocation: https://10.0.0.7/\r\nContent-Length: 0\r\n\r\n";
    let server = servers::https(authority.issue("accurx.example", 90), found, Farewell::Polite).await;
    let (proxy, mut told) = servers::proxy(Proxying::To(server)).await;
    let asked = HttpAsk { redirects_max: 3, ..question(&authority, proxy) };
    let answer = ask(Ask::Http(asked), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::BlockedPage), Some(Phase::FirstByte)), "{answer:?}");
    assert!(told.recv().await.is_some());
    assert!(told.try_recv().is_err(), "the proxy wasn't even asked");
}
