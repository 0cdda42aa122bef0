//! TCP and UDP, source addresses, and what is this machine's own fault.

use linewatch::estate::{Ask, HostPort, TcpAsk, UdpAsk};
use linewatch::observation::{Failure, Phase};
use linewatch::time::At;

use super::{LONG, SHORT, ask, ask_from, detail, failed, host_port, servers};

fn tcp(address: std::net::SocketAddr) -> Ask {
    Ask::Tcp(TcpAsk::to(host_port(address)))
}

fn udp(address: std::net::SocketAddr, expect: Option<&str>) -> Ask {
    let expect = expect.map(str::to_owned);
    Ask::Udp(UdpAsk { target: host_port(address), send: "ping".to_owned(), expect })
}

#[tokio::test]
async fn a_connection_is_made_and_timed() {
    let server = servers::tcp(|stream, _| servers::hold(stream)).await;
    let answer = ask(tcp(server), LONG).await;
    assert!(answer.ok && answer.phases_ms.connect.is_some() && answer.phases_ms.dns.is_none(), "{answer:?}");
    assert_eq!(answer.facts.peer, Some(server));
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let closed = servers::ClosedTcp::new();
    let answer = ask(tcp(closed.address), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::Connect)));
    assert!(detail(&answer).contains(&closed.address.to_string()), "{answer:?}");
}

#[tokio::test]
async fn the_server_sees_the_practices_own_address() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let server = servers::tcp(move |_, peer| {
        let tell = tell.clone();
        async move { tell.send(peer.ip()).await.expect("the test listens") }
    })
    .await;
    let source = "127.0.0.3".parse().expect("an address");
    assert!(ask_from(tcp(server), LONG, Some(source)).await.ok);
    assert_eq!(told.recv().await, Some(source));
}

#[tokio::test]
async fn a_source_address_that_is_not_ours_is_local() {
    let server = servers::tcp(|stream, _| servers::hold(stream)).await;
    let source = Some("192.0.2.7".parse().expect("an address"));
    for question in [tcp(server), udp(server, None)] {
        let answer = ask_from(question, LONG, source).await;
        assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
        assert!(detail(&answer).contains("192.0.2.7"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_source_of_the_other_family_is_local() {
    let server = servers::tcp(|stream, _| servers::hold(stream)).await;
    let answer = ask_from(tcp(server), LONG, Some("::1".parse().expect("an address"))).await;
    assert_eq!(answer.failure, Some(Failure::Local));
    assert!(detail(&answer).contains("IPv4") && detail(&answer).contains("IPv6"), "{answer:?}");
}

#[tokio::test]
async fn a_full_house_is_a_timeout_while_connecting() {
    // A backlog of one, filled: the kernel answers no further SYN, as a firewall that drops does.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let listener = socket.listen(0).expect("listening");
    let address = listener.local_addr().expect("an address");
    let mut guests = Vec::new();
    while let Ok(Ok(guest)) = tokio::time::timeout(SHORT, tokio::net::TcpStream::connect(address)).await {
        guests.push(guest);
        assert!(guests.len() < 16, "the backlog never fills");
    }
    let answer = ask(tcp(address), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Connect)), "{answer:?}");
}

#[tokio::test]
async fn a_datagram_is_answered() {
    let server = servers::udp(|asked, _| vec![[b"pong ", asked].concat()]).await;
    let answer = ask(udp(server, Some("pong")), LONG).await;
    assert!(
        answer.ok && answer.phases_ms.send.is_some() && answer.phases_ms.first_byte.is_some(),
        "{answer:?}"
    );
    let answer = ask(udp(server, Some("SIP/2.0")), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::FirstByte)));
    assert_eq!(detail(&answer), "the answer begins \"pong ping\", not \"SIP/2.0\"");
}

#[tokio::test]
async fn a_datagram_meets_silence_or_a_closed_port() {
    let silent = servers::udp(|_, _| Vec::new()).await;
    let answer = ask(udp(silent, None), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::FirstByte)));

    let closed = servers::ClosedUdp::new().await;
    let answer = ask(udp(closed.address, None), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::FirstByte)), "{answer:?}");
}

#[tokio::test]
async fn a_target_by_name_is_looked_up_first() {
    let server = servers::tcp(|stream, _| servers::hold(stream)).await;
    let target = HostPort { host: "localhost".to_owned(), port: server.port() };
    let answer = ask(Ask::Tcp(TcpAsk::to(target)), LONG).await;
    assert!(answer.ok && answer.phases_ms.dns.is_some(), "{answer:?}");
    assert!(answer.facts.addresses.iter().all(std::net::IpAddr::is_loopback), "{answer:?}");
}

#[tokio::test]
async fn a_kind_that_is_not_built_is_local_and_named() {
    let later = Ask::Later { kind: "imap".to_owned(), target: "127.0.0.1:143".to_owned() };
    assert!(!linewatch::probe::is_built(&later));
    let answer = ask(later, LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Local), None));
    assert!(detail(&answer).contains("`imap`"), "{answer:?}");
}

#[tokio::test]
async fn an_answer_becomes_an_observation_of_the_contract() {
    let closed = servers::ClosedTcp::new();
    let answer = ask(tcp(closed.address), LONG).await;
    let at: At = "2026-03-16T07:12:03.120Z".parse().expect("a time");
    let line = serde_json::to_value(answer.observation(at, "G82002", "reception")).expect("JSON");
    assert_eq!(line["failure"], "refused");
    assert_eq!(line["phase"], "connect");
    assert_eq!(line["practice"], "G82002");
    assert!(line["phases_ms"]["connect"].is_number() && line.get("facts").is_none(), "{line}");
}
