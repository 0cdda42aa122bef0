//! A name server of raw bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use linewatch::estate::{Ask, DnsAsk};
use linewatch::observation::{Failure, Phase};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::{LONG, SHORT, ask, ask_from, detail, failed, host_port, servers};

pub fn question(server: SocketAddr) -> DnsAsk {
    DnsAsk::new(host_port(server), "accurx.example", "A")
}

/// A response with this code, the question as it came, and the address 192.0.2.1 where there is no error.
pub fn reply(query: &[u8], rcode: u8) -> Vec<u8> {
    let mut bytes = query.to_vec();
    bytes[2] |= 0x80;
    bytes[3] = 0x80 | rcode;
    if rcode == 0 {
        bytes[7] = 1;
        // The name is a pointer to the question's; type A, class IN, 60 s, four bytes.
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    }
    bytes
}

pub fn with(mut bytes: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    change(&mut bytes);
    bytes
}

#[tokio::test]
async fn a_good_answer() {
    let server = servers::udp(|query, _| vec![reply(query, 0)]).await;
    let answer = ask(Ask::Dns(question(server)), LONG).await;
    assert!(answer.ok, "{answer:?}");
    assert_eq!(answer.facts.answers, ["A 192.0.2.1"]);
    assert_eq!(answer.facts.rcode.as_deref(), Some("noerror"));
    assert_eq!(answer.facts.peer, Some(server));
    assert!(answer.phases_ms.dns.is_some() && answer.phases_ms.connect.is_none(), "{answer:?}");
}

#[tokio::test]
async fn an_answer_other_than_expected() {
    let server = servers::udp(|query, _| vec![reply(query, 0)]).await;
    let mut expecting = question(server);
    expecting.expect_answers = vec!["192.0.2.9".to_owned()];
    let answer = ask(Ask::Dns(expecting), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::Dns)));
    assert_eq!(detail(&answer), "A of accurx.example is 192.0.2.1, not 192.0.2.9");
}

#[tokio::test]
async fn each_response_code_has_its_word() {
    for (rcode, failure) in
        [(3, Failure::Nxdomain), (2, Failure::Servfail), (5, Failure::DnsRefused), (4, Failure::Protocol)]
    {
        let server = servers::udp(move |query, _| vec![reply(query, rcode)]).await;
        let answer = ask(Ask::Dns(question(server)), LONG).await;
        assert_eq!(failed(&answer), (Some(failure), Some(Phase::Dns)), "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_without_answers() {
    let empty = |query: &[u8]| {
        with(reply(query, 0), |bytes| {
            bytes[7] = 0;
            bytes.truncate(query.len());
        })
    };
    let server = servers::udp(move |query, _| vec![empty(query)]).await;
    let answer = ask(Ask::Dns(question(server)), LONG).await;
    assert_eq!(answer.failure, Some(Failure::NoAnswer));
}

#[tokio::test]
async fn forged_answers_are_passed_over_and_the_good_one_is_heard() {
    let server = servers::udp(|query, _| {
        let wrong_id = with(reply(query, 3), |bytes| bytes[0] ^= 0xff);
        let wrong_question = with(reply(query, 3), |bytes| bytes[13] ^= 1);
        vec![wrong_id, wrong_question, b"garbage".to_vec(), Vec::new(), query.to_vec(), reply(query, 0)]
    })
    .await;
    let answer = ask(Ask::Dns(question(server)), LONG).await;
    assert!(answer.ok, "{answer:?}");
}

#[tokio::test]
async fn forged_answers_alone_are_a_timeout_that_tells_of_them() {
    let server = servers::udp(|query, _| vec![with(reply(query, 0), |bytes| bytes[0] ^= 0xff); 3]).await;
    let answer = ask(Ask::Dns(question(server)), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)));
    assert_eq!(detail(&answer), format!("{server} sent 3 bad answers and no good one; the last: another id"));
}

#[tokio::test]
async fn a_flood_of_forged_answers_ends_the_check_early() {
    let server = servers::udp(|query, _| {
        let forged = with(reply(query, 0), |bytes| bytes[1] ^= 1);
        vec![forged; 20_000]
    })
    .await;
    let answer = ask(Ask::Dns(question(server)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::Dns)), "{answer:?}");
}

#[tokio::test]
async fn an_answer_from_another_address_is_not_heard() {
    let asked = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let other = UdpSocket::bind("127.0.0.2:0").await.expect("a port");
    let server = asked.local_addr().expect("an address");
    let sent = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, peer)) = asked.recv_from(&mut buffer).await {
            other.send_to(&reply(&buffer[..length], 0), peer).await.expect("sent");
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let answer = ask(Ask::Dns(question(server)), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)));
    assert_eq!(sent.load(Ordering::SeqCst), 1, "the answer was on its way");
}

