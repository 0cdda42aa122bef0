//! Servers that stop in each phase, and servers that never stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use linewatch::estate::{Ask, HttpAsk};
use linewatch::observation::{Failure, Phase};
use tokio::io::AsyncWriteExt;

use super::http::get;
use super::servers::{self, Authority};
use super::{LONG, SHORT, ask, detail, failed, host_port};

/// A question to an HTTPS server that shakes hands properly and then says `says` and no more.
async fn falls_silent_after(says: &'static str) -> HttpAsk {
    let authority = Authority::new();
    let acceptor = authority.issue("accurx.example", 90).acceptor();
    let server = servers::tcp(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.expect("a handshake");
            servers::read_head(&mut stream).await;
            servers::say(&mut stream, says).await;
            servers::hold(stream).await;
        }
    })
    .await;
    let mut question = get("https://accurx.example/");
    question.connect_to = Some(host_port(server));
    question.trust_pem = Some(authority.pem());
    question
}

#[tokio::test]
async fn silence_while_shaking_hands() {
    let server = servers::tcp(|stream, _| servers::hold(stream)).await;
    let answer = ask(Ask::Http(get(&format!("https://{server}/"))), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Tls)));
    assert!(answer.phases_ms.connect.is_some() && answer.phases_ms.tls > Some(150.0), "{answer:?}");
}

// After a handshake the deadline is longer: this machine may be slow at signing, and the test must not be.
const MIDDLE: std::time::Duration = std::time::Duration::from_millis(700);

#[tokio::test]
async fn silence_before_the_first_byte() {
    let answer = ask(Ask::Http(falls_silent_after("").await), MIDDLE).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::FirstByte)), "{answer:?}");
    assert!(answer.phases_ms.tls.is_some() && answer.phases_ms.send.is_some(), "{answer:?}");
}

#[tokio::test]
async fn silence_in_the_middle_of_the_headers() {
    let answer = ask(Ask::Http(falls_silent_after("HTTP/1.1 200 OK\r\nServer: ").await), MIDDLE).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::FirstByte)), "{answer:?}");
}

#[tokio::test]
async fn silence_in_the_middle_of_the_body() {
    let question = falls_silent_after("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nall is").await;
    let answer = ask(Ask::Http(question), MIDDLE).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Body)), "{answer:?}");
    assert_eq!((answer.facts.status, answer.facts.body_bytes), (Some(200), Some(6)));
}

#[tokio::test]
async fn a_silent_name_server_is_a_timeout_in_the_dns_phase() {
    let silent = servers::udp(|_, _| Vec::new()).await;
    let mut question = get("https://accurx.example/");
    question.name_server = Some(host_port(silent));
    let answer = ask(Ask::Http(question), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)));
}

/// Says `head`, then `piece` for ever; counts the bytes that it got rid of.
async fn endless(head: &'static str, piece: &'static str) -> (HttpAsk, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = servers::tcp(move |mut stream, _| {
        let counted = Arc::clone(&counted);
        async move {
            servers::read_head(&mut stream).await;
            servers::say(&mut stream, head).await;
            let block = piece.repeat(4096 / piece.len());
            while stream.write_all(block.as_bytes()).await.is_ok() {
                counted.fetch_add(block.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    (get(&format!("http://{server}/")), sent)
}

/// What a client can take in: its bound, and what the kernel's buffers hold on both sides.
const TAKEN_MAX: usize = 16 * 1024 * 1024;

#[tokio::test]
async fn an_endless_body_is_read_to_its_bound() {
    let (mut question, sent) = endless("HTTP/1.1 200 OK\r\n\r\n", "all is well ").await;
    let answer = ask(Ask::Http(question.clone()), LONG).await;
    assert!(answer.ok, "nothing was expected of the body: {answer:?}");
    assert_eq!(answer.facts.body_bytes, Some(linewatch::limits::PROBE_BODY_BYTES_MAX));
    assert!(sent.load(Ordering::SeqCst) < TAKEN_MAX);

    question.expect_body = Some("is well".to_owned());
    assert!(ask(Ask::Http(question.clone()), LONG).await.ok);
    question.expect_body = Some("Sign in".to_owned());
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Body), Some(Phase::Body)));
}

#[tokio::test]
async fn endless_headers_are_protocol() {
    for (head, piece) in [
        ("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n"),
        ("HTTP/1.1 200 OK\r\nX-Long: ", "long"),
        ("HTTP/1.1 200 ", "OK"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "extension"),
    ] {
        let (question, sent) = endless(head, piece).await;
        let answer = ask(Ask::Http(question), LONG).await;
        assert_eq!(answer.failure, Some(Failure::Protocol), "{head:?}: {answer:?}");
        assert!(sent.load(Ordering::SeqCst) < TAKEN_MAX, "{head:?}");
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_protocol() {
    let (question, sent) = endless("", "HTTP/1.1 100 Continue\r\n\r\n").await;
    let answer = ask(Ask::Http(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::FirstByte)), "{answer:?}");
    assert!(detail(&answer).contains("more than 2 MiB for one answer"), "{answer:?}");
    assert!(sent.load(Ordering::SeqCst) < TAKEN_MAX);
}
