//! `egress` probes against a real reflector: what passes, what doesn't and how, and what convicts nobody.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use linewatch::estate::{Ask, EgressAsk, HostPort, SharedSecret};
use linewatch::observation::{Failure, Phase};
use linewatch::probe::{Answer, PortFacts, Prober};
use linewatch::reflector::frame::{Key, QUESTION_BYTES_MIN};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::reflector::{Running, secret, start};
use super::{LONG, SHORT, ask, ask_from, detail, failed, probe, servers};

pub fn egress(ip: Ipv4Addr, port: u16) -> EgressAsk {
    EgressAsk {
        target: HostPort { host: ip.to_string(), port },
        secret: Some(secret()),
        tcp_open: vec![port],
        udp_open: Vec::new(),
        tcp_blocked: Vec::new(),
        udp_blocked: Vec::new(),
        mtu: None,
        idle: None,
    }
}

pub fn of(server: &Running) -> EgressAsk {
    let mut ask = egress(server.ip, server.tcp[0]);
    ask.tcp_open.clone_from(&server.tcp);
    ask.udp_open.clone_from(&server.udp);
    ask
}

fn ports(answer: &Answer) -> &[PortFacts] {
    &answer.facts.egress.as_ref().expect("a matrix").ports
}

/// A firewall at an address of its own: it passes connections to a port on, and refuses all others.
async fn firewall(at: [u8; 4], server: &Running, port: u16) -> Ipv4Addr {
    let at = Ipv4Addr::from(at);
    let listener = TcpListener::bind((at, port)).await.expect("the same port at another address");
    let inside = SocketAddr::from((server.ip, port));
    tokio::spawn(async move {
        while let Ok((mut outer, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut inner = TcpStream::connect(inside).await.expect("the reflector");
                // Either side may hang up first.
                drop(tokio::io::copy_bidirectional(&mut outer, &mut inner).await);
            });
        }
    });
    at
}

#[tokio::test]
async fn all_is_as_it_must_be() {
    let server = start([127, 0, 5, 1], 3, 2, 500).await;
    let at = firewall([127, 0, 5, 2], &server, server.tcp[0]).await;
    let mut question = egress(at, server.tcp[0]);
    question.tcp_blocked = server.tcp[1..].to_vec();
    let answer = ask(Ask::Egress(question), LONG).await;
    assert!(answer.ok, "{answer:?}");
    assert!(answer.phases_ms.connect.is_some() && answer.phases_ms.first_byte.is_some(), "{answer:?}");

    let answer = ask_from(Ask::Egress(of(&server)), LONG, Some([127, 0, 5, 9].into())).await;
    assert!(answer.ok && ports(&answer).len() == 5, "{answer:?}");
    assert_eq!(
        answer.facts.egress.expect("a matrix").seen,
        ["127.0.5.9".parse::<std::net::IpAddr>().expect("one")]
    );
}

#[tokio::test]
async fn refused_ports_are_named() {
    let server = start([127, 0, 5, 3], 3, 0, 500).await;
    let at = firewall([127, 0, 5, 4], &server, server.tcp[0]).await;
    let mut question = of(&server);
    question.target.host = at.to_string();
    let answer = ask(Ask::Egress(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::Connect)), "{answer:?}");
    let (one, other) = (server.tcp[1], server.tcp[2]);
    assert_eq!(detail(&answer), format!("2 of 3 ports do not pass: tcp/{one} refused, tcp/{other} refused"));
    assert_eq!(ports(&answer).iter().map(|port| port.as_it_must).collect::<Vec<_>>(), [true, false, false]);
}