#[tokio::test]
async fn a_compression_loop_is_a_malformed_answer() {
    let server = servers::udp(|query, _| {
        let own_place = u8::try_from(query.len()).expect("a short question");
        vec![with(reply(query, 0), |bytes| bytes[query.len() + 1] = own_place)]
    })
    .await;
    let answer = ask(Ask::Dns(question(server)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::Dns)));
    assert!(detail(&answer).contains("malformed"), "{answer:?}");
}

#[tokio::test]
async fn a_silent_server_and_a_closed_port() {
    let silent = servers::udp(|_, _| Vec::new()).await;
    let answer = ask(Ask::Dns(question(silent)), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)));

    let closed = servers::ClosedUdp::new().await;
    let answer = ask(Ask::Dns(question(closed.address)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::Dns)), "{answer:?}");
}

/// A name server on the same port for both: cuts every answer short over UDP, and does `over_tcp` with a question. `None`: it is silent.
async fn truncating(over_tcp: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> SocketAddr {
    // The two kinds of ports are handed out apart, so the second may be taken: then another pair is picked.
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("an address")).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().expect("an address");
    servers::udp_on(udp, |query, _| {
        // Cut in the middle of the record that it announces.
        let cut = with(reply(query, 0), |bytes| {
            bytes[2] |= 0x02;
            bytes.truncate(query.len() + 5);
        });
        vec![cut]
    });
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = tcp.accept().await {
            let length = stream.read_u16().await.expect("a length");
            let mut query = vec![0; usize::from(length)];
            stream.read_exact(&mut query).await.expect("a question");
            let Some(answer) = over_tcp(&query) else {
                silent.push(stream);
                continue;
            };
            stream.write_u16(u16::try_from(answer.len()).expect("short")).await.expect("sent");
            stream.write_all(&answer).await.expect("sent");
        }
    });
    address
}

#[tokio::test]
async fn a_cut_answer_is_fetched_over_tcp() {
    let server = truncating(|query| Some(reply(query, 0))).await;
    let answer = ask(Ask::Dns(question(server)), LONG).await;
    assert!(answer.ok && answer.facts.over_tcp, "{answer:?}");
    assert_eq!(answer.facts.answers, ["A 192.0.2.1"]);
}

#[tokio::test]
async fn over_tcp_an_answer_to_something_else_is_malformed() {
    let server = truncating(|query| Some(with(reply(query, 0), |bytes| bytes[0] ^= 0xff))).await;
    let answer = ask(Ask::Dns(question(server)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::Dns)), "{answer:?}");
}

#[tokio::test]
async fn a_cut_answer_with_tcp_blocked_is_refused() {
    let (udp, _closed) = loop {
        let tcp = servers::ClosedTcp::new();
        if let Ok(udp) = UdpSocket::bind(tcp.address).await {
            break (udp, tcp);
        }
    };
    let server = servers::udp_on(udp, |query, _| vec![with(reply(query, 0), |bytes| bytes[2] |= 0x02)]);
    let answer = ask(Ask::Dns(question(server)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::Dns)), "{answer:?}");
    assert!(detail(&answer).contains("over UDP was cut short, and over TCP"), "{answer:?}");
}

/// A firewall that lets the one through and not the other. The name server is alive, and nobody behind it is to blame.
#[tokio::test]
async fn a_cut_answer_with_tcp_silent_says_so() {
    let server = truncating(|_| None).await;
    let answer = ask(Ask::Dns(question(server)), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)), "{answer:?}");
    assert!(detail(&answer).contains("over UDP was cut short, and over TCP none came"), "{answer:?}");
    assert!(!detail(&answer).contains("those whom it asks"), "{answer:?}");
}

#[tokio::test]
async fn the_question_comes_from_the_practices_own_address() {
    let server = servers::udp(|query, peer| {
        let rcode = if peer.ip().to_string() == "127.0.0.3" { 0 } else { 5 };
        vec![reply(query, rcode)]
    })
    .await;
    let source = Some("127.0.0.3".parse().expect("an address"));
    assert!(ask_from(Ask::Dns(question(server)), LONG, source).await.ok);
}

#[tokio::test]
async fn each_question_has_another_id_and_another_port() {
    let seen = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let noted = Arc::clone(&seen);
    let server = servers::udp(move |query, peer| {
        noted.lock().expect("seen").insert((query[0], query[1], peer.port()));
        vec![reply(query, 0)]
    })
    .await;
    for _ in 0..8 {
        assert!(ask(Ask::Dns(question(server)), LONG).await.ok);
    }
    assert_eq!(seen.lock().expect("seen").len(), 8);
}
