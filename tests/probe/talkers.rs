//! Mail, telephony, directory and time servers, and `tcp` with words: good ones, and those that something on the way
//! has changed.

use std::net::SocketAddr;
use std::time::Duration;

use linewatch::estate::{Ask, LdapAsk, NtpAsk, SipAsk, SmtpAsk, SmtpTls, TcpAsk, TlsAsk, TlsPeer};
use linewatch::observation::{Failure, Phase};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::servers::{self, Authority, Credentials};
use super::{LONG, SHORT, ask, detail, failed, host_port};

fn tcp(address: SocketAddr, send: Option<&str>, expect: &str) -> Ask {
    let send = send.map(str::to_owned);
    Ask::Tcp(TcpAsk { target: host_port(address), send, expect: Some(expect.to_owned()) })
}

#[tokio::test]
async fn a_word_that_is_expected_is_waited_for_and_another_is_told() {
    let server = servers::tcp(|mut stream, _| async move {
        let mut asked = [0; 4];
        if stream.read_exact(&mut asked).await.is_ok() {
            servers::say(&mut stream, "+PO").await;
            servers::say(&mut stream, "NG here").await;
        }
        servers::hold(stream).await;
    })
    .await;
    let answer = ask(tcp(server, Some("PING"), "+PONG"), LONG).await;
    assert!(answer.ok && answer.phases_ms.first_byte.is_some(), "{answer:?}");
    let answer = ask(tcp(server, Some("PING"), "READY"), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::FirstByte)));
    assert!(detail(&answer).contains("+PONG here"), "{answer:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout_and_one_that_never_stops_is_bounded() {
    let silent = servers::tcp(|stream, _| servers::hold(stream)).await;
    let answer = ask(tcp(silent, None, "READY"), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::FirstByte)));
    let endless =
        servers::tcp(|mut stream, _| async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} })
            .await;
    let answer = ask(tcp(endless, None, "READY"), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::FirstByte)));
}

/// A mail server. `offers`: what EHLO says.
struct Mail {
    greeting: &'static str,
    offers: &'static str,
    credentials: Credentials,
}

impl Mail {
    async fn start(self) -> SocketAddr {
        let Self { greeting, offers, credentials } = self;
        let acceptor = credentials.acceptor();
        servers::tcp(move |stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = BufReader::new(stream);
                servers::say(&mut stream, greeting).await;
                if !serve_mail(&mut stream, offers).await {
                    return;
                }
                if let Ok(secured) = acceptor.accept(stream.into_inner()).await {
                    serve_mail(&mut BufReader::new(secured), "250 mail.example\r\n").await;
                }
            }
        })
        .await
    }
}

/// True: TLS is to begin.
async fn serve_mail<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, offers: &str) -> bool {
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let words = line.trim_end().to_owned();
        line.clear();
        match words.split(' ').next() {
            Some("EHLO") => {
                assert!(words.ends_with("[127.0.0.1]"), "{words}");
                servers::say(stream, offers).await;
            }
            Some("STARTTLS") => {
                servers::say(stream, "220 go on\r\n").await;
                return true;
            }
            Some("QUIT") => servers::say(stream, "221 farewell\r\n").await,
            _ => servers::say(stream, "500 what?\r\n").await,
        }
    }
    false
}

fn smtp(address: SocketAddr, when_tls: SmtpTls, pem: &str) -> Ask {
    let peer = TlsPeer { name: None, trust_pem: Some(pem.to_owned()) };
    let tls = TlsAsk { peer, certificate_days_min: None };
    Ask::Smtp(SmtpAsk { target: host_port(address), when_tls, tls, expect: None })
}

const OFFERS: &str = "250-mail.example greets you\r\n250-SIZE 1000\r\n250 STARTTLS\r\n";

#[tokio::test]
async fn a_mail_server_is_greeted_and_its_certificate_seen_behind_starttls() {
    let authority = Authority::new();
    let (pem, credentials) = (authority.pem(), authority.issue("127.0.0.1", 90));
    let server = Mail { greeting: "220 mail.example ESMTP\r\n", offers: OFFERS, credentials }.start().await;
    let answer = ask(smtp(server, SmtpTls::StartTls, &pem), LONG).await;
    assert!(answer.ok && answer.phases_ms.tls.is_some(), "{answer:?}");
    assert_eq!(answer.facts.banner.as_deref(), Some("mail.example ESMTP"));
    assert!(answer.facts.tls_version.is_some() && !answer.facts.certificates.is_empty(), "{answer:?}");

    let other = Authority::named("another").pem();
    let answer = ask(smtp(server, SmtpTls::IfOffered, &other), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Untrusted), Some(Phase::Tls)));
    let answer = ask(smtp(server, SmtpTls::Never, &pem), LONG).await;
    assert!(answer.ok && answer.phases_ms.tls.is_none(), "{answer:?}");
    assert_eq!(answer.facts.offers, ["SIZE 1000", "STARTTLS"]);
}

