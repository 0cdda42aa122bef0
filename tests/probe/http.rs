//! Answers over plain HTTP: statuses, bodies, redirects, and bytes that aren't HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use linewatch::estate::{Ask, HttpAsk};
use linewatch::observation::{Failure, Phase};

use super::{LONG, ask, ask_from, detail, failed, host_port, servers};

pub fn get(url: &str) -> HttpAsk {
    HttpAsk {
        url: url.to_owned(),
        tls: url.starts_with("https"),
        expect_status: Vec::new(),
        expect_body: None,
        certificate_days_min: None,
        trust_pem: None,
        redirects_max: 0,
        connect_to: None,
        name_server: None,
        ..HttpAsk::default()
    }
}

fn at(server: SocketAddr) -> HttpAsk {
    get(&format!("http://{server}/"))
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well";

#[tokio::test]
async fn a_good_answer_with_each_phase() {
    let server = servers::http(HELLO).await;
    let mut question = at(server);
    question.expect_body = Some("is well".to_owned());
    let answer = ask(Ask::Http(question), LONG).await;
    assert!(answer.ok, "{answer:?}");
    let times = answer.phases_ms;
    assert!(times.connect.is_some() && times.send.is_some(), "{times:?}");
    assert!(times.first_byte.is_some() && times.body.is_some(), "{times:?}");
    assert!(times.dns.is_none() && times.tls.is_none(), "an address is not looked up, and http has no TLS");
    assert_eq!((answer.facts.status, answer.facts.body_bytes), (Some(200), Some(11)));
}

#[tokio::test]
async fn another_body_and_another_status() {
    let server = servers::http(HELLO).await;
    let mut question = at(server);
    question.expect_body = Some("Sign in".to_owned());
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Body), Some(Phase::Body)));

    let server = servers::http("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    let answer = ask(Ask::Http(at(server)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Status), Some(Phase::FirstByte)));
    assert_eq!(detail(&answer), "the answer is 503 Service Unavailable");
    let mut expected = at(server);
    expected.expect_status = vec![401, 503];
    assert!(ask(Ask::Http(expected), LONG).await.ok);
}

#[tokio::test]
async fn a_sign_in_page_of_the_network_is_a_blocked_page() {
    let server =
        servers::http("HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n").await;
    let answer = ask(Ask::Http(at(server)), LONG).await;
    assert_eq!(answer.failure, Some(Failure::BlockedPage));
}

#[tokio::test]
async fn what_is_not_http_is_protocol() {
    for bytes in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 OK 200\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"]
    {
        let server = servers::http(bytes).await;
        let answer = ask(Ask::Http(at(server)), LONG).await;
        assert_eq!(
            failed(&answer),
            (Some(Failure::Protocol), Some(Phase::FirstByte)),
            "{bytes:?}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn hanging_up_without_an_answer_is_a_reset() {
    let server = servers::http("").await;
    let answer = ask(Ask::Http(at(server)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Reset), Some(Phase::FirstByte)), "{answer:?}");
}

#[tokio::test]
async fn hanging_up_in_the_middle_of_the_body_is_a_reset() {
    let server = servers::http("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nall is").await;
    let answer = ask(Ask::Http(at(server)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Reset), Some(Phase::Body)), "{answer:?}");
}

#[tokio::test]
async fn the_request_names_the_host_of_the_url_wherever_it_is_sent() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let server = servers::tcp(move |mut stream, peer| {
        let tell = tell.clone();
        async move {
            let head = servers::read_head(&mut stream).await;
            servers::say(&mut stream, HELLO).await;
            tell.send((head, peer.ip())).await.expect("the test listens");
        }
    })
    .await;
    let mut question = get("http://accurx.example/ready?full=1#part");
    question.connect_to = Some(host_port(server));
    let source = "127.0.0.3".parse().expect("an address");
    assert!(ask_from(Ask::Http(question), LONG, Some(source)).await.ok);
    let (head, from) = told.recv().await.expect("a request");
    assert!(head.starts_with("GET /ready?full=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\nhost: accurx.example\r\n"), "{head}");
    assert_eq!(from, source);
}

