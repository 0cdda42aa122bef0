//! HTTP/2: good servers, servers that don't speak it, and hostile ones.

use linewatch::estate::{Ask, HttpAsk, HttpVersion};
use linewatch::observation::{Failure, Phase};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

/// Reads the preface, and frames up to the one that asks (HEADERS).
async fn read_request(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut preface = [0; 24];
    let mut head = [0; 9];
    let mut kind = None;
    drop(stream.read_exact(&mut preface).await);
    while kind != Some(1) && stream.read_exact(&mut head).await.is_ok() {
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        drop(stream.read_exact(&mut vec![0; length]).await);
        kind = Some(head[3]);
    }
}

/// Agrees to HTTP/2, waits for a request, then says `first` and after it `piece` without end.
async fn says_bytes(authority: &Authority, first: &'static [u8], piece: &'static [u8]) -> HttpAsk {
    let acceptor = authority.issue("accurx.example", 90).speaking(&["h2"]);
    let server = servers::tcp(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_request(&mut stream).await;
            drop(stream.write_all(first).await);
            while !piece.is_empty() && stream.write_all(&piece.repeat(256)).await.is_ok() {}
            servers::hold(stream).await;
        }
    })
    .await;
    question(authority, server)
}

#[tokio::test]
async fn bytes_that_are_not_the_second_version_are_protocol() {
    let authority = Authority::new();
    for first in [&b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..], &[0xff; 64]] {
        let answer = ask(Ask::Http(says_bytes(&authority, first, b"").await), LONG).await;
        assert_eq!(answer.failure, Some(Failure::Protocol), "{first:?}: {answer:?}");
    }
}

#[tokio::test]
async fn floods_of_control_frames_end_at_the_deadline_or_at_the_bound() {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    // An interim answer (100) to the first request, again and again: an index, then the status as a literal.
    const INTERIM: &[u8] = &[0, 0, 5, 1, 4, 0, 0, 0, 1, 0x08, 3, b'1', b'0', b'0'];
    let authority = Authority::new();
    for piece in [SETTINGS, PING, INTERIM] {
        let question = says_bytes(&authority, SETTINGS, piece).await;
        let answer = ask(Ask::Http(question), std::time::Duration::from_millis(700)).await;
        // Whichever comes first: how fast h2 reads each of them is its own affair.
        assert!(
            matches!(failed(&answer), (Some(Failure::Timeout | Failure::Protocol), Some(Phase::FirstByte))),
            "{piece:?}: {answer:?}"
        );
    }
}

/// A head in pieces without end (CONTINUATION), and a body that asks nobody how much is wanted.
#[tokio::test]
async fn heads_and_bodies_without_end_are_bounded() {
    const SETTINGS_AND_HEAD: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88];
    const CONTINUATION: &[u8] = &[0, 0, 5, 9, 0, 0, 0, 0, 1, 0x40, 1, b'a', 1, b'b'];
    const SETTINGS_AND_STATUS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
    const DATA: &[u8] = &[0, 0, 8, 0, 0, 0, 0, 0, 1, b'a', b'l', b'l', b' ', b'w', b'e', b'l', b'l'];
    let authority = Authority::new();
    let answer = ask(Ask::Http(says_bytes(&authority, SETTINGS_AND_HEAD, CONTINUATION).await), LONG).await;
    assert_eq!(answer.failure, Some(Failure::Protocol), "{answer:?}");
    let answer = ask(Ask::Http(says_bytes(&authority, SETTINGS_AND_STATUS, DATA).await), LONG).await;
    assert!(answer.facts.body_bytes <= Some(linewatch::limits::PROBE_BODY_BYTES_MAX), "{answer:?}");
    assert!(answer.ok || answer.failure == Some(Failure::Protocol), "{answer:?}");
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

#[tokio::test]
async fn a_broken_record_has_the_same_name_in_both_versions() {
    let authority = Authority::new();
    for version in [HttpVersion::Http1, HttpVersion::Http2] {
        let acceptor = authority.issue("accurx.example", 90).speaking(&["h2", "http/1.1"]);
        let server = servers::tcp(move |stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let mut bare = stream.into_inner().0;
                drop(bare.write_all(b"\x17\x03\x03\x00\x20no record that anybody could read").await);
                servers::hold(bare).await;
            }
        })
        .await;
        let answer = ask(Ask::Http(HttpAsk { version, ..question(&authority, server) }), LONG).await;
        assert_eq!(failed(&answer), (Some(Failure::Tls), Some(Phase::FirstByte)), "{version:?}: {answer:?}");
    }
}
