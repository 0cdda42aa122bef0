//! Pages that a network shows in a service's place, and families of addresses.

use linewatch::estate::{Ask, Family, HttpAsk};
use linewatch::observation::{Failure, Phase};

use super::http::get;
use super::{LONG, ask, ask_from, detail, failed, host_port, servers};

fn page(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn asked(answer: String, question: HttpAsk) -> linewatch::probe::Answer {
    let server = servers::http(answer).await;
    let question = HttpAsk { connect_to: Some(host_port(server)), ..question };
    ask(Ask::Http(question), LONG).await
}

#[tokio::test]
async fn block_pages_are_known_by_what_stands_in_them() {
    let question = get("http://accurx.example/");
    for (status, body, words) in [
        ("200 OK", "<h1>FortiGuard Web Filtering</h1>", "FortiGuard"),
        ("403 Forbidden", "Blocked by Smoothwall", "Smoothwall"),
        ("200 OK", "Welcome to the Captive Portal", "captive portal"),
    ] {
        let answer = asked(page(status, body), question.clone()).await;
        assert_eq!(failed(&answer), (Some(Failure::BlockedPage), Some(Phase::Body)), "{answer:?}");
        assert!(detail(&answer).contains(words), "{answer:?}");
    }
    let own = HttpAsk { blocked_body: vec!["Kent filter".to_owned()], ..question.clone() };
    let answer = asked(page("200 OK", "the Kent filter says no"), own).await;
    assert_eq!(answer.failure, Some(Failure::BlockedPage));
    assert!(detail(&answer).contains("Kent filter"), "{answer:?}");
    let expected = HttpAsk { expect_body: Some("is well".to_owned()), ..question.clone() };
    assert!(asked(page("200 OK", "all is well behind Zscaler"), expected.clone()).await.ok);
    let answer = asked(page("200 OK", "Zscaler says no"), expected.clone()).await;
    assert_eq!(answer.failure, Some(Failure::BlockedPage), "rather than `body`");
    let answer = asked(page("200 OK", "something else"), expected).await;
    assert_eq!(answer.failure, Some(Failure::Body));
    let answer = asked(page("403 Forbidden", "no"), question).await;
    assert_eq!(answer.failure, Some(Failure::Status));
}

#[tokio::test]
async fn a_redirect_to_somebody_else_is_a_block_page_unless_it_is_permitted() {
    let found = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let question = get("http://accurx.example/");
    let answer = asked(found("http://portal.guest.test/login"), question.clone()).await;
    assert_eq!(failed(&answer), (Some(Failure::BlockedPage), Some(Phase::FirstByte)), "{answer:?}");
    assert!(detail(&answer).contains("http://portal.guest.test/login"), "{answer:?}");
    assert!(asked(found("http://id.accurx.example/"), question.clone()).await.ok);
    let expected = HttpAsk { expect_status: vec![302], ..question };
    assert!(asked(found("http://portal.guest.test/"), expected).await.ok);
}

#[tokio::test]
async fn a_service_on_the_inside_may_lead_to_the_inside() {
    let there = servers::http(page("200 OK", "all is well")).await;
    let found = format!("HTTP/1.1 302 Found\r\nLocation: http://{there}/\r\nContent-Length: 0\r\n\r\n");
    let question = HttpAsk { redirects_max: 3, ..get("http://accurx.example/") };
    // An address is nobody's name, so it has to be named.
    let answer = asked(found.clone(), question.clone()).await;
    assert_eq!(failed(&answer), (Some(Failure::BlockedPage), Some(Phase::FirstByte)), "{answer:?}");
    assert!(detail(&answer).contains("redirects_to = \"127.0.0.1\""), "{answer:?}");
    let named = HttpAsk { redirects_to: vec!["127.0.0.1".to_owned()], ..question.clone() };
    let answer = asked(found.clone(), named.clone()).await;
    assert!(answer.ok, "{answer:?}");
    // Nor does a page prove itself before it is fetched, and inside nothing is fetched to find out.
    let proven = HttpAsk { expect_body: Some("is well".to_owned()), ..question.clone() };
    let answer = asked(found.clone(), proven.clone()).await;
    assert_eq!(failed(&answer), (Some(Failure::BlockedPage), Some(Phase::FirstByte)), "{answer:?}");
    assert!(detail(&answer).contains("redirects_to = \"127.0.0.1\""), "{answer:?}");
    let proven_and_named = HttpAsk { redirects_to: named.redirects_to, ..proven };
    assert!(asked(found, proven_and_named).await.ok, "the page proves itself");
}

/// The portal of a network that takes every connection, and whose own host is away.
#[tokio::test]
async fn a_portal_that_is_away_is_a_portal_all_the_same() {
    let closed = servers::ClosedTcp::new();
    let portal = format!("http://{}/login", closed.address);
    let found = format!("HTTP/1.1 302 Found\r\nLocation: {portal}\r\nContent-Length: 0\r\n\r\n");
    let question = HttpAsk { redirects_max: 3, ..get("http://accurx.example/") };
    for question in [question.clone(), HttpAsk { expect_body: Some("Sign in".to_owned()), ..question }] {
        let answer = asked(found.clone(), question).await;
        assert_eq!(failed(&answer), (Some(Failure::BlockedPage), Some(Phase::FirstByte)), "{answer:?}");
        assert!(detail(&answer).contains(&portal), "{answer:?}");
    }
}

/// A name server that knows `127.0.0.1` and `::1`, and counts questions by their type.
async fn name_server() -> std::net::SocketAddr {
    servers::udp(|query, _| {
        let mut bytes = query.to_vec();
        bytes[2] |= 0x80;
        bytes[7] = 1;
        let is_v6 = query[query.len() - 3] == 28;
        bytes.extend([0xc0, 12, 0, if is_v6 { 28 } else { 1 }, 0, 1, 0, 0, 0, 60, 0]);
        if is_v6 {
            bytes.push(16);
            bytes.extend(std::net::Ipv6Addr::LOCALHOST.octets());
        } else {
            bytes.extend([4, 127, 0, 0, 1]);
        }
        vec![bytes]
    })
    .await
}

#[tokio::test]
async fn each_family_is_asked_apart() {
    let names = name_server().await;
    let server = servers::http(page("200 OK", "all is well")).await;
    let question = |family| HttpAsk {
        name_server: Some(host_port(names)),
        family,
        ..get(&format!("http://accurx.example:{}/", server.port()))
    };
    let answer = ask(Ask::Http(question(Some(Family::Ipv4))), LONG).await;
    assert!(answer.ok && answer.facts.peer == Some(server), "{answer:?}");
    assert!(ask(Ask::Http(question(None)), LONG).await.ok, "IPv4 first, as always");
    // Nobody listens on ::1 there, or this machine has no IPv6 at all; either way it is what was asked.
    let answer = ask(Ask::Http(question(Some(Family::Ipv6))), LONG).await;
    assert!(
        !answer.ok && answer.facts.addresses == ["::1".parse::<std::net::IpAddr>().expect("an address")],
        "{answer:?}"
    );
    let source = "127.0.0.3".parse().expect("an address");
    let answer = ask_from(Ask::Http(question(Some(Family::Ipv6))), LONG, Some(source)).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
    assert!(detail(&answer).contains("`family` asks for IPv6"), "{answer:?}");
}