#[tokio::test]
async fn the_host_is_looked_up_at_the_given_name_server() {
    let server = servers::http(HELLO).await;
    let name_server = servers::udp(|query, _| {
        let mut bytes = query.to_vec();
        bytes[2] |= 0x80;
        bytes[7] = 1;
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        vec![bytes]
    })
    .await;
    let mut question = get(&format!("http://accurx.example:{}/", server.port()));
    question.name_server = Some(host_port(name_server));
    let answer = ask(Ask::Http(question), LONG).await;
    assert!(answer.ok && answer.phases_ms.dns.is_some(), "{answer:?}");
    assert_eq!(answer.facts.peer, Some(server));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_fails_in_the_dns_phase() {
    let name_server = servers::udp(|query, _| {
        let mut bytes = query.to_vec();
        bytes[2] |= 0x80;
        bytes[3] = 3;
        vec![bytes]
    })
    .await;
    let mut question = get("http://accurx.example/");
    question.name_server = Some(host_port(name_server));
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Nxdomain), Some(Phase::Dns)));
}

fn found(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn a_redirect_is_followed_to_the_answer() {
    let there = servers::http(HELLO).await;
    let here = servers::http(found(&format!("http://{there}/log-in"))).await;
    let mut question = at(here);
    question.expect_body = Some("is well".to_owned());
    question.redirects_max = 3;
    let answer = ask(Ask::Http(question), LONG).await;
    assert!(answer.ok, "{answer:?}");
    assert_eq!(answer.facts.redirects, [format!("http://{there}/log-in")]);
}

#[tokio::test]
async fn a_redirect_that_is_not_to_be_followed_is_the_answer() {
    let here = servers::http(found("/elsewhere")).await;
    let answer = ask(Ask::Http(at(here)), LONG).await;
    assert!(answer.ok && answer.facts.status == Some(302), "{answer:?}");
}

#[tokio::test]
async fn a_redirect_loop_ends_and_so_does_an_endless_way() {
    let circle = servers::http(found("/")).await;
    let mut question = at(circle);
    question.redirects_max = 5;
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Status), Some(Phase::FirstByte)));
    assert!(detail(&answer).contains("circle"), "{answer:?}");

    let steps = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&steps);
    let endless = servers::tcp(move |mut stream, _| {
        let next = found(&format!("/{}", counted.fetch_add(1, Ordering::SeqCst)));
        async move {
            servers::read_head(&mut stream).await;
            servers::say(&mut stream, &next).await;
        }
    })
    .await;
    let mut question = at(endless);
    question.redirects_max = 4;
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Status), Some(Phase::FirstByte)));
    assert!(detail(&answer).contains("more than 4 redirects"), "{answer:?}");
    assert_eq!(steps.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_redirect_leads_to_no_other_protocol() {
    let here = servers::http(found("ftp://accurx.example/")).await;
    let mut question = at(here);
    question.redirects_max = 3;
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::FirstByte)));
}

#[tokio::test]
async fn hostile_text_comes_out_as_one_plain_line() {
    let here = servers::http(found("ftp://x/\u{1b}[2J\u{202e}")).await;
    let mut question = at(here);
    question.redirects_max = 3;
    let answer = ask(Ask::Http(question), LONG).await;
    assert!(!answer.ok && !detail(&answer).chars().any(char::is_control), "{answer:?}");
}

#[tokio::test]
async fn a_closed_port_is_named_with_its_address() {
    let mut question = get("http://accurx.example/");
    let closed = servers::ClosedTcp::new();
    question.connect_to = Some(host_port(closed.address));
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::Connect)));
    assert_eq!(detail(&answer), format!("connecting to {}: connection refused", closed.address));
}