#[tokio::test]
async fn a_port_that_must_be_blocked_is_open() {
    let server = start([127, 0, 5, 5], 2, 1, 500).await;
    let mut question = egress(server.ip, server.tcp[0]);
    question.tcp_blocked = vec![server.tcp[1]];
    question.udp_blocked.clone_from(&server.udp);
    let answer = ask(Ask::Egress(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Open), Some(Phase::FirstByte)), "{answer:?}");
    let (tcp, udp) = (server.tcp[1], server.udp[0]);
    assert_eq!(detail(&answer), format!("2 of 2 ports that must be blocked are open: tcp/{tcp}, udp/{udp}"));
}

#[tokio::test]
async fn a_port_that_the_reflector_lacks_is_nobodys_fault() {
    let server = start([127, 0, 5, 6], 1, 0, 500).await;
    let closed = servers::ClosedTcp::new();
    let mut question = egress(server.ip, server.tcp[0]);
    question.tcp_blocked = vec![closed.address.port()];
    let answer = ask(Ask::Egress(question), LONG).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
    assert!(detail(&answer).contains("does not listen on tcp/"), "{answer:?}");
}

#[tokio::test]
async fn silence_is_dropped_and_nothing_at_all_is_said_so() {
    let held = UdpSocket::bind("127.0.5.7:0").await.expect("a port");
    let mut question = egress(Ipv4Addr::new(127, 0, 5, 7), 1);
    question.tcp_open.clear();
    question.udp_open = vec![held.local_addr().expect("ours").port()];
    let answer = ask(Ask::Egress(question), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::FirstByte)), "{answer:?}");
    assert!(detail(&answer).contains("dropped; nothing passes at all"), "{answer:?}");
}

#[tokio::test]
async fn a_closed_udp_port_refuses() {
    let closed = servers::ClosedUdp::new().await;
    let mut question = egress(Ipv4Addr::LOCALHOST, 1);
    question.tcp_open.clear();
    question.udp_open = vec![closed.address.port()];
    let answer = ask(Ask::Egress(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::FirstByte)), "{answer:?}");
}

#[tokio::test]
async fn another_secret_is_said_so_and_convicts_nobody() {
    let server = start([127, 0, 5, 8], 1, 0, 500).await;
    let mut question = of(&server);
    question.secret = Some(SharedSecret::new("incorrect horse battery").expect("a secret"));
    let answer = ask(Ask::Egress(question), LONG).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
    assert_eq!(ports(&answer)[0].found, "other_secret");
    assert!(detail(&answer).contains("another secret") && !detail(&answer).contains("horse"), "{answer:?}");
}

#[tokio::test]
async fn somebody_else_answers_in_its_place() {
    let page = servers::tcp(|mut stream, _| async move {
        servers::say(&mut stream, "HTTP/1.1 403 Forbidden\r\n\r\nThis site is blocked by policy.").await;
        servers::hold(stream).await;
    })
    .await;
    let answer = ask(Ask::Egress(egress(Ipv4Addr::LOCALHOST, page.port())), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::FirstByte)), "{answer:?}");

    let names = servers::udp(|asked, _| vec![asked.to_vec()]).await;
    let mut question = egress(Ipv4Addr::LOCALHOST, 1);
    question.tcp_open.clear();
    question.udp_open = vec![names.port()];
    let answer = ask(Ask::Egress(question.clone()), Duration::from_secs(1)).await;
    assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::FirstByte)), "{answer:?}");
    // Nothing of ours gets out where somebody else answers: that is blocked, once something shows that the reflector is there.
    question.udp_blocked = std::mem::take(&mut question.udp_open);
    let answer = ask(Ask::Egress(question.clone()), Duration::from_secs(1)).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
    let server = start([127, 0, 5, 12], 1, 0, 500).await;
    question.target = HostPort { host: server.ip.to_string(), port: server.tcp[0] };
    question.tcp_open.clone_from(&server.tcp);
    let answer = ask(Ask::Egress(question), Duration::from_secs(1)).await;
    assert!(!ports(&answer)[0].unserved && ports(&answer)[1].found != "passes", "{answer:?}");
}

