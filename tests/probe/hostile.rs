//! Servers that mean harm: that answer without end, byte by byte, or with more than fits; and that send us elsewhere.
//! Whatever they do, a check ends with its time-out, has taken in no more than its bounds, and has connected to nobody
//! whom the operator didn't name or permit. `http_stalls` and `http_2` have those of the web.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use linewatch::estate::{
    Ask, DnsAsk, DnsTransport, HttpAsk, LdapAsk, SipAsk, SmtpAsk, SmtpTls, TcpAsk, TlsAsk, TlsPeer,
};
use linewatch::limits::{PROBE_BODY_BYTES_MAX, PROBE_CERTIFICATES_MAX, PROBE_LISTED_MAX};
use linewatch::observation::{Failure, Phase};
use tokio::io::AsyncWriteExt;

use super::http::get;
use super::servers::{self, Authority, Farewell, Proxying};
use super::{LONG, ask, detail, failed, host_port};

/// Long enough for what must happen before the deadline strikes, on a machine that is busy.
const MIDDLE: Duration = Duration::from_millis(700);
/// A check's own bound, and what the kernel's buffers hold on both sides.
const TAKEN_MAX: usize = 16 * 1024 * 1024;

fn smtp(server: SocketAddr) -> Ask {
    let tls = TlsAsk::default();
    Ask::Smtp(SmtpAsk { target: host_port(server), when_tls: SmtpTls::Never, tls, expect: None })
}

fn sip(server: SocketAddr) -> Ask {
    Ask::Sip(SipAsk { target: host_port(server), tcp: true, tls: None, expect_status: Vec::new() })
}

fn ldap(server: SocketAddr) -> Ask {
    Ask::Ldap(LdapAsk { target: host_port(server), tls: None })
}

fn tcp(server: SocketAddr) -> Ask {
    Ask::Tcp(TcpAsk { target: host_port(server), send: None, expect: Some("READY".to_owned()) })
}

fn dns(server: SocketAddr) -> Ask {
    let transport = DnsTransport::Tcp;
    Ask::Dns(DnsAsk { transport, ..DnsAsk::new(host_port(server), "accurx.example", "A") })
}

fn http(server: SocketAddr) -> Ask {
    Ask::Http(get(&format!("http://{server}/")))
}

#[tokio::test]
async fn chunks_that_make_no_sense_are_the_servers_own_doing() {
    for body in ["ZZ\r\nhi", "2\rXhi", "2\r\nhiXX0", "2 x\r\nhi", "\r\n", "0\r\nbad header\r\n\r\n"] {
        let server =
            servers::http(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}")).await;
        let answer = ask(http(server), LONG).await;
        assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::Body)), "{body:?}: {answer:?}");
    }
}

type Asks = fn(SocketAddr) -> Ask;

/// Says `first`, then `piece` without end; counts the bytes that it got rid of.
async fn endless(first: &'static [u8], piece: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = servers::tcp(move |mut stream, _| {
        let counted = Arc::clone(&counted);
        async move {
            drop(stream.write_all(first).await);
            let block = piece.repeat(4096 / piece.len());
            while stream.write_all(&block).await.is_ok() {
                counted.fetch_add(block.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    (server, sent)
}

#[tokio::test]
async fn answers_without_end_are_heard_to_their_bounds() {
    let cases: [(&str, Asks, &[u8], &[u8]); 9] = [
        ("a greeting in one line", smtp, b"220 ", b"more"),
        ("a greeting in endless lines", smtp, b"", b"220-and more\r\n"),
        ("extensions", smtp, b"220 here\r\n", b"250-X-MORE\r\n"),
        ("a head", sip, b"SIP/2.0 200 OK\r\nX: ", b"more"),
        ("answers that are none of ours", sip, b"", b"SIP/2.0 200 OK\r\nCall-ID: x\r\n\r\n"),
        ("a body without end", sip, b"SIP/2.0 100 Trying\r\nl: 4000000000\r\n\r\n", b"more"),
        ("a length", ldap, &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], b"more"),
        ("a length of lengths", ldap, &[0x30, 0xff], &[0xff; 16]),
        ("the longest message that DNS can frame", dns, &[0xff, 0xff], b"more"),
    ];
    for (what, asks, first, piece) in cases {
        let (server, sent) = endless(first, piece).await;
        let answer = ask(asks(server), LONG).await;
        assert_eq!(answer.failure, Some(Failure::Protocol), "{what}: {answer:?}");
        assert!(answer.facts.offers.len() <= PROBE_LISTED_MAX, "{what}");
        assert!(sent.load(Ordering::SeqCst) < TAKEN_MAX, "{what}");
    }
}

/// Says `first`, and then a byte of each 5 ms of the test's clock, which goes on by itself when nothing else is to be done: nobody waits
/// for real time, and a check that waits for the end of this never ends.
async fn dripping(first: &'static [u8]) -> SocketAddr {
    servers::tcp(move |mut stream, _| async move {
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        drop(stream.write_all(first).await);
        while stream.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
    })
    .await
}

/// Whoever says one byte now and then is never done, and never silent either.
#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_doesnt_put_the_deadline_off() {
    let cases: [(&str, Asks, &[u8], Phase); 6] = [
        ("mail", smtp, b"220-", Phase::FirstByte),
        ("telephony", sip, b"SIP/2.0 200 OK\r\nX: ", Phase::FirstByte),
        ("directory", ldap, &[0x30, 0x82, 0x3f, 0xff], Phase::FirstByte),
        ("names", dns, &[0x3f, 0xff], Phase::Dns),
        ("a head", http, b"HTTP/1.1 200 OK\r\nX: ", Phase::FirstByte),
        ("a body", http, b"HTTP/1.1 200 OK\r\n\r\n", Phase::Body),
    ];
    for (what, asks, first, phase) in cases {
        let server = dripping(first).await;
        let answer = ask(asks(server), MIDDLE).await;
        assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(phase)), "{what}: {answer:?}");
    }
    let answer = ask(tcp(dripping(b"").await), MIDDLE).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::FirstByte)), "{answer:?}");
}

