//! The conversation with servers that misbehave, in paused time: what each comes to, and after how long. The play in
//! `dispatch/tests.rs` takes these for granted.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, ReadBuf};
use tokio::time::Instant;

use super::*;

#[test]
fn a_line_that_is_a_dot_does_not_end_the_mail() {
    assert_eq!(Content("a\r\n.\r\n.b\r\nc.").to_string(), "a\r\n..\r\n..b\r\nc.\r\n.\r\n");
}

/// A connection without a network: real sockets and paused time don't go together.
#[derive(Debug)]
struct Wire(DuplexStream);

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from(([127, 0, 0, 1], 25)))
    }
}

#[derive(Debug, Clone, Copy)]
enum Says {
    Line(&'static str),
    After(Duration, &'static str),
    Nothing,
    HangsUp,
}

/// One that takes mails, but answers otherwise where a line begins so. The greeting is said to `""`, and the mail's end
/// is `"."`.
async fn server(wire: DuplexStream, but: (&'static str, Says)) -> io::Result<()> {
    let mut wire = BufReader::new(wire);
    let mut line = String::new();
    let mut in_mail = false;
    loop {
        let usual = match line.trim_end() {
            "" => "220 relay.example ESMTP",
            "." => "250 2.0.0 taken as 4F2B1",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            "STARTTLS" => "220 go on",
            hello if hello.starts_with("EHLO") => "250-relay.example\r\n250 STARTTLS",
            _ => "250 yes",
        };
        let is_it = if but.0.is_empty() { line.is_empty() } else { line.starts_with(but.0) };
        if !in_mail || line == ".\r\n" {
            in_mail = line == "DATA\r\n";
            let says = if is_it { but.1 } else { Says::Line(usual) };
            let words = match says {
                Says::Line(words) => words,
                Says::After(wait, words) => {
                    tokio::time::sleep(wait).await;
                    words
                }
                Says::Nothing => std::future::pending().await,
                Says::HangsUp => return Ok(()),
            };
            wire.write_all(format!("{words}\r\n").as_bytes()).await?;
        }
        line.clear();
        if wire.read_line(&mut line).await? == 0 {
            return Ok(());
        }
    }
}

/// A line to a server that answers so, or why there is none.
async fn line_to(
    security: MailSecurity,
    but: (&'static str, Says),
    patience: Duration,
) -> (Result<Line, Trouble>, tokio::task::JoinHandle<io::Result<()>>) {
    let settings = RelaySettings { security, ..RelaySettings::plain(([127, 0, 0, 1], 25).into()) };
    let relay = Relay::new(&settings).expect("a relay");
    let (ours, theirs) = tokio::io::duplex(4096);
    let serving = tokio::spawn(server(theirs, but));
    let dialled = AsyncSmtpConnection::connect_with_transport(Box::new(Wire(ours)), &relay.hello);
    (relay.settle_in(dialled, patience).await, serving)
}

/// What one mail comes to, whether the connection may be used again, and after how many seconds.
async fn comes_to(security: MailSecurity, but: (&'static str, Says)) -> (Result<String, Trouble>, bool, u64) {
    let mail = Message::builder()
        .from("linewatch@icb.example".parse().expect("an address"))
        .to("manager@g82002.example".parse().expect("an address"))
        .subject("Internet down")
        .body("It does not answer.\n.\n".to_owned())
        .expect("a mail");
    let patience = Patience::default();
    let began = Instant::now();
    let (line, serving) = line_to(security, but, patience.connect).await;
    let (done, reusable) = match line {
        Err(trouble) => (Err(trouble), false),
        Ok(mut line) => match line.send(&mail, &patience).await {
            Ok(answer) => (Ok(answer), true),
            Err((trouble, reusable)) => (Err(trouble), reusable),
        },
    };
    let took = began.elapsed().as_secs();
    serving.abort();
    (done, reusable, took)
}

#[tokio::test(start_paused = true)]
async fn each_way_to_misbehave_comes_to_what_follows_from_it_within_its_time() {
    use MailSecurity::{Plain, StartTls};
    let slow = Duration::from_secs(70);
    for (security, but, comes_to_this, reusable, seconds) in [
        (Plain, (":", Says::Nothing), "taken", true, 0),
        (Plain, (".\r", Says::After(slow, "250 taken at last")), "taken", true, 70),
        (Plain, ("", Says::Nothing), "relay", false, 20),
        (Plain, ("", Says::HangsUp), "relay", false, 0),
        (Plain, ("", Says::Line("421 too busy")), "relay", false, 0),
        (Plain, ("EHLO", Says::Nothing), "relay", false, 20),
        (StartTls, ("STARTTLS", Says::Line("220 go on\r\nthis is no TLS")), "relay", false, 0),
        (StartTls, ("STARTTLS", Says::Nothing), "relay", false, 20),
        (Plain, ("MAIL", Says::Line("550 5.7.1 not you")), "relay", false, 0),
        (Plain, ("MAIL", Says::Line("451 4.7.0 later")), "later", true, 0),
        (Plain, ("RCPT", Says::Nothing), "relay", false, 8),
        (Plain, ("RCPT", Says::HangsUp), "relay", false, 0),
        (Plain, ("RCPT", Says::Line("450 4.2.1 greylisted")), "later", true, 0),
        (Plain, ("RCPT", Says::Line("550 5.1.1 does not live here")), "refused", true, 0),
        (Plain, ("DATA", Says::Line("454 4.7.0 sign in")), "relay", false, 0),
        (Plain, (".\r", Says::Line("452 4.3.1 no room")), "later", true, 0),
        (Plain, (".\r", Says::Line("554 5.7.1 spam")), "refused", true, 0),
        (Plain, (".\r", Says::HangsUp), "unknown", false, 0),
        (Plain, (".\r", Says::Nothing), "unknown", false, 90),
    ] {
        let (done, again, took) = comes_to(security, but).await;
        let word = match &done {
            Ok(answer) => {
                assert!(answer.starts_with("250 "), "{answer}");
                "taken"
            }
            Err(Trouble::Relay(_)) => "relay",
            Err(Trouble::Unknown(_)) => "unknown",
            Err(Trouble::Later(_)) => "later",
            Err(Trouble::Refused(_)) => "refused",
            Err(Trouble::Unsendable(_) | Trouble::Stopped) => "neither",
        };
        assert_eq!((word, again, took), (comes_to_this, reusable, seconds), "{but:?}: {done:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_words_are_kept() {
    let (done, ..) = comes_to(MailSecurity::Plain, (":", Says::Nothing)).await;
    assert_eq!(done, Ok("250 2.0.0 taken as 4F2B1".to_owned()));
}

/// A knock goes as far as the sender: one that is refused there would otherwise look like a server that is back.
#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_the_sender_is_not_back() {
    let from = "linewatch@icb.example".parse().expect("an address");
    let patience = Patience::default();
    for (but, is_back) in [
        ((":", Says::Nothing), true),
        (("MAIL", Says::Line("451 4.7.0 later")), true),
        (("MAIL", Says::Line("550 5.7.1 not you")), false),
        (("MAIL", Says::Line("421 4.3.2 going down")), false),
        (("MAIL", Says::Nothing), false),
        (("MAIL", Says::HangsUp), false),
        (("RSET", Says::HangsUp), false),
    ] {
        let (line, serving) = line_to(MailSecurity::Plain, but, patience.connect).await;
        let mut line = line.expect("it greets us");
        let tried = line.try_sender(&from, patience.command).await;
        assert_eq!(tried.is_ok(), is_back, "{but:?}: {tried:?}");
        if is_back {
            assert!(!line.used, "it has carried no mail");
        }
        serving.abort();
    }
}