#[tokio::test]
async fn a_firewall_that_masks_starttls_is_named() {
    let offers = "250-mail.example\r\n250-SIZE 1000\r\n250 XXXXXXXA\r\n";
    let credentials = Credentials::self_signed("127.0.0.1");
    let server = Mail { greeting: "220 ****************\r\n", offers, credentials }.start().await;
    for when in [SmtpTls::StartTls, SmtpTls::IfOffered] {
        let answer = ask(smtp(server, when, ""), LONG).await;
        assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::Send)));
        assert!(detail(&answer).contains("masks the server's STARTTLS"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_mail_server_that_turns_us_away_says_why() {
    let credentials = Credentials::self_signed("127.0.0.1");
    let server =
        Mail { greeting: "554-no\r\n554 not for you\r\n", offers: OFFERS, credentials }.start().await;
    let answer = ask(smtp(server, SmtpTls::IfOffered, ""), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Status), Some(Phase::FirstByte)));
    assert!(detail(&answer).contains("554 no not for you"), "{answer:?}");
    let web = servers::http("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let answer = ask(smtp(web, SmtpTls::IfOffered, ""), SHORT).await;
    assert!(matches!(answer.failure, Some(Failure::Timeout | Failure::Protocol)), "{answer:?}");
}

fn sip(address: SocketAddr, tcp: bool) -> Ask {
    Ask::Sip(SipAsk { target: host_port(address), tcp, tls: None, expect_status: Vec::new() })
}

/// What a telephony server answers to this: first that it tries, then this status.
fn answered(question: &str, peer: SocketAddr, status: &str) -> Vec<String> {
    let header = |name: &str| {
        question.lines().find(|line| line.starts_with(name)).map(str::to_owned).unwrap_or_default()
    };
    let (via, call, cseq) = (header("Via:"), header("Call-ID:"), header("CSeq:"));
    let via = via.replace(";rport", &format!(";received={};rport={}", peer.ip(), peer.port()));
    ["100 Trying", status]
        .map(|status| {
            format!(
                "SIP/2.0 {status}\r\n{via}\r\n{call}\r\n{cseq}\r\nServer: PBX\r\nContent-Length: 0\r\n\r\n"
            )
        })
        .to_vec()
}

#[tokio::test]
async fn a_telephony_server_answers_over_udp_and_tells_where_we_came_from() {
    let server = servers::udp(|asked, peer| {
        let question = String::from_utf8_lossy(asked);
        assert!(question.starts_with("OPTIONS sip:127.0.0.1:"), "{question}");
        answered(&question, peer, "200 OK").into_iter().map(String::into_bytes).collect()
    })
    .await;
    let answer = ask(sip(server, false), LONG).await;
    assert!(answer.ok && answer.phases_ms.first_byte.is_some(), "{answer:?}");
    assert_eq!((answer.facts.status, answer.facts.banner.as_deref()), (Some(200), Some("PBX")));
    assert!(answer.facts.seen_as.is_some_and(|seen| seen.ip().is_loopback()), "{answer:?}");
}

#[tokio::test]
async fn a_telephony_server_that_can_not_is_a_status_over_tcp_too() {
    let server = servers::tcp(|mut stream, peer| async move {
        let question = servers::read_head(&mut stream).await;
        for part in answered(&question, peer, "503 Service Unavailable") {
            servers::say(&mut stream, &part).await;
        }
        servers::hold(stream).await;
    })
    .await;
    let answer = ask(sip(server, true), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Status), Some(Phase::FirstByte)));
    assert!(detail(&answer).contains("503 Service Unavailable"), "{answer:?}");
}