#[tokio::test]
async fn the_reflectors_own_rate_convicts_nobody() {
    let server = start([127, 0, 5, 13], 4, 0, 1).await;
    let answer = ask(Ask::Egress(of(&server)), LONG).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
    assert!(detail(&answer).contains("--max-per-second"), "{answer:?}");

    let server = start([127, 0, 5, 14], 1, 2, 1).await;
    let mut over_udp = of(&server);
    over_udp.tcp_open.clear();
    let answer = ask(Ask::Egress(over_udp), LONG).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
    let found: Vec<&str> = ports(&answer).iter().map(|port| port.found).collect();
    assert!(found.contains(&"passes") && found.contains(&"busy"), "{answer:?}");
}

#[tokio::test]
async fn without_a_secret_a_connection_is_enough() {
    let open = servers::tcp(|stream, _| servers::hold(stream)).await;
    let closed = servers::ClosedTcp::new();
    let mut question = egress(Ipv4Addr::LOCALHOST, open.port());
    question.secret = None;
    question.tcp_blocked = vec![closed.address.port()];
    assert!(ask(Ask::Egress(question.clone()), LONG).await.ok);
    question.tcp_open.push(question.tcp_blocked.remove(0));
    question.tcp_blocked.push(question.tcp_open.remove(0));
    let answer = ask(Ask::Egress(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::Connect)), "{answer:?}");
    assert_eq!(ports(&answer).iter().map(|port| port.found).collect::<Vec<_>>(), ["refused", "passes"]);
}

#[tokio::test]
async fn a_source_that_is_not_ours_is_local() {
    let server = start([127, 0, 5, 10], 1, 0, 500).await;
    let answer = ask_from(Ask::Egress(of(&server)), LONG, Some([192, 0, 2, 7].into())).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
    assert!(detail(&answer).contains("192.0.2.7"), "{answer:?}");
}

#[tokio::test]
async fn a_clock_that_is_off_convicts_nobody() {
    let ahead = servers::tcp(|mut stream, _| async move {
        let (key, mut frame) = (Key::new(&secret()), [0; QUESTION_BYTES_MIN]);
        stream.read_exact(&mut frame).await.expect("a question");
        let question = key.read_question(&frame).expect("of our own");
        let answer = key.answer_untimely(&question, question.clock + 3600).expect("there is room");
        stream.write_all(&answer).await.expect("answered");
        servers::hold(stream).await;
    })
    .await;
    let answer = ask(Ask::Egress(egress(Ipv4Addr::LOCALHOST, ahead.port())), LONG).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
    assert!(detail(&answer).contains("clock is 3600 s ahead of this machine's"), "{answer:?}");
}

#[tokio::test]
async fn an_answer_to_another_question_is_no_answer() {
    let replays = servers::tcp(|mut stream, _| async move {
        let (key, mut frame) = (Key::new(&secret()), [0; QUESTION_BYTES_MIN]);
        stream.read_exact(&mut frame).await.expect("a question");
        let mut question = key.read_question(&frame).expect("of our own");
        question.nonce = [1; 16];
        let from = stream.peer_addr().expect("its address");
        let answer = key.answer(&question, from, question.clock, |_| true).expect("there is room");
        stream.write_all(&answer).await.expect("answered");
        servers::hold(stream).await;
    })
    .await;
    let answer = ask(Ask::Egress(egress(Ipv4Addr::LOCALHOST, replays.port())), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::FirstByte)), "{answer:?}");
}

/// As many checks at once as a county's, each with more ports than it asks at once: all end, and all are right.
#[tokio::test]
async fn many_checks_at_once_are_all_right() {
    let server = start([127, 0, 5, 11], 6, 6, 100_000).await;
    let prober = Prober::new().expect("a prober");
    let question = probe(Ask::Egress(of(&server)), LONG);
    let answers = futures::future::join_all((0..60).map(|_| prober.ask(&question, None))).await;
    for answer in answers {
        assert!(answer.ok, "{answer:?}");
    }
}