#[tokio::test]
async fn a_long_chain_of_certificates_is_described_to_its_bound() {
    let authority = Authority::new();
    for count in [40, 400] {
        let credentials = authority.issue("accurx.example", 90).with_ballast(count);
        let server = servers::https(credentials, "HTTP/1.1 200 OK\r\n\r\n", Farewell::Polite).await;
        let question = HttpAsk {
            connect_to: Some(host_port(server)),
            trust_pem: Some(authority.pem()),
            ..get("https://accurx.example/")
        };
        let answer = ask(Ask::Http(question), LONG).await;
        assert!(answer.facts.certificates.len() <= PROBE_CERTIFICATES_MAX, "{count}");
        if count == 40 {
            assert!(answer.ok, "ballast proves nothing and harms nothing: {answer:?}");
        } else {
            // More than 64 KiB, which is where rustls stops.
            assert_eq!(answer.phase, Some(Phase::Tls), "{answer:?}");
            assert!(matches!(answer.failure, Some(Failure::Tls | Failure::Reset)), "{answer:?}");
        }
    }
}

/// What is packed stays packed: there is nothing that could grow.
#[tokio::test]
async fn a_compressed_body_is_not_unpacked() {
    let packed = "\u{1f}".repeat(1000);
    let server = servers::http(format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n{packed}"
    ))
    .await;
    let answer = ask(http(server), LONG).await;
    assert!(answer.ok && answer.facts.body_bytes == Some(1000), "{answer:?}");
}

#[tokio::test]
async fn an_endless_answer_over_https_is_no_dns_message() {
    let authority = Authority::new();
    let acceptor = authority.issue("127.0.0.1", 90).speaking(&["http/1.1"]);
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let server = servers::tcp(move |stream, _| {
        let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            servers::read_head(&mut stream).await;
            servers::say(&mut stream, "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\n\r\n")
                .await;
            while stream.write_all(&[0; 4096]).await.is_ok() {
                counted.fetch_add(4096, Ordering::SeqCst);
            }
        }
    })
    .await;
    let tls = TlsPeer { name: None, trust_pem: Some(authority.pem()) };
    let transport = DnsTransport::Https { tls, path: "/dns-query".to_owned() };
    let question = DnsAsk { transport, ..DnsAsk::new(host_port(server), "accurx.example", "A") };
    let answer = ask(Ask::Dns(question), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::Dns)), "{answer:?}");
    assert_eq!(answer.facts.body_bytes, Some(PROBE_BODY_BYTES_MAX));
    assert!(sent.load(Ordering::SeqCst) < TAKEN_MAX);
}

/// Through a proxy a service has no address of its own: its name counts as public, and what it leads to is judged
/// before the proxy is asked.
#[tokio::test]
async fn a_public_service_sends_nobody_to_this_machine_or_a_private_network() {
    let authority = Authority::new();
    for to in [
        "https://127.0.0.1/",
        "http://localhost:9460/api/v1/status",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.7/",
        "https://192.168.1.1/",
        "https://[fd00::1]/",
        "https://accurx.example@10.0.0.7/",
    ] {
        let found = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        let server = servers::https(authority.issue("accurx.example", 90), found, Farewell::Polite).await;
        let (proxy, mut told) = servers::proxy(Proxying::To(server)).await;
        let question = HttpAsk {
            proxy: Some(host_port(proxy)),
            trust_pem: Some(authority.pem()),
            redirects_max: 5,
            ..get("https://accurx.example/")
        };
        let answer = ask(Ask::Http(question), LONG).await;
        assert_eq!(failed(&answer), (Some(Failure::BlockedPage), Some(Phase::FirstByte)), "{to}: {answer:?}");
        assert_eq!(answer.rule, Some(linewatch::probe::Rule::RedirectsPrivate));
        assert!(detail(&answer).contains("`redirects_private = true`"), "{answer:?}");
        assert!(told.recv().await.expect("the first").starts_with("CONNECT accurx.example:443 "));
        assert!(told.try_recv().is_err(), "{to}: the proxy was asked for more");
    }
}