#[tokio::test]
async fn what_answers_something_else_is_told_and_is_no_silence() {
    let echoes = servers::udp(|asked, _| vec![asked.to_vec()]).await;
    let answer = ask(sip(echoes, false), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::FirstByte)));
    assert!(detail(&answer).contains("sent 1 bad answer and no good one; the last: a question of its own"));
    let answer = ask(ntp(echoes, None), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::FirstByte)));
    assert!(detail(&answer).contains("the last: not a server's answer"), "{answer:?}");
    let keeps_open = servers::udp(|_, _| vec![b"\r\n\r\n".to_vec()]).await;
    let answer = ask(sip(keeps_open, false), SHORT).await;
    assert!(detail(&answer).contains("nothing but the ends of lines"), "{answer:?}");
}

#[tokio::test]
async fn a_telephony_server_that_only_tries_is_late_whatever_it_says_besides() {
    let server = servers::udp(|asked, peer| {
        let question = String::from_utf8_lossy(asked);
        let tries = answered(&question, peer, "200 OK").remove(0).into_bytes();
        vec![tries, b"\r\n\r\n".to_vec()]
    })
    .await;
    let answer = ask(sip(server, false), SHORT).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::FirstByte)));
    assert!(detail(&answer).contains("only \"Trying\""), "{answer:?}");
}

/// RFC 3261, 7.5: ends of lines before a message mean nothing; RFC 5626 keeps ways open with them.
#[tokio::test]
async fn a_way_that_is_kept_open_says_nothing_of_the_server() {
    let server = servers::tcp(|mut stream, peer| async move {
        let question = servers::read_head(&mut stream).await;
        for part in answered(&question, peer, "200 OK") {
            servers::say(&mut stream, "\r\n\r\n").await;
            servers::say(&mut stream, &part).await;
        }
        servers::hold(stream).await;
    })
    .await;
    let answer = ask(sip(server, true), LONG).await;
    assert!(answer.ok && answer.facts.status == Some(200), "{answer:?}");
}

fn ldap(address: SocketAddr) -> Ask {
    Ask::Ldap(LdapAsk { target: host_port(address), tls: None })
}

async fn directory(code: u8) -> SocketAddr {
    servers::tcp(move |mut stream, _| async move {
        let mut bind = [0; 14];
        if stream.read_exact(&mut bind).await.is_ok() {
            let answer = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, code, 0x04, 0x00, 0x04, 0x00];
            drop(stream.write_all(&answer).await);
        }
        servers::hold(stream).await;
    })
    .await
}

#[tokio::test]
async fn a_directory_that_lets_nobody_in_is_there_and_a_busy_one_is_not() {
    assert!(ask(ldap(directory(0).await), LONG).await.ok);
    assert!(ask(ldap(directory(48).await), LONG).await.ok);
    let answer = ask(ldap(directory(52).await), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Status), Some(Phase::FirstByte)));
    let web = servers::tcp(|mut stream, _| async move {
        servers::say(&mut stream, "HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    assert_eq!(ask(ldap(web), LONG).await.failure, Some(Failure::Protocol));
}

fn ntp(address: SocketAddr, offset_max: Option<Duration>) -> Ask {
    Ask::Ntp(NtpAsk { target: host_port(address), offset_max, stratum_max: 15 })
}

/// A time server whose clock is this far ahead.
async fn time_server(ahead_s: u32) -> SocketAddr {
    servers::udp(move |asked, _| {
        let now = jiff::Timestamp::now().as_second() + 2_208_988_800 + i64::from(ahead_s);
        let seconds = u32::try_from(now).expect("this era").to_be_bytes();
        let mut answer = vec![0; 48];
        (answer[0], answer[1]) = (0x24, 1);
        answer[12..16].copy_from_slice(b"GPS\0");
        answer[24..32].copy_from_slice(&asked[40..48]);
        answer[32..36].copy_from_slice(&seconds);
        answer[40..44].copy_from_slice(&seconds);
        // An answer to something else comes first.
        vec![vec![0x24; 48], answer]
    })
    .await
}

#[tokio::test]
async fn a_time_server_says_how_far_the_clocks_are_apart() {
    let right = time_server(0).await;
    let answer = ask(ntp(right, Some(Duration::from_secs(30))), LONG).await;
    assert!(answer.ok, "{answer:?}");
    let clock = answer.facts.clock.expect("a clock");
    assert!(clock.offset_ms.abs() < 2_000.0 && clock.stratum == 1 && clock.reference == "GPS", "{clock:?}");
    let wrong = time_server(3_600).await;
    let answer = ask(ntp(wrong, Some(Duration::from_secs(30))), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::FirstByte)));
    assert!(ask(ntp(wrong, None), LONG).await.ok, "unless it is to be judged");
}
